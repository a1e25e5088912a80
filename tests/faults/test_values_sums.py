# SPDX-License-Identifier: LGPL-3.0-or-later
"""Wherever many terms are added up in float32 the sum is good to 2e-7, gathers and scatters with repeated indices included."""
import numpy as np
import pytest

import nanograd as ng

LIMIT = 2e-7
F32 = np.float32
TENTH = float(F32(0.1))


def rng():
    return np.random.default_rng(7)


def exact_scatter(shape, positions, values):
    """Sums of values (positions.size, ...) by row, in float64."""
    total = np.zeros(shape)
    np.add.at(total, positions.ravel(), values.reshape(positions.size, *shape[1:]).astype(np.float64))
    return total


def good(actual, exact, limit=LIMIT):
    np.testing.assert_allclose(np.asarray(actual, np.float64), exact, rtol=limit, atol=0)


def test_two_million_repeats():
    n = 2_000_000
    zeros = np.zeros(n, int)
    x = ng.tensor(np.zeros(3, F32), requires_grad=True)
    tenth = ng.full((n,), 0.1)
    x[zeros].backward(tenth)
    good(x.grad.numpy()[0], n * TENTH)
    x.grad = None
    ng.take(x, zeros, axis=0).backward(tenth)
    good(x.grad.numpy()[0], n * TENTH)
    x.grad = None
    ng.gather(x, 0, zeros).backward(tenth)
    good(x.grad.numpy()[0], n * TENTH)
    table = ng.tensor(np.zeros((5, 1), F32), requires_grad=True)
    ng.embedding(zeros + 2, table).backward(tenth.reshape(n, 1))
    good(table.grad.numpy()[2, 0], n * TENTH)
    good(ng.index_add(np.zeros(3, F32), zeros, tenth).numpy()[0], n * TENTH)
    good(ng.index_add(np.zeros(3, F32), zeros, 0.1).numpy()[0], n * TENTH)
    good(ng.index_add(np.full(3, 7.0, F32), zeros, tenth).numpy()[0], 7 + n * TENTH)


# (entries, positions, width): counted by position and hashed, long and narrow rows, all positions in double and some
CASES = [(5, 1, 1), (6, 100, 1), (6, 1000, 3), (40, 4, 5), (300, 7, 1), (300, 290, 1), (300, 290, 16), (300, 2000, 16), (300, 20_000, 2),
         (3000, 50, 33), (3000, 2900, 7), (3000, 2900, 9), (3000, 300_000, 1)]


@pytest.mark.parametrize("n, m, width", CASES)
@pytest.mark.parametrize("how", ["few", "many", "uneven"])
def test_rows_that_repeat(n, m, width, how):
    generator = rng()
    if how == "few":
        index = generator.permutation(np.arange(n) % m)
    elif how == "many":
        index = generator.integers(0, max(1, m // 50), n)
    else:
        index = np.minimum(generator.zipf(1.5, n) - 1, m - 1)
    values = generator.uniform(0.05, 0.1, (n, width)).astype(F32)
    want = exact_scatter((m, width), index, values)
    table = ng.tensor(np.zeros((m, width), F32), requires_grad=True)
    for pick in (lambda: table[index], lambda: ng.take(table, index, axis=0), lambda: ng.embedding(index, table)):
        table.grad = None
        pick().backward(ng.asarray(values))
        good(table.grad.numpy(), want)
    good(ng.index_add(np.zeros((m, width), F32), index, values).numpy(), want)
    outer = ng.tensor(np.zeros((2, m, width), F32), requires_grad=True)
    outer[:, index].backward(ng.asarray(np.stack([values, values])))
    good(outer.grad.numpy(), np.stack([want, want]))


@pytest.mark.parametrize("shape, axis, index_shape", [((3, 4), 1, (3, 9)), ((4, 3), 0, (900, 2)), ((6, 5, 7), 1, (6, 300, 7)),
                                                      ((2000,), 0, (40,)), ((100_000,), 0, (60,)), ((50, 10), 1, (50, 4)), ((2, 3), 1, (2, 40_000))])
def test_gather(shape, axis, index_shape):
    generator = rng()
    index = generator.integers(0, max(1, shape[axis] // 9), index_shape)
    values = generator.uniform(0.05, 0.1, index_shape).astype(F32)
    x = ng.tensor(np.zeros(shape, F32), requires_grad=True)
    ng.gather(x, axis, index).backward(ng.asarray(values))
    want = np.zeros(shape)
    where = list(np.indices(index_shape))
    where[axis] = index
    np.add.at(want, tuple(where), values.astype(np.float64))
    good(x.grad.numpy(), want)


def test_gradients_that_meet_in_one_slot():
    """x[i] adds into the gradient that is there."""
    index = np.zeros(1000, int)
    x = ng.tensor(np.zeros((2, 4), F32), requires_grad=True)
    y = ng.embedding(index, x)[:, 0].sum() * 0.1 + ng.embedding(index, x, padding_idx=0).sum() + x[0].sum() * 0.5
    y.backward()
    good(x.grad.numpy(), [[1000 * TENTH + 0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0]])


def test_the_same_bits_with_any_number_of_threads():
    generator = rng()
    index = generator.integers(0, 50, 40_000)
    values = ng.asarray(generator.standard_normal((40_000, 64)).astype(F32))
    flat = generator.integers(0, 3, (30_000, 40))
    flat_values = ng.asarray(generator.standard_normal((30_000, 40)).astype(F32))
    bits = []
    for threads in (1, 2, 4):
        with ng.num_threads(threads):
            table, x = ng.tensor(np.zeros((9000, 64), F32), requires_grad=True), ng.tensor(np.zeros((5, 40), F32), requires_grad=True)
            table[index].backward(values)
            ng.gather(x, 0, flat).backward(flat_values)
            bits.append(table.grad.numpy().tobytes() + x.grad.numpy().tobytes())
    assert bits[0] == bits[1] == bits[2]


def test_an_empty_index_and_empty_rows():
    x = ng.tensor(np.ones((4, 0), F32), requires_grad=True)
    x[np.zeros(9, int)].sum().backward()
    assert x.grad.shape == (4, 0)
    x = ng.tensor(np.ones((4, 2), F32), requires_grad=True)
    x[np.zeros(0, int)].sum().backward()
    assert (x.grad.numpy() == 0).all()


# ---- and the other places where many terms meet ------------------------------------------------------------------------

N = 300_000


@pytest.mark.parametrize("name", ["bias", "broadcast", "column", "scalar", "repeat", "expand", "mean", "conv_bias", "linear_weight", "cumsum",
                                  "global_pool", "avg_pool", "l1", "mse", "depthwise_weight", "conv_weight"])
def test_other_sums(name):
    tenths = ng.full((N, 1), 0.1)
    leaf = ng.tensor(np.zeros(1, F32), requires_grad=True)
    limit = LIMIT
    if name == "bias":
        ng.linear(ng.zeros((N, 1)), ng.zeros((1, 1)), leaf).backward(tenths)
        value = leaf.grad.item()
    elif name == "broadcast":
        (ng.zeros((N, 1)) + leaf).backward(tenths)
        value = leaf.grad.item()
    elif name == "column":
        (ng.zeros((N, 3)) + leaf).backward(ng.full((N, 3), 0.1))
        value = leaf.grad.item() / 3
    elif name == "scalar":
        (ng.ones((N, 1)) * leaf).backward(tenths)
        value = leaf.grad.item()
    elif name == "repeat":
        ng.repeat(leaf, N).backward(tenths.reshape(N))
        value = leaf.grad.item()
    elif name == "expand":
        ng.broadcast_to(leaf, (N, 1)).backward(tenths)
        value = leaf.grad.item()
    elif name == "mean":
        value = tenths.mean().item() * N
    elif name == "conv_bias":
        ng.conv1d(ng.zeros((1, 1, N)), ng.zeros((1, 1, 1)), leaf).backward(tenths.reshape(1, 1, N))
        value = leaf.grad.item()
    elif name == "cumsum":
        value = ng.cumsum(tenths, 0).numpy()[-1, 0]
    elif name == "global_pool":
        value = ng.global_avg_pool2d(tenths.reshape(1, 1, N // 100, 100)).item() * N
    elif name == "avg_pool":
        value = ng.avg_pool2d(tenths.reshape(1, 1, N // 100, 100), (N // 100, 100)).item() * N
    elif name == "l1":
        value = ng.l1_loss(tenths, ng.zeros((N, 1)), reduction="sum").item()
    elif name == "mse":
        value = ng.mse_loss(ng.full((N, 1), 0.5), ng.zeros((N, 1)), reduction="sum").item() / 0.25 * TENTH
    else:       # products: BLAS adds up in float32 by blocks, our own kernels likewise
        limit = 5e-6
        x = ng.ones((1, 1, N // 100, 100)) if "conv" in name else ng.ones((1, 2, N // 100, 100))
        if name == "linear_weight":
            w = ng.tensor(np.zeros((1, 1), F32), requires_grad=True)
            ng.linear(ng.ones((N, 1)), w).backward(tenths)
        elif name == "conv_weight":
            w = ng.tensor(np.zeros((1, 1, 1, 1), F32), requires_grad=True)
            ng.conv2d(x, w).backward(tenths.reshape(1, 1, N // 100, 100))
        else:
            w = ng.tensor(np.zeros((2, 1, 1, 1), F32), requires_grad=True)
            ng.conv2d(x, w, groups=2).backward(ng.full((1, 2, N // 100, 100), 0.1))
        value = w.grad.numpy().ravel()[0]
    good(value, N * TENTH, limit)
