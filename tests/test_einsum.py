# SPDX-License-Identifier: LGPL-3.0-or-later
"""einsum against NumPy's; it is linear in each operand, so its gradients can be checked by einsum itself."""
import numpy as np
import pytest

import nanograd as ng

SIZES = dict(zip("abcdefghijklmnoqk", [2, 3, 4, 2, 3, 2, 3, 2, 3, 4, 5, 2, 3, 2, 4, 3, 5], strict=True))
SUBSCRIPTS = [
    "ij,jk->ik", "ij,jk", "ij,kj->ik", "ji,jk->ik", "ij,ij->ij", "ij,ij->", "ij->ji", "ij->j", "ii->i", "ii", "ii,i->", "iij->ij", "ba", "ijk->kij",
    "ijk,kl->ijl", "bij,bjk->bik", "bij,bkj->bik", "i,j->ij", "i,i->", "i,i", "ij,j->i", "...ij,...jk->...ik", "...i,...i->...", "b...i,i->b...",
    "...->...", "...i->...i", "ij,jk,kl->il", "ij,jk,kl", "i,j,k->ijk", "bhqd,bhkd->bhqk", "bhqk,bhkd->bhqd", "abc,cd,def->abef", "ij,ik,il->jkl",
    "iii->i", "iii", "ijij->ij", "ij,k->ijk", "ab,bc,cd,de->ae", "bi,oi,bo->", "...,...->...", "i...,i->i...", " i j , j k -> i k "]


def operands(subscripts, ellipsis, seed=0):
    rng = np.random.default_rng(seed)
    shapes = []
    for part in subscripts.replace(" ", "").split("->")[0].split(","):
        before, dots, after = part.partition("...")
        shapes.append([SIZES[c] for c in before] + list(ellipsis if dots else ()) + [SIZES[c] for c in after])
    return [rng.standard_normal(shape) for shape in shapes]


def check(subscripts, arrays):
    expected = np.einsum(subscripts, *arrays)
    tensors = [ng.tensor(a, requires_grad=True) for a in arrays]
    y = ng.einsum(subscripts, *tensors)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)
    rng = np.random.default_rng(9)
    cotangent = rng.standard_normal(expected.shape)
    y.backward(ng.tensor(cotangent))
    for i, tensor in enumerate(tensors):
        direction = rng.standard_normal(tensor.shape)
        along = np.einsum(subscripts, *[direction if i == j else a for j, a in enumerate(arrays)])
        assert tensor.grad.shape == tensor.shape
        np.testing.assert_allclose((tensor.grad.numpy() * direction).sum(), (along * cotangent).sum(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_values_and_gradients(subscripts):
    for ellipsis in ((2, 3), (), (5,)) if "..." in subscripts else ((),):
        check(subscripts, operands(subscripts, ellipsis))


@pytest.mark.parametrize("subscripts, shapes", [
    ("...ij,...jk->...ik", [(1, 5, 2, 3), (4, 1, 3, 2)]), ("...ij,...jk->...ik", [(2, 3), (4, 1, 3, 2)]), ("ij,jk->ik", [(2, 1), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 2)]), ("ii->i", [(0, 0)]), ("i,i->i", [(1,), (4,)]), ("ij,ij->", [(1, 1), (2, 3)])])
def test_broadcasting_and_empty_axes(subscripts, shapes):
    rng = np.random.default_rng(0)
    check(subscripts, [rng.standard_normal(shape) for shape in shapes])


def test_numpys_einsum_of_a_tensor_is_ours():
    a = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = np.einsum("ij,ij->i", a, a)
    assert isinstance(y, ng.Tensor)
    y.backward()
    np.testing.assert_array_equal(a.grad.numpy(), 2 * a.numpy())


@pytest.mark.parametrize("error, message, subscripts, shapes", [
    (ng.ShapeError, r"^einsum: 'j' in 'ij,jk->ik' is 3 in one operand and 4 in another \(\(2, 3\), \(4, 2\)\)$", "ij,jk->ik", [(2, 3), (4, 2)]),
    (ng.ShapeError, r"^einsum: a letter that an operand has twice needs axes of the same size, 'ii' got shape \(1, 3\)$", "ii", [(1, 3)]),
    (ValueError, r"^einsum: each letter after '->' must occur there once, and in an operand, got 'ij->k'$", "ij->k", [(2, 3)]),
    (ValueError, r"^einsum: each letter after '->' must occur there once, and in an operand, got 'ij->ii'$", "ij->ii", [(2, 3)]),
    (ValueError, r"^einsum: 'ij,jk' names 2 operands, got 1$", "ij,jk", [(2, 3)]),
    (ValueError, r"^einsum: 'ijk' in 'ijk' does not fit an operand of shape \(2, 3\)$", "ijk", [(2, 3)]),
    (ValueError, r"^einsum: subscripts must be letters, '...', ',' and one '->', got 'i->j->k'$", "i->j->k", [(2,)]),
    (ValueError, r"^einsum: subscripts must be letters, .* got 'i...j...'$", "i...j...", [(2, 2)]),
    (ValueError, r"^einsum: at least one operand is needed$", "ij", []),
    (TypeError, r"^einsum: subscripts must be a string such as 'ij,jk->ik', got int$", 3, [(2,)])])
def test_errors(error, message, subscripts, shapes):
    with pytest.raises(error, match=message):
        ng.einsum(subscripts, *map(ng.zeros, shapes))
