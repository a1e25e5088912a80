# SPDX-License-Identifier: LGPL-3.0-or-later
"""Which of PyTorch's operators each of our functions is compared with by test_torch_ops.py, and how their samples are spelled here.

A sample is (input, *args, **kwargs), as PyTorch's operator takes it; an entry of OPS makes a call of ours from one. The sections cited are
those of the design of the public surface.
"""
import math
import operator

import numpy as np

import nanograd as ng
import nanograd.nn.functional as F

# Functions without an operator in PyTorch's database, and where they are tested.
NO_COUNTERPART = {
    "safe_div": "a / (b + eps): test_ops_contract.py",
    "scale": "mul by one number: test_ops_contract.py",
    "reduce": "a Python fold with its own gradient: test_reduce.py",
    "cross_entropy_from_probs": "the original's form: test_softmax_loss.py",
    "global_avg_pool2d": "the mean over two axes: test_ops_contract.py",
    "upsample": "interpolate has other arguments: its own tests",
}

# Functions of the design that may be missing yet: their rows wait for them.
LATER = {"scaled_dot_product_attention", "compensated_sum"}


# ---- spellings ------------------------------------------------------------------------------------------------------------


def axes(dim):
    """PyTorch's dim for a reduction: () are all axes there, none in NumPy."""
    return None if dim is None or dim in ((), []) else tuple(dim) if isinstance(dim, list | tuple) else dim


def reduction(function):
    def call(x, dim=None, keepdim=False, *, dtype=None, **kwargs):
        return function(x if dtype is None else x.astype(dtype), axes(dim), keepdim, **kwargs)
    return call


def deviation(function):
    """var and std, whose `unbiased` or `correction` is `ddof` here; it is 1 by default there."""
    def call(x, dim=None, unbiased=None, keepdim=False, *, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        return function(x, axes(dim), keepdim, ddof=int(unbiased is not False) if correction is None else correction)
    return call


def norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    return ng.norm(x, axes(dim), keepdim, ord=2 if ord in ("fro", None) else ord)


def index_of(function):
    """argmax and argmin, which have no keepdims here."""
    def call(x, dim=None, keepdim=False):
        index = function(x, dim)
        return np.expand_dims(index, tuple(range(x.ndim)) if dim is None else dim) if keepdim else index
    return call


def value_and_index(values, index):
    return lambda x, dim, keepdim=False: (values(x, dim, keepdim), index_of(index)(x, dim, keepdim))


def with_dtype(function):
    return lambda x, dim, dtype=None: function(x if dtype is None else x.astype(dtype), dim)


def with_alpha(function):
    return lambda a, b, alpha=1: function(a, b if alpha == 1 else ng.mul(b, alpha))


def moved(x, axis, function):
    """function of x with its axis as the first, and back."""
    return ng.swapaxes(function(ng.swapaxes(x, 0, axis)), 0, axis)


def at(x, axis, index):
    """What indexes x along one axis."""
    return (slice(None),) * (axis % max(x.ndim, 1)) + (index,)


def along(function):
    """index_add(x, dim, index, source) and its like."""
    return lambda x, dim, index, source, alpha=1: function(x, at(x, dim, index), source if alpha == 1 else ng.mul(source, alpha))


def index_put(function, accumulating):
    """PyTorch has one function where we have two; a sample of the other one is no sample of this."""
    return lambda x, index, values, accumulate=False: function(x, index, values) if accumulate == accumulating else NotImplemented


def roll(x, shifts, dims=None):
    """(Without an axis ours rolls the last one, theirs the flattened tensor.)"""
    return ng.reshape(ng.roll(ng.flatten(x), shifts), x.shape) if dims in (None, ()) else ng.roll(x, shifts, dims)


def diagonal(x, offset=0, dim1=0, dim2=1):
    """(Ours is that of the first two axes.)"""
    rest = [axis for axis in range(x.ndim) if axis not in (dim1 % x.ndim, dim2 % x.ndim)]
    return ng.diagonal(ng.permute(x, (dim1, dim2, *rest)), offset)


def movedim(x, source, destination):
    order = np.moveaxis(np.empty(tuple(range(x.ndim))), source, destination).shape
    return ng.transpose(x, tuple(order)) if order else ng.transpose(x)


def same(name, *operators):
    function = getattr(F, name, None) or getattr(ng, name, None)
    return [(name, theirs, function) for theirs in operators or (name,)]


def functional(name):
    return same(name, "nn.functional." + name)


def arithmetic():
    for name in ("abs neg sign square sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan sinh cosh erf floor ceil tanh sigmoid "
                 "mul maximum minimum pow isnan isinf isfinite allclose").split():
        yield from same(name)
    yield from (("sign", "sgn", ng.sign), ("arctan", "atan", ng.arctan), ("arctan2", "atan2", ng.arctan2),
                ("add", "add", with_alpha(ng.add)), ("sub", "sub", with_alpha(ng.sub)),
                ("sub", "rsub", lambda a, b, alpha=1: ng.sub(b, a if alpha == 1 else ng.mul(a, alpha))),
                ("maximum", "max/binary", ng.maximum), ("minimum", "min/binary", ng.minimum),
                ("div", "true_divide", ng.div), ("div", "div/no_rounding_mode", lambda a, b, rounding_mode=None: ng.div(a, b)),
                ("//", "floor_divide", operator.floordiv), ("//", "div/floor_rounding", lambda a, b, rounding_mode: a // b),
                ("%", "remainder", operator.mod), ("round", "round", ng.round), ("round", "round/decimals_0", lambda x, decimals: ng.round(x)),
                ("clip", "clamp", ng.clip), ("clip", "clamp_min", ng.clip), ("clip", "clamp_max", lambda x, high: ng.clip(x, max=high)),
                ("where", "where", lambda a, condition, b: ng.where(condition, a, b)),
                ("where", "masked_fill", lambda x, mask, value: ng.where(mask, value, x)))
    # The operators with a number on the left, and comparisons, which give NumPy arrays.
    for name in ("add", "sub", "mul", "pow", "mod", "matmul"):
        yield f"__r{name}__", f"__r{name}__", lambda a, b, name=name: getattr(operator, name)(b, a)
    yield "__rtruediv__", "__rdiv__", lambda a, b: b / a
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        yield f"__{name}__", name, getattr(operator, name)


def linear_algebra():
    yield from same("matmul", "matmul", "mm", "mv", "bmm")
    yield from same("dot")
    yield from same("outer")
    yield "einsum", "einsum", lambda operands, subscripts: ng.einsum(subscripts, *operands)


def reductions():
    for ours, theirs in (("sum", "sum"), ("mean", "mean"), ("prod", "prod"), ("max", "amax"), ("min", "amin"), ("logsumexp", "logsumexp"),
                         ("max", "max/reduction_no_dim"), ("min", "min/reduction_no_dim")):
        yield ours, theirs, reduction(getattr(ng, ours))
    yield "max", "max/reduction_with_dim", value_and_index(ng.max, ng.argmax)
    yield "min", "min/reduction_with_dim", value_and_index(ng.min, ng.argmin)
    for name in ("var", "std"):
        yield name, name, deviation(getattr(ng, name))
        yield name, name + "/unbiased", deviation(getattr(ng, name))
    for theirs in ("norm", "norm/fro", "norm/inf", "linalg.vector_norm"):
        yield "norm", theirs, norm
    yield "argmax", "argmax", index_of(ng.argmax)
    yield "argmin", "argmin", index_of(ng.argmin)
    yield "cumsum", "cumsum", with_dtype(ng.cumsum)
    compensated = getattr(ng, "compensated_sum", None)
    yield "compensated_sum", "sum", compensated and (lambda x, dim=None, keepdim=False: NotImplemented if keepdim else compensated(x, axes(dim)))
    yield "sort", "sort", lambda x, dim=-1, descending=False, stable=True: ng.sort(x, dim, descending)
    yield "sort", "msort", lambda x: ng.sort(x, 0)[0]
    yield "argsort", "argsort", lambda x, dim=-1, descending=False, stable=True: ng.argsort(x, dim, descending)
    yield "topk", "topk", lambda x, k, dim=-1, largest=True, sorted=True: ng.topk(x, k, dim)


def shapes():
    for name in ("reshape", "squeeze", "unsqueeze", "broadcast_to", "expand", "permute", "narrow", "stack", "chunk", "gather", "take", "tril", "triu"):
        yield from same(name)
    yield "reshape", "view", ng.reshape
    yield "flatten", "flatten", lambda x, start_dim=0, end_dim=-1: ng.flatten(x, start_dim, end_dim)
    yield "flatten", "ravel", ng.flatten
    yield "squeeze", "squeeze/multiple", ng.squeeze
    yield "swapaxes", "transpose", ng.swapaxes
    yield "transpose", "permute", lambda x, dims: ng.transpose(x, tuple(dims)) if dims else ng.transpose(x)
    yield "transpose", "movedim", movedim
    yield "transpose", "T", lambda x: x.T
    yield "transpose", "mT", lambda x: x.mT
    yield "slice", "narrow", lambda x, axis, start, length: moved(x, axis, lambda y: ng.slice(y, start, length))
    yield "x[...]", "__getitem__", operator.getitem
    yield "x[...]", "slice", lambda x, dim=0, start=None, end=None, step=1: x[at(x, dim, slice(start, end, step))]
    yield "x[...]", "select", lambda x, dim, index: x[at(x, dim, index)]
    yield "x[...]", "unbind", lambda x, dim=0: [x[at(x, dim, i)] for i in range(x.shape[dim])]
    yield "concatenate", "cat", lambda tensors, dim=0: ng.concatenate(tensors, dim)
    yield from same("split", "split/list_args", "split_with_sizes", "split")
    yield "tile", "tile", ng.tile
    yield "tile", "repeat", ng.tile
    yield "repeat", "repeat_interleave", lambda x, repeats, dim=None, output_size=None: ng.repeat(x, repeats, dim)
    yield "flip", "flip", lambda x, dims: ng.flip(x, dims)
    yield "flip", "fliplr", lambda x: ng.flip(x, 1)
    yield "flip", "flipud", lambda x: ng.flip(x, 0)
    yield "roll", "roll", roll
    for mode in ("constant", "reflect", "replicate", "replicate_negative"):
        yield "pad", "nn.functional.pad/" + mode, F.pad
    yield "take", "index_select", lambda x, dim, index: ng.take(x, index, dim)
    yield "index_set", "index_put", index_put(ng.index_set, False)
    yield "index_set", "index_copy", along(ng.index_set)
    yield "index_add", "index_put", index_put(ng.index_add, True)
    yield "index_add", "index_add", along(ng.index_add)
    yield "diagonal", "diagonal", diagonal


def networks():
    yield from (("log_sigmoid", "nn.functional.logsigmoid", F.logsigmoid), ("embedding", "nn.functional.embedding", lambda weight, indices, **kwargs:
                F.embedding(indices, weight, **kwargs)))
    for name in ("softmax", "log_softmax"):
        for theirs in (name, name + "/with_dtype"):
            yield name, theirs, getattr(F, name)
    yield "one_hot", "nn.functional.one_hot", lambda x, num_classes: F.one_hot(x, num_classes).numpy().astype(np.int64)
    for name in ("relu leaky_relu softplus silu gelu elu linear dropout normalize cosine_similarity layer_norm rms_norm conv1d conv2d "
                 "batch_norm group_norm mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy "
                 "binary_cross_entropy_with_logits kl_div max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool2d "
                 "scaled_dot_product_attention").split():
        yield from functional(name)


# (our function, their operator, the call)
OPS = [*arithmetic(), *linear_algebra(), *reductions(), *shapes(), *networks()]


# ---- what is declined -----------------------------------------------------------------------------------------------------


def argument(sample, place, *names, default=None):
    """An argument of a sample, by place (after the input) or by name."""
    return next((sample.kwargs[name] for name in names if name in sample.kwargs), (*sample.args, *(default,) * 9)[place])


def other_order(sample):
    return argument(sample, 0, "ord", "p", default=2) not in (1, 2, math.inf, "fro")


def not_of_size_1(sample):
    x, dim = sample.input, argument(sample, 0, "dim", default=())
    return x.ndim > 0 and any(x.shape[axis] != 1 for axis in (dim if isinstance(dim, tuple) else (dim,)))


def random_bits(sample):
    return sample.kwargs.get("training", True) and 0 < sample.kwargs.get("p", 0.5) < 1


def negative_eps(sample):
    return sample.kwargs.get("eps", 1) < 0


def floats(sample):
    """The floating tensors among the input and the arguments, and lists of them."""
    for value in (sample.input, *sample.args):
        for x in value if isinstance(value, list | tuple) else (value,):
            if hasattr(x, "is_floating_point") and x.is_floating_point():
                yield x.detach()


def dtypes_mix(sample):
    return len({x.dtype for x in floats(sample)}) > 1


def has_nan(sample):
    return any(x.isnan().any() for x in floats(sample))


def has_infinity(sample):
    return any(x.isinf().any() for x in floats(sample))


def meets_limit(sample):
    x, limit = [*floats(sample), None][:2]
    return has_nan(sample) or limit is not None and bool((x == limit).any())


def power_is_0(base, exponent):
    return bool((abs(base) ** exponent == 0).any())


def repeats_index(sample):
    return len(set(sample.args[1].reshape(-1).tolist())) < sample.args[1].numel()


EXPONENT = "2: where the power is 0 the exponent's gradient is 0 (theirs NaN if the base is not 0)"

# (our function or "*", which samples, the rule, how): a sample that is declined with an exception must raise it; of one with
# "gradient" the value is compared, and only the gradient follows another convention; of one with "both" neither is.
DECLINED = [
    ("*", dtypes_mix, "1.1: float32 and float64 do not mix, not even with a 0-d tensor", TypeError),
    ("*", lambda s: any(isinstance(value, complex) for value in (s.input, *s.args)), "1.1: complex data are an error", TypeError),
    ("norm", other_order, "1.2: ord is 1, 2 or inf", ValueError),
    ("normalize", other_order, "1.2: ord is that of norm: 1, 2 or inf", ValueError),
    ("squeeze", not_of_size_1, "1.7: squeezing a size other than 1 is an error", ValueError),
    ("gather", lambda s: s.input.ndim and s.args[1].ndim != s.input.ndim, "1.7: x and indices have as many axes (theirs excepts empty ones)", ValueError),
    ("concatenate", lambda s: len({x.ndim for x in s.input}) > 1, "1.2: NumPy's rule (theirs excepts empty 1-D tensors)", ValueError),
    ("batch_norm", lambda s: s.input.ndim < 2, "1.2: x has N and C (theirs excepts an empty one)", ValueError),
    *((name, negative_eps, "1, nothing goes wrong in silence: a negative eps gives NaN where x is constant", ValueError)
      for name in ("layer_norm", "rms_norm", "group_norm")),
    *((name, lambda s: s.kwargs.get("return_indices"), "1.2: not among the results", TypeError) for name in ("max_pool1d", "max_pool2d")),
    ("avg_pool2d", lambda s: argument(s, 5, "divisor_override") is not None, "1.2: not among the arguments", TypeError),
    ("dropout", random_bits, "1.1: random bits are ours, from Philox", "both"),
    ("sign", has_nan, "1, NumPy's: the sign of NaN is NaN (theirs 0)", "both"),
    ("silu", has_infinity, "2: silu(-inf) is 0 (theirs NaN)", "both"),
    *((name, has_nan, "1, NumPy's: NaN propagates, to the gradient too (theirs 0 or 1)", "gradient") for name in ("abs", "elu")),
    *((name, has_nan, "1.7: the gradient goes to the operand that is the result (theirs to both)", "gradient") for name in ("maximum", "minimum")),
    ("clip", meets_limit, "1.7: with a tensor as limit half the gradient goes to each where they tie (theirs to x)", "gradient"),
    ("pow", lambda s: power_is_0(s.input, s.args[0]), EXPONENT, "gradient"),
    ("__rpow__", lambda s: power_is_0(s.args[0], s.input), EXPONENT, "gradient"),
    ("layer_norm", lambda s: math.prod(s.args[0]) < 3, "2: of one or two numbers the exact gradient is about 0, float32 has rounding errors only", "gradient"),
    ("index_set", repeats_index, "1.2: of values for one place the last counts, and has the gradient (theirs: all have)", "gradient"),
]

# (our function, which of their error inputs, the rule by which they are none)
NO_ERRORS = [("max_pool1d", lambda s: s.input.numel() == 0, "1.2: of no channels the result has none either")]

# Operators of theirs of which fewer than 90 % of the samples run, for what DECLINED says.
PARTLY = {
    "norm", "norm/inf", "linalg.vector_norm", "nn.functional.normalize", "nn.functional.dropout", "squeeze", "squeeze/multiple", "gather", "cat",
    "nn.functional.batch_norm", "nn.functional.layer_norm", "nn.functional.rms_norm", "nn.functional.group_norm",
    "nn.functional.max_pool1d", "nn.functional.max_pool2d", "nn.functional.avg_pool2d",
}
