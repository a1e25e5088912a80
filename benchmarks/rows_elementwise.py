# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations that memory decides, and operands that are broadcast against each other, float32: of the family `ops`, too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.row import Job
from benchmarks.rows_ops import OpRow


def make(library: str, *, shapes: tuple[tuple[int, ...], ...], function: Callable, backward: bool = False) -> Job | None:
    """`function` of tensors of these shapes, positive numbers; with `backward` also its gradients."""
    rng = np.random.default_rng(0)
    arrays = [rng.random(shape, np.float32) + np.float32(0.5) for shape in shapes]
    match library:
        case "nanograd":
            import nanograd as module
        case "torch":
            import torch as module
        case "numpy":
            return None if backward else Job(partial(function, *arrays))
        case _:
            return None
    tensors = [module.tensor(array, requires_grad=backward) for array in arrays]
    if not backward:
        return Job(partial(function, *tensors))
    dy = module.tensor(rng.random(np.broadcast_shapes(*shapes), np.float32))

    def step():
        function(*tensors).backward(dy)
        for tensor in tensors:
            tensor.grad = None

    return Job(step)


BOTH = ((200, 1, 3), (1, 200, 3))
BIAS = ((4096, 1024), (1024,))
ROWS = [
    OpRow("ops", f"{name}/{size}", title, partial(make, shapes=shapes, function=function, backward=backward), 1.05, size=size)
    for name, size, title, shapes, function, backward in (
        ("x ** 3, alone", "4M", "x ** 3 of 4 million elements", ((4_000_000,),), lambda x: x**3, False),
        ("sum, alone", "4M", "sum of 4 million elements", ((4_000_000,),), lambda x: x.sum(), False),
        ("bias row, alone", "4M", "(4096, 1024) + (1024,)", BIAS, lambda a, b: a + b, False),
        ("broadcast both ways, alone", "120K", "(200, 1, 3) - (1, 200, 3)", BOTH, lambda a, b: a - b, False),
        ("broadcast both ways", "120K", "(200, 1, 3) * (1, 200, 3) and its gradients", BOTH, lambda a, b: a * b, True),
    )
]
