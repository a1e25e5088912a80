# SPDX-License-Identifier: LGPL-3.0-or-later
"""The functions of nanograd under PyTorch's spellings, argument names, order and defaults, so that ported code runs.

Arguments that PyTorch has deprecated are known, and refused where they are used. ``inplace=True`` is taken: a tensor's value
never changes, so the result is the same.

The short functions call the compiled modules by their names: nanograd itself has a ``__getattr__``, and CPython's short cut to a
module's attributes is not taken there (30 ns a call).
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd import composed as _composed
from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import activation as _activation
from nanograd._core.ops import class_loss as _class_loss
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import elementwise as _elementwise
from nanograd._core.ops import index as _index
from nanograd._core.ops import matmul as _matmul
from nanograd._core.ops import normalization as _normalization
from nanograd._core.ops import pair_loss as _pair_loss
from nanograd._core.ops import random as _random
from nanograd._core.ops import softmax as _softmax
from nanograd.nn import _check, _functional_images
from nanograd.nn._check import refuse_averages as _refuse_averages
from nanograd.nn._functional_images import *

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import ArrayLike, DTypeLike

    from nanograd._typing import Reduction, ReductionOrBatchmean, TensorLike

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity", "cross_entropy", "dropout",
    "elu", "embedding", "gelu", "huber_loss", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "logsigmoid", "mse_loss", "nll_loss", "normalize", "one_hot", "relu", "rms_norm",
    "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus", "tanh",
]
__all__ += _functional_images.__all__


def _axis(op, dim):
    if dim is None:
        raise TypeError(f"{op}: say along which axis: write dim=-1 for the last")
    return dim


def _cast(x, dtype):
    return x if dtype is None else (x if isinstance(x, Tensor) else _creation.asarray(x)).astype(dtype)


def linear(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """``input @ weight.T + bias``: :func:`nanograd.linear`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.linear(ng.ones((1, 2)), ng.tensor([[1.0, 2.0]]))
    tensor([[3.]], dtype=float32)
    """
    return _matmul.linear(input, weight, bias)


def relu(input: TensorLike, inplace: bool = False) -> Tensor:
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
    return _activation.relu(input)


def leaky_relu(input: TensorLike, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
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
    return _activation.leaky_relu(input, negative_slope)


def tanh(input: TensorLike) -> Tensor:
    """:func:`nanograd.tanh`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.tanh(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """
    return _activation.tanh(input)


def sigmoid(input: TensorLike) -> Tensor:
    """:func:`nanograd.sigmoid`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.sigmoid(ng.zeros(2))
    tensor([0.5, 0.5], dtype=float32)
    """
    return _activation.sigmoid(input)


def silu(input: TensorLike, inplace: bool = False) -> Tensor:
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
    return _activation.silu(input)


def gelu(input: TensorLike, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """:func:`nanograd.gelu`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.gelu(ng.zeros(2))
    tensor([0., 0.], dtype=float32)
    """
    return _activation.gelu(input, approximate=approximate)


def softmax(input: TensorLike, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """:func:`nanograd.softmax` along ``dim``, which must be given: PyTorch would guess it.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.softmax(ng.zeros((1, 2)), dim=1)
    tensor([[0.5, 0.5]], dtype=float32)
    """
    return _softmax.softmax(_cast(input, dtype), _axis("softmax", dim))


def log_softmax(input: TensorLike, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """:func:`nanograd.log_softmax` along ``dim``, which must be given.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.log_softmax(ng.zeros((1, 1)), dim=1)
    tensor([[0.]], dtype=float32)
    """
    return _softmax.log_softmax(_cast(input, dtype), _axis("log_softmax", dim))


def mse_loss(input: TensorLike, target: TensorLike, size_average: None = None, reduce: None = None,
             reduction: Reduction = "mean") -> Tensor:
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


def cross_entropy(input: TensorLike, target: TensorLike, weight: TensorLike | None = None, size_average: None = None,
                  ignore_index: int = -100, reduce: None = None, reduction: Reduction = "mean", label_smoothing: float = 0.0) -> Tensor:
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


def dropout(input: TensorLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
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
    return _random.dropout(input, p, training)


def embedding(input: ArrayLike, weight: TensorLike, padding_idx: int | None = None, max_norm: None = None, norm_type: float = 2.0,
              scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
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
    return _index.embedding(input, weight, padding_idx)


def one_hot(tensor: ArrayLike, num_classes: int = -1) -> Tensor:
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
            raise ValueError("one_hot: no indices to infer num_classes from; pass it")
        num_classes = int(indices.max()) + 1 if indices.dtype.kind in "iu" else 1       # then ng.one_hot says what is wrong
    return _index.one_hot(tensor, num_classes)


def elu(input: TensorLike, alpha: float = 1.0, inplace: bool = False) -> Tensor:
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
    return _activation.elu(input, alpha)


def softplus(input: TensorLike, beta: float = 1, threshold: float = 20) -> Tensor:
    """:func:`nanograd.softplus`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.softplus(ng.tensor([100.0]))
    tensor([100.], dtype=float32)
    """
    return _activation.softplus(input, beta, threshold)


def logsigmoid(input: TensorLike) -> Tensor:
    """:func:`nanograd.log_sigmoid`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.logsigmoid(ng.tensor([-100.0]))
    tensor([-100.], dtype=float32)
    """
    return _activation.log_sigmoid(input)


def l1_loss(input: TensorLike, target: TensorLike, size_average: None = None, reduce: None = None, reduction: Reduction = "mean") -> Tensor:
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


def smooth_l1_loss(input: TensorLike, target: TensorLike, size_average: None = None, reduce: None = None, reduction: Reduction = "mean",
                   beta: float = 1.0) -> Tensor:
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


def huber_loss(input: TensorLike, target: TensorLike, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """:func:`nanograd.huber_loss`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.huber_loss(ng.tensor([1.0, 3.0]), [0.0, 0.0], delta=2.0).item()
    2.25
    """
    return _pair_loss.huber_loss(input, target, delta=delta, reduction=reduction)


def nll_loss(input: TensorLike, target: TensorLike, weight: TensorLike | None = None, size_average: None = None,
             ignore_index: int = -100, reduce: None = None, reduction: Reduction = "mean") -> Tensor:
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


def binary_cross_entropy(input: TensorLike, target: TensorLike, weight: TensorLike | None = None, size_average: None = None,
                         reduce: None = None, reduction: Reduction = "mean") -> Tensor:
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


def binary_cross_entropy_with_logits(input: TensorLike, target: TensorLike, weight: TensorLike | None = None, size_average: None = None,
                                     reduce: None = None, reduction: Reduction = "mean", pos_weight: TensorLike | None = None) -> Tensor:
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


def kl_div(input: TensorLike, target: TensorLike, size_average: None = None, reduce: None = None,
           reduction: ReductionOrBatchmean = "mean", log_target: bool = False) -> Tensor:
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


def normalize(input: TensorLike, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12, out: None = None) -> Tensor:
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
    return _composed.normalize(input, ord=p, axis=dim, eps=eps)


def cosine_similarity(x1: TensorLike, x2: TensorLike, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """:func:`nanograd.cosine_similarity` along ``dim``, with PyTorch's default of the second axis.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.cosine_similarity(ng.tensor([[2.0, 0.0]]), ng.tensor([[3.0, 0.0]]))
    tensor([1.], dtype=float32)
    """
    return _composed.cosine_similarity(x1, x2, axis=dim, eps=eps)


def layer_norm(input: TensorLike, normalized_shape: int | Sequence[int], weight: TensorLike | None = None,
               bias: TensorLike | None = None, eps: float = 1e-5) -> Tensor:
    """:func:`nanograd.layer_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.layer_norm(ng.tensor([[1.0, 3.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.]], dtype=float32)
    """
    return _normalization.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(input: TensorLike, normalized_shape: int | Sequence[int], weight: TensorLike | None = None,
             eps: float | None = None) -> Tensor:
    """:func:`nanograd.rms_norm`.

    Examples
    --------
    >>> import nanograd as ng
    >>> import nanograd.nn.functional as F
    >>> F.rms_norm(ng.tensor([[2.0, 2.0]]), (2,))
    tensor([[1., 1.]], dtype=float32)
    """
    return _normalization.rms_norm(input, normalized_shape, weight, eps)
