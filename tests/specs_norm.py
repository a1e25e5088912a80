# SPDX-License-Identifier: LGPL-3.0-or-later
"""Normalisation. The references work in float64 on whole arrays."""
import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, zeros

import nanograd as ng

CLOSE = dict(rtol={F32: 3e-6, F64: 1e-12}, atol=4.0)


def standardized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def layer_norm(x, w, b):
    return standardized(x, tuple(range(x.ndim - w.ndim, x.ndim))) * w + b


def rms_norm(x, w):
    return x / np.sqrt((x * x).mean(tuple(range(x.ndim - w.ndim, x.ndim)), keepdims=True) + 1e-5) * w


def per_channel(v, x):
    return v.reshape((-1,) + (1,) * (x.ndim - 2))


def group_norm(x, w, b, groups=2):
    parted = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    return standardized(parted, tuple(range(2, parted.ndim))).reshape(x.shape) * per_channel(w, x) + per_channel(b, x)


def batch_norm(x, w, b):
    return standardized(x, (0, *range(2, x.ndim))) * per_channel(w, x) + per_channel(b, x)


def frozen(x, w, b):
    c = x.shape[1]
    mean, var = np.linspace(-1, 1, c), np.linspace(0.5, 2, c)
    return (x - per_channel(mean, x)) / np.sqrt(per_channel(var, x) + 1e-5) * per_channel(w, x) + per_channel(b, x)


def run_frozen(x, w, b):
    c = x.shape[1]
    return ng.batch_norm(x, np.linspace(-1, 1, c).astype(x.dtype), np.linspace(0.5, 2, c).astype(x.dtype), w, b)


def errors(name, *more):
    op = {"layer_norm": lambda x, w: ng.layer_norm(x, 3, w), "rms_norm": lambda x, w: ng.rms_norm(x, 3, w),
          "group_norm": lambda x, w: ng.group_norm(x, 3, w), "batch_norm": lambda x, w: ng.batch_norm(x, None, None, w, training=True)}[name]
    return (Raises("ShapeError", rf"{name}: weight must be \(3,\), got shape \(4,\) \(x \(2, 3\)\)", lambda: op(zeros(2, 3), zeros(4))),
            Raises("DTypeError", rf"{name}: .*float32.*float64", lambda: op(zeros(2, 3), zeros(3, dtype=np.float64))),
            Raises("ValueError", rf"{name}: eps must not be negative, got -1", lambda: {
                "layer_norm": lambda: ng.layer_norm(zeros(3), 3, eps=-1), "rms_norm": lambda: ng.rms_norm(zeros(3), 3, eps=-1),
                "group_norm": lambda: ng.group_norm(zeros(1, 3), 3, eps=-1), "batch_norm": lambda: ng.batch_norm(zeros(2, 3), eps=-1)}[name]()), *more)


NORM = [
    OpSpec("layer_norm", layer_norm, call=lambda x, w, b: ng.layer_norm(x, w.shape, w, b),
           shapes=(((3, 4), (4,), (4,)), ((5,), (5,), (5,)), ((2, 3, 4), (3, 4), (3, 4)), ((0, 4), (4,), (4,)), ((2, 300), (300,), (300,))),
           tails=lambda n: ((2, n + 1), (n + 1,), (n + 1,)), large=((900, 1000), (1000,), (1000,)), extremes=False,
           bench=(Bench("ng.layer_norm(x, classes, row, row2)", "F.layer_norm(x, (classes,), row, row2)", "ROWS_OF_100"),), errors=errors(
               "layer_norm",
               Raises("ShapeError", r"layer_norm: normalized_shape \(2,\) must be the last axes of x, which has shape \(2, 3\)",
                      lambda: ng.layer_norm(zeros(2, 3), 2)),
               Raises("ShapeError", r"layer_norm: normalized_shape must have at least one axis", lambda: ng.layer_norm(zeros(2, 3), ()))), **CLOSE),
    OpSpec("rms_norm", rms_norm, call=lambda x, w: ng.rms_norm(x, w.shape, w, 1e-5),
           shapes=(((3, 4), (4,)), ((5,), (5,)), ((2, 3, 4), (3, 4)), ((0, 4), (4,)), ((2, 300), (300,))),
           tails=lambda n: ((2, n), (n,)), large=((900, 1000), (1000,)), extremes=False, errors=errors("rms_norm"),
           bench=(Bench("ng.rms_norm(x, classes, row)", "F.rms_norm(x, (classes,), row)", "ROWS_OF_100"),), **CLOSE),
    OpSpec("group_norm", group_norm, call=lambda x, w, b: ng.group_norm(x, 2, w, b),
           shapes=(((3, 8), (8,), (8,)), ((2, 6, 3), (6,), (6,)), ((2, 4, 3, 5), (4,), (4,)), ((0, 4, 3), (4,), (4,)), ((1, 2, 300), (2,), (2,))),
           tails=lambda n: ((2, 4, n), (4,), (4,)), large=((40, 8, 50, 60), (8,), (8,)), extremes=False,
           bench=(Bench("ng.group_norm(x, 1, channel, channel2)", "F.group_norm(x, 1, channel, channel2)", "IMAGES"),), errors=errors(
               "group_norm",
               Raises("ValueError", r"group_norm: num_groups must divide 3 channels, got 2", lambda: ng.group_norm(zeros(2, 3), 2)),
               Raises("ShapeError", r"group_norm: x must be \(N, C, \.\.\.\), got shape \(3,\)", lambda: ng.group_norm(zeros(3), 1))), **CLOSE),
    OpSpec("batch_norm", batch_norm, case="training", call=lambda x, w, b: ng.batch_norm(x, None, None, w, b, training=True),
           shapes=(((5, 4), (4,), (4,)), ((7, 35), (35,), (35,)), ((2, 3, 4), (3,), (3,)), ((2, 3, 4, 5), (3,), (3,)), ((1, 3, 300), (3,), (3,))),
           tails=lambda n: ((3, 2, n + 1), (2,), (2,)), large=((40, 8, 50, 60), (8,), (8,)), extremes=False,
           bench=(Bench("ng.batch_norm(x, None, None, channel, channel2, training=True)",
                        "F.batch_norm(x, None, None, channel, channel2, training=True)", "IMAGES"),), errors=errors(
               "batch_norm",
               Raises("ShapeError", r"batch_norm: training needs more than one value per channel, got shape \(1, 3\); write model\.eval\(\) for single "
                                    r"samples", lambda: ng.batch_norm(zeros(1, 3), training=True)),
               Raises("ShapeError", r"batch_norm: x must be \(N, C\) or \(N, C, \.\.\.\), got shape \(3,\)", lambda: ng.batch_norm(zeros(3), training=True)),
               Raises("ValueError", r"batch_norm: training=False needs running_mean and running_var", lambda: ng.batch_norm(zeros(2, 3))),
               Raises("ValueError", r"batch_norm: activation must be None or one of .*, got 'swishy'",
                      lambda: ng.batch_norm(zeros(2, 3), training=True, activation="swishy")),
               Raises("TypeError", r"batch_norm: running_mean must be a tensor, since training gives it a new value, got ndarray",
                      lambda: ng.batch_norm(zeros(2, 3), np.zeros(3, np.float32), training=True))), **CLOSE),
    OpSpec("batch_norm", batch_norm, case="columns", call=lambda x, w, b: ng.batch_norm(x, None, None, w, b, training=True),
           shapes=(((9, 17), (17,), (17,)),), tails=lambda n: ((5, n), (n,), (n,)), large=((3000, 300), (300,), (300,)), extremes=False, **CLOSE),
    OpSpec("batch_norm", lambda x, w, b: np.tanh(batch_norm(x, w, b)), case="training, tanh",
           call=lambda x, w, b: ng.batch_norm(x, None, None, w, b, training=True, activation="tanh"),
           shapes=(((2, 3, 4, 5), (3,), (3,)),), tails=lambda n: ((3, 2, n + 1), (2,), (2,)), large=((40, 8, 50, 60), (8,), (8,)), extremes=False,
           **CLOSE),
    OpSpec("batch_norm", frozen, case="frozen", call=run_frozen, shapes=(((5, 4), (4,), (4,)), ((2, 3, 4, 5), (3,), (3,)), ((1, 3), (3,), (3,))),
           tails=lambda n: ((3, 2, n), (2,), (2,)), large=((40, 8, 50, 60), (8,), (8,)), extremes=False, **CLOSE),
]
