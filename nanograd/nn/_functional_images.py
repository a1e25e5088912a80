# SPDX-License-Identifier: LGPL-3.0-or-later
"""The part of nn.functional that is about images: convolutions, pooling, padding, and what normalises channels."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import conv as _conv
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import normalization as _normalization
from nanograd._core.ops import pool as _pool
from nanograd._core.ops import shape as _shape
from nanograd.errors import ShapeError, shown
from nanograd.nn import _check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from nanograd._typing import Ints, Padding, Size, TensorLike

__all__ = ["adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "batch_norm", "conv1d", "conv2d", "group_norm", "max_pool1d", "max_pool2d",
           "pad"]


def conv1d(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: Ints = 1, padding: Padding = 0,
           dilation: Ints = 1, groups: int = 1) -> Tensor:
    """:func:`nanograd.conv1d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.conv1d(ng.tensor([[1.0, 3.0, 6.0]]), ng.tensor([[[-1.0, 1.0]]]))
    tensor([[2., 3.]], dtype=float32)
    """
    return _conv.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: Ints = 1, padding: Padding = 0,
           dilation: Ints = 1, groups: int = 1) -> Tensor:
    """:func:`nanograd.conv2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.conv2d(ng.ones((1, 3, 3)), ng.ones((1, 1, 2, 2)), stride=2, padding=1)
    tensor([[[1., 2.],
             [2., 4.]]], dtype=float32)
    """
    return _conv.conv2d(input, weight, bias, stride, padding, dilation, groups)


def batch_norm(input: TensorLike, running_mean: TensorLike | None, running_var: TensorLike | None, weight: TensorLike | None = None,
               bias: TensorLike | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """:func:`nanograd.batch_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.batch_norm(ng.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]], dtype=float32)
    """
    return _normalization.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def group_norm(input: TensorLike, num_groups: int, weight: TensorLike | None = None, bias: TensorLike | None = None,
               eps: float = 1e-5) -> Tensor:
    """:func:`nanograd.group_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.group_norm(ng.tensor([[1.0, 3.0, 5.0, 5.0]]), 2, eps=1e-12)
    tensor([[-1.,  1.,  0.,  0.]], dtype=float32)
    """
    return _normalization.group_norm(input, num_groups, weight, bias, eps)


def _without_indices(op, return_indices):
    if _check.flag(op, "return_indices", return_indices):
        raise TypeError(f"{op}: return_indices is not supported: the gradient does not need them")


def max_pool1d(input: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Tensor:
    """:func:`nanograd.max_pool1d`. Without ``return_indices``, which raises a `TypeError`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.max_pool1d(ng.tensor([[1.0, 3.0, 2.0]]), 2, stride=1)
    tensor([[3., 3.]], dtype=float32)
    """
    _without_indices("max_pool1d", return_indices)
    return _pool.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(input: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Tensor:
    """:func:`nanograd.max_pool2d`. Without ``return_indices``, which raises a `TypeError`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.max_pool2d(ng.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    tensor([[[3.]]], dtype=float32)
    """
    _without_indices("max_pool2d", return_indices)
    return _pool.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(input: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """:func:`nanograd.avg_pool1d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.avg_pool1d(ng.tensor([[1.0, 3.0, 2.0]]), 2, stride=1)
    tensor([[2. , 2.5]], dtype=float32)
    """
    return _pool.avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(input: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: None = None) -> Tensor:
    """:func:`nanograd.avg_pool2d`. Without ``divisor_override``, which raises a `TypeError`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.avg_pool2d(ng.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    tensor([[[1.5]]], dtype=float32)
    """
    if divisor_override is not None:
        raise TypeError(f"avg_pool2d: divisor_override is not supported, got {shown(divisor_override)}: scale the result")
    return _pool.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def adaptive_avg_pool2d(input: TensorLike, output_size: Size) -> Tensor:
    """:func:`nanograd.adaptive_avg_pool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.adaptive_avg_pool2d(ng.tensor([[[1.0, 3.0], [2.0, 0.0]]]), (2, 1))
    tensor([[[2.],
             [1.]]], dtype=float32)
    """
    return _pool.adaptive_avg_pool2d(input, output_size)


def pad(input: TensorLike, pad: Sequence[int], mode: Literal["constant", "reflect", "replicate"] = "constant",
        value: float | None = None) -> Tensor:
    """:func:`nanograd.pad` with PyTorch's widths: before and after for the last axis, then for the one before it, and so on.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        An even number of widths, two per axis from the last one on. A negative one cuts off as many elements.
    mode : {'constant', 'reflect', 'replicate'}
    value : float, optional
        What 'constant' fills with; None: 0.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.pad(ng.ones((1, 1)), (1, 2))
    tensor([[0., 1., 0., 0.]], dtype=float32)
    >>> F.pad(ng.tensor([1.0, 2.0, 3.0]), (-1, 1))
    tensor([2., 3., 0.], dtype=float32)
    """
    x = input if isinstance(input, Tensor) else _creation.asarray(input)
    widths = list(pad)
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ShapeError(f"pad: expected two widths for each of up to {x.ndim} axes, got {shown(tuple(widths))} (x {x.shape})")
    modes: dict[str, Any] = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
    if mode not in modes:
        raise ValueError(f"pad: mode must be 'constant', 'reflect' or 'replicate', got {shown(mode)}")
    if value is not None and mode != "constant":
        raise ValueError(f"pad: value is for mode 'constant' only, got value={shown(value)} with mode={shown(mode)}")
    widths = [int(width) if isinstance(width, np.integer) else width for width in widths]      # -int64 may overflow
    pairs = [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    cuts = [(max(-before, 0), max(-after, 0)) for before, after in pairs]
    if any(sum(cut) > size for cut, size in zip(cuts, x.shape, strict=True)):
        raise ShapeError(f"pad: widths {tuple(widths)} cut off more than there is (x {x.shape})")
    y = _shape.pad(x, [(max(before, 0), max(after, 0)) for before, after in pairs], mode=modes[mode], value=0 if value is None else value)
    if not any(map(any, cuts)):
        return y
    # (Cut after padding: the margins are taken from all of x, as PyTorch takes them.)
    return y[tuple(slice(before, size - after) for (before, after), size in zip(cuts, y.shape, strict=True))]
