/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * MATH(f): the mathematical functions of the kernels, on REAL.
 *
 * They are scalar functions without branches, which gcc and clang turn into vector code inside a loop. Accuracy over the
 * whole range: within 2 ULP in float32 and 4 ULP in float64; subnormals are neither flushed on the way in nor out; inf,
 * nan and signed zeros as in C99. tests/test_math_accuracy.py measures it. Polynomials are minimax fits in relative error
 * of the function; each comment gives the interval and the error of the polynomial alone.
 *
 * A sum like x - n * HIGH - n * LOW must be exact in its first step with or without a fused multiply-add, as the compiler
 * may or may not contract it: HIGH has trailing zero bits for that. Bit casts go through unions, shifts of int64 are
 * logical (AVX2 has no arithmetic one), and int64 turns into double by adding to the bits of a large constant.
 */
#ifndef NG_MATH_H
#define NG_MATH_H

#include <math.h>

#include "ng_port.h"
#include "ng_real.h"

#define NG_HALF_PI 1.57079632679489661923
#define NG_PI 3.14159265358979323846
#define NG_NARROW_ANGLE R(1000000)             /* below: sines by a short reduction */

/* Copies of float and double as integers and back. */
NG_INLINE uint32_t ng_bits32(float x)
{
    union { float x; uint32_t bits; } u = {x};
    return u.bits;
}
NG_INLINE float ng_float32(uint32_t bits)
{
    union { uint32_t bits; float x; } u = {bits};
    return u.x;
}
NG_INLINE uint64_t ng_bits64(double x)
{
    union { double x; uint64_t bits; } u = {x};
    return u.bits;
}
NG_INLINE double ng_float64(uint64_t bits)
{
    union { uint64_t bits; double x; } u = {bits};
    return u.x;
}

#if NG_DTYPE == 32
#  define NG_LIBM(name) name##f
#  include "ng_math_f32.h"
#else
#  define NG_LIBM(name) name
#  include "ng_math_f64.h"
#endif
#include "ng_math_normal.h"

/* condition ? yes : no, without a branch: of a ?: whose sides are loads, or single numbers, gcc may make one, and a random
 * condition is mispredicted */
NG_INLINE REAL ng_chosen(int condition, REAL yes, REAL no)
{
#if NG_DTYPE == 32
    const uint32_t mask = 0u - (uint32_t)(condition != 0);
    return ng_float32((ng_bits32(yes) & mask) | (ng_bits32(no) & ~mask));
#else
    const uint64_t mask = (uint64_t)0 - (uint64_t)(condition != 0);
    return ng_float64((ng_bits64(yes) & mask) | (ng_bits64(no) & ~mask));
#endif
}

/* One instruction each where the instruction set has it. */
NG_INLINE REAL ng_math_sqrt(REAL x) { return NG_LIBM(sqrt)(x); }
NG_INLINE REAL ng_math_floor(REAL x) { return NG_LIBM(floor)(x); }
NG_INLINE REAL ng_math_ceil(REAL x) { return NG_LIBM(ceil)(x); }
NG_INLINE REAL ng_math_rint(REAL x) { return NG_LIBM(rint)(x); }

/* NumPy's floor division and remainder: the remainder has the divisor's sign, the quotient fits it. */
NG_UNUSED static inline REAL ng_math_remainder(REAL a, REAL b)
{
    REAL m = NG_LIBM(fmod)(a, b);
    if (m == 0) return NG_LIBM(copysign)(R(0), b);
    return (m < 0) != (b < 0) ? m + b : m;
}
NG_UNUSED static inline REAL ng_math_floor_divide(REAL a, REAL b)
{
    if (b == 0) return a / b;
    const REAL m = NG_LIBM(fmod)(a, b);
    const REAL q = (a - m) / b - (m != 0 && (m < 0) != (b < 0) ? R(1) : R(0));
    if (q == 0) return NG_LIBM(copysign)(R(0), a / b);
    const REAL f = NG_LIBM(floor)(q);
    return q - f > R(0.5) ? f + R(1) : f;
}

/* The same bits without fmod, which is not a vector instruction, where the operands are finite and the quotient is below
 * NG_NEAR_QUOTIENT: then it is exact, and so is what it leaves, in double or with a fused multiply-add. */
#if NG_DTYPE == 32
#  define NG_NEAR_QUOTIENT 2097152.0f                   /* 2^21 */
#  define NG_LEAVE(a, q, b) ((a) - (q) * (b))
#elif defined(__FMA__) || defined(__aarch64__)
#  define NG_NEAR_QUOTIENT 1125899906842624.0           /* 2^50 */
#  define NG_LEAVE(a, q, b) fma(-(q), b, a)
#else
#  define NG_NEAR_QUOTIENT (-1.0)                       /* none */
#  define NG_LEAVE(a, q, b) ((a) - (q) * (b))
#endif
NG_INLINE double ng_near_quotient(double a, double b, double *left)
{
    const double q = floor(a / b), m = NG_LEAVE(a, q, b);
    const int beyond = (m != 0) & ((m < 0) != (b < 0));      /* a / b was rounded up to a whole number */
    *left = beyond ? m + b : m;
    return beyond ? q - 1 : q;
}
NG_INLINE REAL ng_near_remainder(REAL a, REAL b)
{
    double m;
    ng_near_quotient((double)a, (double)b, &m);
    return m == 0 ? NG_LIBM(copysign)(R(0), b) : (REAL)m;
}
NG_INLINE REAL ng_near_floor_divide(REAL a, REAL b)
{
    double m;
    const REAL q = (REAL)ng_near_quotient((double)a, (double)b, &m);
    return q == 0 ? NG_LIBM(copysign)(R(0), a / b) : q;
}

#endif
