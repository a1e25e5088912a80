/* SPDX-License-Identifier: LGPL-3.0-or-later */
#ifndef NG_KERNELS_FINISH_H
#define NG_KERNELS_FINISH_H

#include <string.h>

#include "elementwise.h"
#include "ng_real.h"

/* y (length,) += bias, z = y if z is wanted, y = activation(y): one channel of an image, while it is in cache. */
NG_INLINE void finish_channel(REAL *restrict y, REAL *restrict z, REAL bias, ng_body activation, double p, double q, int64_t length,
                              ng_ctx *ctx)
{
    if (bias != 0)
        for (int64_t i = 0; i < length; i++) y[i] += bias;
    if (z) memcpy(z, y, (size_t)length * sizeof(REAL));
    if (activation) {
        const ng_unary_args unary = {.out = y, .x = y, .p = p, .q = q};
        activation(&unary, 0, length, ctx);
    }
}

#endif
