# SPDX-License-Identifier: LGPL-3.0-or-later
from typing import Any, Literal

from numpy.typing import ArrayLike

from nanograd._core.tensor import Tensor

__all__ = [
    "dot", "linear", "matmul", "outer", "scale",
]

def matmul(a: Tensor | ArrayLike, b: Tensor | ArrayLike) -> Tensor: ...
def dot(a: Tensor | ArrayLike, b: Tensor | ArrayLike) -> Tensor: ...
def outer(a: Tensor | ArrayLike, b: Tensor | ArrayLike) -> Tensor: ...
def scale(x: Tensor | ArrayLike, s: float | Tensor | ArrayLike) -> Tensor: ...
def linear(
    x: Tensor | ArrayLike,
    weight: Tensor | ArrayLike,
    bias: Tensor | ArrayLike | None = None,
    activation: Literal["relu", "tanh", "sigmoid", "silu", "gelu", "leaky_relu"] | None = None,
) -> Tensor: ...
def _operands(op: str, operands: Any) -> list[Tensor]: ...
