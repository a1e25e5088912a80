# SPDX-License-Identifier: LGPL-3.0-or-later
"""Convolutions beyond what the contract test of every op covers: PyTorch and the definition as oracles over every kind of geometry,
all gradients, the same bits for any number of threads, and what is not computed."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specs_conv import conv1d_reference, conv2d_reference
from thread_bits import assert_same_bits

import nanograd as ng
from nanograd.errors import ShapeError
from nanograd.testing import gradcheck

DTYPES = (np.float32, np.float64)
# x, weight, arguments. Sizes on both sides of a vector and of a register tile, and odd ones.
GEOMETRIES = {
    "3x3": ((2, 3, 7, 9), (5, 3, 3, 3), {}),
    "3x3 padded": ((2, 16, 14, 14), (33, 16, 3, 3), {"padding": 1}),
    "many channels": ((3, 70, 7, 7), (40, 70, 3, 3), {"padding": 1}),
    "few channels": ((2, 3, 33, 31), (64, 3, 3, 3), {"padding": 1}),
    "few outputs": ((2, 24, 12, 13), (3, 24, 3, 3), {"padding": 1}),
    "one channel": ((1, 1, 8, 8), (8, 1, 3, 3), {"padding": 1}),
    "batch 1": ((1, 8, 10, 10), (12, 8, 3, 3), {"padding": 1}),
    "no batch": ((0, 8, 10, 10), (12, 8, 3, 3), {"padding": 1}),
    "one image": ((8, 9, 11), (10, 8, 3, 3), {"padding": 1}),
    "kernel equal to input": ((2, 9, 5, 6), (8, 9, 5, 6), {}),
    "kernel larger than the image": ((2, 9, 2, 3), (8, 9, 5, 5), {"padding": 2}),
    "padding beyond the kernel": ((2, 9, 5, 4), (11, 9, 2, 3), {"padding": (4, 5)}),
    "padding beyond the kernel, stride": ((2, 9, 5, 4), (11, 9, 2, 3), {"padding": (4, 5), "stride": 2}),
    "padding pair": ((2, 8, 9, 9), (9, 8, 3, 5), {"padding": (0, 2)}),
    "same": ((2, 8, 9, 11), (9, 8, 3, 3), {"padding": "same"}),
    "same, even kernel": ((2, 8, 9, 11), (9, 8, 2, 4), {"padding": "same"}),
    "same, even kernel, dilation": ((2, 8, 9, 11), (9, 8, 2, 4), {"padding": "same", "dilation": (3, 1)}),
    "valid": ((2, 8, 9, 11), (9, 8, 3, 2), {"padding": "valid"}),
    "stride 2": ((2, 12, 15, 16), (17, 12, 3, 3), {"stride": 2, "padding": 1}),
    "stride 2, rest unread": ((2, 12, 16, 18), (17, 12, 3, 3), {"stride": 2}),
    "stride pair": ((2, 10, 13, 17), (9, 10, 3, 2), {"stride": (1, 3), "padding": (1, 0)}),
    "stride beyond the kernel": ((2, 10, 13, 17), (9, 10, 2, 2), {"stride": (4, 3)}),
    "stride 2, dilation 2": ((2, 10, 13, 17), (9, 10, 3, 3), {"stride": 2, "dilation": 2, "padding": 2}),
    "stride 2, dilation 3": ((2, 10, 13, 17), (9, 10, 3, 3), {"stride": 2, "dilation": 3, "padding": 3}),
    "dilation": ((2, 10, 13, 12), (9, 10, 3, 3), {"dilation": (2, 3), "padding": 2}),
    "dilation beyond the image": ((1, 8, 6, 6), (8, 8, 3, 3), {"dilation": 5, "padding": 5}),
    "groups": ((2, 24, 9, 10), (27, 8, 3, 3), {"groups": 3, "padding": 1}),
    "groups, stride": ((2, 18, 9, 10), (20, 9, 3, 3), {"groups": 2, "padding": 1, "stride": 2}),
    "groups of few channels": ((2, 6, 9, 10), (9, 2, 3, 3), {"groups": 3, "padding": 1}),
    "depthwise": ((2, 7, 9, 37), (7, 1, 3, 3), {"groups": 7, "padding": 1}),
    "depthwise, several outputs": ((2, 5, 9, 20), (15, 1, 3, 3), {"groups": 5, "padding": 1}),
    "depthwise, stride": ((2, 5, 19, 40), (5, 1, 3, 3), {"groups": 5, "padding": 1, "stride": 2}),
    "depthwise, 7x7, stride pair": ((2, 3, 19, 40), (6, 1, 7, 7), {"groups": 3, "padding": 3, "stride": (2, 3)}),
    "depthwise, dilation": ((2, 3, 9, 40), (3, 1, 3, 3), {"groups": 3, "padding": (0, 3), "dilation": (2, 3)}),
    "depthwise, even kernel, same": ((1, 3, 9, 21), (3, 1, 4, 2), {"groups": 3, "padding": "same"}),
    "depthwise, padding beyond the kernel": ((2, 3, 4, 5), (3, 1, 2, 2), {"groups": 3, "padding": 4}),
    "depthwise, no batch": ((0, 3, 4, 5), (3, 1, 2, 2), {"groups": 3}),
    "1x1": ((2, 19, 6, 7), (21, 19, 1, 1), {}),
    "1x1, one pixel": ((3, 19, 1, 1), (21, 19, 1, 1), {}),
    "1x1, stride": ((2, 19, 7, 7), (21, 19, 1, 1), {"stride": 2}),
    "1x1, padding": ((2, 19, 5, 6), (21, 19, 1, 1), {"padding": 1}),
    "1x1, groups": ((2, 20, 5, 6), (30, 10, 1, 1), {"groups": 2}),
    "1x5": ((2, 9, 6, 17), (10, 9, 1, 5), {"padding": (0, 2)}),
    "5x1": ((2, 9, 17, 6), (10, 9, 5, 1), {"padding": (2, 0)}),
    "7x7, stride 2": ((2, 3, 30, 31), (20, 3, 7, 7), {"padding": 3, "stride": 2}),
    "5x5": ((2, 32, 28, 28), (32, 32, 5, 5), {"padding": 2}),
    "2x2, stride 2": ((2, 16, 12, 12), (24, 16, 2, 2), {"stride": 2}),
    "8x8, stride 8": ((2, 16, 32, 24), (24, 16, 8, 8), {"stride": 8}),
    "several tiles": ((1, 64, 60, 57), (16, 64, 3, 3), {"padding": 1}),
    "wide": ((1, 8, 3, 1500), (8, 8, 3, 3), {"padding": 1}),
}
SEQUENCES = {
    "5": ((2, 9, 40), (10, 9, 5), {}),
    "padded": ((2, 9, 41), (10, 9, 5), {"padding": 2}),
    "long": ((1, 8, 3000), (16, 8, 9), {"padding": 4}),
    "stride": ((3, 9, 41), (10, 9, 4), {"stride": 2, "padding": 1}),
    "long, stride": ((1, 8, 3001), (16, 8, 5), {"stride": 2, "padding": (2,)}),
    "dilation": ((2, 9, 41), (10, 9, 3), {"dilation": 4, "padding": 4}),
    "long, far dilation": ((1, 8, 2500), (8, 8, 2), {"dilation": 512}),
    "same": ((2, 9, 41), (10, 9, 4), {"padding": "same"}),
    "one sequence": ((9, 41), (10, 9, 4), {}),
    "groups": ((2, 16, 41), (18, 8, 3), {"groups": 2}),
    "depthwise": ((2, 4, 70), (8, 1, 3), {"groups": 4, "padding": 1}),
    "1": ((2, 9, 41), (10, 9, 1), {}),
    "kernel equal to input": ((2, 9, 8), (10, 9, 8), {}),
    "no batch": ((0, 9, 8), (10, 9, 3), {}),
}


def numbers(seed, shape, dtype):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def run(name, x, w, b, dy, arguments):
    """The value, and the gradients of x, weight and bias."""
    x, w, b = (ng.tensor(a, requires_grad=True) for a in (x, w, b))
    y = getattr(ng, name)(x, w, b, **arguments)
    y.backward(ng.tensor(dy))
    return [t.numpy() for t in (y, x.grad, w.grad, b.grad)]


def assert_near(actual, expected, dtype):
    """Errors of sums are in proportion to the magnitude of their terms, so to that of the result as a whole."""
    for name, a, e in zip(("y", "dx", "dweight", "dbias"), actual, expected, strict=True):
        assert a.dtype == dtype and a.shape == e.shape, name
        scale = max(1.0, float(np.sqrt(np.mean(np.square(e, dtype=np.float64))))) if e.size else 1.0
        np.testing.assert_allclose(a, e, rtol=0, atol=scale * (2e-5 if dtype == np.float32 else 1e-13), err_msg=name)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, case", [*(("conv2d", case) for case in GEOMETRIES), *(("conv1d", case) for case in SEQUENCES)])
def test_agrees_with_pytorch(name, case, dtype):
    import torch

    x_shape, w_shape, arguments = (GEOMETRIES if name == "conv2d" else SEQUENCES)[case]
    x, w, b = numbers(1, x_shape, dtype), numbers(2, w_shape, dtype), numbers(3, w_shape[:1], dtype)
    theirs = [torch.tensor(a.astype(np.float64), requires_grad=True) for a in (x, w, b)]
    y = getattr(torch.nn.functional, name)(*theirs, **arguments)
    dy = numbers(4, tuple(y.shape), dtype)
    y.backward(torch.tensor(dy.astype(np.float64)))
    expected = [y.detach().numpy(), *(t.grad.numpy() for t in theirs)]
    assert_near(run(name, x, w, b, dy, arguments), expected, dtype)


def adjoints(reference, x, w, dy):
    """The gradients of a bilinear map from its values alone: <f(e, w), dy> for every unit vector e, and likewise for w."""
    def against(shape, f):
        out = np.zeros(shape)
        for i in np.ndindex(*shape):
            unit = np.zeros(shape)
            unit[i] = 1
            out[i] = np.sum(f(unit) * dy)
        return out
    return against(x.shape, lambda e: reference(e, w)), against(w.shape, lambda e: reference(x, e))


@st.composite
def geometries(draw):
    """A small convolution that has an output, with every argument."""
    small, kernel = st.integers(1, 9), st.integers(1, 4)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = groups * draw(st.integers(1, 3)), groups * draw(st.sampled_from([1, 2, 8]))
    kh, kw = draw(kernel), draw(kernel)
    stride, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    padding = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    h = draw(small) + max(0, dilation[0] * (kh - 1) - 2 * padding[0])
    w = draw(small) + max(0, dilation[1] * (kw - 1) - 2 * padding[1])
    x_shape, w_shape = (draw(st.integers(1, 2)), channels, h, w), (outputs, channels // groups, kh, kw)
    return x_shape, w_shape, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(geometries(), st.sampled_from(DTYPES))
def test_agrees_with_the_definition(geometry, dtype):
    x_shape, w_shape, arguments = geometry
    # Small integers: every sum is exact in either dtype.
    x, w, b = (np.rint(3 * numbers(seed, shape, dtype)) for seed, shape in ((1, x_shape), (2, w_shape), (3, w_shape[:1])))
    expected = conv2d_reference(x.astype(np.float64), w.astype(np.float64), b.astype(np.float64), **arguments)
    dy = np.rint(3 * numbers(4, expected.shape, dtype))
    y, dx, dw, db = run("conv2d", x, w, b, dy, arguments)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(db, dy.sum((0, 2, 3)))
    wanted_dx, wanted_dw = adjoints(lambda x, w: conv2d_reference(x, w, None, **arguments), x, w, dy.astype(np.float64))
    np.testing.assert_array_equal(dx, wanted_dx)
    np.testing.assert_array_equal(dw, wanted_dw)


@pytest.mark.parametrize("case", ["3x3 padded", "stride 2, dilation 3", "groups", "depthwise, stride", "few outputs", "1x1, stride"])
def test_gradcheck(case):
    x_shape, w_shape, arguments = GEOMETRIES[case]
    inputs = [ng.tensor(numbers(seed, shape, np.float64), requires_grad=True) for seed, shape in ((1, x_shape), (2, w_shape), (3, w_shape[:1]))]
    assert gradcheck(lambda x, w, b: ng.conv2d(x, w, b, **arguments), inputs)


def test_conv1d_is_conv2d_of_height_1():
    x, w = numbers(1, (2, 3, 19), np.float64), numbers(2, (4, 3, 3), np.float64)
    y = ng.conv1d(x, w, stride=2, padding=1)
    np.testing.assert_array_equal(y.numpy(), ng.conv2d(x[:, :, None], w[:, :, None], stride=(1, 2), padding=(0, 1)).numpy()[:, :, 0])
    np.testing.assert_allclose(y.numpy(), conv1d_reference(x, w, None, 2, 1), atol=1e-13)


@pytest.mark.parametrize("x, w, arguments", [
    ((1, 2, 4, 9), (3, 2, 5, 3), {}),
    ((1, 2, 9, 4), (3, 2, 3, 5), {}),
    ((1, 2, 4, 4), (3, 2, 3, 3), {"dilation": 2}),
    ((2, 4, 4), (3, 2, 7, 7), {"padding": 1}),
    ((1, 2, 4, 9), (3, 2, 5, 3), {"stride": 7}),       # a division that rounds towards zero would find one output row
    ((1, 2, 0, 9), (3, 2, 1, 1), {}),
])
def test_kernel_larger_than_the_padded_input_is_an_error(x, w, arguments):
    with pytest.raises(ShapeError, match=r"^conv2d: the kernel, .*, is larger than the padded input, .*weight"):
        ng.conv2d(ng.zeros(x), ng.zeros(w), **arguments)
    with pytest.raises(ShapeError, match=r"^conv1d: the kernel, \(4,\) with its dilation, is larger than the padded input, \(3,\)"):
        ng.conv1d(ng.zeros((1, 2, 3)), ng.zeros((3, 2, 4)))


@pytest.mark.parametrize("x, w", [((2, 0, 5, 5), (3, 0, 3, 3)), ((2, 3, 5, 5), (0, 3, 3, 3)), ((0, 3, 5, 5), (4, 3, 3, 3))])
def test_nothing_to_sum_or_to_make(x, w):
    """A sum over no channels is the bias; no outputs give gradients of zero."""
    x, w, b = ng.ones(x, requires_grad=True), ng.ones(w, requires_grad=True), ng.full(w[:1], 2.0, requires_grad=True)
    y = ng.conv2d(x, w, b, padding=1)
    assert y.shape == (x.shape[0], w.shape[0], 5, 5) and np.all(y.numpy() == 2)
    y.backward(ng.ones(y.shape))
    assert np.all(x.grad.numpy() == 0) and np.all(w.grad.numpy() == 0) and np.all(b.grad.numpy() == y.size / max(w.shape[0], 1))


THREADED = {
    "3x3": ((4, 32, 28, 28), (48, 32, 3, 3), {"padding": 1}),
    "batch 1": ((1, 64, 40, 40), (64, 64, 3, 3), {"padding": 1}),
    "stride": ((4, 32, 33, 33), (48, 32, 3, 3), {"padding": 1, "stride": 2}),
    "1x1": ((4, 64, 28, 28), (96, 64, 1, 1), {}),
    "1x1, stride": ((4, 64, 57, 57), (96, 64, 1, 1), {"stride": 2}),
    "few": ((8, 3, 64, 64), (5, 3, 5, 5), {"padding": 2}),
    "groups": ((4, 32, 28, 28), (64, 16, 3, 3), {"padding": 1, "groups": 2}),
    "depthwise": ((8, 24, 56, 56), (48, 1, 3, 3), {"padding": 1, "groups": 24}),
    "depthwise, stride": ((8, 24, 112, 112), (24, 1, 5, 5), {"padding": 2, "stride": 2, "groups": 24}),
}


@pytest.mark.parametrize("case", THREADED)
def test_same_bits_for_any_number_of_threads(case):
    x_shape, w_shape, arguments = THREADED[case]
    x, w, b = (numbers(seed, shape, np.float32) for seed, shape in ((1, x_shape), (2, w_shape), (3, w_shape[:1])))
    tensors = [ng.tensor(a, requires_grad=True) for a in (x, w, b)]
    dy = ng.tensor(numbers(4, ng.conv2d(*tensors, **arguments).shape, np.float32))
    for i, wanted in ((None, "y"), (0, "dx"), (1, "dweight")):      # pass by pass: each has to use the pool
        def compute(i=i):
            operands = [t if j == i else t.detach() for j, t in enumerate(tensors)]
            if i is None:
                return [ng.conv2d(*operands, **arguments).numpy()]
            y = ng.conv2d(*operands, **arguments)
            return [g.numpy() for g in ng.grad(y, [tensors[i]], grad_outputs=dy)]
        try:
            assert_same_bits(compute)
        except AssertionError as error:
            raise AssertionError(f"{wanted}: {error}") from None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "silu", "gelu", "leaky_relu"])
@pytest.mark.parametrize("case", ["3x3 padded", "1x1", "depthwise", "few outputs"])
def test_fused_activation_has_the_same_value_and_gradients(case, activation, dtype):
    from nanograd._core.ops.conv import _convolution, _ConvSettings

    x_shape, w_shape, arguments = GEOMETRIES[case]
    shapes = (x_shape, w_shape, w_shape[:1])
    results = []
    for fused in (True, False):
        x, w, b = (ng.tensor(0.3 * numbers(seed, shape, dtype), requires_grad=True) for seed, shape in enumerate(shapes))
        if fused:
            settings = _ConvSettings("conv2d", 2, 1, arguments.get("padding", 0), 1, arguments.get("groups", 1))
            y = _convolution(settings, x, w, b, activation)
        else:
            y = getattr(ng, activation)(ng.conv2d(x, w, b, **arguments))
        y.backward(ng.tensor(numbers(4, y.shape, dtype)))
        results.append([t.numpy() for t in (y, x.grad, w.grad, b.grad)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_unwanted_gradients_are_not_computed():
    """Only what asks for a gradient has one; and a pass that is not wanted takes no memory (its result would)."""
    x, w, b = numbers(1, (8, 32, 40, 40), np.float32), numbers(2, (32, 32, 3, 3), np.float32), numbers(3, (32,), np.float32)
    dy = ng.ones((8, 32, 40, 40))

    def peak(*wanted):
        tensors = [ng.tensor(a, requires_grad=i in wanted) for i, a in enumerate((x, w, b))]
        y = ng.conv2d(*tensors, padding=1)
        ng.empty_cache()
        before = ng.memory_stats()["in_use"]
        y.backward(dy)
        taken = ng.memory_stats()["peak"] - before
        assert [t.grad is not None for t in tensors] == [i in wanted for i in range(3)]
        return taken

    peak(0, 1, 2)
    assert peak(0) >= x.nbytes
    assert peak(1) < x.nbytes / 2
    assert peak(2) < 10_000


@pytest.mark.parametrize("case", ["3x3 padded", "few outputs", "depthwise", "1x1", "stride 2"])
def test_nan_and_inf_reach_what_reads_them_and_nothing_else(case):
    x_shape, w_shape, arguments = GEOMETRIES[case]
    x, w, b = (numbers(seed, shape, np.float32) for seed, shape in ((1, x_shape), (2, w_shape), (3, w_shape[:1])))
    x[0, 0, 3, 4], x[-1, -1, 0, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        expected = conv2d_reference(x.astype(np.float64), w.astype(np.float64), b.astype(np.float64), **arguments)
    y = ng.conv2d(x, w, b, **arguments).numpy()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))


def test_operands_that_are_no_tensors_and_views():
    image = np.arange(50, dtype=np.float32).reshape(2, 5, 5)
    w = ng.tensor(numbers(2, (3, 2, 3, 3), np.float32))
    batch = ng.tensor(np.stack([image, image + 1]))
    np.testing.assert_array_equal(ng.conv2d(image.tolist(), w).numpy(), ng.conv2d(image, w).numpy())
    np.testing.assert_array_equal(ng.conv2d(batch[1], w).numpy(), ng.conv2d(image + 1, w).numpy())
