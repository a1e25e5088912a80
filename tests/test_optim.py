# SPDX-License-Identifier: LGPL-3.0-or-later
"""Optimizers against a NumPy reference and against PyTorch, over every option; groups, state, errors."""

import copy
import inspect
import itertools

import numpy as np
import pytest

import nanograd as ng
from nanograd import optim
from nanograd.nn import Parameter

SHAPES = [(3, 4), (4,), (), (0, 3), (33,)]
OPTIMIZERS = sorted(
    (
        cls
        for cls in vars(optim).values()
        if inspect.isclass(cls) and issubclass(cls, optim.Optimizer) and cls is not optim.Optimizer
    ),
    key=lambda c: c.__name__,
)
# Every value that is tried for a setting; an optimizer whose setting is missing here fails the first test.
VALUES = {
    "lr": [0.1],
    "momentum": [0.0, 0.9],
    "dampening": [0.0, 0.3],
    "weight_decay": [0.0, 0.05],
    "nesterov": [False, True],
    "betas": [(0.9, 0.999), (0.5, 0.75)],
    "eps": [1e-8, 1e-3],
    "amsgrad": [False, True],
    "alpha": [0.99, 0.5],
    "centered": [False, True],
    "lr_decay": [0.0, 0.1],
    "initial_accumulator_value": [0.0, 0.2],
}


def settings(cls):
    return [name for name in inspect.signature(cls).parameters if name != "params"]


def combinations():
    for cls in OPTIMIZERS:
        names = settings(cls)
        for values in itertools.product(*(VALUES[name] for name in names)):
            options = dict(zip(names, values, strict=True))
            if options.get("nesterov") and (not options["momentum"] or options["dampening"]):
                continue
            yield pytest.param(cls, options, id=f"{cls.__name__}-" + "-".join(f"{k}={v}" for k, v in options.items()))


def reference(cls, p, g, state, o):
    """One step on NumPy arrays: the formulas of the docstrings."""
    t = state["t"] = state.get("t", 0) + 1
    zero = np.zeros_like(p)
    if cls is optim.AdamW:
        p = p * (1 - o["lr"] * o["weight_decay"])
    else:
        g = g + o["weight_decay"] * p
    if cls is optim.SGD:
        if o["momentum"]:
            b = g if t == 1 else o["momentum"] * state["b"] + (1 - o["dampening"]) * g
            state["b"] = b
            g = g + o["momentum"] * b if o["nesterov"] else b
        return p - o["lr"] * g
    if cls in (optim.Adam, optim.AdamW):
        b1, b2 = o["betas"]
        m = state["m"] = b1 * state.get("m", zero) + (1 - b1) * g
        v = state["v"] = b2 * state.get("v", zero) + (1 - b2) * g * g
        w = state["w"] = np.maximum(state.get("w", zero), v)
        return p - o["lr"] * (m / (1 - b1**t)) / (np.sqrt((w if o["amsgrad"] else v) / (1 - b2**t)) + o["eps"])
    if cls is optim.RMSprop:
        s = state["s"] = o["alpha"] * state.get("s", zero) + (1 - o["alpha"]) * g * g
        a = state["a"] = o["alpha"] * state.get("a", zero) + (1 - o["alpha"]) * g
        d = g / (np.sqrt(s - a * a if o["centered"] else s) + o["eps"])
        if o["momentum"]:
            d = state["b"] = o["momentum"] * state.get("b", zero) + d
        return p - o["lr"] * d
    assert cls is optim.Adagrad, "a new optimizer needs its formula here"
    s = state["s"] = state.get("s", o["initial_accumulator_value"]) + g * g
    return p - o["lr"] / (1 + (t - 1) * o["lr_decay"]) * g / (np.sqrt(s) + o["eps"])


def gradients(rng, step):
    """A gradient for each shape; each parameter goes without one in some steps."""
    return [None if (step + i) % 5 == 0 else rng.standard_normal(shape) for i, shape in enumerate(SHAPES)]


def run(cls, options, dtype, steps=50):
    rng = np.random.default_rng(3)
    params = [Parameter(rng.standard_normal(shape).astype(dtype)) for shape in SHAPES]
    optimizer = cls(params, **options)
    for step in range(steps):
        for p, g in zip(params, gradients(rng, step), strict=True):
            p.grad = None if g is None else g.astype(dtype)
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("cls, options", list(combinations()))
def test_50_steps_are_those_of_the_formulas(cls, options):
    rng = np.random.default_rng(3)
    values, states = [rng.standard_normal(shape) for shape in SHAPES], [{} for _ in SHAPES]
    for step in range(50):
        for i, g in enumerate(gradients(rng, step)):
            if g is not None:
                values[i] = reference(cls, values[i], g, states[i], options)
    for dtype, rtol in ((np.float64, 1e-10), (np.float32, 2e-3)):
        for p, value in zip(run(cls, options, dtype)[0], values, strict=True):
            np.testing.assert_allclose(p.numpy(), value, rtol=rtol, atol=rtol)


@pytest.mark.torch
@pytest.mark.parametrize("cls, options", list(combinations()))
def test_50_steps_are_those_of_pytorch(cls, options):
    import torch

    rng = np.random.default_rng(3)
    theirs = [torch.nn.Parameter(torch.tensor(rng.standard_normal(shape))) for shape in SHAPES]
    optimizer = getattr(torch.optim, cls.__name__)(theirs, **options)
    for step in range(50):
        for p, g in zip(theirs, gradients(rng, step), strict=True):
            p.grad = None if g is None else torch.tensor(g)
        optimizer.step()
    ours, _ = run(cls, options, np.float64)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_every_setting_of_every_optimizer_is_tried():
    assert {cls.__name__ for cls in OPTIMIZERS} == {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad"}
    for cls in OPTIMIZERS:
        assert set(settings(cls)) <= VALUES.keys()
        optimizer = cls([Parameter([1.0])])
        defaults = {name: p.default for name, p in inspect.signature(cls).parameters.items() if name != "params"}
        assert optimizer.defaults == defaults
        assert optimizer.param_groups[0].keys() == {"params", *defaults}


# ---- values, gradients, memory --------------------------------------------------------------------------------------------


def small(cls=optim.SGD, **options):
    w = Parameter(np.array([1.0, 2.0, 3.0]))
    w.grad = np.array([1.0, 1.0, 1.0])
    return w, cls([w], **options)


@pytest.mark.parametrize("cls", OPTIMIZERS)
def test_a_step_leaves_the_gradient_and_whoever_holds_the_old_value(cls):
    w, optimizer = small(cls, weight_decay=0.1)
    held = w.detach(), w.numpy(), w.reshape(3, 1), optimizer.state_dict()
    optimizer.step()
    assert held[0].tolist() == held[1].tolist() == [1, 2, 3] and held[2].tolist() == [[1], [2], [3]]
    assert w.tolist() != [1, 2, 3] and w.grad.tolist() == [1, 1, 1]
    state = optimizer.state_dict()["state"][0]
    before = {name: np.array(value) for name, value in state.items()}
    optimizer.step()
    for name, value in before.items():
        np.testing.assert_array_equal(np.asarray(state[name]), value)
    assert held[3]["state"] == {}


def test_a_graph_made_before_a_step_keeps_the_old_value():
    w, optimizer = small(lr=1.0)
    y = w * w
    optimizer.step()
    w.grad = None
    y.backward()
    assert w.grad.tolist() == [2, 4, 6] and w.tolist() == [0, 1, 2]


def test_a_step_is_in_place_where_nobody_else_holds_the_value():
    w, optimizer = small(optim.Adam)
    optimizer.step()
    address = w.numpy().__array_interface__["data"][0]
    before = ng.memory_stats()
    for _ in range(3):
        optimizer.step()
    assert w.numpy().__array_interface__["data"][0] == address
    assert ng.memory_stats() == before


def test_both_dtypes_in_one_optimizer():
    a, b = Parameter(np.ones(3, np.float32)), Parameter(np.ones(2))
    optimizer = optim.SGD([a, b], lr=0.5)
    a.grad, b.grad = np.ones(3, np.float32), np.ones(2)
    optimizer.step()
    assert a.tolist() == [0.5] * 3 and b.tolist() == [0.5] * 2


def test_the_state_follows_a_change_of_dtype():
    (w, optimizer), (v, reference_) = small(optim.Adam), small(optim.Adam)
    optimizer.step(), reference_.step()
    layer = ng.nn.ParameterList([w])
    layer.astype(ng.float32)
    w.grad = np.ones(3, np.float32)
    optimizer.step(), reference_.step()
    assert w.dtype == np.float32
    np.testing.assert_allclose(w.numpy(), v.numpy(), rtol=1e-6)


def test_two_parameters_that_share_memory_do_not_share_a_step():
    a = Parameter([1.0, 1.0])
    b = copy.deepcopy(a)
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad, b.grad = np.float32([1, 1]), np.float32([2, 2])
    optimizer.step()
    assert a.tolist() == [0, 0] and b.tolist() == [-1, -1]


@pytest.mark.parametrize("cls", OPTIMIZERS)
def test_nan_and_inf_stay_visible(cls):
    w = Parameter(np.ones(3))
    optimizer = cls([w])
    w.grad = np.array([np.nan, np.inf, 1.0])
    optimizer.step()
    optimizer.step()
    assert np.isnan(w.numpy()[0]) and not np.isfinite(w.numpy()[1]) and np.isfinite(w.numpy()[2])


def test_same_bits_with_any_number_of_threads():
    results = []
    for threads in (1, 2, 4):
        with ng.num_threads(threads):
            rng = np.random.default_rng(0)
            params = [Parameter(rng.standard_normal(n).astype(np.float32)) for n in (300_001, 7, 200_000)]
            optimizer = optim.Adam(params)
            for _ in range(3):
                for p in params:
                    p.grad = rng.standard_normal(p.shape).astype(np.float32)
                norm = ng.nn.utils.clip_grad_norm_(params, 1.0)
                optimizer.step()
            results.append((norm, [p.numpy().tobytes() for p in params]))
    assert results[0] == results[1] == results[2]


# ---- groups ---------------------------------------------------------------------------------------------------------------


def test_groups_are_live():
    a, b = Parameter([1.0]), Parameter([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    a.grad = b.grad = np.float32([1])
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.5)
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert (a.item(), b.item()) == (0.25, 0.0)
    assert optimizer.lr == 0.5
    optimizer.lr = 0.25
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
    optimizer.param_groups[0]["params"].append(c := Parameter([1.0]))
    c.grad = np.float32([1])
    optimizer.step()
    assert c.item() == 0.75 and a.item() == 0.0
    assert len(optimizer.state_dict()["param_groups"][0]["params"]) == 2


def test_named_parameters_keep_their_names():
    layer = {"w": Parameter([1.0]), "b": Parameter([2.0])}
    optimizer = optim.SGD(layer.items())
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    assert optimizer.param_groups[0]["params"] == list(layer.values())


def test_a_frozen_parameter_is_taken_and_skipped():
    frozen, w = Parameter([1.0], requires_grad=False), Parameter([1.0])
    optimizer = optim.SGD([frozen, w], lr=1.0)
    w.grad = np.float32([1])
    optimizer.step()
    assert frozen.item() == 1.0 and w.item() == 0.0


P = Parameter([1.0])
LEAF = ng.tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    "params, error, message",
    [
        ([], ValueError, "SGD: got no parameters"),
        (P, TypeError, "SGD: expected an iterable of parameters, got one Parameter; write [parameter]"),
        (3, TypeError, "SGD: expected an iterable of parameters, got int"),
        ("w", TypeError, "SGD: expected an iterable of parameters, got str"),
        ({P}, TypeError, "SGD: a set of parameters has no order; write a list"),
        (ng.nn.ParameterList([P]), TypeError, "SGD: expected an iterable of parameters, got a module; write module.parameters()"),
        ([P, P], ValueError, "SGD: a parameter is listed twice in one group"),
        ([{"params": [P]}, {"params": [P]}], ValueError, "SGD: a parameter is in two groups"),
        (
            [{"params": [P], "learning_rate": 1.0}],
            TypeError,
            "SGD: unknown setting learning_rate in a group; known are lr, momentum, dampening, weight_decay, nesterov",
        ),
        ([{"lr": 1.0}], TypeError, "SGD: a group is a dict with 'params', got {'lr': 1.0}"),
        (
            [LEAF * 2.0],
            ValueError,
            "SGD: a tensor of shape (1,) is not a leaf: it was computed, so a step would not reach what it was computed from",
        ),
        (
            [ng.tensor([1.0])],
            ValueError,
            "SGD: a tensor of shape (1,) does not require a gradient; make it with requires_grad=True",
        ),
        (
            [np.ones(3)],
            TypeError,
            "SGD: expected tensors, or all (name, tensor) or all dicts, got ndarray; write tensor(a, requires_grad=True)",
        ),
        ([P, None], TypeError, "SGD: expected tensors, or all (name, tensor) or all dicts, got NoneType"),
    ],
)
def test_wrong_parameters(params, error, message):
    with pytest.raises(error) as caught:
        optim.SGD(params)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "cls, options, error, message",
    [
        (optim.SGD, {"lr": -1}, ValueError, "SGD: lr must be at least 0 and finite, got -1.0"),
        (optim.SGD, {"lr": float("nan")}, ValueError, "SGD: lr must be at least 0 and finite, got nan"),
        (optim.SGD, {"lr": "0.1"}, TypeError, "SGD: lr must be a number, got str '0.1'"),
        (optim.SGD, {"lr": None}, TypeError, "SGD: lr must be a number, got None"),
        (
            optim.SGD,
            {"nesterov": True},
            ValueError,
            "SGD: nesterov needs a momentum above 0 and no dampening, got momentum 0.0 and dampening 0.0",
        ),
        (optim.SGD, {"weight_decay": -0.1}, ValueError, "SGD: weight_decay must be at least 0 and finite, got -0.1"),
        (optim.Adam, {"betas": (0.9, 1.0)}, ValueError, "Adam: betas[1] must be in [0, 1), got 1.0"),
        (optim.Adam, {"betas": (-0.1, 0.9)}, ValueError, "Adam: betas[0] must be in [0, 1), got -0.1"),
        (optim.Adam, {"betas": 0.9}, TypeError, "Adam: betas must be a pair of numbers, got 0.9"),
        (optim.AdamW, {"betas": ("a", 0.9)}, TypeError, "AdamW: betas[0] must be a number, got str 'a'"),
        (optim.Adam, {"eps": -1e-8}, ValueError, "Adam: eps must be at least 0 and finite, got -1e-08"),
        (optim.RMSprop, {"alpha": 1.5}, ValueError, "RMSprop: alpha must be in [0, 1], got 1.5"),
        (optim.Adagrad, {"lr_decay": -1.0}, ValueError, "Adagrad: lr_decay must be at least 0 and finite, got -1.0"),
    ],
)
def test_settings_out_of_range(cls, options, error, message):
    with pytest.raises(error) as caught:
        cls([Parameter([1.0])], **options)
    assert str(caught.value) == message
    w, optimizer = small(cls)
    optimizer.param_groups[0].update(options)  # groups are live, so a step checks too, before it changes anything
    with pytest.raises(error) as caught:
        optimizer.step()
    assert str(caught.value) == message and w.tolist() == [1, 2, 3]


def test_unknown_keywords():
    with pytest.raises(TypeError, match=r"^SGD: takes no learning_rate=: write optim\.SGD\(parameters, lr=0\.1\)$"):
        optim.SGD([Parameter([1.0])], learning_rate=0.1)


def test_setting_lr_to_nonsense_changes_nothing():
    _, optimizer = small(lr=0.5)
    with pytest.raises(ValueError, match="SGD: lr must be at least 0"):
        optimizer.lr = -1.0
    assert optimizer.lr == 0.5


# ---- step and zero_grad ---------------------------------------------------------------------------------------------------


def test_a_step_without_any_gradient_warns():
    w = Parameter([1.0])
    with pytest.warns(UserWarning) as caught:
        optim.Adam([w]).step()
    assert str(caught[0].message) == (
        "Adam.step: no parameter has a gradient, so nothing was updated: call loss.backward() before step()"
    )
    assert caught[0].filename == __file__


def test_closure():
    w, optimizer = small(lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with ng.no_grad():
        assert optimizer.step(closure).item() == 14.0
    assert w.tolist() == [0.5, 1.0, 1.5]


def test_zero_grad():
    w, optimizer = small()
    held = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0, 0, 0] and held.tolist() == [1, 1, 1]
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is None


def test_an_optimizer_of_ones_own():
    class Signs(optim.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.assign(p.detach() - group["lr"] * np.sign(p.grad.numpy()))

    w = Parameter(np.array([1.0, 2.0]))
    optimizer = Signs([w])
    (w * w).sum().backward()
    optimizer.step()
    assert w.tolist() == [0.5, 1.5] and optimizer.lr == 0.5
    other = Signs([Parameter([1.0])], lr=3.0)
    other.load_state_dict(optimizer.state_dict())
    assert other.lr == 0.5
    with pytest.raises(NotImplementedError, match="Optimizer does not define step"):
        optim.Optimizer([w], {}).step()
