# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reductions."""
import numpy as np
from opspec import F32, F64, OpSpec, Raises, public, zeros

import nanograd as ng

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


REDUCTIONS = [
    *reduction("sum", np.sum),
    *reduction("mean", np.mean, empty=False),
    *reduction("max", np.max, empty=False, distinct=True, domain=(-300, 300)),     # wide: the steps of gradcheck must not reorder
    OpSpec("max", np.max, case="of nothing", shapes=(((3,),),), tails=lambda n: ((n,),), large=LARGE, errors=(
        Raises("ValueError", r"max: .*\(0,\)", lambda: ng.max(zeros(0))),
        Raises("ValueError", r"max: .*\(2, 0\)", lambda: ng.max(zeros(2, 0), axis=1)))),
    *[OpSpec("argmax", lambda x, a=axis: np.argmax(x, axis=a), call=lambda x, a=axis: ng.argmax(x, axis=a), case=f"axis {axis}",
             shapes=(((3, 4, 5),), ((2, 33, 40),)) + ((((),), ((7,),)) if axis is None else (((3, 4, 0),),) if axis == 0 else ()),
             tails=lambda n: ((n, n + 1),), large=LARGE, distinct=True, grads=(),
             extremes=False,       # a NaN wins as in NumPy, but float32's ties at 1e4 are not the reference's
             errors=() if axis is not None else (Raises("ValueError", r"argmax: .*\(0,\)", lambda: ng.argmax(zeros(0))),
                                                 Raises("IndexError", r"argmax: .*axis 2", lambda: ng.argmax(zeros(3, 4), axis=2))))
      for axis in (None, 0, -1)],
]
