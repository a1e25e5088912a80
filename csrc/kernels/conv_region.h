/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * A row of a region: of (width,) with zeros outside of [a, b), by whole vectors. Up to a vector beyond the row is written too, so
 * rows have to be made in the order in which they lie, with as much room behind the last one.
 */
#ifndef NG_KERNELS_CONV_REGION_H
#define NG_KERNELS_CONV_REGION_H

#include "vectors.h"

NG_INLINE void zero_row(REAL *to, int64_t width)
{
    for (int64_t j = 0; j < width; j += LANES) *(vector *)(to + j) = (vector){0};
}

/* `end`: of the memory that may be read. */
NG_INLINE void copy_row(REAL *to, const REAL *of, int64_t a, int64_t b, int64_t width, const REAL *end)
{
    if (a > 0) zero_row(to, a);
    if (end - of >= b + LANES)
        for (int64_t j = a; j < b; j += LANES) *(vector *)(to + j) = *(const vector *)(of + j);
    else
        for (int64_t j = a; j < b; j++) to[j] = of[j];
    if (b < width) zero_row(to + b, width - b);
}

#endif
