# SPDX-License-Identifier: LGPL-3.0-or-later
"""All rows, in the order of the table, and how `--filter` chooses among them.

The ops are not in the table: three hundred lines. They are measured if a pattern asks for their family.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from benchmarks import (
    rows_arrays,
    rows_conv,
    rows_core,
    rows_elementwise,
    rows_infer,
    rows_norm,
    rows_ops,
    rows_pool,
    rows_process,
    rows_train,
)
from benchmarks.row import Limit, Row

ROWS: list[Row] = [*rows_core.ROWS, *rows_train.ROWS, *rows_infer.ROWS, *rows_arrays.ROWS, *rows_conv.ROWS, *rows_norm.ROWS,
                   *rows_pool.ROWS]  # fmt: skip
LIMITS: list[Limit] = [*rows_process.LIMITS]
# What the README shows; docs/benchmarks.md has all.
HEADLINES = ("core/add-4", "train/8-64-64-4-batch-1-adam", "train/8-64-64-4-batch-1-fused-adam", "train/784-128-64-10-batch-32-adam",
             "train/784-128-64-10-batch-1024-adam", "infer/8-64-64-4-numpy", "conv/net-batch-32", "conv/5x5")


def chosen(rows: Iterable, patterns: str) -> list:
    """The rows whose id ("family/name") contains one of the comma-separated patterns, or matches it as a glob."""
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    return _matching(rows, wanted)


def ops() -> list[Row]:
    """The ops' rows."""
    return [*rows_ops.rows(), *rows_elementwise.ROWS]


def chosen_ops(patterns: str) -> list:
    """The ops' rows, by those of the patterns that begin with "ops"."""
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip().startswith("ops")]
    return _matching(ops(), wanted) if wanted else []


def _matching(rows: Iterable, wanted: list[str]) -> list:
    return [row for row in rows if any(pattern in row.id or fnmatchcase(row.id, pattern) for pattern in wanted)]
