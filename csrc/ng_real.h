/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The only place where float32 and float64 differ. A kernel file (kernels/NAME.inc) is compiled once per dtype and per
 * instruction set with -DNG_DTYPE=32|64 -DNG_ISA=baseline|avx2|avx512, and is written in terms of
 *
 *   REAL      the element type
 *   ACC       the accumulator of reductions (double for both)
 *   FN(name)  the linkable name of this dtype and instruction set, e.g. softmax_forward_f32_avx2
 *   R(c)      a constant of type REAL
 *   MATH(f)   the vectorisable function of ng_math.h for REAL
 *   SELECT    a choice that compiles to a blend: SELECT(x < 0, 0, x) lets NaN through
 *   LANES     how many rows, columns or partial sums are taken side by side, whatever the machine's vectors are
 */
#ifndef NG_REAL_H
#define NG_REAL_H

#include <stddef.h>
#include <stdint.h>

#define NG_PASTE3_(a, b, c) a##_##b##_##c
#define NG_PASTE3(a, b, c) NG_PASTE3_(a, b, c)

#if NG_DTYPE == 32
typedef float REAL;
#  define NG_DTYPE_NAME f32
#elif NG_DTYPE == 64
typedef double REAL;
#  define NG_DTYPE_NAME f64
#else
#  error "compile kernels with -DNG_DTYPE=32 or -DNG_DTYPE=64"
#endif
#ifndef NG_ISA
#  error "compile kernels with -DNG_ISA=<name of the instruction set>"
#endif

typedef double ACC;
#define FN(name) NG_PASTE3(name, NG_DTYPE_NAME, NG_ISA)
#define R(c) ((REAL)(c))
#define MATH(f) ng_math_##f
#define SELECT(condition, yes, no) ((condition) ? (yes) : (no))
#define ABS(x) ((x) < 0 ? -(x) : (x))
#define SIGN(x) ((x) > 0 ? R(1) : (x) < 0 ? R(-1) : (x))

#define LANES NG_LANES
/* Of GCC: keeps a short loop of constant length a loop until it is vectorised (unrolled before, it may branch). */
#if defined(__GNUC__) && !defined(__clang__)
#  define KEEP_LOOP _Pragma("GCC unroll 1")
#else
#  define KEEP_LOOP
#endif
#define FOR_LANES(j) KEEP_LOOP for (int j = 0; j < LANES; j++)

#endif
