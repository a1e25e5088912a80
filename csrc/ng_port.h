/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What differs between gcc, clang and clang-cl: attributes, pragmas, atomics, thread-local storage. (Microsoft's own
 * compiler is not supported: it has neither the atomics nor the vector extensions; clang-cl takes its place.)
 */
#ifndef NG_PORT_H
#define NG_PORT_H

#include <stddef.h>
#include <stdint.h>

#define NG_UNUSED __attribute__((unused))
#define NG_INLINE static inline __attribute__((always_inline))
#define NG_NOINLINE __attribute__((noinline))
#define NG_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define NG_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* "The iterations of the next loop do not depend on each other." */
#if defined(__clang__)
#  define NG_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#  define NG_IVDEP _Pragma("GCC ivdep")
#else
#  define NG_IVDEP
#endif

enum { NG_CACHE_LINE = 64 };

/* Initial-exec storage saves 4 ns an access in a loaded object. glibc keeps room for it there (we take some 40 bytes of it);
 * musl refuses to load an object that asks for it. <stdint.h> above has defined __GLIBC__ where it is glibc. */
#if defined(__GLIBC__)
#  define NG_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#else
#  define NG_THREAD_LOCAL __thread
#endif

/* Atomics. `take` and `drop` are an exclusive flag: 0 free, 1 taken. */
NG_INLINE int64_t ng_atomic_add(int64_t *p, int64_t n) { return __atomic_fetch_add(p, n, __ATOMIC_RELAXED); }
NG_INLINE int64_t ng_atomic_load(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
NG_INLINE int ng_atomic_load_int(const int *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
NG_INLINE void ng_atomic_store_int(int *p, int value) { __atomic_store_n(p, value, __ATOMIC_RELEASE); }
NG_INLINE int ng_atomic_take(int *p) { return __atomic_exchange_n(p, 1, __ATOMIC_ACQUIRE) == 0; }
NG_INLINE void ng_atomic_drop(int *p) { __atomic_store_n(p, 0, __ATOMIC_RELEASE); }
/* Stores `value` if *p is 0: the first caller wins. */
NG_INLINE void ng_atomic_set_once(int *p, int value)
{
    int expected = 0;
    __atomic_compare_exchange_n(p, &expected, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

NG_INLINE void ng_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
