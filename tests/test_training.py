# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whole training runs: every loss of 20 steps against those of PyTorch, stored and, where it is installed, live."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim

STORED = Path(__file__).parent / "data" / "training_losses.json"
STEPS = 20


def numbers(*shape, seed):
    """Reproducible everywhere: no generator of NumPy's or PyTorch's."""
    n = int(np.prod(shape))
    return np.sin(np.arange(1, n + 1) * (1.0 + 0.37 * seed) + seed).reshape(shape)


# name: (widths, activation, loss, optimizer, its settings)
RUNS = {
    "relu-cross_entropy-adam": ((8, 64, 64, 4), "ReLU", "cross_entropy", "Adam", {"lr": 2e-3}),
    "relu-cross_entropy-amsgrad": (
        (8, 16, 4),
        "ReLU",
        "cross_entropy",
        "Adam",
        {"lr": 1e-2, "amsgrad": True, "weight_decay": 1e-2},
    ),
    "tanh-mse-sgd": ((8, 32, 4), "Tanh", "mse", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}),
    "sigmoid-mse-rmsprop": ((8, 32, 4), "Sigmoid", "mse", "RMSprop", {"lr": 1e-2, "centered": True, "momentum": 0.5}),
    "silu-cross_entropy-adamw": ((8, 32, 4), "SiLU", "cross_entropy", "AdamW", {"lr": 1e-2}),
    "gelu-cross_entropy-adagrad": ((8, 32, 4), "GELU", "cross_entropy", "Adagrad", {"lr": 0.1}),
    "leaky_relu-mse-sgd": ((8, 32, 4), "LeakyReLU", "mse", "SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
}


def data(loss, dtype):
    x = numbers(40, 8, seed=1).astype(dtype)
    target = np.tanh(numbers(40, 8, seed=1) @ numbers(8, 4, seed=2))
    return x, target.argmax(1) if loss == "cross_entropy" else target.astype(dtype)


def weights(widths, dtype):
    """In PyTorch's layout and names, for a Sequential of Linear, activation, Linear, ..."""
    state = {}
    for k, (i, o) in enumerate(itertools.pairwise(widths)):
        state[f"{2 * k}.weight"] = (numbers(o, i, seed=3 + k) / np.sqrt(i)).astype(dtype)
        state[f"{2 * k}.bias"] = (0.1 * numbers(o, seed=13 + k)).astype(dtype)
    return state


def network(library, widths, activation):
    layers = []
    for i, o in itertools.pairwise(widths):
        layers += [library.Linear(i, o), getattr(library, activation)()]
    return library.Sequential(*layers[:-1])


def fused(widths, activation):
    names = {"LeakyReLU": "leaky_relu"}.get(activation, activation.lower())
    pairs = list(itertools.pairwise(widths))
    return nn.Sequential(
        {str(2 * k): nn.Linear(i, o, activation=names if k < len(pairs) - 1 else None) for k, (i, o) in enumerate(pairs)}
    )


def train(run, dtype, make):
    widths, activation, loss, optimizer, settings = RUNS[run]
    model = make(widths, activation).astype(dtype)
    model.load_state_dict(weights(widths, dtype))
    opt = getattr(optim, optimizer)(model.parameters(), **settings)
    compute = nn.CrossEntropyLoss() if loss == "cross_entropy" else nn.MSELoss()
    x, target = data(loss, dtype)
    losses = []
    for step in range(STEPS):
        rows = slice(step % 4 * 10, step % 4 * 10 + 10)
        opt.zero_grad()
        value = compute(model(ng.tensor(x[rows])), target[rows])
        value.backward()
        opt.step()
        losses.append(value.item())
    return losses


def torch_losses(run, dtype):
    import torch

    widths, activation, loss, optimizer, settings = RUNS[run]
    model = network(torch.nn, widths, activation).to(getattr(torch, np.dtype(dtype).name))
    model.load_state_dict({name: torch.tensor(value) for name, value in weights(widths, dtype).items()})
    opt = getattr(torch.optim, optimizer)(model.parameters(), **settings)
    compute = torch.nn.CrossEntropyLoss() if loss == "cross_entropy" else torch.nn.MSELoss()
    x, target = data(loss, dtype)
    losses = []
    for step in range(STEPS):
        rows = slice(step % 4 * 10, step % 4 * 10 + 10)
        opt.zero_grad()
        value = compute(model(torch.tensor(x[rows])), torch.tensor(target[rows]))
        value.backward()
        opt.step()
        losses.append(value.item())
    return losses


@pytest.mark.parametrize("make", [lambda widths, activation: network(nn, widths, activation), fused], ids=["modules", "fused"])
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-10), (np.float32, 1e-4)], ids=["f64", "f32"])
@pytest.mark.parametrize("run", RUNS)
def test_losses_are_those_stored_from_pytorch(run, dtype, rtol, make):
    losses = train(run, dtype, make)
    np.testing.assert_allclose(losses, json.loads(STORED.read_text())[run], rtol=rtol)
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.torch
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-10), (np.float32, 1e-4)], ids=["f64", "f32"])
@pytest.mark.parametrize("run", RUNS)
def test_losses_are_those_of_pytorch(run, dtype, rtol):
    np.testing.assert_allclose(train(run, dtype, fused), torch_losses(run, dtype), rtol=rtol)


def test_resuming_from_state_dicts_gives_the_same_bits():
    x, target = data("cross_entropy", np.float32)

    def step(model, opt):
        opt.zero_grad()
        loss = ng.cross_entropy(model(ng.tensor(x)), target)
        loss.backward()
        opt.step()
        return loss.item()

    def make():
        model = fused((8, 32, 4), "Tanh")
        model.load_state_dict(weights((8, 32, 4), np.float32))
        return model, optim.Adam(model.named_parameters(), lr=1e-2)

    model, opt = make()
    for _ in range(5):
        step(model, opt)
    saved = model.state_dict(), opt.state_dict()
    rest = [step(model, opt) for _ in range(5)]
    model, opt = make()
    model.load_state_dict(saved[0])
    opt.load_state_dict(saved[1])
    assert [step(model, opt) for _ in range(5)] == rest


if __name__ == "__main__":  # python tests/test_training.py writes the stored losses anew, with PyTorch
    STORED.parent.mkdir(exist_ok=True)
    STORED.write_text(json.dumps({run: torch_losses(run, np.float64) for run in RUNS}, indent=1) + "\n")
