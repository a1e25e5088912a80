# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every op of nanograd, one OpSpec each (several where it has several ways to be called). tests/opspec.py explains the fields;
tests/test_ops_contract.py does the rest."""
import numpy as np
from opspec import F32, F64, OpSpec, Raises
from scipy import special

import nanograd as ng

MATH = {F32: 5e-7, F64: 2e-15}                    # our own exp, log, tanh ...: a few units in the last place
LARGE = ((600, 1001),)


def zeros(*shape, dtype=np.float32):
    return ng.zeros(shape, dtype=dtype)


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    shifted = x - np.max(x, axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.sum(np.exp(shifted), axis, keepdims=True))


def public(name):
    """The function of that name, looked up when it is called (a missing one fails its own tests only)."""
    return lambda *args, **kwargs: getattr(ng, name)(*args, **kwargs)


def broadcast_errors(name):
    op = public(name)
    return (
        Raises("ShapeError", rf"{name}: .*\(3,\).*\(4,\)", lambda: op(zeros(3), zeros(4))),
        Raises("DTypeError", rf"{name}: .*float32.*float64.*astype", lambda: op(zeros(3), zeros(3, dtype=np.float64))),
        Raises("DTypeError", rf"{name}: .*float64.*np\.asarray\(x, dtype=np\.float32\)", lambda: op(zeros(3), np.zeros(3))),
        Raises("DTypeError", rf"{name}: .*complex", lambda: op(zeros(3), np.zeros(3, complex))),
    )


def binary(name, ref, **options):
    return OpSpec(name, ref, elementwise=2, errors=broadcast_errors(name), **options)


def unary(name, ref, **options):
    return OpSpec(name, ref, elementwise=1, errors=(
        Raises("DTypeError", rf"{name}: .*object", lambda: public(name)(np.array([None]))),), **options)


# ---- arithmetic -----------------------------------------------------------------------------------------------------------

ARITHMETIC = [
    binary("add", np.add),
    binary("sub", np.subtract),
    binary("mul", np.multiply),
    binary("div", np.divide, domain=((-3, 3), (0.5, 3))),
    binary("pow", np.power, domain=((0.2, 3), (-2, 2)), rtol={F32: 2e-6, F64: 1e-14}),
    OpSpec("pow", lambda x: x ** 3, call=lambda x: ng.pow(x, 3), case="exponent 3", elementwise=1, rtol={F32: 2e-6, F64: 1e-14}),
    OpSpec("div", lambda x: 2 / x, call=lambda x: 2 / x, case="number over tensor", elementwise=1, domain=(0.5, 3)),
    OpSpec("sub", lambda x: 2 - x, call=lambda x: 2 - x, case="number minus tensor", elementwise=1),
    binary("maximum", np.maximum, distinct=True),
    binary("minimum", np.minimum, distinct=True),
    OpSpec("where", lambda a, b: np.where(a > b, a, b), call=lambda a, b: ng.where(a > b, a, b), elementwise=2, distinct=True,
           extremes=False,      # the reference's condition is computed in float64
           errors=(
               Raises("TypeError", r"where: .*condition", lambda: ng.where(zeros(3), zeros(3), zeros(3))),
               Raises("ShapeError", r"where: .*\(2,\).*\(3,\)", lambda: ng.where(np.ones(2, bool), zeros(3), zeros(3))),
               Raises("DTypeError", r"where: .*float32.*float64",
                      lambda: ng.where(np.ones(3, bool), zeros(3), zeros(3, dtype=np.float64))),
           )),
    unary("neg", np.negative),
    unary("abs", np.abs, avoid=(0.0,)),
    unary("exp", np.exp, rtol=MATH),
    unary("log", np.log, domain=(0.1, 4), rtol=MATH, avoid=(1.0,)),
    unary("sqrt", np.sqrt, domain=(0.1, 4)),
    unary("square", np.square),
    OpSpec("clip", lambda x: np.clip(x, -1, 0.5), call=lambda x: ng.clip(x, -1, 0.5), elementwise=1, avoid=(-1.0, 0.5), errors=(
        Raises("ValueError", r"clip: .*min.*max", lambda: ng.clip(zeros(3), 2, 1)),
    )),
    OpSpec("clip", lambda x: x, call=lambda x: ng.clip(x), case="no limits", elementwise=1),
    OpSpec("clip", lambda x: np.maximum(x, -1), call=lambda x: ng.clip(x, min=-1), case="min", elementwise=1, avoid=(-1.0,)),
    OpSpec("clip", lambda x: np.minimum(x, 0.5), call=lambda x: ng.clip(x, max=0.5), case="max", elementwise=1, avoid=(0.5,)),
]

# ---- linear algebra -------------------------------------------------------------------------------------------------------

MATMUL = dict(rtol={F32: 2e-6, F64: 1e-13}, atol=2.0)
LINEAR = dict(name="linear", **MATMUL)
LINEAR_SHAPES = (((5, 3), (4, 3), (4,)), ((3,), (4, 3), (4,)), ((2, 5, 3), (4, 3), (4,)), ((0, 3), (4, 3), (4,)), ((1, 17), (33, 17), (33,)),
                 ((64, 40), (70, 40), (70,)))
LINEAR_LARGE = ((512, 300), (310, 300), (310,))


def linear_tails(n):
    return (n, 2 * n), (n + 1, 2 * n), (n + 1,)


def affine(x, w, b):
    return x @ w.T + b


def fused(activation, ref, **options):
    return OpSpec(ref=lambda x, w, b: ref(affine(x, w, b)), call=lambda x, w, b: ng.linear(x, w, b, activation=activation), case=activation,
                  shapes=LINEAR_SHAPES, tails=linear_tails, large=LINEAR_LARGE, domain=((-2, 2), (-0.7, 0.7), (-2, 2)), **LINEAR, **options)


LINALG = [
    OpSpec("matmul", np.matmul, shapes=(
        ((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((1, 6), (6, 5)), ((6, 1), (1, 5)), ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((70, 65), (65, 90)),
        ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((0,), (0,)), ((3, 4), (4, 0)), ((0, 3, 4), (4, 5)), ((16, 16), (16, 16))),
        tails=lambda n: ((n, n + 2), (n + 2, n + 1)), large=((400, 300), (300, 350)), errors=(
            Raises("ShapeError", r"matmul: .*4.*5.*\(3, 4\).*\(5, 6\)", lambda: ng.matmul(zeros(3, 4), zeros(5, 6))),
            Raises("ShapeError", r"matmul: .*0-d|matmul: .*\(\)", lambda: ng.matmul(zeros(), zeros(3))),
            Raises("ShapeError", r"matmul: .*\(2, 3, 4\).*\(5, 4, 3\)", lambda: ng.matmul(zeros(2, 3, 4), zeros(5, 4, 3))),
            Raises("DTypeError", r"matmul: .*float32.*float64", lambda: ng.matmul(zeros(2, 2), zeros(2, 2, dtype=np.float64))),
        ), **MATMUL),
    OpSpec("matmul", np.matmul, case="thin", shapes=(((2, 100), (100, 120)), ((1, 300), (300, 40)), ((120, 100), (100, 2)), ((1, 200), (200, 1))),
           tails=lambda n: ((1, n), (n, n)), large=((2, 2000), (2000, 900)), **MATMUL),
    OpSpec("matmul", np.matmul, case="long k", shapes=(((8, 3000), (3000, 6)),), tails=lambda n: ((3, 100 * n), (100 * n, 2)),
           large=((24, 20000), (20000, 20)), **MATMUL),
    OpSpec(ref=affine, shapes=LINEAR_SHAPES, tails=linear_tails, large=LINEAR_LARGE, errors=(
        Raises("ShapeError", r"linear: weight expects 3 .*got 4 .*\(5, 4\).*\(2, 3\)", lambda: ng.linear(zeros(5, 4), zeros(2, 3))),
        Raises("ShapeError", r"linear: bias .*\(3,\)", lambda: ng.linear(zeros(5, 4), zeros(2, 4), zeros(3))),
        Raises("ShapeError", r"linear: weight .*\(4,\)", lambda: ng.linear(zeros(5, 4), zeros(4))),
        Raises("ValueError", r"linear: .*activation.*'swishy'", lambda: ng.linear(zeros(5, 4), zeros(2, 4), activation="swishy")),
        Raises("DTypeError", r"linear: .*float32.*float64", lambda: ng.linear(zeros(5, 4), zeros(2, 4, dtype=np.float64))),
    ), **LINEAR),
    OpSpec(ref=lambda x, w: x @ w.T, case="no bias", shapes=tuple(s[:2] for s in LINEAR_SHAPES), tails=lambda n: linear_tails(n)[:2],
           large=LINEAR_LARGE[:2], **LINEAR),
    fused("relu", lambda y: np.maximum(y, 0), inputs=lambda shapes, rng: away_from_kink(shapes, rng)),
    fused("leaky_relu", lambda y: np.where(y > 0, y, 0.01 * y), inputs=lambda shapes, rng: away_from_kink(shapes, rng)),
    fused("tanh", np.tanh),
    fused("sigmoid", special.expit),
    fused("silu", lambda y: y * special.expit(y), extremes=False),       # 0 at -inf, where the reference has NaN
    fused("gelu", lambda y: 0.5 * y * (1 + special.erf(y / np.sqrt(2))), extremes=False),
]


def away_from_kink(shapes, rng):
    """Inputs of linear() none of whose outputs is near 0: every row of the weight has one sign throughout, x and bias with it."""
    x, w, b = (rng.uniform(0.2, 1, shape) for shape in shapes)
    sign = np.where(np.arange(b.size) % 2, 1.0, -1.0)
    return [x, w * sign[:, None], b * sign]


# ---- reductions -----------------------------------------------------------------------------------------------------------

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

# ---- shape ----------------------------------------------------------------------------------------------------------------

EXACT = {F32: 0.0, F64: 0.0}


def moves(name, ref, call, case, shapes, errors=(), tails=None, large=LARGE):
    """An op that only moves elements."""
    return OpSpec(name, ref, call=call, case=case, shapes=shapes, tails=tails or (lambda n: ((n, n + 1),)), large=large, rtol=EXACT,
                  errors=errors)


SHAPE = [
    moves("reshape", lambda x: x.reshape(-1, 2), lambda x: ng.reshape(x, -1, 2), "-1", (((3, 4),), ((0, 3),), ((2, 1),), ((2, 3, 2, 2),)), (
        Raises("ShapeError", r"reshape: .*\(5,\).*\(2, 3\)", lambda: ng.reshape(zeros(5), 2, 3)),
        Raises("ShapeError", r"reshape: .*-1", lambda: ng.reshape(zeros(6), -1, -1)),
        Raises("ShapeError", r"reshape: .*\(5,\).*-1", lambda: ng.reshape(zeros(5), -1, 2)),
        Raises("TypeError", r"reshape: ", lambda: ng.reshape(zeros(6), 2.0, 3)),
    )),
    moves("reshape", lambda x: x.reshape(()), lambda x: ng.reshape(x, ()), "to 0-d", (((1, 1),), ((),)), tails=lambda n: ((1,),), large=None),
    moves("flatten", lambda x: x.reshape(-1), lambda x: ng.flatten(x), "all", (((3, 4),), ((2, 0, 3),), ((2, 3, 4, 2),), ((),))),
    moves("flatten", lambda x: x.reshape(x.shape[0], -1, x.shape[-1]), lambda x: ng.flatten(x, 1, -2), "start, end",
          (((3, 4, 2, 5),), ((2, 3, 0, 2),)), (Raises("IndexError", r"flatten: .*axis 3", lambda: ng.flatten(zeros(2, 3), 3)),
                                               Raises("ValueError", r"flatten: .*start_axis.*end_axis", lambda: ng.flatten(zeros(2, 3), 1, 0))),
          tails=lambda n: ((n, 3, n, 2),), large=((60, 10, 101, 11),)),
    moves("transpose", np.transpose, lambda x: ng.transpose(x), "reversed", (((3, 4),), ((2, 3, 4),), ((0, 3),), ((5,),), ((),)), (
        Raises("(ValueError|ShapeError)", r"transpose: .*swapaxes", lambda: ng.transpose(zeros(2, 3, 4), 0, 1)),
        Raises("ValueError", r"transpose: .*axis|transpose: .*axes", lambda: ng.transpose(zeros(2, 3), 0, 0)),
        Raises("IndexError", r"transpose: .*axis 2", lambda: ng.transpose(zeros(2, 3), 0, 2)),
    )),
    moves("transpose", lambda x: x.transpose(2, 0, 1), lambda x: ng.transpose(x, 2, 0, -2), "axes", (((2, 3, 4),), ((2, 0, 4),), ((20, 30, 40),)),
          tails=lambda n: ((n, 3, n + 1),), large=((80, 90, 100),)),
    moves("permute", lambda x: x.transpose(0, 2, 1, 3), lambda x: ng.permute(x, (0, 2, 1, 3)), "", (((2, 3, 4, 5),), ((2, 3, 0, 5),), ((1, 1, 1, 1),)),
          (Raises("(ValueError|ShapeError)", r"permute: ", lambda: ng.permute(zeros(2, 3), (0,))),),
          tails=lambda n: ((2, n, n + 1, n),), large=((20, 40, 30, 33),)),
    moves("concatenate", lambda *a: np.concatenate(a), lambda *a: ng.concatenate(a), "axis 0", (((3, 4), (2, 4)), ((3,), (0,)), ((2, 0), (3, 0)), ((1, 5), (1, 5))), (
        Raises("ShapeError", r"concatenate: .*\(2, 3\).*\(2, 4\)", lambda: ng.concatenate([zeros(2, 3), zeros(2, 4)])),
        Raises("ValueError", r"concatenate: ", lambda: ng.concatenate([])),
        Raises("ShapeError", r"concatenate: .*0-d|concatenate: .*\(\)", lambda: ng.concatenate([zeros(), zeros()])),
        Raises("DTypeError", r"concatenate: .*float32.*float64", lambda: ng.concatenate([zeros(2), zeros(2, dtype=np.float64)])),
        Raises("IndexError", r"concatenate: .*axis 1", lambda: ng.concatenate([zeros(2), zeros(2)], axis=1)),
    ), tails=lambda n: ((n, 3), (n + 1, 3)), large=((600, 1001), (500, 1001))),
    moves("concatenate", lambda *a: np.concatenate(a, -1), lambda *a: ng.concatenate(a, axis=-1), "axis -1", (((2, 3, 4), (2, 3, 1), (2, 3, 5)), ((2, 0), (2, 3))),
          tails=lambda n: ((3, n), (3, n + 1), (3, 1)), large=((600, 1001), (600, 7), (600, 500))),
    moves("stack", lambda *a: np.stack(a), lambda *a: ng.stack(a), "axis 0", (((3, 4), (3, 4)), ((), ()), ((0,), (0,))), (
        Raises("ShapeError", r"stack: .*\(2,\).*\(3,\)", lambda: ng.stack([zeros(2), zeros(3)])),
        Raises("ValueError", r"stack: ", lambda: ng.stack([])),
        Raises("IndexError", r"stack: .*axis 2", lambda: ng.stack([zeros(2), zeros(2)], axis=2)),
    ), tails=lambda n: ((n,), (n,)), large=((600, 1001), (600, 1001))),
    moves("stack", lambda *a: np.stack(a, -1), lambda *a: ng.stack(a, axis=-1), "axis -1", (((3, 4), (3, 4), (3, 4)), ((), ())),
          tails=lambda n: ((n, 2), (n, 2)), large=((600, 1001), (600, 1001))),
]

# ---- activations ----------------------------------------------------------------------------------------------------------


def along_axis(name, ref, **options):
    op = public(name)
    errors = (Raises("IndexError", rf"{name}: .*axis 2", lambda: op(zeros(2, 3), axis=2)),)
    return [OpSpec(name, lambda x, a=axis: ref(x, a), call=lambda x, a=axis: op(x, axis=a), case=f"axis {axis}",
                   shapes=(((3, 4, 5),), ((1, 1, 1),), ((2, 3, 0),), ((0, 3, 2),), ((2, 65, 40),)) + ((((7,),),) if axis != 1 else ()),
                   tails=lambda n: ((3, n, n + 1),), large=((60, 101, 110),), atol=1.0 if name == "softmax" else 0.0,
                   rtol={F32: 1e-6, F64: 5e-15}, errors=errors if axis == -1 else (), **options) for axis in (-1, 0, 1)]


ACTIVATIONS = [
    unary("relu", lambda x: np.where(x <= 0, 0, x), avoid=(0.0,)),
    unary("leaky_relu", lambda x: np.where(x < 0, 0.01 * x, x), avoid=(0.0,)),
    OpSpec("leaky_relu", lambda x: np.where(x < 0, 0.3 * x, x), call=lambda x: ng.leaky_relu(x, 0.3), case="slope 0.3", elementwise=1, avoid=(0.0,)),
    unary("silu", lambda x: x * special.expit(x), rtol=MATH, extremes=False),      # 0 at -inf, where the reference has NaN
    unary("tanh", np.tanh, rtol=MATH),
    unary("sigmoid", special.expit, rtol=MATH),
    *along_axis("softmax", softmax),
    *along_axis("log_softmax", log_softmax),
]

# ---- losses ---------------------------------------------------------------------------------------------------------------

REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def with_labels(shapes, rng):
    """Logits of shapes[0], classes on axis 1 (0 of a single sample), and labels of shapes[1]."""
    classes = shapes[0][1 if len(shapes[0]) > 1 else 0]
    return [rng.uniform(-3, 3, shapes[0]), rng.integers(0, classes, shapes[1])]


def cross_entropy(x, t, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    axis = 1 if x.ndim > 1 else 0
    log_p = np.moveaxis(log_softmax(x, axis), axis, -1).reshape(-1, x.shape[axis])
    labels = t.reshape(-1)
    w = np.ones(x.shape[axis]) if weight is None else np.asarray(weight)
    keep = labels != ignore_index
    safe = np.where(keep, labels, 0)
    hard = -log_p[np.arange(labels.size), safe] * w[safe]
    smooth = -(log_p * w).sum(-1) / x.shape[axis]
    losses = np.where(keep, (1 - label_smoothing) * hard + label_smoothing * smooth, 0.0)
    if reduction == "mean":
        return losses.sum() / (w[safe] * keep).sum()
    return losses.sum() if reduction == "sum" else losses.reshape(t.shape)


def classes(case, shapes=(((5, 4), (5,)), ((4,), ()), ((3, 4, 6), (3, 6)), ((1, 2), (1,)), ((40, 65), (40,))), errors=(), empty=(),
            tails=lambda n: ((n, n + 1), (n,)), large=((6000, 101), (6000,)), **options):
    return OpSpec("cross_entropy", lambda x, t: cross_entropy(x, t, **options), call=lambda x, t: ng.cross_entropy(x, t, **options), case=case,
                  shapes=shapes + empty, tails=tails, large=large, inputs=with_labels, grads=(True, False),
                  rtol={F32: 1e-6, F64: 1e-14}, atol=1.0, errors=errors)


LOSSES = [
    *[OpSpec("mse_loss", lambda x, t, r=reduction: REDUCE[r]((x - t) ** 2), call=lambda x, t, r=reduction: ng.mse_loss(x, t, reduction=r),
             case=reduction, shapes=(((3, 4), (3, 4)), ((), ()), ((33, 70), (33, 70))) + ((((0, 3), (0, 3)),) if reduction != "mean" else ()),
             tails=lambda n: ((n,), (n,)), large=((600, 1001), (600, 1001)), rtol={F32: 1e-6, F64: 1e-14}, errors=() if reduction != "mean" else (
                 Raises("ShapeError", r"mse_loss: .*\(3, 1\).*\(3,\)", lambda: ng.mse_loss(zeros(3, 1), zeros(3))),
                 Raises("ValueError", r"mse_loss: .*reduction.*'avg'", lambda: ng.mse_loss(zeros(3), zeros(3), reduction="avg")),
                 Raises("DTypeError", r"mse_loss: .*float32.*float64", lambda: ng.mse_loss(zeros(3), zeros(3, dtype=np.float64))),
             )) for reduction in REDUCE],
    classes("mean", errors=(
        Raises("IndexError", r"cross_entropy: .*4.*4", lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 4]))),
        Raises("IndexError", r"cross_entropy: .*-1.*4", lambda: ng.cross_entropy(zeros(2, 4), np.array([-1, 0]))),
        Raises("DTypeError", r"cross_entropy: .*(class|label|integer)", lambda: ng.cross_entropy(zeros(2, 4), zeros(2))),
        Raises("ShapeError", r"cross_entropy: .*\(2, 4\).*\(3,\)", lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1, 2]))),
        Raises("ValueError", r"cross_entropy: .*reduction.*'avg'", lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1]), reduction="avg")),
        Raises("ValueError", r"cross_entropy: .*label_smoothing.*1\.5",
               lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1]), label_smoothing=1.5)),
        Raises("ShapeError", r"cross_entropy: .*weight.*\(3,\)", lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1]), weight=[1.0, 2.0, 3.0])),
    )),
    classes("sum", reduction="sum", empty=(((0, 4), (0,)),)),
    classes("none", reduction="none", empty=(((0, 4), (0,)),)),
    classes("ignore_index", ignore_index=0),
    classes("weight, smoothing", weight=[0.5, 1.0, 2.0, 0.25], label_smoothing=0.1, tails=lambda n: ((n, 4), (n,)), large=((60000, 4), (60000,)),
            shapes=(((5, 4), (5,)), ((4,), ()), ((3, 4, 6), (3, 6)))),
    OpSpec("cross_entropy", lambda x, t: np.mean(-np.sum(softmax(t) * log_softmax(x), -1)), call=lambda x, t: ng.cross_entropy(x, ng.softmax(t, -1)),
           case="probabilities", shapes=(((5, 4), (5, 4)), ((4,), (4,))), tails=lambda n: ((n, n + 1),) * 2, large=((6000, 101),) * 2, atol=1.0),
]

SPECS = [*ARITHMETIC, *LINALG, *REDUCTIONS, *SHAPE, *ACTIVATIONS, *LOSSES]
