# SPDX-License-Identifier: LGPL-3.0-or-later
# More elementwise functions: rounding, exponentials, logarithms, trigonometry, activations, and those that answer with
# NumPy arrays. Their formulas and derivatives are in csrc/ops_*.def; accuracy is measured by tests/test_math_accuracy.py.

def arctan2(a, b):
    """The angle of the point ``(b, a)``: ``atan(a / b)`` in the right quadrant, in [-pi, pi]; operands and errors as for
    :func:`add`.

    Notes
    -----
    The derivatives are ``b / (a**2 + b**2)`` and ``-a / (a**2 + b**2)``, computed without overflow; 0 at the origin.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([3.0, 0.0], requires_grad=True)
    >>> y = ng.arctan2(a, [0.0, -2.0])
    >>> y
    tensor([1.5707964, 3.1415927], dtype=float32, grad_fn=<arctan2>)
    >>> y.backward()
    >>> a.grad
    tensor([ 0. , -0.5], dtype=float32)
    """
    return binary(NG_BINARY_arctan2, a, b)


def safe_div(a, b, eps=1e-8):
    """Quotient that stays finite where the divisor is 0: ``a / (b + eps)``; operands and errors as for :func:`add`.

    Notes
    -----
    Both operands get their gradient. A divisor near ``-eps`` is as dangerous as 0 is for a plain division.

    Examples
    --------
    >>> import nanograd as ng
    >>> b = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.safe_div(1.0, b, eps=1.0).backward()
    >>> b.grad
    tensor([-1.  , -0.25], dtype=float32)
    """
    cdef int64_t dims[8]
    if not is_number(eps):
        raise TypeError(f"safe_div: eps must be a number, got {type(eps).__name__}")
    cdef int kind = common_kind("safe_div", a, b)
    cdef Tensor ta = as_tensor("safe_div", a, kind, True)
    cdef Tensor tb = as_tensor("safe_div", b, kind, True)
    broadcast_shapes("safe_div", ta.rank, ta.dims, tb.rank, tb.dims, dims)
    return binary_tensors(NG_BINARY_div, ta, binary_number(NG_BINARY_add, tb, float(eps), False))


def sign(x):
    """Sign: -1, 0 or 1; NaN stays NaN. The derivative is 0 everywhere.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.sign([-2.0, 0.0, 3.0])
    tensor([-1.,  0.,  1.], dtype=float32)
    """
    return unary(NG_UNARY_sign, x)


def floor(x):
    """The largest integer that is not above x. The derivative is 0 everywhere.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.floor([-1.5, 1.5])
    tensor([-2.,  1.], dtype=float32)
    """
    return unary(NG_UNARY_floor, x)


def ceil(x):
    """The smallest integer that is not below x. The derivative is 0 everywhere.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.ceil([-1.5, 1.5])
    tensor([-1.,  2.], dtype=float32)
    """
    return unary(NG_UNARY_ceil, x)


def round(x):
    """The nearest integer, the even one of two; the derivative is 0 everywhere.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.round([0.5, 1.5, -1.7])
    tensor([ 0.,  2., -2.], dtype=float32)
    """
    return unary(NG_UNARY_round, x)


def rsqrt(x):
    """Reciprocal of the square root: ``1 / sqrt(x)``.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 4.0], requires_grad=True)
    >>> ng.rsqrt(x).backward()
    >>> x.grad
    tensor([-0.5   , -0.0625], dtype=float32)
    """
    return unary(NG_UNARY_rsqrt, x)


def reciprocal(x):
    """``1 / x``; inf at 0, with its sign.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 4.0], requires_grad=True)
    >>> ng.reciprocal(x).backward()
    >>> x.grad
    tensor([-1.    , -0.0625], dtype=float32)
    """
    return unary(NG_UNARY_reciprocal, x)


def expm1(x):
    """``exp(x) - 1``, exact for small x too.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1e-6], requires_grad=True)
    >>> ng.expm1(x).backward()
    >>> x.grad
    tensor([1.      , 1.000001], dtype=float32)
    """
    return unary(NG_UNARY_expm1, x)


def log1p(x):
    """``log(1 + x)``, exact for small x too; NaN below -1.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.log1p(x).backward()
    >>> x.grad
    tensor([1. , 0.5], dtype=float32)
    """
    return unary(NG_UNARY_log1p, x)


def log2(x):
    """Logarithm to base 2.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 8.0], requires_grad=True)
    >>> ng.log2(x).backward()
    >>> x.grad
    tensor([1.442695  , 0.18033688], dtype=float32)
    """
    return unary(NG_UNARY_log2, x)


def log10(x):
    """Logarithm to base 10.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 100.0], requires_grad=True)
    >>> ng.log10(x).backward()
    >>> x.grad
    tensor([0.4342945 , 0.00434294], dtype=float32)
    """
    return unary(NG_UNARY_log10, x)


def sin(x):
    """Sine of an angle in radians, of any size.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.sin(x).backward()
    >>> x.grad
    tensor([1.       , 0.5403023], dtype=float32)
    """
    return unary(NG_UNARY_sin, x)


def cos(x):
    """Cosine of an angle in radians, of any size.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.cos(x).backward()
    >>> x.grad
    tensor([-0.        , -0.84147096], dtype=float32)
    """
    return unary(NG_UNARY_cos, x)


def tan(x):
    """Tangent of an angle in radians, of any size.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.tan(x).backward()
    >>> x.grad
    tensor([1.       , 3.4255188], dtype=float32)
    """
    return unary(NG_UNARY_tan, x)


def sinh(x):
    """Hyperbolic sine.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.sinh(x).backward()
    >>> x.grad
    tensor([1.       , 1.5430806], dtype=float32)
    """
    return unary(NG_UNARY_sinh, x)


def cosh(x):
    """Hyperbolic cosine.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.cosh(x).backward()
    >>> x.grad
    tensor([0.       , 1.1752012], dtype=float32)
    """
    return unary(NG_UNARY_cosh, x)


def arctan(x):
    """Inverse tangent, in [-pi/2, pi/2].

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.arctan(x).backward()
    >>> x.grad
    tensor([1. , 0.5], dtype=float32)
    """
    return unary(NG_UNARY_arctan, x)


def erf(x):
    """Error function: ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.erf(x).backward()
    >>> x.grad
    tensor([1.1283792 , 0.41510752], dtype=float32)
    """
    return unary(NG_UNARY_erf, x)


def log_sigmoid(x):
    """``log(sigmoid(x))``, that is ``min(x, 0) - log(1 + exp(-abs(x)))``: finite for every finite x.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, -1000.0], requires_grad=True)
    >>> ng.log_sigmoid(x).backward()
    >>> x.grad
    tensor([0.5, 1. ], dtype=float32)
    """
    return unary(NG_UNARY_log_sigmoid, x)


def softplus(x, beta=1.0, threshold=20.0):
    """A smooth relu: ``log(1 + exp(beta * x)) / beta``, and x itself where ``beta * x`` is over the threshold.

    Parameters
    ----------
    x : Tensor or array_like
    beta, threshold : number
        beta is positive; the larger it is, the nearer relu.

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
    if not beta > 0:
        raise ValueError(f"softplus: beta must be positive, got {beta}")
    return unary(NG_UNARY_softplus, x, beta, threshold)


def elu(x, alpha=1.0):
    """Exponential linear unit (Clevert, Unterthiner and Hochreiter 2015): x where it is positive, else ``alpha * expm1(x)``.

    Notes
    -----
    At 0 the derivative is alpha, that of the left side.

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
    return unary(NG_UNARY_elu, x, alpha)


def gelu(x, approximate='none'):
    """Gaussian error linear unit (Hendrycks and Gimpel 2016): ``x * (1 + erf(x / sqrt(2))) / 2``.

    Parameters
    ----------
    x : Tensor or array_like
    approximate : {'none', 'tanh'}
        'tanh': ``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``, as GPT-2 has it.

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
    if approximate == "none":
        return unary(NG_UNARY_gelu, x)
    if approximate == "tanh":
        return unary(NG_UNARY_gelu_tanh, x)
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")


# ---- NumPy results ------------------------------------------------------------------------------

def isnan(x):
    """Which elements are NaN, as a NumPy boolean array.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isnan([1.0, float("nan")])
    array([False,  True])
    """
    return np.isnan(tensor_array(as_tensor("isnan", x)))


def isinf(x):
    """Which elements are inf or -inf, as a NumPy boolean array.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isinf([1.0, float("-inf")])
    array([False,  True])
    """
    return np.isinf(tensor_array(as_tensor("isinf", x)))


def isfinite(x):
    """Which elements are neither inf nor NaN, as a NumPy boolean array.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isfinite([1.0, float("inf")])
    array([ True, False])
    """
    return np.isfinite(tensor_array(as_tensor("isfinite", x)))


def allclose(a, b, rtol=1e-05, atol=1e-08):
    """Whether ``abs(a - b) <= atol + rtol * abs(b)`` everywhere, with broadcasting; NaN is near nothing.

    Raises
    ------
    ShapeError, DTypeError
        As for :func:`add`.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0])
    >>> ng.allclose(x, [1.0, 2.000001]), ng.allclose(x, x + 0.1)
    (True, False)
    """
    cdef int64_t dims[8]
    cdef int kind = common_kind("allclose", a, b)
    cdef Tensor ta = as_tensor("allclose", a, kind)
    cdef Tensor tb = as_tensor("allclose", b, kind)
    broadcast_shapes("allclose", ta.rank, ta.dims, tb.rank, tb.dims, dims)
    return bool(np.allclose(tensor_array(ta), tensor_array(tb), rtol, atol))


__all__ += [
    "allclose", "arctan", "arctan2", "ceil", "cos", "cosh", "elu", "erf", "expm1", "floor", "gelu", "isfinite", "isinf", "isnan",
    "log10", "log1p", "log2", "log_sigmoid", "reciprocal", "round", "rsqrt", "safe_div", "sign", "sin", "sinh", "softplus", "tan",
]

add_methods({
    "allclose": allclose, "arctan": arctan, "arctan2": arctan2, "ceil": ceil, "cos": cos, "cosh": cosh, "elu": elu, "erf": erf,
    "expm1": expm1, "floor": floor, "gelu": gelu, "isfinite": isfinite, "isinf": isinf, "isnan": isnan, "log10": log10,
    "log1p": log1p, "log2": log2, "log_sigmoid": log_sigmoid, "reciprocal": reciprocal, "round": round, "rsqrt": rsqrt,
    "safe_div": safe_div, "sign": sign, "sin": sin, "sinh": sinh, "softplus": softplus, "tan": tan,
})
