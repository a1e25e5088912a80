# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names of types that annotations share. Read by type checkers alone: nothing imports it at run time."""
from collections.abc import Callable, Iterable
from typing import Any, Literal

from numpy.typing import ArrayLike

from nanograd._core.base.tensor import Tensor

TensorLike = Tensor | ArrayLike
Reduction = Literal["mean", "sum", "none"]
ReductionOrBatchmean = Literal["mean", "sum", "none", "batchmean"]
Activation = str | Callable[[Tensor], Any] | None       # a module is a callable too
Ints = int | tuple[int, ...] | list[int]
Padding = int | str | tuple[int, ...] | list[int]
Params = Iterable[Tensor | tuple[str, Tensor] | dict[str, Any]]
Size = int | tuple[int | None, ...] | list[int | None] | list[int] | None       # of an adaptive pooling's output
