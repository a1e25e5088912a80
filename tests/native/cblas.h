/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Stands in for a BLAS where kernels are compiled as a program of their own (tests/native/gemm_check.c).
 */
#ifndef CBLAS_H
#define CBLAS_H

enum { CblasRowMajor = 101, CblasNoTrans = 111, CblasTrans = 112 };

#define GEMM_OF(name, type)                                                                                                    \
    static inline void name(int order, int trans_a, int trans_b, int m, int n, int k, type alpha, const type *a, int lda, const type *b, \
                            int ldb, type beta, type *c, int ldc)                                                              \
    {                                                                                                                          \
        (void)order;                                                                                                           \
        for (int i = 0; i < m; i++)                                                                                            \
            for (int j = 0; j < n; j++) {                                                                                      \
                type sum = 0;                                                                                                  \
                for (int p = 0; p < k; p++)                                                                                    \
                    sum += (trans_a == CblasTrans ? a[p * lda + i] : a[i * lda + p]) * (trans_b == CblasTrans ? b[j * ldb + p] : b[p * ldb + j]); \
                c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);                                        \
            }                                                                                                                  \
    }
GEMM_OF(cblas_sgemm, float)
GEMM_OF(cblas_dgemm, double)

#endif
