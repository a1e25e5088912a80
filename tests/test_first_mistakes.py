# SPDX-License-Identifier: LGPL-3.0-or-later
"""What passes in silence elsewhere and raises here: the cases marked (!) in the design of the API, each with its whole message.

A mistake is a snippet in which `ng`, `nn`, `np`, `x` (float32, requires a gradient), `y = 2 x` and `w` (a Parameter) exist.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import nanograd as ng
from nanograd import _names, nn

PAGE = Path(__file__).resolve().parent.parent / "docs" / "mistakes.md"
MISTAKES = [
    # ---- values never change ----
    ("x[0] = 1.0", TypeError, "a tensor's value never changes, so x[i] = v is refused: write x = ng.index_set(x, i, v)"),
    ("y[0] = 1.0", TypeError, "a tensor's value never changes, so x[i] = v is refused: write x = ng.index_set(x, i, v)"),
    *(
        (
            f"w {operator}= 2.0",
            TypeError,
            f"`x {operator}= y` would rebind x to a new tensor and leave the leaf (the parameter) as it is: write "
            f"p.assign(p {operator} y) "
            f"for an nn.Parameter p, or x = x {operator} y for a new name",
        )
        for operator in ("+", "-", "*", "/", "//", "%", "**", "@")
    ),
    ("nn.init.zeros_(y)", TypeError, "zeros_: expected an nn.Parameter, got Tensor; a tensor's value never changes"),
    (
        "layer = nn.Linear(2, 1); layer.weight = layer.weight * 0.5",
        TypeError,
        "Linear.weight is a parameter, and Tensor in its place would not be trained: write module.weight.assign(value) for a new value, "
        "module.weight = nn.Parameter(value) for a new parameter, or take another name",
    ),
    (
        "net = nn.Module(); net.fc = nn.Linear(2, 1); net.fc = lambda x: x",
        TypeError,
        "Module.fc is a module, and function in its place would leave its parameters out: write module.fc = nn.Identity() or another "
        "Module, or first del module.fc",
    ),
    (
        "net = nn.Module(); net.register_buffer('mean', np.zeros(2)); net.mean = 'zeros'",
        TypeError,
        "Module.mean is a buffer, which takes a Tensor, a NumPy array or None, got str: write module.register_buffer('mean', "
        "np.array(value)), or take another name",
    ),
    (
        "net = nn.Module(); net.train = nn.Linear(2, 1)",
        TypeError,
        "Module.train is a function of Module, which a module of this name would hide: write self.train_ = ..., or another name",
    ),
    # ---- gradients that are not where one looks for them ----
    (
        "y.grad",
        UserWarning,
        ".grad of a tensor that is not a leaf is None: gradients of intermediate results are not kept. This one "
        "is the result of mul; "
        "call x.retain_grad() before backward to keep its gradient",
    ),
    (
        "ng.optim.Adam([w]).step()",
        UserWarning,
        "Adam.step: no parameter has a gradient, so nothing was updated: call loss.backward() before step()",
    ),
    (
        "ng.optim.SGD([ng.zeros(2)])",
        ValueError,
        "SGD: a tensor of shape (2,) does not require a gradient; make it with requires_grad=True",
    ),
    (
        "ng.optim.SGD([w * 2.0])",
        ValueError,
        "SGD: a tensor of shape (2,) is not a leaf: it was computed, so a step would not reach what it was computed from",
    ),
    (
        "ng.optim.scipy_minimize(lambda: (w * w).sum(), [nn.Parameter([1.0])])",
        ng.errors.GraphError,
        "scipy_minimize: no parameter has a gradient: call loss.backward() in closure before it returns the loss",
    ),
    ("ng.optim.SGD([w, w])", ValueError, "SGD: a parameter is listed twice in one group"),
    # ---- NumPy functions without gradient ----
    ("np.median(x)", TypeError, "np.median does not take tensors: write np.median(x.numpy()) for a NumPy result"),
    (
        "values = np.ones(2)\nvalues += x",
        TypeError,
        "np.add of a tensor takes no out: omit it (a = a + x instead of a += x) for a tensor with its gradient, or write "
        "x.numpy() for a NumPy result",
    ),
    # ---- arrays and leaves that would lose the gradient ----
    (
        "np.asarray(y)",
        ng.errors.GraphError,
        "a NumPy array would lose the gradient of this tensor (shape (2,), the result of mul): write x.numpy() for its values, or "
        "`with ng.no_grad():` around code that needs no gradient",
    ),
    (
        "np.mean([y.sum(), y.mean()])",
        ng.errors.GraphError,
        "a NumPy array would lose the gradient of this tensor (shape (), the result of sum): write x.numpy() for its values, or "
        "`with ng.no_grad():` around code that needs no gradient; of a single number, such as a loss, keep `loss.item()`",
    ),
    (
        "scipy.sparse.csr_array(np.eye(2)) @ x",
        ng.errors.GraphError,
        "a NumPy array would lose the gradient of this tensor (shape (2,)): write x.numpy() for its values, or `with ng.no_grad():` "
        "around code that needs no gradient; for A @ x with a sparse matrix A write ng.matmul(A.toarray().astype(x.dtype), x)",
    ),
    (
        "x @ scipy.sparse.csr_array(np.eye(2))",
        TypeError,
        "a sparse matrix A cannot be an operand of a tensor x: write ng.matmul(x, A.toarray().astype(x.dtype)) for the matrix product, and "
        "A.toarray().astype(x.dtype) in place of A elsewhere",
    ),
    *(
        (
            f"{call}(y)",
            ng.errors.GraphError,
            f"{name}: this would lose the gradient of the tensor given, the result of mul: write x.detach() for its value alone, or "
            f"{keep}",
        )
        for call, name, keep in (
            ("ng.tensor", "tensor", "x.copy() for a copy that keeps it"),
            ("nn.Parameter", "Parameter", "x.copy() for a copy that keeps it"),
            ("ng.from_dlpack", "from_dlpack", "x.copy() for a copy that keeps it"),
            ("ng.data.ArrayLoader", "ArrayLoader: array 0", "x[rows] for a batch that keeps it"),
        )
    ),
    # ---- results that are not numbers ----
    ("ng.zeros(0).mean()", RuntimeWarning, "mean: the mean of no elements is NaN (x (0,), axis None)"),
    (
        "x.std(ddof=2)",
        RuntimeWarning,
        "std: ddof=2 needs more than 2 elements for each result, got 2: the result is NaN or inf (x (2,), axis None)",
    ),
    (
        "ng.cross_entropy(ng.zeros((2, 3)), [-100, -100])",
        RuntimeWarning,
        "cross_entropy: all labels are ignore_index=-100, and the mean of nothing is NaN (logits (2, 3))",
    ),
    ("ng.mse_loss(ng.zeros(0), ng.zeros(0))", RuntimeWarning, "mse_loss: the mean of no losses is NaN (input (0,))"),
    # ---- dtypes ----
    (
        "x + ng.zeros(2, dtype=ng.float64)",
        ng.errors.DTypeError,
        "add: operands have dtypes float32 and float64; they do not mix: write x.astype(ng.float32) for the right "
        "operand, or x.astype(ng.float64) for the left one",
    ),
    (
        "x + np.zeros(2)",
        ng.errors.DTypeError,
        "add: operands have dtypes float32 and float64; they do not mix: write np.asarray(x, "
        "dtype=np.float32) for the array, the right operand",
    ),
    # ---- labels, indices, masks ----
    (
        "ng.cross_entropy(ng.zeros((2, 3)), [0, 3])",
        IndexError,
        "cross_entropy: label 3 is out of range for 3 classes (logits (2, 3))",
    ),
    (
        "ng.cross_entropy(ng.zeros((2, 3)), [0, -1])",
        IndexError,
        "cross_entropy: label -1 is out of range for 3 classes (logits (2, 3))",
    ),
    (
        "ng.cross_entropy(ng.zeros((2, 3)), x)",
        ng.errors.DTypeError,
        "cross_entropy: class labels are integers, not tensors: got a float32 tensor (2,) for logits (2, 3); write "
        "target.numpy().astype(int), or give probabilities of the logits' shape",
    ),
    (
        "ng.cross_entropy(ng.zeros((2, 3)), np.zeros(2))",
        ng.errors.DTypeError,
        "cross_entropy: class labels must be integers, got an array of dtype float64 and shape (2,) for "
        "logits (2, 3) (probabilities have "
        "the logits' shape)",
    ),
    ("ng.embedding([3], ng.zeros((3, 2)))", IndexError, "embedding: index 3 is out of range for 3 embeddings"),
    (
        "x[y]",
        ng.errors.DTypeError,
        "getitem: a tensor is not an index: it holds floats; index with ints, slices, integer arrays or "
        "NumPy bools such as x > 0",
    ),
    ("ng.where(x, x, y)", TypeError, "where: the condition is a float tensor; write a comparison, such as x > 0"),
    # ---- shapes that broadcast by accident ----
    (
        "ng.mse_loss(ng.zeros((2, 1)), x)",
        ng.errors.ShapeError,
        "mse_loss: input and target must have the same shape, got (2, 1) and (2,)",
    ),
    # ---- layers ----
    ("nn.Linear(8, 64, 'relu')", TypeError, "Linear: bias must be a bool, got 'relu'; write activation='relu'"),
    (
        "nn.MSELoss('sum')",
        TypeError,
        "MSELoss: size_average and reduce are gone: write reduction='mean', 'sum' or 'none'",
    ),
    ("nn.Tanh(1)", TypeError, "Module.__init__() takes 1 positional argument but 2 were given"),
    ("nn.functional.softmax(x)", TypeError, "softmax: say along which axis: write dim=-1 for the last"),
    (
        "nn.Sequential(nn.Linear(2, 2), ng.tanh)",
        TypeError,
        "Sequential: expected a Module, got the function tanh; it has no parameters: write its module, such as nn.ReLU()",
    ),
    # ---- names and habits of other libraries ----
    (
        "ng.ones((2, 3)).transpose(0, 1)",
        ValueError,
        "transpose: axes 0 and 1 in this order leave a matrix as it is (x (2, 3)): to exchange them write x.swapaxes(0, 1) or x.T",
    ),
    (
        "ng.ones((2, 3)).sum(dim=1, keepdim=True)",
        TypeError,
        "sum: takes no dim=, keepdim=: write axis=1, keepdims=True",
    ),
    ("ng.cat", AttributeError, "nanograd has no cat: write ng.concatenate"),
    ("x.view(2)", AttributeError, "a tensor has no view: write x.reshape(shape)"),
    ("ng.zeros(2, 3)", ng.errors.DTypeError, "zeros: a shape is one argument, a tuple: write ng.zeros((2, 3))"),
    # ---- data ----
    ("ng.tensor([x, y])", TypeError, "tensor: got a list that holds tensors; write ng.stack(tensors) to make one tensor of them"),
    (
        "ng.data.ArrayLoader(np.ma.masked_array([1.0], [True]))",
        TypeError,
        "ArrayLoader: array 0 is masked, and a batch would lose the mask; write a.filled(value)",
    ),
    ("ng.tensor(np.ma.masked_array([1.0], [True]))", TypeError, "tensor: an array is masked, and its mask would be lost: write a.filled(value)"),
]


def test_names_of_other_libraries_are_not_ours():
    for name in _names.OURS:
        assert name not in ng.__dict__
    for name, ours in _names.TENSORS.items():
        assert not hasattr(ng.zeros(2), name) and not hasattr(ng.Tensor, name)
        attribute = re.search(r"\bx\.(\w+)", _names.advice(ours))
        assert attribute is None or hasattr(ng.zeros(2), attribute[1])


@pytest.mark.parametrize("code, error, message", MISTAKES, ids=[code for code, *_ in MISTAKES])
def test_a_mistake_is_told(code, error, message):
    x = ng.tensor([1.0, 2.0], requires_grad=True)
    names = {"ng": ng, "nn": nn, "np": np, "scipy": scipy, "x": x, "y": x * 2.0, "w": nn.Parameter([1.0, 2.0])}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            exec(code, names)
            told = [(entry.category, str(entry.message)) for entry in warned]
        except Exception as caught:
            told = [(type(caught), str(caught))]
    assert len(told) == 1, f"{code} passed in silence"
    assert issubclass(told[0][0], error)
    assert told[0][1] == message


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not beside the tests")
@pytest.mark.parametrize("code, error, message", MISTAKES, ids=[code for code, *_ in MISTAKES])
def test_a_mistake_is_on_its_page(code, error, message):
    """With the same whole message, which test_docs.py compares. One stands for all operators of in-place updates."""
    if re.fullmatch(r"w \S+= 2.0", code):
        operator = code.split()[1]
        assert f"{operator} " in PAGE.read_text() or f"{operator}`" in PAGE.read_text()
        return
    assert f"{error.__name__}: {message}\n" in PAGE.read_text()


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not beside the tests")
def test_nothing_is_left_open_on_the_page():
    """Messages are whole, and each section says what to write."""
    text = PAGE.read_text()
    assert not re.search(r"\.\.\.$|: \.\.\.", text, flags=re.M)
    for section in re.split(r"^##+ ", text, flags=re.M)[1:]:
        if "Traceback" in section or "Warning: " in section:
            assert re.search(r"\b[Ww]rite\b|ignore_index", section), section.splitlines()[0]
