# SPDX-License-Identifier: LGPL-3.0-or-later
"""nn.init: the variances that are promised, within 2 %; PyTorch's arguments and gains; errors."""

import inspect
import math

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn
from nanograd.nn import init

SHAPE = (300, 500)  # fan_in 500, fan_out 300
DISTRIBUTIONS = {
    "uniform": (lambda p, g: init.uniform_(p, -2.0, 4.0, generator=g), 1.0, 6 / 12**0.5, (-2, 4)),
    "normal": (lambda p, g: init.normal_(p, 3.0, 2.0, generator=g), 3.0, 2.0, None),
    "xavier_uniform": (lambda p, g: init.xavier_uniform_(p, 2.0, generator=g), 0.0, 2 * (2 / 800) ** 0.5, None),
    "xavier_normal": (lambda p, g: init.xavier_normal_(p, generator=g), 0.0, (2 / 800) ** 0.5, None),
    "kaiming_uniform": (lambda p, g: init.kaiming_uniform_(p, nonlinearity="relu", generator=g), 0.0, (2 / 500) ** 0.5, None),
    "kaiming_uniform_sqrt5": (lambda p, g: init.kaiming_uniform_(p, a=5**0.5, generator=g), 0.0, (1 / 3 / 500) ** 0.5, None),
    "kaiming_normal": (
        lambda p, g: init.kaiming_normal_(p, mode="fan_out", nonlinearity="relu", generator=g),
        0.0,
        (2 / 300) ** 0.5,
        None,
    ),
    "kaiming_normal_tanh": (
        lambda p, g: init.kaiming_normal_(p, nonlinearity="tanh", generator=g),
        0.0,
        5 / 3 * (1 / 500) ** 0.5,
        None,
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_mean_and_deviation(name, dtype):
    draw, mean, std, bounds = DISTRIBUTIONS[name]
    p = nn.Parameter(np.zeros(SHAPE, dtype))
    assert draw(p, ng.Generator(1)) is p and p.dtype == dtype
    values = p.numpy()
    assert values.std() == pytest.approx(std, rel=0.02)
    assert values.mean() == pytest.approx(mean, abs=0.02 * std)
    if bounds:
        assert values.min() >= bounds[0] and values.max() < bounds[1]
    first = values.copy()
    draw(p, ng.Generator(1))
    np.testing.assert_array_equal(p.numpy(), first)
    draw(p, ng.Generator(2))
    assert (p.numpy() != first).mean() > 0.99


def test_fans_of_convolutions():
    p = init.kaiming_normal_(nn.Parameter(np.zeros((64, 32, 3, 3))), nonlinearity="relu")
    assert p.numpy().std() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (4, 2, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(nn.Parameter(np.zeros(shape)), gain=2.0, generator=ng.Generator(0)).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_constants():
    p = nn.Parameter([[1.0, 2.0]])
    assert (
        init.constant_(p, 3).tolist() == [[3, 3]] and init.zeros_(p).tolist() == [[0, 0]] and init.ones_(p).tolist() == [[1, 1]]
    )


def test_whoever_holds_the_old_value_keeps_it():
    p = nn.Parameter([1.0, 2.0])
    held = p.detach()
    init.zeros_(p)
    assert held.tolist() == [1, 2]


def test_gains():
    for name, gain in [("linear", 1), ("sigmoid", 1), ("conv2d", 1), ("tanh", 5 / 3), ("relu", 2**0.5), ("selu", 0.75)]:
        assert init.calculate_gain(name) == pytest.approx(gain)
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / (1 + 0.01**2)))
    assert init.calculate_gain("leaky_relu", 0.5) == pytest.approx(math.sqrt(2 / 1.25))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: init.xavier_uniform_(nn.Parameter([1.0])),
            ng.errors.ShapeError,
            "xavier_uniform_: fan in and fan out need at least 2 axes, got shape (1,)",
        ),
        (
            lambda: init.zeros_(ng.zeros(3)),
            TypeError,
            "zeros_: expected an nn.Parameter, got Tensor; a tensor's value never changes",
        ),
        (lambda: init.zeros_(np.zeros(3)), TypeError, "zeros_: expected an nn.Parameter, got ndarray"),
        (
            lambda: init.kaiming_normal_(nn.Parameter(np.ones((2, 2))), mode="fan"),
            ValueError,
            "kaiming_normal_: mode must be 'fan_in' or 'fan_out', got 'fan'",
        ),
        (lambda: init.calculate_gain("mish"), ValueError, None),
        (
            lambda: init.orthogonal_(nn.Parameter([1.0])),
            ng.errors.ShapeError,
            "orthogonal_: needs at least 2 axes, got shape (1,)",
        ),
        (lambda: init.constant_(nn.Parameter([1.0]), "x"), TypeError, "constant_: val must be a number, got str 'x'"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message is None or str(caught.value) == message


@pytest.mark.torch
@pytest.mark.parametrize("name", init.__all__)
def test_arguments_are_those_of_pytorch(name):
    import torch

    theirs = inspect.signature(getattr(torch.nn.init, name)).parameters.values()
    ours = inspect.signature(getattr(init, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
