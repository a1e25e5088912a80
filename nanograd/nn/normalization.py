# SPDX-License-Identifier: LGPL-3.0-or-later
"""Normalisation within each sample: over the last axes, or over groups of channels."""
from __future__ import annotations

from typing import TYPE_CHECKING

from nanograd._core.ops import creation as _creation
from nanograd._core.ops import normalization as _normalization
from nanograd.errors import ShapeError
from nanograd.nn import _check
from nanograd.nn import activation as _activation
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from nanograd._core.base.tensor import Tensor
    from nanograd._typing import TensorLike

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm"]


class _LastAxes(Module):
    """What the normalisations over the last axes share."""

    _eps: float | None = 1e-5        # if left out
    weight: Parameter                # or None, as elementwise_affine= says

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None, elementwise_affine: bool, dtype: DTypeLike | None,
                 name: str | None) -> None:
        kind = type(self).__name__
        shape = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        self.normalized_shape = tuple(_check.size(kind, "normalized_shape", n, 1) for n in shape)
        if not self.normalized_shape:
            raise ValueError(f"{kind}: normalized_shape must name at least one axis")
        self.eps: Any = None if eps is None and self._eps is None else _check.real(kind, "eps", eps)
        self.elementwise_affine = _check.flag(kind, "elementwise_affine", elementwise_affine)
        self.name = _check.label(kind, name)
        _check.dtype(dtype)
        self.weight = Parameter(_creation.ones(self.normalized_shape, dtype=dtype)) if self.elementwise_affine else None  # type: ignore[assignment]

    def extra_repr(self) -> str:
        shape = self.normalized_shape[0] if len(self.normalized_shape) == 1 else self.normalized_shape
        return _check.arguments(shape, eps=(self.eps, self._eps), elementwise_affine=(self.elementwise_affine, True),
                                bias=(getattr(self, "bias", self.weight) is not None, self.elementwise_affine),
                                dtype=_activation.shown_dtype(self.weight), name=(self.name, None))


class LayerNorm(_LastAxes):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over the last axes of each sample.

    Ba, Kiros and Hinton, "Layer normalization", 2016.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The sizes of the last axes.
    eps : float, default 1e-5
    elementwise_affine : bool, default True
        Whether there are weight and bias.
    bias : bool, default True
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight, bias : Parameter, shape normalized_shape, or None
        Start as ones and zeros.

    Raises
    ------
    TypeError, ValueError
        For a shape that is not an int or tuple of ints.
    ShapeError
        When called: if the last axes of x are not normalized_shape.

    Examples
    --------
    >>> import nanograd as ng
    >>> layer = ng.nn.LayerNorm(2)
    >>> layer
    LayerNorm(2)
    >>> y = layer(ng.tensor([[1.0, 3.0]]))
    >>> [round(v, 4) for v in y.tolist()[0]]
    [-1.0, 1.0]
    >>> y.sum().backward()
    >>> layer.bias.grad.tolist()
    [1.0, 1.0]
    """

    bias: Parameter                  # or None

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True, *,
                 dtype: DTypeLike | None = None, name: str | None = None) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, dtype, name)
        bias = _check.flag("LayerNorm", "bias", bias)
        self.bias = Parameter(_creation.zeros(self.normalized_shape, dtype=dtype)) if self.elementwise_affine and bias else None  # type: ignore[assignment]

    def forward(self, input: TensorLike) -> Tensor:
        return _normalization.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_LastAxes):
    """``x / sqrt(mean(x^2) + eps) * weight``, the mean over the last axes of each sample.

    Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The sizes of the last axes.
    eps : float, optional
        None, as in PyTorch: the machine epsilon of x's dtype (1.2e-07 or 2.2e-16).
    elementwise_affine : bool, default True
        Whether there is a weight.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight : Parameter, shape normalized_shape, or None
        Starts as ones.

    Raises
    ------
    TypeError, ValueError
        For a shape that is not an int or tuple of ints.
    ShapeError
        When called: if the last axes of x are not normalized_shape.

    Examples
    --------
    >>> import nanograd as ng
    >>> layer = ng.nn.RMSNorm(2, eps=0.0)
    >>> layer(ng.tensor([[3.0, 3.0]])).tolist()
    [[1.0, 1.0]]
    """

    _eps = None

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True, *,
                 dtype: DTypeLike | None = None, name: str | None = None) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, dtype, name)

    def forward(self, input: TensorLike) -> Tensor:
        return _normalization.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Module):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over each sample's groups of channels.

    Wu and He, "Group normalization", 2018.

    Parameters
    ----------
    num_groups, num_channels : int
    eps : float, default 1e-5
    affine : bool, default True
        Whether there are weight and bias.
    bias : bool, default True
        Whether there is a bias beside the weight.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_channels,), or None
        Start as ones and zeros.

    Raises
    ------
    ValueError
        If the groups do not divide the channels.
    ShapeError
        When called: for anything but (N, num_channels, ...).

    Examples
    --------
    >>> import nanograd as ng
    >>> layer = ng.nn.GroupNorm(2, 6)
    >>> layer
    GroupNorm(2, 6)
    >>> y = layer(ng.randn(5, 6, 4, 4))
    >>> y.shape
    (5, 6, 4, 4)
    >>> y.sum().backward()
    >>> layer.bias.grad.tolist()
    [80.0, 80.0, 80.0, 80.0, 80.0, 80.0]
    """

    weight: Parameter                # or None, as affine= and bias= say
    bias: Parameter

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, bias: bool = True,
                 dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self.num_groups = _check.size("GroupNorm", "num_groups", num_groups, 1)
        self.num_channels = _check.size("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise ValueError(f"GroupNorm: num_groups must divide {self.num_channels} channels, got {self.num_groups}")
        self.eps = _check.real("GroupNorm", "eps", eps)
        self.affine = _check.flag("GroupNorm", "affine", affine)
        self.name = _check.label("GroupNorm", name)
        _check.dtype(dtype)
        self.weight = Parameter(_creation.ones(self.num_channels, dtype=dtype)) if self.affine else None  # type: ignore[assignment]
        bias = _check.flag("GroupNorm", "bias", bias)
        self.bias = Parameter(_creation.zeros(self.num_channels, dtype=dtype)) if self.affine and bias else None  # type: ignore[assignment]

    def forward(self, input: TensorLike) -> Tensor:
        if not hasattr(input, "shape"):
            input = _creation.asarray(input, dtype=None if self.weight is None else self.weight.dtype)
        shape = input.shape
        if len(shape) < 2 or shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: x must be (N, {self.num_channels}, ...), got shape {shape}")
        return _normalization.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return _check.arguments(self.num_groups, self.num_channels, eps=(self.eps, 1e-5), affine=(self.affine, True),
                                bias=(self.bias is not None, self.affine), dtype=_activation.shown_dtype(self.weight),
                                name=(self.name, None))
