# SPDX-License-Identifier: LGPL-3.0-or-later
"""Activations, element by element: relu to gelu.

Formulas and derivatives are lines of csrc/ops_unary.def.
"""
include "capsule.pxi"
from nanograd._core.base.tensor cimport *
from nanograd._core.base.tensor import public
from nanograd.errors import shown

from kernels.ops cimport *              # the enumerators NG_UNARY_*



@public(method=True)
def relu(x):
    """Rectified linear unit: ``max(x, 0)``. The derivative at 0 is 0; NaN stays NaN.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> ng.relu(x).backward()
    >>> x.grad
    tensor([0., 0., 1.], dtype=float32)
    """
    return unary(NG_UNARY_relu, x)


@public(method=True)
def leaky_relu(x, negative_slope=0.01):
    """Leaky rectified linear unit (Maas, Hannun and Ng 2013): x where it is positive, else ``negative_slope * x``.

    Parameters
    ----------
    {x}
    negative_slope : float, default 0.01

    {like x}

    Notes
    -----
    The derivative at 0 is negative_slope, that of the left side.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, 2.0], requires_grad=True)
    >>> ng.leaky_relu(x, 0.5).backward()
    >>> x.grad
    tensor([0.5, 1. ], dtype=float32)
    """
    return unary(NG_UNARY_leaky_relu, x, as_real("leaky_relu", "negative_slope", negative_slope))


@public(method=True)
def elu(x, alpha=1.0):
    """Exponential linear unit (Clevert, Unterthiner and Hochreiter 2015): x where it is positive, else ``alpha * expm1(x)``.

    Parameters
    ----------
    {x}
    alpha : float, default 1.0
        The result is -alpha at -inf.

    {like x}

    Notes
    -----
    The derivative at 0 is alpha, that of the left side.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, 2.0], requires_grad=True)
    >>> y = ng.elu(x)
    >>> y
    tensor([-0.63212055,  2.        ], dtype=float32, grad_fn=<elu>)
    >>> y.backward()
    >>> x.grad
    tensor([0.36787945, 1.        ], dtype=float32)
    """
    return unary(NG_UNARY_elu, x, as_real("elu", "alpha", alpha))


@public(method=True)
def tanh(x):
    """Hyperbolic tangent, within 2 ULP (float32) or 4 ULP (float64).

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0], requires_grad=True)
    >>> ng.tanh(x).backward()
    >>> x.grad
    tensor([1.], dtype=float32)
    """
    return unary(NG_UNARY_tanh, x)


@public(method=True, scipy="expit")
def sigmoid(x):
    """Logistic function ``1 / (1 + exp(-x))``, without overflow at any x.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0], requires_grad=True)
    >>> ng.sigmoid(x).backward()
    >>> x.grad
    tensor([0.25], dtype=float32)
    """
    return unary(NG_UNARY_sigmoid, x)


@public(method=True, scipy="log_expit")
def log_sigmoid(x):
    """Logarithm of the logistic function, ``log(sigmoid(x))``, that is ``min(x, 0) - log(1 + exp(-abs(x)))``: finite for every finite x.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, -1000.0], requires_grad=True)
    >>> ng.log_sigmoid(x).backward()
    >>> x.grad
    tensor([0.5, 1. ], dtype=float32)
    """
    return unary(NG_UNARY_log_sigmoid, x)


@public(method=True)
def softplus(x, beta=1.0, threshold=20.0):
    """A smooth relu: ``log(1 + exp(beta * x)) / beta``, and x itself where ``beta * x`` is over the threshold.

    Parameters
    ----------
    {x}
    beta : float, default 1.0
        Positive; the larger it is, the closer the function is to relu.
    threshold : float, default 20.0

    {like x}

    Raises
    ------
    ValueError
        If beta is not positive.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1000.0], requires_grad=True)
    >>> y = ng.softplus(x)
    >>> y
    tensor([6.931472e-01, 1.000000e+03], dtype=float32, grad_fn=<softplus>)
    >>> y.backward()
    >>> x.grad
    tensor([0.5, 1. ], dtype=float32)
    """
    cdef double sharpness = as_real("softplus", "beta", beta)
    if not sharpness > 0:
        raise ValueError(f"softplus: beta must be positive, got {beta}")
    return unary(NG_UNARY_softplus, x, sharpness, as_real("softplus", "threshold", threshold))


@public(method=True)
def silu(x):
    """Sigmoid linear unit, or swish (Elfwing, Uchibe and Doya 2017): ``x * sigmoid(x)``; 0 at -inf.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0], requires_grad=True)
    >>> ng.silu(x).backward()
    >>> x.grad
    tensor([0.5], dtype=float32)
    """
    return unary(NG_UNARY_silu, x)


@public(method=True)
def gelu(x, approximate='none'):
    """Gaussian error linear unit (Hendrycks and Gimpel 2016): ``x * (1 + erf(x / sqrt(2))) / 2``.

    Parameters
    ----------
    {x}
    approximate : {'none', 'tanh'}
        'tanh': ``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``, as in GPT-2.

    {like x}

    Raises
    ------
    ValueError
        If approximate is anything else.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    >>> y = ng.gelu(x)
    >>> y
    tensor([-0.15865526,  0.        ,  0.8413447 ], dtype=float32, grad_fn=<gelu>)
    >>> y.backward()
    >>> x.grad
    tensor([-0.08331548,  0.5       ,  1.0833155 ], dtype=float32)
    """
    if isinstance(approximate, str) and approximate in ("none", "tanh"):
        return unary(NG_UNARY_gelu if approximate == "none" else NG_UNARY_gelu_tanh, x)
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {shown(approximate)}")
