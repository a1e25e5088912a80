# SPDX-License-Identifier: LGPL-3.0-or-later
"""Indexing. An index becomes a Plan: either strides into the operand, or a map of positions on some of its axes taken as one.
Reading, writing and adding, forward and backward, all run from the plan."""
include "capsule.pxi"

cimport cython
cimport numpy as cnp
from cpython.long cimport PyLong_AsLongAndOverflow
from libc.stdint cimport INT64_MAX, int64_t
from nanograd._core.ops.shape cimport PartNode, StridedNode, begin_part, end_part, strided_copy, view_of, zero_buffer
from nanograd._core.base.tensor cimport (
    NG_F64, NG_INDEX_RANGE, NG_MAX_NDIM, Buffer, Node, Run, Tensor, SAVED_MAP, as_flag, as_index, as_tensor, check, buffer_over,
    common_kind, dtype_kind, foreign, give, link, needs_grad, new_buffer, new_data, new_tensor, ng_itemsize, normalize_axis, numpy_dtype,
    operators, read_data, save, saved, set_input, set_inputs, shape_size, shape_tuple, sum_to_shape, wants)

import operator

import numpy as np

from nanograd._core.base.tensor import public, register_numpy
from nanograd.errors import DTypeError, ShapeError, refuse_masked, shown

cnp.import_array()

cdef extern from "Python.h":
    int PySlice_Unpack(object slice, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t *step) except -1
    Py_ssize_t PySlice_AdjustIndices(Py_ssize_t length, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t step)
    bint PySlice_Check(object x)
    bint PyLong_CheckExact(object x)
from kernels.transpose cimport ng_contiguous_strides, ng_strided_add, ng_strided_copy
from kernels.index cimport (ng_gather_rows, ng_index_check, ng_index_map, ng_index_winners, ng_one_hot, ng_scatter_add_flat,
                            ng_scatter_add_rows, ng_scatter_rows, ng_sort_rows)


cdef inline void *at(void *data, int kind, int64_t offset) noexcept:
    return <char *>data + offset * <int64_t>ng_itemsize(kind)


cdef inline int64_t product(const int64_t *dims, int begin, int end) noexcept:
    cdef int64_t size = 1
    cdef int a
    for a in range(begin, end):
        size *= dims[a]
    return size


cdef str named_shape(Tensor x):
    return f"(x {shape_tuple(x.rank, x.dims)})"


include "index_plan.pxi"        # from what the user wrote to strides or a map
include "index_getitem.pxi"     # x[...], index_set, index_add
include "index_gather.pxi"      # take, gather, embedding, one_hot
include "index_sort.pxi"        # sort, argsort, topk

operators().getitem = getitem


# NumPy's own arguments for these; `kind` because our sort is stable, and so any kind.
def numpy_sort(a, axis=-1, kind=None, *, stable=None):
    return sort(a.reshape(-1) if axis is None else a, -1 if axis is None else axis)[0]


def numpy_argsort(a, axis=-1, kind=None, *, stable=None):
    return argsort(a.reshape(-1) if axis is None else a, -1 if axis is None else axis)


register_numpy("sort", numpy_sort)
register_numpy("argsort", numpy_argsort)
