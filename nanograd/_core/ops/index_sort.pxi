# SPDX-License-Identifier: LGPL-3.0-or-later
# Sorting. Rows of the last axis are sorted; another axis is moved there and back.

@cython.no_gc
cdef class SortNode(Node):
    cdef cnp.ndarray positions       # int64, of the output's shape: where each value came from
    cdef int axis

    cdef int backward(self, Buffer dy, Run run) except -1:
        # forward: y[o, i, k] = x[o, positions[o, i, k], k], none of them twice
        cdef Node x = <Node>self.inputs[0]
        cdef Buffer map = new_buffer(<size_t>self.count * sizeof(int64_t)), dx
        check("backward", ng_index_map(<int64_t *>map.data, <const int64_t *>cnp.PyArray_DATA(self.positions), x.dims[self.axis], self.rank,
                                       self.dims, x.dims, self.axis))
        dx = begin_part(run, self, 0)
        check("backward", ng_scatter_add_flat(
            self.kind, dx.data, dy.data, <const int64_t *>map.data, product(self.dims, 0, self.axis), self.dims[self.axis],
            product(self.dims, self.axis + 1, self.rank), 0))
        return end_part(run, self, 0, dx)

    cdef int release(self) except -1:
        self.positions = None
        return 0

@cython.final
@cython.no_gc
cdef class TopkNode(SortNode):
    pass


cdef int move_axis(int kind, void *out, void *x, int rank, const int64_t *dims, int axis, bint back) except -1:
    """Axis `axis` of x (shape dims) to the end, or from there back to its place. Int64 travels as NG_F64."""
    cdef int64_t steps[8]
    cdef int64_t moved[8]
    cdef int64_t moved_steps[8]
    cdef int64_t strides[8]
    cdef int a, to
    ng_contiguous_strides(steps, rank, dims)
    for a in range(rank):
        moved[rank - 1 if a == axis else a - 1 if a > axis else a] = dims[a]
    ng_contiguous_strides(moved_steps, rank, moved)
    for a in range(rank):
        strides[a] = moved_steps[rank - 1 if a == axis else a - 1 if a > axis else a]
    if back:
        return check("sort", ng_strided_copy(kind, out, x, rank, dims, steps, strides))
    return check("sort", ng_strided_copy(kind, out, x, rank, dims, strides, steps))


cdef tuple sort_axis(str op, object operand, object axis, int64_t keep, object descending, bint wants_values, SortNode node):
    """(values or None, positions), the first `keep` (-1: all) along an axis."""
    cdef Tensor x = as_tensor(op, operand), out = None
    cdef int along = normalize_axis(op, axis, x.rank)
    cdef bint downwards = as_flag(op, "descending", descending)
    cdef int64_t dims[8]
    cdef int64_t n = x.dims[along], rows = x.count // n if n else 0
    cdef Buffer xb = read_data(x), source = xb, values, rows_positions
    cdef cnp.ndarray positions
    cdef void *to
    cdef bint moved = product(x.dims, along + 1, x.rank) != 1
    cdef int a
    if keep < 0:
        keep = n
    elif keep > n:
        raise ValueError(f"{op}: k {keep} is larger than the {n} positions of axis {along} {named_shape(x)}")
    if n > 0xffffffff:
        raise ValueError(f"{op}: at most 2**32 - 1 positions can be sorted, axis {along} has {n}")
    for a in range(x.rank):
        dims[a] = x.dims[a]
    dims[along] = keep
    positions = np.empty(shape_tuple(x.rank, dims), np.int64)
    if wants_values:
        out = new_tensor(x.kind, x.rank, dims)
    if moved:
        source = new_buffer(<size_t>x.count * ng_itemsize(x.kind))
        move_axis(x.kind, source.data, xb.data, x.rank, x.dims, along, False)
        values = new_buffer(<size_t>(rows * keep) * ng_itemsize(x.kind))
        rows_positions = new_buffer(<size_t>(rows * keep) * sizeof(int64_t))
        check(op, ng_sort_rows(x.kind, values.data, <int64_t *>rows_positions.data, source.data, rows, n, keep, downwards))
        if wants_values:
            move_axis(x.kind, new_data(out), values.data, x.rank, dims, along, True)
        move_axis(NG_F64, cnp.PyArray_DATA(positions), rows_positions.data, x.rank, dims, along, True)
    else:
        to = new_data(out) if wants_values else NULL
        check(op, ng_sort_rows(x.kind, to, <int64_t *>cnp.PyArray_DATA(positions), source.data, rows, n, keep, downwards))
    if wants_values and needs_grad(x):
        # The positions that the user gets are his to change.
        node.positions = positions.copy()
        node.axis = along
        set_inputs(node, 1)
        set_input(node, 0, x)
        link(out, node)
    return out, positions


@public(method=True, numpy="")
def sort(x, axis=-1, descending=False):
    """Sort along an axis. The sort is stable; NaN counts as the largest value.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, default -1
    descending : bool, default False
        Largest first. Equal elements keep their order in either case.

    Returns
    -------
    values : Tensor, of the shape of `x`
    indices : numpy.ndarray of int64, of the shape of `x`
        Where each value came from.

    Raises
    ------
    {AxisError}

    Notes
    -----
    The gradient of a value goes to the element that it came from, also among equal ones.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([3., 1., 2.], requires_grad=True)
    >>> values, indices = ng.sort(x)
    >>> values.tolist(), indices.tolist()
    ([1.0, 2.0, 3.0], [1, 2, 0])
    >>> (values * ng.tensor([1., 10., 100.])).sum().backward()
    >>> x.grad.tolist()
    [100.0, 1.0, 10.0]
    """
    return sort_axis("sort", x, axis, -1, descending, True, SortNode.__new__(SortNode))


@public(method=True, numpy="")
def argsort(x, axis=-1, descending=False):
    """Indices that sort along an axis: ``sort(x, axis, descending)[1]``.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, default -1
    descending : bool, default False

    Returns
    -------
    numpy.ndarray of int64, of the shape of `x`

    Raises
    ------
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.argsort(ng.tensor([3., 1., 2.])).tolist()
    [1, 2, 0]
    """
    return sort_axis("argsort", x, axis, -1, descending, False, None)[1]


@public(method=True)
def topk(x, k, axis=-1):
    """The `k` largest values along an axis, the largest first. Of equal ones, those that come first are taken; NaN counts as the largest.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, ...)
    k : int
        At most N.
    axis : int, default -1

    Returns
    -------
    values : Tensor, shape (..., k, ...)
    indices : numpy.ndarray of int64, of the same shape

    Raises
    ------
    ValueError
        If `k` is negative or larger than N.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([3., 1., 4., 1.], requires_grad=True)
    >>> values, indices = ng.topk(x, 2)
    >>> values.tolist(), indices.tolist()
    ([4.0, 3.0], [2, 0])
    >>> values.sum().backward()
    >>> x.grad.tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    cdef int64_t count = as_index("topk", "k", k)
    if count < 0:
        raise ValueError(f"topk: k must not be negative, got {count}")
    return sort_axis("topk", x, axis, count, True, True, TopkNode.__new__(TopkNode))
