# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a row is: one job, made for each library, and how fast it should be."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

OURS = "nanograd"
# With 2 threads or more a row's bar is this share of its bar at 1 thread (but for a SteadyRow) ...
THREADED_SHARE = 0.8
# ... and our own time may be at most this multiple of our time at 1 thread.
THREADED_LIMIT = 1.05


class Job:
    """A statement to be timed, as in `timeit.Timer`: a callable, or source that is compiled into the loop, which spares
    an operation of 0.2 us the 0.05 us of a call. `context` is entered around the loop, not within it.
    """

    def __init__(
        self,
        statement: str | Callable[[], object],
        names: dict[str, Any] | None = None,
        context: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        # The collector stays on, as in the programs that are measured by this (timeit turns it off).
        names = {**(names or {}), "_gc": __import__("gc")}
        self._timer = timeit.Timer(statement, "_gc.enable()", globals=names)
        self._context = context

    def seconds(self, loops: int) -> float:
        """The time of `loops` runs."""
        with self._context():
            return self._timer.timeit(loops)


@dataclass(frozen=True)
class Group:
    """Rows whose ratios are summed up in one geometric mean, which has a bar of its own."""

    name: str
    bar: float


@dataclass(frozen=True)
class Row:
    """One job for several libraries.

    `make(library)` gives the `Job` of "nanograd", "torch", "numpy" or "jax", or None where it has no counterpart.
    `bar` is the least that PyTorch's time / ours should be at 1 thread (None: no goal).
    """

    family: str
    name: str
    title: str
    make: Callable[[str], Job | None]
    bar: float | None = None
    group: Group | None = None

    is_brief: ClassVar[bool] = False  # measured in fewer and shorter rounds: one of hundreds

    @property
    def id(self) -> str:
        """What `--filter` looks at."""
        return f"{self.family}/{self.name}"

    @property
    def threaded_limit(self) -> float:
        """The most that our own time with more threads may be, as a multiple of our time at 1 thread."""
        return THREADED_LIMIT

    def bar_at(self, threads: int) -> float | None:
        """The bar with this many threads."""
        return self.bar if self.bar is None or threads == 1 else self.bar * THREADED_SHARE


@dataclass(frozen=True)
class SteadyRow(Row):
    """A row whose bar is the same for any number of threads."""

    def bar_at(self, threads: int) -> float | None:
        """The bar."""
        return self.bar


@dataclass(frozen=True)
class Limit:
    """A quantity of a library that should be at most `most` for ours: import time, installed size.

    `measure(library, rounds)` gives the samples, or None where the library has none.
    """

    family: str
    name: str
    title: str
    unit: str
    most: float
    measure: Callable[[str, int], list[float] | None]

    @property
    def id(self) -> str:
        """What `--filter` looks at."""
        return f"{self.family}/{self.name}"


def faster(*jobs: Job) -> Job:
    """The fastest of several ways to do a job, by a short trial."""
    for job in jobs:
        job.seconds(100)
    return min(jobs, key=lambda job: min(job.seconds(100) for _ in range(5)))
