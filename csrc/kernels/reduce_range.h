/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Reductions whose sums left the range of float64 (float32 adds up in float64, whose range holds its squares): means, variances
 * and norms are looked at when they are done, and those that are inf, or so small that squares may have become 0, are done over
 * with elements scaled by a power of two. Others pay for the look alone. Included by reduce.inc.
 */
#ifndef NG_REDUCE_RANGE_H
#define NG_REDUCE_RANGE_H

#include <float.h>
#include <math.h>

#include "ng_real.h"
#include "kernels/reduce.h"

#if NG_DTYPE == 64

/* Sums of squares below this may have lost some. */
#define LEAST_SQUARES 1e-280

/* f: from pointers into x to the elements of output `at`, in turn. */
#define EACH_ELEMENT(args, at, f)                                                                                                   \
    do {                                                                                                                            \
        const ng_axes *a_ = &(args)->axes;                                                                                          \
        const REAL *x_ = (const REAL *)(args)->source + (at) % a_->width                                                            \
                         + offset_of((at) / a_->width, a_->n_kept, a_->kept_dims, a_->kept_strides);                                \
        for (int64_t run_ = 0; run_ < a_->folded; run_++) {                                                                         \
            const REAL *part_ = x_ + offset_of(run_, a_->n_folded, a_->folded_dims, a_->folded_strides);                            \
            for (int64_t i_ = 0; i_ < a_->run; i_++, part_ += a_->stride) f(*part_);                                                \
        }                                                                                                                           \
    } while (0)

/* Kinds of results: sum / p, sum of squares / p, and its root. */
enum { IS_MEAN, IS_SQUARE, IS_ROOT };

static NG_NOINLINE ACC ranged_result(const ng_fold_args *args, int64_t at, int kind, ACC result)
{
    const ACC center = args->center ? ((const ACC *)args->center)[at] : 0;
    ACC largest = fabs(center), total = 0, lost = 0;
    int differs = 0, exponent;
#define LOOK(x) differs |= (x) != center, largest = fabs(x) > largest ? fabs(x) : largest
    EACH_ELEMENT(args, at, LOOK);
    if (!differs || !(largest <= DBL_MAX)) return result;
    frexp(largest, &exponent);
    const ACC scale = ldexp(1, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent), c = center * scale, p = args->parameter;
#define ADD_(term)                                                      \
    do {                                                                \
        const ACC term_ = (term) - lost, sum_ = total + term_;          \
        lost = (sum_ - total) - term_;                                  \
        total = sum_;                                                   \
    } while (0)
#define ADD(x) ADD_((x) * scale)
#define ADD_SQUARE(x) ADD_(((x) * scale - c) * ((x) * scale - c))
    if (kind == IS_MEAN) EACH_ELEMENT(args, at, ADD);
    else EACH_ELEMENT(args, at, ADD_SQUARE);
    return kind == IS_ROOT ? sqrt(total / p) / scale : kind == IS_MEAN ? total / p / scale : total / p / scale / scale;
#undef LOOK
#undef ADD_SQUARE
#undef ADD
#undef ADD_
}

/* Puts those outputs right whose sums, `values`, are out of range. */
NG_INLINE void set_right(const ng_fold_args *args, int64_t at, const ACC *values, int64_t width, int kind)
{
    const ACC least = kind == IS_ROOT ? LEAST_SQUARES : -DBL_MAX;
    int64_t out = 0;
    if ((kind == IS_MEAN && args->parameter == 1) || (width == 1 && NG_LIKELY(values[0] >= least && values[0] <= DBL_MAX))) return;
    for (int64_t j = 0; j < width; j++) out += !((values[j] >= least) & (values[j] <= DBL_MAX));
    if (NG_LIKELY(out == 0)) return;
    for (int64_t j = 0; j < width; j++)
        if (!((values[j] >= least) & (values[j] <= DBL_MAX))) {
            ACC *result = (ACC *)args->out + at + j;
            *result = ranged_result(args, at + j, kind, *result);
        }
}
#define SET_RIGHT(kind) set_right(args, at, values, width, kind)

#else
#  define SET_RIGHT(kind) (void)0
#endif

/* dx = (x * scale - center) * factor is (x - c) / y * p, for a row of x with one y. In float64 1 / y may be beyond the range where dx
 * is not: y is taken apart then. */
typedef struct slope {
    ACC scale, center, factor;
} slope;

static inline slope slope_of(ACC y, ACC c, ACC p)
{
    int exponent;
    if (y == 0) return (slope){0, 0, 0};
    if (NG_DTYPE == 32 || !(y < 1e-280 || (y > 1e280 && y <= DBL_MAX))) return (slope){1, c, p / y};
    const ACC part = frexp(y, &exponent), scale = ldexp(1, -(exponent / 2));
    return (slope){scale, c * scale, p / part * ldexp(1, -(exponent - exponent / 2))};
}

#endif
