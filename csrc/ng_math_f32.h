/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The functions of ng_math.h in float32. Measured errors (every float32, in units in the last place) stand at each.
 */
#ifndef NG_MATH_F32_H
#define NG_MATH_F32_H

/* Exponentials ---------------------------------------------------------------------------------------------------- */

#define NG_SHIFT_F32 12582912.0f                /* 1.5 * 2^23: adding it rounds to an integer, which its low bits then hold */
#define NG_LN2_HIGH_F32 0.693359375f            /* 9 bits */
#define NG_LN2_LOW_F32 -2.12194440054690583e-4f

/* 2^(n + offset), in [-127, 128] (0 and inf at the ends), for n as the low bits of `shifted` hold it */
NG_INLINE float ng_pow2_f32(uint32_t shifted, int offset)
{
    return ng_float32((shifted << 23) + ((uint32_t)(127 + offset) << 23));
}

/* Writes x = n ln 2 + r with |r| <= 0.347; returns r, and n in the low bits of *n */
NG_INLINE float ng_reduce_ln2_f32(float x, uint32_t *n)
{
    const float shifted = x * 1.44269504088896341f + NG_SHIFT_F32, whole = shifted - NG_SHIFT_F32;
    *n = ng_bits32(shifted);
    return (x - whole * NG_LN2_HIGH_F32) - whole * NG_LN2_LOW_F32;
}
/* the same for x + rest, where rest is small */
NG_INLINE float ng_reduce_ln2_of_sum_f32(float x, float rest, uint32_t *n)
{
    const float shifted = (x + rest) * 1.44269504088896341f + NG_SHIFT_F32, whole = shifted - NG_SHIFT_F32;
    *n = ng_bits32(shifted);
    return ((x - whole * NG_LN2_HIGH_F32) - whole * NG_LN2_LOW_F32) + rest;
}

/* expm1(r) = r + r^2 q, |r| <= 0.3471: 2^-26, enough for exp */
NG_INLINE float ng_expm1_of_rest_f32(float r)
{
    float q = 1.391778e-3f;
    q = q * r + 8.36768933e-3f;
    q = q * r + 4.1666612e-2f;
    q = q * r + 1.66665345e-1f;
    q = q * r + 0.5f;
    return r + r * r * q;
}
NG_INLINE float ng_reduced_expm1_f32(float x, uint32_t *n) { return ng_expm1_of_rest_f32(ng_reduce_ln2_f32(x, n)); }

/* the same to 2^-31, where 1 will be subtracted */
NG_INLINE float ng_exact_expm1_f32(float x, uint32_t *n)
{
    const float r = ng_reduce_ln2_f32(x, n);
    float q = 1.99630726e-4f;
    q = q * r + 1.39331294e-3f;
    q = q * r + 8.33319034e-3f;
    q = q * r + 4.16664854e-2f;
    q = q * r + 1.66666672e-1f;
    q = q * r + 0.5f;
    return r + r * r * q;
}

/* exp(x) for x in [-104, 89], in two steps as 2^n may be out of range where the result is not */
NG_INLINE float ng_bounded_exp_f32(float x)
{
    uint32_t n;
    const float p = 1.0f + ng_reduced_expm1_f32(x, &n);
    const uint32_t half = (n >> 1) << 23;
    return p * ng_float32(half + 0x3f800000u) * ng_float32((n << 23) - half + 0x3f800000u);
}

NG_INLINE float ng_math_exp(float x)
{
    x = x > 89.0f ? 89.0f : x;
    return ng_bounded_exp_f32(x < -104.0f ? -104.0f : x);
}

/* 2^n (1 + p) - 1, times 1/4 so that it does not overflow before its time; x in [-19, 89.5] */
NG_INLINE float ng_quarter_expm1_f32(float x)
{
    uint32_t n;
    const float p = ng_exact_expm1_f32(x, &n), scale = ng_pow2_f32(n, -2);
    return p * scale + (scale - 0.25f);
}

NG_INLINE float ng_math_expm1(float x)
{
    const float bounded = x > 89.5f ? 89.5f : x < -19.0f ? -19.0f : x, y = 4.0f * ng_quarter_expm1_f32(bounded);
    return ((x < 1e-8f) & (x > -1e-8f)) ? x : y;
}

/* exp(x) for x <= 0 (up to 40), with the same bits and fewer instructions: there 2^(n + 64) is in range whatever the result is */
NG_INLINE float ng_math_negexp(float x)
{
    uint32_t n;
    const float p = 1.0f + ng_reduced_expm1_f32(x < -104.0f ? -104.0f : x, &n);
    return p * ng_pow2_f32(n, 64) * 0x1p-64f;
}

NG_INLINE float ng_with_sign_f32(float magnitude, float sign)
{
    return ng_float32(ng_bits32(magnitude) | (ng_bits32(sign) & 0x80000000u));
}
NG_INLINE float ng_abs_f32(float x) { return ng_float32(ng_bits32(x) & 0x7fffffffu); }

/* tanh |x| = e / (e + 2), e = expm1(2 |x|). What rounding e + 2 lost is put back: d(y)/d(e + 2) = -y / (e + 2), and
 * 1 / (e + 2) = (1 - y) / 2. */
NG_INLINE float ng_math_tanh(float x)
{
    float a = ng_abs_f32(x), e, scale, below, lost, y;
    uint32_t n;
    a = a > 10.0f ? 10.0f : a;
    e = ng_exact_expm1_f32(a + a, &n);
    scale = ng_pow2_f32(n, 0);
    e = e * scale + (scale - 1.0f);
    below = e + 2.0f;
    y = e / below;
    lost = e < 2.0f ? e - (below - 2.0f) : 2.0f - (below - e);
    return ng_with_sign_f32(y - y * lost * (0.5f - 0.5f * y), x);
}

/* sigmoid(x) = e / (1 + e) or 1 / (1 + e), e = exp(-|x|), which cannot overflow; for x < 0 corrected as tanh, for others
 * partly, which is enough */
NG_INLINE float ng_math_sigmoid(float x)
{
    const float e = ng_math_negexp(x < 0 ? x : -x), below = 1.0f + e, y = (x < 0 ? e : 1.0f) / below;
    return y - y * (e - (below - 1.0f)) * (1.0f - y);
}

/* The same within 2.5 units, for what is rounded further: gradients, and what it is a factor of */
NG_INLINE float ng_math_logistic(float x)
{
    const float e = ng_math_negexp(-fabsf(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/* (exp |x| - exp -|x|) / 2, and a polynomial where that cancels */
NG_INLINE float ng_math_sinh(float x)
{
    float a = ng_abs_f32(x), e, s = a * a, q;
    uint32_t n;
    a = a > 89.5f ? 89.5f : a;
    e = ng_reduced_expm1_f32(a, &n);
    e = (1.0f + e) * ng_pow2_f32(n, -2);        /* exp(a) / 4 */
    q = 2.78606853e-6f;                         /* sinh(a) = a + a^3 q(a^2), a <= 1: 2^-31.5 */
    q = q * s + 1.98423426e-4f;
    q = q * s + 8.33331235e-3f;
    q = q * s + 1.66666672e-1f;
    return ng_with_sign_f32(a < 1.0f ? a * s * q + a : 2.0f * e - 0.125f / e, x);
}

NG_INLINE float ng_math_cosh(float x)
{
    float a = ng_abs_f32(x), e;
    uint32_t n;
    a = a > 89.5f ? 89.5f : a;
    e = ng_reduced_expm1_f32(a, &n);
    e = (1.0f + e) * ng_pow2_f32(n, -2);        /* exp(a) / 4 */
    return 2.0f * e + 0.125f / e;
}

/* Logarithms ------------------------------------------------------------------------------------------------------ */

/* log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)] */
NG_INLINE float ng_log_tail_f32(float f)
{
    float q = -7.64566138e-2f;                  /* log(1 + f) = f - f^2 / 2 + f^3 q: 2^-27.3 */
    q = q * f + 1.27686724e-1f;
    q = q * f - 1.31595984e-1f;
    q = q * f + 1.42008379e-1f;
    q = q * f - 1.66233242e-1f;
    q = q * f + 2.00012624e-1f;
    q = q * f - 2.50008225e-1f;
    q = q * f + 3.33333313e-1f;
    return f * f * (f * q - 0.5f);
}

/* Writes x > 0 as 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)]; returns f */
NG_INLINE float ng_split_f32(float x, float *n)
{
    const int tiny = x < 1.17549435e-38f;
    const uint32_t bits = ng_bits32(tiny ? x * 8388608.0f : x);
    const int32_t k = (int32_t)(bits - 0x3f3504f3u) >> 23;
    *n = (float)(tiny ? k - 23 : k);
    return ng_float32(bits - ((uint32_t)k << 23)) - 1.0f;
}

/* y, but what a logarithm is at 0, below and at inf */
NG_INLINE float ng_log_ends_f32(float x, float y)
{
    y = x > 0 ? y : (x == 0 ? -INFINITY : NAN);
    return x == INFINITY ? x : y;
}

NG_INLINE float ng_math_log(float x)
{
    float n;
    const float f = ng_split_f32(x, &n), low = ng_log_tail_f32(f) + n * NG_LN2_LOW_F32;
    return ng_log_ends_f32(x, n * NG_LN2_HIGH_F32 + (f + low));
}

/* log2 and log10: n log(2) + log(1 + f) in the other base, with f = high + rest so that the product with the constant's
 * 12 leading bits is exact */
NG_INLINE float ng_log_in_base_f32(float x, float log_2_high, float log_2_low, float factor_high, float factor_low)
{
    float n;
    const float f = ng_split_f32(x, &n), tail = ng_log_tail_f32(f);
    const float high = ng_float32(ng_bits32(f + tail) & 0xfffff000u), rest = (f - high) + tail;
    const float low = (n * log_2_low + rest * factor_high) + (high + rest) * factor_low;
    return ng_log_ends_f32(x, n * log_2_high + (high * factor_high + low));
}
NG_INLINE float ng_math_log2(float x) { return ng_log_in_base_f32(x, 1.0f, 0.0f, 1.44238281f, 3.12228396e-4f); }
NG_INLINE float ng_math_log10(float x)
{
    return ng_log_in_base_f32(x, 3.00781250e-1f, 2.48745661e-4f, 4.34082031e-1f, 2.12450762e-4f);
}

/* log(u) with u = 1 + x rounded, corrected by what the rounding lost */
NG_INLINE float ng_math_log1p(float x)
{
    const float u = 1.0f + x;
    const int32_t k = (int32_t)(ng_bits32(u) - 0x3f3504f3u) >> 23;
    const float lost = x < 1.0f ? x - (u - 1.0f) : 1.0f - (u - x), n = (float)k;
    const float correction = x < 1.6e7f ? lost * ng_float32((uint32_t)(127 - k) << 23) : 0.0f;
    const float f = (ng_float32(ng_bits32(u) - ((uint32_t)k << 23)) - 1.0f) + correction;
    const float low = ng_log_tail_f32(f) + n * NG_LN2_LOW_F32;
    return x == 0 ? x : ng_log_ends_f32(u, n * NG_LN2_HIGH_F32 + (f + low));
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|); 1 + e is halved where it is over sqrt(2) */
NG_INLINE float ng_math_softplus(float x)
{
    const float e = ng_math_negexp(x < 0 ? x : -x);
    const float f = e > 0.41421356f ? 0.5f * e - 0.5f : e, low = e > 0.41421356f ? NG_LN2_LOW_F32 : 0.0f;
    const float high = e > 0.41421356f ? NG_LN2_HIGH_F32 : 0.0f;
    return (high + (f + (ng_log_tail_f32(f) + low))) + (x < 0 ? 0.0f : x);
}

/* erf -------------------------------------------------------------------------------------------------------------- */

NG_INLINE float ng_math_erf(float x)
{
    float a = ng_abs_f32(x), s, small, large;
    uint32_t n;
    a = a > 4.0f ? 4.0f : a;
    s = a * a;
    small = 8.00101916e-5f;                     /* erf(a) = a + a small(a^2), a <= 0.94: 2^-29.3 */
    small = small * s - 8.05050833e-4f;
    small = small * s + 5.19244466e-3f;
    small = small * s - 2.68557388e-2f;
    small = small * s + 1.12836257e-1f;
    small = small * s - 3.76126289e-1f;
    small = small * s + 1.28379166e-1f;
    large = 1.12300768e-5f;                     /* -log(1 - erf(a)) = a + a large(a), 0.92 <= a < 4: 2^-30.3 in erf */
    large = large * a - 3.22794338e-4f;
    large = large * a + 3.64243006e-3f;
    large = large * a - 2.37620194e-2f;
    large = large * a + 1.06236845e-1f;
    large = large * a + 6.35151327e-1f;
    large = large * a + 1.2864849e-1f;
    large = ng_reduced_expm1_f32(-(large * a + a), &n);
    large = 1.0f - (1.0f + large) * ng_pow2_f32(n, 0);
    return a < 0.93f ? small * x + x : ng_with_sign_f32(large, x);
}

/* Trigonometric functions ------------------------------------------------------------------------------------------ */

/* Nearest integer of any double; of huge ones themselves */
NG_INLINE double ng_rint_f64(double x)
{
#if defined(__SSE4_1__) || defined(__aarch64__)
    return rint(x);
#else
    const double shift = x < 0 ? -4503599627370496.0 : 4503599627370496.0, shifted = (x + shift) - shift;
    return (x < 0 ? -x : x) < 4503599627370496.0 ? shifted : x;
#endif
}

/* x = n pi/2 + r, |r| <= pi/4; returns r. For |x| <= NG_NARROW_ANGLE: n has 20 bits, the first part of pi/2 33. */
NG_INLINE double ng_reduce_angle_f32(float x, int32_t *quadrant)
{
    const double d = (double)x, n = ng_rint_f64(d * (1.0 / NG_HALF_PI));
    *quadrant = (int32_t)n;
    return (d - n * 0x1.921fb54400000p+0) - n * 0x1.0b4611a626331p-34;
}

/* x = n pi/2 + r, |r| <= pi/4; returns r. The same for every float32: 2/pi in pieces of 29 bits, whose products with the 24 bits
 * of x are exact in double; multiples of 4 quarter turns are dropped from each product, which is exact too. */
NG_INLINE double ng_reduce_wide_angle_f32(float x, int32_t *quadrant)
{
    const double d = (double)x;
#define NG_PIECE(k, constant) \
    const double product##k = d * constant, piece##k = product##k - 4.0 * ng_rint_f64(0.25 * product##k);
    NG_PIECE(0, 0x1.45f306dp-1)
    NG_PIECE(1, 0x1.9391054p-30)
    NG_PIECE(2, 0x1.4fe13abp-59)
    NG_PIECE(3, 0x1.d1f534dp-88)
    NG_PIECE(4, 0x1.b81b6c5p-117)
    NG_PIECE(5, 0x1.5993c4p-148)
    NG_PIECE(6, 0x1.c820ffp-175)
#undef NG_PIECE
    const double tail = piece3 + (piece4 + (piece5 + piece6));
    const double n = ng_rint_f64(piece0 + (piece1 + (piece2 + tail)));
    const double turn = (((((piece0 - n) + piece1) + piece2) + piece3) + piece4) + (piece5 + piece6);
    *quadrant = (int32_t)n;
    return turn * NG_HALF_PI;
}

NG_INLINE double ng_reduced_sin_f32(double r)
{
    const double s = r * r;                     /* sin(r) = r + r^3 q(r^2), |r| <= pi/4: 2^-28 */
    const double q = (-1.95183384e-4 * s + 8.3321901e-3) * s - 1.66666552e-1;
    return r * s * q + r;
}
NG_INLINE double ng_reduced_cos_f32(double r)
{
    const double s = r * r;                     /* cos(r) = 1 - r^2 / 2 + r^4 q(r^2): 2^-33 */
    const double q = (2.44306393e-5 * s - 1.38873013e-3) * s + 4.16666456e-2;
    return 1.0 + s * (s * q - 0.5);
}

NG_INLINE float ng_pick_sine_f32(double r, int32_t n)
{
    const float sine = (float)ng_reduced_sin_f32(r), cosine = (float)ng_reduced_cos_f32(r);
    return ng_float32(ng_bits32(n & 1 ? cosine : sine) ^ ((uint32_t)(n & 2) << 30));
}
NG_INLINE float ng_pick_tan_f32(double r, int32_t n)
{
    const double sine = ng_reduced_sin_f32(r), cosine = ng_reduced_cos_f32(r);
    const double high = n & 1 ? -cosine : sine, low = n & 1 ? sine : cosine;
    return (float)(high / low);
}

/* ng_narrow_x: for |x| <= NG_NARROW_ANGLE, at a third of the cost. ng_math_x: any x, with the same bits. */
NG_INLINE float ng_narrow_sin(float x)
{
    int32_t n;
    const double r = ng_reduce_angle_f32(x, &n);
    return x == 0 ? x : ng_pick_sine_f32(r, n);
}
NG_INLINE float ng_narrow_cos(float x)
{
    int32_t n;
    const double r = ng_reduce_angle_f32(x, &n);
    return ng_pick_sine_f32(r, n + 1);
}
NG_INLINE float ng_narrow_tan(float x)
{
    int32_t n;
    const double r = ng_reduce_angle_f32(x, &n);
    return x == 0 ? x : ng_pick_tan_f32(r, n);
}
NG_INLINE float ng_math_sin(float x)
{
    int32_t n;
    const double r = ng_reduce_wide_angle_f32(x, &n);
    return ng_abs_f32(x) <= NG_NARROW_ANGLE ? ng_narrow_sin(x) : ng_pick_sine_f32(r, n);
}
NG_INLINE float ng_math_cos(float x)
{
    int32_t n;
    const double r = ng_reduce_wide_angle_f32(x, &n);
    return ng_abs_f32(x) <= NG_NARROW_ANGLE ? ng_narrow_cos(x) : ng_pick_sine_f32(r, n + 1);
}
NG_INLINE float ng_math_tan(float x)
{
    int32_t n;
    const double r = ng_reduce_wide_angle_f32(x, &n);
    return ng_abs_f32(x) <= NG_NARROW_ANGLE ? ng_narrow_tan(x) : ng_pick_tan_f32(r, n);
}

/* atan(q) for q in [0, 1] */
NG_INLINE float ng_reduced_arctan_f32(float q)
{
    const float s = q * q;
    float p = -1.78214733e-3f;                  /* atan(q) = q + q^3 p(q^2): 2^-27.8 */
    p = p * s + 1.08662797e-2f;
    p = p * s - 3.10935415e-2f;
    p = p * s + 5.78788705e-2f;
    p = p * s - 8.39920789e-2f;
    p = p * s + 1.09508611e-1f;
    p = p * s - 1.42640144e-1f;
    p = p * s + 1.99985296e-1f;
    p = p * s - 3.33332986e-1f;
    return q * s * p + q;
}

#define NG_HALF_PI_LOW_F32 -4.37113883e-8f      /* pi/2 - (float)(pi/2) */

NG_INLINE float ng_math_arctan(float x)
{
    const float a = ng_abs_f32(x), p = ng_reduced_arctan_f32(a > 1.0f ? 1.0f / a : a);
    return ng_with_sign_f32(a > 1.0f ? (float)NG_HALF_PI - (p - NG_HALF_PI_LOW_F32) : p, x);
}

/* p, pi/2 - p, pi/2 + p or pi - p, where p is the arctangent of the smaller side over the larger */
NG_INLINE float ng_math_arctan2(float y, float x)
{
    const float ay = ng_abs_f32(y), ax = ng_abs_f32(x);
    const float low = ay < ax ? ay : ax, high = ay < ax ? ax : ay;
    const float base = ay > ax ? (float)NG_HALF_PI : ng_bits32(x) >> 31 ? (float)NG_PI : 0.0f;
    const uint32_t flip = ng_bits32(ay > ax ? -1.0f : 1.0f) ^ ng_bits32(x);
    float q = low / high, p;
    q = high == 0 ? 0.0f : q;                   /* 0/0 */
    q = low == INFINITY ? 1.0f : q;             /* inf/inf */
    p = ng_float32(ng_bits32(ng_reduced_arctan_f32(q)) ^ (flip & 0x80000000u));
    p = base + (p + base * (NG_HALF_PI_LOW_F32 / (float)NG_HALF_PI));
    p = x != x ? x : p;
    return y != y ? y : ng_with_sign_f32(p, y);
}

/* pow: 2^(b log2 |a|) in double ------------------------------------------------------------------------------------- */

/* log2 of a >= 0, to 2^-45 */
NG_INLINE double ng_wide_log2_f32(float a)
{
    float n;
    const double f = (double)ng_split_f32(a, &n), s = f / (2.0 + f), z = s * s;
    double p = 0.28289935254880316;             /* log2((1 + s) / (1 - s)) = s p(s^2): 2^-45 */
    p = p * z + 0.31990574620643127;
    p = p * z + 0.41220925140847486;
    p = p * z + 0.57707794237112697;
    p = p * z + 0.96179669411334145;
    p = p * z + 2.8853900817778499;
    return (double)n + s * p;
}

/* 2^y for y in [-200, 200] */
NG_INLINE double ng_wide_exp2_f32(double y)
{
    const double n = ng_rint_f64(y), r = y - n;
    double p = 1.4382776135143803e-05;          /* |r| <= 1/2: 2^-33 */
    p = p * r + 0.00015469548072269643;
    p = p * r + 0.00133374784876801;
    p = p * r + 0.0096180264806214888;
    p = p * r + 0.055504059600754795;
    p = p * r + 0.24022651202751696;
    p = p * r + 0.6931471820755527;
    p = p * r + 0.9999999999616741;
    return p * ng_float64((uint64_t)(int64_t)((int32_t)n + 1023) << 52);
}

#define NG_MASK_F32(condition) (-(uint32_t)(condition))     /* all ones or none: gcc would tie several ?: into branches */

NG_INLINE float ng_math_pow(float a, float b)
{
    const float magnitude = ng_abs_f32(a);
    const uint32_t b_bits = ng_bits32(b) & 0x7fffffffu, bounded = b_bits < 0x4b800000u ? b_bits : 0x4b800000u;
    const int32_t whole = (int32_t)ng_float32(bounded);     /* of |b|, and even from 2^24 on, where all floats are */
    const uint32_t fraction = NG_MASK_F32((float)whole != ng_float32(bounded)), sign = ng_bits32(a) & 0x80000000u;
    const uint32_t invalid = (NG_MASK_F32(a < 0) & NG_MASK_F32(magnitude != INFINITY) & fraction) | NG_MASK_F32(a != a);
    const uint32_t one = NG_MASK_F32(b_bits == 0) | NG_MASK_F32(ng_bits32(a) == 0x3f800000u);
    double l = ng_wide_log2_f32(magnitude), y;
    uint32_t r;
    l = magnitude == 0 ? -(double)INFINITY : l;
    l = magnitude == INFINITY ? (double)INFINITY : l;
    y = (double)b * l;
    y = l == 0 ? (b == b ? 0.0 : y) : y;                    /* pow(-1, inf) is 1 */
    y = y > 200.0 ? 200.0 : y;
    y = y < -200.0 ? -200.0 : y;
    r = ng_bits32((float)ng_wide_exp2_f32(y)) | (invalid & 0x7fc00000u);
    r |= sign & ((uint32_t)whole << 31) & ~fraction;
    return ng_float32((one & 0x3f800000u) | (~one & r));
}

#endif
