/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The launch: the one function through which every computation goes, and the state that each thread has.
 */
#ifndef NG_LAUNCH_H
#define NG_LAUNCH_H

#include "ng_api.h"

/* All that is kept per thread, in one struct (a thread-local access costs; a field of it does not). */
typedef struct ng_thread_state {
    int grad_enabled;      /* autograd's mode, read and set by the core */
    int num_threads;       /* this thread's number of threads; 0: the process's */
    int in_launch;         /* inside a launch of several pieces: launches from here run serially and keep off the GIL */
    int blas_used;         /* this thread has called OpenBLAS */
    void *scratch;         /* kept from launch to launch, freed when the thread ends */
    size_t scratch_bytes;
} ng_thread_state;

extern NG_THREAD_LOCAL ng_thread_state ng_this_thread;
static inline ng_thread_state *ng_tls(void) { return &ng_this_thread; }

/* See ng_api.launch. The caller holds the GIL (or has registered no functions for it). A launch of one piece is a call of
 * the body; a launch of the work of two pieces or more releases the GIL. */
int ng_launch(ng_body body, const void *args, size_t args_size, int64_t count, int64_t grain, size_t scratch);
int ng_launch_large(ng_body body, const void *args, size_t args_size, int64_t count, int64_t grain, size_t scratch);

/* For tests: whatever may be shared between threads is shared, even where it does not pay. */
void ng_launch_share_always(int always);

/* How to release and take back the GIL: PyEval_SaveThread and PyEval_RestoreThread, or NULL. csrc knows no Python. */
void ng_launch_set_gil(void *(*release)(void), void (*restore)(void *));

/* The calling thread's scratch memory, at least `bytes` large, or NULL. For the launch and the pool. */
void *ng_scratch(size_t bytes);
/* More than this goes back to the system when its launch ends. */
enum { NG_SCRATCH_KEPT = 4 << 20 };
/* Frees the calling thread's scratch memory. */
void ng_scratch_free(void);

/* The number of threads that a launch from this thread may use: this thread's own, else the process's, else the default
 * of ng_default_threads(). */
int ng_get_num_threads(void);
/* For the process; 0 goes back to the default. */
void ng_set_num_threads(int n);
/* For the calling thread; 0: as the process. Returns what was set before. */
int ng_set_thread_num_threads(int n);

#endif
