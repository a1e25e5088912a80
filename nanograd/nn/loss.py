# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses as modules. The functions of the same names are in nanograd itself."""
import inspect

import nanograd as ng
from nanograd.nn import _check
from nanograd.nn.module import Module

__all__ = ["CrossEntropyLoss", "MSELoss"]


class _Loss(Module):
    """A loss of (input, target) with a reduction. `_options` are the further arguments of its function, by default."""

    _function = ""        # of nanograd
    _reductions = ("mean", "sum", "none")

    def __init__(self, *, reduction="mean"):
        if reduction not in self._reductions:
            kinds = ", ".join(map(repr, self._reductions[:-1])) + f" or {self._reductions[-1]!r}"
            raise ValueError(f"{type(self).__name__}: reduction must be {kinds}, got {reduction!r}")
        self.reduction = reduction

    def _options(self):
        return {}

    def forward(self, input, target):
        return getattr(ng, self._function)(input, target, reduction=self.reduction, **self._options())

    def extra_repr(self):
        defaults = {name: p.default for name, p in inspect.signature(type(self)).parameters.items()}
        shown = {name: value for name, value in self._options().items() if not isinstance(value, ng.Tensor)}
        shown["reduction"] = self.reduction
        return _check.arguments(**{name: (value, defaults[name]) for name, value in shown.items()})


class MSELoss(_Loss):
    """The mean of (input - target)^2. Both must have one shape.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 3.0], requires_grad=True)
    >>> loss = ng.nn.MSELoss()(x, [0.0, 0.0])
    >>> loss.backward()
    >>> loss.item(), x.grad.tolist()
    (5.0, [1.0, 3.0])
    """

    _function = "mse_loss"


class _Weighted(_Loss):
    """A loss with a weight per class or element, which belongs to the state."""

    def __init__(self, weight=None, *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.register_buffer("weight", None if weight is None else ng.tensor(weight))

    def _options(self):
        return {"weight": self.weight}


class CrossEntropyLoss(_Weighted):
    """The cross entropy of softmax(input) with class indices or probabilities.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A weight for each class.
    ignore_index : int, default -100
        A label that does not count.
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float, default 0.0

    Examples
    --------
    >>> import nanograd as ng
    >>> logits = ng.zeros((2, 4), requires_grad=True)
    >>> loss = ng.nn.CrossEntropyLoss()(logits, [1, 3])
    >>> loss.backward()
    >>> print(f"{loss:.4f}", logits.grad.tolist()[0])
    1.3863 [0.125, -0.375, 0.125, 0.125]
    """

    _function = "cross_entropy"

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(weight, reduction=reduction)
        self.ignore_index = _check.size("CrossEntropyLoss", "ignore_index", ignore_index, -2**63)
        self.label_smoothing = _check.probability("CrossEntropyLoss", "label_smoothing", label_smoothing)

    def _options(self):
        return {"weight": self.weight, "ignore_index": self.ignore_index, "label_smoothing": self.label_smoothing}
