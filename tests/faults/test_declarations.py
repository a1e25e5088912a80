# SPDX-License-Identifier: LGPL-3.0-or-later
"""A kernel or an elementwise op is declared once, in csrc; the build writes whatever else C and Cython know of it."""
import importlib.util
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="not run from a checkout")

KERNEL = """/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ng_real.h"
#include "ng_api.h"
#include "launchers/thrice.h"

NG_ENUM(NG_THRICE_ONCE, NG_THRICE_AGAIN = 4)

/* y (n) = 3 x */
NG_LAUNCHER(ng_thrice(int dtype, void *y, const void *x, int which, int64_t n),
            ng_ceil_div(n, 2), ng_grain(dtype == NG_F32 ? 2 : 4), 64)
void FN(thrice)(const void *arguments, int64_t begin, int64_t end, ng_ctx *ctx)
{
}
#define MADE(name, of) \\
    void FN(name)(const void *arguments, int64_t begin, int64_t end, ng_ctx *ctx) \\
    { \\
    }
MADE(thrice_made, 1)
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of csrc, and what is generated from it."""
    shutil.copytree(ROOT / "csrc", tmp_path / "csrc")
    monkeypatch.chdir(tmp_path)

    def generate():
        spec = importlib.util.spec_from_file_location("declarations", ROOT / "_build_backend" / "declarations.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.generate()
        return tmp_path / "build" / "generated"

    return generate


def test_a_kernel_is_one_file_in_csrc(tree):
    before = tree()
    files = {path.relative_to(before) for path in before.rglob("*")}
    Path("csrc/kernels/thrice.inc").write_text(KERNEL)
    after = tree()
    added = {path.relative_to(after).as_posix() for path in after.rglob("*")} - {path.as_posix() for path in files}
    assert added == {"thrice.c", "launchers/thrice.h", "kernels/thrice.pxd"}
    table = (after / "ng_names.h").read_text()
    assert table.count("OF(thrice)") == 1 and table.count("OF(thrice_made)") == 1
    launcher = " ".join((after / "launchers/thrice.h").read_text().split())
    assert "typedef struct ng_thrice_args { void *y; const void *x; int which; int64_t n; } ng_thrice_args;" in launcher
    assert "static inline int ng_thrice(int dtype, void *y, const void *x, int which, int64_t n)" in launcher
    assert "&args, sizeof args, items, ng_grain(dtype == NG_F32 ? 2 : 4), 64)" in launcher
    lines = [line.strip() for line in (after / "kernels/thrice.pxd").read_text().split("\n")]
    for line in ('cdef extern from "launchers/thrice.h" nogil:', "enum: NG_THRICE_ONCE", "enum: NG_THRICE_AGAIN",
                 "int ng_thrice(int dtype, void *y, const void *x, int which, int64_t n)"):
        assert line in lines
    Path("csrc/kernels/thrice.inc").unlink()
    assert {path.relative_to(after) for path in tree().rglob("*")} == files, "what belongs to no kernel any more is removed"


def test_an_elementwise_op_is_one_line_in_csrc(tree):
    table = Path("csrc/ops_unary.def")
    table.write_text(table.read_text() + "NG_ACTIVATION(cubed, X, x * x * x / R(2),\n    dy * MATH(negexp)(x) / x / R(3))\n")
    generated = tree()
    assert '{"cubed", NG_READS_X, 7, 15, 1},' in (generated / "op_info.c").read_text()
    assert "enum: NG_UNARY_cubed" in (generated / "kernels/ops.pxd").read_text()
    names = (generated / "ng_names.h").read_text()
    assert names.count("OF(cubed)") == 2, "of unary ops, and of activations"
    table.write_text(table.read_text() + "NG_UNARY(strange, X, MATH(strange)(x), dy)\n")
    with pytest.raises(SystemExit, match=r"MATH\(strange\) has no line in csrc/op_costs.def"):
        tree()


def test_no_launcher_is_declared_by_hand_or_twice(tree):
    for path in sorted((ROOT / "nanograd").rglob("*.p[yx][xdi]")):
        assert not re.search(r'cdef extern from "(kernels|launchers)/', path.read_text(encoding="utf-8")), path
    found = {}
    for path in sorted(tree().glob("kernels/*.pxd")):
        for name in re.findall(r"\b(ng_\w+)\(", path.read_text()):
            assert name not in found, f"{name} is in {path.name} and in {found[name]}"
            found[name] = path.name
    assert len(found) > 100
