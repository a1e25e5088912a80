# SPDX-License-Identifier: LGPL-3.0-or-later
from typing import Literal

from numpy.typing import ArrayLike

from nanograd._core.tensor import Tensor

__all__ = [
    "conv1d", "conv2d",
]

_Number = int | tuple[int] | list[int]
_Pair = int | tuple[int, int] | list[int]

def conv1d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: _Number = 1,
           padding: _Number | Literal["same", "valid"] = 0, dilation: _Number = 1, groups: int = 1) -> Tensor: ...
def conv2d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: _Pair = 1,
           padding: _Pair | Literal["same", "valid"] = 0, dilation: _Pair = 1, groups: int = 1) -> Tensor: ...
def convolution(axes: int, x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None, stride: _Pair,
                padding: _Pair | Literal["same", "valid"], dilation: _Pair, groups: int, activation: str | None) -> Tensor: ...
