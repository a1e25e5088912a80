# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is shown of the results: a table on the terminal, JSON, and the tables of README and docs between their markers."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.libraries import TITLES, version
from benchmarks.measure import LimitResult, Result, Spread, geometric_mean
from benchmarks.row import OURS, THREADED_SHARE

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


@dataclass(frozen=True)
class Setting:
    """Where and with what was measured."""

    processor: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]

    @classmethod
    def here(cls, libraries: Sequence[str]) -> Setting:
        """This machine and these libraries."""
        return cls(
            processor=_processor(),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            versions={library: version(library) for library in libraries},
        )

    def __str__(self) -> str:
        versions = ", ".join(f"{TITLES[library]} {number}" for library, number in self.versions.items())
        return f"{self.processor}, {self.cores} cores, {self.system}, Python {self.python}, {versions}"


def _processor() -> str:
    """The processor's name and the widest vectors that it has."""
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    vectors = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    return " ".join(filter(None, [fields.get("model name", platform.machine()), vectors and f"({vectors})"]))


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def number(value: float) -> str:
    """A ratio: two digits behind the point below 10, one below 100."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "missed", None: ""}[met]


def print_rows(console: Console, results: Sequence[Result]) -> None:
    """One line per row and number of threads."""
    if not results:
        return
    others = list(dict.fromkeys(library for result in results for library in result.others))
    table = Table(title="their time / ours: median and quartiles over rounds", title_justify="left")
    for title in ("row", "threads", *(TITLES[library] for library in (OURS, *others))):
        table.add_column(title, justify="left" if title == "row" else "right")
    for library in others:
        table.add_column(f"{TITLES[library]} / ours", justify="right")
    for title in ("at least", "", "1 thread"):
        table.add_column(title, justify="right")
    for result in results:
        ratios = {library: result.ratio(library) for library in result.others}
        bar = result.row.bar_at(result.threads)
        table.add_row(
            result.row.id,
            str(result.threads),
            *(duration(result.seconds(each).median) if each in result.samples else "" for each in (OURS, *others)),
            *(_spread(ratios[library]) if library in ratios else "" for library in others),
            "" if bar is None else number(bar),
            {True: "[green]met", False: "[bold red]missed", None: ""}[result.met],
            "" if result.slowdown is None else f"x {result.slowdown:.2f}",
        )
    console.print(table)
    for line in group_lines(results):
        console.print(line)


def _spread(spread: Spread) -> str:
    return f"{number(spread.median)} ({number(spread.low)}-{number(spread.high)})"


def print_ops(console: Console, results: Sequence[Result]) -> None:
    """One line per op and number of threads, with a ratio for each size, bold where it is below its floor."""
    results = [result for result in results if "torch" in result.samples]
    if not results:
        return
    sizes = list(dict.fromkeys(result.row.size for result in results))
    by_op: dict[tuple[str, int], dict[str, Result]] = {}
    for result in results:
        by_op.setdefault((result.row.name.rsplit("/", 1)[0], result.threads), {})[result.row.size] = result
    table = Table(title="PyTorch's time / ours, median over rounds, and our time", title_justify="left")
    for title in ("op", "threads", *sizes, *(f"ours, {size}" for size in sizes)):
        table.add_column(title, justify="left" if title == "op" else "right")
    for (name, threads), by_size in by_op.items():
        cells = []
        for size in sizes:
            ratio = number(by_size[size].ratio("torch").median) if size in by_size else ""
            missed = size in by_size and by_size[size].met is False
            cells.append(f"[bold red]{ratio} < {by_size[size].row.bar:g}[/]" if missed else ratio)
        times = [duration(by_size[size].seconds(OURS).median) if size in by_size else "" for size in sizes]
        table.add_row(name, str(threads), *cells, *times)
    console.print(table)
    missed = sum(result.met is False for result in results)
    console.print(f"{missed} of {len(results)} below their floor")
    for line in group_lines(results):
        console.print(line)


def group_lines(results: Sequence[Result]) -> list[str]:
    """The geometric mean of PyTorch's time / ours for each group of rows and number of threads."""
    groups: dict = {}
    for result in results:
        if result.row.group is not None and "torch" in result.samples:
            groups.setdefault((result.row.group, result.threads), []).append(result.ratio("torch").median)
    lines = []
    for (group, threads), ratios in groups.items():
        mean = geometric_mean(ratios)
        lines.append(
            f"{group.name}, {len(ratios)} rows, threads {threads}: geometric mean {number(mean)}, "
            f"at least {number(group.bar)}: {_verdict(mean >= group.bar)}"
        )
    return lines


def print_limits(console: Console, results: Sequence[LimitResult]) -> None:
    """The quantities that should stay small."""
    if not results:
        return
    libraries = list(dict.fromkeys(library for result in results for library in result.samples))
    table = Table(title="what a library costs before it does anything", title_justify="left")
    for title in ("", *(TITLES[library] for library in libraries), "ours at most", ""):
        table.add_column(title, justify="left" if not table.columns else "right")
    for result in results:
        limit = result.limit
        table.add_row(
            limit.title,
            *(_amount(result, library) for library in libraries),
            f"{limit.most:g} {limit.unit}",
            {True: "[green]met", False: "[bold red]missed", None: ""}[result.met],
        )
    console.print(table)


def _amount(result: LimitResult, library: str) -> str:
    if library not in result.samples:
        return ""
    return f"{Spread.of(result.samples[library]).median:.3g} {result.limit.unit}".rstrip()


def write_json(path: Path, setting: Setting, results: Sequence[Result], limits: Sequence[LimitResult]) -> None:
    """Everything, with quartiles, for programs."""
    rows = [
        {
            "id": result.row.id,
            "title": result.row.title,
            "threads": result.threads,
            "seconds": {library: asdict(result.seconds(library)) for library in result.samples},
            "ratio": {library: asdict(result.ratio(library)) for library in result.others},
            "bar": result.row.bar_at(result.threads),
            "slowdown": result.slowdown,
            "met": result.met,
        }
        for result in results
    ]
    measured = [
        {
            "id": result.limit.id,
            "title": result.limit.title,
            "unit": result.limit.unit,
            "most": result.limit.most,
            "value": {library: asdict(Spread.of(samples)) for library, samples in result.samples.items()},
            "met": result.met,
        }
        for result in limits
    ]
    document = {"setting": asdict(setting), "rows": rows, "groups": group_lines(results), "limits": measured}
    path.write_text(json.dumps(document, indent=1) + "\n")


def markdown(setting: Setting, results: Sequence[Result], limits: Sequence[LimitResult]) -> str:
    """A line per row, a pair of columns per number of threads; what misses its goal is bold, what is slower than with one thread
    has a dagger."""
    counts = list(dict.fromkeys(result.threads for result in results))
    heads = ["float32", "nanograd", "PyTorch"]
    for count in counts:
        heads += [f"PyTorch / ours, {count} thread{'s' * (count > 1)}", "goal"]
    lines = [_line(heads), _line(["---"] + ["---:"] * (len(heads) - 1))]
    by_row: dict[str, dict[int, Result]] = {}
    for result in results:
        by_row.setdefault(result.row.id, {})[result.threads] = result
    for per_count in by_row.values():
        first = per_count[counts[0]]
        cells = [first.row.title, duration(first.seconds(OURS).median), duration(first.seconds("torch").median)]
        for result in per_count.values():
            ratio, bar = number(result.ratio("torch").median), result.row.bar_at(result.threads)
            cells += [(f"**{ratio}**" if result.reached is False else ratio) + " †" * result.late, "" if bar is None else f"{bar:.3g}"]
        lines.append(_line(cells))
    libraries = [library for library in TITLES if any(library in result.samples for result in limits)]
    if limits:
        lines += ["", _line(["", *(TITLES[library] for library in libraries), "goal"])]
        lines.append(_line(["---"] + ["---:"] * (len(libraries) + 1)))
    for result in limits:
        cells = [_amount(result, library) for library in libraries]
        if result.met is False:
            cells[0] = f"**{cells[0]}**"
        lines.append(_line([result.limit.title, *cells, f"at most {result.limit.most:g} {result.limit.unit}".rstrip()]))
    missed = sum(getattr(result, "reached", result.met) is False for result in [*results, *limits])
    late = sum(result.late for result in results)
    many = "" if len(counts) == 1 else (f" The goals at more than one thread are {THREADED_SHARE:g} of those at one, except for "
                                        f"convolutions, normalisation and pooling.")
    lines += [
        "",
        f"Times are at {counts[0]} thread{'s' * (counts[0] > 1)}; a ratio above 1 says that nanograd is faster. Ratios are medians of "
        f"PyTorch's time / ours over rounds in which the two take turns. **Bold**: misses its goal ({missed} of "
        f"{len(results) + len(limits)}). †: slower than with one thread ({late}).{many} Measured on {setting}.",
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def update_table(path: Path, table: str) -> None:
    """Put the table between the page's markers."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"benchmarks: {path} must hold the markers {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    path.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", encoding="utf-8")
