# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every function, forward and backward, at three sizes: a family of its own, measured only with ``--filter ops``.

One line per function says how it is written in both libraries; `operands.py` says what `x`, `labels` and the other names
in these lines are, and what shapes they have at each size. Where PyTorch returns a view whose elements are not adjacent
(a transposed one) and ours is a new array, PyTorch's is made contiguous too: both then have the same in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from benchmarks import operands
from benchmarks.operands import BATCH, COLUMN, HALF, IMAGES, LINEAR, MATRIX, ROOT, ROWS_OF_100, SIGNALS, SIZES, VECTOR
from benchmarks.row import OURS, Group, Job, SteadyRow

# The least that PyTorch's time / ours should be at each size, with any number of threads: for ops that are one node,
# for ops composed of others, and for those that sort; and for the geometric mean over all of them.
NODE, COMPOSED, SORTING = (4.0, 1.0, 0.8), (1.5, 0.8, 0.7), (4.0, 1.0, 0.4)
GROUPS = [Group(f"ops, {size} elements", bar) for size, bar in zip(SIZES, (8.0, 2.5, 1.2), strict=True)]


@dataclass(frozen=True)
class Op:
    """A function and its call in each library, an expression of the names in `operands.VALUES`."""

    name: str
    ours: str
    theirs: str
    shapes: tuple[tuple[int, ...], ...] = VECTOR
    floors: tuple[float, float, float] = NODE
    gradient: bool = True


@dataclass(frozen=True)
class OpRow(SteadyRow):
    """An op at one size."""

    size: str = ""
    is_brief = True


def make_job(library: str, *, op: Op, shape: tuple[int, ...]) -> Job | None:
    """The call, and its gradient from one that is there already; `.grad` is None before each."""
    match library:
        case "nanograd":
            import nanograd as module

            grad = module.grad
            names = {"ng": module}
        case "torch":
            import torch as module

            grad = module.autograd.grad
            names = {"torch": module, "F": module.nn.functional}
        case _:
            return None
    call = op.ours if library == OURS else op.theirs
    names |= operands.make(module, call, shape, op.gradient)
    if not op.gradient:
        return Job(call, names)
    leaves = [name for name, value in names.items() if getattr(value, "requires_grad", False)]
    result = eval(call, names)
    if isinstance(result, (tuple, list)):
        names |= {"grad": grad, "gradients": [operands.gradient(module, part.shape) for part in result]}
        return Job(f"grad({call}, ({', '.join(leaves)},), gradients)", names)
    names["gradient"] = operands.gradient(module, result.shape)
    return Job(f"({call}).backward(gradient)\n{' = '.join(f'{leaf}.grad' for leaf in leaves)} = None", names)


def unary(*names: str, of: str = "x") -> list[Op]:
    """Functions of one tensor that have one name in both libraries."""
    return [Op(name, f"ng.{name}({of})", f"torch.{name}({of})") for name in names]


OPS = [
    # arithmetic
    *(Op(name, f"ng.{name}(x, y)", f"torch.{name}(x, y)") for name in ("add", "sub", "mul", "maximum", "minimum", "arctan2")),
    Op("div", "ng.div(x, p)", "torch.div(x, p)"),
    Op("pow", "ng.pow(p, y)", "torch.pow(p, y)"),
    Op("remainder", "x % p", "x % p"),
    Op("floor_divide", "x // p", "x // p", gradient=False),
    Op("safe_div", "ng.safe_div(x, p)", "x / (p + 1e-8)"),
    *unary("neg", "abs", "sign", "square", "exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "arctan", "erf"),
    *unary("floor", "ceil", "round"),
    *unary("sqrt", "rsqrt", "reciprocal", "log", "log1p", "log2", "log10", of="p"),
    Op("clip", "ng.clip(x, -0.5, 0.5)", "torch.clip(x, -0.5, 0.5)"),
    Op("where", "ng.where(mask, x, y)", "torch.where(mask, x, y)"),
    *(Op(name, f"ng.{name}(x)", f"torch.{name}(x)", gradient=False) for name in ("isnan", "isinf", "isfinite")),
    Op("allclose", "ng.allclose(x, x)", "torch.allclose(x, x)", gradient=False),
    # linear algebra
    Op("matmul", "ng.matmul(x, weight)", "torch.matmul(x, weight)", LINEAR),
    Op("dot", "ng.dot(x, y)", "torch.dot(x, y)"),
    Op("scale", "ng.scale(x, 1.5)", "torch.mul(x, 1.5)"),
    Op("outer", "ng.outer(x, y)", "torch.outer(x, y)", ROOT),
    Op("einsum", "ng.einsum('bij,bjk->bik', x, y)", "torch.einsum('bij,bjk->bik', x, y)", BATCH, COMPOSED),
    # reductions
    *unary("sum", "mean", "max", "min"),
    Op("prod", "ng.prod(near_one)", "torch.prod(near_one)"),
    Op("sum, last axis", "ng.sum(x, -1)", "torch.sum(x, -1)", ROWS_OF_100),
    Op("mean, last axis", "ng.mean(x, -1)", "torch.mean(x, -1)", ROWS_OF_100),
    Op("sum, first axis", "ng.sum(x, 0)", "torch.sum(x, 0)", ROWS_OF_100),
    Op("max, last axis", "ng.max(x, -1)", "torch.amax(x, -1)", ROWS_OF_100),
    Op("logsumexp", "ng.logsumexp(x, -1)", "torch.logsumexp(x, -1)", ROWS_OF_100),
    Op("var", "ng.var(x)", "torch.var(x, correction=0)"),
    Op("std", "ng.std(x)", "torch.std(x, correction=0)"),
    Op("var, last axis", "ng.var(x, -1)", "torch.var(x, -1, correction=0)", ROWS_OF_100),
    Op("norm", "ng.norm(x)", "torch.linalg.vector_norm(x)"),
    Op("norm, order 1", "ng.norm(x, ord=1)", "torch.linalg.vector_norm(x, 1)"),
    Op("argmax", "ng.argmax(x)", "torch.argmax(x)", gradient=False),
    Op("argmax, last axis", "ng.argmax(x, -1)", "torch.argmax(x, -1)", ROWS_OF_100, gradient=False),
    Op("argmin", "ng.argmin(x)", "torch.argmin(x)", gradient=False),
    Op("cumsum", "ng.cumsum(x, 0)", "torch.cumsum(x, 0)"),
    Op("cumsum, last axis", "ng.cumsum(x, -1)", "torch.cumsum(x, -1)", ROWS_OF_100),
    Op("sort", "ng.sort(x)[0]", "torch.sort(x)[0]", floors=SORTING),
    Op("topk", "ng.topk(x, k)[0]", "torch.topk(x, k)[0]", floors=SORTING),
    Op("argsort", "ng.argsort(x)", "torch.argsort(x)", gradient=False),
    # shape
    Op("reshape", "ng.reshape(x, -1)", "torch.reshape(x, (-1,))", MATRIX),
    Op("flatten", "ng.flatten(x)", "torch.flatten(x)", MATRIX),
    Op("transpose", "ng.transpose(x)", "x.T.contiguous()", MATRIX),
    Op("permute", "ng.permute(x, (0, 2, 1))", "torch.permute(x, (0, 2, 1)).contiguous()", BATCH),
    Op("swapaxes", "ng.swapaxes(x, 0, 1)", "torch.swapaxes(x, 0, 1).contiguous()", MATRIX),
    Op("squeeze", "ng.squeeze(x, 1)", "torch.squeeze(x, 1)", COLUMN),
    Op("unsqueeze", "ng.unsqueeze(x, 0)", "torch.unsqueeze(x, 0)"),
    Op("broadcast_to", "ng.broadcast_to(row, shape)", "torch.broadcast_to(row, shape).contiguous()", ROWS_OF_100),
    Op("expand", "ng.expand(row, *shape)", "row.expand(*shape).contiguous()", ROWS_OF_100),
    Op("narrow", "ng.narrow(x, 0, half, half)", "torch.narrow(x, 0, half, half)"),
    Op("slice", "ng.slice(x, half, half)", "x[half : half + half]"),
    Op("concatenate", "ng.concatenate((x, y))", "torch.concatenate((x, y))", HALF),
    Op("stack", "ng.stack((x, y))", "torch.stack((x, y))", HALF),
    Op("split", "ng.split(x, quarter)", "torch.split(x, quarter)"),
    Op("chunk", "ng.chunk(x, 4)", "torch.chunk(x, 4)"),
    Op("tile", "ng.tile(x, 2)", "torch.tile(x, (2,))", HALF),
    Op("repeat", "ng.repeat(x, 2)", "torch.repeat_interleave(x, 2)", HALF),
    Op("flip", "ng.flip(x, 0)", "torch.flip(x, (0,))"),
    Op("roll", "ng.roll(x, 1, 0)", "torch.roll(x, 1, 0)"),
    Op("pad", "ng.pad(x, 1)", "F.pad(x, (1, 1, 1, 1))", MATRIX),
    Op("getitem, element", "x[1]", "x[1]"),
    Op("getitem, slice", "x[..., ::2]", "x[..., ::2].contiguous()", MATRIX),
    Op("getitem, indices", "x[some_rows]", "x[some_rows]", ROWS_OF_100),
    Op("getitem, mask", "x[mask]", "x[mask]"),
    Op("gather", "ng.gather(x, 1, columns)", "torch.gather(x, 1, columns)", MATRIX),
    Op("take", "ng.take(x, places)", "torch.take(x, places)"),
    Op("index_set", "ng.index_set(x, some_rows, few)", "torch.index_put(x, (some_rows,), few)", ROWS_OF_100),
    Op("index_add", "ng.index_add(x, some_rows, few)", "torch.index_add(x, 0, some_rows, few)", ROWS_OF_100),
    *(Op(name, f"ng.{name}(x)", f"torch.{name}(x)", MATRIX) for name in ("tril", "triu")),
    Op("diagonal", "ng.diagonal(x)", "torch.diagonal(x).contiguous()", MATRIX),
    # activations
    *unary("relu", "tanh", "sigmoid"),
    Op("leaky_relu", "ng.leaky_relu(x)", "F.leaky_relu(x)"),
    Op("log_sigmoid", "ng.log_sigmoid(x)", "F.logsigmoid(x)"),
    Op("softplus", "ng.softplus(x)", "F.softplus(x)"),
    Op("silu", "ng.silu(x)", "F.silu(x)"),
    Op("gelu", "ng.gelu(x)", "F.gelu(x)"),
    Op("gelu, tanh", "ng.gelu(x, approximate='tanh')", "F.gelu(x, approximate='tanh')"),
    Op("elu", "ng.elu(x)", "F.elu(x)"),
    Op("softmax", "ng.softmax(x)", "torch.softmax(x, -1)", ROWS_OF_100),
    Op("log_softmax", "ng.log_softmax(x)", "torch.log_softmax(x, -1)", ROWS_OF_100),
    Op("softmax, first axis", "ng.softmax(x, 0)", "torch.softmax(x, 0)", ROWS_OF_100),
    Op("log_softmax, first axis", "ng.log_softmax(x, 0)", "torch.log_softmax(x, 0)", ROWS_OF_100),
    # networks
    Op("linear", "ng.linear(x, weight, row)", "F.linear(x, weight, row)", LINEAR),
    Op("linear, relu", "ng.linear(x, weight, row, 'relu')", "F.relu(F.linear(x, weight, row))", LINEAR),
    Op("dropout", "ng.dropout(x)", "F.dropout(x)"),
    Op("embedding", "ng.embedding(any_rows, x)", "F.embedding(any_rows, x)", ROWS_OF_100),
    Op("normalize", "ng.normalize(x)", "F.normalize(x, dim=-1)", ROWS_OF_100, COMPOSED),
    Op("cosine_similarity", "ng.cosine_similarity(x, y)", "F.cosine_similarity(x, y, -1)", ROWS_OF_100, COMPOSED),
    Op("one_hot", "ng.one_hot(labels, classes)", "F.one_hot(labels, classes).float()", ROWS_OF_100, gradient=False),
    Op("layer_norm", "ng.layer_norm(x, classes, row, row2)", "F.layer_norm(x, (classes,), row, row2)", ROWS_OF_100),
    Op("rms_norm", "ng.rms_norm(x, classes, row)", "F.rms_norm(x, (classes,), row)", ROWS_OF_100),
    # images
    Op("conv1d", "ng.conv1d(x, kernel, channel, padding=1)", "F.conv1d(x, kernel, channel, padding=1)", SIGNALS),
    Op("conv2d", "ng.conv2d(x, kernel, channel, padding=1)", "F.conv2d(x, kernel, channel, padding=1)", IMAGES),
    Op(
        "batch_norm",
        "ng.batch_norm(x, None, None, channel, channel2, training=True)",
        "F.batch_norm(x, None, None, channel, channel2, training=True)",
        IMAGES,
    ),
    Op("group_norm", "ng.group_norm(x, 1, channel, channel2)", "F.group_norm(x, 1, channel, channel2)", IMAGES),
    *(Op(f"{kind}_pool1d", f"ng.{kind}_pool1d(x, 2)", f"F.{kind}_pool1d(x, 2)", SIGNALS) for kind in ("max", "avg")),
    *(Op(f"{kind}_pool2d", f"ng.{kind}_pool2d(x, 2)", f"F.{kind}_pool2d(x, 2)", IMAGES) for kind in ("max", "avg")),
    Op("adaptive_avg_pool2d", "ng.adaptive_avg_pool2d(x, 2)", "F.adaptive_avg_pool2d(x, 2)", IMAGES),
    Op("global_avg_pool2d", "ng.global_avg_pool2d(x)", "F.adaptive_avg_pool2d(x, 1).flatten(1)", IMAGES),
    # losses
    *(Op(name, f"ng.{name}(x, target)", f"F.{name}(x, target)")
      for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")),
    Op("cross_entropy", "ng.cross_entropy(x, labels)", "F.cross_entropy(x, labels)", ROWS_OF_100),
    Op(
        "cross_entropy, smoothed",
        "ng.cross_entropy(x, labels, label_smoothing=0.1)",
        "F.cross_entropy(x, labels, label_smoothing=0.1)",
        ROWS_OF_100,
    ),
    Op("nll_loss", "ng.nll_loss(x, labels)", "F.nll_loss(x, labels)", ROWS_OF_100),
    Op("binary_cross_entropy", "ng.binary_cross_entropy(part, chance)", "F.binary_cross_entropy(part, chance)"),
    Op(
        "binary_cross_entropy_with_logits",
        "ng.binary_cross_entropy_with_logits(x, chance)",
        "F.binary_cross_entropy_with_logits(x, chance)",
    ),
    Op("kl_div", "ng.kl_div(x, chance, reduction='batchmean')", "F.kl_div(x, chance, reduction='batchmean')", ROWS_OF_100),
    Op(
        "cross_entropy_from_probs",
        "ng.cross_entropy_from_probs(part, chance)",
        "-(chance * torch.log(part.clamp(min=1e-10))).sum()",
        ROWS_OF_100,
    ),
]  # fmt: skip

ROWS = [
    OpRow("ops", f"{op.name}/{size}", op.ours, partial(make_job, op=op, shape=shape), bar=floor, group=group, size=size)
    for op in OPS
    for size, shape, floor, group in zip(SIZES, op.shapes, op.floors, GROUPS, strict=True)
]
