# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reductions beyond the contract: every set of axes of many layouts, accuracy, ties, zeros, infinities, errors."""

import itertools

import numpy as np
import pytest

import nanograd as ng
from nanograd.errors import DTypeError
from nanograd.testing import gradcheck

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
SHAPES = [
    (),
    (1,),
    (5,),
    (70001,),
    (3, 4),
    (1000, 3),
    (3, 1000),
    (20000, 5),
    (5, 20000),
    (2, 1000, 70),
    (2, 3, 4, 5),
    (3, 1, 5, 1, 2),
    (2, 3, 2, 3, 2, 3, 2, 3),
    (0, 3),
    (3, 0),
    (3, 0, 2),
    (130, 600),
    (64, 600, 3),
    (2, 3, 9000, 2),
    (33, 16),
    (2, 31),
    (100, 31),
    (65, 64),
]


def all_axes(shape):
    return itertools.chain.from_iterable(itertools.combinations(range(len(shape)), k) for k in range(len(shape) + 1))


def numbers(shape, dtype, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


@both
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_set_of_axes(shape, dtype):
    x = numbers(shape, dtype)
    leaf = ng.tensor(x, requires_grad=True)
    wide = x.astype(np.float64)
    for axes in all_axes(shape):
        y = ng.sum(leaf, axes)
        scale = np.abs(wide).sum(axes).max(initial=0) if x.size else 1
        np.testing.assert_allclose(y.numpy(), wide.sum(axes), rtol=0, atol=scale * (1e-7 if dtype == np.float32 else 1e-15))
        dy = numbers(y.shape, dtype, 1)
        leaf.zero_grad()
        y.backward(dy)
        np.testing.assert_array_equal(leaf.grad.numpy(), np.broadcast_to(np.expand_dims(dy, axes), shape))
        if x.size:
            for ours, theirs in ((ng.max, np.max), (ng.min, np.min)):
                np.testing.assert_array_equal(ours(leaf, axes).numpy(), theirs(x, axes))
            with_nan = x.copy()
            with_nan.flat[x.size // 2] = np.nan
            np.testing.assert_array_equal(ng.max(with_nan, axes).numpy(), np.max(with_nan, axes))
            np.testing.assert_array_equal(ng.min(with_nan, axes).numpy(), np.min(with_nan, axes))


@both
@pytest.mark.parametrize(
    "shape", [(), (7,), (70001,), (600000,), (3, 40), (40, 3), (3, 700, 5), (2, 3, 1000), (1000, 600), (600, 1030)], ids=str
)
def test_argmax_takes_the_first_and_nan(shape, dtype):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.integers(-20, 20, shape)).astype(dtype)
    with_nan = x.copy()
    with_nan.flat[rng.integers(0, x.size, 3)] = np.nan
    for values in (x, with_nan, np.full(shape, -np.inf, dtype)):
        for axis in (None, *range(len(shape)), -1)[: len(shape) + 2 if shape else 1]:
            for ours, theirs in ((ng.argmax, np.argmax), (ng.argmin, np.argmin)):
                got = ours(values, axis)
                np.testing.assert_array_equal(got, theirs(values, axis))
                assert got.dtype == np.int64 and isinstance(got, np.ndarray if got.ndim else np.int64)


def test_float32_accumulates_in_float64():
    # float32 alone would lose every one of the ones
    assert ng.sum(np.array([2.0**25, *[1.0] * 1000, -(2.0**25)], np.float32)).item() == 1000
    x = np.full(3_000_000, 0.1, np.float32)
    assert ng.mean(x).item() == np.float32(0.1)
    assert ng.sum(x.reshape(1000, 3000), 0).numpy()[0] == np.float32(np.float64(np.float32(0.1)) * 1000)
    assert ng.mean(np.ones(49, np.float64)).item() == 1
    far = (1e4 + np.random.default_rng(0).standard_normal(1001)).astype(np.float32)
    np.testing.assert_allclose(ng.var(far).item(), far.astype(np.float64).var(), rtol=1e-6)
    assert ng.norm(np.array([1e30, 1e30], np.float32)).item() == pytest.approx(2**0.5 * 1e30)


@both
def test_ties_share_the_gradient(dtype):
    for op, row in (
        (ng.max, [1.0, 3.0, 3.0, 3.0]),
        (ng.min, [1.0, 0.0, 0.0, 0.0]),
        (lambda x: ng.norm(x, ord=np.inf), [1.0, 3.0, -3.0, 3.0]),
    ):
        x = ng.tensor(row, dtype=dtype, requires_grad=True)
        op(x).backward(6.0)
        np.testing.assert_allclose(np.abs(x.grad.numpy()), [0, 2, 2, 2])
    x = ng.tensor([np.nan, 1.0, np.nan], dtype=dtype, requires_grad=True)
    ng.max(x).backward()
    assert x.grad.tolist() == [0.5, 0, 0.5]
    x = ng.tensor([-np.inf, -np.inf], dtype=dtype, requires_grad=True)
    ng.max(x).backward()
    assert x.grad.tolist() == [0.5, 0.5]


@both
def test_prod_with_zeros_and_negatives(dtype):
    for values, expected in (
        ([2.0, -3.0, 4.0], [-12, 8, -6]),
        ([2.0, 0.0, -4.0], [0, -8, 0]),
        ([0.0, 0.0, 5.0], [0, 0, 0]),
        ([-0.5], [1]),
    ):
        x = ng.tensor(values, dtype=dtype, requires_grad=True)
        ng.prod(x).backward()
        assert x.grad.tolist() == expected
    rng = np.random.default_rng(0)
    values = rng.uniform(-2, 2, (4, 5, 6))
    values[1, 2, 3] = values[2, 0, 0] = values[2, 4, 5] = 0
    for axes in all_axes((4, 5, 6)):
        assert gradcheck(lambda x, axes=axes: ng.prod(x, axes), [ng.tensor(values, requires_grad=True)])
    n = 100_001  # a product of others that took O(n^2) would not end
    x = ng.tensor(np.r_[0.0, np.ones(n)], dtype=dtype, requires_grad=True)
    ng.prod(x).backward()
    assert x.grad.numpy()[0] == 1 and not x.grad.numpy()[1:].any()


@both
def test_logsumexp_of_infinities(dtype):
    inf = np.inf
    x = ng.tensor([[-inf, -inf], [inf, 0.0], [-inf, 2.0], [1e4, 1e4]], dtype=dtype, requires_grad=True)
    y = ng.logsumexp(x, 1)
    np.testing.assert_allclose(y.numpy(), [-inf, inf, 2, 1e4 + np.log(2)], rtol=1e-6)
    y.backward([1.0, 0.0, 1.0, 1.0])
    np.testing.assert_allclose(x.grad.numpy()[[0, 2, 3]], [[0, 0], [0, 1], [0.5, 0.5]])
    assert np.isnan(ng.logsumexp(np.array([np.nan, 1], dtype)).item())
    assert ng.logsumexp(np.zeros(0, dtype)).item() == -inf


@both
def test_norm_and_std_are_flat_at_zero(dtype):
    for order in (1, 2, np.inf):
        x = ng.tensor(np.zeros((2, 3)), dtype=dtype, requires_grad=True)
        ng.norm(x, axis=1, ord=order).backward()
        assert not x.grad.numpy().any(), order
    x = ng.tensor([2.0, 2.0, 2.0], dtype=dtype, requires_grad=True)
    ng.std(x).backward()
    assert x.grad.tolist() == [0, 0, 0]


@both
def test_of_nothing(dtype):
    nothing = np.zeros((3, 0), dtype)
    assert ng.sum(nothing, 1).tolist() == [0, 0, 0] and ng.prod(nothing, 1).tolist() == [1, 1, 1]
    with pytest.warns(RuntimeWarning):
        assert np.isnan(ng.mean(nothing, 1).numpy()).all() and np.isnan(ng.var(nothing, 1).numpy()).all()
    assert ng.max(nothing, 0).shape == (0,) and ng.argmax(np.zeros((0, 3)), 1).shape == (0,)
    assert ng.cumsum(nothing).shape == (3, 0)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(ng.var(np.ones(1, dtype), ddof=1).item())
    x = ng.tensor(nothing, requires_grad=True)
    ng.sum(x).backward()
    assert x.grad.shape == (3, 0)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: ng.sum(x, axis=3), np.exceptions.AxisError, "sum: axis 3 is out of bounds for a tensor with 2 dimensions"),
        (lambda x: ng.sum(x, axis=(0, -2)), ValueError, "sum: axis 0 occurs twice in axis (0, -2) (x (2, 3))"),
        (lambda x: ng.mean(x, axis=1.0), TypeError, "mean: axis must be an int, got float 1.0"),
        (lambda x: ng.mean(x, axis=[0, 1]), TypeError, "mean: several axes are a tuple, not a list: write axis=(0, 1)"),
        (lambda x: ng.max(ng.zeros((2, 0)), axis=1), ValueError, "max: x (2, 0) has no elements to choose from along axis 1"),
        (lambda x: ng.min(ng.zeros(0)), ValueError, "min: x (0,) has no elements to choose from"),
        (
            lambda x: ng.argmax(ng.zeros((0, 2)), axis=0),
            ValueError,
            "argmax: x (0, 2) has no elements to choose from along axis 0",
        ),
        (
            lambda x: ng.argmax(x, axis=2),
            np.exceptions.AxisError,
            "argmax: axis 2 is out of bounds for a tensor with 2 dimensions",
        ),
        (
            lambda x: ng.sum(ng.tensor(1.0), axis=0),
            np.exceptions.AxisError,
            "sum: axis 0 is out of bounds for a tensor with 0 dimensions",
        ),
        (lambda x: ng.sum(np.array(["a"])), DTypeError, "sum: a tensor holds real numbers, got an array of dtype <U1"),
        (
            lambda x: x.sum(0, 1),
            TypeError,
            "sum: keepdims must be a bool, got int 1; several axes are a tuple: write axis=(0, 1)",
        ),
        (lambda x: ng.norm(x, ord=3), ValueError, "norm: ord must be 1, 2 or inf, got 3"),
        (lambda x: ng.norm(ng.zeros(0), ord=np.inf), ValueError, "norm: x (0,) has no elements to choose from"),
        (
            lambda x: ng.cumsum(ng.tensor(1.0)),
            np.exceptions.AxisError,
            "cumsum: axis -1 is out of bounds for a tensor with 0 dimensions",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as info:
        call(ng.ones((2, 3)))
    assert str(info.value) == message


@pytest.mark.torch
@both
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "prod", "logsumexp", "var", "std", "norm", "cumsum"])
def test_against_torch(name, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    for shape in ((4, 5, 6), (3, 70, 2), (130, 33)):
        values = rng.standard_normal(shape).astype(dtype)
        for axis in range(len(shape)):
            x, t = ng.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
            ours = getattr(ng, name.removeprefix("a"))
            y = ours(x, axis, ddof=1) if name in ("var", "std") else ours(x, axis)
            expected = torch.linalg.vector_norm(t, dim=axis) if name == "norm" else getattr(torch, name)(t, axis)
            dy = rng.standard_normal(y.shape).astype(dtype)
            y.backward(dy)
            expected.backward(torch.tensor(dy))
            tolerance = dict(rtol=2e-5, atol=1e-4) if dtype == np.float32 else dict(rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), **tolerance)
            np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), **tolerance)
