# SPDX-License-Identifier: LGPL-3.0-or-later
"""The benchmarks' own arithmetic and reports. Nothing here asserts a time."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="the benchmarks are not beside the tests")
sys.path.append(str(ROOT))  # behind everything else: an installed nanograd stays the one that is tested

needs_rich = pytest.mark.skipif(not importlib.util.find_spec("rich"), reason='needs python -m pip install -e ".[bench]"')


def result(times, threads=1, bar=2.0, single=None, name="job"):
    from benchmarks.measure import Result
    from benchmarks.row import Row

    return Result(Row("family", name, f"the {name}", lambda library: None, bar), threads, times, single)


def test_ratio_is_taken_round_by_round():
    """A machine that is slow for one round is slow for both."""
    ratio = result({"nanograd": [1.0, 10.0, 1.0], "torch": [3.0, 30.0, 3.0]}).ratio("torch")
    assert (ratio.low, ratio.median, ratio.high) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize(
    "ours, theirs, threads, single, met",
    [
        (1.0, 2.0, 1, None, True),
        (1.0, 1.9, 1, None, False),
        (1.0, 1.6, 2, 1.0, True),
        (1.0, 1.5, 2, 1.0, False),
        (1.0, 9.0, 2, 0.8, False),
        (1.0, 9.0, 2, None, True),
    ],
)
def test_met(ours, theirs, threads, single, met):
    """At 2 threads 0.8 of the bar is asked for, and no more than 1.05 of our own time at 1 thread."""
    times = {"nanograd": [ours] * 3, "torch": [theirs] * 3}
    assert result(times, threads, single=single and [single] * 3).met is met


def test_met_needs_a_bar_and_pytorch():
    assert result({"nanograd": [1.0], "numpy": [5.0]}).met is None
    assert result({"nanograd": [1.0], "torch": [5.0]}, bar=None).met is None


def test_rows_are_apart_and_chosen():
    from benchmarks import rows

    everything = [*rows.ROWS, *rows.LIMITS]
    assert len({row.id for row in everything}) == len({row.title for row in everything}) == len(everything)
    assert rows.chosen(rows.ROWS, "") == rows.ROWS
    assert [row.name for row in rows.chosen(rows.ROWS, "matmul-16")] == ["matmul-16"]
    assert {row.family for row in rows.chosen(rows.ROWS, "core/*, infer")} == {"core", "infer"}
    assert rows.chosen(rows.ROWS, "no such row") == []


def test_measuring_takes_turns(monkeypatch):
    """Every library and number of threads has a sample in every round; a library without a counterpart is left out."""
    from benchmarks import measure
    from benchmarks.row import Job, Row

    calls = []

    def make(library):
        return None if library == "torch" else Job(lambda: calls.append(library))

    monkeypatch.setattr(measure, "set_threads", lambda library, threads: calls.append((library, threads)))
    row = Row("family", "job", "a job", make)
    effort = measure.Effort(rounds=3, sample=1e-5, warm_up=1e-5)
    results = measure.measure_row(row, ["nanograd", "torch", "numpy"], [1, 2], effort)
    assert [(result.threads, list(result.samples)) for result in results] == [
        (1, ["nanograd", "numpy"]),
        (2, ["nanograd", "numpy"]),
    ]
    assert all(len(samples) == 3 and min(samples) > 0 for result in results for samples in result.samples.values())
    assert results[0].single is None and results[1].single == results[0].samples["nanograd"]
    assert set(calls) == {"nanograd", "numpy", *((library, n) for library in ("nanograd", "numpy") for n in (1, 2))}


def test_ops_are_a_family_of_their_own():
    """Hundreds of rows: only a pattern that begins with their family's name chooses them, and the README has none."""
    from benchmarks import rows

    assert len({row.id for row in rows.ops()}) == len(rows.ops())
    assert [row.id for row in rows.chosen_ops("ops")] == [row.id for row in rows.ops()]
    assert [row.id for row in rows.chosen_ops("core, ops/exp/*")] == ["ops/exp/4", "ops/exp/1000", "ops/exp/4M"]
    assert rows.chosen_ops("") == rows.chosen_ops("exp") == [row for row in rows.ROWS if row.family == "ops"] == []
    assert {row.bar_at(2) for row in rows.chosen_ops("ops/exp/*,ops/einsum/*,ops/sort/4M")} == {4, 1, 0.8, 1.5, 0.7, 0.4}


def test_every_op_has_a_row():
    """All functions that have a spec."""
    from specs import SPECS

    import nanograd.composed
    from benchmarks.rows_ops import COMPOSED, ops

    rows = {op.name.split(",")[0]: op for op in ops()}
    assert {spec.name for spec in SPECS} - set(rows) == set()
    assert {name for name, op in rows.items() if op.floors == COMPOSED} == set(rows) & set(nanograd.composed.__all__)


def test_an_op_that_needs_more_than_one_tensor_says_how_it_is_called():
    from opspec import OpSpec

    from benchmarks.rows_ops import usual_call

    assert usual_call(OpSpec("cbrt", None, elementwise=1)) == "ng.cbrt(x)"
    assert usual_call(OpSpec("hypot", None, elementwise=2)) == "ng.hypot(x, y)"
    assert usual_call(OpSpec("div", None, elementwise=2, domain=((-3, 3), (0.5, 3)))) == "ng.div(x, p)"
    assert usual_call(OpSpec("cumprod", None, shapes=(((3, 4),),))) == "ng.cumprod(x)"
    with pytest.raises(ValueError, match="^solve: how is it called in the benchmarks"):
        usual_call(OpSpec("solve", None, shapes=(((3, 3), (3, 1)),)))


def test_without_the_tests_the_other_rows_are_there(monkeypatch):
    """The ops are those of tests/specs.py, which needs what the tests need; nothing else does."""
    from benchmarks import rows, rows_ops

    with pytest.raises(SystemExit, match=r'^benchmarks: the ops are those of tests/specs.py .*; python -m pip install -e ".\[test\]"$'):
        rows_ops.of_the_tests("no_such_module")
    monkeypatch.setattr(rows_ops, "of_the_tests", lambda module: pytest.fail("not asked for"))
    rows_ops.ops.cache_clear()
    assert rows.chosen(rows.ROWS, "add-4") and rows.chosen_ops("add-4") == []


def test_rows_of_ops_do_the_same():
    """Both libraries: the values and the gradients, at the smallest size and at 1000."""
    torch = pytest.importorskip("torch")
    import numpy as np

    import nanograd as ng
    from benchmarks import operands
    from benchmarks.rows_ops import ops

    def run(module, call, op, shape, **names):
        names |= operands.make(module, call, shape, op.gradient)
        results = eval(call, names)
        results = results if isinstance(results, (tuple, list)) else [results]
        if op.gradient:
            leaves = [value for value in names.values() if getattr(value, "requires_grad", False)]
            grad = ng.grad if module is ng else torch.autograd.grad
            gradients = [operands.gradient(module, result.shape) for result in results]
            results = [*(result.detach() for result in results), *grad(results, leaves, gradients)]
        return [np.asarray(result) for result in results]

    for op in ops():
        if op.name == "dropout":
            continue
        for shape in op.shapes[:2]:
            ours = run(ng, op.call("nanograd"), op, shape, ng=ng)
            theirs = run(torch, op.call("torch"), op, shape, torch=torch, F=torch.nn.functional)
            for mine, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-5, err_msg=f"{op.name} {shape}")


@needs_rich
def test_report_of_ops(capsys):
    """A line per op, its sizes side by side; what is below its floor is marked and counted."""
    from rich.console import Console

    from benchmarks import measure, report, rows

    small, middle, large = rows.chosen_ops("ops/exp/*")
    results = [
        measure.Result(small, 1, {"nanograd": [1.0], "torch": [16.0]}),
        measure.Result(middle, 1, {"nanograd": [1.0], "torch": [2.5]}),
        measure.Result(large, 1, {"nanograd": [1.0], "torch": [0.75]}),
    ]
    report.print_ops(Console(width=180), results)
    printed = capsys.readouterr().out
    assert "0.75 < 0.8" in printed and "1 of 3 below" in printed
    assert [line for line in printed.splitlines() if line.startswith("ops, ")] == report.group_lines(results)
    assert [line.rsplit(": ", 1)[1] for line in report.group_lines(results)] == ["met", "met", "missed"]


@needs_rich
def test_readme_table(tmp_path):
    """Between the markers, with every row, and what is missed in bold."""
    from benchmarks import report

    results = [
        result({"nanograd": [1e-6], "torch": [5e-6]}, 1, 4.0, name="first"),
        result({"nanograd": [1e-6], "torch": [5e-6]}, 2, 4.0, [1e-6], name="first"),
        result({"nanograd": [2e-3], "torch": [5e-3]}, 1, 3.0, name="second"),
        result({"nanograd": [3e-3], "torch": [9e-3]}, 2, 3.0, [2e-3], name="second"),
    ]
    setting = report.Setting("a processor", 2, "Linux", "3.14.0", {"nanograd": "1", "torch": "2"})
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.update_table(readme, report.markdown(setting, results, []))
    text = readme.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n") and text.endswith(f"\n{report.END}\nafter\n")
    assert "| the first | 1 us | 5 us | 5.00 | 4 | 5.00 | 3.2 |" in text
    assert "| the second | 2 ms | 5 ms | **2.50** | 3 | 3.00 † | 2.4 |" in text
    assert "\nold\n" not in text and "misses its goal (1 of 4)" in text and "slower than with one thread (1)" in text and "a processor" in text
    readme.write_text("no markers")
    with pytest.raises(SystemExit, match="markers"):
        report.update_table(readme, "table")


@needs_rich
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--threads", "0"], "at least 1"),
        (["--against", "caffe"], "not among torch, numpy, jax: caffe"),
        (["--update-readme", "--filter", "add"], "takes all rows"),
        (["--filter", "no such row"], "no row matches 'no such row'"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    from benchmarks.__main__ import main

    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert message in str(exit.value.code) + capsys.readouterr().err


@needs_rich
def test_command(tmp_path):
    """A quick run of one row against NumPy, with JSON and a picture."""
    pytest.importorskip("matplotlib")
    document, picture = tmp_path / "out.json", tmp_path / "out.png"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--quick",
        "--filter",
        "core/add",
        "--against",
        "numpy",
        "--threads",
        "1,2",
    ]
    done = subprocess.run(
        [*command, "--json", str(document), "--plot", str(picture)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "core/add-4" in done.stdout
    rows = json.loads(document.read_text())["rows"]
    assert [(row["id"], row["threads"]) for row in rows] == [("core/add-4", 1), ("core/add-4", 2)]
    assert all(row["ratio"]["numpy"]["low"] <= row["ratio"]["numpy"]["high"] for row in rows)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the high-water mark is Linux's")
def test_memory_of_a_convolution_in_a_fresh_process():
    """y, dx and the packed weights: 13 MB; the whole column matrix would be 58 MB."""
    from benchmarks import memory

    assert 10 < memory.growth("nanograd", "conv/3x3-64-56", 2) < 30
