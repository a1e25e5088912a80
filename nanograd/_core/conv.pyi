# SPDX-License-Identifier: LGPL-3.0-or-later
from typing import Literal

from numpy.typing import ArrayLike

from nanograd._core.tensor import Tensor

Number = int | tuple[int] | list[int]
Pair = int | tuple[int, int] | list[int]

def conv1d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: Number = 1,
           padding: Number | Literal["same", "valid"] = 0, dilation: Number = 1, groups: int = 1) -> Tensor: ...
def conv2d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: Pair = 1,
           padding: Pair | Literal["same", "valid"] = 0, dilation: Pair = 1, groups: int = 1) -> Tensor: ...
def convolution(axes: int, x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None, stride: Pair,
                padding: Pair | Literal["same", "valid"], dilation: Pair, groups: int, activation: str | None) -> Tensor: ...
