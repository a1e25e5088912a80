# SPDX-License-Identifier: LGPL-3.0-or-later
"""What nobody should do: every public callable with hostile values (hostile.py, in processes that may crash), and by name the
mistakes and attacks that once crashed, hung, leaked, or passed in silence."""
import itertools
import json
import os
import pathlib
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hostile_values import (
    Flickering,
    Hostile,
    Impostor,
    Lying,
    NoAttributes,
    RawParameter,
    deep_list,
    raising,
    recursive_dict,
    recursive_list,
)

import nanograd as ng
from nanograd import nn, optim, testing

HERE = pathlib.Path(__file__).parent


# ---- everything, with everything ------------------------------------------------------------------------------------------


def sweep(part, parts, stride, progress):
    """The findings of one part. After a crash or a hang it goes on behind the call that did it."""
    findings, start = [], 0
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    while len(findings) < 100:
        progress.write_bytes(b"")
        done = subprocess.run([sys.executable, str(HERE / "hostile.py"), str(part), str(parts), str(progress), str(start), str(stride)],
                              capture_output=True, text=True, env=environment)
        findings += [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode == 0:
            break
        text = progress.read_text().strip()
        number, call = json.loads(text) if text else (0, "the start")
        findings.append(["crash", call, f"exit status {done.returncode} {done.stderr[-2000:]}"])
        if number <= start:
            break
        start = number
    return findings


def sweep_in_parallel(parts, stride, tmp_path):
    results = [None] * parts
    workers = [threading.Thread(target=lambda i=i: results.__setitem__(i, sweep(i, parts, stride, tmp_path / str(i)))) for i in range(parts)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [" ".join(map(str, finding)) for finding in itertools.chain(*results)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory and time as Linux does")
@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_everything_with_everything(stride, tmp_path):
    findings = sweep_in_parallel(2, stride, tmp_path)
    assert not findings, "\n".join(findings)


# ---- in a process of its own, since it once crashed -----------------------------------------------------------------------


def run(code, **environment):
    setup = "import sys; sys.path.insert(0, {!r}); import numpy as np, nanograd as ng; from nanograd import nn, optim\nfrom hostile_values import *\n"
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, "-c", setup.format(str(HERE)) + code], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": path} | environment)


def test_crashes():
    """Each line once ended the process, or read memory that is not the tensor's."""
    code = '''
import warnings
warnings.simplefilter("ignore", DeprecationWarning)       # an array's shape is set, on purpose
class Square(ng.Function):
    forward = staticmethod(lambda ctx, x, y=None: x * x)
    backward = staticmethod(lambda ctx, dy: emptied)
class Casting:
    def __init__(self, model): self.model = model
    def __array__(self, dtype=None, copy=None):
        self.model.astype(ng.float64)
        return np.ones((50, 50), np.float32)
def loader():
    a = np.ones((10, 1), np.float32)
    made = ng.data.ArrayLoader(a)
    a.shape = (1, 10)
    assert sum(batch.numpy().sum() for batch, in made) == 10
def state(**changes):
    made = ng.data.ArrayLoader(np.ones((10, 1)), batch_size=3)
    next(iter(made))
    made.load_state_dict(made.state_dict() | changes)
    list(made)
def grown():
    p = RawParameter()
    optimizer = optim.Adam([p])
    optimizer.load_state_dict({"state": {0: {"step": 1, "exp_avg": np.zeros(0), "exp_avg_sq": np.zeros(0)}}, "param_groups": [{"params": [0]}]})
    ng.Parameter.__init__(p, np.ones(10**6))
    p.grad = np.ones(10**6)
    optimizer.step()
def cast_in_step():
    p, q = ng.Parameter(np.ones(50)), ng.Parameter(np.ones(50))
    p.grad, q.grad = np.ones(50), np.ones(50)
    class Rate:
        def __float__(self):
            nn.ParameterList([p]).astype(ng.float32)
            return 0.1
    optimizer = optim.SGD([{"params": [p]}, {"params": [q]}])
    optimizer.param_groups[1]["lr"] = Rate()
    optimizer.step()
x = ng.ones((2, 3), requires_grad=True)
image, kernel = ng.ones((1, 2, 4, 4)), ng.ones((2, 2, 1, 1))
emptied = emptying()
optimizer = optim.Adam([ng.Parameter([1.0])])
for name, call in {
    "recursive list": lambda: ng.tensor(recursive_list()), "in an operator": lambda: x + recursive_list(),
    "Function": lambda: Square.apply(x, recursive_list()), "Function, dict": lambda: Square.apply(x, recursive_dict()),
    "Function, deep": lambda: Square.apply(x, deep_list(100000)), "emptied gradients": lambda: Square.apply(x, 1.0).backward(),
    "dlpack": lambda: ng.ones(2).__dlpack__(max_version=()), "betas": lambda: optimizer.param_groups[0].update(betas=emptying()) or optimizer.step(),
    "stride": lambda: ng.conv2d(image, kernel, stride=Flickering(-5)), "groups": lambda: ng.conv2d(image, kernel, groups=Flickering(0)),
    "a mask that lies": lambda: x[np.ones(2, bool).view(Lying)], "an array that lies": lambda: ng.tensor(np.ones(2).view(Lying)),
    "labels that lie": lambda: ng.cross_entropy(x, np.zeros(2, int).view(Lying)), "an array that says it is one": lambda: x + Impostor(np.ndarray),
    **{f"cast in {op}": lambda op=op: [op(p := nn.Linear(50, 50), p.weight, Casting(p))] for op in (
        lambda m, p, e: p + e, lambda m, p, e: ng.concatenate([p, e]), lambda m, p, e: ng.where(np.ones((50, 50), bool), p, e), lambda m, p, e: ng.mse_loss(p, e))},
    "shape of a loader's array": loader, "batch -5": lambda: state(batch=-5), "batch 2**70": lambda: state(batch=2**70), "grown": grown, "cast in step": cast_in_step,
}.items():
    try:
        call()
    except (TypeError, ValueError, RuntimeError, IndexError, OverflowError) as error:
        print(name, type(error).__name__, error)
print("alive")
'''
    done = run(code)
    assert done.returncode == 0 and done.stdout.endswith("alive\n"), f"{done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("value", ["", "nonsense", "AVX2 ", "avx2" * 1000, "../../etc", "x" + "\u00fc" * 50], ids=range(6))
def test_an_unknown_instruction_set_is_said(value):
    done = run("print(ng.tanh(ng.ones(3)).tolist()[0])", NANOGRAD_ISA=value)
    if value:
        assert done.returncode == 1 and "ImportError: nanograd: NANOGRAD_ISA=" in done.stderr and "this build has" in done.stderr, done.stderr
    else:
        assert done.returncode == 0 and done.stdout.startswith("0.76"), done.stderr


def test_more_threads_than_the_system_gives():
    """1024 threads where there is memory for few: the work is done by those that there are."""
    done = run("""
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, resource.RLIM_INFINITY))
ng.set_num_threads(1024)
x = ng.ones((1000, 1000))
print(ng.exp(x).sum().item() > 2.7e6)       # no product: OpenBLAS ends the process where it gets no memory
for n in (2**31, 2**63, 2**70, -2**63, 0, -1, True, 2.0, "2", None, float("nan"), Flickering(-1)):
    try:
        with ng.num_threads(n): print(ng.get_num_threads())
    except (TypeError, ValueError): pass
""") if sys.platform.startswith("linux") else None
    assert done is None or (done.returncode == 0 and done.stdout == "True\n1\n"), f"{done.stdout}\n{done.stderr}"


# ---- leaks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("take", [memoryview, np.asarray, lambda x: np.frombuffer(x, np.float32), lambda x: x.__dlpack__(),
                                  lambda x: np.asarray([x, x]), lambda x: nn.Linear(4, 1).load_state_dict({"weight": x})])
def test_memory_that_others_took_comes_back(take):
    """The buffer protocol never gave back what it had lent."""
    def once():
        try:
            take(ng.ones((1, 4)))
        except ValueError:
            pass
    once()
    before = ng.memory_stats()["in_use"]
    for _ in range(50):
        once()
    assert ng.memory_stats()["in_use"] == before


# ---- what is asked twice, lies, or raises ---------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda x: ng.zeros(2, requires_grad=x), lambda x: ng.sum(ng.ones(2), keepdims=x), lambda x: x == 1 or ng.tensor(x), lambda x: ng.Parameter([1.0], x),
])
def test_an_object_that_does_not_even_tell_its_class(call):
    with pytest.raises((TypeError, Hostile)):
        call(NoAttributes())


@pytest.mark.parametrize("value, text", [
    (raising("__repr__"), "<Raising_repr instance at "), (deep_list(100000), "[[[[...]]]]"), (recursive_list(), "[[[[...]]]]"),
    (nn.Linear.__new__(nn.Linear), "<Linear instance at "), ("x" * 10**6, None), (10**5000, None), ([1] * 10**6, None),
], ids=range(7))
def test_messages_show_any_value_in_a_few_words(value, text):
    with pytest.raises((TypeError, ValueError)) as caught:
        ng.sum(ng.ones(2), keepdims=value)
    assert len(str(caught.value)) < 1000 and (text is None or text in str(caught.value))


def test_a_raising_array_protocol_passes_on_what_it_raises():
    with pytest.raises(Hostile, match="__array__"):
        ng.tensor(raising("__array__"))
    assert ng.ones(2).tolist() == [1, 1]


def test_an_int_that_changes_is_asked_once():
    x = ng.ones((4, 2))
    assert ng.topk(ng.ones(4), Flickering(-1))[0].shape == (1,)
    assert ng.one_hot([0], Flickering(2**40)).shape == (1, 1)
    assert ng.zeros(Flickering(2**40)).shape == (1,)
    assert ng.embedding([0], x, padding_idx=Flickering(2**40)).shape == (1, 2)
    assert len(ng.randperm(Flickering(-1))) == 1 and ng.manual_seed(Flickering(-1)) is not None
    assert ng.conv1d(ng.ones((1, 2, 4)), ng.ones((2, 2, 1)), stride=Flickering(0), padding=Flickering(-3)).shape == (1, 2, 6)


# ---- numbers and flags that are none --------------------------------------------------------------------------------------

X, LEAF = ng.ones((2, 3)), ng.Parameter(np.ones((2, 3), np.float32))
FLAGS = {
    "sum: keepdims": lambda v: ng.sum(X, keepdims=v), "var: keepdims": lambda v: ng.var(X, keepdims=v), "sort: descending": lambda v: ng.sort(X, descending=v),
    "dropout: training": lambda v: ng.dropout(X, training=v), "batch_norm: training": lambda v: ng.batch_norm(X, training=v), "backward: retain_graph": lambda v: (LEAF * 2).sum().backward(retain_graph=v),
    "grad: retain_graph": lambda v: ng.grad((LEAF * 2).sum(), LEAF, retain_graph=v), "grad: allow_unused": lambda v: ng.grad((LEAF * 2).sum(), LEAF, allow_unused=v), "requires_grad": lambda v: ng.rand(2, requires_grad=v),
    "linspace: endpoint": lambda v: ng.linspace(0, 1, endpoint=v), "relu: inplace": lambda v: nn.functional.relu(X, inplace=v), "ReLU: inplace": lambda v: nn.ReLU(inplace=v), "kl_div: log_target": lambda v: nn.functional.kl_div(X, X, log_target=v),
    "Adam: amsgrad": lambda v: optim.Adam([LEAF], amsgrad=v), "RMSprop: centered": lambda v: optim.RMSprop([LEAF], centered=v), "SGD: nesterov": lambda v: optim.SGD([LEAF], nesterov=v), "SGD.zero_grad: set_to_none": lambda v: optim.SGD([LEAF]).zero_grad(v),
    "load_state_dict: strict": lambda v: nn.ReLU().load_state_dict({}, strict=v), "zero_grad: set_to_none": lambda v: nn.ReLU().zero_grad(v), "clip_grad_norm_: error_if_nonfinite": lambda v: nn.utils.clip_grad_norm_([LEAF], 1.0, error_if_nonfinite=v),
}
NUMBERS = {
    "leaky_relu: negative_slope": lambda v: ng.leaky_relu(X, v), "elu: alpha": lambda v: ng.elu(X, v), "softplus: beta": lambda v: ng.softplus(X, v), "clip: min": lambda v: ng.clip(X, v, None) if not isinstance(v, ng.Tensor) else ng.elu(X, v),
    "safe_div: eps": lambda v: ng.safe_div(X, X, v), "allclose: rtol": lambda v: ng.allclose(X, X, v), "var: ddof": lambda v: ng.var(X, ddof=v), "norm: ord": lambda v: ng.norm(X, ord=v), "normalize: eps": lambda v: ng.normalize(X, eps=v),
    "huber_loss: delta": lambda v: ng.huber_loss(X, X, delta=v), "cross_entropy: label_smoothing": lambda v: ng.cross_entropy(X, [0, 1], label_smoothing=v), "layer_norm: eps": lambda v: ng.layer_norm(X, 3, eps=v),
    "uniform: low": lambda v: ng.uniform(v, 1.0, 2), "dropout: p": lambda v: ng.dropout(X, v), "pad: value": lambda v: ng.pad(X, 1, value=v), "arange: start": lambda v: ng.arange(v, 2), "orthogonal_: gain": lambda v: nn.init.orthogonal_(nn.Parameter([[1.0]]), v),
    "ELU: alpha": lambda v: nn.ELU(v), "SGD: lr": lambda v: optim.SGD([LEAF], lr=v), "gradcheck: eps": lambda v: testing.gradcheck(ng.tanh, ng.ones(1, requires_grad=True), eps=v),
}


@pytest.mark.parametrize("what", FLAGS)
@pytest.mark.parametrize("value", ["no", "", 2, 0.5, {}, np.array([True, False]), NotImplemented, [1]], ids=repr)
def test_a_flag_is_a_bool(what, value):
    with pytest.raises(TypeError, match=f"^{what.split(': ')[0]}.*must be a bool, got "):
        FLAGS[what](value)


@pytest.mark.parametrize("what", NUMBERS)
@pytest.mark.parametrize("value", ["1", b"1", 1j, np.complex64(1), np.ones(2, complex), {}, ng.tensor(1.0, requires_grad=True)], ids=repr)
def test_a_number_is_a_real_number(what, value):
    """float(b'1') is 1.0, and a complex NumPy scalar loses its imaginary part with a warning."""
    with warnings.catch_warnings(), pytest.raises(TypeError):
        warnings.simplefilter("error")
        NUMBERS[what](value)


def test_numbers_out_of_range_name_the_argument():
    with pytest.raises(OverflowError, match="^elu: alpha is too large for a float: 1000"):
        ng.elu(X, 10**400)
    for wrong in (float("nan"), -1.0):
        with pytest.raises(ValueError, match="^allclose: rtol and atol must be 0 or more, got rtol="):
            ng.allclose(X, X, wrong)
    with pytest.raises(TypeError, match="^cross_entropy: ignore_index must be an int, got float 2.5$"):
        ng.cross_entropy(X, [0, 1], ignore_index=2.5)
    with pytest.raises(TypeError, match="^eye: k must be an int, got float 2.5$"):
        ng.eye(2, k=2.5)
    with pytest.raises(TypeError, match="^zeros: shape must be ints or one tuple of ints, got bool True$"):
        ng.zeros((True, 2))
    with pytest.raises(ng.DTypeError, match="^dtype must be float32 or float64, got Tensor"):
        ng.zeros(2, dtype=X)


def test_nothing_to_differentiate():
    with pytest.raises(ValueError, match="^grad: outputs is empty"):
        ng.grad([], [LEAF])


def test_attributes_that_cannot_go():
    p = RawParameter()
    assert p.shape == (0,) and p.tolist() == []
    with pytest.raises(TypeError, match="^requires_grad cannot be deleted"):
        del LEAF.requires_grad
    q = ng.Parameter([1.0])
    q.grad = [1.0] if False else np.ones(1, np.float32)
    del q.grad
    assert q.grad is None
    with pytest.raises(TypeError, match="initialised only once"):
        ng.Parameter([1.0]).__init__(np.ones(5))


def test_a_switch_decorates_twice():
    off = ng.set_grad_enabled(False)
    assert not off(ng.is_grad_enabled)() and not off(ng.is_grad_enabled)() and ng.is_grad_enabled()


def test_assert_close_sees_imaginary_parts():
    with pytest.raises(TypeError, match="^assert_close: expected real numbers, got an array of dtype complex128$"):
        testing.assert_close(np.array([1 + 1j]), np.array([1 + 5j]))


@pytest.mark.parametrize("call", [lambda v: nn.utils.clip_grad_norm_(v, 1.0), lambda v: nn.utils.clip_grad_value_(v, 1.0), nn.utils.get_total_norm, nn.utils.parameters_to_vector,
                                  lambda v: nn.utils.vector_to_parameters([1.0], v)])
@pytest.mark.parametrize("endless", [range(2**62), itertools.count(), itertools.repeat("a")], ids=["range", "count", "repeat"])
def test_an_endless_iterable_is_refused_at_its_first_item(call, endless):
    with pytest.raises(TypeError, match="expected tensors"):
        call(endless)


# ---- optimizers whose groups or state were changed by hand ---------------------------------------------------------------


def stepped():
    p = ng.Parameter(np.ones((2, 3), np.float32))
    p.grad = np.ones((2, 3), np.float32)
    optimizer = optim.Adam([p])
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("groups", [None, (), "a", {}, [None], [{}], [{"params": None, "lr": 1.0}], [{"params": (1,)}]], ids=repr)
@pytest.mark.parametrize("use", [lambda o: o.step(), lambda o: o.zero_grad(), lambda o: o.zero_grad(set_to_none=False), lambda o: o.state_dict(), lambda o: o.lr, repr])
def test_param_groups_that_are_none(groups, use):
    optimizer = stepped()
    optimizer.param_groups = groups
    with pytest.raises(TypeError, match="^Adam: param_groups must be a list of dicts with a list under 'params', got "):
        use(optimizer)


@pytest.mark.parametrize("key", ["lr", "betas", "eps", "weight_decay", "amsgrad"])
def test_a_setting_that_is_gone(key):
    optimizer = stepped()
    del optimizer.param_groups[0][key]
    with pytest.raises(ValueError, match=f"^Adam: a group has no '{key}'"):
        optimizer.step()


@pytest.mark.parametrize("entry, error, message", [
    ({"step": -5}, ValueError, "step of parameter 0 must be a whole number, 0 or more, got -5.0"), ({"step": float("nan")}, ValueError, "step .* got nan"), ({"step": 2**70}, ValueError, "step .* got 1.18"),
    ({"step": 1.5}, ValueError, "step .* got 1.5"), ({"step": "a"}, TypeError, "step of parameter 0 must be a number"), (None, TypeError, "the state of parameter 0 must be a dict, got NoneType None"),
    ({"exp_avg": np.ones((2, 3), complex)}, TypeError, "exp_avg of parameter 0 must hold real numbers, got dtype complex128"), ({"exp_avg": np.ones((2, 3), object)}, TypeError, "exp_avg .* dtype object"),
])
def test_garbage_for_state(entry, error, message):
    optimizer = stepped()
    before = optimizer.state_dict()
    with pytest.raises(error, match=f"^Adam.load_state_dict: .*{message}"):
        optimizer.load_state_dict({"state": {0: entry}, "param_groups": [{"params": [0]}]})
    assert optimizer.state_dict()["state"][0]["step"] == before["state"][0]["step"] == 1


@pytest.mark.parametrize("state", [{"state": None, "param_groups": None}, {"state": {}, "param_groups": [None]}, {"state": {}, "param_groups": [{}]}, {"state": [], "param_groups": [{"params": [0]}]}], ids=repr)
def test_garbage_for_a_state_dict(state):
    with pytest.raises(TypeError, match="^Adam.load_state_dict: 'state' must be a dict, and 'param_groups' a list"):
        stepped().load_state_dict(state)


def test_garbage_for_averages():
    ema = optim.EMA(nn.Linear(2, 1))
    for averages in (None, [], "a", {"weight": np.ones((1, 2), complex), "bias": np.ones(1)}, {1: 2}, recursive_dict()):
        with pytest.raises((TypeError, ValueError), match="^EMA.load_state_dict: "):
            ema.load_state_dict({"decay": 0.5, "averages": averages})
    assert ema.decay == 0.999


def test_a_class_that_is_claimed_is_not_believed():
    for cls in (np.ndarray, list, tuple, dict, str, int, float, bool, ng.Tensor):
        with pytest.raises((TypeError, AttributeError)):
            X + Impostor(cls)
    assert ng.tensor(np.ones(2).view(Lying)).shape == (2,)
