# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every line that a message tells the user to write runs, and does what was meant.

The messages are collected from the sources: each text with "write" in it stands below, beside a mistake that raises it, the line
that it advises, and a check of what that line did. (The names of other libraries have a file of their own, test_other_names.py.)
"""
import pathlib
import re

import pytest

import nanograd as ng

PACKAGE = pathlib.Path(ng.__file__).parent
SOURCES = [path for suffix in ("py", "pyx", "pxi") for path in sorted(PACKAGE.rglob(f"*.{suffix}")) if path.name != "_names.py"]
checkout = pytest.mark.skipif(not any(path.suffix == ".pxi" for path in SOURCES), reason="the compiled part's sources are not here")

SETUP = """
import copy, os, tempfile, warnings
import numpy as np, scipy.sparse
import nanograd as ng
from nanograd import nn, optim
import nanograd.nn.functional as F
x = ng.tensor([[1.0, 2.0], [3.0, 4.0]])
y = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True) * 2.0
w = ng.tensor([1.0, 2.0], requires_grad=True)
p = nn.Parameter([1.0, 2.0])
double = ng.ones((2, 2), dtype=ng.float64)
image = ng.ones((4, 4))
A = scipy.sparse.eye(2, format="csr", dtype=np.float32)
model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
class Double(ng.Function):
    @staticmethod
    def forward(ctx, *xs):
        ctx.save_for_backward(xs[0])
        return xs[0] * 2
    @staticmethod
    def backward(ctx, dy):
        return dy * 2
class Sums(ng.Function):
    @staticmethod
    def forward(ctx, *xs):
        return sum(x.numpy() for x in xs)
    @staticmethod
    def backward(ctx, dy):
        return dy, dy
"""


class Row:
    """text: of the source's message, enough to tell it; wrong: raises or warns of it; right: the advised line; check: then true."""

    def __init__(self, text, wrong, right, check="True"):
        self.text, self.wrong, self.right, self.check = text, wrong, right, check

    def __repr__(self):
        return self.text[:50]


ROWS = [
    # ---- operands ----
    Row("; several axes are a tuple: write axis=(0, 1)", "x.sum(0, 1)", "r = x.sum(axis=(0, 1))", "r.item() == 10"),
    Row("{op}: several axes are a tuple, not a list: write axis=", "x.mean([0, 1])", "r = x.mean(axis=(0, 1))", "r.item() == 2.5"),
    Row("the larger or smaller of two tensors is another function: write ng.{op}imum(a, b)", "ng.max(x, x + 1)", "a, b = x, x + 1; r, q = ng.maximum(a, b), ng.minimum(a, b)", "r.tolist() == b.tolist() and q.tolist() == a.tolist()"),
    Row("{name}: several {SEVERAL.get(known[1], known[1])} are one tuple: write ng.{name}(x, ", "ng.ones((2, 3, 4)).permute(0, 2, 1)", "x = ng.ones((2, 3, 4)); r, q, s = ng.permute(x, (0, 2, 1)), ng.tile(x, (2, 1, 1)), ng.flip(x, (0, 1))", "r.shape == (2, 4, 3) and q.shape == (4, 3, 4) and s.shape == (2, 3, 4)"),
    Row("; write x[:, None] for a batch of", "ng.conv2d(ng.ones((3, 4, 4)), ng.ones((1, 1, 2, 2)))", "r = ng.conv2d(ng.ones((3, 4, 4))[:, None], ng.ones((1, 1, 2, 2)))", "r.shape == (3, 1, 3, 3)"),
    Row("; write x.transpose({order}) to put the channels", "ng.conv2d(ng.ones((5, 8, 8, 3)), ng.ones((2, 3, 3, 3)))", "r = ng.conv2d(ng.ones((5, 8, 8, 3)).transpose(0, 3, 1, 2), ng.ones((2, 3, 3, 3)))", "r.shape == (5, 2, 6, 6)"),
    Row("an operand is 0-d; write a * b", "ng.matmul(x, ng.tensor(2.0))", "r = x * ng.tensor(2.0)", "r.sum().item() == 20"),
    Row("; write x.flatten(1), or nn.Flatten()", "ng.linear(ng.ones((3, 2, 2)), ng.ones((5, 4)))", "r = ng.linear(ng.ones((3, 2, 2)).flatten(1), ng.ones((5, 4)))", "r.shape == (3, 5)"),
    Row("; write ng.global_avg_pool2d(x), or", "ng.linear(ng.ones((3, 2, 5, 5)), ng.ones((7, 2)))", "r = ng.linear(ng.global_avg_pool2d(ng.ones((3, 2, 5, 5))), ng.ones((7, 2)))", "r.shape == (3, 7)"),
    Row("write target.numpy().astype(int)", "ng.cross_entropy(x, ng.tensor([0.0, 1.0]))", "r = ng.cross_entropy(x, ng.tensor([0.0, 1.0]).numpy().astype(int))", "r.size == 1"),
    Row("for logits write binary_cross_entropy_with_logits", "ng.binary_cross_entropy(x, x / 4)", "r = ng.binary_cross_entropy_with_logits(x, x / 4)", "r.size == 1"),
    Row("to exchange them write x.swapaxes(0, 1) or x.T", "x.transpose(0, 1)", "r, q = x.swapaxes(0, 1), x.T", "r.tolist() == q.tolist() == [[1, 3], [2, 4]]"),
    Row("; to exchange two axes write swapaxes(x,", "ng.ones((2, 3, 4)).transpose(0, 1)", "r = ng.swapaxes(ng.ones((2, 3, 4)), 0, 1)", "r.shape == (3, 2, 4)"),
    Row("no axis to join along: write ng.stack(tensors)", "ng.concatenate([x.sum(), x.sum()])", "tensors = [x.sum(), x.sum()]; r = ng.stack(tensors)", "r.tolist() == [10, 10]"),
    Row("where: the condition is a float tensor; write", "ng.where(x, x, 0)", "r = ng.where(x > 0, x, 0)", "r.tolist() == x.tolist()"),
    Row("where: the condition must be boolean, got", "ng.where(np.array([[0, 1], [1, 0]]), x, 0)", "c = np.array([[0, 1], [1, 0]]); r = ng.where(c != 0, x, 0)", "r.tolist() == [[0, 2], [3, 0]]"),
    Row("gets no gradient, and the tensor given requires one: write {what}.item()", "ng.leaky_relu(x, w.sum())", "negative_slope = w.sum(); r = ng.leaky_relu(x, negative_slope.item())", "r.shape == (2, 2)"),
    Row("got a tuple of one tensor; write x[0], or (x,) = batch", "model((x,))", "batch = (x,); r = model(batch[0]); (x,) = batch; q = model(x)", "r.tolist() == q.tolist()"),
    Row("that holds tensors; write ng.stack(tensors)", "ng.exp([w, w])", "tensors = [w, w]; r = ng.exp(ng.stack(tensors))", "r.requires_grad and r.shape == (2, 2)"),
    Row("a sparse matrix cannot be an operand: write A.toarray()", "ng.matmul(A, x)", "r = ng.matmul(A.toarray().astype(x.dtype), x)", "r.tolist() == x.tolist()"),
    Row("a sparse matrix A cannot be an operand of a tensor x: write", "x @ A", "r = x @ A.toarray().astype(x.dtype)", "r.tolist() == x.tolist()"),
    Row("{op}: operands have dtypes {numpy_dtype(ka)} and {numpy_dtype(kb)}; they do not mix: write {remedy}", "x + double", "r = x + double.astype(ng.float32); q = x.astype(ng.float64) + double", "r.dtype == np.float32 and q.dtype == np.float64"),
    Row("{op}: operands have dtypes {numpy_dtype(kind)} and {numpy_dtype(own)}; they do not mix: write {remedy}", "ng.linear(x, x, double[0])", "r = ng.linear(x, x, double[0].astype(ng.float32))", "r.dtype == np.float32"),
    Row("{name}: a shape is one argument, a tuple: write ng.{name}({shown(given)})", "ng.zeros(2, 3)", "r = ng.zeros((2, 3))", "r.shape == (2, 3)"),
    Row("{name}: the tensors are one list: write ng.{name}([{names}]{axis})", "ng.concatenate(x, x, axis=1)", "a = b = x; r = ng.concatenate([a, b], axis=1)", "r.shape == (2, 4)"),
    Row("where: takes a condition and two operands; for the places where it holds write np.nonzero(condition)", "ng.where(x > 1)", "condition = x > 1; r = np.nonzero(condition)", "len(r[0]) == 3"),
    Row("grad: takes a result and its inputs, not a function: write dx, = ng.grad(f(x), x)", "ng.grad(lambda w: (w * w).sum())(w)", "f, x = (lambda w: (w * w).sum()), w; dx, = ng.grad(f(x), x)", "dx.tolist() == [2, 4]"),
    Row("grad: inputs is missing: write ng.grad(outputs, inputs), where inputs may be list(model.parameters())", "ng.grad(w.sum())", "outputs, inputs = model(x).sum(), list(model.parameters()); r = ng.grad(outputs, inputs)", "len(r) == 2"),
    Row("{op}: the logits come first, then the labels: got {logits} for logits and floats {target} for labels; write ng.{op}(logits, labels)", "ng.cross_entropy([0, 1], x)", "logits, labels = x, [0, 1]; r = ng.cross_entropy(logits, labels)", "r.size == 1"),
    Row("({NOTHING[nothing[0]]}): write ng.{name}({', '.join(kept)})", "ng.zeros((2, 3), device='cpu')", "r = ng.zeros((2, 3))", "r.shape == (2, 3)"),
    Row("{name}: takes no {', '.join(", "x.sum(dim=1, keepdim=True)", "r = x.sum(axis=1, keepdims=True)", "r.shape == (2, 1)"),
    # ---- tensors ----
    Row("Tensor is not a constructor: write ng.tensor(data)", "ng.Tensor([1.0])", "data = [1.0]; r = ng.tensor(data)", "r.tolist() == [1]"),
    Row("requires_grad cannot be deleted: write x.requires_grad_(False)", "del w.requires_grad", "x = w; x.requires_grad_(False)", "not w.requires_grad"),
    Row("requires_grad can be turned off: write x.detach()", "y.requires_grad = False", "x = y; r = x.detach()", "not r.requires_grad"),
    Row("call x.retain_grad() before backward to keep its gradient", "y.grad", "x = y; x.retain_grad(); x.sum().backward()", "x.grad is not None"),
    Row("is ambiguous; write np.all(x != 0) or np.any(x != 0)", "bool(x)", "r = np.all(x != 0), np.any(x != 0)", "r == (True, True)"),
    Row("x[i] = v is refused: write x = ng.index_set(x, i, v)", "x[0] = 5.0", "i, v = 0, 5.0; x = ng.index_set(x, i, v)", "x.tolist() == [[5, 5], [3, 4]]"),
    Row("its memory is read-only; write np.array(x) for a copy", "import ctypes; ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(x), ctypes.byref(ctypes.create_string_buffer(256)), 1)", "r = np.array(x); r[0, 0] = 7", "x.tolist()[0][0] == 1"),
    Row("a Parameter can be initialised only once; write p.assign(value)", "p.__init__(np.ones(2))", "value = np.ones(2); p.assign(value)", "p.tolist() == [1, 1]"),
    Row("full: fill_value gets no gradient", "ng.full((2, 2), w.sum())", "shape = (2, 2); r = ng.broadcast_to(w.sum(), shape)", "r.requires_grad and r.shape == (2, 2)"),
    # ---- autograd ----
    Row("make its inputs with requires_grad=True, outside of no_grad()", "x.sum().backward()", "a = ng.tensor([1.0], requires_grad=True); a.sum().backward()", "a.grad.tolist() == [1]"),
    Row("write allow_unused=True to get None for it", "ng.grad(y.sum(), w)", "r = ng.grad(y.sum(), w, allow_unused=True)", "r == (None,)"),
    Row("write backward(retain_graph=True) in the previous pass", "s = (w * w).sum(); s.backward(); s.backward()", "s = (w * w).sum(); s.backward(retain_graph=True); s.backward()", "w.grad.tolist() == [4, 8]"),
    Row("in the previous pass, or compute the loss again", "s = (w * w).sum(); s.backward(); s.backward()", "for _ in range(2): (w * w).sum().backward()", "w.grad.tolist() == [4, 8]"),
    Row("backward: inputs is empty; leave it out", "w.sum().backward(inputs=[])", "w.sum().backward()", "w.grad.tolist() == [1, 1]"),
    Row("write ctx.name = value for anything else", "ng.Function.apply.__func__; Bad = type('Bad', (ng.Function,), {'forward': staticmethod(lambda ctx, x: (ctx.save_for_backward(3), x)[1])}); Bad.apply(w)", "Good = type('Good', (ng.Function,), {'forward': staticmethod(lambda ctx, x: (setattr(ctx, 'name_', 3), x)[1])}); r = Good.apply(w)", "r.tolist() == [1, 2]"),
    Row("pass them one by one, {name}.apply(*tensors)", "Sums.apply([w, w])", "tensors = [w, w]; r = Sums.apply(*tensors); r.sum().backward()", "w.grad.tolist() == [2, 2]"),
    Row("a Function cannot be instantiated: write {type(self).__name__}.apply(...)", "Double(w)", "r = Double.apply(w)", "r.tolist() == [2, 4]"),
    Row("is a generator or coroutine, whose body would run outside", "@ng.no_grad()\ndef f():\n    yield w * 2", "def f():\n    with ng.no_grad():\n        yield w * 2\nr, = f()", "not r.requires_grad"),
    Row("is a class, whose methods would run outside of the mode; write", "@ng.no_grad()\nclass A:\n    pass", "class A:\n    @ng.no_grad()\n    def f(self):\n        return w * 2\n    def g(self):\n        with ng.no_grad():\n            return w * 2\nr, q = A().f(), A().g()", "not r.requires_grad and not q.requires_grad"),
    Row("no_grad takes no arguments: write @ng.no_grad() above a function", "@ng.no_grad\ndef f():\n    return w * 2", "@ng.no_grad()\ndef f():\n    return w * 2\nr = f()", "not r.requires_grad"),
    Row("enable_grad takes no arguments: write @ng.enable_grad()", "@ng.enable_grad\ndef f():\n    return w * 2", "@ng.enable_grad()\ndef f():\n    return w * 2\nr = f()", "r.requires_grad"),
    # ---- modules and parameters ----
    Row("which a {what} of this name would hide: write self.{name}_ = ...", "model.train = nn.Linear(2, 2)", "model.train_ = nn.Linear(2, 2)", "len(list(model.parameters())) == 4"),
    Row("write module.{name}.assign(value) for a new value", "model[0].weight = np.ones((2, 2))", "module, value = model[0], np.ones((2, 2)); module.weight.assign(value); module.weight = nn.Parameter(value)", "model[0].weight.tolist() == [[1, 1], [1, 1]] and len(list(model.parameters())) == 2"),
    Row("write module.{name} = nn.Identity() or another Module", "m = nn.Module(); m.fc = nn.Linear(1, 1); m.fc = lambda x: x", "module = nn.Module(); module.fc = nn.Linear(1, 1); module.fc = nn.Identity(); del module.fc; module.fc = lambda x: x", "module.fc(3) == 3"),
    Row("write module.register_buffer({name!r}, np.array(value))", "m = nn.Module(); m.register_buffer('b', np.zeros(2)); m.b = [1, 2]", "module, value = nn.Module(), [1, 2]; module.register_buffer('b', np.zeros(2)); module.register_buffer('b', np.array(value))", "module.b.tolist() == [1, 2]"),
    Row("is a set of parameters or modules, which has no order: write a list", "m = nn.Module(); m.layers = {nn.Tanh()}; list(m.parameters())", "m = nn.Module(); m.layers = [nn.Linear(1, 1)]", "len(list(m.parameters())) == 2"),
    Row("it has modules already: call super().__init__() before the first is set", "class N(nn.Sequential):\n    def __init__(self):\n        self.fc = nn.Tanh()\n        super().__init__()\nN()", "class N(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Tanh()\nr = N()", "len(r) == 1"),
    Row("is not a name of a {what} but a path to one inside: write module{place} = value", "m = nn.Module(); m.layers = [nn.Tanh()]; setattr(m, 'layers.0', nn.ReLU())", "module, value = nn.Module(), nn.ReLU(); module.layers = [nn.Tanh()]; module.layers[0] = value", "list(module.children()) == [value]"),
    Row("activation must be a module, not its class", "nn.Linear(2, 2, activation=nn.ReLU)", "r = nn.Linear(2, 2, activation=nn.ReLU())", "r(x).shape == (2, 2)"),
    Row("; write x.unsqueeze(0) for a single", "nn.BatchNorm1d(2).eval()(ng.ones(2))", "x = ng.ones(2); r = nn.BatchNorm1d(2).eval()(x.unsqueeze(0))", "r.shape == (1, 2)"),
    Row("write model.eval() for single samples", "nn.BatchNorm1d(2)(ng.ones((1, 2)))", "model = nn.BatchNorm1d(2); model.eval(); r = model(ng.ones((1, 2)))", "r.shape == (1, 2)"),
    Row("the class {item.__name__}; write", "nn.Sequential(nn.Tanh)", "r = nn.Sequential(nn.Tanh())", "len(r) == 1"),
    Row("it has no parameters: write its module, such as nn.ReLU()", "nn.Sequential(ng.relu)", "r = nn.Sequential(nn.ReLU())", "len(r) == 1"),
    Row("a ModuleList does not compute anything: call its items, or write Sequential", "nn.ModuleList([nn.Tanh()])(x)", "r = nn.ModuleList([nn.Tanh()])[0](x); q = nn.Sequential(nn.Tanh())(x)", "r.tolist() == q.tolist()"),
    Row("say along which axis: write dim=-1 for the last", "F.softmax(x)", "r = F.softmax(x, dim=-1)", "abs(r.sum().item() - 2) < 1e-6"),
    Row("size_average and reduce are gone: write reduction=", "nn.MSELoss(size_average=False)", "r = nn.MSELoss(reduction='sum')", "r(x, x).item() == 0"),
    Row("write activation={shown(value)}", "nn.Linear(2, 2, 'relu')", "r = nn.Linear(2, 2, activation='relu')", "r(x).shape == (2, 2)"),
    Row("write bias={shown(activation)}", "nn.Dense(2, 2, False)", "r = nn.Dense(2, 2, bias=False)", "r(x).shape == (2, 2)"),
    Row("it is made first and then called: write {call(name, required, {})}({called_with})", "nn.CrossEntropyLoss(x, [0, 1])", "input, target = x, [0, 1]; r = nn.CrossEntropyLoss()(input, target)", "r.size == 1"),
    Row("{why}: write {call(name, before, after)}", "nn.Linear(2, 2, device='cpu')", "r = nn.Linear(2, 2)", "r(x).shape == (2, 2)"),
    Row("{verb} missing: write {call(name, before, after)}", "nn.Conv2d(3, 8)", "kernel_size = 3; r = nn.Conv2d(3, 8, kernel_size)", "r.weight.shape == (8, 3, 3, 3)"),
    Row("; did you mean {names[close[0]]!r}? write activation={names[close[0]]!r}", "nn.Linear(2, 2, activation='ReLU')", "r = nn.Linear(2, 2, activation='relu')", "r(x).shape == (2, 2)"),
    Row("; write activation=lambda x: {expression}", "nn.Linear(2, 2, activation='mish')", "r = nn.Linear(2, 2, activation=lambda x: x * ng.tanh(ng.softplus(x)))", "r(x).shape == (2, 2)"),
    # ---- NumPy ----
    Row("a NumPy array would lose the gradient of this tensor", "np.asarray(y)", "x = y; r = x.numpy()\nwith ng.no_grad():\n    q = np.asarray(x)", "r.tolist() == q.tolist()"),
    Row("; of a single number, such as a loss, keep `loss.item()`", "loss = y.sum(); np.asarray([loss, loss])", "losses, loss = [], y.sum(); losses.append(loss.item()); r = np.asarray(losses)", "r.tolist() == [20]"),
    Row("; for A @ x with a sparse matrix A write ng.matmul(", "A @ y", "x = y; r = ng.matmul(A.toarray().astype(x.dtype), x)", "r.requires_grad and r.tolist() == y.tolist()"),
    Row("write x.detach() for its value alone, or {keep}", "ng.tensor(y)", "x = y; r = x.detach(); q = x.copy()", "not r.requires_grad and q.requires_grad"),
    Row(".{method if isinstance(method, str) else shown(method)} does not take tensors", "np.add.reduceat(x, [0])", "r = np.add.reduceat(x.numpy(), [0])", "r.shape == (1, 2)"),
    Row("{name} has no gradient here: write {name}({', '.join(values)})", "np.arcsin(w)", "x1 = w / 2; r = np.arcsin(x1.numpy())", "r.shape == (2,)"),
    Row("of a tensor takes no out: omit it (a = a + x instead of a += x)", "a = np.ones((2, 2), np.float32); a += x", "a = np.ones((2, 2), np.float32); a = a + x; r = np.ones((2, 2), np.float32); r += x.numpy()", "a.tolist() == r.tolist()"),
    Row("{name} of a tensor takes no {', '.join(kwargs)}: write x.numpy()", "np.add(x, x, where=np.ones((2, 2), bool))", "r = np.add(x.numpy(), x.numpy(), where=np.ones((2, 2), bool), out=np.zeros((2, 2), np.float32))", "r.shape == (2, 2)"),
    Row("np.copyto: a tensor's value never changes: write p.assign(value)", "np.copyto(p, np.ones(2))", "value = np.ones(2); p.assign(value)", "p.tolist() == [1, 1]"),
    Row("{name} does not take tensors: write {call} for a NumPy result", "np.cov(x)", "r = np.cov(x.numpy())", "r.shape == (2, 2)"),
    Row("of a tensor takes no {', '.join(foreign)}: write x.numpy() for a NumPy result", "np.sum(x, where=np.ones((2, 2), bool))", "r = np.sum(x.numpy(), where=np.ones((2, 2), bool))", "r == 10"),
    Row("for vectors, got {shown(ord)}: write {name}(x.numpy(), ord=", "np.linalg.norm(w, 3)", "x = w; r = np.linalg.norm(x.numpy(), ord=3)", "r > 0"),
    Row("for matrices, got {shown(ord)}: write {name}(x.numpy(), ord=", "np.linalg.norm(x, 'nuc')", "r = np.linalg.norm(x.numpy(), ord='nuc')", "r > 0"),
    Row("from_numpy: expected a NumPy array, got a tensor: write x, or x.detach()", "ng.from_numpy(x)", "r = x.detach()", "r.tolist() == x.tolist()"),
    Row("from_numpy: expected a NumPy array, got {type(a).__name__}; write ng.tensor(x)", "ng.from_numpy([1.0])", "x = [1.0]; r = ng.tensor(x)", "r.tolist() == [1]"),
    Row("use the array itself for labels and indices, or write ng.tensor(a)", "ng.from_numpy(np.array([0, 1]))", "a = np.array([0, 1]); r = ng.cross_entropy(x, a); q = ng.tensor(a)", "q.dtype == np.float32"),
    Row("from_numpy: a tensor's dtype is float32 or float64, got an array of dtype {a.dtype}; write ng.tensor(a)", "ng.from_numpy(np.ones(2, np.float16))", "a = np.ones(2, np.float16); r = ng.tensor(a)", "r.tolist() == [1, 1]"),
    Row("from_numpy: the array's byte order is not the machine's", "ng.from_numpy(np.ones(2, np.dtype('f4').newbyteorder()))", "a = np.ones(2, np.dtype('f4').newbyteorder()); r = ng.tensor(a)", "r.tolist() == [1, 1]"),
    Row("from_numpy: the array is not C-contiguous", "ng.from_numpy(np.ones((2, 3), np.float32).T)", "a = np.ones((2, 3), np.float32).T; r = ng.tensor(a)", "r.shape == (3, 2)"),
    Row("from_numpy: the array's memory is not aligned to its elements", "ng.from_numpy(np.zeros(9, np.uint8)[1:].view(np.float32))", "a = np.zeros(9, np.uint8)[1:].view(np.float32); r = ng.tensor(a)", "r.tolist() == [0, 0]"),
    Row("__dlpack__: the tensor requires a gradient, which DLPack does not carry: write x.detach()", "np.from_dlpack(w)", "x = w; r = np.from_dlpack(x.detach())", "r.tolist() == [1, 2]"),
    Row("from_dlpack: {type(x).__name__} has no __dlpack__", "ng.from_dlpack([1.0])", "x = [1.0]; r = ng.tensor(x)", "r.tolist() == [1]"),
    Row("and a graph is not copied: write x.detach() or x.numpy() for its value", "copy.deepcopy(y)", "x = y; r = copy.deepcopy(x.detach()); q = x.copy()", "q.requires_grad"),
    Row("would rebind x to a new tensor and leave the leaf (the parameter) as it is: write", "p -= w", "y = w; p.assign(p - y)", "p.tolist() == [0, 0]"),
    Row("and no longer a leaf: write x = (x {operator} y).detach().requires_grad_()", "(w * w).sum().backward(); w -= 0.5 * w.grad", "(w * w).sum().backward(); x, y = w, 0.5 * w.grad; x = (x - y).detach().requires_grad_()", "x.tolist() == [0, 0] and x.is_leaf and x.requires_grad"),
    # ---- optimizers and loaders ----
    Row("got one {type(params).__name__}; write [parameter]", "optim.SGD(p)", "parameter = p; optim.SGD([parameter])"),
    Row("got a module; write module.parameters()", "optim.SGD(model)", "module = model; optim.SGD(module.parameters())"),
    Row("a set of parameters has no order; write a list", "optim.SGD({p})", "optim.SGD([p])"),
    Row("; write tensor(a, requires_grad=True)", "optim.SGD([np.ones(2)])", "from nanograd import tensor; a = np.ones(2); optim.SGD([tensor(a, requires_grad=True)])"),
    Row("does not require a gradient; make it with requires_grad=True", "optim.SGD([x])", "optim.SGD([ng.tensor([1.0], requires_grad=True)])"),
    Row("so nothing was updated: call loss.backward() before step()", "optim.SGD([p]).step()", "o = optim.SGD([p], lr=1.0); loss = p.sum(); loss.backward(); o.step()", "p.tolist() == [0, 1]"),
    Row("write param_groups entries with all settings, or use add_param_group", "o = optim.SGD([p]); del o.param_groups[0]['lr']; p.grad = p.numpy(); o.step()", "o = optim.SGD([p]); o.add_param_group({'params': [nn.Parameter([1.0])]}); p.grad = p.numpy(); o.step()"),
    Row("{op}: expected an iterable of parameters, got a function that may return one; write {_calls.written(params)}", "optim.SGD(model.parameters)", "module = model; optim.SGD(module.parameters())"),
    Row("; write module.parameters()", "optim.SGD(model.state_dict())", "module = model; optim.SGD(module.parameters())"),
    Row("{op}: expected an iterable of tensors, got a function that may return one; write {_calls.written(items)}", "nn.utils.clip_grad_norm_(model.parameters, 1.0)", "module = model; model(x).sum().backward(); r = nn.utils.clip_grad_norm_(module.parameters(), 1.0)", "r > 0"),
    Row("ArrayLoader: what has no name is an array, and {shown(data)} is none: write ng.data.ArrayLoader({given}, batch_size={shown(data)})", "ng.data.ArrayLoader(np.ones(3), np.ones(3), 2)", "x = y = np.ones(3); r = len(ng.data.ArrayLoader(x, y, batch_size=2))", "r == 2"),
    Row("ArrayLoader: array {i} is a {type(data).__name__} of arrays: write ng.data.ArrayLoader(*arrays) for batches of all of them, or np.stack(arrays) for one array", "ng.data.ArrayLoader((np.ones(3), np.ones(3)))", "arrays = (np.ones(3), np.ones(3)); r = [len(b) for b in ng.data.ArrayLoader(*arrays)]; q = np.stack(arrays)", "r == [2] and q.shape == (2, 3)"),
    Row("{op}: expected parameters, got a module; write model.parameters()", "nn.utils.clip_grad_norm_(model, 1.0)", "model(x).sum().backward(); r = nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "r > 0"),
    Row("one that was walked before gives none: write model.parameters() again, or params = list(model.parameters())", "model(x).sum().backward(); params = model.parameters(); list(params); nn.utils.clip_grad_norm_(params, 1.0)", "model(x).sum().backward(); params = list(model.parameters()); r, q = (nn.utils.clip_grad_norm_(params, 1.0) for i in range(2)); s = nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "q > 0 and s > 0"),
    Row("must be finite in float32: write dtype=ng.float64, or smaller numbers", "ng.uniform(-3e38, 3e38, (2,))", "r = ng.uniform(-3e38, 3e38, (2,), dtype=ng.float64)", "np.isfinite(r.numpy()).all()"),
    Row("an array is masked, and its mask would be lost: write a.filled(value)", "ng.tensor(np.ma.masked_array([1.0, 2.0], [0, 1]))", "a, value = np.ma.masked_array([1.0, 2.0], [0, 1]), 0.0; r = ng.tensor(a.filled(value))", "r.tolist() == [1, 0]"),
    Row("write drop_last=False or a smaller batch_size", "ng.data.ArrayLoader(np.ones(3), drop_last=True)", "r = len(ng.data.ArrayLoader(np.ones(3), drop_last=False)), len(ng.data.ArrayLoader(np.ones(3), drop_last=True, batch_size=2))", "r == (1, 1)"),
    Row("a batch would lose the mask; write a.filled(value)", "ng.data.ArrayLoader(np.ma.masked_array([1.0, 2.0], [0, 1]))", "a, value = np.ma.masked_array([1.0, 2.0], [0, 1]), 0.0; r = ng.data.ArrayLoader(a.filled(value))", "len(r) == 1"),
    Row("; write loss.mean()", "optim.scipy_minimize(lambda: (p * p), [p])", "def closure():\n    loss = p * p\n    loss = loss.mean()\n    p.grad = None\n    loss.backward()\n    return loss\nr = optim.scipy_minimize(closure, [p])", "r.success"),
    Row("call loss.backward() in closure before it returns the loss", "optim.scipy_minimize(lambda: (p * p).sum(), [p])", "def closure():\n    loss = (p * p).sum()\n    p.grad = None\n    loss.backward()\n    return loss\nr = optim.scipy_minimize(closure, [p])", "r.success"),
]


def texts():
    """Every text of the sources in which a line is advised, adjacent pieces joined: {text: file}."""
    found = {}
    for path in SOURCES:
        source = re.sub(r'[rR]?"""(?:(?!""").)*"""', "", path.read_text(), flags=re.S)
        source = re.sub(r"(?:(?<=\s)|^)#.*$", "", source, flags=re.M)
        source = re.sub(r'"\s*\n\s*(?:f|rf)?"', "", source)
        for match in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', source):
            if re.search(r"\bwrite\b|\bcall \w+[.(]|; make it with|; use ", match[1]):
                found[match[1]] = path.name
    return found


@pytest.mark.parametrize("line", ["x.grad = None", "optimizer.zero_grad()"])
def test_a_gradient_that_is_to_be_zeroed(line):
    space = run("p.sum().backward(); x, optimizer = p, optim.SGD([p])", {})
    with pytest.raises(AttributeError, match=re.escape("write p.grad = None, or optimizer.zero_grad(), to drop a gradient")):
        space["p"].grad.zero_()
    exec(line, space)
    assert space["p"].grad is None and space["p"].tolist() == [1, 2]


def run(code, space):
    exec(compile(SETUP + code, "<advice>", "exec"), space)
    return space


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_what_a_message_advises(row):
    with pytest.raises(Exception) as caught:           # with the whole suite's filters a warning is one too
        run(row.wrong, {})
    message = str(caught.value)
    pieces = [piece for piece in re.split(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}?", row.text) if len(piece.strip()) > 3]
    assert all(piece in message for piece in pieces), message
    space = run(row.right, {})
    assert eval(row.check, space), row.right


@checkout
def test_every_message_that_advises_has_a_row():
    missing = {text: name for text, name in texts().items() if not any(row.text in text for row in ROWS)}
    assert not missing, "\n".join(f"{name}: {text}" for text, name in missing.items())
