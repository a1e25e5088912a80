# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations on shapes. What keeps all elements in their order, or takes a contiguous run of them, shares the memory;
everything else is a copy by one kernel that knows any strides (csrc/kernels/transpose.inc); that of a matrix waits for a reader."""
include "capsule.pxi"

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memset
from nanograd._core.base.tensor cimport (
    NG_F32, NG_MAX_NDIM, Buffer, Node, Run, Tensor, SAVED_MAP, as_index, as_real, as_tensor, buffer_over, check, common_kind,
    give, give_part, link, needs_grad, new_buffer, new_data, new_tensor, ng_itemsize, normalize_axis, parse_shape, read_data,
    save, saved, set_input, set_inputs, shape_size, shape_tuple, sum_to_shape, transposed_tensor, view_buffer, wants, wrap_buffer,
    ng_add_overflows, ng_count, ng_mul_overflows)

import operator

import numpy as np

from nanograd._core.base.tensor import public, register_numpy, register_transpose
from nanograd.errors import ShapeError, shown

cnp.import_array()

from kernels.elementwise cimport ng_fill
from kernels.transpose cimport ng_contiguous_strides, ng_roll, ng_strided_add, ng_strided_copy, ng_triangle

cdef inline void *at(void *data, int kind, int64_t offset) noexcept:
    """The address of element `offset`."""
    return <char *>data + offset * <int64_t>ng_itemsize(kind)


cdef inline int64_t product(const int64_t *dims, int begin, int end) noexcept:
    cdef int64_t size = 1
    cdef int a
    for a in range(begin, end):
        size *= dims[a]
    return size


cdef str named_shape(Tensor x):
    return f"(x {shape_tuple(x.rank, x.dims)})"


cdef Buffer zero_buffer(int kind, int64_t count):
    cdef Buffer buffer = new_buffer(<size_t>count * ng_itemsize(kind))
    check("zeros", ng_fill(kind, buffer.data, 0.0, count))
    return buffer


cdef Buffer begin_part(Run run, Node node, int i):
    cdef Node target = <Node>node.inputs[i]
    # A part of no elements opens the slot: zeros where nothing has arrived yet, a buffer of its own where it was shared.
    if target.slot is None or target.run == run.id:
        give_part(run, node, i, NOTHING, 0, 0)
        if target.slot is not None and target.run == run.id:
            return target.slot
    return zero_buffer(target.kind, target.count)      # another run holds the slot: give() sees to it


cdef int end_part(Run run, Node node, int i, Buffer whole) except -1:
    cdef Node target = <Node>node.inputs[i]
    if target.slot is not None and target.run == run.id and target.slot is whole:
        return 0
    return give(run, node, i, whole)

cdef Buffer NOTHING = new_buffer(0)


include "shape_views.pxi"       # reshape ... slice
include "shape_copies.pxi"      # transpose ... expand
include "shape_moves.pxi"       # flip ... diagonal
include "shape_joins.pxi"       # concatenate ... chunk
include "shape_repeats.pxi"     # tile, repeat, pad

register_transpose(transpose)

include "shape_numpy.pxi"       # NumPy's arguments for some of them
