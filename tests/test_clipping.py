# SPDX-License-Identifier: LGPL-3.0-or-later
"""EMA, and the clipping of gradients."""

import copy
import warnings

import numpy as np
import pytest

import nanograd as ng
from nanograd import optim
from nanograd.nn import Parameter

SHAPES = [(3, 4), (4,), (), (0, 3), (33,)]


def small():
    w = Parameter(np.array([1.0, 2.0, 3.0]))
    w.grad = np.array([1.0, 1.0, 1.0])
    return w


# ---- EMA ------------------------------------------------------------------------------------------------------------------


def test_ema():
    w = Parameter(np.array([1.0, 2.0]))
    module = ng.nn.ParameterList([w])
    ema = optim.EMA(module, decay=0.5)
    w.assign([3.0, 4.0])
    saved = ema.state_dict()
    ema.update()
    assert ema.state_dict()["averages"]["0"].tolist() == [2, 3] and saved["averages"]["0"].tolist() == [1, 2]
    with ema.apply():
        assert w.tolist() == [2, 3] and ema.state_dict()["averages"]["0"].tolist() == [2, 3]
        with pytest.raises(RuntimeError, match=r"EMA.update: inside apply\(\) the parameters are the averages; leave it first"):
            ema.update()
    assert w.tolist() == [3, 4]
    with pytest.raises(ZeroDivisionError), ema.apply():
        1 / 0
    assert w.tolist() == [3, 4]
    twin = copy.deepcopy(ema)
    ema.load_state_dict(saved)
    assert ema.state_dict()["averages"]["0"].tolist() == [1, 2] and twin.state_dict()["averages"]["0"].tolist() == [2, 3]
    with pytest.raises(ValueError) as caught:
        ema.load_state_dict({"decay": 0.5, "averages": {"1": [1.0]}})
    assert (
        str(caught.value) == "EMA.load_state_dict: the state does not fit, and nothing was loaded\n  missing: 0\n  unexpected: 1"
    )
    for wrong in (-0.1, 1.1, "0.5"):
        with pytest.raises(ValueError, match="EMA: decay must be in"):
            optim.EMA(module, decay=wrong)
    with pytest.raises(TypeError, match="EMA: expected a Module, got list"):
        optim.EMA([w])


# ---- clipping -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3.5, float("inf"), "inf"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_total_norm(order, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in [*SHAPES, (1000,)]]
    expected = np.linalg.norm(np.concatenate([a.ravel() for a in arrays]).astype(float), float(order))
    params = [Parameter(np.zeros(a.shape, dtype)) for a in arrays]
    for p, a in zip(params, arrays, strict=True):
        p.grad = a
    assert ng.nn.utils.get_total_norm(arrays, order) == pytest.approx(expected, rel=1e-12)
    norm = ng.nn.utils.clip_grad_norm_(params, 0.5, order)
    assert type(norm) is float and norm == pytest.approx(expected, rel=1e-12)
    for p, a in zip(params, arrays, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), a * (0.5 / (norm + 1e-6)), rtol=1e-6)


def test_clipping_leaves_what_is_small_enough_and_who_holds_the_gradient():
    w = small()
    held = w.grad
    assert ng.nn.utils.clip_grad_norm_([w], 100.0) == pytest.approx(3**0.5)
    assert w.grad.tolist() == [1, 1, 1]
    ng.nn.utils.clip_grad_norm_(w, 0.0)
    assert w.grad.tolist() == [0, 0, 0] and held.tolist() == [1, 1, 1]
    w.grad = np.array([-3.0, np.nan, 0.5])
    ng.nn.utils.clip_grad_value_(w, 1.0)
    np.testing.assert_array_equal(w.grad.numpy(), [-1, np.nan, 0.5])
    assert ng.nn.utils.clip_grad_norm_([], 1.0) == 0.0


def test_a_norm_that_is_not_finite_scales_nothing():
    for value in (np.inf, np.nan):
        w = small()
        w.grad = np.array([value, 1.0, 2.0])
        with pytest.warns(
            RuntimeWarning, match=f"clip_grad_norm_: the norm of the gradients is {value}; they are left unchanged"
        ):
            norm = ng.nn.utils.clip_grad_norm_([w], 1.0)
        np.testing.assert_equal(norm, value)
        np.testing.assert_array_equal(w.grad.numpy(), [value, 1, 2])
        with pytest.raises(RuntimeError, match=f"clip_grad_norm_: the norm of the gradients is {value}"):
            ng.nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
        with warnings.catch_warnings():
            np.testing.assert_equal(ng.nn.utils.get_total_norm([w.grad], float("inf")), value)


def test_wrong_clipping():
    w = small()
    for call, error, message in [
        (lambda: ng.nn.utils.clip_grad_norm_([w], -1.0), ValueError, "clip_grad_norm_: max_norm must be at least 0, got -1.0"),
        (lambda: ng.nn.utils.clip_grad_norm_([w], 1.0, 0), ValueError, "clip_grad_norm_: norm_type must be above 0, got 0.0"),
        (
            lambda: ng.nn.utils.clip_grad_norm_(ng.nn.ParameterList([w]), 1.0),
            TypeError,
            "clip_grad_norm_: expected parameters, got a module; write model.parameters()",
        ),
        (
            lambda: ng.nn.utils.clip_grad_norm_([w * 2.0], 1.0),
            ValueError,
            "clip_grad_norm_: a tensor of shape (3,) is not a leaf, so it keeps no gradient",
        ),
        (lambda: ng.nn.utils.clip_grad_value_([w], "1"), TypeError, "clip_grad_value_: clip_value must be a number, got str '1'"),
    ]:
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value) == message
