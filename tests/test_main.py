# SPDX-License-Identifier: LGPL-3.0-or-later
"""python -m nanograd, and its self-test."""
import subprocess
import sys

import nanograd as ng


def run(*arguments, code=None):
    start = ["-c", code] if code else ["-m", "nanograd"]
    return subprocess.run([sys.executable, *start, *arguments], capture_output=True, text=True, timeout=300)


def test_it_says_what_it_is(capsys):
    result = run()
    assert result.returncode == 0 and result.stderr == ""
    names = [line[:13].strip() for line in result.stdout.splitlines()]
    assert names == ["nanograd", "Python", "system", "compiler", "BLAS", "BLAS kernel", "ISA", "threads", "memory cache"]
    assert ng.__version__ in result.stdout
    ng.show_config()
    assert capsys.readouterr().out.splitlines()[:6] == result.stdout.splitlines()[:6]


def test_selftest():
    result = run("--selftest")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("\nok ") == 7 and "all well, in " in result.stdout


def test_selftest_finds_a_wrong_operation():
    code = ("import nanograd as ng\n"
            "right = ng.tanh\n"
            "ng.tanh = lambda x: right(x) * 1.001\n"
            "from nanograd._selftest import run\n"
            "raise SystemExit(run())")
    result = run(code=code)
    assert result.returncode == 2
    assert "FAILED  operations: " in result.stdout and "tanh" in result.stdout and "2 of 7 checks failed" in result.stdout


def test_unknown_option():
    result = run("--nonsense")
    assert result.returncode == 2 and "usage: python -m nanograd" in result.stderr
