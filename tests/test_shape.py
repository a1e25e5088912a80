# SPDX-License-Identifier: LGPL-3.0-or-later
"""Shape operations beyond what their specs hold: what shares memory, what gradients of many pieces cost, whole messages."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nanograd as ng

DTYPES = (np.float32, np.float64)


def shares(a, b):
    return np.shares_memory(a.numpy(), b.numpy())


@pytest.mark.parametrize("view", [
    lambda x: x.reshape(6, 4), lambda x: x.flatten(), lambda x: x.flatten(1), lambda x: x.unsqueeze(1), lambda x: x.unsqueeze(0).squeeze(),
    lambda x: x.narrow(0, 1, 2), lambda x: x.slice(1, 2), lambda x: ng.split(x, 2)[1], lambda x: ng.chunk(x, 3)[1],
])
def test_views_share_memory(view):
    x = ng.tensor(np.arange(24.0).reshape(4, 3, 2))
    assert shares(view(x), x)


@pytest.mark.parametrize("copy", [
    lambda x: x.transpose(), lambda x: x.T, lambda x: x.mT, lambda x: x.narrow(1, 0, 2), lambda x: ng.flip(x), lambda x: ng.tril(x),
    lambda x: ng.concatenate([x]), lambda x: ng.broadcast_to(x, (2, 4, 3, 2)), lambda x: ng.roll(x, 0), lambda x: ng.pad(x, 0),
])
def test_copies_do_not(copy):
    x = ng.tensor(np.arange(24.0).reshape(4, 3, 2))
    assert not shares(copy(x), x)


def test_a_view_keeps_the_memory_alive_and_a_parameter_does_not_write_into_it():
    x = ng.tensor(np.arange(6.0), requires_grad=True)
    view = x[2:4].reshape(2, 1)
    del x
    assert view.tolist() == [[2.0], [3.0]]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pieces_of_every_kind_put_the_gradient_back(axis, dtype):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((5, 6, 7)).astype(dtype)
    weights = [rng.standard_normal(piece.shape).astype(dtype) for piece in np.split(data, [2, 4], axis)]
    sizes = [w.shape[axis] for w in weights]
    starts = np.cumsum([0, *sizes[:-1]])
    for pieces in (lambda x: ng.split(x, sizes, axis), lambda x: [ng.narrow(x, axis, s, n) for s, n in zip(starts, sizes, strict=True)],
                   lambda x: [x[(slice(None),) * axis + (slice(s, s + n),)] for s, n in zip(starts, sizes, strict=True)]):
        x = ng.tensor(data, requires_grad=True)
        parts = pieces(x)
        assert all(np.array_equal(part.numpy(), piece) for part, piece in zip(parts, np.split(data, [2, 4], axis), strict=True))
        total = sum((part * w).sum() for part, w in zip(parts, weights, strict=True))
        total.backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.concatenate(weights, axis))


@pytest.mark.parametrize("pieces", [
    lambda x: [x[i] for i in range(2000)], lambda x: [x[i:i + 1] for i in range(2000)], lambda x: ng.split(x, 1),
    lambda x: [x.narrow(0, i, 1) for i in range(2000)], lambda x: [x[i, 5:9] for i in range(2000)],
    lambda x: [x[[i], 3] for i in range(2000)], lambda x: [x[i:i + 2, ::300] for i in range(1998)],
    lambda x: [x.reshape(-1, 2000).narrow(1, i, 1) for i in range(200)],
], ids=["ints", "slices", "split", "narrow", "int and slice", "array", "steps", "inner axis"])
def test_gradients_of_many_pieces_add_in_place(pieces):
    """k pieces of one parent cost O(parent + pieces): no gradient of the parent's size is made for each."""
    x = ng.zeros((2000, 1000), dtype=np.float64, requires_grad=True)
    parts = pieces(x)
    total = ng.stack([part.sum() for part in parts]).sum()
    ng.empty_cache()
    before = ng.memory_stats()["in_use"]
    total.backward()
    assert ng.memory_stats()["peak"] - before < 4 * x.nbytes
    assert x.grad.numpy().sum() == sum(part.size for part in parts)


def test_nothing_is_kept_where_the_parent_wants_no_gradient():
    x = ng.zeros((10, 10))
    for y in (x[3], x.reshape(-1), x.narrow(1, 0, 2), ng.split(x, 5, 1)[0], ng.concatenate([x, x])):
        assert y.grad_fn is None and not y.requires_grad
    with ng.no_grad():
        assert ng.zeros(4, requires_grad=True)[1:3].grad_fn is None


def test_pieces_and_the_whole_in_one_backward():
    for order in (1, -1):
        x = ng.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
        terms = [x.sum(), x[0].sum() * 2, x[:, 1].sum() * 3, x[[0, 0], [2, 2]].sum() * 4, (x * x).sum(), x.T[0].sum(), x[..., ::-1][1, 0] * 5]
        sum(terms[::order][1:], terms[::order][0]).backward()
        expected = np.ones((2, 3)) + 2 * np.arange(6.0).reshape(2, 3)
        expected[0] += 2
        expected[:, 1] += 3
        expected[0, 2] += 8
        expected[:, 0] += 1
        expected[1, 2] += 5
        np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_gradient_that_was_shared_is_not_written_to():
    # y's gradient buffer goes to both a and b; the slices' parts must not be added into it
    a = ng.tensor(np.zeros((3, 2)), requires_grad=True)
    b = ng.tensor(np.zeros((3, 2)), requires_grad=True)
    loss = a[1:, 0].sum() + a[1].sum() + (a + b).sum()
    loss.backward()
    np.testing.assert_array_equal(b.grad.numpy(), np.ones((3, 2)))
    np.testing.assert_array_equal(a.grad.numpy(), [[1, 1], [3, 2], [2, 1]])


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(DTYPES))
def test_transpose_of_any_axes(data, dtype):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=9))
    axes = data.draw(st.permutations(range(len(shape))))
    x = np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape)
    t = ng.tensor(x, requires_grad=True)
    y = ng.permute(t, axes)
    np.testing.assert_array_equal(y.numpy(), x.transpose(axes))
    dy = np.arange(x.size, dtype=dtype).reshape(y.shape) * 3
    y.backward(ng.tensor(dy))
    np.testing.assert_array_equal(t.grad.numpy(), dy.transpose(np.argsort(axes)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axes"), [
    ((300, 517), (1, 0)), ((64, 64), (1, 0)), ((65, 129), (1, 0)), ((8, 3, 70, 66), (0, 2, 3, 1)), ((8, 70, 66, 3), (0, 3, 1, 2)),
    ((40, 50, 60), (2, 1, 0)), ((40, 50, 60), (1, 0, 2)), ((5, 1, 300, 1, 200), (4, 1, 0, 3, 2)), ((1000, 4), (1, 0)), ((3, 100_000), (1, 0)),
])
def test_transpose_in_tiles(shape, axes, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    t = ng.tensor(x, requires_grad=True)
    y = t.permute(axes)
    np.testing.assert_array_equal(y.numpy(), x.transpose(axes))
    y.backward(y.detach())
    np.testing.assert_array_equal(t.grad.numpy(), x)


def test_t_and_mt():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(ng.tensor(x).T.numpy(), x.T)
    np.testing.assert_array_equal(ng.tensor(x).mT.numpy(), x.mT)


@pytest.mark.parametrize("mode", ["reflect", "edge"])
@pytest.mark.parametrize("width", [((9, 4), (0, 7)), ((0, 1), (5, 5)), ((3, 0), (12, 1))])
def test_pad_wider_than_the_tensor(mode, width):
    x = np.random.default_rng(0).standard_normal((3, 4))
    t = ng.tensor(x, requires_grad=True)
    y = ng.pad(t, width, mode=mode)
    np.testing.assert_array_equal(y.numpy(), np.pad(x, width, mode=mode))
    dy = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(ng.tensor(dy))
    expected = np.zeros(12)
    np.add.at(expected, np.pad(np.arange(12).reshape(3, 4), width, mode=mode), dy)
    np.testing.assert_allclose(t.grad.numpy(), expected.reshape(3, 4), rtol=1e-13)
    assert np.array_equal(y.numpy(), np.pad(x, width, mode=mode))


def test_pad_leaves_the_gradient_it_was_given_alone():
    x = ng.zeros((2, 3), requires_grad=True)
    seed = ng.ones((4, 7))
    y = ng.pad(x, [(1, 1), (2, 2)], mode="edge")
    y.backward(seed)
    assert seed.tolist() == np.ones((4, 7)).tolist()
    assert x.grad.numpy().sum() == 28


def test_operands_that_are_no_tensors():
    assert ng.reshape([1, 2, 3, 4], 2, 2).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert ng.concatenate([np.ones(2, np.float32), [3, 4], ng.zeros(1)]).dtype == np.float32
    assert ng.stack([1.0, ng.zeros((), dtype=np.float64)]).dtype == np.float64
    assert ng.concatenate(iter([ng.zeros(1), ng.zeros(2)])).shape == (3,)
    assert np.concatenate([ng.zeros(2), ng.ones(1)]).tolist() == [0.0, 0.0, 1.0]
    assert isinstance(np.reshape(ng.zeros(4), (2, 2)), ng.Tensor)


@pytest.mark.parametrize("function", [
    lambda x: np.concatenate([x, x], 1), lambda x: np.stack([x, x]), lambda x: np.reshape(x, (4, 3)), lambda x: np.transpose(x),
    lambda x: np.transpose(x, (1, 0)), lambda x: np.flip(x), lambda x: np.flip(x, 0), lambda x: np.roll(x, 2), lambda x: np.roll(x, (1, 2), (0, 1)),
    lambda x: np.roll(x, (1, 2), 0), lambda x: np.pad(x, 1, constant_values=3), lambda x: np.pad(x, 1, "edge"), lambda x: np.split(x, 2, 1)[1],
    lambda x: np.split(x, [1], 0)[1], lambda x: np.split(x, [1, -1], 1)[1], lambda x: np.tile(x, 2), lambda x: np.repeat(x, 2, 1),
    lambda x: np.take(x, [0, -1], 1), lambda x: np.sort(x), lambda x: np.sort(x, None), lambda x: np.sort(x, 0, "stable"),
    lambda x: np.argsort(x, -1, "stable"), lambda x: np.argsort(x, None), lambda x: np.squeeze(x[None]), lambda x: np.swapaxes(x, 0, 1),
    lambda x: np.tril(x, -1), lambda x: np.triu(x, k=1), lambda x: np.diagonal(x), lambda x: np.diagonal(x, 1), lambda x: np.broadcast_to(x, (2, 3, 4)),
    lambda x: np.cumsum(x), lambda x: np.cumsum(x, 0), lambda x: np.amax(x, 0), lambda x: np.amin(x),
    lambda x: np.max(x, 0, None, True), lambda x: np.argmax(x, 0, None), lambda x: np.clip(x, a_min=None, a_max=0.5),
    lambda x: np.clip(x, -0.5, 0.5), lambda x: np.around(x), lambda x: np.ravel(x), lambda x: np.expand_dims(x, 1), lambda x: np.zeros_like(x),
    lambda x: np.ones_like(x), lambda x: np.full_like(x, 3.0), lambda x: np.transpose(x, axes=(1, 0)), lambda x: np.diagonal(x, offset=1),
    lambda x: np.reshape(x, shape=(4, 3)) if np.__version__ >= "2.1" else np.reshape(x, (4, 3)), lambda x: np.reshape(x, (2, 6), "C"),
])
def test_numpys_functions_mean_what_numpy_says(function):
    x = np.random.default_rng(0).standard_normal((3, 4))
    y, expected = function(ng.tensor(x)), function(x)
    np.testing.assert_array_equal(np.asarray(y), expected)
    assert isinstance(y, ng.Tensor) == (expected.dtype.kind == "f")


@pytest.mark.parametrize("function", [
    lambda x: np.sum(x, 0, None, None, True), lambda x: np.mean(x, 1, None), lambda x: np.std(x, 0, None, None, 1),
    lambda x: np.var(x, axis=0, ddof=1, keepdims=True), lambda x: np.einsum("ij,kj->ik", x, [[1.0, 2.0, 3.0, 4.0]], optimize=True),
])
def test_numpys_sums_mean_what_numpy_says(function):
    x = np.random.default_rng(0).standard_normal((3, 4))
    y, expected = function(ng.tensor(x)), function(x)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: np.sum(x, 0, np.float64), "np.sum of a tensor takes no dtype: write x.numpy() for a NumPy result"),
    (lambda x: np.reshape(x, (3, 2), order="F"), "np.reshape of a tensor takes no order: write x.numpy() for a NumPy result"),
    (lambda x: np.round(x, out=np.zeros((2, 3))), "np.round of a tensor takes no out: write x.numpy() for a NumPy result"),
    (lambda x: np.mean(x, out=np.zeros(())), "np.mean of a tensor takes no out: write x.numpy() for a NumPy result"),
    (lambda x: np.linalg.det(x), "np.linalg.det does not take tensors: write np.linalg.det(x.numpy()) for a NumPy result"),
])
def test_numpys_arguments_that_have_no_meaning_here_are_refused(call, message):
    with pytest.raises(TypeError) as caught:
        call(ng.zeros((2, 3)))
    assert str(caught.value) == message


def test_joining_many():
    x = [ng.tensor(float(i), requires_grad=True) for i in range(300)]
    y = ng.stack(x)
    (y * ng.arange(300)).sum().backward()
    assert [t.grad.item() for t in x] == list(range(300))


MESSAGES = [
    (lambda x: x.reshape(7, -1), ng.ShapeError, "reshape: cannot fit 6 elements of shape (2, 3) into (7, -1)"),
    (lambda x: x.reshape(2, 2), ng.ShapeError, "reshape: cannot reshape (2, 3) with 6 elements into (2, 2) with 4"),
    (lambda x: ng.zeros((2, 3, 4)).transpose(0, 1), ng.ShapeError,
     "transpose: expected 3 axes, one for each of the tensor's, got (0, 1) (x (2, 3, 4)); to exchange two axes write swapaxes(x, 0, 1)"),
    (lambda x: x.permute((0, 0)), ValueError, "permute: axis 0 is given twice, got axes (0, 0) (x (2, 3))"),
    (lambda x: x.squeeze(1), ng.ShapeError, "squeeze: axis 1 has size 3, not 1 (x (2, 3))"),
    (lambda x: x.narrow(1, 2, 2), IndexError, "narrow: start 2 and length 2 do not lie within the 3 positions of axis 1 (x (2, 3))"),
    (lambda x: ng.concatenate([x, ng.zeros((3, 4))]), ng.ShapeError,
     "concatenate: shapes may differ along axis 0 only, got (2, 3) and (3, 4)"),
    (lambda x: ng.concatenate([ng.zeros(()), ng.zeros(())]), ng.ShapeError,
     "concatenate: 0-d tensors have no axis to join along: write ng.stack(tensors)"),
    (lambda x: ng.stack([]), ValueError, "stack: expected at least one tensor, got none"),
    (lambda x: ng.stack(3), TypeError, "stack: expected a list or tuple of tensors, got int"),
    (lambda x: ng.split(x, [1, 2]), ValueError,
     "split: sizes [1, 2] must not be negative and add up to 2, the size of axis 0 (x (2, 3))"),
    (lambda x: ng.tile(x, 10**18), ng.ShapeError, "tile: reps 1000000000000000000 give too many elements (x (2, 3))"),
    (lambda x: ng.repeat(x, True), TypeError, "repeat: n must be an int or an array of ints, got bool True"),
    (lambda x: ng.pad(x, 1, mode="wrap"), ValueError, "pad: mode must be 'constant', 'reflect' or 'edge', got 'wrap'"),
    (lambda x: ng.pad(ng.zeros((0, 2)), 1, mode="edge"), ValueError,
     "pad: axis 0 is empty, so mode 'edge' has nothing to fill the margin with (x (0, 2))"),
    (lambda x: ng.expand(x, -1, 2, 3), ng.ShapeError, "expand: -1 keeps a size, but axis 0 is new in (-1, 2, 3) (x (2, 3))"),
    (lambda x: ng.unsqueeze(ng.zeros((1,) * 8), 0), ng.ShapeError,
     "unsqueeze: a tensor has at most 8 dimensions (x (1, 1, 1, 1, 1, 1, 1, 1))"),
    (lambda x: ng.slice(ng.zeros(()), 0, 1), IndexError, "slice: axis 0 is out of bounds for a tensor with 0 dimensions"),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES, ids=[message.split(":")[0] + str(i) for i, (*_, message) in enumerate(MESSAGES)])
def test_messages(call, error, message):
    with pytest.raises(error) as caught:
        call(ng.zeros((2, 3)))
    assert str(caught.value) == message


def test_an_array_is_no_int():
    """(It has an __index__ all the same.)"""
    for start in (np.arange(2), np.array(True), np.ones(1, bool)):
        with pytest.raises(TypeError, match="^narrow: start must be an int, got ndarray"):
            ng.narrow(ng.zeros((4, 3)), 0, start, 1)
        with pytest.raises(TypeError, match="^flip: axis must be an int, got ndarray"):
            ng.flip(ng.zeros((4, 3)), start)
    assert ng.narrow(ng.zeros((4, 3)), 0, np.array(1), np.int64(2)).shape == (2, 3)
