/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Our matrix products against CBLAS's, one thread, in all four layouts: microseconds of CBLAS, of ours, and their ratio.
 * For float32 with AVX-512 (float64: -DNG_DTYPE=64; AVX2: -DNG_ISA=avx2 -mavx2 -mfma):
 *
 *   OPENBLAS=$(python -c "import scipy_openblas32 as b, os; print(os.path.dirname(b.get_lib_dir()))")
 *   gcc -O3 -std=gnu11 -fno-math-errno -fno-trapping-math -ffp-contract=fast -DNG_DTYPE=32 -DNG_ISA=avx512 -mavx512f -mavx512dq \
 *       -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512 -DNG_BLAS_SCIPY_OPENBLAS -Icsrc -Ibuild/generated -I$OPENBLAS/include \
 *       benchmarks/native/gemm.c -L$OPENBLAS/lib -lscipy_openblas -Wl,-rpath,$OPENBLAS/lib -o /tmp/gemm
 *   OPENBLAS_NUM_THREADS=1 /tmp/gemm        (OPENBLAS_CORETYPE=Zen: another of OpenBLAS's kernels)
 */
#include "kernels/gemm.inc"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* Memory at different offsets in its page, as several tensors would have. */
static REAL *memory(int64_t n, int place)
{
    REAL *x = (REAL *)aligned_alloc(64, (size_t)(n + 8192) * sizeof(REAL)) + place * 16 * 21;
    for (int64_t i = 0; i < n; i++) x[i] = (REAL)(rand() % 7 - 3);
    return x;
}

int main(void)
{
    static const int64_t shapes[][3] = {
        {4, 4, 4}, {8, 8, 8}, {16, 16, 16}, {32, 32, 32}, {64, 64, 64}, {9, 31, 17}, {100, 100, 100}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512},
        {1, 64, 64}, {64, 1, 64}, {1, 128, 784}, {1, 784, 128}, {2, 64, 64}, {64, 64, 1}, {128, 784, 1},
        {64, 64, 8}, {64, 4, 64}, {64, 64, 4}, {4, 64, 64},
        {32, 128, 784}, {32, 64, 128}, {128, 784, 32}, {128, 128, 784}, {128, 784, 128}, {1024, 128, 784}, {128, 784, 1024}};
    ng_blas_single_thread();
    printf("%s, f%d\n%16s", ng_blas_kernel(), NG_DTYPE, "M    N    K");
    for (int layout = 0; layout < 4; layout++) printf("   %s%s    CBLAS     ours ratio", layout & 2 ? "A.T " : "A ", layout & 1 ? "B.T" : "B  ");
    printf("\n");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        REAL *a = memory(m * k, 1), *b = memory(k * n, 2), *c = memory(m * n, 3);
        printf("%5d%5d%5d ", (int)m, (int)n, (int)k);
        for (int layout = 0; layout < 4; layout++) {
            const int trans_a = layout >> 1, trans_b = layout & 1;
            product g = {c, a, b, m, n, k, trans_a ? m : k, trans_b ? k : n, n, trans_a, trans_b, 0};
            const product h = g;
            const int times = (int)(1e6 / (double)(m * n * k)) + 1;
            double best[2] = {1e30, 1e30};
            for (int round = 0; round < 40; round++)
                for (int ours = 0; ours < 2; ours++) {
                    const double start = now();
                    for (int i = 0; i < times; i++) {
                        if (ours) own_product(&g);
                        else cblas_product(&h);
                        __asm__ volatile("" ::: "memory");
                    }
                    const double took = (now() - start) / times;
                    if (took < best[ours]) best[ours] = took;
                }
            printf(" %12.2f%9.2f%6.2f  ", best[0], best[1], best[0] / best[1]);
        }
        printf("\n");
    }
    return 0;
}
