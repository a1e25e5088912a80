/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Pooling: x (planes, H, W) -> y (planes, P, Q), where a plane is one channel of one image. One-dimensional pooling is that of
 * planes of height 1.
 *
 * A maximum is that of the window's elements inside the plane; it is the first of equal ones, and the last NaN where there are
 * any. What backward needs is which tap had it, kh KW + kw: one byte where there are up to 256 taps, else four.
 *
 * A mean's window is a range of rows times a range of columns: see ng_axis_span. Its gradient is a sum over such ranges too.
 */
#ifndef NG_KERNELS_POOL_H
#define NG_KERNELS_POOL_H

#include "ng_api.h"
#include "reduce.h"

enum { NG_POOL_TILE = 1024 };        /* results of a row that are found together, where it has twice as many */

typedef struct ng_windows {
    int64_t planes, H, W, P, Q, KH, KW;
    int64_t SH, SW, PH, PW, DH, DW;  /* stride, padding above and to the left, dilation */
} ng_windows;

typedef struct ng_max_pool_args {
    ng_windows s;
    void *out;                       /* y, or dx */
    void *taps;                      /* which tap has the maximum, (planes, P, Q); forward: or NULL */
    const void *in;                  /* x, or dy */
    int tap_bytes;                   /* 1 or 4 */
    int across;                      /* forward: vectors lie across the windows, of which a row has few, or which are far apart */
    int scatters;                    /* backward: goes through the maxima, not through dx */
    int64_t tile, tiles;             /* a row is cut into tiles: of y, or of dx (in strides) */
    int64_t rows, margin, pitch;     /* copies of source rows that are kept, and their length; `margin` in front of column 0 */
} ng_max_pool_args;

/* a / b rounded down and up, b positive */
static inline int64_t ng_pool_floor(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
static inline int64_t ng_pool_ceil(int64_t a, int64_t b) { return -ng_pool_floor(-a, b); }

static inline int ng_pool_tap_bytes(const ng_windows *s) { return s->KH * s->KW <= 256 ? 1 : 4; }

static inline void ng_pool_cut(int64_t length, int64_t *tile, int64_t *tiles)
{
    *tile = length <= 2 * NG_POOL_TILE ? ng_greater(length, 1) : NG_POOL_TILE;
    *tiles = length <= 2 * NG_POOL_TILE ? 1 : ng_ceil_div(length, NG_POOL_TILE);
}

/* y, and which tap it is (taps NULL: not wanted). Every window has an element inside the plane. */
static inline int ng_max_pool_forward(int dtype, void *y, void *taps, const void *x, const ng_windows *s)
{
    ng_max_pool_args a = {.s = *s, .out = y, .taps = taps, .in = x, .tap_bytes = ng_pool_tap_bytes(s),
                         .across = s->DW == 1 && (s->Q < 4 || (s->SW > 2 && s->KW >= 8))};
    ng_pool_cut(s->Q, &a.tile, &a.tiles);
    a.rows = ng_lesser(s->DH * (s->KH - 1) + 1, s->H);
    a.pitch = (a.tile + 16) * s->SW + (s->KW - 1) * s->DW + 32;       /* as far as vectors of 16 reach, and one more */
    const size_t scratch = (size_t)(s->KH + a.rows) * 8 + (size_t)(a.tile + 16 + a.rows * a.pitch) * ng_itemsize(dtype);
    const int64_t cost = (dtype == NG_F32 ? 8 : 16) * a.tile * ng_greater(s->KH * s->KW / 4, 1) + 160;
    return NG->launch(NG->kernels[dtype]->max_pool_forward, &a, sizeof a, s->planes * a.tiles * s->P, ng_grain(cost), scratch);
}

/* dx: what each window's maximum is given, summed. */
static inline int ng_max_pool_backward(int dtype, void *dx, const void *dy, const void *taps, const ng_windows *s)
{
    ng_max_pool_args a = {.s = *s, .out = dx, .taps = (void *)taps, .in = dy, .tap_bytes = ng_pool_tap_bytes(s)};
    const int64_t taps_of_one = ((s->KH - 1) / s->SH + 1) * ((s->KW - 1) / s->SW + 1), columns = (s->W - 1) / s->SW + 1;
    a.scatters = taps_of_one > 16 || s->SW > 2 || s->Q <= 4;
    if (a.scatters) {
        const int64_t cost = s->W * 4 + s->Q * 32 * s->P / s->H + 160;
        const int64_t grain = ng_greater(ng_grain(cost), ng_lesser(s->KH * s->DH, s->H));
        return NG->launch(NG->kernels[dtype]->max_pool_backward, &a, sizeof a, s->planes * s->H, grain, 0);
    }
    ng_pool_cut(columns, &a.tile, &a.tiles);
    a.rows = ng_lesser((s->KH - 1) * s->DH / s->SH + 1, s->P);
    a.margin = ng_greater(0, -ng_pool_floor(s->PW - (s->KW - 1) * s->DW, s->SW));
    a.pitch = a.margin + a.tile + 16 + (s->SW - 1 + s->PW) / s->SW + 16;
    const size_t scratch = (size_t)(a.rows + 2 * s->KW + 3 * s->KH) * 8 + (size_t)(2 * a.rows * a.pitch) * ng_itemsize(dtype);
    const int64_t cost = (dtype == NG_F32 ? 6 : 12) * a.tile * s->SW * ng_greater(taps_of_one / 2, 1) + 160;
    return NG->launch(NG->kernels[dtype]->max_pool_backward, &a, sizeof a, s->planes * a.tiles * s->H, ng_grain(cost), scratch);
}

/* One axis of means: `size` elements become `out`. */
typedef struct ng_axis {
    int64_t size, out, K, S, P;      /* windows of K elements, a stride apart, the first one P elements before the axis begins; */
    int counts_padding;              /* what is divided by: also padding, up to P elements behind the axis too */
    int adaptive;                    /* instead of all that: [i size / out, (i + 1) size / out), rounded outwards */
} ng_axis;

/* The elements [*from, *to) that window i reads; returns what they are divided by. */
static inline int64_t ng_axis_span(const ng_axis *a, int64_t i, int64_t *from, int64_t *to)
{
    if (a->adaptive) {
        *from = i * a->size / a->out;
        *to = ((i + 1) * a->size + a->out - 1) / a->out;
        return *to - *from;
    }
    const int64_t first = i * a->S - a->P, last = first + a->K;
    *from = ng_greater(first, 0);
    *to = ng_lesser(last, a->size);
    return a->counts_padding ? ng_lesser(last, a->size + a->P) - first : *to - *from;
}

/* The windows [*from, *to) that read element i. */
static inline void ng_axis_windows(const ng_axis *a, int64_t i, int64_t *from, int64_t *to)
{
    if (a->adaptive) {
        *from = i * a->out / a->size;
        *to = ((i + 1) * a->out + a->size - 1) / a->size;
        return;
    }
    *from = ng_greater(0, ng_pool_floor(i + a->P - a->K, a->S) + 1);
    *to = ng_lesser(a->out, ng_pool_floor(i + a->P, a->S) + 1);
}

typedef struct ng_avg_pool_args {
    ng_axis rows, columns;
    void *out;                       /* y, or dx */
    const void *in;                  /* x, or dy */
    int backward;
    int64_t tile, tiles;             /* of a row of the result */
    int64_t reach;                   /* the most columns of the source that a tile reads */
} ng_avg_pool_args;

/* y = means of windows of x, or (backward) dx = sums over the windows that read an element of dy / what they were divided by. */
static inline int ng_avg_pool(int dtype, void *out, const void *in, int64_t planes, const ng_axis *rows, const ng_axis *columns, int backward)
{
    ng_avg_pool_args a = {.rows = *rows, .columns = *columns, .out = out, .in = in, .backward = backward};
    const int64_t height = backward ? rows->size : rows->out, width = backward ? columns->size : columns->out;
    const int64_t source_height = backward ? rows->out : rows->size, source_width = backward ? columns->out : columns->size;
    if (planes == 0 || height == 0 || width == 0) return NG_OK;
    ng_pool_cut(width, &a.tile, &a.tiles);
    const int64_t tall = rows->adaptive ? source_height / height + 2 : backward ? rows->K / rows->S + 1 : rows->K;
    const int64_t wide = columns->adaptive ? source_width / width + 2 : backward ? columns->K / columns->S + 1 : columns->K;
    const int64_t step = columns->adaptive ? source_width / width + 1 : backward ? 1 : columns->S;
    a.reach = ng_lesser(source_width, a.tile * step + wide);
    const size_t scratch = (size_t)(4 * a.tile + 2 * a.reach + 1) * 8;
    const int64_t cost = 4 * a.reach * ng_lesser(tall, source_height) + a.tile * (8 + 4 * ng_lesser(wide, source_width)) + 160;
    return NG->launch(NG->kernels[dtype]->avg_pool, &a, sizeof a, planes * a.tiles * height, ng_grain(cost), scratch);
}

typedef struct ng_plane_mean_args {
    void *y;
    const void *x;
    int64_t size;
} ng_plane_mean_args;

/* y (planes,) = mean of each plane of `size` elements. Few or large ones are a reduction like any other, which can cut a plane. */
static inline int ng_plane_mean(int dtype, void *y, const void *x, int64_t planes, int64_t size)
{
    const ng_plane_mean_args args = {y, x, size};
    const int64_t dims[2] = {planes, size};
    if (planes < 64 || size > 4096) return ng_sum_axes(dtype, y, x, 2, dims, 2, (double)size);
    return NG->launch(NG->kernels[dtype]->plane_mean, &args, sizeof args, planes, ng_grain(size * (dtype == NG_F32 ? 3 : 6) + 100), 0);
}

#endif
