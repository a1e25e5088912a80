/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The functions of ng_math.h in float64. pow, and sin, cos, tan of large angles are the C library's: one by one.
 */
#ifndef NG_MATH_F64_H
#define NG_MATH_F64_H

NG_INLINE double ng_with_sign_f64(double magnitude, double sign)
{
    return ng_float64(ng_bits64(magnitude) | (ng_bits64(sign) & 0x8000000000000000u));
}
NG_INLINE double ng_abs_f64(double x) { return ng_float64(ng_bits64(x) & 0x7fffffffffffffffu); }

/* Exponentials ---------------------------------------------------------------------------------------------------- */

#define NG_SHIFT_F64 6755399441055744.0             /* 1.5 * 2^52: adding it rounds to an integer, which its low bits then hold */
#define NG_LN2_HIGH_F64 6.93147180369123816490e-01  /* 32 bits */
#define NG_LN2_LOW_F64 1.90821492927058770002e-10

/* 2^(n + offset), in [-1023, 1024] (0 and inf at the ends), for n as the low bits of `shifted` hold it */
NG_INLINE double ng_pow2_f64(uint64_t shifted, int offset)
{
    return ng_float64((shifted << 52) + ((uint64_t)(1023 + offset) << 52));
}

/* expm1(r), |r| <= 0.3471 */
NG_INLINE double ng_expm1_of_rest_f64(double r)
{
    double q = 2.5145250428983957e-08;              /* expm1(r) = r + r^2 / 2 + r^3 q, |r| <= 0.3471: 2^-55 */
    q = q * r + 2.7622987604029199e-07;
    q = q * r + 2.7557150416791815e-06;
    q = q * r + 2.4801514651830309e-05;
    q = q * r + 0.00019841269967379465;
    q = q * r + 0.0013888888921669265;
    q = q * r + 0.0083333333332953428;
    q = q * r + 0.041666666666617634;
    q = q * r + 0.16666666666666699;
    q = q * r + 0.5;
    return r + r * r * q;
}
/* Writes x = n ln 2 + r with |r| <= 0.347; returns expm1(r), and n in the low bits of *n */
NG_INLINE double ng_reduced_expm1_f64(double x, uint64_t *n)
{
    const double shifted = x * 1.44269504088896340736 + NG_SHIFT_F64, whole = shifted - NG_SHIFT_F64;
    *n = ng_bits64(shifted);
    return ng_expm1_of_rest_f64((x - whole * NG_LN2_HIGH_F64) - whole * NG_LN2_LOW_F64);
}

/* Writes x + rest = n ln 2 + r, where rest is small; returns r */
NG_INLINE double ng_reduce_ln2_of_sum_f64(double x, double rest, uint64_t *n)
{
    const double shifted = (x + rest) * 1.44269504088896340736 + NG_SHIFT_F64, whole = shifted - NG_SHIFT_F64;
    *n = ng_bits64(shifted);
    return ((x - whole * NG_LN2_HIGH_F64) - whole * NG_LN2_LOW_F64) + rest;
}

/* exp(x) for x in [-746, 710], in two steps as 2^n may be out of range where the result is not */
NG_INLINE double ng_bounded_exp_f64(double x)
{
    uint64_t n;
    const double p = 1.0 + ng_reduced_expm1_f64(x, &n);
    const uint64_t half = (n >> 1) << 52;
    return p * ng_float64(half + 0x3ff0000000000000u) * ng_float64((n << 52) - half + 0x3ff0000000000000u);
}

NG_INLINE double ng_math_exp(double x)
{
    x = x > 710.0 ? 710.0 : x;
    return ng_bounded_exp_f64(x < -746.0 ? -746.0 : x);
}

/* exp(x) for x <= 0 (up to 600), with the same bits and fewer instructions: there 2^(n + 100) is in range whatever the result is */
NG_INLINE double ng_math_negexp(double x)
{
    uint64_t n;
    const double p = 1.0 + ng_reduced_expm1_f64(x < -746.0 ? -746.0 : x, &n);
    return p * ng_pow2_f64(n, 100) * 0x1p-100;
}

NG_INLINE double ng_math_expm1(double x)
{
    const double bounded = x > 710.0 ? 710.0 : x < -40.0 ? -40.0 : x;
    uint64_t n;
    const double p = ng_reduced_expm1_f64(bounded, &n), scale = ng_pow2_f64(n, -2);     /* a quarter: 2^1024 is inf */
    const double y = 4.0 * (p * scale + (scale - 0.25));
    return (x < 1e-17) & (x > -1e-17) ? x : y;
}

/* tanh |x| = e / (e + 2), e = expm1(2 |x|). What rounding e + 2 lost is put back: d(y)/d(e + 2) = -y / (e + 2), and
 * 1 / (e + 2) = (1 - y) / 2. */
NG_INLINE double ng_math_tanh(double x)
{
    double a = ng_abs_f64(x), e, scale, below, lost, y;
    uint64_t n;
    a = a > 22.0 ? 22.0 : a;
    e = ng_reduced_expm1_f64(a + a, &n);
    scale = ng_pow2_f64(n, 0);
    e = e * scale + (scale - 1.0);
    below = e + 2.0;
    y = e / below;
    lost = e < 2.0 ? e - (below - 2.0) : 2.0 - (below - e);
    return ng_with_sign_f64(y - y * lost * (0.5 - 0.5 * y), x);
}

/* sigmoid(x) = e / (1 + e) or 1 / (1 + e), e = exp(-|x|), which cannot overflow; for x < 0 corrected as tanh, for others
 * partly, which is enough */
NG_INLINE double ng_math_sigmoid(double x)
{
    const double e = ng_math_negexp(x < 0 ? x : -x), below = 1.0 + e, y = (x < 0 ? e : 1.0) / below;
    return y - y * (e - (below - 1.0)) * (1.0 - y);
}

/* The same within 2.5 units, for what is rounded further: gradients, and what it is a factor of */
NG_INLINE double ng_math_logistic(double x)
{
    const double e = ng_math_negexp(-fabs(x));
    return (x < 0 ? e : 1.0) / (1.0 + e);
}

/* (exp |x| - exp -|x|) / 2, and a polynomial where that cancels */
NG_INLINE double ng_math_sinh(double x)
{
    double a = ng_abs_f64(x), e, s = a * a, q;
    uint64_t n;
    a = a > 711.0 ? 711.0 : a;
    e = ng_reduced_expm1_f64(a, &n);
    e = (1.0 + e) * ng_pow2_f64(n, -3);             /* exp(a) / 8 */
    q = 7.7756518534866785e-13;                     /* sinh(a) = a + a^3 q(a^2), a <= 1: 2^-61 */
    q = q * s + 1.6056688010231863e-10;
    q = q * s + 2.5052130668716862e-08;
    q = q * s + 2.7557319108500967e-06;
    q = q * s + 0.00019841269841589266;
    q = q * s + 0.0083333333333329151;
    q = q * s + 0.16666666666666669;
    return ng_with_sign_f64(a < 1.0 ? a * s * q + a : 4.0 * (e - 0.015625 / e), x);
}

NG_INLINE double ng_math_cosh(double x)
{
    double a = ng_abs_f64(x), e;
    uint64_t n;
    a = a > 711.0 ? 711.0 : a;
    e = ng_reduced_expm1_f64(a, &n);
    e = (1.0 + e) * ng_pow2_f64(n, -3);
    return 4.0 * (e + 0.015625 / e);
}

/* Logarithms ------------------------------------------------------------------------------------------------------ */

/* log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)]: with s = f / (2 + f), log(1 + f) = 2 s + s^3 r(s^2), 2 s = f - s f */
NG_INLINE double ng_log_tail_f64(double f)
{
    const double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double r = 0.13234937606659092;                 /* 2^-66 */
    r = r * z + 0.13252131170111722;
    r = r * z + 0.15386989550215804;
    r = r * z + 0.18181778341180671;
    r = r * z + 0.22222222607113667;
    r = r * z + 0.28571428569410451;
    r = r * z + 0.40000000000004926;
    r = r * z + 0.66666666666666663;
    return s * (half + z * r) - half;
}

/* Writes x > 0 as 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)]; returns f */
NG_INLINE double ng_split_f64(double x, double *n)
{
    const double scaled = x < 2.2250738585072014e-308 ? x * 18014398509481984.0 : x;
    const double less = x < 2.2250738585072014e-308 ? 54.0 : 0.0;
    const uint64_t bits = ng_bits64(scaled) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu), k = bits >> 52;
    /* k is 1023 + n: as the low bits of 2^52 it turns into a double */
    *n = (ng_float64(k | 0x4330000000000000u) - 4503599627371519.0) - less;
    return ng_float64((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
}

/* y, but what a logarithm is at 0, below and at inf */
NG_INLINE double ng_log_ends_f64(double x, double y)
{
    y = x > 0 ? y : (x == 0 ? -(double)INFINITY : (double)NAN);
    return x == (double)INFINITY ? x : y;
}

NG_INLINE double ng_math_log(double x)
{
    double n;
    const double f = ng_split_f64(x, &n), low = ng_log_tail_f64(f) + n * NG_LN2_LOW_F64;
    return ng_log_ends_f64(x, n * NG_LN2_HIGH_F64 + (f + low));
}

/* log2 and log10: n log(2) + log(1 + f) in the other base, with f = high + rest so that the product with the constant's
 * leading bits is exact */
NG_INLINE double ng_log_in_base_f64(double x, double log_2_high, double log_2_low, double factor_high, double factor_low)
{
    double n;
    const double f = ng_split_f64(x, &n), tail = ng_log_tail_f64(f);
    const double high = ng_float64(ng_bits64(f + tail) & 0xfffffffff8000000u), rest = (f - high) + tail;
    const double low = (n * log_2_low + rest * factor_high) + (high + rest) * factor_low;
    return ng_log_ends_f64(x, n * log_2_high + (high * factor_high + low));
}
NG_INLINE double ng_math_log2(double x)
{
    return ng_log_in_base_f64(x, 1.0, 0.0, 0x1.7154760000000p+0, 1.92596299112661747e-08);
}
NG_INLINE double ng_math_log10(double x)
{
    return ng_log_in_base_f64(x, 0x1.34413509f6000p-2, 3.69423907715893079e-13, 0x1.bcb7b10000000p-2, 4.79811114161597281e-09);
}

/* log(u) with u = 1 + x rounded, corrected by what the rounding lost */
NG_INLINE double ng_math_log1p(double x)
{
    const double u = 1.0 + x;
    const uint64_t bits = ng_bits64(u) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu), k = bits >> 52;
    const double n = ng_float64(k | 0x4330000000000000u) - 4503599627371519.0;
    const double lost = x < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    const double correction = x < 9e15 ? lost * ng_float64((2046 - k) << 52) : 0.0;
    const double f = (ng_float64((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0) + correction;
    const double low = ng_log_tail_f64(f) + n * NG_LN2_LOW_F64;
    return x == 0 ? x : ng_log_ends_f64(u, n * NG_LN2_HIGH_F64 + (f + low));
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|); 1 + e is halved where it is over sqrt(2) */
NG_INLINE double ng_math_softplus(double x)
{
    const double e = ng_math_negexp(x < 0 ? x : -x);
    const double f = e > 0.41421356237309503 ? 0.5 * e - 0.5 : e, low = e > 0.41421356237309503 ? NG_LN2_LOW_F64 : 0.0;
    const double high = e > 0.41421356237309503 ? NG_LN2_HIGH_F64 : 0.0;
    return (high + (f + (ng_log_tail_f64(f) + low))) + (x < 0 ? 0.0 : x);
}

/* erf -------------------------------------------------------------------------------------------------------------- */

NG_INLINE double ng_math_erf(double x)
{
    double a = ng_abs_f64(x), s, small, large;
    uint64_t n;
    a = a > 6.0 ? 6.0 : a;
    s = a * a;
    small = -7.581924235124689e-10;                 /* erf(a) = a + a small(a^2), a <= 1: 2^-55.8 */
    small = small * s + 1.3604301097452536e-08;
    small = small * s - 1.6181466772288005e-07;
    small = small * s + 1.6443865546996018e-06;
    small = small * s - 1.4924446122785174e-05;
    small = small * s + 0.00012055279663834947;
    small = small * s - 0.0008548325463104071;
    small = small * s + 0.0052239775963979027;
    small = small * s - 0.026866170641931506;
    small = small * s + 0.11283791670936855;
    small = small * s - 0.37612638903183343;
    small = small * s + 0.12837916709551256;
    large = 2.2896611757124159e-13;                 /* -log(1 - erf(a)), 1 <= a < 6: 2^-57.8 in erf */
    large = large * a - 1.108303643313871e-11;
    large = large * a + 2.5344567450475798e-10;
    large = large * a - 3.6398121625885374e-09;
    large = large * a + 3.6784330705918462e-08;
    large = large * a - 2.7747833006911016e-07;
    large = large * a + 1.6137193556447392e-06;
    large = large * a - 7.3395917655112281e-06;
    large = large * a + 2.5988419289042965e-05;
    large = large * a - 6.8986697672565234e-05;
    large = large * a + 0.00011922699707247523;
    large = large * a - 3.5636171522070699e-05;
    large = large * a - 0.0005346637380841293;
    large = large * a + 0.0016566361885516625;
    large = large * a - 0.00018738274863653557;
    large = large * a - 0.019137377096056622;
    large = large * a + 0.10277513983595582;
    large = large * a + 0.63661933691269568;
    large = large * a + 1.1283791966320764;
    large = large * a + 1.3632088828374295e-09;
    large = ng_reduced_expm1_f64(-large, &n);
    large = 1.0 - (1.0 + large) * ng_pow2_f64(n, 0);
    return a < 1.0 ? small * x + x : ng_with_sign_f64(large, x);
}

/* Arcus tangens ----------------------------------------------------------------------------------------------------- */

/* atan(q) for q in [0, 1] */
NG_INLINE double ng_reduced_arctan_f64(double q)
{
    const double s = q * q;
    double p = 1.3231633033022358e-05;              /* atan(q) = q + q^3 p(q^2): 2^-56.3 */
    p = p * s - 0.00015222684511895801;
    p = p * s + 0.0008316292263762492;
    p = p * s - 0.0028857982292346588;
    p = p * s + 0.0071982342318538109;
    p = p * s - 0.013903042473900269;
    p = p * s + 0.021987537308997079;
    p = p * s - 0.029906091148027263;
    p = p * s + 0.036643356297121732;
    p = p * s - 0.042192521463823497;
    p = p * s + 0.047223512007235742;
    p = p * s - 0.052535274836052692;
    p = p * s + 0.058805299341545006;
    p = p * s - 0.066664044388694388;
    p = p * s + 0.076922798900731545;
    p = p * s - 0.090909070078299806;
    p = p * s + 0.11111111007339777;
    p = p * s - 0.14285714282587886;
    p = p * s + 0.19999999999951745;
    p = p * s - 0.33333333333333071;
    return q * s * p + q;
}

#define NG_HALF_PI_LOW_F64 6.123233995736766e-17    /* pi/2 - (double)(pi/2) */

NG_INLINE double ng_math_arctan(double x)
{
    const double a = ng_abs_f64(x), p = ng_reduced_arctan_f64(a > 1.0 ? 1.0 / a : a);
    return ng_with_sign_f64(a > 1.0 ? NG_HALF_PI - (p - NG_HALF_PI_LOW_F64) : p, x);
}

/* p, pi/2 - p, pi/2 + p or pi - p, where p is the arctangent of the smaller side over the larger */
NG_INLINE double ng_math_arctan2(double y, double x)
{
    const double ay = ng_abs_f64(y), ax = ng_abs_f64(x);
    const double low = ay < ax ? ay : ax, high = ay < ax ? ax : ay;
    const double base = ay > ax ? NG_HALF_PI : ng_bits64(x) >> 63 ? NG_PI : 0.0;
    const uint64_t flip = ng_bits64(ay > ax ? -1.0 : 1.0) ^ ng_bits64(x);
    double q = low / high, p;
    q = high == 0 ? 0.0 : q;                   /* 0/0 */
    q = low == (double)INFINITY ? 1.0 : q;             /* inf/inf */
    p = ng_float64(ng_bits64(ng_reduced_arctan_f64(q)) ^ (flip & 0x8000000000000000u));
    p = base + (p + base * (NG_HALF_PI_LOW_F64 / NG_HALF_PI));
    p = x != x ? x : p;
    return y != y ? y : ng_with_sign_f64(p, y);
}

/* Trigonometric functions ------------------------------------------------------------------------------------------ */

/* x = n pi/2 + r, |r| <= pi/4; returns r, and n in the low bits of *quadrant. For |x| <= NG_NARROW_ANGLE: n has 20 bits,
 * the first two parts of pi/2 have 33, so that their products are exact; what rounding t - w loses is kept. */
NG_INLINE double ng_reduce_angle_f64(double x, uint64_t *quadrant)
{
    const double shifted = x * (1.0 / NG_HALF_PI) + NG_SHIFT_F64, n = shifted - NG_SHIFT_F64;
    const double t = x - n * 0x1.921fb54400000p+0, w = n * 0x1.0b4611a600000p-34, r = t - w, back = r - t;
    const double lost = (t - (r - back)) - (w + back);
    *quadrant = ng_bits64(shifted);
    return r + (lost - n * 0x1.3198a2e037073p-69);
}

NG_INLINE double ng_reduced_sin_f64(double r)
{
    const double s = r * r;                         /* sin(r) = r + r^3 q(r^2), |r| <= pi/4: 2^-58 */
    double q = 1.5896623433799141e-10;
    q = q * s - 2.5050755805446199e-08;
    q = q * s + 2.7557313682534064e-06;
    q = q * s - 0.00019841269829801766;
    q = q * s + 0.0083333333333224461;
    q = q * s - 0.16666666666666632;
    return r * s * q + r;
}
NG_INLINE double ng_reduced_cos_f64(double r)
{
    const double s = r * r;                         /* cos(r) = 1 - r^2 / 2 + r^4 q(r^2): 2^-64 */
    double q = -1.1359763814947531e-11;
    q = q * s + 2.0875726400058683e-09;
    q = q * s - 2.7557314383394538e-07;
    q = q * s + 2.4801587289625543e-05;
    q = q * s - 0.001388888888887443;
    q = q * s + 0.041666666666666602;
    return 1.0 + s * (s * q - 0.5);
}
NG_INLINE double ng_pick_sine_f64(double r, uint64_t n)
{
    const double sine = ng_reduced_sin_f64(r), cosine = ng_reduced_cos_f64(r);
    return ng_float64(ng_bits64(n & 1 ? cosine : sine) ^ ((n & 2) << 62));
}

/* ng_narrow_x: for |x| <= NG_NARROW_ANGLE. ng_math_x: any x, with the same bits, by the C library beyond. */
NG_INLINE double ng_narrow_sin(double x)
{
    uint64_t n;
    const double r = ng_reduce_angle_f64(x, &n);
    return x == 0 ? x : ng_pick_sine_f64(r, n);
}
NG_INLINE double ng_narrow_cos(double x)
{
    uint64_t n;
    const double r = ng_reduce_angle_f64(x, &n);
    return ng_pick_sine_f64(r, n + 1);
}
NG_INLINE double ng_narrow_tan(double x)
{
    uint64_t n;
    const double r = ng_reduce_angle_f64(x, &n), sine = ng_reduced_sin_f64(r), cosine = ng_reduced_cos_f64(r);
    const double high = n & 1 ? -cosine : sine, low = n & 1 ? sine : cosine;
    return x == 0 ? x : high / low;
}
NG_INLINE double ng_math_sin(double x) { return ng_abs_f64(x) <= NG_NARROW_ANGLE ? ng_narrow_sin(x) : sin(x); }
NG_INLINE double ng_math_cos(double x) { return ng_abs_f64(x) <= NG_NARROW_ANGLE ? ng_narrow_cos(x) : cos(x); }
NG_INLINE double ng_math_tan(double x) { return ng_abs_f64(x) <= NG_NARROW_ANGLE ? ng_narrow_tan(x) : tan(x); }

NG_INLINE double ng_math_pow(double a, double b) { return pow(a, b); }

#endif
