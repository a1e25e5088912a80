/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * What nanograd._core.base.tensor, the one module that links csrc, needs beyond ng_api.
 */
#ifndef NG_CONNECT_H
#define NG_CONNECT_H

#include "ng_api.h"
#include "ng_launch.h"

/* Chooses the kernels for this CPU, tells the BLAS to stay single-threaded, and returns the table of all that the modules
 * call. NULL if NANOGRAD_ISA cannot be had: *reason says why. Called once, at import. */
const ng_api *ng_connect(const char **reason);

/* Autograd's mode of the calling thread. */
static inline int *ng_grad_enabled(void) { return &ng_tls()->grad_enabled; }

/* The BLAS that is linked: its version, threads and kernels in its own words. */
const char *ng_blas_description(void);

#endif
