# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses as modules. The functions of the same names are in nanograd itself.

``size_average`` and ``reduce`` stand where PyTorch has them, so that what follows has its place; they are refused.
"""
from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import class_loss as _class_loss
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import elementwise as _elementwise
from nanograd._core.ops import pair_loss as _pair_loss
from nanograd.errors import shown
from nanograd.nn import _check
from nanograd.nn._module import comparing
from nanograd.nn.module import Module

if TYPE_CHECKING:
    from typing import Any

    from nanograd._typing import Reduction, ReductionOrBatchmean, TensorLike

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss",
           "SmoothL1Loss"]


class _Loss(Module):
    """A loss of (input, target) with a reduction."""

    _reductions: tuple[str, ...] = ("mean", "sum", "none")

    _called_with = "input, target"

    reduction: Any

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean") -> None:
        if size_average is not None or reduce is not None:
            _check.refuse_averages(type(self).__name__, size_average, reduce)
        _check.refuse_tensor(type(self).__name__, reduction, kinds=(Tensor, np.ndarray))
        if reduction not in self._reductions:
            kinds = ", ".join(map(repr, self._reductions[:-1])) + f" or {self._reductions[-1]!r}"
            raise ValueError(f"{type(self).__name__}: reduction must be {kinds}, got {shown(reduction)}")
        self.reduction = reduction

    def extra_repr(self) -> str:
        defaults = {name: p.default for name, p in inspect.signature(type(self)).parameters.items()}
        shown = {name: vars(self)[name] for name in defaults if name in vars(self) and not isinstance(vars(self)[name], Tensor)}
        shown["reduction"] = shown.pop("reduction")        # the last
        return _check.arguments(**{name: (value, defaults[name]) for name, value in shown.items()})


_REDUCTION = ("reduction", "reduction", "mean")
_WEIGHT = ("weight", "weight", None)
_IGNORE = ("ignore_index", "ignore_index", -100)


class MSELoss(_Loss):
    """The mean of (input - target)^2. Both must have the same shape.

    Parameters
    ----------
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 3.0], requires_grad=True)
    >>> loss = ng.nn.MSELoss()(x, [0.0, 0.0])
    >>> loss.backward()
    >>> loss.item(), x.grad.tolist()
    (5.0, [1.0, 3.0])
    """

    @comparing(_pair_loss.mse_loss, _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...


class _Weighted(_Loss):
    """A loss with a weight per class or element, which belongs to the state."""

    def __init__(self, weight: TensorLike | None = None, size_average: None = None, reduce: None = None,
                 reduction: Reduction = "mean") -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", None if weight is None else _creation.tensor(weight))


class CrossEntropyLoss(_Weighted):
    """The cross entropy of softmax(input) with class indices or probabilities.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A weight for each class.
    ignore_index : int, default -100
        A label that does not count.
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float, default 0.0

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    IndexError, DTypeError, ShapeError
        When called: for labels that are out of range, not integers, or do not fit the input.

    Examples
    --------
    >>> import nanograd as ng
    >>> logits = ng.zeros((2, 4), requires_grad=True)
    >>> loss = ng.nn.CrossEntropyLoss()(logits, [1, 3])
    >>> loss.backward()
    >>> print(f"{loss:.4f}", logits.grad.tolist()[0])
    1.3863 [0.125, -0.375, 0.125, 0.125]
    """

    @comparing(_class_loss.cross_entropy, _WEIGHT, _IGNORE, ("label_smoothing", "label_smoothing", 0.0), _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...

    def __init__(self, weight: TensorLike | None = None, size_average: None = None, ignore_index: int = -100, reduce: None = None,
                 reduction: Reduction = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = _check.size("CrossEntropyLoss", "ignore_index", ignore_index, -2**63)
        self.label_smoothing = _check.probability("CrossEntropyLoss", "label_smoothing", label_smoothing)


class L1Loss(_Loss):
    """The mean of ``|input - target|``. Both must have the same shape.

    Parameters
    ----------
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.L1Loss()(ng.tensor([1.0, 3.0]), [0.0, 0.0]).item()
    2.0
    """

    @comparing(_pair_loss.l1_loss, _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...


class SmoothL1Loss(_Loss):
    """(input - target)^2 / (2 beta) where the difference is below beta, else its magnitude less beta / 2.

    Parameters
    ----------
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}
    beta : float, default 1.0

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.SmoothL1Loss()(ng.tensor([0.5, 3.0]), [0.0, 0.0]).item()
    1.3125
    """

    @comparing(_pair_loss.smooth_l1_loss, ("beta", "beta", 1.0), _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...

    def __init__(self, size_average: None = None, reduce: None = None, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = _check.real("SmoothL1Loss", "beta", beta)


class HuberLoss(_Loss):
    """(input - target)^2 / 2 where the difference is below delta, else delta * (its magnitude less delta / 2).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    delta : float, default 1.0

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.HuberLoss(delta=2.0)(ng.tensor([1.0, 3.0]), [0.0, 0.0]).item()
    2.25
    """

    @comparing(_pair_loss.huber_loss, ("delta", "delta", 1.0), _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = _check.real("HuberLoss", "delta", delta)


class NLLLoss(_Weighted):
    """The negative log-likelihood of class indices, given log-probabilities.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A weight for each class.
    ignore_index : int, default -100
        A label that does not count.
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    IndexError, DTypeError, ShapeError
        When called: for labels that are out of range, not integers, or do not fit the input.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.NLLLoss()(ng.tensor([[-1.0, -2.0]]), [1]).item()
    2.0
    """

    @comparing(_class_loss.nll_loss, _WEIGHT, _IGNORE, _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...

    def __init__(self, weight: TensorLike | None = None, size_average: None = None, ignore_index: int = -100, reduce: None = None,
                 reduction: Reduction = "mean") -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = _check.size("NLLLoss", "ignore_index", ignore_index, -2**63)


class BCELoss(_Weighted):
    """The cross entropy of probabilities with targets in [0, 1].

    Parameters
    ----------
    weight : array_like, optional
        A weight for each element, broadcast.
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> round(ng.nn.BCELoss()(ng.tensor([0.5, 0.5]), [0.0, 1.0]).item(), 4)
    0.6931
    """

    @comparing(_pair_loss.binary_cross_entropy, _WEIGHT, _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...


class BCEWithLogitsLoss(_Weighted):
    """The cross entropy of sigmoid(input) with targets in [0, 1].

    Parameters
    ----------
    weight : array_like, optional
        A weight for each element, broadcast.
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none'}
    pos_weight : array_like, optional
        A weight for the positive part, broadcast.

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> round(ng.nn.BCEWithLogitsLoss()(ng.tensor([0.0, 0.0]), [0.0, 1.0]).item(), 4)
    0.6931
    """

    @comparing(_pair_loss.binary_cross_entropy_with_logits, _WEIGHT, ("pos_weight", "pos_weight", None), _REDUCTION)
    def forward(self, input: TensorLike, target: TensorLike) -> Tensor: ...

    def __init__(self, weight: TensorLike | None = None, size_average: None = None, reduce: None = None, reduction: Reduction = "mean",
                 pos_weight: TensorLike | None = None) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", None if pos_weight is None else _creation.tensor(pos_weight))


class KLDivLoss(_Loss):
    """target * (log(target) - input), the input being log-probabilities.

    Parameters
    ----------
    size_average, reduce : None
        PyTorch's, and given up there: anything else is refused.
    reduction : {'mean', 'sum', 'none', 'batchmean'}
        'batchmean' divides the sum by the size of the first axis: the divergence as it is defined.
    log_target : bool, default False
        Whether target is given as log-probabilities too.

    Raises
    ------
    TypeError, ValueError
        If reduction is none of these, or another argument has a wrong type or value.
    ShapeError
        When called: if the two have different shapes.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.KLDivLoss(reduction="batchmean")(ng.tensor([[0.0]]), [[1.0]]).item()
    0.0
    """

    _reductions = ("mean", "sum", "none", "batchmean")

    def __init__(self, size_average: None = None, reduce: None = None, reduction: ReductionOrBatchmean = "mean",
                 log_target: bool = False) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = _check.flag("KLDivLoss", "log_target", log_target)

    def forward(self, input: TensorLike, target: TensorLike) -> Tensor:
        return _pair_loss.kl_div(input, _elementwise.exp(target) if self.log_target else target, reduction=self.reduction)
