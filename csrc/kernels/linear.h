/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The linear layer: y = activation(x @ w.T + b). x (N, I), w (O, I), b (O,), y (N, O).
 */
#ifndef NG_KERNELS_LINEAR_H
#define NG_KERNELS_LINEAR_H

#include "gemm.h"
#include "reduce.h"

/* y = op(z), z = x @ w.T + b; z is kept unless NULL; b may be NULL; op -1: none, y = z. */
static inline int ng_linear_forward(int dtype, int op, void *y, void *z, const void *x, const void *w, const void *b, double p, int64_t rows,
                                    int64_t outputs, int64_t inputs)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_gemm_args g = {.c = y, .a = x, .b = w, .m = rows, .n = outputs, .k = inputs, .lda = inputs, .ldb = inputs, .ldc = outputs,
                      .trans_b = 1, .bias = {.y = y, .z = z, .bias = b, .p = p, .cols = outputs}};
    if (op >= 0) g.epilogue = kernels->bias_forward[op];
    else if (b) g.epilogue = kernels->bias_add;
    return ng_gemm_run(dtype, &g);
}

/* dx = dz @ w */
static inline int ng_linear_backward_x(int dtype, void *dx, const void *dz, const void *w, int64_t rows, int64_t outputs, int64_t inputs)
{
    return ng_gemm(dtype, dx, dz, w, 0, 0, rows, inputs, outputs, outputs, inputs, inputs, 0);
}
/* dw = dz.T @ x */
static inline int ng_linear_backward_w(int dtype, void *dw, const void *dz, const void *x, int64_t rows, int64_t outputs, int64_t inputs)
{
    return ng_gemm(dtype, dw, dz, x, 1, 0, outputs, inputs, rows, outputs, inputs, inputs, 0);
}
/* db = the sum of dz over the rows */
static inline int ng_linear_backward_b(int dtype, void *db, const void *dz, int64_t rows, int64_t outputs)
{
    const int64_t dims[2] = {rows, outputs};
    return ng_sum_axes(dtype, db, dz, 2, dims, 1, 1.0);
}

#endif
