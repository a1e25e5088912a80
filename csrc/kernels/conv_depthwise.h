/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Depthwise convolutions: a channel sees itself alone. Passes, tiles and regions are those of conv_direct.h, with I or J = 1;
 * but a vector holds neighbouring positions, and a region is split by the stride: element (r, c) is in part (r % MH, c % MW)
 * at row r / MH, column c / MW. So position (p, q) of a tap is always at tap + p * pitch + q, and all positions of a tile are
 * one flat loop, with some between the rows that nobody reads.
 */
#ifndef NG_KERNELS_CONV_DEPTHWISE_H
#define NG_KERNELS_CONV_DEPTHWISE_H

#include "conv_direct.h"

/* Rows and columns of a part. */
static inline int64_t ng_split_rows(const ng_direct_args *t) { return ng_ceil_div(t->region_rows, t->s.MH); }
static inline int64_t ng_split_columns(const ng_direct_args *t) { return ng_ceil_div(t->region_columns, t->s.MW); }
static inline int64_t ng_split_size(const ng_direct_args *t) { return ng_split_rows(t) * ng_split_columns(t) + 16; }

/* Sums of a tile fill whole vectors of up to 16 elements, 8 at a time, and read as far beyond the end of a region. */
static inline size_t ng_depthwise_scratch(int dtype, const ng_direct_args *t, int64_t sums)
{
    const ng_pass *s = &t->s;
    const int64_t k = ng_pass_k(s) * (s->J + 1), region = s->I * s->MH * s->MW * ng_split_size(t);
    return (size_t)k * 16 + (size_t)(sums + region + ng_split_columns(t) + 512) * ng_itemsize(dtype);
}

static inline int ng_depthwise_launch(int dtype, ng_direct_args *t)
{
    const ng_pass *s = &t->s;
    ng_cut_tiles(dtype, t, 8192, 96);
    const int64_t positions = t->tile_p * ng_split_columns(t);
    return NG->launch(NG->kernels[dtype]->conv_depthwise, t, sizeof *t, s->N * s->G * t->tiles_p * t->tiles_q,
                      ng_grain(ng_conv_cost(dtype, (positions + 64) * s->J * (ng_pass_k(s) * 2 + 8))),
                      ng_depthwise_scratch(dtype, t, positions));
}

static inline int ng_depthwise_dweight(int dtype, void *dweight, const void *x, const void *dy, const ng_conv *s)
{
    ng_direct_args t = {.s = ng_pass_forward(s), .out = dweight, .x = x, .dy = dy};
    ng_cut_tiles(dtype, &t, 8192, 96);
    return NG->launch(NG->kernels[dtype]->conv_depthwise_dweight, &t, sizeof t, s->G,
                      ng_grain(ng_conv_cost(dtype, s->N * t.s.J * (s->P * s->Q + 64) * (s->KH * s->KW * 2 + 8))),
                      ng_depthwise_scratch(dtype, &t, t.tile_p * (t.tile_q + 16)));
}

#endif
