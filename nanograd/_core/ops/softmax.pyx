# SPDX-License-Identifier: LGPL-3.0-or-later
"""softmax and log_softmax along any axis: one pass each way (csrc/kernels/softmax.inc)."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport *
from nanograd._core.base.tensor import public

from kernels.softmax cimport ng_softmax, ng_softmax_backward


@cython.no_gc
cdef class SoftmaxNode(Node):
    cdef int64_t outer, n, inner

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        check("softmax", ng_softmax_backward(self.kind, dx.data, dy.data, saved(self, SAVED_Y), type(self) is LogSoftmaxNode,
                                             self.outer, self.n, self.inner))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class LogSoftmaxNode(SoftmaxNode):
    pass


cdef Tensor softmax_along(str op, object operand, object axis, bint is_log):
    cdef Tensor x = <Tensor>operand if isinstance(operand, Tensor) else as_tensor(op, operand, -1, False)
    cdef Buffer xb = read_data(x)
    cdef SoftmaxNode node
    cdef int64_t outer = 1, inner = 1
    cdef int i, k = normalize_axis(op, axis, x.rank)
    for i in range(k):
        outer *= x.dims[i]
    for i in range(k + 1, x.rank):
        inner *= x.dims[i]
    cdef Tensor out = new_tensor(x.kind, x.rank, x.dims)
    check(op, ng_softmax(x.kind, new_data(out), xb.data, is_log, outer, x.dims[k], inner))
    if needs_grad(x):
        node = LogSoftmaxNode.__new__(LogSoftmaxNode) if is_log else SoftmaxNode.__new__(SoftmaxNode)
        node.n_inputs = 1
        set_input(node, 0, x)
        node.outer = outer
        node.n = x.dims[k]
        node.inner = inner
        save(node, SAVED_Y, read_data(out))
        link(out, node)
    return out


@public(method=True)
def softmax(x, axis=-1):
    """Exponentials along an axis, divided by their sum: positive numbers that add up to 1.

    ``y[i] = exp(x[i]) / sum_j exp(x[j])``, with the largest element subtracted first, so that nothing overflows.

    {one axis}

    Notes
    -----
    The gradient is ``y * (dy - sum(dy * y))``. A row that is all -inf, or holds NaN or inf, is NaN. For a loss use
    :func:`cross_entropy`, which takes x itself.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 0.0, 1000.0], requires_grad=True)
    >>> ng.softmax(x)
    tensor([0., 0., 1.], dtype=float32, grad_fn=<softmax>)
    >>> x = ng.tensor([[0.0, 0.0], [1.0, 1.0]], requires_grad=True)
    >>> ng.softmax(x, axis=1).backward([[1.0, 0.0], [0.0, 0.0]])
    >>> x.grad
    tensor([[ 0.25, -0.25],
            [ 0.  ,  0.  ]], dtype=float32)
    """
    return softmax_along("softmax", x, axis, False)


@public(method=True)
def log_softmax(x, axis=-1):
    """Logarithm of :func:`softmax` along an axis, accurate also where that is close to 0 or 1.

    ``y[i] = x[i] - log(sum_j exp(x[j]))``.

    {one axis}

    Notes
    -----
    The gradient is ``dy - exp(y) * sum(dy)``.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, -1000.0], requires_grad=True)
    >>> y = ng.log_softmax(x)
    >>> y
    tensor([    0., -1000.], dtype=float32, grad_fn=<log_softmax>)
    >>> y.backward([1.0, 0.0])
    >>> x.grad
    tensor([0., 0.], dtype=float32)
    """
    return softmax_along("log_softmax", x, axis, True)
