# SPDX-License-Identifier: LGPL-3.0-or-later
"""Products, variances, norms and logsumexp: kernels and gradients in csrc/kernels/reduce.inc."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport *

import numpy as np

from nanograd._core.base.tensor import public
from nanograd.errors import shown

from kernels.reduce cimport (ng_logsumexp, ng_logsumexp_backward, ng_prod, ng_prod_backward, ng_var, ng_var_backward,
                             ng_vector_norm, ng_vector_norm_backward)

include "axes.pxi"


cdef int warn_of_few(str op, Tensor x, object axis, object ddof, int64_t n) except -1:
    return warn_user(f"{op}: ddof={ddof} needs more than {ddof} elements for each result, got {n}: the result is NaN or inf "
                     f"(x {shape_tuple(x.rank, x.dims)}, axis {axis})")


@cython.no_gc
cdef class ReductionNode(Node):
    cdef unsigned int mask


cdef int join(Tensor out, ReductionNode node, Tensor x, Buffer xb, unsigned int mask) except -1:
    node.n_inputs = 1
    set_input(node, 0, x)
    node.mask = mask
    save(node, SAVED_X, xb)
    return link(out, node)


# ---- prod ---------------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class ProdNode(ReductionNode):

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer dx = buffer_like(x)
        cdef Buffer zeros = buffer_like(self)
        cdef Buffer rest = doubles(self.count)
        check("prod", ng_prod_backward(self.kind, dx.data, zeros.data, <double *>rest.data, dy.data, saved(self, SAVED_X), x.rank, x.dims,
                                       self.mask))
        return give(run, self, 0, dx)


@public(method=True)
def prod(x, axis=None, keepdims=False):
    """Product of the elements over axes.

    ``y[k] = product over r of x[k, r]``, where r runs over the reduced axes and k over the others.

    {reduction}

    Notes
    -----
    The gradient of an element is dy times the product of the others, computed in O(n). So if one element is 0 it alone has a
    gradient; if two are, all gradients are 0. The product of no elements is 1. float32 accumulates in float64.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([2.0, -3.0, 0.0], requires_grad=True)
    >>> y = ng.prod(x)
    >>> y
    tensor(-0., dtype=float32, grad_fn=<prod>)
    >>> y.backward()
    >>> x.grad
    tensor([ 0.,  0., -6.], dtype=float32)
    """
    cdef Tensor t = as_tensor("prod", x, -1, False)
    cdef Buffer xb = read_data(t)
    cdef Reduction r
    parse_axes("prod", t, axis, keepdims, &r)
    cdef Tensor out = new_tensor(t.kind, r.rank, r.dims)
    check("prod", ng_prod(t.kind, new_data(out), xb.data, t.rank, t.dims, r.mask))
    if needs_grad(t):
        join(out, ProdNode.__new__(ProdNode), t, xb, r.mask)
    return out


# ---- logsumexp ----------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class LogsumexpNode(ReductionNode):
    """y: the largest elements. The result itself is rounded too much to take the gradient from."""

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer dx = buffer_like(x)
        check("logsumexp", ng_logsumexp_backward(self.kind, dx.data, dy.data, saved(self, SAVED_X), saved(self, SAVED_Y),
                                                 <double *>saved(self, SAVED_SUMS), x.rank, x.dims, self.mask))
        return give(run, self, 0, dx)


@public(method=True)
def logsumexp(x, axis=None, keepdims=False):
    """Logarithm of the sum of the exponentials over axes.

    ``y[k] = log(sum over r of exp(x[k, r]))``, where r runs over the reduced axes and k over the others. The largest element is
    subtracted first, so that nothing overflows.

    {reduction}

    Notes
    -----
    The gradient is ``dy * softmax(x)``. If all elements are -inf, or there are none, the result is -inf and the gradient 0.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1000.0, 1000.0], [0.0, -1000.0]], requires_grad=True)
    >>> ng.logsumexp(x, axis=1)
    tensor([1000.6932,    0.    ], dtype=float32, grad_fn=<logsumexp>)
    >>> x.logsumexp(axis=1).backward()
    >>> x.grad
    tensor([[0.5, 0.5],
            [1. , 0. ]], dtype=float32)
    """
    cdef Tensor t = as_tensor("logsumexp", x, -1, False)
    cdef Buffer xb = read_data(t), largest, sums
    cdef Reduction r
    cdef LogsumexpNode node
    parse_axes("logsumexp", t, axis, keepdims, &r)
    cdef Tensor out = new_tensor(t.kind, r.rank, r.dims)
    largest = new_buffer(<size_t>out.count * ng_itemsize(t.kind))
    sums = doubles(out.count)
    check("logsumexp", ng_logsumexp(t.kind, new_data(out), largest.data, <double *>sums.data, xb.data, t.rank, t.dims, r.mask,
                                    out.count))
    if needs_grad(t):
        node = LogsumexpNode.__new__(LogsumexpNode)
        save(node, SAVED_Y, largest)
        save(node, SAVED_SUMS, sums)
        join(out, node, t, xb, r.mask)
    return out


# ---- var, std -----------------------------------------------------------------------------------

@cython.no_gc
cdef class VarNode(ReductionNode):
    cdef double divisor

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer dx = buffer_like(x)
        check("var", ng_var_backward(self.kind, dx.data, dy.data, saved(self, SAVED_X), saved(self, SAVED_Y),
                                     <double *>saved(self, SAVED_SUMS), x.rank, x.dims, self.mask, self.divisor, type(self) is StdNode))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class StdNode(VarNode):
    pass


cdef Tensor var_or_std(str op, object operand, object axis, object keepdims, object ddof, bint root):
    cdef Tensor x = as_tensor(op, operand, -1, False)
    cdef Buffer xb = read_data(x), mean
    cdef VarNode node
    cdef Reduction r
    parse_axes(op, x, axis, keepdims, &r)
    cdef double divisor = <double>r.reduced - as_real(op, "ddof", ddof)
    if divisor < 0:
        divisor = 0
    cdef Tensor out = new_tensor(x.kind, r.rank, r.dims)
    if divisor == 0 and out.count != 0:
        warn_of_few(op, x, axis, ddof, r.reduced)
    mean = doubles(out.count)
    check(op, ng_var(x.kind, new_data(out), <double *>mean.data, xb.data, x.rank, x.dims, r.mask, <double>r.reduced, divisor,
                     root))
    if needs_grad(x):
        node = StdNode.__new__(StdNode) if root else VarNode.__new__(VarNode)
        save(node, SAVED_SUMS, mean)
        node.divisor = divisor
        if root:
            save(node, SAVED_Y, read_data(out))
        join(out, node, x, xb, r.mask)
    return out


@public(method=True)
def var(x, axis=None, keepdims=False, *, ddof=0):
    """Variance of the elements over axes.

    ``y[k] = sum over r of (x[k, r] - mean[k])**2 / (n - ddof)``, where r runs over the n elements of the reduced axes and k over
    the other axes.

    Parameters
    ----------
    {axes}
    ddof : int or float, default 0
        0: the variance of the elements themselves; 1: the unbiased estimate from a sample (PyTorch's default).

    {reduced}

    Notes
    -----
    float32 accumulates in float64, in two passes. If n - ddof is not positive, the result is NaN or inf, with a RuntimeWarning.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0, 6.0], requires_grad=True)
    >>> ng.var(x, ddof=1)
    tensor(7., dtype=float32, grad_fn=<var>)
    >>> x.var(ddof=1).backward()
    >>> x.grad
    tensor([-2., -1.,  3.], dtype=float32)
    """
    return var_or_std("var", x, axis, keepdims, ddof, False)


@public(method=True)
def std(x, axis=None, keepdims=False, *, ddof=0):
    """Standard deviation of the elements over axes: the square root of :func:`var`.

    ``y[k] = sqrt(sum over r of (x[k, r] - mean[k])**2 / (n - ddof))``, where r runs over the n elements of the reduced axes and k
    over the other axes.

    Parameters
    ----------
    {axes}
    ddof : int or float, default 0
        0: of the elements themselves; 1: estimated from a sample (PyTorch's default).

    {reduced}

    Notes
    -----
    If all elements are equal, the result and the gradient are 0. If n - ddof is not positive, the result is NaN or inf, with a
    RuntimeWarning. Elements whose squares leave the range of float64 are scaled first.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 5.0], requires_grad=True)
    >>> ng.std(x)
    tensor(2., dtype=float32, grad_fn=<std>)
    >>> x.std().backward()
    >>> x.grad
    tensor([-0.5,  0.5], dtype=float32)
    """
    return var_or_std("std", x, axis, keepdims, ddof, True)


# ---- norm ---------------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class NormNode(ReductionNode):
    cdef int order             # 1, 2, or 0 for infinity

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer dx = buffer_like(x)
        cdef Buffer ties = doubles(self.count if self.order == 0 else 0)
        check("norm", ng_vector_norm_backward(self.kind, dx.data, <double *>ties.data, dy.data, saved(self, SAVED_X), saved(self, SAVED_Y), x.rank,
                                       x.dims, self.mask, self.order))
        return give(run, self, 0, dx)


@public(method=True)
def norm(x, axis=None, keepdims=False, *, ord=2):
    """Norm of the vectors that the elements over axes form.

    ``sqrt(sum(x**2))`` for ord 2, ``sum(abs(x))`` for ord 1, ``max(abs(x))`` for infinity.

    Parameters
    ----------
    {axes}
    ord : {1, 2, inf}, default 2

    {reduced}
        Also for any other ord, or for infinity if there are no elements.

    Notes
    -----
    The gradient is 0 where the norm is 0, and for ord 1 where the element is 0. For infinity, elements of the largest absolute value
    share it evenly. float32 accumulates in float64; elements whose squares leave the range of float64 are scaled first.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([3.0, -4.0], requires_grad=True)
    >>> ng.norm(x)
    tensor(5., dtype=float32, grad_fn=<norm>)
    >>> x.norm().backward()
    >>> x.grad
    tensor([ 0.6, -0.8], dtype=float32)
    >>> float(ng.norm(x, ord=1)), float(ng.norm(x, ord=float("inf")))
    (7.0, 4.0)
    """
    cdef Tensor t = as_tensor("norm", x, -1, False)
    cdef Buffer xb = read_data(t)
    cdef NormNode node
    cdef Reduction r
    cdef int order
    cdef double p = as_real("norm", "ord", ord)
    if p not in (1, 2, float("inf")):
        raise ValueError(f"norm: ord must be 1, 2 or inf, got {shown(ord)}")
    order = 0 if p == float("inf") else <int>p
    parse_axes("norm", t, axis, keepdims, &r)
    if order == 0 and r.reduced == 0:
        raise ValueError(f"norm: x {shape_tuple(t.rank, t.dims)} has no elements to choose from"
                         + ("" if axis is None else f" along axis {axis}"))
    cdef Tensor out = new_tensor(t.kind, r.rank, r.dims)
    check("norm", ng_vector_norm(t.kind, new_data(out), xb.data, t.rank, t.dims, r.mask, order))
    if needs_grad(t):
        node = NormNode.__new__(NormNode)
        node.order = order
        save(node, SAVED_Y, read_data(out))
        join(out, node, t, xb, r.mask)
    return out
