# SPDX-License-Identifier: LGPL-3.0-or-later
"""The tensors of `rows_ops.py`: its expressions' names, what they stand for, and the shapes at each size."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Shape = tuple[int, ...]

# The sizes, and for each the shape that the operands of an expression are made from.
SIZES = ("4", "1000", "4M")
VECTOR = ((4,), (1000,), (4_000_000,))
HALF = ((2,), (500,), (2_000_000,))  # of what has twice as many elements as its operand
ROOT = ((2,), (32,), (2000,))  # or their square
MATRIX = ((2, 2), (25, 40), (2000, 2000))
COLUMN = ((4, 1), (1000, 1), (4_000_000, 1))
ROWS_OF_100 = ((2, 2), (10, 100), (40_000, 100))
BATCH = ((1, 2, 2), (10, 10, 10), (1000, 64, 64))
LINEAR = ((2, 2), (32, 32), (62_500, 64))
SIGNALS = ((1, 1, 4), (5, 8, 25), (100, 16, 2500))
IMAGES = ((1, 1, 2, 2), (2, 5, 10, 10), (16, 16, 125, 125))

_Maker = Callable[[Shape, np.random.Generator], Any]


def _normal(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def _between(low: float, high: float) -> _Maker:
    def draw(shape: Shape, rng: np.random.Generator) -> np.ndarray:
        return np.float32(low) + np.float32(high - low) * rng.random(shape, np.float32)

    return draw


# Differentiable, as leaves; then targets, indices and masks; then plain numbers and shapes.
LEAVES: dict[str, _Maker] = {
    "x": _normal,
    "y": _normal,
    "p": _between(0.5, 1.5),
    "part": _between(0.01, 0.99),
    "near_one": lambda shape, rng: 1 + _normal(shape, rng) * np.float32(1e-4),
    "row": lambda shape, rng: _normal(shape[-1:], rng),
    "row2": lambda shape, rng: _normal(shape[-1:], rng),
    "weight": lambda shape, rng: _normal((shape[-1], shape[-1]), rng),
    "channel": lambda shape, rng: _normal(shape[1:2], rng),
    "channel2": lambda shape, rng: _normal(shape[1:2], rng),
    "kernel": lambda shape, rng: _normal((shape[1], shape[1], *[3] * (len(shape) - 2)), rng),
    "few": lambda shape, rng: _normal((max(1, shape[0] // 2), *shape[1:]), rng),
}
CONSTANTS: dict[str, _Maker] = {
    "target": _normal,
    "chance": _between(0.01, 0.99),
    "mask": lambda shape, rng: rng.random(shape) < 0.5,
    "labels": lambda shape, rng: rng.integers(0, shape[-1], shape[0]),
    "columns": lambda shape, rng: rng.integers(0, shape[1], shape),
    "places": lambda shape, rng: rng.integers(0, shape[0], shape),
    "any_rows": lambda shape, rng: rng.integers(0, shape[0], shape[0]),
    "some_rows": lambda shape, rng: rng.permutation(shape[0])[: max(1, shape[0] // 2)],
    "classes": lambda shape, rng: shape[-1],
    "shape": lambda shape, rng: shape,
    "half": lambda shape, rng: shape[0] // 2,
    "quarter": lambda shape, rng: shape[0] // 4,
    "k": lambda shape, rng: max(2, round(shape[0] ** 0.4)),
}


def make(module: ModuleType, call: str, shape: Shape, gradient: bool) -> dict[str, Any]:
    """The operands that an expression names, as `module` (nanograd or torch) takes them."""
    names = {node.id for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Name)}
    made: dict[str, Any] = {}
    for name, maker in [*LEAVES.items(), *CONSTANTS.items()]:
        if name not in names:
            continue
        value = maker(shape, np.random.default_rng(len(made)))
        if not isinstance(value, np.ndarray):
            made[name] = value
        elif value.dtype == np.float32:
            made[name] = module.tensor(value, requires_grad=gradient and name in LEAVES)
        else:
            made[name] = value if module.__name__ == "nanograd" else module.from_numpy(value)
    return made


def gradient(module: ModuleType, shape: Shape) -> Any:
    """A gradient for a result of this shape."""
    return module.tensor(np.asarray(_normal(tuple(shape), np.random.default_rng(9)), np.float32))
