# SPDX-License-Identifier: LGPL-3.0-or-later
"""Gradient clipping, and all parameters as one vector."""
from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from nanograd import _calls
from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import shape as _shape
from nanograd._core.train.update import clamp_gradients, gradient_norm, scale_gradients
from nanograd.errors import ShapeError, shown
from nanograd.nn import _check
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nanograd._typing import TensorLike

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "parameters_to_vector", "vector_to_parameters"]


def _leaves(op, parameters):
    if isinstance(parameters, Module):
        raise TypeError(f"{op}: expected parameters, got a module; write model.parameters()")
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    leaves = {}
    for p in _items(op, parameters):        # in one loop: this runs in every step
        if not isinstance(p, Tensor):
            raise _no_tensor(op, p)
        if not p.is_leaf:
            raise ValueError(f"{op}: a tensor of shape {p.shape} is not a leaf, so it keeps no gradient")
        leaves[id(p)] = p                                       # a shared parameter counts once
    if not leaves:
        _warn_of_spent(op, parameters)
    return list(leaves.values())


def _warn_of_spent(op, items):
    """Of an iterator that gave nothing: `params = model.parameters()` serves once, and the second use would do nothing."""
    if hasattr(items, "__next__"):
        warnings.warn(f"{op}: the iterator gave no tensors, so nothing was done; one that was walked before gives none: write "
                      "model.parameters() again, or params = list(model.parameters()) once", RuntimeWarning, stacklevel=4)


def _items(op, items):
    try:
        return iter(items)
    except TypeError:
        if callable(items):
            raise TypeError(f"{op}: expected an iterable of tensors, got a function that may return one; write "
                            f"{_calls.written(items)}") from None
        raise TypeError(f"{op}: expected an iterable of tensors, got {type(items).__name__} {shown(items)}") from None


def _tensors(op, items):
    """The items of an iterable, each of which has to be a tensor: checked as they come, since nobody knows how many there are."""
    for item in _items(op, items):
        if not isinstance(item, Tensor):
            raise _no_tensor(op, item)
        yield item


def _no_tensor(op, item):
    return TypeError(f"{op}: expected tensors, got {type(item).__name__} {shown(item)}")


def _order(op, norm_type):
    order = _check.real(op, "norm_type", math.inf if norm_type == "inf" else norm_type)
    if not order > 0:
        raise ValueError(f"{op}: norm_type must be above 0, got {order}")
    return order


def get_total_norm(tensors: Iterable[TensorLike] | Tensor, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> float:
    """The norm of all elements of several tensors taken together.

    Parameters
    ----------
    tensors : iterable of Tensor or array
        For instance ``[p.grad for p in model.parameters()]``.
    norm_type : float, default 2.0
        The order, above 0; ``math.inf`` or 'inf' for the largest magnitude.
    error_if_nonfinite : bool, default False
        Raise RuntimeError if the norm is inf or NaN.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        If norm_type is not a number above 0.
    RuntimeError
        As error_if_nonfinite says.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.utils.get_total_norm([ng.tensor([3.0]), ng.tensor([4.0])])
    5.0
    """
    order = _order("get_total_norm", norm_type)
    if isinstance(tensors, (Tensor, np.ndarray)):
        tensors = [tensors]
    holders = []
    for t in _items("get_total_norm", tensors):
        if not isinstance(t, (Tensor, np.ndarray)):
            raise TypeError(f"get_total_norm: expected tensors or arrays, got {type(t).__name__} {shown(t)}")
        t = _creation.asarray(t)
        holder = _creation.zeros(t.shape, dtype=t.dtype, requires_grad=True)
        holder.grad = t.detach()
        holders.append(holder)
    return _finite("get_total_norm", gradient_norm(holders, order), error_if_nonfinite)


def _finite(op, norm, error_if_nonfinite):
    if _check.flag(op, "error_if_nonfinite", error_if_nonfinite) and not math.isfinite(norm):
        raise RuntimeError(f"{op}: the norm of the gradients is {norm}")
    return norm


def clip_grad_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> float:
    """Scale all gradients by one factor so that their total norm is at most max_norm.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Leaves; those without gradient do not count.
    max_norm : float
    norm_type : float, default 2.0
        As for :func:`get_total_norm`.
    error_if_nonfinite : bool, default False
        Raise RuntimeError if the norm is inf or NaN. Otherwise the gradients are then left as they are, with a warning: no
        factor could mend them.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    ValueError, TypeError
        For a negative max_norm, a norm_type not above 0, a module, or a tensor that is not a leaf.
    RuntimeError
        As error_if_nonfinite says.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([0.0, 0.0])
    >>> (w * ng.tensor([3.0, 4.0])).sum().backward()
    >>> ng.nn.utils.clip_grad_norm_([w], max_norm=1.0)
    5.0
    >>> [round(g, 4) for g in w.grad.tolist()]
    [0.6, 0.8]
    """
    leaves = _leaves("clip_grad_norm_", parameters)
    limit = _check.real("clip_grad_norm_", "max_norm", max_norm)
    if not limit >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be at least 0, got {limit}")
    norm = _finite("clip_grad_norm_", gradient_norm(leaves, _order("clip_grad_norm_", norm_type)), error_if_nonfinite)
    if not math.isfinite(norm):
        warnings.warn(f"clip_grad_norm_: the norm of the gradients is {norm}; they are left unchanged", RuntimeWarning,
                      stacklevel=2)
        return norm
    factor = limit / (norm + 1e-6)         # PyTorch's formula
    if factor < 1.0:
        scale_gradients(leaves, factor)
    return norm


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit every element of every gradient to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : iterable of Parameter, or one
    clip_value : float
        At least 0.

    Raises
    ------
    ValueError, TypeError
        For a negative clip_value, a module, or a tensor that is not a leaf.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([0.0, 0.0])
    >>> (w * ng.tensor([3.0, -0.5])).sum().backward()
    >>> ng.nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad.tolist()
    [1.0, -0.5]
    """
    limit = _check.real("clip_grad_value_", "clip_value", clip_value)
    if not limit >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must be at least 0, got {limit}")
    clamp_gradients(_leaves("clip_grad_value_", parameters), -limit, limit)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one 1-D tensor, with gradient to each.

    Parameters
    ----------
    parameters : iterable of Parameter
        Of one dtype.

    Returns
    -------
    Tensor, shape (number of elements,)

    Raises
    ------
    ValueError
        For no parameters.
    DTypeError
        If their dtypes differ.

    Examples
    --------
    >>> from nanograd import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    parameters = list(_tensors("parameters_to_vector", parameters))
    if not parameters:
        raise ValueError("parameters_to_vector: no parameters; an iterator that was walked before gives none")
    return _shape.concatenate([_shape.reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: TensorLike, parameters: Iterable[Parameter]) -> None:
    """Assign the elements of a vector to parameters, one after the other.

    Parameters
    ----------
    vec : Tensor or array_like, shape (number of elements,)
    parameters : iterable of Parameter

    Raises
    ------
    ShapeError
        If vec is not 1-D or has another number of elements than the parameters; nothing is assigned then.

    Examples
    --------
    >>> from nanograd import nn
    >>> layer = nn.Linear(1, 1)
    >>> nn.utils.vector_to_parameters([2.0, 3.0], layer.parameters())
    >>> layer.weight.item(), layer.bias.item()
    (2.0, 3.0)
    """
    parameters = list(_tensors("vector_to_parameters", parameters))
    for p in parameters:
        if not isinstance(p, Parameter):
            raise TypeError(f"vector_to_parameters: expected nn.Parameters, got {type(p).__name__}")
    array = _creation.asarray(vec).numpy()
    total = sum(p.size for p in parameters)
    if array.shape != (total,):
        raise ShapeError(f"vector_to_parameters: the parameters have {total} elements, the vector has shape {array.shape}")
    start, values = 0, []
    for p in parameters:
        values.append(array[start:start + p.size].reshape(p.shape).astype(p.dtype))
        start += p.size
    for p, value in zip(parameters, values, strict=True):
        p.assign(value)
