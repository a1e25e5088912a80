# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fully connected layer, in PyTorch's form (Linear) and in the Scheme original's (Dense)."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nanograd._core.ops import creation as _creation
from nanograd._core.ops import random as _random
from nanograd._core.ops.matmul import linear
from nanograd.errors import shown
from nanograd.nn import _check
from nanograd.nn import activation as _activation
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from nanograd._core.base.tensor import Tensor
    from nanograd._core.ops.random import Generator
    from nanograd._typing import Activation, TensorLike

__all__ = ["Dense", "Linear"]


class Linear(Module):
    r"""``y = activation(x W^T + b)``.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool, default True
    activation : str, Module or callable, optional
        Applied to the result: an activation module, its lower-case name, or any function of a tensor. 'relu', 'tanh',
        'sigmoid', 'silu', 'gelu' and 'leaky_relu' are computed together with the product.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    name : str, optional
        Shown in ``repr``.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None
        Both start uniform in ``[-1/sqrt(in_features), 1/sqrt(in_features)]``, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not ints or negative, a bias that is not a bool, an activation that is unknown.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> layer = nn.Linear(3, 2, activation="relu")
    >>> layer
    Linear(3, 2, activation='relu')
    >>> y = layer(ng.ones((5, 3)))
    >>> y.shape
    (5, 2)
    >>> y.sum().backward()
    >>> layer.weight.grad.shape
    (2, 3)
    """

    _any_callable = ("activation",)
    weight: Parameter
    bias: Parameter        # or None, as bias= says

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, activation: Activation = None,
                 dtype: DTypeLike | None = None, name: str | None = None) -> None:
        kind = type(self).__name__
        _check.no_activation(kind, "bias", "a bool", bias)
        self.in_features = _check.size(kind, "in_features", in_features)
        self.out_features = _check.size(kind, "out_features", out_features)
        self.activation = _activation.resolve(kind, activation)
        self.name = _check.label(kind, name)
        self.weight = Parameter(_creation.empty((self.out_features, self.in_features), dtype=dtype))
        self.bias = Parameter(_creation.empty(self.out_features, dtype=dtype)) if _check.flag(kind, "bias", bias) else None  # type: ignore[assignment]
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw new initial values for weight and bias."""
        bound = 1.0 / math.sqrt(self.in_features) if self.in_features else 0.0
        for p in (self.weight, self.bias):
            if p is not None:
                p.assign(_random.uniform(-bound, bound, p.shape, dtype=p.dtype, generator=generator))

    def forward(self, input: TensorLike) -> Tensor:
        activation: Any = self.activation
        if activation is None or type(activation) is str:
            return linear(input, self.weight, self.bias, activation)  # type: ignore[arg-type]
        return activation(linear(input, self.weight, self.bias))

    def _named_arguments(self) -> dict[str, tuple[object, object]]:
        return {"activation": (_activation.shown(self.activation), None), "bias": (self.bias is not None, True),
                "dtype": _activation.shown_dtype(self.weight), "name": (self.name, None)}

    def extra_repr(self) -> str:
        return _check.arguments(self.in_features, self.out_features, **self._named_arguments())


class Dense(Linear):
    """:class:`Linear` in the Scheme original's form: the activation is the third argument.

    Parameters
    ----------
    in_features, out_features : int
    activation : str, Module or callable, optional
    bias : bool, default True
    dtype : numpy.dtype, optional
    name : str, optional
        As for :class:`Linear`.

    Raises
    ------
    TypeError, ValueError, DTypeError
        As :class:`Linear`.

    Examples
    --------
    >>> from nanograd import nn
    >>> nn.Sequential(nn.Dense(64, 32, "relu"), nn.Dense(32, 10))
    Sequential(
      (0): Dense(64, 32, activation='relu')
      (1): Dense(32, 10)
    )
    """

    def __init__(self, in_features: int, out_features: int, activation: Activation = None, *, bias: bool = True,
                 dtype: DTypeLike | None = None, name: str | None = None) -> None:
        if isinstance(activation, bool):
            raise TypeError(f"Dense: activation must be a module, its lower-case name or a callable, got {shown(activation)}; "
                            f"write bias={shown(activation)}")
        super().__init__(in_features, out_features, bias, activation=activation, dtype=dtype, name=name)
