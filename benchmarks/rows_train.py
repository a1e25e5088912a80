# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whole training steps: zero_grad, forward, cross-entropy, backward, Adam."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.row import Job, Row


def _batch(sizes: tuple[int, ...], batch: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)


def make_step(library: str, *, sizes: tuple[int, ...], batch: int, fused: bool) -> Job | None:
    """A step of a ReLU network; `fused` is a choice that only PyTorch's Adam has: ours is always one launch."""
    x, labels = _batch(sizes, batch)
    match library:
        case "nanograd":
            return _nanograd_step(sizes, x, labels)
        case "torch":
            return _torch_step(sizes, x, labels, fused)
        case "jax":
            return _jax_step(sizes, x, labels)
        case _:
            return None


def _nanograd_step(sizes, x, labels) -> Job:
    import nanograd as ng
    from nanograd import nn, optim

    *hidden, last = pairwise(sizes)
    model = nn.Sequential(*(nn.Dense(i, o, activation="relu") for i, o in hidden), nn.Dense(*last))
    optimizer = optim.Adam(model.parameters())
    x = ng.tensor(x)

    def step():
        optimizer.zero_grad()
        loss = ng.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

    return Job(step)


def _torch_step(sizes, x, labels, fused: bool) -> Job:
    import torch
    from torch import nn
    from torch.nn import functional as F

    *hidden, last = pairwise(sizes)
    layers = [layer for i, o in hidden for layer in (nn.Linear(i, o), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(*last)).train()
    optimizer = torch.optim.Adam(model.parameters(), fused=True) if fused else torch.optim.Adam(model.parameters())
    x, labels = torch.tensor(x), torch.tensor(labels)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

    return Job(step)


def _jax_step(sizes, x, labels) -> Job:
    """The step as one compiled function; Adam written out, as JAX itself has no optimizers."""
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.PRNGKey(0), len(sizes))
    weights = [
        (jax.random.normal(key, (i, o)) / i**0.5, jnp.zeros(o)) for key, (i, o) in zip(keys, pairwise(sizes), strict=False)
    ]

    def loss_of(weights, x, labels):
        *hidden, (w, b) = weights
        for v, c in hidden:
            x = jax.nn.relu(x @ v + c)
        log_p = jax.nn.log_softmax(x @ w + b)
        return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=0)
    def update(state, x, labels):
        weights, m, v, t = state
        t = t + 1
        grads = jax.grad(loss_of)(weights, x, labels)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), weights, m, v)
        return weights, m, v, t

    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, jax.tree.map(jnp.zeros_like, weights), jnp.float32(0))
    x, labels = jnp.asarray(x), jnp.asarray(labels)

    def step():
        nonlocal state
        state = jax.block_until_ready(update(state, x, labels))

    return Job(step)


def _rows() -> list[Row]:
    table = [
        # sizes, batch, bar against PyTorch's default Adam, bar against its fused one
        ((8, 64, 64, 4), 1, 75, 45),
        ((8, 64, 64, 4), 64, 18, 9),
        ((784, 128, 64, 10), 1, 11, 5.5),
        ((784, 128, 64, 10), 32, 4.5, 2.6),
        ((784, 128, 64, 10), 128, 2.1, 1.45),
        ((784, 128, 64, 10), 1024, 1.15, 1.05),
    ]
    rows = []
    for sizes, batch, *bars in table:
        net = "-".join(map(str, sizes))
        for fused, bar in zip((False, True), bars, strict=True):
            rows.append(
                Row(
                    family="train",
                    name=f"{net}-batch-{batch}-{'fused-adam' if fused else 'adam'}",
                    title=f"Adam step, MLP {net}, batch {batch}" + (", against `fused=True`" if fused else ""),
                    make=partial(make_step, sizes=sizes, batch=batch, fused=fused),
                    bar=bar,
                )
            )
    return rows


ROWS = _rows()
