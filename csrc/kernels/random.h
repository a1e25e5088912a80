/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Random numbers from Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): block
 * number `counter` under key `seed` is four 32-bit words, a pure function of both. So element i is the same whoever computes it.
 *
 * Blocks are made in groups of 16. With words w[j][l], j = 0..3, of blocks l = 0..15 of group g, a float32 element
 * 64 g + 16 j + l comes from w[j][l]; a float64 element 32 g + 16 h + l from w[2h][l] and w[2h + 1][l]; an integer below 2**32
 * like a float32, a larger one, number 16 g + l, from all of block l. A draw takes whole groups, the same number whatever it meets:
 * where a word cannot be used, the same blocks are made again with another "attempt" in the counter's third word.
 */
#ifndef NG_KERNELS_RANDOM_H
#define NG_KERNELS_RANDOM_H

#include <stdint.h>

#include "ng_api.h"

enum { NG_RANDOM_LANES = 16 };

typedef struct ng_stream {
    uint64_t seed, counter;      /* the first block of this draw */
} ng_stream;

/* Blocks that a draw of n items takes, `per_group` of which come from a group. */
static inline uint64_t ng_random_blocks(int64_t n, int64_t per_group)
{
    return (uint64_t)((n + per_group - 1) / per_group) * NG_RANDOM_LANES;
}
static inline int64_t ng_random_per_group(int dtype) { return dtype == NG_F32 ? 64 : 32; }

/* out (N) = offset + scale * u, with u in [0, 1) of 24 (53) bits, or standard normal */
typedef struct ng_random_args {
    void *out;
    ng_stream stream;
    int64_t n;
    double offset, scale;
} ng_random_args;

static inline int ng_random_uniform(int dtype, void *out, ng_stream stream, double offset, double scale, int64_t n)
{
    const ng_random_args args = {out, stream, n, offset, scale};
    const int64_t per_group = ng_random_per_group(dtype);
    return NG->launch(NG->kernels[dtype]->random_uniform, &args, sizeof args, (n + per_group - 1) / per_group, ng_grain(700), 0);
}

static inline int ng_random_normal(int dtype, void *out, ng_stream stream, double offset, double scale, int64_t n)
{
    const ng_random_args args = {out, stream, n, offset, scale};
    const int64_t per_group = ng_random_per_group(dtype);
    return NG->launch(NG->kernels[dtype]->random_normal, &args, sizeof args, (n + per_group - 1) / per_group, ng_grain(1600), 0);
}

static inline int64_t ng_integers_per_group(uint64_t range) { return range - 1 <= 0xffffffffu ? 64 : 16; }

/* out (N) = low + an integer in [0, range), every one as likely; range 0 stands for 2**64 */
typedef struct ng_random_integers_args {
    int64_t *out;
    ng_stream stream;
    int64_t n, low;
    uint64_t range;
} ng_random_integers_args;

static inline int ng_random_integers(int64_t *out, ng_stream stream, int64_t low, uint64_t range, int64_t n)
{
    const ng_random_integers_args args = {out, stream, n, low, range};
    const int64_t per_group = ng_integers_per_group(range);
    return NG->launch(NG->kernels[NG_F64]->random_integers, &args, sizeof args, (n + per_group - 1) / per_group, ng_grain(1200), 0);
}

/* out (N): 0 .. n - 1 in random order, every order as likely (Fisher and Yates); n <= 2**32 */
static inline int ng_random_permutation(int64_t *out, ng_stream stream, int64_t n)
{
    const ng_random_integers_args args = {out, stream, n, 0, 0};
    return NG->launch(NG->kernels[NG_F64]->random_permutation, &args, sizeof args, 1, 1, 0);
}

/* out (R): for each row of logits x (R, N) a class, drawn with probability softmax(x). NG_INDEX_RANGE: a row without
 * probabilities (NaN, +inf, or nothing but -inf) */
typedef struct ng_random_categorical_args {
    int64_t *out;
    const void *x;
    ng_stream stream;
    int64_t rows, n;
} ng_random_categorical_args;

static inline int ng_random_categorical(int dtype, int64_t *out, const void *x, ng_stream stream, int64_t rows, int64_t n)
{
    const ng_random_categorical_args args = {out, x, stream, rows, n};
    return NG->launch(NG->kernels[dtype]->random_categorical, &args, sizeof args, (rows + NG_RANDOM_LANES - 1) / NG_RANDOM_LANES,
                      ng_grain(NG_RANDOM_LANES * 24 * (n + 8)), (size_t)n * sizeof(double));
}

/* y (N) = x * scale where the element is kept, else 0; bit e of bits[g] says whether element 64 g + e is kept: its word is
 * larger than `threshold` */
typedef struct ng_dropout_args {
    void *y;
    uint64_t *bits;
    const void *x;
    ng_stream stream;
    int64_t n;
    uint32_t threshold;
    double scale;
} ng_dropout_args;

static inline int ng_dropout_forward(int dtype, void *y, uint64_t *bits, const void *x, ng_stream stream, uint32_t threshold,
                                     double scale, int64_t n)
{
    const ng_dropout_args args = {y, bits, x, stream, n, threshold, scale};
    return NG->launch(NG->kernels[dtype]->dropout_forward, &args, sizeof args, (n + 63) / 64, ng_grain(900), 0);
}

/* dx = dy * scale where kept, else 0; dx may be dy */
static inline int ng_dropout_backward(int dtype, void *dx, const uint64_t *bits, const void *dy, double scale, int64_t n)
{
    const ng_dropout_args args = {.y = dx, .bits = (uint64_t *)bits, .x = dy, .n = n, .scale = scale};
    return NG->launch(NG->kernels[dtype]->dropout_backward, &args, sizeof args, (n + 63) / 64, ng_grain(400), 0);
}

#endif
