/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ng_system.h"

#include "ng_pool.h"

#include "ng_blas.h"
#include "ng_cpus.h"
#include "ng_launch.h"

enum {
    MAX_WORKERS = 1023,
    /* Waking a sleeping thread takes 20 to 50 us (docs/measurements.md), longer than a piece. So a worker watches for the
     * next launch a little before it sleeps, and a launch for its last worker. Not where threads outnumber processors. */
    WORKER_SPIN_NS = 50000,
    LAUNCH_SPIN_NS = 100000
};

static struct {
    int taken;                 /* by one launch at a time */
    ng_mutex mutex;            /* guards what follows */
    ng_cond work;              /* workers wait here for a job */
    ng_cond done;              /* the launch waits here for the last worker */
    ng_job *job;               /* NULL when there is none to join */
    int seats;                 /* workers that may still join the job; also read without the lock */
    int working;               /* workers inside the job; also read without the lock */
    int awake;                 /* workers that work or watch; also read without the lock */
    int stopping;
    int workers;               /* threads that exist */
    int cpus;                  /* that the process may use; 0: not asked yet */
    ng_thread threads[MAX_WORKERS];
    ng_pool_counters counters;
} pool = {.mutex = NG_MUTEX_INIT, .work = NG_COND_INIT, .done = NG_COND_INIT};

int64_t ng_job_run(ng_job *job, ng_ctx *ctx)
{
    int64_t run = 0;
    for (;; run++) {
        const int64_t piece = ng_atomic_add(&job->next, 1);
        if (piece >= job->pieces) return run;
        const int64_t begin = piece * job->grain;
        const int64_t end = job->count - begin > job->grain ? begin + job->grain : job->count;
        job->body(job->args, begin, end, ctx);
        if (ctx->status != NG_OK) {
            ng_atomic_set_once(&job->status, ctx->status);
            ctx->status = NG_OK;
        }
    }
}

int64_t ng_job_work(ng_job *job)
{
    ng_ctx ctx = {NULL, NG_OK};
    if (job->scratch && !(ctx.scratch = ng_scratch(job->scratch))) return 0;      /* others may have more luck */
    const int64_t run = ng_job_run(job, &ctx);
    if (job->scratch > NG_SCRATCH_KEPT) ng_scratch_free();
    return run;
}

/* Watches *value for a while: until it is not 0 (`wanted` 1) or is 0 (`wanted` 0). */
static void spin_until(const int *value, int wanted, int64_t ns)
{
    const int64_t end = ng_now() + ns;
    while ((ng_atomic_load_int(value) != 0) != wanted && ng_now() < end) ng_cpu_relax();
}

static NG_THREAD_RETURN worker(void *argument)
{
    (void)argument;
    ng_tls()->in_launch = 1;
    int fits = 0;
    ng_lock(&pool.mutex);
    ng_atomic_store_int(&pool.awake, pool.awake + 1);
    for (;;) {
        while (!pool.stopping && (!pool.job || pool.seats == 0)) {
            ng_atomic_store_int(&pool.awake, pool.awake - 1);
            ng_wait(&pool.work, &pool.mutex);
            ng_atomic_store_int(&pool.awake, pool.awake + 1);
        }
        if (pool.stopping) break;
        ng_job *const job = pool.job;
        ng_atomic_store_int(&pool.seats, pool.seats - 1);
        pool.working++;
        ng_unlock(&pool.mutex);
        if (!fits) fits = ng_blas_fits();
        const int64_t run = fits ? ng_job_work(job) : 0;
        ng_lock(&pool.mutex);
        pool.counters.pieces += run;
        ng_atomic_store_int(&pool.working, pool.working - 1);
        if (pool.working == 0 && !pool.job) ng_signal(&pool.done);
        /* The next launch of a training step is often only microseconds away. */
        if (pool.workers < pool.cpus) {
            ng_unlock(&pool.mutex);
            spin_until(&pool.seats, 1, WORKER_SPIN_NS);
            ng_lock(&pool.mutex);
        }
    }
    ng_atomic_store_int(&pool.awake, pool.awake - 1);
    ng_unlock(&pool.mutex);
    return 0;
}

#if !defined(_WIN32)
/* In the child of a fork only the forking thread is left: whatever the others held is lost, and so is the pool. (A launch
 * that another thread was in the middle of does not exist in the child; the forking thread is in none, for a launch runs
 * no Python.) */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.work, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.job = NULL;
    pool.seats = pool.working = pool.awake = pool.stopping = pool.workers = 0;
    ng_atomic_drop(&pool.taken);
}
#endif

static void watch_forks(void)
{
#if !defined(_WIN32)
    static int watching;      /* a child inherits the handler: once per family of processes */
    if (!watching) watching = pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
#endif
}

int ng_pool_awake(void) { return ng_atomic_load_int(&pool.awake) > 0; }

int ng_pool_run(ng_job *job, int threads)
{
    if (!ng_atomic_take(&pool.taken)) return 0;
    watch_forks();
    if (pool.cpus == 0) pool.cpus = ng_usable_cpus();
    int wanted = threads - 1;
    if (wanted > job->pieces - 1) wanted = (int)(job->pieces - 1);
    if (wanted > MAX_WORKERS) wanted = MAX_WORKERS;

    ng_lock(&pool.mutex);
    /* A thread that cannot be started is not an error: the others do its pieces. */
    while (pool.workers < wanted && ng_thread_start(&pool.threads[pool.workers], worker, NULL)) pool.workers++;
    pool.job = job;
    ng_atomic_store_int(&pool.seats, wanted);
    pool.counters.launches++;
    if (wanted >= pool.workers) {
        ng_broadcast(&pool.work);
    } else {
        for (int i = 0; i < wanted; i++) ng_signal(&pool.work);
    }
    ng_unlock(&pool.mutex);

    ng_job_work(job);

    /* Nobody may join any more; a worker that wakes up only now finds no job and sleeps on, and is not waited for. */
    ng_lock(&pool.mutex);
    pool.job = NULL;
    ng_atomic_store_int(&pool.seats, 0);
    if (pool.working > 0 && pool.workers < pool.cpus) {
        ng_unlock(&pool.mutex);
        spin_until(&pool.working, 0, LAUNCH_SPIN_NS);
        ng_lock(&pool.mutex);
    }
    while (pool.working > 0) ng_wait(&pool.done, &pool.mutex);
    ng_unlock(&pool.mutex);
    ng_atomic_drop(&pool.taken);
    return 1;
}

void ng_pool_stop(void)
{
    if (!ng_atomic_take(&pool.taken)) return;
    ng_lock(&pool.mutex);
    pool.stopping = 1;
    ng_broadcast(&pool.work);
    ng_unlock(&pool.mutex);
    for (int i = 0; i < pool.workers; i++) ng_thread_join(pool.threads[i]);
    pool.stopping = pool.workers = 0;
    ng_atomic_drop(&pool.taken);
}

void ng_pool_read_counters(ng_pool_counters *counters)
{
    ng_lock(&pool.mutex);
    *counters = pool.counters;
    counters->workers = pool.workers;
    ng_unlock(&pool.mutex);
}
