# SPDX-License-Identifier: LGPL-3.0-or-later
"""grad(y, x) and backward(inputs=) run what leads to their inputs, and nothing else; frozen leaves are left alone."""
import threading

import numpy as np
import pytest
from specs import SPECS

import nanograd as ng
from nanograd import nn, optim
from nanograd.errors import GraphError


def network():
    rng = np.random.default_rng(0)
    layers = [ng.tensor(rng.normal(size=s).astype(np.float32), requires_grad=True) for s in ((8, 4), (8, 8), (1, 8))]
    x = ng.tensor(rng.normal(size=(5, 4)).astype(np.float32), requires_grad=True)
    h = x
    for w in layers:
        h = ng.tanh(ng.linear(h, w))
    return x, layers, h.sum()


class Counted(ng.Function):
    """Counts which of its gradients are asked for."""
    calls = []

    @staticmethod
    def forward(ctx, a, b):
        return a * b

    @staticmethod
    def backward(ctx, dy):
        Counted.calls.append(ctx.needs_input_grad)
        return dy, dy


def test_grad_runs_only_what_leads_to_its_inputs():
    x, (w0, w1, w2), y = network()
    everything = [g.numpy() for g in ng.grad(y, [x, w0, w1, w2], retain_graph=True)]
    seen = []
    for name, t in (("x", x), ("w0", w0), ("w1", w1), ("w2", w2)):
        t.register_hook(lambda g, name=name: seen.append(name))
    for i, (name, t) in enumerate((("x", x), ("w0", w0), ("w1", w1), ("w2", w2))):
        seen.clear()
        np.testing.assert_array_equal(ng.grad(y, t, retain_graph=True)[0], everything[i])
        assert seen == [name]
    assert all(t.grad is None for t in (x, w0, w1, w2))


@pytest.mark.parametrize("backward", [False, True])
def test_functions_off_the_path_are_not_called(backward):
    a, b, c = (ng.ones(2, requires_grad=True) for _ in range(3))
    h = Counted.apply(a, b)
    y = Counted.apply(h, c)

    def go(t):
        Counted.calls.clear()
        y.backward(retain_graph=True, inputs=t) if backward else ng.grad(y, t, retain_graph=True)
        return Counted.calls
    assert go(c) == [(False, True)]
    assert go(h) == [(True, False)]
    assert go(a) == [(True, False), (True, False)]
    assert go([b, c]) == [(True, True), (False, True)]
    Counted.calls.clear()
    y.backward()
    assert Counted.calls == [(True, True), (True, True)]


def test_hooks_and_retain_grad_of_what_is_pruned_see_nothing():
    x, w = (ng.ones(3, requires_grad=True) for _ in range(2))
    side, path = w * 2, x * 3
    y = side * path
    seen = []
    side.retain_grad()
    side.register_hook(lambda g: seen.append("side"))
    path.register_hook(lambda g: seen.append("path"))
    assert ng.grad(y, x, retain_graph=True)[0].tolist() == [6, 6, 6]
    assert seen == ["path"] and side.grad is None
    y.backward(inputs=x, retain_graph=True)
    assert seen == ["path", "path"] and side.grad is None and w.grad is None and x.grad.tolist() == [6, 6, 6]
    y.backward()
    assert sorted(seen) == ["path", "path", "path", "side"] and side.grad.tolist() == [3, 3, 3]


def test_only_what_ran_is_freed():
    x, w = (ng.ones(3, requires_grad=True) for _ in range(2))
    side, path = w * w, x * x
    y = side + path
    ng.grad(y, x)
    side.backward()                                     # was not touched
    assert w.grad.tolist() == [2, 2, 2]
    with pytest.raises(GraphError, match="freed at node mul"):
        path.backward()
    with pytest.raises(GraphError, match="freed at node add"):
        y.backward()


@pytest.mark.parametrize("retain", [False, True])
def test_an_unused_input_is_found_before_anything_runs(retain):
    x, other = (ng.ones(2, requires_grad=True) for _ in range(2))
    y = x * x
    seen = []
    y.register_hook(lambda g: seen.append(1))
    below = other * 2                                   # older than nothing, related to nothing
    for unused in (other, below):
        with pytest.raises(GraphError, match=r"^grad: the outputs do not depend on inputs\[1\] \(shape \(2,\)\); write allow_unused"):
            ng.grad(y, [x, unused], retain_graph=retain)
    y.backward(inputs=[other], retain_graph=retain)
    assert not seen and x.grad is None and other.grad is None
    assert ng.grad(y, x)[0].tolist() == [2, 2]
    with pytest.raises(GraphError, match="freed at node mul"):
        ng.grad(y, x)


def test_unused_is_none_if_allowed_and_nothing_runs_for_it():
    x, other = (ng.ones(2, requires_grad=True) for _ in range(2))
    y = x * x
    assert ng.grad(y, other, allow_unused=True) == (None,)
    assert ng.grad([y, y * 2], [other, x], allow_unused=True)[1].tolist() == [6, 6]


def test_roots_and_inputs_of_every_place():
    x = ng.ones(2, requires_grad=True)
    h = x * 2
    y = h * h
    assert [g.tolist() for g in ng.grad(y, [y, h, x, h], retain_graph=True)] == [[1, 1], [4, 4], [8, 8], [4, 4]]
    assert [g.tolist() for g in ng.grad([y, h], [h], retain_graph=True)] == [[5, 5]]        # a root that another leads to
    assert [g.tolist() for g in ng.grad([h, y, h], [x], retain_graph=True)] == [[12, 12]]
    assert [g.tolist() for g in ng.grad(x, [x])] == [[1, 1]]
    assert ng.grad(y, []) == ()
    assert ng.grad(h, x)[0].tolist() == [2, 2]
    assert ng.grad(y, h)[0].tolist() == [4, 4]                                               # h itself is freed: not needed
    with pytest.raises(GraphError, match="freed"):
        ng.grad(y, x)


def test_a_freed_branch_that_might_lead_there_is_an_error():
    x = ng.ones(2, requires_grad=True)
    h = x * 2
    y = h * 1 + x
    h.backward()
    with pytest.raises(GraphError, match="freed at node mul"):
        ng.grad(y, x)


def test_a_long_chain_is_marked_without_recursion():
    x = ng.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    assert ng.grad(y + x, x)[0].item() == 2


def test_captured_gradient_is_not_overwritten_by_the_rest_of_the_pass():
    x = ng.ones(4, requires_grad=True)
    h = ng.neg(x)
    y = ng.neg(ng.neg(h))
    dh, dx = ng.grad(y * 3, [h, x])
    assert dh.tolist() == [3] * 4 and dx.tolist() == [-3] * 4


def several_inputs():
    for spec in SPECS:
        for shapes in spec.shapes:
            arrays = spec.make(shapes, np.dtype(np.float32))
            wants = [w and a.dtype.kind == "f" for a, w in zip(arrays, spec.wants(len(arrays)), strict=True)]
            if spec.differentiable and sum(wants) > 1 and all(a.size for a in arrays):
                yield pytest.param(spec, arrays, wants, id=spec.id)
                break


@pytest.mark.parametrize("frozen", [False, True], ids=["pruned", "frozen"])
@pytest.mark.parametrize("spec, arrays, wants", list(several_inputs()))
def test_every_operation_with_several_inputs_asks_which_are_wanted(spec, arrays, wants, frozen):
    """Nothing arrives at an input that is not asked for, and what is asked for has the same bits."""
    leaves = [ng.tensor(a, requires_grad=w) if w else a for a, w in zip(arrays, wants, strict=True)]
    between = [x * 1.0 if w else x for x, w in zip(leaves, wants, strict=True)]
    y = spec.call(*between)
    seen = []
    for i, w in enumerate(wants):
        if w:
            between[i].register_hook(lambda g, i=i: seen.append(i))
    inputs = [leaves[i] for i, w in enumerate(wants) if w]
    cotangent = np.random.default_rng(7).standard_normal(y.shape).astype(np.float32)
    together = ng.grad(y, inputs, cotangent, retain_graph=True, allow_unused=True)
    if frozen:
        y = spec.call(*leaves)
    for x, expected in zip(inputs, together, strict=True):
        seen.clear()
        if frozen:
            for other in inputs:
                other.requires_grad_(other is x)
            y.backward(cotangent, retain_graph=True)
            assert all((other.grad is None) == (other is not x or expected is None) for other in inputs)
            gradient, x.grad = x.grad, None
        else:
            gradient, = ng.grad(y, x, cotangent, retain_graph=True, allow_unused=True)
            assert set(seen) <= {next(i for i, other in enumerate(leaves) if other is x)}
        if expected is not None:
            np.testing.assert_array_equal(gradient, expected)


# ---- frozen leaves ------------------------------------------------------------------------------

def test_a_leaf_frozen_after_forward_gets_no_gradient():
    x, w = (ng.ones(3, requires_grad=True) for _ in range(2))
    y = (x * w).sum() + w.sum() + x[1:].sum()
    w.requires_grad_(False)
    y.backward(retain_graph=True)
    assert w.grad is None and x.grad.tolist() == [1, 2, 2]
    w.requires_grad_(True)
    x.requires_grad = False
    y.backward(retain_graph=True)
    assert w.grad.tolist() == [2, 2, 2] and x.grad.tolist() == [1, 2, 2]
    with pytest.raises(GraphError, match="nothing to differentiate"):
        ng.grad(y, x, retain_graph=True)
    w.requires_grad_(False)
    y.backward()                                        # nobody left: nothing to do, and no error
    assert w.grad.tolist() == [2, 2, 2]


def test_a_hook_may_freeze_what_waits():
    x, w = (ng.nn.Parameter(np.ones(3, np.float32)) for _ in range(2))
    x.register_hook(lambda g: w.requires_grad_(False))
    w.register_hook(lambda g: x.requires_grad_(False))
    (x * w).backward()
    assert x.grad is None and w.grad is None


def test_a_frozen_function_is_not_called():
    a, b = (ng.ones(2, requires_grad=True) for _ in range(2))
    Counted.calls.clear()
    y = Counted.apply(a, b)
    a.requires_grad_(False)
    y.backward(retain_graph=True)
    assert Counted.calls == [(False, True)] and a.grad is None
    b.requires_grad_(False)
    y.backward()
    assert Counted.calls == [(False, True)]


OPTIMIZERS = [
    lambda p: optim.SGD(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1),
    lambda p: optim.Adam(p), lambda p: optim.Adam(p, amsgrad=True), lambda p: optim.AdamW(p), lambda p: optim.RMSprop(p, momentum=0.5),
    lambda p: optim.Adagrad(p),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_no_optimizer_moves_a_frozen_leaf(make):
    layer = nn.Linear(3, 2)
    optimizer = make(layer.parameters())
    x = ng.ones((4, 3))
    (layer(x) ** 2).sum().backward()
    optimizer.step()                                    # it has a state by now
    layer.weight.requires_grad_(False)                  # and an old .grad
    before, bias, state = layer.weight.numpy(), layer.bias.numpy(), repr(optimizer.state_dict()["state"].get(0))
    optimizer.step()
    np.testing.assert_array_equal(layer.weight, before)
    assert not np.array_equal(layer.bias.numpy(), bias) and layer.weight.grad is not None
    assert repr(optimizer.state_dict()["state"].get(0)) == state
    layer.weight.requires_grad_(True)
    optimizer.step()
    assert not np.array_equal(layer.weight.numpy(), before)


def test_frozen_between_forward_and_backward_is_not_moved():
    layer = nn.Linear(3, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    loss = (layer(ng.ones((4, 3))) ** 2).sum()
    layer.weight.requires_grad_(False)
    before = layer.weight.numpy()
    loss.backward()
    optimizer.step()
    assert layer.weight.grad is None and layer.bias.grad is not None
    np.testing.assert_array_equal(layer.weight, before)


def test_a_pruned_pass_inside_of_a_pruned_pass():
    """Each keeps what it has found out: of the same nodes, in a hook of the other, one wants what the other does not."""
    x, w = (ng.ones(2, requires_grad=True) for _ in range(2))
    trunk = (x * 2) * (w * 3)
    a, b = trunk * 5, trunk * 7
    inner = []

    def hook(gradient):
        inner.append(ng.grad(b, w, retain_graph=True)[0].tolist())
        with pytest.raises(GraphError, match="do not depend"):
            ng.grad(b, [w, a], retain_graph=True)
        inner.append(ng.grad(b, [w, x], retain_graph=True)[1].tolist())
    handle = a.register_hook(hook)
    assert ng.grad(a, x, retain_graph=True)[0].tolist() == [30, 30]
    assert inner == [[42, 42], [42, 42]]
    handle.remove()
    assert ng.grad(a, w, retain_graph=True)[0].tolist() == [30, 30]
    a.backward(inputs=x)
    assert x.grad.tolist() == [30, 30] and w.grad is None


def test_pruned_passes_in_threads_do_not_mix_their_marks():
    """Two passes over one shared part, each with inputs of its own."""
    ws = [ng.tensor(np.full(200_000, 1.0 + i), requires_grad=True) for i in range(3)]
    trunk = ws[0] * ws[1]
    right = {i: (trunk.numpy() / ws[i].numpy()) for i in (0, 1)}
    outcomes = []

    def work(i):
        for _ in range(20):
            try:
                got, = ng.grad(trunk * 1.0, ws[i], retain_graph=True)
            except GraphError:
                continue
            outcomes.append(np.array_equal(got.numpy(), right[i]))
    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes and all(outcomes)
