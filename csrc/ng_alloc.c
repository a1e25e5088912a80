/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ng_system.h"

#include "ng_alloc.h"

#include "ng_cpus.h"

/* Under AddressSanitizer free blocks are poisoned: reading a buffer after its release is then found as if it had been freed. */
#if defined(__SANITIZE_ADDRESS__)
#  include <sanitizer/asan_interface.h>
#  define POISON(memory, bytes) ASAN_POISON_MEMORY_REGION(memory, bytes)
#  define UNPOISON(memory, bytes) ASAN_UNPOISON_MEMORY_REGION(memory, bytes)
#else
#  define POISON(memory, bytes) ((void)0)
#  define UNPOISON(memory, bytes) ((void)0)
#endif

enum {
    UNIT = 64,
    SMALL = 4096,              /* the largest block carved from a slab */
    SLAB = 65536,
    HUGE_PAGE = 2 << 20,
    ASK_HUGE = 4 << 20,        /* from here on whole huge pages are asked for */
    CLASSES = 156
};
#define MOST ((uint64_t)64 << 40)    /* the size of the last class: more memory than there can be */

typedef struct block { struct block *next; } block;

/* At the start of each slab. Slabs are aligned to their size, so a block's slab is found from its address. */
typedef struct slab {
    struct slab *next;
    int carved;                /* blocks that have ever been handed out */
    int free;                  /* of these, free: counted when the cache is emptied */
} slab;

typedef struct size_class {
    block *free;
    char *carve, *carve_end;   /* the part of the newest slab that has not been handed out (small classes) */
    slab *slabs;
    int64_t last_use;          /* the clock when the class was last asked for a block (large classes) */
} size_class;

static struct {
    size_class classes[CLASSES];
    ng_memory_stats stats;
    int64_t from_system;       /* bytes in use or free */
    int64_t large_cached;      /* bytes in the free lists of the large classes: what the limit is about */
    int64_t clock;
} heap;

/* Class of a size: 64, 128, 192, 256, then 320, 384, 448, 512, then 640 ... in units of 64 bytes. */
static inline int class_of(size_t bytes)
{
    const size_t last = bytes ? (bytes - 1) / UNIT : 0;    /* the number of units, less one */
    if (last < 4) return (int)last;
    const int power = 63 - __builtin_clzll((unsigned long long)last);
    return 4 * (power - 1) + (int)(last >> (power - 2)) - 4;
}

static inline size_t class_size(int c)
{
    if (c < 4) return (size_t)(c + 1) * UNIT;
    return (size_t)(c % 4 + 5) << (c / 4 - 1) << 6;
}

/* Memory for a large block, in huge pages where they pay: they save most page faults of the first use and most misses of
 * the address cache (measured, docs/measurements.md). */
static void *system_block(size_t size)
{
    void *memory = ng_system_alloc(size >= ASK_HUGE ? HUGE_PAGE : UNIT, size);
    if (!memory) {
        ng_empty_cache();
        memory = ng_system_alloc(UNIT, size);
        if (!memory) return NULL;
    }
#if defined(MADV_HUGEPAGE)
    if (size >= ASK_HUGE && (uintptr_t)memory % HUGE_PAGE == 0) madvise(memory, size, MADV_HUGEPAGE);
#endif
    heap.stats.system_allocations++;
    heap.from_system += (int64_t)size;
    return memory;
}

/* The next block of the class's newest slab, or of a new one. */
static void *carve_block(size_class *class, size_t size)
{
    if ((size_t)(class->carve_end - class->carve) < size) {
        slab *fresh = ng_system_alloc(SLAB, SLAB);
        if (!fresh) {
            ng_empty_cache();
            fresh = ng_system_alloc(SLAB, SLAB);
            if (!fresh) return NULL;
        }
        heap.stats.system_allocations++;
        heap.from_system += (int64_t)((SLAB - UNIT) / size * size);
        fresh->next = class->slabs;
        fresh->carved = 0;
        class->slabs = fresh;
        class->carve = (char *)fresh + UNIT;
        class->carve_end = (char *)fresh + SLAB;
        POISON(class->carve, SLAB - UNIT);
    }
    char *const memory = class->carve;
    class->carve += size;
    class->slabs->carved++;
    return memory;
}

void *ng_alloc(size_t bytes)
{
    if (NG_UNLIKELY((uint64_t)bytes > MOST)) return NULL;
    const int c = class_of(bytes);
    size_class *const class = &heap.classes[c];
    const size_t size = class_size(c);
    void *memory = class->free;
    if (NG_LIKELY(memory != NULL)) {
        UNPOISON(memory, size);
        class->free = class->free->next;
        if (size > SMALL) heap.large_cached -= (int64_t)size;
    } else if (size <= SMALL) {
        memory = carve_block(class, size);
        if (!memory) return NULL;
        UNPOISON(memory, size);
    } else {
        memory = system_block(size);
        if (!memory) return NULL;
    }
    if (size > SMALL) class->last_use = ++heap.clock;
    heap.stats.blocks++;
    heap.stats.in_use += (int64_t)size;
    if (heap.stats.in_use > heap.stats.peak) heap.stats.peak = heap.stats.in_use;
    return memory;
}

static void free_large(size_class *class, size_t size)
{
    block *const memory = class->free;
    UNPOISON(memory, size);
    class->free = memory->next;
    heap.from_system -= (int64_t)size;
    heap.large_cached -= (int64_t)size;
    ng_system_free(memory);
}

/* Gives back free blocks until no more than `most` bytes of them are kept: of the class asked for least recently first. */
static NG_NOINLINE void trim(int64_t most)
{
    while (heap.large_cached > most) {
        int oldest = -1;
        for (int c = 0; c < CLASSES; c++) {
            const size_class *class = &heap.classes[c];
            if (!class->free || class_size(c) <= SMALL) continue;
            if (oldest < 0 || class->last_use < heap.classes[oldest].last_use) oldest = c;
        }
        while (heap.classes[oldest].free && heap.large_cached > most) free_large(&heap.classes[oldest], class_size(oldest));
    }
}

static int64_t cache_limit(void)
{
    if (heap.stats.cache_limit == 0) {
        const int64_t eighth = ng_memory_limit() / 8;
        heap.stats.cache_limit = eighth < ((int64_t)2 << 30) ? eighth : (int64_t)2 << 30;
    }
    return heap.stats.cache_limit;
}

void ng_release(void *memory, size_t bytes)
{
    if (!memory) return;
    const int c = class_of(bytes);
    size_class *const class = &heap.classes[c];
    const size_t size = class_size(c);
    heap.stats.blocks--;
    heap.stats.in_use -= (int64_t)size;
    if (NG_UNLIKELY(size > HUGE_PAGE) && (int64_t)size > cache_limit()) {
        heap.from_system -= (int64_t)size;
        ng_system_free(memory);
        return;
    }
    block *const freed = memory;
    freed->next = class->free;
    class->free = freed;
    POISON((char *)memory + sizeof(block), size - sizeof(block));
    if (size > SMALL) {
        heap.large_cached += (int64_t)size;
        if (NG_UNLIKELY(heap.large_cached > cache_limit())) trim(cache_limit());
    }
}

/* Gives back the slabs of a class whose blocks are all free. */
static void free_slabs(size_class *class, size_t size)
{
    for (slab *s = class->slabs; s; s = s->next) s->free = 0;
    for (block *b = class->free; b; b = b->next) ((slab *)((uintptr_t)b & ~(uintptr_t)(SLAB - 1)))->free++;

    block **tail = &class->free;
    for (block *b = class->free, *next; b; b = next) {
        next = b->next;
        const slab *home = (slab *)((uintptr_t)b & ~(uintptr_t)(SLAB - 1));
        if (home->free < home->carved) {
            *tail = b;
            tail = &b->next;
        }
    }
    *tail = NULL;

    slab **link = &class->slabs;
    while (*link) {
        slab *const s = *link;
        if (s->free == s->carved) {
            if (s == class->slabs) class->carve = class->carve_end = NULL;
            *link = s->next;
            heap.from_system -= (int64_t)((SLAB - UNIT) / size * size);
            UNPOISON(s, SLAB);
            ng_system_free(s);
        } else {
            link = &s->next;
        }
    }
}

void ng_empty_cache(void)
{
    trim(0);
    for (int c = 0; c < CLASSES && class_size(c) <= SMALL; c++) free_slabs(&heap.classes[c], class_size(c));
    heap.stats.peak = heap.stats.in_use;
}

void ng_read_memory_stats(ng_memory_stats *stats)
{
    cache_limit();
    *stats = heap.stats;
    stats->cached = heap.from_system - heap.stats.in_use;
}
