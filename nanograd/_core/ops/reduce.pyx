# SPDX-License-Identifier: LGPL-3.0-or-later
"""Sums, means, extremes, and where the extremes are.

Any axes; float32 accumulates in float64. The kernels and their gradients are in csrc/kernels/reduce.inc.
"""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
cimport numpy as cnp
from nanograd._core.base.tensor cimport *

import numpy as np

from nanograd._core.base.tensor import public
from nanograd.errors import shown

cnp.import_array()

from kernels.reduce cimport ng_broadcast_axes, ng_max, ng_max_backward, ng_sum_axes
from kernels.argmax cimport ng_argmax

include "axes.pxi"


# ---- sum, mean ----------------------------------------------------------------------------------

@cython.no_gc
cdef class SumNode(Node):
    cdef unsigned int mask
    cdef double divisor

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer dx
        if self.divisor == 1 and x.count == self.count:
            return give(run, self, 0, dy)
        dx = buffer_like(x)
        check("sum", ng_broadcast_axes(self.kind, dx.data, dy.data, x.rank, x.dims, self.mask, self.divisor))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class MeanNode(SumNode):
    pass


cdef Tensor sum_or_mean(str op, object operand, object axis, object keepdims, bint mean):
    cdef Tensor x = <Tensor>operand if isinstance(operand, Tensor) else as_tensor(op, operand, -1, False)
    cdef Buffer xb = read_data(x)
    cdef SumNode node
    cdef Reduction r
    parse_axes(op, x, axis, keepdims, &r)
    cdef double divisor = <double>r.reduced if mean else 1.0
    cdef Tensor out = new_tensor(x.kind, r.rank, r.dims)
    if divisor == 0 and out.count != 0:
        warn_user(f"mean: the mean of no elements is NaN (x {shape_tuple(x.rank, x.dims)}, axis {axis})")
    check(op, ng_sum_axes(x.kind, new_data(out), xb.data, x.rank, x.dims, r.mask, divisor))
    if needs_grad(x):
        node = MeanNode.__new__(MeanNode) if mean else SumNode.__new__(SumNode)
        node.n_inputs = 1
        set_input(node, 0, x)
        node.mask = r.mask
        node.divisor = divisor
        link(out, node)
    return out


@public(method=True)
def sum(x, axis=None, keepdims=False):
    """Sum of the elements over axes.

    ``y[k] = sum over r of x[k, r]``, where r runs over the reduced axes and k over the others.

    {reduction}

    Notes
    -----
    float32 accumulates in float64. The sum of no elements is 0. The gradient of each element is that of its sum.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    >>> ng.sum(x, axis=1)
    tensor([ 6., 15.], dtype=float32, grad_fn=<sum>)
    >>> ng.sum(x, axis=(0, 1), keepdims=True)
    tensor([[21.]], dtype=float32, grad_fn=<sum>)
    >>> x.sum(axis=0).backward([1.0, 10.0, 100.0])
    >>> x.grad
    tensor([[  1.,  10., 100.],
            [  1.,  10., 100.]], dtype=float32)
    """
    return sum_or_mean("sum", x, axis, keepdims, False)


@public(method=True)
def mean(x, axis=None, keepdims=False):
    """Arithmetic mean of the elements over axes.

    ``y[k] = (1 / n) * sum over r of x[k, r]``, where r runs over the n elements of the reduced axes and k over the other axes.

    {reduction}

    Notes
    -----
    float32 accumulates in float64. The mean of no elements is NaN, with a RuntimeWarning.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 2.0], [3.0, 6.0]], requires_grad=True)
    >>> ng.mean(x, axis=0)
    tensor([2., 4.], dtype=float32, grad_fn=<mean>)
    >>> x.mean().backward()
    >>> x.grad
    tensor([[0.25, 0.25],
            [0.25, 0.25]], dtype=float32)
    """
    return sum_or_mean("mean", x, axis, keepdims, True)


# ---- max, min -----------------------------------------------------------------------------------

@cython.no_gc
cdef class MaxNode(Node):
    cdef unsigned int mask

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer dx = buffer_like(x)
        cdef Buffer ties = doubles(self.count)
        check("max", ng_max_backward(self.kind, dx.data, <double *>ties.data, dy.data, saved(self, SAVED_X), saved(self, SAVED_Y), x.rank, x.dims,
                                     self.mask))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class MinNode(MaxNode):
    pass


cdef Tensor max_or_min(str op, object operand, object axis, object keepdims, bint smallest):
    cdef Tensor x = <Tensor>operand if isinstance(operand, Tensor) else as_tensor(op, operand, -1, False)
    cdef Buffer xb = read_data(x)
    cdef MaxNode node
    cdef Reduction r
    parse_axes(op, x, axis, keepdims, &r)
    if r.reduced == 0:
        raise ValueError(f"{op}: x {shape_tuple(x.rank, x.dims)} has no elements to choose from"
                         + ("" if axis is None else f" along axis {axis}"))
    cdef Tensor out = new_tensor(x.kind, r.rank, r.dims)
    check(op, ng_max(x.kind, new_data(out), xb.data, x.rank, x.dims, r.mask, smallest))
    if needs_grad(x):
        node = MinNode.__new__(MinNode) if smallest else MaxNode.__new__(MaxNode)
        node.n_inputs = 1
        set_input(node, 0, x)
        node.mask = r.mask
        save(node, SAVED_X, xb)
        save(node, SAVED_Y, read_data(out))
        link(out, node)
    return out


@public(method=True, numpy="max amax")
def max(x, axis=None, keepdims=False):
    """Largest element over axes.

    ``y[k] = max over r of x[k, r]``, where r runs over the reduced axes and k over the others; NaN where one of them is.

    {reduction}
        Also if there are no elements to choose from.

    Notes
    -----
    Elements that are equally large share the gradient evenly.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0, 3.0], [5.0, 0.0, 0.0]], requires_grad=True)
    >>> ng.max(x, axis=1)
    tensor([3., 5.], dtype=float32, grad_fn=<max>)
    >>> x.max(axis=1).backward()
    >>> x.grad
    tensor([[0. , 0.5, 0.5],
            [1. , 0. , 0. ]], dtype=float32)
    """
    return max_or_min("max", x, axis, keepdims, False)


@public(method=True, numpy="min amin")
def min(x, axis=None, keepdims=False):
    """Smallest element over axes.

    ``y[k] = min over r of x[k, r]``, where r runs over the reduced axes and k over the others; NaN where one of them is.

    {reduction}
        Also if there are no elements to choose from.

    Notes
    -----
    Elements that are equally large share the gradient evenly.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0, 3.0], [5.0, 0.0, 0.0]], requires_grad=True)
    >>> ng.min(x, axis=1)
    tensor([1., 0.], dtype=float32, grad_fn=<min>)
    >>> x.min(axis=1).backward()
    >>> x.grad
    tensor([[1. , 0. , 0. ],
            [0. , 0.5, 0.5]], dtype=float32)
    """
    return max_or_min("min", x, axis, keepdims, True)


# ---- argmax, argmin -----------------------------------------------------------------------------

cdef object arg_of(str op, object operand, object axis, bint smallest):
    cdef Tensor x = as_tensor(op, operand, -1, False)
    cdef Buffer xb = read_data(x)
    cdef cnp.ndarray out
    cdef cnp.npy_intp shape[8]
    cdef int64_t outer = 1, n = x.count, inner = 1
    cdef int i, k, rank = 0
    if axis is not None:
        k = normalize_axis(op, axis, x.rank)
        n = x.dims[k]
        for i in range(x.rank):
            if i != k:
                shape[rank] = x.dims[i]
                rank += 1
            if i < k:
                outer *= x.dims[i]
            elif i > k:
                inner *= x.dims[i]
    if n == 0:
        raise ValueError(f"{op}: x {shape_tuple(x.rank, x.dims)} has no elements to choose from"
                         + ("" if axis is None else f" along axis {axis}"))
    out = cnp.PyArray_EMPTY(rank, shape, cnp.NPY_INT64, 0)
    check(op, ng_argmax(x.kind, <int64_t *>cnp.PyArray_DATA(out), xb.data, outer, n, inner, smallest))
    return out if rank else out[()]


@public(method=True, numpy="")
def argmax(x, axis=None):
    """Index of the largest element along an axis: the first one if several are, and the first NaN if there is one.

    {position}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0, 3.0], [5.0, 0.0, 2.0]])
    >>> ng.argmax(x, axis=1)
    array([1, 0])
    >>> int(ng.argmax(x))
    3
    """
    return arg_of("argmax", x, axis, False)


@public(method=True, numpy="")
def argmin(x, axis=None):
    """Index of the smallest element along an axis: the first one if several are, and the first NaN if there is one.

    {position}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0, 3.0], [5.0, 0.0, 2.0]])
    >>> ng.argmin(x, axis=1)
    array([0, 1])
    >>> int(ng.argmin(x))
    4
    """
    return arg_of("argmin", x, axis, True)
