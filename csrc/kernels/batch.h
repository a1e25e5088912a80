/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Mini-batches: chosen rows of an array, one after the other.
 */
#ifndef NG_KERNELS_BATCH_H
#define NG_KERNELS_BATCH_H

#include "ng_api.h"

typedef float ng_float32;
typedef double ng_float64;

/* What the rows of the source are: bytes to be copied as they are, or floats of the other type to be converted. */
enum { NG_ROWS_SAME = 0, NG_ROWS_FLOAT32 = 1, NG_ROWS_FLOAT64 = 2 };

typedef struct ng_batch_rows_args {
    void *out;
    const char *source;
    const int64_t *rows;       /* which row of the source goes to each row of out */
    int64_t stride;            /* bytes from one row of the source to the next */
    int64_t row_bytes;         /* of a row of out */
    int source_type;
} ng_batch_rows_args;

/* out (n rows of row_bytes) = source[rows[0..n)]. The dtype is out's where rows are converted and does not matter else. */
static inline int ng_batch_rows(int dtype, void *out, const void *source, const int64_t *rows, int64_t n,
                                 int64_t stride, int64_t row_bytes, int source_type)
{
    const ng_batch_rows_args args = {out, (const char *)source, rows, stride, row_bytes, source_type};
    /* A row costs a cache miss or two, then about 10 bytes a nanosecond. */
    return NG->launch(NG->kernels[dtype]->batch_rows, &args, sizeof args, n,
                      ng_grain(500 + (row_bytes < (int64_t)1 << 40 ? 2 * row_bytes : row_bytes)), 0);
}

#endif
