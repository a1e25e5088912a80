/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Threads, locks and aligned memory of the system: POSIX or Windows. For the few files of csrc that need them; include it
 * first, for it asks the system's headers for more than C11. (The Windows half has been compiled nowhere yet.)
 */
#ifndef NG_SYSTEM_H
#define NG_SYSTEM_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#  define _GNU_SOURCE
#endif

#include <stdlib.h>

#include "ng_port.h"

#if defined(_WIN32)

#  ifndef WIN32_LEAN_AND_MEAN
#    define WIN32_LEAN_AND_MEAN
#  endif
#  include <windows.h>
#  include <malloc.h>
typedef SRWLOCK ng_mutex;
typedef CONDITION_VARIABLE ng_cond;
typedef HANDLE ng_thread;
#  define NG_MUTEX_INIT SRWLOCK_INIT
#  define NG_COND_INIT CONDITION_VARIABLE_INIT
#  define NG_THREAD_RETURN DWORD WINAPI
NG_INLINE void ng_lock(ng_mutex *m) { AcquireSRWLockExclusive(m); }
NG_INLINE void ng_unlock(ng_mutex *m) { ReleaseSRWLockExclusive(m); }
NG_INLINE void ng_wait(ng_cond *c, ng_mutex *m) { SleepConditionVariableSRW(c, m, INFINITE, 0); }
NG_INLINE void ng_signal(ng_cond *c) { WakeConditionVariable(c); }
NG_INLINE void ng_broadcast(ng_cond *c) { WakeAllConditionVariable(c); }
NG_INLINE int ng_thread_start(ng_thread *t, DWORD(WINAPI *run)(void *), void *argument)
{
    *t = CreateThread(NULL, 4 << 20, run, argument, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return *t != NULL;
}
NG_INLINE void ng_thread_join(ng_thread t)
{
    WaitForSingleObject(t, INFINITE);
    CloseHandle(t);
}
NG_INLINE void *ng_system_alloc(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
NG_INLINE void ng_system_free(void *memory) { _aligned_free(memory); }
/* Whether the system would give so much memory now. */
NG_INLINE int ng_system_has(size_t bytes)
{
    void *const memory = VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    return memory && VirtualFree(memory, 0, MEM_RELEASE);
}

/* Nanoseconds of a clock that only goes forward. */
NG_INLINE int64_t ng_now(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (int64_t)((double)ticks.QuadPart * 1e9 / (double)per_second.QuadPart);
}

#else

#  include <pthread.h>
#  include <signal.h>
#  include <sys/mman.h>
#  include <time.h>
typedef pthread_mutex_t ng_mutex;
typedef pthread_cond_t ng_cond;
typedef pthread_t ng_thread;
#  define NG_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#  define NG_COND_INIT PTHREAD_COND_INITIALIZER
#  define NG_THREAD_RETURN void *
NG_INLINE void ng_lock(ng_mutex *m) { pthread_mutex_lock(m); }
NG_INLINE void ng_unlock(ng_mutex *m) { pthread_mutex_unlock(m); }
NG_INLINE void ng_wait(ng_cond *c, ng_mutex *m) { pthread_cond_wait(c, m); }
NG_INLINE void ng_signal(ng_cond *c) { pthread_cond_signal(c); }
NG_INLINE void ng_broadcast(ng_cond *c) { pthread_cond_broadcast(c); }
/* The thread takes no signals but for its own faults: the others belong to the interpreter's threads (Ctrl-C). The stack is
 * the same everywhere (musl gives 128 KB, macOS 512): 4 MB of address space. */
NG_INLINE int ng_thread_start(ng_thread *t, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return 0;
    pthread_attr_setstacksize(&attributes, (size_t)4 << 20);
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV), sigdelset(&all, SIGBUS), sigdelset(&all, SIGFPE), sigdelset(&all, SIGILL), sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(t, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return !failed;
}
NG_INLINE void ng_thread_join(ng_thread t) { pthread_join(t, NULL); }
NG_INLINE void *ng_system_alloc(size_t alignment, size_t bytes)
{
    void *memory = NULL;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}
NG_INLINE void ng_system_free(void *memory) { free(memory); }
NG_INLINE int ng_system_has(size_t bytes)
{
    void *const memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    return memory != MAP_FAILED && munmap(memory, bytes) == 0;
}
NG_INLINE int64_t ng_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
#endif
