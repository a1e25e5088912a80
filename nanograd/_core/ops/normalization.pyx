# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layer, RMS, group and batch normalisation. The formulas are in csrc/kernels/norm.inc."""
include "capsule.pxi"
cimport cython
from libc.float cimport DBL_EPSILON, FLT_EPSILON
from libc.stdint cimport int64_t
from nanograd._core.base.tensor cimport *

from nanograd._core.base.tensor import public
from nanograd.errors import ShapeError, shown

from kernels.norm cimport (ng_batch_norm_backward, ng_batch_norm_forward, ng_batch_norm_frozen, ng_batch_norm_running, ng_norm_backward,
                           ng_norm_forward)
from kernels.ops cimport NG_READS_X, NG_READS_Y

cdef double NEGATIVE_SLOPE = 0.01       # of leaky_relu, the one activation with a parameter; the others do not read it


cdef inline void *data_of(Buffer buffer) noexcept:
    return NULL if buffer is None else buffer.data


cdef Buffer input_buffer(Run run, Node node, int i):
    """Memory for the gradient of input i; None where none is wanted."""
    cdef Node target
    if not wants(run, node, i):
        return None
    target = <Node>node.inputs[i]
    return new_buffer(<size_t>target.count * ng_itemsize(target.kind))


cdef double checked_eps(str op, object eps) except -1:
    cdef double value = as_real(op, "eps", eps)
    if not value >= 0:
        raise ValueError(f"{op}: eps must not be negative, got {eps}")
    return value


cdef Tensor scales(str op, str name, object value, Tensor x, int rank, const int64_t *dims):
    """A weight or bias (or None) of the shape that it must have."""
    cdef Tensor t
    cdef int i
    if value is None:
        return None
    common_kind(op, x, value)
    t = as_tensor(op, value, x.kind, True)
    if t.rank == rank:
        for i in range(rank):
            if t.dims[i] != dims[i]:
                break
        else:
            return t
    raise ShapeError(f"{op}: {name} must be {shape_tuple(rank, dims)}, got shape {shape_tuple(t.rank, t.dims)} "
                     f"(x {shape_tuple(x.rank, x.dims)})")


# ---- rows: layer, RMS and group normalisation ---------------------------------------------------

@cython.no_gc
cdef class NormNode(Node):
    """Inputs: x, weight, bias."""
    cdef bint centered
    cdef double eps
    cdef int64_t rows, segments, run, turns

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = input_buffer(run, self, 0), dweight = input_buffer(run, self, 1), dbias = input_buffer(run, self, 2)
        check("normalisation", ng_norm_backward(self.kind, data_of(dx), data_of(dweight), data_of(dbias), dy.data, saved(self, SAVED_X),
                                                saved(self, SAVED_W), saved(self, SAVED_SUMS), self.centered, self.rows, self.segments,
                                                self.run, self.turns, self.eps))
        return give_all(run, self, dx, dweight, dbias)


@cython.final
@cython.no_gc
cdef class LayerNormNode(NormNode):
    pass


@cython.final
@cython.no_gc
cdef class RmsNormNode(NormNode):
    pass


@cython.final
@cython.no_gc
cdef class GroupNormNode(NormNode):
    pass


cdef int give_all(Run run, Node node, Buffer dx, Buffer dweight, Buffer dbias) except -1:
    if dbias is not None:
        give(run, node, 2, dbias)
    if dweight is not None:
        give(run, node, 1, dweight)
    if dx is not None:
        give(run, node, 0, dx)
    return 0


cdef bint wants_graph(Tensor x, Tensor weight, Tensor bias):
    return grad_mode() and (x.wants_grad or (weight is not None and weight.wants_grad) or (bias is not None and bias.wants_grad))


cdef int set_all(Node node, Tensor x, Tensor weight, Tensor bias) except -1:
    set_inputs(node, 3)
    if x.wants_grad:
        set_input(node, 0, x)
    if weight is not None and weight.wants_grad:
        set_input(node, 1, weight)
    if bias is not None and bias.wants_grad:
        set_input(node, 2, bias)
    return 0


cdef Tensor normalize_rows(str op, NormNode node, Tensor x, Tensor weight, Tensor bias, bint centered, int64_t rows, int64_t segments,
                           int64_t run, int64_t turns, double eps):
    """`node` is an empty one of the op's class, used if a gradient is wanted."""
    cdef Tensor out = new_tensor(x.kind, x.rank, x.dims)
    cdef Buffer xb = read_data(x)
    cdef Buffer wb = None if weight is None else read_data(weight)
    cdef Buffer bb = None if bias is None else read_data(bias)
    cdef Buffer statistics = new_buffer(<size_t>(3 * rows) * ng_itemsize(x.kind))
    if x.count:
        check(op, ng_norm_forward(x.kind, new_data(out), statistics.data, xb.data, data_of(wb), data_of(bb), centered, rows, segments,
                                  run, turns, eps))
    else:
        rows = 0
    if wants_graph(x, weight, bias):
        set_all(node, x, weight, bias)
        save(node, SAVED_X, xb)
        save(node, SAVED_W, wb)
        save(node, SAVED_SUMS, statistics)
        node.centered = centered
        node.eps = eps
        node.rows = rows
        node.segments = segments
        node.run = run
        node.turns = turns
        link(out, node)
    return out


cdef int trailing(str op, Tensor x, object normalized_shape, int64_t *dims) except -1:
    """normalized_shape checked against x's last axes; returns how many they are."""
    cdef int i
    cdef int rank = parse_shape(op, (normalized_shape,), dims)
    if rank == 0:
        raise ShapeError(f"{op}: normalized_shape must have at least one axis")
    for i in range(rank):
        if rank > x.rank or x.dims[x.rank - rank + i] != dims[i]:
            raise ShapeError(f"{op}: normalized_shape {shape_tuple(rank, dims)} must be the last axes of x, which has shape "
                             f"{shape_tuple(x.rank, x.dims)}")
    return rank


@public
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Layer normalisation (Ba, Kiros and Hinton 2016): over the last axes, each sample by itself.

    ``y = (x - mean) / sqrt(var + eps) * weight + bias``, with mean and biased variance over the axes of ``normalized_shape``.

    Parameters
    ----------
    x : Tensor, shape (..., normalized_shape ...)
    normalized_shape : int or tuple of int
        The sizes of x's last axes.
    weight, bias : Tensor, shape normalized_shape, optional
    eps : float, default 1e-5

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If normalized_shape, weight or bias do not fit x.
    DTypeError
        If float32 and float64 mix.
    ValueError
        If eps is negative.

    Notes
    -----
    The mean is not rounded to x's dtype, and float32 accumulates in float64, block by block: a constant row gives the bias, and a row
    far from zero keeps its digits. A row whose squares would leave the range of the dtype is scaled first.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0], [10.0, 30.0]], requires_grad=True)
    >>> y = ng.layer_norm(x, 2, eps=0.0)
    >>> y
    tensor([[-1.,  1.],
            [-1.,  1.]], dtype=float32, grad_fn=<layer_norm>)
    >>> (y * [1.0, 2.0]).sum().backward()
    >>> x.grad.numpy().round(6) + 0.0
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    """
    cdef Tensor tx = as_tensor("layer_norm", x, -1, True)
    cdef int64_t dims[8]
    cdef int rank = trailing("layer_norm", tx, normalized_shape, dims)
    cdef int64_t count = shape_size("layer_norm", rank, dims)
    return normalize_rows("layer_norm", LayerNormNode.__new__(LayerNormNode), tx, scales("layer_norm", "weight", weight, tx, rank, dims),
                          scales("layer_norm", "bias", bias, tx, rank, dims), True, tx.count // count if count else 0, count, 1, 1,
                          checked_eps("layer_norm", eps))


@public
def rms_norm(x, normalized_shape, weight=None, eps=None):
    """Root mean square normalisation (Zhang and Sennrich 2019): over the last axes, without subtracting the mean.

    ``y = x / sqrt(mean(x ** 2) + eps) * weight``, with the mean over the axes of ``normalized_shape``.

    Parameters
    ----------
    x : Tensor, shape (..., normalized_shape ...)
    normalized_shape : int or tuple of int
        The sizes of x's last axes.
    weight : Tensor, shape normalized_shape, optional
    eps : float, optional
        None, as in PyTorch: the machine epsilon of x's dtype (1.2e-07 or 2.2e-16).

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError, DTypeError, ValueError
        As :func:`layer_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    >>> y = ng.rms_norm(x, 4)
    >>> y.numpy().round(3)
    array([0.365, 0.73 , 1.095, 1.461], dtype=float32)
    >>> (y * [1.0, 0.0, 0.0, 0.0]).sum().backward()
    >>> x.grad.numpy().round(3)
    array([ 0.353, -0.024, -0.037, -0.049], dtype=float32)
    """
    cdef Tensor tx = as_tensor("rms_norm", x, -1, True)
    cdef int64_t dims[8]
    cdef int rank = trailing("rms_norm", tx, normalized_shape, dims)
    cdef int64_t count = shape_size("rms_norm", rank, dims)
    cdef double epsilon = checked_eps("rms_norm", eps) if eps is not None else FLT_EPSILON if tx.kind == NG_F32 else DBL_EPSILON
    return normalize_rows("rms_norm", RmsNormNode.__new__(RmsNormNode), tx, scales("rms_norm", "weight", weight, tx, rank, dims), None, False,
                          tx.count // count if count else 0, count, 1, 1, epsilon)


@public
def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Group normalisation (Wu and He 2018): over groups of channels, each sample by itself.

    ``y = (x - mean) / sqrt(var + eps) * weight + bias``, with mean and biased variance over a group's channels and all positions, and
    weight and bias per channel.

    Parameters
    ----------
    x : Tensor, shape (N, C, ...)
    num_groups : int
        Divides C.
    weight, bias : Tensor, shape (C,), optional
    eps : float, default 1e-5

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If x has no channel axis, or weight or bias do not fit.
    DTypeError
        If float32 and float64 mix.
    ValueError
        If num_groups does not divide C, or eps is negative.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[[1.0], [3.0], [10.0], [30.0]]], requires_grad=True)
    >>> ng.group_norm(x, 2, eps=0.0).tolist()
    [[[-1.0], [1.0], [-1.0], [1.0]]]
    """
    cdef Tensor tx = as_tensor("group_norm", x, -1, True)
    cdef int64_t places = 1
    cdef int64_t dims[1]
    cdef int i
    if tx.rank < 2:
        raise ShapeError(f"group_norm: x must be (N, C, ...), got shape {shape_tuple(tx.rank, tx.dims)}")
    num_groups = as_index("group_norm", "num_groups", num_groups)
    if num_groups < 1 or tx.dims[1] % num_groups:
        raise ValueError(f"group_norm: num_groups must divide {tx.dims[1]} channels, got {num_groups}")
    for i in range(2, tx.rank):
        places *= tx.dims[i]
    dims[0] = tx.dims[1]
    return normalize_rows("group_norm", GroupNormNode.__new__(GroupNormNode), tx, scales("group_norm", "weight", weight, tx, 1, dims),
                          scales("group_norm", "bias", bias, tx, 1, dims), True, tx.dims[0] * num_groups, tx.dims[1] // num_groups, places,
                          num_groups, checked_eps("group_norm", eps))


include "normalization_batch.pxi"
