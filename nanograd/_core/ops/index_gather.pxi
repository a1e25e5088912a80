# SPDX-License-Identifier: LGPL-3.0-or-later
# Reading by integer arrays: take, gather, embedding, one_hot.

@cython.no_gc
cdef class RowsNode(Node):
    """y (O, n, I) = x (O, M, I) through map (n)."""
    cdef int64_t outer, n, m, inner
    cdef int64_t padding     # a row without gradient, or -1

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx
        if self.padding >= 0:
            # The padding row's contributions must not reach the slot, which other nodes may have added to already.
            dx = zero_buffer(self.kind, self.outer * self.m * self.inner)
        else:
            dx = begin_part(run, self, 0)
        check("backward", ng_scatter_add_rows(self.kind, dx.data, dy.data, <const int64_t *>saved(self, SAVED_MAP), self.outer, self.n, self.m,
                                              self.inner))
        if self.padding < 0:
            return end_part(run, self, 0, dx)
        check("backward", ng_scatter_rows(self.kind, dx.data, NULL, &self.padding, self.outer, 1, self.m, self.inner))
        return give(run, self, 0, dx)

@cython.final
@cython.no_gc
cdef class TakeNode(RowsNode):
    pass

@cython.final
@cython.no_gc
cdef class EmbeddingNode(RowsNode):
    pass


cdef Tensor take_rows(str op, Tensor t, Buffer map, cnp.ndarray array, int axis, RowsNode node, int64_t padding=-1):
    """Axis `axis` of t replaced by the axes of `array`, whose checked positions are in `map`."""
    cdef int64_t dims[8]
    cdef int64_t outer = product(t.dims, 0, axis), inner = product(t.dims, axis + 1, t.rank), n = cnp.PyArray_SIZE(array)
    cdef int a, rank = 0, added = cnp.PyArray_NDIM(array)
    cdef Tensor out
    cdef Buffer xb = read_data(t)
    if t.rank - 1 + added > NG_MAX_NDIM:
        raise ShapeError(f"{op}: a tensor has at most {NG_MAX_NDIM} dimensions, got indices of shape {np.shape(array)} {named_shape(t)}")
    for a in range(t.rank - 1 + added):
        dims[a] = t.dims[a] if a < axis else cnp.PyArray_DIM(array, a - axis) if a < axis + added else t.dims[a - added + 1]
    rank = t.rank - 1 + added
    shape_size(op, rank, dims)
    out = new_tensor(t.kind, rank, dims)
    check(op, ng_gather_rows(t.kind, new_data(out), xb.data, <const int64_t *>map.data, outer, n, t.dims[axis], inner))
    if needs_grad(t):
        save(node, SAVED_MAP, map)
        node.outer = outer
        node.n = n
        node.m = t.dims[axis]
        node.inner = inner
        node.padding = padding
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


@public(method=True)
def take(x, indices, axis=None):
    """Elements at given positions of an axis, as `numpy.take`.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, ...)
    indices : int, list or array of integers, of any shape
        Negative ones count from the end.
    axis : int, optional
        None: `x` is flattened first.

    Returns
    -------
    Tensor
        Of the shape of `x` with N replaced by the shape of `indices`.

    Raises
    ------
    IndexError
        For an index out of range.
    DTypeError
        If the indices are not integers.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1., 2.], [3., 4.]], requires_grad=True)
    >>> ng.take(x, [0, -1]).tolist(), ng.take(x, [1, 1, 0], axis=0).tolist()
    ([1.0, 4.0], [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]])
    >>> ng.take(x, [1, 1, 0], axis=0).sum().backward()
    >>> x.grad.tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """
    cdef Tensor t = as_tensor("take", x)
    cdef int along = 0
    cdef cnp.ndarray array = integer_array("take", indices)
    if axis is None:
        if t.rank != 1:
            t = t.reshape(-1)
    else:
        along = normalize_axis("take", axis, t.rank)
    return take_rows("take", t, checked_map("take", array, t.dims[along], True, bounds_of(along, t)), array, along,
                     TakeNode.__new__(TakeNode))


@cython.final
@cython.no_gc
cdef class GatherNode(Node):
    cdef int axis            # the map has flat positions in x, and the output's shape

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = begin_part(run, self, 0)
        check("backward", ng_scatter_add_flat(
            self.kind, dx.data, dy.data, <const int64_t *>saved(self, SAVED_MAP), product(self.dims, 0, self.axis), self.dims[self.axis],
            product(self.dims, self.axis + 1, self.rank), (<Node>self.inputs[0]).count))
        return end_part(run, self, 0, dx)


@public(method=True)
def gather(x, axis, indices):
    """One element of `x` for every index: ``y[i, j, k] = x[indices[i, j, k], j, k]`` for axis 0, and likewise for others.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int
        The axis that is indexed.
    indices : array of integers, with as many axes as `x`
        It may be smaller than `x` along the other axes; negative indices count from the end.

    Returns
    -------
    Tensor, of the shape of `indices`

    Raises
    ------
    ShapeError
        If `indices` has a different number of axes, or is larger than `x` along an axis other than `axis`.
    IndexError
        For an index out of range.
    DTypeError
        If the indices are not integers.

    Examples
    --------
    >>> import nanograd as ng
    >>> import numpy as np
    >>> scores = ng.tensor([[1., 2., 3.], [4., 5., 6.]], requires_grad=True)
    >>> ng.gather(scores, 1, np.array([[2], [0]])).tolist()
    [[3.0], [4.0]]
    >>> ng.gather(scores, 1, np.array([[2], [0]])).sum().backward()
    >>> scores.grad.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    cdef Tensor t = as_tensor("gather", x), out
    cdef int along, a
    cdef int64_t dims[8]
    cdef cnp.ndarray array = integer_array("gather", indices), ready
    cdef bint fits = cnp.PyArray_NDIM(array) == t.rank
    cdef Buffer map, xb = read_data(t)
    cdef GatherNode node
    cdef int status
    if t.rank == 0:
        t = t.reshape(1)
        return gather(t, axis, array.reshape(1)).reshape(()) if fits else gather(t, axis, array)
    along = normalize_axis("gather", axis, t.rank)
    for a in range(t.rank if fits else 0):
        dims[a] = cnp.PyArray_DIM(array, a)
        fits = fits and (a == along or dims[a] <= t.dims[a])
    if not fits:
        raise ShapeError(f"gather: indices need {t.rank} axes, none longer than the tensor's except axis {along}, got shape "
                         f"{np.shape(array)} {named_shape(t)}")
    ready = as_int64(array)
    map = new_buffer(<size_t>cnp.PyArray_SIZE(ready) * sizeof(int64_t))
    status = ng_index_map(<int64_t *>map.data, <const int64_t *>cnp.PyArray_DATA(ready), t.dims[along], t.rank, dims, t.dims, along)
    if status == NG_INDEX_RANGE:
        out_of_range("gather", array, t.dims[along], True, bounds_of(along, t))
    check("gather", status)
    out = new_tensor(t.kind, t.rank, dims)
    check("gather", ng_gather_rows(t.kind, new_data(out), xb.data, <const int64_t *>map.data, 1, out.count, t.count, 1))
    if needs_grad(t):
        node = GatherNode.__new__(GatherNode)
        save(node, SAVED_MAP, map)
        node.axis = along
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


@public
def embedding(indices, weight, padding_idx=None):
    """Rows of a table, one for every index: ``y[i, j] = weight[indices[i, j]]``.

    Parameters
    ----------
    indices : array of integers, of any shape
        In [0, V).
    weight : Tensor, shape (V, D)
    padding_idx : int, optional
        The index of a row that gets no gradient.

    Returns
    -------
    Tensor, shape (*indices.shape, D)

    Raises
    ------
    IndexError
        For an index out of range, negative ones included.
    DTypeError
        If the indices are not integers.
    ShapeError
        If `weight` does not have two axes.
    ValueError
        If `padding_idx` is not the index of a row.

    Examples
    --------
    >>> import nanograd as ng
    >>> table = ng.tensor([[0., 0.], [1., 2.], [3., 4.]], requires_grad=True)
    >>> words = ng.embedding([[1, 2], [1, 0]], table, padding_idx=0)
    >>> words.tolist()
    [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [0.0, 0.0]]]
    >>> words.sum().backward()
    >>> table.grad.tolist()
    [[0.0, 0.0], [2.0, 2.0], [1.0, 1.0]]
    """
    cdef Tensor t = as_tensor("embedding", weight)
    cdef cnp.ndarray array = integer_array("embedding", indices)
    cdef int64_t padding = -1
    if t.rank != 2:
        raise ShapeError(f"embedding: weight must have shape (number of embeddings, size), got {shape_tuple(t.rank, t.dims)}")
    if padding_idx is not None:
        padding = as_index("embedding", "padding_idx", padding_idx)
        if not -t.dims[0] <= padding < t.dims[0]:
            raise ValueError(f"embedding: padding_idx {padding} is out of range for {t.dims[0]} embeddings")
        padding += t.dims[0] if padding < 0 else 0
    return take_rows("embedding", t, checked_map("embedding", array, t.dims[0], False, f"range for {t.dims[0]} embeddings"), array, 0,
                     EmbeddingNode.__new__(EmbeddingNode), padding)


@public
def one_hot(indices, num_classes, dtype=None):
    """Vectors of zeros with a one at each index.

    Parameters
    ----------
    indices : array of integers, of any shape
        In [0, num_classes).
    num_classes : int
    {dtype}

    Returns
    -------
    Tensor, shape (*indices.shape, num_classes)

    Raises
    ------
    IndexError
        For an index out of range, negative ones included.
    DTypeError
        If the indices are not integers.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.one_hot([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    cdef cnp.ndarray array = integer_array("one_hot", indices)
    cdef int kind = dtype_kind(dtype), a, rank = cnp.PyArray_NDIM(array)
    cdef int64_t dims[8]
    cdef int64_t classes
    cdef Buffer map
    cdef Tensor out
    classes = as_index("one_hot", "num_classes", num_classes)
    if classes < 0:
        raise ValueError(f"one_hot: num_classes must not be negative, got {classes}")
    if rank >= NG_MAX_NDIM:
        raise ShapeError(f"one_hot: a tensor has at most {NG_MAX_NDIM} dimensions, got indices of shape {np.shape(array)}")
    for a in range(rank):
        dims[a] = cnp.PyArray_DIM(array, a)
    dims[rank] = classes
    shape_size("one_hot", rank + 1, dims)
    map = checked_map("one_hot", array, classes, False, f"range for {classes} classes")
    out = new_tensor(kind, rank + 1, dims)
    check("one_hot", ng_one_hot(kind, new_data(out), <const int64_t *>map.data, cnp.PyArray_SIZE(array), classes))
    return out
