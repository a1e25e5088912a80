# SPDX-License-Identifier: LGPL-3.0-or-later
"""What type checkers are told is true: mypy's stubtest compares stubs and library, and mypy reads tests/typing/reveal.py; users' programs
there pass mypy --strict and pyright too."""
import importlib.util
import json
import os
import shutil
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
nanograd\.errors
nanograd\..*__all__
nanograd\._core\..*\.__(reduce|setstate)_cython__
nanograd\._core\..*\.__test__
# what pickles and the module's own functions call
nanograd\._core\.train\.update\.(Step|rebuild_state)
# the class that Tensor has its methods' types from: no module
nanograd\._core\.base\.methods
# C types: that they are such, and what follows from it for classes that are derived from two of them, or from Tensor
nanograd\._core\.train\.minibatch\.RowSource
nanograd\._core\.ops\.custom_function\.FunctionContext
nanograd\._core\.ops\.conv\._ConvSettings
nanograd\._core\.ops\.random\.Generator
nanograd\._core\.base\.tensor\.(HookHandle|Node|Parameter|Tensor|set_grad_enabled)
nanograd\._core\.train\.update\.ParameterState
# not constructors; __cinit__, which is no __init__; __getattr__ stands for the free attributes of a context
nanograd\._core\.(base\.tensor\.Tensor|base\.tensor\.Node|ops\.custom_function\.Function|ops\.custom_function\.FunctionContext)\.__init__
nanograd\._core\.train\.(minibatch\.RowSource|update\.ParameterState)\.__init__
nanograd\._core\.ops\.custom_function\.FunctionContext\.__[gs]etattr__
# the buffer protocol has a name for Python from 3.12 on
nanograd\._core\.base\.tensor\.Tensor\.__buffer__
nanograd\._core\.base\.tensor\.Parameter\.__(deep)?copy__
# what a call takes and returns is said by forward (nanograd/nn/_module.pyi); functools.wraps wraps it; a constant of mypy's
nanograd\.nn\._module\.(ModuleBase.*|MYPY|Options|__test__)
nanograd\..*\.__call__
nanograd\._typing\..*
nanograd\.nn\._check\.<callable subtype of object>
# reprlib.recursive_repr wraps it
nanograd\.nn\.module\.Module\.__repr__
"""


def mypy(*args, cwd=ROOT, env=None):
    run = subprocess.run([sys.executable, "-m", *args], cwd=cwd, capture_output=True, text=True, env={**os.environ, **(env or {})})
    assert run.returncode == 0, run.stdout + run.stderr


def test_stubtest(tmp_path):
    # Functions that are methods have their own names for the first argument (test_surface.py compares the others), and
    # the names of other libraries are there to raise.
    methods = {key for key, value in vars(ng.Tensor).items() if callable(value) and not key.startswith("__")} | set(_names.TENSORS)
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED + rf"nanograd\._core\.base\.tensor\.Tensor\.({'|'.join(sorted(methods))})" + "\n"
                       + "".join(rf"nanograd\.{cls}\.({'|'.join(names)})" + "\n" for cls, names in (
                           (r"nn\.module\.Module", _names.MODULES), (r"nn\.containers\.Sequential", _names.SEQUENTIALS),
                           (r"optim\.optimizer\.Optimizer", _names.STEPPERS))))
    mypy("mypy.stubtest", "nanograd", "--concise", "--mypy-config-file", "pyproject.toml", "--allowlist", str(allowed),
         "--ignore-unused-allowlist")


def test_reveal(tmp_path):
    mypy("mypy", "--config-file", "pyproject.toml", "--warn-unused-ignores", "--follow-imports=silent", "--cache-dir", str(tmp_path),
         "tests/typing/reveal.py")


PROGRAMS = ["program.py", "modules.py"]


def test_our_own_code(tmp_path):
    mypy("mypy", "--config-file", "pyproject.toml", "--cache-dir", str(tmp_path), "-p", "nanograd")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_users_program_passes_mypy_strict(name, tmp_path):
    """In a folder and with the settings of its own: nanograd is a library there, of which only the types are read."""
    shutil.copy(TESTS / "typing" / name, tmp_path)
    mypy("mypy", "--strict", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache"), name, cwd=tmp_path,
         env={"MYPYPATH": str(ROOT)})


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_users_program_passes_pyright(name, tmp_path):
    shutil.copy(TESTS / "typing" / name, tmp_path)
    settings = {"include": [name], "extraPaths": [str(ROOT)], "reportUnnecessaryTypeIgnoreComment": True}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    mypy("pyright", "--pythonpath", sys.executable, "-p", str(tmp_path), cwd=tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_users_program_runs(name, tmp_path):
    """What the checkers were told is so: all but the lines that are wrong on purpose."""
    lines = [line for line in (TESTS / "typing" / name).read_text().splitlines() if "# type: ignore" not in line]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    subprocess.run([sys.executable, name], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
