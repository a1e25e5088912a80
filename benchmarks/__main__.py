# SPDX-License-Identifier: LGPL-3.0-or-later
"""The command line: ``python -m benchmarks`` from a checkout."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.libraries import TITLES, is_installed
from benchmarks.row import OURS

ROOT = Path(__file__).resolve().parent.parent
README, PAGE = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; a mistake ends the program with a line that says what is wrong."""
    parser = argparse.ArgumentParser("python -m benchmarks", description="nanograd's speed beside that of other libraries")
    parser.add_argument(
        "--filter", default="", metavar="PATTERN[,...]", help="rows whose family/name contains or matches one of these; "
        "ops: every function at 4, 1,000 and 4 million elements, which no other pattern chooses",
    )
    parser.add_argument(
        "--threads",
        type=_counts,
        default=None,
        metavar="N[,M]",
        help="numbers of threads (default 1; with --update-readme 1,2)",
    )
    parser.add_argument(
        "--against",
        type=_libraries,
        default=["torch", "numpy"],
        metavar="LIB[,...]",
        help="torch, numpy, jax: each if installed (default torch,numpy)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--list", action="store_true", help="list the chosen rows and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="write a picture of the ratios")
    parser.add_argument("--update-readme", action="store_true", help="write the tables of README.md and docs/benchmarks.md")
    options = parser.parse_args(arguments)
    if options.update_readme and (options.filter or options.quick or "torch" not in options.against):
        parser.error("--update-readme takes all rows, measured in full, against torch")
    if options.threads is None:
        options.threads = [1, 2] if options.update_readme else [1]
    return options


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError("a number of threads is at least 1")
    return list(dict.fromkeys(counts))


def _libraries(text: str) -> list[str]:
    libraries = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := set(libraries) - set(TITLES) | {OURS} & set(libraries):
        raise argparse.ArgumentTypeError(f"not among torch, numpy, jax: {', '.join(sorted(unknown))}")
    return libraries


def main(arguments: list[str] | None = None) -> int:
    """Measure and report."""
    options = parse(arguments)
    try:
        from rich.console import Console
        from rich.progress import Progress, TimeElapsedColumn
    except ImportError:
        sys.exit('benchmarks: rich is missing; python -m pip install -e ".[bench]"')
    from benchmarks import measure, report, rows

    console = Console(width=None if sys.stdout.isatty() else 180)
    chosen, limits = rows.chosen(rows.ROWS, options.filter), rows.chosen(rows.LIMITS, options.filter)
    ops = rows.chosen_ops(options.filter)
    if not chosen and not limits and not ops:
        sys.exit(f"benchmarks: no row matches {options.filter!r}; --list shows them")
    if options.list:
        for row in [*chosen, *ops, *limits]:
            print(f"{row.id:44s} {row.title}")
        return 0
    libraries = [OURS, *(library for library in options.against if is_installed(library))]
    for library in options.against:
        if not is_installed(library):
            console.print(f"{TITLES[library]} is not installed: left out")
    if options.update_readme and "torch" not in libraries:
        sys.exit("benchmarks: --update-readme needs PyTorch")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if max(options.threads) > cores:
        console.print(f"[bold]{max(options.threads)} threads on {cores} cores: the rows at that number say little")
    effort = measure.QUICK if options.quick else measure.FULL
    setting = report.Setting.here(libraries)
    console.print(str(setting))

    results, of_ops, measured = [], [], []
    with Progress(
        *Progress.get_default_columns(), TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=len(chosen) + len(ops) + len(limits))
        for row in chosen:
            progress.update(task, description=row.id)
            results += measure.measure_row(row, libraries, options.threads, effort)
            progress.advance(task)
        for row in ops:
            progress.update(task, description=row.id)
            of_ops += measure.measure_row(row, libraries, options.threads, effort)
            progress.advance(task)
        for limit in limits:
            progress.update(task, description=limit.id)
            measured.append(measure.measure_limit(limit, libraries, effort.rounds))
            progress.advance(task)

    report.print_rows(console, results)
    report.print_ops(console, of_ops)
    report.print_limits(console, measured)
    if options.json:
        report.write_json(options.json, setting, [*results, *of_ops], measured)
    if options.plot and results:
        from benchmarks.plot import plot_ratios

        plot_ratios(options.plot, results, str(setting))
    if options.update_readme:
        report.update_table(PAGE, report.markdown(setting, results, measured))
        headlines = [result for result in results if result.row.id in rows.HEADLINES]
        report.update_table(README, report.markdown(setting, headlines, []))
        console.print(f"tables written to {README} and {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
