/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The linear layer: y = activation(x @ w.T + b). x (N, I), w (O, I), b (O,), y (N, O). x and w may lie transposed, x (I, N), w (I, O).
 */
#ifndef NG_KERNELS_LINEAR_H
#define NG_KERNELS_LINEAR_H

#include "gemm.h"
#include "reduce.h"

/* y = op(z), z = x @ w.T + b; z is kept unless NULL; b may be NULL; op -1: none, y = z. */
static inline int ng_linear_forward(int dtype, int op, void *y, void *z, const void *x, int x_transposed, const void *w, int w_transposed,
                                    const void *b, double p, int64_t rows, int64_t outputs, int64_t inputs)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_gemm_args g;
    g.c = y, g.a = x, g.b = w;
    g.m = rows, g.n = outputs, g.k = inputs, g.lda = x_transposed ? rows : inputs, g.ldb = w_transposed ? outputs : inputs, g.ldc = outputs;
    g.trans_a = x_transposed, g.trans_b = !w_transposed, g.accumulate = 0;
    g.epilogue = op >= 0 ? kernels->bias_forward[op] : b ? kernels->bias_add : NULL;
    g.bias = (ng_bias_args){.y = y, .z = z, .bias = b, .p = p, .cols = outputs};
    return ng_gemm_run(dtype, &g);
}

/* dx = dz @ w */
static inline int ng_linear_backward_x(int dtype, void *dx, const void *dz, const void *w, int w_transposed, int64_t rows, int64_t outputs,
                                       int64_t inputs)
{
    return ng_gemm(dtype, dx, dz, w, 0, w_transposed, rows, inputs, outputs, outputs, w_transposed ? outputs : inputs, inputs, 0);
}
/* dw = dz.T @ x */
static inline int ng_linear_backward_w(int dtype, void *dw, const void *dz, const void *x, int x_transposed, int64_t rows, int64_t outputs,
                                       int64_t inputs)
{
    return ng_gemm(dtype, dw, dz, x, 1, x_transposed, outputs, inputs, rows, outputs, x_transposed ? rows : inputs, inputs, 0);
}
/* db = the sum of dz over the rows */
static inline int ng_linear_backward_b(int dtype, void *db, const void *dz, int64_t rows, int64_t outputs)
{
    const int64_t dims[2] = {rows, outputs};
    return ng_sum_axes(dtype, db, dz, 2, dims, 1, 1.0);
}

#endif
