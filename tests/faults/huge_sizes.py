# SPDX-License-Identifier: LGPL-3.0-or-later
# ruff: noqa: B023 - each function is called before its loop goes on
"""Every size that an argument decides, made too large: an exception, or the shape that whole numbers give. Run by test_sizes.py,
in a process of its own with little memory. Prints how many calls were made, or what was wrong."""
import itertools
import math
import resource
import signal
import sys
import warnings

import numpy as np

import nanograd as ng
from nanograd import nn

warnings.simplefilter("ignore", RuntimeWarning)        # means of nothing, which some of these sizes are
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
HUGE = (2**31 - 1, 2**31, 2**32 + 1, 2**59, 2**60, 2**61 + 1, 2**62 - 1, 2**62, 2**63 - 1, 274177, 67280421310721)
REFUSALS = (ValueError, TypeError, MemoryError, OverflowError, IndexError)
calls = [0]
wrong = []


def attempt(text, call, expected=None):
    calls[0] += 1
    try:
        signal.alarm(20)
        result = call()
    except REFUSALS:
        return None
    finally:
        signal.alarm(0)
    for one in result if isinstance(result, (list, tuple)) else [result]:
        if one.size != math.prod(one.shape) or min(one.shape, default=0) < 0:
            wrong.append(f"{text}: shape {one.shape}, size {one.size}")
        if expected is not None and tuple(one.shape) != tuple(expected()):
            wrong.append(f"{text}: shape {one.shape}, not {tuple(expected())}")
    return result


def differentiate(text, result):
    """The gradient of what went well, too."""
    if isinstance(result, ng.Tensor) and result.requires_grad and result.size < 1000:
        attempt(text + " backward", lambda: (result.backward(), result)[1])


def window(size, kernel, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def empty(shape, grad=True):
    """An empty tensor of that shape, or None where there is none."""
    try:
        return ng.zeros(shape, requires_grad=grad)
    except REFUSALS:
        return None


def convolutions():
    image = ng.ones((1, 1, 4, 4), requires_grad=True)
    for k, (s, p, d) in itertools.product((1, 3, *HUGE), [(1, 0, 1), (1, 0, 4), (2, 0, 8), (1, 2**31 - 1, 1), (1, 2**31 - 1, 2**31 - 1), (2**31 - 1, 2, 2)]):
        for x, w in ((image, (0, 1, k, 1)), (image, (0, 1, 1, k)), (empty((1, 0, 4, 4)), (2, 0, k, 1)), (empty((0, 1, 4, 4)), (1, 1, k, 1))):
            w = empty(w)
            if w is None:
                continue
            text = f"conv2d {x.shape} {w.shape} {s, p, d}"
            differentiate(text, attempt(text, lambda: ng.conv2d(x, w, stride=s, padding=p, dilation=d), lambda: (
                x.shape[0], w.shape[0], window(4, w.shape[2], s, p, d), window(4, w.shape[3], s, p, d))))
            attempt(text + " same", lambda: ng.conv2d(x, w, padding="same", dilation=d), lambda: (x.shape[0], w.shape[0], 4, 4))
        w = empty((0, 1, k))
        if w is not None:
            attempt(f"conv1d {k} {s, p, d}", lambda: ng.conv1d(ng.ones((1, 1, 9)), w, stride=s, padding=p, dilation=d),
                    lambda: (1, 0, window(9, k, s, p, d)))
    for n in HUGE:
        for shape in ((0, 1, n, 3), (0, n, 3, 3), (n, 0, 3, 3)):
            x = empty(shape)
            if x is not None:
                attempt(f"conv2d x {shape}", lambda: ng.conv2d(x, ng.ones((2, shape[1], 3, 3)) if shape[1] < 10 else ng.zeros((0, shape[1], 3, 3)), padding=1))


def pools():
    for kernel, stride, padding, n in itertools.product((1, 2, *HUGE), (1, 2**31 - 1, 2**62), (0, 1, 2**30), (4, 2**31, 2**58)):
        if kernel > 2**20 and n == 4 and padding > 1:
            continue                   # windows of two thousand million elements: they work, and take their time
        x = empty((1, 1, 1, 4)) if n == 4 else empty((0, 1, 1, n))
        for name in ("max_pool2d", "avg_pool2d"):
            for ceil_mode in (False, True):
                attempt(f"{name} {n} {kernel, stride, padding, ceil_mode}", lambda: getattr(ng, name)(
                    x, (1, kernel), (1, stride), (0, padding), ceil_mode=ceil_mode),
                    None if ceil_mode else lambda: (*x.shape[:3], window(n, kernel, stride, padding, 1)))
        attempt(f"max_pool2d {n} dilation {kernel}", lambda: ng.max_pool2d(x, (1, 2), 1, dilation=(1, kernel)),
                lambda: (*x.shape[:3], window(n, 2, 1, 0, kernel)))
    for size in HUGE:
        for x in (ng.ones((1, 1, 4, 4)), empty((0, 1, 4, 4)), empty((0, 1, 1, 2**58))):
            attempt(f"adaptive {x.shape} {size}", lambda: ng.adaptive_avg_pool2d(x, (1, size)), lambda: (*x.shape[:2], 1, size))


def repeats():
    for n in HUGE:
        for x in (ng.ones((2, 4), requires_grad=True), empty((0, 4)), empty((2, 0)), ng.ones((), requires_grad=True)):
            shape = x.shape if x.ndim else (1,)
            for reps in ((n,), (n, 1), (0, n), (n, 0), (n, n), (274177, 67280421310721), (2**32, 2**32, 0)):
                full = (1,) * (len(reps) - len(shape)) + shape
                text = f"tile {x.shape} {reps}"
                differentiate(text, attempt(text, lambda: ng.tile(x, reps), lambda: [a * b for a, b in zip(full, (1,) * (len(full) - len(reps)) + reps)]))
            if x.ndim:
                differentiate(f"repeat {n}", attempt(f"repeat {x.shape} {n}", lambda: ng.repeat(x, n, axis=1), lambda: (shape[0], shape[1] * n)))
            attempt(f"repeat array {n}", lambda: ng.repeat(x, np.array([n])))
            attempt(f"repeat arrays {n}", lambda: ng.repeat(x, np.array([n, n]), axis=0))
            for mode in ("constant", "edge", "reflect"):
                for width in (n, (n, 0), (0, n), (n, n)):
                    if 2**20 < n < 2**40 and mode != "constant":
                        continue       # NumPy's own pad is slow there
                    attempt(f"pad {x.shape} {width} {mode}", lambda: ng.pad(x, width, mode=mode))
            attempt(f"F.pad {n}", lambda: nn.functional.pad(x, (n, 0)))
            for shift in (n, -n):
                attempt(f"roll {shift}", lambda: ng.roll(x, shift), lambda: x.shape)
            attempt(f"tril {n}", lambda: ng.tril(x, n), lambda: x.shape)
            attempt(f"triu {n}", lambda: ng.triu(x, -n), lambda: x.shape)
            attempt(f"diagonal {n}", lambda: ng.diagonal(x, n))


def shapes():
    for n, m in itertools.product(HUGE, HUGE):
        for shape in ((n,), (n, m), (0, n), (n, 0, m), (0, n, m)):
            for name in ("zeros", "ones", "empty", "rand", "randn"):
                attempt(f"{name} {shape}", lambda: getattr(ng, name)(shape) if name in ("zeros", "ones", "empty") else getattr(ng, name)(*shape),
                        lambda: shape)
            for x in (ng.ones((1,)), ng.ones(()), empty((0,)), empty((0, 1))):
                attempt(f"full {shape}", lambda: ng.full(shape, 1.0), lambda: shape)
                attempt(f"full of array {shape}", lambda: ng.full(shape, np.ones(1, np.float32)), lambda: shape)
                attempt(f"broadcast_to {x.shape} {shape}", lambda: ng.broadcast_to(x, shape), lambda: shape)
                attempt(f"reshape {x.shape} {shape}", lambda: ng.reshape(x, shape), lambda: shape)
                attempt(f"reshape {x.shape} {shape} -1", lambda: ng.reshape(x, (*shape, -1)))
                attempt(f"expand {shape}", lambda: x.expand(*shape) if hasattr(x, "expand") else ng.broadcast_to(x, shape))
            attempt(f"randint {shape}", lambda: ng.randint(0, 5, shape), lambda: shape)
            attempt(f"tensor32 {shape}", lambda: ng.tensor32([], shape), lambda: shape)
            attempt(f"Unflatten {shape}", lambda: nn.Unflatten(1, shape)(ng.zeros((2, 0))))
        a, b = empty((0, n)), empty((m, 0))
        for x, y in ((a, a), (a, b), (b, b), (a, ng.ones(1))):
            if x is None or y is None:
                continue
            attempt(f"concatenate {x.shape} {y.shape}", lambda: ng.concatenate([x, y] * 16))
            attempt(f"concatenate 1 {x.shape} {y.shape}", lambda: ng.concatenate([x, y] * 16, axis=1),
                    lambda: (x.shape[0], 16 * (x.shape[1] + y.shape[1])))
            attempt(f"stack {x.shape} {y.shape}", lambda: ng.stack([x, y] * 4))
            attempt(f"add {x.shape} {y.shape}", lambda: x + y, lambda: np.broadcast_shapes(x.shape, y.shape))
            attempt(f"outer {x.shape} {y.shape}", lambda: ng.outer(x, y), lambda: (x.size, y.size))
            attempt(f"matmul {x.shape} {y.shape}", lambda: x @ y, lambda: (x.shape[0], y.shape[1]))
            attempt(f"matmul {y.shape} {x.shape}", lambda: y @ x, lambda: (y.shape[0], x.shape[1]))
            attempt(f"where {x.shape} {y.shape}", lambda: ng.where(np.ones(1, bool), x, y), lambda: np.broadcast_shapes(x.shape, y.shape))
            attempt(f"einsum {x.shape} {y.shape}", lambda: ng.einsum("ij,kl->ijkl", x, y), lambda: (*x.shape, *y.shape))
            attempt(f"einsum sum {x.shape} {y.shape}", lambda: ng.einsum("ij,kl->jk", x, y), lambda: (x.shape[1], y.shape[0]))
            attempt(f"linear {x.shape} {y.shape}", lambda: ng.linear(x, y))
        if a is not None and b is not None:
            rows = a.reshape((1, *a.shape, 1)) + ng.zeros((1, 1, 1, 1))
            attempt(f"broadcast {n} {m}", lambda: rows + b.reshape((m, 0, 1, 1)))


def reductions():
    for n in HUGE:
        for shape in ((0, n), (n, 0), (0, n, 3), (3, n, 0)):
            x = empty(shape)
            if x is None:
                continue
            for axis in range(len(shape)):
                rest = shape[:axis] + shape[axis + 1:]
                for name in ("sum", "prod", "mean", "var", "std", "logsumexp", "max", "norm", "argmax", "count_nonzero", "median", "all"):
                    if hasattr(ng, name):
                        attempt(f"{name} {shape} {axis}", lambda: getattr(ng, name)(x, axis=axis), lambda: rest)
                for name in ("softmax", "log_softmax", "cumsum", "sort", "flip"):
                    attempt(f"{name} {shape} {axis}", lambda: getattr(ng, name)(x, axis=axis), lambda: shape)
                for k in (1, n):
                    attempt(f"topk {shape} {k}", lambda: ng.topk(x, k, axis=axis))
            attempt(f"flatten {shape}", lambda: ng.flatten(x), lambda: (0,))
            attempt(f"flatten 1 {shape}", lambda: ng.flatten(x, -2))
            attempt(f"transpose {shape}", lambda: ng.transpose(x), lambda: shape[::-1])
            attempt(f"swap {shape}", lambda: x.mT)
            attempt(f"unsqueeze {shape}", lambda: ng.unsqueeze(x, 0), lambda: (1, *shape))
            attempt(f"layer_norm {shape}", lambda: ng.layer_norm(x, shape[-1:]) if shape[-1] < 10 else x)
            attempt(f"embedding {shape}", lambda: ng.embedding(np.zeros(0, int), x), lambda: (0, *shape[1:]) if len(shape) == 2 else x.shape)
            attempt(f"take {shape}", lambda: ng.take(x, np.zeros((2**20, 0), int), axis=0), lambda: (2**20, 0, *shape[1:]))
            attempt(f"getitem {shape}", lambda: x[:, None], lambda: (shape[0], 1, *shape[1:]))
            attempt(f"getitem ::-1 {shape}", lambda: x[::-1])
            attempt(f"getitem step {shape}", lambda: x[::n])
            attempt(f"getitem rows {shape}", lambda: x[np.zeros((3, 0), int)], lambda: (3, 0, *shape[1:]))
            attempt(f"mse {shape}", lambda: ng.mse_loss(x, x, reduction="none") if hasattr(ng, "mse_loss") else x, lambda: shape)
            attempt(f"dropout {shape}", lambda: ng.dropout(x, 0.5), lambda: shape)
            attempt(f"categorical {shape}", lambda: ng.categorical(x), lambda: shape[:-1])
            attempt(f"numpy {shape}", lambda: x.numpy(), lambda: shape)
            attempt(f"strides {shape}", lambda: (x.strides, x.nbytes, memoryview(x.detach()), np.from_dlpack(x.detach()))[-1], lambda: shape)
            attempt(f"astype {shape}", lambda: x.astype(np.float64), lambda: shape)


def counts():
    for n in HUGE:
        attempt(f"one_hot {n}", lambda: ng.one_hot([0, 1], n), lambda: (2, n))
        attempt(f"one_hot of nothing {n}", lambda: ng.one_hot(np.zeros((0, 3), int), n), lambda: (0, 3, n))
        attempt(f"one_hot of rows {n}", lambda: ng.one_hot(np.zeros((2**20, 0), int), n), lambda: (2**20, 0, n))
        for k in (0, n, -n):
            attempt(f"eye {n} {k}", lambda: ng.eye(n, 1, k), lambda: (n, 1))
            attempt(f"eye 0 {n} {k}", lambda: ng.eye(0, n, k), lambda: (0, n))
        attempt(f"linspace {n}", lambda: ng.linspace(0, 1, n), lambda: (n,))
        attempt(f"linspace rows {n}", lambda: ng.linspace(np.zeros((2, 3)), 1, n), lambda: (n, 2, 3))
        attempt(f"arange {n}", lambda: ng.arange(n), lambda: (n,))
        attempt(f"arange step {n}", lambda: ng.arange(0, 1, 1 / n))
        attempt(f"arange from {n}", lambda: ng.arange(-n, n))
        attempt(f"randperm {n}", lambda: ng.randperm(n), lambda: (n,))
        x = ng.ones((4, 1), requires_grad=True)
        for name, arguments in (("split", (n,)), ("split", ([n, 4],)), ("chunk", (n,)), ("narrow", (0, n, n)), ("narrow", (0, 1, n)),
                                ("select", (0, n)), ("unsqueeze", (n,))):
            if hasattr(ng, name) and not (name == "chunk" and 2**40 < n):
                attempt(f"{name} {arguments}", lambda: getattr(ng, name)(x, *arguments))
        for layer in (lambda: nn.Linear(n, 0), lambda: nn.Linear(0, n), lambda: nn.Linear(n, n), lambda: nn.Conv2d(n, n, 1), lambda: nn.Conv2d(1, 1, n),
                      lambda: nn.Embedding(n, 1), lambda: nn.Embedding(n, n), lambda: nn.BatchNorm1d(n), lambda: nn.LayerNorm(n),
                      lambda: nn.LayerNorm((n, n))):
            attempt(f"layer {n}", lambda: list(layer().parameters()))


for part in (convolutions, pools, repeats, shapes, reductions, counts):
    if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
        part()
print("\n".join(sorted(set(wrong))[:40]) if wrong else f"{calls[0]} calls, nothing wrong")
