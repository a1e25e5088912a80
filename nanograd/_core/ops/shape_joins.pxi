# SPDX-License-Identifier: LGPL-3.0-or-later
# Joining tensors, and cutting them up.

# ---- joining ------------------------------------------------------------------------------------
# All of an operation's tensors are seen as (O, n, I): outer positions, the n_j positions that tensor j contributes, inner elements.

cdef int copy_block(int kind, void *joined, const void *part, bint to_part, int64_t outer, int64_t n, int64_t total, int64_t first,
                    int64_t inner):
    """part (O, n, I) <-> positions [first, first + n) of joined (O, total, I)."""
    cdef int64_t dims[2]
    cdef int64_t joined_steps[2]
    cdef int64_t part_steps[2]
    dims[0] = outer
    dims[1] = n * inner
    joined_steps[0] = total * inner
    part_steps[0] = n * inner
    joined_steps[1] = part_steps[1] = 1
    joined = at(joined, kind, first * inner)
    if to_part:
        return ng_strided_copy(kind, <void *>part, joined, 2, dims, part_steps, joined_steps)
    return ng_strided_copy(kind, joined, part, 2, dims, joined_steps, part_steps)


@cython.no_gc
cdef class JoinNode(Node):
    cdef int64_t outer, inner, total

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef const int64_t *firsts = <const int64_t *>saved(self, SAVED_MAP)
        cdef size_t itemsize = ng_itemsize(self.kind)
        cdef int64_t n
        cdef Buffer dx
        cdef int i
        for i in range(self.n_inputs):
            if not wants(run, self, i):
                continue
            n = firsts[i + 1] - firsts[i]
            if self.outer == 1:          # one run of memory: handed on as it is
                dx = view_buffer(dy, <size_t>(firsts[i] * self.inner) * itemsize)
            else:
                dx = new_buffer(<size_t>(self.outer * n * self.inner) * itemsize)
                check("backward", copy_block(self.kind, dy.data, dx.data, True, self.outer, n, self.total, firsts[i], self.inner))
            give(run, self, i, dx)
        return 0


@cython.final
@cython.no_gc
cdef class ConcatenateNode(JoinNode):
    pass

@cython.final
@cython.no_gc
cdef class StackNode(JoinNode):
    pass


cdef list tensor_list(str op, object tensors):
    """The operands of concatenate and stack, of one dtype."""
    cdef int kind
    if isinstance(tensors, (str, bytes, dict)):
        raise TypeError(f"{op}: expected a list or tuple of tensors, got {type(tensors).__name__}")
    try:
        items = list(tensors)
    except TypeError:
        raise TypeError(f"{op}: expected a list or tuple of tensors, got {type(tensors).__name__}") from None
    if not items:
        raise ValueError(f"{op}: expected at least one tensor, got none")
    # A tensor or array decides about the dtype of numbers and lists.
    leading = next((item for item in items if isinstance(item, Tensor)), None)
    if leading is None:
        leading = next((item for item in items if isinstance(item, np.ndarray)), items[0])
    kind = common_kind(op, leading, leading)
    return [as_tensor(op, item, kind if isinstance(item, Tensor) else common_kind(op, leading, item), False) for item in items]


cdef Tensor joined(str op, list items, int rank, const int64_t *dims, int axis, JoinNode node):
    """All tensors, one after another along `axis` of the result."""
    cdef Tensor first = items[0]
    cdef Tensor t
    cdef Tensor out = new_tensor(first.kind, rank, dims)
    cdef Buffer tb, firsts = new_buffer((len(items) + 1) * sizeof(int64_t))
    cdef int64_t *starts = <int64_t *>firsts.data
    cdef int64_t outer = product(dims, 0, axis), inner = product(dims, axis + 1, rank), total = dims[axis], n
    cdef bint any_grad = False
    cdef int i
    starts[0] = 0
    for i in range(len(items)):
        t = items[i]
        any_grad = any_grad or needs_grad(t)
        tb = read_data(t)
        n = 1 if t.rank < rank else t.dims[axis]
        check(op, copy_block(out.kind, new_data(out), tb.data, False, outer, n, total, starts[i], inner))
        starts[i + 1] = starts[i] + n
    if any_grad:
        node.outer = outer
        node.inner = inner
        node.total = total
        save(node, SAVED_MAP, firsts)         # where each tensor starts on the joined axis, and their end
        set_inputs(node, <int>len(items))
        for i in range(len(items)):
            t = items[i]
            if needs_grad(t):
                set_input(node, i, t)
        link(out, node)
    return out


@public(numpy="concatenate")
def concatenate(tensors, axis=0):
    """Join tensors along an existing axis.

    Parameters
    ----------
    tensors : list or tuple of Tensor
        At least one; their shapes may differ along `axis` only.
    axis : int or None, default 0
        None: the tensors are flattened first.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the shapes differ along another axis, or the tensors are 0-d.
    DTypeError
        If float32 and float64 mix.
    {AxisError}
    ValueError
        If there are no tensors.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1., 2.], requires_grad=True)
    >>> b = ng.tensor([3.], requires_grad=True)
    >>> joined = ng.concatenate([a, b])
    >>> joined.tolist()
    [1.0, 2.0, 3.0]
    >>> (joined * joined).sum().backward()
    >>> a.grad.tolist(), b.grad.tolist()
    ([2.0, 4.0], [6.0])
    """
    cdef list items = tensor_list("concatenate", tensors)
    cdef Tensor first, t
    cdef int64_t dims[8]
    cdef int64_t total = 0
    cdef int a, along
    cdef bint fits
    if axis is None:
        items = [reshape(item, -1) for item in items]
        axis = 0
    first = items[0]
    if first.rank == 0:
        raise ShapeError("concatenate: 0-d tensors have no axis to join along: write ng.stack(tensors)")
    along = normalize_axis("concatenate", axis, first.rank)
    for item in items:
        t = item
        fits = t.rank == first.rank
        for a in range(first.rank if fits else 0):
            fits = fits and (a == along or t.dims[a] == first.dims[a])
        if not fits:
            raise ShapeError(f"concatenate: shapes may differ along axis {along} only, got {shape_tuple(first.rank, first.dims)} and "
                             f"{shape_tuple(t.rank, t.dims)}")
        if ng_add_overflows(total, t.dims[along], &total):
            raise ShapeError(f"concatenate: the tensors have too many elements along axis {along}")
    for a in range(first.rank):
        dims[a] = first.dims[a]
    dims[along] = total
    shape_size("concatenate", first.rank, dims)
    return joined("concatenate", items, first.rank, dims, along, ConcatenateNode.__new__(ConcatenateNode))


@public(numpy="stack")
def stack(tensors, axis=0):
    """Join tensors of the same shape along a new axis.

    Parameters
    ----------
    tensors : list or tuple of Tensor
        At least one.
    axis : int
        The position of the new axis in the result.

    Returns
    -------
    Tensor, with one axis more than the tensors

    Raises
    ------
    ShapeError
        If the shapes differ, or the result would have more than 8 axes.
    DTypeError
        If float32 and float64 mix.
    {AxisError}
    ValueError
        If there are no tensors.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1., 2.], requires_grad=True)
    >>> rows = ng.stack([a, 10 * a])
    >>> rows.tolist()
    [[1.0, 2.0], [10.0, 20.0]]
    >>> rows.sum().backward()
    >>> a.grad.tolist()
    [11.0, 11.0]
    """
    cdef list items = tensor_list("stack", tensors)
    cdef Tensor first = items[0], t
    cdef int64_t dims[8]
    cdef int a, along
    if first.rank == NG_MAX_NDIM:
        raise ShapeError(f"stack: a tensor has at most {NG_MAX_NDIM} dimensions, got {shape_tuple(first.rank, first.dims)}")
    along = normalize_axis("stack", axis, first.rank + 1)
    for item in items:
        t = item
        if shape_tuple(t.rank, t.dims) != shape_tuple(first.rank, first.dims):
            raise ShapeError(f"stack: all tensors must have the same shape, got {shape_tuple(first.rank, first.dims)} and "
                             f"{shape_tuple(t.rank, t.dims)}")
    for a in range(first.rank + 1):
        dims[a] = <int64_t>len(items) if a == along else first.dims[a if a < along else a - 1]
    shape_size("stack", first.rank + 1, dims)
    return joined("stack", items, first.rank + 1, dims, along, StackNode.__new__(StackNode))


# ---- cutting up ---------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class SplitNode(Node):
    """The pieces one after another in one buffer, of which they are views; so the gradients of all pieces gather in the slot of this
    node, and are put back into the order of the parent once."""
    cdef int64_t outer, inner, total
    cdef int64_t pieces

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = new_buffer(<size_t>self.count * ng_itemsize(self.kind))
        check("backward", split_into(self.kind, dx.data, dy.data, False, self.outer, self.total, self.inner,
                                     <const int64_t *>saved(self, SAVED_MAP), self.pieces))
        return give(run, self, 0, dx)


cdef int split_into(int kind, void *whole, void *pieces, bint to_pieces, int64_t outer, int64_t total, int64_t inner,
                    const int64_t *firsts, int64_t n):
    cdef int64_t i
    cdef int status
    for i in range(n):
        status = copy_block(kind, whole, at(pieces, kind, outer * firsts[i] * inner), to_pieces, outer, firsts[i + 1] - firsts[i],
                            total, firsts[i], inner)
        if status:
            return status
    return 0


cdef list pieces_of(str op, Tensor t, int axis, list sizes):
    cdef int64_t dims[8]
    cdef int64_t outer = product(t.dims, 0, axis), inner = product(t.dims, axis + 1, t.rank), total = t.dims[axis]
    cdef int64_t first
    cdef Buffer firsts, tb
    cdef Tensor source = t
    cdef SplitNode node
    cdef PartNode part
    cdef int64_t i, n = len(sizes)
    cdef int64_t *starts
    cdef int a
    cdef list out = []
    firsts = new_buffer((n + 1) * sizeof(int64_t))
    starts = <int64_t *>firsts.data
    starts[0] = 0
    for i in range(n):
        starts[i + 1] = starts[i] + <int64_t>sizes[i]
    if outer > 1:
        source = new_tensor(t.kind, t.rank, t.dims)
        tb = read_data(t)
        check(op, split_into(t.kind, tb.data, new_data(source), True, outer, total, inner, starts, n))
        if needs_grad(t):
            node = SplitNode.__new__(SplitNode)
            node.outer = outer
            node.inner = inner
            node.total = total
            save(node, SAVED_MAP, firsts)
            node.pieces = n
            set_inputs(node, 1)
            set_input(node, 0, t)
            link(source, node)
    for a in range(t.rank):
        dims[a] = t.dims[a]
    for i in range(n):
        part = None
        first = outer * starts[i] * inner
        dims[axis] = starts[i + 1] - starts[i]
        if needs_grad(source):
            part = NarrowNode.__new__(NarrowNode)
            part.offset = first
        out.append(view_of(source, t.rank, dims, first, part))
    return out


@public(method=True, numpy="")
def split(x, sizes, axis=0):
    """Cut a tensor into pieces along an axis.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, ...)
    sizes : int, or list of ints
        The size of every piece, where the last may be smaller; or a list of the sizes, which add up to N.
    axis : int, default 0

    Returns
    -------
    list of Tensor
        Along the first axis they share the memory of `x`.

    Raises
    ------
    ValueError
        If the size is not positive, a size in a list is negative, or these do not add up to N.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3., 4., 5.], requires_grad=True)
    >>> [piece.tolist() for piece in ng.split(x, 2)]
    [[1.0, 2.0], [3.0, 4.0], [5.0]]
    >>> left, right = ng.split(x, [1, 4])
    >>> (left * 10 + right.sum()).backward()
    >>> x.grad.tolist()
    [10.0, 1.0, 1.0, 1.0, 1.0]
    """
    cdef Tensor t = as_tensor("split", x)
    cdef int along = normalize_axis("split", axis, t.rank)
    cdef int64_t size, total = t.dims[along]
    if isinstance(sizes, (list, tuple)):
        pieces = [as_index("split", "a size", item) for item in sizes]
        if any(item < 0 for item in pieces) or sum(pieces) != total:
            raise ValueError(f"split: sizes {list(sizes)} must not be negative and add up to {total}, the size of axis {along} "
                             f"{named_shape(t)}")
    else:
        size = as_index("split", "sizes", sizes)
        if size <= 0:
            raise ValueError(f"split: the size of a piece must be positive, got {size}")
        pieces = [min(size, total - first) for first in range(0, total, size)] or [0]
    return pieces_of("split", t, along, pieces)


@public(method=True)
def chunk(x, n, axis=0):
    """Cut a tensor into at most `n` pieces of the same size along an axis; the last may be smaller.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., N, ...)
    n : int
    axis : int

    Returns
    -------
    list of Tensor
        Each of size ``ceil(N / n)``, so that there may be fewer than `n`. Along the first axis they share the memory of `x`.

    Raises
    ------
    ValueError
        If `n` is not positive.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3., 4., 5.], requires_grad=True)
    >>> [piece.tolist() for piece in ng.chunk(x, 2)]
    [[1.0, 2.0, 3.0], [4.0, 5.0]]
    >>> ng.chunk(x, 2)[1].sum().backward()
    >>> x.grad.tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0]
    """
    cdef Tensor t = as_tensor("chunk", x)
    cdef int along = normalize_axis("chunk", axis, t.rank)
    cdef int64_t count = as_index("chunk", "n", n), total = t.dims[along], size
    if count <= 0:
        raise ValueError(f"chunk: the number of pieces must be positive, got {count}")
    size = (total + count - 1) // count
    pieces = [min(size, total - first) for first in range(0, total, size)] if size else [0] * count
    return pieces_of("chunk", t, along, pieces)
