/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * softmax and log_softmax of x (outer, n, inner) along n: launchers.
 */
#ifndef NG_SOFTMAX_H
#define NG_SOFTMAX_H

#include "ng_api.h"

enum { NG_SOFTMAX_SHORT = 48 };

typedef struct ng_softmax_args {
    void *y;                  /* backward: dx */
    const void *x, *dy;       /* backward: x is the output */
    int64_t n, inner, tiles;
    int is_log;
} ng_softmax_args;

/* Rows that are contiguous and long are done one by one; short rows, and columns (inner > 1), NG_LANES at a time: an item is a
 * row, or NG_LANES columns. */
static inline int ng_softmax_launch(ng_body body, void *y, const void *x, const void *dy, int is_log, int64_t outer, int64_t n,
                                    int64_t inner, int64_t cost, int64_t scratch)
{
    ng_softmax_args args = {.y = y, .x = x, .dy = dy, .n = n, .inner = inner, .is_log = is_log};
    if (outer == 0 || n == 0 || inner == 0) return NG_OK;
    if (inner == 1) {
        /* pieces of whole groups of rows */
        const int64_t grain = ng_ceil_div(ng_grain(n * cost + 160), NG_LANES) * NG_LANES;
        return NG->launch(body, &args, sizeof args, outer, n >= NG_SOFTMAX_SHORT ? ng_grain(n * cost + 160) : grain,
                          (size_t)scratch);
    }
    args.tiles = ng_ceil_div(inner, NG_LANES);
    return NG->launch(body, &args, sizeof args, outer * args.tiles, ng_grain(n * cost * NG_LANES), (size_t)scratch);
}

/* Bytes for NG_LANES rows or columns, or for one long row. */
static inline int64_t ng_softmax_scratch(int dtype, int64_t n, int64_t inner)
{
    return n * (inner == 1 && n >= NG_SOFTMAX_SHORT ? 1 : NG_LANES) * (int64_t)ng_itemsize(dtype);
}

/* y = exp(x) / sum(exp(x)), or its logarithm */
static inline int ng_softmax(int dtype, void *y, const void *x, int is_log, int64_t outer, int64_t n, int64_t inner)
{
    return ng_softmax_launch(NG->kernels[dtype]->softmax_forward, y, x, NULL, is_log, outer, n, inner, dtype == NG_F32 ? 16 : 40,
                             inner == 1 && n >= NG_SOFTMAX_SHORT ? 0 : ng_softmax_scratch(dtype, n, inner));
}
/* dx = y * (dy - sum(dy * y)); log: dx = dy - exp(y) * sum(dy). dx may be dy. */
static inline int ng_softmax_backward(int dtype, void *dx, const void *dy, const void *y, int is_log, int64_t outer, int64_t n,
                                      int64_t inner)
{
    return ng_softmax_launch(NG->kernels[dtype]->softmax_backward, dx, y, dy, is_log, outer, n, inner,
                             (dtype == NG_F32 ? 8 : 16) << is_log,
                             inner == 1 && is_log ? ng_softmax_scratch(dtype, n, inner) : 0);
}

#endif
