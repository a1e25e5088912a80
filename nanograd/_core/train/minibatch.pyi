# SPDX-License-Identifier: LGPL-3.0-or-later
import numpy as np
from numpy.typing import NDArray

from nanograd._core.base.tensor import Tensor

class RowSource:
    @property
    def array(self) -> NDArray[np.generic]: ...
    @property
    def kind(self) -> int: ...
    def __init__(self, array: NDArray[np.generic], kind: int) -> None: ...

def take_rows(
    sources: tuple[RowSource, ...], order: NDArray[np.int64], start: int, stop: int
) -> tuple[Tensor | NDArray[np.generic], ...]: ...
