# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pooling."""
import math

import numpy as np
from opspec import F32, F64, Bench, OpSpec, Raises, zeros

import nanograd as ng

EXACT = {F32: 0.0, F64: 0.0}
CLOSE = {F32: 2e-7, F64: 1e-15}


def pair(value):
    return (value, value) if not isinstance(value, tuple) else value


def windows(size, kernel, stride, padding, dilation, ceil_mode):
    """The positions that each window reads, and how many it has of image and padding."""
    count = (math.ceil if ceil_mode else math.floor)((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
    starts = [start for start in (i * stride - padding for i in range(count)) if not ceil_mode or start < size]
    return [([at for at in range(start, start + dilation * (kernel - 1) + 1, dilation) if 0 <= at < size],
             min(start + kernel, size + padding) - start) for start in starts]


def axes_of(x, kernel_size, stride, padding, dilation, ceil_mode):
    kernel_size = pair(kernel_size)
    arguments = kernel_size, kernel_size if stride is None else pair(stride), pair(padding), pair(dilation)
    return [windows(size, *numbers, ceil_mode) for size, numbers in zip(x.shape[-2:], zip(*arguments, strict=True), strict=True)]


def table(x, rows, columns, value):
    """value(elements of a window, its row, its column) for each window."""
    y = np.empty((*x.shape[:-2], len(rows), len(columns)))
    for p, row in enumerate(rows):
        for q, column in enumerate(columns):
            y[..., p, q] = value(x[..., row[0], :][..., column[0]], row, column)
    return y


def max_pool2d_reference(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    return table(x, *axes_of(x, kernel_size, stride, padding, dilation, ceil_mode), lambda part, row, column: part.max((-2, -1)))


def avg_pool2d_reference(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    def mean(part, row, column):
        return part.sum((-2, -1)) / (row[1] * column[1] if count_include_pad else part.shape[-2] * part.shape[-1])
    return table(x, *axes_of(x, kernel_size, stride, padding, 1, ceil_mode), mean)


def adaptive_avg_pool2d_reference(x, output_size):
    rows, columns = ([(range(i * size // n, -(-(i + 1) * size // n)),) for i in range(n)]
                     for n, size in ((size if n is None else n, size) for n, size in zip(pair(output_size), x.shape[-2:], strict=True)))
    return table(x, rows, columns, lambda part, row, column: part.mean((-2, -1)))


def of_sequences(reference):
    """A reference for images as one for sequences: images of height 1."""
    def one_dimensional(x, kernel_size, stride=None, padding=0, dilation=None, **others):
        sizes = {"kernel_size": (1, kernel_size), "stride": (1, kernel_size if stride is None else stride), "padding": (0, padding)}
        if dilation is not None:
            sizes["dilation"] = (1, dilation)
        return reference(x[..., None, :], **sizes, **others)[..., 0, :]
    return one_dimensional


REFERENCES = {
    "max_pool1d": of_sequences(max_pool2d_reference), "max_pool2d": max_pool2d_reference, "avg_pool1d": of_sequences(avg_pool2d_reference),
    "avg_pool2d": avg_pool2d_reference, "adaptive_avg_pool2d": adaptive_avg_pool2d_reference,
}


def spec(name, case, shapes, large, tails, **arguments):
    bench = Bench(f"ng.{name}(x, 2)", f"F.{name}(x, 2)", "SIGNALS" if name.endswith("1d") else "IMAGES")
    return OpSpec(name, lambda x: REFERENCES[name](x, **arguments), case=case, call=lambda x: getattr(ng, name)(x, **arguments),
                  shapes=tuple((shape,) for shape in shapes), large=(large,), tails=lambda n: (tails(n),),
                  rtol=EXACT if name.startswith("max") else CLOSE, atol=0.0 if name.startswith("max") else 4.0, distinct=name.startswith("max"), bench=(bench,))


def image(n):
    return 1, 2, 4, n + 2


SHAPES = ((2, 3, 8, 8), (3, 5, 7), (1, 1, 3, 3), (0, 2, 4, 4), (2, 2, 9, 40))
LARGE = (16, 32, 64, 64)
POOL = [
    spec("max_pool2d", "2", SHAPES, LARGE, image, kernel_size=2),
    spec("max_pool2d", "3, stride 1, padded", SHAPES, LARGE, image, kernel_size=3, stride=1, padding=1),
    spec("max_pool2d", "3, stride 2, padded", SHAPES, LARGE, image, kernel_size=3, stride=2, padding=1),
    spec("max_pool2d", "pairs, rounded up", SHAPES, (8, 32, 64, 65), image, kernel_size=(2, 3), stride=(3, 2), padding=(1, 0), ceil_mode=True),
    spec("max_pool2d", "dilation", ((2, 3, 8, 9), (2, 7, 6)), (8, 32, 40, 40), lambda n: (1, 2, 5, n + 4), kernel_size=(2, 3), stride=1, dilation=2),
    spec("max_pool2d", "large kernel", ((2, 3, 9, 9),), (8, 32, 40, 40), lambda n: (1, 2, 7, n + 6), kernel_size=7, stride=1, padding=3),
    spec("max_pool1d", "", ((2, 3, 8), (3, 7), (2, 1, 70)), (16, 64, 900), lambda n: (1, 2, n + 2), kernel_size=3, stride=2, padding=1),
    spec("max_pool1d", "long, rounded up", ((1, 2, 5000), (2, 3, 8)), (64, 2, 5000), lambda n: (1, 2, n + 2), kernel_size=2, ceil_mode=True),
    spec("avg_pool2d", "2", SHAPES, LARGE, image, kernel_size=2),
    spec("avg_pool2d", "3, stride 1, padded", SHAPES, LARGE, image, kernel_size=3, stride=1, padding=1),
    spec("avg_pool2d", "padding not counted", SHAPES, LARGE, image, kernel_size=3, stride=2, padding=1, count_include_pad=False),
    spec("avg_pool2d", "pairs, rounded up", SHAPES, LARGE, image, kernel_size=(2, 3), stride=(3, 2), padding=(1, 0), ceil_mode=True),
    spec("avg_pool1d", "", ((2, 3, 8), (3, 7), (2, 1, 70)), (16, 64, 2000), lambda n: (1, 2, n + 2), kernel_size=3, stride=2, padding=1),
    spec("avg_pool1d", "long, rounded up", ((1, 2, 5000), (2, 3, 8)), (64, 4, 5000), lambda n: (1, 2, n + 2), kernel_size=2, ceil_mode=True),
    spec("adaptive_avg_pool2d", "", ((2, 3, 8, 8), (3, 5, 7), (1, 2, 2, 9), (0, 2, 4, 4)), LARGE, lambda n: (1, 2, 4, n), output_size=(3, 5)),
    spec("adaptive_avg_pool2d", "one axis", ((2, 3, 8, 8), (3, 5, 7)), LARGE, lambda n: (1, 2, 4, n), output_size=(None, 1)),
    spec("adaptive_avg_pool2d", "1", ((2, 3, 8, 8), (3, 5, 7)), LARGE, lambda n: (1, 2, 4, n), output_size=1),
    OpSpec("global_avg_pool2d", lambda x: x.mean((-2, -1)), shapes=(((2, 3, 5, 7),), ((3, 5, 7),), ((0, 3, 2, 2),), ((2, 1, 1, 1),)),
           large=(LARGE,), tails=lambda n: ((2, 3, 2, n),), rtol=CLOSE, atol=4.0,
           no_torch="the mean over two axes: test_ops_contract.py",
           bench=(Bench("ng.global_avg_pool2d(x)", "F.adaptive_avg_pool2d(x, 1).flatten(1)", "IMAGES"),), errors=(
               Raises("ShapeError", r"global_avg_pool2d: x must be \(N, C, H, W\) or \(C, H, W\), got shape \(3, 3\)", lambda: ng.global_avg_pool2d(zeros(3, 3))),
               Raises("ShapeError", r"global_avg_pool2d: x has no element to pool over, got shape \(3, 0, 2\)", lambda: ng.global_avg_pool2d(zeros(3, 0, 2))),
           )),
    OpSpec("max_pool2d", lambda x: max_pool2d_reference(x, 1), case="errors", call=lambda x: ng.max_pool2d(x, 1), shapes=(((1, 2, 2),),),
           tails=lambda n: ((1, 1, n),), errors=(
        Raises("ShapeError", r"max_pool2d: x must be \(N, C, H, W\) or \(C, H, W\), got shape \(3, 3\)", lambda: ng.max_pool2d(zeros(3, 3), 2)),
        Raises("ShapeError", r"max_pool2d: x has no element to pool over, got shape \(3, 0, 2\)", lambda: ng.max_pool2d(zeros(3, 0, 2), 2, padding=1)),
        Raises("ShapeError", r"max_pool2d: the kernel, \(3, 3\), is larger than the padded input, \(4, 2\) \(x \(1, 4, 2\)\)$",
               lambda: ng.max_pool2d(zeros(1, 4, 2), 3)),
        Raises("ShapeError", r"max_pool2d: the kernel, \(2, 5\) with its dilation, is larger than the padded input, \(4, 4\) \(x \(1, 4, 4\)\)$",
               lambda: ng.max_pool2d(zeros(1, 4, 4), (2, 3), dilation=(1, 2), stride=7)),
        Raises("ShapeError", r"max_pool2d: padding must be at most half the kernel, got padding \(1, 2\) for kernel \(3, 3\)$",
               lambda: ng.max_pool2d(zeros(1, 4, 4), 3, padding=(1, 2))),
        Raises("ShapeError", r"max_pool2d: a window holds only padding: with padding \(0, 1\) and dilation \(1, 3\) it steps over the image \(x \(1, 4, 2\)\)$",
               lambda: ng.max_pool2d(zeros(1, 4, 2), (1, 2), padding=(0, 1), dilation=(1, 3))),
        Raises("ValueError", r"max_pool2d: kernel_size must be 1 or more, got 0$", lambda: ng.max_pool2d(zeros(1, 3, 3), 0)),
        Raises("ValueError", r"max_pool2d: stride must be 1 or more, got \(1, 0\)$", lambda: ng.max_pool2d(zeros(1, 3, 3), 1, (1, 0))),
        Raises("ValueError", r"max_pool2d: padding must be 0 or more, got -1$", lambda: ng.max_pool2d(zeros(1, 3, 3), 2, padding=-1)),
        Raises("ValueError", r"max_pool2d: dilation must be 1 or more, got 0$", lambda: ng.max_pool2d(zeros(1, 3, 3), 2, dilation=0)),
        Raises("TypeError", r"max_pool2d: kernel_size must be an int or 2 ints, got 1\.5$", lambda: ng.max_pool2d(zeros(1, 3, 3), 1.5)),
        Raises("TypeError", r"max_pool2d: ceil_mode must be a bool, got int 1$", lambda: ng.max_pool2d(zeros(1, 3, 3), 2, 2, 0, 1, 1)),
        Raises("TypeError", r"return_indices", lambda: ng.max_pool2d(zeros(1, 3, 3), 2, return_indices=True)),
    )),
    OpSpec("max_pool1d", lambda x: x, case="errors", call=lambda x: ng.max_pool1d(x, 1), shapes=(((2, 2),),), tails=lambda n: ((1, n),), errors=(
        Raises("ShapeError", r"max_pool1d: x must be \(N, C, L\) or \(C, L\), got shape \(3,\)$", lambda: ng.max_pool1d(zeros(3), 2)),
        Raises("ShapeError", r"max_pool1d: the kernel, \(5,\), is larger than the padded input, \(3,\) \(x \(1, 3\)\)$", lambda: ng.max_pool1d(zeros(1, 3), 5)),
        Raises("ShapeError", r"max_pool1d: padding must be at most half the kernel, got padding \(2,\) for kernel \(3,\)$",
               lambda: ng.max_pool1d(zeros(1, 9), 3, padding=2)),
    )),
    OpSpec("avg_pool2d", lambda x: x, case="errors", call=lambda x: ng.avg_pool2d(x, 1), shapes=(((1, 2, 2),),), tails=lambda n: ((1, 1, n),), errors=(
        Raises("ShapeError", r"avg_pool2d: the kernel, \(3, 3\), is larger than the padded input, \(4, 2\)", lambda: ng.avg_pool2d(zeros(1, 4, 2), 3)),
        Raises("ShapeError", r"avg_pool2d: padding must be at most half the kernel", lambda: ng.avg_pool2d(zeros(1, 4, 4), 1, padding=1)),
        Raises("TypeError", r"avg_pool2d: count_include_pad must be a bool, got int 2$", lambda: ng.avg_pool2d(zeros(1, 4, 4), 2, 2, 0, False, 2)),
        Raises("TypeError", r"divisor_override", lambda: ng.avg_pool2d(zeros(1, 4, 4), 2, divisor_override=3)),
    )),
    OpSpec("adaptive_avg_pool2d", lambda x: x, case="errors", call=lambda x: ng.adaptive_avg_pool2d(x, None), shapes=(((1, 2, 2),),),
           tails=lambda n: ((1, 1, n),), errors=(
        Raises("TypeError", r"adaptive_avg_pool2d: output_size must be an int, or two ints or None, got \(1, 2, 3\)$",
               lambda: ng.adaptive_avg_pool2d(zeros(1, 4, 4), (1, 2, 3))),
        Raises("TypeError", r"adaptive_avg_pool2d: output_size must be an int, or two ints or None, got 2\.0$", lambda: ng.adaptive_avg_pool2d(zeros(1, 4, 4), 2.0)),
        Raises("ValueError", r"adaptive_avg_pool2d: output_size must be 0 or more, got -1$", lambda: ng.adaptive_avg_pool2d(zeros(1, 4, 4), -1)),
        Raises("ShapeError", r"adaptive_avg_pool2d: x has no element to pool over", lambda: ng.adaptive_avg_pool2d(zeros(1, 4, 0), 1)),
    )),
]
