# SPDX-License-Identifier: LGPL-3.0-or-later
"""Softmax and losses."""

import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, public, zeros

import nanograd as ng


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    shifted = x - np.max(x, axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.sum(np.exp(shifted), axis, keepdims=True))


def along_axis(name, ref, **options):
    op = public(name)
    errors = (Raises("IndexError", rf"{name}: .*axis 2", lambda: op(zeros(2, 3), axis=2)),)
    return [
        OpSpec(
            name,
            lambda x, a=axis: ref(x, a),
            call=lambda x, a=axis: op(x, axis=a),
            case=f"axis {axis}",
            shapes=(((3, 4, 5),), ((1, 1, 1),), ((2, 3, 0),), ((0, 3, 2),), ((2, 65, 40),)) + ((((7,),),) if axis != 1 else ()),
            tails=lambda n: ((3, n, n + 1),),
            large=((60, 101, 110),),
            atol=1.0 if name == "softmax" else 0.1,
            rtol={F32: 1e-6, F64: 5e-15},
            errors=errors if axis == -1 else (),
            torch=(name, name + "/with_dtype"),
            bench=(
                Bench(f"ng.{name}(x)", f"torch.{name}(x, -1)", "ROWS_OF_100"),
                Bench(f"ng.{name}(x, 0)", shapes="ROWS_OF_100", case="first axis"),
            ),
            **options,
        )
        for axis in (-1, 0, 1)
    ]


REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def with_labels(shapes, rng, least=0):
    """Logits of shapes[0], classes on axis 1 (0 of a single sample), and labels of shapes[1]."""
    classes = shapes[0][1 if len(shapes[0]) > 1 else 0]
    return [rng.uniform(-3, 3, shapes[0]), rng.integers(least, classes, shapes[1])]


def cross_entropy(x, t, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    axis = 1 if x.ndim > 1 else 0
    log_p = np.moveaxis(log_softmax(x, axis), axis, -1).reshape(-1, x.shape[axis])
    labels = t.reshape(-1)
    w = np.ones(x.shape[axis]) if weight is None else np.asarray(weight)
    keep = labels != ignore_index
    safe = np.where(keep, labels, 0)
    hard = -log_p[np.arange(labels.size), safe] * w[safe]
    smooth = -(log_p * w).sum(-1) / x.shape[axis]
    losses = np.where(keep, (1 - label_smoothing) * hard + (label_smoothing * smooth if label_smoothing else 0.0), 0.0)
    if reduction == "mean":
        return losses.sum() / (w[safe] * keep).sum()
    return losses.sum() if reduction == "sum" else losses.reshape(t.shape)


def cross_entropy_of(log_p, t, reduction):
    """nll_loss with ignore_index 0."""
    picked = -np.take_along_axis(np.moveaxis(log_p, 1, -1), t[..., None], -1)[..., 0] * (t != 0)
    return picked.sum() / (t != 0).sum() if reduction == "mean" else REDUCE[reduction](picked)


def classes(
    case,
    shapes=(((5, 4), (5,)), ((4,), ()), ((3, 4, 6), (3, 6)), ((1, 2), (1,)), ((40, 65), (40,))),
    errors=(),
    empty=(),
    tails=lambda n: ((n, n + 1), (n,)),
    large=((6000, 101), (6000,)),
    **options,
):
    return OpSpec(
        "cross_entropy",
        lambda x, t: cross_entropy(x, t, **options),
        call=lambda x, t: ng.cross_entropy(x, t, **options),
        case=case,
        shapes=shapes + empty,
        tails=tails,
        large=large,
        inputs=with_labels,
        grads=(True, False),
        rtol={F32: 1e-6, F64: 1e-14},
        atol=1.0,
        errors=errors,
        bench=(
            Bench("ng.cross_entropy(x, labels)", shapes="ROWS_OF_100"),
            Bench("ng.cross_entropy(x, labels, label_smoothing=0.1)", shapes="ROWS_OF_100", case="smoothed"),
        ),
    )


LOSSES = [
    *[
        OpSpec(
            "mse_loss",
            lambda x, t, r=reduction: REDUCE[r]((x - t) ** 2),
            call=lambda x, t, r=reduction: ng.mse_loss(x, t, reduction=r),
            case=reduction,
            shapes=(((3, 4), (3, 4)), ((), ()), ((33, 70), (33, 70))) + ((((0, 3), (0, 3)),) if reduction != "mean" else ()),
            tails=lambda n: ((n,), (n,)),
            large=((600, 1001), (600, 1001)),
            rtol={F32: 1e-6, F64: 1e-14},
            bench=(Bench("ng.mse_loss(x, target)"),),
            errors=()
            if reduction != "mean"
            else (
                Raises("ShapeError", r"mse_loss: .*\(3, 1\).*\(3,\)", lambda: ng.mse_loss(zeros(3, 1), zeros(3))),
                Raises("ValueError", r"mse_loss: .*reduction.*'avg'", lambda: ng.mse_loss(zeros(3), zeros(3), reduction="avg")),
                Raises("DTypeError", r"mse_loss: .*float32.*float64", lambda: ng.mse_loss(zeros(3), zeros(3, dtype=np.float64))),
            ),
        )
        for reduction in REDUCE
    ],
    classes(
        "mean",
        errors=(
            Raises("IndexError", r"cross_entropy: .*4.*4", lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 4]))),
            Raises("IndexError", r"cross_entropy: .*-1.*4", lambda: ng.cross_entropy(zeros(2, 4), np.array([-1, 0]))),
            Raises("DTypeError", r"cross_entropy: .*(class|label|integer)", lambda: ng.cross_entropy(zeros(2, 4), zeros(2))),
            Raises(
                "ShapeError", r"cross_entropy: .*\(2, 4\).*\(3,\)", lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1, 2]))
            ),
            Raises(
                "ValueError",
                r"cross_entropy: .*reduction.*'avg'",
                lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1]), reduction="avg"),
            ),
            Raises(
                "ValueError",
                r"cross_entropy: .*label_smoothing.*1\.5",
                lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1]), label_smoothing=1.5),
            ),
            Raises(
                "ShapeError",
                r"cross_entropy: .*weight.*\(3,\)",
                lambda: ng.cross_entropy(zeros(2, 4), np.array([0, 1]), weight=[1.0, 2.0, 3.0]),
            ),
        ),
    ),
    classes("sum", reduction="sum", empty=(((0, 4), (0,)),)),
    classes("none", reduction="none", empty=(((0, 4), (0,)),)),
    classes("ignore_index", ignore_index=0),
    classes(
        "weight, smoothing",
        weight=[0.5, 1.0, 2.0, 0.25],
        label_smoothing=0.1,
        tails=lambda n: ((n, 4), (n,)),
        large=((60000, 4), (60000,)),
        shapes=(((5, 4), (5,)), ((4,), ()), ((3, 4, 6), (3, 6))),
    ),
    OpSpec(
        "cross_entropy",
        lambda x, t: np.mean(-np.sum(softmax(t) * log_softmax(x), -1)),
        call=lambda x, t: ng.cross_entropy(x, ng.softmax(t, -1)),
        case="probabilities",
        shapes=(((5, 4), (5, 4)), ((4,), (4,))),
        tails=lambda n: ((n, n + 1),) * 2,
        large=((6000, 101),) * 2,
        atol=1.0,
    ),
]


def kept(shape):
    """What dropout with the generator of the spec multiplies by."""
    return ng.dropout(np.ones(shape), 0.25, generator=ng.Generator(5)).numpy()


DROPOUT = [
    OpSpec(
        "dropout",
        lambda x: x * kept(x.shape),
        call=lambda x: ng.dropout(x, 0.25, generator=ng.Generator(5)),
        elementwise=1,
        bench=(Bench("ng.dropout(x)", "F.dropout(x)"),),
        errors=(
            Raises("ValueError", r"dropout: .*1\.5", lambda: ng.dropout(zeros(3), 1.5)),
            Raises("DTypeError", r"dropout: .*object", lambda: ng.dropout(np.array([None]))),
        ),
        extremes=False,
    ),  # what is dropped is 0, the reference's inf * 0 is not
    OpSpec("dropout", lambda x: x, call=lambda x: ng.dropout(x, 0.25, False), case="not training", elementwise=1),
]


def logarithm(x):
    return np.maximum(np.log(x), -100)


def huber(x, t, delta=1.0):
    d = np.abs(x - t)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def pairs(
    name,
    ref,
    case="",
    errors=(),
    shapes=(((3, 4), (3, 4)), ((), ()), ((33, 70), (33, 70))),
    reductions=tuple(REDUCE),
    options=None,
    bench=None,
    **fields,
):
    """A loss of pairs, with each reduction."""
    options = options or {}
    bench = bench or Bench(f"ng.{name}(x, target)")
    return [
        OpSpec(
            name,
            lambda x, t, r=r: REDUCE[r](ref(x, t)),
            call=lambda x, t, r=r: public(name)(x, t, reduction=r, **options),
            case=f"{case} {r}".strip(),
            shapes=shapes,
            tails=lambda n: ((n,), (n,)),
            large=((600, 1001), (600, 1001)),
            atol=1.0,
            rtol={F32: 2e-6, F64: 1e-14},
            errors=errors if r == "mean" else (),
            bench=(bench,),
            **fields,
        )
        for r in reductions
    ]


def shape_error(name):
    return Raises("ShapeError", rf"{name}: .*\(3, 1\).*\(3,\)", lambda: public(name)(ng.zeros((3, 1)), zeros(3)))


PROBABILITIES = Bench("ng.binary_cross_entropy(part, chance)")
LOGITS = Bench("ng.binary_cross_entropy_with_logits(x, chance)", "F.binary_cross_entropy_with_logits(x, chance)")
PAIRS = [
    *pairs("l1_loss", lambda x, t: np.abs(x - t), distinct=True, domain=(-300, 300), errors=(shape_error("l1_loss"),)),
    *pairs(
        "smooth_l1_loss",
        lambda x, t: huber(x, t, 0.5) / 0.5,
        options=dict(beta=0.5),
        extremes=False,
        errors=(  # inf - inf
            shape_error("smooth_l1_loss"),
            Raises("ValueError", r"smooth_l1_loss: beta .*-1", lambda: ng.smooth_l1_loss(zeros(3), zeros(3), beta=-1)),
        ),
    ),
    *pairs(
        "huber_loss",
        lambda x, t: huber(x, t, 1.5),
        options=dict(delta=1.5),
        extremes=False,
        errors=(
            shape_error("huber_loss"),
            Raises("ValueError", r"huber_loss: delta .*0", lambda: ng.huber_loss(zeros(3), zeros(3), delta=0)),
        ),
    ),
    *pairs(
        "binary_cross_entropy",
        lambda p, t: -(t * logarithm(p) + (1 - t) * logarithm(1 - p)),
        bench=PROBABILITIES,
        domain=(0.05, 0.95),
        extremes=False,
        errors=(
            shape_error("binary_cross_entropy"),  # outside of [0, 1] it raises
            Raises(
                "ValueError", r"binary_cross_entropy: .*1\.5.*with_logits", lambda: ng.binary_cross_entropy([0.5, 1.5], zeros(2))
            ),
        ),
    ),
    *pairs(
        "binary_cross_entropy",
        lambda p, t: 2 * -(t * logarithm(p) + (1 - t) * logarithm(1 - p)),
        "weight",
        options=dict(weight=2.0),
        bench=PROBABILITIES,
        domain=(0.05, 0.95),
        extremes=False,
    ),
    *pairs(
        "binary_cross_entropy_with_logits",
        lambda x, t: softplus(x) - x * t,
        bench=LOGITS,
        extremes=False,  # inf - inf
        errors=(shape_error("binary_cross_entropy_with_logits"),),
    ),
    *pairs(
        "binary_cross_entropy_with_logits",
        lambda x, t: 0.5 * (3 * t * softplus(-x) + (1 - t) * softplus(x)),
        "weights",
        options=dict(weight=0.5, pos_weight=3.0),
        bench=LOGITS,
        extremes=False,
    ),
    *pairs(
        "kl_div",
        lambda x, t: t * (np.log(t) - x),
        domain=((-3, 3), (0.1, 2)),
        extremes=False,
        errors=(shape_error("kl_div"),),
        bench=Bench("ng.kl_div(x, chance, reduction='batchmean')", "F.kl_div(x, chance, reduction='batchmean')", "ROWS_OF_100"),
    ),
    OpSpec(
        "kl_div",
        lambda x, t: np.sum(t * (np.log(t) - x)) / len(x),
        call=lambda x, t: ng.kl_div(x, t, reduction="batchmean"),
        case="batchmean",
        shapes=(((5, 4), (5, 4)),),
        tails=lambda n: ((n,), (n,)),
        large=((600, 1001),) * 2,
        atol=1.0,
        domain=((-3, 3), (0.1, 2)),
        extremes=False,
    ),
    *pairs(
        "cross_entropy_from_probs",
        lambda p, t: -t * np.log(p),
        domain=(0.1, 2),
        extremes=False,
        no_torch="the original's form: test_softmax_loss.py",
        bench=Bench(
            "ng.cross_entropy_from_probs(part, chance)", "-(chance * torch.log(part.clamp(min=1e-10))).sum()", "ROWS_OF_100"
        ),
        errors=(
            shape_error("cross_entropy_from_probs"),
            Raises(
                "ValueError", r"cross_entropy_from_probs: eps .*0", lambda: ng.cross_entropy_from_probs(zeros(3), zeros(3), eps=0)
            ),
        ),
    ),
    *[
        OpSpec(
            "nll_loss",
            lambda x, t, r=r: cross_entropy_of(x, t, r),
            call=lambda x, t, r=r: ng.nll_loss(x, t, reduction=r, ignore_index=0),
            case=r,
            shapes=(((5, 4), (5,)), ((3, 4, 6), (3, 6)), ((1, 2), (1,))),
            tails=lambda n: ((n, n + 1), (n,)),
            large=((6000, 101), (6000,)),
            inputs=lambda shapes, rng: with_labels(shapes, rng, 1),
            bench=(Bench("ng.nll_loss(x, labels)", "F.nll_loss(x, labels)", "ROWS_OF_100"),),
            grads=(True, False),
            rtol={F32: 1e-6, F64: 1e-14},
            atol=1.0,
            errors=(
                Raises("IndexError", r"nll_loss: .*4.*4", lambda: ng.nll_loss(zeros(2, 4), np.array([0, 4]))),
                Raises("DTypeError", r"nll_loss: .*integer", lambda: ng.nll_loss(zeros(2, 4), zeros(2))),
            )
            if r == "mean"
            else (),
        )
        for r in REDUCE
    ],
]

NETWORK = [*DROPOUT, *along_axis("softmax", softmax), *along_axis("log_softmax", log_softmax), *LOSSES, *PAIRS]
