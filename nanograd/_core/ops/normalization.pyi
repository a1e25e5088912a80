# SPDX-License-Identifier: LGPL-3.0-or-later
from collections.abc import Sequence

from numpy.typing import ArrayLike

from nanograd._core.base.tensor import Tensor

def layer_norm(x: Tensor | ArrayLike, normalized_shape: int | Sequence[int], weight: Tensor | ArrayLike | None = None,
               bias: Tensor | ArrayLike | None = None, eps: float = 1e-5) -> Tensor: ...
def rms_norm(x: Tensor | ArrayLike, normalized_shape: int | Sequence[int], weight: Tensor | ArrayLike | None = None,
             eps: float | None = None) -> Tensor: ...
def group_norm(x: Tensor | ArrayLike, num_groups: int, weight: Tensor | ArrayLike | None = None, bias: Tensor | ArrayLike | None = None,
               eps: float = 1e-5) -> Tensor: ...
def batch_norm(x: Tensor | ArrayLike, running_mean: Tensor | ArrayLike | None = None, running_var: Tensor | ArrayLike | None = None,
               weight: Tensor | ArrayLike | None = None, bias: Tensor | ArrayLike | None = None, training: bool = False,
               momentum: float = 0.1, eps: float = 1e-5, activation: str | None = None) -> Tensor: ...
