# SPDX-License-Identifier: LGPL-3.0-or-later
"""The clock: jobs take turns, round by round, and the ratios of each round are what is kept."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.libraries import set_threads
from benchmarks.row import OURS, Job, Limit, Row

# After parallel work PyTorch's OpenMP threads spin for some milliseconds before they sleep. Without this pause they
# would take a core from whoever is measured next.
PAUSE = 0.004


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """The spread of some samples."""
        if len(samples) == 1:
            return cls(samples[0], samples[0], samples[0])
        low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Result:
    """A row at one number of threads: for each library the seconds per run, one sample a round."""

    row: Row
    threads: int
    samples: dict[str, list[float]]
    single: list[float] | None = None  # our samples at 1 thread from the same rounds

    def seconds(self, library: str) -> Spread:
        """The time of one run."""
        return Spread.of(self.samples[library])

    def ratio(self, library: str) -> Spread:
        """That library's time / ours, round by round."""
        return Spread.of([other / ours for other, ours in zip(self.samples[library], self.samples[OURS], strict=True)])

    @property
    def others(self) -> list[str]:
        """The libraries we are compared with here."""
        return [library for library in self.samples if library != OURS]

    @property
    def slowdown(self) -> float | None:
        """Our time / our time at 1 thread, if that was measured too."""
        if self.single is None:
            return None
        return Spread.of([mine / one for mine, one in zip(self.samples[OURS], self.single, strict=True)]).median

    @property
    def met(self) -> bool | None:
        """Whether the row clears its bar (None: it has none, or PyTorch was not measured)."""
        return None if self.reached is None else self.reached and not self.late

    @property
    def reached(self) -> bool | None:
        """Whether the ratio clears the bar, slower than with one thread or not."""
        bar = self.row.bar_at(self.threads)
        return None if bar is None or "torch" not in self.samples else self.ratio("torch").median >= bar

    @property
    def late(self) -> bool:
        """Whether ours takes longer than with one thread, by more than is allowed."""
        return self.slowdown is not None and self.slowdown > self.row.threaded_limit


@dataclass(frozen=True)
class LimitResult:
    """A limit, measured for each library."""

    limit: Limit
    samples: dict[str, list[float]]

    @property
    def met(self) -> bool | None:
        """Whether ours is within the limit."""
        return Spread.of(self.samples[OURS]).median <= self.limit.most if OURS in self.samples else None


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and seconds of one sample and of the warm-up of one job. After `enough` seconds a row
    may stop at `FEWEST` rounds.
    """

    rounds: int
    sample: float
    warm_up: float
    enough: float = math.inf

    @property
    def brief(self) -> Effort:
        """For a row that is one of hundreds."""
        return Effort(max(FEWEST, self.rounds // 3), self.sample / 4, self.warm_up / 8, enough=self.warm_up * 4)


FEWEST = 5

FULL = Effort(rounds=41, sample=0.004, warm_up=0.1)
QUICK = Effort(rounds=9, sample=0.001, warm_up=0.02)


def measure_row(row: Row, libraries: Sequence[str], threads: Sequence[int], effort: Effort) -> list[Result]:
    """One result per number of threads; all of them share their rounds."""
    effort = effort.brief if row.is_brief else effort
    jobs = {library: job for library in libraries if (job := row.make(library)) is not None}
    turns = [(count, library) for count in threads for library in jobs]
    loops = {}
    for count, library in turns:
        set_threads(library, count)
        loops[count, library] = _warm_up(jobs[library], effort)
    samples: dict[tuple[int, str], list[float]] = {turn: [] for turn in turns}
    start = time.perf_counter()
    for number in range(effort.rounds):
        if number >= FEWEST and time.perf_counter() - start > effort.enough:
            break
        for turn in _rotated(turns, number):
            count, library = turn
            set_threads(library, count)
            time.sleep(PAUSE)
            job, n = jobs[library], loops[turn]
            job.seconds(1 + n // 8)
            samples[turn].append(job.seconds(n) / n)
    single = samples.get((1, OURS))
    return [
        Result(row, count, {library: samples[count, library] for library in jobs}, single if count != 1 else None)
        for count in threads
    ]


def measure_limit(limit: Limit, libraries: Sequence[str], rounds: int) -> LimitResult:
    """A limit for each library that has it."""
    found = {library: samples for library in libraries if (samples := limit.measure(library, rounds)) is not None}
    return LimitResult(limit, found)


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(statistics.fmean(map(math.log, values)))


def _warm_up(job: Job, effort: Effort) -> int:
    """Run the job until it is warm; the number of runs that fill a sample."""
    loops, spent = 1, 0.0
    while True:
        seconds = job.seconds(loops)
        spent += seconds
        if spent >= effort.warm_up and seconds >= effort.sample / 4:
            return max(1, round(effort.sample * loops / seconds))
        if seconds < effort.sample:
            loops *= 2


def _rotated(turns: list[tuple[int, str]], number: int) -> Iterator[tuple[int, str]]:
    """The turns, each round beginning one later, so that nobody always follows the same neighbour."""
    start = number % len(turns)
    yield from turns[start:]
    yield from turns[:start]
