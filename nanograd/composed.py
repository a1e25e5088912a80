# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations that are made of other operations; no gradient is defined here."""
from __future__ import annotations

import functools
import math
import string
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from nanograd._core.base.tensor import better_message, real_number, register_numpy
from nanograd._core.ops.elementwise import div, maximum, mul
from nanograd._core.ops.matmul import _operands, matmul
from nanograd._core.ops.reduce import sum as sum_axes
from nanograd._core.ops.shape import broadcast_to, permute, reshape
from nanograd._core.ops.statistics import norm
from nanograd.errors import ShapeError, shown

if TYPE_CHECKING:
    from nanograd._core.base.tensor import Tensor
    from nanograd._typing import TensorLike

__all__ = ["cosine_similarity", "einsum", "normalize"]


def normalize(x: TensorLike, ord: float = 2, axis: int | tuple[int, ...] | None = -1, eps: float = 1e-12) -> Tensor:
    """Vectors along an axis, divided by their norm: ``x / max(norm(x), eps)``.

    Parameters
    ----------
    x : Tensor or array_like
    ord : {1, 2, inf}, default 2
        Which norm, as in :func:`norm`.
    axis : int or tuple of int, default -1
        The axis, or axes, that the elements of a vector lie along.
    eps : float, default 1e-12
        A vector with a smaller norm is divided by eps.

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    numpy.exceptions.AxisError
        If x does not have such an axis (an IndexError and a ValueError).
    ValueError
        For any other ord.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    >>> y = ng.normalize(x)
    >>> y
    tensor([[0.6, 0.8],
            [0. , 0. ]], dtype=float32, grad_fn=<div>)
    >>> y[0, 0].backward()
    >>> [round(g, 4) for g in x.grad.tolist()[0]]
    [0.128, -0.096]
    """
    return div(x, maximum(norm(x, axis, True, ord=ord), real_number("normalize", "eps", eps)))


def cosine_similarity(a: TensorLike, b: TensorLike, axis: int = -1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between vectors along an axis: ``sum(a * b) / (max(norm(a), eps) * max(norm(b), eps))``.

    Parameters
    ----------
    a, b : Tensor or array_like
        Of shapes that broadcast.
    axis : int, default -1
        The axis of the broadcast shape that the elements of a vector lie along.
    eps : float, default 1e-8
        A vector with a smaller norm counts as one of norm eps.

    Returns
    -------
    Tensor, of the broadcast shape without the axis

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    DTypeError
        If float32 and float64 mix.
    numpy.exceptions.AxisError
        If the broadcast shape does not have such an axis (an IndexError and a ValueError).

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 0.0], requires_grad=True)
    >>> c = ng.cosine_similarity(a, [3.0, 4.0])
    >>> round(c.item(), 4)
    0.6
    >>> c.backward()
    >>> [round(g, 4) for g in a.grad.tolist()]
    [0.0, 0.8]
    """
    a, b = _operands("cosine_similarity", (a, b))
    if a.shape != b.shape:
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            raise ShapeError(f"cosine_similarity: shapes {a.shape} and {b.shape} do not broadcast") from None
        axis = normalize_axis_index(axis, len(shape), "cosine_similarity") - len(shape)
        # A vector that is one number, repeated, has its norm from all of them.
        a, b = (x if x.ndim >= -axis and x.shape[axis] == shape[axis] else broadcast_to(x, shape) for x in (a, b))
    eps = real_number("cosine_similarity", "eps", eps)
    return sum_axes(mul(normalize(a, 2, axis, eps), normalize(b, 2, axis, eps)), axis)


def einsum(subscripts: str, *operands: TensorLike) -> Tensor:
    """Sums of products, in Einstein's notation, as :func:`numpy.einsum`.

    Each operand's axes are named by letters; an axis that the output does not name is summed over. Two operands that share
    summed axes are multiplied by :func:`matmul`; more than two go in the order of :func:`numpy.einsum_path`.

    Parameters
    ----------
    subscripts : str
        ``'ij,jk->ik'``. A letter twice in one operand takes the diagonal; ``...`` stands for axes that broadcast. Without ``->``
        the output has the letters that occur once, in alphabetical order.
    *operands : Tensor or array_like

    Returns
    -------
    Tensor, with the axes after ``->``

    Raises
    ------
    ValueError
        If the subscripts cannot be read, or do not fit the operands.
    ShapeError
        If a letter stands for axes of different sizes.
    DTypeError
        If float32 and float64 mix.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> ng.einsum('ij,j->i', a, [10.0, 1.0]).numpy()
    array([12., 34.], dtype=float32)
    >>> ng.einsum('ii', a).backward()
    >>> a.grad.numpy()
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: subscripts must be a string such as 'ij,jk->ik', got {type(subscripts).__name__}")
    if not operands:
        raise ValueError("einsum: at least one operand is needed")
    tensors = _operands("einsum", operands)
    inputs, output = _parse(subscripts, tensors)
    sizes = _sizes(subscripts, inputs, tensors)
    terms = [_single(tensor, labels, sizes) for tensor, labels in zip(tensors, inputs, strict=True)]
    for places in _order(terms, output, sizes):
        group = [terms.pop(i) for i in sorted(places, reverse=True)][::-1]
        while len(group) > 1:
            (x, x_labels), (y, y_labels) = group.pop(0), group.pop(0)
            kept = set(output).union(*(labels for _, labels in (*terms, *group)))
            group.insert(0, _product(x, x_labels, y, y_labels, kept, sizes))
        terms += group
    (result, labels), = terms
    result, labels = _summed(result, labels, set(output))
    return _arranged(result, labels, output)


def _parse(subscripts, tensors):
    """Lists of labels of each operand and of the output; the axes under '...' are labelled by numbers, the last is 0."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if set(text.replace("->", "").replace("...", "").replace(",", "")) - set(string.ascii_letters) or "," in right or "->" in right \
            or any(part.count("...") > 1 for part in (*parts, right)):
        raise ValueError(f"einsum: subscripts must be letters, '...', ',' and one '->', got {shown(subscripts)}")
    if len(parts) != len(tensors):
        raise ValueError(f"einsum: {shown(subscripts)} names {len(parts)} operands, got {len(tensors)}")
    inputs, widest = [], 0
    for part, tensor in zip(parts, tensors, strict=True):
        before, dots, after = part.partition("...")
        spread = tensor.ndim - len(before) - len(after)
        if spread < 0 or (spread > 0 and not dots):
            raise ValueError(f"einsum: {shown(part)} in {shown(subscripts)} does not fit an operand of shape {tensor.shape}")
        widest = max(widest, spread)
        inputs.append([*before, *range(spread - 1, -1, -1), *after])
    ellipsis = list(range(widest - 1, -1, -1))
    named = [label for labels in inputs for label in labels if isinstance(label, str)]
    if not arrow:
        return inputs, ellipsis + sorted(label for label in set(named) if named.count(label) == 1)
    before, dots, after = right.partition("...")
    output = [*before, *(ellipsis if dots else []), *after]
    if len(set(output)) < len(output) or not set(before + after) <= set(named):
        raise ValueError(f"einsum: each letter after '->' must occur there once, and in an operand, got {shown(subscripts)}")
    return inputs, output


def _sizes(subscripts, inputs, tensors):
    sizes = {}
    for labels, tensor in zip(inputs, tensors, strict=True):
        if len(set(zip(labels, tensor.shape, strict=True))) > len(set(labels)):
            raise ShapeError("einsum: a letter that an operand has twice needs axes of the same size, "
                                 f"{shown(subscripts)} got shape {tensor.shape}")
        for label, size in zip(labels, tensor.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                name = label if isinstance(label, str) else "..."
                raise ShapeError(f"einsum: {shown(name)} in {shown(subscripts)} is {known} in one operand and {size} in another "
                                 f"({', '.join(str(t.shape) for t in tensors)})")
    return sizes


def _single(x, labels, sizes):
    """One operand with each label once: diagonals taken, axes of size 1 dropped that are longer elsewhere."""
    keep = [i for i, label in enumerate(labels) if x.shape[i] == sizes[label]]
    if len(keep) < len(labels):
        x, labels = reshape(x, [x.shape[i] for i in keep]), [labels[i] for i in keep]
    for label in [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
        places = [i for i, other in enumerate(labels) if other == label]
        others = [i for i in range(len(labels)) if i not in places]
        n = sizes[label]
        x = reshape(permute(x, [*others, *places]), [*(x.shape[i] for i in others), n ** len(places)])
        x = x[..., :: sum(n**i for i in range(len(places)))] if n else x
        labels = [*(labels[i] for i in others), label]
    return x, labels


def _summed(x, labels, kept):
    axes = tuple(i for i, label in enumerate(labels) if label not in kept)
    return (sum_axes(x, axes), [label for label in labels if label in kept]) if axes else (x, labels)


def _product(a, a_labels, b, b_labels, kept, sizes):
    """Two operands into one: what only one of them has and nobody needs is summed first, the rest is a batch of matrices."""
    a, a_labels = _summed(a, a_labels, kept.union(b_labels))
    b, b_labels = _summed(b, b_labels, kept.union(a_labels))
    batch = [label for label in a_labels if label in b_labels and label in kept]
    inner = [label for label in a_labels if label in b_labels and label not in kept]
    a_only = [label for label in a_labels if label not in b_labels]
    b_only = [label for label in b_labels if label not in a_labels]
    a = _arranged(a, a_labels, [*batch, *a_only, *inner])
    b = _arranged(b, b_labels, [*batch, *inner, *b_only])
    lead, rows, middle, columns = ([sizes[label] for label in group] for group in (batch, a_only, inner, b_only))
    shape = [*lead, *rows, *columns]
    if inner:
        y = matmul(reshape(a, [math.prod(lead), math.prod(rows), math.prod(middle)]),
                   reshape(b, [math.prod(lead), math.prod(middle), math.prod(columns)]))
    else:
        y = reshape(a, [math.prod(lead), math.prod(rows), 1]) * reshape(b, [math.prod(lead), 1, math.prod(columns)])
    return reshape(y, shape), [*batch, *a_only, *b_only]


def _arranged(x, labels, wanted):
    return x if labels == wanted else permute(x, [labels.index(label) for label in wanted])


def _order(terms, output, sizes):
    """The operands to multiply, step by step, as places in the list of terms: a step takes them out and puts the product last."""
    if len(terms) < 3:
        return [range(len(terms))]
    letters = dict(zip(sizes, string.ascii_letters, strict=False))
    inputs = ("".join(letters[label] for label in labels) for _, labels in terms)
    shapes = [np.broadcast_to(np.float32(0), x.shape) for x, _ in terms]
    return np.einsum_path(f"{','.join(inputs)}->{''.join(letters[label] for label in output)}", *shapes, optimize="greedy")[0][1:]


register_numpy("einsum", einsum)


def _worded(function):
    """As explain_words, for functions in Python."""
    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            text = better_message(function, str(error), args, kwargs)
            if text is None:
                raise
        raise TypeError(text)
    return call


# Not as a decorator: the source of each should begin with its def, and keep the type written there.
globals().update(normalize=_worded(normalize), cosine_similarity=_worded(cosine_similarity))
