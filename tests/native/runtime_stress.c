/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The launch, the pool and the allocator under stress, without Python, so that the sanitizers of the compiler can watch.
 * tests/test_native.py compiles and runs it; an argument leaves the forks out (ThreadSanitizer does not take them).
 */
#include "ng_system.h"

#include "ng_alloc.h"
#include "ng_launch.h"
#include "ng_pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

enum { N = 10000 };

/* ---- launches ---------------------------------------------------------------------------------------------------- */

typedef struct { double *out; const double *in; } arrays;

/* out = 2 in + 1, through the scratch memory if there is any. */
static void body(const void *args, int64_t begin, int64_t end, ng_ctx *ctx)
{
    const arrays *a = args;
    double *scratch = ctx->scratch;
    for (int64_t i = begin; i < end; i++) {
        double x = a->in[i];
        if (scratch) {
            scratch[0] = x;
            x = scratch[0];
        }
        a->out[i] = 2 * x + 1;
    }
}

static void failing_body(const void *args, int64_t begin, int64_t end, ng_ctx *ctx)
{
    (void)args, (void)end;
    if (begin >= 500) ctx->status = NG_INDEX_RANGE;
}

static void counting_body(const void *args, int64_t begin, int64_t end, ng_ctx *ctx)
{
    (void)ctx;
    ng_atomic_add(*(int64_t *const *)args, end - begin);
}

/* Launches from inside a launch. */
static void nesting_body(const void *args, int64_t begin, int64_t end, ng_ctx *ctx)
{
    (void)ctx;
    for (int64_t i = begin; i < end; i++) CHECK(ng_launch(counting_body, args, 8, 1000, 10, 128) == NG_OK);
}

static int released;
static void *release_gil(void)
{
    released++;
    return &released;
}
static void restore_gil(void *state) { CHECK(state == &released); }

static void test_launch(void)
{
    static double in[N], out[N];
    for (int i = 0; i < N; i++) in[i] = i;
    const arrays a = {out, in};
    ng_launch_set_gil(release_gil, restore_gil);
    CHECK(ng_launch(body, &a, sizeof a, 0, 10, 0) == NG_OK);
    CHECK(ng_launch(body, &a, sizeof a, N, N, 0) == NG_OK);
    CHECK(ng_launch(body, &a, sizeof a, N, 0, 0) == NG_OK);
    CHECK(ng_launch(body, &a, sizeof a, N, N - 1, 64) == NG_OK);
    CHECK(released == 0);
    for (int i = 0; i < 2000; i++) CHECK(ng_launch(body, &a, sizeof a, N, 100 + i, i % 2 ? 0 : 4096) == NG_OK);
    CHECK(released == 2000);
    for (int i = 0; i < N; i++) CHECK(out[i] == 2.0 * i + 1);

    CHECK(ng_launch(failing_body, NULL, 0, 1000, 10, 0) == NG_INDEX_RANGE);
    CHECK(ng_launch(failing_body, NULL, 0, 400, 10, 0) == NG_OK);
    CHECK(ng_launch(body, &a, sizeof a, N, 100, SIZE_MAX) == NG_NO_MEMORY);
    CHECK(ng_launch(body, &a, sizeof a, N, N, SIZE_MAX) == NG_NO_MEMORY);
    CHECK(ng_launch(body, &a, sizeof a, N, 100, 10 << 20) == NG_OK);

    int64_t total = 0, *where = &total;
    CHECK(ng_launch(nesting_body, &where, sizeof where, 100, 1, 0) == NG_OK);
    CHECK(total == 100000);
    ng_launch_set_gil(NULL, NULL);
}

static void *user_thread(void *argument)
{
    const int64_t seed = (int64_t)(intptr_t)argument, n = N + seed * 37;
    double *in = malloc((size_t)n * 8), *out = malloc((size_t)n * 8);
    CHECK(in && out);
    for (int64_t i = 0; i < n; i++) in[i] = (double)(i * seed);
    ng_set_thread_num_threads(1 + (int)(seed % 5));
    for (int round = 0; round < 200; round++) {
        memset(out, 0, (size_t)n * 8);
        const arrays a = {out, in};
        const size_t scratch = round % 3 ? (size_t)64 << round % 8 : 0;
        CHECK(ng_launch(body, &a, sizeof a, n, 1 + round * 131 % 3000, scratch) == NG_OK);
        for (int64_t i = 0; i < n; i++) CHECK(out[i] == 2 * in[i] + 1);
    }
    free(in);
    free(out);
    return NULL;
}

static void run_in_child(void)
{
    static double in[N], out[N];
    alarm(60);
    const arrays a = {out, in};
    for (int i = 0; i < N; i++) in[i] = i;
    for (int i = 0; i < 50; i++) CHECK(ng_launch(body, &a, sizeof a, N, 100 + i, 64) == NG_OK);
    for (int i = 0; i < N; i++) CHECK(out[i] == 2.0 * i + 1);
    ng_pool_counters counters;
    ng_pool_read_counters(&counters);
    CHECK(counters.workers == 3);
    _exit(0);
}

static void fork_once(void)
{
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) run_in_child();
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* Eight threads that launch at once, forks in between, the pool stopped and started again. */
static void test_threads(int forks)
{
    for (int round = 0; round < 3; round++) {
        pthread_t threads[8];
        for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, user_thread, (void *)(intptr_t)(i + 1)) == 0);
        for (int i = 0; i < forks; i++) {
            fork_once();
            usleep(1000);
        }
        for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
        ng_pool_stop();
    }
}

/* ---- allocator --------------------------------------------------------------------------------------------------- */

static uint32_t random_state = 1;
static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

typedef struct { unsigned char *memory; size_t bytes; unsigned char mark; } allocation;

static void test_random_blocks(void)
{
    enum { LIVE = 3000 };
    static allocation live[LIVE];
    int64_t count = 0;
    ng_memory_stats stats;
    for (int i = 0; i < 300000; i++) {
        allocation *a = &live[next_random() % LIVE];
        if (a->memory) {
            CHECK(a->memory[0] == a->mark && a->memory[a->bytes - 1] == a->mark);
            ng_release(a->memory, a->bytes);
            a->memory = NULL;
            count--;
        } else {
            a->bytes = 1 + next_random() % (1u << (4 + next_random() % 15));
            a->memory = ng_alloc(a->bytes);
            CHECK(a->memory && (uintptr_t)a->memory % 64 == 0);
            a->mark = (unsigned char)i;
            a->memory[0] = a->memory[a->bytes - 1] = a->mark;
            count++;
        }
        if (i % 50000 == 0) ng_empty_cache();
        ng_read_memory_stats(&stats);
        CHECK(stats.blocks == count);
    }
    for (int k = 0; k < LIVE; k++) ng_release(live[k].memory, live[k].bytes);
    ng_read_memory_stats(&stats);
    CHECK(stats.in_use == 0 && stats.blocks == 0 && stats.cached > 0);
    ng_empty_cache();
    ng_read_memory_stats(&stats);
    CHECK(stats.cached == 0 && stats.peak == 0);
}

static void test_sizes_and_limit(void)
{
    ng_memory_stats stats;
    for (size_t bytes = 0; bytes < 70000; bytes++) {
        void *memory = ng_alloc(bytes);
        ng_read_memory_stats(&stats);
        CHECK((uintptr_t)memory % 64 == 0 && stats.in_use >= (int64_t)bytes && stats.in_use <= (int64_t)(bytes + bytes / 4 + 64));
        ng_release(memory, bytes);
    }
    CHECK(!ng_alloc(SIZE_MAX) && !ng_alloc(SIZE_MAX / 2) && !ng_alloc((size_t)1 << 60) && !ng_alloc((size_t)1 << 46));
    const size_t part = (size_t)stats.cache_limit / 5 * 2;      /* address space only: nothing is written */
    void *a = ng_alloc(part), *b = ng_alloc(part), *c = ng_alloc(part), *d = ng_alloc(part * 5);
    ng_release(a, part);
    ng_release(b, part);
    ng_release(c, part);
    ng_release(d, part * 5);
    ng_read_memory_stats(&stats);
    CHECK(stats.in_use == 0 && stats.cached > (int64_t)part && stats.cached < stats.cache_limit + (8 << 20));
    ng_empty_cache();
}

/* Forks: "busy", in the middle of other threads' launches; "idle", while the pool's threads sleep; "none". */
int main(int argc, char **argv)
{
    const char *const forks = argc > 1 ? argv[1] : "busy";
    ng_set_num_threads(4);
    test_launch();
    if (!strcmp(forks, "idle")) {
        usleep(100000);
        for (int i = 0; i < 20; i++) fork_once();
    }
    test_threads(strcmp(forks, "busy") ? 0 : 20);
    test_random_blocks();
    test_sizes_and_limit();
    ng_scratch_free();
    puts("ok");
    return 0;
}
