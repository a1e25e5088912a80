# SPDX-License-Identifier: LGPL-3.0-or-later
# The elementwise functions: what they mean. Their formulas and derivatives are in csrc/ops_*.def.

def add(a, b):
    """Sum of two operands: ``a + b``, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.add(a, 10.0).backward()
    >>> a.grad
    tensor([1., 1.], dtype=float32)
    """
    return binary(NG_BINARY_add, a, b)


def sub(a, b):
    """Difference of two operands: ``a - b``, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Examples
    --------
    >>> import nanograd as ng
    >>> b = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.sub(5.0, b).backward()
    >>> b.grad
    tensor([-1., -1.], dtype=float32)
    """
    return binary(NG_BINARY_sub, a, b)


def mul(a, b):
    """Product of two operands, element by element: ``a * b``, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.mul(a, [3.0, 4.0]).backward()
    >>> a.grad
    tensor([3., 4.], dtype=float32)
    """
    return binary(NG_BINARY_mul, a, b)


def div(a, b):
    """Quotient of two operands: ``a / b``, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Notes
    -----
    Division by zero gives inf or NaN, as in IEEE 754 and NumPy.

    Examples
    --------
    >>> import nanograd as ng
    >>> b = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.div(8.0, b).backward()
    >>> b.grad
    tensor([-8., -2.], dtype=float32)
    """
    return binary(NG_BINARY_div, a, b)


def pow(a, b):
    """Power: ``a ** b``, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Notes
    -----
    The derivative in a is ``b * a ** (b - 1)``, 0 where b is 0; in b it is ``a ** b * log(a)``, 0 where the power is 0.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.pow(a, 3).backward()
    >>> a.grad
    tensor([ 3., 12.], dtype=float32)
    """
    return power(a, b)


def maximum(a, b):
    """The larger of two operands, element by element, with broadcasting.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Notes
    -----
    Where the two are equal each gets half of the gradient. NaN wins, as in NumPy.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> ng.maximum(a, 2.0).backward()
    >>> a.grad
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return binary(NG_BINARY_maximum, a, b)


def minimum(a, b):
    """The smaller of two operands, element by element; as :func:`maximum`.

    Parameters
    ----------
    a, b : Tensor, array_like or number
        float32 or float64, but not both.

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

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> ng.minimum(a, 2.0).backward()
    >>> a.grad
    tensor([1. , 0.5, 0. ], dtype=float32)
    """
    return binary(NG_BINARY_minimum, a, b)


def neg(x):
    """Negative: ``-x``.

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
    >>> x = ng.tensor([1.0, -2.0], requires_grad=True)
    >>> ng.neg(x).backward()
    >>> x.grad
    tensor([-1., -1.], dtype=float32)
    """
    return unary(NG_UNARY_neg, x)


def abs(x):
    """Absolute value; the derivative at 0 is 0.

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
    >>> x = ng.tensor([1.0, 0.0, -2.0], requires_grad=True)
    >>> ng.abs(x).backward()
    >>> x.grad
    tensor([ 1.,  0., -1.], dtype=float32)
    """
    return unary(NG_UNARY_abs, x)


def exp(x):
    """Exponential function, within 2 ULP (float32) or 4 ULP (float64).

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
    >>> x = ng.tensor([0.0], requires_grad=True)
    >>> ng.exp(x).backward()
    >>> x.grad
    tensor([1.], dtype=float32)
    """
    return unary(NG_UNARY_exp, x)


def log(x):
    """Natural logarithm, within 2 ULP (float32) or 4 ULP (float64); NaN below 0 and -inf at 0.

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
    >>> ng.log(x).backward()
    >>> x.grad
    tensor([1.  , 0.25], dtype=float32)
    """
    return unary(NG_UNARY_log, x)


def sqrt(x):
    """Square root; its derivative at 0 is inf, and a gradient of zero stays zero there.

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
    >>> ng.sqrt(x).backward()
    >>> x.grad
    tensor([0.5 , 0.25], dtype=float32)
    """
    return unary(NG_UNARY_sqrt, x)


def square(x):
    """Square: ``x * x``.

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
    >>> x = ng.tensor([1.0, -3.0], requires_grad=True)
    >>> ng.square(x).backward()
    >>> x.grad
    tensor([ 2., -6.], dtype=float32)
    """
    return unary(NG_UNARY_square, x)


def clip(x, min=None, max=None):
    """Elements limited to ``[min, max]``.

    Parameters
    ----------
    x : Tensor or array_like
    min, max : number, Tensor or array_like, optional
        None: no limit on that side.

    Returns
    -------
    Tensor
        Of the shape that x and the limits broadcast to.

    Raises
    ------
    ValueError
        If min is larger than max.

    Notes
    -----
    The derivative is 1 in the closed interval and exactly 0 outside of it. With a tensor or array as a limit, it is that of
    ``minimum(maximum(x, min), max)``. NaN stays NaN.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    >>> ng.clip(x, 0, 1).backward()
    >>> x.grad
    tensor([0., 1., 0.], dtype=float32)
    """
    if (min is None or is_number(min)) and (max is None or is_number(max)):
        low = float("-inf") if min is None else as_real("clip", "min", min)
        high = float("inf") if max is None else as_real("clip", "max", max)
        if not low <= high:
            raise ValueError(f"clip: min must not be larger than max, got min={min} and max={max}")
        return unary(NG_UNARY_clip, x, low, high)
    if min is not None:
        x = binary(NG_BINARY_maximum, x, min)
    if max is not None:
        x = binary(NG_BINARY_minimum, x, max)
    return x


__all__ = [
    "Node", "Parameter", "Tensor", "abs", "add", "arange", "asarray", "clip", "div", "empty", "enable_grad", "exp", "eye", "from_dlpack", "from_numpy", "full",
    "full_like", "get_default_dtype", "grad", "is_grad_enabled", "leaky_relu", "linspace", "log", "maximum", "minimum", "mul", "neg",
    "no_grad", "ones", "ones_like", "pow", "relu", "set_default_dtype", "set_grad_enabled", "sigmoid", "silu", "sqrt", "square",
    "sub", "tanh", "tensor", "tensor32", "tensor64", "where", "zeros", "zeros_like",
]

add_methods({
    "abs": abs, "add": add, "astype": astype, "clip": clip, "copy": copy, "div": div, "exp": exp, "leaky_relu": leaky_relu, "log": log,
    "maximum": maximum, "minimum": minimum, "mul": mul, "neg": neg, "pow": pow, "relu": relu, "sigmoid": sigmoid, "silu": silu,
    "sqrt": sqrt, "square": square, "sub": sub, "tanh": tanh,
})
for _name, _function in {"where": where, "zeros_like": zeros_like, "ones_like": ones_like, "full_like": full_like}.items():
    register_numpy(_name, _function)


def _floor_divide(a, b):
    return binary(NG_BINARY_floor_divide, a, b)


def _remainder(a, b):
    return binary(NG_BINARY_remainder, a, b)


register_numpy("floor_divide", _floor_divide)
register_numpy("remainder", _remainder)
