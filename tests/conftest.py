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


def threads():
    return ng.get_num_threads() if hasattr(ng, "get_num_threads") else 0


@pytest.fixture(autouse=True)
def same_start_for_every_test():
    np.random.seed(0)
    if hasattr(ng, "manual_seed"):
        ng.manual_seed(0)
    before = threads(), ng.get_default_dtype(), ng.is_grad_enabled()
    yield
    after = threads(), ng.get_default_dtype(), ng.is_grad_enabled()
    if after != before:
        ng.set_num_threads(before[0])
        ng.set_default_dtype(before[1])
        ng.set_grad_enabled(before[2])
        pytest.fail(f"the test left threads, default dtype, grad mode at {after}; it found {before}")
