/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * A row of a region: of (width,) with a margin of zeros (of -inf where a maximum is taken) outside of [a, b), by whole vectors.
 * Up to a vector beyond the row is written too, so rows have to be made in the order in which they lie, with as much room behind
 * the last one, or with that between them.
 */
#ifndef NG_KERNELS_CONV_REGION_H
#define NG_KERNELS_CONV_REGION_H

#include "vectors.h"

NG_INLINE void fill_row(REAL *to, int64_t width, REAL value)
{
    for (int64_t j = 0; j < width; j += VECTOR) *(vector *)(to + j) = (vector){0} + value;
}

/* `end`: of the memory that may be read. */
NG_INLINE void copy_row(REAL *to, const REAL *of, int64_t a, int64_t b, int64_t width, const REAL *end, REAL margin)
{
    if (a > 0) fill_row(to, a, margin);
    if (end - of >= b + VECTOR)
        for (int64_t j = a; j < b; j += VECTOR) *(vector *)(to + j) = *(const vector *)(of + j);
    else
        for (int64_t j = a; j < b; j++) to[j] = of[j];
    if (b < width) fill_row(to + b, width - b, margin);
}

#endif
