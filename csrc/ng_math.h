/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * MATH(f): the mathematical functions of the kernels, on REAL.
 */
#ifndef NG_MATH_H
#define NG_MATH_H

#include <math.h>

#include "ng_port.h"
#include "ng_real.h"

#if NG_DTYPE == 32
#  define NG_LIBM(name) name##f
#else
#  define NG_LIBM(name) name
#endif

#define NG_MATH1(name, libm) NG_UNUSED static inline REAL ng_math_##name(REAL x) { return NG_LIBM(libm)(x); }
NG_MATH1(sqrt, sqrt)
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
NG_MATH1(erfc, erfc)
NG_MATH1(floor, floor)
NG_MATH1(ceil, ceil)
NG_MATH1(rint, rint)
NG_UNUSED static inline REAL ng_math_pow(REAL a, REAL b) { return NG_LIBM(pow)(a, b); }
NG_UNUSED static inline REAL ng_math_arctan2(REAL a, REAL b) { return NG_LIBM(atan2)(a, b); }
NG_UNUSED static inline REAL ng_math_sigmoid(REAL x)
{
    const REAL e = ng_math_exp(x < 0 ? x : -x);
    return (x < 0 ? e : R(1)) / (R(1) + e);
}

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

#endif
