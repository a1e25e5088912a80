/* SPDX-License-Identifier: LGPL-3.0-or-later */
#ifndef NG_KERNELS_CONV_SHAPE_H
#define NG_KERNELS_CONV_SHAPE_H

#include "ng_api.h"

typedef struct ng_conv {
    int64_t N, C, H, W, O, KH, KW, P, Q, G;
    int64_t SH, SW, PH, PW, DH, DW;      /* stride, padding above and to the left, dilation */
} ng_conv;

static inline int64_t ng_conv_k(const ng_conv *s) { return s->C / s->G * s->KH * s->KW; }

/* Sixteenths of a nanosecond for this many multiply-adds. */
static inline int64_t ng_conv_cost(int dtype, int64_t products) { return 64 + products / (dtype == NG_F32 ? 3 : 1); }

#endif
