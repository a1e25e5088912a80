# SPDX-License-Identifier: LGPL-3.0-or-later
"""Activations far from 0, and gradients of functions near a limit: relative errors, where 1 + something or 1 - something had lost
what they consist of."""
import mpmath
import numpy as np
import pytest

import nanograd as ng
from nanograd import nn

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def value_and_slope(function, x):
    x = ng.tensor(x, requires_grad=True)
    y = function(x)
    y.sum().backward()
    return y.numpy(), x.grad.numpy()


def units(actual, exact, dtype):
    """The largest error, in units in the last place of the exact value."""
    info = np.finfo(dtype)
    worst = 0.0
    for a, e in zip(actual, exact, strict=True):
        exponent = int(mpmath.frexp(e)[1]) - 1 if e else info.minexp
        worst = max(worst, float(abs(mpmath.mpf(float(a)) - e) / mpmath.ldexp(1, max(exponent, info.minexp) - info.nmant)))
    return worst


def points(low, high, dtype):
    rng = np.random.default_rng(int(abs(low) * 10))
    return np.concatenate([rng.uniform(low, high, 150), np.linspace(low, high, 50), rng.uniform(-1, 1, 50)]).astype(dtype)


def exact(function, x):
    with mpmath.workprec(200):
        return [function(mpmath.mpf(float(v))) for v in x]


def cdf(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def pdf(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


@both
def test_gelu_keeps_its_digits_down_to_the_smallest_numbers(dtype):
    x = points(-14.3, 5, dtype) if dtype == np.float32 else points(-38.6, 8, dtype)
    y, slope = value_and_slope(ng.gelu, x)
    assert units(y, exact(lambda v: v * cdf(v), x), dtype) <= 6
    far = x < -2
    exact_slope = exact(lambda v: cdf(v) + v * pdf(v), x)
    assert units(slope[far], [e for e, f in zip(exact_slope, far, strict=True) if f], dtype) <= 8
    np.testing.assert_allclose(slope[~far], [float(e) for e, f in zip(exact_slope, far, strict=True) if not f],
                               atol=4 * np.finfo(dtype).eps, rtol=0)


def test_the_example():
    x = np.array([-5.5, -6, -8, -13], np.float32)
    np.testing.assert_allclose(ng.gelu(x).numpy(), [float(v) for v in exact(lambda v: v * cdf(v), x)], rtol=6e-7)
    x = np.array([-10.0, -29, -38.0])
    np.testing.assert_allclose(ng.gelu(x).numpy(), [float(v) for v in exact(lambda v: v * cdf(v), x)], rtol=1e-14)
    assert (ng.gelu(x).numpy() < 0).all()


@both
@pytest.mark.parametrize("low, units_allowed", [(-5.5, (45, 50)), (-10.3, (300, 400))])
def test_gelu_by_tanh_in_the_tail(dtype, low, units_allowed):
    """Its argument is rounded, which costs so many units of an exponential: 2e-5 at the utmost."""
    x = points(low, 4, dtype)
    inner = lambda v: 2 * mpmath.sqrt(2 / mpmath.pi) * (v + mpmath.mpf("0.044715") * v ** 3)
    y, _ = value_and_slope(lambda x: ng.gelu(x, approximate="tanh"), x)
    assert units(y, exact(lambda v: v / (1 + mpmath.exp(-inner(v))), x), dtype) <= units_allowed[dtype == np.float64]


@both
def test_silu_among_subnormal_numbers(dtype):
    low = -108.5 if dtype == np.float32 else -751.5
    x = np.concatenate([points(low, 20, dtype), np.linspace(low, low + 20, 200).astype(dtype)])
    y, slope = value_and_slope(ng.silu, x)
    assert units(y, exact(lambda v: v / (1 + mpmath.exp(-v)), x), dtype) <= 3.5
    sigmoid = lambda v: 1 / (1 + mpmath.exp(-v))
    np.testing.assert_allclose(slope, [float(e) for e in exact(lambda v: sigmoid(v) * (1 + v * sigmoid(-v)), x)],
                               atol=3 * np.finfo(dtype).eps, rtol=0)


@both
@pytest.mark.parametrize("make", [ng.silu, ng.gelu, lambda x: ng.gelu(x, approximate="tanh")], ids=["silu", "gelu", "gelu_tanh"])
def test_ends_of_the_gated_activations(make, dtype):
    x = np.array([np.inf, -np.inf, np.nan, 1e30, -1e30, 0.0, -1e5], dtype)
    y, slope = value_and_slope(make, x)
    np.testing.assert_array_equal(y, np.array([np.inf, 0, np.nan, 1e30, 0, 0, 0], dtype))
    np.testing.assert_array_equal(slope, np.array([1, 0, np.nan, 1, 0, 0.5, 0], dtype))


@both
def test_fused_activations_have_the_same_tails(dtype):
    x = np.linspace(-13.9, -4, 64).astype(dtype)
    bias = np.zeros(64, dtype)
    expected = ng.gelu(x).numpy()
    assert (expected < 0).all()
    linear = ng.linear(ng.asarray(x[None]), ng.eye(64, dtype=dtype), bias, activation="gelu").numpy()
    np.testing.assert_allclose(linear[0], expected, rtol=1e-6)
    conv = nn.Conv2d(1, 1, 1, activation="gelu").astype(dtype)
    conv.weight.assign(1.0)
    conv.bias.assign(0.0)
    np.testing.assert_allclose(conv(ng.asarray(x.reshape(1, 1, 8, 8))).numpy().ravel(), expected, rtol=1e-6)
    norm = nn.BatchNorm1d(1, eps=2.0 ** -30, activation="gelu").astype(dtype)
    norm.eval()
    y = norm(ng.asarray(x[:, None])).numpy()[:, 0]
    np.testing.assert_allclose(y, expected, rtol=1e-4)       # eps makes the argument smaller


@both
def test_expm1_and_elu_gradients_far_below_0(dtype):
    x = points(-80, 10, dtype)
    for function in (ng.expm1, ng.elu):
        _, slope = value_and_slope(function, x)
        wanted = exact(lambda v, f=function: mpmath.exp(v) if f is ng.expm1 or v <= 0 else mpmath.mpf(1), x)
        assert units(slope, wanted, dtype) <= 2


@both
def test_erf_gradient_in_the_tail(dtype):
    x = points(-9.9, 9.9, dtype)
    _, slope = value_and_slope(ng.erf, x)
    assert units(slope, exact(lambda v: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-v * v), x), dtype) <= 3


@both
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_gradients_from_the_output_are_within_a_unit_of_1(name, dtype):
    x = np.concatenate([points(-25, 25, dtype), points(-3, 3, dtype)])
    _, slope = value_and_slope(getattr(ng, name), x)
    s = lambda v: 1 / (1 + mpmath.exp(-v))
    wanted = exact((lambda v: mpmath.sech(v) ** 2) if name == "tanh" else (lambda v: s(v) * s(-v)), x)
    error = max(abs(float(a) - float(e)) for a, e in zip(slope, wanted, strict=True))
    assert error <= 1.06 * np.finfo(dtype).eps           # 1 with fused multiply-add


@both
@pytest.mark.parametrize("name", ["softplus", "log_sigmoid", "sinh", "cosh", "log1p", "exp", "tan", "arctan", "log"])
def test_relatives_whose_gradients_were_good(name, dtype):
    s = lambda v: 1 / (1 + mpmath.exp(-v))
    slope_of = {"softplus": s, "log_sigmoid": lambda v: s(-v), "sinh": mpmath.cosh, "cosh": mpmath.sinh, "log1p": lambda v: 1 / (1 + v),
                "exp": mpmath.exp, "tan": lambda v: 1 / mpmath.cos(v) ** 2, "arctan": lambda v: 1 / (1 + v * v), "log": lambda v: 1 / v}
    x = points(-60, 60, dtype) if name not in ("tan", "log1p", "log") else points(-0.999, 1, dtype)
    x = np.abs(x[x != 0]) if name == "log" else x
    function = (lambda t: ng.softplus(t, 1.0, 1e30)) if name == "softplus" else getattr(ng, name)
    _, slope = value_and_slope(function, x)
    assert units(slope, exact(slope_of[name], x), dtype) <= 5
