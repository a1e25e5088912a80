/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Convolutions: x (N, C, H, W), weight (O, C / G, KH, KW), y (N, O, P, Q). The geometry, the choice of an algorithm, and the
 * launchers. One-dimensional convolutions are those of images of height 1.
 *
 *   y[n, o, p, q] = bias[o] + sum over c, kh, kw of weight[o, c, kh, kw] * x[n, c, p SH - PH + kh DH, q SW - PW + kw DW]
 *
 * Four algorithms. Pointwise (1x1): products of matrices on the image as it is. Depthwise (conv_depthwise.h): vectors of
 * positions. Direct (conv_direct.h): where the channels of the result fill vectors. Columns, for the rest: a tile is a range of
 * the P Q output positions of one image; its columns, (C/G KH KW, T), are the inputs that each output position reads. They are
 * gathered into a thread's scratch memory, stay in its second-level cache, and are multiplied there.
 */
#ifndef NG_KERNELS_CONV_H
#define NG_KERNELS_CONV_H

#include "conv_depthwise.h"
#include "conv_direct.h"
#include "elementwise.h"

enum { NG_CONV_POINTWISE, NG_CONV_DEPTHWISE, NG_CONV_DIRECT, NG_CONV_COLUMNS };
enum { NG_CONV_Y, NG_CONV_DX, NG_CONV_DWEIGHT };

/* The choice of an algorithm for one of the three passes. */
static inline int ng_conv_algorithm(int dtype, const ng_conv *s, int pass)
{
    if (s->KH == 1 && s->KW == 1 && s->SH == 1 && s->SW == 1 && s->PH == 0 && s->PW == 0 && s->P == s->H && s->Q == s->W)
        return NG_CONV_POINTWISE;
    const int depthwise = s->G > 1 && s->C == s->G;
    const int64_t lanes = pass == NG_CONV_DX ? s->C / s->G : s->O / s->G;
    const ng_pass forward = ng_pass_forward(s);
    if ((lanes < 8 && !depthwise) || (pass == NG_CONV_DX && (s->SH > 2 || s->SW > 2)) || !ng_direct_fits(dtype, &forward))
        return NG_CONV_COLUMNS;
    return depthwise ? NG_CONV_DEPTHWISE : NG_CONV_DIRECT;
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

/* y = activation(convolution + bias); op -1: no activation. */
static inline int ng_conv_forward(int dtype, void *y, void *z, const void *x, const void *weight, const void *bias, int op,
                                  double p, double q, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    const int algorithm = ng_conv_algorithm(dtype, s, NG_CONV_Y);
    const ng_body activation = op < 0 ? NULL : kernels->unary_forward[op];
    if (algorithm == NG_CONV_DIRECT || algorithm == NG_CONV_DEPTHWISE) {
        ng_direct_args direct = {.s = ng_pass_forward(s), .out = y, .x = x, .weight = weight, .bias = bias, .z = z,
                                 .activation = activation, .p = p, .q = q};
        return algorithm == NG_CONV_DIRECT ? ng_direct_launch(dtype, &direct) : ng_depthwise_launch(dtype, &direct);
    }
    ng_conv_args args = {.s = *s, .algorithm = algorithm, .out = y, .z = z, .x = x, .weight = weight, .bias = bias,
                         .activation = activation, .p = p, .q = q};
    ng_conv_cut(dtype, &args);
    return NG->launch(kernels->conv_forward, &args, sizeof args, s->N * s->G * args.tiles,
                      ng_grain(ng_conv_cost(dtype, args.tile * (s->O / s->G + 8) * ng_conv_k(s))),
                      (size_t)ng_conv_scratch(dtype, &args));
}

/* dx (N, C, H, W), from dy. */
static inline int ng_conv_dx(int dtype, void *dx, const void *dy, const void *weight, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_conv_args args = {.s = *s, .algorithm = ng_conv_algorithm(dtype, s, NG_CONV_DX), .out = dx, .weight = weight, .dy = dy};
    if (args.algorithm == NG_CONV_DIRECT || args.algorithm == NG_CONV_DEPTHWISE)
        return ng_direct_dx(dtype, dx, dy, weight, s, args.algorithm == NG_CONV_DIRECT ? ng_direct_launch : ng_depthwise_launch);
    ng_conv_cut(dtype, &args);
    if (args.algorithm == NG_CONV_POINTWISE)
        return NG->launch(kernels->conv_pointwise_dx, &args, sizeof args, s->N * s->G * args.tiles,
                          ng_grain(ng_conv_cost(dtype, args.tile * (s->O / s->G + 8) * s->C / s->G)), 0);
    return NG->launch(kernels->conv_dx, &args, sizeof args, s->N * s->G,
                      ng_grain(ng_conv_cost(dtype, s->P * s->Q * (s->O / s->G + 8) * ng_conv_k(s))),
                      (size_t)(ng_conv_k(s) * (args.tile + 16)) * ng_itemsize(dtype));
}

/* dW (O, C / G, KH, KW), from x and dy: partial sums, as many as the shapes say, then their sum. */
static inline int ng_conv_dweight(int dtype, void *dweight, const void *x, const void *dy, const ng_conv *s)
{
    const ng_kernels *kernels = NG->kernels[dtype];
    ng_conv_args args = {.s = *s, .algorithm = ng_conv_algorithm(dtype, s, NG_CONV_DWEIGHT), .out = dweight, .x = x, .dy = dy};
    if (args.algorithm == NG_CONV_DIRECT) return ng_direct_dweight(dtype, dweight, x, dy, s);
    if (args.algorithm == NG_CONV_DEPTHWISE) return ng_depthwise_dweight(dtype, dweight, x, dy, s);
    ng_conv_cut(dtype, &args);
    const int64_t work = s->N * args.tiles, k = ng_conv_k(s);
    /* A part reads and writes its sums once: worth it for 16 tiles or more; and under 50 us one part is all. */
    const double products = (double)s->N * (double)(s->P * s->Q) * (double)s->O * (double)k;
    args.parts = products < 2e6 ? 1 : ng_lesser(8, work / 16 > 2 ? work / 16 : work < 2 ? 1 : 2);
    if (args.parts == 1)
        return NG->launch(kernels->conv_dweight, &args, sizeof args, s->G, products < 2e6 ? s->G : 1,
                          (size_t)ng_conv_scratch(dtype, &args));
    const size_t bytes = (size_t)(args.parts * s->O * k) * ng_itemsize(dtype);
    void *partial = ng_temporary(bytes);
    if (!partial) return NG_NO_MEMORY;
    args.out = partial;
    int status = NG->launch(kernels->conv_dweight, &args, sizeof args, args.parts * s->G, 1,
                            (size_t)ng_conv_scratch(dtype, &args));
    args.x = partial;
    args.out = dweight;
    if (status == NG_OK)
        status = NG->launch(kernels->conv_dweight_sum, &args, sizeof args, s->O, ng_grain(args.parts * k * 16), 0);
    ng_temporary_done(partial, bytes);
    return status;
}

#endif
