# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses of logits: gradients of confident predictions keep their digits, infinite logits give the limit, classes that do not
count count for nothing. The reference is mpmath's, with 60 digits."""
import itertools

import mpmath
import numpy as np
import pytest

import nanograd as ng

DTYPES = [np.float32, np.float64]
both = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
RTOL = {np.float32: 6e-7, np.float64: 2e-15}


def gradients(function, dtype, *values):
    tensors = [ng.tensor(np.asarray(v, dtype), requires_grad=True) for v in values]
    loss = function(*tensors)
    loss.sum().backward()
    return loss.numpy(), *(t.grad.numpy() for t in tensors)


def close(actual, exact, dtype, rtol=None):
    """Relative error, but for what is subnormal: one unit there."""
    tiny = float(np.finfo(dtype).smallest_subnormal)
    exact = np.array([float(v) for v in np.ravel(exact)])
    np.testing.assert_allclose(np.ravel(actual).astype(np.float64), exact, rtol=rtol or RTOL[dtype], atol=2 * tiny)


# ---- binary ----------------------------------------------------------------------------------------------------------

XS = [0.0, 0.5, -0.5, 3.0, -3.0, 20.0, -20.0, 40.0, -40.0, 88.0, -88.0, 100.0, -100.0]


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def exact_binary(x, t, w=1, pos=1):
    """Loss and gradients of the logit and of the target."""
    x, t, w, pos = map(mpmath.mpf, (x, t, w, pos))
    no, yes = mpmath.log1p(mpmath.exp(x)), mpmath.log1p(mpmath.exp(-x))
    return (w * ((1 - t) * no + pos * t * yes), w * ((1 - t) * sigmoid(x) - pos * t * sigmoid(-x)), w * (pos * yes - no))


@both
@pytest.mark.parametrize("w, pos", [(None, None), (3.0, None), (None, 2.5), (0.25, 0.5)])
def test_binary_gradients_of_confident_logits_keep_their_digits(dtype, w, pos):
    x, t = (np.array(v, dtype) for v in zip(*itertools.product(XS, (0.0, 1.0)), strict=True))
    with mpmath.workdps(60):
        exact = [exact_binary(float(a), float(b), w or 1, pos or 1) for a, b in zip(x, t, strict=True)]
    options = {k: v for k, v in (("weight", w), ("pos_weight", pos)) if v is not None}
    loss, dx, dt = gradients(lambda x, t: ng.binary_cross_entropy_with_logits(x, t, reduction="none", **options), dtype, x, t)
    for actual, k in ((loss, 0), (dx, 1), (dt, 2)):
        close(actual, [e[k] for e in exact], dtype)


@both
def test_the_example(dtype):
    x = 20.0 if dtype == np.float32 else 40.0
    _, dx, _ = gradients(lambda x, t: ng.binary_cross_entropy_with_logits(x, t), dtype, [x], [1.0])
    close(dx, [-mpmath.exp(-mpmath.mpf(x)) / (1 + mpmath.exp(-mpmath.mpf(x)))], dtype)


@both
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9, 1 - 2.0 ** -20, 2.0 ** -20])
@pytest.mark.parametrize("pos", [1.0, 4.0])
def test_soft_targets(dtype, t, pos):
    """The gradient is a difference here: its error is relative to what is subtracted."""
    x, t = np.array(XS, dtype), dtype(t)
    with mpmath.workdps(60):
        exact = [exact_binary(float(a), float(t), 1, pos) for a in x]
    loss, dx, dt = gradients(lambda x, t: ng.binary_cross_entropy_with_logits(x, t, pos_weight=pos, reduction="none"), dtype, x,
                             np.full(len(x), t))
    close(loss, [e[0] for e in exact], dtype)
    for a, actual, e in zip(x, dx, exact, strict=True):
        size = max((1 - float(t)) * float(sigmoid(float(a))), pos * float(t) * float(sigmoid(-float(a))))
        assert abs(float(actual) - float(e[1])) <= 1.5 * RTOL[dtype] * size
    close(dt, [e[2] for e in exact], dtype, rtol=4 * RTOL[dtype] * (1 if pos == 1 else 4))


@both
@pytest.mark.parametrize("options", [{}, {"weight": 2.0}, {"pos_weight": 2.0}, {"weight": 2.0, "pos_weight": 3.0}])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_binary_at_infinity(dtype, options, reduction):
    inf, w, pos = np.inf, options.get("weight", 1.0), options.get("pos_weight", 1.0)
    cases = [(inf, 1.0, 0.0, 0.0, -inf), (-inf, 0.0, 0.0, 0.0, inf), (inf, 0.0, inf, w, -inf), (-inf, 1.0, inf, -w * pos, inf),
             (inf, 0.25, inf, 0.75 * w, -inf), (-inf, 0.25, inf, -0.25 * w * pos, inf)]
    for x, t, *expected in cases:
        found = gradients(lambda x, t: ng.binary_cross_entropy_with_logits(x, t, reduction=reduction, **options), dtype, [x], [t])
        np.testing.assert_array_equal([float(np.ravel(f)[0]) for f in found], expected)


@both
def test_binary_nan_stays_visible(dtype):
    for x, t in ((np.nan, 0.0), (np.nan, 1.0), (1.0, np.nan)):
        for options in ({}, {"pos_weight": 2.0}):
            loss, dx, _ = gradients(lambda x, t, options=options: ng.binary_cross_entropy_with_logits(x, t, **options), dtype, [x], [t])
            assert np.isnan(loss) and np.isnan(dx).all()


@both
def test_a_weight_of_0_takes_an_infinite_loss_out(dtype):
    x, t = [np.inf, 1.0], [0.0, 1.0]
    loss, dx, _ = gradients(lambda x, t: ng.binary_cross_entropy_with_logits(x, t, weight=[0.0, 1.0]), dtype, x, t)
    assert np.isfinite(loss) and dx[0] == 0 and dx[1] < 0
    loss, dx, _ = gradients(lambda x, t: ng.binary_cross_entropy_with_logits(x, t, pos_weight=0.0), dtype, [-np.inf], [1.0])
    assert loss == 0 and dx[0] == 0


def test_weights_broadcast_and_have_no_gradient():
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((2, 5, 3)).astype(np.float32), rng.random((2, 5, 3)).astype(np.float32)
    w, pos = ng.tensor(rng.random((5, 1)).astype(np.float32), requires_grad=True), rng.random(3).astype(np.float32)
    found = ng.binary_cross_entropy_with_logits(x, t, weight=w, pos_weight=pos, reduction="none")
    p = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(found.numpy(), -w.numpy() * (pos * t * np.log(p) + (1 - t) * np.log(1 - p)), rtol=1e-5)
    assert not found.requires_grad


# ---- classes ---------------------------------------------------------------------------------------------------------

def exact_classes(x, a):
    """Loss and gradient of one row for coefficients a."""
    x = [mpmath.mpf(float(v)) for v in x]
    a = [mpmath.mpf(float(v)) for v in a]
    total = mpmath.fsum(mpmath.exp(v) for v in x)
    others = [mpmath.fsum(mpmath.exp(v) for j, v in enumerate(x) if j != i) for i in range(len(x))]
    loss = mpmath.fsum(c * (mpmath.log(total) - v) for c, v in zip(a, x, strict=True) if c)
    everything = mpmath.fsum(a)
    return loss, [mpmath.exp(v) / total * (everything - c) - c * o / total for v, c, o in zip(x, a, others, strict=True)]


def confident(n, gap, dtype):
    """Logits whose class 1 is ahead by `gap`; their differences are exact."""
    x = (np.arange(n) % 9 / 8 - 1).astype(dtype)
    x[1] = gap
    return x


@both
@pytest.mark.parametrize("n", [2, 10, 47, 48, 200])       # by lanes, and row by row
@pytest.mark.parametrize("gap", [1.0, 18.0, 40.0, 80.0])
def test_cross_entropy_of_confident_logits_keeps_its_digits(dtype, n, gap):
    x = confident(n, gap, dtype)
    onehot = np.eye(n)[1]
    with mpmath.workdps(60):
        loss, dx = exact_classes(x, onehot)
    labels = [1] * 19                                           # one whole block of lanes, and a part of another
    found, gradient = gradients(lambda x: ng.cross_entropy(x, labels, reduction="sum"), dtype, np.tile(x, (19, 1)))
    close(found / 19, [loss], dtype)
    close(gradient[[0, 15, 16, 18]], [v for _ in range(4) for v in dx], dtype)
    found, gradient, _ = gradients(lambda x, t: ng.cross_entropy(x, t), dtype, x[None], onehot[None])
    close(found, [loss], dtype)
    close(gradient, dx, dtype, rtol=2 * RTOL[dtype])
    images = np.broadcast_to(x[None, :, None], (2, n, 17))
    _, gradient = gradients(lambda x: ng.cross_entropy(x, np.ones((2, 17), int), reduction="none"), dtype, images)
    close(gradient[1, :, 16], dx, dtype)


@both
@pytest.mark.parametrize("n", [3, 60])
@pytest.mark.parametrize("smoothing, weighted", [(0.1, False), (0.0, True), (0.1, True)])
def test_smoothing_and_weights_against_the_exact_gradient(dtype, n, smoothing, weighted):
    rng = np.random.default_rng(n)
    x = rng.standard_normal(n).astype(dtype) * 3
    w = rng.uniform(0.5, 2, n).astype(dtype) if weighted else np.ones(n, dtype)
    a = w.astype(np.float64) * ((1 - smoothing) * np.eye(n)[1] + smoothing / n)
    with mpmath.workdps(60):
        loss, dx = exact_classes(x, a)
    options = {"weight": w, "label_smoothing": smoothing} if weighted else {"label_smoothing": smoothing}
    for target in ([1], np.eye(n)[1:2].astype(dtype)):
        found, gradient = gradients(lambda x, target=target: ng.cross_entropy(x, target, reduction="sum", **options), dtype, x[None])
        close(found, [loss], dtype)
        np.testing.assert_allclose(np.ravel(gradient).astype(float), [float(v) for v in dx], atol=3 * RTOL[dtype], rtol=0)


@both
@pytest.mark.parametrize("n", [2, 5, 60])
def test_log_softmax_and_nll_of_confident_logits(dtype, n):
    x = confident(n, 30.0, dtype)
    with mpmath.workdps(60):
        loss, dx = exact_classes(x, np.eye(n)[1])
    for rows in (1, 17):
        found, gradient = gradients(lambda x: ng.nll_loss(ng.log_softmax(x, -1), [1] * len(x), reduction="sum"), dtype,
                                    np.tile(x, (rows, 1)))
        close(found / rows, [loss], dtype)
        close(gradient[-1], dx, dtype)
    columns = np.tile(x[:, None], (1, 3))
    found, gradient = gradients(lambda x: ng.log_softmax(x, 0)[1], dtype, columns)
    close(-found, [loss] * 3, dtype)
    close(-gradient[:, 2], dx, dtype)


@both
@pytest.mark.parametrize("n", [3, 60])
def test_a_class_of_probability_0_that_does_not_count(dtype, n):
    """Soft targets of 0, weights of 0: 0 * inf is not a loss."""
    x = np.zeros((2, n), dtype)
    x[:, 2] = -np.inf
    t = np.zeros((2, n), dtype)
    t[:, 0], t[:, 1] = 0.25, 0.75
    loss, dx, dt = gradients(lambda x, t: ng.cross_entropy(x, t), dtype, x, t)
    np.testing.assert_allclose(loss, np.log(n - 1), rtol=1e-6)
    assert np.isfinite(dx).all() and (dx[:, 2] == 0).all() and (dt[:, 2] == np.inf).all()
    log_p = np.where(x < 0, -np.inf, -np.log(n - 1)).astype(dtype)
    np.testing.assert_allclose(ng.kl_div(log_p, t, reduction="batchmean").item(),
                               np.log(n - 1) + 0.25 * np.log(0.25) + 0.75 * np.log(0.75), rtol=1e-6)
    w = np.ones(n, dtype)
    w[2] = 0
    for target in ([0, 1], t):
        for smoothing in (0.0, 0.1):
            loss, dx = gradients(lambda x, target=target, s=smoothing: ng.cross_entropy(x, target, weight=w, label_smoothing=s),
                                 dtype, x)
            assert np.isfinite(loss) and np.isfinite(dx).all() and (dx[:, 2] == 0).all(), (target, smoothing)
    loss, dx = gradients(lambda x: ng.cross_entropy(x, [2, 0], weight=w, reduction="sum"), dtype, x)
    np.testing.assert_allclose(loss, np.log(n - 1), rtol=1e-6)
    assert (dx[0] == 0).all()
    loss, dx = gradients(lambda x: ng.nll_loss(x, [2, 0], weight=w, reduction="none"), dtype, x)
    assert (loss == 0).all() and dx[0, 2] == 0
    _, _, dt = gradients(lambda x, t: ng.cross_entropy(x, t, weight=w), dtype, x, t)
    assert (dt[:, 2] == 0).all()


@both
def test_a_class_of_probability_0_that_counts_costs_infinitely_much(dtype):
    x = np.array([[0.0, -np.inf, 1.0]], dtype)
    for target in ([1], np.array([[0.5, 0.5, 0.0]], dtype)):
        loss, dx = gradients(lambda x, target=target: ng.cross_entropy(x, target), dtype, x)
        assert loss == np.inf and np.isfinite(dx).all() and dx[0, 1] < 0
    loss, dx = gradients(lambda x: ng.cross_entropy(x, [0], label_smoothing=0.1), dtype, x)
    assert loss == np.inf and np.isfinite(dx).all()


def test_rows_of_nothing_but_minus_infinity_and_nan_stay_visible():
    for n in (3, 60):
        x = np.zeros((3, n), np.float32)
        x[0] = -np.inf
        x[1, 1] = np.nan
        for target in ([0, 0, 0], np.eye(n, dtype=np.float32)[[0, 0, 0]]):
            loss, dx = gradients(lambda x, target=target: ng.cross_entropy(x, target, reduction="none"), np.float32, x)
            assert np.isnan(loss).tolist() == [True, True, False] and np.isnan(dx[0]).all() and np.isfinite(dx[2]).all()
