# SPDX-License-Identifier: LGPL-3.0-or-later
# The Tensor: attributes, conversions, operators, autograd methods; and the Parameter.
# Every other method is a function of its family, put in by add_methods().

cdef Operators _operators
memset(&_operators, 0, sizeof(_operators))

cdef Operators *operators() noexcept:
    return &_operators

cdef Buffer EMPTY = new_buffer(0)
cdef object _transpose = None         # shape.transpose and shape.matrix_transpose, for T and mT
UFUNCS = {}                           # NumPy ufunc -> our function, for __array_ufunc__
ARRAY_FUNCTIONS = {}                  # NumPy function -> our function, for __array_function__
# Names under which NumPy knows what we call otherwise.
cdef dict NUMPY_NAMES = {"sub": ("subtract",), "mul": ("multiply",), "div": ("divide",), "neg": ("negative",),
                         "abs": ("absolute",), "pow": ("power",), "remainder": ("remainder",), "floor_divide": ("floor_divide",),
                         "permute": (), "linear": (), "select": ()}


cdef Tensor new_tensor(int kind, int rank, const int64_t *dims):
    cdef int64_t count = 1
    cdef int i
    for i in range(rank):
        count *= dims[i]
    return bare_tensor(new_buffer(<size_t>count * ng_itemsize(kind)), kind, rank, dims, count)


cdef Tensor wrap_buffer(Buffer buffer, int kind, int rank, const int64_t *dims):
    cdef int64_t count = 1
    cdef int i
    for i in range(rank):
        count *= dims[i]
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
    cdef PyTypeObject *type_ = <PyTypeObject *>Tensor
    for name, function in methods.items():
        (<dict>type_.tp_dict)[name] = function
        register_numpy(name, function)
    PyType_Modified(type_)
    return 0


def register_numpy(name, function):
    """Let NumPy's function of that name run ours when it is given a tensor."""
    for numpy_name in NUMPY_NAMES.get(name, (name,)):
        theirs = getattr(np, numpy_name, None)
        if isinstance(theirs, np.ufunc):
            UFUNCS[theirs] = function
        elif callable(theirs):
            ARRAY_FUNCTIONS[theirs] = function


def register_transpose(function):
    """What .T and .mT call (set by nanograd._core.shape)."""
    global _transpose
    _transpose = function


cdef bint is_leaf(Tensor t) noexcept:
    return t.node is None or type(t.node) is LeafNode


cdef object refuse_in_place(Tensor t, str operator):
    if t.wants_grad and is_leaf(t):
        raise TypeError(f"`x {operator}= y` would rebind x to a new tensor and leave the leaf (the parameter) as it is: "
                        f"write p.assign(p {operator} y) for an nn.Parameter p, or x = x {operator} y for a new name")
    return None


cdef class _HookHandle:
    """What register_hook returns: remove() takes the hook away."""
    cdef dict hooks
    cdef object key

    def remove(self):
        """Take the hook away; a second call does nothing."""
        if self.hooks is not None:
            self.hooks.pop(self.key, None)
            self.hooks = None


cdef object _hook_keys = itertools.count()


@cython.no_gc
cdef class Tensor:
    """An array of float32 or float64 whose value never changes, and which can know how it was computed.

    Tensors are made by :func:`tensor`, :func:`zeros`, :func:`from_numpy` and their like, and by operations.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.], dtype=float32)
    """

    def __cinit__(self):
        self.buffer = EMPTY          # so that Tensor.__new__(Tensor) is an empty vector, not a crash
        self.rank = 1

    def __init__(self, *args, **kwargs):
        raise TypeError("Tensor is not a constructor: write ng.tensor(data)")

    # ---- attributes ----

    @property
    def shape(self):
        """Number of elements along each axis, a tuple of ints."""
        return shape_tuple(self.rank, self.dims)

    @property
    def ndim(self):
        """Number of axes."""
        return self.rank

    @property
    def size(self):
        """Number of elements."""
        return self.count

    @property
    def nbytes(self):
        """Bytes that the elements take."""
        return self.count * ng_itemsize(self.kind)

    @property
    def itemsize(self):
        """Bytes of one element."""
        return ng_itemsize(self.kind)

    @property
    def strides(self):
        """Bytes to step along each axis, as NumPy counts them: always those of a C-contiguous array."""
        cdef int i
        cdef int64_t step = ng_itemsize(self.kind)
        cdef list strides = [0] * self.rank
        for i in range(self.rank - 1, -1, -1):
            strides[i] = step
            step *= self.dims[i]
        return tuple(strides)

    @property
    def dtype(self):
        """``numpy.dtype`` float32 or float64."""
        return numpy_dtype(self.kind)

    @property
    def is_leaf(self):
        """True unless an operation made the tensor from one that requires a gradient."""
        return is_leaf(self)

    @property
    def grad_fn(self):
        """The node of the operation that made the tensor, or None for a leaf."""
        return None if is_leaf(self) else self.node

    @property
    def requires_grad(self):
        """Whether gradients with respect to this tensor are computed; settable for a leaf."""
        return bool(self.wants_grad)

    @requires_grad.setter
    def requires_grad(self, flag):
        self.requires_grad_(flag)

    def requires_grad_(self, flag=True):
        """Set ``requires_grad`` of a leaf, in place; returns self.

        Raises
        ------
        GraphError
            If the tensor is the result of an operation: write ``x.detach()`` for a leaf of the same value.

        Examples
        --------
        >>> import nanograd as ng
        >>> ng.zeros(2).requires_grad_()
        tensor([0., 0.], dtype=float32, requires_grad=True)
        """
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"requires_grad must be a bool, got {type(flag).__name__} {flag!r}")
        if not is_leaf(self):
            if flag:
                return self
            raise GraphError(f"requires_grad: the tensor is the result of {node_name(self.node)}; only a leaf can be told not to "
                             f"require a gradient: write x.detach()")
        self.wants_grad = flag
        return self

    @property
    def grad(self):
        """The gradient that backward passes have added up, or None; settable to None, a tensor or an array."""
        cdef Buffer buffer = leaf_gradient(self)
        if buffer is None and not is_leaf(self):
            if self.node.extra is not None and (<NodeExtra>self.node.extra).retains:
                buffer = (<NodeExtra>self.node.extra).retained
            else:
                import warnings
                warnings.warn(f".grad of a tensor that is no leaf is None: gradients of intermediate results are not kept. This one "
                              f"is the result of {node_name(self.node)}; call x.retain_grad() before backward to keep its gradient",
                              stacklevel=1)
        if buffer is None:
            return None
        return wrap_buffer(buffer, self.kind, self.rank, self.dims)

    @grad.setter
    def grad(self, value):
        cdef Buffer buffer
        if not is_leaf(self):
            raise GraphError(f".grad can be set of a leaf only; this tensor is the result of {node_name(self.node)}")
        if value is None:
            if self.node is not None:
                (<LeafNode>self.node).grad = None
            return
        if not isinstance(value, (Tensor, np.ndarray)):
            raise TypeError(f".grad must be None, a tensor or an array, got {type(value).__name__}")
        buffer = gradient_buffer(".grad", value, self.kind, self.rank, self.dims)
        leaf_node(self).grad = buffer

    @grad.deleter
    def grad(self):
        self.grad = None

    @property
    def T(self):
        """The tensor with its axes reversed (with gradient)."""
        return _transpose(self)

    @property
    def mT(self):
        """The tensor with its last two axes swapped (with gradient)."""
        if self.rank < 2:
            raise ShapeError(f"mT: needs at least 2 dimensions, got shape {self.shape}")
        return _transpose(self, *range(self.rank - 2), self.rank - 1, self.rank - 2)

    # ---- conversions ----

    def numpy(self):
        """A read-only NumPy array that shares the memory, of any tensor (also one that requires a gradient).

        Since a tensor's value never changes, the array's does not either: after an optimizer step a parameter has a new
        value, and the array keeps the old one.

        Examples
        --------
        >>> import nanograd as ng
        >>> ng.tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        return tensor_array(self)

    def __array__(self, dtype=None, copy=None):
        array = tensor_array(self)
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"a tensor of dtype {array.dtype} cannot become an array of dtype {np.dtype(dtype)} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def item(self):
        """The value of a tensor of one element, as a Python float.

        Raises
        ------
        ValueError
            If there are more or fewer elements.
        """
        if self.count != 1:
            raise ValueError(f"item: needs a tensor of one element, got shape {self.shape}")
        return item_of(self)

    def tolist(self):
        """The elements as nested lists of Python floats (a float for a 0-d tensor)."""
        return tensor_array(self).tolist()

    def __float__(self):
        if self.count != 1:
            raise TypeError(f"only a tensor of one element converts to a number, got shape {self.shape}")
        return item_of(self)

    def __int__(self):
        return int(float(self))

    def __bool__(self):
        if self.count != 1:
            raise ValueError(f"the truth value of a tensor of shape {self.shape} is ambiguous; write np.all(x != 0) or np.any(x != 0)")
        return item_of(self) != 0

    def __len__(self):
        if self.rank == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.dims[0]

    def __iter__(self):
        if self.rank == 0:
            raise TypeError("iteration over a 0-d tensor")
        return _rows(self, self.dims[0])

    def __hash__(self):
        return <Py_hash_t>(<size_t><void *>self >> 4)

    def __format__(self, spec):
        if self.rank == 0:
            return format(item_of(self), spec) if spec else str(item_of(self))
        if spec:
            raise TypeError(f"a format like {spec!r} needs a 0-d tensor, got shape {self.shape}")
        return repr(self)

    def __repr__(self):
        name = "Parameter(" if isinstance(self, Parameter) else "tensor("
        suffix = f", dtype={numpy_dtype(self.kind)}"
        if not is_leaf(self):
            suffix += f", grad_fn={self.node!r}"
        elif self.wants_grad and name == "tensor(":
            suffix += ", requires_grad=True"
        elif not self.wants_grad and name == "Parameter(":
            suffix += ", requires_grad=False"
        body = np.array2string(tensor_array(self), separator=", ", prefix=name)
        if self.count == 0:
            body = f"[], shape={self.shape}" if self.rank != 1 else "[]"
        return name + body + suffix + ")"

    def __copy__(self):
        return leaf_copy(self, "copy.copy")

    def __deepcopy__(self, memo):
        return leaf_copy(self, "copy.deepcopy")

    def __reduce__(self):
        need_leaf(self, "pickle")
        return _rebuild_tensor, (tensor_array(self), bool(self.wants_grad))

    # ---- NumPy's protocols ----

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        function = UFUNCS.get(ufunc)
        if method != "__call__":
            raise TypeError(f"np.{ufunc.__name__}.{method} does not take tensors: write x.numpy()")
        if function is None:
            if ufunc in NUMPY_RESULTS:
                return ufunc(*[tensor_array(x) if isinstance(x, Tensor) else x for x in inputs], **kwargs)
            raise TypeError(f"np.{ufunc.__name__} has no gradient here: write np.{ufunc.__name__}(x.numpy()) for a NumPy result")
        if kwargs:
            raise TypeError(f"np.{ufunc.__name__} of a tensor takes no {', '.join(kwargs)}: write x.numpy()")
        return function(*inputs)

    def __array_function__(self, func, types, args, kwargs):
        function = ARRAY_FUNCTIONS.get(func)
        if function is None:
            raise TypeError(f"np.{func.__name__} does not take tensors: write np.{func.__name__}(x.numpy()) for a NumPy result")
        return function(*args, **kwargs)

    # ---- operators ----

    def __neg__(self): return unary(NG_UNARY_neg, self)
    def __pos__(self): return self
    def __abs__(self): return unary(NG_UNARY_abs, self)
    def __add__(self, other): return binary_operator(NG_BINARY_add, self, other)
    def __radd__(self, other): return binary_operator(NG_BINARY_add, other, self)
    def __sub__(self, other): return binary_operator(NG_BINARY_sub, self, other)
    def __rsub__(self, other): return binary_operator(NG_BINARY_sub, other, self)
    def __mul__(self, other): return binary_operator(NG_BINARY_mul, self, other)
    def __rmul__(self, other): return binary_operator(NG_BINARY_mul, other, self)
    def __truediv__(self, other): return binary_operator(NG_BINARY_div, self, other)
    def __rtruediv__(self, other): return binary_operator(NG_BINARY_div, other, self)
    def __floordiv__(self, other): return binary_operator(NG_BINARY_floor_divide, self, other)
    def __rfloordiv__(self, other): return binary_operator(NG_BINARY_floor_divide, other, self)
    def __mod__(self, other): return binary_operator(NG_BINARY_remainder, self, other)
    def __rmod__(self, other): return binary_operator(NG_BINARY_remainder, other, self)
    def __matmul__(self, other): return NotImplemented if not is_operand(other) else _operators.matmul(self, other)
    def __rmatmul__(self, other): return NotImplemented if not is_operand(other) else _operators.matmul(other, self)

    def __pow__(self, other, modulo):
        if modulo is not None:
            raise TypeError("pow: a tensor takes no modulo")
        return NotImplemented if not is_operand(other) else power(self, other)

    def __rpow__(self, other, modulo):
        if modulo is not None:
            raise TypeError("pow: a tensor takes no modulo")
        return NotImplemented if not is_operand(other) else power(other, self)

    def __round__(self, ndigits=None):
        if ndigits:
            raise TypeError("round: a tensor is rounded to integers only; write round(x * 10 ** n) / 10 ** n")
        return unary(NG_UNARY_round, self)

    def __iadd__(self, other): return refuse_in_place(self, "+") or self + other
    def __isub__(self, other): return refuse_in_place(self, "-") or self - other
    def __imul__(self, other): return refuse_in_place(self, "*") or self * other
    def __itruediv__(self, other): return refuse_in_place(self, "/") or self / other
    def __imatmul__(self, other): return refuse_in_place(self, "@") or self @ other
    def __ifloordiv__(self, other): return refuse_in_place(self, "//") or self // other
    def __imod__(self, other): return refuse_in_place(self, "%") or self % other
    def __ipow__(self, other): return refuse_in_place(self, "**") or self ** other

    def __eq__(self, other): return compare(np.equal, self, other)
    def __ne__(self, other): return compare(np.not_equal, self, other)
    def __lt__(self, other): return compare(np.less, self, other)
    def __le__(self, other): return compare(np.less_equal, self, other)
    def __gt__(self, other): return compare(np.greater, self, other)
    def __ge__(self, other): return compare(np.greater_equal, self, other)

    def __getitem__(self, index): return _operators.getitem(self, index)

    def __setitem__(self, index, value):
        raise TypeError("a tensor's value never changes, so x[i] = v is refused: write x = ng.index_set(x, i, v)")

    def __delitem__(self, index):
        raise TypeError("a tensor's value never changes, so del x[i] is refused")

    # ---- autograd ----

    def backward(self, gradient=None, retain_graph=False, inputs=None):
        """Add the gradient of this tensor with respect to every leaf that requires one into that leaf's ``.grad``.

        Parameters
        ----------
        gradient : array_like, optional
            The gradient of what is differentiated with respect to this tensor, of its shape. None: ones, so that a
            non-scalar is summed, as in the original.
        retain_graph : bool, default False
            Keep the graph, which is else freed as the pass goes, for another one.
        inputs : Tensor or sequence of Tensor, optional
            Add into the ``.grad`` of these alone.

        Raises
        ------
        GraphError
            If there is nothing to differentiate, the graph is freed, or it is in another backward pass.
        ShapeError
            If gradient has another shape.

        Notes
        -----
        After an exception (in a hook, say) every ``.grad`` is as before.

        Examples
        --------
        >>> import nanograd as ng
        >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
        >>> (x ** 2).backward(gradient=[1.0, 10.0])
        >>> x.grad
        tensor([ 2., 40.], dtype=float32)
        """
        run_backward(self, gradient, retain_graph, inputs)

    def zero_grad(self):
        """Set ``.grad`` to None."""
        if self.node is not None:
            if type(self.node) is LeafNode:
                (<LeafNode>self.node).grad = None
            elif self.node.extra is not None:
                (<NodeExtra>self.node.extra).retained = None

    def add_to_grad(self, delta):
        """Add an array of the leaf's shape into ``.grad``.

        Raises
        ------
        ShapeError
            If delta has another shape.
        GraphError
            If the tensor is no leaf.

        Examples
        --------
        >>> import nanograd as ng
        >>> x = ng.zeros(2, requires_grad=True)
        >>> x.add_to_grad([1.0, 2.0])
        >>> x.grad
        tensor([1., 2.], dtype=float32)
        """
        if not is_leaf(self):
            raise GraphError(f"add_to_grad: the tensor is the result of {node_name(self.node)}; only a leaf has a .grad to add to")
        add_to_leaf(leaf_node(self), gradient_buffer("add_to_grad", delta, self.kind, self.rank, self.dims))

    def retain_grad(self):
        """Keep the gradient of an intermediate result in its ``.grad``.

        Examples
        --------
        >>> import nanograd as ng
        >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3
        >>> y.retain_grad()
        >>> (y * y).backward()
        >>> y.grad
        tensor([ 6., 12.], dtype=float32)
        """
        if not self.wants_grad:
            raise GraphError("retain_grad: the tensor does not require a gradient")
        if not is_leaf(self):
            node_extra(self.node).retains = True

    def register_hook(self, fn):
        """Call ``fn(gradient)`` when the gradient of this tensor is complete; what it returns replaces the gradient.

        Parameters
        ----------
        fn : callable
            Takes a Tensor of this shape; returns a tensor or array of this shape, or None to leave the gradient.

        Returns
        -------
        handle
            Its ``remove()`` takes the hook away.

        Notes
        -----
        Of a leaf, the hook sees the total of a backward pass. A hook may run a backward of another graph.

        Examples
        --------
        >>> import nanograd as ng
        >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: gradient * 10)
        >>> (x * x).backward()
        >>> x.grad
        tensor([20., 40.], dtype=float32)
        >>> handle.remove()
        """
        cdef dict hooks
        cdef _HookHandle handle
        if not self.wants_grad:
            raise GraphError("register_hook: the tensor does not require a gradient")
        if not callable(fn):
            raise TypeError(f"register_hook: expected a function, got {type(fn).__name__}")
        if isinstance(self, Parameter):
            if (<Parameter>self).hooks is None:
                (<Parameter>self).hooks = {}
            hooks = (<Parameter>self).hooks
            leaf_node(self)
        else:
            hooks = node_extra(node_of(self)).hooks
        handle = _HookHandle.__new__(_HookHandle)
        handle.hooks = hooks
        handle.key = next(_hook_keys)
        hooks[handle.key] = fn
        return handle

    def detach(self):
        """A leaf of the same value that requires no gradient and shares the memory."""
        return bare_tensor(self.buffer, self.kind, self.rank, self.dims, self.count)


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
        return ufunc(tensor_array(x), float(other))
    common_kind(ufunc.__name__, x, other)
    return ufunc(tensor_array(x), as_array(ufunc.__name__, other))


cdef class Parameter(Tensor):
    """A tensor that a module learns: a leaf that requires a gradient and can be given new values.

    Parameters
    ----------
    data : array_like
        Copied, by the rules of :func:`tensor`.
    requires_grad : bool, default True

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, 2.0])
    >>> w.assign(w - 0.5)
    Parameter([0.5, 1.5], dtype=float32)
    """

    def __init__(self, data, requires_grad=True):
        cdef Tensor value = as_tensor("Parameter", data, -1, True)
        cdef int i
        if not isinstance(requires_grad, (bool, np.bool_)):
            raise TypeError(f"Parameter: requires_grad must be a bool, got {type(requires_grad).__name__}")
        if self.node is not None:
            raise TypeError("a Parameter is initialised once; write p.assign(value)")
        self.buffer = copied_buffer(value) if isinstance(data, Tensor) else value.buffer
        self.kind = value.kind
        self.rank = value.rank
        self.count = value.count
        for i in range(value.rank):
            self.dims[i] = value.dims[i]
        self.wants_grad = requires_grad

    def __dealloc__(self):
        if self.node is not None:
            self.node.weak_owner = NULL

    def assign(self, value):
        """Give the parameter a new value, without a graph; returns self.

        Whoever holds the old value (a graph, a view, an array, ``detach()``) keeps it.

        Parameters
        ----------
        value : Tensor, array_like or number
            Of the parameter's shape and dtype; a number fills.

        Raises
        ------
        ShapeError, DTypeError

        Examples
        --------
        >>> import nanograd as ng
        >>> w = ng.nn.Parameter([1.0, 2.0])
        >>> w.assign([3.0, 4.0])
        Parameter([3., 4.], dtype=float32)
        """
        cdef Tensor t
        cdef Buffer buffer
        if is_number(value):
            buffer = new_buffer(<size_t>self.count * ng_itemsize(self.kind))
            check("assign", ng_fill(self.kind, buffer.data, float(value), self.count))
            self.buffer = buffer
            return self
        t = as_tensor("assign", value, self.kind, True)
        if not same_shape(t, self):
            raise ShapeError(f"assign: the parameter has shape {self.shape}, the value {t.shape}")
        if t.buffer.nbytes == 0:
            self.buffer = copied_buffer(t)       # a view would keep its parent's memory, and forbid steps in place
        else:
            self.buffer = t.buffer
        return self

    def __copy__(self):
        return self.__deepcopy__({})

    def __deepcopy__(self, memo):
        cdef Parameter copy = type(self).__new__(type(self))
        cdef int i
        copy.buffer = self.buffer
        copy.kind = self.kind
        copy.rank = self.rank
        copy.count = self.count
        for i in range(self.rank):
            copy.dims[i] = self.dims[i]
        copy.wants_grad = self.wants_grad
        if hasattr(self, "__dict__"):
            import copy as copy_module
            copy.__dict__.update(copy_module.deepcopy(self.__dict__, memo))
        return copy

    def __reduce__(self):
        return _rebuild_parameter, (type(self), tensor_array(self), bool(self.wants_grad), getattr(self, "__dict__", None))


def _rebuild_parameter(cls, array, requires_grad, attributes):
    cdef Parameter p = cls.__new__(cls)
    Parameter.__init__(p, array, requires_grad)
    if attributes:
        p.__dict__.update(attributes)
    return p


def _init_subclass(cls, **kwargs):
    if not issubclass(cls, Parameter):
        raise TypeError("Tensor cannot be subclassed; nn.Parameter can")


(<dict>(<PyTypeObject *>Tensor).tp_dict)["__init_subclass__"] = classmethod(_init_subclass)     # Cython refuses it in the class
PyType_Modified(<PyTypeObject *>Tensor)
