# SPDX-License-Identifier: LGPL-3.0-or-later
# Included by every module of _core but tensor: fetches csrc's functions and kernel tables, which nanograd._core.base.tensor links.
from cpython.pycapsule cimport PyCapsule_GetPointer
import nanograd._core.base.tensor as _tensor_module

cdef extern from *:
    """
    #include "ng_api.h"
    static int ng_import(void *pointer)
    {
        const ng_api *api = (const ng_api *)pointer;
        if (api->size != sizeof(ng_api) || api->version != NG_API_VERSION) return 0;
        NG = api;
        return 1;
    }
    """
    int ng_import(void *pointer)

if not ng_import(PyCapsule_GetPointer(_tensor_module._api, "nanograd._core.base.tensor._api")):
    raise ImportError(f"{__name__} was built against another nanograd._core.base.tensor: rebuild with `python setup.py build_ext --inplace`")
