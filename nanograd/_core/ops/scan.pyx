# SPDX-License-Identifier: LGPL-3.0-or-later
"""Running sums along an axis: csrc/kernels/scan.inc."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport *
from nanograd._core.base.tensor import public, register_numpy

from kernels.scan cimport ng_cumsum


@cython.final
@cython.no_gc
cdef class CumsumNode(Node):
    cdef int64_t outer, n, inner

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        check("cumsum", ng_cumsum(self.kind, dx.data, dy.data, self.outer, self.n, self.inner, 1))
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
    cdef CumsumNode node
    cdef int64_t outer = 1, inner = 1
    cdef int i, k = normalize_axis("cumsum", axis, t.rank)
    for i in range(k):
        outer *= t.dims[i]
    for i in range(k + 1, t.rank):
        inner *= t.dims[i]
    cdef Tensor out = new_tensor(t.kind, t.rank, t.dims)
    check("cumsum", ng_cumsum(t.kind, new_data(out), xb.data, outer, t.dims[k], inner, 0))
    if needs_grad(t):
        node = CumsumNode.__new__(CumsumNode)
        node.n_inputs = 1
        set_input(node, 0, t)
        node.outer = outer
        node.n = t.dims[k]
        node.inner = inner
        link(out, node)
    return out


def numpy_cumsum(a, axis=None):
    return cumsum(a.reshape(-1) if axis is None else a, -1 if axis is None else axis)


register_numpy("cumsum", numpy_cumsum)      # without an axis it flattens, where ours takes the last
