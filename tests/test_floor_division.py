# SPDX-License-Identifier: LGPL-3.0-or-later
"""x // y and x % y: NumPy's bits, whether a block of elements has small quotients only or goes through fmod."""
import numpy as np
import pytest

import nanograd as ng

SPECIAL = [0.0, -0.0, 1, -1, 0.1, -0.1, 3, -3, 1 / 3, 7, 1e-30, 1e30, -1e30, 1e-45, 2**21, 2**21 + 1, 2**22 + 0.5, 2**50, 2**52 + 1,
           np.inf, -np.inf, np.nan]


def pairs(dtype):
    """Operands: every pair of special values beside the others, and each in a block of its own; quotients around whole numbers."""
    a, b = (grid.ravel() for grid in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    yield a, b
    yield from ((np.full(19, x), np.full(19, y)) for x, y in zip(a, b))
    rng = np.random.default_rng(0)
    for exponent in (1, 4, 8):
        b = rng.normal(size=3001).astype(dtype)
        yield (rng.normal(size=3001) * 10 ** rng.uniform(-3, exponent, 3001)).astype(dtype), b
        yield (rng.integers(-(10**exponent), 10**exponent, 3001) * b).astype(dtype), b


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ours, theirs", [(lambda a, b: a // b, np.floor_divide), (lambda a, b: a % b, np.remainder)], ids=["//", "%"])
def test_bits_of_numpy(ours, theirs, dtype):
    for a, b in pairs(dtype):
        with np.errstate(all="ignore"):
            expected = theirs(a, b)
        got = ours(ng.tensor(a), ng.tensor(b)).numpy()
        np.testing.assert_array_equal(got, expected)
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(expected[numbers]))


def test_floor_division_and_remainder_follow_numpy():
    rng = np.random.default_rng(0)
    a = np.concatenate([rng.normal(size=200) * 10, [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 5, 5]])
    b = np.concatenate([rng.normal(size=200) * 3, [1, 1, 0.1, 0.1, 2, 2, 1, np.inf, -np.inf]])
    with np.errstate(all="ignore"):
        for x, y in ((a, b), (b, a)):
            np.testing.assert_array_equal(ng.tensor(x) // y, x // y)
            np.testing.assert_array_equal(ng.tensor(x) % y, x % y)
