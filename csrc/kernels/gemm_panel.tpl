/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Included by gemm.inc once per vector type V, with PANEL(name) naming its functions: C (M, columns) = or += A (M, K) @ B (K,
 * columns) in register tiles. A is read by scalars through two strides, so that both its layouts serve: its element (r, p) is
 * a[r * row + p * step]. B's row p is vectors at b + p * ldb, which must be readable to the full width of NV vectors. C is
 * written in its first `columns` columns alone.
 */

/* One tile of MR rows and NV vectors, which stays in registers over the whole of K. */
NG_INLINE void PANEL(tile)(const int MR, const int NV, REAL *restrict c, const REAL *restrict a, const REAL *restrict b, int64_t k,
                           int64_t row, int64_t step, int64_t ldb, int64_t ldc, int64_t columns, int accumulate)
{
    enum { L = sizeof(V) / sizeof(REAL) };
    V sum[8][8];
    NG_UNROLL for (int r = 0; r < MR; r++)
        NG_UNROLL for (int v = 0; v < NV; v++) sum[r][v] = (V){0};
    if (k >= 32)     /* C comes into the cache meanwhile: a sixth of a 1x1 convolution of 64 to 256 channels */
        NG_UNROLL for (int r = 0; r < MR; r++)
            NG_UNROLL for (int v = 0; v < NV; v++) __builtin_prefetch(c + r * ldc + v * L, 1);
    for (int64_t p = 0; p < k; p++) {
        V row_b[8];
        NG_UNROLL for (int v = 0; v < NV; v++) row_b[v] = *(const V *)(b + p * ldb + v * L);
        NG_UNROLL for (int r = 0; r < MR; r++) {
            const REAL x = a[r * row + p * step];
            NG_UNROLL for (int v = 0; v < NV; v++) sum[r][v] += x * row_b[v];
        }
    }
    if (NG_LIKELY(columns == NV * L)) {
        NG_UNROLL for (int r = 0; r < MR; r++)
            NG_UNROLL for (int v = 0; v < NV; v++) {
                V *to = (V *)(c + r * ldc + v * L);
                if (accumulate) sum[r][v] += *to;
                *to = sum[r][v];
            }
        return;
    }
    REAL lines[8 * 8 * L];
    NG_UNROLL for (int r = 0; r < MR; r++)
        NG_UNROLL for (int v = 0; v < NV; v++) *(V *)(lines + (r * NV + v) * L) = sum[r][v];
    store_lines(c, lines, MR, NV * L, ldc, columns, accumulate);
}

/* A panel: all rows. */
static NG_NOINLINE void PANEL(panel)(const int NV, REAL *c, const REAL *a, const REAL *b, int64_t m, int64_t k, int64_t row, int64_t step,
                             int64_t ldb, int64_t ldc, int64_t columns, int accumulate)
{
#define TILES_OF(MR, NV, row) PANEL(tile)(MR, NV, c + i * ldc, a + i * row, b, k, row, step, ldb, ldc, columns, accumulate)
#define TILES(MR, NV) TILES_OF(MR, NV, row)
    int64_t i = 0;
    if (NV == 2) {
        if (row == 1)     /* the constant makes it a quarter faster with AVX-512 */
            for (; i + NG_TILE_ROWS <= m; i += NG_TILE_ROWS) TILES_OF(NG_TILE_ROWS, 2, 1);
        else
            for (; i + NG_TILE_ROWS <= m; i += NG_TILE_ROWS) TILES(NG_TILE_ROWS, 2);
        if (NG_TILE_ROWS > 4 && m - i >= 4) {
            TILES(4, 2);
            i += 4;
        }
        if (m - i == 3) TILES(3, 2);
        else if (m - i == 2) TILES(2, 2);
        else if (m - i == 1) TILES(1, 2);
        return;
    }
    for (; i + 8 <= m; i += 8) TILES(8, 1);
    if (m - i >= 4) {
        TILES(4, 1);
        i += 4;
    }
    if (m - i == 3) TILES(3, 1);
    else if (m - i == 2) TILES(2, 1);
    else if (m - i == 1) TILES(1, 1);
#undef TILES
#undef TILES_OF
}
