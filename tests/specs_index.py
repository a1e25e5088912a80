# SPDX-License-Identifier: LGPL-3.0-or-later
"""Indexing, gathering and sorting. Indices are made from the shapes, so that one set of numbers serves op and reference."""
import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, public, zeros

import nanograd as ng

EXACT = {F32: 0.0, F64: 0.0}
PLACED = dict(index_set=dict(torch=("index_put", "index_copy"), bench=(
                  Bench("ng.index_set(x, some_rows, few)", "torch.index_put(x, (some_rows,), few)", "ROWS_OF_100"),)),
              index_add=dict(torch=("index_put", "index_add"), bench=(
                  Bench("ng.index_add(x, some_rows, few)", "torch.index_add(x, 0, some_rows, few)", "ROWS_OF_100"),)))
SUMS = {F32: 1e-6, F64: 1e-13}
LARGE = ((600, 1001),)


def picks(limit, shape):
    """Indices below `limit`, in no order, some of them several times, some negative."""
    index = (np.arange(int(np.prod(shape))) * 7 + 3) % (2 * limit) - limit
    return index.reshape(shape)


def moved(name, case, ref, call, shapes, tails=lambda n: ((n, n + 1),), large=LARGE, errors=(), **options):
    return OpSpec(name, ref, call=call, case=case, shapes=shapes, tails=tails, large=large, rtol=EXACT, errors=errors, **options)


def placed(name, index, case, errors=(), shapes=None, tails=None, large=None):
    """index_set and index_add: x, and values for x[index(x)]."""
    op, adds = public(name), name == "index_add"

    def ref(x, values):
        y = x.copy()
        np.add.at(y, index(x), values) if adds else y.__setitem__(index(x), values)
        return y
    return OpSpec(name, ref, call=lambda x, values: op(x, index(x), values), case=case, errors=errors, rtol=SUMS if adds else EXACT, atol=1.0,
                  shapes=shapes or (((4, 3), (2, 3)), ((5, 2, 2), (2, 2, 2)), ((4, 0), (2, 0)), ((4, 3), ())),
                  tails=tails or (lambda n: ((4, n), (2, n))), large=large or ((4, 300_000), (2, 300_000)), **PLACED[name])


def top(x, k, axis):
    return np.flip(np.sort(x, axis), axis).take(np.arange(k), axis)


INDEXING = [
    moved("take", "flat", lambda x: x.reshape(-1)[picks(x.size, (3, 5))], lambda x: ng.take(x, picks(x.size, (3, 5))),
          (((4, 3),), ((7,),), ((),)), tails=lambda n: ((n,),), large=None,
          torch=("take", "index_select"), bench=(Bench("ng.take(x, places)"),), errors=(
              Raises("IndexError", r"take: index 12 is out of ", lambda: ng.take(zeros(4, 3), [0, 12])),
              Raises("DTypeError", r"take: indices must be integers", lambda: ng.take(zeros(4, 3), zeros(2))),
              Raises("DTypeError", r"take: indices must be integers", lambda: ng.take(zeros(4, 3), [0.5])))),
    *[moved("take", f"axis {axis}", lambda x, a=axis: np.take(x, picks(x.shape[a], (2, 300)), axis=a),
            lambda x, a=axis: ng.take(x, picks(x.shape[a], (2, 300)), axis=a), (((4, 3),), ((2, 5, 3),)) + ((((3, 0),),) if axis == 0 else ()),
            errors=(Raises("IndexError", r"take: index -5 is out of ", lambda: ng.take(zeros(4, 3), -5, axis=0)),
                    Raises("IndexError", r"take: .*axis 2", lambda: ng.take(zeros(4, 3), 0, axis=2))) if axis == 0 else ())
      for axis in (0, -1)],
    *[moved("gather", f"axis {axis}", lambda x, a=axis: np.take_along_axis(x, picks(x.shape[a], x.shape), a),
            lambda x, a=axis: ng.gather(x, a, picks(x.shape[a], x.shape)), (((4, 3),), ((2, 5, 3),), ((3, 0),) if axis == 0 else ((0, 3),)),
            bench=(Bench("ng.gather(x, 1, columns)", shapes="MATRIX"),),
            errors=(Raises("IndexError", r"gather: index 4 is out of ", lambda: ng.gather(zeros(4, 3), 0, [[4, 0, 0]])),
                    Raises("ShapeError", r"gather: indices need 2 axes", lambda: ng.gather(zeros(4, 3), 0, [0, 1]))) if axis == 0 else ())
      for axis in (0, -1)],
    moved("gather", "fewer indices", lambda x: np.take_along_axis(x[:2], picks(x.shape[1], (2, 7)), 1),
          lambda x: ng.gather(x, 1, picks(x.shape[1], (2, 7))), (((4, 3),), ((2, 5),)), tails=lambda n: ((3, n),), large=None),
    moved("embedding", "", lambda w: w[np.abs(picks(w.shape[0], (3, 900))) % w.shape[0]],
          lambda w: ng.embedding(np.abs(picks(w.shape[0], (3, 900))) % w.shape[0], w), (((4, 3),), ((7, 1),), ((5, 0),)),
          bench=(Bench("ng.embedding(any_rows, x)", "F.embedding(any_rows, x)", "ROWS_OF_100"),), errors=(
              Raises("IndexError", r"embedding: index -1 is out of ", lambda: ng.embedding([-1], zeros(4, 3))),
              Raises("IndexError", r"embedding: index 4 is out of ", lambda: ng.embedding([0, 4], zeros(4, 3))),
              Raises("ShapeError", r"embedding: weight must have shape .*\(4,\)", lambda: ng.embedding([0], zeros(4))),
              Raises("ValueError", r"embedding: padding_idx 4 is out of range for 4", lambda: ng.embedding([0], zeros(4, 3), padding_idx=4)))),
    placed("index_set", lambda x: [2, 0], "array", errors=(
        Raises("ShapeError", r"index_set: values of shape \(3,\) do not broadcast to \(2,\)", lambda: ng.index_set(zeros(4), [1, 2], zeros(3))),
        Raises("IndexError", r"index_set: index 4 is out of ", lambda: ng.index_set(zeros(4), 4, 1.0)))),
    placed("index_set", lambda x: slice(None, None, 2), "slice", shapes=(((4, 3), (2, 3)), ((5,), (3,)), ((3, 0), (2, 0)))),
    placed("index_set", lambda x: np.arange(x.shape[0]) % 2 == 1, "mask", shapes=(((4, 3), (2, 3)), ((5,), ()))),
    placed("index_add", lambda x: [2, 0], "array", errors=(
        Raises("DTypeError", r"index_add: .*float32.*float64", lambda: ng.index_add(zeros(4), [1], np.zeros(1))),)),
    placed("index_add", lambda x: np.array([1, 1, 1, 0]), "repeated", shapes=(((4, 3), (4, 3)), ((4, 0), (4, 0))),
           tails=lambda n: ((4, n), (4, n)), large=((4, 300_000), (4, 300_000))),
    *[moved("sort", f"axis {axis}", lambda x, a=axis: np.sort(x, a), lambda x, a=axis: ng.sort(x, a)[0],
            (((4, 3),), ((2, 50, 3),), ((3, 0, 2),)), tails=lambda n: ((n, n + 1, 2),), large=((60, 101, 110),), distinct=True, domain=(-300, 300),
            torch=("sort", "msort"), bench=(Bench("ng.sort(x)[0]", floors="SORTING"),),
            errors=(Raises("IndexError", r"sort: .*axis 2", lambda: ng.sort(zeros(2, 3), 2)),) if axis == -1 else ()) for axis in (-1, 0, 1)],
    moved("sort", "descending", lambda x: np.flip(np.sort(x), -1), lambda x: ng.sort(x, descending=True)[0], (((4, 3),), ((50,),), ((0,),)), distinct=True,
          domain=(-300, 300)),
    OpSpec("argsort", lambda x: np.argsort(x, 0, kind="stable"), call=lambda x: ng.argsort(x, 0), shapes=(((4, 3),), ((70,),), ((0, 2),)),
           tails=lambda n: ((n, 2),), large=LARGE, grads=(), extremes=False,      # (float32 has other ties)
           errors=(Raises("IndexError", r"argsort: .*axis 1", lambda: ng.argsort(zeros(2), 1)),)),
    *[moved("topk", f"axis {axis}", lambda x, a=axis: top(x, 2, a), lambda x, a=axis: ng.topk(x, 2, a)[0],
            (((4, 3),), ((50, 9),)), tails=lambda n: ((n + 1, n + 2),), distinct=True, domain=(-300, 300),
            extremes=False,      # NaN counts as the largest, which the reference does not
            bench=(Bench("ng.topk(x, k)[0]", floors="SORTING"),),
            errors=(Raises("ValueError", r"topk: k 4 is larger than the 3 ", lambda: ng.topk(zeros(2, 3), 4)),
                    Raises("ValueError", r"topk: k must not be negative", lambda: ng.topk(zeros(2, 3), -1)),
                    Raises("TypeError", r"topk: k must be an int, got float", lambda: ng.topk(zeros(2, 3), 1.0))) if axis == -1 else ())
      for axis in (-1, 0)],
]
