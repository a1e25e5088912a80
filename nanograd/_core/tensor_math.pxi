# SPDX-License-Identifier: LGPL-3.0-or-later
# More elementwise functions: rounding, exponentials, logarithms, and those that answer with
# NumPy arrays. Their formulas and derivatives are in csrc/ops_*.def; accuracy is measured by tests/test_math_accuracy.py.

def safe_div(a, b, eps=1e-8):
    """Quotient that stays finite where the divisor is 0: ``a / (b + eps)``, which divides by zero where b is ``-eps``.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.
    eps : float, default 1e-8
        Added to the divisor.

    Returns
    -------
    Tensor
        Of the shape that the two broadcast to.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    DTypeError
        If float32 and float64 mix.
    TypeError
        If eps is no number.

    Notes
    -----
    Both operands get their gradient.

    The formula is the original's, and so is its other end: ``safe_div(a, -eps)`` divides by zero, with infinite value and gradient, and
    divisors near ``-eps`` give huge ones. It is for divisors that are not negative, such as norms and counts. For divisors of either
    sign replace those that are too small, ``a / ng.where(abs(b.numpy()) < eps, eps, b)``.

    Examples
    --------
    >>> import nanograd as ng
    >>> b = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.safe_div(1.0, b, eps=1.0).backward()
    >>> b.grad
    tensor([-1.  , -0.25], dtype=float32)
    >>> ng.safe_div(1.0, ng.tensor([-1.0, 0.0]), eps=1.0)
    tensor([inf,  1.], dtype=float32)
    """
    cdef int64_t dims[8]
    cdef double epsilon = as_real("safe_div", "eps", eps)
    cdef int kind = common_kind("safe_div", a, b)
    cdef Tensor ta = as_tensor("safe_div", a, kind, True)
    cdef Tensor tb = as_tensor("safe_div", b, kind, True)
    broadcast_shapes("safe_div", ta.rank, ta.dims, tb.rank, tb.dims, dims)
    return binary_tensors(NG_BINARY_div, ta, binary_number(NG_BINARY_add, tb, epsilon, False))


def sign(x):
    """Sign: -1, 0 or 1; NaN stays NaN. The derivative is 0 everywhere.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.sign([-2.0, 0.0, 3.0])
    tensor([-1.,  0.,  1.], dtype=float32)
    """
    return unary(NG_UNARY_sign, x)


def floor(x):
    """The largest integer that is not above x. The derivative is 0 everywhere.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.floor([-1.5, 1.5])
    tensor([-2.,  1.], dtype=float32)
    """
    return unary(NG_UNARY_floor, x)


def ceil(x):
    """The smallest integer that is not below x. The derivative is 0 everywhere.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.ceil([-1.5, 1.5])
    tensor([-1.,  2.], dtype=float32)
    """
    return unary(NG_UNARY_ceil, x)


def round(x):
    """The nearest integer, the even one of two; the derivative is 0 everywhere.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.round([0.5, 1.5, -1.7])
    tensor([ 0.,  2., -2.], dtype=float32)
    """
    return unary(NG_UNARY_round, x)


def rsqrt(x):
    """Reciprocal of the square root: ``1 / sqrt(x)``.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

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

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

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

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

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

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

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

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

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

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 100.0], requires_grad=True)
    >>> ng.log10(x).backward()
    >>> x.grad
    tensor([0.4342945 , 0.00434294], dtype=float32)
    """
    return unary(NG_UNARY_log10, x)


def erf(x):
    """Error function: ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    Tensor
        Of x's shape and dtype.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.erf(x).backward()
    >>> x.grad
    tensor([1.1283792 , 0.41510752], dtype=float32)
    """
    return unary(NG_UNARY_erf, x)


__all__ += [
    "arctan", "arctan2", "ceil", "cos", "cosh", "elu", "erf", "expm1", "floor", "gelu",
    "log10", "log1p", "log2", "log_sigmoid", "reciprocal", "round", "rsqrt", "safe_div", "sign", "sin", "sinh", "softplus", "tan",
]

add_methods({
    "arctan": arctan, "arctan2": arctan2, "ceil": ceil, "cos": cos, "cosh": cosh, "elu": elu, "erf": erf,
    "expm1": expm1, "floor": floor, "gelu": gelu, "log10": log10,
    "log1p": log1p, "log2": log2, "log_sigmoid": log_sigmoid, "reciprocal": reciprocal, "round": round, "rsqrt": rsqrt,
    "safe_div": safe_div, "sign": sign, "sin": sin, "sinh": sinh, "softplus": softplus, "tan": tan,
})
