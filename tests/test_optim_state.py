# SPDX-License-Identifier: LGPL-3.0-or-later
"""state_dict and load_state_dict of the optimizers, copies, repr."""

import copy
import inspect
import pickle

import numpy as np
import pytest

from nanograd import optim
from nanograd.nn import Parameter

SHAPES = [(3, 4), (4,), (), (0, 3), (33,)]
OPTIMIZERS = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad]


def settings(cls):
    return inspect.signature(cls).parameters


def small(cls):
    w = Parameter(np.array([1.0, 2.0, 3.0]))
    w.grad = np.array([1.0, 1.0, 1.0])
    return w, cls([w])


def train(optimizer, params, rng, steps):
    for _ in range(steps):
        for p in params:
            p.grad = rng.standard_normal(p.shape)
        optimizer.step()


@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle"])
@pytest.mark.parametrize("cls", OPTIMIZERS)
def test_resuming_goes_on_exactly(cls, how):
    options = {"momentum": 0.9} if "momentum" in settings(cls) else {"amsgrad": True} if "amsgrad" in settings(cls) else {}
    rng = np.random.default_rng(0)
    params = [Parameter(rng.standard_normal(shape)) for shape in SHAPES]
    optimizer = cls(params, **options)
    train(optimizer, params, rng, 3)
    if how == "state_dict":
        others = copy.deepcopy(params)
        other = cls(others)
        other.load_state_dict(optimizer.state_dict())
    else:
        others, other = (
            copy.deepcopy((params, optimizer)) if how == "deepcopy" else pickle.loads(pickle.dumps((params, optimizer)))
        )
        assert all(p is q for p, q in zip(others, other.param_groups[0]["params"], strict=True))
    train(optimizer, params, np.random.default_rng(1), 3)
    train(other, others, np.random.default_rng(1), 3)
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.torch
@pytest.mark.parametrize("cls", OPTIMIZERS)
def test_the_state_of_pytorch_loads(cls):
    import torch

    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape) for shape in SHAPES]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in values]
    optimizer = getattr(torch.optim, cls.__name__)(theirs, lr=0.125)
    for p in theirs:
        p.grad = torch.ones_like(p)
    optimizer.step()
    ours = [Parameter(p.detach().numpy()) for p in theirs]
    mine = cls(ours)
    mine.load_state_dict(optimizer.state_dict())
    assert mine.lr == 0.125
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = np.full(p.shape, 0.5), torch.full_like(q, 0.5)
    mine.step(), optimizer.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-13)
    fresh = getattr(torch.optim, cls.__name__)([torch.nn.Parameter(torch.tensor(v)) for v in values])
    fresh.load_state_dict(optimizer.state_dict())


def test_loading_what_does_not_fit_changes_nothing():
    _, optimizer = small(optim.Adam)
    optimizer.step()
    before = pickle.dumps(optimizer.state_dict())
    good = optimizer.state_dict()

    def broken(**changes):
        return {**good, **changes}

    group = good["param_groups"][0]
    cases = [
        (3, TypeError, "Adam.load_state_dict: expected a dict with 'state' and 'param_groups', as returned by state_dict()"),
        (
            broken(param_groups=[{**group, "params": [0, 1]}]),
            ValueError,
            "Adam.load_state_dict: the optimizer has groups of [1] parameters, the state of [2]",
        ),
        (
            broken(param_groups=[{**group, "maximize": True}]),
            ValueError,
            "Adam.load_state_dict: the state has maximize=True, which Adam does not know",
        ),
        (broken(param_groups=[{**group, "lr": -1.0}]), ValueError, "Adam: lr must be at least 0 and finite, got -1.0"),
        (
            broken(state={0: {**good["state"][0], "exp_avg": np.ones(4)}}),
            ValueError,
            "Adam.load_state_dict: exp_avg of parameter 0 has shape (4,), the parameter (3,)",
        ),
        (
            broken(state={0: {"momentum_buffer": np.ones(3)}}),
            ValueError,
            "Adam.load_state_dict: the state of parameter 0 has 'momentum_buffer', which Adam does not know",
        ),
    ]
    for state, error, message in cases:
        with pytest.raises(error) as caught:
            optimizer.load_state_dict(state)
        assert str(caught.value) == message
        assert pickle.dumps(optimizer.state_dict()) == before


def test_repr():
    optimizer = optim.SGD([{"params": [Parameter(np.ones((1000, 2)))]}, {"params": [Parameter(1.0)], "lr": 1.0}])
    assert (
        repr(optimizer)
        == """SGD(
  1 parameter of 2,000 elements, lr=0.01, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
  1 parameter of 1 element, lr=1.0, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
)"""
    )
