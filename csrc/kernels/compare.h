/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Questions whose answers are booleans: which elements are NaN, infinite or finite, and whether two arrays are near each other.
 */
#ifndef NG_KERNELS_COMPARE_H
#define NG_KERNELS_COMPARE_H

#include "ng_api.h"

enum { NG_IS_NAN, NG_IS_INF, NG_IS_FINITE };

typedef struct ng_classify_args {
    uint8_t *out;
    const void *x;
    int which;
} ng_classify_args;

/* out[i] = 1 where x[i] is what `which` says, else 0 */
static inline int ng_classify(int dtype, int which, uint8_t *out, const void *x, int64_t n)
{
    const ng_classify_args args = {out, x, which};
    return NG->launch(NG->kernels[dtype]->classify, &args, sizeof args, n, ng_grain(dtype == NG_F32 ? 2 : 4), 0);
}

typedef struct ng_near_args {
    int *far;                       /* set to 1 by whoever finds a pair that is not near */
    const void *a, *b;
    int64_t a_step, b_step;         /* 1, or 0 for a single element */
    double rtol, atol;
} ng_near_args;

/* *far = 0 if |a[i] - b[i]| <= atol + rtol |b[i]| with b[i] finite, or a[i] == b[i], for all i; else 1 */
static inline int ng_near(int dtype, int *far, const void *a, const void *b, int64_t a_step, int64_t b_step, double rtol,
                          double atol, int64_t n)
{
    const ng_near_args args = {far, a, b, a_step, b_step, rtol, atol};
    *far = 0;
    return NG->launch(NG->kernels[dtype]->near, &args, sizeof args, n, ng_grain(dtype == NG_F32 ? 5 : 8), 0);
}

#endif
