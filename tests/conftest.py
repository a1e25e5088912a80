# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fixtures of the whole suite: every test starts from the same random state and leaves the process as it found it."""
import importlib.util

import numpy as np
import pytest

import nanograd as ng

HAS_TORCH = importlib.util.find_spec("torch") is not None


def pytest_collection_modifyitems(items):
    if not HAS_TORCH:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))


def state():
    return {"threads": ng.get_num_threads(), "default dtype": ng.get_default_dtype(), "grad mode": ng.is_grad_enabled()}


@pytest.fixture(autouse=True)
def same_start_for_every_test():
    np.random.seed(0)
    ng.manual_seed(0)
    before = state()
    yield
    after = state()
    if after != before:
        ng.set_num_threads(before["threads"])
        ng.set_default_dtype(before["default dtype"])
        ng.set_grad_enabled(before["grad mode"])
        pytest.fail(f"the test left {after}; it found {before}")
