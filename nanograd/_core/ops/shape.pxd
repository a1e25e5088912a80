# SPDX-License-Identifier: LGPL-3.0-or-later
"""What indexing shares with the shape operations: views, strided copies, and gradients that fill part of their parent."""
cimport cython
from libc.stdint cimport int64_t
from nanograd._core.base.tensor cimport Buffer, Node, Run, Tensor


@cython.no_gc
cdef class ViewNode(Node):
    """All of the parent's elements, in its order: the gradient's buffer is handed on."""

@cython.no_gc
cdef class PartNode(Node):
    """A contiguous part of the parent, from element `offset` on."""
    cdef int64_t offset

@cython.no_gc
cdef class StridedNode(Node):
    """A copy: element i of the output is element offset + sum i_a * strides[a] of the parent, none of them twice."""
    cdef int64_t offset
    cdef int64_t strides[8]
    cdef bint is_all         # every element of the parent is there

# A tensor that shares x's memory, elements [offset, offset + size of dims). `node`: a ViewNode, a PartNode, or None where no
# gradient is wanted.
cdef Tensor view_of(Tensor x, int rank, const int64_t *dims, int64_t offset, Node node)
# The elements of x at offset + sum i_a * strides[a], copied.
cdef Tensor strided_copy(str op, Tensor x, int rank, const int64_t *dims, const int64_t *strides, int64_t offset, StridedNode node)
# Axis a of the result is axis axes[a] of x. Where these are the last two exchanged, the copy is made when it is read.
cdef Tensor transpose_axes(Tensor x, const int *axes)

# For a gradient that touches few elements of input i: a buffer of the input's size to add it into, the gradient slot itself where
# that is possible, so that many such gradients of one parent cost no more than their own size. `end_part` afterwards.
cdef Buffer begin_part(Run run, Node node, int i)
cdef int end_part(Run run, Node node, int i, Buffer whole) except -1
cdef Buffer zero_buffer(int kind, int64_t count)
