/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Included by conv_direct.inc once per vector type V, with TILE(name) naming its functions: products whose left operand is
 * found through two tables,
 *
 *   C[r, :] = init[r, :] + sum over p < k of s[rows[r] + offsets[p]] * B[p, :]
 *
 * with B (k, NV vectors) and C (m, NV vectors) contiguous. The rows of init lie `init_step` apart: 0 for one row that serves all,
 * and init may be C.
 */

/* MR rows, which stay in registers over the whole of k. */
NG_INLINE void TILE(tile)(const int MR, const int NV, REAL *c, const REAL *init, int64_t init_step, const REAL *s,
                          const int64_t *rows, const int64_t *offsets, const REAL *b, int64_t k)
{
    enum { L = sizeof(V) / sizeof(REAL) };
    V sum[8][2];
    const REAL *row[8];
    NG_UNROLL for (int r = 0; r < MR; r++) {
        row[r] = s + rows[r];
        NG_UNROLL for (int v = 0; v < NV; v++) sum[r][v] = *(const V *)(init + r * init_step + v * L);
    }
    for (int64_t p = 0; p < k; p++) {
        const int64_t at = offsets[p];
        V row_b[2];
        NG_UNROLL for (int v = 0; v < NV; v++) row_b[v] = *(const V *)(b + (p * NV + v) * L);
        NG_UNROLL for (int r = 0; r < MR; r++) {
            const REAL x = row[r][at];
            NG_UNROLL for (int v = 0; v < NV; v++) sum[r][v] += x * row_b[v];
        }
    }
    NG_UNROLL for (int r = 0; r < MR; r++)
        NG_UNROLL for (int v = 0; v < NV; v++) *(V *)(c + (r * NV + v) * L) = sum[r][v];
}

static NG_NOINLINE void TILE(product)(const int NV, REAL *c, const REAL *init, int64_t init_step, const REAL *s,
                                      const int64_t *rows, int64_t m, const int64_t *offsets, const REAL *b, int64_t k)
{
    enum { L = sizeof(V) / sizeof(REAL) };
    int64_t i = 0;
#define ROWS(MR) TILE(tile)(MR, NV, c + i * NV * L, init + i * init_step, init_step, s, rows + i, offsets, b, k)
    for (; i + NG_TILE_ROWS <= m; i += NG_TILE_ROWS) ROWS(NG_TILE_ROWS);
    if (NG_TILE_ROWS > 4 && m - i >= 4) {
        ROWS(4);
        i += 4;
    }
    if (m - i == 3) ROWS(3);
    else if (m - i == 2) ROWS(2);
    else if (m - i == 1) ROWS(1);
#undef ROWS
}
