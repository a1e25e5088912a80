# SPDX-License-Identifier: LGPL-3.0-or-later
# Results whose elements are copied from other places of one operand.

@cython.no_gc
cdef class StridedNode(Node):
    cdef int backward(self, Buffer dy, Run run) except -1:
        # forward: y[i] = x[offset + i . strides]; so dx[offset + i . strides] += dy[i]
        cdef Node x = <Node>self.inputs[0]
        cdef int64_t steps[8]
        cdef Buffer dx
        ng_contiguous_strides(steps, self.rank, self.dims)
        if self.is_all:
            dx = new_buffer(<size_t>x.count * ng_itemsize(self.kind))
            check("backward", ng_strided_copy(self.kind, at(dx.data, self.kind, self.offset), dy.data, self.rank, self.dims,
                                              self.strides, steps))
            return give(run, self, 0, dx)
        dx = begin_part(run, self, 0)
        check("backward", ng_strided_add(self.kind, at(dx.data, self.kind, self.offset), dy.data, self.rank, self.dims,
                                         self.strides, steps))
        return end_part(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class NarrowCopyNode(StridedNode):
    cdef str title(self):
        return "narrow"

@cython.final
@cython.no_gc
cdef class TransposeNode(StridedNode):
    pass


cdef Tensor strided_copy(str op, Tensor x, int rank, const int64_t *dims, const int64_t *strides, int64_t offset, StridedNode node):
    cdef Tensor out = new_tensor(x.kind, rank, dims)
    cdef Buffer xb = read_data(x)
    cdef int64_t steps[8]
    ng_contiguous_strides(steps, rank, dims)
    check(op, ng_strided_copy(x.kind, new_data(out), at(xb.data, x.kind, offset), rank, dims, steps, strides))
    return linked(out, x, strides, offset, node)


cdef Tensor linked(Tensor out, Tensor x, const int64_t *strides, int64_t offset, StridedNode node):
    cdef int a
    if node is not None:
        node.offset = offset
        node.is_all = out.count == x.count
        for a in range(out.rank):
            node.strides[a] = strides[a]
        set_inputs(node, 1)
        set_input(node, 0, x)
        link(out, node)
    return out


cdef Tensor transpose_axes(Tensor x, const int *axes):
    cdef int64_t dims[8]
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef TransposeNode node = TransposeNode.__new__(TransposeNode) if needs_grad(x) else None
    cdef Tensor out = None
    cdef int a
    cdef bint matrices = x.rank > 1
    ng_contiguous_strides(steps, x.rank, x.dims)
    for a in range(x.rank):
        dims[a] = x.dims[axes[a]]
        strides[a] = steps[axes[a]]
        matrices = matrices and axes[a] == (a if a < x.rank - 2 else 2 * x.rank - 3 - a)
    if matrices:
        out = transposed_tensor(x, dims)
    if out is not None:
        return linked(out, x, strides, 0, node)
    return strided_copy("transpose", x, x.rank, dims, strides, 0, node)


cdef Tensor permuted(str op, Tensor t, object axes):
    cdef int order[8]
    cdef unsigned int seen = 0
    cdef int a, i = 0
    if len(axes) != t.rank:
        hint = f"; to exchange two axes write swapaxes(x, {', '.join(map(str, axes))})" if len(axes) == 2 and t.rank > 2 else ""
        if op == "transpose" and not hint:
            hint = "; swapaxes(x, a, b) exchanges two axes"
        raise ShapeError(f"{op}: expected {t.rank} axes, one for each of the tensor's, got {shown(tuple(axes))} {named_shape(t)}{hint}")
    for axis in axes:
        a = normalize_axis(op, axis, t.rank)
        if seen >> a & 1:
            raise ValueError(f"{op}: axis {axis} is given twice, got axes {tuple(axes)} {named_shape(t)}")
        seen |= 1u << a
        order[i] = a
        i += 1
    return transpose_axes(t, order)


@public(method=True, numpy="")
def transpose(x, *axes):
    """Reorder the axes; by default, reverse them.

    Parameters
    ----------
    x : Tensor or array_like
    *axes : int, or one tuple of ints
        Axis a of the result is axis ``axes[a]`` of `x`.

    Returns
    -------
    Tensor
        A copy: tensors are contiguous, so that whatever reads them next runs at full speed. Of a matrix, or of matrices whose batch axes
        stay, it is made at the first reading, and never for :func:`matmul` and :func:`linear`, which read them where they lie.

    Raises
    ------
    ShapeError
        If some axes are missing: :func:`swapaxes` exchanges two axes.
    ValueError
        If an axis is given twice. Also for ``transpose(0, 1)`` of a matrix, which would leave it as it is, where PyTorch's exchanges
        the axes.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1., 2., 3.], [4., 5., 6.]], requires_grad=True)
    >>> ng.transpose(x).tolist()
    [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    >>> (x.T * ng.tensor([[1.], [2.], [3.]])).sum().backward()
    >>> x.grad.tolist()
    [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """
    cdef Tensor t = as_tensor("transpose", x)
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        axes = axes[0] if axes[0] is not None else ()
        if len(axes) == 0 and t.rank == 0:
            return permuted("transpose", t, ())
    elif t.rank == 2 and len(axes) == 2 and normalize_axis("transpose", axes[0], 2) == 0 and normalize_axis("transpose", axes[1], 2) == 1:
        raise ValueError(f"transpose: axes {axes[0]} and {axes[1]} in this order leave a matrix as it is {named_shape(t)}: to exchange them "
                         f"write x.swapaxes(0, 1) or x.T")
    return permuted("transpose", t, axes if axes else range(t.rank - 1, -1, -1))


@public(method=True, numpy="")
def permute(x, axes):
    """Reorder the axes: axis a of the result is axis ``axes[a]`` of `x`.

    Parameters
    ----------
    x : Tensor or array_like
    axes : tuple of ints
        Every axis of `x` once; negative ones count from the end.

    Returns
    -------
    Tensor, of shape ``[x.shape[a] for a in axes]``

    Raises
    ------
    ShapeError
        If axes are missing.
    ValueError
        If an axis is given twice.
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> images = ng.zeros((8, 32, 32, 3), requires_grad=True)
    >>> ng.permute(images, (0, 3, 1, 2)).shape
    (8, 3, 32, 32)
    >>> images.permute((0, 3, 1, 2)).sum().backward()
    >>> images.grad.shape
    (8, 32, 32, 3)
    """
    cdef Tensor t = as_tensor("permute", x)
    if not isinstance(axes, (tuple, list, range)):
        raise TypeError(f"permute: axes must be a tuple of ints, got {type(axes).__name__} {shown(axes)}")
    return permuted("permute", t, axes)


@public(method=True)
def swapaxes(x, a, b):
    """Exchange two axes.

    Parameters
    ----------
    x : Tensor or array_like
    a, b : int
        Negative ones count from the end.

    Returns
    -------
    Tensor
        A copy, as in :func:`transpose`.

    Raises
    ------
    {AxisError}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[[1., 2.], [3., 4.]]], requires_grad=True)
    >>> ng.swapaxes(x, -1, -2).tolist()
    [[[1.0, 3.0], [2.0, 4.0]]]
    >>> x.swapaxes(0, 1).sum().backward()
    >>> x.grad.shape
    (1, 2, 2)
    """
    cdef Tensor t = as_tensor("swapaxes", x)
    cdef int order[8]
    cdef int i, first = normalize_axis("swapaxes", a, t.rank), second = normalize_axis("swapaxes", b, t.rank)
    for i in range(t.rank):
        order[i] = i
    order[first] = second
    order[second] = first
    return transpose_axes(t, order)


@cython.final
@cython.no_gc
cdef class BroadcastToNode(Node):
    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        return give(run, self, 0, sum_to_shape(dy, self.kind, self.rank, self.dims, x.rank, x.dims))


cdef Tensor broadcasted(str op, Tensor t, int rank, const int64_t *dims):
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef int a, lead = rank - t.rank
    cdef Tensor out
    cdef Buffer xb
    cdef BroadcastToNode node
    ng_contiguous_strides(steps, t.rank, t.dims)
    for a in range(rank):
        if a >= lead and t.dims[a - lead] == dims[a]:
            strides[a] = steps[a - lead]
        elif a < lead or t.dims[a - lead] == 1:
            strides[a] = 0
        else:
            lead = -1
            break
    if lead < 0:
        raise ShapeError(f"{op}: shape {shape_tuple(t.rank, t.dims)} does not broadcast to {shape_tuple(rank, dims)}")
    shape_size(op, rank, dims)
    out = new_tensor(t.kind, rank, dims)
    xb = read_data(t)
    ng_contiguous_strides(steps, rank, dims)
    check(op, ng_strided_copy(t.kind, new_data(out), xb.data, rank, dims, steps, strides))
    if needs_grad(t):
        node = BroadcastToNode.__new__(BroadcastToNode)
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


@public(method=True)
def broadcast_to(x, shape):
    """Repeat a tensor along axes of size 1 and along new leading axes, to a given shape: NumPy's broadcasting.

    Parameters
    ----------
    x : Tensor or array_like
    shape : tuple of ints

    Returns
    -------
    Tensor, of that shape

    Raises
    ------
    ShapeError
        If the shape of `x` does not broadcast to `shape`.

    Notes
    -----
    The result is a copy, which elementwise operations do not need: they broadcast by themselves.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.], [2.]], requires_grad=True)
    >>> ng.broadcast_to(x, (2, 3)).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    >>> ng.broadcast_to(x, (2, 3)).sum().backward()
    >>> x.grad.tolist()
    [[3.0], [3.0]]
    """
    cdef Tensor t = as_tensor("broadcast_to", x)
    cdef int64_t dims[8]
    cdef int rank = parse_shape("broadcast_to", (shape,), dims)
    return broadcasted("broadcast_to", t, rank, dims)


@public(method=True)
def expand(x, *shape):
    """:func:`broadcast_to` with the sizes as arguments, where -1 keeps the size that `x` has.

    Parameters
    ----------
    x : Tensor or array_like
    *shape : int, or one tuple of ints

    Returns
    -------
    Tensor, of that shape

    Raises
    ------
    ShapeError
        If the shape of `x` does not broadcast to `shape`, or -1 is given for an axis that `x` does not have.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.], [2.]], requires_grad=True)
    >>> ng.expand(x, -1, 2).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    >>> x.expand(4, -1, 2).sum().backward()
    >>> x.grad.tolist()
    [[8.0], [8.0]]
    """
    cdef Tensor t = as_tensor("expand", x)
    cdef int64_t dims[8]
    cdef int rank = parse_shape("expand", shape, dims, True)
    cdef int a, lead = rank - t.rank
    for a in range(rank):
        if dims[a] == -1:
            if a < lead:
                raise ShapeError(f"expand: -1 keeps a size, but axis {a} is new in {shape_tuple(rank, dims)} {named_shape(t)}")
            dims[a] = t.dims[a - lead]
    return broadcasted("expand", t, rank, dims)
