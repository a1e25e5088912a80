# SPDX-License-Identifier: LGPL-3.0-or-later
"""The ratios as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.libraries import TITLES
from benchmarks.measure import Result


def plot_ratios(path: Path, results: Sequence[Result], caption: str) -> None:
    """A bar per row, library and number of threads, with quartiles, on a logarithmic axis; goals as black marks."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = list(dict.fromkeys(result.row.id for result in results))
    series = list(dict.fromkeys((library, result.threads) for result in results for library in result.others))
    figure, axes = plt.subplots(figsize=(10, 1.6 + 0.16 * len(rows) * (len(series) + 1)), layout="constrained")
    height = 0.8 / len(series)
    for k, (library, threads) in enumerate(series):
        points = [result for result in results if result.threads == threads and library in result.others]
        places = [rows.index(result.row.id) + (k - (len(series) - 1) / 2) * height for result in points]
        ratios = [result.ratio(library) for result in points]
        medians = [ratio.median for ratio in ratios]
        errors = [[r.median - r.low for r in ratios], [r.high - r.median for r in ratios]]
        label = f"{TITLES[library]}, {threads} thread{'s' * (threads > 1)}"
        axes.barh(places, [m - 1 for m in medians], height, left=1, xerr=errors, label=label, error_kw={"lw": 0.8})
        if library == "torch":
            goals = [result.row.bar_at(threads) or float("nan") for result in points]
            axes.plot(goals, places, "|k", ms=8, mew=2)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xlabel("their time / nanograd's (right of 1: nanograd is faster; black marks: goals)")
    axes.set_ylabel("row")
    axes.set_title(caption, fontsize=7)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
