/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Normalisation. One description serves layer, RMS and group normalisation: R rows of `count` elements, normalised each by
 * itself; a row is `segments` runs of `run` elements, and the elements of a run share a weight and a bias. Layer and RMS
 * normalisation have runs of 1. In group normalisation a row is a group of one image, a run one channel; rows take turns
 * through `turns` sets of weights. Batch normalisation is over channels: N segments of `run` elements, C channels apart.
 *
 *   xhat = (x - mean) * rstd,  y = xhat * weight + bias,   mean 0 in RMS normalisation
 *
 * What forward finds out, and backward reads, is `statistics`: of `rows` rows (or channels) first all means, then what the mean has
 * lost in rounding, times -rstd, then all rstd, in REAL. An rstd of -1 marks a row whose squares leave the range of REAL; what is
 * done then is in norm_range.h.
 */
#ifndef NG_KERNELS_NORM_H
#define NG_KERNELS_NORM_H

#include "elementwise.h"
#include "ng_api.h"

typedef struct ng_norm_args {
    void *y;                        /* y, or dx (NULL: not wanted) */
    const void *x, *dy;
    const void *weight, *bias;      /* or NULL */
    void *statistics;               /* (3, rows) */
    void *dweight, *dbias;          /* or NULL; rows: ACC, one set of sums per piece */
    int64_t rows, segments, run, turns, grain;
    double eps;
    int centered;                   /* the mean is subtracted */
    int streams;                    /* dx passes the caches by (ng_stream.h) */
    /* batch normalisation */
    int frozen;                     /* the statistics are given constants */
    double *moments;                /* or NULL: the channels' means, then their biased variances, for the running ones */
    ng_body activation;             /* of a whole channel while it is in cache, or NULL */
    void *z, *dz;                   /* what it is applied to, if wanted; the gradient of that */
    const void *result;             /* what it gave */
    double p;
} ng_norm_args;

/* ---- rows ---- */

static inline int ng_norm_forward(int dtype, void *y, void *statistics, const void *x, const void *weight, const void *bias, int centered,
                                  int64_t rows, int64_t segments, int64_t run, int64_t turns, double eps)
{
    const ng_norm_args args = {.y = y, .x = x, .weight = weight, .bias = bias, .statistics = statistics, .centered = centered,
                               .rows = rows, .segments = segments, .run = run, .turns = turns, .eps = eps};
    return NG->launch(NG->kernels[dtype]->norm_forward, &args, sizeof args, rows, ng_grain(segments * run * (dtype == NG_F32 ? 6 : 12) + 200), 0);
}

/* dx, dweight and dbias (turns * segments,) in one pass, each NULL if not wanted; then the pieces' sums are added in order. */
static inline int ng_norm_backward(int dtype, void *dx, void *dweight, void *dbias, const void *dy, const void *x, const void *weight,
                                   const void *statistics, int centered, int64_t rows, int64_t segments, int64_t run, int64_t turns,
                                   double eps)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_norm_args args = {.y = dx, .x = x, .dy = dy, .weight = weight, .statistics = (void *)statistics, .centered = centered, .rows = rows,
                         .segments = segments, .run = run, .turns = turns, .eps = eps,
                         .streams = dx && run == 1 && ng_streams(dtype, rows * segments, 3)};
    args.grain = ng_grain(segments * run * (dtype == NG_F32 ? 10 : 20) + 200);
    /* The sums of a piece are written once: let a piece be worth it. */
    const int64_t sets = turns * segments, least = dweight || dbias ? (rows + 15) / 16 : 1;
    if (args.grain < least) args.grain = least;
    const int64_t pieces = rows > 0 ? (rows - 1) / args.grain + 1 : 1;
    const size_t bytes = (size_t)(2 * pieces * sets) * sizeof(double);
    void *sums = NULL;
    if (dweight || dbias) {
        if (!(sums = ng_temporary(bytes))) return NG_NO_MEMORY;
        args.dweight = dweight ? sums : NULL;
        args.dbias = dbias ? (double *)sums + pieces * sets : NULL;
    }
    const size_t real = dtype == NG_F32 ? sizeof(float) : sizeof(double);
    int status = NG->launch(kernels->norm_backward, &args, sizeof args, rows, args.grain, sums && run == 1 ? (size_t)(2 * sets) * real : 0);
    if (sums) {
        const ng_norm_args combine = {.x = args.dweight, .dy = args.dbias, .dweight = dweight, .dbias = dbias, .rows = rows > 0 ? pieces : 0,
                                      .segments = sets};
        if (status == NG_OK) status = NG->launch(kernels->norm_combine, &combine, sizeof combine, sets, ng_grain(pieces * 32), 0);
        ng_temporary_done(sums, bytes);
    }
    return status;
}

/* ---- channels ---- */

/* Runs of a channel that are at least so long have their activation in the same launch; it would be called for shorter ones too often. */
enum { NG_ACTIVATED_RUN = 64 };

/* y = op(z), z = the normalised x (N, C, run); z is kept unless NULL; op -1: none, y = z. Not frozen: the statistics are
 * computed, and moments (2, C) where that is not NULL. Frozen: they are read. */
static inline int ng_batch_norm_forward(int dtype, int op, void *y, void *z, void *statistics, double *moments, const void *x,
                                        const void *weight, const void *bias, double p, int64_t N, int64_t C, int64_t run, double eps,
                                        int frozen)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    const int together = op >= 0 && run >= NG_ACTIVATED_RUN, apart = op >= 0 && !together;
    const ng_norm_args args = {.y = apart && z ? z : y, .x = x, .weight = weight, .bias = bias, .statistics = statistics,
                               .moments = moments, .centered = 1, .rows = C, .segments = N, .run = run, .eps = eps, .frozen = frozen,
                               .activation = together ? kernels->unary_forward[op] : NULL, .z = z, .p = p};
    const ng_body body = run == 1 ? kernels->batch_norm_columns : kernels->batch_norm_forward;
    const int64_t width = run == 1 ? 16 : 1;       /* columns are done sixteen at a time */
    const int64_t cost = 6 + (together ? NG->unary_info[op].forward_cost : 0);
    const int status = NG->launch(body, &args, sizeof args, (C + width - 1) / width,
                                  ng_grain(width * N * run * (dtype == NG_F32 ? cost : 2 * cost) + 200), 0);
    return status != NG_OK || !apart ? status : ng_unary_forward(dtype, op, y, args.y, p, 0, N * C * run);
}

/* dz = dy * op'(z), which may be dy where that may be overwritten, and dx, which may be dz, dweight and dbias, each NULL if not wanted.
 * op -1: dz is dy. Of z and y only what op's derivative reads is needed. */
static inline int ng_batch_norm_backward(int dtype, int op, void *dz, void *dx, void *dweight, void *dbias, const void *dy, const void *x,
                                         const void *z, const void *y, const void *weight, const void *statistics, double p, int64_t N,
                                         int64_t C, int64_t run, double eps, int frozen)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    const int together = op >= 0 && run >= NG_ACTIVATED_RUN;
    const ng_norm_args args = {.y = dx, .x = x, .dy = dy, .weight = weight, .statistics = (void *)statistics, .dweight = dweight,
                               .dbias = dbias, .centered = 1, .rows = C, .segments = N, .run = run, .eps = eps, .frozen = frozen,
                               .activation = together ? kernels->unary_backward[op] : NULL, .z = (void *)z, .dz = dz, .result = y, .p = p};
    const ng_body body = run == 1 ? kernels->batch_norm_columns_backward : kernels->batch_norm_backward;
    const int64_t width = run == 1 ? 16 : 1;
    const int64_t cost = 10 + (together ? NG->unary_info[op].backward_cost : 0);
    const int status = op < 0 || together ? NG_OK : ng_unary_backward(dtype, op, dz, dy, z, y, p, 0, N * C * run);
    return status != NG_OK ? status : NG->launch(body, &args, sizeof args, (C + width - 1) / width,
                                                 ng_grain(width * N * run * (dtype == NG_F32 ? cost : 2 * cost) + 200), 0);
}

#endif
