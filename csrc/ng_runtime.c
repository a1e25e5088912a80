/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The table of what concerns no single kernel: threads, memory, and what this build is.
 */
#include "ng_alloc.h"
#include "ng_api.h"
#include "ng_blas.h"
#include "ng_cpus.h"
#include "ng_dispatch.h"
#include "ng_launch.h"
#include "ng_pool.h"

static void empty_cache(void)
{
    ng_pool_stop();      /* takes the workers' scratch memory along; they start again when they are needed */
    ng_scratch_free();
    ng_empty_cache();
}

const ng_runtime ng_runtime_functions = {
    .get_num_threads = ng_get_num_threads,
    .set_num_threads = ng_set_num_threads,
    .set_thread_num_threads = ng_set_thread_num_threads,
    .pool_counters = ng_pool_read_counters,
    .memory_stats = ng_read_memory_stats,
    .empty_cache = empty_cache,
    .supported_isas = ng_dispatch_supported,
    .blas_config = ng_blas_config,
    .blas_kernel = ng_blas_kernel,
#if defined(__clang__)
    .compiler = __VERSION__,
#else
    .compiler = "GCC " __VERSION__,
#endif
    .cgroup_cpus = ng_cgroup_cpus,
    .cgroup_memory = ng_cgroup_memory,
};
