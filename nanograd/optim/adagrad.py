# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adagrad."""
from __future__ import annotations

from typing import TYPE_CHECKING

from nanograd._core.train.update import adagrad_check, adagrad_step
from nanograd.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from nanograd._typing import Params

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    r"""Adagrad: the gradient over the root of the sum of all its squares so far.

    At step t, with ``g = grad + weight_decay * p``::

        s = s + g**2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", 2011.

    Parameters
    ----------
    params : iterable
        As for :class:`SGD`.
    lr : float, default 0.01
    lr_decay, weight_decay : float, default 0.0
    initial_accumulator_value : float, default 0.0
        What s starts from.
    eps : float, default 1e-10

    Raises
    ------
    ValueError, TypeError
        As :class:`SGD`.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, -2.0])
    >>> optimizer = ng.optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter([ 0.9, -1.9], dtype=float32)
    """

    _update = staticmethod(adagrad_step)
    _check_settings = staticmethod(adagrad_check)
    _arrays = ("sum",)
    _nonnegative = ("sum",)

    def __init__(self, params: Params, lr: float = 0.01, lr_decay: float = 0.0, weight_decay: float = 0.0,
                 initial_accumulator_value: float = 0.0, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "eps": eps})
