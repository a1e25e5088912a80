# SPDX-License-Identifier: LGPL-3.0-or-later
"""What happens in the middle of an operation: code of the user's that a conversion runs, another thread's, a signal's."""
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn

HERE = Path(__file__).parent

# ---- a cast of a parameter that the operation reads ------------------------------------------------------------------

CASTS = '''
import warnings
import numpy as np, nanograd as ng
from nanograd import nn
warnings.simplefilter("ignore")
SIDE = 64

def casting(base):
    """An object that casts the model whenever it is asked for anything."""
    class Casting(base):
        def cast(self):
            try: model.astype(target)
            except RuntimeError: refused.append(1)
    def asked(name, answer):
        def method(self, *args, **kwargs):
            self.cast()
            return answer(self, *args)
        setattr(Casting, name, method)
    asked("__float__", lambda self: 1.0)
    asked("__index__", lambda self: 1)
    asked("__int__", lambda self: 1)
    if base is object:
        asked("__array__", lambda self, *args: np.ones((SIDE, SIDE), start))
    for name in ("__eq__", "__ne__", "__lt__", "__gt__", "__le__", "__ge__"):
        if base is not object: asked(name, lambda self, other, name=name: getattr(base, name)(self, other))
    if base is not object: Casting.__hash__ = base.__hash__
    return Casting

CALLS = {
    "sum": lambda p, v: ng.sum(p, axis=v), "mean": lambda p, v: ng.mean(p, axis=(0, v)), "max": lambda p, v: ng.max(p, axis=v),
    "prod": lambda p, v: ng.prod(p * 0 + 1, axis=v), "var": lambda p, v: ng.var(p, axis=v), "ddof": lambda p, v: ng.std(p, ddof=v),
    "norm": lambda p, v: ng.norm(p, axis=v), "ord": lambda p, v: ng.norm(p, ord=v), "logsumexp": lambda p, v: ng.logsumexp(p, axis=v),
    "argmax": lambda p, v: ng.argmax(p, axis=v), "sort": lambda p, v: ng.sort(p, axis=v)[0], "cumsum": lambda p, v: ng.cumsum(p, axis=v),
    "softmax": lambda p, v: ng.softmax(p, axis=v), "log_softmax": lambda p, v: ng.log_softmax(p, axis=v),
    "clip": lambda p, v: ng.clip(p, -1.0, v), "leaky_relu": lambda p, v: ng.leaky_relu(p, v), "elu": lambda p, v: ng.elu(p, v),
    "softplus": lambda p, v: ng.softplus(p, beta=v), "number": lambda p, v: p * v, "number first": lambda p, v: v - p, "power": lambda p, v: p ** v,
    "where": lambda p, v: ng.where(np.ones((SIDE, SIDE), bool), p, v), "maximum": lambda p, v: ng.maximum(p, v), "round": lambda p, v: round(p, v),
    "assign": lambda p, v: p.assign(v), "getitem": lambda p, v: p[v], "pair": lambda p, v: p[v, 1:v], "slice": lambda p, v: p[0:v],
    "index_set": lambda p, v: ng.index_set(p, v, 2.0), "index_add": lambda p, v: ng.index_add(p, (v, v), p[0, 0]), "take": lambda p, v: ng.take(p, v, axis=v),
    "narrow": lambda p, v: ng.narrow(p, v, 0, v), "roll": lambda p, v: ng.roll(p, v, v), "flip": lambda p, v: ng.flip(p, v),
    "reshape": lambda p, v: ng.reshape(p, v, SIDE * SIDE), "tile": lambda p, v: ng.tile(p, (v, v)), "repeat": lambda p, v: ng.repeat(p, v, v),
    "pad": lambda p, v: ng.pad(p, v), "pad value": lambda p, v: ng.pad(p, 1, value=v), "tril": lambda p, v: ng.tril(p, v), "diagonal": lambda p, v: ng.diagonal(p, v),
    "concatenate": lambda p, v: ng.concatenate([p, p], axis=v), "stack": lambda p, v: ng.stack([p, p], v), "split": lambda p, v: ng.split(p, [1, SIDE - 1], v)[1],
    "unsqueeze": lambda p, v: ng.unsqueeze(p, v), "swapaxes": lambda p, v: ng.swapaxes(p, 0, v), "flatten": lambda p, v: ng.flatten(p, 0, v),
    "layer_norm": lambda p, v: ng.layer_norm(p, SIDE, eps=v), "rms_norm": lambda p, v: ng.rms_norm(p, SIDE, p[0], v), "group_norm": lambda p, v: ng.group_norm(p, v, eps=v),
    "batch_norm": lambda p, v: ng.batch_norm(p, weight=p[0], training=True, eps=v), "mse": lambda p, v: ng.mse_loss(p, v), "huber": lambda p, v: ng.huber_loss(p, p * 2, delta=v),
    "smooth_l1": lambda p, v: ng.smooth_l1_loss(p, p * 2, beta=v), "kl_div": lambda p, v: ng.kl_div(p, v), "bce weight": lambda p, v: ng.binary_cross_entropy_with_logits(p, p * 0, weight=v),
    "pos_weight": lambda p, v: ng.binary_cross_entropy_with_logits(p, p * 0 + 1, pos_weight=v), "smoothing": lambda p, v: ng.cross_entropy(p, [0] * SIDE, label_smoothing=v),
    "ignore": lambda p, v: ng.cross_entropy(p, [0] * SIDE, ignore_index=v), "nll": lambda p, v: ng.nll_loss(p, [0] * SIDE, ignore_index=v),
    "conv stride": lambda p, v: ng.conv2d(p.reshape(1, 1, SIDE, SIDE), p[:3, :3].reshape(1, 1, 3, 3), stride=v), "conv groups": lambda p, v: ng.conv1d(p[None], p[:1, None, :3].expand(SIDE, 1, 3) if 0 else p[:, :, None], groups=v),
    "pool": lambda p, v: ng.max_pool1d(p[None], v), "avg_pool": lambda p, v: ng.avg_pool1d(p[None], 2, stride=v), "adaptive": lambda p, v: ng.adaptive_avg_pool2d(p[None, None], v),
    "matmul": lambda p, v: ng.matmul(p, v), "linear": lambda p, v: ng.linear(p, v), "add": lambda p, v: ng.add(p, v), "div": lambda p, v: ng.div(v, p + 100), "allclose": lambda p, v: ng.allclose(p, p, v),
    "index weights": lambda p, v: ng.embedding(v, p), "one of many": lambda p, v: ng.concatenate([p, v]), "values": lambda p, v: ng.index_set(p, slice(None), v),
    "empty mean": lambda p, v: ng.mean(p[:0], axis=v - 1 if 0 else 0) if 0 else ng.mean(p, axis=v, keepdims=True),
}
bad = []
for start, target in ((ng.float32, ng.float64), (ng.float64, ng.float32)):
    for name, call in CALLS.items():
        expected = []
        def make(dtype):
            global model
            model = nn.ParameterList([ng.Parameter(np.linspace(-1, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE))]).astype(dtype)
            return model[0]
        for good in (1, np.ones((SIDE, SIDE), np.float32)):
            for dtype in (np.float32, np.float64):
                try: result = call(make(dtype), good if isinstance(good, int) else good.astype(dtype))
                except Exception: continue
                expected.append(np.asarray(result.numpy() if isinstance(result, ng.Tensor) else result))
        for base in (object, float, int):
            p, refused = make(start), []
            v = casting(base)(1) if base is not object else casting(base)()
            try:
                result = call(p, v)
                if isinstance(result, ng.Tensor):
                    if result.requires_grad and not result.is_leaf:
                        result.backward()
                        if p.grad is not None and not (abs(p.grad.numpy()) < 1e6).all(): bad.append((name, "gradient"))
                    result = result.detach().numpy()
            except (TypeError, ValueError, IndexError, RuntimeError, OverflowError, ZeroDivisionError, ng.NanogradError):
                continue
            result = np.asarray(result, float)
            if not any(result.shape == e.shape and np.allclose(result, e.astype(float), rtol=1e-4, atol=1e-5, equal_nan=True) for e in expected):
                bad.append((name, start.name, base.__name__, result.ravel()[:3].tolist()))
print(*bad, sep="\\n")
print("alive", len(bad))
'''


def run(code):
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True, timeout=120,
                          env=os.environ | {"NANOGRAD_NUM_THREADS": "1", "MALLOC_PERTURB_": "165"})
    return done.returncode, done.stdout, done.stderr


def test_a_parameter_that_is_cast_while_the_operations_arguments_are_converted():
    code, out, errors = run(CASTS)
    assert code == 0 and out.endswith("alive 0\n"), f"{code}\n{out}\n{errors}"


def until(done, worker, seconds=2.0):
    """Runs worker() over and over in another thread while done() is called in this one; what it raised, in a list."""
    errors, stop = [], threading.Event()

    def loop():
        while not stop.is_set():
            try:
                worker()
            except Exception as error:
                errors.append(error)
                return

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        done()
    finally:
        stop.set()
        thread.join(seconds * 10)
    return errors


def test_a_parameter_that_is_cast_while_another_thread_reads_it():
    """Its graph would lead to the new leaf, whose gradient has another size in memory."""
    model = nn.ParameterList([ng.Parameter(np.zeros(500_000))])
    p, dtypes, refused = model[0], [np.float32, np.float64], 0

    def use():
        y = ng.exp(p)
        assert y.dtype in dtypes
        try:
            y.backward()
        except ng.GraphError:                        # cast since
            return
        gradient = p.grad
        if gradient is not None and gradient.dtype == y.dtype:
            assert (gradient.numpy() == np.rint(gradient.numpy())).all() and gradient.numpy().max() < 1e6

    def cast():
        nonlocal refused
        for i in range(300):
            try:
                model.astype(dtypes[i % 2])
            except RuntimeError as error:
                assert "cannot be cast while an operation" in str(error)
                refused += 1

    assert not until(cast, use)
    model.astype(np.float32)                         # and when nothing runs it is cast
    assert p.dtype == np.float32


def test_a_cast_is_not_refused_by_what_only_holds_the_value():
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = ng.optim.Adam(model.parameters())
    kept = [model(ng.ones((2, 8))), *[p.numpy() for p in model.parameters()], *[memoryview(p.detach()) for p in model.parameters()],
            *[p.detach() for p in model.parameters()], *[p.reshape(-1)[:1] for p in model.parameters()], model.state_dict(),
            *[p.detach().__dlpack__(max_version=(1, 0), copy=False) for p in model.parameters()]]
    for dtype in (np.float64, np.float32, np.float64):
        model.astype(dtype)
        optimizer.zero_grad()
        model(ng.ones((2, 8), dtype=dtype)).sum().backward()
        optimizer.step()
        assert all(p.dtype == dtype == p.grad.dtype for p in model.parameters())
    assert kept


def test_a_step_whose_parameter_another_thread_casts():
    model = nn.ParameterList([ng.Parameter(np.ones(400_000))])
    p, dtypes = model[0], [np.float32, np.float64]
    optimizer = ng.optim.SGD([p], lr=0.0)
    held = []

    def step():
        held[:] = [p.detach()]                       # so that the step computes a new buffer
        try:
            p.grad = np.ones(p.shape, p.dtype)
            optimizer.step()
        except (RuntimeError, TypeError, ng.DTypeError, UserWarning):
            pass
        held.clear()
        assert (p.numpy() == 1).all()

    def cast():
        for i in range(200):
            try:
                model.astype(dtypes[i % 2])
            except RuntimeError:
                pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        errors = until(cast, step)
    assert not errors


# ---- another thread's hands in a backward ----------------------------------------------------------------------------

@pytest.mark.parametrize("op", ["mul", "broadcast", "where"])
def test_a_leaf_that_another_thread_freezes_and_thaws(op):
    """Whether an input is wanted is asked once: dy is not written over, and then read."""
    a = ng.tensor(np.full(1_000_000, 2.0, np.float32), requires_grad=True)
    b = ng.tensor(np.full((1, 1_000_000) if op == "broadcast" else 1_000_000, 3.0, np.float32), requires_grad=True)
    mask = np.arange(1_000_000) % 2 == 0
    exact = {"mul": (3, 2), "broadcast": (3, 2), "where": (mask, ~mask)}[op]

    def run():
        a.requires_grad_(True)         # so that the graph leads to it
        a.grad = b.grad = None
        y = ng.where(mask, a, b) if op == "where" else a * b
        (y * 1.0).backward()
        for x, gradient in ((a, exact[0]), (b, exact[1])):
            assert x.grad is None or (x.grad.numpy() == gradient).all()

    def toggle():
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for flag in (False, True):
                a.requires_grad_(flag)
                for _ in range(300):
                    pass

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        assert not until(toggle, run)
    finally:
        sys.setswitchinterval(interval)


def test_no_gradient_is_lost_between_threads():
    """Two threads add to one .grad, which a third holds for moments."""
    x = ng.tensor(np.zeros(200_000, np.float32), requires_grad=True)
    counts = [0, 0]

    def add(i):
        for _ in range(60):
            (x * 1.0).backward()
            counts[i] += 1

    threads = [threading.Thread(target=add, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        held = x.grad
        del held
    assert (x.grad.numpy() == sum(counts)).all()


# ---- small ones ------------------------------------------------------------------------------------------------------

def test_an_option_that_is_a_property_and_replaces_another_one():
    class Annealed(nn.Softplus):
        @property
        def threshold(self):
            self.beta = self.beta * 1.5              # the old one has no other owner
            return 20.0

        @threshold.setter
        def threshold(self, value):
            pass

    layer = Annealed(2.0)
    for _ in range(100):
        layer.beta = float("2.25")
        np.testing.assert_allclose(layer(ng.tensor([1.0])).item(), np.log1p(np.exp(2.25)) / 2.25, rtol=1e-6)
        assert layer.beta == 2.25 * 1.5


def test_an_input_that_is_listed_twice_gets_its_gradient_once():
    x = ng.tensor([1.0, 2.0], requires_grad=True)
    h = x * 2
    (h * 3).sum().backward(inputs=[h, x, h, x])
    assert h.grad.tolist() == [3.0, 3.0] and x.grad.tolist() == [6.0, 6.0]


@pytest.mark.parametrize("exponent", [np.int8(64), np.int8(-64), np.uint8(3), np.float16(1.5), np.bool_(True), np.int16(2)])
def test_small_integers_are_exponents(exponent):
    x = ng.tensor([1.0, 1.25], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = x ** exponent
    np.testing.assert_allclose(y.numpy(), np.float64([1.0, 1.25]) ** float(exponent), rtol=1e-6)


def test_what_ends_a_program_passes_through_a_message():
    class Hostile:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ng.sum(ng.ones(2), dim=Hostile())


def test_a_parameter_that_is_listed_twice_later():
    p = ng.Parameter([1.0, 2.0])
    optimizer = ng.optim.Adam([p])
    p.grad = ng.ones(2)
    optimizer.param_groups[0]["params"].append(p)
    with pytest.raises(ValueError, match="listed twice"):
        optimizer.step()
    del optimizer.param_groups[0]["params"][1]
    optimizer.step()
    optimizer.param_groups.append(optimizer.param_groups[0])
    with pytest.raises(ValueError, match="listed twice"):
        optimizer.step()
