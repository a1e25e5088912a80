# SPDX-License-Identifier: LGPL-3.0-or-later
# Results that share the memory of their operand.

@cython.no_gc
cdef class ViewNode(Node):
    cdef int backward(self, Buffer dy, Run run) except -1:
        return give(run, self, 0, dy)


@cython.no_gc
cdef class PartNode(Node):
    cdef int backward(self, Buffer dy, Run run) except -1:
        return give_part(run, self, 0, dy, self.offset, self.count)


# One class per operation, because grad_fn names it.
@cython.final
@cython.no_gc
cdef class ReshapeNode(ViewNode):
    pass

@cython.final
@cython.no_gc
cdef class FlattenNode(ViewNode):
    pass

@cython.final
@cython.no_gc
cdef class SqueezeNode(ViewNode):
    pass

@cython.final
@cython.no_gc
cdef class UnsqueezeNode(ViewNode):
    pass

@cython.final
@cython.no_gc
cdef class NarrowNode(PartNode):
    pass


cdef Tensor view_of(Tensor x, int rank, const int64_t *dims, int64_t offset, Node node):
    cdef Tensor out
    cdef Buffer xb = read_data(x)
    if ng_count(rank, dims) != x.count:
        xb = view_buffer(xb, <size_t>offset * ng_itemsize(x.kind))
    out = wrap_buffer(xb, x.kind, rank, dims)
    if node is not None:
        set_inputs(node, 1)
        set_input(node, 0, x)
        link(out, node)
    return out


@public(method=True, numpy="")
def reshape(x, *shape):
    """The same elements in another shape, in C order. The result shares the memory of `x`.

    Parameters
    ----------
    x : Tensor or array_like
    *shape : int, or one tuple of ints
        The new shape, with as many elements as `x`; one entry may be -1 and is then inferred. ``()`` is 0-d.

    Returns
    -------
    Tensor, of shape `shape`

    Raises
    ------
    ShapeError
        If the number of elements differs, or more than one entry is -1.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1., 2., 3.], [4., 5., 6.]], requires_grad=True)
    >>> ng.reshape(x, 3, -1).tolist()
    [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    >>> x.reshape(6)[1:3].sum().backward()
    >>> x.grad.tolist()
    [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    cdef Tensor t = as_tensor("reshape", x)
    cdef int64_t dims[8]
    cdef int rank = parse_shape("reshape", shape, dims, True)
    cdef int64_t known = 1
    cdef int a, unknown = -1
    for a in range(rank):
        if dims[a] >= 0:
            continue
        if unknown >= 0:
            raise ShapeError(f"reshape: only one entry of the shape may be -1, got {shape_tuple(rank, dims)} {named_shape(t)}")
        unknown = a
    if unknown >= 0:
        dims[unknown] = 1
        known = shape_size("reshape", rank, dims)
        dims[unknown] = -1
        if known == 0 or t.count % known != 0:
            raise ShapeError(f"reshape: cannot fit {t.count} elements of shape {shape_tuple(t.rank, t.dims)} into "
                             f"{shape_tuple(rank, dims)}")
        dims[unknown] = t.count // known
    elif shape_size("reshape", rank, dims) != t.count:
        raise ShapeError(f"reshape: cannot reshape {shape_tuple(t.rank, t.dims)} with {t.count} elements into "
                         f"{shape_tuple(rank, dims)} with {shape_size('reshape', rank, dims)}")
    return view_of(t, rank, dims, 0, ReshapeNode.__new__(ReshapeNode) if needs_grad(t) else None)


@public(method=True, numpy="ravel")
def flatten(x, start_axis=0, end_axis=-1):
    """Merge the axes from `start_axis` to `end_axis`, inclusive, into one. The result shares the memory of `x`.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., A, ..., B, ...)
    start_axis, end_axis : int
        Negative ones count from the end. By default all axes are merged; a 0-d tensor becomes 1-d.

    Returns
    -------
    Tensor, shape (..., A * ... * B, ...)

    Raises
    ------
    {AxisError}
    ValueError
        If `start_axis` comes after `end_axis`.

    Examples
    --------
    >>> import nanograd as ng
    >>> images = ng.zeros((8, 3, 4, 4), requires_grad=True)
    >>> ng.flatten(images, 1).shape
    (8, 48)
    >>> images.flatten().sum().backward()
    >>> images.grad.shape
    (8, 3, 4, 4)
    """
    cdef Tensor t = as_tensor("flatten", x)
    cdef int64_t dims[8]
    cdef int a, rank, first, last, axes = t.rank if t.rank else 1
    first = normalize_axis("flatten", start_axis, axes)
    last = normalize_axis("flatten", end_axis, axes)
    if first > last:
        raise ValueError(f"flatten: start_axis {start_axis} comes after end_axis {end_axis} {named_shape(t)}")
    rank = axes - (last - first)
    for a in range(rank):
        if a < first:
            dims[a] = t.dims[a]
        elif a == first:
            dims[a] = product(t.dims, first, last + 1) if t.rank else 1
        else:
            dims[a] = t.dims[a + last - first]
    return view_of(t, rank, dims, 0, FlattenNode.__new__(FlattenNode) if needs_grad(t) else None)


@public(method=True)
def squeeze(x, axis=None):
    """Remove axes of size 1. The result shares the memory of `x`.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or tuple of ints, optional
        The axes to remove. None: all of size 1.

    Returns
    -------
    Tensor, without those axes

    Raises
    ------
    ShapeError
        If one of the given axes has another size.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.zeros((1, 3, 1), requires_grad=True)
    >>> ng.squeeze(x).shape, ng.squeeze(x, -1).shape
    ((3,), (1, 3))
    >>> x.squeeze().sum().backward()
    >>> x.grad.tolist()
    [[[1.0], [1.0], [1.0]]]
    """
    cdef Tensor t = as_tensor("squeeze", x)
    cdef int64_t dims[8]
    cdef unsigned int removed = 0
    cdef int a, rank = 0
    if axis is None:
        for a in range(t.rank):
            if t.dims[a] == 1:
                removed |= 1u << a
    else:
        for item in axis if isinstance(axis, (tuple, list)) else (axis,):
            a = normalize_axis("squeeze", item, t.rank)
            if t.dims[a] != 1:
                raise ShapeError(f"squeeze: axis {item} has size {t.dims[a]}, not 1 {named_shape(t)}")
            if removed >> a & 1:
                raise ValueError(f"squeeze: axis {item} is given twice, got {axis}")
            removed |= 1u << a
    for a in range(t.rank):
        if not removed >> a & 1:
            dims[rank] = t.dims[a]
            rank += 1
    return view_of(t, rank, dims, 0, SqueezeNode.__new__(SqueezeNode) if needs_grad(t) else None)


@public(method=True, numpy="expand_dims")
def unsqueeze(x, axis):
    """Insert an axis of size 1. The result shares the memory of `x`.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int
        The position of the new axis in the result.

    Returns
    -------
    Tensor, with one more axis

    Raises
    ------
    {AxisError}
    ShapeError
        If the result would have more than 8 axes.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.zeros(3, requires_grad=True)
    >>> ng.unsqueeze(x, 0).shape, x.unsqueeze(-1).shape
    ((1, 3), (3, 1))
    >>> x.unsqueeze(0).sum().backward()
    >>> x.grad.tolist()
    [1.0, 1.0, 1.0]
    """
    cdef Tensor t = as_tensor("unsqueeze", x)
    cdef int64_t dims[8]
    cdef int a, new
    if t.rank == NG_MAX_NDIM:
        raise ShapeError(f"unsqueeze: a tensor has at most {NG_MAX_NDIM} dimensions {named_shape(t)}")
    new = normalize_axis("unsqueeze", axis, t.rank + 1)
    for a in range(t.rank + 1):
        dims[a] = 1 if a == new else t.dims[a if a < new else a - 1]
    return view_of(t, t.rank + 1, dims, 0, UnsqueezeNode.__new__(UnsqueezeNode) if needs_grad(t) else None)


cdef Tensor narrowed(str op, Tensor t, int axis, object start, object length):
    """Positions [start, start + length) of an axis: a view where that is one run of memory."""
    cdef int64_t dims[8]
    cdef int64_t strides[8]
    cdef int64_t first = as_index(op, "start", start), n = as_index(op, "length", length), limit = t.dims[axis]
    cdef int a
    cdef NarrowNode node = None
    if first < 0:
        first += limit
    if n < 0 or first < 0 or first > limit or n > limit - first:
        raise IndexError(f"{op}: start {start} and length {length} do not lie within the {limit} positions of axis {axis} "
                         f"{named_shape(t)}")
    for a in range(t.rank):
        dims[a] = t.dims[a]
    dims[axis] = n
    ng_contiguous_strides(strides, t.rank, t.dims)
    if product(t.dims, 0, axis) == 1:
        if needs_grad(t):
            node = NarrowNode.__new__(NarrowNode)
            node.offset = first * strides[axis]
        return view_of(t, t.rank, dims, first * strides[axis], node)
    return strided_copy(op, t, t.rank, dims, strides, first * strides[axis],
                        NarrowCopyNode.__new__(NarrowCopyNode) if needs_grad(t) else None)


@public(method=True)
def narrow(x, axis, start, length):
    """Positions ``start`` up to, but not including, ``start + length`` of one axis.

    Along the first axis the result shares the memory of `x`. The gradients of several parts of one tensor are added to its
    gradient in place: the cost is that of the parts, not of the whole.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, ...)
    axis, start, length : int
        A negative `axis` or `start` counts from the end.

    Returns
    -------
    Tensor, shape (..., length, ...)

    Raises
    ------
    IndexError
        If the part does not lie within the axis, or x does not have such an axis.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1., 2., 3.], [4., 5., 6.]], requires_grad=True)
    >>> part = ng.narrow(x, 1, 1, 2)
    >>> part.tolist()
    [[2.0, 3.0], [5.0, 6.0]]
    >>> part.sum().backward()
    >>> x.grad.tolist()
    [[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """
    cdef Tensor t = as_tensor("narrow", x)
    return narrowed("narrow", t, normalize_axis("narrow", axis, t.rank), start, length)


@public(method=True)
def slice(x, start, length):
    """Positions ``start`` up to, but not including, ``start + length`` of the first axis. The result shares the memory of `x`.

    Parameters
    ----------
    x : Tensor or array_like, shape (N, ...)
    start, length : int
        A negative `start` counts from the end.

    Returns
    -------
    Tensor, shape (length, ...)

    Raises
    ------
    IndexError
        If the part does not lie within the axis, or `x` is 0-d.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3., 4.], requires_grad=True)
    >>> ng.slice(x, 1, 2).tolist()
    [2.0, 3.0]
    >>> ng.slice(x, 1, 2).sum().backward()
    >>> x.grad.tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    cdef Tensor t = as_tensor("slice", x)
    return narrowed("slice", t, normalize_axis("slice", 0, t.rank), start, length)
