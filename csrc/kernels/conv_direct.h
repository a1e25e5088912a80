/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Convolutions whose result channels fill vectors: no column matrix, in any pass.
 *
 * A pass reads a source (N, G I, H, W) and works on a grid of P Q positions. Tap (i, j) of position (p, q) reads the source at
 * row p MH + FH + i TH, column q MW + FW + j TW. A tile is a rectangle of positions; what it reads is copied into the thread's
 * scratch memory with zeros where it lies outside (its region, (I, rows, columns)), and then every operand of the product is at
 * region[position + tap]: two tables of offsets take the place of columns. The result's channels are the vectors' lanes, so the
 * size of the image never pads anything.
 *
 * Forward: the source is x. Gradient of x: the source is dy, the taps run backwards; where the stride is S, the positions of dx
 * fall into S S grids, each with taps of its own and a stride of 1. Gradient of the weights: positions and taps change places.
 */
#ifndef NG_KERNELS_CONV_DIRECT_H
#define NG_KERNELS_CONV_DIRECT_H

#include "conv_shape.h"

typedef struct ng_pass {
    int64_t N, G, I, J, H, W;                    /* I channels of the source, J of the result, in each group */
    int64_t P, Q, MH, MW;
    int64_t KH, KW, FH, FW, TH, TW;
    int64_t rows, row_step, row_first;           /* the result's planes: position p is row row_first + p row_step of `rows`, */
    int64_t columns, column_step, column_first;  /* and columns likewise */
    int64_t w_group, w_first, w_j, w_i, w_kh, w_kw;  /* where the weights are: a group's number of them, the first, strides */
} ng_pass;

typedef struct ng_direct_args {
    ng_pass s;
    void *out;                   /* y or dx; packed weights; partial sums of dW */
    const void *x, *weight, *bias, *dy;
    void *z;
    ng_body activation;
    double p, q;
    int64_t tile_p, tile_q, tiles_p, tiles_q;    /* positions of a tile, tiles of an image */
    int64_t region_rows, region_columns, plane;  /* plane: elements from one channel of a region to the next */
    int64_t images;                              /* that are worked on together */
    int64_t chunk, chunks;                       /* channels of the result in one item: a multiple of 32 */
    int64_t parts;                               /* partial sums of dW */
} ng_direct_args;

enum { NG_DIRECT_LANES = 32 };                   /* channels are packed in groups of this many, whatever the vectors' length */
static inline int64_t ng_padded(int64_t channels) { return ng_ceil_div(channels, NG_DIRECT_LANES) * NG_DIRECT_LANES; }
static inline int64_t ng_pass_k(const ng_pass *s) { return s->I * s->KH * s->KW; }
static inline int64_t ng_distance(int64_t n, int64_t step) { return (n - 1) * (step < 0 ? -step : step); }

static inline ng_pass ng_pass_forward(const ng_conv *s)
{
    const int64_t KK = s->KH * s->KW, I = s->C / s->G;
    return (ng_pass){.N = s->N, .G = s->G, .I = I, .J = s->O / s->G, .H = s->H, .W = s->W, .P = s->P, .Q = s->Q, .MH = s->SH,
                     .MW = s->SW, .KH = s->KH, .KW = s->KW, .FH = -s->PH, .FW = -s->PW, .TH = s->DH, .TW = s->DW, .rows = s->P,
                     .row_step = 1, .columns = s->Q, .column_step = 1, .w_group = s->O / s->G * I * KK, .w_j = I * KK, .w_i = KK, .w_kh = s->KW,
                     .w_kw = 1};
}

/* Along one axis: rows h = a + S p of dx get dy's row (h + PH - kh DH) / S for every kh that makes this whole: kh = first,
 * first + step ... Returns how many there are; the first one's shift in dy, and the step of the shift, in *from and *shift. */
static inline int64_t ng_phase(int64_t a, int64_t S, int64_t padding, int64_t D, int64_t K, int64_t *first, int64_t *step,
                               int64_t *from, int64_t *shift)
{
    int64_t k = 0, again = 1;
    while (k < S && (a + padding - k * D) % S != 0) k++;
    while (again * D % S != 0) again++;
    *first = k, *step = again, *from = 0, *shift = -(again * D / S);
    if (k >= K || k == S) return 0;
    *from = (a + padding - k * D) / S;
    return (K - 1 - k) / again + 1;
}

/* The grid of dx that begins at row a and column b, from dy. */
static inline ng_pass ng_pass_dx(const ng_conv *s, int64_t a, int64_t b)
{
    const int64_t KK = s->KH * s->KW, J = s->C / s->G;
    ng_pass t = {.N = s->N, .G = s->G, .I = s->O / s->G, .J = J, .H = s->P, .W = s->Q, .P = ng_ceil_div(s->H - a, s->SH),
                 .Q = ng_ceil_div(s->W - b, s->SW), .MH = 1, .MW = 1, .rows = s->H, .row_step = s->SH, .row_first = a,
                 .columns = s->W, .column_step = s->SW, .column_first = b, .w_group = s->O / s->G * J * KK, .w_j = KK,
                 .w_i = J * KK};
    int64_t kh, kw, every_h, every_w;
    t.KH = ng_phase(a, s->SH, s->PH, s->DH, s->KH, &kh, &every_h, &t.FH, &t.TH);
    t.KW = ng_phase(b, s->SW, s->PW, s->DW, s->KW, &kw, &every_w, &t.FW, &t.TW);
    if (t.KH == 0 || t.KW == 0) t.I = 0, t.KH = t.KW = 1;      /* nothing has read them: a sum of nothing */
    t.w_first = kh * s->KW + kw, t.w_kh = every_h * s->KW, t.w_kw = every_w;
    return t;
}

/* Tiles of up to `positions` positions, with regions of up to `kbytes` KB. */
static inline void ng_cut_tiles(int dtype, ng_direct_args *t, int64_t positions, int64_t kbytes)
{
    const ng_pass *s = &t->s;
    const int64_t room = kbytes * 1024 / (int64_t)ng_itemsize(dtype) / (s->I + 1);
    t->tiles_q = ng_ceil_div(s->Q, positions);
    t->tile_q = ng_ceil_div(s->Q, t->tiles_q > 0 ? t->tiles_q : 1);
    t->region_columns = ng_distance(t->tile_q, s->MW) + ng_distance(s->KW, s->TW) + 1;
    int64_t rows = (room / t->region_columns - ng_distance(s->KH, s->TH) - 1) / s->MH + 1;
    if (rows > positions / (t->tile_q + 1)) rows = positions / (t->tile_q + 1);
    if (rows < 1) rows = 1;
    t->tiles_p = ng_ceil_div(s->P, rows);
    t->tile_p = ng_ceil_div(s->P, t->tiles_p > 0 ? t->tiles_p : 1);
    t->region_rows = ng_distance(t->tile_p, s->MH) + ng_distance(s->KH, s->TH) + 1;
    t->plane = t->region_rows * t->region_columns;
    if (t->plane * (int64_t)ng_itemsize(dtype) % 512 == 0) t->plane += 16;      /* or channels fall into few sets of a cache */
    t->images = 1;
    t->chunks = 1;
    t->chunk = ng_padded(s->J);
}

enum { NG_DIRECT_FEWEST = 160 };                 /* positions of a tile that are worth the sums of dW being read and written */

/* Both stay in the second-level cache. A small pass is cut into some eight tiles, for the threads. */
static inline void ng_direct_cut(int dtype, ng_direct_args *t)
{
    const double eighth = (double)t->s.N * (double)t->s.G * (double)(t->s.P * t->s.Q) / 8;
    ng_cut_tiles(dtype, t, eighth > 512 ? 512 : eighth < NG_DIRECT_FEWEST ? NG_DIRECT_FEWEST : (int64_t)eighth, 256);
}

static inline void ng_direct_chunks(ng_direct_args *t, int64_t chunks)
{
    const int64_t all = ng_ceil_div(t->s.J, NG_DIRECT_LANES);
    t->chunk = ng_ceil_div(all, chunks < 1 ? 1 : chunks < all ? chunks : all) * NG_DIRECT_LANES;
    t->chunks = ng_ceil_div(t->s.J, t->chunk);
}

/* Whether a region is smaller than the columns would be (it is not for a 1x1 kernel of stride 2, or a large dilation). */
static inline int ng_direct_fits(int dtype, const ng_pass *s)
{
    ng_direct_args t = {.s = *s};
    ng_direct_cut(dtype, &t);
    return t.region_rows * t.region_columns <= s->KH * s->KW * t.tile_p * t.tile_q;
}

/* Bytes of scratch memory: a region for each image, the tile's sums (or a block of packed dy), two tables, one row. */
static inline size_t ng_direct_scratch(int dtype, const ng_direct_args *t)
{
    const int64_t positions = t->images * t->tile_p * t->tile_q;
    return (size_t)(t->images * t->s.I * t->plane + 64) * ng_itemsize(dtype) + (size_t)(positions + 1) * 128 +
           (size_t)(positions + ng_pass_k(&t->s) + 2) * sizeof(int64_t) + NG_DIRECT_LANES * 8 + 64;
}

static inline int ng_direct_launch(int dtype, ng_direct_args *t)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    const ng_pass *s = &t->s;
    const int64_t k = ng_pass_k(s), padded = ng_padded(s->J);
    const size_t bytes = (size_t)(s->G * padded * k + 1) * ng_itemsize(dtype);
    ng_direct_cut(dtype, t);
    const int64_t tiles = s->N * s->G * t->tiles_p * t->tiles_q;
    if (tiles < 8) ng_direct_chunks(t, ng_ceil_div(8, tiles > 0 ? tiles : 1));
    void *packed = ng_temporary(bytes);
    if (!packed) return NG_NO_MEMORY;
    ng_direct_args pack = *t;
    pack.out = packed;
    int status = NG->launch(kernels->conv_direct_pack, &pack, sizeof pack, s->G * (padded / NG_DIRECT_LANES),
                            ng_grain(k * NG_DIRECT_LANES * 6), 0);
    t->weight = packed;
    if (status == NG_OK)
        status = NG->launch(kernels->conv_direct, t, sizeof *t, tiles * t->chunks,
                            ng_grain(ng_conv_cost(dtype, t->tile_p * t->tile_q * (k + 8) * t->chunk)),
                            ng_direct_scratch(dtype, t));
    ng_temporary_done(packed, bytes);
    return status;
}

/* dx grid by grid; `launch`: ng_direct_launch, or that of depthwise convolutions. */
static inline int ng_direct_dx(int dtype, void *dx, const void *dy, const void *weight, const ng_conv *s,
                               int (*launch)(int dtype, ng_direct_args *args))
{
    for (int64_t a = 0; a < s->SH && a < s->H; a++)
        for (int64_t b = 0; b < s->SW && b < s->W; b++) {
            ng_direct_args t = {.s = ng_pass_dx(s, a, b), .out = dx, .x = dy, .weight = weight};
            const int status = launch(dtype, &t);
            if (status != NG_OK) return status;
        }
    return NG_OK;
}

static inline int ng_direct_dweight(int dtype, void *dweight, const void *x, const void *dy, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_direct_args t = {.s = ng_pass_forward(s), .x = x, .dy = dy};
    ng_direct_cut(dtype, &t);
    const int64_t k = ng_pass_k(&t.s), padded = ng_padded(t.s.J), positions = t.s.P * t.s.Q;
    /* Sums are read and written once for every tile: several small images make one, with regions of up to 1 MB. */
    if (positions > 0 && positions < NG_DIRECT_FEWEST) {
        const int64_t region = (t.s.I * t.plane + 1) * (int64_t)ng_itemsize(dtype);
        t.images = ng_lesser(ng_lesser(t.s.N, ng_ceil_div(NG_DIRECT_FEWEST, positions)), (1 << 20) / region);
        if (t.images < 1) t.images = 1;
    }
    const int64_t tiles = ng_ceil_div(t.s.N, t.images) * t.tiles_p * t.tiles_q;
    const int64_t part = padded * s->G * k * (int64_t)ng_itemsize(dtype);
    /* Up to 8 partial sums, but no more than 4 MB of them; the channels are divided where that is not enough for 8 items. */
    const double products = (double)t.s.N * (double)positions * (double)(s->O * k);
    if (products >= 2e6) {
        t.parts = ng_lesser(ng_lesser(8, (4 << 20) / (part + 1)), tiles);
        if (t.parts * s->G < 8) ng_direct_chunks(&t, ng_ceil_div(8, (t.parts > 0 ? t.parts : 1) * s->G));
    }
    if (t.parts < 1) t.parts = 1;
    const size_t bytes = (size_t)(t.parts * part + 64);
    void *partial = ng_temporary(bytes);
    if (!partial) return NG_NO_MEMORY;
    t.out = partial;
    int status = NG->launch(kernels->conv_direct_dweight, &t, sizeof t, t.parts * s->G * t.chunks,
                            products < 2e6 ? t.parts * s->G * t.chunks : 1, ng_direct_scratch(dtype, &t));
    t.x = partial;
    t.out = dweight;
    if (status == NG_OK)
        status = NG->launch(kernels->conv_direct_sum, &t, sizeof t, s->G * (padded / NG_DIRECT_LANES),
                            ng_grain(t.parts * k * NG_DIRECT_LANES * 4), 0);
    ng_temporary_done(partial, bytes);
    return status;
}

#endif
