/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Matrix products. C (M, N) = or += op(A) (M, K) @ op(B) (K, N), row-major; op transposes where its flag says so: A is stored
 * (M, K) or (K, M). Leading dimensions count elements from one stored row to the next.
 */
#ifndef NG_KERNELS_GEMM_H
#define NG_KERNELS_GEMM_H

#include "elementwise.h"
#include "ng_api.h"

typedef struct ng_gemm_args {
    void *c;
    const void *a, *b;
    void *partials;                           /* (blocks of K, M, N) where K is cut, else NULL */
    int64_t m, n, k, lda, ldb, ldc;
    int64_t row_step, column_step, k_step;    /* the size of a block; blocks are numbered K first, then columns, then rows */
    int trans_a, trans_b, accumulate;
    ng_body epilogue;                         /* bias and activation on C, which is contiguous then; or NULL */
    ng_bias_args bias;                        /* (rows of C are worked on while they are in cache) */
} ng_gemm_args;

typedef struct ng_gemm_batched_args {
    ng_gemm_args gemm;
    int rank, sum_rank;                       /* batch axes of C, and behind them those that are summed over */
    int64_t dims[NG_MAX_NDIM], a_strides[NG_MAX_NDIM], b_strides[NG_MAX_NDIM];      /* strides in elements; 0: broadcast */
    int64_t summed, blocks_each;
} ng_gemm_batched_args;

static inline int64_t ng_power_of_two(int64_t n)
{
    int64_t power = 1;
    while (power <= n / 2) power *= 2;
    return power;
}
static inline int64_t ng_block_size(int64_t size, int64_t parts)
{
    if (parts <= 1) return size > 0 ? size : 1;
    return ((size - 1) / parts / 16 + 1) * 16;
}

/* Cuts a product into blocks for the threads, by its shape alone; at most `most` of them. Blocks under about 200 rows or
 * columns cost up to a tenth in packing, so smaller ones are made only where there would be fewer than four. Where both sides of
 * C are too short for that, K is cut. Returns the number of blocks. */
static inline int64_t ng_gemm_cut(int dtype, ng_gemm_args *g, int64_t most)
{
    g->row_step = ng_block_size(g->m, 1), g->column_step = ng_block_size(g->n, 1), g->k_step = ng_block_size(g->k, 1);
    const int thin = g->m <= 4 || g->n <= 4 || g->k <= 4;      /* bound by memory, not by arithmetic */
    const double piece = (thin ? 262144 : 1048576) / (dtype == NG_F32 ? 1 : 2);
    const double work = (double)g->m * (double)g->n * (double)g->k;
    if (work < 2 * piece) return g->m > 0 && g->n > 0;
    const int64_t want = ng_power_of_two(ng_lesser(most, work < 64 * piece ? (int64_t)(work / piece) : 64));
    /* Where our own kernels, to which such products go, pack panels of B, they pack them anew for every block of rows: 3 to 15 % of a
     * square product (docs/measurements.md). Blocks of columns read all of A, which should stay in the second-level cache. */
    const int64_t size = (int64_t)ng_itemsize(dtype);
    const int packs = g->trans_b || g->ldb * size % 512 == 0 || (g->trans_a && g->m > 256);
    const int columns_pay = packs && !g->epilogue && (g->n == g->m || (g->n >= 256 && g->m < 768)) && work <= 64 * 1048576.0
                            && g->m * ng_lesser(g->k, 256) * size <= 524288;
    const int64_t rows_first = g->m >= g->n && !columns_pay;
    const int64_t longer = rows_first ? g->m : g->n, shorter = rows_first ? g->n : g->m;
    const int64_t first = ng_power_of_two(ng_lesser(want, ng_greater(longer / 192, ng_lesser(thin ? 64 : 4, longer / 64))));
    const int64_t second = ng_power_of_two(ng_lesser(want / first, shorter / 192));
    const int64_t over_k = first * second == 1 ? ng_power_of_two(ng_lesser(ng_lesser(want, 4), g->k / 256)) : 1;
    g->row_step = ng_block_size(g->m, rows_first ? first : second);
    g->column_step = ng_block_size(g->n, rows_first ? second : first);
    g->k_step = ng_block_size(g->k, over_k);
    return ((g->m - 1) / g->row_step + 1) * ((g->n - 1) / g->column_step + 1) * ((g->k - 1) / g->k_step + 1);
}

/* Whether a block of a product that was cut is worth a thread whatever it costs to wake one: the same number of blocks is a small
 * product or a large one. */
static inline int ng_gemm_is_large(int dtype, const ng_gemm_args *g)
{
    const double block = (double)g->row_step * (double)g->column_step * (double)g->k_step;
    return block >= 4194304.0 / (dtype == NG_F32 ? 1 : 2);
}

/* A product whose arguments are filled in but for the cutting. */
static inline int ng_gemm_run(int dtype, ng_gemm_args *g)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    const ng_body epilogue = g->epilogue;
    g->partials = NULL;
    const int64_t blocks = ng_gemm_cut(dtype, g, 64);
    if (g->k_step >= g->k) {
        const int apart = epilogue && g->column_step < g->n;
        if (apart) g->epilogue = NULL;
        const int status = (ng_gemm_is_large(dtype, g) ? NG->launch_large : NG->launch)(kernels->gemm, g, sizeof *g, blocks, 1, 0);
        if (!apart || status) return status;
        return NG->launch(epilogue, &g->bias, sizeof g->bias, g->m * g->n, ng_element_grain(dtype, 40), 0);
    }
    const size_t bytes = (size_t)((g->k - 1) / g->k_step + 1) * (size_t)(g->m * g->n) * ng_itemsize(dtype);
    g->partials = ng_temporary(bytes);
    if (!g->partials) return NG_NO_MEMORY;
    int status = (ng_gemm_is_large(dtype, g) ? NG->launch_large : NG->launch)(kernels->gemm, g, sizeof *g, blocks, 1, 0);
    if (!status) status = NG->launch(kernels->gemm_combine, g, sizeof *g, g->m, ng_grain(g->n * 16), 0);
    ng_temporary_done(g->partials, bytes);
    return status;
}

static inline int ng_gemm(int dtype, void *c, const void *a, const void *b, int trans_a, int trans_b, int64_t m, int64_t n, int64_t k,
                          int64_t lda, int64_t ldb, int64_t ldc, int accumulate)
{
    ng_gemm_args g;      /* field by field: clearing the rest first costs as much as a small product */
    g.c = c, g.a = a, g.b = b;
    g.m = m, g.n = n, g.k = k, g.lda = lda, g.ldb = ldb, g.ldc = ldc;
    g.trans_a = trans_a, g.trans_b = trans_b, g.accumulate = accumulate;
    g.epilogue = NULL;
    return ng_gemm_run(dtype, &g);
}

/* C (batch axes..., M, N), contiguous, from matrices that are contiguous themselves. `dims` (rank + sum_rank,): the batch axes of
 * C, then axes along which the products are added up; strides count elements, 0 where an operand is broadcast. */
static inline int ng_gemm_batched(int dtype, void *c, const void *a, const void *b, int trans_a, int trans_b, int64_t m, int64_t n, int64_t k,
                                  int rank, int sum_rank, const int64_t *dims, const int64_t *a_strides, const int64_t *b_strides)
{
    ng_gemm_batched_args t = {.gemm = {.c = c, .a = a, .b = b, .m = m, .n = n, .k = k, .lda = trans_a ? m : k, .ldb = trans_b ? k : n,
                                       .ldc = n, .trans_a = trans_a, .trans_b = trans_b},
                              .rank = rank, .sum_rank = sum_rank, .summed = 1};
    int64_t batches = 1;
    for (int axis = 0; axis < rank + sum_rank; axis++) {
        t.dims[axis] = dims[axis], t.a_strides[axis] = a_strides[axis], t.b_strides[axis] = b_strides[axis];
        *(axis < rank ? &batches : &t.summed) *= dims[axis];
    }
    if (batches == 0 || m == 0 || n == 0) return NG_OK;
    ng_gemm_args *g = &t.gemm;
    ng_gemm_cut(dtype, g, ng_greater(64 / batches, 1));
    g->k_step = ng_block_size(k, 1);
    t.blocks_each = ((m - 1) / g->row_step + 1) * ((n - 1) / g->column_step + 1);
    const double cost = ((double)m * (double)n * ((double)k * 0.3 * (dtype == NG_F32 ? 1 : 2) + 4) + 500) * (double)t.summed;   /* 1/16 ns */
    const int64_t grain = t.blocks_each > 1 ? 1 : ng_grain(cost < 1e6 ? (int64_t)cost : 1000000);
    const int large = grain == 1 && cost / (double)t.blocks_each >= 16 * 100e3;
    return (large ? NG->launch_large : NG->launch)(NG->kernels[dtype]->gemm_batched, &t, sizeof t, batches * t.blocks_each, grain, 0);
}

#endif
