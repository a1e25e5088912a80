# SPDX-License-Identifier: LGPL-3.0-or-later
# Copies that reverse, shift, cut triangles or pick diagonals.

@cython.final
@cython.no_gc
cdef class FlipNode(StridedNode):
    pass

@cython.final
@cython.no_gc
cdef class DiagonalNode(StridedNode):
    pass


@public(method=True, numpy="")
def flip(x, axis=-1):
    """Reverse the order of the elements along axes.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or tuple of ints, default -1

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3.], requires_grad=True)
    >>> ng.flip(x).tolist()
    [3.0, 2.0, 1.0]
    >>> (ng.flip(x) * ng.tensor([1., 0., 0.])).sum().backward()
    >>> x.grad.tolist()
    [0.0, 0.0, 1.0]
    """
    cdef Tensor t = as_tensor("flip", x)
    cdef int64_t strides[8]
    cdef int64_t offset = 0
    cdef unsigned int seen = 0
    cdef int a
    ng_contiguous_strides(strides, t.rank, t.dims)
    for item in axis if isinstance(axis, (tuple, list)) else (axis,):
        a = normalize_axis("flip", item, t.rank)
        if seen >> a & 1:
            raise ValueError(f"flip: axis {item} is given twice, got {axis}")
        seen |= 1u << a
        if t.dims[a] > 0:
            offset += (t.dims[a] - 1) * strides[a]
        strides[a] = -strides[a]
    return strided_copy("flip", t, t.rank, t.dims, strides, offset, FlipNode.__new__(FlipNode) if needs_grad(t) else None)


@cython.final
@cython.no_gc
cdef class RollNode(Node):
    cdef int64_t shifts[8]   # 0 <= shift < size

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef int64_t back[8]
        cdef int a
        for a in range(self.rank):
            back[a] = self.dims[a] - self.shifts[a] if self.shifts[a] else 0
        return give(run, self, 0, rolled(self.kind, dy, self.rank, self.dims, back))


cdef Buffer rolled(int kind, Buffer x, int rank, const int64_t *dims, const int64_t *shifts):
    """An axis at a time."""
    cdef int64_t count = product(dims, 0, rank), inner = 1, outer
    cdef Buffer out
    cdef int a
    cdef bint fresh = False
    for a in range(rank - 1, -1, -1):
        if shifts[a] or (a == 0 and not fresh):
            out = new_buffer(<size_t>count * ng_itemsize(kind))
            outer = product(dims, 0, a)
            check("roll", ng_roll(kind, out.data, x.data, outer, dims[a] * inner, shifts[a] * inner))
            x = out
            fresh = True
        inner *= dims[a]
    return x


@public(method=True, numpy="")
def roll(x, shift, axis=-1):
    """Shift the elements along axes; those shifted out at one end come in at the other.

    Parameters
    ----------
    x : Tensor or array_like
    shift : int or tuple of ints
        By how many positions, towards higher indices; a negative shift goes the other way.
    axis : int or tuple of ints, default -1
        The axis of each shift; one shift may go along several axes.

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    {AxisError}
    ValueError
        If there are several shifts, and not as many axes.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3., 4.], requires_grad=True)
    >>> ng.roll(x, 1).tolist()
    [4.0, 1.0, 2.0, 3.0]
    >>> ng.roll(x, 1)[0].backward()
    >>> x.grad.tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    cdef Tensor t = as_tensor("roll", x)
    cdef int64_t shifts[8]
    cdef int a
    cdef Tensor out
    cdef Buffer xb = read_data(t)
    cdef RollNode node
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    amounts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(axes) != len(amounts):
        raise ValueError(f"roll: expected one shift for each axis, got shift {shown(shift)} and axis {shown(axis)}")
    memset(shifts, 0, sizeof(shifts))
    for amount, item in zip(amounts, axes):
        a = normalize_axis("roll", item, t.rank)
        if t.dims[a] > 0:
            shifts[a] = (shifts[a] + as_index("roll", "shift", amount) % <object>t.dims[a]) % <object>t.dims[a]
        else:
            as_index("roll", "shift", amount)
    out = wrap_buffer(rolled(t.kind, xb, t.rank, t.dims, shifts), t.kind, t.rank, t.dims)
    if needs_grad(t):
        node = RollNode.__new__(RollNode)
        node.shifts = shifts
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


@cython.no_gc
cdef class TriangleNode(Node):
    cdef bint upper
    cdef int64_t k

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        cdef int64_t n = self.dims[self.rank - 2], m = self.dims[self.rank - 1]
        check("backward", ng_triangle(self.kind, dx.data, dy.data, self.upper, self.k, product(self.dims, 0, self.rank - 2), n, m))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class TrilNode(TriangleNode):
    pass

@cython.final
@cython.no_gc
cdef class TriuNode(TriangleNode):
    pass


cdef Tensor triangle(str op, object x, bint upper, object k):
    cdef Tensor t = as_tensor(op, x)
    cdef int64_t diagonal = as_index(op, "k", k)
    cdef Tensor out
    cdef Buffer xb = read_data(t)
    cdef TriangleNode node
    if t.rank < 2:
        raise ShapeError(f"{op}: needs a matrix or a batch of them {named_shape(t)}")
    out = new_tensor(t.kind, t.rank, t.dims)
    check(op, ng_triangle(t.kind, new_data(out), xb.data, upper, diagonal, product(t.dims, 0, t.rank - 2), t.dims[t.rank - 2],
                          t.dims[t.rank - 1]))
    if needs_grad(t):
        node = TriuNode.__new__(TriuNode) if upper else TrilNode.__new__(TrilNode)
        node.upper = upper
        node.k = diagonal
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


@public(method=True)
def tril(x, k=0):
    """Lower triangle of matrices: elements above diagonal `k` become 0.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, M)
    k : int, default 0
        The last diagonal that is kept; 0 is the main one, positive ones lie above it.

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If `x` has fewer than 2 axes.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.ones((3, 3), requires_grad=True)
    >>> ng.tril(x).sum().backward()
    >>> x.grad.tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    return triangle("tril", x, False, k)


@public(method=True)
def triu(x, k=0):
    """Upper triangle of matrices: elements below diagonal `k` become 0.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, M)
    k : int, default 0
        The first diagonal that is kept; 0 is the main one, positive ones lie above it.

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If `x` has fewer than 2 axes.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.ones((3, 3), requires_grad=True)
    >>> ng.triu(x, 1).sum().backward()
    >>> x.grad.tolist()
    [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    return triangle("triu", x, True, k)


@public(method=True)
def diagonal(x, k=0):
    """Diagonal of the first two axes, which becomes the last axis of the result, as in `numpy.diagonal`.

    Parameters
    ----------
    x : Tensor or array_like, shape (N, M, ...)
    k : int, default 0
        0 is the main diagonal, positive ones lie above it.

    Returns
    -------
    Tensor, shape (..., K)
        With K the length of the diagonal, which may be 0.

    Raises
    ------
    ShapeError
        If `x` has fewer than 2 axes.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1., 2.], [3., 4.]], requires_grad=True)
    >>> ng.diagonal(x).tolist(), ng.diagonal(x, 1).tolist()
    ([1.0, 4.0], [2.0])
    >>> ng.diagonal(x).sum().backward()
    >>> x.grad.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    cdef Tensor t = as_tensor("diagonal", x)
    cdef int64_t dims[8]
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef int64_t first = as_index("diagonal", "k", k), length, offset
    cdef int a
    if t.rank < 2:
        raise ShapeError(f"diagonal: needs at least 2 axes {named_shape(t)}")
    ng_contiguous_strides(steps, t.rank, t.dims)
    for a in range(2, t.rank):
        dims[a - 2] = t.dims[a]
        strides[a - 2] = steps[a]
    length = min(t.dims[0], t.dims[1] - first) if first >= 0 else min(t.dims[0] + first, t.dims[1])
    dims[t.rank - 2] = max(length, <int64_t>0)
    strides[t.rank - 2] = steps[0] + steps[1]
    offset = first * steps[1] if first >= 0 else -first * steps[0]
    return strided_copy("diagonal", t, t.rank - 1, dims, strides, offset if length > 0 else 0,
                        DiagonalNode.__new__(DiagonalNode) if needs_grad(t) else None)
