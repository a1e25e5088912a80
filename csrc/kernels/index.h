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

/* out and in: y (O, N, I) and x (O, M, I), one through map (N) */
typedef struct ng_rows_args {
    void *out;
    const void *in;
    const int64_t *map;
    int64_t n, m, inner;
} ng_rows_args;

/* The unit of work is a column (o, i), walked in the order of the map: the same bits for any number of threads. */
static inline int64_t ng_column_grain(int64_t n)
{
    return ng_ceil_div(ng_grain(16 * ng_greater(n, 1)), NG_LANES) * NG_LANES;
}

/* float32 adds up to NG_FEW gradients to an element as they come, which costs it 2e-7 at most. Elements that get more have sums in
 * double, in `wide` (outer, wide rows, inner), where x[o, rows[s], :] is row s, or (rows NULL) all of x. */
enum { NG_FEW = 4, NG_NARROW_ROW = 8 };

/* Which positions of the map have more than NG_FEW entries. First (slots NULL): counts, in `table`, and stores how many such
 * positions there are in *found. Then: rows[s] = the position of row s; slots[i] = the row of entry i, or -1.
 * table: per position, a byte and (of `rows`) an int32; hashed: a power of two of places, twice as many as entries. */
typedef struct ng_repeats_place { int64_t key; int32_t count, slot; } ng_repeats_place;
typedef struct ng_repeats_args {
    void *table;
    int64_t places;          /* 0: not hashed */
    int32_t *slots, *row_of; /* row_of: by position */
    int64_t *rows, *found;
    const int64_t *map;
    int64_t n, m;
} ng_repeats_args;

/* is_flat: map and slots have a position for each element of y (outer, n, inner), and x is flat; else as ng_rows_args */
typedef struct ng_wide_args {
    double *wide;
    void *x;
    const void *y;
    const int64_t *map, *rows;
    const int32_t *slots;    /* NULL: the map's positions */
    int64_t n, m, inner, n_rows;
    int is_flat, is_back;    /* scatter_move_wide: x = wide, or wide = x */
} ng_wide_args;

/* Adds by way of `wide`. n_rows: of it; slots, rows NULL: all m. */
static inline int ng_scatter_add_wide_(void *x, const void *y, const int64_t *map, const int32_t *slots, const int64_t *rows,
                                       int64_t outer, int64_t n, int64_t m, int64_t inner, int64_t n_rows, int is_flat)
{
    const ng_kernels *k = NG->kernels[NG_F32];
    const int64_t width = is_flat ? 1 : inner, count = (is_flat ? 1 : outer) * n_rows * width;
    ng_wide_args args = {NULL, x, y, map, rows, slots, n, m, inner, n_rows, is_flat, 0};
    args.wide = (double *)ng_temporary((size_t)count * sizeof(double));
    if (!args.wide) return NG_NO_MEMORY;
    int status = NG->launch(k->scatter_move_wide, &args, sizeof args, count, ng_grain(8), 0);
    if (status == NG_OK) status = NG->launch(k->scatter_add_wide, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
    args.is_back = 1;
    if (status == NG_OK) status = NG->launch(k->scatter_move_wide, &args, sizeof args, count, ng_grain(8), 0);
    ng_temporary_done(args.wide, (size_t)count * sizeof(double));
    return status;
}

/* Adds the n entries of a map as `plain` does, but wide where positions repeat: the work of a float32 scatter. is_flat: the map
 * has outer * n * inner entries, m positions. */
static inline int ng_scatter_add_counted_(ng_body plain, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n,
                                          int64_t m, int64_t inner, int is_flat)
{
    const ng_kernels *k = NG->kernels[NG_F64];
    const ng_rows_args direct = {x, y, map, n, m, inner};
    const int64_t entries = is_flat ? outer * n * inner : n, width = is_flat ? 1 : inner;
    int64_t found = 0;
    int status = NG_OK;
    /* counting is not worth it where most have more, or where it takes as long as adding */
    if (entries <= NG_FEW * m && (width >= NG_NARROW_ROW || m > entries)) {
        ng_repeats_args a = {.map = map, .n = entries, .m = m, .found = &found};
        if (m / 32 > entries)
            for (a.places = 16; a.places < 2 * entries;) a.places *= 2;
        const size_t bytes = a.places ? (size_t)a.places * sizeof(ng_repeats_place) : (size_t)m;
        a.table = ng_temporary(bytes);
        if (!a.table) return NG_NO_MEMORY;
        status = NG->launch(k->index_repeats, &a, sizeof a, 1, 1, 0);
        if (status == NG_OK && found > 0) {
            const int64_t n_rows = found;
            const size_t sizes[] = {(size_t)n_rows * sizeof(int64_t), (size_t)entries * sizeof(int32_t),
                                    a.places ? 0 : (size_t)m * sizeof(int32_t)};
            char *memory = (char *)ng_temporary(sizes[0] + sizes[1] + sizes[2]);
            if (memory) {
                a.rows = (int64_t *)(void *)memory;
                a.slots = (int32_t *)(void *)(memory + sizes[0]);
                a.row_of = (int32_t *)(void *)(memory + sizes[0] + sizes[1]);
                status = NG->launch(k->index_repeats, &a, sizeof a, 1, 1, 0);
                if (status == NG_OK)
                    status = ng_scatter_add_wide_(x, y, map, a.slots, a.rows, outer, n, m, inner, n_rows, is_flat);
                ng_temporary_done(memory, sizes[0] + sizes[1] + sizes[2]);
            } else status = NG_NO_MEMORY;
        } else if (status == NG_OK)
            status = NG->launch(plain, &direct, sizeof direct, outer * inner, ng_column_grain(n), 0);
        ng_temporary_done(a.table, bytes);
        return status;
    }
    return ng_scatter_add_wide_(x, y, map, NULL, NULL, outer, n, m, inner, m, is_flat);
}

/* x[o, map[i], :] += y[o, i, :] */
static inline int ng_scatter_add_rows(int dtype, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n,
                                      int64_t m, int64_t inner)
{
    const ng_rows_args args = {x, y, map, n, m, inner};
    const ng_body plain = NG->kernels[dtype]->scatter_add_rows;
    if (dtype == NG_F32 && n > NG_FEW && outer * inner > 0)
        return ng_scatter_add_counted_(plain, x, y, map, outer, n, m, inner, 0);
    return NG->launch(plain, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
}

/* x[o, map[i], :] = y[o, i, :], the last one where positions repeat; y NULL: zeros */
static inline int ng_scatter_rows(int dtype, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n, int64_t m,
                                  int64_t inner)
{
    const ng_rows_args args = {x, y, map, n, m, inner};
    return NG->launch(NG->kernels[dtype]->scatter_rows, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
}

/* x[map[o, i, k]] += y[o, i, k], for a map of flat positions in x where different (o, k) never meet; m: the elements of x, or 0
 * where no two entries do */
static inline int ng_scatter_add_flat(int dtype, void *x, const void *y, const int64_t *map, int64_t outer, int64_t n,
                                      int64_t inner, int64_t m)
{
    const ng_rows_args args = {x, y, map, n, m, inner};
    const ng_body plain = NG->kernels[dtype]->scatter_add_flat;
    if (dtype == NG_F32 && n > NG_FEW && m > 0 && outer * inner > 0)
        return ng_scatter_add_counted_(plain, x, y, map, outer, n, m, inner, 1);
    return NG->launch(plain, &args, sizeof args, outer * inner, ng_column_grain(n), 0);
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
    return ng_lesser(room, n);
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
