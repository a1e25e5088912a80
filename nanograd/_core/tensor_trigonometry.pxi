# SPDX-License-Identifier: LGPL-3.0-or-later
# Trigonometric and hyperbolic functions. Their formulas and derivatives are in csrc/ops_*.def.

def sin(x):
    """Sine of an angle in radians, of any size.

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
    >>> ng.sin(x).backward()
    >>> x.grad
    tensor([1.       , 0.5403023], dtype=float32)
    """
    return unary(NG_UNARY_sin, x)


def cos(x):
    """Cosine of an angle in radians, of any size.

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
    >>> ng.cos(x).backward()
    >>> x.grad
    tensor([-0.        , -0.84147096], dtype=float32)
    """
    return unary(NG_UNARY_cos, x)


def tan(x):
    """Tangent of an angle in radians, of any size.

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
    >>> ng.tan(x).backward()
    >>> x.grad
    tensor([1.       , 3.4255188], dtype=float32)
    """
    return unary(NG_UNARY_tan, x)


def sinh(x):
    """Hyperbolic sine.

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
    >>> ng.sinh(x).backward()
    >>> x.grad
    tensor([1.       , 1.5430806], dtype=float32)
    """
    return unary(NG_UNARY_sinh, x)


def cosh(x):
    """Hyperbolic cosine.

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
    >>> ng.cosh(x).backward()
    >>> x.grad
    tensor([0.       , 1.1752012], dtype=float32)
    """
    return unary(NG_UNARY_cosh, x)


def arctan(x):
    """Inverse tangent, in [-pi/2, pi/2].

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
    >>> ng.arctan(x).backward()
    >>> x.grad
    tensor([1. , 0.5], dtype=float32)
    """
    return unary(NG_UNARY_arctan, x)


def arctan2(a, b):
    """The angle of the point ``(b, a)``: ``atan(a / b)`` in the right quadrant, in [-pi, pi].

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
