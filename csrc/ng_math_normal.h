/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What falls like exp(-x^2) or exp(x), with all its digits down to where it leaves the range of REAL: x times the normal distribution
 * function or a sigmoid. A factor that would be subnormal stays scaled (by ROOM) until it has been multiplied.
 */
#ifndef NG_MATH_NORMAL_H
#define NG_MATH_NORMAL_H

#if NG_DTYPE == 32
#  define NG_BITS uint32_t
#  define NG_ROOM_BITS 64
#  define NG_UNROOM 0x1p-64f
#  define NG_GONE 120.0f            /* exp(-x) times x is 0 from here on */
#  define NG_TAIL_GONE 14.6f        /* and so is the normal distribution's tail */
#  define NG_OF(name) name##_f32    /* what ng_math_f32.h and ng_math_f64.h have for REAL */
#  define NG_UPPER_HALF(x) ng_float32(ng_bits32(x) & 0xfffff000u)
#else
#  define NG_BITS uint64_t
#  define NG_ROOM_BITS 100
#  define NG_UNROOM 0x1p-100
#  define NG_GONE 760.0
#  define NG_TAIL_GONE 38.7
#  define NG_OF(name) name##_f64
#  define NG_UPPER_HALF(x) ng_float64(ng_bits64(x) & 0xfffffffff8000000u)
#endif

/* 2^ROOM exp(-scale x^2), scale 1 or 1/2, |x| <= 10.7 or 14.6 (27.3 or 38.7): the square is the sum of a part that is exact, as half of
 * the digits of x are in it, and a small rest */
NG_INLINE REAL ng_raised_square_negexp(REAL x, REAL scale)
{
    NG_BITS n;
    const REAL high = NG_UPPER_HALF(x);
    const REAL leading = -scale * high * high, r = NG_OF(ng_reduce_ln2_of_sum)(leading, -scale * (x - high) * (x + high), &n);
    return (R(1) + NG_OF(ng_expm1_of_rest)(r)) * NG_OF(ng_pow2)(n, NG_ROOM_BITS);
}

/* exp(-x^2) */
NG_INLINE REAL ng_math_negexp_square(REAL x)
{
    const REAL a = NG_LIBM(fabs)(x), most = NG_DTYPE == 32 ? R(10.7) : R(27.5);
    return ng_raised_square_negexp(a > most ? most : a, R(1)) * NG_UNROOM;
}

/* |x|, but no more than where the tail is gone */
NG_INLINE REAL ng_tail_bound(REAL x)
{
    const REAL a = NG_LIBM(fabs)(x);
    return a > NG_TAIL_GONE ? NG_TAIL_GONE : a;
}

/* The normal distribution function at -a, divided by exp(-a^2 / 2): f(q) / (a + K), q = (a - K) / (a + K) */
NG_INLINE REAL ng_tail_over_power(REAL a)
{
#if NG_DTYPE == 32
    const float below = 1.0f / (a + 3.0f), q = (a - 3.0f) * below;
    float f = 5.40445981e-05f;                      /* 2^-24.5 */
    f = f * q + 0.000130801665f;
    f = f * q - 0.000244168768f;
    f = f * q - 0.00103186467f;
    f = f * q + 0.00102450792f;
    f = f * q + 0.00696899509f;
    f = f * q - 0.0104624666f;
    f = f * q - 0.0472626351f;
    f = f * q + 0.230017692f;
    f = f * q - 0.509332001f;
    f = f * q + 0.729083717f;
#else
    const double below = 1.0 / (a + 5.0), q = (a - 5.0) * below;
    double f = -3.6980913658907135e-10;             /* 2^-55.4 */
    f = f * q - 1.1294989075335395e-09;
    f = f * q + 2.2073284415797807e-09;
    f = f * q + 1.0699874880109527e-08;
    f = f * q - 8.582027022933335e-09;
    f = f * q - 7.001281071682337e-08;
    f = f * q + 4.024655189703452e-08;
    f = f * q + 4.361966789150378e-07;
    f = f * q - 3.3463966950548454e-07;
    f = f * q - 2.7706769656930434e-06;
    f = f * q + 3.979840007032781e-06;
    f = f * q + 1.6681627178088423e-05;
    f = f * q - 4.976246756684349e-05;
    f = f * q - 5.937580512854442e-05;
    f = f * q + 0.0005448989950414768;
    f = f * q - 0.0007978693895398635;
    f = f * q - 0.0029933767621418096;
    f = f * q + 0.02079506679927562;
    f = f * q - 0.06911863870686022;
    f = f * q + 0.16502036617040666;
    f = f * q - 0.313533156671288;
    f = f * q + 0.4953056159699761;
    f = f * q - 0.6653825028900568;
    f = f * q + 0.769193049750063;
#endif
    return f * below;
}

/* gelu(x) = x F(x) = max(x, 0) - |x| F(-|x|), F the normal distribution function; and its slope F(x) + x F'(x) */
NG_INLINE REAL ng_math_gelu(REAL x)
{
    const REAL a = ng_tail_bound(x), power = ng_raised_square_negexp(a, R(0.5));
    return (x > 0 ? x : R(0)) - a * (power * ng_tail_over_power(a)) * NG_UNROOM;
}
NG_INLINE REAL ng_math_gelu_slope(REAL x)
{
    const REAL a = ng_tail_bound(x), power = ng_raised_square_negexp(a, R(0.5));
    const REAL below = power * (ng_tail_over_power(a) - a * R(0.39894228040143267794)) * NG_UNROOM;     /* the slope at -|x| */
    return x < 0 ? below : R(1) - below;
}

/* x sigmoid(z), for an x that is as small as z where z is far below 0; 0 for z = -inf */
NG_INLINE REAL ng_math_gated(REAL x, REAL z)
{
    NG_BITS n;
    const REAL m = -NG_LIBM(fabs)(z), low = m < -NG_GONE ? -NG_GONE : m;
    const REAL power = (R(1) + NG_OF(ng_reduced_expm1)(low, &n)) * NG_OF(ng_pow2)(n, NG_ROOM_BITS);
    const REAL y = (z < -NG_GONE ? R(0) : x) / (R(1) + power * NG_UNROOM), gated = y * power * NG_UNROOM;
    return z < 0 ? gated : y;
}

/* exp(x) for x <= 0; where it is so near to 1 that it will be subtracted from 1 (ng_is_near_0), exp(x) - 1 */
NG_INLINE int ng_is_near_0(REAL x) { return x > R(-0.34); }
NG_INLINE REAL ng_math_near_negexp(REAL x)
{
    NG_BITS n;
    const REAL p = NG_OF(ng_reduced_expm1)(x < -NG_GONE ? -NG_GONE : x, &n);      /* n is 0 near 0 */
    return ng_is_near_0(x) ? p : (R(1) + p) * NG_OF(ng_pow2)(n, NG_ROOM_BITS) * NG_UNROOM;
}

#endif
