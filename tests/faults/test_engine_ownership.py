# SPDX-License-Identifier: LGPL-3.0-or-later
"""Backward writes gradients in place where nobody else sees them, and only there."""
import copy
import gc

import numpy as np
import pytest
from specs import SPECS

import nanograd as ng
from nanograd import nn, optim
from nanograd._core.base.tensor import written_in_place

F32 = np.dtype(np.float32)
SIDE = 512
SIZE = SIDE * SIDE * 4                   # bytes of a (SIDE, SIDE) tensor, far above all else here


def pointer(x):
    return x.numpy().ctypes.data


def cost(backward):
    """(gradients written over others, bytes that a backward needs beyond what there is before it)."""
    ng.empty_cache()
    before, written = ng.memory_stats()["in_use"], written_in_place()
    backward()
    return written_in_place() - written, ng.memory_stats()["peak"] - before


def square(**kwargs):
    return ng.tensor(np.random.default_rng(0).uniform(0.5, 1.5, (SIDE, SIDE)).astype(F32), **kwargs)


# ---- where it writes in place -------------------------------------------------------------------

def test_eight_neg_in_a_row_need_one_gradient():
    y = square(requires_grad=True)
    for _ in range(8):
        y = ng.neg(y)
    written, peak = cost(y.backward)
    assert written == 8 and peak < 1.1 * SIZE


def test_ten_products_in_a_row_need_one_gradient():
    x, c = square(requires_grad=True), square()
    y = x
    for _ in range(10):
        y = y * c
    written, peak = cost(y.backward)
    assert written == 10 and peak < 1.1 * SIZE


def test_a_network_needs_two_gradients_of_its_width():
    """The gradient of one layer's output becomes that of its activation's input; the next one is a buffer of its own."""
    layers = [nn.Linear(SIDE, SIDE, activation="tanh") for _ in range(4)]
    for layer in layers:
        layer.requires_grad_(False)
    h = ng.ones((SIDE, SIDE), requires_grad=True)
    for layer in layers:
        h = layer(h)
    written, peak = cost(h.backward)
    assert written == 4 and peak < 2.1 * SIZE


# An operation on a (SIDE, SIDE) tensor or an image of that size: how often its backward writes in place, and how many gradients
# of that size there are at most, its own argument among them.
IN_PLACE = {
    "unary that reads nothing": (lambda x: ng.neg(x), 1, 1),
    "unary that reads x": (lambda x: ng.sin(x), 1, 1),
    "unary that reads y": (lambda x: ng.exp(x), 1, 1),
    "relu": (lambda x: ng.relu(x), 1, 1),
    "times a number": (lambda x: x * 3.0, 1, 1),
    "number over": (lambda x: 3.0 / x, 1, 1),
    "times a constant": (lambda x: x * square(), 1, 1),
    "constant minus": (lambda x: square() - x, 1, 1),
    "both sides": (lambda x: x * ng.sin(x), 2, 2),
    "difference": (lambda x: ng.exp(x) - ng.sin(x), 2, 2),
    "times a row": (lambda x: x * ng.ones(SIDE), 1, 1),
    "times a row that wants one": (lambda x: x * ng.ones(SIDE, requires_grad=True), 1, 2),
    "where": (lambda x: ng.where(x.numpy() > 1, x, 0.0), 1, 1),
    "where, both": (lambda x: ng.where(x.numpy() > 1, x, ng.exp(x)), 2, 2),
    "linear, activation": (lambda x: ng.linear(x, square(), activation="tanh"), 1, 2),
    "linear, silu": (lambda x: ng.linear(x, square(), activation="silu"), 1, 2),
    "dropout": (lambda x: ng.dropout(x, 0.5), 1, 1),
    "softmax": (lambda x: ng.softmax(x), 1, 1),
    "softmax, axis 0": (lambda x: ng.softmax(x, axis=0), 1, 1),
    "log_softmax": (lambda x: ng.log_softmax(x), 1, 1),
    "cumsum": (lambda x: ng.cumsum(x, 1), 1, 1),
    "tril": (lambda x: ng.tril(x), 1, 1),
    "triu": (lambda x: ng.triu(x, 2), 1, 1),
    "pad": (lambda x: ng.pad(x, 1, mode="reflect"), 1, 2.2),
    "pad, edge": (lambda x: ng.pad(x, ((1, 0), (0, 2)), mode="edge"), 1, 2.2),
    "index_set": (lambda x: ng.index_set(x, 3, 0.0), 1, 1),
    "index_set, array": (lambda x: ng.index_set(x, np.array([1, 1, 4]), 7.0), 1, 1),
    "index_add": (lambda x: ng.index_add(x, 3, 1.0), 0, 1),
    "reshape": (lambda x: x.reshape(-1), 0, 1),
    "sum of two": (lambda x: x + ng.zeros((SIDE, SIDE)), 0, 1),
    "sum, of a loss": (lambda x: ng.mse_loss(x, square(), reduction="sum"), 1, 0.1),       # what it made in forward
    "mean, of a loss": (lambda x: ng.huber_loss(x, square()), 1, 0.1),
    "loss of each": (lambda x: ng.mse_loss(x, square(), reduction="none"), 1, 1),
    "cross_entropy": (lambda x: ng.cross_entropy(x, np.zeros(SIDE, int)), 1, 0.1),
    "conv2d, activation": (lambda x: nn.Conv2d(16, 16, 1, activation="tanh")(x.reshape(4, 16, 64, 64)), 1, 2.1),
    "conv2d, 3x3, silu": (lambda x: nn.Conv2d(16, 16, 3, padding=1, activation="silu")(x.reshape(4, 16, 64, 64)), 1, 2.1),
    "batch_norm of images": (lambda x: ng.batch_norm(x.reshape(4, 16, 64, 64), training=True, activation="gelu"), 1, 1),
    "batch_norm": (lambda x: ng.batch_norm(x, training=True), 1, 1),
    "batch_norm, activation": (lambda x: ng.batch_norm(x, training=True, activation="relu"), 1, 1),
    "batch_norm, silu": (lambda x: ng.batch_norm(x, training=True, activation="silu"), 1, 1),
    "batch_norm, frozen": (lambda x: ng.batch_norm(x, ng.zeros(SIDE), ng.ones(SIDE)), 1, 1),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_peak_and_writes_of_every_node_that_writes_in_place(name):
    call, writes, gradients = IN_PLACE[name]
    x = square(requires_grad=True)
    y = call(x)
    seed = np.ones(y.shape, F32)          # an array is copied: the gradient is nobody else's
    written, peak = cost(lambda: y.backward(seed))
    assert written == writes and peak < (gradients + 0.1) * SIZE, (written, peak / SIZE)


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_retained_has_its_gradient_twice(name):
    call, _, _ = IN_PLACE[name]
    ng.manual_seed(0)
    x = square(requires_grad=True)
    y = call(x)
    y.backward(np.ones(y.shape, F32), retain_graph=True)
    first = x.grad.numpy().copy()
    x.zero_grad()
    y.backward(np.ones(y.shape, F32))
    np.testing.assert_array_equal(x.grad, first)


def differentiable():
    for spec in SPECS:
        shapes = next((s for s in (*spec.shapes, spec.tails(31) if spec.tails else ()) if all(np.prod(shape, dtype=int) > 1 for shape in s)), None)
        if spec.differentiable and shapes:
            yield pytest.param(spec, shapes, id=spec.id)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec, shapes", list(differentiable()))
def test_the_same_bits_in_place_and_not(spec, shapes, dtype):
    """A seed that somebody holds is left alone; one that nobody holds may be overwritten: both give the same."""
    arrays = spec.make(shapes, np.dtype(dtype))
    found = []
    for shared in (True, False):
        leaves = [ng.tensor(a, requires_grad=w) if a.dtype.kind == "f" else a for a, w in zip(arrays, spec.wants(len(arrays)), strict=True)]
        ng.manual_seed(3)
        y = spec.call(*leaves)
        cotangent = np.random.default_rng(7).standard_normal(y.shape).astype(dtype)
        seed = ng.tensor(cotangent) if shared else cotangent
        y.backward(seed)
        if shared:
            np.testing.assert_array_equal(seed, cotangent)
        found.append([x.grad.numpy() for x in leaves if isinstance(x, ng.Tensor) and x.grad is not None])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- where it must not --------------------------------------------------------------------------

def test_gradients_that_somebody_holds_are_left_alone():
    x, c = square(requires_grad=True), square()
    h = x * c
    y = ng.neg(ng.exp(h * 1.0) * c)
    held, arrays = [], []
    h.register_hook(held.append)
    h.register_hook(lambda g: arrays.append(g.numpy()))
    h.retain_grad()
    seed = ng.ones((SIDE, SIDE))
    y.backward(seed)
    expected = -np.exp(h.numpy()) * c.numpy()
    np.testing.assert_array_equal(seed, np.ones((SIDE, SIDE)))
    for g in (held[0], arrays[0], h.grad):
        np.testing.assert_allclose(g, expected, rtol=1e-6)
    before = x.grad.numpy().copy()
    np.testing.assert_allclose(before, expected * c.numpy(), rtol=1e-6)
    (x * 1.0).backward()                  # adds into .grad
    for g in (held[0], arrays[0], h.grad):
        np.testing.assert_allclose(g, expected, rtol=1e-6)


def test_one_gradient_of_two_leaves():
    a, b = (ng.zeros(3, requires_grad=True) for _ in range(2))
    (a + b).backward()
    assert pointer(a.grad) == pointer(b.grad)
    (a * 5).backward()
    assert a.grad.tolist() == [6, 6, 6] and b.grad.tolist() == [1, 1, 1]
    nn.utils.clip_grad_value_([b], 0.25)
    assert a.grad.tolist() == [6, 6, 6] and b.grad.tolist() == [0.25] * 3


def test_one_gradient_of_two_inputs_with_work_below():
    a, b = (ng.zeros(3, requires_grad=True) for _ in range(2))
    u, v = ng.neg(a), ng.exp(b)
    (u + v).backward()
    assert a.grad.tolist() == [-1, -1, -1] and b.grad.tolist() == [1, 1, 1]
    x = ng.tensor([2.0, 3.0], requires_grad=True)
    (x * x + x).backward()                # the leaf's slot has the buffer that mul reads
    assert x.grad.tolist() == [5, 7]
    x.zero_grad()
    (x + x * x).backward()
    assert x.grad.tolist() == [5, 7]
    x.zero_grad()
    (x + x).backward()
    assert x.grad.tolist() == [2, 2]
    x.zero_grad()
    ng.stack([x, ng.exp(x) * 0.0, x]).sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_pieces_of_one_gradient():
    a, b = (ng.ones(3, requires_grad=True) for _ in range(2))
    y = ng.concatenate([ng.neg(a), ng.exp(b) * 0.0 + b, a])
    y.backward([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert a.grad.tolist() == [6, 6, 6] and b.grad.tolist() == [4, 5, 6]


def test_gradients_from_outside():
    x = ng.zeros(3, requires_grad=True)
    g = ng.tensor([1.0, 2.0, 3.0])
    x.grad = g
    (x * 2).backward()
    assert g.tolist() == [1, 2, 3] and x.grad.tolist() == [3, 4, 5]
    x.add_to_grad(g)
    assert g.tolist() == [1, 2, 3] and x.grad.tolist() == [4, 6, 8]
    x.zero_grad()
    x.add_to_grad(g)
    (x * 2).backward()
    assert g.tolist() == [1, 2, 3] and x.grad.tolist() == [3, 4, 5]
    other = ng.zeros(3, requires_grad=True)
    other.register_hook(lambda _: x.grad)           # an old gradient becomes a new one
    (other * 1 + x).backward()
    assert x.grad.tolist() == [4, 5, 6] and other.grad.tolist() in ([3, 4, 5], [4, 5, 6])
    x.register_hook(lambda _: x.grad)
    (x * 1).backward()
    assert x.grad.tolist() == [8, 10, 12]
    x.backward(x.grad)
    assert x.grad.tolist() == [16, 20, 24]


def test_a_function_may_keep_and_return_its_gradient():
    kept = []

    class Keeps(ng.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, dy):
            kept.append(dy)
            return dy, dy

    a, b = (ng.ones(3, requires_grad=True) for _ in range(2))
    y = ng.neg(Keeps.apply(ng.neg(a), ng.exp(b) * 3))
    y.backward([1, 2, 3])
    assert kept[0].tolist() == [-1, -2, -3] and a.grad.tolist() == [1, 2, 3]
    np.testing.assert_allclose(b.grad, -3 * np.e * np.array([1, 2, 3]), rtol=1e-6)


BETWEEN = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: ng.neg(a), lambda a, b: ng.tanh(a),
    lambda a, b: a[1:3].sum() + b, lambda a, b: ng.concatenate([a[:2], b[2:]]), lambda a, b: ng.where(a.numpy() > b.numpy(), a, b),
    lambda a, b: a.reshape(6, 4).T * b, lambda a, b: ng.linear(a, b, activation="tanh") @ a, lambda a, b: ng.softmax(a, axis=0),
    lambda a, b: ng.cumsum(b, 1) * 0.3, lambda a, b: ng.stack([a, b]).mean(axis=0), lambda a, b: ng.index_set(a, 1, b[0]),
    lambda a, b: a / (b * b + 1.0), lambda a, b: ng.linear(a[0], b, activation="silu") @ b + a,
]


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_have_the_bits_of_graphs_whose_gradients_are_all_held(seed):
    found = []
    for hold in (False, True):
        rng = np.random.default_rng(seed)
        leaves = [ng.tensor(rng.uniform(0.5, 1, (4, 6)), requires_grad=True) for _ in range(3)]
        values, held = list(leaves), []
        for _ in range(40):
            a, b = (values[i] for i in rng.integers(max(0, len(values) - 8), len(values), 2))
            y = BETWEEN[int(rng.integers(len(BETWEEN)))](a, b)
            if hold:
                y.register_hook(held.append)
            values.append(y)
        loss = sum(v.sum() for v in values[-3:]) + ng.mse_loss(values[-1], values[-2])
        loss.backward()
        found.append([x.grad.numpy() for x in leaves if x.grad is not None])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- values of parameters -----------------------------------------------------------------------

HOLDERS = {
    "detach": lambda p: p.detach(), "array": lambda p: p.numpy(), "asarray": lambda p: np.asarray(p.detach()), "view": lambda p: p.reshape(-1),
    "part": lambda p: p[1:], "memoryview": lambda p: memoryview(p.detach()), "slice of an array": lambda p: p.numpy()[1:, :2],
    "graph": lambda p: p * p, "copy": lambda p: copy.copy(p.detach()), "wrapped again": lambda p: ng.from_numpy(p.numpy()),
    "view of a view": lambda p: p.reshape(-1)[2:].reshape(2, -1), "dlpack": lambda p: np.from_dlpack(p.detach()),
    "deepcopy": lambda p: copy.deepcopy(p), "tensor of it": lambda p: ng.tensor(p.detach()), "activation's output": lambda p: ng.exp(p),
}
GIVERS = {
    "SGD": lambda p: optim.SGD([p], lr=0.1).step, "Adam": lambda p: optim.Adam([p], lr=0.1).step,
    "momentum": lambda p: optim.SGD([p], lr=0.1, momentum=0.9).step,
}


def content(holder):
    if isinstance(holder, ng.Tensor) and not holder.is_leaf and holder.grad_fn.name in ("mul", "exp"):
        return ng.grad(holder, p_of[0], retain_graph=True)[0].numpy().tobytes()
    return np.array(holder.detach() if isinstance(holder, ng.Tensor) else holder).tobytes()


p_of = [None]


@pytest.mark.parametrize("giver", GIVERS)
@pytest.mark.parametrize("name", HOLDERS)
def test_who_holds_a_value_keeps_it_and_the_step_is_in_place_again_afterwards(name, giver):
    p = p_of[0] = nn.Parameter(np.arange(1.0, 9.0, dtype=F32).reshape(4, 2))
    step = GIVERS[giver](p)
    p.grad = np.ones((4, 2), F32)
    step()
    here = pointer(p)
    step()
    assert pointer(p) == here             # nobody else has it
    holder = HOLDERS[name](p)
    before = content(holder)
    step()
    assert content(holder) == before
    shares = name not in ("activation's output", "dlpack", "slice of an array") or pointer(p) != here
    del holder
    gc.collect()
    step()
    here = pointer(p)
    step()
    assert pointer(p) == here and shares is not None
    p_of[0] = None


def test_states_that_somebody_holds_are_left_alone():
    p = nn.Parameter(np.ones(3, F32))
    optimizer = optim.Adam([p], lr=0.1)
    p.grad = np.ones(3, F32)
    optimizer.step()
    state = optimizer.state_dict()
    before = repr(state)
    optimizer.step()
    assert repr(state) == before
    again = optim.Adam([p], lr=0.1)
    again.load_state_dict(state)
    again.step()
    assert repr(state) == before


def test_running_statistics_and_averages():
    layer = nn.BatchNorm1d(3)
    x = ng.tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(F32))
    layer(x)
    here = pointer(layer.running_mean)
    layer(x)
    assert pointer(layer.running_mean) == here
    held = layer.running_mean.numpy()
    layer.eval()
    w = ng.tensor(np.ones((5, 3), F32), requires_grad=True)
    y = layer(w)                          # saves the running mean
    layer.train()
    before = held.copy()
    layer(x)
    np.testing.assert_array_equal(held, before)
    y.backward()
    ema = optim.EMA(layer, decay=0.5)
    ema.update()
    average = ema.state_dict()
    text = repr(average)
    layer.weight.assign(layer.weight * 2)
    ema.update()
    assert repr(average) == text


def test_a_pass_that_fails_leaves_its_loss_spent_not_broken():
    x = ng.ones(3, requires_grad=True)
    h = x * 1.0
    loss = ng.mse_loss(h, ng.zeros(3))
    handle = h.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loss.backward()
    handle.remove()
    with pytest.raises(ng.errors.GraphError, match="freed at node mse_loss"):
        loss.backward()
    h = x * 1.0
    loss = ng.mse_loss(h, ng.zeros(3))
    h.register_hook(lambda g: 1 / 0).remove()
    loss.backward()
    np.testing.assert_allclose(x.grad, np.full(3, 2 / 3), rtol=1e-6)
