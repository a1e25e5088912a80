# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arithmetic, element by element: sums to arc tangents, where, clip, isnan.

Formulas and derivatives are lines of csrc/ops_unary.def and csrc/ops_binary.def, accuracy is measured by tests/test_math_accuracy.py;
one unary and one binary node (base/elementwise.pxi) serve them all.
"""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memcpy
cimport numpy as cnp
import numpy as np

from nanograd._core.base.tensor cimport *
from nanograd._core.base.tensor import public, register_numpy
from nanograd.errors import ShapeError, refuse_masked

from kernels.compare cimport NG_IS_FINITE, NG_IS_INF, NG_IS_NAN, ng_classify, ng_near
from kernels.elementwise cimport NG_DA, NG_DB, ng_broadcast_strides, ng_where_backward, ng_where_forward
from kernels.ops cimport *              # the enumerators NG_UNARY_*, NG_BINARY_*
from kernels.transpose cimport ng_contiguous_strides, ng_copy_bytes, ng_strided_copy

cnp.import_array()



@public(method=True)
def add(a, b):
    """Sum, element by element: ``a + b``, with broadcasting.

    {binary}

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.add(a, 10.0).backward()
    >>> a.grad
    tensor([1., 1.], dtype=float32)
    """
    return binary(NG_BINARY_add, a, b)


@public(method=True, numpy="subtract")
def sub(a, b):
    """Difference, element by element: ``a - b``, with broadcasting.

    {binary}

    Examples
    --------
    >>> import nanograd as ng
    >>> b = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.sub(5.0, b).backward()
    >>> b.grad
    tensor([-1., -1.], dtype=float32)
    """
    return binary(NG_BINARY_sub, a, b)


@public(method=True, numpy="multiply")
def mul(a, b):
    """Product, element by element: ``a * b``, with broadcasting.

    {binary}

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.mul(a, [3.0, 4.0]).backward()
    >>> a.grad
    tensor([3., 4.], dtype=float32)
    """
    return binary(NG_BINARY_mul, a, b)


@public(method=True, numpy="divide")
def div(a, b):
    """Quotient, element by element: ``a / b``, with broadcasting.

    {binary}

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


@public(method=True, numpy="power")
def pow(a, b):
    """Power, element by element: ``a ** b``, with broadcasting.

    {binary}

    Notes
    -----
    The derivative with respect to a is ``b * a ** (b - 1)``, 0 where b is 0; with respect to b it is ``a ** b * log(a)``, 0 where
    the power is 0, and where a and b are.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> ng.pow(a, 3).backward()
    >>> a.grad
    tensor([ 3., 12.], dtype=float32)
    """
    return power(a, b)


@public(method=True)
def safe_div(a, b, eps=1e-8):
    """Quotient that is finite where the divisor is 0: ``a / (b + eps)``, with broadcasting.

    Parameters
    ----------
    {a, b}
    eps : float, default 1e-8
        Added to the divisor.

    {broadcast}

    Notes
    -----
    The formula is the Scheme original's, with its pole: ``safe_div(a, -eps)`` divides by zero, with infinite value and gradient, and
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
    return binary(NG_BINARY_div, ta, binary(NG_BINARY_add, tb, epsilon))


@public(method=True, numpy="negative")
def neg(x):
    """Negative: ``-x``.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, -2.0], requires_grad=True)
    >>> ng.neg(x).backward()
    >>> x.grad
    tensor([-1., -1.], dtype=float32)
    """
    return unary(NG_UNARY_neg, x)


@public(method=True, numpy="absolute")
def abs(x):
    """Absolute value; the derivative at 0 is 0.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 0.0, -2.0], requires_grad=True)
    >>> ng.abs(x).backward()
    >>> x.grad
    tensor([ 1.,  0., -1.], dtype=float32)
    """
    return unary(NG_UNARY_abs, x)


@public(method=True, numpy="")
def sign(x):
    """Sign: -1, 0 or 1; NaN stays NaN. The derivative is 0 everywhere.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.sign([-2.0, 0.0, 3.0])
    tensor([-1.,  0.,  1.], dtype=float32)
    """
    return unary(NG_UNARY_sign, x)


@public(method=True)
def reciprocal(x):
    """Reciprocal: ``1 / x``; inf at 0, with the sign of the zero.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 4.0], requires_grad=True)
    >>> ng.reciprocal(x).backward()
    >>> x.grad
    tensor([-1.    , -0.0625], dtype=float32)
    """
    return unary(NG_UNARY_reciprocal, x)


def _floor_divide(a, b):
    """``a // b``, for np.floor_divide."""
    return binary(NG_BINARY_floor_divide, a, b)


def _remainder(a, b):
    """``a % b``, for np.remainder."""
    return binary(NG_BINARY_remainder, a, b)


register_numpy("floor_divide", _floor_divide)
register_numpy("remainder", _remainder)


# ---- powers, exponentials, logarithms -------------------------------------------------------------

@public(method=True)
def square(x):
    """Square: ``x * x``.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, -3.0], requires_grad=True)
    >>> ng.square(x).backward()
    >>> x.grad
    tensor([ 2., -6.], dtype=float32)
    """
    return unary(NG_UNARY_square, x)


@public(method=True)
def sqrt(x):
    """Square root; NaN below 0. The derivative at 0 is inf, but a gradient of 0 stays 0 there.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 4.0], requires_grad=True)
    >>> ng.sqrt(x).backward()
    >>> x.grad
    tensor([0.5 , 0.25], dtype=float32)
    """
    return unary(NG_UNARY_sqrt, x)


@public(method=True)
def rsqrt(x):
    """Reciprocal of the square root: ``1 / sqrt(x)``; inf at 0, NaN below.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 4.0], requires_grad=True)
    >>> ng.rsqrt(x).backward()
    >>> x.grad
    tensor([-0.5   , -0.0625], dtype=float32)
    """
    return unary(NG_UNARY_rsqrt, x)


@public(method=True)
def exp(x):
    """Exponential function ``e ** x``, within 2 ULP (float32) or 4 ULP (float64).

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0], requires_grad=True)
    >>> ng.exp(x).backward()
    >>> x.grad
    tensor([1.], dtype=float32)
    """
    return unary(NG_UNARY_exp, x)


@public(method=True, scipy="expm1")
def expm1(x):
    """Exponential minus 1, ``exp(x) - 1``: accurate for small x too.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1e-6], requires_grad=True)
    >>> ng.expm1(x).backward()
    >>> x.grad
    tensor([1.      , 1.000001], dtype=float32)
    """
    return unary(NG_UNARY_expm1, x)


@public(method=True)
def log(x):
    """Natural logarithm, within 2 ULP (float32) or 4 ULP (float64); NaN below 0 and -inf at 0.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 4.0], requires_grad=True)
    >>> ng.log(x).backward()
    >>> x.grad
    tensor([1.  , 0.25], dtype=float32)
    """
    return unary(NG_UNARY_log, x)


@public(method=True, scipy="log1p")
def log1p(x):
    """Logarithm of 1 plus x, ``log(1 + x)``: accurate for small x too. NaN below -1 and -inf at -1.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.log1p(x).backward()
    >>> x.grad
    tensor([1. , 0.5], dtype=float32)
    """
    return unary(NG_UNARY_log1p, x)


@public(method=True)
def log2(x):
    """Logarithm to base 2; NaN below 0 and -inf at 0.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 8.0], requires_grad=True)
    >>> ng.log2(x).backward()
    >>> x.grad
    tensor([1.442695  , 0.18033688], dtype=float32)
    """
    return unary(NG_UNARY_log2, x)


@public(method=True)
def log10(x):
    """Logarithm to base 10; NaN below 0 and -inf at 0.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 100.0], requires_grad=True)
    >>> ng.log10(x).backward()
    >>> x.grad
    tensor([0.4342945 , 0.00434294], dtype=float32)
    """
    return unary(NG_UNARY_log10, x)


@public(method=True, scipy="erf")
def erf(x):
    """Error function: ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.erf(x).backward()
    >>> x.grad
    tensor([1.1283792 , 0.41510752], dtype=float32)
    """
    return unary(NG_UNARY_erf, x)


# ---- trigonometric and hyperbolic -----------------------------------------------------------------

@public(method=True)
def sin(x):
    """Sine of an angle in radians, of any size.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.sin(x).backward()
    >>> x.grad
    tensor([1.       , 0.5403023], dtype=float32)
    """
    return unary(NG_UNARY_sin, x)


@public(method=True)
def cos(x):
    """Cosine of an angle in radians, of any size.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.cos(x).backward()
    >>> x.grad
    tensor([-0.        , -0.84147096], dtype=float32)
    """
    return unary(NG_UNARY_cos, x)


@public(method=True)
def tan(x):
    """Tangent of an angle in radians, of any size.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.tan(x).backward()
    >>> x.grad
    tensor([1.       , 3.4255188], dtype=float32)
    """
    return unary(NG_UNARY_tan, x)


@public(method=True)
def arctan(x):
    """Inverse tangent: an angle in radians, in [-pi/2, pi/2].

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.arctan(x).backward()
    >>> x.grad
    tensor([1. , 0.5], dtype=float32)
    """
    return unary(NG_UNARY_arctan, x)


@public(method=True)
def arctan2(a, b):
    """Angle in radians of the point with ordinate a and abscissa b: ``arctan(a / b)`` in the right quadrant, in [-pi, pi].

    {binary}

    Notes
    -----
    The derivatives are ``b / (a**2 + b**2)`` with respect to a and ``-a / (a**2 + b**2)`` with respect to b, computed without
    overflow; 0 at the origin.

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


@public(method=True)
def hypot(a, b):
    """Length of the hypotenuse of legs a and b: ``sqrt(a**2 + b**2)``, without overflow of the squares.

    {binary}

    Notes
    -----
    The derivatives are ``a / hypot(a, b)`` with respect to a and ``b / hypot(a, b)`` with respect to b; 0 at the origin.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([3.0, 1e30], requires_grad=True)
    >>> y = ng.hypot(a, [4.0, 1e30])
    >>> y
    tensor([5.0000000e+00, 1.4142135e+30], dtype=float32, grad_fn=<hypot>)
    >>> y.backward()
    >>> a.grad
    tensor([0.6      , 0.7071068], dtype=float32)
    """
    return binary(NG_BINARY_hypot, a, b)


@public(method=True)
def sinh(x):
    """Hyperbolic sine: ``(exp(x) - exp(-x)) / 2``.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.sinh(x).backward()
    >>> x.grad
    tensor([1.       , 1.5430806], dtype=float32)
    """
    return unary(NG_UNARY_sinh, x)


@public(method=True)
def cosh(x):
    """Hyperbolic cosine: ``(exp(x) + exp(-x)) / 2``.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.0, 1.0], requires_grad=True)
    >>> ng.cosh(x).backward()
    >>> x.grad
    tensor([0.       , 1.1752012], dtype=float32)
    """
    return unary(NG_UNARY_cosh, x)


# ---- rounding -------------------------------------------------------------------------------------

@public(method=True, numpy="")
def floor(x):
    """Round down, to the largest integer that is not above x. The derivative is 0 everywhere.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.floor([-1.5, 1.5])
    tensor([-2.,  1.], dtype=float32)
    """
    return unary(NG_UNARY_floor, x)


@public(method=True, numpy="")
def ceil(x):
    """Round up, to the smallest integer that is not below x. The derivative is 0 everywhere.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.ceil([-1.5, 1.5])
    tensor([-1.,  2.], dtype=float32)
    """
    return unary(NG_UNARY_ceil, x)


@public(method=True, numpy="rint")
def round(x):
    """Round to the nearest integer, to the even one if two are equally near. The derivative is 0 everywhere.

    {unary}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.round([0.5, 1.5, -1.7])
    tensor([ 0.,  2., -2.], dtype=float32)
    """
    return unary(NG_UNARY_round, x)


# ---- the larger, the smaller, one or the other ----------------------------------------------------

@public(method=True)
def maximum(a, b):
    """The larger of two elements, with broadcasting.

    {binary}

    Notes
    -----
    Where the two are equal, each gets half of the gradient. Where one is NaN, so is the result, as in NumPy.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> ng.maximum(a, 2.0).backward()
    >>> a.grad
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return binary(NG_BINARY_maximum, a, b)


@public(method=True)
def minimum(a, b):
    """The smaller of two elements, with broadcasting.

    {binary}

    Notes
    -----
    Where the two are equal, each gets half of the gradient. Where one is NaN, so is the result, as in NumPy.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> ng.minimum(a, 2.0).backward()
    >>> a.grad
    tensor([1. , 0.5, 0. ], dtype=float32)
    """
    return binary(NG_BINARY_minimum, a, b)


@public(method=True)
def clip(x, min=None, max=None):
    """Elements limited to ``[min, max]``.

    Parameters
    ----------
    {x}
    min, max : number, Tensor or array_like, optional
        None: no limit on that side.

    Returns
    -------
    Tensor
        Of the shape that x and the limits broadcast to.

    Raises
    ------
    ValueError
        If both are numbers, and min is larger than max.
    ShapeError, DTypeError
        If limits that are arrays do not fit x, as in :func:`maximum`.

    Notes
    -----
    The derivative is 1 in the closed interval and exactly 0 outside of it. With a tensor or array as a limit, value and derivative
    are those of ``minimum(maximum(x, min), max)``. NaN stays NaN.

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


@cython.final
@cython.no_gc
cdef class WhereNode(Node):
    cdef int64_t strides[8]      # of the condition

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer out
        cdef bint first = wants(run, self, NG_DA)        # asked once, see BinaryNode
        cdef int which
        for which in (NG_DB, NG_DA):
            if not (first if which == NG_DA else wants(run, self, which)):
                continue
            if which == NG_DA or not first:
                out = buffer_over(self, dy)
            else:
                out = new_buffer(<size_t>self.count * ng_itemsize(self.kind))
            check("where", ng_where_backward(self.kind, which, out.data, dy.data, <const unsigned char *>saved(self, SAVED_MAP),
                                             self.rank, self.dims, self.strides))
            give_summed(run, self, which, out)
        return 0


@public(numpy="where")
def where(cond, a, b):
    """Elements of a where a condition is true, else those of b.

    ``y[i] = a[i] if cond[i] else b[i]``, with broadcasting.

    Parameters
    ----------
    cond : array_like of bool
        A NumPy boolean array, or a comparison of tensors, which is one.
    {a, b}

    {broadcast}
    TypeError
        If cond is not boolean.

    Notes
    -----
    The gradient of the branch not taken is exactly zero, even where its value is NaN.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([-1.0, 4.0], requires_grad=True)
    >>> y = ng.where(x > 0, ng.sqrt(x), 0.0)
    >>> y
    tensor([0., 2.], dtype=float32, grad_fn=<where>)
    >>> y.backward()
    >>> x.grad
    tensor([0.  , 0.25], dtype=float32)
    """
    cdef Tensor ta, tb, out
    cdef Buffer condition, ab, bb
    cdef cnp.ndarray mask
    cdef int64_t dims[8]
    cdef int64_t both[8]
    cdef int64_t c_dims[8]
    cdef int64_t c_strides[8]
    cdef int64_t a_strides[8]
    cdef int64_t b_strides[8]
    cdef int i, kind, rank
    cdef bint graph
    cdef WhereNode node
    if isinstance(cond, Tensor):
        raise TypeError("where: the condition is a float tensor; write a comparison, such as x > 0")
    if type(cond) is not np.ndarray:
        refuse_masked("where", cond)
    mask = np.asarray(cond)
    if mask.dtype != np.bool_:
        raise TypeError(f"where: the condition must be boolean, got an array of dtype {mask.dtype}; write a comparison, such as x != 0")
    if mask.ndim > NG_MAX_NDIM:
        raise ShapeError(f"where: a tensor has at most {NG_MAX_NDIM} dimensions, got a condition of shape {np.shape(mask)}")
    kind = common_kind("where", a, b)
    ta = as_tensor("where", a, kind, False)
    tb = as_tensor("where", b, kind, False)
    for i in range(mask.ndim):
        c_dims[i] = cnp.PyArray_DIM(mask, i)
    rank = broadcast_shapes("where", ta.rank, ta.dims, tb.rank, tb.dims, both)
    rank = broadcast_shapes("where", mask.ndim, c_dims, rank, both, dims)
    shape_size("where", rank, dims)
    ng_broadcast_strides(rank, mask.ndim, c_dims, c_strides)
    ng_broadcast_strides(rank, ta.rank, ta.dims, a_strides)
    ng_broadcast_strides(rank, tb.rank, tb.dims, b_strides)
    mask = np.ascontiguousarray(mask)
    graph = (ta.wants_grad or tb.wants_grad) and grad_mode()
    if graph:
        condition = new_buffer(mask.size)
        check("where", ng_copy_bytes(condition.data, cnp.PyArray_DATA(mask), mask.size))
    else:
        condition = wrapped_buffer(cnp.PyArray_DATA(mask), mask)
    out = new_tensor(kind, rank, dims)
    ab = read_data(ta)
    bb = read_data(tb)
    check("where", ng_where_forward(kind, new_data(out), <const unsigned char *>condition.data, ab.data, bb.data, 0.0, 0.0, rank,
                                    dims, c_strides, a_strides, b_strides))
    if graph:
        node = WhereNode.__new__(WhereNode)
        node.n_inputs = 2
        save(node, SAVED_MAP, condition)
        memcpy(node.strides, c_strides, sizeof(c_strides))
        if ta.wants_grad:
            set_input(node, NG_DA, ta)
        if tb.wants_grad:
            set_input(node, NG_DB, tb)
        link(out, node)
    return out


# ---- questions, answered by NumPy booleans --------------------------------------------------------

cdef object classify(str op, int which, object operand):
    cdef Tensor x = as_tensor(op, operand)
    cdef cnp.npy_intp dims[8]
    cdef Buffer xb = read_data(x)
    cdef int i
    for i in range(x.rank):
        dims[i] = x.dims[i]
    cdef cnp.ndarray out = cnp.PyArray_SimpleNew(x.rank, dims, cnp.NPY_BOOL)
    check(op, ng_classify(x.kind, which, <unsigned char *>cnp.PyArray_DATA(out), xb.data, x.count))
    return out


@public(method=True, numpy="")
def isnan(x):
    """Which elements are NaN, as a NumPy boolean array.

    {question}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isnan([1.0, float("nan")])
    array([False,  True])
    """
    return classify("isnan", NG_IS_NAN, x)


@public(method=True, numpy="")
def isinf(x):
    """Which elements are inf or -inf, as a NumPy boolean array.

    {question}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isinf([1.0, float("-inf")])
    array([False,  True])
    """
    return classify("isinf", NG_IS_INF, x)


@public(method=True, numpy="")
def isfinite(x):
    """Which elements are neither inf nor NaN, as a NumPy boolean array.

    {question}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.isfinite([1.0, float("inf")])
    array([ True, False])
    """
    return classify("isfinite", NG_IS_FINITE, x)


cdef Tensor spelt_out(Tensor x, int rank, const int64_t *dims, int64_t count):
    """x itself if it has one element, or as many as the shape; else broadcast to it."""
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef Tensor out
    cdef Buffer xb
    if x.count == 1 or x.count == count:
        return x
    out = new_tensor(x.kind, rank, dims)
    xb = read_data(x)
    ng_broadcast_strides(rank, x.rank, x.dims, strides)
    ng_contiguous_strides(steps, rank, dims)
    check("allclose", ng_strided_copy(x.kind, new_data(out), xb.data, rank, dims, steps, strides))
    return out


@public(method=True, numpy="")
def allclose(a, b, rtol=1e-05, atol=1e-08):
    """Whether ``abs(a - b) <= atol + rtol * abs(b)`` everywhere, with broadcasting; NaN is close to nothing.

    Parameters
    ----------
    {a, b}
    rtol, atol : float, default 1e-5 and 1e-8
        The relative and the absolute tolerance.

    Returns
    -------
    bool

    Raises
    ------
    ShapeError, DTypeError
        As for :func:`add`.
    ValueError
        If a tolerance is negative.

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
    cdef Buffer ab, bb
    cdef int far = 0, rank = broadcast_shapes("allclose", ta.rank, ta.dims, tb.rank, tb.dims, dims)
    cdef int64_t count = shape_size("allclose", rank, dims)
    relative, absolute = as_real("allclose", "rtol", rtol), as_real("allclose", "atol", atol)
    if not (relative >= 0 and absolute >= 0):
        raise ValueError(f"allclose: rtol and atol must be 0 or more, got rtol={rtol} and atol={atol}")
    ta = spelt_out(ta, rank, dims, count)
    tb = spelt_out(tb, rank, dims, count)
    ab = read_data(ta)
    bb = read_data(tb)
    check("allclose", ng_near(kind, &far, ab.data, bb.data, ta.count == count, tb.count == count, relative, absolute, count))
    return far == 0
