# SPDX-License-Identifier: LGPL-3.0-or-later
"""Calls that users of PyTorch, Keras, NumPy and JAX would write: the whole message, and its line runs. One way to check a flag or number."""

import copy
import inspect
import pickle
import re

import numpy as np
import pytest

import nanograd as ng
import nanograd.nn.functional as F
from nanograd import nn, optim

SETUP = """
import numpy as np, nanograd as ng, nanograd.nn.functional as F
from nanograd import nn, optim
x = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
X, Y, labels = np.ones((4, 2)), np.array([0, 1, 0, 1]), np.array([0, 1])
cube = ng.ones((2, 3, 4))
double = ng.ones((2, 2), dtype=ng.float64)
m = model = nn.Linear(2, 2)
params = list(m.parameters())
f = lambda x: (x * x).sum()
"""

# call: (error, message, what its line needs before, a check of `r`, the line's value)
CALLS = {
    # ---- arguments in places that are not theirs ----
    "cube.permute(0, 2, 1)": (TypeError, "permute: several axes are one tuple: write ng.permute(x, (0, 2, 1))", "x = cube", "r.shape == (2, 4, 3)"),
    "ng.permute(cube, 0, 2, 1)": (TypeError, "permute: several axes are one tuple: write ng.permute(x, (0, 2, 1))", "x = cube", "r.shape == (2, 4, 3)"),
    "x.permute(-1, 0)": (TypeError, "permute: several axes are one tuple: write ng.permute(x, (-1, 0))", "", "r.shape == (2, 2)"),
    "x.flip(0, 1)": (TypeError, "flip: several axes are one tuple: write ng.flip(x, (0, 1))", "", "r.tolist() == [[4, 3], [2, 1]]"),
    "x.tile(1, 2)": (TypeError, "tile: several reps are one tuple: write ng.tile(x, (1, 2))", "", "r.shape == (2, 4)"),
    "cube[:1, :, :1].squeeze(0, 2)": (TypeError, "squeeze: several axes are one tuple: write ng.squeeze(x, (0, 2))", "x = cube[:1, :, :1]", "r.shape == (3,)"),
    "x.broadcast_to(2, 2, 2)": (TypeError, "broadcast_to: several shape are one tuple: write ng.broadcast_to(x, (2, 2, 2))", "", "r.shape == (2, 2, 2)"),
    "ng.zeros(2, 3)": (ng.errors.DTypeError, "zeros: a shape is one argument, a tuple: write ng.zeros((2, 3))", "", "r.shape == (2, 3)"),
    "ng.ones(2, 3)": (ng.errors.DTypeError, "ones: a shape is one argument, a tuple: write ng.ones((2, 3))", "", "r.shape == (2, 3)"),
    "ng.empty(2, 3, 4)": (TypeError, "empty: a shape is one argument, a tuple: write ng.empty((2, 3, 4))", "", "r.shape == (2, 3, 4)"),
    **{f"{call}": (TypeError, f"{name}: an axis is an int, and the larger or smaller of two tensors is another function: write ng.{name}imum(a, b)",
                   "a, b = x, 2.0 * x", f"r.tolist() == {'b' if name == 'max' else 'a'}.tolist()")
       for name in ("min", "max") for call in (f"ng.{name}(x, 2.0 * x)", f"x.{name}(2.0 * x)", f"ng.{name}(x, np.ones(2))", f"ng.{name}(x, 0.0)")},
    "ng.concatenate(x, x)": (TypeError, "concatenate: the tensors are one list: write ng.concatenate([a, b])", "a = b = x", "r.shape == (4, 2)"),
    "ng.concatenate(x, x, x, axis=1)": (TypeError, "concatenate: the tensors are one list: write ng.concatenate([a, b, c], axis=1)", "a = b = c = x", "r.shape == (2, 6)"),
    "ng.stack(x, x.numpy())": (TypeError, "stack: the tensors are one list: write ng.stack([a, b])", "a = b = x", "r.shape == (2, 2, 2)"),
    "ng.where(x > 1)": (TypeError, "where: takes a condition and two operands; for the places where it holds write np.nonzero(condition)", "condition = x > 1", "len(r[0]) == 3"),
    **dict.fromkeys(("ng.grad(f)(x)", "ng.grad(f, 0)", "ng.grad(m)(x)", "ng.grad(f, argnums=0)"), (TypeError, "grad: takes a result and its inputs, not a function: write dx, = ng.grad(f(x), x)", "", "dx.tolist() == (2 * x).tolist()")),
    "ng.grad(f(x))": (TypeError, "grad: inputs is missing: write ng.grad(outputs, inputs), where inputs may be list(model.parameters())", "outputs, inputs = f(x), x", "len(r) == 1"),
    "s = f(x); s.backward(); s.backward()": (ng.errors.GraphError, "backward: the graph was freed at node sum; a backward pass frees it as it goes: write backward(retain_graph=True) in the previous pass, or compute the loss again", None, ""),
    # ---- words ----
    "x.sum(dim=1, keepdim=True)": (TypeError, "sum: takes no dim=, keepdim=: write axis=1, keepdims=True", None, ""),
    "ng.zeros((2, 3), device='cpu')": (TypeError, "zeros: takes no device= (every tensor is on the CPU): write ng.zeros((2, 3))", "", "r.shape == (2, 3)"),
    "ng.tensor([1.0], requires_grad=True, device='cuda')": (TypeError, "tensor: takes no device= (every tensor is on the CPU): write ng.tensor([1.0], requires_grad=True)", "", "r.requires_grad"),
    # ---- losses ----
    **{f"nn.{name}({given})": (TypeError, f"{name}: it is made first and then called: write nn.{name}()(input, target)", f"input, target = {pair}", "r.size == 1")
       for names, given, pair in (
           (("CrossEntropyLoss",), "m(x), labels", "m(x), labels"), (("CrossEntropyLoss",), "m(x), [0, 1]", "m(x), labels"), (("NLLLoss",), "m(x), labels", "m(x), labels"),
           (("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "KLDivLoss", "BCEWithLogitsLoss"), "x, x", "x, x"), (("MSELoss",), "X, X", "X, X"),
           (("MSELoss",), "input=x, target=x", "x, x"), (("BCELoss",), "x / 8, x / 8", "x / 8, x / 8")) for name in names},
    **{f"{call}(labels, m(x))": (ng.errors.DTypeError, f"{name}: the logits come first, then the labels: got (2,) for logits and floats (2, 2) for labels; write ng.{name}(logits, labels)",
                                 "logits = m(x)", "r.size == 1")
       for call, name in (("ng.cross_entropy", "cross_entropy"), ("F.cross_entropy", "cross_entropy"), ("nn.CrossEntropyLoss()", "cross_entropy"), ("ng.nll_loss", "nll_loss"))},
    "ng.cross_entropy([0, 1], np.ones((2, 3)))": (ng.errors.DTypeError, "cross_entropy: the logits come first, then the labels: got (2,) for logits and floats (2, 3) for labels; write ng.cross_entropy(logits, labels)", "logits = np.ones((2, 3))", "r.size == 1"),
    # ---- layers ----
    **{f"nn.{name}(x)": (TypeError, f"{name}: it is made first and then called: write nn.{name}({needs})(x)", before, "r.shape == (2, 2)")
       for name, needs, before in (("ReLU", "", ""), ("Tanh", "", ""), ("Sigmoid", "", ""), ("GELU", "", ""), ("Softmax", "", ""), ("Dropout", "", ""), ("Flatten", "", ""),
                                   ("Linear", "in_features, out_features", "in_features = out_features = 2"), ("LayerNorm", "normalized_shape", "normalized_shape = 2"))
       if name != "GELU"},
    "nn.Conv2d(3, 8)": (TypeError, "Conv2d: kernel_size is missing: write nn.Conv2d(3, 8, kernel_size)", "kernel_size = 3", "r.weight.shape == (8, 3, 3, 3)"),
    "nn.Conv1d(3)": (TypeError, "Conv1d: out_channels and kernel_size are missing: write nn.Conv1d(3, out_channels, kernel_size)", "out_channels, kernel_size = 8, 3", "r.weight.shape == (8, 3, 3)"),
    "nn.BatchNorm2d(eps=1e-3)": (TypeError, "BatchNorm2d: num_features is missing: write nn.BatchNorm2d(num_features=num_features, eps=0.001)", "num_features = 3", "r.weight.shape == (3,)"),
    "nn.Linear(3)": (TypeError, "Linear: out_features is missing: write nn.Linear(3, out_features)", "out_features = 2", "r.weight.shape == (2, 3)"),
    "nn.Conv2d(3, filters=8, kernel=3)": (TypeError, "Conv2d: takes no filters=, kernel=: write nn.Conv2d(3, out_channels=8, kernel_size=3)", "", "r.weight.shape == (8, 3, 3, 3)"),
    "nn.Linear(2, 2, device='cpu')": (TypeError, "Linear: takes no device= (every tensor is on the CPU): write nn.Linear(2, 2)", "", "r.weight.shape == (2, 2)"),
    "nn.Linear(2, units=3)": (TypeError, "Linear: takes no units=: write nn.Linear(2, out_features=3)", "", "r.weight.shape == (3, 2)"),
    "nn.Dropout(rate=0.3)": (TypeError, "Dropout: takes no rate=: write nn.Dropout(p=0.3)", "", "r.p == 0.3"),
    "nn.Linear(2, 2, activaton='relu')": (TypeError, "Linear: takes no activaton=: write nn.Linear(2, 2, activation='relu')", "", "r.activation == 'relu'"),
    **{f"nn.Dense(2, 2, activation={wrong!r})": (ValueError, f"Dense: no activation {wrong!r}; did you mean {right!r}? write activation={right!r}; known are relu, leaky_relu, tanh, "
                                                 "sigmoid, silu, gelu, elu, softplus, softmax, log_softmax, log_sigmoid, identity", None, "")
       for wrong, right in (("ReLU", "relu"), ("rleu", "relu"), ("swish", "silu"), ("LeakyReLU", "leaky_relu"), ("LogSoftmax", "log_softmax"), ("linear", "identity"), ("Sigmod", "sigmoid"))},
    "nn.Conv2d(1, 1, 1, activation='mish')": (ValueError, "Conv2d: no activation 'mish'; write activation=lambda x: x * ng.tanh(ng.softplus(x)); known are relu, leaky_relu, tanh, sigmoid, silu, "
                                              "gelu, elu, softplus, softmax, log_softmax, log_sigmoid, identity", None, ""),
    "ng.linear(x, x, activation='ReLU')": (ValueError, "linear: activation must be None or one of 'relu', 'tanh', 'sigmoid', 'silu', 'gelu', 'leaky_relu', got 'ReLU'; did you mean 'relu'? write activation='relu'", None, ""),
    # ---- optimizers and loaders ----
    "optim.Adam(m.parameters)": (TypeError, "Adam: expected an iterable of parameters, got a function that may return one; write module.parameters()", "module = m", "len(list(r)) == 2"),
    "optim.SGD(m.named_parameters)": (TypeError, "SGD: expected an iterable of parameters, got a function that may return one; write module.named_parameters()", "module = m", "len(list(r)) == 2"),
    "optim.SGD(m.state_dict())": (TypeError, "SGD: expected an iterable of parameters, got dict; write module.parameters()", "module = m", "len(list(r)) == 2"),
    "nn.utils.clip_grad_norm_(m.parameters, 1.0)": (TypeError, "clip_grad_norm_: expected an iterable of tensors, got a function that may return one; write module.parameters()", "module = m", "len(list(r)) == 2"),
    "optim.Adam(m.parameters(), learning_rate=0.1)": (TypeError, "Adam: takes no learning_rate=: write optim.Adam(module.parameters(), lr=0.1)", "module = m", "r.lr == 0.1"),
    "optim.SGD(params, learning_rate=0.1, wd=0.5)": (TypeError, "SGD: takes no learning_rate=, wd=: write optim.SGD(parameters, lr=0.1, weight_decay=0.5)", "parameters = params", "r.lr == 0.1"),
    "optim.AdamW(params, 0.1, fused=True)": (TypeError, "AdamW: takes no fused= (a step is one launch): write optim.AdamW(parameters, 0.1)", "parameters = params", "r.lr == 0.1"),
    "optim.SGD(lr=0.1)": (TypeError, "SGD: params is missing: write optim.SGD(params=params, lr=0.1)", "", "r.lr == 0.1"),
    **{f"ng.data.ArrayLoader({given})": (TypeError, f"ArrayLoader: array 0 is a {kind} of arrays: write ng.data.ArrayLoader(*arrays) for batches of all of them, or np.stack(arrays) for one array", None, "")
       for given, kind in (("(X, Y)", "tuple"), ("[X, Y]", "list"), ("(X, X)", "tuple"), ("[x.detach(), x.detach()]", "list"), ("[Y * 1.0, Y]", "list"))},
    "ng.data.ArrayLoader(X, Y, 4)": (TypeError, "ArrayLoader: what has no name is an array, and 4 is none: write ng.data.ArrayLoader(x, y, batch_size=4)", "x, y = X, Y", "len(r) == 1"),
    "ng.data.ArrayLoader(X, 2, True)": (TypeError, "ArrayLoader: what has no name is an array, and 2 is none: write ng.data.ArrayLoader(x, batch_size=2)", "x = X", "len(r) == 2"),
    "ng.data.ArrayLoader(X, Y, batchsize=2)": (TypeError, "ArrayLoader: takes no batchsize=: write ng.data.ArrayLoader(x, y, batch_size=2)", "x, y = X, Y", "len(r) == 2"),
    "ng.data.ArrayLoader(X, num_workers=2)": (TypeError, "ArrayLoader: takes no num_workers= (a batch is gathered in C): write ng.data.ArrayLoader(x)", "x = X", "len(r) == 1"),
}


def run(code, space):
    exec(compile(SETUP + code, "<message>", "exec"), space)
    return space


@pytest.mark.parametrize("call", CALLS)
def test_a_call_shows_the_one_to_write(call):
    error, message, before, check = CALLS[call]
    with pytest.raises(error) as caught:
        run(call, {})
    assert str(caught.value) == message
    if before is None:
        return
    line = message.rpartition("write ")[2].partition(", where ")[0]
    assert eval(check, run(f"{before}\n{line if ' = ' in line else f'r = {line}'}", {}))


# ---- dtypes: which operand ------------------------------------------------------------------------------------------------

LEFT_RIGHT = "write x.astype(ng.{left}) for the right operand, or x.astype(ng.{right}) for the left one"
DTYPES = {
    "x + d": ("add", "float32", "float64", LEFT_RIGHT), "d @ x": ("matmul", "float64", "float32", LEFT_RIGHT), "ng.linear(x, d)": ("linear", "float32", "float64", LEFT_RIGHT),
    "x * a": ("mul", "float32", "float64", "write np.asarray(x, dtype=np.float32) for the array, the right operand"),
    "a - x": ("sub", "float64", "float32", "write np.asarray(x, dtype=np.float32) for the array, the left operand"),
    "d / f": ("div", "float64", "float32", "write np.asarray(x, dtype=np.float64) for the array, the right operand"),
    "ng.maximum(a, f)": ("maximum", "float64", "float32", "write np.asarray(x, dtype=np.float64) for the right operand, or np.asarray(x, dtype=np.float32) for the left one"),
    "model(d)": ("linear", "float64", "float32", "write x.astype(ng.float32) for the left operand, or model.astype(ng.float64) for the model's weight, the right one"),
    "model(a)": ("linear", "float64", "float32", "write np.asarray(x, dtype=np.float32) for the left operand, or model.astype(ng.float64) for the model's weight, the right one"),
    "model.weight * a": ("mul", "float32", "float64", "write np.asarray(x, dtype=np.float32) for the right operand, or model.astype(ng.float64) for the model's weight, the left one"),
    "conv(d[None, None])": ("conv2d", "float64", "float32", "write x.astype(ng.float32) for the left operand, or model.astype(ng.float64) for the model's weight, the right one"),
    "ng.linear(x, x, d[0])": ("linear", "float32", "float64", "write x.astype(ng.float32) for the right operand, or x.astype(ng.float64) for the left one"),
    "ng.concatenate([x, d])": ("concatenate", "float32", "float64", LEFT_RIGHT),
}


@pytest.mark.parametrize("code", DTYPES)
def test_a_dtype_error_says_which_operand(code):
    op, left, right, advice = DTYPES[code]
    space = {"ng": ng, "x": ng.ones((2, 2)), "d": ng.ones((2, 2), dtype=ng.float64), "a": np.ones((2, 2)), "f": np.ones((2, 2), np.float32),
             "model": nn.Linear(2, 2), "conv": nn.Conv2d(1, 1, 1)}
    with pytest.raises(ng.errors.DTypeError) as caught:
        eval(code, space)
    text = str(caught.value)
    assert text.startswith(f"{op}: operands have dtypes {left} and {right}; they do not mix: write ")
    assert text == f"{op}: operands have dtypes {left} and {right}; they do not mix: {advice.format(left=left, right=right)}" or code in (
        "ng.concatenate([x, d])", "ng.linear(x, x, d[0])")
    model = nn.Linear(2, 2).astype(ng.float64)              # the advice
    assert model(space["d"]).dtype == np.float64 and (space["x"] + np.asarray(space["a"], dtype=np.float32)).dtype == np.float32


# ---- flags and numbers, in one way ----------------------------------------------------------------------------------------

IMAGES = ng.ones((1, 2, 4, 4))
FLAGS = {
    "sum: keepdims": lambda v: ng.ones(2).sum(keepdims=v), "sort: descending": lambda v: ng.ones(2).sort(descending=v), "max_pool2d: ceil_mode": lambda v: ng.max_pool2d(IMAGES, 2, ceil_mode=v),
    "avg_pool2d: ceil_mode": lambda v: ng.avg_pool2d(IMAGES, 2, ceil_mode=v), "avg_pool1d: count_include_pad": lambda v: ng.avg_pool1d(IMAGES[0], 2, count_include_pad=v),
    "MaxPool2d: ceil_mode": lambda v: nn.MaxPool2d(2, ceil_mode=v), "AvgPool2d: count_include_pad": lambda v: nn.AvgPool2d(2, count_include_pad=v), "Linear: bias": lambda v: nn.Linear(2, 2, v),
    "Conv2d: bias": lambda v: nn.Conv2d(2, 2, 2, bias=v), "ReLU: inplace": lambda v: nn.ReLU(v), "relu: inplace": lambda v: F.relu(IMAGES, v), "train: mode": lambda v: nn.Tanh().train(v),
    "zero_grad: set_to_none": lambda v: nn.Tanh().zero_grad(v), "ArrayLoader: shuffle": lambda v: ng.data.ArrayLoader(np.ones(2), shuffle=v), "ArrayLoader: drop_last":
    lambda v: ng.data.ArrayLoader(np.ones(2), drop_last=v, batch_size=1), "requires_grad": lambda v: ng.tensor([1.0], requires_grad=v), "Parameter: requires_grad":
    lambda v: nn.Parameter([1.0], v), "set_grad_enabled: flag": lambda v: ng.set_grad_enabled(v), "backward: retain_graph": lambda v: ng.ones(2, requires_grad=True).sum().backward(retain_graph=v),
    "dropout: training": lambda v: ng.dropout(ng.ones(2), training=v), "batch_norm: training": lambda v: ng.batch_norm(IMAGES, ng.zeros(2), ng.ones(2), training=v),
    "SGD: nesterov": lambda v: optim.SGD([nn.Parameter([1.0])], momentum=0.5, nesterov=v), "Adam: amsgrad": lambda v: optim.Adam([nn.Parameter([1.0])], amsgrad=v), "linspace: endpoint":
    lambda v: ng.linspace(0, 1, 3, endpoint=v), "kl_div: log_target": lambda v: F.kl_div(ng.zeros(2), ng.zeros(2), log_target=v),
}


@pytest.mark.parametrize("what", FLAGS)
def test_a_flag_is_a_bool_of_pythons_or_numpys(what):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in (True, False, np.bool_(True), np.False_):
            FLAGS[what](value)
    wrong = [] if what.endswith("bias") else [("yes", "str 'yes'")]          # (a name there is an activation in the wrong place)
    for value, kind in (*wrong, (1, "int 1"), (0, "int 0"), (np.int64(1), r"int64 np\.int64\(1\)"), (np.array([True]), "ndarray array"), (2.0, r"float 2\.0")):
        with pytest.raises(TypeError, match=rf"^{what} must be a bool, got {kind}"):
            FLAGS[what](value)
    ng.set_grad_enabled(True)


INTS = {
    "topk: k": lambda v: ng.ones((2, 3)).topk(v), "chunk: n": lambda v: ng.ones((4, 2)).chunk(v), "conv2d: groups": lambda v: ng.conv2d(IMAGES, ng.ones((2, 1, 1, 1)), groups=v),
    "group_norm: num_groups": lambda v: ng.group_norm(IMAGES, v), "Conv2d: groups": lambda v: nn.Conv2d(2, 2, 1, groups=v), "GroupNorm: num_groups": lambda v: nn.GroupNorm(v, 2),
    "Linear: in_features": lambda v: nn.Linear(v, 2), "Conv2d: in_channels": lambda v: nn.Conv2d(v, 2, 1), "randint: low": lambda v: ng.randint(v, 5, 3), "randint: high": lambda v: ng.randint(0, v, 3),
    "randperm: n": lambda v: ng.randperm(v), "manual_seed: the seed": lambda v: ng.manual_seed(v), "one_hot: num_classes": lambda v: ng.one_hot([0, 1], v), "ArrayLoader: batch_size":
    lambda v: ng.data.ArrayLoader(np.ones(4), batch_size=v), "eye: N": lambda v: ng.eye(v), "sum: axis": lambda v: ng.ones((1, 1, 1)).sum(v), "narrow: length": lambda v: ng.ones((4, 2)).narrow(0, 0, v),
    "Softmax: dim": lambda v: nn.Softmax(v), "CrossEntropyLoss: ignore_index": lambda v: nn.CrossEntropyLoss(ignore_index=v), "linspace: num": lambda v: ng.linspace(0, 1, v),
    "Embedding: num_embeddings": lambda v: nn.Embedding(v, 2),
}


@pytest.mark.parametrize("what", INTS)
def test_an_int_is_what_numpy_takes_for_one(what):
    for value in (2, np.int32(2), np.array(2), np.uint8(2)):
        INTS[what](value)
    for value in (2.0, "2", True, np.bool_(True), np.array([2]), np.array(2.0), None) if what != "sum: axis" else (np.array([2]), True):
        with pytest.raises(TypeError, match=rf"^{what} must be an int, got (None$|\w+ )"):
            INTS[what](value)


SIZES = {
    "conv2d: stride": lambda v: ng.conv2d(IMAGES, ng.ones((2, 2, 1, 1)), stride=v), "conv2d: dilation": lambda v: ng.conv2d(IMAGES, ng.ones((2, 2, 1, 1)), dilation=v), "conv2d: padding":
    lambda v: ng.conv2d(IMAGES, ng.ones((2, 2, 1, 1)), padding=v), "max_pool2d: kernel_size": lambda v: ng.max_pool2d(IMAGES, v), "avg_pool2d: stride": lambda v: ng.avg_pool2d(IMAGES, 2, stride=v),
    "Conv2d: stride": lambda v: nn.Conv2d(2, 2, 1, stride=v), "Conv2d: padding": lambda v: nn.Conv2d(2, 2, 1, padding=v), "Conv2d: dilation": lambda v: nn.Conv2d(2, 2, 1, dilation=v),
}


@pytest.mark.parametrize("what", SIZES)
def test_sizes_per_axis(what):
    for value in (1, np.int64(1), np.array(1), (1, 1), [1, np.int32(1)], (np.array(1), 1)):
        SIZES[what](value)
    for value in (1.0, (1, 1.0), True, (1, True), np.array([1, 1]), (np.array([1]), 1), None if "stride" not in what or "Conv" in what else 1.5, (1, 1, 1)):
        with pytest.raises(TypeError, match=rf"^{what} must be an int or 2 ints, got "):
            SIZES[what](value)


NUMBERS = {
    "leaky_relu: negative_slope": lambda v: ng.leaky_relu(ng.ones(2), v), "LeakyReLU: negative_slope": lambda v: nn.LeakyReLU(v), "Dropout: p": lambda v: nn.Dropout(v), "SGD: lr":
    lambda v: optim.SGD([nn.Parameter([1.0])], lr=v), "Adam: eps": lambda v: optim.Adam([nn.Parameter([1.0])], eps=v), "huber_loss: delta": lambda v: ng.huber_loss(ng.ones(2), ng.ones(2), delta=v),
    "HuberLoss: delta": lambda v: nn.HuberLoss(delta=v), "EMA: decay": lambda v: optim.EMA(nn.Linear(1, 1), v),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_a_number(what):
    for value in (0.5, np.float32(0.5), np.array(0.5), np.float64(0.5), ng.tensor(0.5), 1):
        NUMBERS[what](value)
    for value in ("0.5", None, np.array([0.5]), 1j):
        if what == "EMA: decay" and value == "0.5":
            continue
        with pytest.raises(TypeError, match=rf"^{what} must be a number, got (None$|\w+ )"):
            NUMBERS[what](value)


# ---- settings that are checked once ---------------------------------------------------------------------------------------


def test_a_convolution_s_settings_are_checked_when_they_are_set():
    layer = nn.Conv2d(2, 4, 3, stride=2, padding=(1, 0), groups=2)
    assert (layer.stride, layer.padding, layer.dilation, layer.groups) == ((2, 2), (1, 0), (1, 1), 2)
    x = ng.ones((1, 2, 9, 9))
    assert layer(x).shape == (1, 4, 5, 4)
    layer.stride = 1                                            # as in PyTorch it may be changed, and is checked then
    assert layer.stride == (1, 1) and layer(x).shape == (1, 4, 9, 7)
    layer.padding = "same"
    assert layer(x).shape == (1, 4, 9, 9) and "padding='same'" in repr(layer)
    for name, value, error, message in (("stride", 2, ValueError, r"Conv2d: padding='same' needs stride 1, got stride \(2, 2\)"), ("dilation", 1.5, TypeError, "Conv2d: dilation must be an int or 2 ints, got 1.5"),
                                        ("padding", "sme", ValueError, "Conv2d: padding must be numbers, 'same' or 'valid', got 'sme'"), ("groups", 0, ValueError, "Conv2d: groups must be at least 1, got 0")):
        with pytest.raises(error, match=f"^{message}$"):
            setattr(layer, name, value)
    assert (layer.stride, layer.padding, layer.dilation, layer.groups) == ((1, 1), "same", (1, 1), 2) and layer(x).shape == (1, 4, 9, 9)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert again(x).tolist() == layer(x).tolist() and repr(again) == repr(layer)
        again.dilation = 2
        assert again(x).shape == (1, 4, 9, 9) and layer.dilation == (1, 1)
    assert nn.Conv1d(1, 1, 2, padding=3, dilation=2).dilation == (2,)


def test_an_optimizer_s_settings_are_checked_without_a_step():
    for cls in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad):
        p = nn.Parameter([1.0])
        optimizer = cls([p])
        p.grad = np.ones(1, np.float32)
        before = optimizer.state_dict()
        optimizer._check(optimizer.param_groups[0])
        assert p.item() == 1.0 and optimizer.state_dict() == before
        assert list(inspect.signature(cls._update).parameters) == ["op", "groups", "states"]
        with pytest.raises(ValueError, match=f"^{cls.__name__}: lr must be at least 0 and finite, got -1.0$"):
            optimizer.lr = -1.0
        with pytest.raises(ValueError, match=f"^{cls.__name__}: weight_decay must be"):
            optimizer.add_param_group({"params": [nn.Parameter([1.0])], "weight_decay": -1.0})
        optimizer.param_groups[0]["lr"] = -1.0                   # live: a step reads them anew
        with pytest.raises(ValueError, match=f"^{cls.__name__}: lr must be at least 0"):
            optimizer.step()
        assert p.item() == 1.0


# ---- what stays as it is --------------------------------------------------------------------------------------------------


def test_classes_of_ones_own_are_called_as_ever():
    class Net(nn.Module):
        def __init__(self, width, *rest, depth=1, **more):
            self.width = width

    class Given(nn.Module):
        def __init__(self, scale):
            self.scale = scale

    class Stepper(optim.SGD):
        def __init__(self, params, speed):
            super().__init__(params, speed)

    assert Net(3, 4, anything=5).width == 3 and Given(ng.ones(2)).scale.shape == Given(scale=ng.ones(2)).scale.shape == (2,)
    assert Stepper([nn.Parameter([1.0])], speed=0.5).lr == 0.5
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'scale'"):
        Given()
    with pytest.raises(TypeError, match=r"^Given: takes no scal=: write Given\(scale=1\)$"):
        Given(scal=1)
    with pytest.raises(TypeError, match=r"Given\.__init__\(\) got an unexpected keyword argument 'colour'"):
        Given(1, colour=2)
    with pytest.raises(TypeError, match=r"^Stepper: speed is missing: write Stepper\(parameters, speed\)$"):
        Stepper([nn.Parameter([1.0])])


def test_signatures_are_those_of_the_classes():
    assert list(inspect.signature(nn.Conv2d).parameters)[:3] == ["in_channels", "out_channels", "kernel_size"]
    assert list(inspect.signature(optim.Optimizer).parameters) == ["params", "defaults"]
    assert list(inspect.signature(ng.data.ArrayLoader).parameters)[:2] == ["arrays", "batch_size"]
    for cls in (nn.Conv2d, nn.Linear, optim.Adam):
        assert re.match(r"\(\w", str(inspect.signature(cls)))


def test_errors_from_inside_keep_their_text():
    x = ng.ones((2, 2))
    for call, message in ((lambda: x.permute(), r"^permute\(\) takes exactly 2 positional arguments \(1 given\)$"), (lambda: x.sum(colour=1), r"^sum\(\) got an unexpected keyword argument 'colour'$"),
                          (lambda: ng.zeros("a"), "^zeros: shape must be ints"), (lambda: ng.concatenate([x], "a"), "^concatenate: axis must be an int, got str 'a'$")):
        with pytest.raises((TypeError, ValueError), match=message):
            call()
    assert ng.data.ArrayLoader([[1.0, 2.0], [3.0, 4.0]], batch_size=2) and ng.data.ArrayLoader([np.ones(2), np.zeros(2)])
