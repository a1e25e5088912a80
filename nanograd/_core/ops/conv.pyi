# SPDX-License-Identifier: LGPL-3.0-or-later
from numpy.typing import ArrayLike

from nanograd._core.base.tensor import Tensor

_Ints = int | tuple[int, ...] | list[int]

def conv1d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: _Ints = 1,
           padding: _Ints | str = 0, dilation: _Ints = 1, groups: int = 1) -> Tensor: ...
def conv2d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: _Ints = 1,
           padding: _Ints | str = 0, dilation: _Ints = 1, groups: int = 1) -> Tensor: ...

class _ConvSettings:
    padding: str | tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    def __init__(self, op: str, axes: int, stride: _Ints, padding: _Ints | str, dilation: _Ints, groups: int) -> None: ...

def _convolution(settings: _ConvSettings, x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None,
                 activation: str | None) -> Tensor: ...
