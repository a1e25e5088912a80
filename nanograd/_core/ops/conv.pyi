# SPDX-License-Identifier: LGPL-3.0-or-later
from numpy.typing import ArrayLike

from nanograd._core.base.tensor import Tensor

_Ints = int | tuple[int, ...] | list[int]

def conv1d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: _Ints = 1,
           padding: _Ints | str = 0, dilation: _Ints = 1, groups: int = 1) -> Tensor: ...
def conv2d(x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None = None, stride: _Ints = 1,
           padding: _Ints | str = 0, dilation: _Ints = 1, groups: int = 1) -> Tensor: ...
def _convolution(axes: int, x: Tensor | ArrayLike, weight: Tensor | ArrayLike, bias: Tensor | ArrayLike | None, stride: _Ints,
                 padding: _Ints | str, dilation: _Ints, groups: int, activation: str | None) -> Tensor: ...
