/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What every module of nanograd/_core sees of csrc: the launch, the allocator and the kernel tables, as one struct.
 * csrc is linked into nanograd._core.base.tensor only; the other modules fetch the struct through a capsule at import and
 * check its size and version. Each module (translation unit) keeps the pointer in its own `NG`.
 *
 * A kernel has an argument struct and a `static inline` function that fills it and launches: its launcher, which the Cython
 * modules call. Where there is nothing to decide, a line beside the body (kernels/NAME.inc) declares both, and the build writes
 * them (launchers/NAME.h); the others are in kernels/NAME.h:
 *
 *   NG_LAUNCHER(ng_kernel(int dtype, outputs, inputs, parameters, sizes), items, grain)      or with the scratch memory's size
 *   NG_ENUM(names)      an enum for a parameter
 *
 * Without `int dtype` it is a kernel of whole numbers.
 */
#ifndef NG_API_H
#define NG_API_H

#include <stddef.h>
#include <stdint.h>

#include "ng_names.h"      /* generated: the names of the elementwise ops and of the kernels */
#include "ng_port.h"

#define NG_API_VERSION 1

enum { NG_F32 = 0, NG_F64 = 1 };
enum { NG_MAX_NDIM = 8 };

/* What a kernel's status word, and so a launch, can say. 0 is success. */
enum {
    NG_OK = 0,
    NG_NO_MEMORY = 1,      /* for scratch memory, or for the BLAS */
    NG_INDEX_RANGE = 2     /* an index or label was out of range: the caller finds out which and raises */
};

/* Per piece of work: scratch memory of the size declared with the launch (64-byte aligned, uninitialised), and status. */
typedef struct ng_ctx {
    void *scratch;
    int status;
} ng_ctx;

/* A kernel: does items [begin, end) of the work that `args` describes. Pure C, no allocation, no Python. */
typedef void (*ng_body)(const void *args, int64_t begin, int64_t end, ng_ctx *ctx);

enum {
#define NG_OP(name) NG_UNARY_##name,
    NG_UNARY_OPS(NG_OP)
#undef NG_OP
    NG_UNARY_COUNT
};
enum {
#define NG_OP(name) NG_BINARY_##name,
    NG_BINARY_OPS(NG_OP)
#undef NG_OP
    NG_BINARY_COUNT
};

/* One member per kernel; one table per dtype, chosen for this CPU at import. */
typedef struct ng_kernels {
    ng_body unary_forward[NG_UNARY_COUNT];
    ng_body unary_backward[NG_UNARY_COUNT];
    ng_body bias_forward[NG_UNARY_COUNT];    /* activations only (NG_ACTIVATION), else NULL */
    ng_body binary_forward[NG_BINARY_COUNT];
    ng_body binary_da[NG_BINARY_COUNT];
    ng_body binary_db[NG_BINARY_COUNT];
#define NG_KERNEL(name) ng_body name;
    NG_KERNELS(NG_KERNEL)
#undef NG_KERNEL
} ng_kernels;

/* What backward of an elementwise op reads, and what it costs: for the generic nodes. */
enum { NG_READS_NONE = 0, NG_READS_X = 1, NG_READS_Y = 2, NG_READS_XY = 3 };               /* unary */
enum { NG_READS_A = 1, NG_READS_B = 2, NG_READS_AB = 3, NG_READS_OUT = 4, NG_READS_ABY = 7,
       NG_READS_AY = 5, NG_READS_BY = 6 };                                                /* binary; OUT: y */
typedef struct ng_unary_info {
    const char *name;
    int reads;             /* NG_READS_* of the derivative */
    int forward_cost;      /* 1/16 ns per float32 element, for the split of work */
    int backward_cost;
    int is_activation;     /* linear() and conv2d() can fuse it */
} ng_unary_info;
typedef struct ng_binary_info {
    const char *name;
    int reads_da, reads_db;
    int forward_cost, backward_cost;
    int hands_dy_on;       /* bit 0: da is dy itself, bit 1: db is */
} ng_binary_info;

/* What concerns no single kernel (ng_runtime.c fills it). All called under the GIL. */
typedef struct ng_pool_counters {
    int64_t launches;      /* that used the pool */
    int64_t pieces;        /* of work, run by the pool's threads: the launching threads' own not counted */
    int64_t workers;       /* threads that the pool has now */
} ng_pool_counters;
typedef struct ng_memory_stats {
    int64_t in_use;              /* bytes of the blocks that are in use (a block is up to a quarter larger than asked for) */
    int64_t peak;                /* the most that in_use has been since the start or the last empty_cache */
    int64_t cached;              /* bytes taken from the system and free */
    int64_t blocks;              /* blocks in use */
    int64_t system_allocations;  /* how often the system was asked for memory */
    int64_t cache_limit;         /* of `cached`, blocks of up to 4 KB not counted */
} ng_memory_stats;
typedef struct ng_runtime {
    int (*get_num_threads)(void);                /* of the calling thread */
    void (*set_num_threads)(int n);              /* of the process; 0: the default */
    int (*set_thread_num_threads)(int n);        /* of the calling thread, 0: as the process; returns the one before */
    void (*pool_counters)(ng_pool_counters *counters);
    void (*memory_stats)(ng_memory_stats *stats);
    void (*empty_cache)(void);
    int (*supported_isas)(const char *names[3]); /* what this CPU and build have, best last; returns how many */
    const char *(*blas_config)(void);            /* the BLAS library's own description, */
    const char *(*blas_kernel)(void);            /* the kernel that it chose for this CPU */
    const char *compiler;
    double (*cgroup_cpus)(const char *root);     /* ng_cpus.h; for tests */
    int64_t (*cgroup_memory)(const char *root);
} ng_runtime;
extern const ng_runtime ng_runtime_functions;    /* defined where csrc is linked: others take it from ng_api.runtime */

typedef struct ng_api {
    uint32_t size, version;
    /* Runs body over [0, count) in pieces of `grain` items (the last may be shorter), on the pool's threads when there
     * are several whole pieces, releasing the GIL then. Piece boundaries depend on count and grain alone. `args`,
     * of args_size bytes, is read until this returns, which is with the first non-zero status. */
    int (*launch)(ng_body body, const void *args, size_t args_size, int64_t count, int64_t grain, size_t scratch);
    /* The same for pieces that are worth a thread each, 100 us and more: shared even where they are few, without a trial. */
    int (*launch_large)(ng_body body, const void *args, size_t args_size, int64_t count, int64_t grain, size_t scratch);
    void *(*alloc)(size_t bytes);                  /* 64-byte aligned, uninitialised, NULL when there is none; GIL held */
    void (*release)(void *memory, size_t bytes);   /* `bytes` as given to alloc; GIL held */
    const ng_kernels *kernels[2];                  /* by dtype */
    const ng_unary_info *unary_info;
    const ng_binary_info *binary_info;
    const char *isa;
    const ng_runtime *runtime;
} ng_api;

NG_UNUSED static const ng_api *NG;

#define NG_LAUNCHER(...)
#define NG_ENUM(...)

/* What kernels take side by side, whatever the length of the machine's vectors: so that results have the same bits on all. */
enum { NG_LANES = 16 };

static inline int64_t ng_lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ng_greater(int64_t a, int64_t b) { return a > b ? a : b; }
/* a / b rounded up, b positive; 0 for negative a */
static inline int64_t ng_ceil_div(int64_t a, int64_t b) { return a > 0 ? (a - 1) / b + 1 : 0; }

/* Items per piece such that a piece takes about 25 us, for `cost` sixteenths of a nanosecond per item: work of less than
 * two pieces is not worth waking a thread for. */
static inline int64_t ng_grain(int64_t cost)
{
    enum { PIECE = 25000 * 16 };
    /* in 32 bits, where a division takes a fraction of the time on many processors: every launch comes here */
    return cost >= PIECE ? 1 : (int64_t)((uint32_t)PIECE / (uint32_t)(cost > 0 ? cost : 1));
}

/* Memory that a launcher needs between its launches: partial sums, packed operands. Launchers ask for it here alone, so whoever is to
 * run their launches again, after they have returned, knows what has to be kept. NULL when there is none; `bytes` as given before. */
static inline void *ng_temporary(size_t bytes) { return NG->alloc(bytes); }
static inline void ng_temporary_done(void *memory, size_t bytes) { NG->release(memory, bytes); }

static inline size_t ng_itemsize(int dtype) { return dtype == NG_F32 ? 4 : 8; }

#endif
