# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is known of an op elsewhere follows from its declarations: no table has a line for it."""
import ast
import inspect
import re
import sys
from pathlib import Path

import hostile_calls
import numpy as np
import pytest
import surface
import torch_ops
from declared import is_op, methods, operations, public_stubs
from opspec import OpSpec
from specs import SPECS

import nanograd as ng
from nanograd import composed

ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = ("tests/surface.py", "tests/hostile_calls.py", "tests/torch_ops.py", "benchmarks/rows_ops.py", "docs/conf.py", "tests/test_repo.py")
checkout = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="not run from a checkout")


@checkout
@pytest.mark.parametrize("name", ["log10", "cumsum", "matmul", "arctan2", "sinh", "logsumexp", "binary_cross_entropy"])
def test_an_op_is_named_where_it_is_declared(name):
    """(Where a name has to stay that of the design, one list of names says so.)"""
    agreed = " ".join(surface.AGREED.values())
    for path in TABLES:
        text = (ROOT / path).read_text().replace(surface.AGREED["methods"], "").replace(surface.AGREED["nanograd"], "")
        section = text.partition("[nanograd.nn")[0]          # nn.functional has arguments of its own
        lines = [line for line in section.splitlines() if re.match(rf'\W*{name}\W', line) or f'"{name}":' in line]
        assert not lines, f"{path}: {lines}"
    assert name in agreed.split()


@pytest.mark.parametrize("stub, wanted", [
    ("def hypot(a: _Operand, b: _Operand) -> Tensor: ...", True), ("def slogdet(a: _Operand) -> tuple[Tensor, Tensor]: ...", True),
    ("def searchsorted(x: _Operand, v: _Operand) -> NDArray[np.int64]: ...", True), ("def signbit(x: _Operand) -> _Bools: ...", True),
    ("def logspace(start: float, dtype: DTypeLike | None = None) -> Tensor: ...", False), ("def is_recording() -> bool: ...", False),
    ("def poisson(rate: float, generator: Generator | None = None) -> NDArray[np.int64]: ...", False),
    ("def alpha_dropout(x: _Operand, p: float, generator: Generator | None = None) -> Tensor: ...", True),
])
def test_what_needs_a_spec_is_read_from_the_stub(stub, wanted):
    assert bool(is_op(ast.parse(stub).body[0])) == wanted


def test_ops_are_as_before_and_have_specs():
    assert {"isnan", "linear", "dropout", "where", "argsort", "einsum"} <= operations()
    assert not {"zeros", "tensor", "randint", "grad", "one_hot", "manual_seed", "allclose", "from_numpy"} & operations()
    assert set(public_stubs()) >= operations() - set(composed.__all__)


def test_the_arguments_of_hostile_calls_are_those_of_the_specs():
    found = hostile_calls.of_specs()
    assert found["matmul"] == ["T(3, 4)", "T(4, 5)"] and found["cumsum"][0].startswith("T(3, 4, 5")
    assert not set(found) & {name for name in hostile_calls.CALLS if name not in ("batch_norm",)}
    assert {spec.name for spec in SPECS} - set(found) <= set(hostile_calls.CALLS)
    assert inspect.getmodule(ng.matmul) is None or ng.matmul.__name__ == "matmul", "the recorders are gone"


def test_pytorchs_counterpart_is_the_operator_of_the_same_name(monkeypatch):
    monkeypatch.setattr(ng, "hypot_", ng.add, raising=False)
    monkeypatch.setattr(ng, "cumprod_", ng.cumsum, raising=False)
    monkeypatch.setattr(torch_ops, "SPECS", [OpSpec("hypot_", np.hypot, elementwise=2), OpSpec("cumprod_", np.cumprod, shapes=(((3, 4),),)),
                                             OpSpec("lost", np.add), OpSpec("ours", np.add, no_torch="ours alone")])
    found, without = torch_ops.counterparts({"hypot_", "cumprod_"})
    found = {ours: (theirs, call) for ours, theirs, call in found}
    assert found["hypot_"][0] == "hypot_" and "lost" not in found and without == {"ours": "ours alone"}
    x = ng.tensor(np.ones((2, 3), np.float32))
    y = found["cumprod_"][1](x, dim=0, dtype=np.float64)
    assert y.dtype == np.float64 and y.tolist() == [[1, 1, 1], [2, 2, 2]]


def test_spellings_of_pytorchs_arguments():
    x = ng.tensor([[1.0, 2.0], [3.0, 4.0]])
    total = torch_ops.spelled(ng.sum)
    assert total(x, ()).item() == total(x, dim=[0, 1]).item() == 10 and total(x, 0, True).shape == total(x, dim=0, keepdim=True).shape == (1, 2)
    assert torch_ops.spelled(ng.permute)(x, dims=(1, 0)).tolist() == [[1, 3], [2, 4]]
    assert torch_ops.spelled(ng.squeeze)(ng.ones((1, 2)), dim=0).shape == (2,)


# ---- the methods' stubs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def core(tmp_path, monkeypatch):
    """A function that makes a _core of one module, and gives what the build writes for it."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "_build_backend"), *sys.path])
    import method_stubs

    def made(source, stub):
        (tmp_path / "ops").mkdir(exist_ok=True)
        (tmp_path / "ops" / "family.pyx").write_text(source)
        (tmp_path / "ops" / "family.pyi").write_text(stub)
        return method_stubs.method_stubs(tmp_path)
    return made


@checkout
def test_methods_are_typed_from_the_functions(core):
    text = core('@public(method=True)\ndef one(x):\n    pass\n\n@public(\n    method=True, numpy="two2",\n)\n@cython.binding(True)\ndef two(x, *shape, k=0):\n    pass\n'
                '@public\ndef three(x):\n    pass\n@public(method="only")\ndef four(x):\n    pass\n',
                "from collections.abc import Sequence\nfrom nanograd._core.base.tensor import Tensor\n_Shape = int | Sequence[int]\n_Unused = str\n"
                "def one(x: Tensor) -> Tensor: ...\ndef two(x: Tensor, *shape: _Shape, k: int = 0) -> Tensor: ...\ndef three(x: Tensor) -> Tensor: ...\n")
    found = {node.name: ast.unparse(node.args) for node in ast.parse(text).body[-1].body}
    assert found == {"one": "self", "two": "self, *shape: _Shape, k: int=0"}
    assert "_Shape = int | Sequence[int]" in text and "from collections.abc import Sequence" in text and "_Unused" not in text


@checkout
@pytest.mark.parametrize("stub, message", [
    ("", "one is marked as a method, and has no typed stub"), ("_Operand = int\n_Operand = str\ndef one(x: _Operand) -> int: ...\n", "_Operand is something else in another stub"),
])
def test_what_is_wrong_with_a_stub_ends_the_build(core, stub, message):
    with pytest.raises(SystemExit, match=message):
        core("@public(method=True)\ndef one(x):\n    pass\n", stub)


def test_methods_are_those_of_the_class():
    assert set(methods()) == {name for name, value in vars(ng.Tensor).items() if value is getattr(ng, name, ...)} and len(methods()) > 90
