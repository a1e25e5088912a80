# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layer, group, RMS and batch normalisation of rows that are constant, far from 0, or whose squares leave the range of the dtype.

The references work in long doubles, whose range holds the squares of every float64.
"""
import numpy as np
import pytest

import nanograd as ng

F32, F64 = np.float32, np.float64
CLOSE = {F32: 3e-6, F64: 1e-13}
ids = dict(ids=lambda v: getattr(v, "__name__", None) or str(v))

# What is normalised: shape of x, axes that a mean is over, shape of the weight beside x, the call.
KINDS = {
    "layer": lambda n: ((3, n), (1,), (1, n), lambda x, w, b, eps: ng.layer_norm(x, n, w, b, eps)),
    "rms": lambda n: ((3, n), (1,), (1, n), lambda x, w, b, eps: ng.rms_norm(x, n, w, eps) + b),
    "group": lambda n: ((3, 4, n), (2, 3), (1, 2, 2, 1), lambda x, w, b, eps: ng.group_norm(x, 2, w, b, eps)),
    "group of channels": lambda n: ((3, 2 * n), (2,), (1, 2, n), lambda x, w, b, eps: ng.group_norm(x, 2, w, b, eps)),
    "batch": lambda n: ((n + 1, 3), (0,), (1, 3), lambda x, w, b, eps: ng.batch_norm(x, None, None, w, b, True, eps=eps)),
    "batch of many": lambda n: ((n + 1, 19), (0,), (1, 19), lambda x, w, b, eps: ng.batch_norm(x, None, None, w, b, True, eps=eps)),
    "batch of images": lambda n: ((2, 3, n), (0, 2), (1, 3, 1), lambda x, w, b, eps: ng.batch_norm(x, None, None, w, b, True, eps=eps)),
}


def reference(x, dy, w, b, eps, axes, centered):
    """y, dx, dw, db, and how large the terms of dx are."""
    x, dy, w, b = (np.asarray(a, np.longdouble) for a in (x, dy, w, b))
    mean = lambda a: a.mean(axes, keepdims=True)
    if centered:
        x = x - x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]      # exact where the mean is not
        x = x - mean(x)
    root = np.sqrt(mean(x * x) + np.longdouble(eps))
    xhat, g = x / root, dy * w
    dx = (g - (mean(g) if centered else 0) - xhat * mean(g * xhat)) / root
    others = tuple(i for i in range(x.ndim) if w.shape[i] == 1)
    gradients = [a.sum(others, keepdims=True) for a in (dy * xhat, dy)]
    terms = (np.abs(g) + np.abs(mean(np.abs(g))) + np.abs(xhat) * mean(np.abs(g * xhat))) / root
    return xhat * w + b, dx, *gradients, terms.max(axes, keepdims=True)


def check(kind, n, dtype, values, eps=1e-5, tolerance=None):
    """Forward and backward beside the reference; values: from a shape to a row's elements."""
    shape, axes, weights, call = KINDS[kind](n)
    grouped = (shape[0], 2, shape[1] // 2, *shape[2:]) if kind.startswith("group") else shape
    rng = np.random.default_rng(n)
    data = values(rng, grouped, axes).astype(dtype)
    dy, w, b = (rng.normal(size=s).astype(dtype) for s in (grouped, weights, weights))
    x, tw, tb = (ng.tensor(a.reshape(s), requires_grad=True) for a, s in ((data, shape), (w, -1), (b, -1)))
    y = call(x, tw, tb if kind != "rms" else tb.reshape(1, n), eps)
    y.backward(dy.reshape(shape))
    want = reference(data, dy, w, b, eps, axes, kind != "rms")
    scales = [1 + np.abs(want[0]).max(axes, keepdims=True), want[4], np.abs(want[2]).max() + np.sqrt(grouped[0]), np.abs(dy).sum()]
    tolerance = tolerance or CLOSE[dtype]
    limit = float(np.finfo(dtype).max)
    for name, got, right, scale in zip(("y", "dx", "dw", "db"), (y, x.grad, tw.grad, tb.grad), want, scales):
        got = got.numpy().reshape(right.shape)
        held = np.broadcast_to(np.abs(scale) < limit / 8, right.shape)            # dx overflows where x is tiny
        assert np.isfinite(got[held]).all(), name
        error = (np.abs(got - right) - 2 * np.finfo(dtype).smallest_subnormal) / scale
        assert error[held].max(initial=0) < tolerance, (name, float(error[held].max()))
        assert held.any() or name == "dx"


@pytest.mark.parametrize("n", [3, 31, 256, 1000])
@pytest.mark.parametrize("value", [1234.1, 12345.67, 0.1, 3e38, -3.3e19])
@pytest.mark.parametrize("kind", ["layer", "group", "group of channels", "batch of images"])
def test_constant_row_is_the_bias(kind, value, n):
    """Nothing is left of a constant row but the bias, to the last bit."""
    shape, _, _, call = KINDS[kind](n)
    channels = shape[1]
    bias = np.linspace(-1, 1, channels, dtype=F32)
    weight = np.linspace(1, 3, channels, dtype=F32)
    y = call(ng.full(shape, value, dtype=F32), weight, bias, 1e-5).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(bias.reshape(1, -1, *[1] * (len(shape) - 2)), shape))


def test_one_long_constant_row():
    """Three million elements: what blocks have lost would add up."""
    assert not ng.layer_norm(ng.full((1, 3_000_001), 12345.67, dtype=F32), 3_000_001).numpy().any()


@pytest.mark.parametrize("n", [7, 256, 1000])
@pytest.mark.parametrize("value", [1234.1, 12345.67])
@pytest.mark.parametrize("kind", ["layer", "group", "group of channels", "batch of images"])
def test_gradient_of_a_constant_row(kind, value, n):
    check(kind, n, F32, lambda rng, shape, axes: np.full(shape, value))


def far(offset, spread):
    return lambda rng, shape, axes: offset + spread * rng.normal(size=shape)


@pytest.mark.parametrize("n", [7, 300, 1000])
@pytest.mark.parametrize("offset", [1e4, -3e6, 1e30])
@pytest.mark.parametrize("kind", ["layer", "group", "group of channels", "batch", "batch of many", "batch of images"])
def test_row_far_from_zero(kind, offset, n):
    """A spread of a few units in the last place: the mean must not be rounded."""
    check(kind, n, F32, far(offset, 3e-7 * abs(offset)), eps=0 if abs(offset) < 1e20 else 1e-5)


@pytest.mark.parametrize("n", [300, 1000])
@pytest.mark.parametrize("kind", ["layer", "group", "group of channels", "batch", "batch of many", "batch of images"])
def test_double_row_far_from_zero(kind, n):
    check(kind, n, F64, far(1e4, 5e-12), eps=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [0.0, 12345.67])
def test_outlier_in_front(kind, first):
    """The first element says nothing about the others."""
    def values(rng, shape, axes):
        x = 100 + rng.normal(size=shape)
        x[tuple(slice(None) if i not in axes else 0 for i in range(len(shape)))] = first
        return x
    check(kind, 500, F32, values)
    check(kind, 500, F64, values)


SPREADS = {F32: [1e19, 3e19, 1e25, 1e30, 3e37], F64: [3e154, 1e200, 1e300, 3e306]}


def spread(scale):
    return lambda rng, shape, axes: scale * rng.uniform(-1, 1, shape)


@pytest.mark.parametrize("n", [2, 31, 300])
@pytest.mark.parametrize("dtype, scale", [(d, s) for d in SPREADS for s in SPREADS[d]], **ids)
@pytest.mark.parametrize("kind", KINDS)
def test_spread_beyond_the_range_of_squares(kind, dtype, scale, n):
    check(kind, n, dtype, spread(scale))


TINY = {F32: [1e-20, 1e-30, 1e-36], F64: [1e-160, 1e-200, 1e-300]}


@pytest.mark.parametrize("n", [2, 31, 300])
@pytest.mark.parametrize("dtype, scale", [(d, s) for d in TINY for s in TINY[d]], **ids)
@pytest.mark.parametrize("kind", KINDS)
def test_tiny_without_eps(kind, dtype, scale, n):
    check(kind, n, dtype, spread(scale), eps=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eps", [1e-60, 1e-310, 1e300])
def test_eps_out_of_range(kind, eps):
    for scale in (1e-180, 1e-30, 1.0, 1e180):
        check(kind, 31, F64, spread(scale), eps=eps)
        if 1e-36 < scale < 1e36 and eps < 1:
            check(kind, 31, F32, spread(scale), eps=eps)


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_among_others(kind):
    """Each row for itself: one out of range, one constant, one NaN, the others as ever."""
    shape, _, weights, call = KINDS[kind](31)
    row = [slice(None)] * len(shape)
    place = 1 if kind.startswith("batch") else 0
    rng = np.random.default_rng(0)
    data = rng.normal(size=shape).astype(F32)
    dy = rng.normal(size=shape).astype(F32)
    w = np.ones(np.prod(weights), F32)

    def run(x):
        x = ng.tensor(x, requires_grad=True)
        y = call(x, w, 0 * w.reshape(1, -1) if kind == "rms" else 0 * w, 1e-5)
        y.backward(dy)
        return y.numpy(), x.grad.numpy()

    plain = run(data)
    for bad in (1e30, np.nan, 0.0):
        spoilt = data.copy()
        row[place] = 1
        spoilt[tuple(row)] *= bad
        row[place] = [0, 2]
        for got, want in zip(run(spoilt), plain):
            np.testing.assert_array_equal(got[tuple(row)], want[tuple(row)])
        row[place] = 1
        assert np.isnan(run(spoilt)[0][tuple(row)]).all() == np.isnan(bad)


def test_nan_and_inf_make_nan():
    for bad in (np.nan, np.inf, -np.inf):
        for dtype in (F32, F64):
            x = np.ones((2, 40), dtype)
            x[0, 7] = bad
            for y in (ng.layer_norm(x, 40), ng.group_norm(x.reshape(2, 4, 10), 1), ng.batch_norm(x.T.copy(), training=True),
                      ng.batch_norm(x.T.reshape(1, 40, 2).swapaxes(1, 2).copy(), training=True)):
                assert np.isnan(y.numpy()).sum() == 40 and np.isfinite(y.numpy()).sum() == 40


def test_length_one():
    """Of one element nothing is left but the bias; without eps it is 0 / 0."""
    for value in (0.1, 3e38, 1e-40):
        x = ng.tensor(np.full((3, 1), value, F32), requires_grad=True)
        y = ng.layer_norm(x, 1, [2.0], [0.5])
        y.backward(np.ones((3, 1), F32))
        assert (y.numpy() == 0.5).all() and not x.grad.numpy().any()
        assert np.isnan(ng.layer_norm(x, 1, eps=0.0).numpy()).all()
        assert (ng.rms_norm(x, 1, eps=0.0).numpy() == 1).all()


@pytest.mark.parametrize("shape", [(40, 3), (5, 3, 8), (2, 3, 8, 9)], ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "leaky_relu"])
@pytest.mark.parametrize("dtype, scale", [(F32, 1e30), (F64, 1e200)], **ids)
def test_activation_in_the_same_node(dtype, scale, activation, shape):
    rng = np.random.default_rng(1)
    data, dy = (scale * rng.normal(size=shape)).astype(dtype), rng.normal(size=shape).astype(dtype)
    results = []
    for fused in (True, False):
        x, w, b = (ng.tensor(a.astype(dtype), requires_grad=True) for a in (data, np.ones(3), np.zeros(3)))
        y = ng.batch_norm(x, None, None, w, b, True, activation=activation if fused else None)
        y = y if fused else getattr(ng, activation)(y)
        y.backward(dy)
        results.append([a.numpy() for a in (y, x.grad, w.grad, b.grad)])
    axes = (0, *range(2, len(shape)))
    assert 0.3 < np.abs(results[0][0]).max() < 50 and np.abs(results[0][1]).max() > 0.01 / scale
    small = ng.batch_norm(data / dtype(scale), training=True, eps=0.0)
    np.testing.assert_allclose(results[0][0], getattr(ng, activation)(small).numpy(), rtol=1e-4 if dtype == F32 else 1e-10, atol=1e-6)
    assert (np.abs(results[0][1].sum(axes)) < 1e-3 / scale).all()
    for fused, apart in zip(*results):
        np.testing.assert_array_equal(fused, apart)


@pytest.mark.parametrize("shape", [(40, 3), (40, 19), (5, 3, 8), (2, 3, 8, 9)], ids=str)
@pytest.mark.parametrize("dtype, offset, scale", [(F32, 0, 3e18), (F32, 12345.67, 0.0), (F32, 12345.67, 0.01), (F64, 0, 1e150),
                                                  (F64, 1e300, 1e100), (F32, 3e37, 1e10)], **ids)
def test_running_statistics(dtype, offset, scale, shape):
    data = (offset + scale * np.random.default_rng(2).normal(size=shape)).astype(dtype)
    mean, var = (ng.zeros(shape[1], dtype=dtype) for _ in range(2))
    ng.batch_norm(data, mean, var, training=True, momentum=0.5)
    axes = (0, *range(2, len(shape)))
    wide = data.astype(np.longdouble)
    limit = np.finfo(dtype).max
    want = 0.5 * wide.var(axes, ddof=1)
    np.testing.assert_allclose(mean.numpy(), (0.5 * wide.mean(axes)).astype(dtype), rtol=CLOSE[dtype])
    np.testing.assert_allclose(var.numpy(), np.where(want > limit, np.inf, want).astype(dtype), rtol=CLOSE[dtype], atol=1e-6 * scale**2)


def test_large_gradient():
    """A sum of 256 gradients that leaves float32, where their mean does not."""
    rng = np.random.default_rng(0)
    data, dy = rng.normal(size=(2, 256)).astype(F32), np.full((2, 256), 3e37, F32)
    x = ng.tensor(data, requires_grad=True)
    for y in (ng.layer_norm(x, 256), ng.group_norm(x.reshape(2, 2, 128), 1).reshape(2, 256),
              ng.batch_norm(x.T, training=True).T, ng.batch_norm(x.reshape(1, 2, 256), training=True).reshape(2, 256)):
        x.grad = None
        y.backward(dy)
        assert np.abs(x.grad.numpy()).max() < 3e37 * 1e-5
