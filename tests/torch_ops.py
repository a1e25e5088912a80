# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the samples of PyTorch's operators are spelled for our functions, and which are declined, for test_torch_ops.py.

Which operators a function is compared with its OpSpec says: those of the same name, or `torch=`. A sample is (input, *args, **kwargs), as
PyTorch's operator takes it. `spelled` makes a call of ours from one by itself: a function of nn.functional has PyTorch's arguments
already, and of another `dim`, `keepdim` and `dtype` are what they are called here. SPELLINGS has the others. The sections cited are those
of the design of the public surface.
"""
import functools
import inspect
import math
import operator

import numpy as np
from specs import SPECS

import nanograd as ng
import nanograd.nn.functional as F

# ---- spellings ------------------------------------------------------------------------------------------------------------


def axes(dim):
    """PyTorch's dim for a reduction: () are all axes there, none in NumPy."""
    return None if dim is None or dim in ((), []) else tuple(dim) if isinstance(dim, list | tuple) else dim


RENAMED = {"dim": "axis", "dims": "axes", "keepdim": "keepdims"}


def spelled(function):
    """The function of PyTorch's arguments: those by name have our names, () are all axes of a reduction, and the dtype is x's."""
    names = list(inspect.signature(function).parameters)
    reduces = "keepdims" in names

    @functools.wraps(function)
    def call(x, *args, **kwargs):
        kwargs = {RENAMED.get(key, key): value for key, value in kwargs.items()}
        dtype = None if "dtype" in names else kwargs.pop("dtype", None)
        if reduces:
            args = [axes(value) if name == "axis" else value for name, value in zip(names[1:], args, strict=False)] + list(args[len(names) - 1:])
            kwargs = {key: axes(value) if key == "axis" else value for key, value in kwargs.items()}
        return function(x if dtype is None else x.astype(dtype), *args, **kwargs)
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


# By our function and their operator, or by our function alone, for all its operators that have no line of their own.
SPELLINGS = {
    "add": with_alpha(ng.add), "sub": with_alpha(ng.sub), ("sub", "rsub"): lambda a, b, alpha=1: ng.sub(b, a if alpha == 1 else ng.mul(a, alpha)),
    ("div", "div/no_rounding_mode"): lambda a, b, rounding_mode=None: ng.div(a, b), ("round", "round/decimals_0"): lambda x, decimals: ng.round(x),
    ("clip", "clamp_max"): lambda x, high: ng.clip(x, max=high), ("where", "where"): lambda a, condition, b: ng.where(condition, a, b),
    ("where", "masked_fill"): lambda x, mask, value: ng.where(mask, value, x),
    "einsum": lambda operands, subscripts: ng.einsum(subscripts, *operands),
    ("max", "max/reduction_with_dim"): value_and_index(ng.max, ng.argmax), ("min", "min/reduction_with_dim"): value_and_index(ng.min, ng.argmin),
    "var": deviation(ng.var), "std": deviation(ng.std), "norm": norm, "argmax": index_of(ng.argmax), "argmin": index_of(ng.argmin),
    "sort": lambda x, dim=-1, descending=False, stable=True: ng.sort(x, dim, descending), ("sort", "msort"): lambda x: ng.sort(x, 0)[0],
    "argsort": lambda x, dim=-1, descending=False, stable=True: ng.argsort(x, dim, descending),
    "topk": lambda x, k, dim=-1, largest=True, sorted=True: ng.topk(x, k, dim),
    ("flatten", "flatten"): lambda x, start_dim=0, end_dim=-1: ng.flatten(x, start_dim, end_dim),
    ("transpose", "permute"): lambda x, dims: ng.transpose(x, tuple(dims)) if dims else ng.transpose(x), ("transpose", "movedim"): movedim,
    ("transpose", "T"): lambda x: x.T, ("transpose", "mT"): lambda x: x.mT,
    "slice": lambda x, axis, start, length: moved(x, axis, lambda y: ng.slice(y, start, length)),
    "repeat": lambda x, repeats, dim=None, output_size=None: ng.repeat(x, repeats, dim),
    ("flip", "flip"): lambda x, dims: ng.flip(x, dims), ("flip", "fliplr"): lambda x: ng.flip(x, 1), ("flip", "flipud"): lambda x: ng.flip(x, 0),
    "roll": roll, "diagonal": diagonal, ("take", "index_select"): lambda x, dim, index: ng.take(x, index, dim),
    ("index_set", "index_put"): index_put(ng.index_set, False), ("index_set", "index_copy"): along(ng.index_set),
    ("index_add", "index_put"): index_put(ng.index_add, True), ("index_add", "index_add"): along(ng.index_add),
    "embedding": lambda weight, indices, **kwargs: F.embedding(indices, weight, **kwargs),
}
# Operators with a number on the left, comparisons, which give NumPy arrays, indexing, and what has no spec: (ours, their operator, the call).
OTHERS = [
    *((f"__r{name}__", f"__r{name}__", lambda a, b, name=name: getattr(operator, name)(b, a)) for name in ("add", "sub", "mul", "pow", "mod", "matmul")),
    ("__rtruediv__", "__rdiv__", lambda a, b: b / a), ("//", "floor_divide", operator.floordiv), ("%", "remainder", operator.mod),
    ("//", "div/floor_rounding", lambda a, b, rounding_mode: a // b),
    *((f"__{name}__", name, getattr(operator, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge")),
    ("x[...]", "__getitem__", operator.getitem), ("x[...]", "slice", lambda x, dim=0, start=None, end=None, step=1: x[at(x, dim, slice(start, end, step))]),
    ("x[...]", "select", lambda x, dim, index: x[at(x, dim, index)]),
    ("x[...]", "unbind", lambda x, dim=0: [x[at(x, dim, i)] for i in range(x.shape[dim])]),
    ("allclose", "allclose", ng.allclose), ("one_hot", "nn.functional.one_hot", lambda x, num_classes: F.one_hot(x, num_classes).numpy().astype(np.int64)),
]


def counterparts(operators):
    """[(our function, PyTorch's operator, the call)] of every spec, with the names of PyTorch's operators; those that say there is none."""
    said, without = {}, {}
    for spec in SPECS:
        said.setdefault(spec.name, []).extend(spec.torch)
        if spec.no_torch:
            without[spec.name] = spec.no_torch
    found = list(OTHERS)
    for name, theirs in said.items():
        usual = [theirs for theirs in (name, "nn.functional." + name) if theirs in operators][:1]
        for operator_ in dict.fromkeys(theirs or usual):
            plain = getattr(F, operator_.removeprefix("nn.functional.").partition("/")[0], None) or getattr(F, name, None)
            call = SPELLINGS.get((name, operator_)) or SPELLINGS.get(name) or plain or spelled(getattr(ng, name))
            found.append((name, operator_, call))
    return found, without


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
