# SPDX-License-Identifier: LGPL-3.0-or-later
"""README.md: every block is run, and what it says it prints is what it prints."""

import contextlib
import doctest
import io
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="the README is not beside the tests")

HEADINGS = [
    "Two commands",
    "Twenty lines",
    "Learning the digits",
    "Save and load",
    "How fast",
    "When not to use it",
    "Coming from NumPy",
    "Coming from PyTorch",
    "Coming from the Scheme original",
]


def blocks():
    """(language, text, line number) of each fenced block."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(match[1], match[2], text.count("\n", 0, match.start()) + 1) for match in found]


def python_blocks():
    """Each program with the output block that follows it, if one does."""
    found = blocks()
    following = [*found[1:], ("", "", 0)][: len(found)]
    return [
        pytest.param(text, after[1] if after[0] == "text" else None, id=f"line {line}")
        for (language, text, line), after in zip(found, following, strict=True)
        if language == "python"
    ]


def split_numbers(text):
    """The words, and the numbers among them: rounding differs a little between processors."""
    number = r"\d+(?:\.\d+)?"
    return re.sub(number, "#", text), [float(match) for match in re.findall(number, text)]


@pytest.mark.parametrize("program, output", python_blocks())
def test_python_block(program, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, str(README), "exec"), {"__name__": "__main__"})
    if output is not None:
        words, numbers = split_numbers(printed.getvalue())
        expected_words, expected_numbers = split_numbers(output)
        assert words == expected_words
        assert numbers == pytest.approx(expected_numbers, rel=0.02, abs=0.003)
    else:
        assert printed.getvalue() == ""


def test_sessions():
    """The blocks with prompts, as doctests, each on its own."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    sessions = [(text, line) for language, text, line in blocks() if language == "pycon"]
    assert sessions
    for text, line in sessions:
        runner.run(parser.get_doctest(text, {}, f"README.md line {line}", str(README), line))
    assert runner.failures == 0


def test_commands_are_those_of_ci():
    """The shell blocks are run as they stand by .ci/run: the two that install in a fresh environment each, then the other examples."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for language, text, _ in blocks() if language == "sh" for line in text.splitlines()]
    assert len(commands) == 4
    for command in commands:
        assert command in ci


def test_no_block_is_left_out():
    assert {language for language, _, _ in blocks()} <= {"python", "text", "pycon", "sh"}


def test_program_is_short():
    program = next(text for language, text, _ in blocks() if language == "python")
    assert len(program.splitlines()) <= 20


def test_order():
    """What it is; commands; program; picture; saving; speed; when not; NumPy, PyTorch, Scheme."""
    text = README.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[: len(HEADINGS)] == HEADINGS
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_tables_are_whole(monkeypatch):
    """docs/benchmarks.md has every row, missed ones included; the README the eight headlines."""
    begin, end = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    from benchmarks import rows

    assert len(rows.HEADLINES) == 8
    headlines = rows.chosen(rows.ROWS, ",".join(rows.HEADLINES))
    for page, expected in ((README, headlines), (ROOT / "docs" / "benchmarks.md", [*rows.ROWS, *rows.LIMITS])):
        text = page.read_text(encoding="utf-8")
        assert text.count(begin) == text.count(end) == 1
        table = text[text.index(begin) : text.index(end)]
        for row in expected:
            assert f"| {row.title} |" in table, row.id
