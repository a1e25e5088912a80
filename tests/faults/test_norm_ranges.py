# SPDX-License-Identifier: LGPL-3.0-or-later
"""Norms, deviations and what is made of them, of numbers whose squares leave the range of the dtype. References in long doubles."""
import warnings

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn

F32, F64 = np.float32, np.float64
CLOSE = {F32: 1e-6, F64: 1e-14}
SCALES = [(F64, s) for s in (1e200, 1e300, 1e155, 1e-160, 1e-200, 1e-300)] + [(F32, s) for s in (1e30, 1e36, 1e-30, 1e-36)]
scales = pytest.mark.parametrize("dtype, scale", SCALES, ids=lambda v: getattr(v, "__name__", None) or str(v))
axes = pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 2), (0, 1), (1, 2)], ids=str)


def data(dtype, scale, shape=(4, 7, 33)):
    return (scale * np.random.default_rng(0).uniform(-1, 1, shape)).astype(dtype)


def close(got, want, dtype, factor=1):
    with np.errstate(over="ignore"):
        want = np.asarray(want).astype(dtype)
        np.testing.assert_allclose(np.asarray(got), want, rtol=factor * CLOSE[dtype], atol=factor * CLOSE[dtype] * np.abs(want).max())


@axes
@scales
def test_norm_of_order_2(dtype, scale, axis):
    values = data(dtype, scale)
    x = ng.tensor(values, requires_grad=True)
    y = ng.norm(x, axis, True)
    wide = values.astype(np.longdouble)
    want = np.sqrt((wide * wide).sum(axis, keepdims=True))
    close(y.numpy(), want, dtype)
    dy = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    y.backward(dy)
    close(x.grad.numpy(), dy * wide / want, dtype, 3)


@pytest.mark.parametrize("order", [1, np.inf])
@axes
@scales
def test_norms_of_other_orders(dtype, scale, axis, order):
    values = data(dtype, scale)
    x = ng.tensor(values, requires_grad=True)
    y = ng.norm(x, axis, True, ord=order)
    wide = np.abs(values.astype(np.longdouble))
    close(y.numpy(), wide.sum(axis, keepdims=True) if order == 1 else wide.max(axis, keepdims=True), dtype)
    y.backward(np.ones(y.shape, dtype))
    chosen = True if order == 1 else wide == wide.max(axis, keepdims=True)
    np.testing.assert_array_equal(x.grad.numpy(), np.sign(values) * chosen)


@axes
@scales
def test_std(dtype, scale, axis):
    values = data(dtype, scale)
    x = ng.tensor(values, requires_grad=True)
    y = ng.std(x, axis, True, ddof=1)
    wide = values.astype(np.longdouble)
    want = wide.std(axis, keepdims=True, ddof=1)
    close(y.numpy(), want, dtype)
    dy = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    y.backward(dy)
    n = wide.size / want.size - 1
    close(x.grad.numpy(), dy * (wide - wide.mean(axis, keepdims=True)) / want / n, dtype, 10)


def test_the_report():
    x = ng.tensor([3e200, 4e200], dtype=ng.float64, requires_grad=True)
    y = ng.norm(x)
    y.backward()
    assert y.item() == pytest.approx(5e200, rel=1e-15) and x.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-15)
    assert ng.norm(ng.tensor([3e-200, 4e-200], dtype=ng.float64)).item() == pytest.approx(5e-200, rel=1e-15)
    assert ng.norm(ng.tensor([3e-323, 4e-323], dtype=ng.float64)).item() == pytest.approx(5e-323, abs=1e-323)


@pytest.mark.parametrize("n", [2, 100, 300_000])
def test_at_the_ends_of_float64(n):
    """Also where the sum of the elements leaves the range, and among denormals."""
    x = np.where(np.arange(n) % 2, 1.0, -0.5)
    for scale in (1.7e308, 2e-308, 1e-320):
        values = x * scale
        wide = values.astype(np.longdouble)
        t = ng.tensor(values, requires_grad=True)
        y = ng.std(t)
        np.testing.assert_allclose(y.numpy(), wide.std().astype(F64), rtol=1e-3 if scale == 1e-320 else 1e-14)
        y.backward()
        assert np.isfinite(t.grad.numpy()).all()
        np.testing.assert_allclose(t.grad.numpy() * n, np.where(np.arange(n) % 2, 1, -1), rtol=2e-3 if scale == 1e-320 else 1e-13)
    same = np.full(n, 1.7e308)
    assert ng.mean(ng.tensor(same)).item() == pytest.approx(1.7e308, rel=1e-15) and ng.std(ng.tensor(same)).item() < 1e293
    assert ng.var(ng.tensor(x * 1e154)).item() == pytest.approx((x * 1e154).astype(np.longdouble).var().astype(F64), rel=1e-14)


@pytest.mark.parametrize("axis", [0, 1])
def test_some_of_many(axis):
    """Ordinary outputs keep their bits beside such that are out of range, zero, constant, infinite or NaN."""
    values = np.random.default_rng(0).normal(size=(600, 600))
    spoilt = values.copy()
    rows = spoilt if axis == 1 else spoilt.T
    rows[1] *= 1e200
    rows[2] *= 1e-200
    rows[3] = 0
    rows[4] = 2.5
    rows[5, 7] = np.inf
    rows[6, 8] = np.nan
    others = [0, *range(7, 600)]
    with np.errstate(invalid="ignore"):
        for function in (ng.norm, ng.std, ng.var, ng.mean):
            plain, got = (function(ng.tensor(v), axis).numpy() for v in (values, spoilt))
            np.testing.assert_array_equal(got[others], plain[others])
            if function in (ng.norm, ng.std):
                np.testing.assert_allclose(got[1:3], plain[1:3] * [1e200, 1e-200], rtol=1e-14)
            assert got[3] == 0 and got[4] == pytest.approx({ng.norm: 2.5 * np.sqrt(600), ng.mean: 2.5}.get(function, 0), rel=1e-14)
            assert np.isnan(got[6]) and not np.isfinite(got[5])
            x = ng.tensor(spoilt, requires_grad=True)
            function(x, axis).sum().backward()
            assert np.isfinite((x.grad.numpy() if axis == 1 else x.grad.numpy().T)[:5]).all()


@pytest.mark.parametrize("n", [1000, 300_000])
def test_zero_is_zero(n):
    for dtype in (F32, F64):
        x = ng.zeros(n, dtype=dtype, requires_grad=True)
        for function in (ng.norm, ng.std, ng.var):
            y = function(x)
            x.grad = None
            y.backward()
            assert y.item() == 0 and not x.grad.numpy().any()


@pytest.mark.parametrize("value", [0.1, 0.525, 1234.1, -1e300, 1e-300])
@pytest.mark.parametrize("shape, axis", [((6,), None), ((1000,), None), ((300_000,), None), ((3, 1000), 1), ((1000, 3), 0), ((2, 7, 5, 3), (0, 2))])
def test_deviation_of_equal_numbers_is_zero(shape, axis, value):
    """And its gradient with it: the mean of equal numbers is not always one of them."""
    for dtype in (F32, F64):
        with np.errstate(over="ignore", under="ignore"):
            x = ng.tensor(np.full(shape, value).astype(dtype), requires_grad=True)
        if np.isfinite(x.numpy()).all():
            for function in (ng.std, ng.var):
                y = function(x, axis)
                x.grad = None
                y.sum().backward()
                assert not y.numpy().any() and not x.grad.numpy().any()


@pytest.mark.parametrize("shape, axis", [((1000,), None), ((3, 1000), 1), ((1000, 3), 0)])
def test_deviation_of_nearly_equal_doubles(shape, axis):
    """A few units in the last place apart."""
    values = 0.1 + 5e-17 * np.random.default_rng(0).integers(-3, 4, shape)
    x = ng.tensor(values, requires_grad=True)
    wide = values.astype(np.longdouble) - np.longdouble(0.1)
    want = wide.std(axis, keepdims=True)
    y = ng.std(x, axis, True)
    np.testing.assert_allclose(y.numpy(), want.astype(F64), rtol=1e-12)
    y.sum().backward()
    right = (wide - wide.mean(axis, keepdims=True)) / want / 1000
    assert np.abs(x.grad.numpy() - right).max() < 0.3e-3      # the mean is a double


@pytest.mark.parametrize("n", [5, 300_000])
def test_same_bits_with_any_number_of_threads(n):
    x = ng.tensor(1e200 * np.random.default_rng(0).normal(size=(3, n)))
    results = []
    for threads in (1, 2, 4):
        with ng.num_threads(threads):
            results.append([f(x, axis).numpy() for f in (ng.norm, ng.std) for axis in (None, 0, 1)])
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


@scales
def test_normalize(dtype, scale):
    values = data(dtype, scale, (5, 31))
    x = ng.tensor(values, requires_grad=True)
    y = ng.normalize(x, eps=0.0)
    wide = values.astype(np.longdouble)
    size = np.sqrt((wide * wide).sum(-1, keepdims=True))
    close(y.numpy(), wide / size, dtype, 3)
    dy = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    y.backward(dy)
    unit = wide / size
    want = (dy - unit * (dy * unit).sum(-1, keepdims=True)) / size
    if np.abs(want).max() < np.finfo(dtype).max:
        close(x.grad.numpy(), want, dtype, 10)


@scales
def test_cosine_similarity(dtype, scale):
    a, b = data(dtype, scale, (5, 31)), np.random.default_rng(3).normal(size=(5, 31)).astype(dtype)
    x, t = ng.tensor(a, requires_grad=True), ng.tensor(b, requires_grad=True)
    y = ng.cosine_similarity(x, t, eps=0.0)
    wa, wb = (v.astype(np.longdouble) for v in (a, b))
    na, nb = (np.sqrt((v * v).sum(-1, keepdims=True)) for v in (wa, wb))
    cosine = (wa / na * (wb / nb)).sum(-1, keepdims=True)
    close(y.numpy(), cosine[:, 0], dtype, 10)
    y.sum().backward()
    close(x.grad.numpy(), (wb / nb - cosine * wa / na) / na, dtype, 10)
    close(t.grad.numpy(), (wa / na - cosine * wb / nb) / nb, dtype, 10)
    assert ng.cosine_similarity(x, x, eps=0.0).numpy() == pytest.approx(1, rel=10 * CLOSE[dtype])


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 3, 10, np.inf])
@pytest.mark.parametrize("dtype, scale", [*SCALES, (F32, 3e38), (F32, 1.0), (F64, 1e307)], ids=str)
def test_total_norm_and_clipping(dtype, scale, order):
    first, second = data(dtype, scale, (40,)), data(dtype, scale, (3, 70))
    wide = np.abs(np.concatenate([first.ravel(), second.ravel()]).astype(np.longdouble))
    want = wide.max() if order == np.inf else (wide**order).sum() ** (1 / np.longdouble(order))
    if want > np.finfo(F64).max:
        pytest.skip("no float64")
    assert nn.utils.get_total_norm([first, ng.tensor(second)], order) == pytest.approx(float(want), rel=1e-12)
    leaves = [nn.Parameter(np.zeros_like(v)) for v in (first, second)]
    for leaf, v in zip(leaves, (first, second)):
        leaf.grad = v
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nn.utils.clip_grad_norm_(leaves, 1.0, order) == pytest.approx(float(want), rel=1e-12)
    factor = min(1, 1 / (want + 1e-6))
    for leaf, v in zip(leaves, (first, second)):
        close(leaf.grad.numpy(), v.astype(np.longdouble) * factor, dtype, 3)


def test_total_norm_of_nothing_zero_inf_nan():
    total = nn.utils.get_total_norm
    assert total([]) == 0 and total([np.zeros(5)]) == 0 and total([np.zeros(5)], 3) == 0
    assert total([np.array([1.0, np.inf])]) == np.inf and np.isnan(total([np.array([np.nan, 1e200])]))
    assert np.isnan(total([np.array([np.nan, np.inf])], 3))


def test_both_dtypes_in_one_norm():
    assert nn.utils.get_total_norm([np.array([3e200]), np.array([4.0], F32)]) == 3e200
    assert nn.utils.get_total_norm([np.array([3e-200]), np.array([0.0], F32)]) == 3e-200
