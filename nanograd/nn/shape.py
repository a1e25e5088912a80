# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layers that only change the shape."""
from __future__ import annotations

from typing import TYPE_CHECKING

from nanograd._core.base.tensor import Tensor
from nanograd._core.ops import creation as _creation
from nanograd._core.ops import shape as _shape
from nanograd.errors import ShapeError, shown
from nanograd.nn import _check
from nanograd.nn.module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanograd._typing import TensorLike

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Axes start_dim to end_dim become one; the first axis, the batch, stays by default.

    Parameters
    ----------
    start_dim, end_dim : int, default 1 and -1

    Raises
    ------
    TypeError
        If one is not an int.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Flatten()(ng.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = _check.size("Flatten", "start_dim", start_dim, -64)
        self.end_dim = _check.size("Flatten", "end_dim", end_dim, -64)

    def forward(self, input: TensorLike) -> Tensor:
        return _shape.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis becomes several.

    Parameters
    ----------
    dim : int
        The axis.
    unflattened_size : tuple of int
        The sizes that it becomes; one of them may be -1.

    Raises
    ------
    TypeError, ValueError
        If the sizes are not ints, or several are -1.
    ShapeError
        When called: if the axis has another size than their product.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.nn.Unflatten(1, (2, 3))(ng.zeros((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = _check.size("Unflatten", "dim", dim, -64)
        if not isinstance(unflattened_size, (tuple, list)) or not unflattened_size:
            raise TypeError(f"Unflatten: unflattened_size must be a tuple of ints, got {shown(unflattened_size)}")
        self.unflattened_size = tuple(_check.size("Unflatten", "unflattened_size", n, -1) for n in unflattened_size)
        if self.unflattened_size.count(-1) > 1:
            raise ValueError(f"Unflatten: only one size may be -1, got {self.unflattened_size}")

    def forward(self, input: TensorLike) -> Tensor:
        if not isinstance(input, Tensor):
            input = _creation.asarray(input)
        shape = input.shape
        if not -len(shape) <= self.dim < len(shape):
            raise ShapeError(f"Unflatten: axis {self.dim} is out of range for shape {shape}")
        axis = self.dim % len(shape)
        sizes, rest = list(self.unflattened_size), 1
        for n in sizes:
            rest *= n if n >= 0 else 1
        if -1 in sizes and rest > 0:
            sizes[sizes.index(-1)] = shape[axis] // rest
        total = 1
        for n in sizes:
            total *= n
        if total != shape[axis]:
            raise ShapeError(f"Unflatten: axis {self.dim} of shape {shape} cannot become {self.unflattened_size}")
        return _shape.reshape(input, (*shape[:axis], *sizes, *shape[axis + 1:]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
