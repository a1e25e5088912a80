/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Which instruction set's kernels run in this process.
 */
#ifndef NG_DISPATCH_H
#define NG_DISPATCH_H

#include "ng_api.h"

typedef struct ng_isa {
    const char *name;                /* "baseline", "avx2", "avx512" */
    const ng_kernels *kernels[2];    /* by dtype */
} ng_isa;

/* The best that this CPU and its operating system support, or the one that NANOGRAD_ISA names. NULL when that name is
 * unknown or this CPU lacks it: *reason then says so, for an ImportError. Called once, at import. */
const ng_isa *ng_dispatch(const char **reason);

/* The names that ng_dispatch would take here, best last: isas[0] .. isas[return value - 1]. */
int ng_dispatch_supported(const char *isas[3]);

#endif
