# SPDX-License-Identifier: LGPL-3.0-or-later
# Weights of the elements of a loss of pairs.

cdef Tensor weight_tensor(str op, object weight, Tensor x):
    """A weight, which must broadcast to x's shape, without its gradient."""
    cdef Tensor w = as_tensor(op, weight, x.kind, True)
    cdef int64_t dims[8]
    cdef int rank = broadcast_shapes(op, x.rank, x.dims, w.rank, w.dims, dims)
    if shape_tuple(rank, dims) != shape_tuple(x.rank, x.dims):
        raise ShapeError(f"{op}: weight {shape_tuple(w.rank, w.dims)} does not broadcast to input's shape "
                         f"{shape_tuple(x.rank, x.dims)}")
    return w.detach()


cdef Buffer spelt_out(str op, object weight, Tensor x):
    """The same as one element per element of x; None: ones."""
    cdef Tensor w = weight_tensor(op, 1.0 if weight is None else weight, x)
    if not same_shape(w, x):
        w = broadcast_to(w, shape_tuple(x.rank, x.dims))
    return read_data(w)


cdef object weighted(str op, Tensor losses, object weight, object reduction):
    """losses * weight, reduced."""
    cdef int mode = parse_reduction(op, reduction)
    product = losses * weight_tensor(op, weight, losses)
    return product.mean() if mode == NG_LOSS_MEAN else product.sum() if mode == NG_LOSS_SUM else product
