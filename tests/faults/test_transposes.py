# SPDX-License-Identifier: LGPL-3.0-or-later
"""The transpose of a matrix takes no memory until it is read, and products read it where it lies. Nobody can tell, but by the memory."""
import copy
import io
import pickle
import threading

import numpy as np
import pytest

import nanograd as ng
from nanograd.testing import gradcheck

DTYPES = ["float32", "float64"]


def blocks():
    return ng.memory_stats()["blocks"]


def in_use():
    return ng.memory_stats()["in_use"]


def matrix(shape, dtype="float32", seed=0, **kwargs):
    return ng.tensor(np.random.default_rng(seed).standard_normal(shape), dtype=dtype, **kwargs)


WAYS = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "swapaxes": lambda x: x.swapaxes(-1, -2),
    "transpose": lambda x: x.transpose((1, 0)),
    "permute": lambda x: x.permute((1, 0)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_transpose_takes_no_memory_until_it_is_read(way):
    x = matrix((300, 200))
    before = in_use()
    y = WAYS[way](x)
    assert y.shape == (200, 300) and y.strides == (1200, 4)
    assert in_use() == before
    np.testing.assert_array_equal(y.numpy(), x.numpy().T)
    assert in_use() >= before + 240000
    del y
    assert in_use() == before


PRODUCTS = {
    "x @ w.T": ((4, 1000), (300, 1000), lambda x, w: x @ w.T),
    "w @ x.T": ((300, 1000), (4, 1000), lambda w, x: w @ x.T),
    "x.T @ y": ((1000, 300), (1000, 4), lambda x, y: x.T @ y),
    "x.T @ y.T": ((1000, 300), (4, 1000), lambda x, y: x.T @ y.T),
    "v @ w.T": ((1000,), (300, 1000), lambda v, w: v @ w.T),
    "scores": ((50, 7, 400), (50, 9, 400), lambda q, k: q @ k.mT),
    "x.mT @ y": ((50, 400, 17), (50, 400, 2), lambda x, y: x.mT @ y),
    "batch @ w.T": ((2, 5, 1000), (300, 1000), lambda x, w: x @ w.T),
    "linear(x, v.T)": ((4, 1000), (1000, 300), lambda x, v: ng.linear(x, v.T)),
    "linear(x.T, w)": ((1000, 400), (3, 1000), lambda x, w: ng.linear(x.T, w)),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_read_a_transpose_where_it_lies(product):
    a, b, run = PRODUCTS[product]
    a, b = matrix(a, requires_grad=True), matrix(b, seed=1)
    run(a, b)
    ng.empty_cache()                             # which sets the peak to what is in use
    before = in_use()
    y = run(a, b)
    assert ng.memory_stats()["peak"] - before < 200000, "a copy takes a megabyte"
    y.sum().backward()
    assert a.grad.shape == a.shape


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("a, b", [((4, 6), (6, 5)), ((2, 3), (3, 2)), ((1, 6), (6, 5)), ((4, 1), (1, 5)), ((4, 6), (6, 1)), ((17, 33), (33, 29)),
                                  ((3, 4, 6), (6, 5)), ((4, 6), (3, 6, 5)), ((3, 4, 6), (3, 6, 5)), ((2, 1, 4, 6), (3, 6, 5)), ((1, 4, 6), (6, 5)),
                                  ((0, 6), (6, 5)), ((4, 0), (0, 5)), ((2, 4, 0), (2, 0, 5)), ((130, 70), (70, 90)), ((300, 300), (300, 4))])
def test_products_of_transposes(a, b, ta, tb, dtype):
    x, y = matrix(a, dtype, requires_grad=True), matrix(b, dtype, 1, requires_grad=True)
    left, right = x, y
    if ta:
        left = x = matrix((*a[:-2], a[-1], a[-2]), dtype, requires_grad=True)
        left = left.mT
    if tb:
        right = y = matrix((*b[:-2], b[-1], b[-2]), dtype, 1, requires_grad=True)
        right = right.mT
    z = left @ right
    dz = np.random.default_rng(2).standard_normal(z.shape).astype(dtype)
    z.backward(dz)
    got = [z.numpy(), x.grad.numpy(), y.grad.numpy()]
    u, v = np.float64(left.numpy()), np.float64(right.numpy())
    du, dv = dz @ v.swapaxes(-1, -2), u.swapaxes(-1, -2) @ dz
    for axes, g in ((u, "du"), (v, "dv")):
        grad = du if g == "du" else dv
        while grad.ndim > axes.ndim:
            grad = grad.sum(0)
        for i, n in enumerate(axes.shape):
            if n == 1 and grad.shape[i] != 1:
                grad = grad.sum(i, keepdims=True)
        if g == "du":
            du = grad
        else:
            dv = grad
    want = [u @ v, du.swapaxes(-1, -2) if ta else du, dv.swapaxes(-1, -2) if tb else dv]
    for mine, theirs in zip(got, want, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=2e-4 if dtype == "float32" else 1e-10, atol=2e-4 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("tx", [False, True])
@pytest.mark.parametrize("tw", [False, True])
@pytest.mark.parametrize("activation", [None, "tanh", "silu"])
def test_linear_of_transposes(tx, tw, activation):
    x = matrix((5, 3) if tx else (3, 5), "float64", requires_grad=True)
    w = matrix((5, 4) if tw else (4, 5), "float64", 1, requires_grad=True)
    b = matrix((4,), "float64", 2, requires_grad=True)
    assert gradcheck(lambda x, w, b: ng.linear(x.T if tx else x, w.T if tw else w, b, activation), (x, w, b))
    lazy = ng.linear(x.T if tx else x, w.T if tw else w, b, activation)
    copied = ng.linear(x.numpy().T if tx else x, ng.tensor(w.numpy().T) if tw else w, b, activation)
    np.testing.assert_allclose(lazy.numpy(), copied.numpy(), rtol=1e-12)


def test_the_bits_do_not_depend_on_the_number_of_threads():
    w, x = matrix((700, 500)), matrix((600, 500), seed=1)
    results = []
    for threads in (1, 2, 4):
        with ng.num_threads(threads):
            results.append([(x @ w.T).numpy(), (w.T @ matrix((700, 300), seed=2)).numpy(), (w.T @ matrix((3, 700), seed=3).T).numpy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_parameter_given_a_new_value_leaves_the_transpose_of_the_old_one():
    for change in ("assign", "step", "load", "ema"):
        layer = ng.nn.Linear(6, 5)
        w = layer.weight
        old = w.numpy().copy()
        pending, product = w.T, matrix((2, 6)) @ w.T
        if change == "assign":
            w.assign(w * 2)
        elif change == "load":
            layer.load_state_dict({name: np.zeros(value.shape, np.float32) for name, value in layer.state_dict().items()})
        elif change == "step":
            optimizer = ng.optim.SGD(layer.parameters(), lr=1.0)
            layer(matrix((3, 6))).sum().backward()
            optimizer.step()
        else:
            ema = ng.optim.EMA(layer, decay=0.5)
            w.assign(w * 3)
            ema.update()
            with ema.apply():
                assert not np.array_equal(w.numpy(), old)
                np.testing.assert_array_equal(pending.numpy(), old.T)
        assert not np.array_equal(w.numpy(), old), change
        np.testing.assert_array_equal(pending.numpy(), old.T)
        product.sum().backward()


def test_a_step_is_in_place_where_the_transpose_is_gone():
    w = ng.nn.Parameter(np.ones((400, 300), np.float32))
    x, optimizer = matrix((8, 300)), ng.optim.SGD([w], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (x @ w.T).sum().backward()
        before = blocks()
        optimizer.step()
        assert blocks() == before
        ng.empty_cache()
        level = in_use()
        optimizer.step()
        assert ng.memory_stats()["peak"] == level


def test_the_value_of_a_transpose_does_not_change_with_the_array_that_it_came_from():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    pending = ng.from_numpy(array).T
    view = ng.from_numpy(array).reshape(3, 2).mT
    array[:] = 0
    assert pending.tolist() == [[0, 3], [1, 4], [2, 5]] and view.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_the_transpose_of_a_slice_does_not_keep_the_whole():
    big = matrix((50, 100, 100))
    before = in_use()
    rows = [big[i].T for i in range(2)]
    del big
    assert in_use() <= before - 50 * 40000 + 3 * 50000
    assert rows[0].shape == (100, 100)


def test_a_transpose_twice_is_the_same_memory():
    x = matrix((30, 20), requires_grad=True)
    before = blocks()
    y = x.T.T
    assert blocks() == before and y.grad_fn is not None
    np.testing.assert_array_equal(y.numpy(), x.numpy())
    assert y.numpy().ctypes.data == x.numpy().ctypes.data
    assert x.T.T.T.tolist() == x.numpy().T.tolist()
    y.sum().backward()
    assert x.grad.tolist() == np.ones((30, 20)).tolist()


READERS = {
    "numpy": lambda y: y.numpy(),
    "array": lambda y: np.array(y.detach()),
    "memoryview": lambda y: np.array(memoryview(y.detach())),
    "dlpack": lambda y: np.from_dlpack(y.detach()),
    "tolist": lambda y: np.array(y.tolist(), np.float32),
    "pickle": lambda y: pickle.loads(pickle.dumps(y.detach())).numpy(),
    "deepcopy": lambda y: copy.deepcopy(y.detach()).numpy(),
    "copy": lambda y: y.copy().numpy(),
    "detach": lambda y: y.detach().numpy(),
    "reshape": lambda y: y.reshape(-1).numpy().reshape(3, 2),
    "slice": lambda y: np.stack([y[i].numpy() for i in range(3)]),
    "item": lambda y: np.array([[y[i, j].item() for j in range(2)] for i in range(3)], np.float32),
    "rows": lambda y: np.stack([row.numpy() for row in y]),
    "add": lambda y: (y + 0).numpy(),
    "add to itself": lambda y: ((y + y) / 2).numpy(),
    "sum": lambda y: np.array([[y[i:i + 1, j:j + 1].sum().item() for j in range(2)] for i in range(3)], np.float32),
    "concatenate": lambda y: ng.concatenate([y, y]).numpy()[:3],
    "Parameter": lambda y: ng.nn.Parameter(y.detach()).numpy(),
    "assign": lambda y: ng.nn.Parameter(np.zeros((3, 2), np.float32)).assign(y.detach()).numpy(),
    "tensor": lambda y: ng.tensor(y.detach()).numpy(),
    "gradient": lambda y: first_gradient(y.detach()),
    "astype": lambda y: y.astype("float64").astype("float32").numpy(),
    "float": lambda y: np.array([[float(y[i, j]) for j in range(2)] for i in range(3)], np.float32),
    "matmul": lambda y: (y @ np.eye(2, dtype=np.float32)).numpy(),
    "where": lambda y: ng.where(np.ones((3, 2), bool), y, 0.0).numpy(),
    "equal": lambda y: np.where(y.detach() == y.detach(), y.numpy(), -1),
    "save": lambda y: loaded(y.detach()),
}


def first_gradient(y):
    x = ng.zeros((3, 2), requires_grad=True)
    (x * 1).backward(y)
    return x.grad.numpy()


def loaded(y):
    file = io.BytesIO()
    np.savez(file, y=y)
    file.seek(0)
    return np.load(file)["y"]


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_whoever_reads_a_transpose_finds_it_contiguous(reader, grad):
    x = ng.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=grad)
    got = READERS[reader](x.T)
    np.testing.assert_array_equal(got, [[1, 4], [2, 5], [3, 6]])
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_hooks_and_retained_gradients_of_a_transpose():
    x = matrix((4, 3), "float64", requires_grad=True)
    seen = []
    y = x.T
    y.register_hook(seen.append)
    y.retain_grad()
    z = (matrix((2, 3), "float64", 1) @ y).sum()
    z.backward(retain_graph=True)
    assert seen[0].shape == (3, 4) and y.grad.shape == (3, 4)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy().T)
    z.backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy().T)
    with ng.no_grad():
        assert not (matrix((2, 3), "float64") @ x.T).requires_grad


def test_a_hook_may_keep_or_return_a_transpose_of_the_gradient():
    x = matrix((3, 3), requires_grad=True)
    kept = []
    y = x * 2
    y.register_hook(lambda gradient: kept.append(gradient.T) or gradient.T)
    seed = matrix((3, 3), seed=4)
    y.backward(seed)
    np.testing.assert_array_equal(kept[0].numpy(), seed.numpy().T)
    np.testing.assert_array_equal(x.grad.numpy(), 2 * seed.numpy().T)


def test_threads_that_read_one_transpose_see_the_same():
    x = matrix((900, 700))
    for _ in range(5):
        y, results = x.T, []
        threads = [threading.Thread(target=lambda y=y, i=i, r=results: r.append((y + 0 if i % 2 else y @ ng.eye(900)).numpy()))
                   for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 4
        for result in results:
            np.testing.assert_allclose(result, x.numpy().T, rtol=1e-6)


def test_training_with_a_transpose_is_training_without():
    def weights(transposed):
        ng.manual_seed(0)
        w = ng.nn.Parameter(matrix((4, 3)).numpy())
        optimizer = ng.optim.Adam([w], lr=0.1)
        x = matrix((5, 3), seed=1)
        kept = []
        for _ in range(5):
            optimizer.zero_grad()
            wt = w.T if transposed else None
            kept.append(wt)                      # every old value stays what it was
            ((x @ wt if transposed else ng.linear(x, w)) ** 2).mean().backward()
            optimizer.step()
        return w.numpy().copy(), kept

    plain, _ = weights(False)
    with_transpose, kept = weights(True)
    np.testing.assert_allclose(with_transpose, plain, rtol=1e-5)
    assert len({kept_value.numpy().tobytes() for kept_value in kept}) == 5
