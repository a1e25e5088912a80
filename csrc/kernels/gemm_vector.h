/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Dot products of rows, for gemm.inc.
 */
#ifndef NG_GEMM_VECTOR_H
#define NG_GEMM_VECTOR_H

#include "vectors.h"

/* What dot products gather in: a vector, or a quad where that is more; and its lanes added down to a quad. */
#if VECTOR == 16
typedef vector dots;
NG_INLINE quad fold(dots x)
{
    const half y = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(y, y, 0, 1, 2, 3) + __builtin_shufflevector(y, y, 4, 5, 6, 7);
}
#elif VECTOR == 8
typedef vector dots;
NG_INLINE quad fold(dots x) { return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7); }
#else
typedef quad dots;
#  define fold(x) (x)
#endif
enum { DOTS = sizeof(dots) / sizeof(REAL) };

/* a (k,) . b (k,): eight sums side by side for as long as their rounding is harmless, those added up in ACC. */
static NG_NOINLINE REAL dot(const REAL *a, const REAL *b, int64_t k)
{
    ACC total = 0;
    for (int64_t p = 0; p < k;) {
        const int64_t end = k - p > 8 * 1024 ? p + 8 * 1024 : k;
        dots sum[8] = {{0}};
        for (; p + 8 * DOTS <= end; p += 8 * DOTS)
            NG_UNROLL for (int i = 0; i < 8; i++) sum[i] += *(const dots *)(a + p + i * DOTS) * *(const dots *)(b + p + i * DOTS);
        for (; p + DOTS <= end; p += DOTS) sum[0] += *(const dots *)(a + p) * *(const dots *)(b + p);
        const dots all = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
        quad four = fold(all);
        for (; p + 4 <= end; p += 4) four += *(const quad *)(a + p) * *(const quad *)(b + p);
        REAL rest = (four[0] + four[1]) + (four[2] + four[3]);
        for (; p < end; p++) rest += a[p] * b[p];
        total += (ACC)rest;
    }
    return (REAL)total;
}

/* C (ROWS, COLUMNS) = or += A (ROWS, k) @ B (COLUMNS, k).T, dot products of rows. COLUMNS is a multiple of four, of which the
 * first `columns` are there and written: the others read the last one again. Element (r, j) of C is c[r * c_row + j * c_column]. */
NG_INLINE void dot_tile(const int ROWS, const int COLUMNS, REAL *c, const REAL *a, const REAL *b, int64_t k, int64_t lda, int64_t ldb,
                        int64_t c_row, int64_t c_column, int64_t columns, int accumulate)
{
    const REAL *row_b[8];
    NG_UNROLL for (int j = 0; j < COLUMNS; j++) row_b[j] = b + (j < columns ? j : columns - 1) * ldb;
    dots sum[4][8];
    NG_UNROLL for (int r = 0; r < ROWS; r++)
        NG_UNROLL for (int j = 0; j < COLUMNS; j++) sum[r][j] = (dots){0};
    int64_t p = 0;
    for (; p + DOTS <= k; p += DOTS) {
        dots x[4];
        NG_UNROLL for (int r = 0; r < ROWS; r++) x[r] = *(const dots *)(a + r * lda + p);
        NG_UNROLL for (int j = 0; j < COLUMNS; j++) {
            const dots y = *(const dots *)(row_b[j] + p);
            NG_UNROLL for (int r = 0; r < ROWS; r++) sum[r][j] += x[r] * y;
        }
    }
    quad q[4][8];
    NG_UNROLL for (int r = 0; r < ROWS; r++)
        NG_UNROLL for (int j = 0; j < COLUMNS; j++) q[r][j] = fold(sum[r][j]);
    for (; p + 4 <= k; p += 4)
        NG_UNROLL for (int j = 0; j < COLUMNS; j++)
            NG_UNROLL for (int r = 0; r < ROWS; r++) q[r][j] += *(const quad *)(a + r * lda + p) * *(const quad *)(row_b[j] + p);
    NG_UNROLL for (int r = 0; r < ROWS; r++)
        NG_UNROLL for (int j = 0; j < COLUMNS; j += 4) {
            transpose_quads(q[r] + j);
            quad total = (q[r][j] + q[r][j + 1]) + (q[r][j + 2] + q[r][j + 3]);
            for (int64_t s = p; s < k; s++)
                total += a[r * lda + s] * (quad){row_b[j][s], row_b[j + 1][s], row_b[j + 2][s], row_b[j + 3][s]};
            REAL *to = c + r * c_row + j * c_column;
            if (c_column == 1 && j + 4 <= columns) {
                if (accumulate) total += *(const quad *)to;
                *(quad *)to = total;
            } else {
                for (int64_t i = 0; i < 4 && j + i < columns; i++) to[i * c_column] = accumulate ? to[i * c_column] + total[i] : total[i];
            }
        }
}

#endif
