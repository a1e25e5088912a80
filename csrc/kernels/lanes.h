/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Loops over a row, or over LANES neighbouring rows or columns at once, for the kernels that need the exponentials of
 * classes (softmax, losses). Loops over lanes have a constant length, so that they become vectors without remainders, and
 * the bits of a row do not depend on which rows stand next to it. Included by .inc files after ng_real.h and ng_math.h.
 */
#ifndef NG_LANES_H
#define NG_LANES_H

#include "ng_port.h"

#define LANES 16

/* Of GCC: keeps a short loop of constant length a loop until it is vectorised (unrolled before, it may branch). */
#if defined(__GNUC__) && !defined(__clang__)
#  define KEEP_LOOP _Pragma("GCC unroll 1")
#else
#  define KEEP_LOOP
#endif
#define FOR_LANES(j) KEEP_LOOP for (int j = 0; j < LANES; j++)

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
    FOR_LANES(j) block[j] = with;
    for (int64_t j = 0; j < n; j++) block[j] = x[j];
    return block;
}

NG_INLINE ACC sum_of(const ACC *lane)
{
    ACC sum[LANES];
    FOR_LANES(j) sum[j] = lane[j];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++) sum[j] += sum[j + width];
    return sum[0];
}

/* The largest of n > 0 elements; NaN is passed over */
NG_UNUSED static REAL row_max(const REAL *restrict x, int64_t n)
{
    REAL lane[2 * LANES], largest = x[0];
    int64_t i = 0;
    if (n >= 2 * LANES) {
        for (int j = 0; j < 2 * LANES; j++) lane[j] = x[j];
        for (i = 2 * LANES; i + 2 * LANES <= n; i += 2 * LANES)
            for (int j = 0; j < 2 * LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
        for (int width = LANES; width > 0; width /= 2)
            for (int j = 0; j < width; j++) lane[j] = lane[j + width] > lane[j] ? lane[j + width] : lane[j];
        largest = lane[0];
    }
    for (; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* sum of x[i] * y[i], or of x[i] alone (y NULL) */
NG_UNUSED static ACC row_dot(const REAL *restrict x, const REAL *restrict y, int64_t n)
{
    ACC lane[2 * LANES], sum = 0;
    int64_t i = 0;
    if (n >= 2 * LANES) {
        for (int j = 0; j < 2 * LANES; j++) lane[j] = 0;
        if (y)
            for (; i + 2 * LANES <= n; i += 2 * LANES)
                for (int j = 0; j < 2 * LANES; j++) lane[j] += (ACC)x[i + j] * (ACC)y[i + j];
        else
            for (; i + 2 * LANES <= n; i += 2 * LANES)
                for (int j = 0; j < 2 * LANES; j++) lane[j] += (ACC)x[i + j];
        for (int j = 0; j < LANES; j++) lane[j] += lane[j + LANES];
        sum = sum_of(lane);
    }
    for (; i < n; i++) sum += y ? (ACC)x[i] * (ACC)y[i] : (ACC)x[i];
    return sum;
}

/* e[i] = exp(x[i] - shift); returns their sum. Exponentials and sum in loops of their own are faster than one loop. */
NG_UNUSED static ACC row_exp(REAL *restrict e, const REAL *restrict x, REAL shift, int64_t n)
{
    const int64_t whole = n - n % LANES;
    for (int64_t i = 0; i < whole; i++) e[i] = MATH(exp)(x[i] - shift);
    if (whole < n) {
        REAL block[LANES];
        filled(block, x + whole, n - whole, R(-INFINITY));
        FOR_LANES(j) block[j] = MATH(exp)(block[j] - shift);
        store_lanes(e + whole, 1, (int)(n - whole), block);
    }
    return row_dot(e, NULL, n);
}

#endif
