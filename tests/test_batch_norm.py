# SPDX-License-Identifier: LGPL-3.0-or-later
"""Batch normalisation: its activation in the same node, its running statistics, its layers beside PyTorch's."""
import numpy as np
import pytest

import nanograd as ng
from nanograd import nn

ACTIVATIONS = ["relu", "tanh", "sigmoid", "silu", "gelu", "leaky_relu"]
# Runs of one element, of less than one that is activated in the same launch, and of more.
SHAPES = [(6, 5), (3, 4, 7), (3, 4, 9, 8), (2, 3, 20, 17)]


def gradients(shape, dtype, frozen, activation, together):
    """Value and gradients of batch_norm, then the activation: within its node or as an op of its own."""
    rng = np.random.default_rng(7)
    C = shape[1]
    leaves = [ng.tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in (shape, C, C)]
    mean, var = (ng.tensor(a.astype(dtype)) for a in (rng.normal(size=C), rng.uniform(0.5, 2, C)))
    x, w, b = leaves
    y = ng.batch_norm(x, mean, var, w, b, training=not frozen, activation=activation if together else None)
    if not together:
        y = getattr(ng, activation)(y)
    y.backward(rng.normal(size=shape).astype(dtype))
    return [a.numpy() for a in (y, *(leaf.grad for leaf in leaves), mean, var)]


@pytest.mark.parametrize("frozen", [False, True], ids=["training", "frozen"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_activation_in_the_same_node(shape, activation, dtype, frozen):
    """The very bits of the two ops one after the other."""
    for together, apart in zip(gradients(shape, dtype, frozen, activation, True), gradients(shape, dtype, frozen, activation, False)):
        np.testing.assert_array_equal(together, apart)


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_gradient_shared_with_another(activation):
    """The gradient that arrives belongs to someone else too: it may not be overwritten."""
    x = ng.tensor(np.random.default_rng(0).normal(size=(2, 3, 10, 10)), requires_grad=True)
    other = ng.zeros((2, 3, 10, 10), dtype=ng.float64, requires_grad=True)
    dy = np.random.default_rng(1).normal(size=x.shape)
    (ng.batch_norm(x, training=True, activation=activation) + other).backward(dy)
    np.testing.assert_array_equal(other.grad.numpy(), dy)


@pytest.mark.parametrize("wanted", [(True, False), (False, True), (False, False)], ids=["x", "weight", "bias"])
def test_gradients_not_wanted(wanted):
    """With an activation, the gradient of one input alone is that of all three."""
    rng = np.random.default_rng(3)
    x, w, b = (ng.tensor(rng.normal(size=s)) for s in ((2, 3, 9, 9), 3, 3))
    dy = rng.normal(size=x.shape)
    leaves = [x, w, b]

    def grads(flags):
        for leaf, flag in zip(leaves, flags):
            leaf.requires_grad_(flag).zero_grad()
        ng.batch_norm(x, None, None, w, b, True, activation="gelu").backward(dy)
        return [leaf.grad for leaf in leaves]

    flags = (*wanted, not any(wanted))
    every = [grad.numpy() for grad in grads((True, True, True))]
    for grad, full, flag in zip(grads(flags), every, flags):
        assert (grad is None) != flag
        if flag:
            np.testing.assert_array_equal(grad.numpy(), full)


def test_error_counts_nothing():
    """A batch that is refused leaves statistics and count as they were."""
    layer = nn.BatchNorm2d(2)
    layer(np.ones((3, 2, 2, 2), np.float32))
    before = {name: np.array(value) for name, value in layer.state_dict().items()}
    for bad in (np.ones((1, 2, 1, 1), np.float32), np.ones((3, 3, 2, 2), np.float32), np.ones((3, 2, 2, 2))):
        with pytest.raises((ng.errors.ShapeError, ng.errors.DTypeError)):
            layer(bad)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(np.asarray(value), before[name])


def test_running_statistics_held_elsewhere_keep_their_value():
    """A state dict made before a step is not changed by it."""
    layer = nn.BatchNorm1d(3)
    state = layer.state_dict()
    layer(np.random.default_rng(0).normal(5, 2, (8, 3)).astype(np.float32))
    assert not state["running_mean"].numpy().any() and int(state["num_batches_tracked"]) == 0
    assert (layer.running_mean.numpy() > 0.3).all() and int(layer.num_batches_tracked) == 1


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, None])
@pytest.mark.parametrize("kind, shape", [("BatchNorm1d", (6, 5)), ("BatchNorm1d", (4, 5, 3)), ("BatchNorm2d", (3, 5, 9, 8))])
def test_layers_beside_pytorch(kind, shape, momentum, dtype):
    """Five steps of training, then evaluation with gradients; weights and statistics travel both ways."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    theirs = getattr(torch.nn, kind)(shape[1], momentum=momentum, dtype=torch.float32 if dtype == np.float32 else torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(rng.normal(size=shape[1])))
        theirs.bias.copy_(torch.tensor(rng.normal(size=shape[1])))
    ours = getattr(nn, kind)(shape[1], momentum=momentum, dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    close = dict(rtol=2e-4, atol=1e-5) if dtype == np.float32 else dict(rtol=1e-10, atol=1e-12)
    for step in range(6):
        if step == 5:
            ours.eval(), theirs.eval()
        data, dy = (rng.normal(2, 3, shape).astype(dtype) for _ in range(2))
        x, tx = ng.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
        ours.zero_grad(), theirs.zero_grad()
        y, ty = ours(x), theirs(tx)
        y.backward(dy), ty.backward(torch.tensor(dy))
        np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), **close)
        np.testing.assert_allclose(x.grad.numpy(), tx.grad.numpy(), **close)
        np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=close["rtol"], atol=10 * close["atol"])
        np.testing.assert_allclose(ours.bias.grad.numpy(), theirs.bias.grad.numpy(), rtol=close["rtol"], atol=10 * close["atol"])
        for name, value in theirs.state_dict().items():
            np.testing.assert_allclose(np.asarray(ours.state_dict()[name]), value.numpy(), rtol=1e-5 if dtype == np.float32 else 1e-12)
    theirs.load_state_dict({name: torch.tensor(np.array(value)) for name, value in ours.state_dict().items()})


@pytest.mark.torch
@pytest.mark.parametrize("arguments", [dict(affine=False), dict(track_running_stats=False), dict(eps=0.1)], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_options_beside_pytorch(arguments, training):
    """affine, track_running_stats and eps."""
    torch = pytest.importorskip("torch")
    data = np.random.default_rng(1).normal(2, 3, (4, 3, 5, 5))
    ours, theirs = nn.BatchNorm2d(3, dtype=ng.float64, **arguments), torch.nn.BatchNorm2d(3, dtype=torch.float64, **arguments)
    assert sorted(ours.state_dict()) == sorted(theirs.state_dict())
    for step in range(2):
        ours.train(step == 0 or training), theirs.train(step == 0 or training)
        np.testing.assert_allclose(ours(data).numpy(), theirs(torch.tensor(data)).detach().numpy(), rtol=1e-11)
