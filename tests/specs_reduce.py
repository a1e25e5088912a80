# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reductions."""
import numpy as np
from opspec import F32, F64, OpSpec, Raises, public, zeros

LARGE = ((600, 1001),)
AXES = {"all": {}, "axis 0": dict(axis=0), "axis 1": dict(axis=1), "axis -1": dict(axis=-1), "axes (0, 2), keepdims": dict(axis=(0, 2), keepdims=True),
        "axes (0, 1)": dict(axis=(0, 1)), "no axes": dict(axis=())}
REDUCED = (((3, 4, 5),), ((2, 33, 40),), ((1, 1, 1),))


def reduction(name, ref, empty=True, **options):
    op = public(name)
    specs = []
    for case, kwargs in AXES.items():
        shapes = REDUCED
        if case == "all":
            shapes += (((),), ((7,),), ((300, 41),))
        if empty:
            shapes += (((2, 0, 3),), ((0, 2, 3),))
        elif case == "axis 0":
            shapes += (((2, 0, 3),),)
        specs.append(OpSpec(
            name, lambda x, kwargs=kwargs: ref(x, **kwargs), call=lambda x, kwargs=kwargs: op(x, **kwargs), case=case, shapes=shapes,
            tails=lambda n: ((n, n + 1, n),), large=((60, 101, 110),), rtol={F32: 1e-6, F64: 1e-13}, atol=1.0, errors=() if case != "all" else (
                Raises("IndexError", rf"{name}: .*axis 3 .*3", lambda: op(zeros(2, 3, 4), axis=3)),
                Raises("ValueError", rf"{name}: .*axis", lambda: op(zeros(2, 3, 4), axis=(0, 0))),
                Raises("TypeError", rf"{name}: .*axis", lambda: op(zeros(2, 3, 4), axis=1.5)),
            ), **options))
    return specs


def extreme(name, ref):
    """max or min. The domain is wide, so that the steps of gradcheck do not reorder elements."""
    op = public(name)
    return [*reduction(name, ref, empty=False, distinct=True, domain=(-300, 300)),
            OpSpec(name, ref, case="of nothing", shapes=(((3,),),), tails=lambda n: ((n,),), large=LARGE, distinct=True, errors=(
                Raises("ValueError", rf"{name}: .*\(0,\)", lambda: op(zeros(0))),
                Raises("ValueError", rf"{name}: .*\(2, 0\)", lambda: op(zeros(2, 0), axis=1))))]


def position(name, ref):
    """argmax or argmin."""
    op = public(name)
    errors = (Raises("ValueError", rf"{name}: .*\(0,\)", lambda: op(zeros(0))),
              Raises("IndexError", rf"{name}: .*axis 2", lambda: op(zeros(3, 4), axis=2)))
    return [OpSpec(name, lambda x, a=axis: ref(x, axis=a), call=lambda x, a=axis: op(x, axis=a), case=f"axis {axis}",
                   shapes=(((3, 4, 5),), ((2, 33, 40),)) + ((((),), ((7,),)) if axis is None else (((3, 4, 0),),) if axis == 0 else ()),
                   tails=lambda n: ((n, n + 1),), large=LARGE, distinct=True, grads=(), errors=errors if axis is None else (),
                   extremes=False)      # a NaN wins as in NumPy, but float32 has ties at 1e4 that the reference has not
            for axis in (None, 0, -1)]


REDUCTIONS = [
    *reduction("sum", np.sum),
    *reduction("mean", np.mean, empty=False),
    *extreme("max", np.max),
    *extreme("min", np.min),
    *position("argmax", np.argmax),
    *position("argmin", np.argmin),
]
