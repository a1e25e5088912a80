/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ng_connect.h"

#include "ng_alloc.h"
#include "ng_blas.h"
#include "ng_dispatch.h"

extern const ng_unary_info ng_unary_info_table[];
extern const ng_binary_info ng_binary_info_table[];

const ng_api *ng_connect(const char **reason)
{
    static ng_api api;
    const ng_isa *isa = ng_dispatch(reason);
    if (!isa) return NULL;
    ng_blas_single_thread();
    api = (ng_api){.size = sizeof api,
                   .version = NG_API_VERSION,
                   .launch = ng_launch, .launch_large = ng_launch_large,
                   .alloc = ng_alloc,
                   .release = ng_release,
                   .kernels = {isa->kernels[0], isa->kernels[1]},
                   .unary_info = ng_unary_info_table,
                   .binary_info = ng_binary_info_table,
                   .isa = isa->name,
                   .runtime = &ng_runtime_functions};
    return &api;
}

const char *ng_blas_description(void) { return ng_blas_config(); }
