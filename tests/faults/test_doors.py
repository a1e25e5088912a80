# SPDX-License-Identifier: LGPL-3.0-or-later
"""Gradients that would be lost in silence on the way into NumPy, SciPy and what stands on them, and through our own doors.

What a message advises is run here too, by `advice`.
"""
import copy
import math
import operator
import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.sparse
import scipy.special
import scipy.stats

import nanograd as ng
from nanograd import nn
from nanograd.errors import DTypeError, GraphError

LOST = r"lose the gradient of this tensor .*: write x\.numpy\(\) for its values, or `with ng\.no_grad\(\):`"
FLOATS = (ng.float32, ng.float64)


def graph(*shape, dtype=ng.float64):
    """A tensor with a graph, and its leaf."""
    leaf = ng.tensor(np.arange(1, math.prod(shape) + 1).reshape(shape), dtype=dtype, requires_grad=True)
    return leaf * 1, leaf


def fill(x):
    array = np.zeros(x.shape)
    array[:] = x


INTO_NUMPY = {
    "asarray": np.asarray, "array": np.array, "array, a type": lambda x: np.array(x, dtype=object),
    "asanyarray": np.asanyarray, "ascontiguousarray": np.ascontiguousarray, "__array__": lambda x: x.__array__(),
    "__array__, a type": lambda x: x.__array__(np.float16), "memoryview": memoryview, "bytes": bytes, "frombuffer": np.frombuffer,
    "list": lambda x: np.array([x, x]), "nested": lambda x: np.asarray([[x], [x]]), "mean of a list": lambda x: np.mean([x, x]),
    "sum of a tuple": lambda x: np.sum((x, x)), "std of rows": lambda x: np.std(list(x)), "assignment": fill,
    "slice": lambda x: np.zeros(9).__setitem__(slice(0, x.size), x.flatten()), "float32": np.float32,
    "vectorize": lambda x: np.vectorize(math.sin)(x), "method": lambda x: np.ones(x.shape).T.dot(x),
    "assert_allclose": lambda x: np.testing.assert_allclose(x, [[1.0, 2.0], [3.0, 4.0]]), "nditer": lambda x: list(np.nditer(x)),
    "random": lambda x: np.random.default_rng(0).normal(x), "masked": np.ma.masked_array,
    "put": lambda x: np.zeros(9).put([0, 1], x), "histogram": lambda x: np.histogram(np.ones(x.shape), weights=x),
    "scipy.special.logsumexp": scipy.special.logsumexp, "scipy.special.softmax": scipy.special.softmax,
    "scipy.stats": scipy.stats.norm.logpdf, "scipy.stats.zscore": scipy.stats.zscore, "scipy.linalg": scipy.linalg.norm,
    "scipy.signal": lambda x: scipy.signal.convolve(x, x), "left of a sparse matrix": lambda x: scipy.sparse.csr_matrix(np.eye(2)) @ x,
    "left of a sparse array": lambda x: scipy.sparse.coo_array(np.eye(2)) @ x, "sparse *": lambda x: scipy.sparse.csr_array(np.eye(2)) * x,
    "sparse.dot": lambda x: scipy.sparse.csc_matrix(np.eye(2)).dot(x),
}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", INTO_NUMPY)
def test_no_array_without_the_gradient(name, dtype):
    call = INTO_NUMPY[name]
    x, leaf = graph(2, 2, dtype=dtype)
    for given in (x, leaf, nn.Parameter(leaf.detach())):
        with pytest.raises(GraphError, match=LOST):
            call(given)
    with ng.no_grad():
        call(x)                                  # as the message advises
    call(x.detach())
    call(x.numpy())


def test_the_explicit_ways_stay():
    x, _ = graph(2)
    loss = x.sum()
    assert x.numpy().tolist() == x.tolist() == [1, 2] and loss.item() == float(loss) == int(loss) == 3 and bool(loss)
    assert f"{loss:.1f}" == "3.0" and str(x) == "tensor([1., 2.], dtype=float64, grad_fn=<mul>)"
    assert math.exp(loss) == math.exp(3)


def test_a_message_says_which_tensor_and_what_to_keep_of_a_loss():
    x, leaf = graph(2, 3)
    with pytest.raises(GraphError, match=r"\(shape \(2, 3\), the result of mul\)"):
        np.asarray(x)
    with pytest.raises(GraphError, match=r"\(shape \(2, 3\)\)"):
        np.asarray(leaf)
    losses = [x.sum(), x.mean()]
    with pytest.raises(GraphError, match=r"keep `loss\.item\(\)`"):
        np.asarray(losses)
    assert np.asarray([loss.item() for loss in losses]).tolist() == [21, 3.5]


def test_arrays_inside_of_a_backward_are_free():
    seen = []

    class Double(ng.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return np.asarray(x) * 2

        @staticmethod
        def backward(ctx, dy):
            seen.append(np.asarray(ctx.saved_tensors[0]))
            return np.asarray(dy) * 2

    x, leaf = graph(2)
    x.register_hook(lambda gradient: seen.append(np.asarray(gradient)))
    Double.apply(x).backward()
    assert leaf.grad.tolist() == [2, 2] and len(seen) == 2


# ---- sparse matrices ----------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "dia_array"])
def test_sparse_matrices(form, dtype):
    A = getattr(scipy.sparse, form)([[0.0, 2.0], [3.0, 0.0]])
    x, leaf = graph(2, 2, dtype=dtype)
    right = r"write ng\.matmul\(x, A\.toarray\(\)\.astype\(x\.dtype\)\)"
    left = r"write ng\.matmul\(A\.toarray\(\)\.astype\(x\.dtype\), x\)"
    for given in (x, leaf, x.detach()):
        for call in (operator.matmul, operator.mul, operator.add, operator.sub, operator.truediv):
            with pytest.raises(TypeError, match=right):
                call(given, A)
    for call in (lambda: A @ x, lambda: A.dot(x)):
        with pytest.raises(GraphError, match=left):
            call()
    for call in (lambda: ng.matmul(A, x), lambda: ng.matmul(x, A), lambda: ng.add(x, A)):
        with pytest.raises(DTypeError, match=r"write A\.toarray\(\)\.astype\(x\.dtype\) in its place"):
            call()
    dense = A.toarray().astype(x.dtype)                                   # the advice
    (ng.matmul(A.toarray().astype(x.dtype), x) + ng.matmul(x, A.toarray().astype(x.dtype))).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), dense.sum(0)[:, None] + dense.sum(1)[None, :])
    assert (A @ x.detach()).tolist() == (A @ x.numpy()).tolist()


# ---- NumPy's functions --------------------------------------------------------------------------

WITHOUT_GRADIENT = {
    "shape": np.shape, "ndim": np.ndim, "size": np.size, "result_type": lambda x: np.result_type(x, 1.0), "iscomplexobj": np.iscomplexobj,
    "isrealobj": np.isrealobj, "isreal": np.isreal, "may_share_memory": lambda x: np.may_share_memory(x, np.zeros(2)),
    "shares_memory": lambda x: np.shares_memory(x, np.zeros(2)), "array_equal": lambda x: np.array_equal(x, x),
    "array_equal, an array": lambda x: np.array_equal([[1.0, 2.0], [3.0, 4.0]], x), "array_equiv": lambda x: np.array_equiv(x, x),
    "allclose": lambda x: np.allclose(x, x), "allclose, an array": lambda x: np.allclose(x, np.array([[1.0, 2.0], [3.0, 4.0]])),
    "allclose, equal_nan": lambda x: np.allclose(x, x * 2, equal_nan=True), "isclose": lambda x: np.isclose(x, 2.0, rtol=0.6),
    "unique": np.unique, "unique, counted": lambda x: np.unique(x, return_counts=True)[1], "count_nonzero": np.count_nonzero,
    "nonzero": lambda x: np.nonzero(x)[0], "flatnonzero": np.flatnonzero, "argwhere": np.argwhere, "where": lambda x: np.where(x)[1],
    "all": np.all, "any": np.any, "all, an axis": lambda x: np.all(x, axis=0, keepdims=True), "any, axes": lambda x: np.any(x, (0, 1)),
    "histogram": lambda x: np.histogram(x, bins=3)[0], "histogram edges": lambda x: np.histogram_bin_edges(x, 3),
    "digitize": lambda x: np.digitize(x, [1.0, 3.0]), "searchsorted": lambda x: np.searchsorted([1.0, 3.0], x),
    "searchsorted in a tensor": lambda x: np.searchsorted(x[0], 1.5), "array_repr": lambda x: np.array_repr(x).replace(", dtype=float32", ""),
    "array_str": np.array_str, "array2string": lambda x: np.array2string(x, precision=2), "isin": lambda x: np.isin(x, [1, 2]),
    "argmax": lambda x: np.argmax(x, axis=0, keepdims=True), "argsort": lambda x: np.argsort(x, axis=None), "isposinf": np.isposinf,
    "trunc": np.trunc, "logical_xor": lambda x: np.logical_xor(x, 0),
}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_numpys_functions_without_gradient_take_any_tensor(name, dtype):
    call = WITHOUT_GRADIENT[name]
    x, leaf = graph(2, 2, dtype=dtype)
    for given in (x, leaf, x.detach()):
        found, wanted = call(given), call(x.numpy())
        assert type(found) is type(wanted)
        assert np.array_equal(found, wanted) if isinstance(wanted, np.ndarray) else found == wanted


def test_copyto_takes_a_tensor_as_a_source_only():
    x, _ = graph(2)
    array = np.zeros(2)
    np.copyto(array, x)
    np.copyto(dst=array[:1], src=x[:1], where=[False])
    assert array.tolist() == [1, 2]
    with pytest.raises(TypeError, match="value never changes"):
        np.copyto(x, array)


def test_saving_with_numpy(tmp_path):
    x, _ = graph(2)
    np.save(tmp_path / "x.npy", x)
    np.savetxt(tmp_path / "x.txt", x)
    np.savez_compressed(tmp_path / "x.npz", x, y=x * 2)
    assert np.load(tmp_path / "x.npy").tolist() == np.loadtxt(tmp_path / "x.txt").tolist() == [1, 2]
    assert np.load(tmp_path / "x.npz")["arr_0"].tolist() == [1, 2] and np.load(tmp_path / "x.npz")["y"].tolist() == [2, 4]


def test_a_model_is_saved_and_loaded_by_numpy(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    for state in (model.state_dict(), dict(model.named_parameters())):
        np.savez(tmp_path / "state.npz", **state)
        other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
        other.load_state_dict(np.load(tmp_path / "state.npz"), strict=len(state) == len(model.state_dict()))
        for mine, theirs in zip(model.parameters(), other.parameters()):
            assert np.array_equal(mine, theirs)


WITH_GRADIENT = {
    "atleast_1d": lambda x, v: np.atleast_1d(v[0]), "atleast_1d of two": lambda x, v: np.atleast_1d(v[0], x)[1],
    "atleast_2d": lambda x, v: np.atleast_2d(v), "atleast_3d": lambda x, v: np.atleast_3d(x), "vstack": lambda x, v: np.vstack([v, v, x]),
    "vstack, a list": lambda x, v: np.vstack([v, [1, 2, 3]]), "hstack": lambda x, v: np.hstack([v, v]),
    "hstack, matrices": lambda x, v: np.hstack((x, x)), "hstack, a number": lambda x, v: np.hstack([v, 1.0]),
    "dstack": lambda x, v: np.dstack([x, x]), "column_stack": lambda x, v: np.column_stack([v, v]), "append": lambda x, v: np.append(v, [1.0]),
    "concatenate, flat": lambda x, v: np.concatenate([x, v], axis=None), "array_split": lambda x, v: np.array_split(v, 2)[0],
    "hsplit": lambda x, v: np.hsplit(x, 3)[1], "vsplit": lambda x, v: np.vsplit(x, 2)[1], "fliplr": lambda x, v: np.fliplr(x),
    "flipud": lambda x, v: np.flipud(x), "expand_dims": lambda x, v: np.expand_dims(x, (0, -1)),
    "broadcast_arrays": lambda x, v: np.broadcast_arrays(v, x)[0], "norm": lambda x, v: np.linalg.norm(v),
    "norm, rows": lambda x, v: np.linalg.norm(x, axis=1), "norm, keepdims": lambda x, v: np.linalg.norm(x, axis=-1, keepdims=True),
    "norm, 1": lambda x, v: np.linalg.norm(v, 1), "norm, inf": lambda x, v: np.linalg.norm(v, ord=np.inf),
    "norm, -inf": lambda x, v: np.linalg.norm(v, -np.inf), "norm of a matrix": lambda x, v: np.linalg.norm(x),
    "norm, fro": lambda x, v: np.linalg.norm(x, "fro"), "norm, 1 of a matrix": lambda x, v: np.linalg.norm(x, 1),
    "norm, inf of a matrix": lambda x, v: np.linalg.norm(x, np.inf, keepdims=True), "norm, axes": lambda x, v: np.linalg.norm(x, -1, (1, 0)),
    "vector_norm": lambda x, v: np.linalg.vector_norm(x, axis=0), "matrix_norm": lambda x, v: np.linalg.matrix_norm(x),
    "dot": lambda x, v: np.dot(x, v), "dot of matrices": lambda x, v: np.dot(x, x.T), "dot of a number": lambda x, v: np.dot(2.0, v),
    "ptp": lambda x, v: np.ptp(x, axis=1), "average": lambda x, v: np.average(x, axis=1, weights=[1, 2, 3]),
    "average by a tensor": lambda x, v: np.average(v, weights=v * v), "round": lambda x, v: np.round(x) + x, "rint": lambda x, v: np.rint(x) + x,
    "erf": lambda x, v: scipy.special.erf(x / 7), "expit": lambda x, v: scipy.special.expit(x / 7),
    "log_expit": lambda x, v: scipy.special.log_expit(x / 7), "expm1": lambda x, v: scipy.special.expm1(x / 7),
    "log1p": lambda x, v: scipy.special.log1p(x),
}


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_numpys_functions_that_keep_the_gradient(name):
    call = WITH_GRADIENT[name]
    x = ng.tensor([[1.0, -5.0, 3.0], [4.5, 2.0, 7.0]], dtype=ng.float64, requires_grad=True)
    v = ng.tensor([1.5, -2.0, 0.5], dtype=ng.float64, requires_grad=True)
    if name in ("log1p",):
        x = x.detach().abs().requires_grad_()
    found, wanted = call(x, v), call(x.numpy(), v.numpy())
    assert isinstance(found, ng.Tensor) and found.shape == np.shape(wanted)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)
    used = [t for t in (x, v) if (call(*(2 * s if s is t else s for s in (x, v))) != found).any()]
    if name not in ("round", "rint"):
        assert ng.testing.gradcheck(lambda *used_: call(*(dict(zip(map(id, used), used_)).get(id(t), t) for t in (x, v))), used)
    single = call(x.astype(ng.float32), v.astype(ng.float32))
    assert single.dtype == np.float32 and single.requires_grad


def test_numpy_rounds_to_decimals():
    for dtype in FLOATS:
        x = ng.tensor([1.26, -0.05, 1250.0, np.inf, np.nan], dtype=dtype, requires_grad=True)
        for digits in (None, 0, 1, 2, -2, 400, -400, np.int64(1)):
            wanted = np.round(x.numpy(), 0 if digits is None else int(digits)) if digits is None or abs(digits) < 300 else (
                x.numpy() if digits > 0 else np.where(np.isfinite(x.numpy()), 0.0, x.numpy()))
            found = round(x, digits)
            assert found.dtype == dtype and found.requires_grad
            np.testing.assert_array_equal(found.numpy(), wanted)
        np.testing.assert_array_equal(np.round(x, 1).numpy(), np.round(x.numpy(), 1))
        np.testing.assert_array_equal(np.around(x, decimals=1).numpy(), np.round(x.numpy(), 1))
        (round(x, 1) * 3 + x).backward()
        assert x.grad.tolist() == [1] * 5
        assert round(x.detach(), 1).requires_grad is False
    x = ng.tensor([1.26, 2.34], dtype=ng.float64, requires_grad=True)
    y = round(x, 1)
    detached, p = y.detach(), nn.Parameter(y.detach())
    p.assign(y)                                  # shares the buffer: a step in place must not reach y
    (p * 1.0).sum().backward()
    ng.optim.SGD([p], lr=1.0).step()
    assert y.tolist() == detached.tolist() == [1.3, 2.3]
    for digits in (1.5, "1", 10**30):
        with pytest.raises((TypeError, ValueError), match="ndigits"):
            round(x, digits)


def test_what_messages_of_numpys_functions_advise_runs():
    x, leaf = graph(3)
    names = {"np": np, "x": x, "tensors": [x, x]}
    for call in ("np.median(x)", "np.nanmean(x)", "np.gradient(x)", "np.nanmedian(tensors)"):
        if call == "np.nanmedian(tensors)":
            with pytest.raises(GraphError, match=LOST):
                eval(call, names)
            continue
        with pytest.raises(TypeError) as caught:
            eval(call, names)
        advice = str(caught.value).partition("write ")[2].partition(" for a NumPy result")[0]
        assert advice == call.replace("x)", "x.numpy())")
        eval(advice, names)
    for call in (lambda: np.interp(x, [1.0], [2.0]), lambda: np.polyfit(x, x, 1), lambda: np.full_like(np.ones(3), 0) + np.cov(x, x)):
        with pytest.raises(TypeError, match=r"does not take tensors: write x\.numpy\(\) for each tensor x for a NumPy result"):
            call()
    with pytest.raises(TypeError, match=r"np\.arcsinh has no gradient here: write np\.arcsinh\(x\.numpy\(\)\)"):
        np.arcsinh(x)
    with pytest.raises(TypeError, match=r"np\.logaddexp has no gradient here: write np\.logaddexp\(x, y\.numpy\(\)\) for a NumPy result"):
        np.logaddexp(1.0, x)
    array = np.ones(3)
    with pytest.raises(TypeError, match=r"omit it \(a = a \+ x instead of a \+= x\).*or write x\.numpy\(\)"):
        array += x
    (array + x).sum().backward()
    array += x.numpy()
    assert leaf.grad.tolist() == [1, 1, 1] and array.tolist() == [2, 3, 4]


# ---- our own doors ------------------------------------------------------------------------------

DOORS = {
    "tensor": ng.tensor, "tensor, a dtype": lambda y: ng.tensor(y, dtype=ng.float32), "tensor that requires one": lambda y: ng.tensor(
        y, requires_grad=True), "tensor32": ng.tensor32, "tensor64": ng.tensor64, "Parameter": nn.Parameter, "from_dlpack": ng.from_dlpack,
    "ArrayLoader": ng.data.ArrayLoader, "ArrayLoader, second": lambda y: ng.data.ArrayLoader(np.ones(2), y),
}


@pytest.mark.parametrize("name", DOORS)
def test_new_leaves_are_not_made_of_what_has_a_graph(name):
    door = DOORS[name]
    y, leaf = graph(2)
    with pytest.raises(GraphError, match=r"write x\.detach\(\) for its value alone, or x(\.copy\(\)|\[rows\])") as caught:
        door(y)
    assert "the result of mul" in str(caught.value)
    door(y.detach())
    door(leaf)                                   # a leaf's gradient arrives at the leaf all the same
    with ng.no_grad():
        door(y)
    y.copy().sum().backward()
    assert leaf.grad.tolist() == [1, 1]


def test_what_takes_values_goes_on_taking_them():
    y, leaf = graph(2)
    p = nn.Parameter(np.zeros(2))
    p.assign(y)
    p.grad = y
    p.add_to_grad(y)
    assert p.tolist() == [1, 2] and p.grad.tolist() == [2, 4]
    assert ng.asarray(y) is y and ng.asarray(y, dtype=ng.float32).requires_grad
    with pytest.raises(TypeError, match=r"got a tensor: write x, or x\.detach\(\)"):
        ng.from_numpy(y)
    ng.testing.assert_close(y, leaf)
    ng.testing.assert_close([1.0, 2.0], y)
    ng.testing.assert_close([y.sum(), [y.mean()][0]], [3.0, 1.5])


def test_states_of_parameters_are_loaded():
    net, other = nn.Linear(2, 3), nn.Linear(2, 3)
    other.load_state_dict(dict(net.named_parameters()))
    other.load_state_dict({name: p * 1 for name, p in net.named_parameters()})
    assert np.array_equal(other.weight, net.weight)
    ema = ng.optim.EMA(net)
    ema.load_state_dict({"decay": 0.5, "averages": dict(other.named_parameters())})
    optimizer = ng.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net([[1.0, 1.0]]).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    for entry in state["state"].values():
        for name, value in entry.items():
            if isinstance(value, ng.Tensor):
                entry[name] = nn.Parameter(value)
    optimizer.load_state_dict(state)


def test_copies_and_pickles():
    y, leaf = graph(2)
    ways = (copy.copy, copy.deepcopy, pickle.dumps)
    for way in ways:
        with pytest.raises(GraphError, match=r"write x\.detach\(\) or x\.numpy\(\) for its value, x\.copy\(\) for a copy"):
            way(y)
        way(leaf)
        with ng.no_grad():
            made = way(y)
        made = pickle.loads(made) if way is pickle.dumps else made
        assert made.tolist() == [1, 2] and not made.requires_grad and made.is_leaf


def test_dlpack_follows_grad_mode():
    y, leaf = graph(2)
    for x in (y, leaf):
        with pytest.raises(BufferError, match=r"write x\.detach\(\)"):
            np.from_dlpack(x)
        with ng.no_grad():
            assert np.from_dlpack(x).tolist() == [1, 2]
        assert np.from_dlpack(x.detach()).tolist() == [1, 2]
