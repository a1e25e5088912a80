# SPDX-License-Identifier: LGPL-3.0-or-later
"""From a NumPy array to a tensor and back."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.row import Job, Row


def make_round_trip(library: str, *, function: str) -> Job | None:
    """`from_numpy(a).numpy()` or `tensor(a).numpy()` of 64 elements."""
    array = np.random.default_rng(0).standard_normal(64, np.float32)
    match library:
        case "nanograd":
            import nanograd as module
        case "torch":
            import torch as module
        case _:
            return None
    return Job("convert(a).numpy()", {"convert": getattr(module, function), "a": array})


ROWS = [
    Row(
        "arrays",
        f"{function}-64",
        f"NumPy array (64,) to tensor and back, `{function}`",
        partial(make_round_trip, function=function),
        bar=6,
    )
    for function in ("from_numpy", "tensor")
]
