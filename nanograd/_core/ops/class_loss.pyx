# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses of classes: one node each, whose forward writes the gradient too (csrc/kernels/loss.h)."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
cimport numpy as cnp

from nanograd._core.base.tensor cimport *

import numpy as np

from nanograd._core.base.tensor import public
from nanograd.errors import DTypeError, ShapeError, refuse_masked, shown

cnp.import_array()

from kernels.loss cimport ng_cross_entropy, ng_labels, ng_labels_pieces, ng_nll, ng_nll_backward

include "loss_node.pxi"


@cython.final
@cython.no_gc
cdef class CrossEntropyNode(LossNode):
    pass


@cython.final
@cython.no_gc
cdef class NllLossNode(LossNode):
    """outer, n, inner are x's. Saved are the labels, the class weights, and the sums to divide by."""
    cdef int reduction

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = new_buffer(<size_t>(self.outer * self.n * self.inner) * ng_itemsize(self.kind))
        check("nll_loss", ng_nll_backward(self.kind, dx.data, dy.data, <int64_t *>saved(self, SAVED_MAP), <double *>saved(self, SAVED_SUMS),
                                          saved(self, SAVED_W), self.reduction, self.outer, self.n, self.inner))
        return give(run, self, 0, dx)


cdef Buffer checked_labels(str op, cnp.ndarray target, Tensor x, int64_t classes, int64_t ignore_index, Buffer weight,
                           Buffer totals):
    """The labels in memory of ours, -1 for ignored ones; totals: their weights. IndexError."""
    cdef int64_t count = cnp.PyArray_SIZE(target)
    cdef Buffer labels = new_buffer(<size_t>count * sizeof(int64_t))
    cdef bint is_signed = cnp.PyArray_ISSIGNED(target)
    if not (cnp.PyArray_ISCARRAY_RO(target)):
        target = np.ascontiguousarray(target, dtype=target.dtype.newbyteorder("="))
    cdef int status = ng_labels(x.kind, <int64_t *>labels.data, <double *>totals.data, cnp.PyArray_DATA(target),
                                cnp.PyArray_ITEMSIZE(target), is_signed, data_or_null(weight), count, classes, ignore_index)
    if status == NG_INDEX_RANGE:
        flat = target.reshape(-1)
        bad = flat[((flat < 0) | (flat >= classes)) & (flat != ignore_index)][0]
        raise IndexError(f"{op}: label {bad} is out of range for {classes} classes (logits {shape_tuple(x.rank, x.dims)})")
    check(op, status)
    return labels


cdef int refuse_swapped(str op, tuple logits, tuple target) except -1:
    """Say so where the target looks like the logits, and the logits like labels."""
    if len(target) > 0 and target[:1] + target[2:] == logits or len(target) == 1 and logits == ():
        raise DTypeError(f"{op}: the logits come first, then the labels: got {logits} for logits and floats {target} for labels; write "
                         f"ng.{op}(logits, labels)")
    return 0


cdef object label_array(str op, object target, Tensor x):
    """target as a NumPy array of integers, one per sample, or None if it is probabilities of x's shape. Errors."""
    cdef cnp.ndarray array
    cdef int i
    shape = shape_tuple(x.rank, x.dims)
    if isinstance(target, Tensor):
        if same_shape(<Tensor>target, x):
            return None
        refuse_swapped(op, shape, shape_tuple((<Tensor>target).rank, (<Tensor>target).dims))
        raise DTypeError(f"{op}: class labels are integers, not tensors: got a {numpy_dtype((<Tensor>target).kind)} tensor "
                         f"{shape_tuple((<Tensor>target).rank, (<Tensor>target).dims)} for logits {shape}; write "
                         f"target.numpy().astype(int)" + (", or give probabilities of the logits' shape" if op == "cross_entropy" else ""))
    if type(target) is not np.ndarray:
        refuse_masked(op, target)
    array = np.asarray(target)
    if array.dtype.kind == "f" or array.size == 0 and not isinstance(target, np.ndarray):
        if np.shape(array) == shape:
            return None
    if array.dtype.kind not in "iu":
        if array.size == 0 and not isinstance(target, np.ndarray):
            array = array.astype(np.int64)
        else:
            refuse_swapped(op, shape, np.shape(array))
            raise DTypeError(f"{op}: class labels must be integers, got an array of dtype {array.dtype} and shape "
                             f"{np.shape(array)} for logits {shape} (probabilities have the logits' shape)")
    wanted = shape[:1] + shape[2:] if x.rank > 1 else ()
    if np.shape(array) != wanted:
        raise ShapeError(f"{op}: logits {shape} take labels of shape {wanted}, got {np.shape(array)}")
    return array


cdef Tensor class_weight(str op, object weight, Tensor x, int64_t classes, bint is_saved):
    cdef Tensor w = as_tensor(op, weight, x.kind, is_saved)
    if w.rank != 1 or w.dims[0] != classes:
        raise ShapeError(f"{op}: weight must have shape ({classes},), one per class of the logits {shape_tuple(x.rank, x.dims)}, "
                         f"got {shape_tuple(w.rank, w.dims)}")
    return w


cdef int warn_of_nothing(str op, Tensor x, int64_t count, Buffer totals, object ignore_index, Buffer weight) except -1:
    """Where a mean divides by 0: no samples, none that counts, or none with a weight."""
    cdef int64_t i
    cdef double total = 0
    warn_if(count == 0, op, x)
    if count == 0 or totals is None:
        return 0
    for i in range(ng_labels_pieces(count)):
        total += (<double *>totals.data)[i]
    if total != 0:
        return 0
    if weight is None:
        return warn_user(f"{op}: all labels are ignore_index={ignore_index}, and the mean of nothing is NaN (logits "
                         f"{shape_tuple(x.rank, x.dims)})")
    return warn_user(f"{op}: the weights of all labels that count add up to 0, and the mean, divided by it, is NaN or inf (logits "
                     f"{shape_tuple(x.rank, x.dims)}, ignore_index={ignore_index})")


cdef Tensor class_loss(str op, LossNode node, object logits, object target, object weight, object ignore_index,
                       double smoothing, object reduction, bint is_nll):
    cdef int mode = parse_reduction(op, reduction)
    cdef Tensor x, t = None, w = None, out
    cdef Buffer xb, tb = None, wb = None, labels = None, totals = None
    cdef int64_t dims[8]
    cdef int64_t outer, classes, inner = 1
    cdef int i, kind
    if isinstance(logits, Tensor):
        x = <Tensor>logits
    else:
        kind = (<Tensor>target).kind if isinstance(target, Tensor) else -1
        x = as_tensor(op, logits, kind, False)
    if x.rank == 0:
        raise ShapeError(f"{op}: logits need an axis of classes, got shape ()")
    outer = x.dims[0] if x.rank > 1 else 1
    classes = x.dims[1] if x.rank > 1 else x.dims[0]
    if x.rank > 1:
        dims[0] = outer
    for i in range(2, x.rank):
        inner *= x.dims[i]
        dims[i - 1] = x.dims[i]
    array = label_array(op, target, x)
    if classes == 0:
        raise ShapeError(f"{op}: logits {shape_tuple(x.rank, x.dims)} have no classes")
    if weight is not None:
        w = class_weight(op, weight, x, classes, is_nll and needs_grad(x))
        wb = read_data(w)
    if array is not None:
        totals = new_buffer(<size_t>(ng_labels_pieces(outer * inner) + 1) * sizeof(double))
        labels = checked_labels(op, array, x, classes, as_index(op, "ignore_index", ignore_index), wb, totals)
    elif is_nll:
        raise DTypeError(f"{op}: class labels must be integers; for probabilities use kl_div or cross_entropy")
    else:
        t = as_tensor(op, target, x.kind, False)
        tb = read_data(t)
    if mode == NG_LOSS_MEAN:
        warn_of_nothing(op, x, outer * inner, totals, ignore_index, wb)
    out = new_tensor(x.kind, x.rank - 1 if mode == NG_LOSS_NONE else 0, dims)
    xb = read_data(x)
    if is_nll:
        check(op, ng_nll(x.kind, new_data(out), xb.data, <int64_t *>labels.data, <double *>totals.data, data_or_null(wb), mode,
                         outer, classes, inner))
        if needs_grad(x):
            link_nll(out, <NllLossNode>node, x, labels, totals, wb, mode, outer, classes, inner)
        return out
    if needs_grad(x):
        save(node, SAVED_DX, new_buffer(<size_t>x.count * ng_itemsize(x.kind)))
    if t is not None and needs_grad(t):
        save(node, SAVED_DT, new_buffer(<size_t>x.count * ng_itemsize(x.kind)))
    check(op, ng_cross_entropy(x.kind, new_data(out), saved(node, SAVED_DX), saved(node, SAVED_DT), xb.data,
                               <int64_t *>data_or_null(labels), <double *>data_or_null(totals), data_or_null(tb), data_or_null(wb),
                               smoothing, mode, outer, classes, inner))
    if node.kept[SAVED_DX] != NULL or node.kept[SAVED_DT] != NULL:
        node.outer = outer if mode == NG_LOSS_NONE else 1
        node.n = classes if mode == NG_LOSS_NONE else x.count
        node.inner = inner if mode == NG_LOSS_NONE else 1
        link_loss(out, node, x, t)
    return out


cdef int link_nll(Tensor out, NllLossNode node, Tensor x, Buffer labels, Buffer totals, Buffer weight, int reduction, int64_t outer,
                  int64_t n, int64_t inner) except -1:
    save(node, SAVED_MAP, labels)
    save(node, SAVED_SUMS, totals)
    save(node, SAVED_W, weight)
    node.reduction = reduction
    node.outer = outer
    node.n = n
    node.inner = inner
    node.n_inputs = 1
    set_input(node, 0, x)
    return link(out, node)


@public
def cross_entropy(logits, target, *, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Cross entropy between classes as predicted by logits and the true ones: log_softmax and negative log-likelihood in one.

    ``loss = -sum_c w[c] * t[c] * log_softmax(logits)[c]`` per sample. For a label, t is 1 at the label and 0 elsewhere;
    label smoothing s makes it ``(1 - s) * t + s / C``.

    Parameters
    ----------
    logits : Tensor or array_like, shape (N, C), (N, C, d1, ...) or (C,)
        Not normalised. The classes are on axis 1, or on the only axis of a single sample.
    target : array_like of int, shape (N,), (N, d1, ...) or (); or Tensor or array_like of float, of logits' shape
        Class labels, of any integer type; or probabilities of the classes.
    {class weight}
    label_smoothing : float, default 0.0
        In [0, 1].
    reduction : {'mean', 'sum', 'none'}
        ``'mean'`` divides by the sum of the weights of the labels that are not ignored; for probabilities, by the number of samples.

    Returns
    -------
    Tensor
        0-d; for ``'none'`` of logits' shape without the classes.

    Raises
    ------
    IndexError
        For a label that is not in [0, C).
    DTypeError
        If labels are not integers.
    ShapeError
        If labels or weight do not fit the logits.
    ValueError
        For any other reduction, or a label_smoothing out of range.

    Notes
    -----
    The gradient is ``(softmax(logits) - target) / N`` for the mean without weights. A target of probabilities has a gradient too.
    The mean of no samples is NaN, with a RuntimeWarning. Like ``torch.nn.functional.cross_entropy`` [1]_.

    References
    ----------
    .. [1] Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2015, section 7 (label smoothing).

    Examples
    --------
    >>> import nanograd as ng
    >>> logits = ng.tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> loss = ng.cross_entropy(logits, [0, 1])
    >>> loss
    tensor(0.41003758, dtype=float32, grad_fn=<cross_entropy>)
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.05960146,  0.05960146],
            [ 0.25      , -0.25      ]], dtype=float32)
    """
    cdef double smoothing = as_real("cross_entropy", "label_smoothing", label_smoothing)
    if not 0 <= smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], got {shown(label_smoothing)}")
    return class_loss("cross_entropy", CrossEntropyNode.__new__(CrossEntropyNode), logits, target, weight, ignore_index,
                      smoothing, reduction, False)


@public
def nll_loss(log_p, target, *, weight=None, ignore_index=-100, reduction="mean"):
    """Negative log-likelihood of class labels under log-probabilities.

    ``loss = -w[target] * log_p[target]`` per sample. :func:`cross_entropy` is :func:`log_softmax` and this in one.

    Parameters
    ----------
    log_p : Tensor or array_like, shape (N, C), (N, C, d1, ...) or (C,)
        Log-probabilities, as :func:`log_softmax` returns them. The classes are on axis 1, or on the only axis of a single sample.
    target : array_like of int, shape (N,), (N, d1, ...) or ()
    {class weight}
    reduction : {'mean', 'sum', 'none'}
        ``'mean'`` divides by the sum of the weights of the labels that are not ignored.

    Returns
    -------
    Tensor
        0-d; for ``'none'`` of log_p's shape without the classes. The mean of no samples is NaN, with a RuntimeWarning.

    Raises
    ------
    IndexError
        For a label that is not in [0, C).
    DTypeError
        If labels are not integers.
    ShapeError
        If labels or weight do not fit log_p.
    ValueError
        For any other reduction.

    Examples
    --------
    >>> import nanograd as ng
    >>> log_p = ng.tensor([[-0.5, -1.0], [-2.0, -0.25]], requires_grad=True)
    >>> loss = ng.nll_loss(log_p, [0, 1])
    >>> loss
    tensor(0.375, dtype=float32, grad_fn=<nll_loss>)
    >>> loss.backward()
    >>> log_p.grad
    tensor([[-0.5,  0. ],
            [ 0. , -0.5]], dtype=float32)
    """
    return class_loss("nll_loss", NllLossNode.__new__(NllLossNode), log_p, target, weight, ignore_index, 0.0, reduction, True)
