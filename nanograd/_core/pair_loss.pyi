# SPDX-License-Identifier: LGPL-3.0-or-later
from typing import Literal

from numpy.typing import ArrayLike

from nanograd._core.tensor import Tensor

__all__ = [
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div",
    "cross_entropy_from_probs",
]

_Reduction = Literal["mean", "sum", "none"]
_Operand = Tensor | ArrayLike

def mse_loss(input: _Operand, target: _Operand, *, reduction: _Reduction = "mean") -> Tensor: ...
def l1_loss(input: _Operand, target: _Operand, *, reduction: _Reduction = "mean") -> Tensor: ...
def smooth_l1_loss(input: _Operand, target: _Operand, *, beta: float = 1.0, reduction: _Reduction = "mean") -> Tensor: ...
def huber_loss(input: _Operand, target: _Operand, *, delta: float = 1.0, reduction: _Reduction = "mean") -> Tensor: ...
def binary_cross_entropy(
    p: _Operand, target: _Operand, *, weight: _Operand | None = None, reduction: _Reduction = "mean",
) -> Tensor: ...
def binary_cross_entropy_with_logits(
    x: _Operand, target: _Operand, *, weight: _Operand | None = None, pos_weight: _Operand | None = None,
    reduction: _Reduction = "mean",
) -> Tensor: ...
def kl_div(log_p: _Operand, target: _Operand, *, reduction: Literal["mean", "sum", "none", "batchmean"] = "mean") -> Tensor: ...
def cross_entropy_from_probs(p: _Operand, target: _Operand, *, eps: float = 1e-10, reduction: _Reduction = "sum") -> Tensor: ...
