# SPDX-License-Identifier: LGPL-3.0-or-later
from typing import Literal

from numpy.typing import ArrayLike

from nanograd._core.base.tensor import Tensor

_Reduction = Literal["mean", "sum", "none"]

def cross_entropy(
    logits: Tensor | ArrayLike, target: Tensor | ArrayLike, *, weight: Tensor | ArrayLike | None = None, ignore_index: int = -100,
    label_smoothing: float = 0.0, reduction: _Reduction = "mean",
) -> Tensor: ...
def nll_loss(
    log_p: Tensor | ArrayLike, target: ArrayLike, *, weight: Tensor | ArrayLike | None = None, ignore_index: int = -100,
    reduction: _Reduction = "mean",
) -> Tensor: ...
