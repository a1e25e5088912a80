/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The gate before OpenBLAS. Its buffers (driver/others/memory.c) are in a table; a call takes the first that is free, and
 * where that has no memory yet asks for it: ten times, then exit(1). With more calls under way than the table has places it
 * writes a warning, and later exits too. The gate lets in no more than the table holds, and nobody for whom there might be no
 * memory: it asks the system for as much, and gives it back at once, before it lets a caller in.
 */
#include "ng_system.h"

#include "ng_blas.h"

#include "ng_launch.h"

#if defined(NG_OPENBLAS)

#include <string.h>

/* A buffer's address space, and some for whatever else the process asks for between our question and OpenBLAS's. */
#if defined(NG_BLAS_SCIPY_OPENBLAS)
#  define BUFFER ((size_t)(32 + 4) << 20)      /* built with BUFFERSIZE=20 */
#else
#  define BUFFER ((size_t)(128 + 4) << 20)     /* the default */
#endif

static struct {
    ng_mutex mutex;
    ng_cond left;      /* someone has left */
    int inside;
    int sure;          /* 1: the first place of the table has its memory. Which others do cannot be known from outside. */
    int most;          /* callers at a time; 0: not asked yet */
    int waiting;
} gate = {.mutex = NG_MUTEX_INIT, .left = NG_COND_INIT};

/* OpenBLAS's table has two places for each thread that it was built for, at least 50; a quarter stays free. */
static int places(void)
{
    const char *threads = strstr(ng_blas_config(), "MAX_THREADS=");
    const int most = threads ? atoi(threads + strlen("MAX_THREADS=")) / 2 * 3 : 0;
    return most > 32 ? most : 32;
}

#if !defined(_WIN32)
/* The child of a fork has one thread, which is outside; places that others were in stay taken for good. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&gate.mutex, NULL);
    pthread_cond_init(&gate.left, NULL);
    if (gate.inside > 0) gate.sure = 0;
    if (gate.most > gate.inside + 1) gate.most -= gate.inside;
    gate.inside = gate.waiting = 0;
}
#endif

static void open_gate(void)
{
    gate.most = places();
#if !defined(_WIN32)
    pthread_atfork(NULL, NULL, after_fork_in_child);
#endif
}

/* A thread's first call takes 143 KB of thread-local storage, for want of which glibc ends the process. Its malloc asks the
 * system for up to 1 MB for that. */
int ng_blas_fits(void) { return ng_tls()->blas_used || ng_system_has((size_t)2 << 20); }

int ng_blas_enter(void)
{
    if (!ng_blas_fits()) return 0;
    ng_lock(&gate.mutex);
    if (gate.most == 0) open_gate();
    /* Whoever is inside may be about to ask for a buffer: there must be memory for all who might. */
    while (gate.inside >= gate.sure &&
           (gate.inside == gate.most || !ng_system_has((size_t)(gate.inside + 1 - gate.sure) * BUFFER))) {
        if (gate.inside == 0) {
            ng_unlock(&gate.mutex);
            return 0;
        }
        gate.waiting++;
        ng_wait(&gate.left, &gate.mutex);
        gate.waiting--;
    }
    gate.inside++;
    ng_unlock(&gate.mutex);
    return 1;
}

void ng_blas_leave(void)
{
    ng_tls()->blas_used = 1;
    ng_lock(&gate.mutex);
    gate.inside--;
    gate.sure = 1;      /* whoever was alone has used the first place; with others inside, theirs are counted as unknown */
    if (gate.waiting > 0) ng_signal(&gate.left);
    ng_unlock(&gate.mutex);
}

#endif
