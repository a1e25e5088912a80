/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Elementwise kernels: the argument structs and the launchers.
 *
 * Operands of a binary op are described by pointer and strides in elements, 0 along an axis of broadcasting; a NULL
 * pointer stands for a scalar, given as a double. All outputs may be the very memory of an input of the same shape
 * (never an overlapping, shifted one).
 */
#ifndef NG_KERNELS_ELEMENTWISE_H
#define NG_KERNELS_ELEMENTWISE_H

#include "ng_api.h"

/* Pieces are multiples of 64 elements, so that only the last one has a tail; float64 takes about twice float32's time. */
static inline int64_t ng_element_grain(int dtype, int cost)
{
    const int64_t grain = ng_grain(dtype == NG_F32 ? cost : 2 * cost);
    return grain < 64 ? 64 : grain & ~(int64_t)63;
}

/* Whether an output is stored past the caches (ng_stream.h): where an operation reads and writes `arrays` of n elements that
 * together are more than the last-level cache of nearly all processors. */
enum { NG_STREAM_BYTES = 40 << 20 };
static inline int ng_streams(int dtype, int64_t n, int arrays)
{
    return n > NG_STREAM_BYTES / 64 && n * (int64_t)ng_itemsize(dtype) * arrays > NG_STREAM_BYTES;
}

/* Unary ----------------------------------------------------------------------------------------------------------- */

typedef struct ng_unary_args {
    void *out;                      /* y, or dx */
    const void *dy, *x, *y;         /* backward reads what ng_unary_info.reads says: the others may be NULL */
    double p, q;
    int streams;
} ng_unary_args;

/* y[i] = op(x[i]) */
static inline int ng_unary_forward(int dtype, int op, void *y, const void *x, double p, double q, int64_t n)
{
    const ng_unary_args args = {y, NULL, x, NULL, p, q, y != x && ng_streams(dtype, n, 2)};
    return NG->launch(NG->kernels[dtype]->unary_forward[op], &args, sizeof args, n,
                      ng_element_grain(dtype, NG->unary_info[op].forward_cost), 0);
}

/* dx[i] = dy[i] * op'(x[i]) */
static inline int ng_unary_backward(int dtype, int op, void *dx, const void *dy, const void *x, const void *y, double p,
                                    double q, int64_t n)
{
    const ng_unary_args args = {dx, dy, x, y, p, q, dx != dy && ng_streams(dtype, n, 2 + (x != NULL) + (y != NULL))};
    return NG->launch(NG->kernels[dtype]->unary_backward[op], &args, sizeof args, n,
                      ng_element_grain(dtype, NG->unary_info[op].backward_cost), 0);
}

/* Bias and activation, in place ----------------------------------------------------------------------------------- */

typedef struct ng_bias_args {
    void *y, *z;
    const void *bias;
    double p, q;
    int64_t cols;
} ng_bias_args;

/* y (rows, cols): z = y + bias (cols,), y = op(z). z (rows, cols) is stored too unless NULL; bias may be NULL; op -1: none. */
static inline int ng_bias_forward(int dtype, int op, void *y, void *z, const void *bias, double p, double q, int64_t rows,
                                  int64_t cols)
{
    const ng_bias_args args = {y, z, bias, p, q, cols};
    const int cost = 2 + (op < 0 ? 2 : NG->unary_info[op].forward_cost);
    if (op < 0 && !z && !bias) return NG_OK;
    return NG->launch(op < 0 ? NG->kernels[dtype]->bias_add : NG->kernels[dtype]->bias_forward[op], &args, sizeof args,
                      rows * cols, ng_element_grain(dtype, cost), 0);
}

/* Broadcasting ---------------------------------------------------------------------------------------------------- */

/* Strides in elements of a C-contiguous operand broadcast to a shape of `rank` axes. */
static inline void ng_broadcast_strides(int rank, int operand_rank, const int64_t *operand_dims, int64_t *strides)
{
    int64_t step = 1;
    for (int axis = rank - 1, k = operand_rank - 1; axis >= 0; axis--, k--) {
        const int64_t size = k >= 0 ? operand_dims[k] : 1;
        strides[axis] = size == 1 ? 0 : step;
        step *= size;
    }
}

enum { NG_SCALAR = 0, NG_FULL = 1, NG_STRIDED = 2 };
enum { NG_MAX_OPERANDS = 3 };

/* How one operand is walked: a scalar, in step with the output, or by strides over the common axes. */
typedef struct ng_walk {
    int mode;
    int64_t strides[NG_MAX_NDIM];
} ng_walk;

/* Drops axes of size 1, merges those that all operands walk alike, and says how each operand is walked. Returns the rank. */
static inline int ng_coalesce(int rank, const int64_t *dims, int count, const int64_t *const *strides, int64_t *out_dims,
                              ng_walk *walks)
{
    int out = 0;
    for (int axis = 0; axis < rank; axis++) {
        int merge = out > 0;
        if (dims[axis] == 1) continue;
        for (int k = 0; k < count; k++)
            merge = merge && walks[k].strides[out - 1] == strides[k][axis] * dims[axis];
        if (merge)
            out_dims[out - 1] *= dims[axis];
        else
            out_dims[out++] = dims[axis];
        for (int k = 0; k < count; k++) walks[k].strides[out - 1] = strides[k][axis];
    }
    for (int k = 0; k < count; k++) {
        int all_zero = 1, all_real = 1;
        int64_t step = 1;
        for (int axis = out - 1; axis >= 0; axis--) {
            all_zero = all_zero && walks[k].strides[axis] == 0;
            all_real = all_real && walks[k].strides[axis] == step;
            step *= out_dims[axis];
        }
        if (out == 0) walks[k].strides[0] = 0;
        walks[k].mode = all_real && out > 0 ? NG_FULL : all_zero ? NG_SCALAR : NG_STRIDED;
    }
    return out;
}

static inline int64_t ng_size(int rank, const int64_t *dims)
{
    int64_t n = 1;
    for (int axis = 0; axis < rank; axis++) n *= dims[axis];
    return n;
}

/* Binary ---------------------------------------------------------------------------------------------------------- */

typedef struct ng_binary_args {
    void *out;                      /* y, da or db, of the full shape */
    const void *dy, *y;             /* of the full shape; backward reads y if ng_binary_info says so */
    const void *operand[2];         /* a, b; NULL: the scalar */
    double scalar[2];
    int mode[2];
    int streams;
    int rank;                       /* 0: no operand is NG_STRIDED, and what follows is not there */
    int64_t dims[NG_MAX_NDIM];
    ng_walk walk[2];
} ng_binary_args;

enum { NG_FORWARD = -1, NG_DA = 0, NG_DB = 1 };

static inline int ng_binary_launch(int dtype, int op, int which, ng_binary_args *args, int64_t n)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    const ng_body body = which == NG_FORWARD ? kernels->binary_forward[op]
                         : which == NG_DA    ? kernels->binary_da[op]
                                             : kernels->binary_db[op];
    const int cost = which == NG_FORWARD ? NG->binary_info[op].forward_cost : NG->binary_info[op].backward_cost;
    args->streams = args->out != args->dy && ng_streams(dtype, n, 1 + (args->dy != NULL) + (args->mode[0] == NG_FULL) +
                                                                  (args->mode[1] == NG_FULL) + (args->y != NULL));
    return NG->launch(body, args, args->rank ? sizeof *args : offsetof(ng_binary_args, dims), n,
                      ng_element_grain(dtype, cost + (args->rank ? 1 : 0)), 0);
}

static inline int ng_binary_flat_(int dtype, int op, int which, void *out, const void *dy, const void *a, const void *b,
                                  const void *y, double a_scalar, double b_scalar, int64_t n)
{
    ng_binary_args args;
    args.out = out, args.dy = dy, args.y = y;
    args.operand[0] = a, args.operand[1] = b;
    args.scalar[0] = a_scalar, args.scalar[1] = b_scalar;
    args.mode[0] = a ? NG_FULL : NG_SCALAR, args.mode[1] = b ? NG_FULL : NG_SCALAR;
    args.rank = 0;
    return ng_binary_launch(dtype, op, which, &args, n);
}

static inline int ng_binary_strided_(int dtype, int op, int which, void *out, const void *dy, const void *a, const void *b,
                                     const void *y, int rank, const int64_t *dims, const int64_t *a_strides,
                                     const int64_t *b_strides)
{
    ng_binary_args args;
    const int64_t *const strides[2] = {a_strides, b_strides};
    args.out = out, args.dy = dy, args.y = y;
    args.operand[0] = a, args.operand[1] = b;
    args.scalar[0] = args.scalar[1] = 0;
    args.rank = ng_coalesce(rank, dims, 2, strides, args.dims, args.walk);
    args.mode[0] = args.walk[0].mode, args.mode[1] = args.walk[1].mode;
    if (args.mode[0] != NG_STRIDED && args.mode[1] != NG_STRIDED) args.rank = 0;
    return ng_binary_launch(dtype, op, which, &args, ng_size(rank, dims));
}

/* y[i] = op(a[i], b[i]); a or b NULL: the scalar instead */
static inline int ng_binary_forward(int dtype, int op, void *y, const void *a, const void *b, double a_scalar,
                                    double b_scalar, int64_t n)
{
    return ng_binary_flat_(dtype, op, NG_FORWARD, y, NULL, a, b, NULL, a_scalar, b_scalar, n);
}

/* y (dims) = op(a, b), operands broadcast by ng_broadcast_strides */
static inline int ng_binary_broadcast(int dtype, int op, void *y, const void *a, const void *b, int rank,
                                      const int64_t *dims, const int64_t *a_strides, const int64_t *b_strides)
{
    return ng_binary_strided_(dtype, op, NG_FORWARD, y, NULL, a, b, NULL, rank, dims, a_strides, b_strides);
}

/* out = da (which NG_DA) or db (NG_DB), of the full shape: the caller sums it for an operand that was broadcast. NULL for what is
 * not read, or for a scalar operand. */
static inline int ng_binary_backward(int dtype, int op, int which, void *out, const void *dy, const void *a, const void *b,
                                     const void *y, double a_scalar, double b_scalar, int64_t n)
{
    return ng_binary_flat_(dtype, op, which, out, dy, a, b, y, a_scalar, b_scalar, n);
}

static inline int ng_binary_broadcast_backward(int dtype, int op, int which, void *out, const void *dy, const void *a,
                                               const void *b, const void *y, int rank, const int64_t *dims,
                                               const int64_t *a_strides, const int64_t *b_strides)
{
    return ng_binary_strided_(dtype, op, which, out, dy, a, b, y, rank, dims, a_strides, b_strides);
}

/* Where ----------------------------------------------------------------------------------------------------------- */

typedef struct ng_where_args {
    void *out;                      /* y, da or db, of the full shape */
    const void *dy;                 /* of the full shape */
    const void *operand[3];         /* a, b, then cond (bytes, 0 or not 0); a or b NULL: the scalar */
    double scalar[2];
    int which;                      /* backward: NG_DA or NG_DB */
    int rank;
    int64_t dims[NG_MAX_NDIM];
    ng_walk walk[3];
} ng_where_args;

/* y (dims) = cond ? a : b; a or b NULL: the scalar instead (its strides are not read) */
static inline int ng_where_forward(int dtype, void *y, const uint8_t *cond, const void *a, const void *b, double a_scalar,
                                   double b_scalar, int rank, const int64_t *dims, const int64_t *cond_strides,
                                   const int64_t *a_strides, const int64_t *b_strides)
{
    static const int64_t zeros[NG_MAX_NDIM] = {0};
    ng_where_args args;
    const int64_t *const strides[3] = {a ? a_strides : zeros, b ? b_strides : zeros, cond_strides};
    args.out = y, args.dy = NULL;
    args.operand[0] = a, args.operand[1] = b, args.operand[2] = cond;
    args.scalar[0] = a_scalar, args.scalar[1] = b_scalar, args.which = NG_FORWARD;
    args.rank = ng_coalesce(rank, dims, 3, strides, args.dims, args.walk);
    return NG->launch(NG->kernels[dtype]->where_forward, &args, sizeof args, ng_size(rank, dims),
                      ng_element_grain(dtype, 6), 0);
}

/* da = cond ? dy : 0 (which NG_DA), db = cond ? 0 : dy (NG_DB), of the full shape */
static inline int ng_where_backward(int dtype, int which, void *out, const void *dy, const uint8_t *cond, int rank,
                                    const int64_t *dims, const int64_t *cond_strides)
{
    ng_where_args args;
    args.out = out, args.dy = dy;
    args.operand[0] = args.operand[1] = NULL, args.operand[2] = cond;
    args.scalar[0] = args.scalar[1] = 0, args.which = which;
    args.rank = ng_coalesce(rank, dims, 1, &cond_strides, args.dims, &args.walk[2]);
    return NG->launch(NG->kernels[dtype]->where_backward, &args, sizeof args, ng_size(rank, dims),
                      ng_element_grain(dtype, 6), 0);
}

#endif
