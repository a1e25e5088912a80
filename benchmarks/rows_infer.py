# SPDX-License-Identifier: LGPL-3.0-or-later
"""Inference at batch 1: what a control loop or a reinforcement-learning agent calls at every step."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.row import Job, Row, faster

SIZES = (8, 64, 64, 4)


def make_inference(library: str, *, arrays: bool) -> Job | None:
    """A tanh network without gradient; `arrays`: NumPy array in and out, else a tensor."""
    x = np.random.default_rng(0).standard_normal((1, SIZES[0]), np.float32)
    match library:
        case "nanograd":
            return _nanograd_inference(x, arrays)
        case "torch":
            return _torch_inference(x, arrays)
        case "numpy":
            return _numpy_inference(x) if arrays else None
        case "jax":
            return _jax_inference(x, arrays)
        case _:
            return None


def _nanograd_inference(x: np.ndarray, arrays: bool) -> Job:
    import nanograd as ng
    from nanograd import nn

    *hidden, last = pairwise(SIZES)
    model = nn.Sequential(*(nn.Dense(i, o, activation="tanh") for i, o in hidden), nn.Dense(*last)).eval()
    if arrays:
        return Job("model(from_numpy(x)).numpy()", {"model": model, "from_numpy": ng.from_numpy, "x": x}, ng.no_grad)
    return Job("model(x)", {"model": model, "x": ng.tensor(x)}, ng.no_grad)


def _torch_inference(x: np.ndarray, arrays: bool) -> Job:
    import torch
    from torch import nn

    *hidden, last = pairwise(SIZES)
    layers = [layer for i, o in hidden for layer in (nn.Linear(i, o), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(*last)).eval()
    modes = (torch.inference_mode, torch.no_grad)
    if arrays:
        names = {"model": model, "from_numpy": torch.from_numpy, "x": x}
        return faster(*(Job("model(from_numpy(x)).numpy()", names, mode) for mode in modes))
    names = {"model": model, "x": torch.tensor(x)}
    return faster(*(Job("model(x)", names, mode) for mode in modes))


def _numpy_inference(x: np.ndarray) -> Job:
    rng = np.random.default_rng(1)
    layers = [(rng.standard_normal((i, o), np.float32), np.zeros(o, np.float32)) for i, o in pairwise(SIZES)]

    def model(x):
        *hidden, (w, b) = layers
        for v, c in hidden:
            x = np.tanh(x @ v + c)
        return x @ w + b

    return Job("model(x)", {"model": model, "x": x})


def _jax_inference(x: np.ndarray, arrays: bool) -> Job:
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(1)
    layers = [(jnp.asarray(rng.standard_normal((i, o), np.float32)), jnp.zeros(o)) for i, o in pairwise(SIZES)]

    @jax.jit
    def model(layers, x):
        *hidden, (w, b) = layers
        for v, c in hidden:
            x = jnp.tanh(x @ v + c)
        return x @ w + b

    if arrays:
        return Job(lambda: np.asarray(model(layers, x)))
    tensor = jnp.asarray(x)
    return Job(lambda: model(layers, tensor).block_until_ready())


ROWS = [
    Row(
        "infer",
        "8-64-64-4-tensor",
        "inference, MLP 8-64-64-4 (tanh), batch 1, tensor in and out",
        partial(make_inference, arrays=False),
        bar=16,
    ),
    Row(
        "infer",
        "8-64-64-4-numpy",
        "inference, MLP 8-64-64-4 (tanh), batch 1, NumPy array in and out",
        partial(make_inference, arrays=True),
        bar=15,
    ),
]
