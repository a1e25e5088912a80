/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Convolutions: x (N, C, H, W), weight (O, C / G, KH, KW), y (N, O, P, Q). The geometry, the choice of an algorithm, and the
 * launchers. One-dimensional convolutions are those of images of height 1.
 *
 *   y[n, o, p, q] = bias[o] + sum over c, kh, kw of weight[o, c, kh, kw] * x[n, c, p SH - PH + kh DH, q SW - PW + kw DW]
 *
 * A tile is a range of the P Q output positions of one image. Its columns, (C/G KH KW, T), are the inputs that each output
 * position reads: they are gathered into a thread's scratch memory, stay in its second-level cache, and are multiplied there.
 */
#ifndef NG_KERNELS_CONV_H
#define NG_KERNELS_CONV_H

#include "elementwise.h"
#include "ng_api.h"

typedef struct ng_conv {
    int64_t N, C, H, W, O, KH, KW, P, Q, G;
    int64_t SH, SW, PH, PW, DH, DW;      /* stride, padding above and to the left, dilation */
} ng_conv;

enum { NG_CONV_POINTWISE, NG_CONV_DEPTHWISE, NG_CONV_COLUMNS };

/* The choice of an algorithm. */
static inline int ng_conv_algorithm(const ng_conv *s)
{
    if (s->KH == 1 && s->KW == 1 && s->SH == 1 && s->SW == 1 && s->PH == 0 && s->PW == 0 && s->P == s->H && s->Q == s->W)
        return NG_CONV_POINTWISE;
    if (s->G > 1 && s->C == s->G) return NG_CONV_DEPTHWISE;
    return NG_CONV_COLUMNS;
}

typedef struct ng_conv_args {
    ng_conv s;
    int algorithm;
    void *out;                   /* y, dx, or partial sums of dW */
    const void *x, *weight, *dy;
    const void *bias;            /* or NULL */
    void *z;                     /* y before the activation, where its derivative reads that; or NULL */
    ng_body activation;          /* or NULL */
    double p, q;                 /* its parameters */
    int64_t tile, tiles;         /* output positions of a tile, tiles of an image */
    int64_t parts;               /* dW: partial sums; each has its share of N * tiles */
} ng_conv_args;

static inline int64_t ng_conv_k(const ng_conv *s) { return s->C / s->G * s->KH * s->KW; }
static inline int64_t ng_conv_smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Output positions of a tile: as many as keep the columns within about 192 KB, a multiple of 32, not of 128 (rows a large power
 * of two apart fall into few sets of a cache). */
static inline void ng_conv_cut(int dtype, ng_conv_args *args)
{
    const int64_t room = 192 * 1024 / (int64_t)ng_itemsize(dtype) / (ng_conv_k(&args->s) + 1), positions = args->s.P * args->s.Q;
    int64_t tile = room < 32 ? 32 : room > 992 ? 992 : room / 32 * 32;
    if (tile % 128 == 0) tile += 32;
    if (tile >= positions) tile = positions;
    else tile = ((positions - 1) / ((positions - 1) / tile + 1) / 32 + 1) * 32;       /* tiles of one size */
    args->tile = tile > 0 ? tile : 1;
    args->tiles = positions > 0 ? (positions - 1) / args->tile + 1 : 0;
}

static inline int64_t ng_conv_scratch(int dtype, const ng_conv_args *args)
{
    return args->algorithm == NG_CONV_COLUMNS ? ng_conv_k(&args->s) * (args->tile + 16) * (int64_t)ng_itemsize(dtype) : 0;
}

/* Sixteenths of a nanosecond for so many multiply-adds. */
static inline int64_t ng_conv_cost(int dtype, int64_t products) { return 64 + products / (dtype == NG_F32 ? 3 : 1); }

/* y = activation(convolution + bias); op -1: no activation. */
static inline int ng_conv_forward(int dtype, void *y, void *z, const void *x, const void *weight, const void *bias, int op, double p,
                                  double q, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_conv_args args = {.s = *s, .algorithm = ng_conv_algorithm(s), .out = y, .z = z, .x = x, .weight = weight, .bias = bias,
                         .activation = op < 0 ? NULL : kernels->unary_forward[op], .p = p, .q = q};
    if (args.algorithm == NG_CONV_DEPTHWISE)
        return NG->launch(kernels->conv_depthwise_forward, &args, sizeof args, s->N * s->O,
                          ng_grain(ng_conv_cost(dtype, s->P * s->Q * (s->KH * s->KW + 2))), 0);
    ng_conv_cut(dtype, &args);
    return NG->launch(kernels->conv_forward, &args, sizeof args, s->N * s->G * args.tiles,
                      ng_grain(ng_conv_cost(dtype, args.tile * (s->O / s->G + 8) * ng_conv_k(s))), (size_t)ng_conv_scratch(dtype, &args));
}

/* The geometry of the convolution that is the input gradient of one of stride 1: dy in the place of x, weight turned around. */
static inline ng_conv ng_conv_turned(const ng_conv *s)
{
    return (ng_conv){.N = s->N, .C = s->O, .H = s->P, .W = s->Q, .O = s->C, .KH = s->KH, .KW = s->KW, .P = s->H, .Q = s->W,
                     .G = s->G, .SH = 1, .SW = 1, .PH = s->DH * (s->KH - 1) - s->PH, .PW = s->DW * (s->KW - 1) - s->PW,
                     .DH = s->DH, .DW = s->DW};
}

/* dx (N, C, H, W), from dy. */
static inline int ng_conv_dx(int dtype, void *dx, const void *dy, const void *weight, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_conv_args args = {.s = *s, .algorithm = ng_conv_algorithm(s), .out = dx, .weight = weight, .dy = dy};
    if (args.algorithm == NG_CONV_DEPTHWISE)
        return NG->launch(kernels->conv_depthwise_dx, &args, sizeof args, s->N * s->C,
                          ng_grain(ng_conv_cost(dtype, s->O / s->G * s->P * s->Q * (s->KH * s->KW + 2))), 0);
    const int turns = s->SH == 1 && s->SW == 1 && s->DH * (s->KH - 1) >= s->PH && s->DW * (s->KW - 1) >= s->PW && s->C / s->G >= 8;
    const size_t bytes = (size_t)(s->O * ng_conv_k(s)) * ng_itemsize(dtype);
    void *turned = NG->alloc(bytes);
    if (!turned) return NG_NO_MEMORY;
    ng_conv_args turn = args;
    turn.out = turned;
    turn.parts = turns;
    int status = NG->launch(kernels->conv_turn_weight, &turn, sizeof turn, s->G, ng_grain(s->O * ng_conv_k(s) / s->G * 16), 0);
    if (status == NG_OK && turns) {
        const ng_conv back = ng_conv_turned(s);
        status = ng_conv_forward(dtype, dx, NULL, dy, turned, NULL, -1, 0, 0, &back);
    } else if (status == NG_OK) {
        args.weight = turned;
        ng_conv_cut(dtype, &args);
        status = NG->launch(kernels->conv_dx, &args, sizeof args, s->N * s->G,
                            ng_grain(ng_conv_cost(dtype, s->P * s->Q * (s->O / s->G + 8) * ng_conv_k(s))),
                            (size_t)(ng_conv_k(s) * (args.tile + 16)) * ng_itemsize(dtype));
    }
    NG->release(turned, bytes);
    return status;
}

/* dW (O, C / G, KH, KW), from x and dy: partial sums, as many as the shapes say, then their sum. */
static inline int ng_conv_dweight(int dtype, void *dweight, const void *x, const void *dy, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_conv_args args = {.s = *s, .algorithm = ng_conv_algorithm(s), .out = dweight, .x = x, .dy = dy};
    if (args.algorithm == NG_CONV_DEPTHWISE)
        return NG->launch(kernels->conv_depthwise_dweight, &args, sizeof args, s->O,
                          ng_grain(ng_conv_cost(dtype, s->N * s->P * s->Q * (s->KH * s->KW + 2))), 0);
    ng_conv_cut(dtype, &args);
    const int64_t work = s->N * args.tiles, k = ng_conv_k(s);
    /* A part reads and writes its sums once: worth it for 16 tiles or more; and under 50 us one part is all. */
    const double products = (double)s->N * (double)(s->P * s->Q) * (double)s->O * (double)k;
    args.parts = products < 2e6 ? 1 : ng_conv_smaller(8, work / 16 > 2 ? work / 16 : work < 2 ? 1 : 2);
    const size_t bytes = (size_t)(args.parts * s->O * k) * ng_itemsize(dtype);
    void *partial = NG->alloc(bytes);
    if (!partial) return NG_NO_MEMORY;
    args.out = partial;
    int status = NG->launch(kernels->conv_dweight, &args, sizeof args, args.parts * s->G, 1, (size_t)ng_conv_scratch(dtype, &args));
    args.x = partial;
    args.out = dweight;
    if (status == NG_OK)
        status = NG->launch(kernels->conv_dweight_sum, &args, sizeof args, s->O, ng_grain(args.parts * k * 16), 0);
    NG->release(partial, bytes);
    return status;
}

#endif
