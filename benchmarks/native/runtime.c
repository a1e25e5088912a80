/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What the launch, the pool and the allocator cost (docs/measurements.md). From the top of the checkout, on an idle machine:
 *
 *   cc -O3 -std=c11 -D_GNU_SOURCE -pthread -Icsrc -Ibuild/generated benchmarks/native/runtime.c csrc/ng_launch.c csrc/ng_pool.c \
 *      csrc/ng_alloc.c csrc/ng_cpus.c -o /tmp/runtime && /tmp/runtime
 */
#include "ng_system.h"

#include "ng_alloc.h"
#include "ng_launch.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS = 400 };

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double quantile_us(int64_t *times, int n, double q)
{
    qsort(times, (size_t)n, sizeof *times, compare);
    return (double)times[(int)(q * (n - 1))] / 1e3;
}

/* ---- the pool: pieces that take 25 us each, on two threads --------------------------------------------------------- */

typedef struct { pthread_t launcher; int64_t *first; } wait_args;

static void busy(int64_t ns)
{
    const int64_t end = ng_now() + ns;
    while (ng_now() < end) {}
}

static void wait_body(const void *args, int64_t begin, int64_t end, ng_ctx *ctx)
{
    const wait_args *a = args;
    (void)ctx;
    if (*a->first == 0 && !pthread_equal(pthread_self(), a->launcher)) *a->first = ng_now();
    busy(25000 * (end - begin));
}

static void measure_pool(void)
{
    static const int gaps_us[] = {0, 20, 100, 1000}, pieces[] = {2, 4, 8, 40};
    static int64_t total[ROUNDS], wake[ROUNDS];
    ng_set_num_threads(2);
    for (int g = 0; g < 4; g++) {
        for (int p = 0; p < 4; p++) {
            for (int i = 0; i < ROUNDS; i++) {
                int64_t first = 0;
                const wait_args args = {pthread_self(), &first};
                busy(gaps_us[g] * 1000);
                const int64_t start = ng_now();
                ng_launch(wait_body, &args, sizeof args, pieces[p], 1, 0);
                total[i] = ng_now() - start;
                wake[i] = first ? first - start : INT64_MAX;
            }
            printf("%4d us after the last, %2d pieces: %6.1f us (alone %4d, at best %3d); the worker starts after %4.1f us\n",
                   gaps_us[g], pieces[p], quantile_us(total, ROUNDS, 0.5), 25 * pieces[p], 25 * ((pieces[p] + 1) / 2),
                   quantile_us(wake, ROUNDS, 0.5));
        }
    }
}

/* ---- single calls ------------------------------------------------------------------------------------------------ */

static void empty_body(const void *args, int64_t begin, int64_t end, ng_ctx *ctx) { (void)args, (void)begin, (void)end, (void)ctx; }

#define NS_PER_CALL(statement)                                                \
    ({                                                                        \
        int64_t best = INT64_MAX;                                             \
        for (int round = 0; round < 20; round++) {                            \
            const int64_t start = ng_now();                                   \
            for (int i = 0; i < 200000; i++) { statement; }                   \
            const int64_t took = ng_now() - start;                            \
            if (took < best) best = took;                                     \
        }                                                                     \
        (double)best / 200000;                                                \
    })

static void measure_calls(void)
{
    ng_body volatile body = empty_body;
    const int args = 0;
    ng_ctx ctx = {NULL, NG_OK};
    void *memory;
    printf("a kernel called directly %.1f ns, launched %.1f ns\n", NS_PER_CALL(body(&args, 0, 4, &ctx)),
           NS_PER_CALL(ng_launch(body, &args, sizeof args, 4, 100, 0)));
    for (size_t bytes = 64; bytes <= 65536; bytes *= 1024) {
        printf("%zu bytes taken and given back: ng_alloc %.1f ns, malloc %.1f ns\n", bytes,
               NS_PER_CALL(memory = ng_alloc(bytes); __asm__ volatile("" : "+r"(memory)); ng_release(memory, bytes)),
               NS_PER_CALL(memory = malloc(bytes); __asm__ volatile("" : "+r"(memory)); free(memory)));
    }
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static void measure_pages(void)
{
    const size_t bytes = (size_t)64 << 20;
    for (int huge = 0; huge < 2; huge++) {
        int64_t first[5], sum[5];
        volatile float sink = 0;
        for (int i = 0; i < 5; i++) {
            float *memory = ng_system_alloc((size_t)2 << 20, bytes);
            if (!memory) return;
            if (huge) madvise(memory, bytes, MADV_HUGEPAGE);
            int64_t start = ng_now();
            memset(memory, 0, bytes);
            first[i] = ng_now() - start;
            start = ng_now();
            /* A column of a matrix at a time: every access another page. */
            for (size_t column = 0; column < 16; column++) {
                for (size_t row = column; row < bytes / 4; row += 1024) sink += memory[row];
            }
            sum[i] = ng_now() - start;
            ng_system_free(memory);
        }
        printf("64 MB, %s pages: first written in %.1f ms, 16 columns read in %.1f ms\n", huge ? "huge" : "small",
               quantile_us(first, 5, 0) / 1e3, quantile_us(sum, 5, 0) / 1e3);
    }
}

int main(void)
{
    measure_calls();
    measure_pages();
    measure_pool();
    return 0;
}
