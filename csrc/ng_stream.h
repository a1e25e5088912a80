/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Stores past the caches. An ordinary store reads its line first, a third or a quarter of the traffic of an operation on
 * arrays that no cache holds; and what it leaves there is gone before it is read again. Measured: docs/measurements.md.
 */
#ifndef NG_STREAM_H
#define NG_STREAM_H

#include <string.h>

#include "ng_real.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* to = from, REALs; ng_stream_end() after the last one, before another thread may read. */
static inline void ng_stream(REAL *restrict to, const REAL *restrict from, int64_t n)
{
    int64_t i = 0;
#if defined(__SSE2__)
    const int64_t lanes = 64 / (int64_t)sizeof(REAL);
    const int64_t ahead = (int64_t)(-(uintptr_t)to & 63) / (int64_t)sizeof(REAL);      /* to a whole line */
    if (ahead < n) {
        memcpy(to, from, (size_t)ahead * sizeof(REAL));
        for (i = ahead; i + lanes <= n; i += lanes) {
#  if defined(__AVX512F__)
            _mm512_stream_si512((__m512i *)(void *)(to + i), _mm512_loadu_si512(from + i));
#  else
            for (int64_t k = 0; k < lanes; k += lanes / 4)
                _mm_stream_si128((__m128i *)(void *)(to + i + k), _mm_loadu_si128((const __m128i *)(const void *)(from + i + k)));
#  endif
        }
    }
#endif
    memcpy(to + i, from + i, (size_t)(n - i) * sizeof(REAL));
}

static inline void ng_stream_end(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

#endif
