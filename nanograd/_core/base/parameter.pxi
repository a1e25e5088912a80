# SPDX-License-Identifier: LGPL-3.0-or-later
# The Parameter: a leaf that is given new values.

@cython.binding(False)
@cython.embedsignature(True)
cdef class Parameter(Tensor):
    """Parameter(data, requires_grad=True)
--

    A tensor that a module learns: a leaf that requires a gradient and can be given new values.

    Parameters
    ----------
    data : array_like
        Copied, by the rules of :func:`tensor`.
    requires_grad : bool, default True

    Raises
    ------
    DTypeError
        For values that are not real: complex numbers, strings, objects.
    TypeError
        If requires_grad is not a bool.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, 2.0])
    >>> w.assign(w - 0.5)
    Parameter([0.5, 1.5], dtype=float32)
    """

    def __init__(self, data, requires_grad=True):
        need_value("Parameter", data)
        cdef Tensor value = as_tensor("Parameter", data, -1, True)
        cdef bint wanted = as_flag("Parameter", "requires_grad", requires_grad)
        cdef int i
        if self.node is not None or self.buffer is not EMPTY:
            raise TypeError("a Parameter can be initialised only once; write p.assign(value)")
        set_value(self, copied_buffer(value) if isinstance(data, Tensor) else read_data(value))
        self.kind = value.kind
        self.rank = value.rank
        self.count = value.count
        for i in range(value.rank):
            self.dims[i] = value.dims[i]
        self.wants_grad = wanted

    def __dealloc__(self):
        disown(&self.buffer.owners)
        if self.node is not None:
            self.node.weak_owner = NULL

    def assign(self, value):
        """Give the parameter a new value, without a graph; returns self.

        Whoever holds the old value (a graph, a view, an array, ``detach()``) keeps it.

        Parameters
        ----------
        value : Tensor, array_like or number
            Of the parameter's shape; a number fills. Arrays are cast to the parameter's dtype; a tensor must have it.

        Raises
        ------
        ShapeError, DTypeError
            For another shape, a tensor of the other dtype, and values that are not real.

        Examples
        --------
        >>> import nanograd as ng
        >>> w = ng.nn.Parameter([1.0, 2.0])
        >>> w.assign([3.0, 4.0])
        Parameter([3., 4.], dtype=float32)
        """
        cdef Tensor t
        cdef Buffer buffer
        cdef double number
        cdef int kind
        if is_number(value):
            number = float(value)        # first: it may run code of the user's
            kind = self.kind
            buffer = new_buffer(<size_t>self.count * ng_itemsize(kind))
            check("assign", ng_fill(kind, buffer.data, number, self.count))
        else:
            array = value if isinstance(value, Tensor) else as_array("assign", value)
            kind = self.kind
            t = as_tensor("assign", value, kind, True) if isinstance(value, Tensor) else array_tensor("assign", array, kind, True)
            if not same_shape(t, self):
                raise ShapeError(f"assign: the parameter has shape {self.shape}, the value {t.shape}")
            buffer = whole_buffer(t)     # a view would keep its parent's memory, and forbid steps in place
        if self.kind != kind:            # kernels have let other threads run
            raise RuntimeError("assign: the parameter was cast to another dtype by another thread")
        set_value(self, buffer)
        return self

    def __copy__(self):
        return self.__deepcopy__({})

    def __deepcopy__(self, memo):
        cdef Parameter copy = type(self).__new__(type(self))
        cdef int i
        set_value(copy, read_data(self))
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
