# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pooling beyond what the contract test of every op covers: PyTorch and the definition as oracles over every kind of geometry, who
gets the gradient where several are the largest, NaN and infinities, the same bits for any number of threads, memory."""
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from specs_pool import REFERENCES, axes_of
from thread_bits import assert_same_bits

import nanograd as ng
import nanograd.nn.functional as F
from nanograd import nn
from nanograd.errors import ShapeError
from nanograd.testing import gradcheck

DTYPES = (np.float32, np.float64)
# Name, shape of x, arguments. Sizes on both sides of a vector, and of what is cut into tiles; odd ones; one window per row.
CASES = {
    "2": ("max_pool2d", (3, 4, 32, 32), {"kernel_size": 2}),
    "2, odd": ("max_pool2d", (2, 3, 33, 31), {"kernel_size": 2}),
    "2, small": ("max_pool2d", (4, 5, 6, 6), {"kernel_size": 2}),
    "3, stride 1": ("max_pool2d", (2, 3, 17, 18), {"kernel_size": 3, "stride": 1}),
    "3, stride 1, padded": ("max_pool2d", (2, 3, 16, 34), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "3, stride 2": ("max_pool2d", (2, 3, 15, 33), {"kernel_size": 3, "stride": 2}),
    "3, stride 2, padded": ("max_pool2d", (2, 3, 56, 55), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "3, stride 2, rounded up": ("max_pool2d", (2, 3, 16, 34), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    "3, stride 3": ("max_pool2d", (2, 3, 20, 64), {"kernel_size": 3}),
    "stride beyond the kernel": ("max_pool2d", (2, 3, 20, 41), {"kernel_size": 2, "stride": (3, 2)}),
    "stride beyond the kernel, far": ("max_pool2d", (2, 3, 20, 41), {"kernel_size": (1, 2), "stride": 5}),
    "pairs": ("max_pool2d", (2, 3, 11, 43), {"kernel_size": (2, 5), "stride": (1, 2), "padding": (1, 2)}),
    "dilation": ("max_pool2d", (2, 3, 11, 43), {"kernel_size": 3, "stride": (1, 2), "padding": 1, "dilation": (2, 3)}),
    "dilation, stride": ("max_pool2d", (2, 3, 19, 43), {"kernel_size": 3, "stride": 2, "dilation": 2}),
    "dilation, one window": ("max_pool2d", (2, 3, 5, 9), {"kernel_size": (3, 5), "dilation": 2}),
    "large kernel, stride 1": ("max_pool2d", (1, 3, 20, 20), {"kernel_size": 13, "stride": 1, "padding": 6}),
    "large kernel, far": ("max_pool2d", (1, 3, 40, 50), {"kernel_size": 17, "stride": 11, "padding": 8, "ceil_mode": True}),
    "more than 256 taps": ("max_pool2d", (2, 3, 40, 41), {"kernel_size": 17, "stride": 5}),
    "more than 256 taps, stride 1": ("max_pool2d", (1, 2, 20, 60), {"kernel_size": (2, 130), "stride": 1, "padding": (0, 65)}),
    "kernel equal to input": ("max_pool2d", (3, 5, 7, 9), {"kernel_size": (7, 9)}),
    "kernel equal to input, wide": ("max_pool2d", (3, 2, 4, 70), {"kernel_size": (4, 70)}),
    "kernel beyond the input": ("max_pool2d", (3, 2, 2, 2), {"kernel_size": 3, "padding": 1, "stride": 3}),
    "1": ("max_pool2d", (2, 3, 5, 20), {"kernel_size": 1}),
    "1, stride 2": ("max_pool2d", (2, 3, 5, 20), {"kernel_size": 1, "stride": 2}),
    "one image": ("max_pool2d", (3, 12, 20), {"kernel_size": 2}),
    "one pixel": ("max_pool2d", (1, 1, 1, 1), {"kernel_size": 1}),
    "no batch": ("max_pool2d", (0, 3, 12, 20), {"kernel_size": 2}),
    "no channels": ("avg_pool2d", (2, 0, 12, 20), {"kernel_size": 2}),
    "wide": ("max_pool2d", (1, 2, 3, 2500), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "wide, stride 2": ("max_pool2d", (1, 2, 5, 5003), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    "sequence": ("max_pool1d", (2, 3, 41), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "sequence, one": ("max_pool1d", (3, 41), {"kernel_size": 4}),
    "sequence, long": ("max_pool1d", (2, 7001), {"kernel_size": (5,), "stride": (3,), "dilation": 7, "ceil_mode": True}),
    "sequence, whole": ("max_pool1d", (2, 3, 1000), {"kernel_size": 1000}),
    "avg 2": ("avg_pool2d", (3, 4, 32, 32), {"kernel_size": 2}),
    "avg 2, odd": ("avg_pool2d", (2, 3, 33, 31), {"kernel_size": 2}),
    "avg 3, stride 1, padded": ("avg_pool2d", (2, 3, 16, 34), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "avg 3, stride 2, padding not counted": ("avg_pool2d", (2, 3, 55, 56), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    "avg 3, stride 2, rounded up": ("avg_pool2d", (2, 3, 16, 34), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    "avg rounded up, padding not counted": ("avg_pool2d", (2, 3, 16, 34), {"kernel_size": (4, 3), "stride": 3, "padding": (2, 1), "ceil_mode": True,
                                                                          "count_include_pad": False}),
    "avg, gaps": ("avg_pool2d", (2, 3, 17, 40), {"kernel_size": (1, 2), "stride": (3, 5)}),
    "avg, five of stride 2": ("avg_pool2d", (2, 3, 17, 40), {"kernel_size": 5, "stride": 2, "padding": 2}),
    "avg, kernel equal to input": ("avg_pool2d", (3, 5, 7, 9), {"kernel_size": (7, 9)}),
    "avg, one image": ("avg_pool2d", (3, 12, 20), {"kernel_size": 2}),
    "avg, no batch": ("avg_pool2d", (0, 3, 12, 20), {"kernel_size": 2}),
    "avg, wide": ("avg_pool2d", (1, 2, 5, 5003), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    "avg, sequence": ("avg_pool1d", (2, 3, 41), {"kernel_size": 4, "stride": 3, "padding": 2, "count_include_pad": False}),
    "avg, sequence, long": ("avg_pool1d", (2, 7001), {"kernel_size": 9, "stride": 1, "padding": 4}),
    "adaptive": ("adaptive_avg_pool2d", (2, 3, 17, 40), {"output_size": (7, 9)}),
    "adaptive, divides": ("adaptive_avg_pool2d", (2, 3, 28, 28), {"output_size": 7}),
    "adaptive, larger": ("adaptive_avg_pool2d", (2, 3, 5, 6), {"output_size": (11, 13)}),
    "adaptive, None": ("adaptive_avg_pool2d", (2, 3, 5, 6), {"output_size": (None, 4)}),
    "adaptive, 1": ("adaptive_avg_pool2d", (2, 3, 5, 6), {"output_size": 1}),
    "adaptive, one axis": ("adaptive_avg_pool2d", (3, 5, 6), {"output_size": (1, 3)}),
    "adaptive, wide": ("adaptive_avg_pool2d", (1, 2, 3, 9000), {"output_size": (2, 2600)}),
}


def numbers(seed, shape, dtype):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def run(name, x, dy, arguments):
    """The value and the gradient."""
    x = ng.tensor(x, requires_grad=True)
    y = getattr(ng, name)(x, **arguments)
    y.backward(ng.tensor(dy(y.shape)))
    return y.numpy(), x.grad.numpy()


def reference_gradient(x, dy, arguments):
    """The gradient of max pooling by the rule: each window's dy goes to its first maximum, row by row; to its last NaN."""
    full = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False} | arguments
    rows, columns = axes_of(x, **full)
    dx = np.zeros(x.shape)
    for image in np.ndindex(*x.shape[:-2]):
        for p, (row, _) in enumerate(rows):
            for q, (column, _) in enumerate(columns):
                part = x[image][row][:, column]
                nan = np.flatnonzero(np.isnan(part))
                i, j = divmod(int(nan[-1]) if nan.size else int(part.argmax()), len(column))
                dx[(*image, row[i], column[j])] += dy[(*image, p, q)]
    return dx


@pytest.mark.torch
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [case for case in CASES if case != "no channels"])     # (an error there)
def test_agrees_with_pytorch(case, dtype):
    import torch

    name, shape, arguments = CASES[case]
    x = numbers(1, shape, dtype)
    theirs = torch.tensor(x.astype(np.float64), requires_grad=True)
    expected = getattr(torch.nn.functional, name)(theirs, **arguments)
    dy = numbers(2, tuple(expected.shape), dtype)
    expected.backward(torch.tensor(dy.astype(np.float64)))
    y, dx = run(name, x, lambda shape: dy, arguments)
    assert y.dtype == dx.dtype == dtype and y.shape == tuple(expected.shape) and dx.shape == shape
    close = dict(rtol=0, atol=1e-6) if dtype == np.float32 else dict(rtol=0, atol=1e-14)
    if name.startswith("max"):
        np.testing.assert_array_equal(y, expected.detach().numpy())
        close["atol"] *= max(1, np.abs(theirs.grad.numpy()).max(initial=0))      # up to 169 windows give to one element
    else:
        np.testing.assert_allclose(y, expected.detach().numpy(), **close)
    np.testing.assert_allclose(dx, theirs.grad.numpy(), **close)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [case for case in CASES if np.prod(CASES[case][1]) < 10_000])
def test_agrees_with_the_definition(case, dtype):
    """Values with many ties; the gradient of a maximum by the rule, of a mean as the adjoint of a linear map."""
    name, shape, arguments = CASES[case]
    x = np.rint(numbers(1, shape, dtype))
    expected = REFERENCES[name](x.astype(np.float64), **arguments)
    dy = np.rint(3 * numbers(2, expected.shape, dtype))
    y, dx = run(name, x, lambda shape: dy, arguments)
    np.testing.assert_allclose(y, expected, rtol=0, atol=0 if name == "max_pool2d" else 3e-7 if dtype == np.float32 else 1e-15)
    if name == "max_pool2d":
        np.testing.assert_array_equal(dx, reference_gradient(x, dy, arguments))
    elif "avg" in name:
        direction = numbers(3, shape, np.float64)
        slope = np.sum(REFERENCES[name](direction, **arguments) * dy)
        np.testing.assert_allclose(np.sum(dx * direction), slope, rtol=0, atol=(2e-4 if dtype == np.float32 else 1e-12) * max(1, np.abs(dy).sum()) / 10)


@st.composite
def geometries(draw):
    """A small maximum that has windows, none of which holds only padding."""
    two = lambda low, high: draw(st.tuples(st.integers(low, high), st.integers(low, high)))
    kernel, stride, dilation = two(1, 4), two(1, 4), draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3)]))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    shape = (draw(st.integers(1, 2)), *draw(st.sampled_from([(7, 6), (5, 34), (9, 17), (3, 40), (8, 8), (1, 20), (12, 1)])))
    return shape, {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": draw(st.booleans())}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(geometries(), st.sampled_from(DTYPES), st.integers(0, 4))
def test_any_geometry(geometry, dtype, special):
    shape, arguments = geometry
    x = np.rint(2 * numbers(1, shape, dtype))
    x.reshape(-1)[::7] = [x.reshape(-1)[0], np.nan, np.inf, -np.inf, -0.0][special]
    try:
        rows, columns = axes_of(x, **arguments)
    except ValueError:
        rows = columns = []
    whole = len(rows) > 0 and len(columns) > 0 and all(row for row, _ in rows) and all(column for column, _ in columns)
    if not whole:
        with pytest.raises(ShapeError):
            ng.max_pool2d(x, **arguments)
        return
    expected = REFERENCES["max_pool2d"](x, **arguments)
    dy = np.rint(3 * numbers(2, expected.shape, dtype))
    y, dx = run("max_pool2d", x, lambda shape: dy, arguments)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dx, reference_gradient(x, dy, arguments))
    assume(arguments["dilation"] == (1, 1))
    del arguments["dilation"]
    for counted in (True, False):
        with np.errstate(invalid="ignore"):
            expected = REFERENCES["avg_pool2d"](x.astype(np.float64), **arguments, count_include_pad=counted)
        y, dx = run("avg_pool2d", x, lambda shape: dy, {**arguments, "count_include_pad": counted})
        np.testing.assert_allclose(y, expected, rtol=1e-6 if dtype == np.float32 else 1e-14, atol=1e-15)
        assert np.isclose(dx.sum(dtype=np.float64), expected_sum(rows, columns, dy, counted), atol=1e-3)


def expected_sum(rows, columns, dy, counted):
    """What the gradient of means adds up to: of each window the part that is image."""
    share = lambda axis: np.array([len(inside) / (size if counted else len(inside)) for inside, size in axis])
    return np.sum(dy * np.outer(share(rows), share(columns)))


# ---- maxima: who has the gradient -----------------------------------------------------------------------------------------


def gradient_of_row(values, **arguments):
    x = ng.tensor(np.array([[values]], np.float32), requires_grad=True)
    y = ng.max_pool2d(x, **arguments)
    y.backward(ng.ones(y.shape))
    return y.numpy().reshape(-1).tolist(), x.grad.numpy().reshape(-1).tolist()


@pytest.mark.parametrize("length", [4, 40, 100])
def test_the_first_of_equal_maxima_has_the_gradient(length):
    values = [1.0] * length
    assert gradient_of_row(values, kernel_size=(1, length)) == ([1.0], [1.0, *[0.0] * (length - 1)])
    assert gradient_of_row(values, kernel_size=(1, 2)) == ([1.0] * (length // 2), [1.0, 0.0] * (length // 2))
    assert gradient_of_row(values, kernel_size=(1, 2), stride=1)[1] == [*[1.0] * (length - 1), 0.0]
    assert gradient_of_row([0.0, -0.0] * (length // 2), kernel_size=(1, 2))[1] == [1.0, 0.0] * (length // 2)


def test_nan_is_passed_on_and_the_last_has_the_gradient():
    nan = float("nan")
    y, dx = gradient_of_row([nan, 1.0, nan, 2.0, 3.0, 4.0, 5.0, 6.0], kernel_size=(1, 4))
    assert np.isnan(y[0]) and y[1] == 6 and dx == [0, 0, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 1), (3, 2), (3, 3)])
def test_windows_of_minus_infinity_give_their_first_element_the_gradient(kernel, stride, padding):
    """And not the padding, which is minus infinity too."""
    x = np.full((1, 2, 9, 34), -np.inf, np.float32)
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding}
    y, dx = run("max_pool2d", x, lambda shape: np.ones(shape, np.float32), arguments)
    assert np.all(y == -np.inf) and dx.sum() == y.size
    np.testing.assert_array_equal(dx, reference_gradient(x, np.ones(y.shape), arguments))


def test_infinite_gradients_stay_where_they_belong():
    x = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    dy = np.full((1, 4, 4), np.inf, np.float32)
    _, dx = run("max_pool2d", x, lambda shape: dy, {"kernel_size": 2})
    assert np.isinf(dx).sum() == 16 and np.all((dx == 0) | np.isinf(dx))


@pytest.mark.parametrize("case", ["3, stride 2, padded", "dilation", "large kernel, far", "avg rounded up, padding not counted", "adaptive",
                                  "adaptive, larger", "avg, sequence"])
def test_gradcheck(case):
    name, shape, arguments = CASES[case]
    x = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) / 100     # no two are near each other
    assert gradcheck(lambda x: getattr(ng, name)(x, **arguments), [ng.tensor(x, requires_grad=True)])


# ---- means ----------------------------------------------------------------------------------------------------------------


def test_means_are_summed_in_float64():
    """In float32 the small ones would be lost beside the large one."""
    x = np.full((1, 1, 64, 64), 1e-3, np.float32)
    x[0, 0, 0, 0], x[0, 0, -1, -1] = 1e6, -1e6
    for y in (ng.global_avg_pool2d(x), ng.avg_pool2d(x, 64), ng.adaptive_avg_pool2d(x, 1)):
        np.testing.assert_allclose(float(y.sum()), x.astype(np.float64).mean(), rtol=1e-6)


def test_the_mean_of_equal_numbers_is_that_number():
    for value in (0.1, 3.0, 1e30):
        x = np.full((2, 3, 9, 9), value)
        for y in (ng.avg_pool2d(x, 3), ng.adaptive_avg_pool2d(x, (3, 9)), ng.avg_pool2d(x, 3, 2, 1, True, False)):
            np.testing.assert_allclose(y.numpy(), value, rtol=3e-16)


def test_nan_and_inf_reach_the_means_that_read_them_and_no_others():
    x = np.ones((1, 1, 9, 40), np.float32)
    x[0, 0, 4, 20], x[0, 0, 0, 0] = np.nan, np.inf
    y = ng.avg_pool2d(x, 3, 1, 1).numpy()[0, 0]
    assert np.isnan(y[3:6, 19:22]).all() and np.isnan(y).sum() == 9
    assert np.isinf(y[:2, :2]).all() and np.isinf(y).sum() == 4


def test_adaptive_to_nothing():
    x = ng.ones((2, 3, 5, 6), requires_grad=True)
    y = ng.adaptive_avg_pool2d(x, (0, 3))
    y.backward(ng.ones((2, 3, 0, 3)))
    assert y.shape == (2, 3, 0, 3) and not x.grad.numpy().any()


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (3, 5, 7), (1, 1, 1, 1), (0, 3, 2, 2), (2, 0, 2, 2), (64, 32, 7, 7)])
def test_global_average(shape):
    x = numbers(1, shape, np.float32)
    dy = numbers(2, shape[:-2], np.float32)
    y, dx = run("global_avg_pool2d", x, lambda shape: dy, {})
    assert y.shape == shape[:-2]
    np.testing.assert_allclose(y, x.mean((-2, -1), dtype=np.float64), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(dx, np.broadcast_to(dy[..., None, None] / (shape[-1] * shape[-2]), shape), rtol=1e-6)


# ---- the rest -------------------------------------------------------------------------------------------------------------


THREADED = {
    "2": ("max_pool2d", (8, 32, 64, 64), {"kernel_size": 2}),
    "3, stride 1": ("max_pool2d", (4, 16, 64, 65), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "3, stride 2": ("max_pool2d", (8, 32, 63, 64), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "3, stride 3": ("max_pool2d", (8, 32, 63, 64), {"kernel_size": 3}),
    "one plane": ("max_pool2d", (1, 700, 701), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "large kernel": ("max_pool2d", (1, 2, 200, 200), {"kernel_size": 9, "stride": 1, "padding": 4}),
    "one sequence": ("max_pool1d", (1, 900_000), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "avg": ("avg_pool2d", (8, 32, 64, 64), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "avg, one sequence": ("avg_pool1d", (1, 900_000), {"kernel_size": 4}),
    "adaptive": ("adaptive_avg_pool2d", (8, 32, 60, 61), {"output_size": (7, 9)}),
}


@pytest.mark.parametrize("case", THREADED)
def test_same_bits_for_any_number_of_threads(case):
    name, shape, arguments = THREADED[case]
    x = ng.tensor(numbers(1, shape, np.float32), requires_grad=True)
    y = getattr(ng, name)(x, **arguments)
    dy = ng.tensor(numbers(2, y.shape, np.float32))
    assert_same_bits(lambda: [getattr(ng, name)(x.detach(), **arguments).numpy()])
    assert_same_bits(lambda: [ng.grad(y, [x], grad_outputs=dy, retain_graph=True)[0].numpy()])


def test_memory_of_a_maximum_is_a_byte_for_each_result():
    x = ng.tensor(numbers(1, (8, 32, 64, 64), np.float32), requires_grad=True)
    ng.max_pool2d(x, 2)
    before = ng.memory_stats()["in_use"]
    y = ng.max_pool2d(x, 2)
    assert y.size <= ng.memory_stats()["in_use"] - before - 4 * y.size <= 3 * y.size       # (blocks are rounded up)
    del y
    with ng.no_grad():
        y = ng.max_pool2d(x, 2)
    assert ng.memory_stats()["in_use"] - before <= 5 * y.size


@pytest.mark.parametrize("case", ["3, stride 2, padded", "large kernel, far", "avg 2", "adaptive"])
def test_nothing_beyond_an_array_is_read_or_written(case):
    """An array that ends where its memory does, between NaNs; the gradient's neighbours too."""
    name, shape, arguments = CASES[case]
    x = numbers(1, shape, np.float32)
    room = np.full(x.size + 200, np.nan, np.float32)
    view = room[101:101 + x.size].reshape(shape)
    view[...] = x
    np.testing.assert_array_equal(getattr(ng, name)(view, **arguments).numpy(), getattr(ng, name)(x, **arguments).numpy())
    assert np.isnan(room[:101]).all() and np.isnan(room[101 + x.size:]).all()


def test_operands_that_are_no_tensors_and_views():
    image = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    batch = ng.tensor(np.stack([image, image + 1]))
    np.testing.assert_array_equal(ng.max_pool2d(image.tolist(), 2).numpy(), image[:, 1::2, 1::2])
    np.testing.assert_array_equal(ng.max_pool2d(batch[1], 2).numpy(), image[:, 1::2, 1::2] + 1)
    np.testing.assert_array_equal(ng.max_pool2d(batch.numpy()[:, ::-1], [2], (np.int64(2), 2)).numpy(), batch.numpy()[:, ::-1, 1::2, 1::2])


def test_rounded_up_the_last_window_begins_inside_the_image_or_before_it():
    assert ng.max_pool1d(ng.zeros((1, 5)), 2, ceil_mode=True).shape == (1, 3)
    assert ng.max_pool1d(ng.zeros((1, 4)), 2, 3, ceil_mode=True).shape == (1, 2)
    assert ng.max_pool1d(ng.zeros((1, 3)), 2, 3, ceil_mode=True).shape == (1, 1)          # another one would begin behind
    assert ng.avg_pool1d(ng.ones((1, 5)), 2, 2, 1, True).tolist() == [[0.5, 1.0, 1.0]]
    assert ng.max_pool2d(ng.zeros((1, 2, 2)), 3, 2, ceil_mode=True).shape == (1, 1, 1)


# ---- layers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("layer", [
    "MaxPool1d(3)", "MaxPool1d((3,), 2)", "MaxPool2d(2)", "MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=2, ceil_mode=True)",
    "AvgPool1d(2)", "AvgPool1d(3, 2, 1, False, False)", "AvgPool2d(2)", "AvgPool2d((2, 3), 2, 1, True, False)", "AdaptiveAvgPool2d(3)",
    "AdaptiveAvgPool2d((None, 2))", "AdaptiveAvgPool2d([2, 3])", "ZeroPad2d(2)", "ZeroPad2d((1, 2, 0, 3))", "ZeroPad2d((-1, 2, 0, -3))",
])
def test_layers_are_pytorchs(layer):
    import torch

    ours, theirs = eval(layer, vars(nn).copy()), eval(layer, vars(torch.nn).copy())
    assert repr(ours) == repr(theirs).replace("[2, 3]", "(2, 3)")
    shape = (2, 3, 17) if "1d" in layer else (2, 3, 10, 11)
    x = numbers(1, shape, np.float32)
    np.testing.assert_allclose(ours(x).numpy(), theirs(torch.tensor(x)).numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours(x[0]).numpy(), theirs(torch.tensor(x[0])).numpy(), rtol=0, atol=1e-6)


def test_layers():
    x = numbers(1, (2, 3, 8, 9), np.float32)
    assert repr(nn.GlobalAvgPool2d()) == "GlobalAvgPool2d()" and nn.GlobalAvgPool2d()(x).shape == (2, 3)
    assert nn.GlobalAvgPool2d()(x[0]).shape == (3,)
    y = nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((2, None)))(ng.tensor(x, requires_grad=True))
    assert y.shape == (2, 3, 2, 2) and y.requires_grad
    np.testing.assert_array_equal(nn.ZeroPad2d((1, 2, 0, 1))(x).numpy(), np.pad(x, ((0, 0), (0, 0), (0, 1), (1, 2))))
    t = ng.tensor(x, requires_grad=True)
    nn.ZeroPad2d((-2, 1, 0, -1))(t).sum().backward()
    assert t.grad.numpy().sum() == 2 * 3 * 7 * 7 and not t.grad.numpy()[..., :2].any() and not t.grad.numpy()[..., -1, :].any()


@pytest.mark.parametrize("make, error, message", [
    (lambda: nn.MaxPool2d(0), ValueError, r"^MaxPool2d: kernel_size must be at least 1, got 0$"),
    (lambda: nn.MaxPool2d(2, 0), ValueError, r"^MaxPool2d: stride must be at least 1, got 0$"),
    (lambda: nn.MaxPool2d((1, 2, 3)), TypeError, r"^MaxPool2d: kernel_size must be an int or 2 ints, got \(1, 2, 3\)$"),
    (lambda: nn.MaxPool2d(3, padding=2), ShapeError, r"^MaxPool2d: padding must be at most half the kernel, got padding 2 for kernel 3$"),
    (lambda: nn.MaxPool2d(3, 2, 1, 1, True), TypeError, "positional"),         # in PyTorch that is return_indices
    (lambda: nn.MaxPool2d(3, return_indices=True), TypeError, "return_indices"),
    (lambda: nn.AvgPool2d(3, divisor_override=2), TypeError, "divisor_override"),
    (lambda: nn.AvgPool1d(2, ceil_mode=1), TypeError, r"^AvgPool1d: ceil_mode must be a bool, got int 1$"),
    (lambda: nn.AvgPool2d(2, count_include_pad=None), TypeError, r"^AvgPool2d: count_include_pad must be a bool, got None$"),
    (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), TypeError, r"^AdaptiveAvgPool2d: output_size must be an int, or two ints or None, got \(1, 2, 3\)$"),
    (lambda: nn.AdaptiveAvgPool2d(-1), ValueError, r"^AdaptiveAvgPool2d: output_size must be at least 0, got -1$"),
    (lambda: nn.ZeroPad2d((1, 2)), TypeError, r"^ZeroPad2d: padding must be an int or 4 ints, got \(1, 2\)$"),
    (lambda: nn.ZeroPad2d(-3)(ng.zeros((1, 4, 9))), ShapeError, r"^ZeroPad2d: padding \(-3, -3, -3, -3\) takes more away than there is \(input \(1, 4, 9\)\)"),
    (lambda: nn.ZeroPad2d(1)(ng.zeros((4, 9))), ShapeError, r"^ZeroPad2d: input must be \(N, C, H, W\) or \(C, H, W\), got shape \(4, 9\)"),
])
def test_wrong_arguments_of_layers(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("name", ["max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool2d"])
def test_functional_takes_pytorchs_arguments(name):
    case = next(case for case in CASES.values() if case[0] == name and case[1][0] > 0)
    x = numbers(1, case[1], np.float32)
    np.testing.assert_array_equal(getattr(F, name)(input=x, **case[2]).numpy(), getattr(ng, name)(x, **case[2]).numpy())
    values = list(case[2].values())
    if name != "adaptive_avg_pool2d":
        values = [2, 3, 1, 2, True] if name.startswith("max") else [2, 3, 1, True, False]
    np.testing.assert_array_equal(getattr(F, name)(x, *values).numpy(), getattr(ng, name)(x, *values).numpy())
