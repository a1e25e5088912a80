/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What two threads cost on this machine: waking one that sleeps, and reading what the other core wrote.
 *
 *   gcc -O3 -march=native -pthread benchmarks/native/threads.c -o threads && chrt -f 10 ./threads
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAKES = 300, LINES = 20000, ROUNDS = 40 };

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* ---- waking a thread ----------------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static atomic_int called, ended;
static _Atomic int64_t woke;

static void *sleeper(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (!called && !ended) pthread_cond_wait(&wake, &mutex);
        if (ended) break;
        woke = now();
        called = 0;
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void measure_wakes(void)
{
    static int64_t call[WAKES], late[WAKES];
    const int idle_us[] = {20, 100, 1000, 5000};
    pthread_t thread;
    pthread_create(&thread, NULL, sleeper, NULL);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < WAKES; i++) {
            const int64_t from = now();
            while (now() - from < idle_us[k] * 1000) {}
            const int64_t start = now();
            pthread_mutex_lock(&mutex);
            called = 1;
            pthread_cond_broadcast(&wake);
            pthread_mutex_unlock(&mutex);
            call[i] = now() - start;
            while (called) {}
            late[i] = woke - start;
        }
        qsort(call, WAKES, sizeof *call, by_size);
        qsort(late, WAKES, sizeof *late, by_size);
        printf("asleep for %4d us: the call takes %5.1f us, the thread runs after %5.1f us (medians)\n", idle_us[k],
               (double)call[WAKES / 2] / 1e3, (double)late[WAKES / 2] / 1e3);
    }
    pthread_mutex_lock(&mutex);
    ended = 1;
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
}

/* ---- what the other core wrote ------------------------------------------------------------------------------------- */

static _Alignas(64) atomic_int ball;
static _Alignas(64) atomic_int order;      /* 1: write, 2: end */
static float *memory;
static size_t count;
static volatile float sink;

static __attribute__((noinline)) void write_all(void)
{
    for (size_t i = 0; i < count; i++) memory[i] += 1.0f;
}
static __attribute__((noinline)) void read_all(void)
{
    float sum[32] = {0};
    for (size_t i = 0; i < count; i += 32)
        for (int j = 0; j < 32; j++) sum[j] += memory[i + (size_t)j];
    for (int j = 0; j < 32; j++) sink = sum[j];
}

static void *other(void *unused)
{
    (void)unused;
    pin(1);
    for (int i = 0; i < LINES; i++) {
        while (ball != 2 * i + 1) {}
        ball = 2 * i + 2;
    }
    for (int what;;) {
        while (!(what = order)) {}
        if (what == 2) return NULL;
        write_all();
        order = 0;
    }
}

static double shortest_read(int by_other)
{
    double best = 1e18;
    for (int i = 0; i < ROUNDS; i++) {
        if (by_other) {
            order = 1;
            while (order) {}
        } else
            write_all();
        const int64_t start = now();
        read_all();
        const double took = (double)(now() - start);
        if (took < best) best = took;
    }
    return best;
}

int main(void)
{
    measure_wakes();
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    pin(0);                                /* only now: a thread inherits it */
    const int64_t start = now();
    for (int i = 0; i < LINES; i++) {
        ball = 2 * i + 1;
        while (ball != 2 * i + 2) {}
    }
    printf("a cache line there and back: %.0f ns\n", (double)(now() - start) / LINES);
    const size_t sizes[] = {16384, 131072, 436224, 1700864};
    for (int k = 0; k < 4; k++) {
        count = sizes[k] / sizeof *memory;
        memory = aligned_alloc(64, sizes[k]);
        if (!memory) return 1;
        memset(memory, 0, sizes[k]);
        const double own = shortest_read(0), others = shortest_read(1);
        printf("%7zu bytes read after this core wrote them: %6.1f us (%4.1f GB/s), after the other: %6.1f us (%4.1f GB/s)\n", sizes[k], own / 1e3,
               (double)sizes[k] / own, others / 1e3, (double)sizes[k] / others);
        free(memory);
    }
    order = 2;
    pthread_join(thread, NULL);
    return 0;
}
