/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Reductions for which float64 was not enough (float32 adds up in float64, whose range and digits hold its squares): means,
 * variances and norms are looked at when they are done. Those that are inf, so small that squares may have become 0, or so small
 * beside the mean that its rounding shows (all elements may be equal), are done over, scaled by a power of two, around an element.
 * Others pay for the look alone. Included by reduce.inc.
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

static const REAL *first_of(const ng_fold_args *args, int64_t at)
{
    const ng_axes *a = &args->axes;
    return (const REAL *)args->source + offset_of(at / a->width, a->n_kept, a->kept_dims, a->kept_strides) + at % a->width;
}

/* f: of the elements of output `at`, in turn. */
#define EACH_ELEMENT(args, at, f)                                                                                                   \
    do {                                                                                                                            \
        const ng_axes *a_ = &(args)->axes;                                                                                          \
        const REAL *x_ = first_of(args, at);                                                                                        \
        for (int64_t run_ = 0; run_ < a_->folded; run_++) {                                                                         \
            const REAL *part_ = x_ + offset_of(run_, a_->n_folded, a_->folded_dims, a_->folded_strides);                            \
            for (int64_t i_ = 0; i_ < a_->run; i_++, part_ += a_->stride) f(*part_);                                                \
        }                                                                                                                           \
    } while (0)

/* Kinds of results: sum / p, sum of squares / p, and its root. */
enum { IS_MEAN, IS_SQUARE, IS_ROOT };

static NG_NOINLINE ACC ranged_result(const ng_fold_args *args, int64_t at, int kind, ACC result)
{
    ACC *const center = args->center ? (ACC *)args->center + at : NULL;       /* backward reads it: it is put right too */
    const ACC n = (ACC)(args->axes.folded * args->axes.run), first = center && n > 0 ? *first_of(args, at) : 0;
    ACC largest = 0, total = 0, lost = 0, mean = 0;
    int differs = 0, exponent;
#define LOOK(x) differs |= (x) != first, largest = fabs(x) > largest ? fabs(x) : largest
    EACH_ELEMENT(args, at, LOOK);
    if (!(largest <= DBL_MAX)) return result;
    if (center && !differs && n > 0) *center = first;
    if (!differs) return center ? 0 / args->parameter : result;
    frexp(largest, &exponent);
    const ACC scale = ldexp(1, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent), base = first * scale, p = args->parameter;
#define ADD(term)                                                       \
    do {                                                                \
        const ACC term_ = (term) - lost, sum_ = total + term_;          \
        lost = (sum_ - total) - term_;                                  \
        total = sum_;                                                   \
    } while (0)
#define ADD_ELEMENT(x) ADD((x) * scale - base)
#define ADD_SQUARE(x) ADD((((x) * scale - base) - mean) * (((x) * scale - base) - mean))
    if (center || kind == IS_MEAN) EACH_ELEMENT(args, at, ADD_ELEMENT);
    if (kind == IS_MEAN) return total / p / scale;
    if (center) {
        mean = total / n;
        *center = first + mean / scale;
        total = lost = 0;
    }
    EACH_ELEMENT(args, at, ADD_SQUARE);
    return kind == IS_ROOT ? sqrt(total / p) / scale : total / p / scale / scale;
#undef LOOK
#undef ADD
#undef ADD_ELEMENT
#undef ADD_SQUARE
}

/* Puts those outputs right whose sums, `values`, were not good enough. */
NG_INLINE void set_right(const ng_fold_args *args, int64_t at, const ACC *values, int64_t width, int kind)
{
    const ACC least = kind == IS_ROOT ? LEAST_SQUARES : -DBL_MAX;
    const ACC share = args->least_share;
    const ACC *center = kind == IS_MEAN || !args->center ? NULL : (const ACC *)args->center + at;
    int64_t bad = 0;
#define IS_GOOD(j) ((values[j] >= least) & (values[j] <= DBL_MAX))
#define IS_WIDE(j) ((values[j] > center[j] * center[j] * share) | (center[j] == 0))
    if ((kind == IS_MEAN && args->parameter == 1) || (width == 1 && NG_LIKELY(IS_GOOD(0) && (!center || IS_WIDE(0))))) return;
    if (center)
        for (int64_t j = 0; j < width; j++) bad += !(IS_GOOD(j) & IS_WIDE(j));
    else
        for (int64_t j = 0; j < width; j++) bad += !IS_GOOD(j);
    if (NG_LIKELY(bad == 0)) return;
    for (int64_t j = 0; j < width; j++)
        if (!IS_GOOD(j) || (center && !IS_WIDE(j))) {
            ACC *result = (ACC *)args->out + at + j;
            *result = ranged_result(args, at + j, kind, *result);
        }
#undef IS_GOOD
#undef IS_WIDE
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
