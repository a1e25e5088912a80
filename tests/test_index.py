# SPDX-License-Identifier: LGPL-3.0-or-later
"""x[...] is NumPy's, in values, shapes, gradients and mistakes; so are index_set and index_add. Gathering, embedding, sorting."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nanograd as ng

DTYPES = (np.float32, np.float64)


def tensor(a):
    return ng.tensor(a, requires_grad=True)


@st.composite
def cases(draw):
    """A shape and an index for it: basic, advanced, masks and all mixtures, now and then one that does not fit."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    arrays = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3))
    parts, axis, ellipsis = [], 0, False
    while axis < len(shape):
        n = shape[axis]
        choice = draw(st.sampled_from(["int", "slice", "slice", "ellipsis", "none", "array", "array", "mask", "stop"]))
        if choice == "stop":
            break
        if choice == "none":
            parts.append(None)
            continue
        if choice == "ellipsis":
            if ellipsis:
                continue
            parts.append(...)
            ellipsis = True
            axis += draw(st.integers(0, len(shape) - axis))
            continue
        if choice == "mask":
            axes = draw(st.integers(1, min(2, len(shape) - axis)))
            parts.append(draw(hnp.arrays(bool, shape[axis:axis + axes])))
            axis += axes
            continue
        if choice == "slice" or n == 0:
            parts.append(draw(st.slices(n)))
        elif choice == "int":
            parts.append(draw(st.integers(-n, n - draw(st.sampled_from([1, 1, 1, 1, 0])))))
        else:
            kind = draw(st.sampled_from([np.int64, np.int32, np.int8, list]))
            array = draw(hnp.arrays(np.int64, draw(hnp.broadcastable_shapes(arrays, max_dims=2, max_side=3)), elements=st.integers(-n, n - 1)))
            parts.append(array.tolist() if kind is list else array.astype(kind))
        axis += 1
    if draw(st.integers(0, 30)) == 0:
        parts.append(draw(st.booleans()))
    index = tuple(parts)
    return shape, index[0] if len(index) == 1 and draw(st.booleans()) else index


@settings(max_examples=600, deadline=None)
@given(cases(), st.sampled_from(DTYPES))
def test_indexing_is_numpys(case, dtype):
    shape, index = case
    rng = np.random.default_rng(0)
    a = rng.standard_normal(shape).astype(dtype)
    try:
        expected = a[index]
    except Exception:
        with pytest.raises((IndexError, ng.ShapeError)):
            tensor(a)[index]
        return
    x = tensor(a)
    y = x[index]
    assert y.shape == expected.shape and y.dtype == dtype
    np.testing.assert_array_equal(y.numpy(), expected)
    dy = rng.standard_normal(expected.shape).astype(dtype)
    y.backward(ng.tensor(dy))
    dx = np.zeros(shape)
    np.add.at(dx, index, dy)
    np.testing.assert_allclose(x.grad.numpy(), dx, rtol=1e-5, atol=1e-5)

    g = rng.standard_normal(shape).astype(dtype)
    x, values = tensor(a), tensor(dy)
    z = ng.index_add(x, index, values)
    dx = a.astype(np.float64)
    np.add.at(dx, index, dy)
    np.testing.assert_allclose(z.numpy(), dx, rtol=1e-5, atol=1e-5)
    z.backward(ng.tensor(g))
    np.testing.assert_array_equal(x.grad.numpy(), g)
    np.testing.assert_array_equal(values.grad.numpy(), g[index])

    x, values = tensor(a), tensor(dy)
    z = x.index_set(index, values)
    changed, kept, numbers = a.copy(), g.copy(), np.full(shape, -1)
    changed[index], kept[index] = dy, 0
    np.testing.assert_array_equal(z.numpy(), changed)
    z.backward(ng.tensor(g))
    np.testing.assert_array_equal(x.grad.numpy(), kept)
    own = np.arange(dy.size).reshape(dy.shape)
    numbers[index] = own                           # of positions that repeat, one value stands; the others get no gradient
    np.testing.assert_array_equal(values.grad.numpy(), np.where(numbers[index] == own, g[index], 0))
    np.testing.assert_array_equal(a, x.numpy())


def test_values_are_broadcast_and_their_gradient_summed():
    for op, index, shape in ((ng.index_set, (slice(None), 1), ()), (ng.index_add, [0, 2], (4,)), (ng.index_add, (slice(0, 2), slice(1, None)), (2, 1))):
        x, v = tensor(np.ones((3, 4))), tensor(np.full(shape, 7.0))
        y = op(x, index, v)
        y.sum().backward()
        expected = np.ones((3, 4))
        expected[index] = 7 if op is ng.index_set else 8
        np.testing.assert_array_equal(y.numpy(), expected)
        assert v.grad.shape == shape
        assert v.grad.numpy().sum() == np.ones((3, 4))[index].size
    assert ng.index_add(np.zeros(3), 0, 5).tolist() == [5.0, 0.0, 0.0]


def test_what_shares_memory():
    x = ng.tensor(np.arange(24.0).reshape(2, 3, 4))
    for index in (0, slice(1, 2), (1, slice(0, 2)), (0, 1), (0, 1, slice(2, 4)), ..., None, (), (0, 2, 3), (slice(None), None)):
        assert np.shares_memory(x[index].numpy(), x.numpy()), index
        np.testing.assert_array_equal(x[index].numpy(), x.numpy()[index])
    for index in ((slice(None), 0), slice(None, None, -1), [0], (..., slice(0, 2)), np.ones(2, bool)):
        assert not np.shares_memory(x[index].numpy(), x.numpy()), index


class Column:
    """An array of another library: it has __array__, as a data frame's column does."""

    ndim = 1

    def __array__(self, dtype=None, copy=None):
        return np.array([2, 0])


def test_what_numpy_takes_for_an_array():
    x = np.arange(12.0).reshape(3, 4)
    for index in (range(2), (slice(None), range(3, 0, -2)), Column(), (Column(), range(1, 3)), range(0), (..., np.zeros(0, bool))):
        np.testing.assert_array_equal(ng.tensor(x)[index].numpy(), x[index])


def test_iteration_and_length():
    x = ng.tensor(np.arange(6.0).reshape(3, 2))
    assert [row.tolist() for row in x] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert len(x) == 3


def test_the_index_may_change_afterwards():
    index, mask = np.array([0, 1]), np.array([True, False, True])
    x = tensor(np.arange(3.0))
    y = x[index].sum() + x[mask].sum() + ng.take(x, index).sum() + ng.gather(x, 0, index).sum()
    index[:], mask[:] = 2, False
    y.backward()
    assert x.grad.tolist() == [4.0, 3.0, 1.0]


def test_sorted_indices_may_change_afterwards():
    x = tensor(np.array([3.0, 1.0, 2.0]))
    values, indices = ng.sort(x)
    indices[:] = 0
    (values * ng.tensor(np.array([1.0, 10.0, 100.0]))).sum().backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_index_gradients_have_the_same_bits_for_any_number_of_threads(dtype):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((500, 700)).astype(dtype)
    rows, flat = rng.integers(0, 500, 3000), rng.integers(0, 500, (600, 700))
    dy, df = rng.standard_normal((3000, 700)).astype(dtype), rng.standard_normal((600, 700)).astype(dtype)
    found = []
    for n in (1, 2, 4):
        with ng.num_threads(n):
            x = tensor(a)
            x[rows].backward(ng.tensor(dy))
            ng.gather(x, 0, flat).backward(ng.tensor(df))
            x.sort(0)[0].backward(ng.tensor(a))
            found.append(x.grad.numpy().tobytes())
    assert found[0] == found[1] == found[2]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(DTYPES))
def test_gather_and_take(data, dtype):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n, along = shape[axis], axis % len(shape)
    sizes = tuple(data.draw(st.integers(0, 6 if i == along else s)) for i, s in enumerate(shape))
    index = data.draw(hnp.arrays(np.int32, sizes, elements=st.integers(-n, n - 1)))
    a = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    cropped = a[tuple(slice(None) if i == along else slice(s) for i, s in enumerate(sizes))]
    x = tensor(a)
    y = ng.gather(x, axis, index)
    np.testing.assert_array_equal(y.numpy(), np.take_along_axis(cropped, index.astype(np.int64), axis))
    dy = np.random.default_rng(1).standard_normal(sizes).astype(dtype)
    y.backward(ng.tensor(dy))
    expected = np.zeros(shape)
    grid = list(np.indices(sizes))
    grid[along] = index
    np.add.at(expected, tuple(grid), dy)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=1e-6)

    index = data.draw(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4), elements=st.integers(-n, n - 1)))
    x = tensor(a)
    y = x.take(index, axis)
    np.testing.assert_array_equal(y.numpy(), np.take(a, index, axis))
    y.backward(ng.ones_like(y))
    expected = np.zeros(shape)
    np.add.at(expected, (slice(None),) * along + (index,), 1)
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    np.testing.assert_array_equal(ng.take(x, [0, -1]).numpy(), np.take(a, [0, -1]))


def test_embedding():
    rng = np.random.default_rng(0)
    table, words = rng.standard_normal((20, 8)), rng.integers(0, 20, (4, 6))
    words[0, :2] = 17
    weight = tensor(table)
    y = ng.embedding(words, weight, padding_idx=-3)
    np.testing.assert_array_equal(y.numpy(), table[words])
    dy = rng.standard_normal(y.shape)
    y.backward(ng.tensor(dy))
    expected = np.zeros_like(table)
    np.add.at(expected, words, dy)
    expected[17] = 0
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-12)


def test_a_padding_row_keeps_the_gradient_from_elsewhere():
    weight = tensor(np.ones((3, 2)))
    (weight.sum() + ng.embedding([0, 1], weight, padding_idx=0).sum() + ng.embedding([0], weight).sum()).backward()
    assert weight.grad.tolist() == [[2.0, 2.0], [2.0, 2.0], [1.0, 1.0]]


def test_one_hot():
    labels = np.array([[1, 0], [2, 2]], np.uint8)
    np.testing.assert_array_equal(ng.one_hot(labels, 3, dtype=np.float64).numpy(), np.eye(3)[labels])
    assert ng.one_hot(2, 3).tolist() == [0.0, 0.0, 1.0]
    assert ng.one_hot([], 3).shape == (0, 3)


SIZES = (1, 2, 31, 32, 33, 100, 511, 512, 513, 5000, 40_000)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_sorting_is_stable(n, dtype):
    rng = np.random.default_rng(n)
    a = rng.standard_normal((3, n)).astype(dtype)
    a[:, ::3] = np.round(a[:, ::3])
    a[:, ::7] *= 0.0                       # 0 and -0 are equal
    a[1, ::11], a[1, ::13], a[1, ::17] = np.nan, np.inf, -np.inf
    x = tensor(a)
    values, indices = ng.sort(x)
    order = np.argsort(a, -1, kind="stable")
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(a, order, -1))
    np.testing.assert_array_equal(ng.argsort(a.T.copy(), axis=0), order.T)
    values.backward(ng.tensor(a))
    back = np.empty_like(a)
    np.put_along_axis(back, order, a, -1)
    np.testing.assert_array_equal(x.grad.numpy(), back)
    # descending: NaN first, equal ones in their order
    rank = np.where(np.isnan(a), -np.inf, -a)
    rank[~np.isnan(a) & np.isinf(a) & (a > 0)] = -np.finfo(dtype).max
    down = np.argsort(rank, -1, kind="stable")
    np.testing.assert_array_equal(ng.argsort(x, descending=True), down)
    for k in {0, 1, min(5, n), min(64, n), n // 9, n // 8, n}:
        best, where = ng.topk(x, k)
        np.testing.assert_array_equal(where, down[:, :k])
        np.testing.assert_array_equal(best.numpy(), np.take_along_axis(a, down[:, :k], -1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 7, 100, 437])
def test_topk_of_a_long_row(k, dtype):
    """Whatever the order in which the largest come, and where the k-th is one of many equal ones, or NaN."""
    n = 20_001
    rng = np.random.default_rng(k)
    up = np.arange(n, dtype=dtype)
    coarse = np.round(rng.standard_normal(n) * 2).astype(dtype)
    holes = rng.standard_normal(n).astype(dtype)
    holes[rng.permutation(n)[:300]] = np.nan
    few = np.full(n, -np.inf, dtype)
    few[-3:] = 1, np.inf, 1
    for a in (up, up[::-1].copy(), coarse, holes, few, np.zeros(n, dtype), np.full(n, np.nan, dtype), -0.0 * up):
        order = np.lexsort((np.arange(n), np.where(np.isnan(a), -np.inf, -a), ~np.isnan(a)))[:k]
        values, indices = ng.topk(tensor(a), k)
        np.testing.assert_array_equal(indices, order)
        np.testing.assert_array_equal(values.numpy(), a[order])


def test_topk_gradient_along_an_axis():
    a = np.array([[3.0, 1.0], [3.0, 5.0], [2.0, 4.0]])
    x = tensor(a)
    values, indices = ng.topk(x, 2, axis=0)
    assert values.tolist() == [[3.0, 5.0], [3.0, 4.0]]
    assert indices.tolist() == [[0, 1], [1, 2]]
    (values * ng.tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0], [3.0, 2.0], [0.0, 4.0]]


X = "(x (3, 4))"
MESSAGES = [
    (lambda x: x[3], IndexError, f"getitem: index 3 is out of bounds for axis 0 with size 3 {X}"),
    (lambda x: x[:, -5], IndexError, f"getitem: index -5 is out of bounds for axis 1 with size 4 {X}"),
    (lambda x: x[[0, 3]], IndexError, f"getitem: index 3 is out of bounds for axis 0 with size 3 {X}"),
    (lambda x: x[10**30], IndexError, f"getitem: index {10**30} is out of bounds for axis 0 with size 3 {X}"),
    (lambda x: x[0, 0, 0], IndexError, f"getitem: too many indices: the tensor has 2 dimensions, but 3 were indexed {X}"),
    (lambda x: x[..., ...], IndexError, "getitem: an index can have only one ellipsis ('...')"),
    (lambda x: x[1.5], IndexError, "getitem: only ints, slices, `...`, None and integer or boolean arrays are valid indices, got float 1.5"),
    (lambda x: x["a"], IndexError, "getitem: only ints, slices, `...`, None and integer or boolean arrays are valid indices, got str 'a'"),
    (lambda x: x[np.array([1.0])], IndexError, "getitem: an array used as an index must hold integers or booleans, got dtype float64"),
    (lambda x: x[np.ones(4, bool)], IndexError,
     f"getitem: the boolean index of shape (4,) does not match the tensor: axis 0 has size 3 {X}"),
    (lambda x: x[[0, 1], [0, 1, 2]], IndexError, "getitem: the index arrays do not broadcast together: shapes (2,), (3,)"),
    (lambda x: x[x], ng.DTypeError, "getitem: a tensor is not an index: it holds floats; index with ints, slices, integer arrays or NumPy "
                                    "bools such as x > 0"),
    (lambda x: x[(None,) * 7], ng.ShapeError, "getitem: a tensor has at most 8 dimensions, the index asks for more"),
    (lambda x: ng.index_set(x, 0, [1.0, 2.0]), ng.ShapeError,
     f"index_set: values of shape (2,) do not broadcast to (4,), the shape of x[index] {X}"),
    (lambda x: ng.index_add(x, 7, 1.0), IndexError, f"index_add: index 7 is out of bounds for axis 0 with size 3 {X}"),
    (lambda x: ng.take(x, 12), IndexError, "take: index 12 is out of bounds for axis 0 with size 12 (x (12,))"),
    (lambda x: ng.take(x, np.array([2**63], np.uint64)), IndexError, f"take: index {2**63} is out of bounds for axis 0 with size 12 (x (12,))"),
    (lambda x: ng.take(x, [0.5]), ng.DTypeError, "take: indices must be integers, got list of dtype float64"),
    (lambda x: ng.gather(x, 1, x), ng.DTypeError,
     "gather: indices must be integers, got a float64 tensor; integers and booleans are NumPy arrays, never tensors"),
    (lambda x: ng.gather(x, 1, [[4]]), IndexError, f"gather: index 4 is out of bounds for axis 1 with size 4 {X}"),
    (lambda x: ng.gather(x, 1, [0]), ng.ShapeError,
     f"gather: indices need 2 axes, none longer than the tensor's except axis 1, got shape (1,) {X}"),
    (lambda x: ng.embedding([-1], x), IndexError, "embedding: index -1 is out of range for 3 embeddings"),
    (lambda x: ng.embedding([1], x, padding_idx=3), ValueError, "embedding: padding_idx 3 is out of range for 3 embeddings"),
    (lambda x: ng.embedding([1], x[0]), ng.ShapeError, "embedding: weight must have shape (number of embeddings, size), got (4,)"),
    (lambda x: ng.one_hot([3], 3), IndexError, "one_hot: index 3 is out of range for 3 classes"),
    (lambda x: ng.topk(x, 5), ValueError, f"topk: k 5 is larger than the 4 positions of axis 1 {X}"),
    (lambda x: ng.sort(x, 2), IndexError, "sort: axis 2 is out of bounds for a tensor with 2 dimensions"),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES, ids=[message.split(":")[0] + str(i) for i, (*_, message) in enumerate(MESSAGES)])
def test_messages(call, error, message):
    with pytest.raises(error) as caught:
        call(ng.zeros((3, 4), dtype=np.float64))
    assert str(caught.value) == message
