/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Reductions over any set of axes, and what goes back: the layout that both share, and their launchers.
 *
 * x has `rank` axes; bit i of `mask` says that axis i is reduced. Axes of size 1 are dropped and neighbours of one kind
 * merged; what is left alternates between kept and reduced axes. With R a reduced and K a kept axis:
 *
 *   ... K R     the last axis is reduced: `run` contiguous elements go into one output           (width 1, stride 1)
 *   ... R K     the last axis is kept: `run` rows of `width` elements go into a row of outputs   (stride = width)
 *
 * The axes before these are walked. A reduction (fold) of few outputs is cut into `chunks` of the reduced elements, by
 * shape alone; partial results are then merged in order, so the bits do not depend on threads.
 */
#ifndef NG_REDUCE_H
#define NG_REDUCE_H

#include "ng_api.h"

enum { NG_FOLD_TILE = 512, NG_AXES_OUTER = 4 };

typedef struct ng_axes {
    int64_t run, stride, width;               /* the innermost reduced axis: length, stride; elements of a row */
    int64_t kept, folded;                     /* how many rows are kept, how many runs go into each */
    int n_kept, n_folded;
    int64_t kept_dims[NG_AXES_OUTER], kept_strides[NG_AXES_OUTER];
    int64_t folded_dims[NG_AXES_OUTER], folded_strides[NG_AXES_OUTER];
} ng_axes;

typedef struct ng_fold_args {
    void *out;                  /* kept * width values: REAL, or ACC if out_is_acc (partial results: one such row per chunk) */
    const void *x;              /* elements; when merging: the partial results */
    const void *source;         /* elements */
    const void *center;         /* one per output (of the kernel's type CENTER), or NULL for zeros */
    double parameter;           /* what FINISH reads: the divisor of a mean ... */
    double least_share;         /* of the center's square: sums of squares that are smaller are done over (reduce_range.h) */
    ng_axes axes;
    int64_t tiles, chunks, chunk;    /* tiles of a row; chunks of the run positions, positions in a chunk */
    int out_is_acc, is_partial, is_merge;
} ng_fold_args;

typedef struct ng_spread_args {
    void *dx;                   /* x's shape */
    const void *x, *y, *dy;     /* y, dy: one per output. x or y is NULL where the formula does not read it */
    const double *center;       /* one per output, where the formula reads it */
    double parameter;
    int64_t inner;              /* the last axis after merging */
    int inner_is_kept, n_outer;
    int64_t dims[2 * NG_AXES_OUTER], steps[2 * NG_AXES_OUTER];     /* the axes before it: size, and step in y */
} ng_spread_args;

/* Merged axes, outermost first: sizes and kinds. Returns how many (0 if x has one element). */
static inline int ng_merge_axes(int rank, const int64_t *dims, unsigned mask, int64_t *sizes, int *reduced)
{
    int n = 0;
    for (int i = 0; i < rank; i++) {
        const int kind = mask >> i & 1;
        if (dims[i] == 1) continue;
        if (n > 0 && reduced[n - 1] == kind) sizes[n - 1] *= dims[i];
        else {
            sizes[n] = dims[i];
            reduced[n++] = kind;
        }
    }
    return n;
}

static inline ng_axes ng_fold_axes(int rank, const int64_t *dims, unsigned mask)
{
    ng_axes a = {.run = 1, .stride = 1, .width = 1, .kept = 1, .folded = 1, .n_kept = 0, .n_folded = 0};
    int64_t sizes[NG_MAX_NDIM], stride = 1;
    int reduced[NG_MAX_NDIM];
    int n = ng_merge_axes(rank, dims, mask, sizes, reduced);
    if (n > 0 && !reduced[n - 1]) a.width = a.stride = stride = sizes[--n];
    if (n > 0 && reduced[n - 1]) stride *= a.run = sizes[--n];
    int64_t strides[NG_MAX_NDIM];
    for (int i = n - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= sizes[i];
    }
    for (int i = 0; i < n; i++) {
        if (reduced[i]) {
            a.folded_dims[a.n_folded] = sizes[i];
            a.folded_strides[a.n_folded++] = strides[i];
            a.folded *= sizes[i];
        } else {
            a.kept_dims[a.n_kept] = sizes[i];
            a.kept_strides[a.n_kept++] = strides[i];
            a.kept *= sizes[i];
        }
    }
    return a;
}

/* Launches a fold. cost: 1/16 ns per element. */
static inline int ng_fold(ng_body body, void *out, const void *x, const void *center, double parameter, int out_is_acc,
                          int rank, const int64_t *dims, unsigned mask, int64_t cost)
{
    ng_fold_args args = {.out = out, .x = x, .source = x, .center = center, .parameter = parameter, .out_is_acc = out_is_acc,
                         .axes = ng_fold_axes(rank, dims, mask)};
    const ng_axes *a = &args.axes;
    const int64_t outputs = a->kept * a->width, positions = a->folded * a->run;
    if (outputs == 0) return NG_OK;
    const double share = 1e-11 * (1 + (double)positions / 1000);       /* a sum of many elements has lost more digits than its last */
    args.least_share = (double)positions * share * share;
    args.tiles = (a->width + NG_FOLD_TILE - 1) / NG_FOLD_TILE;
    const int64_t items = a->kept * args.tiles, row = a->width < NG_FOLD_TILE ? a->width : NG_FOLD_TILE;
    args.chunks = 1;
    args.chunk = positions;
    if (items < 8 && positions > 1) {
        const int64_t most = (ng_grain(cost) + row - 1) / row;     /* positions worth a piece */
        if (positions >= 2 * most) {
            args.chunks = (positions + most - 1) / most;
            args.chunk = most;
        }
    }
    if (args.chunks == 1)
        return NG->launch(body, &args, sizeof args, items, ng_grain(cost * row * positions + 160), 0);

    const size_t bytes = (size_t)(args.chunks * outputs) * sizeof(double);
    void *partial = ng_temporary(bytes);
    if (!partial) return NG_NO_MEMORY;
    ng_fold_args merge = args;
    args.out = partial;
    args.is_partial = args.out_is_acc = 1;
    int status = NG->launch(body, &args, sizeof args, items * args.chunks, 1, 0);
    if (status == NG_OK) {
        merge.x = partial;
        merge.is_merge = 1;
        status = NG->launch(body, &merge, sizeof merge, outputs, ng_grain(16 * args.chunks), 0);
    }
    ng_temporary_done(partial, bytes);
    return status;
}

/* Launches a spread: dx = F(x, y, dy) with y and dy broadcast back to x's shape. */
static inline int ng_spread(ng_body body, void *dx, const void *x, const void *y, const void *dy, const double *center,
                            double parameter, int rank, const int64_t *dims, unsigned mask, int64_t cost)
{
    ng_spread_args args = {.dx = dx, .x = x, .y = y, .dy = dy, .center = center, .parameter = parameter, .inner = 1};
    int64_t sizes[NG_MAX_NDIM], count = 1, step = 1;
    int reduced[NG_MAX_NDIM];
    for (int i = 0; i < rank; i++) count *= dims[i];
    if (count == 0) return NG_OK;
    int n = ng_merge_axes(rank, dims, mask, sizes, reduced);
    if (n > 0) {
        args.inner = sizes[--n];
        args.inner_is_kept = !reduced[n];
        if (args.inner_is_kept) step = args.inner;
    }
    args.n_outer = n;
    for (int i = n - 1; i >= 0; i--) {
        args.dims[i] = sizes[i];
        args.steps[i] = reduced[i] ? 0 : step;
        if (!reduced[i]) step *= sizes[i];
    }
    return NG->launch(body, &args, sizeof args, count, ng_grain(cost), 0);
}

/* What an element costs, in 1/16 ns, where memory decides. */
static inline int64_t ng_reduce_cost(int dtype) { return dtype == NG_F32 ? 3 : 6; }

/* Below: x has `rank` axes `dims`, `mask` tells the reduced ones, `out` and `y` have one element per output. Buffers said
 * to be double hold doubles for both dtypes. */
#define NG_FOLD(kernel, out, center, parameter, out_is_acc, cost) \
    ng_fold(NG->kernels[dtype]->fold_##kernel, out, x, center, parameter, out_is_acc, rank, dims, mask, cost)
#define NG_SPREAD(kernel, x, y, center, parameter, cost) \
    ng_spread(NG->kernels[dtype]->spread_##kernel, dx, x, y, dy, center, parameter, rank, dims, mask, cost)

/* out = (sum of x over the axes in mask) / divisor */
static inline int ng_sum_axes(int dtype, void *out, const void *x, int rank, const int64_t *dims, unsigned mask, double divisor)
{
    return NG_FOLD(sum, out, NULL, divisor, 0, ng_reduce_cost(dtype));
}
/* out = in * (1 / divisor), broadcast along the axes in mask; dims is out's shape */
static inline int ng_broadcast_axes(int dtype, void *dx, const void *dy, int rank, const int64_t *dims, unsigned mask,
                                    double divisor)
{
    return NG_SPREAD(sum, NULL, NULL, NULL, 1 / divisor, ng_reduce_cost(dtype));
}

/* out = the largest element, or the smallest; NaN where there is one */
static inline int ng_max(int dtype, void *out, const void *x, int rank, const int64_t *dims, unsigned mask, int smallest)
{
    return smallest ? NG_FOLD(min, out, NULL, 0, 0, ng_reduce_cost(dtype)) : NG_FOLD(max, out, NULL, 0, 0, ng_reduce_cost(dtype));
}
/* dx = dy / ties where x is y, else 0; ties: double, of the size of y, is filled */
static inline int ng_max_backward(int dtype, void *dx, double *ties, const void *dy, const void *x, const void *y,
                                  int rank, const int64_t *dims, unsigned mask)
{
    const int status = NG_FOLD(ties, ties, y, 0, 1, ng_reduce_cost(dtype));
    return status ? status : NG_SPREAD(max, x, y, ties, 0, 2 * ng_reduce_cost(dtype));
}

/* out = product */
static inline int ng_prod(int dtype, void *out, const void *x, int rank, const int64_t *dims, unsigned mask)
{
    return NG_FOLD(prod, out, NULL, 0, 0, ng_reduce_cost(dtype));
}
/* dx = dy * (product of the others), from the number of zeros (of x's type) and the product of the rest (double), which are
 * filled: each has the size of y */
static inline int ng_prod_backward(int dtype, void *dx, void *zeros, double *rest, const void *dy, const void *x,
                                   int rank, const int64_t *dims, unsigned mask)
{
    int status = NG_FOLD(zeros, zeros, NULL, 0, 0, ng_reduce_cost(dtype));
    if (status == NG_OK) status = NG_FOLD(prod_nonzero, rest, NULL, 0, 1, ng_reduce_cost(dtype));
    return status ? status : NG_SPREAD(prod, x, zeros, rest, 0, 3 * ng_reduce_cost(dtype));
}

/* out = log(sum(exp(x))); largest (of x's type) and sums (double), of the size of out, are filled */
static inline int ng_logsumexp(int dtype, void *out, void *largest, double *sums, const void *x, int rank, const int64_t *dims,
                               unsigned mask, int64_t outputs)
{
    int status = NG_FOLD(max, largest, NULL, 0, 0, ng_reduce_cost(dtype));
    if (status == NG_OK) status = NG_FOLD(exp, sums, largest, 0, 1, 4 * ng_reduce_cost(dtype));
    if (status) return status;
    return ng_spread(NG->kernels[dtype]->spread_log_of_sum, out, NULL, largest, largest, sums, 0, 1, &outputs, 0, 32);
}
/* dx = dy * exp(x - largest) / sums */
static inline int ng_logsumexp_backward(int dtype, void *dx, const void *dy, const void *x, const void *largest,
                                        const double *sums, int rank, const int64_t *dims, unsigned mask)
{
    return NG_SPREAD(exp, x, largest, sums, 0, 5 * ng_reduce_cost(dtype));
}

/* out = sum((x - mean)^2) / divisor, or its root; mean: double, of the size of y, is filled */
static inline int ng_var(int dtype, void *out, double *mean, const void *x, int rank, const int64_t *dims, unsigned mask,
                         double count, double divisor, int root)
{
    const int status = NG_FOLD(sum, mean, NULL, count, 1, ng_reduce_cost(dtype));
    if (status) return status;
    return root ? NG_FOLD(root_squares, out, mean, divisor, 0, ng_reduce_cost(dtype))
                : NG_FOLD(squares, out, mean, divisor, 0, ng_reduce_cost(dtype));
}
/* var: dx = dy * (x - mean) * 2 / divisor; std (root, with its y): dx = dy * (x - mean) / (y * divisor), 0 where y is 0 */
static inline int ng_var_backward(int dtype, void *dx, const void *dy, const void *x, const void *y, const double *mean,
                                  int rank, const int64_t *dims, unsigned mask, double divisor, int root)
{
    return root ? NG_SPREAD(root_squares, x, y, mean, 1 / divisor, 2 * ng_reduce_cost(dtype))
                : NG_SPREAD(squares, x, NULL, mean, 2 / divisor, 2 * ng_reduce_cost(dtype));
}

/* out = |x|_order for order 1, 2 or 0 (the largest) */
static inline int ng_vector_norm(int dtype, void *out, const void *x, int rank, const int64_t *dims, unsigned mask, int order)
{
    if (order == 1) return NG_FOLD(abs, out, NULL, 0, 0, ng_reduce_cost(dtype));
    if (order == 2) return NG_FOLD(root_squares, out, NULL, 1, 0, ng_reduce_cost(dtype));
    return NG_FOLD(max_abs, out, NULL, 0, 0, ng_reduce_cost(dtype));
}
/* dx = dy * sign(x), dy * x / y (0 where y is 0), or dy * sign(x) / ties where |x| is y; ties: double, of the size of y, is
 * filled for order 0 */
static inline int ng_vector_norm_backward(int dtype, void *dx, double *ties, const void *dy, const void *x, const void *y,
                                   int rank, const int64_t *dims, unsigned mask, int order)
{
    if (order == 1) return NG_SPREAD(abs, x, NULL, NULL, 0, ng_reduce_cost(dtype));
    if (order == 2) return NG_SPREAD(norm, x, y, NULL, 0, ng_reduce_cost(dtype));
    const int status = NG_FOLD(ties_abs, ties, y, 0, 1, ng_reduce_cost(dtype));
    return status ? status : NG_SPREAD(max_abs, x, y, ties, 0, 2 * ng_reduce_cost(dtype));
}

#endif
