# SPDX-License-Identifier: LGPL-3.0-or-later
"""Ops that move elements."""
import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, zeros

import nanograd as ng

LARGE = ((600, 1001),)
EXACT = {F32: 0.0, F64: 0.0}


BENCH = {
    "reshape": Bench("ng.reshape(x, -1)", "torch.reshape(x, (-1,))", "MATRIX"), "flatten": Bench(shapes="MATRIX"),
    "transpose": Bench("ng.transpose(x)", "x.T.contiguous()", "MATRIX"),
    "permute": Bench("ng.permute(x, (0, 2, 1))", "torch.permute(x, (0, 2, 1)).contiguous()", "BATCH"),
    "swapaxes": Bench("ng.swapaxes(x, 0, 1)", "torch.swapaxes(x, 0, 1).contiguous()", "MATRIX"),
    "squeeze": Bench("ng.squeeze(x, 1)", shapes="COLUMN"), "unsqueeze": Bench("ng.unsqueeze(x, 0)"),
    "broadcast_to": Bench("ng.broadcast_to(row, shape)", "torch.broadcast_to(row, shape).contiguous()", "ROWS_OF_100"),
    "expand": Bench("ng.expand(row, *shape)", "row.expand(*shape).contiguous()", "ROWS_OF_100"),
    "narrow": Bench("ng.narrow(x, 0, half, half)"), "slice": Bench("ng.slice(x, half, half)", "x[half : half + half]"),
    "concatenate": Bench("ng.concatenate((x, y))", shapes="HALF"), "stack": Bench("ng.stack((x, y))", shapes="HALF"),
    "split": Bench("ng.split(x, quarter)"), "chunk": Bench("ng.chunk(x, 4)"), "tile": Bench("ng.tile(x, 2)", "torch.tile(x, (2,))", "HALF"),
    "repeat": Bench("ng.repeat(x, 2)", "torch.repeat_interleave(x, 2)", "HALF"), "flip": Bench("ng.flip(x, 0)", "torch.flip(x, (0,))"),
    "roll": Bench("ng.roll(x, 1, 0)"), "pad": Bench("ng.pad(x, 1)", "F.pad(x, (1, 1, 1, 1))", "MATRIX"), "tril": Bench(shapes="MATRIX"),
    "triu": Bench(shapes="MATRIX"), "diagonal": Bench("ng.diagonal(x)", "torch.diagonal(x).contiguous()", "MATRIX"),
}
# Where PyTorch has the function under other names, or several that are it.
TORCH = {
    "reshape": "reshape view", "flatten": "flatten ravel", "squeeze": "squeeze squeeze/multiple", "swapaxes": "transpose",
    "transpose": "permute movedim T mT", "slice": "narrow", "concatenate": "cat", "split": "split/list_args split_with_sizes split",
    "tile": "tile repeat", "repeat": "repeat_interleave", "flip": "flip fliplr flipud",
    "pad": "nn.functional.pad/constant nn.functional.pad/reflect nn.functional.pad/replicate nn.functional.pad/replicate_negative",
}


def moves(name, ref, call, case, shapes, errors=(), tails=None, large=LARGE):
    """An op that only moves elements."""
    return OpSpec(name, ref, call=call, case=case, shapes=shapes, tails=tails or (lambda n: ((n, n + 1),)), large=large, rtol=EXACT,
                  errors=errors, torch=tuple(TORCH.get(name, "").split()), bench=(BENCH.get(name, Bench()),))


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

# ---- more views, copies and pieces ----------------------------------------------------------------------------------------


def image(name, ref, call, case, shapes=(((4, 6),), ((5, 4, 6),), ((4, 0),)), errors=(), **options):
    """An op on the last axes."""
    return moves(name, ref, call, case, shapes, errors, **options)


SHAPE += [
    moves("squeeze", np.squeeze, lambda x: ng.squeeze(x), "all", (((1, 3, 1),), ((1,),), ((2, 3),), ((0, 1),), ((),)), large=None),
    moves("squeeze", lambda x: np.squeeze(x, (0, -1)), lambda x: ng.squeeze(x, (0, -1)), "axes", (((1, 3, 1),), ((1, 0, 1),)), (
        Raises("ShapeError", r"squeeze: axis 1 has size 3, not 1", lambda: ng.squeeze(zeros(1, 3), 1)),
        Raises("IndexError", r"squeeze: .*axis 2", lambda: ng.squeeze(zeros(1, 3), 2)),
    ), tails=lambda n: ((1, n, 1),), large=None),
    moves("unsqueeze", lambda x: np.expand_dims(x, 1), lambda x: ng.unsqueeze(x, 1), "", (((3,),), ((2, 3),), ((0,),)), (
        Raises("IndexError", r"unsqueeze: .*axis 3", lambda: ng.unsqueeze(zeros(2, 3), 3)),
    ), large=None),
    moves("swapaxes", lambda x: np.swapaxes(x, 0, -1), lambda x: ng.swapaxes(x, 0, -1), "", (((3,),), ((2, 3, 4),), ((2, 0),)), (
        Raises("IndexError", r"swapaxes: .*axis 2", lambda: ng.swapaxes(zeros(2, 3), 0, 2)),), large=((800, 901),)),
    moves("broadcast_to", lambda x: np.broadcast_to(x, (4, *x.shape)), lambda x: ng.broadcast_to(x, (4, *x.shape)), "new axis",
          (((3,),), ((2, 3),), ((),), ((0,),)), (
        Raises("ShapeError", r"broadcast_to: shape \(2, 3\) does not broadcast to \(2, 4\)", lambda: ng.broadcast_to(zeros(2, 3), (2, 4))),)),
    moves("broadcast_to", lambda x: np.broadcast_to(x, (3, 4, x.shape[-1])), lambda x: ng.broadcast_to(x, (3, 4, x.shape[-1])), "size 1",
          (((3, 1, 5),), ((4, 5),), ((1, 0),)), tails=lambda n: ((4, n),), large=((4, 100_000),)),
    moves("expand", lambda x: np.broadcast_to(x, (2, *x.shape[:-1], 4)), lambda x: ng.expand(x, 2, *(-1,) * (x.ndim - 1), 4), "",
          (((3, 1),), ((1,),), ((0, 1),)), (Raises("ShapeError", r"expand: -1", lambda: ng.expand(zeros(3), -1, 3)),),
          tails=lambda n: ((n, 1),), large=((100_000, 1),)),
    moves("narrow", lambda x: x[1:3], lambda x: ng.narrow(x, 0, 1, 2), "axis 0", (((4, 3),), ((3,),), ((5, 0),)), (
        Raises("IndexError", r"narrow: start 2 and length 3 .*4 .*axis 0", lambda: ng.narrow(zeros(4), 0, 2, 3)),
        Raises("IndexError", r"narrow: .*axis 1", lambda: ng.narrow(zeros(4), 1, 0, 1)),
    ), tails=lambda n: ((3, n),), large=None),
    moves("narrow", lambda x: x[..., 1:], lambda x: ng.narrow(x, -1, 1, x.shape[-1] - 1), "axis -1", (((4, 3),), ((3,),), ((5, 1),))),
    moves("slice", lambda x: x[1:3], lambda x: ng.slice(x, 1, 2), "", (((4, 3),), ((3,),), ((5, 0),)), (
        Raises("IndexError", r"slice: start 3 and length 2 ", lambda: ng.slice(zeros(4), 3, 2)),), tails=lambda n: ((3, n),), large=None),
    moves("split", lambda x: np.concatenate([x[2:], x[:2]]), lambda x: ng.concatenate(ng.split(x, 2)[1:] + ng.split(x, 2)[:1]), "size",
          (((5, 3),), ((4,),), ((6, 0),)), (Raises("ValueError", r"split: .*positive, got 0", lambda: ng.split(zeros(4), 0)),),
          tails=lambda n: ((n + 2,),)),
    moves("split", lambda x: x[:, 1:4], lambda x: ng.split(x, [1, 3, x.shape[1] - 4], axis=1)[1], "sizes, axis 1",
          (((2, 5),), ((2, 4, 3),), ((0, 5),)), (Raises("ValueError", r"split: sizes \[1, 2\].*4", lambda: ng.split(zeros(4), [1, 2])),),
          tails=lambda n: ((n, 5),)),
    moves("chunk", lambda x: np.array_split(x, 2)[1], lambda x: ng.chunk(x, 2)[1], "", (((6, 3),), ((4,),), ((2, 0),)), (
        Raises("ValueError", r"chunk: .*positive, got 0", lambda: ng.chunk(zeros(4), 0)),), tails=lambda n: ((2 * n,),), large=((1000, 1001),)),
    moves("tile", lambda x: np.tile(x, (2, 1, 3)), lambda x: ng.tile(x, (2, 1, 3)), "more axes", (((2, 3),), ((),), ((0, 2),)), (
        Raises("ValueError", r"tile: reps must not be negative", lambda: ng.tile(zeros(4), -1)),), large=((300, 501),)),
    moves("tile", lambda x: np.tile(x, 2), lambda x: ng.tile(x, 2), "int", (((2, 3),), ((4,),), ((2, 0),)), large=((300, 1001),)),
    moves("repeat", lambda x: np.repeat(x, 3), lambda x: ng.repeat(x, 3), "flat", (((2, 3),), ((),), ((0, 2),)), (
        Raises("ValueError", r"repeat: n must not be negative, got -1", lambda: ng.repeat(zeros(4), -1)),), large=((300, 501),)),
    moves("repeat", lambda x: np.repeat(x, np.arange(x.shape[1]), 1), lambda x: ng.repeat(x, np.arange(x.shape[1]), axis=1), "array, axis 1",
          (((2, 3),), ((2, 4, 2),), ((3, 0),)), large=((2000, 40),)),
    moves("flip", lambda x: x[..., ::-1], lambda x: ng.flip(x, -1), "axis", (((2, 3),), ((5,),), ((0, 2),)), (
        Raises("ValueError", r"flip: axis 0 is given twice", lambda: ng.flip(zeros(4), (0, 0))),)),
    moves("flip", lambda x: x[::-1, ..., ::-1], lambda x: ng.flip(x, (0, -1)), "axes", (((2, 3),), ((2, 3, 4),), ((0, 2),))),
    moves("roll", lambda x: np.roll(x, 2, -1), lambda x: ng.roll(x, 2), "", (((2, 3),), ((5,),), ((2, 0),)), (
        Raises("ValueError", r"roll: expected one shift for each axis", lambda: ng.roll(zeros(4, 4), (1, 2, 3), (0, 1))),)),
    moves("roll", lambda x: np.roll(x, (-1, 5), (0, 1)), lambda x: ng.roll(x, (-1, 5), (0, 1)), "axes", (((2, 3),), ((2, 3, 4),), ((0, 2),))),
    *[image(name, lambda x, k=k, name=name: getattr(np, name)(x, k), lambda x, k=k, name=name: getattr(ng, name)(x, k), f"k={k}", errors=(
        Raises("ShapeError", rf"{name}: needs a matrix", lambda name=name: getattr(ng, name)(zeros(4))),) if k == 0 else ())
      for name in ("tril", "triu") for k in (0, -2, 3)],
    *[image("diagonal", lambda x, k=k: np.diagonal(x, k), lambda x, k=k: ng.diagonal(x, k), f"k={k}",
            tails=lambda n: ((3, 4, n),), large=((4, 4, 100_000),), errors=(
                Raises("ShapeError", r"diagonal: needs at least 2 axes", lambda: ng.diagonal(zeros(4))),) if k == 0 else ()) for k in (0, 1, -2)],
    moves("pad", lambda x: np.pad(x, 2), lambda x: ng.pad(x, 2), "constant", (((2, 3),), ((5,),), ((0, 2),)), (
        Raises("ValueError", r"pad: pad_width must not be negative", lambda: ng.pad(zeros(4), -1)),
        Raises("ValueError", r"pad: mode must be .*'wrap'", lambda: ng.pad(zeros(4), 1, mode="wrap")),
        Raises("ShapeError", r"pad: pad_width must be .*2 pairs", lambda: ng.pad(zeros(4, 4), [(1, 2)] * 3)),
    )),
    moves("pad", lambda x: np.pad(x, [(1, 2), (0, 3)], constant_values=1.5), lambda x: ng.pad(x, [(1, 2), (0, 3)], value=1.5), "pairs, value",
          (((2, 3),), ((0, 2),))),
    moves("pad", lambda x: np.pad(x, 1, mode="reflect"), lambda x: ng.pad(x, 1, mode="reflect"), "reflect", (((2, 3),), ((5,),))),
    moves("pad", lambda x: np.pad(x, [(2, 1), (3, 0)], mode="edge"), lambda x: ng.pad(x, [(2, 1), (3, 0)], mode="edge"), "edge",
          (((2, 3),), ((1, 5),))),
]
