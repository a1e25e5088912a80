# SPDX-License-Identifier: LGPL-3.0-or-later
# Repeating elements, and adding margins. Both work an axis at a time: x (O, n, I) -> (O, n', I).

@cython.no_gc
cdef class TileNode(Node):
    cdef int64_t outer, times, inner          # y (O, times, I) from x (O, 1, I)

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef int64_t dims[3]
        cdef int64_t to[3]
        dims[0] = to[0] = self.outer
        dims[1] = self.times
        to[1] = 1
        dims[2] = to[2] = self.inner
        return give(run, self, 0, sum_to_shape(dy, self.kind, 3, dims, 3, to))


@cython.final
@cython.no_gc
cdef class RepeatNode(TileNode):
    pass


cdef Tensor repeated(str op, Tensor t, int rank, const int64_t *dims, int64_t outer, int64_t times, int64_t inner, TileNode node):
    """(O, I) -> (O, times, I), a tensor of shape dims."""
    cdef Tensor out
    cdef Buffer xb = read_data(t)
    cdef int64_t sizes[3]
    cdef int64_t steps[3]
    cdef int64_t strides[3]
    if shape_size(op, rank, dims) == 0 and times > 1:
        times = 1                    # whatever it was: of nothing, so that no stride is too large
    out = new_tensor(t.kind, rank, dims)
    sizes[0] = outer
    sizes[1] = times
    sizes[2] = inner
    ng_contiguous_strides(steps, 3, sizes)
    strides[0] = inner
    strides[1] = 0
    strides[2] = 1
    check(op, ng_strided_copy(t.kind, new_data(out), xb.data, 3, sizes, steps, strides))
    if needs_grad(t):
        node.outer = outer
        node.times = times
        node.inner = inner
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


@public(method=True)
def tile(x, reps):
    """Repeat a whole tensor along its axes, as `numpy.tile`.

    Parameters
    ----------
    x : Tensor or array_like
    reps : int or tuple of ints
        How often along each axis. Missing leading entries are 1, and a longer tuple adds leading axes to `x`.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        For a negative number.
    ShapeError
        If the result would have more than 8 axes, or too many elements.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2.], requires_grad=True)
    >>> ng.tile(x, (2, 2)).tolist()
    [[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]]
    >>> ng.tile(x, (2, 2)).sum().backward()
    >>> x.grad.tolist()
    [4.0, 4.0]
    """
    cdef Tensor t = as_tensor("tile", x)
    cdef int64_t dims[8]
    cdef int64_t counts[8]
    cdef int a, rank
    times = [as_index("tile", "reps", item) for item in (reps if isinstance(reps, (tuple, list)) else (reps,))]
    if any(item < 0 for item in times):
        raise ValueError(f"tile: reps must not be negative, got {reps}")
    rank = max(<int>len(times), t.rank)
    if rank > NG_MAX_NDIM:
        raise ShapeError(f"tile: a tensor has at most {NG_MAX_NDIM} dimensions, got reps {reps} {named_shape(t)}")
    for a in range(rank):
        dims[a] = t.dims[a - (rank - t.rank)] if a >= rank - t.rank else 1
        counts[a] = times[a - (rank - len(times))] if a >= rank - len(times) else 1
    if rank != t.rank or all([counts[a] == 1 for a in range(rank)]):
        t = view_of(t, rank, dims, 0, ReshapeNode.__new__(ReshapeNode) if needs_grad(t) else None)
    for a in range(rank - 1, -1, -1):
        if counts[a] == 1:
            continue
        if ng_mul_overflows(dims[a], counts[a], &dims[a]) or dims[a] > <int64_t>1 << 59:
            raise ShapeError(f"tile: reps {reps} give too many elements {named_shape(t)}")
        t = repeated("tile", t, rank, dims, product(dims, 0, a), counts[a], product(t.dims, a, rank), TileNode.__new__(TileNode))
    return t


@public(method=True)
def repeat(x, n, axis=None):
    """Repeat each element along an axis, as `numpy.repeat`: `n` copies next to each other.

    Parameters
    ----------
    x : Tensor or array_like
    n : int or array of ints
        How often; an array gives it for each position of `axis`.
    axis : int, optional
        None: `x` is flattened first.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        For a negative number, or an array of a different length than the axis.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2.], requires_grad=True)
    >>> ng.repeat(x, 2).tolist(), ng.repeat(x, [1, 3]).tolist()
    ([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 2.0, 2.0])
    >>> ng.repeat(x, [1, 3]).sum().backward()
    >>> x.grad.tolist()
    [1.0, 3.0]
    """
    cdef Tensor t = as_tensor("repeat", x)
    cdef int64_t dims[8]
    cdef int64_t times
    cdef int a, along
    if axis is None:
        t = reshape(t, -1)
        axis = 0
    along = normalize_axis("repeat", axis, t.rank)
    if not hasattr(n, "__index__") or isinstance(n, bool) or np.ndim(n):
        from nanograd._core.ops.index import take
        counts = np.asarray(n)
        if counts.size == 0:
            counts = counts.astype(np.int64)
        if counts.dtype.kind not in "iu":
            raise TypeError(f"repeat: n must be an int or an array of ints, got {type(n).__name__} {shown(n)}")
        if counts.shape not in ((1,), (t.dims[along],)) or (counts < 0).any():
            raise ValueError(f"repeat: n must be an int or {t.dims[along]} ints that are not negative, one for each position of "
                             f"axis {along}, got {shown(n)} {named_shape(t)}")
        # (NumPy crashes where the sum does not fit.)
        if counts.astype(np.float64).sum() * (<object>t.dims[along] if counts.shape == (1,) else 1) > 2.0 ** 59:
            raise ShapeError(f"repeat: n {shown(n)} gives too many elements {named_shape(t)}")
        return take(t, np.repeat(np.arange(t.dims[along]), counts.astype(np.int64)), axis=along)
    times = as_index("repeat", "n", n)
    if times < 0:
        raise ValueError(f"repeat: n must not be negative, got {times}")
    for a in range(t.rank):
        dims[a] = t.dims[a]
    if ng_mul_overflows(dims[along], times, &dims[along]) or dims[along] > <int64_t>1 << 59:
        raise ShapeError(f"repeat: n {times} gives too many elements {named_shape(t)}")
    return repeated("repeat", t, t.rank, dims, product(t.dims, 0, along + 1), times, product(t.dims, along + 1, t.rank),
                    RepeatNode.__new__(RepeatNode))


@cython.final
@cython.no_gc
cdef class PadNode(StridedNode):
    """x in the middle of y. `margins`: the runs that were copied there from the middle, as (axis, first position, source, length, step)."""
    cdef tuple margins
    cdef int64_t before[8]

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node x = <Node>self.inputs[0]
        cdef int64_t steps[8]
        cdef Buffer dx, gathered = dy
        if self.margins:
            gathered = buffer_over(self, dy)
        if gathered is not dy:
            check("backward", copy_block(self.kind, gathered.data, dy.data, False, 1, self.count, self.count, 0, 1))
        for margin in reversed(self.margins):       # forward: y[to] = y[source]; so dy[source] += dy[to]
            check("backward", copy_margin(self.kind, gathered.data, self.rank, self.dims, x.dims, self.before, margin, True))
        dx = new_buffer(<size_t>x.count * ng_itemsize(self.kind))
        ng_contiguous_strides(steps, self.rank, x.dims)
        check("backward", ng_strided_copy(self.kind, dx.data, at(gathered.data, self.kind, self.offset), self.rank, x.dims, steps,
                                          self.strides))
        return give(run, self, 0, dx)


cdef int copy_margin(int kind, void *y, int rank, const int64_t *dims, const int64_t *x_dims, const int64_t *before, tuple margin,
                     bint backwards) except -1:
    """One run of a margin of axis a: all of the axes before it, whose margins are there already, the middle of those after it."""
    cdef int64_t sizes[8]
    cdef int64_t steps[8]
    cdef int64_t source_steps[8]
    cdef int64_t base = 0, to = margin[1], source = margin[2], length = margin[3], step = margin[4], i
    cdef int d, a = margin[0], status = 0
    ng_contiguous_strides(steps, rank, dims)
    for d in range(rank):
        sizes[d] = dims[d] if d < a else x_dims[d]
        source_steps[d] = steps[d]
        if d > a:
            base += before[d] * steps[d]
    sizes[a] = length
    source_steps[a] = step * steps[a]
    if not backwards:
        return ng_strided_copy(kind, at(y, kind, base + to * steps[a]), at(y, kind, base + source * steps[a]), rank, sizes, steps, source_steps)
    if step:
        return ng_strided_add(kind, at(y, kind, base + source * steps[a]), at(y, kind, base + to * steps[a]), rank, sizes, source_steps, steps)
    sizes[a] = 1                   # the border's copies, one after another: they all add to one place
    for i in range(length):
        status = ng_strided_add(kind, at(y, kind, base + source * steps[a]), at(y, kind, base + (to + i) * steps[a]), rank, sizes, steps, steps)
        if status:
            break
    return status


cdef list margin_runs(int axis, int64_t size, int64_t before, int64_t after, str mode):
    """The margins of an axis as runs of constant step (-1 or 1: mirrored, 0: the border), in positions of the padded axis."""
    cdef list runs = []
    cdef int64_t first, end, stop
    sources = (np.pad(np.arange(size), (before, after), mode=mode) + before).tolist()
    for first, stop in ((0, before), (before + size, before + size + after)):
        while first < stop:
            end = first + 1
            step = sources[end] - sources[first] if end < stop else 1
            while end < stop and sources[end] - sources[end - 1] == step:
                end += 1
            runs.append((axis, first, sources[first], end - first, step))
            first = end
    return runs


cdef bint is_pair(object pair):
    if not (type(pair) is tuple or type(pair) is list) or len(pair) != 2:
        return False
    return type(pair[0]) is int and type(pair[1]) is int and 0 <= pair[0] < 1 << 59 and 0 <= pair[1] < 1 << 59


cdef list pad_pairs(object pad_width, Tensor t):
    """(before, after) for every axis."""
    if type(pad_width) is int and 0 <= pad_width < 1 << 59:      # the usual forms, without NumPy
        return [(pad_width, pad_width)] * t.rank
    if type(pad_width) is tuple or type(pad_width) is list:
        pairs = [pad_width] * t.rank if len(pad_width) == 2 and type(pad_width[0]) is int else pad_width
        if len(pairs) == t.rank and all([is_pair(pair) for pair in pairs]):
            return list(pairs)
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * t.rank
        for axis, width in pad_width.items():
            pairs[normalize_axis("pad", axis, t.rank)] = tuple(width) if isinstance(width, (tuple, list)) else (width, width)
        widths = np.asarray(pairs).reshape(t.rank, 2)
    else:
        widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu" and widths.size:
        raise TypeError(f"pad: pad_width must be ints, got {shown(pad_width)}")
    try:
        widths = np.broadcast_to(widths, (t.rank, 2))
    except ValueError:
        raise ShapeError(f"pad: pad_width must be an int, a (before, after) pair or {t.rank} pairs, got {shown(pad_width)} "
                         f"{named_shape(t)}") from None
    if (widths < 0).any():
        raise ValueError(f"pad: pad_width must not be negative, got {shown(pad_width)}")
    if (widths > (1 << 59)).any():
        raise ShapeError(f"pad: pad_width {shown(pad_width)} gives too many elements {named_shape(t)}")
    return widths.tolist()


@public(method=True, numpy="")
def pad(x, pad_width, mode='constant', value=0):
    """Add margins around a tensor, as `numpy.pad`.

    Parameters
    ----------
    x : Tensor or array_like
    pad_width : int, pair of ints, one pair for each axis, or dict of axis: pair
        How many elements before and after, as in `numpy.pad`: one pair applies to all axes.
    mode : {'constant', 'reflect', 'edge'}
        What the margins hold: `value`; the elements mirrored at the border, without those of the border itself; or the border's.
    value : float, default 0

    Returns
    -------
    Tensor
        Of x's shape, with each axis longer by its two widths.

    Raises
    ------
    ShapeError
        If `pad_width` does not fit the shape.
    ValueError
        For a negative width, any other mode, or an empty axis with nothing to repeat or mirror.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3.], requires_grad=True)
    >>> ng.pad(x, 1).tolist()
    [0.0, 1.0, 2.0, 3.0, 0.0]
    >>> ng.pad(x, (2, 0), mode='reflect').tolist()
    [3.0, 2.0, 1.0, 2.0, 3.0]
    >>> ng.pad(x, (2, 0), mode='edge').sum().backward()
    >>> x.grad.tolist()
    [3.0, 1.0, 1.0]
    """
    cdef Tensor t = as_tensor("pad", x)
    cdef Tensor out
    cdef Buffer xb
    cdef PadNode node
    cdef int64_t dims[8]
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef int64_t before[8]
    cdef int64_t offset = 0
    cdef double filler
    cdef list margins = []
    cdef int a
    if not isinstance(mode, str) or mode not in ("constant", "reflect", "edge"):
        raise ValueError(f"pad: mode must be 'constant', 'reflect' or 'edge', got {shown(mode)}")
    pairs = pad_pairs(pad_width, t)
    filler = as_real("pad", "value", value)
    ng_contiguous_strides(steps, t.rank, t.dims)
    for a in range(t.rank):
        dims[a] = t.dims[a] + <int64_t>pairs[a][0] + <int64_t>pairs[a][1]
    shape_size("pad", t.rank, dims)
    ng_contiguous_strides(strides, t.rank, dims)
    for a in range(t.rank):
        before[a] = pairs[a][0]
        offset += before[a] * strides[a]
        if mode != "constant" and dims[a] != t.dims[a]:
            if t.dims[a] == 0:
                raise ValueError(f"pad: axis {a} is empty, so mode {shown(mode)} has nothing to fill the margin with {named_shape(t)}")
            margins += margin_runs(a, t.dims[a], pairs[a][0], pairs[a][1], mode)
    out = new_tensor(t.kind, t.rank, dims)
    xb = read_data(t)
    if mode == "constant" and out.count != t.count:
        check("pad", ng_fill(t.kind, new_data(out), filler, out.count))
    check("pad", ng_strided_copy(t.kind, at(new_data(out), t.kind, offset), xb.data, t.rank, t.dims, strides, steps))
    for margin in margins if t.count else ():
        check("pad", copy_margin(t.kind, new_data(out), t.rank, dims, t.dims, before, margin, False))
    if needs_grad(t):
        node = PadNode.__new__(PadNode)
        node.offset = offset
        node.strides = strides
        node.before = before
        node.margins = tuple(margins) if t.count else ()
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out
