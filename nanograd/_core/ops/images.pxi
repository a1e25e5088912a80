# SPDX-License-Identifier: LGPL-3.0-or-later
# What operations on images share: sizes per axis, buffers of gradients.

cdef Buffer input_buffer(Node node, int i):
    cdef Node target = <Node>node.inputs[i]
    return new_buffer(<size_t>target.count * ng_itemsize(target.kind))


cdef int64_t reach_of(str op, int64_t size, int64_t dilation) except -1:
    """How many elements of an axis a kernel of that size covers."""
    cdef int64_t reach
    if ng_mul_overflows(size - 1, dilation, &reach) or reach >= <int64_t>1 << 60:
        raise ShapeError(f"{op}: a kernel of {size} elements with dilation {dilation} is too large")
    return reach + 1


cdef int numbers(str op, str name, object value, int axes, int64_t least, int64_t *out) except -1:
    """An int, or one per image axis: (height, width), or (length,) which is the width of an image of height 1."""
    cdef int i
    out[0] = 1
    number = plain_int(value)
    if number is not None:
        items = (number,) * axes
    elif isinstance(value, (tuple, list)) and len(tuple(value)) in (1, axes):
        items = tuple(value)
        items *= axes // len(items)
    else:
        raise TypeError(f"{op}: {name} must be an int or {axes} ints, got {shown(value)}")
    for i in range(axes):
        number = plain_int(items[i])               # once: another answer may be another number
        if number is None:
            raise TypeError(f"{op}: {name} must be an int or {axes} ints, got {shown(value)}")
        if not least <= number < 1 << 31:
            raise ValueError(f"{op}: {name} must be {least} or more, got {shown(value)}")
        out[2 - axes + i] = number
    return 0
