/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Vector types, in GCC's vector extensions (clang has them too; a vector wider than the machine's is split by the compiler),
 * for kernels that keep their sums in registers.
 */
#ifndef NG_VECTORS_H
#define NG_VECTORS_H

#include "ng_port.h"
#include "ng_real.h"

#if defined(__AVX512F__)
#  define NG_VECTOR_BYTES 64
#elif defined(__AVX__)
#  define NG_VECTOR_BYTES 32
#else
#  define NG_VECTOR_BYTES 16
#endif
/* Elements of a vector. */
#define VECTOR (NG_VECTOR_BYTES / (NG_DTYPE / 8))

/* Rows of a register tile two vectors wide: 16 accumulators of 32 registers, or 12 (8 where there is no FMA) of 16. */
#if defined(__AVX512F__) || defined(__aarch64__)
#  define NG_TILE_ROWS 8
#elif defined(__FMA__)
#  define NG_TILE_ROWS 6
#else
#  define NG_TILE_ROWS 4
#endif

#if defined(__clang__)
#  define NG_UNROLL _Pragma("unroll")
#else
#  define NG_UNROLL _Pragma("GCC unroll 16")
#endif

/* Elements of a half and a quarter of a vector where it is four or more; else the next larger one again. */
enum { HALF = VECTOR >= 8 ? VECTOR / 2 : VECTOR, QUARTER = VECTOR >= 16 ? VECTOR / 4 : HALF };
#define NG_VECTOR(lanes) __attribute__((vector_size((lanes) * (NG_DTYPE / 8)), aligned(NG_DTYPE / 8), may_alias))
typedef REAL vector NG_VECTOR(VECTOR);
typedef REAL quad NG_VECTOR(4);
#if VECTOR == 16
typedef REAL half NG_VECTOR(8);
#elif VECTOR == 8
typedef quad half;
#endif

/* Four rows of four become four columns. */
NG_INLINE void transpose_quads(quad *r)
{
    const quad a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    const quad c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

#endif
