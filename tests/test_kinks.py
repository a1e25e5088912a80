# SPDX-License-Identifier: LGPL-3.0-or-later
"""Gradients where there is no derivative: decided once, documented, and tested here (docs/design.md)."""
import numpy as np
import pytest

import nanograd as ng

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def gradients(dtype, fn, *values):
    leaves = [ng.tensor(v, dtype=dtype, requires_grad=True) for v in values]
    fn(*leaves).backward()
    return [x.grad.tolist() for x in leaves]


@both
def test_relu_and_abs_are_flat_at_zero(dtype):
    assert gradients(dtype, ng.relu, [-1.0, 0.0, -0.0, 2.0]) == [[0, 0, 0, 1]]
    assert gradients(dtype, ng.abs, [-1.0, 0.0, -0.0, 2.0]) == [[-1, 0, 0, 1]]
    assert not np.signbit(ng.relu(ng.tensor([-1.0, -0.0], dtype=dtype)).numpy()).any()
    assert np.isnan(ng.relu(ng.tensor([np.nan], dtype=dtype)).numpy()).all()


@both
def test_leaky_relu_has_the_slope_of_its_left_side_at_zero(dtype):
    assert gradients(dtype, lambda x: ng.leaky_relu(x, 0.25), [-1.0, 0.0, 2.0]) == [[0.25, 0.25, 1]]


@both
def test_maximum_and_minimum_give_half_to_each_side(dtype):
    for op in (ng.maximum, ng.minimum):
        a, b = gradients(dtype, op, [1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
        assert sorted([a[0], b[0]]) == sorted([a[2], b[2]]) == [0, 1]
        assert a[1] == b[1] == 0.5
    x = ng.tensor([2.0], dtype=dtype, requires_grad=True)
    ng.maximum(x, x).backward()
    assert x.grad.tolist() == [1]


@both
@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_of_a_reduction_share_evenly(dtype, name):
    op, sign = getattr(ng, name), 1 if name == "max" else -1
    assert gradients(dtype, op, [1.0 * sign, 3.0 * sign, 3.0 * sign, 3.0 * sign, 3.0 * sign]) == [[0, 0.25, 0.25, 0.25, 0.25]]
    (g,) = gradients(dtype, lambda x: op(x, axis=1), [[5.0 * sign, 5.0 * sign], [0.0, 7.0 * sign]])
    assert g == [[0.5, 0.5], [0, 1]]


@both
def test_the_branch_not_taken_gets_exactly_zero(dtype):
    a, b = gradients(dtype, lambda a, b: ng.where(np.array([True, False]), a, b) * np.inf, [1.0, 2.0], [1.0, 2.0])
    assert a == [np.inf, 0] and b == [0, np.inf]
    assert gradients(dtype, lambda x: ng.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0, np.inf]) == [[0, 1, 1, 1, 0, 0]]


@both
def test_sqrt_and_pow_at_zero(dtype):
    assert gradients(dtype, lambda x: ng.sqrt(x) * 0.0, [0.0]) == [[0]]
    assert gradients(dtype, ng.sqrt, [0.0]) == [[np.inf]]
    a, b = gradients(dtype, ng.pow, [0.0, 0.0, 0.0], [0.0, 1.0, 2.0])
    assert a == [0, 1, 0] and b == [0, 0, 0]
