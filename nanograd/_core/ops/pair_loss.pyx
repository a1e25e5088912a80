# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses of pairs of numbers: one node each, whose forward writes the gradient too (csrc/kernels/loss.h)."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport *
from nanograd._core.ops.shape import broadcast_to
from nanograd._core.base.tensor import public
from nanograd.errors import ShapeError, shown

from kernels.loss cimport (NG_LOSS_BCE, NG_LOSS_BCE_LOGITS, NG_LOSS_BCE_LOGITS_WEIGHTED, NG_LOSS_FROM_PROBS, NG_LOSS_HUBER, NG_LOSS_KL,
                           NG_LOSS_L1, NG_LOSS_MSE, NG_LOSS_SMOOTH_L1, ng_pair_loss)

include "loss_node.pxi"


@cython.final
@cython.no_gc
cdef class MseLossNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class L1LossNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class SmoothL1LossNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class HuberLossNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class BinaryCrossEntropyNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class BinaryCrossEntropyWithLogitsNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class KlDivNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class CrossEntropyFromProbsNode(LossNode):
    pass


cdef Tensor pairs(str op, LossNode node, int which, object input, object target, double parameter, object reduction,
                  object weight=None, object pos_weight=None):
    """A loss of input and target of one shape. `node`: an empty one of the right class. Weights: of the loss that has them."""
    cdef int mode = parse_reduction(op, reduction)
    cdef int kind = common_kind(op, input, target)
    cdef Tensor x = as_tensor(op, input, kind, False)
    cdef Tensor t = as_tensor(op, target, kind, False)
    cdef Buffer xb = read_data(x), tb = read_data(t), wb = None, pb = None
    cdef Tensor out
    cdef int status
    if not same_shape(x, t):
        raise ShapeError(f"{op}: input and target must have the same shape, got {shape_tuple(x.rank, x.dims)} and {shape_tuple(t.rank, t.dims)}")
    if which == NG_LOSS_BCE_LOGITS_WEIGHTED:
        wb = spelt_out(op, weight, x)
        pb = spelt_out(op, pos_weight, x)
    out = new_tensor(kind, x.rank if mode == NG_LOSS_NONE else 0, x.dims)
    warn_if(mode == NG_LOSS_MEAN and x.count == 0, op, x)
    if needs_grad(x):
        save(node, SAVED_DX, new_buffer(<size_t>x.count * ng_itemsize(kind)))
    if needs_grad(t):
        save(node, SAVED_DT, new_buffer(<size_t>x.count * ng_itemsize(kind)))
    status = ng_pair_loss(kind, which, new_data(out), saved(node, SAVED_DX), saved(node, SAVED_DT), xb.data, tb.data,
                          NULL if wb is None else wb.data, NULL if pb is None else pb.data, parameter, <double>x.count if mode == NG_LOSS_MEAN else 1.0, mode != NG_LOSS_NONE, x.count)
    if status == NG_INDEX_RANGE:
        raise ValueError(f"{op}: p must be probabilities in [0, 1], got {x.numpy()[(x < 0) | (x > 1)].flat[0]}; for "
                         f"logits write binary_cross_entropy_with_logits")
    check(op, status)
    if node.kept[SAVED_DX] != NULL or node.kept[SAVED_DT] != NULL:
        node.outer = x.count if mode == NG_LOSS_NONE else 1
        node.n = 1 if mode == NG_LOSS_NONE else x.count
        node.inner = 1
        link_loss(out, node, x, t)
    return out


@public
def mse_loss(input, target, *, reduction="mean"):
    """Mean of the squared differences between input and target.

    ``mean((input - target)**2)``; the sum, or the squares themselves, by reduction.

    Parameters
    ----------
    input, target : Tensor or array_like, of the same shape
    {loss}

    Notes
    -----
    Both operands have gradients: ``2 * (input - target) / n`` and its negative, for the mean of n elements. There is no factor 1/2.
    float32 accumulates in float64.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = ng.mse_loss(x, [0.0, 4.0])
    >>> loss
    tensor(2.5, dtype=float32, grad_fn=<mse_loss>)
    >>> loss.backward()
    >>> x.grad
    tensor([ 1., -2.], dtype=float32)
    """
    return pairs("mse_loss", MseLossNode.__new__(MseLossNode), NG_LOSS_MSE, input, target, 0, reduction)


@public
def l1_loss(input, target, *, reduction="mean"):
    """Mean of the absolute differences between input and target.

    ``mean(abs(input - target))``; the sum, or the differences themselves, by reduction.

    Parameters
    ----------
    input, target : Tensor or array_like, of the same shape
    {loss}

    Notes
    -----
    Both operands have gradients, which are 0 where the difference is 0.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.5, -3.0], requires_grad=True)
    >>> loss = ng.l1_loss(x, [0.0, 0.0])
    >>> loss
    tensor(1.75, dtype=float32, grad_fn=<l1_loss>)
    >>> loss.backward()
    >>> x.grad
    tensor([ 0.5, -0.5], dtype=float32)
    """
    return pairs("l1_loss", L1LossNode.__new__(L1LossNode), NG_LOSS_L1, input, target, 0, reduction)


@public
def smooth_l1_loss(input, target, *, beta=1.0, reduction="mean"):
    """Mean of the absolute differences between input and target, with a parabola in place of the kink at 0.

    ``d**2 / (2 * beta)`` where ``abs(d) < beta``, else ``abs(d) - beta / 2``, with d = input - target.

    Parameters
    ----------
    input, target : Tensor or array_like, of the same shape
    beta : float, default 1.0
        Not negative; 0 gives :func:`l1_loss`.
    {loss}
        Also for a negative beta.

    Notes
    -----
    This is :func:`huber_loss` with delta = beta, divided by beta. Both operands have gradients.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.5, -3.0], requires_grad=True)
    >>> loss = ng.smooth_l1_loss(x, [0.0, 0.0])
    >>> loss
    tensor(1.3125, dtype=float32, grad_fn=<smooth_l1_loss>)
    >>> loss.backward()
    >>> x.grad
    tensor([ 0.25, -0.5 ], dtype=float32)
    """
    cdef double width = as_real("smooth_l1_loss", "beta", beta)
    if not width >= 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {shown(beta)}")
    return pairs("smooth_l1_loss", SmoothL1LossNode.__new__(SmoothL1LossNode), NG_LOSS_SMOOTH_L1, input, target, width, reduction)


@public
def huber_loss(input, target, *, delta=1.0, reduction="mean"):
    """Mean of the squared differences up to delta, and of absolute ones beyond (Huber 1964).

    ``d**2 / 2`` where ``abs(d) <= delta``, else ``delta * (abs(d) - delta / 2)``, with d = input - target.

    Parameters
    ----------
    input, target : Tensor or array_like, of the same shape
    delta : float, default 1.0
        Positive.
    {loss}
        Also for a delta that is not positive.

    Notes
    -----
    Both operands have gradients, before the mean none larger than delta.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.5, -3.0], requires_grad=True)
    >>> loss = ng.huber_loss(x, [0.0, 0.0])
    >>> loss
    tensor(1.3125, dtype=float32, grad_fn=<huber_loss>)
    >>> loss.backward()
    >>> x.grad
    tensor([ 0.25, -0.5 ], dtype=float32)
    """
    cdef double width = as_real("huber_loss", "delta", delta)
    if not width > 0:
        raise ValueError(f"huber_loss: delta must be positive, got {shown(delta)}")
    return pairs("huber_loss", HuberLossNode.__new__(HuberLossNode), NG_LOSS_HUBER, input, target, width, reduction)


include "pair_loss_weights.pxi"


@public
def binary_cross_entropy(p, target, *, weight=None, reduction="mean"):
    """Binary cross entropy of probabilities and targets in [0, 1].

    ``-(target * log(p) + (1 - target) * log(1 - p))``, where logarithms below -100 count as -100.

    Parameters
    ----------
    p, target : Tensor or array_like, of the same shape
        p in [0, 1]. For logits use :func:`binary_cross_entropy_with_logits`, which is more accurate.
    weight : Tensor or array_like, optional
        Multiplies the losses; broadcasts to p's shape; gets no gradient.
    {loss}
        Also for a p outside of [0, 1].

    Notes
    -----
    Both operands have gradients. As in PyTorch, p must be in [0, 1], and a target outside of it is not refused.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.5, 0.25], requires_grad=True)
    >>> loss = ng.binary_cross_entropy(x, [1.0, 0.0])
    >>> loss
    tensor(0.49041462, dtype=float32, grad_fn=<binary_cross_entropy>)
    >>> loss.backward()
    >>> x.grad
    tensor([-1.       ,  0.6666667], dtype=float32)
    """
    if weight is not None:
        return weighted("binary_cross_entropy", binary_cross_entropy(p, target, reduction="none"), weight, reduction)
    return pairs("binary_cross_entropy", BinaryCrossEntropyNode.__new__(BinaryCrossEntropyNode), NG_LOSS_BCE, p, target, 0,
                 reduction)


@public
def binary_cross_entropy_with_logits(x, target, *, weight=None, pos_weight=None, reduction="mean"):
    """Binary cross entropy of logits and targets in [0, 1]: sigmoid and :func:`binary_cross_entropy` in one, without overflow.

    ``(1 - target) * softplus(x) + pos_weight * target * softplus(-x)``.

    Parameters
    ----------
    x, target : Tensor or array_like, of the same shape
    weight : Tensor or array_like, optional
        Multiplies the losses; broadcasts to x's shape; gets no gradient.
    pos_weight : Tensor or array_like, optional
        Multiplies the part of the positive targets: above 1 it favours recall. It broadcasts, and gets no gradient.
    {loss}

    Notes
    -----
    Without pos_weight the gradient of x is ``sigmoid(x) - target``, that of the target ``-x``. With a target of 0 or 1 loss and
    gradient keep all their digits, however small they are. A term whose factor is 0 is 0, even where x is infinite: the loss of an
    infinite x is 0 for target 1 and ``inf`` for others.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 100.0], requires_grad=True)
    >>> loss = ng.binary_cross_entropy_with_logits(x, [1.0, 0.0])
    >>> loss
    tensor(50.346573, dtype=float32, grad_fn=<binary_cross_entropy_with_logits>)
    >>> loss.backward()
    >>> x.grad
    tensor([-0.25,  0.5 ], dtype=float32)
    """
    cdef str op = "binary_cross_entropy_with_logits"
    cdef int which = NG_LOSS_BCE_LOGITS if weight is None and pos_weight is None else NG_LOSS_BCE_LOGITS_WEIGHTED
    return pairs(op, BinaryCrossEntropyWithLogitsNode.__new__(BinaryCrossEntropyWithLogitsNode), which, x, target, 0, reduction,
                 weight, pos_weight)


@public
def kl_div(log_p, target, *, reduction="mean"):
    """Kullback-Leibler divergence of the probabilities `target` from those whose logarithms are `log_p`.

    ``target * (log(target) - log_p)``, 0 where target is 0.

    Parameters
    ----------
    log_p, target : Tensor or array_like, of the same shape
        log_p as :func:`log_softmax` returns it, target as :func:`softmax` does.
    {loss}

    Notes
    -----
    reduction may also be ``'batchmean'``: the sum divided by the first size, which is the divergence per sample; ``'mean'``
    divides by the number of elements, as in PyTorch. Both operands have gradients; that of a target of 0 is 0.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, -1.0], requires_grad=True)
    >>> loss = ng.kl_div(x, [0.5, 0.5])
    >>> loss
    tensor(0.15342641, dtype=float32, grad_fn=<kl_div>)
    >>> loss.backward()
    >>> x.grad
    tensor([-0.25, -0.25], dtype=float32)
    """
    cdef Tensor x
    if reduction == "batchmean":
        x = as_tensor("kl_div", log_p, common_kind("kl_div", log_p, target), False)
        warn_if(x.rank != 0 and x.dims[0] == 0, "kl_div", x)
        return kl_div(x, target, reduction="sum") / (x.dims[0] if x.rank else 1)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"kl_div: reduction must be 'mean', 'sum', 'none' or 'batchmean', got {shown(reduction)}")
    return pairs("kl_div", KlDivNode.__new__(KlDivNode), NG_LOSS_KL, log_p, target, 0, reduction)


@public
def cross_entropy_from_probs(p, target, *, eps=1e-10, reduction="sum"):
    """Cross entropy between probabilities and target probabilities, as in the Scheme original.

    ``-target * log(max(p, eps))``, summed by default.

    Parameters
    ----------
    p, target : Tensor or array_like, of the same shape
    eps : float, default 1e-10
        Positive. A smaller p counts as eps, and its gradient is 0.
    {loss}
        Also for an eps that is not positive.

    Notes
    -----
    :func:`cross_entropy` takes logits, and is more accurate. Both operands have gradients.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.5, 0.5], requires_grad=True)
    >>> loss = ng.cross_entropy_from_probs(x, [1.0, 0.0])
    >>> loss
    tensor(0.6931472, dtype=float32, grad_fn=<cross_entropy_from_probs>)
    >>> loss.backward()
    >>> x.grad
    tensor([-2., -0.], dtype=float32)
    """
    cdef double epsilon = as_real("cross_entropy_from_probs", "eps", eps)
    if not epsilon > 0:
        raise ValueError(f"cross_entropy_from_probs: eps must be positive, got {shown(eps)}")
    node = CrossEntropyFromProbsNode.__new__(CrossEntropyFromProbsNode)
    return pairs("cross_entropy_from_probs", node, NG_LOSS_FROM_PROBS, p, target, epsilon, reduction)
