# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reductions."""

import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, public, zeros
from scipy import special

import nanograd as ng

LARGE = ((600, 1001),)
AXES = {
    "all": {},
    "axis 0": dict(axis=0),
    "axis 1": dict(axis=1),
    "axis -1": dict(axis=-1),
    "axes (0, 2), keepdims": dict(axis=(0, 2), keepdims=True),
    "axes (0, 1)": dict(axis=(0, 1)),
    "no axes": dict(axis=()),
}
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
        specs.append(
            OpSpec(
                name,
                lambda x, kwargs=kwargs: ref(x, **kwargs),
                call=lambda x, kwargs=kwargs: op(x, **kwargs),
                case=case,
                shapes=shapes,
                tails=lambda n: ((n, n + 1, n),),
                large=((60, 101, 110),),
                rtol={F32: 1e-6, F64: 1e-13},
                atol=1.0,
                errors=()
                if case != "all"
                else (
                    Raises("IndexError", rf"{name}: .*axis 3 .*3", lambda: op(zeros(2, 3, 4), axis=3)),
                    Raises("ValueError", rf"{name}: .*axis", lambda: op(zeros(2, 3, 4), axis=(0, 0))),
                    Raises("TypeError", rf"{name}: .*axis", lambda: op(zeros(2, 3, 4), axis=1.5)),
                ),
                **options,
            )
        )
    return specs


def extreme(name, ref, bench=()):
    """max or min. The domain is wide, so that the steps of gradcheck do not reorder elements."""
    op = public(name)
    return [
        *reduction(
            name,
            ref,
            empty=False,
            distinct=True,
            domain=(-300, 300),
            torch=(f"a{name}", f"{name}/reduction_no_dim", f"{name}/reduction_with_dim"),
            bench=bench,
        ),
        OpSpec(
            name,
            ref,
            case="of nothing",
            shapes=(((3,),),),
            tails=lambda n: ((n,),),
            large=LARGE,
            distinct=True,
            errors=(
                Raises("ValueError", rf"{name}: .*\(0,\)", lambda: op(zeros(0))),
                Raises("ValueError", rf"{name}: .*\(2, 0\)", lambda: op(zeros(2, 0), axis=1)),
            ),
        ),
    ]


def position(name, ref, bench=()):
    """argmax or argmin."""
    op = public(name)
    errors = (
        Raises("ValueError", rf"{name}: .*\(0,\)", lambda: op(zeros(0))),
        Raises("IndexError", rf"{name}: .*axis 2", lambda: op(zeros(3, 4), axis=2)),
    )
    return [
        OpSpec(
            name,
            lambda x, a=axis: ref(x, axis=a),
            call=lambda x, a=axis: op(x, axis=a),
            case=f"axis {axis}",
            shapes=(((3, 4, 5),), ((2, 33, 40),)) + ((((),), ((7,),)) if axis is None else (((3, 4, 0),),) if axis == 0 else ()),
            tails=lambda n: ((n, n + 1),),
            large=LARGE,
            distinct=True,
            grads=(),
            errors=errors if axis is None else (),
            bench=bench,
            extremes=False,
        )  # a NaN wins as in NumPy, but float32 has ties at 1e4 that the reference has not
        for axis in (None, 0, -1)
    ]


def norm(x, ord, axis=None, keepdims=False):
    a = np.abs(x)
    if ord == np.inf:
        return a.max(axis, keepdims=keepdims)
    return a.sum(axis, keepdims=keepdims) if ord == 1 else np.sqrt((a * a).sum(axis, keepdims=keepdims))


def norms(order):
    """The cases of norm() for one order, away from its kinks."""
    return [
        OpSpec(
            "norm",
            lambda x, kw=kwargs: norm(x, order, **kw),
            call=lambda x, kw=kwargs: ng.norm(x, ord=order, **kw),
            case=f"ord {order}, {case}",
            shapes=(((3, 4, 5),), ((2, 33, 40),)),
            tails=lambda n: ((n, 2, n + 1),),
            large=((60, 101, 110),),
            atol=1.0,
            inputs=separate,
            extremes=case != "no axes",
            torch=("norm", "norm/fro", "norm/inf", "linalg.vector_norm"),
            bench=(
                Bench(theirs="torch.linalg.vector_norm(x)"),
                Bench("ng.norm(x, ord=1)", "torch.linalg.vector_norm(x, 1)", case="order 1"),
            ),
            errors=(
                Raises("ValueError", r"norm: ord .*3", lambda: ng.norm(zeros(3), ord=3)),
                Raises("ValueError", r"norm: .*\(0,\)", lambda: ng.norm(zeros(0), ord=np.inf)),
            )
            if case == "all" and order == 2
            else (),
        )
        for case, kwargs in AXES.items()
    ]


def separate(shapes, rng):
    """Elements whose magnitudes are all different, and none near 0."""
    return [(rng.permutation(int(np.prod(shape))) + 1.0).reshape(shape) * rng.choice([-0.1, 0.1], shape) for shape in shapes]


def last_axis(name, theirs=""):
    return Bench(f"ng.{name}(x, -1)", theirs, "ROWS_OF_100", case="last axis")


REDUCTIONS = [
    *reduction("sum", np.sum, bench=(Bench(), last_axis("sum"), Bench("ng.sum(x, 0)", shapes="ROWS_OF_100", case="first axis"))),
    *reduction("mean", np.mean, empty=False, bench=(Bench(), last_axis("mean"))),
    *extreme("max", np.max, (Bench(), last_axis("max", "torch.amax(x, -1)"))),
    *extreme("min", np.min),
    *position("argmax", np.argmax, (Bench(), last_axis("argmax"))),
    *position("argmin", np.argmin),
    *reduction("prod", np.prod, empty=True, domain=(0.98, 1.02), bench=(Bench("ng.prod(near_one)"),)),
    *reduction("logsumexp", special.logsumexp, empty=False, bench=(Bench("ng.logsumexp(x, -1)", shapes="ROWS_OF_100"),)),
    *reduction(
        "var",
        np.var,
        empty=False,
        torch=("var", "var/unbiased"),
        bench=(Bench(theirs="torch.var(x, correction=0)"), last_axis("var", "torch.var(x, -1, correction=0)")),
    ),
    OpSpec(
        "var",
        lambda x: np.var(x, 1, ddof=1),
        call=lambda x: ng.var(x, 1, ddof=1),
        case="ddof",
        shapes=REDUCED[:2],
        tails=lambda n: ((2, n + 1),),
        large=LARGE,
        atol=1.0,
    ),
    *[
        spec
        for spec in reduction(
            "std", np.std, empty=False, torch=("std", "std/unbiased"), bench=(Bench(theirs="torch.std(x, correction=0)"),)
        )
        if spec.case != "no axes"  # of one element: 0, a kink
    ],
    *[spec for order in (1, 2, np.inf) for spec in norms(order)],
    *[
        OpSpec(
            "cumsum",
            lambda x, a=axis: np.cumsum(x, a),
            call=lambda x, a=axis: ng.cumsum(x, a),
            case=f"axis {axis}",
            shapes=(((3, 4, 5),), ((2, 33, 40),), ((2, 0, 3),)),
            tails=lambda n: ((3, n, n + 1),),
            large=((60, 101, 110),),
            atol=1.0,
            bench=(Bench("ng.cumsum(x, 0)"), last_axis("cumsum")),
            errors=(Raises("IndexError", r"cumsum: .*axis -1.*0 dim", lambda: ng.cumsum(zeros())),),
        )
        for axis in (0, 1, -1)
    ],
    *[
        OpSpec(
            "cumprod",
            lambda x, a=axis: np.cumprod(x, a),
            call=lambda x, a=axis: ng.cumprod(x, a),
            case=f"axis {axis}",
            shapes=(((3, 4, 5),), ((2, 33, 40),), ((2, 0, 3),)),
            tails=lambda n: ((3, n, n + 1),),
            large=((60, 101, 110),),
            domain=(0.5, 1.5),
            bench=(Bench("ng.cumprod(near_one, 0)"), Bench("ng.cumprod(near_one, -1)", shapes="ROWS_OF_100", case="last axis")),
            errors=(Raises("IndexError", r"cumprod: .*axis -1.*0 dim", lambda: ng.cumprod(zeros())),),
        )
        for axis in (0, 1, -1)
    ],
    OpSpec(
        "cumprod",
        lambda x: np.cumprod(x, -1),
        call=ng.cumprod,
        case="zeros",
        shapes=(((3, 5),), ((40, 9),)),
        tails=lambda n: ((3, n),),
        large=((6000, 101),),
        inputs=lambda shapes, rng: [rng.integers(-1, 3, shape).astype(np.float64) for shape in shapes],
        extremes=False,      # each row has its own place for the zeros
    ),
]
