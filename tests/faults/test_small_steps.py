# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the smallest training steps are made of: outer products, and settings read anew in every step."""
import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("m", [1, 2, 5, 64])
def test_outer_products_of_every_width(m, k):
    """Strips of 8, 4 and 1 vectors, single columns, rows of a wide result; the same bits as a wide result's."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        b = rng.normal(size=(k, 300)).astype(dtype)
        a = rng.normal(size=(m, k)).astype(dtype)
        wide = (ng.tensor(a) @ ng.tensor(b)).numpy()
        np.testing.assert_allclose(wide, a.astype(np.float64) @ b, rtol=1e-5, atol=1e-6)
        for n in (*range(1, 40), 63, 64, 65, 100, 127, 128, 129, 200):
            narrow = (ng.tensor(a) @ ng.tensor(b[:, :n].copy())).numpy()
            np.testing.assert_allclose(narrow, wide[:, :n], rtol=1e-6, atol=1e-6)
            added = ng.tensor(np.ones((3, m, k), dtype)) * ng.tensor(a)
            np.testing.assert_allclose(ng.einsum("bmk,kn->mn", added, ng.tensor(b[:, :n].copy())).numpy(), 3 * narrow, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m, k, n", [(128, 128, 128), (256, 256, 256), (384, 384, 384), (300, 256, 256), (300, 300, 300), (257, 64, 257)])
def test_products_cut_by_columns(m, k, n, dtype):
    """C, A.T and B.T of sizes that are cut into blocks of columns; the same bits for any number of threads."""
    rng = np.random.default_rng(0)
    a, b, dy = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    seen = []
    for threads in (1, 2, 4):
        with ng.num_threads(threads):
            x, y = ng.tensor(a, requires_grad=True), ng.tensor(b, requires_grad=True)
            z = x @ y
            z.backward(dy)
            seen.append([t.numpy().copy() for t in (z, x.grad, y.grad)])
    a, b, dy = (array.astype(np.float64) for array in (a, b, dy))
    for got, want in zip(seen[0], (a @ b, dy @ b.T, a.T @ dy)):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-12)
    assert all(np.array_equal(p, q) for other in seen[1:] for p, q in zip(seen[0], other))


class Half(float):
    """A number that is asked as a subclass of float, not read as a float."""

    def __float__(self):
        return 0.5


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_settings_are_read_and_checked_in_every_step(cls):
    p, q = nn.Parameter([1.0, 2.0]), nn.Parameter([1.0, 2.0])
    plain, asked = cls([p], lr=0.5), cls([q], lr=0.1)
    asked.param_groups[0]["lr"] = Half(0.25)
    for parameter, optimizer in ((p, plain), (q, asked)):
        parameter.grad = np.float32([1.0, -1.0])
        optimizer.step()
    assert np.array_equal(p.numpy(), q.numpy())
    before = q.numpy().copy()
    for bad in (-1.0, float("nan"), "0.1", None, 1 + 2j):
        asked.param_groups[0]["lr"] = bad
        with pytest.raises((TypeError, ValueError), match=f"{cls.__name__}: lr must be"):
            asked.step()
    del asked.param_groups[0]["lr"]
    with pytest.raises(ValueError, match=f"{cls.__name__}: a group has no 'lr'"):
        asked.step()
    asked.param_groups[0]["lr"] = np.float64(0.5)
    assert np.array_equal(q.numpy(), before)
    asked.step()
    assert not np.array_equal(q.numpy(), before)


def test_a_flag_is_a_bool():
    p = nn.Parameter([1.0])
    optimizer = optim.Adam([p])
    p.grad = np.float32([1.0])
    optimizer.param_groups[0]["amsgrad"] = np.bool_(True)
    optimizer.step()
    optimizer.param_groups[0]["amsgrad"] = 1
    with pytest.raises(TypeError, match="Adam: amsgrad must be a bool, got int 1"):
        optimizer.step()
