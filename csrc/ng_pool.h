/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The threads behind a launch of several pieces. They start when they are first needed, sleep when there is nothing to do,
 * claim pieces one by one, and serve one launch at a time: a launch that finds them taken runs in its own thread. After a
 * fork the child has no threads, and starts its own.
 */
#ifndef NG_POOL_H
#define NG_POOL_H

#include "ng_api.h"

typedef struct ng_job {
    ng_body body;
    const void *args;
    int64_t count, grain, pieces;
    size_t scratch;
    int64_t next;          /* the next piece to claim */
    int status;            /* the first that was not 0 */
} ng_job;

/* Claims and runs pieces until none is left; returns how many it ran. */
int64_t ng_job_run(ng_job *job, ng_ctx *ctx);
/* The same with the calling thread's scratch memory; without it, none. */
int64_t ng_job_work(ng_job *job);

/* Runs the job on up to `threads` threads, the calling one among them; 0, and nothing has run, if the pool is taken. The
 * caller does not hold the GIL. */
int ng_pool_run(ng_job *job, int threads);
/* Whether one of the threads works or watches. */
int ng_pool_awake(void);
/* Ends the threads, unless the pool is at work. */
void ng_pool_stop(void);

void ng_pool_read_counters(ng_pool_counters *counters);

#endif
