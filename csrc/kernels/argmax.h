/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Where the largest or smallest element along an axis is: x is (outer, n, inner).
 */
#ifndef NG_ARGMAX_H
#define NG_ARGMAX_H

#include "ng_api.h"

enum { NG_ARGMAX_TILE = 512 };

typedef struct ng_argmax_args {
    int64_t *out;               /* (outer, inner) */
    const void *x;
    int64_t n, inner, tiles;
    int64_t chunks, chunk;      /* of a long row (inner is 1 then): out is (outer, chunks), one candidate each */
    const int64_t *candidates;  /* or NULL: the candidates of the chunks, to choose from */
    int smallest;
} ng_argmax_args;

/* out = index along the axis of the first largest (smallest) element; the first NaN, if there is one. n is not 0. */
static inline int ng_argmax(int dtype, int64_t *out, const void *x, int64_t outer, int64_t n, int64_t inner, int smallest)
{
    ng_argmax_args args = {.out = out, .x = x, .n = n, .inner = inner, .chunks = 1, .chunk = n, .smallest = smallest};
    const ng_body body = NG->kernels[dtype]->argmax;
    const int64_t cost = dtype == NG_F32 ? 3 : 6, most = ng_grain(cost);
    if (outer == 0 || inner == 0) return NG_OK;
    args.tiles = ng_ceil_div(inner, NG_ARGMAX_TILE);
    if (inner == 1 && outer < 8 && n >= 2 * most) {
        args.chunk = most;
        args.chunks = ng_ceil_div(n, most);
    }
    if (args.chunks == 1) {
        const int64_t row = ng_lesser(inner, NG_ARGMAX_TILE);
        return NG->launch(body, &args, sizeof args, outer * args.tiles, ng_grain(row * n * cost + 160), 0);
    }
    const size_t bytes = (size_t)(outer * args.chunks) * sizeof(int64_t);
    int64_t *candidates = ng_temporary(bytes);
    if (!candidates) return NG_NO_MEMORY;
    args.out = candidates;
    int status = NG->launch(body, &args, sizeof args, outer * args.chunks, 1, 0);
    if (status == NG_OK) {
        args.out = out;
        args.candidates = candidates;
        status = NG->launch(body, &args, sizeof args, outer, outer, 0);
    }
    ng_temporary_done(candidates, bytes);
    return status;
}

#endif
