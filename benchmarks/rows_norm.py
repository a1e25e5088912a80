# SPDX-License-Identifier: LGPL-3.0-or-later
"""Normalisation: forward, then backward to input, weight and bias, float32."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.row import Job, SteadyRow


def make_batch_norm(library: str, *, shape: tuple[int, ...]) -> Job | None:
    """Batch normalisation as a layer in training calls it: by the statistics of the batch, the running ones updated."""
    return _make(library, "BatchNorm2d", shape, shape[1])


def make_layer_norm(library: str, *, shape: tuple[int, ...]) -> Job | None:
    """Layer normalisation over the last axis."""
    return _make(library, "LayerNorm", shape, shape[-1])


def _make(library: str, layer: str, shape: tuple[int, ...], argument: int) -> Job | None:
    match library:
        case "nanograd":
            import nanograd as module
            from nanograd import nn
        case "torch":
            import torch as module
            from torch import nn
        case _:
            return None
    rng = np.random.default_rng(0)
    x = module.tensor(rng.standard_normal(shape, np.float32), requires_grad=True)
    dy = module.tensor(rng.standard_normal(shape, np.float32))
    normalize = getattr(nn, layer)(argument)

    def step():
        normalize(x).backward(dy)
        x.grad = normalize.weight.grad = normalize.bias.grad = None

    return Job(step)


ROWS = [
    SteadyRow("norm", f"batch-{'-'.join(map(str, shape))}", f"batch norm 2d: {', '.join(map(str, shape[:3]))}",
        partial(make_batch_norm, shape=shape), 1.2)
    for shape in ((32, 64, 32, 32), (8, 64, 112, 112))
] + [SteadyRow("norm", "layer-4096-1024", "layer norm 4096x1024", partial(make_layer_norm, shape=(4096, 1024)), 1.2)]  # fmt: skip
