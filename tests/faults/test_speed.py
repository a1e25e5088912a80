# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations that were several times slower than they need be, beside one that never was, in the same minutes; and whether
threads share them. (Beside PyTorch: `python -m benchmarks --filter ops/*alone`.)"""
import time

import numpy as np
import pytest
from thread_bits import all_shared, pool_counters

import nanograd as ng
from nanograd._core import runtime


def fastest(*functions):
    """The shortest time of each, taken by turns."""
    best = [np.inf] * len(functions)
    for _ in range(60):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def ones(*shape, dtype=np.float32, grad=False):
    return ng.tensor(np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(dtype), requires_grad=grad)


@pytest.mark.parametrize("exponent", [3, 4, -2, 1.5, 7])
@pytest.mark.parametrize("call", [lambda x, n: x ** n, ng.pow, lambda x, n: ng.pow(x, np.float64(n))], ids=["operator", "pow", "numpy number"])
def test_powers_by_a_number_are_multiplications(call, exponent):
    """As pow() they took 60 times a square. (2 to 8 times that of an array in cache.)"""
    with ng.num_threads(1):
        x = ones(20_000)
        square, power = fastest(lambda: x * x, lambda: call(x, exponent))
    assert power < 16 * square


def test_operands_broadcast_both_ways_by_a_short_axis():
    """(200, 1, 3) - (1, 200, 3) was spelt out in steps of 3 elements: 12 times the time of equal shapes."""
    with ng.num_threads(1):
        a, b, c = ones(200, 1, 3), ones(1, 200, 3), ones(200, 200, 3)
        plain, both, column = fastest(lambda: c - c, lambda: a - b, lambda: c * ones_column)
    assert both < 4 * plain and column < 4 * plain


ones_column = ones(200, 200, 1)


def test_product_of_operands_broadcast_both_ways_with_its_gradients():
    with ng.num_threads(1):
        a, b = ones(200, 1, 3, grad=True), ones(1, 200, 3, grad=True)
        c, d, dy = ones(200, 200, 3, grad=True), ones(200, 200, 3, grad=True), ones(200, 200, 3)

        def run(x, y):
            (x * y).backward(dy)
            x.grad = y.grad = None

        plain, both = fastest(lambda: run(c, d), lambda: run(a, b))
    assert both < 5 * plain


@pytest.mark.skipif(runtime.build()["isa"] == "baseline", reason="SSE2 converts two elements at a time")
def test_sum_is_as_fast_as_the_largest_element():
    """The conversion to float64 was made in two halves: 2.2 times the time of max, now 1.2."""
    with ng.num_threads(1):
        x = ones(100_000)
        largest, total = fastest(x.max, x.sum)
    assert total < 1.7 * largest


def test_sum_of_4_million_elements_is_shared_between_threads():
    x = ones(4_000_000)
    before = pool_counters()
    with ng.num_threads(2):
        for _ in range(200):
            x.sum()
            if pool_counters()[1] > before[1]:
                break
    assert pool_counters()[0] > before[0] and pool_counters()[1] > before[1]


def test_few_pieces_are_shared_only_where_that_was_faster():
    """An Adam step of 110,000 parameters took twice as long on two threads as on one. Whichever way is the faster, most
    launches go that way: none when it does not pay, and at most as many as there were otherwise."""
    x = ones(210_000)       # exp: five pieces by the estimate
    with ng.num_threads(2):
        before = pool_counters()[0]
        for _ in range(200):
            ng.exp(x)
        tried = pool_counters()[0] - before
        assert 1 <= tried <= 200
        with all_shared():
            before = pool_counters()[0]
            for _ in range(10):
                ng.exp(x)
            assert pool_counters()[0] - before == 10


POWERS = [3, 4, 5, 7, 10, 64, -2, -3, -5, -64, 1.5, 2.5, 63.5, -0.5, -1.5, -2.5]


@pytest.mark.parametrize("dtype, units", [(np.float32, 1), (np.float64, 2)])
@pytest.mark.parametrize("exponent", POWERS)
def test_powers_are_as_exact_as_pow(exponent, dtype, units):
    """Values within 1 unit (float32) and 2 (float64, at the edge of its range; else 1), special values those of C99."""
    rng = np.random.default_rng(abs(int(exponent * 2)))
    limit = 100 if dtype is np.float64 else 25
    with np.errstate(all="ignore"):
        x = (2.0 ** (rng.uniform(-1, 1, 4000) * limit / max(1, abs(exponent) / 3)) * rng.choice([-1, 1], 4000)).astype(dtype)
        exact = np.power(x.astype(np.longdouble), np.longdouble(exponent))
        if exponent == -0.5:
            exact = 1 / np.sqrt(x.astype(np.longdouble))
        rounded = exact.astype(dtype)
        y = (ng.tensor(x) ** exponent).numpy()
        assert np.array_equal(np.isnan(y), np.isnan(rounded))
        inside = np.isfinite(rounded) & (rounded != 0)
        assert np.all(np.abs(y[inside] - exact[inside]) <= units * np.spacing(np.abs(rounded[inside])))
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 2, -2], dtype)
        if exponent == -0.5:
            wanted = np.array([np.inf, np.inf, 0, 0, np.nan, 1, np.nan, 0.5**0.5, np.nan], dtype)
        else:
            wanted = np.power(special.astype(np.float64), exponent).astype(dtype)
        found = (ng.tensor(special) ** exponent).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        there = ~np.isnan(wanted)
        assert np.array_equal(np.signbit(found)[there], np.signbit(wanted)[there])


@pytest.mark.parametrize("exponent", POWERS)
def test_derivatives_of_powers(exponent):
    for dtype, rtol in ((np.float32, 4e-7), (np.float64, 1e-15)):
        x = ones(1003, dtype=dtype, grad=True)
        dy = np.random.default_rng(1).normal(size=1003).astype(dtype)
        (x ** exponent).backward(ng.tensor(dy))
        wanted = dy.astype(np.longdouble) * exponent * x.detach().numpy().astype(np.longdouble) ** (np.longdouble(exponent) - 1)
        np.testing.assert_allclose(x.grad.numpy(), wanted.astype(dtype), rtol=rtol)


def test_a_derivative_at_zero_is_the_power_s():
    x = ng.tensor([0.0, -0.0, -2.0], requires_grad=True)
    (x ** 3).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 12.0]


SHAPES = [
    ((200, 1, 3), (1, 200, 3)), ((3,), (70, 3)), ((5, 1), (1, 7)), ((4096, 1), (1, 33)), ((2, 1, 300), (1, 5, 300)), ((20, 1, 300), (1, 50, 300)),
    ((1030,), (3, 1030)), ((7, 1), (7, 2050)), ((7, 1, 5, 1, 3), (1, 6, 5, 4, 1)), ((), (3, 4)), ((100, 1, 1), (1, 100, 129)), ((1, 1), (1, 1)),
    ((3000, 1, 2), (1, 40, 2)), ((40, 3000, 1), (40, 1, 2)), ((2, 65536), (2, 1)), ((0, 3), (3,)), ((5, 1, 0), (1, 4, 1)), ((2,) * 8, (1, 2) * 4),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a_shape, b_shape", [*SHAPES, *[(b, a) for a, b in SHAPES]])
def test_broadcasting_of_any_shapes(a_shape, b_shape, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=a_shape).astype(dtype), rng.normal(size=b_shape).astype(dtype)
    ta, tb = ng.tensor(a, requires_grad=True), ng.tensor(b, requires_grad=True)
    y = ta * tb
    assert np.array_equal(y.numpy(), a * b)
    dy = rng.normal(size=y.shape).astype(dtype)
    y.backward(ng.tensor(dy))
    for t, other in ((ta, b), (tb, a)):
        wide = dy.astype(np.float64) * other
        axes = tuple(i for i in range(y.ndim) if i < y.ndim - t.ndim or t.shape[i - (y.ndim - t.ndim)] == 1)
        wanted = wide.sum(axes).reshape(t.shape)
        scale = np.abs(wide).sum(axes).reshape(t.shape) + 1
        assert np.all(np.abs(t.grad.numpy() - wanted) <= scale * (1e-6 if dtype is np.float32 else 1e-14))
    condition = rng.random([n if rng.random() < 0.5 else 1 for n in y.shape]) < 0.5
    assert np.array_equal(ng.where(condition, ta, tb).numpy(), np.where(condition, a, b))


def test_broadcasting_in_pieces_has_the_same_bits():
    from thread_bits import assert_same_bits

    a, b, c = ones(700, 1, 3), ones(1, 701, 3), ones(700, 701, 1)
    assert_same_bits(lambda: [(a * b).numpy(), ng.maximum(a, c).numpy(), ng.where(np.ones((701, 1), bool), a, c).numpy()])


def test_a_large_product_is_shared_whatever_a_small_one_has_shown():
    """A small product of four blocks, for which waking a thread does not pay, decided for a large one of four blocks too."""
    small, large = (ones(512, 64), ones(64, 128)), (ones(1024, 784), ones(784, 128))
    with ng.num_threads(2):
        for _ in range(40):
            ng.matmul(*small)
        before = pool_counters()[0]
        for _ in range(10):
            ng.matmul(*large)
        assert pool_counters()[0] == before + 10
