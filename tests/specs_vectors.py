# SPDX-License-Identifier: LGPL-3.0-or-later
"""normalize and cosine_similarity."""

import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, zeros

import nanograd as ng


def normalize(x, ord=2, axis=-1, eps=1e-12):
    size = {1: lambda: np.abs(x).sum(axis, keepdims=True), 2: lambda: np.sqrt((x * x).sum(axis, keepdims=True))}[ord]()
    return x / np.maximum(size, eps)


VECTORS = [
    *[
        OpSpec(
            "normalize",
            lambda x, o=ord, a=axis: normalize(x, o, a),
            call=lambda x, o=ord, a=axis: ng.normalize(x, o, a),
            case=f"ord {ord}, axis {axis}",
            shapes=(((3, 4, 5),), ((2, 33, 7),), ((2, 3, 0),), ((0, 3, 2),)),
            tails=lambda n: ((3, 2, n),),
            large=((60, 101, 110),),
            avoid=(0.0,) if ord == 1 else (),
            bench=(Bench("ng.normalize(x)", "F.normalize(x, dim=-1)", "ROWS_OF_100"),),
            rtol={F32: 1e-6, F64: 1e-14},
            atol=1.0,
            errors=(
                Raises("IndexError", r"norm: .*axis 2", lambda: ng.normalize(zeros(2, 3), axis=2)),
                Raises("ValueError", r"norm: .*ord.*3", lambda: ng.normalize(zeros(2, 3), ord=3)),
            ),
        )
        for ord in (2, 1)
        for axis in (-1, 0, (0, 2))
    ],
    *[
        OpSpec(
            "cosine_similarity",
            lambda a, b, k=axis: (normalize(a, 2, k, 1e-8) * normalize(b, 2, k, 1e-8)).sum(k),
            call=lambda a, b, k=axis: ng.cosine_similarity(a, b, k),
            case=f"axis {axis}",
            # (A vector that broadcasting makes, of one number repeated, has the gradient 0: test_nn.py has those.)
            shapes=(((3, 4), (3, 4)), ((2, 33, 7), (2, 33, 7)), *((((3, 1, 4), (3, 2, 1)),) if axis == 0 else (((4,), (3, 4)), ((3, 1, 4), (5, 4))))),
            tails=lambda n: ((3, n), (3, n)),
            large=((600, 1001), (600, 1001)),
            bench=(Bench("ng.cosine_similarity(x, y)", "F.cosine_similarity(x, y, -1)", "ROWS_OF_100"),),
            rtol={F32: 1e-6, F64: 1e-14},
            atol=1.0,
            errors=(
                Raises("ShapeError", r"cosine_similarity: shapes \(2, 3\) and \(2, 4\) do not broadcast", lambda: ng.cosine_similarity(zeros(2, 3), zeros(2, 4))),
                Raises("DTypeError", r"cosine_similarity: .*float32.*float64", lambda: ng.cosine_similarity(zeros(3), zeros(3, dtype=np.float64))),
            ),
        )
        for axis in (-1, 0)
    ],
]
