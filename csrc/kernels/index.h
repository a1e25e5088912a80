/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Gathering and scattering by integer arrays, and sorting.
 *
 * A tensor is seen as x (O, M, I): outer positions, the indexed axis (or several axes taken as one), inner positions. An index
 * is a *map*: int64 positions on the middle axis, in range, in memory of ours (the user may change his array). What users
 * give becomes a map in index_check or index_map, and only there is it checked.
 */
#ifndef NG_KERNELS_INDEX_H
#define NG_KERNELS_INDEX_H

#include <stdint.h>

#include "ng_api.h"

/* map[i] = scale * indices[i] for indices in [0, limit), or in [-limit, limit) if `wrap`; else NG_INDEX_RANGE. `add`: map[i] += */
typedef struct ng_index_check_args {
    int64_t *map;
    const int64_t *indices;
    int64_t limit, scale;
    int wrap, add;
} ng_index_check_args;

static inline int ng_index_check(int64_t *map, const int64_t *indices, int64_t limit, int wrap, int64_t scale, int add, int64_t count)
{
    const ng_index_check_args args = {map, indices, limit, scale, wrap, add};
    return NG->launch(NG->kernels[NG_F64]->index_check, &args, sizeof args, count, ng_grain(16), 0);
}

/* map[p] = flat position in x of (p0, .., indices[p], .., pr), for positions p of the index array, whose sizes `dims` may
 * be smaller than those of x but on `axis` */
typedef struct ng_index_map_args {
    int64_t *map;
    const int64_t *indices;
    int64_t limit;
    int64_t dims[NG_MAX_NDIM], strides[NG_MAX_NDIM];   /* strides: those of x */
    int rank, axis;                                    /* rank >= 1 */
} ng_index_map_args;

static inline int ng_index_map(int64_t *map, const int64_t *indices, int64_t limit, int rank, const int64_t *dims,
                               const int64_t *x_dims, int axis)
{
    ng_index_map_args args = {.map = map, .indices = indices, .limit = limit, .rank = rank, .axis = axis};
    int64_t count = 1, step = 1;
    for (int a = rank - 1; a >= 0; --a) {
        args.dims[a] = dims[a];
        args.strides[a] = step;
        step *= x_dims[a];
        count *= dims[a];
    }
    return NG->launch(NG->kernels[NG_F64]->index_map, &args, sizeof args, count, ng_grain(24), 0);
}

/* y (O, N, I) and x (O, M, I) through map (N). In gather_rows -1 stands for zeros. */
typedef struct ng_rows_args {
    void *out;
    const void *in;
    const int64_t *map;
    int64_t n, m, inner;
} ng_rows_args;

static inline int ng_gather_rows(int dtype, void *y, const void *x, const int64_t *map, int64_t outer, int64_t n, int64_t m,
                                 int64_t inner)
{
    const ng_rows_args args = {y, x, map, n, m, inner};
    if (inner == 0) return NG_OK;
    return NG->launch(NG->kernels[dtype]->gather_rows, &args, sizeof args, outer * n * inner, ng_grain(6 + 48 / inner), 0);
}

/* The unit of work is a column (o, i), walked in the order of the map: the same bits for any number of threads. */
static inline int64_t ng_column_grain(int64_t n)
{
    const int64_t grain = (ng_grain(16 * (n > 0 ? n : 1)) + 15) / 16 * 16;
    return grain;
}

/* x[o, map[i], :] += y[o, i, :] */
static inline int ng_scatter_add_rows(int dtype, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n,
                                      int64_t m, int64_t inner)
{
    const ng_rows_args args = {x, y, map, n, m, inner};
    return NG->launch(NG->kernels[dtype]->scatter_add_rows, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
}

/* x[o, map[i], :] = y[o, i, :], the last one where positions repeat; y NULL: zeros */
static inline int ng_scatter_rows(int dtype, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n, int64_t m,
                                  int64_t inner)
{
    const ng_rows_args args = {x, y, map, n, m, inner};
    return NG->launch(NG->kernels[dtype]->scatter_rows, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
}

/* x[map[o, i, k]] += y[o, i, k], for a map of flat positions where different (o, k) never meet */
static inline int ng_scatter_add_flat(int dtype, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n,
                                      int64_t inner)
{
    const ng_rows_args args = {x, y, map, n, 0, inner};
    return NG->launch(NG->kernels[dtype]->scatter_add_flat, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
}

/* winners[i] = map[i], or -1 where a later i has the same position; last (M): memory to work in */
typedef struct ng_index_winners_args {
    int64_t *winners;
    int64_t *last;
    const int64_t *map;
    int64_t n, m;
} ng_index_winners_args;

static inline int ng_index_winners(int64_t *winners, int64_t *last, const int64_t *map, int64_t n, int64_t m)
{
    const ng_index_winners_args args = {winners, last, map, n, m};
    return NG->launch(NG->kernels[NG_F64]->index_winners, &args, sizeof args, 1, 1, 0);
}

/* y (N, classes) = 0 but y[i, map[i]] = 1 */
typedef struct ng_one_hot_args {
    void *y;
    const int64_t *map;
    int64_t classes;
} ng_one_hot_args;

static inline int ng_one_hot(int dtype, void *y, const int64_t *map, int64_t n, int64_t classes)
{
    const ng_one_hot_args args = {y, map, classes};
    return NG->launch(NG->kernels[dtype]->one_hot, &args, sizeof args, n, ng_grain(classes + 16), 0);
}

/* Stable sort of the rows of x (R, N): the first `keep` values and their positions (either output may be NULL).
 * NaN counts as the largest value, and -0 equals 0. */
typedef struct ng_sort_args {
    void *values;
    int64_t *positions;
    const void *x;
    int64_t n, keep;
    int descending;
} ng_sort_args;

/* How many items of a row of n a sort that keeps `keep` holds at a time: n, or fewer where that is worth selecting. */
enum { NG_SELECT_BLOCK = 64 };
static inline int64_t ng_sort_room(int64_t n, int64_t keep)
{
    const int64_t room = keep < n / 8 ? 3 * keep + 2 * NG_SELECT_BLOCK : n;
    return room < n ? room : n;
}

static inline int ng_sort_rows(int dtype, void *values, int64_t *positions, const void *x, int64_t rows, int64_t n,
                               int64_t keep, int descending)
{
    const ng_sort_args args = {values, positions, x, n, keep, descending};
    const size_t item = dtype == NG_F32 ? 8 : 16;      /* struct item of index.inc */
    const int64_t room = ng_sort_room(n, keep), cost = room < n ? n * 8 + room * 400 : n * 160;
    return NG->launch(NG->kernels[dtype]->sort_rows, &args, sizeof args, rows, ng_grain(cost), 2 * (size_t)room * item);
}

#endif
