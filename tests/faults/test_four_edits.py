# SPDX-License-Identifier: LGPL-3.0-or-later
"""An op is declared in four files, and everything else about it follows: a throw-away op is added to a copy of the tree, which is built."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nanograd as ng

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "two_to_the"
# (file, what the new text stands before, or None at the end, the text)
EDITS = [
    ("csrc/ops_unary.def", "NG_UNARY(expm1,", f"NG_UNARY({NAME}, Y, MATH(exp)(R(0.69314718055994530942) * x), dy * (R(0.69314718055994530942) * y))\n"),
    ("nanograd/_core/ops/elementwise.pyx", None, f'''

@public(method=True, numpy="exp2")
def {NAME}(x):
    """2 to the power of `x`.

    {{unary}}

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.{NAME}(3.0).item()
    8.0
    """
    return unary(NG_UNARY_{NAME}, x)
'''),
    ("nanograd/_core/ops/elementwise.pyi", None, f"def {NAME}(x: _Operand) -> Tensor: ...\n"),
    ("tests/specs.py", '    unary("log1p"', f'    unary("{NAME}", np.exp2, rtol={{F32: 2e-6, F64: 4e-15}}, torch=("exp2",), bench=(Bench(theirs="torch.exp2(x)"),)),\n'),
]
# Whoever has to see the op, and says so: run in the copy.
WITNESSES = f'''
import ast, json, runpy, sys
from pathlib import Path
import numpy as np
import nanograd as ng
sys.path[:0] = ["tests", "."]
import declared, hostile_calls, specs, surface, torch_ops
from benchmarks.rows_ops import rows
from nanograd._core.base.tensor import UFUNCS
from nanograd._core.ops import elementwise

name = "{NAME}"
x = ng.tensor([1.0, 3.0], requires_grad=True)
pages = runpy.run_path("docs/conf.py", run_name="reference")["reference"]()
found, _ = hostile_calls.targets()
print(json.dumps({{
    "__all__": name in elementwise.__all__ and hasattr(ng, name),
    "method": getattr(ng.Tensor, name) is getattr(ng, name) and x.two_to_the().tolist() == [2.0, 8.0],
    "NumPy": UFUNCS[np.exp2] is getattr(ng, name) and isinstance(np.exp2(x), ng.Tensor),
    "typed method": name in declared.methods(),
    "surface": surface.sections()["nanograd"][name] == name + "(x)",
    "spec wanted": name in declared.operations(),
    "PyTorch": [theirs for ours, theirs, _ in torch_ops.counterparts({{"exp2"}})[0] if ours == name] == ["exp2"],
    "hostile calls": [target.name for target in found if name in target.name] == [name, "Tensor." + name],
    "benchmarks": [row.id for row in rows() if name in row.id] == [f"ops/{{name}}/{{size}}" for size in ("4", "1000", "4M")],
    "reference": [page for page, text in pages.items() if f"autofunction:: nanograd.{{name}}" in text] == ["arithmetic"],
    "gradient": bool(np.allclose(ng.grad(getattr(ng, name)(x).sum(), x)[0].numpy(), np.log(2) * 2.0 ** x.numpy(), rtol=1e-6)),
}}))
'''


def copy_of_the_tree(target):
    """What git would have, and what has been built, with its times: then only what the edits touch is built again."""
    def left_out(folder, names):
        return [name for name in names if name in (".git", ".ci", "dist", "__pycache__", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache")
                or name.startswith("temp.") and Path(folder).name == "build" or name == "reference" and Path(folder).name == "docs"]
    shutil.copytree(ROOT, target, ignore=left_out, symlinks=True)


def different(a, b):
    """The files of the sources in which two trees differ."""
    ignored = {"build", "__pycache__", "reference", "_libs"}
    files = {path.relative_to(root) for root in (a, b) for path in root.rglob("*") if path.is_file()}
    files = [path for path in files if not ignored & set(path.parts) and not path.parts[0].startswith(".")
             and path.suffix not in (".so", ".pyd", ".pyc") and path.name != "methods.pyi"]
    return {str(path) for path in files if not (a / path).exists() or not (b / path).exists() or (a / path).read_bytes() != (b / path).read_bytes()}


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "setup.py").exists() or not (ROOT / "build" / "generated").exists(), reason="not run from a checkout that is built")
def test_a_new_op_is_four_edits_in_four_files(tmp_path):
    pytest.importorskip("Cython")
    assert not hasattr(ng, NAME)
    copy = tmp_path / "nanograd"
    copy_of_the_tree(copy)
    for file, before, text in EDITS:
        path = copy / file
        old = path.read_text()
        assert before is None or old.count(before) == 1, f"{file}: the place for the new op"
        path.write_text(old + text if before is None else old.replace(before, text + before))
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*command):
        done = subprocess.run([sys.executable, *command], cwd=copy, env=environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout
    run("setup.py", "build_ext", "--inplace")
    assert different(ROOT, copy) == {file for file, _, _ in EDITS}
    seen = json.loads(run("-c", WITNESSES).splitlines()[-1])
    assert {witness for witness, sees in seen.items() if not sees} == set()
    run("-m", "pytest", "-q", "-k", f"{NAME} or methods or agreed or export or typed", "tests/test_surface.py", "tests/test_ops_contract.py")
    run("-m", "pytest", "-q", "tests/test_repo.py", "-k", "spec or stub or docstring")
    assert f"{NAME}-float32" in run("-m", "pytest", "-q", "--collect-only", "tests/test_ops_contract.py", "-k", NAME)
