# SPDX-License-Identifier: LGPL-3.0-or-later
# Questions about tensors, answered by NumPy booleans.

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
    if not (relative >= 0 and absolute >= 0):
        raise ValueError(f"allclose: rtol and atol must be 0 or more, got rtol={rtol} and atol={atol}")
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


__all__ += ["allclose", "isfinite", "isinf", "isnan"]

add_methods({"allclose": allclose, "isfinite": isfinite, "isinf": isinf, "isnan": isnan})
