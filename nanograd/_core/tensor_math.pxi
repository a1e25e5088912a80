# SPDX-License-Identifier: LGPL-3.0-or-later
# More elementwise functions: rounding, exponentials, logarithms, and those that answer with
# NumPy arrays. Their formulas and derivatives are in csrc/ops_*.def; accuracy is measured by tests/test_math_accuracy.py.

def safe_div(a, b, eps=1e-8):
    """Quotient that stays finite where the divisor is 0: ``a / (b + eps)``.

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


# ---- NumPy results ------------------------------------------------------------------------------

# ---- NumPy results ------------------------------------------------------------------------------

cdef object classify(str op, int which, object operand):
    cdef Tensor x = as_tensor(op, operand)
    cdef cnp.npy_intp dims[8]
    cdef int i
    for i in range(x.rank):
        dims[i] = x.dims[i]
    cdef cnp.ndarray out = cnp.PyArray_SimpleNew(x.rank, dims, cnp.NPY_BOOL)
    check(op, ng_classify(x.kind, which, <unsigned char *>cnp.PyArray_DATA(out), x.buffer.data, x.count))
    return out


def isnan(x):
    """Which elements are NaN, as a NumPy boolean array.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    numpy.ndarray
        Of bools, in x's shape; one ``numpy.bool_`` for a tensor without axes.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isnan([1.0, float("nan")])
    array([False,  True])
    """
    return classify("isnan", NG_IS_NAN, x)


def isinf(x):
    """Which elements are inf or -inf, as a NumPy boolean array.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    numpy.ndarray
        Of bools, in x's shape; one ``numpy.bool_`` for a tensor without axes.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isinf([1.0, float("-inf")])
    array([False,  True])
    """
    return classify("isinf", NG_IS_INF, x)


def isfinite(x):
    """Which elements are neither inf nor NaN, as a NumPy boolean array.

    Parameters
    ----------
    x : Tensor, array_like or number

    Returns
    -------
    numpy.ndarray
        Of bools, in x's shape; one ``numpy.bool_`` for a tensor without axes.

    Raises
    ------
    DTypeError
        For what is not real: complex numbers, strings, objects.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isfinite([1.0, float("inf")])
    array([ True, False])
    """
    return classify("isfinite", NG_IS_FINITE, x)


def allclose(a, b, rtol=1e-05, atol=1e-08):
    """Whether ``abs(a - b) <= atol + rtol * abs(b)`` everywhere, with broadcasting; NaN is near nothing.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.
    rtol, atol : float, default 1e-5 and 1e-8

    Returns
    -------
    bool

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
    cdef int far, rank = broadcast_shapes("allclose", ta.rank, ta.dims, tb.rank, tb.dims, dims)
    cdef int64_t count = shape_size("allclose", rank, dims)
    relative, absolute = as_real("allclose", "rtol", rtol), as_real("allclose", "atol", atol)
    if not (0 <= relative < float("inf") and 0 <= absolute < float("inf")):
        raise ValueError(f"allclose: rtol and atol must be finite and not negative, got rtol={rtol} and atol={atol}")
    ta = spelt_out(ta, rank, dims, count)
    tb = spelt_out(tb, rank, dims, count)
    check("allclose", ng_near(kind, &far, ta.buffer.data, tb.buffer.data, ta.count == count, tb.count == count, relative, absolute, count))
    return far == 0


cdef Tensor spelt_out(Tensor x, int rank, const int64_t *dims, int64_t count):
    """x itself if it has one element, or as many as the shape; else broadcast to it."""
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef Tensor out
    if x.count == 1 or x.count == count:
        return x
    out = new_tensor(x.kind, rank, dims)
    ng_broadcast_strides(rank, x.rank, x.dims, strides)
    ng_contiguous_strides(steps, rank, dims)
    check("allclose", ng_strided_copy(x.kind, out.buffer.data, x.buffer.data, rank, dims, steps, strides))
    return out


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
