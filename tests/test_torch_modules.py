# SPDX-License-Identifier: LGPL-3.0-or-later
"""The samples of PyTorch's own module and optimizer databases through ours: values, gradients, states, in both dtypes.

A sample that ours refuses must stand in REFUSED with the rule that it is refused by; every other must run and agree.
"""

import sys
import types
import unittest
import warnings

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim

pytestmark = pytest.mark.torch

# (module or optimizer, what its sample has): why it is refused. API.md is the design of the public surface.
REFUSED = {
    ("*", "maximize"): "1.5: not among the arguments",
    ("Embedding", "max_norm"): "1.4: not among the arguments",
    ("Softmax", "no dim"): "1.4: dim is -1 if left out, PyTorch guesses",
    ("LogSoftmax", "no dim"): "1.4: dim is -1 if left out, PyTorch guesses",
    ("Softmax", "0-d"): "1.7: an axis of a 0-d tensor is an error",
    ("LogSoftmax", "0-d"): "1.7: an axis of a 0-d tensor is an error",
    ("*", "return_indices"): "1.4: not among the arguments",
    ("*", "divisor_override"): "1.4: not among the arguments",
    ("BatchNorm1d", "empty batch"): "statistics of nothing are an error",
    ("BatchNorm2d", "empty batch"): "statistics of nothing are an error",
}


def databases():
    """PyTorch's databases, whose modules also import a test helper that is not needed here."""
    if "expecttest" not in sys.modules:
        stand_in = types.ModuleType("expecttest")
        stand_in.TestCase = unittest.TestCase
        sys.modules["expecttest"] = stand_in
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
        from torch.testing._internal.common_optimizers import optim_db
    return module_db, optim_db


def ours_of(value):
    """A sample's argument for ours: floating tensors as tensors, others as arrays."""
    import torch

    if isinstance(value, torch.Tensor):
        array = value.detach().numpy().copy()
        return ng.tensor(array, requires_grad=value.requires_grad) if value.is_floating_point() else array
    return value


def refusal(name, constructor, forward, training):
    keys = set(constructor.kwargs)
    if training and forward.args and getattr(forward.args[0], "shape", (1,))[:1] == (0,):
        keys.add("empty batch")
    if name in ("Softmax", "LogSoftmax") and not constructor.args and "dim" not in keys:
        keys.add("no dim")
    if forward.args and getattr(forward.args[0], "ndim", 1) == 0:
        keys.add("0-d")
    if constructor.kwargs.get("log_target") is False:
        keys.discard("log_target")
    return next((rule for (who, what), rule in REFUSED.items() if who in ("*", name) and what in keys), None)


def compare(theirs, ours, sample, rtol):
    import torch

    args = [a.detach().clone().requires_grad_(a.is_floating_point()) if isinstance(a, torch.Tensor) else a for a in sample.args]
    mine = [ours_of(a) for a in args]
    expected, got = theirs(*args, **sample.kwargs), ours(*mine, **{key: ours_of(v) for key, v in sample.kwargs.items()})
    assert got.shape == tuple(expected.shape)
    np.testing.assert_allclose(got.numpy(), expected.detach().numpy(), rtol=rtol, atol=rtol)
    cotangent = np.cos(np.arange(got.size)).reshape(got.shape).astype(got.dtype)
    if not expected.requires_grad:
        return
    got.backward(cotangent), expected.backward(torch.tensor(cotangent))
    for a, b in zip(mine, args, strict=True):
        if isinstance(b, torch.Tensor) and b.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=rtol, atol=rtol)
    for (name, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=rtol, atol=10 * rtol)


def keyword(name, constructor):
    """A sample's arguments for our constructor."""
    return [ours_of(a) for a in constructor.args], {key: ours_of(v) for key, v in constructor.kwargs.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_modules(dtype, capsys):
    import torch

    ran, refused, wrong = {}, {}, []
    torch.manual_seed(0)
    for info in databases()[0]:
        name = info.module_cls.__name__
        if not hasattr(nn, name) or info.module_cls.__module__.startswith("torch.ao"):
            continue
        for training in {True, False} if info.train_and_eval_differ else {True}:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                samples = info.module_inputs_func(
                    info, device="cpu", dtype=getattr(torch, dtype), requires_grad=True, training=training
                )
            for sample in samples:
                constructor, forward = sample.constructor_input, sample.forward_input
                if refusal(name, constructor, forward, training):
                    refused[name] = refused.get(name, 0) + 1
                    continue
                if name == "Dropout" and training:
                    continue
                args, kwargs = keyword(name, constructor)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        theirs = info.module_cls(*constructor.args, **constructor.kwargs).to(getattr(torch, dtype)).train(training)
                        ours = getattr(nn, name)(*args, **kwargs).astype(dtype).train(training)
                        ours.load_state_dict(theirs.state_dict())
                        compare(theirs, ours, forward, 1e-9 if dtype == "float64" else 2e-4)
                    ran[name] = ran.get(name, 0) + 1
                except Exception as error:
                    wrong.append(f"{name}({constructor}) {sample.desc}: {type(error).__name__}: {error}")
    with capsys.disabled():
        print(f"\n{dtype}: {sum(ran.values())} samples of {len(ran)} modules agree, {sum(refused.values())} are refused by rule", end=" ")
    assert not wrong, "\n".join(wrong)
    assert len(ran) >= 35 and sum(ran.values()) >= 9 * sum(refused.values())


def test_optimizers(capsys):
    import torch

    shapes, ran, refused, classes = [(10, 5), (10,), (), (3, 2, 4)], 0, 0, set()
    rng = np.random.default_rng(0)
    for info in databases()[1]:
        cls = getattr(optim, info.optim_cls.__name__, None)
        if cls is None:
            continue
        for sample in info.optim_inputs_func("cpu"):
            if "maximize" in sample.kwargs:
                with pytest.raises(TypeError):
                    cls([nn.Parameter([1.0])], **sample.kwargs)
                refused += 1
                continue
            values = [rng.standard_normal(shape) for shape in shapes]
            ours, theirs = [nn.Parameter(v) for v in values], [torch.nn.Parameter(torch.tensor(v)) for v in values]
            options = {"lr": 0.01, **sample.kwargs}     # (our SGD has another default)
            mine, other = cls(ours, **options), info.optim_cls(theirs, **options)
            for _ in range(20):
                for p, q in zip(ours, theirs, strict=True):
                    g = rng.standard_normal(p.shape)
                    p.grad, q.grad = g, torch.tensor(g)
                mine.step(), other.step()
                for p, q in zip(ours, theirs, strict=True):
                    # (a learning rate that is a float32 tensor there is rounded once more)
                    rtol = 1e-6 if isinstance(sample.kwargs.get("lr"), torch.Tensor) else 1e-12
                    np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=rtol, atol=rtol)
            ran += 1
            classes.add(cls)
    with capsys.disabled():
        print(f"\noptimizers: {ran} samples agree, {refused} ask for maximize", end=" ")
    assert ran >= 25 and classes == {optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad}
