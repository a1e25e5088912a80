/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * One name for CBLAS whoever provides it: NG_CBLAS(sgemm)(CblasRowMajor, ...). NG_OPENBLAS(get_config)() and its like exist
 * only where NG_OPENBLAS is defined. Integers are `int` (LP64). Whoever first calls in must have set OpenBLAS to one thread
 * (ng_blas_single_thread): threads are ours.
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
