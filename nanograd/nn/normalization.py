# SPDX-License-Identifier: LGPL-3.0-or-later
"""Normalisation over the last axes of each sample."""
import nanograd as ng
from nanograd.nn import _check
from nanograd.nn.module import Module, Parameter

__all__ = ["LayerNorm", "RMSNorm"]


class _LastAxes(Module):
    """What the normalisations over the last axes share."""

    def __init__(self, normalized_shape, eps, elementwise_affine):
        kind = type(self).__name__
        shape = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        self.normalized_shape = tuple(_check.size(kind, "normalized_shape", n, 1) for n in shape)
        if not self.normalized_shape:
            raise ValueError(f"{kind}: normalized_shape must name at least one axis")
        self.eps = _check.real(kind, "eps", eps)
        self.elementwise_affine = _check.flag(kind, "elementwise_affine", elementwise_affine)
        self.weight = Parameter(ng.ones(self.normalized_shape)) if self.elementwise_affine else None

    def extra_repr(self):
        shape = self.normalized_shape[0] if len(self.normalized_shape) == 1 else self.normalized_shape
        return _check.arguments(shape, eps=(self.eps, 1e-5), elementwise_affine=(self.elementwise_affine, True))


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

    Attributes
    ----------
    weight, bias : Parameter, shape normalized_shape, or None
        Start as ones and zeros.

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

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
        super().__init__(normalized_shape, eps, elementwise_affine)
        bias = _check.flag("LayerNorm", "bias", bias)
        self.bias = Parameter(ng.zeros(self.normalized_shape)) if self.elementwise_affine and bias else None

    def forward(self, input):
        return ng.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        no_bias = self.elementwise_affine and self.bias is None
        return super().extra_repr() + (", bias=False" if no_bias else "")


class RMSNorm(_LastAxes):
    """``x / sqrt(mean(x^2) + eps) * weight``, the mean over the last axes of each sample.

    Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The sizes of the last axes.
    eps : float, default 1e-5
    elementwise_affine : bool, default True
        Whether there is a weight.

    Attributes
    ----------
    weight : Parameter, shape normalized_shape, or None
        Starts as ones.

    Examples
    --------
    >>> import nanograd as ng
    >>> layer = ng.nn.RMSNorm(2, eps=0.0)
    >>> layer(ng.tensor([[3.0, 3.0]])).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__(normalized_shape, eps, elementwise_affine)

    def forward(self, input):
        return ng.rms_norm(input, self.normalized_shape, self.weight, self.eps)
