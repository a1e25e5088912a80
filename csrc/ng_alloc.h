/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * The caching allocator: memory for tensors, without a page fault in a steady training loop.
 *
 * Sizes fall into classes, four per power of two from 64 bytes on, and each class keeps a list of free blocks. Blocks of up
 * to 4 KB are carved from slabs of 64 KB. Larger ones come from the system one by one and go back to it when more than the
 * limit is free (the smaller of 2 GiB and an eighth of the memory that the process may use), those of the class that has
 * not been asked for the longest first: training with changing shapes keeps the sizes that it uses now.
 *
 * All of it is called under the GIL and has no locks.
 */
#ifndef NG_ALLOC_H
#define NG_ALLOC_H

#include "ng_api.h"

/* 64-byte aligned, uninitialised; NULL when there is no memory. 0 bytes are a block too. */
void *ng_alloc(size_t bytes);
/* `bytes` as given to ng_alloc. */
void ng_release(void *memory, size_t bytes);

void ng_read_memory_stats(ng_memory_stats *stats);
/* Gives back to the system what is free; `peak` starts anew. */
void ng_empty_cache(void);

#endif
