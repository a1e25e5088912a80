# SPDX-License-Identifier: LGPL-3.0-or-later
# What the Tensor class stands on: making one, its operators' table, its methods' table, its values as NumPy sees them.

cdef Operators _operators
memset(&_operators, 0, sizeof(_operators))

cdef Operators *operators() noexcept:
    return &_operators

cdef char _nothing[64]
cdef Buffer EMPTY = wrapped_buffer(_nothing, None)       # of a tensor that nobody has made; its owners are not counted
cdef object _transpose = None         # shape.transpose and shape.matrix_transpose, for T and mT


cdef Tensor new_tensor(int kind, int rank, const int64_t *dims):
    cdef int64_t count = ng_count(rank, dims)
    if count < 0:
        refuse_size("tensor", rank, dims)
    return bare_tensor(new_buffer(<size_t>count * ng_itemsize(kind)), kind, rank, dims, count)


cdef Tensor wrap_buffer(Buffer buffer, int kind, int rank, const int64_t *dims):
    cdef int64_t count = ng_count(rank, dims)
    if count < 0:
        refuse_size("tensor", rank, dims)
    return bare_tensor(buffer, kind, rank, dims, count)


cdef inline Tensor bare_tensor(Buffer buffer, int kind, int rank, const int64_t *dims, int64_t count):
    cdef Tensor t = Tensor.__new__(Tensor)
    cdef int i
    own(&buffer.owners)
    t.buffer = buffer            # in place of EMPTY
    t.kind = kind
    t.rank = rank
    t.count = count
    for i in range(rank):
        t.dims[i] = dims[i]
    return t


cdef Tensor like(Tensor x):
    """A new tensor of x's dtype and shape, uninitialised."""
    return bare_tensor(new_buffer(<size_t>x.count * ng_itemsize(x.kind)), x.kind, x.rank, x.dims, x.count)


cdef int set_value(Tensor t, Buffer buffer) except -1:
    own(&buffer.owners)
    disown(&t.buffer.owners)
    t.buffer = buffer
    t.transposed = False
    return 0


cdef int fill_transposed(Tensor t) except -1:
    cdef Buffer source = t.buffer, filled = new_buffer(<size_t>t.count * ng_itemsize(t.kind))
    cdef int64_t strides[8]
    cdef int64_t steps[8]
    ng_contiguous_strides(steps, t.rank, t.dims)
    memcpy(strides, steps, sizeof(steps))
    strides[t.rank - 2] = 1
    strides[t.rank - 1] = t.dims[t.rank - 2]
    check("transpose", ng_strided_copy(t.kind, filled.data, source.data, t.rank, t.dims, steps, strides))
    if t.transposed:             # while the kernel ran, another thread may have been here too
        set_value(t, filled)
    return 0


cdef Tensor transposed_tensor(Tensor x, const int64_t *dims):
    cdef Tensor out
    if x.buffer.nbytes == 0:
        return None
    out = bare_tensor(x.buffer, x.kind, x.rank, dims, x.count)
    # In a matrix of one row or column, or an empty one, the elements lie the same way.
    out.transposed = not x.transposed and dims[x.rank - 1] > 1 and dims[x.rank - 2] > 1 and x.count > 0
    return out


# A tensor that dies owns its buffer no more. As a __dealloc__ this would cost 5 ns (CPython's exception is saved and restored).
cdef destructor _tensor_dealloc = (<PyTypeObject *>Tensor).tp_dealloc

cdef void let_go_and_die(PyObject *tensor) noexcept:
    disown(&(<Tensor>tensor).buffer.owners)
    _tensor_dealloc(tensor)

(<PyTypeObject *>Tensor).tp_dealloc = let_go_and_die


def register_transpose(function):
    """What .T and .mT call (set by nanograd._core.ops.shape)."""
    global _transpose
    _transpose = function


def _rows(Tensor x, Py_ssize_t n):
    cdef Py_ssize_t i
    for i in range(n):
        yield x[i]


def _rebuild_tensor(array, requires_grad):
    cdef Tensor t = array_tensor("unpickle", array, dtype_kind(array.dtype), True)
    t.wants_grad = requires_grad
    return t


cdef int need_leaf(Tensor t, str what) except -1:
    """Whether a copy of t loses nothing: where grad mode is off, nobody asks for the gradient of what has a graph."""
    if not is_leaf(t) and needs_grad(t):
        raise GraphError(f"{what}: the tensor is the result of {node_name(t.node)}, and a graph is not copied: write x.detach() or "
                         f"x.numpy() for its value, x.copy() for a copy that keeps the gradient")
    return 0


cdef Tensor leaf_copy(Tensor t, str what):
    """Values never change, so a copy shares the buffer; it has its own requires_grad and no .grad."""
    need_leaf(t, what)
    cdef Tensor copy = bare_tensor(read_data(t), t.kind, t.rank, t.dims, t.count)
    copy.wants_grad = t.wants_grad and is_leaf(t)
    return copy


cdef double item_of(Tensor t) except? -1.0:
    cdef Buffer buffer = read_data(t)
    return (<float *>buffer.data)[0] if t.kind == NG_F32 else (<double *>buffer.data)[0]


cdef object tensor_array(Tensor t):
    """A read-only array on the tensor's memory; its base is a view of the buffer, which it keeps alive and owns."""
    cdef cnp.npy_intp dims[8]
    cdef Buffer buffer = read_data(t)
    cdef int i
    for i in range(t.rank):
        dims[i] = t.dims[i]
    cdef cnp.ndarray array = cnp.PyArray_SimpleNewFromData(t.rank, dims, cnp.NPY_FLOAT32 if t.kind == NG_F32 else cnp.NPY_FLOAT64,
                                                          buffer.data)
    cnp.PyArray_CLEARFLAGS(array, cnp.NPY_ARRAY_WRITEABLE)
    cnp.set_array_base(array, view_buffer(buffer, 0))
    return array


cdef bint is_operand(object x):
    """Whether an operator may take x: else it answers NotImplemented, and the other side may know what to do."""
    return isinstance(x, (Tensor, float, int, cnp.ndarray, list, tuple)) or is_number(x) or (
        hasattr(x, "__array__") and not isinstance(x, type) and getattr(x, "__array_ufunc__", False) is not None)


cdef object compare(object ufunc, Tensor x, object other):
    if isinstance(other, Tensor):
        if (<Tensor>other).kind != x.kind:
            common_kind(ufunc.__name__, x, other)
        return ufunc(tensor_array(x), tensor_array(<Tensor>other))
    if not is_operand(other):
        return NotImplemented
    if is_number(other):
        number = as_real(ufunc.__name__, "the other operand", other)
        if x.kind == NG_F32 and not -3e38 < number < 3e38:
            with np.errstate(over="ignore"):        # it is an infinity in float32
                return ufunc(tensor_array(x), number)
        return ufunc(tensor_array(x), number)
    common_kind(ufunc.__name__, x, other)
    return ufunc(tensor_array(x), as_array(ufunc.__name__, other))


cdef object refuse_in_place(Tensor t, str operator):
    if t.wants_grad and is_leaf(t) and not isinstance(t, Parameter):
        raise TypeError(f"`x {operator}= y` would make x the result of an operation, and no longer a leaf: write "
                        f"x = (x {operator} y).detach().requires_grad_() for a leaf with the new value, or make x an nn.Parameter p and "
                        f"write p.assign(p {operator} y)")
    if t.wants_grad and is_leaf(t):
        raise TypeError(f"`x {operator}= y` would rebind x to a new tensor and leave the leaf (the parameter) as it is: "
                        f"write p.assign(p {operator} y) for an nn.Parameter p, or x = x {operator} y for a new name")
    return None


cdef int warn_user(str message) except -1:
    """A RuntimeWarning at the line of the user's that led here: the first outside of nanograd."""
    import sys
    import warnings
    from functools import partial
    frame = sys._getframe()
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "nanograd":
        frame = frame.f_back
        level += 1
    foreign(partial(warnings.warn, category=RuntimeWarning, stacklevel=level), message)       # who shows it may be the user's
    return 0


@cython.binding(False)
@cython.embedsignature(True)
cdef class HookHandle:
    """What register_hook returns: remove() takes the hook away."""
    cdef dict hooks
    cdef object key

    def __repr__(self):
        return "<HookHandle>" if self.hooks is not None and self.key in self.hooks else "<HookHandle, removed>"

    def remove(self):
        """Take the hook away; a second call does nothing."""
        if self.hooks is not None:
            self.hooks.pop(self.key, None)
            self.hooks = None


cdef object _hook_keys = itertools.count()
