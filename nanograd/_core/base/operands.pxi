# SPDX-License-Identifier: LGPL-3.0-or-later
# Dtypes, shapes, and whatever a user may pass where a tensor is taken.

cdef object FLOAT32 = np.dtype(np.float32)
cdef object FLOAT64 = np.dtype(np.float64)
cdef int default_kind = NG_F32


cdef object numpy_dtype(int kind):
    return FLOAT32 if kind == NG_F32 else FLOAT64


cdef int dtype_kind(object dtype) except -1:
    if dtype is None:
        return default_kind
    if dtype is FLOAT32 or dtype is np.float32:
        return NG_F32
    if dtype is FLOAT64 or dtype is np.float64 or dtype is float:
        return NG_F64
    if isinstance(dtype, (Tensor, cnp.ndarray)) or isinstance(dtype, np.generic):
        raise DTypeError(f"dtype must be float32 or float64, got {type(dtype).__name__} {shown(dtype)}")
    try:
        dtype = np.dtype(dtype)
    except MemoryError:
        raise
    except Exception:
        hint = "; a shape is one argument, a tuple" if isinstance(dtype, int) else ""
        raise DTypeError(f"dtype must be float32 or float64, got {shown(dtype)}{hint}") from None
    if dtype == FLOAT32:
        return NG_F32
    if dtype == FLOAT64:
        return NG_F64
    raise DTypeError(f"a tensor's dtype is float32 or float64, got {dtype}; integers and booleans stay NumPy arrays")


def set_default_dtype(dtype):
    """Set the dtype given to lists, numbers and integer arrays, and to new tensors.

    Parameters
    ----------
    dtype : numpy.dtype or str
        ``float32`` (the default at import) or ``float64``.

    Raises
    ------
    DTypeError
        For any other dtype.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.set_default_dtype(ng.float64)
    >>> ng.tensor([1, 2]).dtype
    dtype('float64')
    >>> ng.set_default_dtype(ng.float32)
    """
    global default_kind
    if dtype is None:
        raise DTypeError("set_default_dtype: dtype must be float32 or float64, got None")
    default_kind = dtype_kind(dtype)


def get_default_dtype():
    """Return the dtype given to lists, numbers and integer arrays.

    Returns
    -------
    numpy.dtype

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.get_default_dtype()
    dtype('float32')
    """
    return numpy_dtype(default_kind)


# ---- shapes -------------------------------------------------------------------------------------

cdef tuple shape_tuple(int rank, const int64_t *dims):
    cdef int i
    return tuple([dims[i] for i in range(rank)])


cdef bint same_shape(Tensor a, Tensor b) noexcept:
    cdef int i
    if a.rank != b.rank:
        return False
    for i in range(a.rank):
        if a.dims[i] != b.dims[i]:
            return False
    return True


cdef int64_t shape_size(str op, int rank, const int64_t *dims) except -1:
    cdef int64_t size = ng_count(rank, dims)
    if size < 0:
        refuse_size(op, rank, dims)
    return size


cdef int refuse_size(str op, int rank, const int64_t *dims) except -1:
    shape = shape_tuple(rank, dims)
    raise ShapeError(f"{op}: shape {shape} has too many elements" + (" along its nonzero axes" if 0 in shape else ""))


cdef int parse_shape(str op, tuple args, int64_t *dims, bint allow_minus_one=False) except -1:
    cdef int64_t extent
    cdef int rank = 0
    if len(args) == 1 and not hasattr(args[0], "__index__"):
        if isinstance(args[0], (list, tuple)):
            args = tuple(args[0])
        elif isinstance(args[0], cnp.ndarray) and cnp.PyArray_NDIM(args[0]) == 1:
            args = tuple(args[0])
        else:
            raise TypeError(f"{op}: shape must be ints or one tuple of ints, got {type(args[0]).__name__} {shown(args[0])}")
    if len(args) > NG_MAX_NDIM:
        raise ShapeError(f"{op}: a tensor has at most {NG_MAX_NDIM} dimensions, got shape {tuple(args)} with {len(args)}")
    for item in args:
        size = plain_int(item)
        if size is None:
            raise TypeError(f"{op}: shape must be ints or one tuple of ints, got {type(item).__name__} {shown(item)}")
        item = size
        if item >= 1 << 63:
            raise ShapeError(f"{op}: shape {shown(args)} has too many elements")
        extent = -2 if item < -2 else item
        if extent < 0 and not (allow_minus_one and extent == -1):
            raise ShapeError(f"{op}: shape must not be negative, got {shown(args)}")
        dims[rank] = extent
        rank += 1
    return rank


cdef str typed(object value):
    return "None" if value is None else f"{type(value).__name__} {shown(value)}"


cdef object plain_int(object value):
    """An int from what is one, else None. (NumPy's arrays all have an __index__, but only those of one integer can be asked for it.)"""
    if type(value) is int:
        return value
    if not isinstance(value, bool) and hasattr(value, "__index__") and not (isinstance(value, np.ndarray) and (
            value.ndim > 0 or value.dtype.kind not in "iu")):
        return foreign(operator.index, value)
    return None


cdef object to_int(str op, str what, object value):
    number = plain_int(value)
    if number is not None:
        return number
    raise TypeError(f"{op}: {what} must be an int, got {typed(value)}")


cdef int normalize_axis(str op, object axis, int rank) except -1:
    cdef int64_t i
    value = axis
    if type(axis) is not int:
        value = to_int(op, "axis", axis)
    if value < -rank or value >= rank:
        raise np.exceptions.AxisError(f"{op}: axis {value} is out of bounds for a tensor with {rank} dimensions")
    i = value
    return <int>(i + rank if i < 0 else i)


cdef int broadcast_shapes(str op, int a_rank, const int64_t *a, int b_rank, const int64_t *b, int64_t *out) except -1:
    cdef int rank = a_rank if a_rank > b_rank else b_rank
    cdef int i, j, k
    cdef int64_t m, n
    for i in range(rank - 1, -1, -1):
        j = i - (rank - a_rank)
        k = i - (rank - b_rank)
        m = a[j] if j >= 0 else 1
        n = b[k] if k >= 0 else 1
        if m != n and m != 1 and n != 1:
            raise ShapeError(f"{op}: shapes {shape_tuple(a_rank, a)} and {shape_tuple(b_rank, b)} do not broadcast: "
                             f"axis {i - rank} has {m} and {n}")
        out[i] = n if m == 1 else m
    return rank


cdef Buffer sum_to_shape(Buffer dy, int kind, int rank, const int64_t *dims, int to_rank, const int64_t *to):
    cdef int i, j
    cdef unsigned int summed = 0
    cdef int64_t count = 1
    for i in range(to_rank):
        count *= to[i]
    for i in range(rank):
        j = i - (rank - to_rank)
        if dims[i] != 1 and (j < 0 or to[j] == 1):
            summed |= 1u << i
    if summed == 0:
        return dy
    return sum_axes(kind, dy, rank, dims, summed, count, 1.0)


cdef Buffer sum_axes(int kind, Buffer x, int rank, const int64_t *dims, unsigned int summed, int64_t count, double divisor):
    """Sum over the axes in the bit mask `summed`, divided; `count` elements remain."""
    cdef Buffer out = new_buffer(<size_t>count * ng_itemsize(kind))
    check("sum", ng_sum_axes(kind, out.data, x.data, rank, dims, summed, divisor))
    return out


# ---- operands -----------------------------------------------------------------------------------

cdef inline bint is_number(object x):
    # To NumPy a time span is an integer.
    return isinstance(x, (float, int)) or (isinstance(x, np.generic) and (isinstance(x, np.number) or isinstance(x, np.bool_))
                                           and not isinstance(x, np.complexfloating) and not isinstance(x, np.timedelta64))


cdef int check_real(str op, object dtype) except -1:
    """Whether an array of dtype can become a tensor: DTypeError for complex, object, string, structured, dates."""
    if dtype.kind not in "biuf":
        raise DTypeError(f"{op}: a tensor holds real numbers, got an array of dtype {dtype}")
    return 0


cdef int64_t as_index(str op, str what, object value) except? -1:
    if type(value) is not int:
        value = to_int(op, what, value)
    if not -(1 << 62) < value < 1 << 62:
        raise ValueError(f"{op}: {what} is too large: {shown(value)}")
    return value


cdef double as_real(str op, str what, object value) except? -1.0:
    if type(value) is float:
        return <double>value
    if isinstance(value, Tensor) and (<Tensor>value).rank == 0:
        if needs_grad(<Tensor>value):
            raise TypeError(f"{op}: {what} gets no gradient, and the tensor given requires one: write {what}.item()")
        return value.item()
    if is_number(value) or (isinstance(value, cnp.ndarray) and cnp.PyArray_NDIM(value) == 0 and array_is_real(value)) or (
            hasattr(value, "__float__") and not isinstance(value, (Tensor, cnp.ndarray, complex)) and not isinstance(value, np.generic)):
        try:
            return foreign(float, value)
        except OverflowError:
            raise OverflowError(f"{op}: {what} is too large for a float: {shown(value)}") from None
    raise TypeError(f"{op}: {what} must be a number, got {typed(value)}")


def real_number(str op, str what, value):
    """A number given by a user, as a float."""
    return as_real(op, what, value)


def index_number(str op, str what, value):
    """An int given by a user."""
    return as_index(op, what, value)


def flag(str op, str what, value):
    """A flag given by a user, as a bool."""
    return as_flag(op, what, value)


cdef bint as_flag(str op, str what, object value, str hint="") except -1:
    if value is True or value is False:
        return value is True
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(f"{op + ': ' if op else ''}{what} must be a bool, got {typed(value)}{hint}")


cdef inline bint array_is_real(object array):
    return (<cnp.ndarray>array).dtype.kind in "biuf"


cdef bint holds_tensor(object items, int depth=0):
    """Whether a list or tuple has a Tensor in it, as deep as NumPy would look: one may hold itself."""
    for item in items:
        if isinstance(item, Tensor):
            return True
        if isinstance(item, (list, tuple)) and depth < 64 and holds_tensor(item, depth + 1):
            return True
    return False


cdef dict _converting = {}        # thread -> how deep


cdef object foreign(object function, object x):
    """function(x), a conversion, which may run code of the user's that may do anything, in the middle of an operation."""
    if type(x) is float or type(x) is int:
        return function(x)
    cdef object thread = PyThread_get_thread_ident()
    _converting[thread] = _converting.get(thread, 0) + 1
    try:
        return function(x)
    finally:
        _converting[thread] -= 1
        if not _converting[thread]:
            del _converting[thread]


cdef bint converting():
    return len(_converting) != 0 and PyThread_get_thread_ident() in _converting


cdef object as_array(str op, object x):
    """A real NumPy array of whatever a user passes that is not a tensor."""
    if type(x) is np.ndarray:
        array = x
    elif isinstance(x, cnp.ndarray):
        refuse_masked(op, x)
        array = np.asarray(x)       # a subclass may have a shape and a dtype of its own to show
    elif isinstance(x, (list, tuple)):
        if holds_tensor(x):
            if type(x) is tuple and len(x) == 1:
                raise TypeError(f"{op}: got a tuple of one tensor; write x[0], or (x,) = batch to take a loader's batch apart")
            raise TypeError(f"{op}: got a {type(x).__name__} that holds tensors; write ng.stack(tensors) to make one tensor of them")
        try:
            array = foreign(np.asarray, x)
        except ValueError as error:
            raise ValueError(f"{op}: the {type(x).__name__} is not an array of numbers: {error}") from None
        if array.size == 0 and array.dtype.kind == "f":
            return array
    elif isinstance(x, (str, bytes)) or x is None:
        raise DTypeError(f"{op}: expected a tensor, an array or numbers, got {type(x).__name__} {shown(x)}")
    else:
        array = foreign(np.asarray, x)
        if array.dtype.kind == "O":
            if is_sparse(x):
                raise DTypeError(f"{op}: a sparse matrix cannot be an operand: write A.toarray().astype(x.dtype) in its place")
            raise DTypeError(f"{op}: expected a tensor, an array or numbers, got {type(x).__name__}")
    check_real(op, array.dtype)
    return array


cdef int array_kind(object dtype) noexcept:
    """NG_F32, NG_F64, or -1 for what takes the dtype of its company."""
    if dtype.kind == "f":
        if dtype.itemsize == 4:
            return NG_F32
        if dtype.itemsize == 8:
            return NG_F64
    return -1


cdef str cast_of(str name, object x, int kind):
    """What to write for an operand in another dtype."""
    return f"{name}.astype(ng.{numpy_dtype(kind)})" if isinstance(x, Tensor) else f"np.asarray({name}, dtype=np.{numpy_dtype(kind)})"


cdef object mixed_dtypes(str op, object a, object b):
    """The error for two operands of both dtypes: which of them to cast."""
    cdef int ka = operand_kind(a), kb = operand_kind(b)
    if isinstance(b, Parameter) and not isinstance(a, Parameter):
        remedy = f"{cast_of('x', a, kb)} for the left operand, or model.astype(ng.{numpy_dtype(ka)}) for the model's weight, the right one"
    elif isinstance(a, Parameter) and not isinstance(b, Parameter):
        remedy = f"{cast_of('x', b, ka)} for the right operand, or model.astype(ng.{numpy_dtype(kb)}) for the model's weight, the left one"
    elif isinstance(a, Tensor) and not isinstance(b, Tensor):
        remedy = f"{cast_of('x', b, ka)} for the array, the right operand"
    elif isinstance(b, Tensor) and not isinstance(a, Tensor):
        remedy = f"{cast_of('x', a, kb)} for the array, the left operand"
    else:
        remedy = f"{cast_of('x', b, ka)} for the right operand, or {cast_of('x', a, kb)} for the left one"
    return DTypeError(f"{op}: operands have dtypes {numpy_dtype(ka)} and {numpy_dtype(kb)}; they do not mix: write {remedy}")


cdef object mixed_with(str op, int kind, object x):
    """Likewise for a further operand x, beside those of dtype `kind`."""
    cdef int own = operand_kind(x)
    if isinstance(x, Parameter):
        remedy = f"x.astype(ng.{numpy_dtype(own)}) for the input, or model.astype(ng.{numpy_dtype(kind)}) for the model's weight"
    else:
        remedy = f"{cast_of('x', x, kind)} for the {'one' if isinstance(x, Tensor) else 'array'} of {numpy_dtype(own)}"
    return DTypeError(f"{op}: operands have dtypes {numpy_dtype(kind)} and {numpy_dtype(own)}; they do not mix: write {remedy}")


cdef Tensor number_tensor(double value, int kind):
    cdef Tensor t = new_tensor(kind, 0, NULL)
    if kind == NG_F32:
        (<float *>new_data(t))[0] = <float>value
    else:
        (<double *>new_data(t))[0] = value
    return t


cdef Tensor as_tensor(str op, object x, int kind=-1, bint keep=True):
    cdef cnp.ndarray array
    cdef int own
    if isinstance(x, Tensor):
        if kind >= 0 and (<Tensor>x).kind != kind:
            raise mixed_with(op, kind, x)
        return <Tensor>x
    if is_number(x):
        if kind < 0:
            kind = array_kind(x.dtype) if isinstance(x, np.generic) else -1
            if kind < 0:
                kind = default_kind
        return number_tensor(foreign(float, x), kind)
    array = as_array(op, x)
    own = array_kind(array.dtype)
    if kind < 0:
        kind = own if own >= 0 and isinstance(x, np.ndarray) else default_kind
    elif own >= 0 and own != kind and array.ndim > 0 and not isinstance(x, (list, tuple)):
        raise mixed_with(op, kind, array)
    return array_tensor(op, array, kind, keep or array is not x)


cdef Tensor array_tensor(str op, object values, int kind, bint copy):
    """A tensor of an array's values: wrapped if it may be and need not be copied, else copied and converted."""
    cdef Tensor t
    cdef cnp.ndarray array = values
    cdef int64_t dims[8]
    cdef int i, rank = cnp.PyArray_NDIM(array)
    cdef bint exact = cnp.PyArray_TYPE(array) == (cnp.NPY_FLOAT32 if kind == NG_F32 else cnp.NPY_FLOAT64)
    if rank > NG_MAX_NDIM:
        raise ShapeError(f"{op}: a tensor has at most {NG_MAX_NDIM} dimensions, got an array of shape {np.shape(array)}")
    if not (exact and cnp.PyArray_ISCARRAY_RO(array)):
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.ascontiguousarray(array, dtype=numpy_dtype(kind)).reshape(np.shape(array))
        exact = True
    for i in range(rank):
        dims[i] = cnp.PyArray_DIM(array, i)
    if not copy:
        return wrap_buffer(wrapped_buffer(cnp.PyArray_DATA(array), array), kind, rank, dims)
    t = new_tensor(kind, rank, dims)
    check(op, ng_copy(kind, new_data(t), cnp.PyArray_DATA(array), t.count))
    return t


cdef int operand_kind(object x):
    """The dtype that an operand insists on: -1 for numbers, lists, integers, booleans, 0-d arrays."""
    if isinstance(x, Tensor):
        return (<Tensor>x).kind
    if isinstance(x, cnp.ndarray) and cnp.PyArray_NDIM(x) > 0:
        return array_kind((<cnp.ndarray>x).dtype)
    return -1


cdef int common_kind(str op, object a, object b) except -1:
    cdef int ka = operand_kind(a), kb = operand_kind(b)
    if ka >= 0 and kb >= 0 and ka != kb:
        raise mixed_dtypes(op, a, b)
    if ka >= 0:
        return ka
    if kb >= 0:
        return kb
    for x in (a, b):
        if (isinstance(x, cnp.ndarray) or isinstance(x, np.generic)) and array_kind(x.dtype) >= 0:
            return array_kind(x.dtype)
    return default_kind
