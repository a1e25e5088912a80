# SPDX-License-Identifier: LGPL-3.0-or-later
"""Making tensors: of numbers and arrays, filled, counted; astype and copy."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
cimport numpy as cnp
import numpy as np

from nanograd._core.base.tensor cimport *
from nanograd._core.base.tensor import need_value, public
from nanograd.errors import DTypeError, ShapeError, refuse_masked, shown

from kernels.elementwise cimport NG_FROM_F32, NG_FROM_F64, ng_cast, ng_fill

cnp.import_array()



cdef inline object with_gradient(Tensor t, object requires_grad):
    if requires_grad is not False:
        t.requires_grad_(requires_grad)
    return t


@public
def tensor(data, dtype=None, requires_grad=False):
    """Make a tensor from data, which is copied.

    Parameters
    ----------
    data : array_like
        Numbers, (nested) lists of numbers, a NumPy array, or a tensor.
    dtype : numpy.dtype, optional
        float32 or float64. None: tensors and arrays of float32 and float64 keep theirs; everything else that is real (lists, integers,
        booleans, float16) takes ``get_default_dtype()``.
    requires_grad : bool, default False
        Whether backward computes a gradient for it.

    Returns
    -------
    Tensor
        A leaf of data's shape.

    Raises
    ------
    DTypeError
        For any other dtype, and for complex, object, string or structured data.
    TypeError
        For a list of tensors: :func:`stack` joins them.
    ShapeError
        For more than 8 dimensions.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.tensor([[1, 2], [3, 4]])
    tensor([[1., 2.],
            [3., 4.]], dtype=float32)
    >>> x = ng.tensor(3.0, dtype=ng.float64, requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad.item()
    6.0
    """
    cdef int kind = -1 if dtype is None else dtype_kind(dtype)
    return with_gradient(fresh_tensor("tensor", data, kind), requires_grad)


cdef Tensor fresh_tensor(str op, object data, int kind):
    """A leaf of data's values that shares no memory with data, cast to `kind` (-1: by the rules of tensor())."""
    cdef Tensor t
    if isinstance(data, Tensor):
        need_value(op, data)
        if kind < 0 or kind == (<Tensor>data).kind:
            # Values never change: a block of ours can be shared for good.
            t = <Tensor>data
            return wrap_buffer(whole_buffer(t), t.kind, t.rank, t.dims)
        data = tensor_array(<Tensor>data)
    if type(data) is np.ndarray or not is_number(data):
        array = as_array(op, data)
        if kind < 0:
            kind = array_kind(array.dtype) if isinstance(data, np.ndarray) or not isinstance(data, (list, tuple)) else -1
            if kind < 0:
                kind = dtype_kind(None)
        return array_tensor(op, array, kind, True)
    if kind < 0:
        kind = array_kind(data.dtype) if isinstance(data, np.generic) else -1
        if kind < 0:
            kind = dtype_kind(None)
    return number_tensor(float(data), kind)


cdef object flat_tensor(str op, object data, object shape, object requires_grad, int kind):
    cdef Tensor t = fresh_tensor(op, data, kind)
    cdef int64_t dims[8]
    cdef int rank
    if shape is not None:
        rank = parse_shape(op, (shape,), dims)
        if shape_size(op, rank, dims) != t.count:
            raise ShapeError(f"{op}: shape {shape_tuple(rank, dims)} needs {shape_size(op, rank, dims)} elements, data has {t.count}")
        t = wrap_buffer(read_data(t), kind, rank, dims)
    return with_gradient(t, requires_grad)


@public
def tensor32(data, shape=None, *, requires_grad=True):
    """Make a float32 tensor from data, copied; the Scheme original's constructor, whose tensors require a gradient by default.

    {from data}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.tensor32([1, 2, 3, 4], (2, 2))
    tensor([[1., 2.],
            [3., 4.]], dtype=float32, requires_grad=True)
    """
    return flat_tensor("tensor32", data, shape, requires_grad, NG_F32)


@public
def tensor64(data, shape=None, *, requires_grad=True):
    """Make a float64 tensor from data, like :func:`tensor32`.

    {from data}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.tensor64([1, 2])
    tensor([1., 2.], dtype=float64, requires_grad=True)
    """
    return flat_tensor("tensor64", data, shape, requires_grad, NG_F64)


@public
def asarray(data, dtype=None):
    """Make a tensor from data, which is copied only if it must be.

    Parameters
    ----------
    data : array_like
        A tensor of that dtype is returned as it is, and any other is cast, with gradient. An array of that dtype that is
        C-contiguous, aligned and in native byte order is wrapped, and must then not be written to.
    dtype : numpy.dtype, optional
        As for :func:`tensor`.

    Returns
    -------
    Tensor

    Raises
    ------
    DTypeError
        For any other dtype, and for complex, object, string or structured data.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.zeros(3)
    >>> ng.asarray(x) is x
    True
    """
    cdef int kind = -1 if dtype is None else dtype_kind(dtype)
    if isinstance(data, Tensor) and (kind < 0 or kind == (<Tensor>data).kind):
        return data
    if isinstance(data, Tensor):
        return astype(data, dtype)
    if isinstance(data, cnp.ndarray):
        array = as_array("asarray", data)
        if kind < 0:
            kind = array_kind(array.dtype)
            if kind < 0:
                kind = dtype_kind(None)
        return array_tensor("asarray", array, kind, False)
    return fresh_tensor("asarray", data, kind)


@public
def from_numpy(a):
    """A tensor that shares the memory of a NumPy array, which it keeps alive; never a copy.

    Parameters
    ----------
    a : numpy.ndarray
        float32 or float64, C-contiguous, aligned, in native byte order. It must not be written to while the tensor, or a graph that
        was computed from it, is in use: a tensor's value never changes.

    Returns
    -------
    Tensor, of a's shape and dtype

    Raises
    ------
    ValueError
        If the array is not C-contiguous, aligned and in native byte order.
    DTypeError
        If its dtype is not float32 or float64.

    Examples
    --------
    >>> import nanograd as ng, numpy as np
    >>> ng.from_numpy(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    cdef cnp.ndarray array
    cdef int type_number, i, rank
    cdef int64_t dims[8]
    if isinstance(a, Tensor):
        raise TypeError("from_numpy: expected a NumPy array, got a tensor: write x, or x.detach() for its value without gradient")
    if not isinstance(a, cnp.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(a).__name__}; write ng.tensor(x)")
    refuse_masked("from_numpy", a)
    array = a
    type_number = cnp.PyArray_TYPE(array)
    if type_number != cnp.NPY_FLOAT32 and type_number != cnp.NPY_FLOAT64:
        if array.dtype.kind in "biu":
            raise DTypeError(f"from_numpy: a tensor's dtype is float32 or float64, got an array of dtype {a.dtype}; use the array itself for "
                             f"labels and indices, or write ng.tensor(a) for floats")
        raise DTypeError(f"from_numpy: a tensor's dtype is float32 or float64, got an array of dtype {a.dtype}; write ng.tensor(a)")
    if not cnp.PyArray_ISNOTSWAPPED(array):
        raise ValueError(f"from_numpy: the array's byte order is not the machine's (dtype {a.dtype.str!r}); write ng.tensor(a) to copy it")
    if not cnp.PyArray_IS_C_CONTIGUOUS(array):
        raise ValueError(f"from_numpy: the array is not C-contiguous (shape {a.shape}, strides {a.strides}); write ng.tensor(a) to copy it")
    if not cnp.PyArray_ISALIGNED(array):
        raise ValueError("from_numpy: the array's memory is not aligned to its elements; write ng.tensor(a) to copy it")
    rank = cnp.PyArray_NDIM(array)
    if rank > NG_MAX_NDIM:
        raise ShapeError(f"from_numpy: a tensor has at most {NG_MAX_NDIM} dimensions, got shape {a.shape}")
    for i in range(rank):
        dims[i] = cnp.PyArray_DIM(array, i)
    return wrap_buffer(wrapped_buffer(cnp.PyArray_DATA(array), array), NG_F32 if type_number == cnp.NPY_FLOAT32 else NG_F64, rank, dims)


@public
def from_dlpack(x):
    """Make a tensor from an object that supports DLPack, such as a PyTorch or JAX array on the CPU, without a copy where possible.

    Parameters
    ----------
    x : object with ``__dlpack__`` and ``__dlpack_device__``
        float32 or float64, on the CPU. If it is C-contiguous, the tensor shares its memory, which must then not be written to;
        otherwise it is copied.

    Returns
    -------
    Tensor, of x's shape and dtype

    Raises
    ------
    TypeError
        If x has no ``__dlpack__``.
    DTypeError
        If its dtype is not float32 or float64.
    BufferError
        If x is not on the CPU.
    GraphError
        If x is a tensor of nanograd with a graph: write ``x.detach()``.

    Examples
    --------
    >>> import nanograd as ng, numpy as np
    >>> ng.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if isinstance(x, Tensor):
        need_value("from_dlpack", x)
        return (<Tensor>x).detach()
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: {type(x).__name__} has no __dlpack__ and __dlpack_device__; write ng.tensor(x)")
    array = np.from_dlpack(x)
    if array_kind(array.dtype) < 0:
        raise DTypeError(f"from_dlpack: a tensor's dtype is float32 or float64, got {array.dtype}")
    return array_tensor("from_dlpack", array, array_kind(array.dtype), False)


# ---- filled ---------------------------------------------------------------------------------------

cdef object filled(str op, object shape, double value, object dtype, object requires_grad):
    cdef int64_t dims[8]
    cdef int kind = dtype_kind(dtype)
    cdef int rank = parse_shape(op, (shape,), dims)
    shape_size(op, rank, dims)
    cdef Tensor t = new_tensor(kind, rank, dims)
    check(op, ng_fill(kind, new_data(t), value, t.count))
    return with_gradient(t, requires_grad)


@public
def zeros(shape, dtype=None, requires_grad=False):
    """A tensor of zeros.

    {filled}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.zeros((2, 2))
    tensor([[0., 0.],
            [0., 0.]], dtype=float32)
    """
    return filled("zeros", shape, 0.0, dtype, requires_grad)


@public
def ones(shape, dtype=None, requires_grad=False):
    """A tensor of ones.

    {filled}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.ones(3)
    tensor([1., 1., 1.], dtype=float32)
    """
    return filled("ones", shape, 1.0, dtype, requires_grad)


@public
def full(shape, fill_value, dtype=None, requires_grad=False):
    """A tensor filled with one number, or with an array broadcast to a shape.

    Parameters
    ----------
    shape : int or tuple of int
    fill_value : number or array_like
    {dtype}
    {requires_grad}

    Returns
    -------
    Tensor, of that shape

    Raises
    ------
    ShapeError
        As :func:`zeros`, or if fill_value does not broadcast to shape.
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.full(2, 7)
    tensor([7., 7.], dtype=float32)
    """
    if is_number(fill_value):
        return filled("full", shape, float(fill_value), dtype, requires_grad)
    if isinstance(fill_value, Tensor) and needs_grad(<Tensor>fill_value):
        raise TypeError("full: fill_value gets no gradient, and the tensor given requires one: write ng.broadcast_to(x, shape)")
    value = fresh_tensor("full", fill_value, dtype_kind(dtype))
    try:
        return with_gradient(fresh_tensor("full", np.broadcast_to(value.numpy(), shape), -1), requires_grad)
    except ValueError:
        raise ShapeError(f"full: fill_value of shape {value.shape} does not broadcast to {shape}") from None


@public
def empty(shape, dtype=None, requires_grad=False):
    """A tensor of unspecified elements. (They are zeros, because a tensor's value never changes.)

    {filled}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.empty((2, 3)).shape
    (2, 3)
    """
    return filled("empty", shape, 0.0, dtype, requires_grad)


cdef object filled_like(str op, object x, double value, object dtype, object requires_grad):
    cdef Tensor t = as_tensor(op, x, -1, False)
    cdef Tensor out = new_tensor(t.kind if dtype is None else dtype_kind(dtype), t.rank, t.dims)
    check(op, ng_fill(out.kind, new_data(out), value, out.count))
    return with_gradient(out, requires_grad)


@public(numpy="zeros_like")
def zeros_like(x, dtype=None, requires_grad=False):
    """A tensor of zeros, of x's shape and, unless another is given, x's dtype.

    {filled like}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.zeros_like(ng.ones(2))
    tensor([0., 0.], dtype=float32)
    """
    return filled_like("zeros_like", x, 0.0, dtype, requires_grad)


@public(numpy="ones_like")
def ones_like(x, dtype=None, requires_grad=False):
    """A tensor of ones, of x's shape and, unless another is given, x's dtype.

    {filled like}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.ones_like(ng.zeros(2))
    tensor([1., 1.], dtype=float32)
    """
    return filled_like("ones_like", x, 1.0, dtype, requires_grad)


@public(numpy="full_like")
def full_like(x, fill_value, dtype=None, requires_grad=False):
    """A tensor filled with one number, or with an array that broadcasts, of x's shape and, unless another is given, x's dtype.

    Parameters
    ----------
    x : Tensor or array_like
    fill_value : number or array_like
    {dtype of x}
    {requires_grad}

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If fill_value does not broadcast to x's shape.
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.full_like(ng.zeros(2), 5)
    tensor([5., 5.], dtype=float32)
    """
    if is_number(fill_value):
        return filled_like("full_like", x, float(fill_value), dtype, requires_grad)
    t = as_tensor("full_like", x, -1, False)
    return full(t.shape, fill_value, dtype or t.dtype, requires_grad)


# ---- numbers in order -----------------------------------------------------------------------------

cdef object made_by_numpy(object function, tuple args, object dtype, object requires_grad):
    # In float64, then rounded once.
    return with_gradient(array_tensor(function.__name__, function(*args, dtype=np.float64), dtype_kind(dtype), True), requires_grad)


@public
def eye(N, M=None, k=0, dtype=None, requires_grad=False):
    """A matrix with ones on a diagonal and zeros elsewhere.

    Parameters
    ----------
    N : int
        Rows.
    M : int, optional
        Columns; None: N.
    k : int, default 0
        Which diagonal: 0 is the main one, positive ones lie above it.
    {dtype}
    {requires_grad}

    Returns
    -------
    Tensor, shape (N, M)

    Raises
    ------
    ValueError
        If N or M is negative.
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.eye(2)
    tensor([[1., 0.],
            [0., 1.]], dtype=float32)
    """
    rows = as_index("eye", "N", N)
    return made_by_numpy(np.eye, (rows, rows if M is None else as_index("eye", "M", M), as_index("eye", "k", k)), dtype, requires_grad)


@public
def arange(start, stop=None, step=1, dtype=None, requires_grad=False):
    """Evenly spaced numbers from start up to, but not including, stop, as floats. One argument alone is stop, and start is 0.

    Parameters
    ----------
    start, stop, step : number
        As for ``numpy.arange``; step is not 0.
    {dtype}
    {requires_grad}

    Returns
    -------
    Tensor, shape (ceil((stop - start) / step),)

    Raises
    ------
    ZeroDivisionError
        If step is 0.
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.arange(3)
    tensor([0., 1., 2.], dtype=float32)
    """
    if stop is None:
        start, stop = 0, start
    cdef double first = as_real("arange", "start", start), last = as_real("arange", "stop", stop), by = as_real("arange", "step", step)
    for name, value in (("start", first), ("stop", last), ("step", by)):
        if value != value:
            raise ValueError(f"arange: {name} is NaN")
    # (NumPy answers with no elements where they are 2**63.)
    if by != 0 and last / by - first / by > 2.0 ** 59:
        raise ShapeError(f"arange: from {shown(start)} to {shown(stop)} by {shown(step)} gives too many elements")
    return made_by_numpy(np.arange, (start, stop, step), dtype, requires_grad)


@public
def linspace(start, stop, num=50, endpoint=True, dtype=None, requires_grad=False):
    """Evenly spaced numbers from start to stop, `num` of them, including stop unless ``endpoint=False``.

    Parameters
    ----------
    start, stop : number
    num : int, default 50
    endpoint : bool, default True
        Whether stop is the last number.
    {dtype}
    {requires_grad}

    Returns
    -------
    Tensor, shape (num,)

    Raises
    ------
    ValueError
        If num is negative.
    {DTypeError}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ], dtype=float32)
    """
    if not is_number(start):
        start = as_array("linspace", start)
    if not is_number(stop):
        stop = as_array("linspace", stop)
    with np.errstate(all="ignore"):
        values = np.linspace(start, stop, as_index("linspace", "num", num), as_flag("linspace", "endpoint", endpoint), dtype=np.float64)
    return with_gradient(array_tensor("linspace", values, dtype_kind(dtype), True), requires_grad)


# ---- astype, copy ---------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class CastNode(Node):
    """astype and copy: the gradient is cast back."""
    cdef int source              # the dtype of x

    cdef str title(self):
        return "copy" if self.source == self.kind else "astype"

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node target = <Node>self.inputs[0]
        cdef Buffer dx
        if target.kind == self.kind:
            return give(run, self, 0, dy)
        dx = new_buffer(<size_t>target.count * ng_itemsize(target.kind))
        check("astype", ng_cast(target.kind, dx.data, dy.data, NG_FROM_F32 if self.kind == NG_F32 else NG_FROM_F64, target.count))
        return give(run, self, 0, dx)


cdef Tensor cast(Tensor x, int kind):
    cdef Tensor out
    cdef CastNode node
    cdef Buffer xb = read_data(x)
    out = new_tensor(kind, x.rank, x.dims)
    check("astype", ng_cast(kind, new_data(out), xb.data, NG_FROM_F32 if x.kind == NG_F32 else NG_FROM_F64, x.count))
    if needs_grad(x):
        node = CastNode.__new__(CastNode)
        node.source = x.kind
        node.n_inputs = 1
        set_input(node, 0, x)
        link(out, node)
    return out


@public(method="only")
def astype(x, dtype):
    """The tensor in another dtype, with gradient; the tensor itself if it has that dtype already.

    Parameters
    ----------
    x : Tensor
    dtype : numpy.dtype
        float32 or float64.

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    DTypeError
        For any other dtype: integers and booleans are NumPy arrays, ``x.numpy().astype(int)``.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.5], requires_grad=True)
    >>> x.astype(ng.float64).backward()
    >>> x.grad
    tensor([1.], dtype=float32)
    """
    cdef Tensor t = as_tensor("astype", x, -1, False)
    if dtype is None:
        raise DTypeError("astype: dtype must be float32 or float64, got None")
    cdef int kind = dtype_kind(dtype)
    return t if t.kind == kind else cast(t, kind)


@public(method="only")
def copy(x):
    """A new tensor of the same value, in memory of its own, with gradient.

    Returns
    -------
    Tensor, of x's shape and dtype

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> x.copy().backward()
    >>> x.grad
    tensor([1., 1.], dtype=float32)
    """
    cdef Tensor t = as_tensor("copy", x, -1, False)
    return cast(t, t.kind)
