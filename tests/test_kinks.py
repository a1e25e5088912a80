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
    a, _ = gradients(dtype, lambda a, b: ng.pow(a, b) * np.inf, [0.0, 2.0, -3.0, np.inf, np.nan], [0.0] * 5)
    assert a == [0] * 5


@both
def test_steps_are_flat_everywhere(dtype):
    for op in (ng.sign, ng.floor, ng.ceil, ng.round):
        assert gradients(dtype, op, [-1.5, 0.0, 0.5, 2.0]) == [[0, 0, 0, 0]]
    assert ng.round(ng.tensor([0.5, 1.5, 2.5, -0.5], dtype=dtype)).tolist() == [0, 2, 2, 0]
    assert ng.sign(ng.tensor([-2.0, -0.0, 0.0, np.nan], dtype=dtype)).tolist()[:3] == [-1, 0, 0]


@both
def test_elu_has_the_slope_of_its_left_side_at_zero(dtype):
    assert gradients(dtype, lambda x: ng.elu(x, 0.25), [0.0, 2.0]) == [[0.25, 1]]


@both
def test_softplus_is_linear_above_its_threshold(dtype):
    x = [20.0, np.nextafter(dtype(20), dtype(21)), 1e4, -1e4, np.inf, -np.inf]
    (g,) = gradients(dtype, ng.softplus, x)
    assert g[0] == pytest.approx(1, abs=1e-8) and g[1:] == [1, 1, 0, 1, 0]
    assert ng.softplus(ng.tensor(x, dtype=dtype)).tolist()[1:] == [x[1], 1e4, 0, np.inf, 0]


@both
def test_arctan2_is_flat_at_the_origin(dtype):
    a, b = gradients(dtype, ng.arctan2, [0.0, 0.0, 0.0, 3.0, 1e-30, 1e30], [0.0, 2.0, -2.0, 0.0, 1e-30, 1e30])
    assert a[:4] == [0, 0.5, -0.5, 0] and b[:3] == [0, 0, 0]
    np.testing.assert_allclose(b[3:], [-1 / 3, -0.5e30, -0.5e-30], rtol=1e-6)      # no overflow of a**2 + b**2
    np.testing.assert_allclose(a[4:], [0.5e30, 0.5e-30], rtol=1e-6)


@both
def test_activations_far_from_zero(dtype):
    """Finite gradients and the right limits where exponentials overflow."""
    far = [-np.inf, -1e30, -1e4, 1e4, 1e30, np.inf]
    for op in (ng.silu, ng.gelu, lambda x: ng.gelu(x, "tanh")):
        assert ng.asarray(np.array(far, dtype)).size and gradients(dtype, op, far) == [[0, 0, 0, 1, 1, 1]]
        assert op(ng.tensor(far, dtype=dtype)).tolist() == [0, 0, 0, *np.array(far[3:], dtype).tolist()]
    assert gradients(dtype, ng.log_sigmoid, far) == [[1, 1, 1, 0, 0, 0]]
    assert gradients(dtype, ng.tanh, far) == [[0] * 6]
    assert gradients(dtype, ng.erf, far) == [[0] * 6]
    assert gradients(dtype, ng.elu, far) == [[0, 0, 0, 1, 1, 1]]


@both
def test_numpy_answers(dtype):
    x = ng.tensor([1.0, np.nan, np.inf, -np.inf], dtype=dtype)
    assert x.isnan().tolist() == [False, True, False, False] and np.isnan(x).tolist() == x.isnan().tolist()
    assert ng.isinf(x).tolist() == [False, False, True, True] and ng.isfinite(x).tolist() == [True, False, False, False]
    assert ng.allclose(x[:1], 1.0 + 1e-6) and not ng.allclose(x[:1], 1.1) and not x.allclose(x)
    with pytest.raises(ng.errors.ShapeError, match=r"allclose: .*\(2,\).*\(3,\)"):
        ng.allclose(np.ones(2), np.ones(3))


@both
def test_numpy_answers_of_any_length(dtype):
    rng = np.random.default_rng(0)
    for n in (0, 1, 15, 63, 64, 65, 1000, 100_001):
        a = rng.choice([0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).tiny / 4], n).astype(dtype)
        for ours, theirs in ((ng.isnan, np.isnan), (ng.isinf, np.isinf), (ng.isfinite, np.isfinite)):
            answer = ours(ng.tensor(a))
            assert type(answer) is np.ndarray and answer.dtype == np.bool_ and answer.flags.owndata and answer.flags.writeable
            np.testing.assert_array_equal(answer, theirs(a))
    assert ng.isnan(np.zeros((2, 0, 3), dtype)).shape == (2, 0, 3) and ng.isnan(1.0).shape == ()


@both
def test_allclose_is_numpys(dtype):
    """Any two of these values, tolerances, broadcasting; and a single far pair wherever it stands."""
    values = np.array([0.0, -0.0, 1.0, 1.0001, -1.0, 1e30, 1.001e30, np.inf, -np.inf, np.nan], dtype)
    for rtol, atol in ((1e-5, 1e-8), (0.0, 0.0), (1e-2, 0.0), (0.0, 1e-3), (0.0, np.inf)):
        for a in values:
            for b in values:
                with np.errstate(invalid="ignore"):
                    expected = np.allclose(a, b, rtol, atol)
                assert ng.allclose(ng.tensor(a), ng.tensor(b), rtol, atol) is expected, (a, b, rtol, atol)
    grid = np.ones((3, 4), dtype)
    for shape in ((), (1,), (4,), (3, 1), (1, 1), (3, 4), (2, 3, 4)):
        other = np.ones(shape, dtype)
        assert ng.allclose(grid, other) and ng.allclose(other, grid)
        other.reshape(-1)[-1] = 2
        assert not ng.allclose(grid, other) and not ng.allclose(other, grid)
    assert ng.allclose(np.zeros((0, 3), dtype), 1.0)
    n = 300_001
    x = np.zeros(n, dtype)
    for i in (0, 1023, 1024, n // 2, n - 1):
        y = x.copy()
        y[i] = 1
        assert not ng.allclose(x, y) and not ng.allclose(y, x) and not ng.allclose(y, 0.0) and ng.allclose(y, y)


@both
def test_where_takes_any_mask(dtype):
    """Every length of a remainder, bytes of a mask as NumPy makes them, and exact bits: signs of zero, NaN."""
    rng = np.random.default_rng(0)
    for n in (1, 15, 16, 17, 1023, 1025, 70_001):
        a, b = (rng.choice([0.0, -0.0, 1.0, np.nan, np.inf], n).astype(dtype) for _ in range(2))
        mask = rng.random(n) < 0.5
        x, y = (ng.tensor(array, requires_grad=True) for array in (a, b))
        out = ng.where(mask, x, y)
        assert out.numpy().tobytes() == np.where(mask, a, b).tobytes()
        dy = rng.choice([1.0, np.nan, np.inf], n).astype(dtype)
        out.backward(dy)
        np.testing.assert_array_equal(x.grad.numpy(), np.where(mask, dy, 0))
        np.testing.assert_array_equal(y.grad.numpy(), np.where(mask, 0, dy))
