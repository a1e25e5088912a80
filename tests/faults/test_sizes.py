# SPDX-License-Identifier: LGPL-3.0-or-later
"""No size that is computed from arguments overflows."""
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import nanograd as ng

HERE = pathlib.Path(__file__).parent


def test_a_dilated_kernel_that_overflows():
    """Crashed, and answered with a shape."""
    with pytest.raises(ng.ShapeError):
        ng.conv2d(ng.ones((1, 1, 4, 4)), ng.zeros((0, 1, 2**62, 1)), dilation=(4, 1))
    with pytest.raises(ng.ShapeError):
        ng.conv2d(ng.zeros((1, 0, 4, 4)), ng.zeros((2, 0, 2**61 + 1, 1)), dilation=8)
    with pytest.raises(ng.ShapeError, match=r"^conv2d: the kernel, \(8589934589, 1\) with its dilation, is larger than the padded input, \(4, 4\)"):
        ng.conv2d(ng.ones((1, 1, 4, 4)), ng.zeros((0, 1, 2**31, 1)), dilation=(4, 1))
    with pytest.raises(ng.ShapeError, match=r"^conv2d: a kernel of 288230376151711744 elements with dilation 64 is too large$"):
        ng.conv2d(ng.ones((1, 1, 4, 4)), ng.zeros((0, 1, 2**58, 1)), dilation=64)
    with pytest.raises(ng.ShapeError, match=r"^conv1d: a kernel of 288230376151711744 elements with dilation 2147483647 is too large$"):
        ng.conv1d(ng.ones((1, 1, 4)), ng.zeros((0, 1, 2**58)), dilation=2**31 - 1, padding="same")


def test_axes_of_an_empty_tensor_are_bounded_too():
    assert ng.zeros((0, 2**59)).shape == (0, 2**59)
    for shape in ((0, 2**60), (0, 2**59, 2), (2**62, 0), (0, 2**31, 2**31)):
        with pytest.raises(ng.ShapeError, match="has too many elements along its nonzero axes$"):
            ng.zeros(shape)
    with pytest.raises(ng.ShapeError, match=r"^stack: shape \(2, 0, 576460752303423488\) has too many elements along its nonzero axes$"):
        ng.stack([ng.zeros((0, 2**59))] * 2)
    with pytest.raises(ng.ShapeError, match=r"^concatenate: the tensors have too many elements along axis 1$"):
        ng.concatenate([ng.zeros((0, 2**59))] * 32, axis=1)


def test_factors_whose_product_wraps_round():
    with pytest.raises(ng.ShapeError, match=r"^tile: reps 4611686018427387903 give too many elements \(x \(4,\)\)$"):
        ng.tile(ng.ones(4), 2**62 - 1)
    with pytest.raises(ng.ShapeError, match=r"^tile: .*too many elements"):
        ng.tile(ng.ones((1, 4)), (67280421310721, 274177 * 4))             # 2**64 + 1, times 16
    with pytest.raises(ng.ShapeError, match=r"^repeat: .*too many elements"):
        ng.repeat(ng.ones(8), 2**61)
    assert ng.tile(ng.zeros((0, 4)), (2**62 - 1, 1)).shape == (0, 4)
    assert ng.repeat(ng.zeros((0, 4), requires_grad=True), 2**62 - 1, axis=0).shape == (0, 4)


def test_a_range_that_is_too_long():
    with pytest.raises(ng.ShapeError, match=r"^arange: from 0 to 9223372036854775807 by 1 gives too many elements$"):
        ng.arange(2**63 - 1)                   # NumPy: none


@pytest.mark.parametrize(("padding", "dilation"), [(2**31 - 1, 2**31 - 1), (2**30, 2**30)])
def test_the_gradients_of_no_channels_of_a_huge_image(padding, dilation):
    x, w = ng.ones((1, 1, 4, 4), requires_grad=True), ng.zeros((0, 1, 3, 1), requires_grad=True)
    y = ng.conv2d(x, w, padding=padding, dilation=dilation)
    assert y.shape == (1, 0, 4, 4 + 2 * padding)
    y.backward()                               # took minutes
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros((1, 1, 4, 4)))
    assert w.grad.shape == w.shape


@pytest.mark.parametrize("part", ["convolutions", "pools", "repeats", "shapes", "reductions", "counts"])
def test_every_size_that_an_argument_decides(part):
    done = subprocess.run([sys.executable, HERE / "huge_sizes.py", part], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith(" calls, nothing wrong\n"), done.stdout
