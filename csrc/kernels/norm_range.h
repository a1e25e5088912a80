/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Statistics for normalisation, and the rows whose squares leave the range of REAL: there everything is done over, in ACC and
 * scaled by a power of two. What a row (or a channel) is: `segments` runs of `run` elements, `step` apart; the elements of a run
 * share a weight. Included by norm.inc.
 */
#ifndef NG_KERNELS_NORM_RANGE_H
#define NG_KERNELS_NORM_RANGE_H

#include <math.h>

#include "ng_real.h"

#include "lanes.h"

/* xhat = (x - mean) * rstd + shift: the mean in two parts, or a row that is far from 0 beside its spread would lose what the mean
 * loses in rounding. rstd -1: the row has left the range (ranged below), the rest says nothing. */
typedef struct statistics {
    REAL mean, shift, rstd;
    ACC whole_mean, variance;
} statistics;

/* What mean square + eps may be, so that squares in REAL have lost nothing. */
#if NG_DTYPE == 32
#  define LEAST_SQUARE 1e-28
#  define MOST_SQUARE 1e36
#else
#  define LEAST_SQUARE 1e-280
#  define MOST_SQUARE 1e300
#endif

#define IN_RANGE(square) ((square) >= LEAST_SQUARE && (square) <= MOST_SQUARE)

/* A first pass around an element is enough if that lies within a few deviations (squared) of the mean; else there is a second one,
 * around the mean. */
#define FAR 8

enum { BLOCK = 256 };

/* The machine's vector of REAL, and its elements as accumulators. */
#if defined(__AVX512F__)
#  define SPAN_BYTES 64
#elif defined(__AVX__)
#  define SPAN_BYTES 32
#else
#  define SPAN_BYTES 16
#endif
enum { SPAN = SPAN_BYTES / sizeof(REAL), SPANS = 4 };
typedef REAL span __attribute__((vector_size(SPAN_BYTES)));
typedef REAL stored_span __attribute__((vector_size(SPAN_BYTES), aligned(sizeof(REAL)), may_alias));
#define SPAN_AT(x) ((span) * (const stored_span *)(x))
#define SPAN_OF(c) ((span){0} + (c))
#if NG_DTYPE == 32
typedef int32_t place;
#else
typedef int64_t place;
#endif
typedef place span_mask __attribute__((vector_size(SPAN_BYTES)));
#define CHOSEN(v, mask) ((span)((span_mask)(v) & (mask)))

/* Chooses the last `rest` elements of a span: the end of a row, of which those before have been there already. */
NG_INLINE span_mask last_ones(int64_t rest)
{
    span_mask places = {0};
    for (int i = 0; i < SPAN; i++) places[i] = i;
    return places >= (place)(SPAN - rest);
}

NG_INLINE wide span_sum(span v)
{
#if NG_DTYPE == 64
    return (wide)v;
#elif defined(__AVX512F__)
    return (wide)(_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v)) + _mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)v, 1)));
#elif defined(__AVX__)
    return (wide)(_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v)) + _mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1)));
#else
    REAL x[SPAN];
    *(stored_span *)x = v;
    return WIDENED(x) + WIDENED(x + WIDE);
#endif
}

typedef struct line {
    const REAL *x;
    int64_t segments, run, step;
} line;

/* Adds the sums of d (unless centered is 0) and of d * d, d = x - center; n > 0. */
NG_INLINE void add_moments(const int centered, const REAL *x, int64_t n, REAL center, ACC *sum, ACC *squares)
{
    const span c = SPAN_OF(center);
    wide sums = {0}, totals = {0};
    REAL few[TAIL];
    if (n < SPAN) {
        load_tail(few, x, n, center);
        x = few;
        n = SPAN;
    }
    for (int64_t at = 0; at < n;) {
        const int64_t end = at + BLOCK < n ? at + BLOCK : n;
        span s[SPANS] = {{0}}, q[SPANS] = {{0}};
#define ADD(k, what)                                                                            \
    do {                                                                                        \
        const span d = what;                                                                    \
        if (centered) s[k] += d;                                                                \
        q[k] += d * d;                                                                          \
    } while (0)
        for (; at + SPANS * SPAN <= end; at += SPANS * SPAN)
            for (int k = 0; k < SPANS; k++) ADD(k, SPAN_AT(x + at + k * SPAN) - c);
        for (; at + SPAN <= end; at += SPAN) ADD(0, SPAN_AT(x + at) - c);
        if (at < end) ADD(1, CHOSEN(SPAN_AT(x + end - SPAN) - c, last_ones(end - at)));
#undef ADD
        at = end;
        totals += span_sum((q[0] + q[1]) + (q[2] + q[3]));
        if (centered) sums += span_sum((s[0] + s[1]) + (s[2] + s[3]));
    }
    if (centered) *sum += folded(sums);
    *squares += folded(totals);
}

/* Adds the sums of dy and of dy * xhat; n > 0. */
NG_INLINE void add_products(const REAL *dy, const REAL *x, REAL mean, REAL shift, REAL rstd, int64_t n, ACC *sum, ACC *product)
{
    const span m = SPAN_OF(mean), t = SPAN_OF(shift), r = SPAN_OF(rstd);
    wide sums = {0}, products = {0};
    REAL few_dy[TAIL], few_x[TAIL];
    if (n < SPAN) {
        load_tail(few_dy, dy, n, 0);
        load_tail(few_x, x, n, mean);
        dy = few_dy;
        x = few_x;
        n = SPAN;
    }
    for (int64_t at = 0; at < n;) {
        const int64_t end = at + BLOCK < n ? at + BLOCK : n;
        span s[SPANS] = {{0}}, p[SPANS] = {{0}};
#define ADD(k, at, what)                                                                        \
    do {                                                                                        \
        const span d = what;                                                                    \
        s[k] += d;                                                                              \
        p[k] += d * ((SPAN_AT(x + (at)) - m) * r + t);                                          \
    } while (0)
        for (; at + SPANS * SPAN <= end; at += SPANS * SPAN)
            for (int k = 0; k < SPANS; k++) ADD(k, at + k * SPAN, SPAN_AT(dy + at + k * SPAN));
        for (; at + SPAN <= end; at += SPAN) ADD(0, at, SPAN_AT(dy + at));
        if (at < end) ADD(1, end - SPAN, CHOSEN(SPAN_AT(dy + end - SPAN), last_ones(end - at)));
#undef ADD
        at = end;
        sums += span_sum((s[0] + s[1]) + (s[2] + s[3]));
        products += span_sum((p[0] + p[1]) + (p[2] + p[3]));
    }
    *sum += folded(sums);
    *product += folded(products);
}

/* Of the sums around `center` of `count` elements; returns whether they are to be taken again, around mean. */
NG_INLINE int settle(statistics *of, REAL center, ACC sum, ACC squares, ACC count, double eps, ACC far)
{
    const ACC c = (ACC)center, m = sum / count, mean = c + m, variance = squares / count - m * m;
    of->whole_mean = mean;
    of->mean = (REAL)mean;
    of->variance = variance < 0 ? 0 : variance;
    const ACC square = of->variance + eps, rstd = 1 / sqrt(square);
    of->rstd = IN_RANGE(square) ? (REAL)rstd : R(-1);
    ACC rest = mean - (ACC)of->mean;
    if (NG_DTYPE == 64) rest += (c - (mean - (mean - c))) + (m - (mean - c));      /* exactly what c + m has lost */
    of->shift = (REAL)(-rest * rstd);
    return m * m > far * variance;
}

/* Mean and variance; of a whole row without a mean the mean square. */
NG_INLINE statistics statistics_of(const int centered, line row, double eps)
{
    statistics of = {0};
    const ACC count = (ACC)(row.segments * row.run);
    if (!centered) {
        ACC none = 0, squares = 0;
        add_moments(0, row.x, row.run, 0, &none, &squares);
        const ACC square = squares / count + eps;
        of.rstd = IN_RANGE(square) ? (REAL)(1 / sqrt(square)) : R(-1);
        return of;
    }
    REAL center = row.x[0];
    for (int pass = 0; pass < 2; pass++) {
        ACC sum = 0, squares = 0;
        for (int64_t s = 0; s < row.segments; s++) add_moments(1, row.x + s * row.step, row.run, center, &sum, &squares);
        if (!settle(&of, center, sum, squares, count, eps, FAR)) break;
        center = of.mean;
    }
    return of;
}

/* Out of range ------------------------------------------------------------------------------------------------------- */

/* xhat = ((x * scale - mean) - rest) * rstd */
typedef struct ranged {
    ACC scale, mean, rest, rstd;
} ranged;

#define EACH(row, s, i)                                 \
    for (int64_t s = 0; s < (row).segments; s++)        \
        for (int64_t i = s * (row).step; i < s * (row).step + (row).run; i++)

static NG_NOINLINE ranged ranged_statistics(int centered, line row, double eps, statistics *of)
{
    ACC largest = sqrt(eps);
    int exponent = 0;
    EACH(row, s, i)
    {
        const ACC a = fabs((ACC)row.x[i]);
        if (!(a <= largest)) largest = a;
    }
    if (largest > 0 && largest - largest == 0) frexp(largest, &exponent);
    const ACC scale = ldexp(1, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent), count = (ACC)(row.segments * row.run);
    ACC center = centered ? (ACC)row.x[0] * scale : 0, rest = 0, variance = 0;
    for (int pass = 0; pass < 2; pass++) {
        ACC sum = 0, squares = 0;
        EACH(row, s, i)
        {
            const ACC d = ((ACC)row.x[i] * scale - center) - rest;
            if (centered) sum += d;
            squares += d * d;
        }
        const ACC m = sum / count + rest, mean = center + m;
        variance = squares / count - (m - rest) * (m - rest);
        rest = fabs(center) >= fabs(m) ? (center - mean) + m : (m - mean) + center;
        center = mean;
    }
    if (variance < 0) variance = 0;
    if (of) {
        of->whole_mean = center / scale;
        of->variance = variance / scale / scale;
    }
    const ACC root = sqrt(eps) * scale;
    return (ranged){.scale = scale, .mean = center, .rest = rest, .rstd = 1 / sqrt(variance + root * root)};
}

/* Ordinary ones in the same form, for a row whose gradient is out of range. */
static inline ranged ranged_of(REAL mean, REAL shift, REAL rstd)
{
    return (ranged){.scale = 1, .mean = (ACC)mean, .rest = -(ACC)shift / (ACC)rstd, .rstd = (ACC)rstd};
}

#define XHAT(of, x) ((((ACC)(x) * (of).scale - (of).mean) - (of).rest) * (of).rstd)

/* y = xhat * weight + bias; the run s has weight[s * weight_step]. */
static NG_NOINLINE void ranged_forward(ranged of, REAL *y, line row, const REAL *weight, const REAL *bias, int64_t weight_step)
{
    EACH(row, s, i)
    {
        const ACC w = weight ? (ACC)weight[s * weight_step] : 1, b = bias ? (ACC)bias[s * weight_step] : 0;
        y[i] = (REAL)(XHAT(of, row.x[i]) * w + b);
    }
}

/* dweight += dy * xhat, dbias += dy, each NULL if not wanted; dx (which may be dy) as in norm_backward, or, frozen, dy * scale. */
static NG_NOINLINE void ranged_backward(ranged of, int centered, int frozen, REAL *dx, ACC *dweight, ACC *dbias, const REAL *dy, line row,
                                        const REAL *weight, int64_t weight_step)
{
    const ACC count = (ACC)(row.segments * row.run);
    ACC g_mean = 0, gx_mean = 0;
    EACH(row, s, i)
    {
        const ACC w = weight ? (ACC)weight[s * weight_step] : 1, xhat = XHAT(of, row.x[i]);
        if (centered) g_mean += (ACC)dy[i] * w;
        gx_mean += (ACC)dy[i] * w * xhat;
        if (dweight) dweight[s * weight_step] += (ACC)dy[i] * xhat;
        if (dbias) dbias[s * weight_step] += (ACC)dy[i];
    }
    g_mean = frozen ? 0 : g_mean / count;
    gx_mean = frozen ? 0 : gx_mean / count;
    if (!dx) return;
    EACH(row, s, i)
    {
        const ACC w = weight ? (ACC)weight[s * weight_step] : 1;
        dx[i] = (REAL)(of.rstd * ((ACC)dy[i] * w - g_mean - XHAT(of, row.x[i]) * gx_mean) * of.scale);
    }
}

#endif
