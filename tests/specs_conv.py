# SPDX-License-Identifier: LGPL-3.0-or-later
"""Convolutions."""
import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, zeros

import nanograd as ng

CLOSE = dict(rtol={F32: 2e-6, F64: 1e-13}, atol=2.0)


def pair(value):
    return (value, value) if isinstance(value, int) else value


def conv2d_reference(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """The definition, tap by tap."""
    if x.ndim == 3:
        return conv2d_reference(x[None], w, b, stride, padding, dilation, groups)[0]
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    (n, _, height, width), (o, cg, kh, kw) = x.shape, w.shape
    p, q = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((n, groups, o // groups, p, q))
    for i in range(kh):
        for j in range(kw):
            tap = x[:, :, i * dh:i * dh + sh * (p - 1) + 1:sh, j * dw:j * dw + sw * (q - 1) + 1:sw].reshape(n, groups, cg, p, q)
            y += np.einsum("ngcpq,goc->ngopq", tap, w[:, :, i, j].reshape(groups, o // groups, cg))
    y = y.reshape(n, o, p, q)
    return y if b is None else y + b[:, None, None]


def conv1d_reference(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    return conv2d_reference(x[..., None, :], w[:, :, None], b, (1, stride), (0, padding), (1, dilation), groups)[..., 0, :]


def spec(name, case, shapes, large, tails, **arguments):
    reference = conv2d_reference if name == "conv2d" else conv1d_reference
    return OpSpec(name, lambda *a: reference(*a, **arguments), case=case, call=lambda *a: getattr(ng, name)(*a, **arguments),
                  shapes=shapes, large=large, tails=tails, bench=BENCH[name], **CLOSE)


BENCH = {name: (Bench(f"ng.{name}(x, kernel, channel, padding=1)", f"F.{name}(x, kernel, channel, padding=1)", shapes),)
         for name, shapes in (("conv1d", "SIGNALS"), ("conv2d", "IMAGES"))}


def images(n):
    return (1, 2, 4, n + 2), (3, 2, 3, 3), (3,)


CONV = [
    spec("conv2d", "", (((2, 3, 5, 6), (4, 3, 3, 3), (4,)), ((3, 5, 6), (4, 3, 3, 3), (4,)), ((1, 2, 3, 3), (2, 2, 3, 3), (2,)),
                        ((2, 3, 5, 6), (4, 3, 2, 4), (4,)), ((0, 3, 5, 6), (4, 3, 3, 3), (4,)), ((1, 9, 40, 40), (11, 9, 3, 3), (11,))),
         ((8, 16, 40, 40), (24, 16, 3, 3), (24,)), images),
    spec("conv2d", "padded", (((2, 3, 5, 6), (4, 3, 3, 3), (4,)), ((1, 9, 9, 7), (9, 9, 3, 3), (9,)), ((1, 1, 8, 8), (8, 1, 3, 3), (8,)),
                              ((2, 8, 20, 21), (16, 8, 3, 3), (16,))), ((8, 16, 40, 40), (24, 16, 3, 3), (24,)), images, padding=1),
    spec("conv2d", "no bias", (((2, 3, 5, 6), (4, 3, 3, 3)),), ((8, 16, 40, 40), (24, 16, 3, 3)), lambda n: images(n)[:2], padding=(2, 1)),
    spec("conv2d", "stride", (((2, 3, 9, 8), (4, 3, 3, 3), (4,)), ((1, 2, 7, 12), (3, 2, 2, 5), (3,))), ((8, 16, 64, 65), (24, 16, 3, 3), (24,)),
         images, stride=(2, 3), padding=1),
    spec("conv2d", "dilation", (((2, 3, 9, 8), (4, 3, 3, 3), (4,)), ((1, 8, 9, 12), (9, 8, 2, 3), (9,))), ((8, 16, 40, 40), (24, 16, 3, 3), (24,)),
         lambda n: ((1, 2, 5, n + 4), (3, 2, 3, 3), (3,)), dilation=(1, 2), padding=(1, 0)),
    spec("conv2d", "groups", (((2, 4, 5, 6), (6, 2, 3, 3), (6,)), ((1, 6, 4, 4), (4, 3, 1, 2), (4,))), ((8, 16, 64, 64), (32, 8, 3, 3), (32,)),
         lambda n: ((1, 4, 4, n + 2), (2, 2, 3, 3), (2,)), groups=2),
    spec("conv2d", "depthwise", (((2, 3, 5, 6), (3, 1, 3, 3), (3,)), ((1, 3, 7, 40), (6, 1, 3, 2), (6,))), ((8, 3, 200, 200), (6, 1, 3, 3), (6,)),
         lambda n: ((1, 3, 4, n + 2), (3, 1, 3, 3), (3,)), groups=3, padding=1),
    spec("conv2d", "depthwise, stride", (((2, 3, 8, 9), (3, 1, 3, 3), (3,)),), ((8, 3, 300, 300), (6, 1, 3, 3), (6,)),
         lambda n: ((1, 3, 4, n + 2), (3, 1, 3, 3), (3,)), groups=3, stride=2),
    spec("conv2d", "1x1", (((2, 3, 5, 6), (4, 3, 1, 1), (4,)), ((3, 1, 1), (4, 3, 1, 1), (4,)), ((2, 70, 9, 9), (33, 70, 1, 1), (33,))),
         ((8, 32, 40, 40), (48, 32, 1, 1), (48,)), lambda n: ((1, 2, 1, n), (3, 2, 1, 1), (3,))),
    spec("conv1d", "", (((2, 3, 7), (4, 3, 3), (4,)), ((3, 7), (4, 3, 3), (4,)), ((2, 3, 3), (4, 3, 3), (4,))),
         ((16, 16, 900), (24, 16, 5), (24,)), lambda n: ((1, 2, n + 2), (3, 2, 3), (3,)), padding=1),
    OpSpec("conv2d", conv2d_reference, case="errors", shapes=(((1, 1, 2, 2), (1, 1, 1, 1)),), tails=lambda n: ((1, 1, 1, n), (1, 1, 1, 1)), errors=(
        Raises("ShapeError", r"conv2d: weight expects 3 input channels, got 4 \(x \(8, 4, 28, 28\), weight \(16, 3, 3, 3\)\)",
               lambda: ng.conv2d(zeros(8, 4, 28, 28), zeros(16, 3, 3, 3))),
        Raises("ShapeError", r"conv2d: weight expects 1 input channels, got 32 \(x \(32, 8, 8\), weight \(4, 1, 3, 3\)\); "
                             r"write x\[:, None\] for a batch of images of one channel$", lambda: ng.conv2d(zeros(32, 8, 8), zeros(4, 1, 3, 3))),
        Raises("ShapeError", r"conv1d: weight expects 1 input channels, got 32 .*; write x\[:, None\] for a batch of sequences of one channel$",
               lambda: ng.conv1d(zeros(32, 8), zeros(4, 1, 3))),
        Raises("ShapeError", r"conv2d: weight expects 3 input channels, got 8 \(x \(5, 8, 9, 3\), weight \(4, 3, 3, 3\)\); "
                             r"write x\.transpose\(0, 3, 1, 2\) to put the channels before the spatial axes$",
               lambda: ng.conv2d(zeros(5, 8, 9, 3), zeros(4, 3, 3, 3))),
        Raises("ShapeError", r"conv2d: weight expects 3 input channels, got 8 \(x \(8, 9, 3\), weight \(4, 3, 3, 3\)\); write x\.transpose\(2, 0, 1\) to",
               lambda: ng.conv2d(zeros(8, 9, 3), zeros(4, 3, 3, 3))),
        Raises("ShapeError", r"conv1d: weight expects 3 input channels, got 8 \(x \(5, 8, 3\), weight \(4, 3, 3\)\); write x\.transpose\(0, 2, 1\) to",
               lambda: ng.conv1d(zeros(5, 8, 3), zeros(4, 3, 3))),
        Raises("ShapeError", r"conv2d: the kernel, \(3, 3\) with its dilation, is larger than the padded input, \(2, 5\) "
                             r"\(x \(1, 1, 2, 5\), weight \(1, 1, 3, 3\)\)", lambda: ng.conv2d(zeros(1, 1, 2, 5), zeros(1, 1, 3, 3), stride=2)),
        Raises("ShapeError", r"conv2d: x must be \(N, C, H, W\) or \(C, H, W\), got shape \(3, 3\)", lambda: ng.conv2d(zeros(3, 3), zeros(1, 1, 3, 3))),
        Raises("ShapeError", r"conv2d: weight must be \(O, C / groups, KH, KW\), got shape \(3, 3\)", lambda: ng.conv2d(zeros(1, 3, 3), zeros(3, 3))),
        Raises("ShapeError", r"conv2d: bias must be \(2,\), got shape \(3,\)", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3), zeros(3))),
        Raises("ShapeError", r"conv2d: the kernel is empty \(weight \(2, 1, 0, 3\)\)", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 0, 3))),
        Raises("ValueError", r"conv2d: stride must be 1 or more, got 0", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3), stride=0)),
        Raises("ValueError", r"conv2d: padding must be 0 or more, got \(-1, 0\)", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3), padding=(-1, 0))),
        Raises("TypeError", r"conv2d: dilation must be an int or 2 ints, got 1\.5", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3), dilation=1.5)),
        Raises("ValueError", r"conv2d: groups must divide 4 input and 6 output channels, got 4", lambda: ng.conv2d(zeros(4, 3, 3), zeros(6, 1, 3, 3), groups=4)),
        Raises("ValueError", r"conv2d: padding='same' needs stride 1, got stride \(2, 1\)",
               lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3), stride=(2, 1), padding="same")),
        Raises("ValueError", r"conv2d: padding must be numbers, 'same' or 'valid', got 'full'", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3), padding="full")),
        Raises("DTypeError", r"conv2d: operands have dtypes float32 and float64; .*", lambda: ng.conv2d(zeros(1, 3, 3), zeros(2, 1, 3, 3, dtype=np.float64))),
    ), **CLOSE),
]
