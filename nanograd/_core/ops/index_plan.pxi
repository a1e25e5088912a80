# SPDX-License-Identifier: LGPL-3.0-or-later
# What an index picks.

@cython.final
@cython.no_gc
cdef class Plan:
    """The result has shape `dims`. Without arrays in the index (map is None) its element i is element offset + i . strides of x.
    With arrays, x is (O, M, I), the result (O, n, I) through `map` (n)."""
    cdef int rank
    cdef int64_t dims[8]
    cdef int64_t strides[8]
    cdef int64_t offset
    cdef Buffer map
    cdef int64_t outer, n, m, inner


# ---- integer arrays -----------------------------------------------------------------------------

cdef cnp.ndarray integer_array(str op, object indices):
    """The user's indices as an array of integers of any type."""
    if isinstance(indices, Tensor):
        raise DTypeError(f"{op}: indices must be integers, got a {numpy_dtype((<Tensor>indices).kind)} tensor; integers and booleans are "
                         "NumPy arrays, never tensors")
    if type(indices) is not np.ndarray:
        refuse_masked(op, indices)
    array = np.asarray(indices)
    if array.size == 0 and not isinstance(indices, np.ndarray):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise DTypeError(f"{op}: indices must be integers, got {type(indices).__name__} of dtype {array.dtype}")
    return array


cdef int out_of_range(str op, cnp.ndarray array, int64_t limit, bint wrap, str where) except -1:
    for index in array.reshape(-1).tolist():
        if not (-limit if wrap else 0) <= index < limit:
            raise IndexError(f"{op}: index {index} is out of {where}")
    raise RuntimeError(f"{op}: an index changed while it was being checked")


cdef cnp.ndarray as_int64(cnp.ndarray array):
    """C-contiguous int64. uint64 above its range wraps around to negatives far out of every range but one's own: -2**63 .. -1
    would pass for a wrapping index, so such values are sent to the lowest."""
    if array.dtype == np.uint64 and array.size:
        array = np.where(array > np.uint64(0x7fffffffffffffff), np.int64(-0x8000000000000000), array.astype(np.int64))
    return np.ascontiguousarray(array, dtype=np.int64)


cdef Buffer checked_map(str op, cnp.ndarray array, int64_t limit, bint wrap, str where):
    """A map of our own from the user's indices. `where` ends the sentence "index 7 is out of ..."."""
    cdef cnp.ndarray indices = as_int64(array)
    cdef int64_t count = cnp.PyArray_SIZE(indices)
    cdef Buffer map = new_buffer(<size_t>count * sizeof(int64_t))
    cdef int status = ng_index_check(<int64_t *>map.data, <const int64_t *>cnp.PyArray_DATA(indices), limit, wrap, 1, False, count)
    if status == NG_INDEX_RANGE:
        out_of_range(op, array, limit, wrap, where)
    check(op, status)
    return map


cdef Buffer array_buffer(cnp.ndarray array):
    """A window on an array that nobody else will write to."""
    cdef Buffer buffer = Buffer.__new__(Buffer)
    buffer.data = cnp.PyArray_DATA(array)
    buffer.owner = array
    return buffer


# ---- the parts of an index ----------------------------------------------------------------------

cdef str bounds_of(int axis, Tensor x):
    return f"bounds for axis {axis} with size {x.dims[axis]} {named_shape(x)}"


cdef object index_part(str op, object item):
    """One item of an index: None, Ellipsis, a slice, an int, or an array of integers or booleans."""
    if item is None or item is Ellipsis or PySlice_Check(item):
        return item
    if isinstance(item, Tensor):
        raise DTypeError(f"{op}: a tensor is not an index: it holds floats; index with ints, slices, integer arrays or NumPy bools "
                         "such as x > 0")
    if isinstance(item, bool) or isinstance(item, np.bool_):
        return np.asarray(item)
    if isinstance(item, cnp.ndarray):
        if type(item) is not np.ndarray:
            refuse_masked(op, item)
        array = np.asarray(item)          # a subclass may have a shape and a dtype of its own to show
        if array.ndim == 0 and array.dtype.kind in "iu":
            return operator.index(array)
    elif hasattr(item, "__array__") and getattr(item, "ndim", 0):       # a data frame's column, another library's array
        array = np.asarray(item)
    elif isinstance(item, range):          # not item by item: there may be no end of it
        array = np.arange(item.start, item.stop, item.step) if len(item) else np.empty(0, np.int64)
    elif isinstance(item, (list, tuple)):
        if any(isinstance(part, Tensor) for part in item):
            raise DTypeError(f"{op}: an index holds tensors, which hold floats; index with ints, slices, integer arrays or NumPy bools")
        try:
            array = np.asarray(item)
        except ValueError:
            array = np.asarray(item, dtype=object)
        if array.size == 0 and array.dtype.kind == "f":
            array = array.astype(np.int64)
    elif hasattr(item, "__index__"):
        return foreign(operator.index, item)
    else:
        raise IndexError(f"{op}: only ints, slices, `...`, None and integer or boolean arrays are valid indices, got {type(item).__name__} "
                         f"{shown(item)}")
    if array.dtype.kind not in "biu":
        raise IndexError(f"{op}: an array used as an index must hold integers or booleans, got dtype {array.dtype}")
    return array


cdef int64_t checked_int(str op, object index, int64_t limit, int axis, Tensor x) except? -1:
    if not -limit <= index < limit:
        raise IndexError(f"{op}: index {index} is out of {bounds_of(axis, x)}")
    return index + limit if index < 0 else index


cdef Plan make_plan(str op, Tensor x, object index):
    """NumPy's indexing: https://numpy.org/doc/stable/user/basics.indexing.html"""
    cdef Plan plan = Plan.__new__(Plan)
    cdef int64_t steps[8]
    cdef Py_ssize_t start, stop, step
    cdef int consumed = 0, axis = 0, missing, rank = 0, k
    cdef bint has_arrays = False, has_ellipsis = False
    cdef int64_t length
    cdef list parts = []
    for item in index if isinstance(index, tuple) else (index,):
        part = index_part(op, item)
        if part is Ellipsis:
            if has_ellipsis:
                raise IndexError(f"{op}: an index can have only one ellipsis ('...')")
            has_ellipsis = True
        elif isinstance(part, np.ndarray):
            has_arrays = True
            consumed += part.ndim if part.dtype.kind == "b" else 1
        elif part is not None:
            consumed += 1
        parts.append(part)
    missing = x.rank - consumed
    if missing < 0:
        raise IndexError(f"{op}: too many indices: the tensor has {x.rank} dimensions, but {consumed} were indexed {named_shape(x)}")
    if not has_ellipsis:
        parts.append(Ellipsis)
    ng_contiguous_strides(steps, x.rank, x.dims)
    if has_arrays:
        return plan_arrays(op, x, parts, missing, steps, plan)
    for part in parts:
        if part is Ellipsis:
            for k in range(missing):
                add_axis(op, plan, x.dims[axis], steps[axis])
                axis += 1
        elif part is None:
            add_axis(op, plan, 1, 0)
        elif PySlice_Check(part):
            PySlice_Unpack(part, &start, &stop, &step)
            length = PySlice_AdjustIndices(x.dims[axis], &start, &stop, step)
            if length > 0:
                plan.offset += start * steps[axis]
            add_axis(op, plan, length, step * steps[axis])
            axis += 1
        else:
            plan.offset += checked_int(op, part, x.dims[axis], axis, x) * steps[axis]
            axis += 1
    return plan


cdef int add_axis(str op, Plan plan, int64_t size, int64_t stride) except -1:
    if plan.rank == NG_MAX_NDIM:
        raise ShapeError(f"{op}: a tensor has at most {NG_MAX_NDIM} dimensions, the index asks for more")
    plan.dims[plan.rank] = size
    plan.strides[plan.rank] = stride
    plan.rank += 1
    return 0


# An axis of the result that no array indexes: (size, stride, first position, its axis in x if all of that is taken, else -1)
cdef Plan plan_arrays(str op, Tensor x, list parts, int missing, const int64_t *steps, Plan plan):
    cdef Py_ssize_t start, stop, step
    cdef int axis = 0, k, first_axis = 0, last_axis
    cdef int64_t length, inner = 1, outer = 1, shift = 0
    cdef int status
    cdef cnp.ndarray indices
    cdef bint adding = False
    cdef list before = [], after = [], arrays = []
    cdef bint apart = False, ended = False
    for part in parts:
        if isinstance(part, int) or isinstance(part, np.ndarray):
            apart = apart or ended
            if isinstance(part, int):
                arrays.append((checked_int(op, part, x.dims[axis], axis, x), None, steps[axis], axis))
                axis += 1
            elif part.dtype.kind != "b":
                arrays.append((part, x.dims[axis], steps[axis], axis))
                axis += 1
            else:
                for k in range(part.ndim):
                    if part.shape[k] != x.dims[axis + k] and part.shape[k] != 0:       # NumPy lets a mask of nothing pass
                        raise IndexError(f"{op}: the boolean index of shape {part.shape} does not match the tensor: axis {axis + k} has "
                                         f"size {x.dims[axis + k]} {named_shape(x)}")
                # Positions on the mask's axes taken as one. A 0-d mask takes none: True picks once, False not at all.
                arrays.append((np.flatnonzero(part), None, steps[axis + part.ndim - 1] if part.ndim else 0, axis))
                axis += part.ndim
            continue
        if arrays:
            ended = True
        to = after if arrays else before
        if part is Ellipsis:
            for k in range(missing):
                to.append((x.dims[axis], steps[axis], 0, axis))
                axis += 1
        elif part is None:
            to.append((1, 0, 0, -1))
        else:
            PySlice_Unpack(part, &start, &stop, &step)
            length = PySlice_AdjustIndices(x.dims[axis], &start, &stop, step)
            to.append((length, step * steps[axis], start * steps[axis] if length else 0,
                       axis if length == x.dims[axis] and step == 1 else -1))
            axis += 1
    try:
        shapes = [item[0].shape for item in arrays if not isinstance(item[0], int)]
        picked = shapes[0] if len(shapes) == 1 else np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(f"{op}: the index arrays do not broadcast together: shapes {', '.join(map(str, shapes))}") from None
    if apart:                      # then the arrays' axes come first
        before, after = [], before + after
    for item in before:
        add_axis(op, plan, item[0], 0)
    for size in picked:
        add_axis(op, plan, size, 0)
    for item in after:
        add_axis(op, plan, item[0], 0)

    # Whole axes at both ends need no map.
    last_axis = x.rank - 1
    while after and after[len(after) - 1][3] == last_axis >= 0:
        inner *= x.dims[last_axis]
        last_axis -= 1
        after.pop()
    while before and before[0][3] == first_axis:
        outer *= x.dims[first_axis]
        first_axis += 1
        before.pop(0)
    plan.outer = outer
    plan.inner = inner
    plan.m = product(x.dims, first_axis, last_axis + 1)
    positions = np.empty(picked, np.int64)
    plan.map = array_buffer(positions)
    for array, limit, stride, axis in arrays:
        if isinstance(array, int):
            shift += <int64_t>array * (<int64_t>stride // max(inner, <int64_t>1))
            continue
        indices = as_int64(array if array.shape == picked else np.broadcast_to(array, picked))
        status = ng_index_check(<int64_t *>plan.map.data, <const int64_t *>cnp.PyArray_DATA(indices),
                                INT64_MAX if limit is None else <int64_t>limit, limit is not None,
                                <int64_t>stride // max(inner, <int64_t>1), adding, cnp.PyArray_SIZE(indices))
        if status == NG_INDEX_RANGE:
            out_of_range(op, array, limit, True, bounds_of(axis, x))
        check(op, status)
        adding = True
    if shift:
        positions += shift
    if before or after:
        for size, stride, first, _ in reversed(before):
            along = (np.arange(size) * stride + first) // np.int64(max(inner, 1))
            positions = along.reshape((size,) + (1,) * positions.ndim) + positions[np.newaxis]
        for size, stride, first, _ in after:
            positions = positions[..., np.newaxis] + (np.arange(size) * stride + first) // np.int64(max(inner, 1))
        positions = np.ascontiguousarray(positions, dtype=np.int64)
        plan.map = array_buffer(positions)
    plan.n = positions.size
    return plan
