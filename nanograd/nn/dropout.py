# SPDX-License-Identifier: LGPL-3.0-or-later
"""Dropout."""
from __future__ import annotations

from typing import TYPE_CHECKING

from nanograd._core.ops import random as _random
from nanograd.nn import _check
from nanograd.nn._module import calling
from nanograd.nn.module import Module

if TYPE_CHECKING:
    from nanograd._core.base.tensor import Tensor
    from nanograd._typing import TensorLike

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, each element is 0 with probability p, else divided by 1 - p; in eval mode x itself.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Parameters
    ----------
    p : float, default 0.5
        In [0, 1].
    inplace : bool, default False
        Accepted, so that ported code runs. A tensor's value never changes, so the result is the same.

    Raises
    ------
    TypeError, ValueError
        For an argument of another type, or out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> layer = ng.nn.Dropout(0.5)
    >>> set(layer(ng.ones(1000)).tolist()) == {0.0, 2.0}
    True
    >>> layer.eval()(ng.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        self.p = _check.probability("Dropout", "p", p)
        self.inplace = _check.flag("Dropout", "inplace", inplace)

    @calling(_random.dropout, ("p", "p", 0.5), ("training", "training", True))
    def forward(self, input: TensorLike) -> Tensor: ...

    def extra_repr(self) -> str:
        return f"p={self.p}" + ", inplace=True" * self.inplace
