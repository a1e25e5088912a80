# SPDX-License-Identifier: LGPL-3.0-or-later
from numpy.typing import ArrayLike

from nanograd._core.tensor import Tensor

__all__ = [
    "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "global_avg_pool2d", "max_pool1d", "max_pool2d",
]

_Ints = int | tuple[int, ...] | list[int]

def adaptive_avg_pool2d(
    x: Tensor | ArrayLike, output_size: int | tuple[int | None, ...] | list[int | None] | list[int] | None,
) -> Tensor: ...
def avg_pool1d(x: Tensor | ArrayLike, kernel_size: _Ints, stride: _Ints | None = None, padding: _Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor: ...
def avg_pool2d(x: Tensor | ArrayLike, kernel_size: _Ints, stride: _Ints | None = None, padding: _Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor: ...
def global_avg_pool2d(x: Tensor | ArrayLike) -> Tensor: ...
def max_pool1d(x: Tensor | ArrayLike, kernel_size: _Ints, stride: _Ints | None = None, padding: _Ints = 0, dilation: _Ints = 1,
               ceil_mode: bool = False) -> Tensor: ...
def max_pool2d(x: Tensor | ArrayLike, kernel_size: _Ints, stride: _Ints | None = None, padding: _Ints = 0, dilation: _Ints = 1,
               ceil_mode: bool = False) -> Tensor: ...
