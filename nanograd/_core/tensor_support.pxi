# SPDX-License-Identifier: LGPL-3.0-or-later
# What the Tensor class stands on: making one, its operators' table, its methods' table, its values as NumPy sees them.

cdef Operators _operators
memset(&_operators, 0, sizeof(_operators))

cdef Operators *operators() noexcept:
    return &_operators

cdef Buffer EMPTY = new_buffer(0)
cdef object _transpose = None         # shape.transpose and shape.matrix_transpose, for T and mT
UFUNCS = {}                           # NumPy ufunc -> our function, for __array_ufunc__
ARRAY_FUNCTIONS = {}                  # NumPy function -> our function, for __array_function__
# Names under which NumPy knows what we call otherwise.
cdef dict NUMPY_NAMES = {"max": ("max", "amax"), "min": ("min", "amin"), "round": ("round", "around"), "flatten": ("ravel",),
                         "unsqueeze": ("expand_dims",), "sub": ("subtract",),
                         "mul": ("multiply",), "div": ("divide",), "neg": ("negative",),
                         "abs": ("absolute",), "pow": ("power",), "remainder": ("remainder",), "floor_divide": ("floor_divide",),
                         "permute": (), "linear": (), "select": (),
                         # NumPy's own give NumPy results
                         "sign": (), "floor": (), "ceil": (), "isnan": (), "isinf": (), "isfinite": ()}


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
    t.buffer = buffer
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
    t.buffer = buffer
    return 0


cdef int add_methods(dict methods) except -1:
    """Put functions into Tensor as methods, and into the maps by which NumPy's functions find ours."""
    for name, function in methods.items():
        register_numpy(name, function)
    add_attributes(methods)
    return 0


def add_attributes(attributes):
    """Put them into Tensor, which as a C type takes none from Python."""
    cdef PyTypeObject *type_ = <PyTypeObject *>Tensor
    (<dict>type_.tp_dict).update(attributes)
    PyType_Modified(type_)


def show_as(module, objects):
    """Let compiled functions and classes say that they are of that module: in help(), error messages, pickles."""
    cdef bytes name
    for thing in objects:
        if isinstance(thing, type) and not (<PyTypeObject *>thing).tp_flags & Py_TPFLAGS_HEAPTYPE:
            name = f"{module}.{thing.__name__}".encode()
            Py_INCREF(name)                    # the type has only its characters, and outlives this module
            (<PyTypeObject *>thing).tp_name = name
        else:
            thing.__module__ = module


def register_numpy(name, function):
    """Let NumPy's function of that name run ours when it is given a tensor."""
    for numpy_name in NUMPY_NAMES.get(name, (name,)):
        theirs = getattr(np, numpy_name, None)
        if isinstance(theirs, np.ufunc):
            UFUNCS[theirs] = function
        elif callable(theirs):
            ARRAY_FUNCTIONS[theirs] = function


# What NumPy's arguments are called here. (A function whose arguments differ more has a version with NumPy's own.)
cdef dict NUMPY_ARGUMENTS = {"a_min": "min", "a_max": "max", "offset": "k"}


cdef str numpy_name(object func):
    module = getattr(func, "__module__", None) or "numpy"
    return module.replace("numpy", "np", 1) + "." + getattr(func, "__name__", shown(func))


cdef object numpy_call(object func, object function, tuple args, dict kwargs):
    """Ours, called with NumPy's arguments in NumPy's order: an axis, a dtype, an out must not be taken for something else."""
    import inspect
    if len(args) == 1 and not kwargs:
        return function(args[0])
    try:
        theirs = inspect.signature(func)
    except ValueError:              # older versions of NumPy do not tell those of their functions in C
        return function(*args, **kwargs)
    known = inspect.signature(function).parameters
    ours, named = [], {}
    for name, value in theirs.bind(*args, **kwargs).arguments.items():
        parameter = theirs.parameters[name]
        if parameter.kind == parameter.VAR_POSITIONAL:
            ours.extend(value)
        elif parameter.kind == parameter.VAR_KEYWORD:
            named.update(value)
        elif parameter.default is parameter.empty or parameter.kind == parameter.POSITIONAL_ONLY:
            ours.append(value)
        elif value is not parameter.default and value is not None or NUMPY_ARGUMENTS.get(name, name) in known:
            named[NUMPY_ARGUMENTS.get(name, name)] = value
    named.pop("optimize", None)      # einsum's, which changes nothing but the order of the work
    foreign = [name for name in named if name not in known]
    if foreign:
        raise TypeError(f"{numpy_name(func)} of a tensor takes no {', '.join(foreign)}: write x.numpy() for a NumPy result")
    return function(*ours, **named)


def register_transpose(function):
    """What .T and .mT call (set by nanograd._core.shape)."""
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
    if not is_leaf(t):
        raise GraphError(f"{what}: the tensor is the result of {node_name(t.node)}, and a graph is not copied: write x.detach()")
    return 0


cdef Tensor leaf_copy(Tensor t, str what):
    """Values never change, so a copy shares the buffer; it has its own requires_grad and no .grad."""
    need_leaf(t, what)
    cdef Tensor copy = bare_tensor(t.buffer, t.kind, t.rank, t.dims, t.count)
    copy.wants_grad = t.wants_grad
    return copy


cdef inline double item_of(Tensor t) noexcept:
    if t.kind == NG_F32:
        return (<float *>t.buffer.data)[0]
    return (<double *>t.buffer.data)[0]


cdef object tensor_array(Tensor t):
    """A read-only array on the tensor's memory; its base is the buffer, which it keeps alive."""
    cdef cnp.npy_intp dims[8]
    cdef int i
    for i in range(t.rank):
        dims[i] = t.dims[i]
    cdef cnp.ndarray array = cnp.PyArray_SimpleNewFromData(t.rank, dims, cnp.NPY_FLOAT32 if t.kind == NG_F32 else cnp.NPY_FLOAT64,
                                                          t.buffer.data)
    cnp.PyArray_CLEARFLAGS(array, cnp.NPY_ARRAY_WRITEABLE)
    cnp.set_array_base(array, t.buffer)
    return array


cdef bint is_operand(object x):
    """Whether an operator may take x: else it answers NotImplemented, and the other side may know what to do."""
    return isinstance(x, (Tensor, float, int, cnp.ndarray, list, tuple)) or is_number(x) or (
        hasattr(x, "__array__") and not isinstance(x, type) and getattr(x, "__array_ufunc__", False) is not None)


NUMPY_RESULTS = frozenset((np.isnan, np.isinf, np.isfinite, np.sign, np.floor, np.ceil, np.signbit, np.equal, np.not_equal, np.less,
                           np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_not))


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
    if t.wants_grad and is_leaf(t):
        raise TypeError(f"`x {operator}= y` would rebind x to a new tensor and leave the leaf (the parameter) as it is: "
                        f"write p.assign(p {operator} y) for an nn.Parameter p, or x = x {operator} y for a new name")
    return None


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
