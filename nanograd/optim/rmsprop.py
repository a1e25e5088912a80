# SPDX-License-Identifier: LGPL-3.0-or-later
"""RMSprop."""
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nanograd._core.train.update import rmsprop_check, rmsprop_step
from nanograd.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from nanograd._typing import Params

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    r"""RMSprop: the gradient over a running root mean square of itself.

    With ``g = grad + weight_decay * p``::

        s = alpha * s + (1 - alpha) * g**2
        d = g / (sqrt(s) + eps)                       p = p - lr * d
        with momentum:  b = momentum * b + d          p = p - lr * b

    With ``centered`` the root is that of ``s - a**2``, where a is the running mean of g: an estimate of the variance. The
    learning rate stays outside of b, as in PyTorch (in the Scheme original it was inside). Hinton, lecture 6e, 2012.

    Parameters
    ----------
    params : iterable
        As for :class:`SGD`.
    lr : float, default 0.01
    alpha : float, default 0.99
    eps : float, default 1e-8
    weight_decay, momentum : float, default 0.0
    centered : bool, default False

    Raises
    ------
    ValueError, TypeError
        As :class:`SGD`.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, -2.0])
    >>> optimizer = ng.optim.RMSprop([w], lr=0.01, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter([ 0.98, -1.98], dtype=float32)
    """

    _update = staticmethod(rmsprop_step)
    _check_settings = staticmethod(rmsprop_check)
    _arrays = ("square_avg", "momentum_buffer", "grad_avg")
    _used_with: ClassVar = {"momentum_buffer": "momentum", "grad_avg": "centered"}
    _nonnegative = ("square_avg",)

    def __init__(self, params: Params, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
                 momentum: float = 0.0, centered: bool = False) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
                                  "centered": centered})
