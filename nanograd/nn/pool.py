# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pooling layers, in PyTorch's form, and the padding that goes with them."""
from __future__ import annotations

from typing import TYPE_CHECKING

from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import pool as _pool
from nanograd._core.ops import shape as _shape
from nanograd.errors import ShapeError, shown
from nanograd.nn import _check
from nanograd.nn.module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from nanograd._typing import Ints, Size, TensorLike

__all__ = ["AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "GlobalAvgPool2d", "MaxPool1d", "MaxPool2d", "ZeroPad2d"]


def _as_written(layer: str, name: str, value: Any, axes: int, least: int) -> Any:
    """value as it was given, in a tuple if it was a list, after a check."""
    _check.sizes(layer, name, value, axes, least)
    return tuple(value) if isinstance(value, list) else value


class _Pool(Module):
    """What the layers with windows share; `_axes` of the image."""

    _axes = 0

    def _windows(self, kernel_size: Ints, stride: Ints | None, padding: Ints, ceil_mode: bool) -> None:
        kind, axes = type(self).__name__, self._axes
        self.kernel_size = _as_written(kind, "kernel_size", kernel_size, axes, 1)
        self.stride = self.kernel_size if stride is None else _as_written(kind, "stride", stride, axes, 1)
        self.padding = _as_written(kind, "padding", padding, axes, 0)
        kernel, padding = (_check.sizes(kind, name, getattr(self, name), axes) for name in ("kernel_size", "padding"))
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            raise ShapeError(f"{kind}: padding must be at most half the kernel, got padding {self.padding} for kernel {self.kernel_size}")
        self.ceil_mode = _check.flag(kind, "ceil_mode", ceil_mode)


class _MaxPool(_Pool):
    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1, *,
                 ceil_mode: bool = False) -> None:
        self._windows(kernel_size, stride, padding, ceil_mode)
        self.dilation = _as_written(type(self).__name__, "dilation", dilation, self._axes, 1)

    def forward(self, input: TensorLike) -> Tensor:
        pool = _pool.max_pool2d if self._axes == 2 else _pool.max_pool1d
        return pool(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
                f"ceil_mode={self.ceil_mode}")


class MaxPool2d(_MaxPool):
    """The largest element of each window: :func:`nanograd.max_pool2d`.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        None: the kernel's size.
    padding : int or pair of int, default 0
        At most half the kernel.
    dilation : int or pair of int, default 1
    ceil_mode : bool, default False
        By keyword only: in PyTorch another argument stands before it, which is not here.

    Raises
    ------
    ShapeError
        For a padding of more than half the kernel; when called, for images smaller than the kernel even with their padding.
    TypeError, ValueError
        For sizes that are not ints or too small.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.MaxPool2d(2)
    >>> layer
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> layer(ng.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    _axes = 2


class MaxPool1d(_MaxPool):
    """The largest element of each window of a sequence: :func:`nanograd.max_pool1d`.

    Parameters
    ----------
    kernel_size : int
    stride, padding, dilation, ceil_mode
        As for :class:`MaxPool2d`, one number each.

    Raises
    ------
    ShapeError, TypeError, ValueError
        As :class:`MaxPool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> nn.MaxPool1d(2)(ng.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]], dtype=float32)
    """

    _axes = 1


class _AvgPool(_Pool):
    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        self._windows(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = _check.flag(type(self).__name__, "count_include_pad", count_include_pad)

    def forward(self, input: TensorLike) -> Tensor:
        pool = _pool.avg_pool2d if self._axes == 2 else _pool.avg_pool1d
        return pool(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window: :func:`nanograd.avg_pool2d`.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        None: the kernel's size.
    padding : int or pair of int, default 0
        At most half the kernel.
    ceil_mode : bool, default False
    count_include_pad : bool, default True
        Whether padding counts, as zeros.

    Raises
    ------
    ShapeError
        For a padding of more than half the kernel; when called, for images smaller than the kernel even with their padding.
    TypeError, ValueError
        For sizes that are not ints or too small.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.AvgPool2d(3, stride=1, padding=1)
    >>> layer
    AvgPool2d(kernel_size=3, stride=1, padding=1)
    >>> layer(ng.ones((5, 3, 8, 8))).shape
    (5, 3, 8, 8)
    """

    _axes = 2


class AvgPool1d(_AvgPool):
    """The mean of each window of a sequence: :func:`nanograd.avg_pool1d`.

    Parameters
    ----------
    kernel_size : int
    stride, padding, ceil_mode, count_include_pad
        As for :class:`AvgPool2d`, one number each.

    Raises
    ------
    ShapeError, TypeError, ValueError
        As :class:`AvgPool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> nn.AvgPool1d(2)(ng.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]], dtype=float32)
    """

    _axes = 1

    def _windows(self, kernel_size: Ints, stride: Ints | None, padding: Ints, ceil_mode: bool) -> None:
        super()._windows(kernel_size, stride, padding, ceil_mode)
        for name in ("kernel_size", "stride", "padding"):          # tuples, as in PyTorch's layer (but not in its MaxPool1d)
            setattr(self, name, _check.sizes("AvgPool1d", name, getattr(self, name), 1))


class AdaptiveAvgPool2d(Module):
    """Means of as many windows as are wanted, for images of any size: :func:`nanograd.adaptive_avg_pool2d`.

    Parameters
    ----------
    output_size : int, or pair of int or None
        Height and width of the result; None: that of the input.

    Raises
    ------
    TypeError, ValueError
        For sizes of the wrong type, or negative.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> nn.AdaptiveAvgPool2d((2, None))(ng.ones((5, 3, 8, 9))).shape
    (5, 3, 2, 9)
    """

    def __init__(self, output_size: Size) -> None:
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,)
        if len(sizes) not in (1, 2):
            raise TypeError(f"AdaptiveAvgPool2d: output_size must be an int, or two ints or None, got {shown(output_size)}")
        for size in sizes:
            if size is not None:
                _check.size("AdaptiveAvgPool2d", "output_size", size)
        self.output_size = tuple(output_size) if isinstance(output_size, list) else output_size

    def forward(self, input: TensorLike) -> Tensor:
        return _pool.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class GlobalAvgPool2d(Module):
    """The mean of each channel, (N, C, H, W) -> (N, C): :func:`nanograd.global_avg_pool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> nn.GlobalAvgPool2d()(ng.ones((5, 3, 8, 9))).shape
    (5, 3)
    """

    def forward(self, input: TensorLike) -> Tensor:
        return _pool.global_avg_pool2d(input)


class ZeroPad2d(Module):
    """Zeros around each image.

    Parameters
    ----------
    padding : int or 4 ints
        How many: left, right, above, below; a negative number removes that many.

    Raises
    ------
    TypeError
        For anything else.
    ShapeError
        When called: for images without two last axes, or where more is removed than there is.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> nn.ZeroPad2d((1, 0, 0, 1))(ng.ones((1, 1, 2)))
    tensor([[[0., 1., 1.],
             [0., 0., 0.]]], dtype=float32)
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        self.padding = _check.sizes("ZeroPad2d", "padding", padding, 4, -(1 << 31))

    def forward(self, input: TensorLike) -> Tensor:
        x = input if isinstance(input, Tensor) else _creation.asarray(input)
        if x.ndim not in (3, 4):
            raise ShapeError(f"ZeroPad2d: input must be (N, C, H, W) or (C, H, W), got shape {x.shape}")
        left, right, above, below = self.padding
        height, width = x.shape[-2:]
        if height + above + below < 0 or width + left + right < 0:
            raise ShapeError(f"ZeroPad2d: padding {self.padding} takes more away than there is (input {x.shape})")
        if min(self.padding) < 0:
            x = x[..., max(-above, 0):height - max(-below, 0), max(-left, 0):width - max(-right, 0)]
        return _shape.pad(x, {-2: (max(above, 0), max(below, 0)), -1: (max(left, 0), max(right, 0))})

    def extra_repr(self) -> str:
        return repr(self.padding)
