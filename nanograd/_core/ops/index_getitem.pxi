# SPDX-License-Identifier: LGPL-3.0-or-later
# x[...], index_set, index_add.

@cython.final
@cython.no_gc
cdef class GetitemNode(PartNode):
    """x[...] that shares the memory of x."""

@cython.final
@cython.no_gc
cdef class GetitemCopyNode(StridedNode):
    """x[...] with ints and slices that had to be copied."""

    cdef str title(self):
        return "getitem"

@cython.final
@cython.no_gc
cdef class GetitemRowsNode(Node):
    """x[...] with arrays."""
    cdef Plan plan

    cdef str title(self):
        return "getitem"

    cdef int backward(self, Buffer dy, Run run) except -1:
        # forward: y[o, i, :] = x[o, map[i], :]
        cdef Plan p = self.plan
        cdef Buffer dx = begin_part(run, self, 0)
        check("backward", ng_scatter_add_rows(self.kind, dx.data, dy.data, <const int64_t *>p.map.data, p.outer, p.n, p.m, p.inner))
        return end_part(run, self, 0, dx)

    cdef int release(self) except -1:
        self.plan = None
        return 0


cdef Tensor part_of(Tensor x, int rank, const int64_t *dims, int64_t offset):
    cdef GetitemNode node = None
    if needs_grad(x):
        node = GetitemNode.__new__(GetitemNode)
        node.offset = offset
    return view_of(x, rank, dims, offset, node)


cdef object getitem(Tensor x, object index):
    cdef Py_ssize_t start, stop, step
    cdef int64_t dims[8]
    cdef int64_t row, length
    cdef int a, overflow = 0
    # The two usual cases first: x[i] and x[a:b], both views.
    if x.rank > 0:
        if PyLong_CheckExact(index):
            row = PyLong_AsLongAndOverflow(index, &overflow)
            if row < 0:
                row += x.dims[0]
            if overflow == 0 and 0 <= row < x.dims[0]:
                return part_of(x, x.rank - 1, &x.dims[1], row * product(x.dims, 1, x.rank))
        elif PySlice_Check(index):
            PySlice_Unpack(index, &start, &stop, &step)
            if step == 1:
                length = PySlice_AdjustIndices(x.dims[0], &start, &stop, step)
                dims[0] = length
                for a in range(1, x.rank):
                    dims[a] = x.dims[a]
                return part_of(x, x.rank, dims, start * product(x.dims, 1, x.rank) if length else 0)
    return pick_tensor(x, make_plan("getitem", x, index))


cdef bint is_run(Plan plan) noexcept:
    """Whether the elements are one run of memory."""
    cdef int64_t expected = 1
    cdef int a
    for a in range(plan.rank - 1, -1, -1):
        if plan.dims[a] == 1:
            continue
        if plan.strides[a] != expected:
            return plan.dims[a] == 0
        expected *= plan.dims[a]
    return True


cdef Tensor pick_tensor(Tensor x, Plan plan):
    cdef Tensor out
    cdef Buffer xb = read_data(x)
    cdef GetitemRowsNode node
    if plan.map is None:
        if is_run(plan):
            return part_of(x, plan.rank, plan.dims, plan.offset)
        return strided_copy("getitem", x, plan.rank, plan.dims, plan.strides, plan.offset,
                            GetitemCopyNode.__new__(GetitemCopyNode) if needs_grad(x) else None)
    shape_size("getitem", plan.rank, plan.dims)
    out = new_tensor(x.kind, plan.rank, plan.dims)
    check("getitem", ng_gather_rows(x.kind, new_data(out), xb.data, <const int64_t *>plan.map.data, plan.outer, plan.n, plan.m,
                                    plan.inner))
    if needs_grad(x):
        node = GetitemRowsNode.__new__(GetitemRowsNode)
        node.plan = plan
        set_inputs(node, 1)
        set_input(node, 0, x)
        link(out, node)
    return out


# ---- index_set and index_add --------------------------------------------------------------------

@cython.no_gc
cdef class IndexWriteNode(Node):
    cdef Plan plan

    cdef int release(self) except -1:
        self.plan = None
        return 0


cdef inline const int64_t *map_of(Plan plan) noexcept:
    if plan.map is None:
        return NULL
    return <const int64_t *>plan.map.data


cdef int give_values(Run run, IndexWriteNode node, Buffer dvalues) except -1:
    cdef Node values = <Node>node.inputs[1]
    return give(run, node, 1, sum_to_shape(dvalues, node.kind, node.plan.rank, node.plan.dims, values.rank, values.dims))


cdef Buffer read_plan(int kind, Buffer x, Plan plan, const int64_t *map):
    """x[index] in a buffer of its own; `map` in place of the plan's, where -1 reads 0."""
    cdef int64_t steps[8]
    cdef Buffer out = new_buffer(<size_t>product(plan.dims, 0, plan.rank) * ng_itemsize(kind))
    if plan.map is None:
        ng_contiguous_strides(steps, plan.rank, plan.dims)
        check("backward", ng_strided_copy(kind, out.data, at(x.data, kind, plan.offset), plan.rank, plan.dims, steps, plan.strides))
    else:
        check("backward", ng_gather_rows(kind, out.data, x.data, map, plan.outer, plan.n, plan.m, plan.inner))
    return out


@cython.final
@cython.no_gc
cdef class IndexAddNode(IndexWriteNode):
    cdef int backward(self, Buffer dy, Run run) except -1:
        if wants(run, self, 1):
            give_values(run, self, read_plan(self.kind, dy, self.plan, map_of(self.plan)))
        if wants(run, self, 0):
            give(run, self, 0, dy)
        return 0


@cython.final
@cython.no_gc
cdef class IndexSetNode(IndexWriteNode):
    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Plan p = self.plan
        cdef Buffer dx, winners, last
        cdef const int64_t *map = NULL
        if wants(run, self, 1):
            if p.map is not None:       # of positions that repeat, the last one's value stood there
                winners = new_buffer(<size_t>p.n * sizeof(int64_t))
                last = new_buffer(<size_t>p.m * sizeof(int64_t))
                check("backward", ng_index_winners(<int64_t *>winners.data, <int64_t *>last.data, <const int64_t *>p.map.data, p.n, p.m))
                map = <const int64_t *>winners.data
            give_values(run, self, read_plan(self.kind, dy, p, map))
        if wants(run, self, 0):
            dx = buffer_over(self, dy)
            if dx is not dy:
                copy_all(self.kind, dx, dy, self.count)
            write_plan(self.kind, dx, None, 0, NULL, p)
            give(run, self, 0, dx)
        return 0


cdef int copy_all(int kind, Buffer to, Buffer source, int64_t count) except -1:
    cdef int64_t one = 1
    return check("copy", ng_strided_copy(kind, to.data, source.data, 1, &count, &one, &one))


cdef int write_plan(int kind, Buffer out, Buffer values, int rank, const int64_t *dims, Plan plan, bint add=False) except -1:
    """out[index] = values, which are broadcast; None: zeros."""
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    cdef Buffer whole
    cdef int a, lead = plan.rank - rank
    cdef bint same = rank == plan.rank
    cdef double zero = 0
    for a in range(plan.rank):
        strides[a] = 0
    if values is not None:
        ng_contiguous_strides(steps, rank, dims)
        for a in range(rank):
            same = same and dims[a] == plan.dims[a + lead]
            if dims[a] != 1:
                strides[a + lead] = steps[a]
    if plan.map is None:
        if add:
            check("index_add", ng_strided_add(kind, at(out.data, kind, plan.offset), values.data, plan.rank, plan.dims, plan.strides, strides))
        else:
            check("index_set", ng_strided_copy(kind, at(out.data, kind, plan.offset), values.data if values is not None else <void *>&zero,
                                               plan.rank, plan.dims, plan.strides, strides))
        return 0
    if values is not None and not same:
        whole = new_buffer(<size_t>product(plan.dims, 0, plan.rank) * ng_itemsize(kind))
        ng_contiguous_strides(steps, plan.rank, plan.dims)
        check("index_set", ng_strided_copy(kind, whole.data, values.data, plan.rank, plan.dims, steps, strides))
        values = whole
    if add:
        check("index_add", ng_scatter_add_rows(kind, out.data, values.data, <const int64_t *>plan.map.data, plan.outer, plan.n, plan.m,
                                               plan.inner))
    else:
        check("index_set", ng_scatter_rows(kind, out.data, values.data if values is not None else NULL,
                                           <const int64_t *>plan.map.data, plan.outer, plan.n, plan.m, plan.inner))
    return 0


cdef Tensor written(str op, object x, object index, object values, bint add):
    cdef int kind = common_kind(op, x, values)
    cdef Tensor t = as_tensor(op, x, kind), v = as_tensor(op, values, kind), out
    cdef Plan plan = make_plan(op, t, index)
    cdef Buffer xb = read_data(t), vb = read_data(v)
    if t.kind != kind or v.kind != kind:
        raise RuntimeError(f"{op}: an operand was cast to another dtype while the index was read")
    cdef IndexWriteNode node
    cdef int a, lead = plan.rank - v.rank
    cdef bint fits = lead >= 0
    for a in range(v.rank if fits else 0):
        fits = fits and (v.dims[a] == 1 or v.dims[a] == plan.dims[a + lead])
    if not fits:
        raise ShapeError(f"{op}: values of shape {shape_tuple(v.rank, v.dims)} do not broadcast to {shape_tuple(plan.rank, plan.dims)}, "
                         f"the shape of x[index] {named_shape(t)}")
    out = new_tensor(kind, t.rank, t.dims)
    copy_all(kind, read_data(out), xb, t.count)
    if product(plan.dims, 0, plan.rank):
        write_plan(kind, read_data(out), vb, v.rank, v.dims, plan, add)
    if needs_grad(t) or needs_grad(v):
        node = IndexAddNode.__new__(IndexAddNode) if add else IndexSetNode.__new__(IndexSetNode)
        node.plan = plan
        set_inputs(node, 2)
        if needs_grad(t):
            set_input(node, 0, t)
        if needs_grad(v):
            set_input(node, 1, v)
        link(out, node)
    return out


@public(method=True)
def index_set(x, index, values):
    """A copy of `x` with ``x[index]`` replaced by `values`.

    A tensor's value never changes; this takes the place of ``x[index] = values``. Where positions repeat, the last one counts.

    {x[index]}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3.], requires_grad=True)
    >>> v = ng.tensor(9., requires_grad=True)
    >>> y = ng.index_set(x, slice(0, 2), v)
    >>> y.tolist()
    [9.0, 9.0, 3.0]
    >>> y.sum().backward()
    >>> x.grad.tolist(), v.grad.item()
    ([0.0, 0.0, 1.0], 2.0)
    """
    return written("index_set", x, index, values, False)


@public(method=True)
def index_add(x, index, values):
    """A copy of `x` with `values` added to ``x[index]``. Where positions repeat, all of their values are added.

    {x[index]}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1., 2., 3.], requires_grad=True)
    >>> v = ng.tensor([10., 20.], requires_grad=True)
    >>> y = ng.index_add(x, [0, 0], v)
    >>> y.tolist()
    [31.0, 2.0, 3.0]
    >>> y[0].backward()
    >>> x.grad.tolist(), v.grad.tolist()
    ([1.0, 0.0, 0.0], [1.0, 1.0])
    """
    return written("index_add", x, index, values, True)
