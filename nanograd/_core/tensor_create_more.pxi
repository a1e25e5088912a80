# SPDX-License-Identifier: LGPL-3.0-or-later
# Tensors like others, and of numbers in order.

cdef object filled_like(str op, object x, double value, object dtype, object requires_grad):
    cdef Tensor t = as_tensor(op, x, -1, False)
    cdef Tensor out = new_tensor(t.kind if dtype is None else dtype_kind(dtype), t.rank, t.dims)
    check(op, ng_fill(out.kind, out.buffer.data, value, out.count))
    return with_gradient(out, requires_grad)


def zeros_like(x, dtype=None, requires_grad=False):
    """Zeros of x's shape, and of x's dtype unless another is given.

    Parameters
    ----------
    x : Tensor or array_like
    dtype : numpy.dtype, optional
        float32 or float64; None: x's.
    requires_grad : bool, default False

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    DTypeError
        For another dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.zeros_like(ng.ones(2))
    tensor([0., 0.], dtype=float32)
    """
    return filled_like("zeros_like", x, 0.0, dtype, requires_grad)


def ones_like(x, dtype=None, requires_grad=False):
    """Ones of x's shape, and of x's dtype unless another is given.

    Parameters
    ----------
    x : Tensor or array_like
    dtype : numpy.dtype, optional
        float32 or float64; None: x's.
    requires_grad : bool, default False

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    DTypeError
        For another dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.ones_like(ng.zeros(2))
    tensor([1., 1.], dtype=float32)
    """
    return filled_like("ones_like", x, 1.0, dtype, requires_grad)


def full_like(x, fill_value, dtype=None, requires_grad=False):
    """One number in x's shape, and in x's dtype unless another is given.

    Parameters
    ----------
    x : Tensor or array_like
    fill_value : number or array_like
    dtype : numpy.dtype, optional
        float32 or float64; None: x's.
    requires_grad : bool, default False

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If fill_value does not broadcast to x's shape.
    DTypeError
        For another dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.full_like(ng.zeros(2), 5)
    tensor([5., 5.], dtype=float32)
    """
    if is_number(fill_value):
        return filled_like("full_like", x, float(fill_value), dtype, requires_grad)
    t = as_tensor("full_like", x, -1, False)
    return full(t.shape, fill_value, dtype or t.dtype, requires_grad)


cdef object made_by_numpy(object function, tuple args, object dtype, object requires_grad):
    # In float64, then rounded once.
    return with_gradient(array_tensor(function.__name__, function(*args, dtype=np.float64), dtype_kind(dtype), True), requires_grad)


def eye(N, M=None, k=0, dtype=None, requires_grad=False):
    """A matrix with ones on the k-th diagonal and zeros elsewhere, of shape (N, M).

    Parameters
    ----------
    N : int
        Rows.
    M : int, optional
        Columns; None: N.
    k : int, default 0
        Which diagonal: positive ones lie above the main one.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    requires_grad : bool, default False

    Returns
    -------
    Tensor, shape (N, M)

    Raises
    ------
    DTypeError
        For another dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.eye(2)
    tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    rows = as_index("eye", "N", N)
    return made_by_numpy(np.eye, (rows, rows if M is None else as_index("eye", "M", M), as_index("eye", "k", k)), dtype, requires_grad)


def arange(start, stop=None, step=1, dtype=None, requires_grad=False):
    """Numbers from start (0 if only one argument is given) up to but without stop, as floats.

    Parameters
    ----------
    start, stop, step : number
        As for ``numpy.arange``; step is not 0.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    requires_grad : bool, default False

    Returns
    -------
    Tensor, shape (ceil((stop - start) / step),)

    Raises
    ------
    ZeroDivisionError
        If step is 0.
    DTypeError
        For another dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.arange(3)
    tensor([0., 1., 2.], dtype=float32)
    """
    if stop is None:
        start, stop = 0, start
    cdef double first = as_real("arange", "start", start), last = as_real("arange", "stop", stop), by = as_real("arange", "step", step)
    for name, value in (("start", first), ("stop", last), ("step", by)):
        if value != value:
            raise ValueError(f"arange: {name} is NaN")
    # (NumPy answers with no elements where they are 2**63.)
    if by != 0 and last / by - first / by > 2.0 ** 59:
        raise ShapeError(f"arange: from {shown(start)} to {shown(stop)} by {shown(step)} are too many elements")
    return made_by_numpy(np.arange, (start, stop, step), dtype, requires_grad)


def linspace(start, stop, num=50, endpoint=True, dtype=None, requires_grad=False):
    """``num`` evenly spaced numbers from start to stop, with stop unless ``endpoint=False``.

    Parameters
    ----------
    start, stop : number
    num : int, default 50
    endpoint : bool, default True
        Whether stop is the last one.
    dtype : numpy.dtype, optional
        float32 or float64; None: ``get_default_dtype()``.
    requires_grad : bool, default False

    Returns
    -------
    Tensor, shape (num,)

    Raises
    ------
    ValueError
        For a negative num.
    DTypeError
        For another dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    if not is_number(start):
        start = as_array("linspace", start)
    if not is_number(stop):
        stop = as_array("linspace", stop)
    with np.errstate(all="ignore"):
        values = np.linspace(start, stop, as_index("linspace", "num", num), as_flag("linspace", "endpoint", endpoint), dtype=np.float64)
    return with_gradient(array_tensor("linspace", values, dtype_kind(dtype), True), requires_grad)
