/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The last few elements of a flat loop, in padded copies of one 64-byte vector. Filling such a copy by narrow stores and
 * reading it as a vector stalls until the stores have left the store buffer: with a masked load instead, a multiplication
 * of 4 elements takes 4 ns less (benchmarks, core/chain-100: three such kernels a multiplication, 10 %).
 */
#ifndef NG_TAIL_H
#define NG_TAIL_H

#include <string.h>

#include "ng_real.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* One 64-byte vector; -TAIL masks to a multiple of it. */
#define TAIL ((int64_t)(64 / sizeof(REAL)))

/* Copies n < 16 elements, without a loop that would be vectorised in turn. */
static inline void copy_few(REAL *to, const REAL *from, int64_t n)
{
    if (n & 8) memcpy(to, from, 8 * sizeof(REAL)), to += 8, from += 8;
    if (n & 4) memcpy(to, from, 4 * sizeof(REAL)), to += 4, from += 4;
    if (n & 2) memcpy(to, from, 2 * sizeof(REAL)), to += 2, from += 2;
    if (n & 1) *to = *from;
}

/* tail (TAIL) = from (rest), then `fill`; 0 <= rest <= TAIL */
static inline void load_tail(REAL *tail, const REAL *from, int64_t rest, REAL fill)
{
    if (rest < 0 || rest > TAIL) __builtin_unreachable();      /* or gcc warns of what it takes for possible */
#if defined(__AVX512F__) && NG_DTYPE == 32
    const __mmask16 mask = (__mmask16)((1u << rest) - 1);
    _mm512_storeu_ps(tail, _mm512_mask_loadu_ps(_mm512_set1_ps(fill), mask, from));
#elif defined(__AVX512F__)
    const __mmask8 mask = (__mmask8)((1u << rest) - 1);
    _mm512_storeu_pd(tail, _mm512_mask_loadu_pd(_mm512_set1_pd(fill), mask, from));
#elif defined(__AVX2__) && NG_DTYPE == 32
    static const int32_t masks[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    for (int64_t i = 0; i < TAIL; i += 8) {
        const __m256i mask = _mm256_loadu_si256((const __m256i *)(masks + TAIL - rest + i));
        _mm256_storeu_ps(tail + i, _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(from + i, mask), _mm256_castsi256_ps(mask)));
    }
#elif defined(__AVX2__)
    static const int64_t masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    for (int64_t i = 0; i < TAIL; i += 4) {
        const __m256i mask = _mm256_loadu_si256((const __m256i *)(masks + TAIL - rest + i));
        _mm256_storeu_pd(tail + i, _mm256_blendv_pd(_mm256_set1_pd(fill), _mm256_maskload_pd(from + i, mask), _mm256_castsi256_pd(mask)));
    }
#else
    for (int64_t i = 0; i < TAIL; i++) tail[i] = fill;
    if (rest == TAIL) memcpy(tail, from, 64);
    else copy_few(tail, from, rest);
#endif
}

#endif
