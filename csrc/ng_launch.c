/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ng_system.h"

#include "ng_launch.h"

#include "ng_alloc.h"
#include "ng_cpus.h"
#include "ng_pool.h"

NG_THREAD_LOCAL ng_thread_state ng_this_thread = {.grad_enabled = 1};

static void *(*release_gil)(void);
static void (*restore_gil)(void *);
static int process_threads;      /* set_num_threads(), 0: the default */
static int default_threads;      /* ng_default_threads(), asked once */

void ng_launch_set_gil(void *(*release)(void), void (*restore)(void *))
{
    release_gil = release;
    restore_gil = restore;
}

/* ---- scratch memory ---------------------------------------------------------------------------------------------- */

#if defined(_WIN32)
static DWORD scratch_key = FLS_OUT_OF_INDEXES;
static INIT_ONCE scratch_once = INIT_ONCE_STATIC_INIT;
static void WINAPI thread_ends(void *memory) { ng_system_free(memory); }
static BOOL CALLBACK make_scratch_key(PINIT_ONCE once, void *parameter, void **context)
{
    (void)once, (void)parameter, (void)context;
    scratch_key = FlsAlloc(thread_ends);
    return TRUE;
}
static void free_at_thread_end(void *memory)
{
    InitOnceExecuteOnce(&scratch_once, make_scratch_key, NULL, NULL);
    FlsSetValue(scratch_key, memory);
}
#else
static pthread_key_t scratch_key;
static int scratch_key_made;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static void make_scratch_key(void) { scratch_key_made = pthread_key_create(&scratch_key, ng_system_free) == 0; }
static void free_at_thread_end(void *memory)
{
    pthread_once(&scratch_once, make_scratch_key);
    if (scratch_key_made) pthread_setspecific(scratch_key, memory);
}
#endif

void ng_scratch_free(void)
{
    ng_thread_state *thread = ng_tls();
    if (!thread->scratch) return;
    ng_system_free(thread->scratch);
    thread->scratch = NULL;
    thread->scratch_bytes = 0;
    free_at_thread_end(NULL);
}

void *ng_scratch(size_t bytes)
{
    ng_thread_state *thread = ng_tls();
    if (bytes <= thread->scratch_bytes) return thread->scratch;
    if (bytes > SIZE_MAX / 2) return NULL;
    ng_scratch_free();
    const size_t rounded = (bytes + 4095) & ~(size_t)4095;
    thread->scratch = ng_system_alloc(NG_CACHE_LINE, rounded);
    if (!thread->scratch) return NULL;
    thread->scratch_bytes = rounded;
    free_at_thread_end(thread->scratch);
    return thread->scratch;
}

/* ---- whether sharing pays ---------------------------------------------------------------------------------------- */

/* Waking a thread takes the launching one 13 to 27 us where processors are virtual, and it comes 20 to 50 us later; and what one
 * core wrote, another that shares no cache with it reads as slowly as from memory (docs/measurements.md). So a launch of a few
 * pieces may take longer on two threads than on one, and no estimate says which. It is tried: each launch, known by its kernel
 * and its number of items (so one whose items grow with something else is a large one where it is large), by turns alone and shared, a few times, and then the way that was the faster. The bits are the same. */
enum { CERTAIN = 8, TRIALS = 6, AGAIN = 256, KNOWN = 512 };      /* pieces that are shared untried; launches; entries */
enum { ALONE, SHARED, WOKEN, WAYS };      /* WOKEN: shared with threads that slept */
typedef struct experience {
    int key, calls, took[WAYS];           /* nanoseconds: the shortest time, and slowly growing if it gets longer; 0: none */
} experience;
static experience known[KNOWN];           /* read and written without a lock: at worst a launch is tried again */
static int share_always;

void ng_launch_share_always(int always) { ng_atomic_store_int(&share_always, always); }

static experience *experience_of(const ng_job *job, int threads)
{
    const uint64_t parts[] = {(uint64_t)(uintptr_t)job->body, (uint64_t)job->count, (uint64_t)job->grain, (uint64_t)threads};
    uint64_t hash = 1;
    for (int i = 0; i < 4; i++) hash = (hash ^ parts[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
    experience *e = &known[hash % KNOWN];
    const int key = (int)(hash >> 32);
    if (ng_atomic_load_int(&e->key) != key) {
        for (int way = 0; way < WAYS; way++) ng_atomic_store_int(&e->took[way], 0);
        ng_atomic_store_int(&e->calls, 0);
        ng_atomic_store_int(&e->key, key);
    }
    return e;
}

static void run_shared(ng_job *job, int threads)
{
    if (threads < 2 || !ng_pool_run(job, threads)) ng_job_work(job);
}

/* Runs the job, alone or shared. */
static void run(ng_job *job, int threads, int large)
{
    if (threads < 2 || large || job->count / job->grain >= CERTAIN || ng_atomic_load_int(&share_always)) {
        run_shared(job, threads);
        return;
    }
    experience *e = experience_of(job, threads);
    const int calls = ng_atomic_load_int(&e->calls), other = ng_pool_awake() ? SHARED : WOKEN;
    const int alone = ng_atomic_load_int(&e->took[ALONE]);
    /* Faster by an eighth, since reading a shared result means collecting it from two caches. */
    int way = calls < TRIALS ? calls & 1 : ng_atomic_load_int(&e->took[other]) < alone - alone / 8;
    if (calls == AGAIN) way = !way;
    way = way ? other : ALONE;
    const int64_t start = ng_now();
    run_shared(job, way == ALONE ? 1 : threads);
    const int64_t took = ng_now() - start, before = ng_atomic_load_int(&e->took[way]);
    const int64_t kept = before == 0 || took < before ? took : before + (took - before) / 16;
    ng_atomic_store_int(&e->took[way], kept < INT32_MAX ? (int)kept : INT32_MAX);
    ng_atomic_store_int(&e->calls, calls < AGAIN ? calls + 1 : TRIALS);
}

/* ---- launch ------------------------------------------------------------------------------------------------------ */

static NG_NOINLINE int launch_with_scratch(ng_body body, const void *args, int64_t count, size_t scratch)
{
    ng_ctx ctx = {ng_scratch(scratch), NG_OK};
    if (!ctx.scratch) {
        ng_empty_cache();
        ctx.scratch = ng_scratch(scratch);
        if (!ctx.scratch) return NG_NO_MEMORY;
    }
    body(args, 0, count, &ctx);
    if (scratch > NG_SCRATCH_KEPT) ng_scratch_free();
    return ctx.status;
}

/* A thread that gets no scratch memory leaves the pieces to the others. */
static int outcome(const ng_job *job) { return job->status == NG_OK && job->next < job->pieces ? NG_NO_MEMORY : job->status; }

static NG_NOINLINE int launch_in_pieces(ng_body body, const void *args, int64_t count, int64_t grain, size_t scratch, int large)
{
    ng_thread_state *thread = ng_tls();
    ng_job job = {.body = body, .args = args, .count = count, .grain = grain, .scratch = scratch,
                  .pieces = (count - 1) / grain + 1};
    if (thread->in_launch) {
        /* From inside a kernel: the GIL is not ours to release, and the scratch memory is in use. */
        ng_ctx ctx = {NULL, NG_OK};
        if (scratch && !(ctx.scratch = ng_system_alloc(NG_CACHE_LINE, scratch))) return NG_NO_MEMORY;
        ng_job_run(&job, &ctx);
        ng_system_free(ctx.scratch);
        return job.status;
    }
    if (count - grain < grain) {
        /* Two pieces, but not the work of two: neither waking a thread nor releasing the GIL would pay. */
        thread->in_launch = 1;
        ng_job_work(&job);
        thread->in_launch = 0;
        return outcome(&job);
    }
    const int threads = ng_get_num_threads();    /* may read the environment: before the GIL goes */
    thread->in_launch = 1;
    void *const gil = release_gil ? release_gil() : NULL;
    run(&job, threads, large);
    if (restore_gil) restore_gil(gil);
    thread->in_launch = 0;
    return outcome(&job);
}

int ng_launch(ng_body body, const void *args, size_t args_size, int64_t count, int64_t grain, size_t scratch)
{
    /* Every computation passes here, one call per kernel: a profiler's clock and the recording of steps (which copies
     * args_size bytes of args) have their place at this point, behind one test of a global flag. */
    (void)args_size;
    if (NG_UNLIKELY(count <= 0)) return NG_OK;
    if (NG_LIKELY(count <= grain || grain <= 0)) {
        if (NG_LIKELY(scratch == 0)) {
            ng_ctx ctx = {NULL, NG_OK};
            body(args, 0, count, &ctx);
            return ctx.status;
        }
        if (!ng_tls()->in_launch) return launch_with_scratch(body, args, count, scratch);
        grain = count;
    }
    return launch_in_pieces(body, args, count, grain, scratch, 0);
}

int ng_launch_large(ng_body body, const void *args, size_t args_size, int64_t count, int64_t grain, size_t scratch)
{
    if (count <= grain) return ng_launch(body, args, args_size, count, grain, scratch);
    return launch_in_pieces(body, args, count, grain, scratch, 1);
}

/* ---- numbers of threads ------------------------------------------------------------------------------------------ */

int ng_get_num_threads(void)
{
    const int own = ng_tls()->num_threads;
    if (own > 0) return own;
    if (process_threads > 0) return process_threads;
    if (default_threads == 0) default_threads = ng_default_threads();
    return default_threads;
}

void ng_set_num_threads(int n) { process_threads = n > 0 ? n : 0; }

int ng_set_thread_num_threads(int n)
{
    const int before = ng_tls()->num_threads;
    ng_tls()->num_threads = n > 0 ? n : 0;
    return before;
}
