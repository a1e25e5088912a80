# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pooling: forward, then backward to the input, float32."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.row import Job, SteadyRow


def make_pool(library: str, *, function: str, shape: tuple[int, ...], arguments: tuple[int, ...]) -> Job | None:
    """A function of `nn.functional`, by the name and with the arguments that it has in both libraries."""
    match library:
        case "nanograd":
            import nanograd as module
            import nanograd.nn.functional as functional
        case "torch":
            import torch as module
            import torch.nn.functional as functional
        case _:
            return None
    rng = np.random.default_rng(0)
    pool = getattr(functional, function)
    x = module.tensor(rng.standard_normal(shape, np.float32), requires_grad=True)
    dy = module.tensor(rng.standard_normal(tuple(pool(x, *arguments).shape), np.float32))

    def step():
        pool(x, *arguments).backward(dy)
        x.grad = None

    return Job(step)


ROWS = [
    SteadyRow("pool", name, title, partial(make_pool, function=function, shape=shape, arguments=arguments), 1.2)
    for name, title, function, shape, arguments in (
        ("max-2x2", "max pool 2x2: 32, 64, 32", "max_pool2d", (32, 64, 32, 32), (2,)),
        ("max-3x3-s2", "max pool 3x3 s2 p1: 8, 64, 112", "max_pool2d", (8, 64, 112, 112), (3, 2, 1)),
        ("avg-2x2", "average pool 2x2: 32, 64, 32", "avg_pool2d", (32, 64, 32, 32), (2,)),
        ("adaptive-1", "adaptive average pool to 1: 32, 512, 7", "adaptive_avg_pool2d", (32, 512, 7, 7), (1,)),
    )
]
