# SPDX-License-Identifier: LGPL-3.0-or-later
"""Threads, memory, and what this build is: the way to csrc's runtime table."""
cdef extern from "ng_api.h" nogil:
    ctypedef struct ng_pool_counters:
        long long launches, pieces, workers
    ctypedef struct ng_memory_stats:
        long long in_use, peak, cached, blocks, system_allocations, cache_limit
    int get_threads "NG->runtime->get_num_threads" () noexcept
    void set_threads "NG->runtime->set_num_threads" (int n) noexcept
    int set_thread_threads "NG->runtime->set_thread_num_threads" (int n) noexcept
    void read_pool_counters "NG->runtime->pool_counters" (ng_pool_counters *counters) noexcept
    void read_memory_stats "NG->runtime->memory_stats" (ng_memory_stats *stats) noexcept
    void give_back_memory "NG->runtime->empty_cache" () noexcept
    int supported_isas "NG->runtime->supported_isas" (const char *names[3]) noexcept
    const char *blas_config "NG->runtime->blas_config" () noexcept
    const char *blas_kernel "NG->runtime->blas_kernel" () noexcept
    double cgroup_cpus "NG->runtime->cgroup_cpus" (const char *root) noexcept
    long long cgroup_memory "NG->runtime->cgroup_memory" (const char *root) noexcept
    const char *COMPILER "NG->runtime->compiler"
    const char *ISA "NG->isa"

include "capsule.pxi"

import operator

from nanograd.errors import shown

MOST_THREADS = 1024


def thread_count(str op, n):
    """n as an int from 1 to MOST_THREADS; the error names op."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{op}: n must be an int, got {type(n).__name__} {shown(n)}")
    count = operator.index(n)
    if not 1 <= count <= MOST_THREADS:
        raise ValueError(f"{op}: n must be from 1 to {MOST_THREADS}, got {count}")
    return count


def process_threads(int n):
    """Set the process's number of threads; 0: the default."""
    set_threads(n)


def own_threads(int n):
    """Set the calling thread's number of threads (0: the process's); returns the one before."""
    return set_thread_threads(n)


def threads():
    """The number of threads that an operation of the calling thread may use."""
    return get_threads()


def pool_counters():
    """What the pool has done: launches that used it, pieces of work that its threads ran, threads that it has now."""
    cdef ng_pool_counters counters
    read_pool_counters(&counters)
    return {"launches": counters.launches, "pieces": counters.pieces, "workers": counters.workers}


def memory():
    """The allocator's figures, by name."""
    cdef ng_memory_stats stats
    read_memory_stats(&stats)
    return {"in_use": stats.in_use, "peak": stats.peak, "cached": stats.cached, "blocks": stats.blocks,
            "system_allocations": stats.system_allocations, "cache_limit": stats.cache_limit}


def empty():
    """Give free memory back to the system."""
    give_back_memory()


def build():
    """Compiler, BLAS and instruction sets of this build and process."""
    cdef const char *names[3]
    cdef int i, n = supported_isas(names)
    return {"compiler": COMPILER.decode(), "blas": blas_config().decode(), "blas_kernel": blas_kernel().decode(),
            "isa": ISA.decode(), "isas": [names[i].decode() for i in range(n)]}


def cgroup_limits(str root=""):
    """(CPUs, bytes of memory) that the process's control groups allow, 0 where they set no limit; `root` stands before /proc and /sys."""
    cdef bytes path = root.encode()
    return cgroup_cpus(path), cgroup_memory(path)
