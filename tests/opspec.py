# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the tests and the benchmarks need to know of an op: one OpSpec, filled in by tests/specs.py and the files beside it."""
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
TAILS = (1, 7, 8, 9, 31)     # around the widths of vector registers

# Shapes of an elementwise op's input, and pairs that broadcast against each other.
ELEMENTWISE_SHAPES = ((), (5,), (3, 4), (2, 3, 2, 2), (0,), (3, 0, 2), (17, 33))
BROADCAST_SHAPES = (
    ((3, 4), ()), ((), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((3, 1), (1, 4)), ((2, 1, 5), (3, 1)), ((2, 3, 5), (3, 5)),
    ((1,), (1, 1, 1)), ((0,), (1,)), ((3, 0), (1, 0)), ((3, 1), (3, 7)), ((2, 1, 1, 9), (2, 8, 3, 9)), ((), ()),
)


@dataclass(frozen=True)
class Raises:
    """A documented error: the call, the name of the exception class, and a regular expression for the whole message."""

    error: str
    message: str
    call: Callable[[], Any]


@dataclass(frozen=True)
class Bench:
    """A row of `python -m benchmarks --filter ops`; `benchmarks/operands.py` says what the names in its calls are.

    ours : the call (default: of one tensor, or of two for an elementwise op of two).
    theirs : PyTorch's (default: the same, of the function of the same name).
    shapes : the name of the operands' shapes in `benchmarks/operands.py`.
    floors : the name of the least ratios in `benchmarks/rows_ops.py` (default: those of one node, or of composed functions).
    case : tells rows of one op apart.
    """

    ours: str = ""
    theirs: str = ""
    shapes: str = "VECTOR"
    floors: str = ""
    case: str = ""


@dataclass(frozen=True)
class OpSpec:
    """One public function of `nanograd`, or (with `case`) one way to call it.

    name : the function's name.  call : calls it on tensors (default: the function itself).
    ref : the same on float64 NumPy arrays.  case : tells specs of one op apart.
    shapes : sets of input shapes, e.g. `(((3, 4), (4, 2)), ...)`; for an elementwise op they are given already.
    tails : n -> a set of shapes with a loop of length n in it.  large : a set of shapes at which the pool takes part.
    domain : (low, high) of all inputs, or one such pair per input.
    avoid : kinks; no element comes within 0.05 of one.  distinct : no two elements of all inputs come near each other.
    rtol : per dtype.  atol : as a fraction of the largest magnitude in the result (elementwise ops: 0).
    grads : which inputs get a gradient; () where the op gives NumPy arrays.
    inputs : makes the inputs for (shapes, generator), where numbers from `domain` will not do.
    extremes : whether +-1e4, inf and nan have the reference's result (False: say why in a comment).

    What follows is said by one spec of each name, where the default does not do:
    torch : PyTorch's operators whose samples the function takes (default: the one of the same name).
    no_torch : why there is none.
    bench : its rows in the benchmarks (default: one, see Bench).
    """

    name: str
    ref: Callable
    call: Callable | None = None
    case: str = ""
    shapes: tuple = ()
    tails: Callable | None = None
    large: tuple | None = None
    domain: tuple = (-3.0, 3.0)
    avoid: tuple = ()
    distinct: bool = False
    rtol: dict = field(default_factory=lambda: {F32: 1e-6, F64: 1e-13})
    atol: float = 0.0
    grads: tuple | None = None
    inputs: Callable | None = None
    elementwise: int = 0            # the number of operands, where all have one shape or broadcast
    extremes: bool = True
    errors: tuple[Raises, ...] = ()
    torch: tuple[str, ...] = ()
    no_torch: str = ""
    bench: tuple[Bench, ...] = ()

    def __post_init__(self):
        n = self.elementwise
        if n:
            object.__setattr__(self, "shapes", self.shapes or tuple((shape,) * n for shape in ELEMENTWISE_SHAPES))
            object.__setattr__(self, "tails", self.tails or (lambda size: ((size,),) * n))
            object.__setattr__(self, "large", self.large or ((600, 1001),) * n)
        if self.call is None:
            import nanograd
            object.__setattr__(self, "call", lambda *args: getattr(nanograd, self.name)(*args))

    @property
    def id(self):
        return f"{self.name}[{self.case}]" if self.case else self.name

    @property
    def differentiable(self):
        return self.grads != ()

    def wants(self, n):
        """Whether each of n inputs gets a gradient."""
        return (True,) * n if self.grads is None else self.grads or (False,) * n

    def make(self, shapes, dtype, seed=0):
        """Inputs of these shapes. float32 and float64 get the same numbers, all of them float32's."""
        rng = np.random.default_rng([seed, *map(len, shapes)])
        if self.inputs is not None:
            arrays = self.inputs(shapes, rng)
        elif self.distinct:
            low, high = self.domain
            total = sum(int(np.prod(shape)) for shape in shapes)
            flat = low + (high - low) * (rng.permutation(total) + 0.5) / max(total, 1)
            cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
            arrays = [part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True)]
        else:
            domains = self.domain if isinstance(self.domain[0], tuple) else (self.domain,) * len(shapes)
            arrays = [rng.uniform(low, high, shape) for (low, high), shape in zip(domains, shapes, strict=True)]
        for kink in self.avoid:
            arrays = [np.where(np.abs(a - kink) < 0.05, kink + 0.1, a) for a in arrays]
        return [a if a.dtype.kind != "f" else a.astype(F32).astype(dtype) for a in map(np.asarray, arrays)]

    def expected(self, arrays):
        """The reference's result, in float64."""
        with np.errstate(all="ignore"):
            return self.ref(*(a.astype(F64) if a.dtype.kind == "f" else a for a in arrays))


def zeros(*shape, dtype=np.float32):
    import nanograd
    return nanograd.zeros(shape, dtype=dtype)


def public(name):
    """nanograd's function of that name, looked up when it is called (a missing one fails its own tests only)."""
    import nanograd
    return lambda *args, **kwargs: getattr(nanograd, name)(*args, **kwargs)
