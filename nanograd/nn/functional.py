# SPDX-License-Identifier: LGPL-3.0-or-later
"""The functions of nanograd under PyTorch's spellings, argument names, order and defaults, so that ported code runs.

Arguments that PyTorch has deprecated are known, and refused where they are used. ``inplace=True`` is taken: a tensor's value
never changes, so the result is the same.

The short functions call the compiled modules by their names: nanograd itself has a ``__getattr__``, and CPython's short cut to a
module's attributes is not taken there (30 ns a call).
"""
import numpy as np

import nanograd as ng
from nanograd._core import loss as _class_loss
from nanograd._core import matmul as _matmul
from nanograd._core import pair_loss as _pair_loss
from nanograd._core import softmax as _softmax
from nanograd._core import tensor as _elementwise
from nanograd.errors import ShapeError, shown
from nanograd.nn import _check, _functional_images
from nanograd.nn._check import refuse_averages as _refuse_averages
from nanograd.nn._functional_images import *

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity", "cross_entropy", "dropout",
    "elu", "embedding", "gelu", "huber_loss", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "logsigmoid", "mse_loss", "nll_loss", "normalize", "one_hot", "pad", "relu", "rms_norm",
    "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus", "tanh",
]
__all__ += _functional_images.__all__


def _axis(op, dim):
    if dim is None:
        raise TypeError(f"{op}: say along which axis: write dim=-1 for the last")
    return dim


def _cast(x, dtype):
    return x if dtype is None else (x if isinstance(x, ng.Tensor) else ng.asarray(x)).astype(dtype)


def linear(input, weight, bias=None):
    """``input @ weight.T + bias``: :func:`nanograd.linear`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.linear(ng.ones((1, 2)), ng.tensor([[1.0, 2.0]]))
    tensor([[3.]], dtype=float32)
    """
    return _matmul.linear(input, weight, bias)


def relu(input, inplace=False):
    """:func:`nanograd.relu`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.relu(ng.tensor([-1.0, 1.0]))
    tensor([0., 1.], dtype=float32)
    """
    if inplace is not False:
        _check.flag("relu", "inplace", inplace)
    return _elementwise.relu(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """:func:`nanograd.leaky_relu`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.leaky_relu(ng.tensor([-1.0, 1.0]), 0.5)
    tensor([-0.5,  1. ], dtype=float32)
    """
    if inplace is not False:
        _check.flag("leaky_relu", "inplace", inplace)
    return _elementwise.leaky_relu(input, negative_slope)


def tanh(input):
    """:func:`nanograd.tanh`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.tanh(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """
    return _elementwise.tanh(input)


def sigmoid(input):
    """:func:`nanograd.sigmoid`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.sigmoid(ng.zeros(2))
    tensor([0.5, 0.5], dtype=float32)
    """
    return _elementwise.sigmoid(input)


def silu(input, inplace=False):
    """:func:`nanograd.silu`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.silu(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """
    if inplace is not False:
        _check.flag("silu", "inplace", inplace)
    return _elementwise.silu(input)


def gelu(input, approximate="none"):
    """:func:`nanograd.gelu`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.gelu(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """
    return _elementwise.gelu(input, approximate=approximate)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """:func:`nanograd.softmax` along ``dim``, which must be given: PyTorch would guess it.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.softmax(ng.zeros((1, 2)), dim=1)
    tensor([[0.5, 0.5]], dtype=float32)
    """
    return _softmax.softmax(_cast(input, dtype), _axis("softmax", dim))


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """:func:`nanograd.log_softmax` along ``dim``, which must be given.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.log_softmax(ng.zeros((1, 1)), dim=1)
    tensor([[0.]], dtype=float32)
    """
    return _softmax.log_softmax(_cast(input, dtype), _axis("log_softmax", dim))


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """:func:`nanograd.mse_loss`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.mse_loss(ng.tensor([1.0, 3.0]), [0.0, 0.0]).item()
    5.0
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("mse_loss")
    return _pair_loss.mse_loss(input, target, reduction=reduction)


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """:func:`nanograd.cross_entropy`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> round(F.cross_entropy(ng.zeros((3, 4)), [0, 1, 2]).item(), 4)
    1.3863
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("cross_entropy")
    return _class_loss.cross_entropy(input, target, weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing,
                                     reduction=reduction)


def dropout(input, p=0.5, training=True, inplace=False):
    """:func:`nanograd.dropout`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.dropout(ng.ones(2), p=1.0)
    tensor([0., 0.], dtype=float32)
    """
    if inplace is not False:
        _check.flag("dropout", "inplace", inplace)
    return ng.dropout(input, p, training)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """:func:`nanograd.embedding`. A negative ``padding_idx`` counts from the end.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.embedding([1, 0], ng.tensor([[1.0], [2.0]]))
    tensor([[2.],
            [1.]], dtype=float32)
    """
    frequency = _check.flag("embedding", "scale_grad_by_freq", scale_grad_by_freq)
    if max_norm is not None or frequency or _check.flag("embedding", "sparse", sparse):
        raise TypeError("embedding: max_norm, scale_grad_by_freq and sparse are not supported")
    return ng.embedding(input, weight, padding_idx)


def one_hot(tensor, num_classes=-1):
    """:func:`nanograd.one_hot`, a float tensor; ``num_classes=-1`` takes the largest index plus one.

    Examples
    --------
    >>> import nanograd.nn.functional as F
    >>> F.one_hot([0, 2])
    tensor([[1., 0., 0.],
            [0., 0., 1.]], dtype=float32)
    """
    if isinstance(num_classes, (int, np.integer)) and not isinstance(num_classes, np.timedelta64) and num_classes == -1:
        indices = np.ascontiguousarray(tensor)      # memory of its own, so that an array of repeated elements is not walked for ever
        if indices.size == 0:
            raise ValueError("one_hot: no index to take num_classes from; give it")
        num_classes = int(indices.max()) + 1 if indices.dtype.kind in "iu" else 1       # then ng.one_hot says what is wrong
    return ng.one_hot(tensor, num_classes)


def pad(input, pad, mode="constant", value=None):
    """:func:`nanograd.pad` with PyTorch's widths: before and after for the last axis, then for the one before it, and so on.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        An even number of widths, two per axis from the last one on. A negative one cuts off as many elements.
    mode : {'constant', 'reflect', 'replicate'}
    value : float, optional
        What 'constant' fills with; None: 0.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.pad(ng.ones((1, 1)), (1, 2))
    tensor([[0., 1., 0., 0.]], dtype=float32)
    >>> F.pad(ng.tensor([1.0, 2.0, 3.0]), (-1, 1))
    tensor([2., 3., 0.], dtype=float32)
    """
    x = input if isinstance(input, ng.Tensor) else ng.asarray(input)
    widths = list(pad)
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ShapeError(f"pad: expected two widths for each of up to {x.ndim} axes, got {shown(tuple(widths))} (x {x.shape})")
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
    if mode not in modes:
        raise ValueError(f"pad: mode must be 'constant', 'reflect' or 'replicate', got {shown(mode)}")
    if value is not None and mode != "constant":
        raise ValueError(f"pad: value is for mode 'constant' only, got value={shown(value)} with mode={shown(mode)}")
    widths = [int(width) if isinstance(width, np.integer) else width for width in widths]      # -int64 may overflow
    pairs = [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    cuts = [(max(-before, 0), max(-after, 0)) for before, after in pairs]
    if any(sum(cut) > size for cut, size in zip(cuts, x.shape, strict=True)):
        raise ShapeError(f"pad: widths {tuple(widths)} cut off more than there is (x {x.shape})")
    y = ng.pad(x, [(max(before, 0), max(after, 0)) for before, after in pairs], mode=modes[mode], value=0 if value is None else value)
    if not any(map(any, cuts)):
        return y
    # (Cut after padding: the margins are taken from all of x, as PyTorch takes them.)
    return y[tuple(slice(before, size - after) for (before, after), size in zip(cuts, y.shape, strict=True))]


def elu(input, alpha=1.0, inplace=False):
    """:func:`nanograd.elu`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.elu(ng.tensor([0.0, 1.0]))
    tensor([0., 1.], dtype=float32)
    """
    if inplace is not False:
        _check.flag("elu", "inplace", inplace)
    return _elementwise.elu(input, alpha)


def softplus(input, beta=1, threshold=20):
    """:func:`nanograd.softplus`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.softplus(ng.tensor([100.0]))
    tensor([100.], dtype=float32)
    """
    return _elementwise.softplus(input, beta, threshold)


def logsigmoid(input):
    """:func:`nanograd.log_sigmoid`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.logsigmoid(ng.tensor([-100.0]))
    tensor([-100.], dtype=float32)
    """
    return _elementwise.log_sigmoid(input)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """:func:`nanograd.l1_loss`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.l1_loss(ng.tensor([1.0, 3.0]), [0.0, 0.0]).item()
    2.0
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("l1_loss")
    return _pair_loss.l1_loss(input, target, reduction=reduction)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """:func:`nanograd.smooth_l1_loss`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.smooth_l1_loss(ng.tensor([0.5, 3.0]), [0.0, 0.0]).item()
    1.3125
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("smooth_l1_loss")
    return _pair_loss.smooth_l1_loss(input, target, beta=beta, reduction=reduction)


def huber_loss(input, target, reduction="mean", delta=1.0):
    """:func:`nanograd.huber_loss`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.huber_loss(ng.tensor([1.0, 3.0]), [0.0, 0.0], delta=2.0).item()
    2.25
    """
    return _pair_loss.huber_loss(input, target, delta=delta, reduction=reduction)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """:func:`nanograd.nll_loss`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.nll_loss(ng.tensor([[-1.0, -2.0]]), [1]).item()
    2.0
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("nll_loss")
    return _class_loss.nll_loss(input, target, weight=weight, ignore_index=ignore_index,
                       reduction=reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """:func:`nanograd.binary_cross_entropy`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> round(F.binary_cross_entropy(ng.tensor([0.5]), [1.0]).item(), 4)
    0.6931
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("binary_cross_entropy")
    return _pair_loss.binary_cross_entropy(input, target, weight=weight, reduction=reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
    """:func:`nanograd.binary_cross_entropy_with_logits`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> round(F.binary_cross_entropy_with_logits(ng.tensor([0.0]), [1.0]).item(), 4)
    0.6931
    """
    if size_average is not None or reduce is not None:
        _refuse_averages("binary_cross_entropy_with_logits")
    return _pair_loss.binary_cross_entropy_with_logits(input, target, weight=weight, pos_weight=pos_weight, reduction=reduction)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """:func:`nanograd.kl_div`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.kl_div(ng.tensor([[0.0]]), [[1.0]], reduction="batchmean").item()
    0.0
    """
    if _check.flag("kl_div", "log_target", log_target):
        target = _elementwise.exp(target)
    if size_average is not None or reduce is not None:
        _refuse_averages("kl_div")
    return _pair_loss.kl_div(input, target, reduction=reduction)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """:func:`nanograd.normalize` along ``dim``, with PyTorch's default of the second axis.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.normalize(ng.tensor([[0.0, 2.0]]))
    tensor([[0., 1.]], dtype=float32)
    """
    if out is not None:
        raise TypeError("normalize: a tensor's value never changes, so out= is not supported")
    return ng.normalize(input, ord=p, axis=dim, eps=eps)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """:func:`nanograd.cosine_similarity` along ``dim``, with PyTorch's default of the second axis.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.cosine_similarity(ng.tensor([[2.0, 0.0]]), ng.tensor([[3.0, 0.0]]))
    tensor([1.], dtype=float32)
    """
    return ng.cosine_similarity(x1, x2, axis=dim, eps=eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """:func:`nanograd.layer_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.layer_norm(ng.tensor([[1.0, 3.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.]], dtype=float32)
    """
    return ng.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """:func:`nanograd.rms_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.rms_norm(ng.tensor([[2.0, 2.0]]), (2,))
    tensor([[1., 1.]], dtype=float32)
    """
    return ng.rms_norm(input, normalized_shape, weight, eps)
