# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every function, forward and backward, at three sizes: a family of its own, measured only with ``--filter ops``.

The rows are made from the specs of the tests, which say how a function is called where it is not simply of one tensor, or
two (`Bench` in `tests/opspec.py`); here are those of operators and questions, which have no spec. `operands.py` says what
`x`, `labels` and the other names in these calls are, and what shapes they have at each size. Where PyTorch returns a view
whose elements are not adjacent (a transposed one) and ours is a new array, PyTorch's is made contiguous too: both then have
the same in memory.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import operands
from benchmarks.operands import MATRIX, ROWS_OF_100, SIZES, VECTOR
from benchmarks.row import OURS, Group, Job, SteadyRow

# The least that PyTorch's time / ours should be at each size, with any number of threads: for ops that are one node,
# for ops composed of others, and for those that sort; and for the geometric mean over all of them.
NODE, COMPOSED, SORTING = (4.0, 1.0, 0.8), (1.5, 0.8, 0.7), (4.0, 1.0, 0.4)
GROUPS = [Group(f"ops, {size} elements", bar) for size, bar in zip(SIZES, (8.0, 2.5, 1.2), strict=True)]


@dataclass(frozen=True)
class Op:
    """A function and its call in each library, an expression of the names in `operands.VALUES`.

    Without `theirs`, PyTorch's call is ours of its function of the same name.
    """

    name: str
    ours: str
    theirs: str = ""
    shapes: tuple[tuple[int, ...], ...] = VECTOR
    floors: tuple[float, float, float] = NODE
    gradient: bool = True

    def call(self, library: str) -> str:
        """The expression for nanograd or torch."""
        if library == OURS or self.theirs:
            return self.ours if library == OURS else self.theirs
        import torch

        return re.sub(r"\bng\.(\w+)", lambda name: f"{'torch' if hasattr(torch, name[1]) else 'F'}.{name[1]}", self.ours)


@dataclass(frozen=True)
class OpRow(SteadyRow):
    """An op at one size."""

    size: str = ""
    is_brief = True


def make_job(library: str, *, op: Op, shape: tuple[int, ...]) -> Job | None:
    """The call, and its gradient from one that is there already; `.grad` is None before each."""
    match library:
        case "nanograd":
            import nanograd as module

            grad = module.grad
            names = {"ng": module}
        case "torch":
            import torch as module

            grad = module.autograd.grad
            names = {"torch": module, "F": module.nn.functional}
        case _:
            return None
    call = op.call(library)
    names |= operands.make(module, call, shape, op.gradient)
    if not op.gradient:
        return Job(call, names)
    leaves = [name for name, value in names.items() if getattr(value, "requires_grad", False)]
    result = eval(call, names)
    if isinstance(result, (tuple, list)):
        names |= {"grad": grad, "gradients": [operands.gradient(module, part.shape) for part in result]}
        return Job(f"grad({call}, ({', '.join(leaves)},), gradients)", names)
    names["gradient"] = operands.gradient(module, result.shape)
    return Job(f"({call}).backward(gradient)\n{' = '.join(f'{leaf}.grad' for leaf in leaves)} = None", names)


# What has no spec: operators, which are written in terms of functions, and questions.
OTHERS = [
    Op("remainder", "x % p", "x % p"),
    Op("floor_divide", "x // p", "x // p", gradient=False),
    Op("allclose", "ng.allclose(x, x)", gradient=False),
    Op("one_hot", "ng.one_hot(labels, classes)", "F.one_hot(labels, classes).float()", ROWS_OF_100, gradient=False),
    Op("getitem, element", "x[1]", "x[1]"),
    Op("getitem, slice", "x[..., ::2]", "x[..., ::2].contiguous()", MATRIX),
    Op("getitem, indices", "x[some_rows]", "x[some_rows]", ROWS_OF_100),
    Op("getitem, mask", "x[mask]", "x[mask]"),
]


def of_the_tests(module: str) -> Any:
    """A module of the tests of this checkout."""
    folder = str(Path(__file__).resolve().parent.parent / "tests")
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        sys.exit(f"benchmarks: the ops are those of tests/specs.py ({error}); "
                 'python -m pip install -e ".[test]"')  # fmt: skip


def usual_call(spec: Any) -> str:
    """A call of tensors named x and y, or p where the function takes positive numbers only."""
    count = spec.elementwise or len(spec.shapes[0])
    if count > max(spec.elementwise, 1):
        raise ValueError(f"{spec.name}: how is it called in the benchmarks? Write bench=(Bench(...),) in its OpSpec")
    domains = spec.domain if isinstance(spec.domain[0], tuple) else (spec.domain,) * count
    names = [usual if low <= -1 or not spec.elementwise else "p" for usual, (low, _) in zip("xy", domains, strict=False)]
    return f"ng.{spec.name}({', '.join(names)})"


@functools.cache
def ops() -> list[Op]:
    """The functions that have a spec, in its order, and the others."""
    import nanograd.composed

    specs: dict[str, list[Any]] = {}
    for spec in of_the_tests("specs").SPECS:
        specs.setdefault(spec.name, []).append(spec)
    made = []
    for name, cases in specs.items():
        usual = "COMPOSED" if name in nanograd.composed.__all__ else "NODE"
        for bench in dict.fromkeys(bench for spec in cases for bench in spec.bench) or [of_the_tests("opspec").Bench()]:
            call, floors = bench.ours or usual_call(cases[0]), globals()[bench.floors or usual]
            title = f"{name}, {bench.case}" if bench.case else name
            made.append(Op(title, call, bench.theirs, getattr(operands, bench.shapes), floors, cases[0].differentiable))
    return made + OTHERS


def rows() -> list[OpRow]:
    """Each at three sizes."""
    return [
        OpRow("ops", f"{op.name}/{size}", op.ours, partial(make_job, op=op, shape=shape), bar=floor, group=group, size=size)
        for op in ops()
        for size, shape, floor, group in zip(SIZES, op.shapes, op.floors, GROUPS, strict=True)
    ]
