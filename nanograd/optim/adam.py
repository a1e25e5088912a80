# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adam and AdamW."""
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nanograd._core.train.update import adam_check, adam_step, adamw_step
from nanograd.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from nanograd._typing import Params

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    r"""Adam: steps of about the learning rate, whatever the gradients' scale.

    At step t, with ``g = grad + weight_decay * p``::

        m = beta1 * m + (1 - beta1) * g          mhat = m / (1 - beta1**t)
        v = beta2 * v + (1 - beta2) * g**2       vhat = v / (1 - beta2**t)
        p = p - lr * mhat / (sqrt(vhat) + eps)

    With ``amsgrad`` the largest v so far takes the place of v. Kingma and Ba, "Adam: a method for stochastic optimization", 2015.

    Parameters
    ----------
    params : iterable
        Leaves that require a gradient, or (name, leaf) pairs, or dicts: ``{"params": [...], "lr": ...}``.
    lr : float, default 1e-3
    betas : tuple of float, default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 0.0
    amsgrad : bool, default False

    Raises
    ------
    ValueError, TypeError
        As :class:`SGD`.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, -2.0])
    >>> optimizer = ng.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter([ 0.9, -1.9], dtype=float32)
    >>> optimizer
    Adam(1 parameter of 2 elements, lr=0.1, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, amsgrad=False)
    """

    _update = staticmethod(adam_step)
    _check_settings = staticmethod(adam_check)
    _arrays = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    _used_with: ClassVar = {"max_exp_avg_sq": "amsgrad"}
    _nonnegative = ("exp_avg_sq", "max_exp_avg_sq")

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0.0, amsgrad: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad})


class AdamW(Adam):
    r"""Adam whose weight decay acts on the parameter itself: ``p = p * (1 - lr * weight_decay)`` before the step.

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019. Parameters as for :class:`Adam`.

    Parameters
    ----------
    params : iterable
        As for :class:`SGD`.
    lr : float, default 1e-3
    betas : tuple of float, default (0.9, 0.999)
    eps : float, default 1e-8
    weight_decay : float, default 1e-2
    amsgrad : bool, default False

    Raises
    ------
    ValueError, TypeError
        As :class:`SGD`.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.nn.Parameter([1.0, -2.0])
    >>> optimizer = ng.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * 0.0).sum().backward()
    >>> optimizer.step()
    >>> w
    Parameter([ 0.95, -1.9 ], dtype=float32)
    """

    _update = staticmethod(adamw_step)
    _decoupled = True

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 1e-2, amsgrad: bool = False) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
