/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * One matrix product within a thread, for kernels that are made of products (gemm.inc has it): C (M, N) = or += op(A) @ op(B).
 * The status of ctx says so where there was no memory for it.
 */
#ifndef NG_KERNELS_GEMM_PRODUCT_H
#define NG_KERNELS_GEMM_PRODUCT_H

#include "ng_api.h"
#include "ng_real.h"

void FN(gemm_product)(REAL *c, const REAL *a, const REAL *b, int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                      int trans_a, int trans_b, int accumulate, ng_ctx *ctx);

#endif
