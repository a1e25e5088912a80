# SPDX-License-Identifier: LGPL-3.0-or-later
# The Tensor: attributes, conversions, operators, autograd methods.
# Every other method is a function of its family, put in by @public(method=True).

cdef bint is_leaf(Tensor t) noexcept:
    return t.node is None or type(t.node) is LeafNode


@cython.no_gc
@cython.binding(False)
@cython.embedsignature(True)
cdef class Tensor:
    """An array of float32 or float64 whose value never changes, and that can record how it was computed.

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

    @requires_grad.deleter
    def requires_grad(self):
        raise TypeError("requires_grad cannot be deleted: write x.requires_grad_(False)")

    def requires_grad_(self, flag=True):
        """Set ``requires_grad`` of a leaf, in place; returns self.

        A frozen leaf gets no gradient, not even from graphs that were made before.

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
        flag = as_flag("", "requires_grad", flag)
        if not is_leaf(self):
            if flag:
                return self
            raise GraphError(f"requires_grad: the tensor is the result of {node_name(self.node)}; only a leaf's "
                             f"requires_grad can be turned off: write x.detach()")
        self.wants_grad = flag
        if self.node is not None:
            self.node.unwanted = not flag        # graphs that lead here are asked at the time of their backward
        return self

    @property
    def grad(self):
        """The gradient that backward passes have accumulated, or None; settable to None, a tensor or an array."""
        cdef Buffer buffer = leaf_gradient(self)
        if buffer is None and not is_leaf(self):
            if self.node.extra is not None and (<NodeExtra>self.node.extra).retains:
                if (<NodeExtra>self.node.extra).retained is not None:
                    buffer = read_data((<NodeExtra>self.node.extra).retained)
            else:
                import warnings
                warnings.warn(f".grad of a tensor that is not a leaf is None: gradients of intermediate results are not kept. This one "
                              f"is the result of {node_name(self.node)}; call x.retain_grad() before backward to keep its gradient",
                              stacklevel=1)
        if buffer is None:
            return None
        return wrap_buffer(buffer, self.kind, self.rank, self.dims)

    @grad.setter
    def grad(self, value):
        cdef int kind
        cdef Buffer buffer
        if not is_leaf(self):
            raise GraphError(f"only a leaf's .grad can be set; this tensor is the result of {node_name(self.node)}")
        if value is None:
            if self.node is not None:
                set_grad(<LeafNode>self.node, None)
            return
        if not isinstance(value, Tensor) and not isinstance(value, np.ndarray):
            raise TypeError(f".grad must be None, a tensor or an array, got {type(value).__name__}")
        kind = self.kind
        buffer = gradient_buffer(".grad", value, kind, self.rank, self.dims)
        if self.kind != kind:
            raise RuntimeError(".grad: the tensor was cast to another dtype by another thread")
        set_grad(leaf_node(self), buffer)

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
        """A read-only NumPy array that shares the memory, of any tensor (even one that requires a gradient).

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
        if needs_grad(self):
            raise array_error(self)
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
            raise TypeError(f"a format like {shown(spec)} needs a 0-d tensor, got shape {self.shape}")
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

    def __getbuffer__(self, Py_buffer *view, int flags):
        export_buffer(self, view, flags)

    def __releasebuffer__(self, Py_buffer *view):
        release_exported(view)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return dlpack_capsule(self, stream, max_version, dl_device, copy)

    def __dlpack_device__(self):
        return (1, 0)

    def __copy__(self):
        return leaf_copy(self, "copy.copy")

    def __deepcopy__(self, memo):
        return leaf_copy(self, "copy.deepcopy")

    def __reduce__(self):
        need_leaf(self, "pickle")
        return _rebuild_tensor, (tensor_array(self), bool(self.wants_grad and is_leaf(self)))

    # ---- NumPy's protocols ----

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs): return run_ufunc(ufunc, method, inputs, kwargs)
    def __array_function__(self, func, types, args, kwargs): return run_array_function(func, args, kwargs)

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
    def __matmul__(self, other): return not_an_operand(other, True) if not is_operand(other) else _operators.matmul(self, other)
    def __rmatmul__(self, other): return not_an_operand(other, False) if not is_operand(other) else _operators.matmul(other, self)

    def __pow__(self, other, modulo):
        if modulo is not None:
            raise TypeError("pow: a tensor takes no modulo")
        return not_an_operand(other, True) if not is_operand(other) else power(self, other)

    def __rpow__(self, other, modulo):
        if modulo is not None:
            raise TypeError("pow: a tensor takes no modulo")
        return not_an_operand(other, False) if not is_operand(other) else power(other, self)

    def __round__(self, ndigits=None): return rounded(self, 0 if ndigits is None else ndigits)

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
            non-scalar is summed, as in the Scheme original.
        retain_graph : bool, default False
            Keep the graph, which is otherwise freed as the pass goes, for another pass.
        inputs : Tensor or sequence of Tensor, optional
            Add to the ``.grad`` of these only. Only the operations that lead to them are run, and freed: hooks and
            ``retain_grad`` of other tensors take no part in this pass.

        Raises
        ------
        GraphError
            If there is nothing to differentiate, the graph is freed, or it is in another backward pass, of another thread
            or around this one (in a hook, in a ``Function``).
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
                set_grad(<LeafNode>self.node, None)
            elif self.node.extra is not None:
                (<NodeExtra>self.node.extra).retained = None

    def add_to_grad(self, delta):
        """Add an array of the leaf's shape into ``.grad``.

        Raises
        ------
        ShapeError
            If delta has another shape.
        GraphError
            If the tensor is not a leaf.

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
            Its ``remove()`` removes the hook.

        Notes
        -----
        On a leaf, the hook sees the total of a backward pass. A hook may run a backward of another graph.

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
        cdef HookHandle handle
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
        handle = HookHandle.__new__(HookHandle)
        handle.hooks = hooks
        handle.key = next(_hook_keys)
        hooks[handle.key] = fn
        return handle

    def detach(self):
        """A leaf of the same value that requires no gradient and shares the memory."""
        return bare_tensor(read_data(self), self.kind, self.rank, self.dims, self.count)
