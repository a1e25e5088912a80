/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Random numbers from Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): block
 * number `counter` under key `seed` is four 32-bit words, a pure function of both. So element i is the same whichever thread computes it.
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

typedef struct ng_stream {
    uint64_t seed, counter;      /* of a generator: its next block; of a draw: the first of its own */
} ng_stream;

/* Blocks that a draw of n items takes, `per_group` of which come from a group. */
static inline uint64_t ng_random_blocks(int64_t n, int64_t per_group)
{
    return (uint64_t)ng_ceil_div(n, per_group) * NG_LANES;
}
static inline int64_t ng_random_per_group(int dtype) { return dtype == NG_F32 ? 64 : 32; }

static inline int64_t ng_integers_per_group(uint64_t range) { return range - 1 <= 0xffffffffu ? 64 : 16; }

#endif
