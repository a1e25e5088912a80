/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Matrix products of random sizes and layouts against three loops, in memory of exactly their size: for the sanitizers. Integers
 * small enough to be exact whatever the order of summation.
 */
#include "kernels/gemm.inc"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static REAL *numbers(int64_t n)
{
    REAL *x = malloc((size_t)(n ? n : 1) * sizeof(REAL));
    for (int64_t i = 0; i < n; i++) x[i] = (REAL)(rand() % 9 - 4);
    return x;
}

static int differs(int64_t m, int64_t n, int64_t k, int trans_a, int trans_b, int accumulate, int ours)
{
    REAL *a = numbers(m * k), *b = numbers(k * n), *c = numbers(m * n), *wanted = numbers(m * n);
    int64_t wrong = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            ACC sum = accumulate ? c[i * n + j] : 0;
            for (int64_t p = 0; p < k; p++)
                sum += (ACC)(trans_a ? a[p * m + i] : a[i * k + p]) * (ACC)(trans_b ? b[j * k + p] : b[p * n + j]);
            wanted[i * n + j] = (REAL)sum;
            if (!accumulate) c[i * n + j] = (REAL)NAN;      /* what lies in the output is not read */
        }
    product g = {c, a, b, m, n, k, trans_a ? m : k, trans_b ? k : n, n, trans_a, trans_b, accumulate};
    if (ours) own_product(&g);
    else run_product(&g);
    for (int64_t i = 0; i < m * n; i++) wrong += !(c[i] == wanted[i]);
    if (wrong)
        fprintf(stderr, "(%d, %d) @ (%d, %d), transposed %d %d, accumulate %d: %d wrong\n", (int)m, (int)k, (int)k, (int)n, trans_a, trans_b,
                accumulate, (int)wrong);
    free(a), free(b), free(c), free(wanted);
    return wrong > 0;
}

int main(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 19, 24, 25, 31, 32, 33, 40, 47, 48, 63, 64, 65, 80};
    const int count = sizeof sizes / sizeof *sizes;
    int wrong = 0;
    for (int t = 0; t < 2500; t++) {
        const int64_t k = rand() % 20 == 0 ? 0 : rand() % 6 == 0 ? 250 + rand() % 300 : sizes[rand() % count];
        wrong += differs(sizes[rand() % count], sizes[rand() % count], k, rand() & 1, rand() & 1, rand() & 1, rand() & 1);
    }
    for (int t = 0; t < 30; t++)
        wrong += differs(1 + rand() % 300, 1 + rand() % 300, 1 + rand() % 900, rand() & 1, rand() & 1, rand() & 1, rand() & 1);
    if (!wrong) printf("ok\n");
    return wrong > 0;
}
