# SPDX-License-Identifier: LGPL-3.0-or-later
# The axis=None|int|tuple and keepdims of reductions.

cdef struct Reduction:
    unsigned int mask        # bit i: axis i is reduced
    int64_t reduced          # how many elements go into one output
    int rank                 # of the output
    int64_t dims[8]


cdef int parse_axes(str op, Tensor x, object axis, object keepdims, Reduction *r) except -1:
    cdef int i
    cdef bint keeps = as_flag(op, "keepdims", keepdims, "; several axes are a tuple: write axis=(0, 1)")
    r.mask = 0
    if axis is None:
        r.mask = (1u << x.rank) - 1
    elif isinstance(axis, tuple):
        for item in axis:
            i = normalize_axis(op, item, x.rank)
            if r.mask >> i & 1:
                raise ValueError(f"{op}: axis {i} occurs twice in axis {axis} (x {shape_tuple(x.rank, x.dims)})")
            r.mask |= 1u << i
    elif isinstance(axis, list):
        raise TypeError(f"{op}: several axes are a tuple, not a list: write axis={shown(tuple(axis))}")
    elif op in ("max", "min") and (isinstance(axis, float) or (isinstance(axis, Tensor) or isinstance(axis, np.ndarray)) and axis.ndim > 0):
        raise TypeError(f"{op}: an axis is an int, and the larger or smaller of two tensors is another function: write ng.{op}imum(a, b)")
    else:
        r.mask = 1u << normalize_axis(op, axis, x.rank)
    r.reduced = 1
    r.rank = 0
    for i in range(x.rank):
        if r.mask >> i & 1:
            r.reduced *= x.dims[i]
            if not keeps:
                continue
        r.dims[r.rank] = 1 if r.mask >> i & 1 else x.dims[i]
        r.rank += 1
    return 0


cdef inline Buffer buffer_like(Node node):
    """A new buffer for a gradient of the node's output."""
    return new_buffer(<size_t>node.count * ng_itemsize(node.kind))


cdef inline Buffer doubles(int64_t count):
    return new_buffer(<size_t>count * sizeof(double))
