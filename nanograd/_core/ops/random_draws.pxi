# SPDX-License-Identifier: LGPL-3.0-or-later
# Draws.

cdef double finite(str op, str what, object value) except? -1:
    cdef double number = as_real(op, what, value)
    if not isfinite(number):
        raise ValueError(f"{op}: {what} must be finite, got {number}")
    return number


cdef Tensor draw(str op, tuple shape, object dtype, object requires_grad, object generator, bint is_normal, double offset, double scale):
    cdef int64_t dims[8]
    cdef int rank = parse_shape(op, shape, dims)
    return draw_into(op, rank, dims, dtype_kind(dtype), requires_grad, generator, is_normal, offset, scale)


cdef Tensor draw_into(str op, int rank, const int64_t *dims, int kind, object requires_grad, object generator, bint is_normal,
                      double offset, double scale):
    cdef Buffer stream
    cdef Tensor out
    shape_size(op, rank, dims)
    if kind == NG_F32 and (fabs(offset) > FLT_MAX or scale > FLT_MAX or (not is_normal and offset + scale > FLT_MAX)):
        what = "mean and std" if is_normal else "low, high and their difference"
        raise ValueError(f"{op}: {what} must be finite in float32: write dtype=ng.float64, or smaller numbers")
    out = new_tensor(kind, rank, dims)
    stream = take_stream(op, generator, ng_random_blocks(out.count, ng_random_per_group(kind)))
    if is_normal:
        check(op, ng_random_normal(kind, new_data(out), <const ng_stream *>stream.data, offset, scale, out.count))
    else:
        check(op, ng_random_uniform(kind, new_data(out), <const ng_stream *>stream.data, offset, scale, out.count))
    out.requires_grad = requires_grad
    return out


@public
def rand(*shape, dtype=None, requires_grad=False, generator=None):
    """Numbers from the uniform distribution over [0, 1).

    Parameters
    ----------
    *shape : int, or one tuple of ints
    {dtype}
    {requires_grad}
    {generator}

    Returns
    -------
    Tensor, of shape `shape`

    Raises
    ------
    {ShapeError}
    {DTypeError}

    Notes
    -----
    The numbers come from Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
    SC 2011. They are the same on every machine, and multiples of 2**-24 (float32) or 2**-53 (float64).

    Examples
    --------
    >>> import nanograd as ng
    >>> _ = ng.manual_seed(0)
    >>> ng.rand(2)
    tensor([0.39904642, 0.97224116], dtype=float32)
    >>> weight = ng.rand(3, 2, requires_grad=True)
    >>> weight.sum().backward()
    >>> weight.grad.tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    return draw("rand", shape, dtype, requires_grad, generator, False, 0.0, 1.0)


@public
def randn(*shape, dtype=None, requires_grad=False, generator=None):
    """Numbers from the standard normal distribution.

    Parameters
    ----------
    *shape : int, or one tuple of ints
    {dtype}
    {requires_grad}
    {generator}

    Returns
    -------
    Tensor, of shape `shape`

    Raises
    ------
    {ShapeError}
    {DTypeError}

    Notes
    -----
    Pairs of uniform numbers are transformed as by G. Box and M. Muller, "A note on the generation of random normal deviates", 1958,
    with ``+ - * /`` and square roots alone, so that the numbers are the same on every machine.

    Examples
    --------
    >>> import nanograd as ng
    >>> _ = ng.manual_seed(0)
    >>> ng.randn(2, dtype=ng.float64).shape
    (2,)
    """
    return draw("randn", shape, dtype, requires_grad, generator, True, 0.0, 1.0)


@public
def uniform(low, high, shape, dtype=None, requires_grad=False, generator=None):
    """Numbers from the uniform distribution over [low, high).

    Parameters
    ----------
    low, high : float
    shape : int or tuple of ints
    {dtype}
    {requires_grad}
    {generator}

    Returns
    -------
    Tensor, of shape `shape`
        ``low + (high - low) * rand(shape)``, which may be rounded up to `high` itself.

    Raises
    ------
    ValueError
        If `low` is larger than `high`, or one of them or their difference is not finite in the dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.uniform(-1, 1, (100, 100))
    >>> bool((x >= -1).all() and (x <= 1).all())
    True
    """
    cdef double a = finite("uniform", "low", low), b = finite("uniform", "high", high)
    if a > b or not isfinite(b - a):
        raise ValueError(f"uniform: low must not be larger than high, nor their difference infinite, got low {low} and high {high}")
    return draw("uniform", (shape,), dtype, requires_grad, generator, False, a, b - a)


@public
def normal(mean, std, shape, dtype=None, requires_grad=False, generator=None):
    """Numbers from a normal distribution.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation, which is not negative.
    shape : int or tuple of ints
    {dtype}
    {requires_grad}
    {generator}

    Returns
    -------
    Tensor, of shape `shape`

    Raises
    ------
    ValueError
        If `std` is negative, or one of the two is not finite in the dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> _ = ng.manual_seed(1)
    >>> abs(float(ng.normal(5, 0.1, 1000).mean()) - 5) < 0.02
    True
    """
    cdef double m = finite("normal", "mean", mean), s = finite("normal", "std", std)
    if s < 0:
        raise ValueError(f"normal: std must not be negative, got {std}")
    return draw("normal", (shape,), dtype, requires_grad, generator, True, m, s)


cdef Tensor like(str op, object x, object dtype, object requires_grad, object generator, bint is_normal):
    cdef Tensor t = as_tensor(op, x, -1, False)
    return draw_into(op, t.rank, t.dims, t.kind if dtype is None else dtype_kind(dtype), requires_grad, generator, is_normal, 0.0, 1.0)


@public
def rand_like(x, dtype=None, requires_grad=False, generator=None):
    """Numbers as :func:`rand` draws them, of the shape of `x` and, unless another is given, its dtype.

    Parameters
    ----------
    x : Tensor or array_like
    {dtype of x}
    {requires_grad}
    {generator}

    Returns
    -------
    Tensor, of the shape of `x`

    Raises
    ------
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.rand_like(ng.zeros((2, 3))).shape
    (2, 3)
    """
    return like("rand_like", x, dtype, requires_grad, generator, False)


@public
def randn_like(x, dtype=None, requires_grad=False, generator=None):
    """Numbers as :func:`randn` draws them, of the shape of `x` and, unless another is given, its dtype.

    Parameters
    ----------
    x : Tensor or array_like
    {dtype of x}
    {requires_grad}
    {generator}

    Returns
    -------
    Tensor, of the shape of `x`

    Raises
    ------
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2.])
    >>> noisy = x + 0.1 * ng.randn_like(x)
    >>> noisy.shape
    (2,)
    """
    return like("randn_like", x, dtype, requires_grad, generator, True)


@public
def randint(low, high, shape, generator=None):
    """Integers from [low, high), each equally likely.

    Parameters
    ----------
    low, high : int
    shape : int or tuple of ints
    {generator}

    Returns
    -------
    numpy.ndarray of int64, of shape `shape`

    Raises
    ------
    ValueError
        If there is no integer in [low, high), or these do not fit into int64.

    Examples
    --------
    >>> import nanograd as ng
    >>> dice = ng.randint(1, 7, 1000)
    >>> int(dice.min()), int(dice.max())
    (1, 6)
    """
    cdef int64_t dims[8]
    cdef int rank = parse_shape("randint", (shape,), dims)
    cdef int64_t n, first
    cdef uint64_t span
    cdef Buffer stream
    cdef cnp.ndarray out
    below, above = to_int("randint", "low", low), to_int("randint", "high", high)
    if not -(1 << 63) <= below < above <= 1 << 63:
        raise ValueError(f"randint: low must be less than high, both in the range of int64, got low {below} and high {above}")
    n = shape_size("randint", rank, dims)
    first = below
    span = (above - below) & 0xffffffffffffffff          # 0 stands for 2**64
    out = np.empty(shape_tuple(rank, dims), np.int64)
    stream = take_stream("randint", generator, ng_random_blocks(n, ng_integers_per_group(span)))
    check("randint", ng_random_integers(<int64_t *>cnp.PyArray_DATA(out), <const ng_stream *>stream.data, first, span, n))
    return out


@public
def randperm(n, generator=None):
    """The integers from 0 to n - 1 in random order, each order equally likely.

    Parameters
    ----------
    n : int
        At most 2**32.
    {generator}

    Returns
    -------
    numpy.ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        If `n` is negative or too large.

    Examples
    --------
    >>> import nanograd as ng
    >>> sorted(ng.randperm(5).tolist())
    [0, 1, 2, 3, 4]
    """
    cdef int64_t count
    cdef Buffer stream
    cdef cnp.ndarray out
    n = to_int("randperm", "n", n)
    if not 0 <= n <= 1 << 32:
        raise ValueError(f"randperm: n must be in [0, 2**32], got {n}")
    count = n
    out = np.empty(count, np.int64)
    stream = take_stream("randperm", generator, ng_random_blocks(count, 64))
    check("randperm", ng_random_permutation(<int64_t *>cnp.PyArray_DATA(out), <const ng_stream *>stream.data, count))
    return out


@public
def categorical(logits, axis=-1, generator=None):
    """A class for every position, drawn with the probabilities ``softmax(logits, axis)``.

    Parameters
    ----------
    logits : Tensor, shape (..., C, ...)
        Unnormalised log-probabilities; -inf excludes a class.
    axis : int, default -1
        The axis of the classes.
    {generator}

    Returns
    -------
    numpy.ndarray of int64
        Of the shape of `logits` without `axis`; a 0-d array if that leaves no axes.

    Raises
    ------
    ValueError
        If there are no classes, or logits that give no probabilities: NaN, +inf, or nothing but -inf.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> import numpy as np
    >>> _ = ng.manual_seed(0)
    >>> draws = ng.categorical(ng.log(ng.tensor([[0.1, 0.9]] * 1000)))
    >>> draws.shape, 870 < int(draws.sum()) < 930
    ((1000,), True)
    """
    cdef Tensor x = as_tensor("categorical", logits, -1, False)
    cdef int along = normalize_axis("categorical", axis, x.rank)
    cdef int order[8]
    cdef int64_t dims[8]
    cdef int64_t n = x.dims[along], rows = 1
    cdef Buffer source
    cdef Buffer stream
    cdef cnp.ndarray out
    cdef int a, i = 0, status
    for a in range(x.rank):
        if a != along:
            dims[i] = x.dims[a]
            rows *= dims[i]
            order[i] = a
            i += 1
    order[i] = along
    out = np.empty(shape_tuple(x.rank - 1, dims), np.int64)
    if n == 0 and rows:
        raise ValueError(f"categorical: axis {along} has no classes (logits {shape_tuple(x.rank, x.dims)})")
    if rows and along != x.rank - 1:
        x = transpose_axes(x.detach(), order)
    source = read_data(x)
    stream = take_stream("categorical", generator, ng_random_blocks(rows, 16))
    status = ng_random_categorical(x.kind, <int64_t *>cnp.PyArray_DATA(out), source.data, <const ng_stream *>stream.data, rows, n)
    if status == NG_INDEX_RANGE:
        raise ValueError("categorical: logits define no probabilities: they hold NaN or +inf, or nothing but -inf "
                         f"(logits {(<Tensor>as_tensor('categorical', logits)).shape})")
    check("categorical", status)
    return out
