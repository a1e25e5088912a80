# SPDX-License-Identifier: LGPL-3.0-or-later
"""cosine_similarity of vectors that broadcast."""
import numpy as np
import pytest

import nanograd as ng
import nanograd.nn.functional as F
from nanograd.testing import gradcheck


@pytest.mark.parametrize(("a", "b", "axis"), [
    ((2, 3, 4), (3, 4), 1), ((3, 4), (4,), 0), ((3, 4, 5), (3, 4, 1), -1), ((3, 4), (4,), 1), ((2, 1, 4), (3, 4), 1), ((4,), (3, 4), -2),
])
def test_the_axis_is_one_of_the_broadcast_shape(a, b, axis):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(a), rng.standard_normal(b)
    full_x, full_y = np.broadcast_arrays(x, y)
    expected = (full_x * full_y).sum(axis) / np.sqrt((full_x**2).sum(axis) * (full_y**2).sum(axis))
    np.testing.assert_allclose(ng.cosine_similarity(x, y, axis).numpy(), expected, rtol=1e-13)
    np.testing.assert_allclose(F.cosine_similarity(x, y, dim=axis).numpy(), expected, rtol=1e-13)
    gradcheck(lambda x, y: ng.cosine_similarity(x, y, axis), [ng.tensor(x, requires_grad=True), ng.tensor(y, requires_grad=True)])


def test_an_axis_that_the_broadcast_shape_lacks():
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds"):
        ng.cosine_similarity(np.ones((3, 4)), np.ones(4), axis=2)


@pytest.mark.parametrize("shapes, axis", [(((3, 1), (1, 4)), -1), (((3, 1), (1, 4)), 0), (((4,), (3, 4)), 0), (((2, 1, 3), (4, 1)), 1),
                                          (((), (3, 2)), 0), (((2, 3), (5, 1, 3)), 2), (((2, 3), (5, 1, 3)), 0)])
def test_cosine_similarity_is_that_of_the_broadcast_vectors(shapes, axis):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    tensors = [ng.tensor(a, requires_grad=True) for a in arrays]
    a, b = np.broadcast_arrays(*arrays)
    expected = (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))
    np.testing.assert_allclose(ng.cosine_similarity(*tensors, axis).numpy(), expected, rtol=1e-13, atol=1e-15)
    assert gradcheck(lambda *x: ng.cosine_similarity(*x, axis), tensors)
    with pytest.raises(np.exceptions.AxisError, match="^cosine_similarity: axis 3 is out of bounds"):
        ng.cosine_similarity(*tensors, 3)
