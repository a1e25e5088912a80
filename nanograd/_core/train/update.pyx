# SPDX-License-Identifier: LGPL-3.0-or-later
"""What runs once per training step over all parameters: the optimizers' updates, gradient norms, clipping, averages.

An update is one launch over all parameters of a dtype. It gathers, per parameter, what is read and where the new values
go (a Step), launches, and then hands the new values over; whatever can raise comes before the launch. New values follow
the rule of tensor.pxd: in place where the parameter, or the optimizer's state, is the only holder of the memory; else in a new
buffer. So tensors in a state_dict() can share the optimizer's memory and yet never change.
"""
cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport INFINITY, frexp, isinf, ldexp, pow
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport (
    NG, NG_F32, NG_F64, Buffer, LeafNode, Parameter, Tensor, as_flag, as_real, as_tensor, check, converting, disown, dtype_kind,
    has_one_owner, holds_alone, is_read, leaf_gradient, new_buffer, new_data, new_tensor, ng_api, ng_itemsize, numpy_dtype, own, read_data,
    same_shape, set_grad, set_value, shape_tuple)

import numpy as np

from nanograd.errors import ShapeError, shown

include "capsule.pxi"

from kernels.update cimport (ng_adagrad_item, ng_adam_item, ng_clamp_item, ng_ema_item, ng_rmsprop_item, ng_scale_item, ng_sgd_item,
                             ng_update_adagrad, ng_update_adam, ng_update_add, ng_update_clamp, ng_update_count, ng_update_ema,
                             ng_update_item, ng_update_norm, ng_update_norm_pieces, ng_update_rmsprop, ng_update_scale, ng_update_sgd,
                             ng_update_state, ng_update_steps, ng_update_table, ng_update_table_size)

ctypedef int (*update_launcher)(int dtype, const ng_update_table *table) noexcept nogil


include "update_step.pxi"            # what is kept for a parameter; gathering, launching, handing over
include "update_optimizers.pxi"      # the optimizers
include "update_gradients.pxi"       # norms, clipping, zeroing; a parameter's dtype
