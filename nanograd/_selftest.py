# SPDX-License-Identifier: LGPL-3.0-or-later
"""The check behind ``python -m nanograd --selftest``: values, gradients, threads, memory and training, in about 5 seconds.

It needs nothing but NumPy, and runs on the machine where something seems wrong. The test suite is far more thorough.
"""
import importlib.metadata
import itertools
import re
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import nanograd as ng
from nanograd import nn, optim
from nanograd._core import runtime
from nanograd.testing import gradcheck

DTYPES = (ng.float32, ng.float64)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _numbers(rng, shape, dtype):
    return rng.normal(size=shape).astype(dtype)


# name, function of tensors, the same of float64 arrays, shapes of the arguments
OPERATIONS = [
    ("add", lambda a, b: a + b, None, [(33, 7), (7,)]),
    ("sub", lambda a, b: a - b, None, [(33, 1), (7,)]),
    ("mul", lambda a, b: a * b, None, [(33, 7), (33, 7)]),
    ("div", lambda a, b: a / (b * b + 1.0), None, [(33, 7), (1, 7)]),
    ("pow", lambda a: (a * a) ** 1.5, None, [(1001,)]),
    ("maximum", ng.maximum, np.maximum, [(33, 7), (33, 7)]),
    ("where", lambda a, b: ng.where(a > b, a, b), lambda a, b: np.where(a > b, a, b), [(33, 7), (7,)]),
    ("exp", ng.exp, np.exp, [(1001,)]),
    ("log", lambda a: ng.log(a * a + 0.5), lambda a: np.log(a * a + 0.5), [(1001,)]),
    ("sqrt", lambda a: ng.sqrt(a * a), np.abs, [(1001,)]),
    ("tanh", ng.tanh, np.tanh, [(1001,)]),
    ("sigmoid", ng.sigmoid, lambda a: 1 / (1 + np.exp(-a)), [(1001,)]),
    ("relu", ng.relu, lambda a: np.maximum(a, 0), [(1001,)]),
    ("clip", lambda a: ng.clip(a, -0.5, 0.5), lambda a: np.clip(a, -0.5, 0.5), [(1001,)]),
    ("sum", lambda a: a.sum(axis=1), None, [(17, 33, 5)]),
    ("mean", lambda a: a.mean(axis=(0, 2), keepdims=True), None, [(17, 33, 5)]),
    ("max", lambda a: a.max(axis=-1), None, [(17, 33)]),
    ("softmax", ng.softmax, _softmax, [(17, 33)]),
    ("log_softmax", ng.log_softmax, lambda a: np.log(_softmax(a)), [(17, 33)]),
    ("matmul", lambda a, b: a @ b, None, [(5, 9), (9, 3)]),
    ("matmul, a vector", lambda a, b: a @ b, None, [(65,), (65, 31)]),
    ("matmul, large", lambda a, b: a @ b, None, [(130, 257), (257, 190)]),
    ("matmul, batches", lambda a, b: a @ b, None, [(3, 1, 12, 7), (2, 7, 5)]),
    ("linear", lambda x, w, b: ng.linear(x, w, b, activation="tanh"), lambda x, w, b: np.tanh(x @ w.T + b),
     [(19, 33), (21, 33), (21,)]),
    ("reshape, transpose", lambda a: a.reshape(6, -1).transpose(1, 0), None, [(3, 4, 5)]),
    ("permute", lambda a: ng.permute(a, (2, 0, 1)), lambda a: a.transpose(2, 0, 1), [(3, 4, 5)]),
    ("concatenate", lambda a, b: ng.concatenate([a, b], axis=1), lambda a, b: np.concatenate([a, b], axis=1), [(3, 4), (3, 2)]),
    ("stack", lambda a, b: ng.stack([a, b], axis=1), lambda a, b: np.stack([a, b], axis=1), [(3, 4), (3, 4)]),
    ("index", lambda a: a[1:, ::2, None], None, [(5, 7, 2)]),
    ("index by an array", lambda a: a[np.array([3, 0, 3, -1])], None, [(5, 7)]),
    ("mse_loss", ng.mse_loss, lambda a, b: ((a - b) ** 2).mean(), [(33, 7), (33, 7)]),
    ("cross_entropy", lambda a: ng.cross_entropy(a, np.arange(33) % 7),
     lambda a: -np.log(_softmax(a))[np.arange(33), np.arange(33) % 7].mean(), [(33, 7)]),
]


def operations():
    """Values in both dtypes against NumPy in float64."""
    rng = np.random.default_rng(1)
    for name, function, reference, shapes in OPERATIONS:
        for dtype in DTYPES:
            arrays = [_numbers(rng, shape, dtype) for shape in shapes]
            got = function(*(ng.tensor(a) for a in arrays))
            wanted = (reference or function)(*(a.astype(np.float64) for a in arrays))
            assert got.dtype == dtype, f"{name}: dtype {got.dtype} of {dtype} operands"
            tolerance = 2e-5 if dtype == ng.float32 else 1e-12
            np.testing.assert_allclose(got.numpy(), wanted, rtol=tolerance, atol=tolerance, err_msg=f"{name}, {dtype}")
    return f"{len(OPERATIONS)} operations in float32 and float64 agree with NumPy"


# The vector loops at every length of their tails, and at one that several threads share.
TAILS = [("exp", ng.exp, np.exp), ("log", lambda a: ng.log(ng.abs(a)), lambda a: np.log(np.abs(a))), ("tanh", ng.tanh, np.tanh),
         ("sigmoid", ng.sigmoid, lambda a: 1 / (1 + np.exp(-a))), ("mul and add", lambda a: a * 3.0 + a, None),
         ("sum", lambda a: a.sum(), None), ("max", lambda a: a.max(), None), ("matmul", lambda a: a @ a, None),
         ("log_softmax", ng.log_softmax, lambda a: a - a.max() - np.log(np.exp(a - a.max()).sum()))]


def lengths():
    """Vector loops of every length up to 70, and of a million elements."""
    rng = np.random.default_rng(6)
    for n in (*range(1, 71), 1_000_003):
        x = rng.uniform(-9, 9, n)
        for name, function, reference in TAILS:
            for dtype in DTYPES:
                a = x.astype(dtype)
                got, wanted = function(ng.tensor(a)).numpy(), (reference or function)(a.astype(np.float64))
                tolerance = 1e-5 if dtype == ng.float32 else 1e-11
                np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max(),
                                           err_msg=f"{name}, {n}, {dtype}")
    return f"{len(TAILS)} operations agree with NumPy at every length from 1 to 70, and at a million"


def gradients():
    """Derivatives against differences, in float64."""
    rng = np.random.default_rng(2)
    for name, function, _, shapes in OPERATIONS:
        small = [tuple(min(n, 33) for n in shape) for shape in shapes] if name == "matmul, large" else shapes
        inputs = [ng.tensor(_numbers(rng, shape, np.float64), requires_grad=True) for shape in small]
        try:
            gradcheck(function, inputs)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
    return f"gradients of {len(OPERATIONS)} operations agree with finite differences"


def _network(seed, sizes, dtype=ng.float32):
    generator = ng.Generator(seed)
    model = nn.Sequential(*(nn.Linear(i, o, activation="relu", dtype=dtype) for i, o in itertools.pairwise(sizes[:-1])),
                          nn.Linear(sizes[-2], sizes[-1], dtype=dtype))
    for p in model.parameters():
        nn.init.uniform_(p, -0.3, 0.3, generator=generator)
    return model


def _train(model, x, labels, steps, batch, make=lambda parameters: optim.Adam(parameters, lr=0.01)):
    optimizer = make(model.parameters())
    losses = []
    for step in range(steps):
        part = slice(step * batch % len(x), step * batch % len(x) + batch)
        optimizer.zero_grad()
        loss = ng.cross_entropy(model(x[part]), labels[part])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _weights(model):
    return b"".join(p.numpy().tobytes() for p in model.parameters())


def threads():
    """Training steps with 1, 2 and 4 threads, and in four Python threads at once: the same weights, bit for bit."""
    rng = np.random.default_rng(3)
    x, labels = _numbers(rng, (2048, 300), np.float32), rng.integers(0, 10, 2048)

    def weights(seed):
        model = _network(seed, (300, 256, 10))
        _train(model, x, labels, 5, 1024)
        return _weights(model)

    wanted, launches = None, runtime.pool_counters()["launches"]
    for n in (1, 2, 4):
        with ng.num_threads(n):
            found = [weights(seed) for seed in range(4)]
        wanted = wanted or found
        assert found == wanted, f"weights with {n} threads differ from those with 1"
    assert runtime.pool_counters()["launches"] > launches, "the thread pool was not used"
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(weights, range(4))) == wanted, "weights differ when four threads train at once"
    return "training with 1, 2 and 4 threads, and in four Python threads at once, gives the same bits"


def training():
    """Networks that tell three spiral arms apart; one is stopped, and goes on from its state."""
    rng = np.random.default_rng(4)
    t, arm = rng.uniform(0.1, 1.0, 3000), np.arange(3000) % 3
    angle = 4 * t + arm * 2 * np.pi / 3 + rng.normal(scale=0.05, size=3000)
    points = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1)
    results = []
    for dtype in DTYPES:
        x = points.astype(dtype)
        for make in (lambda p: optim.Adam(p, lr=0.01), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)):
            model = _network(0, (2, 64, 64, 3), dtype)
            losses = _train(model, x[:2400], arm[:2400], 3000, 100, make)
            with ng.no_grad():
                accuracy = np.mean(model(x[2400:]).numpy().argmax(1) == arm[2400:])
            text = f"{dtype}: loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {accuracy:.3f}"
            assert losses[-1] < losses[0] / 4 and accuracy > 0.97, text
            results.append(accuracy)
    copy = _network(1, (2, 64, 64, 3), dtype)
    copy.load_state_dict(model.state_dict())
    _train(model, x, arm, 20, 100), _train(copy, x, arm, 20, 100)
    assert _weights(copy) == _weights(model), "a model loaded with another's state trains differently"
    return f"three spiral arms learned with Adam and SGD in both dtypes: {min(results):.1%} of new points classified correctly"


def memory():
    """Steps with changing shapes leave no memory behind."""
    rng = np.random.default_rng(5)
    model = _network(0, (20, 30, 3))
    x, labels = _numbers(rng, (64, 20), np.float32), rng.integers(0, 3, 64)
    _train(model, x, labels, 10, 1)
    for p in model.parameters():
        p.grad = None
    before = ng.memory_stats()["in_use"]
    for batch in (1, 7, 33, 64) * 250:
        _train(model, x, labels, 1, batch)
    for p in model.parameters():
        p.grad = None
    after = ng.memory_stats()["in_use"]
    assert after <= before, f"{after - before} bytes left behind by 1,000 steps"
    return "1,000 training steps with changing shapes leave no memory behind"


def installation():
    """No other distribution has put its files among ours: two on PyPI have a package of this name too."""
    found = others()
    assert not found, (f"{' and '.join(found)} put files into the package nanograd too, which is now a mixture: run `python -m pip "
                       f"uninstall {' '.join(found)} nanograd-cpu`, then install nanograd-cpu again")
    return "no other distribution is mixed with nanograd-cpu"


def others():
    """The names of the other distributions that have files in a package called nanograd."""
    names = set()
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name and re.sub(r"[-_.]+", "-", name).lower() != "nanograd-cpu" and any(
                file.parts[0] == "nanograd" for file in distribution.files or ()):
            names.add(name)
    return sorted(names)


CHECKS = (installation, operations, lengths, gradients, threads, training, memory)


def run() -> int:
    """Run every check, print a line for each; returns the number that failed, for the exit status."""
    failed, start = 0, time.perf_counter()
    for check in CHECKS:
        before = time.perf_counter()
        try:
            text = f"ok      {check()}"
        except Exception as error:
            failed += 1
            text = f"FAILED  {check.__name__}: {error}\n{traceback.format_exc()}"
        print(f"{text} ({time.perf_counter() - before:.1f} s)", flush=True)
    took = time.perf_counter() - start
    if failed:
        print(f"{failed} of {len(CHECKS)} checks failed; please report it with the lines above")
    else:
        print(f"all well, in {took:.1f} s")
    return failed
