# SPDX-License-Identifier: LGPL-3.0-or-later
"""A name of another library: an AttributeError whose line runs. What dir() and ``import *`` offer."""

import builtins
import copy
import importlib
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest

import nanograd as ng
from nanograd import _names, nn, optim

SETUP = """
import numpy as np, scipy.sparse, scipy.special
import nanograd as ng
from nanograd import data as loaders, nn, optim
ng.manual_seed(0)
x = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True) / 5
y = ng.tensor([[0.5, 0.25], [0.125, 1.0]])
a, b, p = ng.tensor([[0.5, 1.5], [2.5, 3.5]]), ng.ones((2, 2)), nn.Parameter([[1.0, 2.0], [3.0, 4.0]])
p.grad = np.ones((2, 2), np.float32)
mask, index, values, indices, axis = np.array([[True, False], [False, True]]), np.array([[1], [0]]), ng.tensor([[9.0], [8.0]]), [1], 1
vectors, tensors, data, shape, dtype, value, min, max = [x[0], x[1]], [x, y], [[1.0, 2.0], [3.0, 4.0]], (4,), ng.float64, 0.5, 2.0, 3.0
mean, std, n, c, r, h, w, t, lr, epoch, epochs = 0.0, 1.0, 1, 4, 2, 3, 5, 0, 0.1, 1, 10
image = ng.ones((2, 4, 6, 6))
A, weights = scipy.sparse.eye(2, format="csr"), ng.ones((3, 2, 2))
model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
module, name = nn.Linear(2, 2), "name"
parameters, loss, loss_fn, drop = list(model.parameters()), (model(x.detach()) ** 2).sum(), nn.CrossEntropyLoss(), nn.Dropout(0.5)
labels, xs, ys = np.array([0, 1]), np.ones((2, 2)), np.array([0, 1])
optimizer, generator = optim.SGD(parameters, lr=0.1), ng.Generator(0)
state = generator.get_state()
f = lambda x: x * x
def closure():
    optimizer.zero_grad()
    loss = (model(ng.ones((1, 2))) ** 2).sum()
    loss.backward()
    return loss
"""

# What an entry's line needs beside that.
BEFORE = {
    "gradient": "f = lambda x: (x * x).sum()", "func": "f = lambda x: (x * x).sum()", "value_and_grad": "f = lambda x: (x * x).sum()",
    "set_weights": "state = model.state_dict()", "PixelShuffle": "x = ng.ones((1, 16, 3, 5))",
    "scatter_": "index, values = 0, 1.0", "scatter_add_": "index, values = 0, 1.0", "EmbeddingBag": "indices = [[0, 1]]",
    **dict.fromkeys(("load", "load_weights"), "np.savez(path, **model.state_dict())"), "Reshape": "x = ng.ones((3, 2))",
    **dict.fromkeys(("index_fill", "index_copy", "index_put", "index_fill_", "index_copy_", "index_put_", "index_add_", "at"), "index, values = 0, 1.0"),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell", "SimpleRNN"),
                    "x, h, cell = ng.ones((2, 3, 4)), ng.zeros((2, 5)), nn.Linear(9, 5)"),
    **dict.fromkeys(("MultiheadAttention", "MultiHeadAttention", "Transformer", "TransformerEncoder", "TransformerEncoderLayer",
                     "TransformerDecoder", "TransformerDecoderLayer", "Attention"), "q, k, v = ng.ones((2, 3, 4)), ng.ones((2, 5, 4)), ng.ones((2, 5, 6))"),
    **dict.fromkeys(("utils", *_names.LOADERS), "x = x.detach()"), **dict.fromkeys(("apply_gradients", "update"), "loss.backward()"),
    **dict.fromkeys(("ConvTranspose2d", "Conv2DTranspose"), "image = ng.ones((1, 1, 4, 4))"), "while_loop": "n = 3",
}

# And what a line has done, where running is not enough; `r` is its value, if it has one.
CHECKS = {
    "LSTM": "h.shape == (2, 5)", "MultiheadAttention": "r.shape == (2, 3, 6)", "PixelShuffle": "r.shape == (1, 4, 6, 10)",
    "Upsample": "r.shape == (2, 4, 12, 12)", "ReflectionPad2d": "r.shape == (2, 4, 8, 8)", "AdaptiveMaxPool2d": "r.shape == (2, 4, 1, 1)",
    "Dropout2d": "set(r.numpy().std(axis=(2, 3)).flat) == {0}", "x.add_": "p.tolist() == [[1.5, 2.5], [3.5, 4.5]]",
    "x.sub_": "p.tolist() == [[0.5, 1.5], [2.5, 3.5]]", "x.mul_": "p.tolist() == [[0.5, 1], [1.5, 2]]", "copy_": "p.tolist() == [[0.5] * 2] * 2",
    "clamp_": "p.tolist() == [[2, 2], [3, 3]]", "zero_": "p.grad is None", "fill_": "p.tolist() == [[0.5] * 2] * 2",
    "masked_fill_": "p.tolist() == [[0.5, 2], [3, 0.5]]", "uniform_": "2 <= p.numpy().min() <= p.numpy().max() <= 3",
    "erfc": "np.allclose(r, scipy.special.erfc(x.numpy()))", "selu": "abs(r[0, 0].item() - 1.0507009873554805 * 0.2) < 1e-6",
    "scatter": "r.tolist() == [[x[0, 0].item(), 9], [8, x[1, 1].item()]]", "lr_scheduler": "optimizer.lr == 0.1 * 0.1",
    "fmod": "np.allclose(r, np.fmod(x.numpy(), y.numpy()))", "frac": "np.allclose(r, x)", "half": "True", "random_split": "len(first) == 1",
    "fit": "all(p.grad is not None for p in parameters)", "predict": "type(y) is np.ndarray and y.shape == (2, 2)",
    "evaluate": "type(loss) is float", "count_params": "r == 6", "LBFGS": "r.success and r.fun < 1e-6", "weights": "len(r) == 2",
    "save": "sorted(np.load(path).files) == sorted(model.state_dict())", "value_and_grad": "np.allclose(dx, 2 * x.numpy())",
    "jacobian": "len(rows) == 4", "register_parameter": "len(list(model.parameters())) == 3", "device": "True",
    "cdist": "r.shape == (2, 2)", "multinomial": "r.shape == (2,)", "hstack": "r.shape == (2, 4)", "vstack": "r.shape == (4, 2)",
    "masked_fill": "r[0, 0].item() == 0.5", "masked_select": "r.shape == (2,)", "clamp": "r is not None", "DataLoader": "len(r) == 1",
}
HOLDERS = {"ng": _names.OURS, "nn": _names.LAYERS, "optim": _names.OPTIMIZERS, "loaders": _names.LOADERS, "x": _names.TENSORS,
           "module": _names.MODULES, "model": _names.SEQUENTIALS, "optimizer": _names.STEPPERS}
TITLES = {"ng": "nanograd", "nn": "nanograd.nn", "optim": "nanograd.optim", "loaders": "nanograd.data", "x": "a tensor", "module": "a module",
          "model": "a Sequential", "optimizer": "an optimizer"}
ENTRIES = [(holder, name) for holder, table in HOLDERS.items() for name in table]


READY = compile(SETUP, "<setup>", "exec")
SPACE = {}
exec(READY, SPACE)


@pytest.fixture
def run(tmp_path):
    def run(code, before=""):
        space = {"path": str(tmp_path / "file.npz")}
        exec(READY, space)
        exec(compile(before + "\n" + code, "<advice>", "exec"), space)
        return space
    yield run
    ng.set_default_dtype(ng.float32)


@pytest.mark.parametrize("holder, name", ENTRIES)
def test_the_line_for_a_name_runs(run, holder, name):
    entry = HOLDERS[holder][name]
    line, rest = (entry, "") if isinstance(entry, str) else (entry[0], "".join(entry[1:]))
    with pytest.raises(AttributeError) as caught:
        getattr(SPACE[holder], name)
    assert str(caught.value) == f"{TITLES[holder]} has no {name}: write {line}{rest}"
    assert caught.value.name == name
    try:
        compile(line, "", "eval")
    except SyntaxError:
        space = run(line, BEFORE.get(name, ""))
    else:
        space = run(f"r = {line}", BEFORE.get(name, ""))
    check = CHECKS.get(f"{holder}.{name}", CHECKS.get(name, "True"))
    assert eval(check, space)


@pytest.mark.parametrize("name", [name for name in _names.EXPRESSIONS if hasattr(np, name)])
def test_an_expression_is_numpy_s_function(run, name):
    space = run(f"r = {_names.EXPRESSIONS[name]}", "x = x + 1" if name in ("acosh", "arccosh") else "")
    x, y = space["x"].numpy(), space["y"].numpy()
    theirs = np.trunc if name == "fix" else getattr(np, name)        # (NumPy 2.5 deprecates fix)
    try:
        wanted = theirs(x)
    except TypeError:
        wanted = theirs(x, y)
    for got, array in zip(space["r"], wanted, strict=True) if isinstance(wanted, tuple) else [(space["r"], wanted)]:
        assert np.allclose(np.asarray(got.numpy() if isinstance(got, ng.Tensor) else got), array, rtol=1e-4)


# ---- alternatives that a message has after its first line ----------------------------------------------------------------


@pytest.mark.parametrize("name, line, check", [
    ("x.zero_", "optimizer.zero_grad()", "parameters[0].grad is None"), ("x.zero_", "p.assign(0)", "p.tolist() == [[0, 0], [0, 0]]"),
    ("x.data", "x.numpy()", "r.shape == (2, 2)"), ("x.data", "p.assign(value)", "p[0, 0].item() == 0.5"), ("x.add_", "x = x + value", "x.requires_grad"),
    ("x.copy_", "x = ng.full(x.shape, value)", "x.shape == (2, 2)"), ("ng.save", "np.save(path, x.numpy())", "np.load(path + '.npy').shape == (2, 2)"),
    ("ng.hstack", "ng.concatenate(tensors)", "r.shape == (4, 2)"), ("ng.vstack", "ng.stack(tensors)", "r.shape == (2, 2, 2)"),
    ("ng.random", "ng.manual_seed(0)", "True"), ("nn.Activation", "nn.Tanh()", "r(x).shape == (2, 2)"), ("nn.GLU", "a, b = ng.chunk(x, 2, axis=-1)", "a.shape == (2, 1)"),
    ("nn.PReLU", "p = nn.Parameter(0.25)", "p.shape == ()"), ("nn.Dropout2d", "drop = nn.Dropout(0.5)", "drop(x).shape == (2, 2)"),
    ("module.compile", "loss_fn = nn.CrossEntropyLoss()", "loss_fn(x, labels).shape == ()"),
])
def test_the_other_lines_of_a_message(run, name, line, check):
    with pytest.raises(AttributeError) as caught:
        run(name)
    assert line in str(caught.value)
    assert eval(check, run(line if " = " in line else f"r = {line}"))


# ---- names of ours that stand elsewhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong, right", [
    ("ng.Linear", "nn.Linear"), ("ng.ReLU", "nn.ReLU"), ("ng.Adam", "optim.Adam"), ("ng.Sequential", "nn.Sequential"), ("ng.Module", "nn.Module"),
    ("ng.EMA", "optim.EMA"), ("ng.ArrayLoader", "ng.data.ArrayLoader"), ("ng.gradcheck", "ng.testing.gradcheck"), ("nn.relu", "ng.relu"),
    ("nn.Tensor", "ng.Tensor"), ("nn.cross_entropy", "ng.cross_entropy"), ("nn.logsigmoid", "nn.functional.logsigmoid"), ("nn.SGD", "optim.SGD"),
    ("nn.xavier_uniform_", "nn.init.xavier_uniform_"), ("nn.clip_grad_norm_", "nn.utils.clip_grad_norm_"), ("optim.Linear", "nn.Linear"),
    ("optim.clip_grad_norm_", "nn.utils.clip_grad_norm_"), ("ng.data.Linear", "nn.Linear"), ("ng.kaiming_normal_", "nn.init.kaiming_normal_"),
])
def test_a_name_that_stands_elsewhere(wrong, right):
    space = {"ng": ng, "nn": nn, "optim": optim}
    module, _, name = wrong.rpartition(".")
    with pytest.raises(AttributeError, match=rf"^{eval(module, space).__name__} has no {name}: write {right}$"):
        eval(wrong, space)
    assert callable(eval(right, space))


@pytest.mark.parametrize("module", [ng, nn, optim, ng.data], ids=lambda module: module.__name__)
def test_a_name_of_nobody(module):
    for name in ("colour", "_private", "__wrapped__"):
        with pytest.raises(AttributeError, match=f"^module '{module.__name__}' has no attribute '{name}'$") as caught:
            getattr(module, name)
        assert (caught.value.name, caught.value.obj) == (name, module) and not hasattr(module, name)
        with pytest.raises(ImportError, match=f"cannot import name '{name}' from '{module.__name__}'"):
            exec(f"from {module.__name__} import {name}")


def test_what_exists_has_no_entry():
    stale = [f"{holder}.{name}" for holder, name in ENTRIES if holder in ("ng", "nn", "optim", "loaders")
             and name in vars({"ng": ng, "nn": nn, "optim": optim, "loaders": ng.data}[holder])]
    assert stale == []
    own = {"x": ng.Tensor, "module": nn.Module, "model": nn.Sequential, "optimizer": optim.Optimizer}
    for holder, cls in own.items():
        for name in HOLDERS[holder]:
            assert isinstance(vars(cls)[name], _names.OtherName)
            assert not any(name in vars(base) for base in cls.__mro__[1:] if holder != "x")
    functions = {name for name in dir(ng) if hasattr(ng, name)}
    assert not functions & set(_names.TENSORS) - {"data"}, "a function that is no method: x.NAME would say something else"


def test_modules_of_ones_own_keep_their_attributes():
    """The entries are no data descriptors, so that an attribute or a method of that name is found as ever."""
    class Net(nn.Module):
        def __init__(self):
            self.save, self.half = "here", nn.Linear(1, 1)

        def fit(self, x):
            return self.half(x)

    net = Net()
    assert net.save == "here" and net.fit(ng.ones((1, 1))).shape == (1, 1) and {"save", "half", "fit"} <= set(dir(net))
    assert [name for name, _ in net.named_parameters()] == ["half.weight", "half.bias"]
    for again in (copy.deepcopy(net), net.astype(ng.float64)):
        assert again.save == "here"
    assert not hasattr(net, "predict") and getattr(net, "compile", None) is None


# ---- dir() and import * --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nanograd", "nanograd.nn", "nanograd.optim", "nanograd.data", "nanograd.testing", "nanograd.errors",
                                  "nanograd.nn.functional", "nanograd.nn.init", "nanograd.nn.utils"])
def test_dir_and_import_star_of_a_module(name):
    module = importlib.import_module(name)
    listed = [entry for entry in dir(module) if not entry.startswith("_")]
    for entry in listed:
        thing = getattr(module, entry)
        assert not inspect.ismodule(thing) or thing.__name__ == f"{name}.{entry}"
        assert callable(thing) or inspect.ismodule(thing) or isinstance(thing, np.dtype)
    assert not {"np", "annotations", "TYPE_CHECKING", "runtime", "shown", "composed", "config", "memory", "threads", "module", "loss"} & set(listed)
    space = {}
    exec(f"from {name} import *", space)
    brought = set(space) - {"__builtins__"}
    assert brought == set(listed) - set(dir(builtins)) and not brought & set(dir(builtins))
    assert set(module.__all__) == brought


def test_import_star_leaves_the_builtins():
    code = "from nanograd import *; assert sum([1, 2]) == 3 and max(1, 2) == 2 and abs(-1) == 1 and round(1.2) == 1; tensor([1.0]); nn.Linear(1, 1)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("thing, names", [
    (ng.ones((2, 2)), "exp sum grad item shape T"), (nn.Parameter([[1.0]]), "assign exp"), (nn.Linear(1, 1), "weight bias forward train astype"),
    (nn.Sequential(nn.Tanh()), "append forward"), (optim.SGD([nn.Parameter([1.0])]), "step lr param_groups"),
], ids=lambda thing: type(thing).__name__)
def test_dir_of_an_object_lists_what_works(thing, names):
    listed = dir(thing)
    assert set(names.split()) <= set(listed) and {"__class__", "__doc__"} <= set(listed)
    for name in listed:
        getattr(thing, name)
    others = {**_names.TENSORS, **_names.MODULES, **_names.SEQUENTIALS, **_names.STEPPERS}
    assert not [name for name in others if name in listed and not hasattr(thing, name)]


def test_pickles_and_help_still_find_them():
    for thing in (ng.exp, ng.Tensor, nn.Linear, optim.SGD, ng.data.ArrayLoader, nn.functional.relu):
        assert pickle.loads(pickle.dumps(thing)) is thing


def test_a_function_of_nn_functional_is_found_at_once():
    """A ``__getattr__`` in its module would end CPython's short cut: 45 ns for each call."""
    assert "__getattr__" not in vars(nn.functional) and not hasattr(nn.Module, "__getattr__") and not hasattr(ng.Tensor, "__getattr__")
