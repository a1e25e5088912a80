# SPDX-License-Identifier: LGPL-3.0-or-later
"""Optimizer updates after one enormous gradient: what PyTorch 2.13 has, not a parameter that never moves again."""
import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim


def run(make, gradients, dtype):
    """The parameter, from 1, after each step."""
    p = nn.Parameter(np.ones(3, dtype))
    optimizer = make([p])
    values = []
    for g in gradients:
        p.grad = ng.tensor(np.full(3, g, dtype))
        optimizer.step()
        values.append(p.numpy()[1].item())
    return values, optimizer


# the parameter by PyTorch 2.13, for gradients 1, 1, HUGE, 1, 1
AFTER_HUGE = {
    "Adam": (lambda p: optim.Adam(p, lr=0.1), [0.90000004, 0.8, 0.73611867, 0.6837909, 0.6395621]),
    "AdamW": (lambda p: optim.AdamW(p, lr=0.1), [0.89900005, 0.798101, 0.73342156, 0.6803604, 0.6354512]),
    "Adam, amsgrad": (lambda p: optim.Adam(p, lr=0.1, amsgrad=True), [0.90000004, 0.8, 0.73611867, 0.68381715, 0.63963254]),
    "Adam, decay": (lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1), [0.9, 0.80002481, 0.73614347, 0.68381572, 0.63958687]),
    "RMSprop": (lambda p: optim.RMSprop(p, lr=0.1), [5.9604645e-08, -0.7088811, -1.7088811, -1.7088811, -1.7088811]),
    "RMSprop, momentum": (lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9), [8.0466e-08, -1.608881, -4.0568738, -6.2600675, -8.2429419]),
    "RMSprop, centered": (lambda p: optim.RMSprop(p, lr=0.1, centered=True), [-0.0050378, -0.7210794, -1.7261171, -1.7261171, -1.7261171]),
}


@pytest.mark.parametrize("dtype, huge", [(np.float32, 1e20), (np.float64, 1e155)], ids=["float32", "float64"])
@pytest.mark.parametrize("name", AFTER_HUGE)
def test_a_squared_gradient_overflows_only_where_its_share_does(name, dtype, huge):
    make, expected = AFTER_HUGE[name]
    values, optimizer = run(make, [1, 1, huge, 1, 1], dtype)
    np.testing.assert_allclose(values, expected, rtol=2e-6, atol=1e-7)
    state = optimizer.state_dict()["state"][0]
    moments = state.get("exp_avg_sq", state.get("square_avg"))
    assert np.isfinite(np.asarray(moments)).all() and np.asarray(moments)[0] > np.finfo(dtype).max / 100


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_average_that_forgets_is_not_drowned_by_what_it_forgot(dtype):
    """beta1 = 0 (as for Wasserstein GANs): the first moment is the last gradient. old + 1 * (new - old) was 0 for 1e20, then 1."""
    _, optimizer = run(lambda p: optim.Adam(p, lr=0.1, betas=(0.0, 0.999)), [1, 1e18, 1], dtype)
    assert np.asarray(optimizer.state_dict()["state"][0]["exp_avg"])[0] == 1
    _, optimizer = run(lambda p: optim.Adam(p, lr=0.1, betas=(0.25, 0.999)), [1, 1e18, -0.3e18, 1], dtype)
    expected = 0.75 + 0.25 * (-0.75 * 0.3e18 + 0.25 * 0.75 * 1e18)
    assert np.asarray(optimizer.state_dict()["state"][0]["exp_avg"])[0] == pytest.approx(expected, rel=1e-5)
    _, optimizer = run(lambda p: optim.RMSprop(p, lr=0.1, alpha=0.0, centered=True), [1e18, 1], dtype)
    assert np.asarray(optimizer.state_dict()["state"][0]["grad_avg"])[0] == 1


def test_a_moving_average_of_values_that_forgets():
    model = nn.Linear(1, 1)
    model.weight.assign(1e20)
    average = optim.EMA(model, decay=0.0)
    model.weight.assign(1.0)
    average.update()
    with average.apply():
        assert model.weight.item() == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rmsprop_centered_lives_with_constant_gradients(dtype):
    """The variance of gradients that do not change is 0, and rounding must not make it negative: its root would be NaN."""
    for g in (1.0, 0.1, 3.3, 1e-3):
        values, _ = run(lambda p: optim.RMSprop(p, lr=1e-12, centered=True, alpha=0.5), [g] * 300, dtype)
        assert np.isfinite(values).all()
