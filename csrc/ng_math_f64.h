/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The functions of ng_math.h in float64.
 */
#ifndef NG_MATH_F64_H
#define NG_MATH_F64_H
#define NG_MATH1(name, libm) NG_INLINE double ng_math_##name(double x) { return libm(x); }
NG_MATH1(exp, exp)
NG_MATH1(expm1, expm1)
NG_MATH1(log, log)
NG_MATH1(log1p, log1p)
NG_MATH1(log2, log2)
NG_MATH1(log10, log10)
NG_MATH1(sin, sin)
NG_MATH1(cos, cos)
NG_MATH1(tan, tan)
NG_MATH1(sinh, sinh)
NG_MATH1(cosh, cosh)
NG_MATH1(tanh, tanh)
NG_MATH1(arctan, atan)
NG_MATH1(erf, erf)
NG_INLINE double ng_math_sigmoid(double x)
{
    const double e = ng_math_exp(x < 0 ? x : -x);
    return (x < 0 ? e : 1.0) / (1.0 + e);
}
NG_INLINE double ng_math_pow(double a, double b) { return pow(a, b); }
NG_INLINE double ng_math_arctan2(double a, double b) { return atan2(a, b); }
#endif
