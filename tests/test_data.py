# SPDX-License-Identifier: LGPL-3.0-or-later
"""ArrayLoader: what comes out for every kind of array, order, resuming in the middle of an epoch, messages."""

import copy
import pickle

import numpy as np
import pytest

import nanograd as ng
from nanograd.data import ArrayLoader


def rows(n=10):
    return np.arange(n * 6, dtype=np.float64).reshape(n, 2, 3)


def all_rows(loader, i=0):
    batches = [np.asarray(batch[i]) for batch in loader]
    return np.concatenate(batches) if batches else np.empty(0)


@pytest.mark.parametrize(
    "batch_size, drop_last, sizes",
    [(4, False, [4, 4, 2]), (4, True, [4, 4]), (5, False, [5, 5]), (100, False, [10]), (1, False, [1] * 10)],
)
def test_sizes_of_batches(batch_size, drop_last, sizes):
    loader = ArrayLoader(rows(), batch_size=batch_size, drop_last=drop_last)
    assert len(loader) == len(sizes)
    batches = list(loader)
    assert all(type(batch) is tuple and len(batch) == 1 for batch in batches)
    assert [batch[0].shape for batch in batches] == [(n, 2, 3) for n in sizes]


@pytest.mark.parametrize("source", ["f2", "f4", "f8", ">f4", ">f8", "g"])
@pytest.mark.parametrize("dtype", [None, np.float32, np.float64])
def test_floats_become_tensors_of_the_dtype(source, dtype):
    values = (rows() / 7).astype(source)
    for (xb,) in ArrayLoader(values, batch_size=3, dtype=dtype):
        assert isinstance(xb, ng.Tensor) and xb.dtype == (dtype or np.float32) and not xb.requires_grad
    np.testing.assert_array_equal(all_rows(ArrayLoader(values, batch_size=3, dtype=dtype)), values.astype(dtype or np.float32))


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "i8", "u8", ">i8", "?"])
def test_integers_and_booleans_stay_numpy_arrays(dtype):
    labels = (np.arange(10) % 3).astype(dtype)
    for (yb,) in ArrayLoader(labels, batch_size=4):
        assert type(yb) is np.ndarray and yb.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(all_rows(ArrayLoader(labels, batch_size=4)), labels)


@pytest.mark.parametrize(
    "take",
    [
        lambda a: a[::-1],
        lambda a: a[::2],
        lambda a: a[:, ::-1],
        lambda a: np.asfortranarray(a),
        lambda a: a[:, :, 1:2],
        lambda a: a.T,
        lambda a: a[:, :0],
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a[..., None],
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_arrays_of_every_layout(take, dtype):
    values = take(rows().astype(dtype))
    loader = ArrayLoader(values, batch_size=3, shuffle=True, dtype=np.float64)
    order = np.random.RandomState(0).permutation(len(values))
    np.testing.assert_array_equal(np.sort(all_rows(loader).ravel()), np.sort(values.astype(float).ravel()))
    loader = ArrayLoader(values[order], batch_size=3, dtype=np.float64)
    np.testing.assert_array_equal(all_rows(loader), values[order])


def test_unaligned_arrays():
    memory = np.zeros(10 * 8 + 1, np.uint8)
    values = memory[1:].view(np.float64)
    values[:] = np.arange(10)
    assert not values.flags.aligned
    np.testing.assert_array_equal(all_rows(ArrayLoader(values, batch_size=3)), np.arange(10))


def test_tensors_lists_and_memory_maps(tmp_path):
    np.save(tmp_path / "x.npy", rows(100))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    tensor = ng.tensor(rows(100), requires_grad=True)
    loader = ArrayLoader(mapped, tensor, list(range(100)), [[float(i)] for i in range(100)], batch_size=7, shuffle=True)
    for a, b, c, d in loader:
        assert (
            a.tolist() == b.tolist()
            and c.dtype == np.int64
            and a.numpy()[:, 0, 0].tolist() == (6 * c).tolist() == (6 * d.numpy()[:, 0]).tolist()
        )
        assert b.is_leaf and not b.requires_grad
    assert loader._arrays[0] is not None and isinstance(mapped, np.memmap)


def test_every_batch_is_fresh():
    x, y = rows().astype(np.float32), np.arange(10)
    batches = list(ArrayLoader(x, y, batch_size=5))
    batches[0][1][:] = -1
    x[:] = 0
    assert y[0] == 0 and batches[1][0].numpy()[0, 0, 0] == 30 and batches[0][0].numpy()[1, 0, 0] == 6


def test_shuffling():
    x = np.arange(1000)
    ng.manual_seed(1)
    loader = ArrayLoader(x, batch_size=64, shuffle=True)
    first, second = all_rows(loader), all_rows(loader)
    assert (first != x).any() and (first != second).any()
    assert np.array_equal(np.sort(first), x) and np.array_equal(np.sort(second), x)
    ng.manual_seed(1)
    assert np.array_equal(all_rows(ArrayLoader(x, batch_size=64, shuffle=True)), first)
    a, b = (ArrayLoader(x, batch_size=64, shuffle=True, generator=ng.Generator(5)) for _ in range(2))
    assert np.array_equal(all_rows(a), all_rows(b))
    assert np.array_equal(all_rows(ArrayLoader(x, batch_size=64)), x)


def test_two_iterations_at_once_do_not_mix():
    loader = ArrayLoader(np.arange(6), batch_size=2)
    assert [(a.tolist(), b.tolist()) for (a,), (b,) in zip(loader, loader, strict=True)] == [
        ([0, 1],) * 2,
        ([2, 3],) * 2,
        ([4, 5],) * 2,
    ]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seeded", [False, True])
@pytest.mark.parametrize("stop", [0, 1, 3, 4])
def test_resuming_yields_what_would_have_come(shuffle, seeded, stop):
    def make():
        return ArrayLoader(np.arange(10), rows(), batch_size=3, shuffle=shuffle, generator=ng.Generator(7) if seeded else None)

    loader = make()
    all_rows(loader)
    iterator, state = iter(loader), None
    for _ in range(stop):
        next(iterator)
    state = pickle.loads(pickle.dumps(loader.state_dict()))
    left = [[batch[0].tolist() for batch in iterator]] if stop < 4 else []      # after the last batch the next epoch begins
    expected = left + [[batch[0].tolist() for batch in loader] for _ in range(2)]
    other = make()
    ng.manual_seed(99)
    other.load_state_dict(state)
    assert [[batch[0].tolist() for batch in other] for _ in expected] == expected
    loader.load_state_dict(state)
    assert [batch[0].tolist() for batch in loader] == expected[0]


def test_state_before_the_first_epoch():
    loader = ArrayLoader(np.arange(10), batch_size=3, shuffle=True, generator=ng.Generator(3))
    state = loader.state_dict()
    expected = all_rows(loader)
    other = ArrayLoader(np.arange(10), batch_size=3, shuffle=True)
    other.load_state_dict(state)
    np.testing.assert_array_equal(all_rows(other), expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(copied):
    loader = ArrayLoader(rows(), np.arange(10), batch_size=3, shuffle=True, generator=ng.Generator(3))
    other = copied(loader)
    assert [b.tolist() for _, b in loader] == [b.tolist() for _, b in other]


def test_many_threads_gather_the_same():
    x = np.random.default_rng(0).standard_normal((5000, 300))
    results = []
    for threads in (1, 2, 4):
        with ng.num_threads(threads):
            results.append(all_rows(ArrayLoader(x, batch_size=4096, shuffle=True, generator=ng.Generator(0))).tobytes())
    assert results[0] == results[1] == results[2]


def test_empty_arrays():
    loader = ArrayLoader(np.zeros((0, 3)), np.zeros(0, int))
    assert len(loader) == 0 and list(loader) == []
    ((batch,),) = ArrayLoader(np.zeros((2, 0)))
    assert batch.shape == (2, 0)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: ArrayLoader(), TypeError, "ArrayLoader: give at least one array"),
        (lambda: ArrayLoader(3.0), ng.errors.ShapeError, "ArrayLoader: array 0 has no rows: its shape is ()"),
        (
            lambda: ArrayLoader(np.zeros(3), np.zeros(4)),
            ng.errors.ShapeError,
            "ArrayLoader: the arrays must have the same number of rows, got 3, 4",
        ),
        (
            lambda: ArrayLoader(np.zeros(3), np.zeros(3, complex)),
            ng.errors.DTypeError,
            "ArrayLoader: array 1 must hold floats, integers or booleans, got dtype complex128",
        ),
        (
            lambda: ArrayLoader(["a", "b"]),
            ng.errors.DTypeError,
            "ArrayLoader: array 0 must hold floats, integers or booleans, got dtype <U1",
        ),
        (
            lambda: ArrayLoader(np.ma.masked_array([1.0, 2.0], [True, False])),
            TypeError,
            "ArrayLoader: array 0 is masked, and a batch would lose the mask; write a.filled(value)",
        ),
        (lambda: ArrayLoader(np.zeros(3), batch_size=0), ValueError, "ArrayLoader: batch_size must be at least 1, got 0"),
        (lambda: ArrayLoader(np.zeros(3), batch_size=2.0), TypeError, "ArrayLoader: batch_size must be an int, got float 2.0"),
        (lambda: ArrayLoader(np.zeros(3), batch_size=True), TypeError, "ArrayLoader: batch_size must be an int, got bool True"),
        (lambda: ArrayLoader(np.zeros(3), shuffle=3), TypeError, "ArrayLoader: shuffle must be a bool, got int 3"),
        (
            lambda: ArrayLoader(np.zeros(3), dtype=np.int64),
            ng.errors.DTypeError,
            "ArrayLoader: dtype must be float32 or float64, got int64",
        ),
        (
            lambda: ArrayLoader(np.zeros(3), generator=np.random.default_rng()),
            TypeError,
            "ArrayLoader: generator must be a Generator, got Generator",
        ),
        (
            lambda: ArrayLoader(np.zeros(3)).load_state_dict(ArrayLoader(np.zeros(4)).state_dict()),
            ValueError,
            "ArrayLoader.load_state_dict: the loader has rows=3, the state 4",
        ),
        (
            lambda: ArrayLoader(np.zeros(3)).load_state_dict([]),
            TypeError,
            "ArrayLoader.load_state_dict: expected a dict as returned by state_dict()",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_repr():
    loader = ArrayLoader(rows(), np.arange(10), batch_size=5, shuffle=True, drop_last=True, dtype=np.float64)
    assert repr(loader) == "ArrayLoader(10 rows of (2, 3) float64, () int64, batch_size=5, shuffle=True, drop_last=True)"


def test_a_batch_of_one_array_is_a_tuple_too():
    batch = next(iter(ArrayLoader(np.zeros((4, 2)), batch_size=3)))
    message = r"^relu: got a tuple of one tensor; write x\[0\], or \(x,\) = batch to take a loader's batch apart$"
    with pytest.raises(TypeError, match=message):
        ng.relu(batch)
    (x,) = batch
    assert ng.relu(x).shape == (3, 2)
