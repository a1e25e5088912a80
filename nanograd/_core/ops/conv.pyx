# SPDX-License-Identifier: LGPL-3.0-or-later
"""Convolutions. The geometry, and which algorithm is taken, are in csrc/kernels/conv.h."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
from nanograd._core.base.tensor cimport *

from nanograd._core.base.tensor import public
from nanograd.errors import ShapeError, shown

include "images.pxi"

from kernels.conv cimport ng_conv, ng_conv_dweight, ng_conv_dx, ng_conv_forward
from kernels.elementwise cimport ng_fill, ng_unary_backward
from kernels.reduce cimport ng_sum_axes
from kernels.ops cimport NG_READS_X, NG_READS_Y

cdef double NEGATIVE_SLOPE = 0.01       # of leaky_relu, the one activation with a parameter; the others do not read it


@cython.final
@cython.no_gc
cdef class ConvolutionNode(Node):
    """y = activation(convolution of x with weight, + bias). Inputs: x, weight, bias."""
    cdef ng_conv shape
    cdef int axes                # of the image
    cdef int op                  # of the activation, -1: none

    cdef str title(self):
        return f"conv{self.axes}d"

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dz = dy
        cdef Buffer out
        cdef int64_t dims[3]
        cdef int i
        if self.count == 0:
            for i in range(3):
                if wants(run, self, i):
                    out = input_buffer(self, i)
                    check("conv2d", ng_fill(self.kind, out.data, 0.0, (<Node>self.inputs[i]).count))
                    give(run, self, i, out)
            return 0
        if self.op >= 0:
            dz = buffer_over(self, dy)
            check("conv2d", ng_unary_backward(self.kind, self.op, dz.data, dy.data, saved(self, SAVED_Z), saved(self, SAVED_Y),
                                              NEGATIVE_SLOPE, 0.0, self.count))
        if wants(run, self, 2):
            out = input_buffer(self, 2)
            dims[0] = self.shape.N
            dims[1] = self.shape.O
            dims[2] = self.shape.P * self.shape.Q
            check("conv2d", ng_sum_axes(self.kind, out.data, dz.data, 3, dims, 0b101, 1.0))
            give(run, self, 2, out)
        if wants(run, self, 1):
            out = input_buffer(self, 1)
            check("conv2d", ng_conv_dweight(self.kind, out.data, saved(self, SAVED_X), dz.data, &self.shape))
            give(run, self, 1, out)
        if wants(run, self, 0):
            out = input_buffer(self, 0)
            check("conv2d", ng_conv_dx(self.kind, out.data, dz.data, saved(self, SAVED_W), &self.shape))
            give(run, self, 0, out)
        return 0


cdef str other_layout(int axes, Tensor x, int64_t C):
    """What to write for images whose channels are missing, or behind the places."""
    if x.rank == axes + 1 and C == 1:
        return f"; write x[:, None] for a batch of {'images' if axes == 2 else 'sequences'} of one channel"
    if x.dims[x.rank - 1] == C:
        order = ", ".join(map(str, (*range(x.rank - axes - 1), x.rank - 1, *range(x.rank - axes - 1, x.rank - 1))))
        return f"; write x.transpose({order}) to put the channels before the spatial axes"
    return ""


cdef enum: SAME = -1                    # s.PH and s.PW of padding='same', whose size the kernel says


cdef int settle(str op, int axes, object stride, object padding, object dilation, object groups, ng_conv *s) except -1:
    """The settings of a convolution, checked, into s."""
    cdef int64_t pair[2]
    numbers(op, "stride", stride, axes, 1, pair)
    s.SH = pair[0]
    s.SW = pair[1]
    numbers(op, "dilation", dilation, axes, 1, pair)
    s.DH = pair[0]
    s.DW = pair[1]
    s.G = as_index(op, "groups", groups)
    if not isinstance(padding, str):
        numbers(op, "padding", padding, axes, 0, pair)
        s.PH = pair[0] if axes == 2 else 0
        s.PW = pair[1]
    elif padding == "valid":
        s.PH = s.PW = 0
    elif padding != "same":
        raise ValueError(f"{op}: padding must be numbers, 'same' or 'valid', got {shown(padding)}")
    elif s.SH != 1 or s.SW != 1:
        raise ValueError(f"{op}: padding='same' needs stride 1, got stride {(s.SH, s.SW)[2 - axes:]}")
    else:
        s.PH = s.PW = SAME
    return 0


@cython.final
@cython.binding(False)
@cython.embedsignature(True)
cdef class _ConvSettings:
    """The settings of a convolution layer, checked when it is made and not in each call. `op` is the layer's name, for errors."""
    cdef ng_conv s
    cdef int axes
    cdef readonly object padding

    def __init__(self, str op, int axes, stride, padding, dilation, groups):
        self.axes = axes
        settle(op, axes, stride, padding, dilation, groups, &self.s)
        if self.s.G < 1:
            raise ValueError(f"{op}: groups must be at least 1, got {self.s.G}")
        self.padding = padding if isinstance(padding, str) else (self.s.PH, self.s.PW)[2 - axes:]

    @property
    def stride(self):
        return (self.s.SH, self.s.SW)[2 - self.axes:]

    @property
    def dilation(self):
        return (self.s.DH, self.s.DW)[2 - self.axes:]

    @property
    def groups(self):
        return self.s.G

    def __reduce__(self):
        return _ConvSettings, (f"Conv{self.axes}d", self.axes, self.stride, self.padding, self.dilation, self.groups)


cdef int pad_as(str op, ng_conv *s, int64_t *behind) except -1:
    """The padding behind into `behind` (2,): as in front but for 'same', where an odd one goes behind."""
    cdef int64_t total
    behind[0] = s.PH
    behind[1] = s.PW
    if s.PH == SAME:
        total = reach_of(op, s.KH, s.DH) - 1
        s.PH = total // 2
        behind[0] = total - s.PH
        total = reach_of(op, s.KW, s.DW) - 1
        s.PW = total // 2
        behind[1] = total - s.PW
    return 0


cdef Tensor convolve(str op, int axes, object x, object weight, object bias, const ng_conv *settings, object activation):
    cdef Tensor tx, tw, out
    cdef Tensor tb = None
    cdef Buffer xb, wb
    cdef Buffer bb = None
    cdef Buffer z = None
    cdef ConvolutionNode node
    cdef ng_conv s = settings[0]
    cdef int64_t behind[2]
    cdef int64_t reach[2]
    cdef int64_t dims[8]
    cdef int64_t count
    cdef int rank, activation_op, reads = 0
    cdef bint single, graph
    kind = common_kind(op, x, weight)
    tx = as_tensor(op, x, kind, True)
    tw = as_tensor(op, weight, kind, True)
    activation_op = activation_of(op, activation)
    if activation_op >= 0:
        reads = NG.unary_info[activation_op].reads
    if tx.rank not in (axes + 1, axes + 2):
        raise ShapeError(f"{op}: x must be {'(N, C, H, W) or (C, H, W)' if axes == 2 else '(N, C, L) or (C, L)'}, got shape "
                         f"{shape_tuple(tx.rank, tx.dims)}")
    if tw.rank != axes + 2:
        raise ShapeError(f"{op}: weight must be {'(O, C / groups, KH, KW)' if axes == 2 else '(O, C / groups, K)'}, got shape "
                         f"{shape_tuple(tw.rank, tw.dims)}")
    single = tx.rank == axes + 1
    rank = tx.rank
    s.N = 1 if single else tx.dims[0]
    s.C = tx.dims[rank - axes - 1]
    s.H = tx.dims[rank - 2] if axes == 2 else 1
    s.W = tx.dims[rank - 1]
    s.O = tw.dims[0]
    s.KH = tw.dims[2] if axes == 2 else 1
    s.KW = tw.dims[tw.rank - 1]
    if s.G < 1 or s.C % s.G or s.O % s.G:
        raise ValueError(f"{op}: groups must divide {s.C} input and {s.O} output channels, got {s.G}")
    if tw.dims[1] != s.C // s.G:
        raise ShapeError(f"{op}: weight expects {tw.dims[1] * s.G} input channels, got {s.C} (x {shape_tuple(tx.rank, tx.dims)}, "
                         f"weight {shape_tuple(tw.rank, tw.dims)}" + (f", groups {s.G})" if s.G > 1 else ")")
                         + other_layout(axes, tx, tw.dims[1] * s.G))
    if bias is not None:
        tb = as_tensor(op, bias, kind, False)
        if tb.rank != 1 or tb.dims[0] != s.O:
            raise ShapeError(f"{op}: bias must be ({s.O},), got shape {shape_tuple(tb.rank, tb.dims)}")
        bb = read_data(tb)
    if s.KH < 1 or s.KW < 1:
        raise ShapeError(f"{op}: the kernel is empty (weight {shape_tuple(tw.rank, tw.dims)})")
    pad_as(op, &s, behind)
    reach[0] = reach_of(op, s.KH, s.DH)
    reach[1] = reach_of(op, s.KW, s.DW)
    s.P = s.H + s.PH + behind[0] - reach[0]
    s.Q = s.W + s.PW + behind[1] - reach[1]
    if s.P < 0 or s.Q < 0:
        raise ShapeError(f"{op}: the kernel, {(reach[0], reach[1])[2 - axes:]} with its dilation, is larger than "
                         f"the padded input, {(s.H + s.PH + behind[0], s.W + s.PW + behind[1])[2 - axes:]} "
                         f"(x {shape_tuple(tx.rank, tx.dims)}, weight {shape_tuple(tw.rank, tw.dims)})")
    s.P = s.P // s.SH + 1
    s.Q = s.Q // s.SW + 1
    rank = 0
    if not single:
        dims[0] = s.N
        rank = 1
    dims[rank] = s.O
    if axes == 2:
        dims[rank + 1] = s.P
        dims[rank + 2] = s.Q
    else:
        dims[rank + 1] = s.Q
    rank += axes + 1
    count = shape_size(op, rank, dims)
    out = new_tensor(kind, rank, dims)
    graph = (tx.wants_grad or tw.wants_grad or (tb is not None and tb.wants_grad)) and grad_mode()
    if graph and reads & NG_READS_X:
        z = new_buffer(<size_t>count * ng_itemsize(kind))
    xb = read_data(tx)
    wb = read_data(tw)
    if count:                # (without channels an image of any size has no elements, and no loop should run over it)
        check(op, ng_conv_forward(kind, new_data(out), NULL if z is None else z.data, xb.data, wb.data, NULL if bb is None else bb.data,
                                  activation_op, NEGATIVE_SLOPE, 0.0, &s))
    if graph:
        node = ConvolutionNode.__new__(ConvolutionNode)
        node.shape = s
        node.axes = axes
        node.op = activation_op
        set_inputs(node, 3)
        if tx.wants_grad:
            set_input(node, 0, tx)
            save(node, SAVED_W, wb)
        if tw.wants_grad:
            set_input(node, 1, tw)
            save(node, SAVED_X, xb)
        if tb is not None and tb.wants_grad:
            set_input(node, 2, tb)
        save(node, SAVED_Z, z)
        if reads & NG_READS_Y:
            save(node, SAVED_Y, read_data(out))
        link(out, node)
    return out


@public
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Two-dimensional convolution of a batch of images: cross-correlation, as in every network library.

    ``y[n, o, p, q] = bias[o] + sum_{c, i, j} weight[o, c, i, j] * x[n, c, p * stride - padding + i * dilation, q * stride - ...]``,
    where c runs over the input channels of o's group, and x is 0 outside of the image.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (O, C / groups, KH, KW)
    bias : Tensor, shape (O,), optional
    stride, dilation : int or pair of int, default 1
    padding : int, pair of int, 'same' or 'valid', default 0
        How many zeros are added on each side. 'same' keeps the size (stride must be 1; an odd zero goes at the end), 'valid' is 0.
    groups : int, default 1
        Input and output channels are divided into this many groups, which are convolved separately; ``C`` of them: depthwise.

    Returns
    -------
    Tensor, shape (N, O, P, Q) or (O, P, Q)
        ``P = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1``, and Q likewise.

    Raises
    ------
    ShapeError
        If the channels or the bias do not fit the weight, or the kernel is larger than the padded input.
    DTypeError
        If float32 and float64 mix.
    ValueError
        For a stride or dilation below 1, negative padding, padding 'same' with another stride than 1, or groups that do not divide
        the channels.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.ones((1, 1, 3, 3), requires_grad=True)
    >>> w = ng.ones((1, 1, 2, 2), requires_grad=True)
    >>> y = ng.conv2d(x, w)
    >>> y.tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    >>> y.backward()
    >>> x.grad.tolist()
    [[[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]]
    """
    cdef ng_conv settings
    settle("conv2d", 2, stride, padding, dilation, groups, &settings)
    return convolve("conv2d", 2, x, weight, bias, &settings, None)


@public
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One-dimensional convolution of a batch of sequences; see :func:`conv2d`.

    Parameters
    ----------
    x : Tensor, shape (N, C, L) or (C, L)
    weight : Tensor, shape (O, C / groups, K)
    bias : Tensor, shape (O,), optional
    stride, dilation, padding, groups
        As for :func:`conv2d`, one number each.

    Returns
    -------
    Tensor, shape (N, O, M) or (O, M)
        ``M = (L + 2 * padding - dilation * (K - 1) - 1) // stride + 1``.

    Raises
    ------
    ShapeError, DTypeError, ValueError
        As :func:`conv2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.tensor([[[1.0, -1.0]]], requires_grad=True)
    >>> y = ng.conv1d([[1.0, 3.0, 6.0]], w)
    >>> y.tolist()
    [[-2.0, -3.0]]
    >>> y.backward()
    >>> w.grad.tolist()
    [[[4.0, 9.0]]]
    """
    cdef ng_conv settings
    settle("conv1d", 1, stride, padding, dilation, groups, &settings)
    return convolve("conv1d", 1, x, weight, bias, &settings, None)


def _convolution(_ConvSettings settings not None, x, weight, bias, activation):
    """conv1d or conv2d of a layer's settings, with an activation in the same node."""
    return convolve("conv2d" if settings.axes == 2 else "conv1d", settings.axes, x, weight, bias, &settings.s, activation)
