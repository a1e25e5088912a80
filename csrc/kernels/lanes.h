/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Loops over a row, or over LANES neighbouring rows or columns at once, for the kernels that need the exponentials of
 * classes (softmax, losses). Loops over lanes have a constant length, so that they become vectors without remainders, and
 * the bits of a row do not depend on which rows stand next to it. Included by .inc files after ng_real.h and ng_math.h.
 */
#ifndef NG_KERNELS_LANES_H
#define NG_KERNELS_LANES_H

#include "ng_port.h"
#include "ng_tail.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

/* x[0], x[step] ... of `width` lanes into to[LANES], the rest 0 */
NG_INLINE void load_lanes(REAL *restrict to, const REAL *restrict x, int64_t step, int width)
{
    if (width == LANES && step == 1)
        FOR_LANES(j) to[j] = x[j];
    else if (width == LANES)
        for (int j = 0; j < LANES; j++) to[j] = x[j * step];
    else {
        FOR_LANES(j) to[j] = 0;
        for (int j = 0; j < width; j++) to[j] = x[j * step];
    }
}

NG_INLINE void store_lanes(REAL *restrict y, int64_t step, int width, const REAL *restrict from)
{
    if (width == LANES && step == 1)
        FOR_LANES(j) y[j] = from[j];
    else if (width == LANES)
        for (int j = 0; j < LANES; j++) y[j * step] = from[j];
    else
        for (int j = 0; j < width; j++) y[j * step] = from[j];
}

/* The last, short block of a row: n < LANES elements, filled up */
NG_INLINE const REAL *filled(REAL *restrict block, const REAL *restrict x, int64_t n, REAL with)
{
    if (LANES == TAIL) load_tail(block, x, n, with);
    else
        for (int64_t i = 0; i < LANES; i += TAIL) load_tail(block + i, x + i, n - i < 0 ? 0 : n - i < TAIL ? n - i : TAIL, with);
    return block;
}

/* A vector of accumulators, as wide as the machine's, and the elements that go into one. (A wider one would live in memory.) */
#if defined(__AVX512F__)
#  define WIDE 8
#elif defined(__AVX__)
#  define WIDE 4
#else
#  define WIDE 2
#endif
typedef ACC acc_2 __attribute__((vector_size(2 * sizeof(ACC))));
typedef ACC acc_4 __attribute__((vector_size(4 * sizeof(ACC))));
typedef ACC wide __attribute__((vector_size(WIDE * sizeof(ACC)), aligned(sizeof(ACC)), may_alias));
typedef REAL narrow __attribute__((vector_size(WIDE * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* The next elements as accumulators. (gcc 12 makes of __builtin_convertvector two halves and a shuffle: half the speed.) */
NG_INLINE wide widened(const REAL *x)
{
#if defined(__AVX512F__) && NG_DTYPE == 32
    return (wide)_mm512_cvtps_pd(_mm256_loadu_ps(x));
#elif defined(__AVX__) && NG_DTYPE == 32
    return (wide)_mm256_cvtps_pd(_mm_loadu_ps(x));
#else
    return __builtin_convertvector(*(const narrow *)x, wide);
#endif
}
#define WIDENED(x) widened(x)

/* The sum of a vector, in registers: loops of shrinking length would go through memory. */
NG_INLINE ACC folded(wide v)
{
#if WIDE == 8
    const acc_4 four = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#elif WIDE == 4
    const acc_4 four = v;
#endif
#if WIDE >= 4
    const acc_2 two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
#else
    const acc_2 two = v;
#endif
    return two[0] + two[1];
}
NG_INLINE ACC sum_of(const ACC *lane)
{
    wide sum = *(const wide *)lane;
    for (int j = WIDE; j < LANES; j += WIDE) sum += *(const wide *)(lane + j);
    return folded(sum);
}

/* The largest of n > 0 elements; NaN is passed over, but for one in a lane's first place. */
NG_UNUSED static REAL row_max(const REAL *restrict x, int64_t n)
{
    REAL lane[LANES], last[LANES];
    int64_t i = LANES;
    if (n < LANES) filled(lane, x, n, x[0]);
    else FOR_LANES(j) lane[j] = x[j];
    for (; i + LANES <= n; i += LANES)
        FOR_LANES(j) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    if (i < n) {
        filled(last, x + i, n - i, x[0]);
        FOR_LANES(j) lane[j] = last[j] > lane[j] ? last[j] : lane[j];
    }
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++) lane[j] = lane[j + width] > lane[j] ? lane[j + width] : lane[j];
    return lane[0];
}

/* A sum of exponentials, the largest of which is 1, so near 1 that the others do not come from it with all digits of REAL. */
#if NG_DTYPE == 32
#  define NG_CERTAIN 1e-7
#else
#  define NG_CERTAIN 0.5
#endif

/* What is read in order is fetched 8 KB ahead: the processor's own prefetching ends with each page. */
enum { AHEAD = 8192 / sizeof(REAL) };

/* sum of x[i] * y[i], or of x[i] alone; `beyond` the row there are as many elements that will be read too */
NG_INLINE ACC row_dot_(const REAL *restrict x, const REAL *restrict y, int64_t n, int is_dot, int64_t beyond)
{
    wide sum[4] = {{0}};
    int64_t i = 0;
#define ADD(k, a, b)                                          \
    do {                                                      \
        if (is_dot) sum[k] += WIDENED(a) * WIDENED(b);        \
        else sum[k] += WIDENED(a);                            \
    } while (0)
    for (; i + 4 * WIDE <= n && i + 4 * WIDE + AHEAD <= n + beyond; i += 4 * WIDE) {
        for (int k = 0; k < 4 * WIDE; k += TAIL) {
            __builtin_prefetch(x + i + AHEAD + k);
            if (is_dot) __builtin_prefetch(y + i + AHEAD + k);
        }
        for (int k = 0; k < 4; k++) ADD(k, x + i + WIDE * k, y + i + WIDE * k);
    }
    for (; i + 4 * WIDE <= n; i += 4 * WIDE)
        for (int k = 0; k < 4; k++) ADD(k, x + i + WIDE * k, y + i + WIDE * k);
    for (; i + WIDE <= n; i += WIDE) ADD(0, x + i, y + i);
    if (i < n) {
        REAL last_x[TAIL], last_y[TAIL];
        load_tail(last_x, x + i, n - i, 0);
        if (is_dot) load_tail(last_y, y + i, n - i, 0);
        ADD(1, last_x, last_y);
    }
#undef ADD
    return folded((sum[0] + sum[1]) + (sum[2] + sum[3]));
}
NG_UNUSED static ACC row_dot(const REAL *x, const REAL *y, int64_t n) { return row_dot_(x, y, n, 1, 0); }
NG_UNUSED static ACC row_sum(const REAL *x, int64_t n) { return row_dot_(x, x, n, 0, 0); }

/* e[i] = exp(x[i] - shift), shift the largest. The last block of a row may overlap the one before it: it has the same bits
 * again. */
NG_UNUSED static void row_powers(REAL *restrict e, const REAL *restrict x, REAL shift, int64_t n)
{
    const int64_t whole = n - n % LANES;
    for (int64_t i = 0; i < whole; i++) e[i] = MATH(negexp)(x[i] - shift);
    if (whole < n && n >= LANES) {
        FOR_LANES(j) e[n - LANES + j] = MATH(negexp)(x[n - LANES + j] - shift);
    } else if (whole < n) {
        REAL block[LANES];
        filled(block, x, n, R(-INFINITY));
        FOR_LANES(j) block[j] = MATH(negexp)(block[j] - shift);
        store_lanes(e, 1, (int)n, block);
    }
}

/* Their sum but for 1, which is the largest of them. Where little is left, each is taken by itself: what is lost beside 1 would
 * be all of it. */
NG_UNUSED static ACC row_rest(const REAL *restrict e, int64_t n)
{
    const ACC rest = row_sum(e, n) - 1;
    if (!(rest < NG_CERTAIN)) return rest;
    ACC lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        FOR_LANES(j) lane[j] += e[i + j] == 1 ? 0 : (ACC)e[i + j];
    for (; i < n; i++) lane[0] += e[i] == 1 ? 0 : (ACC)e[i];
    return sum_of(lane);
}

/* e as row_powers has it; returns their sum. Exponentials and sum in loops of their own are faster than one loop. */
NG_UNUSED static ACC row_exp(REAL *restrict e, const REAL *restrict x, REAL shift, int64_t n)
{
    row_powers(e, x, shift, n);
    return row_sum(e, n);
}

#endif
