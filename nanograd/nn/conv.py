# SPDX-License-Identifier: LGPL-3.0-or-later
"""Convolutional layers, in PyTorch's form, with the activation in the same node."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nanograd._core.ops import creation as _creation
from nanograd._core.ops import random as _random
from nanograd._core.ops.conv import _convolution, _ConvSettings
from nanograd.nn import _check
from nanograd.nn import activation as _activation
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from nanograd._core.base.tensor import Tensor
    from nanograd._core.ops.random import Generator
    from nanograd._typing import Activation, Ints, Padding, TensorLike

__all__ = ["Conv1d", "Conv2d"]


def _shown(sizes: tuple[int, ...] | str) -> object:
    """One number where all axes have the same, as one writes it."""
    return sizes[0] if isinstance(sizes, tuple) and len(set(sizes)) == 1 else sizes


_SETTINGS = ("stride", "padding", "dilation", "groups")


class _Conv(Module):
    """What the convolutions share; `_axes` of the image."""

    _any_callable = ("activation",)
    weight: Parameter
    bias: Parameter        # or None, as bias= says
    _axes = 0

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Ints, stride: Ints = 1, padding: Padding = 0,
                 dilation: Ints = 1, groups: int = 1, bias: bool = True, *, activation: Activation = None,
                 dtype: DTypeLike | None = None, name: str | None = None) -> None:
        kind, axes = type(self).__name__, self._axes
        self.in_channels = _check.size(kind, "in_channels", in_channels)
        self.out_channels = _check.size(kind, "out_channels", out_channels)
        self.kernel_size = _check.sizes(kind, "kernel_size", kernel_size, axes, 1)
        _check.no_activation(kind, "stride", "an int", stride)
        settings = _ConvSettings(kind, axes, stride, padding, dilation, groups)
        self.stride, self.padding, self.dilation, self.groups = settings.stride, settings.padding, settings.dilation, settings.groups
        self._settings = settings
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(f"{kind}: groups must divide {self.in_channels} input and {self.out_channels} output channels, got "
                             f"{self.groups}")
        _check.no_activation(kind, "bias", "a bool", bias)
        bias = _check.flag(kind, "bias", bias)
        self.activation = _activation.resolve(kind, activation)
        self.name = _check.label(kind, name)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(_creation.empty(shape, dtype=dtype))
        self.bias = Parameter(_creation.empty(self.out_channels, dtype=dtype)) if bias else None  # type: ignore[assignment]
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw new initial values for weight and bias."""
        fan_in = math.prod(self.weight.shape[1:])
        bound = 1.0 / math.sqrt(fan_in) if fan_in else 0.0
        for p in (self.weight, self.bias):
            if p is not None:
                p.assign(_random.uniform(-bound, bound, p.shape, dtype=p.dtype, generator=generator))

    def forward(self, input: TensorLike) -> Tensor:
        activation = self.activation
        if activation is None or type(activation) is str:
            return _convolution(self._settings, input, self.weight, self.bias, activation)
        return activation(_convolution(self._settings, input, self.weight, self.bias, None))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SETTINGS and "_settings" in vars(self):         # another one, of a layer that is made: checked with the others
            now = {key: vars(self)[key] for key in _SETTINGS}
            self._settings = _ConvSettings(type(self).__name__, self._axes, **{**now, name: value})
            value = {"stride": self._settings.stride, "padding": self._settings.padding, "dilation": self._settings.dilation,
                     "groups": self._settings.groups}[name]
        super().__setattr__(name, value)

    def extra_repr(self) -> str:
        return _check.arguments(
            self.in_channels, self.out_channels, _shown(self.kernel_size), stride=(_shown(self.stride), 1),
            padding=(_shown(self.padding), 0), dilation=(_shown(self.dilation), 1), groups=(self.groups, 1),
            bias=(self.bias is not None, True), activation=(_activation.shown(self.activation), None),
            dtype=_activation.shown_dtype(self.weight), name=(self.name, None))


class Conv2d(_Conv):
    r"""Two-dimensional convolution with learnt weights: ``y = activation(conv2d(x, weight, bias, ...))``.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or pair of int
    stride, dilation : int or pair of int, default 1
    padding : int, pair of int, 'same' or 'valid', default 0
        Zeros on each side. 'same' keeps the size (with stride 1), 'valid' is 0.
    groups : int, default 1
        Input and output channels are divided into this many groups, which are convolved separately; ``in_channels`` of them: depthwise.
    bias : bool, default True
    activation : str, Module or callable, optional
        Applied to the result: an activation module, its lower-case name, or any function of a tensor. 'relu', 'tanh',
        'sigmoid', 'silu', 'gelu' and 'leaky_relu' are computed together with the convolution.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, KH, KW)
    bias : Parameter, shape (out_channels,), or None
        Both start uniform in ``[-1/sqrt(n), 1/sqrt(n)]``, n the number of inputs that an output sums over, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not ints or too small, groups that do not divide the channels, an activation that is unknown.
    ShapeError
        When called: for images with other channels, or smaller than the kernel even with their padding.

    Notes
    -----
    Images are (N, in_channels, H, W), or one image (in_channels, H, W); the result is likewise.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.Conv2d(3, 16, 3, padding=1, activation="relu")
    >>> layer
    Conv2d(3, 16, 3, padding=1, activation='relu')
    >>> y = layer(ng.ones((5, 3, 8, 8)))
    >>> y.shape
    (5, 16, 8, 8)
    >>> y.sum().backward()
    >>> layer.weight.grad.shape
    (16, 3, 3, 3)
    """

    _axes = 2


class Conv1d(_Conv):
    r"""One-dimensional convolution with learnt weights; arguments and errors as for :class:`Conv2d`, one number each.

    Sequences are (N, in_channels, L), or one sequence (in_channels, L).

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, K)
    bias : Parameter, shape (out_channels,), or None

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int
        padding also 'same' or 'valid'.
    groups, bias, activation, dtype, name
        As for :class:`Conv2d`.

    Raises
    ------
    TypeError, ValueError, ShapeError
        As :class:`Conv2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.Conv1d(2, 4, 5, stride=2, padding=2)
    >>> layer
    Conv1d(2, 4, 5, stride=2, padding=2)
    >>> layer(ng.ones((3, 2, 10))).shape
    (3, 4, 5)
    """

    _axes = 1
