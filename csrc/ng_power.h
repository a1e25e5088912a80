/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * x^(halves / 2) for a number of halves that all elements share, |halves| <= NG_MOST_HALVES: a few multiplications, where
 * ng_math_pow takes a logarithm and an exponential. float32 is worked out in double, float64 as a sum of two doubles, which needs
 * a fused multiply-add (without it: ng_math_pow): both are rounded once, and round as the exact power but in a few cases
 * of a million. Special values are pow's of C99.
 */
#ifndef NG_POWER_H
#define NG_POWER_H

#include "ng_math.h"

enum { NG_MOST_HALVES = 128 };

/* `negative` and `half` (an odd number of halves) are known when this is compiled; what is not taken costs nothing. */
#if NG_DTYPE == 32
NG_INLINE float ng_power(float x, int halves, int negative, int half)
{
    const int n = (halves < 0 ? -halves : halves) / 2;
    double power = half ? fabs((double)x) : (double)x, result = 1;
    if (negative) power = 1.0 / power;
    if (half) result = sqrt(power);
    for (int bit = 0; bit < 7; bit++, power *= power) result = n >> bit & 1 ? result * power : result;
    return half ? (x < 0 ? (x == -(float)INFINITY ? (float)result : (float)NAN) : (float)result) : (float)result;
}
#elif defined(__FMA__) || defined(__aarch64__)
/* a * b, and what its rounding left off */
typedef struct ng_double2 {
    double high, low;
} ng_double2;
NG_INLINE ng_double2 ng_multiply2(ng_double2 a, ng_double2 b)
{
    const double high = a.high * b.high;
    return (ng_double2){high, fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high)};
}
NG_INLINE ng_double2 ng_invert2(ng_double2 a)
{
    const double high = 1.0 / a.high, low = high * (fma(-high, a.high, 1.0) - high * a.low);
    return (ng_double2){high, low - low == 0 ? low : 0.0};      /* 0 and inf have no rest */
}
NG_INLINE ng_double2 ng_root2(double a)
{
    const double high = sqrt(a), low = fma(-high, high, a) / (2 * high);
    return (ng_double2){high, low - low == 0 ? low : 0.0};
}
NG_INLINE double ng_power(double x, int halves, int negative, int half)
{
    const int n = (halves < 0 ? -halves : halves) / 2;
    ng_double2 power = {half ? fabs(x) : x, 0}, result = {1, 0};
    if (half) result = ng_root2(power.high);
    if (half && negative) result = ng_invert2(result);
    if (negative) power = ng_invert2(power);
    for (int bit = 0; bit < 7; bit++, power = ng_multiply2(power, power)) {
        const ng_double2 product = ng_multiply2(result, power);
        result.high = n >> bit & 1 ? product.high : result.high;
        result.low = n >> bit & 1 ? product.low : result.low;
    }
    /* An infinite product left nothing off, nor did a zero, whose sign a sum would lose. */
    const double sum = result.high + result.low, y = (result.low - result.low == 0) & (result.low != 0) ? sum : result.high;
    return half ? (x < 0 ? (x == -(double)INFINITY ? result.high : (double)NAN) : y) : y;
}
#else
NG_INLINE double ng_power(double x, int halves, int negative, int half)
{
    (void)negative, (void)half;
    return ng_math_pow(x, 0.5 * halves);
}
#endif

/* The kind of an exponent, 0 of a whole positive number. */
enum { NG_POWER_NEGATIVE = 1, NG_POWER_HALF = 2 };

#endif
