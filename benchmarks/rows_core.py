# SPDX-License-Identifier: LGPL-3.0-or-later
"""Single operations, small enough that all there is to see is the cost of calling them."""

from __future__ import annotations

import numpy as np

from benchmarks.row import Job, Row

CHAIN = 100


def _draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)


def make_add(library: str) -> Job | None:
    """a + b; NumPy and JAX, which record nothing, without gradient."""
    x, y = _draw(4), _draw(4)
    match library:
        case "nanograd":
            import nanograd as ng

            a, b = ng.tensor(x, requires_grad=True), ng.tensor(y, requires_grad=True)
        case "torch":
            import torch

            a, b = torch.tensor(x, requires_grad=True), torch.tensor(y, requires_grad=True)
        case "numpy":
            a, b = x, y
        case "jax":
            import jax.numpy as jnp

            a, b = jnp.asarray(x), jnp.asarray(y)
        case _:
            return None
    return Job("a + b", {"a": a, "b": b})


def make_chain(library: str) -> Job | None:
    """x * y * y ... * y, then backward from ones; JAX compiles the whole."""
    x, y = _draw(4), np.float32(1) - np.float32(0.01) * _draw(4)
    match library:
        case "nanograd":
            import nanograd as ng

            a, b = ng.tensor(x, requires_grad=True), ng.tensor(y, requires_grad=True)
            ones = ng.ones(4)
        case "torch":
            import torch

            a, b = torch.tensor(x, requires_grad=True), torch.tensor(y, requires_grad=True)
            ones = torch.ones(4)
        case "jax":
            import jax

            def product(x, y):
                for _ in range(CHAIN):
                    x = x * y
                return x.sum()

            gradient = jax.jit(jax.grad(product, (0, 1)))
            a, b = jax.numpy.asarray(x), jax.numpy.asarray(y)
            return Job(lambda: jax.block_until_ready(gradient(a, b)))
        case _:
            return None

    def chain():
        product = a
        for _ in range(CHAIN):
            product = product * b
        product.backward(ones)
        a.grad = b.grad = None

    return Job(chain)


def make_matmul(library: str) -> Job | None:
    """a @ b of two 16x16 matrices, without gradient."""
    x, y = _draw(16, 16), _draw(16, 16)
    match library:
        case "nanograd":
            import nanograd as ng

            a, b = ng.tensor(x), ng.tensor(y)
        case "torch":
            import torch

            a, b = torch.tensor(x), torch.tensor(y)
        case "numpy":
            a, b = x, y
        case "jax":
            import jax.numpy as jnp

            a, b = jnp.asarray(x), jnp.asarray(y)
        case _:
            return None
    return Job("a @ b", {"a": a, "b": b})


ROWS = [
    Row("core", "add-4", "`a + b`, 4 elements, with grad", make_add, bar=10),
    Row("core", "chain-100", "100 chained multiplications of 4 elements, forward + backward", make_chain, bar=28),
    Row("core", "matmul-16", "matmul 16x16, without grad", make_matmul, bar=4),
]
