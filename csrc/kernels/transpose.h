/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Copies between memory of any strides: transpose, slices with steps, flip, broadcasting, concatenation, and the
 * gradients of all of these. Strides are counted in elements; a stride of 0 (input only) repeats, a negative one reverses.
 */
#ifndef NG_KERNELS_TRANSPOSE_H
#define NG_KERNELS_TRANSPOSE_H

#include <stdint.h>
#include <string.h>

#include "ng_api.h"

/* out[sum i_a * out_strides[a]] = (or +=) in[sum i_a * in_strides[a]], for 0 <= i_a < dims[a] */
typedef struct ng_strided_args {
    void *out;
    const void *in;
    int64_t dims[NG_MAX_NDIM], out_strides[NG_MAX_NDIM], in_strides[NG_MAX_NDIM];
    int64_t tiles_j, tiles_l;      /* transpose_tiles: tiles along the last but one and the last axis */
    int rank;                      /* >= 1 */
} ng_strided_args;

enum { NG_TRANSPOSE_TILE = 64 };   /* a tile of 64 x 64 elements: 16 or 32 KB, with its copy within L2 */

/* Reverses axes that the output walks backwards, sorts axes by the output's strides, drops those of size 1 and merges
 * neighbours that both sides walk as one axis. */
static inline void ng_strided_plan(ng_strided_args *s, int dtype, int rank, const int64_t *dims, const int64_t *out_strides,
                                   const int64_t *in_strides)
{
    const int64_t itemsize = (int64_t)ng_itemsize(dtype);
    int used = 0;
    for (int a = 0; a < rank; ++a) {
        int64_t os = out_strides[a], is = in_strides[a];
        if (dims[a] == 1) continue;
        if (os < 0) {
            s->out = (char *)s->out + (dims[a] - 1) * os * itemsize;
            s->in = (const char *)s->in + (dims[a] - 1) * is * itemsize;
            os = -os;
            is = -is;
        }
        int at = used++;
        for (; at > 0 && s->out_strides[at - 1] < os; --at) {
            s->dims[at] = s->dims[at - 1];
            s->out_strides[at] = s->out_strides[at - 1];
            s->in_strides[at] = s->in_strides[at - 1];
        }
        s->dims[at] = dims[a];
        s->out_strides[at] = os;
        s->in_strides[at] = is;
    }
    if (used == 0) {
        s->dims[0] = s->out_strides[0] = s->in_strides[0] = 1;
        used = 1;
    }
    int last = 0;                  /* the axis that is being merged into */
    for (int a = 1; a < used; ++a) {
        if (s->out_strides[last] == s->out_strides[a] * s->dims[a] && s->in_strides[last] == s->in_strides[a] * s->dims[a]) {
            s->dims[last] *= s->dims[a];
        } else {
            s->dims[++last] = s->dims[a];
        }
        s->out_strides[last] = s->out_strides[a];
        s->in_strides[last] = s->in_strides[a];
    }
    s->rank = last + 1;
}

/* Moves axis j to the place before the last one. */
static inline void ng_strided_move(int64_t *values, int j, int last)
{
    const int64_t value = values[j];
    for (int a = j; a < last - 1; ++a) values[a] = values[a + 1];
    values[last - 1] = value;
}

/* out = in */
static inline int ng_strided_copy(int dtype, void *out, const void *in, int rank, const int64_t *dims,
                                  const int64_t *out_strides, const int64_t *in_strides)
{
    ng_strided_args s = {.out = out, .in = in};
    int64_t count = 1;
    for (int a = 0; a < rank; ++a) count *= dims[a];
    if (count == 0) return NG_OK;
    ng_strided_plan(&s, dtype, rank, dims, out_strides, in_strides);

    const int last = s.rank - 1;
    const int64_t memory_cost = dtype == NG_F32 ? 2 : 4;
    if (s.out_strides[last] == 1 && s.in_strides[last] != 1 && count >= 64) {
        for (int j = last - 1; j >= 0; --j) {
            if (s.in_strides[j] != 1 || s.dims[j] < 4 || s.dims[last] < 4) continue;
            ng_strided_move(s.dims, j, last);
            ng_strided_move(s.out_strides, j, last);
            ng_strided_move(s.in_strides, j, last);
            s.tiles_j = ng_ceil_div(s.dims[last - 1], NG_TRANSPOSE_TILE);
            s.tiles_l = ng_ceil_div(s.dims[last], NG_TRANSPOSE_TILE);
            int64_t tiles = s.tiles_j * s.tiles_l;
            const int64_t per_tile = s.dims[last] * s.dims[last - 1] / tiles;
            for (int a = 0; a < last - 1; ++a) tiles *= s.dims[a];
            return NG->launch(NG->kernels[dtype]->transpose_tiles, &s, sizeof s, tiles,
                              ng_grain(2 * memory_cost * (per_tile + 8)), 0);
        }
    }
    const int rows = s.out_strides[last] == 1 && s.in_strides[last] == 1;
    const int64_t cost = rows ? memory_cost + 160 / s.dims[last] : 8 + 160 / s.dims[last];
    return NG->launch(NG->kernels[dtype]->strided_copy, &s, sizeof s, count, ng_grain(cost), 0);
}

/* The same with += instead of =. No element of the output may be met twice. */
static inline int ng_strided_add(int dtype, void *out, const void *in, int rank, const int64_t *dims,
                                 const int64_t *out_strides, const int64_t *in_strides)
{
    ng_strided_args s = {.out = out, .in = in};
    int64_t count = 1;
    for (int a = 0; a < rank; ++a) count *= dims[a];
    if (count == 0) return NG_OK;
    ng_strided_plan(&s, dtype, rank, dims, out_strides, in_strides);
    return NG->launch(NG->kernels[dtype]->strided_add, &s, sizeof s, count, ng_grain(8 + 160 / s.dims[s.rank - 1]), 0);
}

/* C-contiguous strides of a shape. */
static inline void ng_contiguous_strides(int64_t *strides, int rank, const int64_t *dims)
{
    int64_t step = 1;
    for (int a = rank - 1; a >= 0; --a) {
        strides[a] = step;
        step *= dims[a];
    }
}

#endif
