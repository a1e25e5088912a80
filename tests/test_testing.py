# SPDX-License-Identifier: LGPL-3.0-or-later
"""nanograd.testing finds what is wrong, and says where."""
import subprocess
import sys

import numpy as np
import pytest

import nanograd as ng
from nanograd.testing import assert_close, gradcheck


class WrongSquare(ng.Function):
    """x**2 whose gradient is off by `error` at element 1."""

    error = 0.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        wrong = np.zeros(x.shape)
        wrong.reshape(-1)[1] = WrongSquare.error
        return dy * (2 * x + wrong.astype(x.dtype))


def leaf(*values, dtype=np.float64):
    return ng.tensor(values, dtype=dtype, requires_grad=True)


def test_gradcheck_takes_a_right_gradient():
    assert gradcheck(WrongSquare.apply, [leaf(1, 2, 3)])
    assert gradcheck(WrongSquare.apply, leaf(1, 2, 3, dtype=np.float32))


@pytest.mark.parametrize("dtype, error", [(np.float64, 1e-3), (np.float32, 0.5)])
def test_gradcheck_names_the_element_and_both_values(monkeypatch, dtype, error):
    monkeypatch.setattr(WrongSquare, "error", error)
    with pytest.raises(AssertionError, match=r"gradcheck: input 1 \(shape \(3,\), float\d\d\): along a random direction the numerical derivative is "
                                             r"-?\d+\.\d+, backward gives -?\d+\.\d+; furthest off is element \(1,\): -?\d\.\d+, backward gives -?\d\.\d+"):
        gradcheck(lambda a, x: a + WrongSquare.apply(x), [leaf(1, 2, 3, dtype=dtype), leaf(1, 2, 3, dtype=dtype)])


def test_gradcheck_sees_a_missing_gradient():
    with pytest.raises(AssertionError, match="input 0 .*backward gives 0"):
        gradcheck(lambda x, y: y + x.detach(), [leaf(1, 2), leaf(1, 2)])


def test_gradcheck_sees_that_a_sum_would_hide_it():
    """The gradient of a softmax's plain sum is zero: only random cotangents show a wrong one."""
    class Softmax(ng.Function):
        @staticmethod
        def forward(ctx, x):
            e = np.exp(x.numpy())
            return e / e.sum()

        @staticmethod
        def backward(ctx, dy):
            return dy * 0

    with pytest.raises(AssertionError, match="gradcheck: input 0"):
        gradcheck(Softmax.apply, [leaf(0.1, 0.2, 0.3)])


def test_gradcheck_takes_several_outputs_and_other_arguments():
    assert gradcheck(lambda x, n, c: (x * n, x * c, ng.zeros(2)), [leaf(1, 2), 3, ng.tensor([1.0, 2.0], dtype=np.float64)])


def test_gradcheck_misused():
    with pytest.raises(ValueError, match="no input requires a gradient"):
        gradcheck(ng.exp, [ng.zeros(3)])
    with pytest.raises(AssertionError, match="no output of fn requires a gradient"):
        gradcheck(lambda x: x.detach(), [leaf(1, 2)])
    with pytest.raises(TypeError, match="must return tensors, got \\['ndarray'\\]"):
        gradcheck(lambda x: x.numpy(), [leaf(1, 2)])
    state = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="different results for the same inputs"):
        gradcheck(lambda x: x * float(state.uniform()), [leaf(1, 2)])


def test_assert_close():
    assert_close(ng.tensor([1.0, np.inf]), np.array([1.0 + 1e-6, np.inf]))
    assert_close(np.zeros((0, 3)), np.zeros((0, 3)))
    assert_close(ng.tensor(1.0), 1)
    assert_close([1.0, 2.0], ng.tensor([1.5, 2.0]), atol=0.5)
    for actual, expected, message in (
        (ng.zeros(3), np.zeros((3, 1)), r"shapes differ: \(3,\), expected \(3, 1\)"),
        (ng.zeros(3), ng.zeros(3, dtype=np.float64), "dtypes differ: float32, expected float64"),
        ([1.0, 2.0, 4.0], [1.0, 2.5, 3.0], r"2 of 3 elements differ; the worst is at \(2,\): 4\.0, expected 3\.0 \(rtol=1e-07, atol=1e-07\)"),
        ([np.nan], [np.nan], r"1 of 1 elements differ; the worst is at \(0,\): nan"),
        ([np.inf], [-np.inf], "1 of 1 elements differ"),
        ([1e300, np.nan], [1e300, 0.0], r"the worst is at \(1,\): nan"),
    ):
        with pytest.raises(AssertionError, match="assert_close: .*" + message):
            assert_close(actual, expected)


def test_it_is_there_without_an_import_of_its_own():
    code = "import nanograd as ng; ng.testing.assert_close(ng.zeros(2), [0.0, 0.0])"
    subprocess.run([sys.executable, "-c", code], check=True)
