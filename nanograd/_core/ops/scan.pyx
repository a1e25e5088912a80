# SPDX-License-Identifier: LGPL-3.0-or-later
"""Running sums and products along an axis: csrc/kernels/scan.inc."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport *
from nanograd._core.base.tensor import public, register_numpy

from kernels.scan cimport ng_cumprod, ng_cumprod_backward, ng_cumsum


cdef struct Sizes:
    int64_t outer, n, inner      # of the axes before, the axis, the axes behind it


cdef Sizes sizes_around(str op, Tensor x, object axis) except *:
    cdef int i, k = normalize_axis(op, axis, x.rank)
    cdef Sizes s = Sizes(1, x.dims[k], 1)
    for i in range(k):
        s.outer *= x.dims[i]
    for i in range(k + 1, x.rank):
        s.inner *= x.dims[i]
    return s


@cython.no_gc
cdef class ScanNode(Node):
    cdef Sizes sizes


cdef int join(Tensor out, ScanNode node, Tensor x, Sizes sizes) except -1:
    node.sizes = sizes
    set_inputs(node, 1)
    set_input(node, 0, x)
    return link(out, node)


@cython.final
@cython.no_gc
cdef class CumsumNode(ScanNode):

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        check("cumsum", ng_cumsum(self.kind, dx.data, dy.data, self.sizes.outer, self.sizes.n, self.sizes.inner, 1))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class CumprodNode(ScanNode):

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        check("cumprod", ng_cumprod_backward(self.kind, dx.data, dy.data, saved(self, SAVED_X), saved(self, SAVED_Y),
                                             self.sizes.outer, self.sizes.n, self.sizes.inner))
        return give(run, self, 0, dx)


@public(method=True, numpy="")
def cumsum(x, axis=-1):
    """Running sum along an axis.

    ``y[i] = x[0] + ... + x[i]``.

    {one axis}

    Notes
    -----
    The gradient is the running sum of dy from the end. float32 accumulates in float64.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = ng.cumsum(x)
    >>> y
    tensor([1., 3., 6.], dtype=float32, grad_fn=<cumsum>)
    >>> y.backward()
    >>> x.grad
    tensor([3., 2., 1.], dtype=float32)
    """
    cdef Tensor t = as_tensor("cumsum", x, -1, False)
    cdef Buffer xb = read_data(t)
    cdef Sizes s = sizes_around("cumsum", t, axis)
    cdef CumsumNode node
    cdef Tensor out = new_tensor(t.kind, t.rank, t.dims)
    check("cumsum", ng_cumsum(t.kind, new_data(out), xb.data, s.outer, s.n, s.inner, 0))
    if needs_grad(t):
        node = CumsumNode.__new__(CumsumNode)
        join(out, node, t, s)
    return out


def numpy_cumsum(a, axis=None):
    return cumsum(a.reshape(-1) if axis is None else a, -1 if axis is None else axis)


register_numpy("cumsum", numpy_cumsum)      # without an axis it flattens, where ours takes the last


@public(method=True, numpy="")
def cumprod(x, axis=-1):
    """Running product along an axis.

    ``y[i] = x[0] * ... * x[i]``.

    {one axis}

    Notes
    -----
    The gradient takes one pass and no division, so that it is right where elements are 0. float32 is multiplied in float64.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> y = ng.cumprod(x)
    >>> y
    tensor([2., 0., 0.], dtype=float32, grad_fn=<cumprod>)
    >>> y.backward()
    >>> x.grad
    tensor([1., 8., 0.], dtype=float32)
    """
    cdef Tensor t = as_tensor("cumprod", x)
    cdef Buffer xb = read_data(t)
    cdef Sizes s = sizes_around("cumprod", t, axis)
    cdef CumprodNode node
    cdef Tensor out = new_tensor(t.kind, t.rank, t.dims)
    check("cumprod", ng_cumprod(t.kind, new_data(out), xb.data, s.outer, s.n, s.inner))
    if needs_grad(t):
        node = CumprodNode.__new__(CumprodNode)
        save(node, SAVED_X, xb)
        save(node, SAVED_Y, read_data(out))
        join(out, node, t, s)
    return out


def numpy_cumprod(a, axis=None):
    return cumprod(a.reshape(-1) if axis is None else a, -1 if axis is None else axis)


register_numpy("cumprod", numpy_cumprod)
