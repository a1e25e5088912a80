# SPDX-License-Identifier: LGPL-3.0-or-later
"""Stochastic gradient descent."""
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nanograd._core.train.update import sgd_check, sgd_step
from nanograd.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from nanograd._typing import Params

__all__ = ["SGD"]


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum.

    ``g = grad + weight_decay * p``;  without momentum ``p = p - lr * g``.
    With momentum ``b = momentum * b + (1 - dampening) * g`` (``b = g`` at the first step) and ``p = p - lr * b``;
    with Nesterov's ``p = p - lr * (g + momentum * b)``.

    Parameters
    ----------
    params : iterable
        Leaves that require a gradient, or (name, leaf) pairs, or dicts: ``{"params": [...], "lr": ...}``.
    lr : float, default 0.01
    momentum, dampening, weight_decay : float, default 0.0
    nesterov : bool, default False
        Needs a momentum, and no dampening.

    Raises
    ------
    ValueError
        For a setting out of range, a leaf that is listed twice, a tensor that is not a leaf or requires no gradient.
    TypeError
        For anything other than tensors, pairs or dicts.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, 2.0])
    >>> optimizer = ng.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter([0.8, 1.6], dtype=float32)
    >>> optimizer
    SGD(1 parameter of 2 elements, lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)
    """

    _update = staticmethod(sgd_step)
    _check_settings = staticmethod(sgd_check)
    _arrays = ("momentum_buffer",)
    _used_with: ClassVar = {"momentum_buffer": "momentum"}
    _counts_steps = False        # nor does PyTorch's state have it

    def __init__(self, params: Params, lr: float = 0.01, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
                 nesterov: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
                                  "nesterov": nesterov})
