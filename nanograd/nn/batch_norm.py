# SPDX-License-Identifier: LGPL-3.0-or-later
"""Batch normalisation with its running statistics, which are kept as PyTorch keeps them."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.ops import creation as _creation
from nanograd._core.ops.normalization import batch_norm
from nanograd.errors import ShapeError
from nanograd.nn import _check
from nanograd.nn import activation as _activation
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from typing import NoReturn

    from numpy.typing import DTypeLike, NDArray

    from nanograd._core.base.tensor import Tensor
    from nanograd._typing import Activation, TensorLike

__all__ = ["BatchNorm1d", "BatchNorm2d"]


class _BatchNorm(Module):
    """What the batch normalisations share: the numbers of axes that a batch may have and a single sample, and how they are written."""

    _any_callable = ("activation",)
    weight: Parameter                                # or None, as affine= and bias= say
    bias: Parameter
    running_mean: Tensor                             # or None, as track_running_stats= says
    running_var: Tensor
    num_batches_tracked: NDArray[np.int64]
    _ranks: tuple[int, ...] = ()
    _single_rank = 0                 # 0: single samples are refused
    _written = ""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True,
                 track_running_stats: bool = True, *, bias: bool = True, activation: Activation = None, dtype: DTypeLike | None = None,
                 name: str | None = None) -> None:
        kind = type(self).__name__
        _check.no_activation(kind, "eps", "a number", eps)
        _check.no_activation(kind, "affine", "a bool", affine)
        self.num_features = _check.size(kind, "num_features", num_features)
        self.eps = _check.real(kind, "eps", eps)
        self.momentum = None if momentum is None else _check.real(kind, "momentum", momentum)
        self.affine = _check.flag(kind, "affine", affine)
        self.track_running_stats = _check.flag(kind, "track_running_stats", track_running_stats)
        self.activation = _activation.resolve(kind, activation)
        self.name = _check.label(kind, name)
        _check.dtype(dtype)
        n, tracks = self.num_features, self.track_running_stats
        self.weight = Parameter(_creation.ones(n, dtype=dtype)) if self.affine else None  # type: ignore[assignment]
        self.bias = Parameter(_creation.zeros(n, dtype=dtype)) if _check.flag(kind, "bias", bias) and self.affine else None  # type: ignore[assignment]
        self.register_buffer("running_mean", _creation.zeros(n, dtype=dtype) if tracks else None)
        self.register_buffer("running_var", _creation.ones(n, dtype=dtype) if tracks else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracks else None)

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batch seen."""
        if self.running_mean is not None:
            self.running_mean = _creation.zeros_like(self.running_mean)
            self.running_var = _creation.ones_like(self.running_var)
            self.num_batches_tracked = np.array(0)

    def reset_parameters(self) -> None:
        """Forget the running statistics, and set weight to ones and bias to zeros."""
        self.reset_running_stats()
        for p, start in ((self.weight, 1.0), (self.bias, 0.0)):
            if p is not None:
                p.assign(start)

    def forward(self, input: TensorLike) -> Tensor:
        if not hasattr(input, "shape"):
            held = self.weight if self.weight is not None else self.running_mean
            input = _creation.asarray(input, dtype=None if held is None else held.dtype)
        shape: tuple[int, ...] = input.shape
        if len(shape) not in self._ranks or shape[1] != self.num_features:
            if len(shape) == self._single_rank and shape[0] == self.num_features:
                return self.forward(input.reshape((1, *shape))).reshape(shape)  # type: ignore[union-attr]
            self._refuse(shape)
        activation, mean, var = self.activation, self.running_mean, self.running_var
        fused = activation if type(activation) is str else None
        if mean is not None and self.training and self.track_running_stats:
            count = self.num_batches_tracked + 1
            momentum = 1.0 / count if self.momentum is None else self.momentum
            y = batch_norm(input, mean, var, self.weight, self.bias, True, momentum, self.eps, fused)
            self.num_batches_tracked = np.array(count)      # a new array, and only now: an error before has counted nothing
        elif mean is None or self.training:
            y = batch_norm(input, None, None, self.weight, self.bias, True, 0.0, self.eps, fused)
        else:
            y = batch_norm(input, mean, var, self.weight, self.bias, False, 0.0, self.eps, fused)
        return y if activation is None or fused is not None else activation(y)

    def _refuse(self, shape: tuple[int, ...]) -> NoReturn:
        kind, n = type(self).__name__, self.num_features
        if len(shape) in (*self._ranks, self._single_rank):
            raise ShapeError(f"{kind}: expects {n} channels, got {shape[0 if len(shape) == self._single_rank else 1]} (x {shape})")
        hint = "; write x.unsqueeze(0) for a single sample" if not self._single_rank and shape == (n,) else ""
        raise ShapeError(f"{kind}: x must be {self._written.format(n=n)}, got shape {shape}{hint}")

    def extra_repr(self) -> str:
        held = self.weight if self.weight is not None else self.running_mean
        return _check.arguments(
            self.num_features, eps=(self.eps, 1e-5), momentum=(self.momentum, 0.1), affine=(self.affine, True),
            track_running_stats=(self.track_running_stats, True), bias=(self.bias is not None, self.affine),
            activation=(_activation.shown(self.activation), None), dtype=_activation.shown_dtype(held), name=(self.name, None))


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W), or of a single one (C, H, W): each channel over the batch and all positions.

    ``y = activation((x - mean) / sqrt(var + eps) * weight + bias)``. In training mode mean and (biased) variance are those of the
    batch, gradients go through them, and the running statistics are given new values,
    ``(1 - momentum) * running + momentum * batch``, the variance without bias. In evaluation mode the running statistics are used,
    as constants.

    Ioffe and Szegedy, "Batch normalization", 2015.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, default 1e-5
    momentum : float or None, default 0.1
        None: the running statistics are the plain average over all batches.
    affine : bool, default True
        Whether there are weight and bias.
    track_running_stats : bool, default True
        False: no running statistics; those of the batch are used in evaluation mode too.
    bias : bool, default True
        Whether there is a bias beside the weight.
    activation : str, Module or callable, optional
        Applied to the result: an activation module, its lower-case name, or any function of a tensor. 'relu', 'tanh',
        'sigmoid', 'silu', 'gelu' and 'leaky_relu' are computed together with the normalisation.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,), or None
        Start as ones and zeros.
    running_mean, running_var : Tensor, shape (num_features,), or None
        Buffers: part of ``state_dict()``. Start as zeros and ones.
    num_batches_tracked : numpy.ndarray, an int64 without axes, or None

    Raises
    ------
    ShapeError
        When called: for anything but (N, num_features, H, W) and (num_features, H, W), and in training mode for a single value per
        channel.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.BatchNorm2d(2, activation="relu")
    >>> layer
    BatchNorm2d(2, activation='relu')
    >>> y = layer(ng.randn(8, 2, 4, 4))
    >>> y.shape, int(layer.num_batches_tracked)
    ((8, 2, 4, 4), 1)
    >>> layer.eval()(ng.ones((2, 4, 4))).shape
    (2, 4, 4)
    >>> y.sum().backward()
    >>> layer.weight.grad.shape
    (2,)
    >>> sorted(layer.state_dict())
    ['bias', 'num_batches_tracked', 'running_mean', 'running_var', 'weight']
    """

    _ranks, _single_rank, _written = (4,), 3, "(N, {n}, H, W) or ({n}, H, W)"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of features (N, num_features), or of sequences (N, num_features, L); see :class:`BatchNorm2d`.

    Parameters
    ----------
    num_features : int
        Features or channels: the second axis.
    eps, momentum, affine, track_running_stats, bias, activation, dtype, name
        As for :class:`BatchNorm2d`.

    Raises
    ------
    ShapeError
        When called: for another shape, and in training mode for a single value per feature.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.BatchNorm1d(1, eps=0.0)
    >>> layer(ng.tensor([[1.0], [3.0]])).tolist()
    [[-1.0], [1.0]]
    >>> layer.running_mean.numpy().round(2), layer.running_var.numpy().round(2)
    (array([0.2], dtype=float32), array([1.1], dtype=float32))
    >>> layer.eval()(ng.tensor([[0.2]])).numpy().round(4).tolist()
    [[0.0]]
    """

    _ranks, _written = (2, 3), "(N, {n}) or (N, {n}, L)"
