# SPDX-License-Identifier: LGPL-3.0-or-later
"""Initial values of parameters, under PyTorch's names. Each function assigns to the parameter and returns it."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import random as _random
from nanograd.errors import ShapeError, shown
from nanograd.nn import _check
from nanograd.nn.module import Parameter

if TYPE_CHECKING:
    from typing import Literal

    from nanograd._core.ops.random import Generator

__all__ = ["calculate_gain", "constant_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_", "uniform_",
           "xavier_normal_", "xavier_uniform_", "zeros_"]

_GAINS = {"linear": 1.0, "identity": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75,
          **{f"conv{'_transpose' * t}{d}d": 1.0 for t in (0, 1) for d in (1, 2, 3)}}


def _parameter(op, tensor):
    if not isinstance(tensor, Parameter):
        hint = "; a tensor's value never changes" if isinstance(tensor, Tensor) else ""
        raise TypeError(f"{op}: expected an nn.Parameter, got {type(tensor).__name__}{hint}")
    return tensor


def _fans(op, tensor):
    """fan_in and fan_out of a weight (O, I, ...): what is summed over for an output, and for a gradient."""
    if tensor.ndim < 2:
        raise ShapeError(f"{op}: fan in and fan out need at least 2 axes, got shape {tensor.shape}")
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


def _uniform(tensor, low, high, generator):
    return tensor.assign(_random.uniform(low, high, tensor.shape, dtype=tensor.dtype, generator=generator))


def _normal(tensor, mean, std, generator):
    return tensor.assign(_random.normal(mean, std, tensor.shape, dtype=tensor.dtype, generator=generator))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which the standard deviation of weights makes up for a nonlinearity.

    Parameters
    ----------
    nonlinearity : str
        'linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu', or a convolution such as 'conv2d'.
    param : float, optional
        The negative slope of 'leaky_relu', 0.01 if left out.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown nonlinearity.

    Examples
    --------
    >>> from nanograd import nn
    >>> round(nn.init.calculate_gain("relu"), 6)
    1.414214
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else _check.real("calculate_gain", "param", param)
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if nonlinearity not in _GAINS:
        raise ValueError(f"calculate_gain: unknown nonlinearity {shown(nonlinearity)}; known are {', '.join(_GAINS)}, leaky_relu")
    return _GAINS[nonlinearity]


def uniform_(tensor: Parameter, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Parameter:
    """Uniform in [a, b).

    Parameters
    ----------
    tensor : Parameter
    a, b : float, default 0.0 and 1.0
    generator : Generator, optional
        Where the numbers are drawn from; None: the default one.

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.

    Examples
    --------
    >>> from nanograd import nn
    >>> w = nn.init.uniform_(nn.Parameter([0.0, 0.0]), 1.0, 2.0)
    >>> bool((w >= 1.0).all())
    True
    """
    return _uniform(_parameter("uniform_", tensor), a, b, generator)


def normal_(tensor: Parameter, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Parameter:
    """Normal with the given mean and standard deviation.

    Parameters
    ----------
    tensor : Parameter
    mean, std : float, default 0.0 and 1.0
    generator : Generator, optional
        Where the numbers are drawn from; None: the default one.

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from nanograd import nn
    >>> w = nn.init.normal_(nn.Parameter(np.zeros((100, 100))), mean=2.0, std=0.1)
    >>> bool(abs(w.numpy().mean() - 2.0) < 0.01)
    True
    """
    return _normal(_parameter("normal_", tensor), mean, std, generator)


def constant_(tensor: Parameter, val: float) -> Parameter:
    """One number everywhere.

    Parameters
    ----------
    tensor : Parameter
    val : number

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.

    Examples
    --------
    >>> from nanograd import nn
    >>> nn.init.constant_(nn.Parameter([0.0, 0.0]), 3.0).tolist()
    [3.0, 3.0]
    """
    return _parameter("constant_", tensor).assign(_check.real("constant_", "val", val))


def zeros_(tensor: Parameter) -> Parameter:
    """Zeros.

    Parameters
    ----------
    tensor : Parameter

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.

    Examples
    --------
    >>> from nanograd import nn
    >>> nn.init.zeros_(nn.Parameter([1.0, 2.0])).tolist()
    [0.0, 0.0]
    """
    return _parameter("zeros_", tensor).assign(0.0)


def ones_(tensor: Parameter) -> Parameter:
    """Ones.

    Parameters
    ----------
    tensor : Parameter

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.

    Examples
    --------
    >>> from nanograd import nn
    >>> nn.init.ones_(nn.Parameter([0.0, 2.0])).tolist()
    [1.0, 1.0]
    """
    return _parameter("ones_", tensor).assign(1.0)


def xavier_uniform_(tensor: Parameter, gain: float = 1.0, generator: Generator | None = None) -> Parameter:
    """Uniform in [-a, a] with a = gain * sqrt(6 / (fan_in + fan_out)).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Parameters
    ----------
    tensor : Parameter, shape (O, I, ...)
    gain : float, default 1.0
        See :func:`calculate_gain`.
    generator : Generator, optional
        Where the numbers are drawn from; None: the default one.

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.
    ShapeError
        If it has fewer than 2 axes.

    Examples
    --------
    >>> from nanograd import nn
    >>> layer = nn.Linear(300, 300)
    >>> w = nn.init.xavier_uniform_(layer.weight)
    >>> w is layer.weight, bool(abs(w.numpy()).max() <= 0.1)
    (True, True)
    """
    fan_in, fan_out = _fans("xavier_uniform_", _parameter("xavier_uniform_", tensor))
    bound = _check.real("xavier_uniform_", "gain", gain) * math.sqrt(6.0 / (fan_in + fan_out)) if fan_in + fan_out else 0.0
    return _uniform(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Parameter, gain: float = 1.0, generator: Generator | None = None) -> Parameter:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Parameters
    ----------
    tensor : Parameter, shape (O, I, ...)
    gain : float, default 1.0
        See :func:`calculate_gain`.
    generator : Generator, optional
        Where the numbers are drawn from; None: the default one.

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.
    ShapeError
        If it has fewer than 2 axes.

    Examples
    --------
    >>> from nanograd import nn
    >>> w = nn.init.xavier_normal_(nn.Linear(300, 100).weight)
    >>> bool(abs(w.numpy().std() / (2 / 400) ** 0.5 - 1) < 0.05)
    True
    """
    fan_in, fan_out = _fans("xavier_normal_", _parameter("xavier_normal_", tensor))
    std = _check.real("xavier_normal_", "gain", gain) * math.sqrt(2.0 / (fan_in + fan_out)) if fan_in + fan_out else 0.0
    return _normal(tensor, 0.0, std, generator)


def _kaiming_std(op, tensor, a, mode, nonlinearity):
    fans = dict(zip(("fan_in", "fan_out"), _fans(op, _parameter(op, tensor)), strict=True))
    if mode not in fans:
        raise ValueError(f"{op}: mode must be 'fan_in' or 'fan_out', got {shown(mode)}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode]) if fans[mode] else 0.0


def kaiming_uniform_(tensor: Parameter, a: float = 0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: Generator | None = None) -> Parameter:
    """Uniform with standard deviation gain / sqrt(fan): He initialisation.

    He et al., "Delving deep into rectifiers", 2015.

    Parameters
    ----------
    tensor : Parameter, shape (O, I, ...)
    a : float
        The negative slope of 'leaky_relu'.
    mode : {'fan_in', 'fan_out'}
        Whether the variance is kept in the forward or in the backward pass.
    nonlinearity : str
        For :func:`calculate_gain`.
    generator : Generator, optional

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.
    ShapeError
        If it has fewer than 2 axes.
    ValueError
        For an unknown mode or nonlinearity.

    Examples
    --------
    >>> from nanograd import nn
    >>> w = nn.init.kaiming_uniform_(nn.Linear(300, 100).weight, nonlinearity="relu")
    >>> bool(abs(w.numpy()).max() <= (6 / 300) ** 0.5)
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return _uniform(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Parameter, a: float = 0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: Generator | None = None) -> Parameter:
    """Normal with standard deviation gain / sqrt(fan); arguments as for :func:`kaiming_uniform_`.

    Parameters
    ----------
    tensor : Parameter, shape (O, I, ...)
    a : float, default 0
        The negative slope of 'leaky_relu'.
    mode : {'fan_in', 'fan_out'}
        Whether the forward or the backward pass keeps its variance.
    nonlinearity : str, default 'leaky_relu'
        As for :func:`calculate_gain`.
    generator : Generator, optional
        Where the numbers are drawn from; None: the default one.

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.
    ShapeError
        If it has fewer than 2 axes.
    ValueError
        For an unknown mode or nonlinearity.

    Examples
    --------
    >>> from nanograd import nn
    >>> w = nn.init.kaiming_normal_(nn.Linear(300, 100).weight, nonlinearity="relu")
    >>> bool(abs(w.numpy().std() / (2 / 300) ** 0.5 - 1) < 0.05)
    True
    """
    return _normal(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Parameter, gain: float = 1, generator: Generator | None = None) -> Parameter:
    """A (semi-)orthogonal matrix (O, I * ...) times gain, uniformly distributed among them.

    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013.

    Parameters
    ----------
    tensor : Parameter, shape (O, ...)
    gain : float, default 1
    generator : Generator, optional
        Where the numbers are drawn from; None: the default one.

    Returns
    -------
    Parameter
        tensor, with its new value.

    Raises
    ------
    TypeError
        If tensor is not a Parameter.
    ShapeError
        If it has fewer than 2 axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nanograd import nn
    >>> w = nn.init.orthogonal_(nn.Parameter(np.zeros((2, 5)))).numpy()
    >>> np.allclose(w @ w.T, np.eye(2))
    True
    """
    if _parameter("orthogonal_", tensor).ndim < 2:
        raise ShapeError(f"orthogonal_: needs at least 2 axes, got shape {tensor.shape}")
    if tensor.size == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    draw = _random.normal(0.0, 1.0, (max(rows, columns), min(rows, columns)), dtype=np.float64, generator=generator)
    q, r = np.linalg.qr(draw.numpy())
    q *= np.sign(np.diag(r))           # else the distribution would not be uniform
    q = q.T if rows < columns else q
    with np.errstate(over="ignore"):
        return tensor.assign((_check.real("orthogonal_", "gain", gain) * q).reshape(tensor.shape).astype(tensor.dtype))
