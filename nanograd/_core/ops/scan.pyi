# SPDX-License-Identifier: LGPL-3.0-or-later
from numpy.typing import ArrayLike

from nanograd._core.base.tensor import Tensor

def cumsum(x: Tensor | ArrayLike, axis: int = -1) -> Tensor: ...
def cumprod(x: Tensor | ArrayLike, axis: int = -1) -> Tensor: ...
