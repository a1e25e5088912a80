# SPDX-License-Identifier: LGPL-3.0-or-later
"""What type checkers are told is true: mypy's stubtest compares stubs and library, and mypy reads tests/typing/reveal.py."""
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import nanograd as ng
from nanograd import _names

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed"),
    pytest.mark.skipif(not (Path(ng.__file__).parent.parent / "pyproject.toml").exists(), reason="not run from a checkout"),
    pytest.mark.slow,
]
TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

# What stubtest says that is meant so.
ALLOWED = r"""
nanograd\._core\.error
nanograd\.nn\.functional\.__all__
nanograd\._core\..*\.__(reduce|setstate)_cython__
nanograd\._core\.runtime\.__test__
# C types: that they are such, and what follows from it for classes that are derived from two of them, or from Tensor
nanograd\._core\.batch\.RowSource
nanograd\._core\.custom_function\.FunctionContext
nanograd\._core\.random\.Generator
nanograd\._core\.tensor\.(HookHandle|Node|Parameter|Tensor)
nanograd\._core\.update\.ParameterState
# not constructors; __cinit__, which is no __init__; __getattr__ stands for the free attributes of a context
nanograd\._core\.(tensor\.Tensor|tensor\.Node|custom_function\.Function|custom_function\.FunctionContext)\.__init__
nanograd\._core\.(batch\.RowSource|update\.ParameterState)\.__init__
nanograd\._core\.custom_function\.FunctionContext\.__[gs]etattr__
# the buffer protocol has a name for Python from 3.12 on
nanograd\._core\.tensor\.Tensor\.__buffer__
nanograd\._core\.tensor\.Parameter\.__(deep)?copy__
# reprlib.recursive_repr wraps it
nanograd\.nn\.module\.Module\.__repr__
"""


def mypy(*args, cwd=ROOT):
    run = subprocess.run([sys.executable, "-m", *args], cwd=cwd, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_stubtest(tmp_path):
    # Functions that are methods have their own names for the first argument (test_surface.py compares the others), and
    # the names of other libraries are there to raise.
    methods = {key for key, value in vars(ng.Tensor).items() if callable(value) and not key.startswith("__")} | set(_names.TENSORS)
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED + rf"nanograd\._core\.tensor\.Tensor\.({'|'.join(sorted(methods))})" + "\n"
                       + rf"nanograd\.nn\.module\.Module\.({'|'.join(_names.MODULES)})" + "\n")
    mypy("mypy.stubtest", "nanograd", "--concise", "--mypy-config-file", "pyproject.toml", "--allowlist", str(allowed),
         "--ignore-unused-allowlist")


def test_reveal(tmp_path):
    mypy("mypy", "--config-file", "pyproject.toml", "--warn-unused-ignores", "--follow-imports=silent", "--cache-dir", str(tmp_path),
         "tests/typing/reveal.py")
