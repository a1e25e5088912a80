/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What this process may use of the machine: processors and memory, containers' limits included.
 */
#ifndef NG_CPUS_H
#define NG_CPUS_H

#include <stdint.h>

/* The processors that the process may run on. */
int ng_usable_cpus(void);

/* The smallest of: the processors that the process may run on, its cgroup's quota (rounded up), NANOGRAD_NUM_THREADS, or
 * where that is not a positive number OMP_NUM_THREADS. At least 1. */
int ng_default_threads(void);

/* Bytes of memory: the machine's or, if smaller, the cgroup's. */
int64_t ng_memory_limit(void);

/* The quotas of the control groups (v1 and v2) that the process is in, with all their parents; 0 where there is none.
 * `root` is put in front of /proc and /sys: "" except in tests. */
double ng_cgroup_cpus(const char *root);
int64_t ng_cgroup_memory(const char *root);

#endif
