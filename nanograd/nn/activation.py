# SPDX-License-Identifier: LGPL-3.0-or-later
"""Activation modules, and what ``activation=`` of a layer takes."""
from __future__ import annotations

from typing import TYPE_CHECKING

from nanograd import errors
from nanograd._core.base.tensor import get_default_dtype
from nanograd._core.ops import activation as _activation
from nanograd._core.ops import softmax as _softmax
from nanograd.nn import _check
from nanograd.nn._module import calling
from nanograd.nn.module import Module

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Literal, TypeVar

    from nanograd._core.base.tensor import Tensor
    from nanograd._typing import Activation, TensorLike

    _T = TypeVar("_T")

__all__ = ["ELU", "GELU", "Identity", "LeakyReLU", "LogSigmoid", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus",
           "Tanh"]

# What linear() computes together with the product.
FUSED = ("relu", "tanh", "sigmoid", "silu", "gelu", "leaky_relu")


class ReLU(Module):
    """max(x, 0), elementwise; the gradient at 0 is 0.

    Parameters
    ----------
    inplace : bool, default False
        Accepted, so that ported code runs. A tensor's value never changes, so the result is the same.

    Raises
    ------
    TypeError
        If inplace is not a bool.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.ReLU()(ng.tensor([-1.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = _check.flag("ReLU", "inplace", inplace)

    @calling(_activation.relu)
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return _check.arguments(inplace=(self.inplace, False))


class LeakyReLU(Module):
    """x where x > 0, else negative_slope * x.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool, default False
        Accepted, so that ported code runs. A tensor's value never changes, so the result is the same.

    Raises
    ------
    TypeError, ValueError
        For an argument of another type, or out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.LeakyReLU(0.5)(ng.tensor([-1.0, 2.0]))
    tensor([-0.5,  2. ], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.inplace = _check.flag("LeakyReLU", "inplace", inplace)
        self.negative_slope = _check.real("LeakyReLU", "negative_slope", negative_slope)

    @calling(_activation.leaky_relu, ("negative_slope", "negative_slope", 0.01))
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return _check.arguments(negative_slope=(self.negative_slope, 0.01), inplace=(self.inplace, False))


class Tanh(Module):
    """The hyperbolic tangent, elementwise.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Tanh()(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """

    @calling(_activation.tanh)
    def forward(self, input: TensorLike) -> Tensor: ...


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Sigmoid()(ng.zeros(2))
    tensor([0.5, 0.5], dtype=float32)
    """

    @calling(_activation.sigmoid)
    def forward(self, input: TensorLike) -> Tensor: ...


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x))), elementwise, without overflow.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.LogSigmoid()(ng.tensor([-1000.0]))
    tensor([-1000.], dtype=float32)
    """

    @calling(_activation.log_sigmoid)
    def forward(self, input: TensorLike) -> Tensor: ...


class SiLU(Module):
    """x * sigmoid(x), elementwise.

    Parameters
    ----------
    inplace : bool, default False
        Accepted, so that ported code runs. A tensor's value never changes, so the result is the same.

    Raises
    ------
    TypeError
        If inplace is not a bool.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.SiLU()(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = _check.flag("SiLU", "inplace", inplace)

    @calling(_activation.silu)
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return _check.arguments(inplace=(self.inplace, False))


class GELU(Module):
    """x * P(Z <= x) for a standard normal Z, elementwise.

    Parameters
    ----------
    approximate : {'none', 'tanh'}
        'tanh' takes the approximation 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    Raises
    ------
    ValueError
        If approximate is anything else.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.GELU()(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate must be 'none' or 'tanh', got {errors.shown(approximate)}")
        self.approximate = approximate

    @calling(_activation.gelu, ("approximate", "approximate", "none"))
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return _check.arguments(approximate=(self.approximate, "none"))


class ELU(Module):
    """x where x > 0, else alpha * (exp(x) - 1).

    Parameters
    ----------
    alpha : float, default 1.0
    inplace : bool, default False
        Accepted, so that ported code runs. A tensor's value never changes, so the result is the same.

    Raises
    ------
    TypeError, ValueError
        For an argument of another type, or out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.ELU()(ng.tensor([0.0, 2.0]))
    tensor([0., 2.], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.inplace = _check.flag("ELU", "inplace", inplace)
        self.alpha = _check.real("ELU", "alpha", alpha)

    @calling(_activation.elu, ("alpha", "alpha", 1.0))
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return _check.arguments(alpha=(self.alpha, 1.0), inplace=(self.inplace, False))


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold.

    Parameters
    ----------
    beta, threshold : float, default 1.0 and 20.0

    Raises
    ------
    TypeError
        If one is not a number.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Softplus()(ng.tensor([100.0]))
    tensor([100.], dtype=float32)
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = _check.real("Softplus", "beta", beta)
        self.threshold = _check.real("Softplus", "threshold", threshold)

    @calling(_activation.softplus, ("beta", "beta", 1.0), ("threshold", "threshold", 20.0))
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return _check.arguments(beta=(self.beta, 1.0), threshold=(self.threshold, 20.0))


class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis.

    Parameters
    ----------
    dim : int
        The axis that sums to 1. (PyTorch guesses it when it is left out; here the last is meant.)

    Raises
    ------
    TypeError
        If dim is not an int.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Softmax(dim=-1)(ng.zeros((1, 2)))
    tensor([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = _check.size(type(self).__name__, "dim", dim, -64)

    @calling(_softmax.softmax, ("axis", "dim", -1))
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of :class:`Softmax`, computed without overflow.

    Parameters
    ----------
    dim : int, default -1
        The axis.

    Raises
    ------
    TypeError
        If dim is not an int.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.LogSoftmax(dim=-1)(ng.zeros((1, 1)))
    tensor([[0.]], dtype=float32)
    """

    @calling(_softmax.log_softmax, ("axis", "dim", -1))
    def forward(self, input: TensorLike) -> Tensor: ...


class Identity(Module):
    """Its input. Takes any arguments and ignores them, so that it can stand in for any layer.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Identity()(3)
    3
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def forward(self, input: _T) -> _T:
        return input

    if TYPE_CHECKING:       # Module's own does not find forward's type variable, but in mypy

        def __call__(self, input: _T) -> _T: ...


# Every activation by its lower-case name, for activation=. Those of FUSED stay names.
BY_NAME = {"relu": ReLU, "leaky_relu": LeakyReLU, "leakyrelu": LeakyReLU, "tanh": Tanh, "sigmoid": Sigmoid, "silu": SiLU,
           "gelu": GELU, "elu": ELU, "softplus": Softplus, "softmax": Softmax, "log_softmax": LogSoftmax,
           "logsoftmax": LogSoftmax, "log_sigmoid": LogSigmoid, "logsigmoid": LogSigmoid, "identity": Identity}


# What others call them.
SYNONYMS = {"swish": "silu", "linear": "identity", "none": "identity", "logits": "identity", "lrelu": "leaky_relu", "logistic": "sigmoid",
            "rectifier": "relu", "leakyrelu": "leaky_relu", "logsoftmax": "log_softmax", "logsigmoid": "log_sigmoid"}


def meant(activation: object, known: Iterable[str]) -> str:
    """What to write in place of an activation of that name, where one of the known names, or an expression, is meant."""
    if not isinstance(activation, str):
        return ""
    import difflib

    from nanograd._names import BY_MODULE, LAYERS  # its tables are there after us

    word = activation.lower().replace("_", "").replace("-", "").replace(" ", "")
    names = {name.replace("_", ""): SYNONYMS.get(name, name) for name in [*SYNONYMS, *known] if SYNONYMS.get(name, name) in known}
    if word not in names:
        expression = next((entry[0] for name, entry in LAYERS.items() if name.lower() == word and entry[1] == BY_MODULE), None)
        if expression is not None and "identity" in names:
            return f"; write activation=lambda x: {expression}"
    close = difflib.get_close_matches(word, names, 1)
    return f"; did you mean {names[close[0]]!r}? write activation={names[close[0]]!r}" if close else ""


def resolve(layer: str, activation: Activation) -> Any:
    """What a layer keeps as its activation: None, a name that linear() can fuse, or a callable."""
    if activation is None:
        return None
    if isinstance(activation, str):
        name = "leaky_relu" if activation == "leakyrelu" else activation
        if name in FUSED:
            return name
        if name not in BY_NAME:
            known = ", ".join(name for name in BY_NAME if name not in ("leakyrelu", "logsoftmax", "logsigmoid"))
            raise ValueError(f"{layer}: no activation {errors.shown(activation)}{meant(activation, BY_NAME)}; known are {known}")
        return None if name == "identity" else BY_NAME[name]()
    if isinstance(activation, type) and issubclass(activation, Module):
        raise TypeError(f"{layer}: activation must be a module, not its class: write activation=nn.{activation.__name__}()")
    if not callable(activation):
        raise TypeError(f"{layer}: activation must be a module, its lower-case name or a callable, got {errors.shown(activation)}")
    for name in FUSED:
        if activation is getattr(_activation, name, None):
            return name
    return activation


def shown(activation: object) -> object:
    """An activation in a layer's repr."""
    if activation is None or isinstance(activation, (str, Module)):
        return activation
    return _Name(getattr(activation, "__name__", None) or repr(activation))


def shown_dtype(held: Tensor | None) -> tuple[str, str]:
    """The dtype of a parameter or buffer (None: there is none) in a layer's repr, with the default that is not shown."""
    default = _Name(get_default_dtype())
    return default if held is None else _Name(held.dtype), default


class _Name(str):
    """A str without quotes in its repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
