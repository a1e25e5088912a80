# SPDX-License-Identifier: LGPL-3.0-or-later
"""RMS normalisation's default eps is PyTorch's; BatchNorm2d takes a single image, as Conv2d does."""
import inspect

import numpy as np
import pytest

import nanograd as ng
import nanograd.nn.functional as F
from nanograd import nn
from nanograd.errors import ShapeError

SMALL = {np.float32: 1e-3, np.float64: 1e-8}      # where machine epsilon and 1e-5 beside the mean square are far apart


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rms_norm_without_eps_takes_the_machine_epsilon(dtype):
    x = (SMALL[dtype] * np.random.default_rng(0).normal(size=(3, 8))).astype(dtype)
    wide = x.astype(np.longdouble)
    want = wide / np.sqrt((wide * wide).mean(-1, keepdims=True) + np.finfo(dtype).eps)
    layer = nn.RMSNorm(8)
    layer.astype(dtype)
    for y in (ng.rms_norm(x, 8), ng.rms_norm(x, 8, None, None), F.rms_norm(x, (8,)), layer(x), nn.RMSNorm(8, None, False)(x),
              ng.rms_norm(x, 8, eps=float(np.finfo(dtype).eps))):
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy(), want, rtol=1e-6 if dtype == np.float32 else 1e-14)


def test_rms_norm_default_is_none_everywhere():
    for function in (ng.rms_norm, nn.RMSNorm, F.rms_norm):
        assert inspect.signature(function).parameters["eps"].default is None
    assert nn.RMSNorm(4).eps is None
    assert repr(nn.RMSNorm(4)) == "RMSNorm(4)" and repr(nn.RMSNorm(4, 1e-5)) == "RMSNorm(4, eps=1e-05)"
    with pytest.raises(TypeError, match="LayerNorm: eps must be a number, got None"):
        nn.LayerNorm(4, None)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rms_norm_default_beside_pytorch(dtype):
    torch = pytest.importorskip("torch")
    data = (SMALL[dtype] * np.random.default_rng(1).normal(size=(3, 8))).astype(dtype)
    dy = np.random.default_rng(2).normal(size=(3, 8)).astype(dtype)
    ours, theirs = nn.RMSNorm(8), torch.nn.RMSNorm(8, dtype=torch.from_numpy(data).dtype)
    ours.astype(dtype)
    x, tx = ng.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    y, ty = ours(x), theirs(tx)
    y.backward(dy), ty.backward(torch.tensor(dy))
    close = dict(rtol=1e-5 if dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), **close)
    np.testing.assert_allclose(x.grad.numpy(), tx.grad.numpy(), atol=close["rtol"] * float(tx.grad.abs().max()), **close)


@pytest.mark.parametrize("options", [{}, {"activation": "relu"}, {"activation": "gelu"}, {"momentum": None}, {"affine": False},
                                     {"track_running_stats": False}], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_2d_takes_a_single_image(training, options):
    """In every way the batch of this one image: value, gradients, statistics."""
    rng = np.random.default_rng(0)
    image, dy = (rng.normal(2, 3, (3, 5, 4)).astype(np.float32) for _ in range(2))
    layers = [nn.BatchNorm2d(3, **options).train(training) for _ in range(2)]
    results = []
    for layer, shape in zip(layers, ((3, 5, 4), (1, 3, 5, 4))):
        x = ng.tensor(image.reshape(shape), requires_grad=True)
        y = layer(x)
        assert y.shape == shape
        y.backward(dy.reshape(shape))
        assert x.grad.shape == shape
        results.append([y.numpy().ravel(), x.grad.numpy().ravel(), *(p.grad.numpy() for p in layer.parameters()),
                        *(np.asarray(v) for v in layer.state_dict().values())])
    for single, batch in zip(*results):
        np.testing.assert_array_equal(single, batch)


def test_single_image_through_a_network():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, activation="relu"), nn.MaxPool2d(2))
    image = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
    for mode in (True, False):
        net.train(mode)
        assert net(image).shape == (3, 3, 3)
        np.testing.assert_allclose(net(image).numpy(), net(image[None]).numpy()[0], rtol=1e-5, atol=1e-6)


def test_what_batch_norms_refuse():
    for layer, x, message in (
        (nn.BatchNorm2d(3), ng.ones((4, 5, 5)), r"BatchNorm2d: expects 3 channels, got 4 \(x \(4, 5, 5\)\)"),
        (nn.BatchNorm2d(3), ng.ones((2, 4, 5, 5)), r"BatchNorm2d: expects 3 channels, got 4 \(x \(2, 4, 5, 5\)\)"),
        (nn.BatchNorm2d(3), ng.ones((2, 3)), r"BatchNorm2d: x must be \(N, 3, H, W\) or \(3, H, W\), got shape \(2, 3\)"),
        (nn.BatchNorm2d(3), ng.ones((3, 1, 1)), r"batch_norm: training needs more than one value per channel, got shape \(1, 3, 1, 1\).*"),
        (nn.BatchNorm1d(3), ng.ones((3, 3, 3, 3)), r"BatchNorm1d: x must be \(N, 3\) or \(N, 3, L\), got shape \(3, 3, 3, 3\)"),
        (nn.BatchNorm1d(3), ng.ones(3), r"BatchNorm1d: x must be .*, got shape \(3,\); write x.unsqueeze\(0\) for a single sample"),
        (nn.BatchNorm1d(3), ng.ones((3, 4)), r"BatchNorm1d: expects 3 channels, got 4 \(x \(3, 4\)\)"),
    ):
        before = {name: np.array(value) for name, value in layer.state_dict().items()}
        with pytest.raises(ShapeError, match=message):
            layer(x)
        assert all(np.array_equal(np.asarray(value), before[name]) for name, value in layer.state_dict().items())


def test_three_axes_of_batch_norm_1d_are_a_batch():
    """(N, C, L), as in PyTorch, even where N is C; and the function's documentation says so."""
    x = np.random.default_rng(0).normal(size=(3, 3, 50)).astype(np.float32)
    y = nn.BatchNorm1d(3)(x).numpy()
    np.testing.assert_allclose(y.mean((0, 2)), 0, atol=1e-5)
    assert np.abs(y.mean((1, 2))).max() > 1e-3
    assert "(C, H, W)" in ng.batch_norm.__doc__ and "(N, C, L)" in ng.batch_norm.__doc__
