/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * One name for CBLAS, whatever library provides it: NG_CBLAS(sgemm)(CblasRowMajor, ...). NG_OPENBLAS(get_config)() and its like exist
 * only where NG_OPENBLAS is defined. Integers are `int` (LP64). Whoever first calls in must have set OpenBLAS to one thread
 * (ng_blas_single_thread): threads are ours. A product is computed between ng_blas_enter() and ng_blas_leave().
 */
#ifndef NG_BLAS_H
#define NG_BLAS_H

#if defined(NG_BLAS_ACCELERATE)
#  define ACCELERATE_NEW_LAPACK
#  include <Accelerate/Accelerate.h>
#  define NG_CBLAS(name) cblas_##name
#else
#  include <cblas.h>
#  if defined(NG_BLAS_SCIPY_OPENBLAS)
#    define NG_CBLAS(name) scipy_cblas_##name
#    define NG_OPENBLAS(name) scipy_openblas_##name
#  else
#    define NG_CBLAS(name) cblas_##name
#    if defined(OPENBLAS_VERSION)
#      define NG_OPENBLAS(name) openblas_##name
#    endif
#  endif
#endif

static inline void ng_blas_single_thread(void)
{
#if defined(NG_OPENBLAS)
    NG_OPENBLAS(set_num_threads)(1);
#endif
}

/* OpenBLAS works in a buffer for each call that is under way, kept for later calls, and calls exit(1) when it gets no memory for
 * a new one. So the caller asks first: 0 is "there is no memory". With one buffer there, a caller for whom there is no
 * further one waits until a call ends. ng_blas_fits: whether there is the memory that a thread's first call takes; a worker
 * asks before it claims work that might be such a call. */
#if defined(NG_OPENBLAS)
int ng_blas_fits(void);
int ng_blas_enter(void);
void ng_blas_leave(void);
#else
static inline int ng_blas_fits(void) { return 1; }
static inline int ng_blas_enter(void) { return 1; }
static inline void ng_blas_leave(void) {}
#endif

/* The library's own description, for `python -m nanograd`; its kernel's name, e.g. "Haswell". */
static inline const char *ng_blas_config(void)
{
#if defined(NG_OPENBLAS)
    return NG_OPENBLAS(get_config)();
#elif defined(NG_BLAS_ACCELERATE)
    return "Accelerate";
#else
    return "system CBLAS";
#endif
}
static inline const char *ng_blas_kernel(void)
{
#if defined(NG_OPENBLAS)
    return NG_OPENBLAS(get_corename)();
#else
    return "unknown";
#endif
}

#endif
