# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pooling: maxima and means of windows. The geometry is in csrc/kernels/pool.h."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
from nanograd._core.base.tensor cimport *

from nanograd._core.base.tensor import public
from nanograd.errors import ShapeError, shown

include "images.pxi"

from kernels.pool cimport (ng_avg_pool, ng_axis, ng_max_pool_backward, ng_max_pool_forward, ng_plane_mean, ng_pool_tap_bytes,
                           ng_windows)
from kernels.reduce cimport ng_broadcast_axes


@cython.final
@cython.no_gc
cdef class MaxPoolNode(Node):
    """y = maxima of windows of x. Saved: which element of its window each maximum is."""
    cdef ng_windows shape

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = input_buffer(self, 0)
        check("max_pool2d", ng_max_pool_backward(self.kind, dx.data, dy.data, saved(self, SAVED_MAP), &self.shape))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class AvgPoolNode(Node):
    """y = means of windows of x."""
    cdef int64_t planes
    cdef ng_axis rows, columns

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = input_buffer(self, 0)
        check("avg_pool2d", ng_avg_pool(self.kind, dx.data, dy.data, self.planes, &self.rows, &self.columns, True))
        return give(run, self, 0, dx)


@cython.final
@cython.no_gc
cdef class GlobalAvgPoolNode(Node):
    """y = mean of each plane of x."""
    cdef int64_t plane_dims[2]

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = input_buffer(self, 0)
        check("global_avg_pool2d", ng_broadcast_axes(self.kind, dx.data, dy.data, 2, self.plane_dims, 0b10, <double>self.plane_dims[1]))
        return give(run, self, 0, dx)


cdef Tensor images_of(str op, object x, int axes, int64_t *planes):
    """x as a tensor of images of `axes` axes that have pixels; how many planes they have."""
    cdef Tensor t = as_tensor(op, x)
    cdef int i
    if t.rank not in (axes + 1, axes + 2):
        raise ShapeError(f"{op}: x must be {'(N, C, H, W) or (C, H, W)' if axes == 2 else '(N, C, L) or (C, L)'}, got shape "
                         f"{shape_tuple(t.rank, t.dims)}")
    planes[0] = 1
    for i in range(t.rank - axes):
        planes[0] *= t.dims[i]
    for i in range(t.rank - axes, t.rank):
        if t.dims[i] == 0:
            raise ShapeError(f"{op}: x has no element to pool over, got shape {shape_tuple(t.rank, t.dims)}")
    return t


cdef Tensor result_of(str op, Tensor x, int axes, int64_t height, int64_t width):
    """A new tensor of x's shape but for the size of its images."""
    cdef int64_t dims[8]
    cdef int i
    for i in range(x.rank - axes):
        dims[i] = x.dims[i]
    if axes == 2:
        dims[x.rank - 2] = height
    dims[x.rank - 1] = width
    shape_size(op, x.rank, dims)
    return new_tensor(x.kind, x.rank, dims)


cdef int windows_of(str op, int axes, Tensor x, object kernel_size, object stride, object padding, object dilation, object ceil_mode,
                    ng_windows *s) except -1:
    """Checks the arguments and fills s, all but the number of planes."""
    cdef int64_t size[2]
    cdef int64_t kernel[2]
    cdef int64_t step[2]
    cdef int64_t front[2]
    cdef int64_t apart[2]
    cdef int64_t out[2]
    cdef int64_t reach[2]
    cdef int64_t i, first
    cdef int a
    cdef bint up
    up = as_flag(op, "ceil_mode", ceil_mode)
    numbers(op, "kernel_size", kernel_size, axes, 1, kernel)
    numbers(op, "stride", kernel_size if stride is None else stride, axes, 1, step)
    numbers(op, "dilation", dilation, axes, 1, apart)
    front[0] = front[1] = 0
    numbers(op, "padding", padding, axes, 0, front)
    if axes == 1:
        front[0] = 0
    size[0] = x.dims[x.rank - 2] if axes == 2 else 1
    size[1] = x.dims[x.rank - 1]
    for a in range(2 - axes, 2):
        if 2 * front[a] > kernel[a]:
            raise ShapeError(f"{op}: padding must be at most half the kernel, got padding {(front[0], front[1])[2 - axes:]} for kernel "
                             f"{(kernel[0], kernel[1])[2 - axes:]}")
    for a in range(2):
        reach[a] = reach_of(op, kernel[a], apart[a])
    for a in range(2):
        out[a] = size[a] + 2 * front[a] - reach[a] + (step[a] - 1 if up else 0)
        if out[a] < 0:
            raise ShapeError(f"{op}: the kernel, {(reach[0], reach[1])[2 - axes:]}"
                             f"{' with its dilation' if apart[0] > 1 or apart[1] > 1 else ''}, is larger than the padded input, "
                             f"{(size[0] + 2 * front[0], size[1] + 2 * front[1])[2 - axes:]} (x {shape_tuple(x.rank, x.dims)})")
        out[a] = out[a] // step[a] + 1
        if up and (out[a] - 1) * step[a] >= size[a] + front[a]:      # the last window would begin behind the image
            out[a] -= 1
        # Windows that begin in front of the image: with a dilation they can step over it.
        for i in range(min(out[a], front[a] // step[a] + 1)):
            first = i * step[a] - front[a]
            if first < 0:
                first += (apart[a] - 1 - first) // apart[a] * apart[a]
            if first >= size[a]:
                raise ShapeError(f"{op}: a window holds only padding: with padding {(front[0], front[1])[2 - axes:]} and dilation "
                                 f"{(apart[0], apart[1])[2 - axes:]} it steps over the image (x {shape_tuple(x.rank, x.dims)})")
    s.H, s.W = size[0], size[1]
    s.P, s.Q = out[0], out[1]
    s.KH, s.KW = kernel[0], kernel[1]
    s.SH, s.SW = step[0], step[1]
    s.PH, s.PW = front[0], front[1]
    s.DH, s.DW = apart[0], apart[1]
    return 0


cdef Tensor max_pool(str op, int axes, object x, object kernel_size, object stride, object padding, object dilation, object ceil_mode):
    cdef ng_windows s
    cdef Tensor t = images_of(op, x, axes, &s.planes)
    cdef Tensor out
    cdef Buffer xb = read_data(t)
    cdef Buffer taps = None
    cdef MaxPoolNode node
    cdef bint graph = needs_grad(t)
    windows_of(op, axes, t, kernel_size, stride, padding, dilation, ceil_mode, &s)
    if s.KH > (1 << 31) // s.KW:
        raise ShapeError(f"{op}: a window of {(s.KH, s.KW)[2 - axes:]} is too large")
    out = result_of(op, t, axes, s.P, s.Q)
    if graph:
        taps = new_buffer(<size_t>(out.count * ng_pool_tap_bytes(&s)))
    check(op, ng_max_pool_forward(t.kind, new_data(out), NULL if taps is None else taps.data, xb.data, &s))
    if graph:
        node = MaxPoolNode.__new__(MaxPoolNode)
        node.shape = s
        save(node, SAVED_MAP, taps)
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out


cdef Tensor means(str op, int axes, Tensor x, int64_t planes, const ng_axis *rows, const ng_axis *columns):
    cdef Tensor out = result_of(op, x, axes, rows.out, columns.out)
    cdef Buffer xb = read_data(x)
    cdef AvgPoolNode node
    check(op, ng_avg_pool(x.kind, new_data(out), xb.data, planes, rows, columns, False))
    if needs_grad(x):
        node = AvgPoolNode.__new__(AvgPoolNode)
        node.planes = planes
        node.rows = rows[0]
        node.columns = columns[0]
        set_inputs(node, 1)
        set_input(node, 0, x)
        link(out, node)
    return out


cdef Tensor avg_pool(str op, int axes, object x, object kernel_size, object stride, object padding, object ceil_mode, object count_include_pad):
    cdef ng_windows s
    cdef ng_axis rows, columns
    cdef Tensor t = images_of(op, x, axes, &s.planes)
    cdef bint padded = as_flag(op, "count_include_pad", count_include_pad)
    windows_of(op, axes, t, kernel_size, stride, padding, 1, ceil_mode, &s)
    rows = ng_axis(s.H, s.P, s.KH, s.SH, s.PH, padded, 0)
    columns = ng_axis(s.W, s.Q, s.KW, s.SW, s.PW, padded, 0)
    return means(op, axes, t, s.planes, &rows, &columns)


cdef Tensor plane_means(str op, Tensor x, int rank, int64_t planes):
    """The mean of each plane, in a result of the first `rank` axes of x, then axes of size 1 if rank has them."""
    cdef int64_t dims[8]
    cdef Tensor out
    cdef Buffer xb = read_data(x)
    cdef GlobalAvgPoolNode node
    cdef int64_t plane[2]
    cdef int i
    for i in range(rank):
        dims[i] = x.dims[i] if i < x.rank - 2 else 1
    plane[0] = planes
    plane[1] = x.dims[x.rank - 2] * x.dims[x.rank - 1]
    out = new_tensor(x.kind, rank, dims)
    check(op, ng_plane_mean(x.kind, new_data(out), xb.data, plane[0], plane[1]))
    if needs_grad(x):
        node = GlobalAvgPoolNode.__new__(GlobalAvgPoolNode)
        node.plane_dims[0] = plane[0]
        node.plane_dims[1] = plane[1]
        set_inputs(node, 1)
        set_input(node, 0, x)
        link(out, node)
    return out


@public
def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window of an image.

    ``y[n, c, p, q] = max_{i, j} x[n, c, p * stride - padding + i * dilation, q * stride - padding + j * dilation]``, where i and j
    run over the kernel; what lies outside of the image does not count.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    {window}
    dilation : int or pair of int, default 1
        Distance between the elements of a window.
    ceil_mode : bool, default False
        Whether a remainder at the end, too short for a whole window, still gets one. That window has to begin inside the image or
        in the padding before it.

    Returns
    -------
    Tensor, shape (N, C, P, Q) or (C, P, Q)
        ``P = (H + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1``, rounded down or with `ceil_mode` up, and Q likewise.

    Raises
    ------
    ShapeError
        If the kernel is larger than the padded image, the padding is larger than half the kernel, the image is empty, or a window
        with a dilation holds only padding.
    ValueError
        For a kernel, stride or dilation below 1, or negative padding.

    Notes
    -----
    The gradient goes to the maximum, and to the first one, row by row, where several are equal. NaN is the largest of all, and the
    last one gets the gradient, as in PyTorch.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[[1.0, 2.0, 5.0, 5.0], [4.0, 3.0, 0.0, 5.0]]], requires_grad=True)
    >>> y = ng.max_pool2d(x, 2)
    >>> y.tolist()
    [[[4.0, 5.0]]]
    >>> y.sum().backward()
    >>> x.grad.tolist()
    [[[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]]
    """
    return max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode)


@public
def max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window of a sequence; see :func:`max_pool2d`.

    Parameters
    ----------
    x : Tensor, shape (N, C, L) or (C, L)
    kernel_size, stride, padding, dilation, ceil_mode
        As for :func:`max_pool2d`, one number each.

    Returns
    -------
    Tensor, shape (N, C, M) or (C, M)
        ``M = (L + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1``, rounded down or with `ceil_mode` up.

    Raises
    ------
    ShapeError, ValueError
        As :func:`max_pool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0, 2.0, 0.0]], requires_grad=True)
    >>> y = ng.max_pool1d(x, 2, stride=1)
    >>> y.tolist()
    [[3.0, 3.0, 2.0]]
    >>> y.sum().backward()
    >>> x.grad.tolist()
    [[0.0, 2.0, 1.0, 0.0]]
    """
    return max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode)


@public
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of an image, summed in float64.

    ``y[n, c, p, q] = mean_{i, j} x[n, c, p * stride - padding + i, q * stride - padding + j]``, where i and j run over the kernel.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    {window}
    ceil_mode : bool, default False
        As for :func:`max_pool2d`.
    count_include_pad : bool, default True
        Whether the padding counts, as zeros; otherwise the mean is over the window's elements inside the image. With `ceil_mode`,
        the part of a window beyond the padding never counts.

    Returns
    -------
    Tensor, shape (N, C, P, Q) or (C, P, Q)
        ``P = (H + 2 * padding - kernel_size) / stride + 1``, rounded down or with `ceil_mode` up, and Q likewise.

    Raises
    ------
    ShapeError
        If the kernel is larger than the padded image, the padding is larger than half the kernel, or the image is empty.
    ValueError
        For a kernel or stride below 1, or negative padding.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[[1.0, 2.0, 5.0, 5.0], [4.0, 3.0, 0.0, 6.0]]], requires_grad=True)
    >>> y = ng.avg_pool2d(x, 2)
    >>> y.tolist()
    [[[2.5, 4.0]]]
    >>> y.sum().backward()
    >>> x.grad.tolist()
    [[[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]]]
    """
    return avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@public
def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of a sequence; see :func:`avg_pool2d`.

    Parameters
    ----------
    x : Tensor, shape (N, C, L) or (C, L)
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for :func:`avg_pool2d`, one number each.

    Returns
    -------
    Tensor, shape (N, C, M) or (C, M)
        ``M = (L + 2 * padding - kernel_size) / stride + 1``, rounded down or with `ceil_mode` up.

    Raises
    ------
    ShapeError, ValueError
        As :func:`avg_pool2d`.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[1.0, 3.0, 2.0, 0.0]], requires_grad=True)
    >>> y = ng.avg_pool1d(x, 2, stride=1)
    >>> y.tolist()
    [[2.0, 2.5, 1.0]]
    >>> y.sum().backward()
    >>> x.grad.tolist()
    [[0.5, 1.0, 1.0, 0.5]]
    """
    return avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@public
def adaptive_avg_pool2d(x, output_size):
    """The mean of each of `output_size` windows, into which an image of any size is divided.

    ``y[n, c, p, q]`` is the mean over rows ``floor(p * H / P)`` up to, but not including, ``ceil((p + 1) * H / P)``, and columns
    likewise, so that neighbouring windows may overlap by one.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)
    output_size : int, or pair of int or None
        Height and width of the result; None: that of x.

    Returns
    -------
    Tensor, shape (N, C, P, Q) or (C, P, Q)

    Raises
    ------
    ShapeError
        If the image is empty.
    ValueError
        If `output_size` is negative.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[[1.0, 2.0, 6.0]]], requires_grad=True)
    >>> y = ng.adaptive_avg_pool2d(x, (None, 2))
    >>> y.tolist()
    [[[1.5, 4.0]]]
    >>> y.sum().backward()
    >>> x.grad.tolist()
    [[[0.5, 1.0, 0.5]]]
    """
    cdef int64_t planes
    cdef ng_axis axes[2]
    cdef Tensor t = images_of("adaptive_avg_pool2d", x, 2, &planes)
    cdef int a
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(sizes) == 1:
        sizes *= 2
    if len(sizes) != 2:
        raise TypeError(f"adaptive_avg_pool2d: output_size must be an int, or two ints or None, got {shown(output_size)}")
    for a in range(2):
        size = sizes[a]
        if size is None:
            size = t.dims[t.rank - 2 + a]
        size = plain_int(size)
        if size is None:
            raise TypeError(f"adaptive_avg_pool2d: output_size must be an int, or two ints or None, got {shown(output_size)}")
        if not 0 <= size < 1 << 31:
            raise ValueError(f"adaptive_avg_pool2d: output_size must be 0 or more, got {shown(output_size)}")
        axes[a] = ng_axis(t.dims[t.rank - 2 + a], size, 0, 0, 0, 0, 1)
    if axes[0].out == 1 and axes[1].out == 1:
        return plane_means("adaptive_avg_pool2d", t, t.rank, planes)
    return means("adaptive_avg_pool2d", 2, t, planes, &axes[0], &axes[1])


@public
def global_avg_pool2d(x):
    """The mean of each channel of an image, summed in float64: ``y[n, c] = mean_{h, w} x[n, c, h, w]``.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (C, H, W)

    Returns
    -------
    Tensor, shape (N, C) or (C,)

    Raises
    ------
    ShapeError
        If the image is empty.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([[[1.0, 2.0], [3.0, 6.0]]], requires_grad=True)
    >>> y = ng.global_avg_pool2d(x)
    >>> y.tolist()
    [3.0]
    >>> y.backward()
    >>> x.grad.tolist()
    [[[0.25, 0.25], [0.25, 0.25]]]
    """
    cdef int64_t planes
    cdef Tensor t = images_of("global_avg_pool2d", x, 2, &planes)
    return plane_means("global_avg_pool2d", t, t.rank - 2, planes)
