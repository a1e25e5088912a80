# SPDX-License-Identifier: LGPL-3.0-or-later
"""Products of matrices and vectors."""
import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, zeros
from scipy import special

import nanograd as ng

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
        tails=lambda n: ((n, n + 2), (n + 2, n + 1)), large=((400, 300), (300, 350)), torch=("matmul", "mm", "mv", "bmm"),
        bench=(Bench("ng.matmul(x, weight)", shapes="LINEAR"),), errors=(
            Raises("ShapeError", r"matmul: .*4.*5.*\(3, 4\).*\(5, 6\)", lambda: ng.matmul(zeros(3, 4), zeros(5, 6))),
            Raises("ShapeError", r"matmul: .*0-d|matmul: .*\(\)", lambda: ng.matmul(zeros(), zeros(3))),
            Raises("ShapeError", r"matmul: .*\(2, 3, 4\).*\(5, 4, 3\)", lambda: ng.matmul(zeros(2, 3, 4), zeros(5, 4, 3))),
            Raises("DTypeError", r"matmul: .*float32.*float64", lambda: ng.matmul(zeros(2, 2), zeros(2, 2, dtype=np.float64))),
        ), **MATMUL),
    OpSpec("matmul", np.matmul, case="thin", shapes=(((2, 100), (100, 120)), ((1, 300), (300, 40)), ((120, 100), (100, 2)), ((1, 200), (200, 1))),
           tails=lambda n: ((1, n), (n, n)), large=((2, 2000), (2000, 900)), **MATMUL),
    OpSpec("matmul", np.matmul, case="long k", shapes=(((8, 3000), (3000, 6)),), tails=lambda n: ((3, 100 * n), (100 * n, 2)),
           large=((24, 20000), (20000, 20)), **MATMUL),
    OpSpec("dot", np.dot, shapes=(((4,), (4,)), ((0,), (0,)), ((1000,), (1000,))), tails=lambda n: ((n,), (n,)),
           large=((2_000_000,), (2_000_000,)), bench=(Bench("ng.dot(x, y)"),), errors=(
               Raises("ShapeError", r"dot: .*\(2, 2\)", lambda: ng.dot(zeros(2, 2), zeros(2, 2))),
               Raises("ShapeError", r"dot: .*\(3,\).*\(4,\)", lambda: ng.dot(zeros(3), zeros(4))),
           ), **MATMUL),
    OpSpec("outer", np.multiply.outer, shapes=(((4,), (3,)), ((0,), (3,)), ((40,), (33,))), tails=lambda n: ((n,), (n + 1,)),
           large=((900,), (1001,)), bench=(Bench("ng.outer(x, y)", shapes="ROOT"),), **MATMUL),
    OpSpec("scale", lambda x: x * 2.5, call=lambda x: ng.scale(x, 2.5), elementwise=1, no_torch="mul by one number: test_ops_contract.py",
           bench=(Bench("ng.scale(x, 1.5)", "torch.mul(x, 1.5)"),), errors=(
        Raises("ShapeError", r"scale: .*number.*\(3,\)", lambda: ng.scale(zeros(3), zeros(3))),)),
    OpSpec("einsum", lambda a, b: np.einsum("...ij,kj->...ki", a, b), call=lambda a, b: ng.einsum("...ij,kj->...ki", a, b), shapes=(
        ((3, 4), (5, 4)), ((2, 3, 4), (5, 4)), ((2, 1, 3, 4), (1, 4)), ((0, 3, 4), (5, 4)), ((3, 0), (2, 0))), tails=lambda n: ((2, n, n + 1), (3, n + 1)),
        large=((2, 400, 300), (350, 300)), bench=(Bench("ng.einsum('bij,bjk->bik', x, y)", shapes="BATCH"),), errors=(
            Raises("ShapeError", r"einsum: 'j' .*4.*5.*\(3, 4\).*\(2, 5\)", lambda: ng.einsum("ij,kj", zeros(3, 4), zeros(2, 5))),
            Raises("DTypeError", r"einsum: .*float32.*float64", lambda: ng.einsum("i,i", zeros(3), zeros(3, dtype=np.float64))),
        ), **MATMUL),
    OpSpec(ref=affine, shapes=LINEAR_SHAPES, tails=linear_tails, large=LINEAR_LARGE, bench=(
        Bench("ng.linear(x, weight, row)", "F.linear(x, weight, row)", "LINEAR"),
        Bench("ng.linear(x, weight, row, 'relu')", "F.relu(F.linear(x, weight, row))", "LINEAR", case="relu"),
    ), errors=(
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
