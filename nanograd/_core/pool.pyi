# SPDX-License-Identifier: LGPL-3.0-or-later
from numpy.typing import ArrayLike

from nanograd._core.tensor import Tensor

__all__ = [
    "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "global_avg_pool2d", "max_pool1d", "max_pool2d",
]

_Number = int | tuple[int] | list[int]
_Pair = int | tuple[int, int] | list[int]

def adaptive_avg_pool2d(x: Tensor | ArrayLike, output_size: int | tuple[int | None, int | None] | list[int | None] | None) -> Tensor: ...
def avg_pool1d(x: Tensor | ArrayLike, kernel_size: _Number, stride: _Number | None = None, padding: _Number = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor: ...
def avg_pool2d(x: Tensor | ArrayLike, kernel_size: _Pair, stride: _Pair | None = None, padding: _Pair = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor: ...
def global_avg_pool2d(x: Tensor | ArrayLike) -> Tensor: ...
def max_pool1d(x: Tensor | ArrayLike, kernel_size: _Number, stride: _Number | None = None, padding: _Number = 0, dilation: _Number = 1,
               ceil_mode: bool = False) -> Tensor: ...
def max_pool2d(x: Tensor | ArrayLike, kernel_size: _Pair, stride: _Pair | None = None, padding: _Pair = 0, dilation: _Pair = 1,
               ceil_mode: bool = False) -> Tensor: ...
