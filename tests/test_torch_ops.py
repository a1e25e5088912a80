# SPDX-License-Identifier: LGPL-3.0-or-later
"""PyTorch's own operator samples through our functions: values and gradients, in both dtypes (torch_ops.py has the tables).

Every sample runs and agrees, or is declined by a rule, and then raises. PyTorch takes a 0-d tensor for one element along one axis; with
an axis that is an error here (1.7), so such a sample must raise as it is, and then runs with shape (1,).
"""
import collections
import functools
import random
import re
import textwrap
import warnings

import numpy as np
import pytest
from specs import SPECS
from test_torch_modules import databases
from torch_ops import DECLINED, NO_ERRORS, PARTLY, counterparts, floats

import nanograd as ng
from nanograd._core.base.tensor import array_of

pytestmark = pytest.mark.torch
# Of an operator's samples so many are drawn, always the same, where there are more; of reference inputs, only those below so many bytes.
SEED, MOST, MOST_REFERENCES, LARGEST = 0, 150, 25, 20_000
CLEAR = r"\w+: .{15}|.*unexpected keyword argument"


@functools.cache
def operators():
    databases()
    from torch.testing._internal.common_methods_invocations import op_db
    return {f"{info.name}/{info.variant_test_name}" if info.variant_test_name else info.name: info for info in op_db}


def samples(info, dtype):
    """Sample inputs, and for operators that have them reference inputs: all sorts of shapes, strides, and extreme values.

    (The functions behind `info.sample_inputs` and its like, which look through the stack and set seeds for each sample.)
    """
    import torch

    torch.manual_seed(SEED), np.random.seed(SEED), random.seed(SEED)
    dtype = dtype if dtype in info.supported_dtypes("cpu") else torch.int64
    gradient = info.supports_autograd and dtype.is_floating_point
    found = chosen(info.sample_inputs_func(info, "cpu", dtype, gradient), MOST)
    if info.reference_inputs_func:
        # (Some of them make integer tensors too, and cannot be asked for gradients.)
        more = [leaves_of_their_own(sample, gradient) for sample in info.reference_inputs_func(info, "cpu", dtype, False)]
        found += chosen([sample for sample in more if getattr(sample.input, "nbytes", 0) < LARGEST], MOST_REFERENCES)
    return [leaves_of_their_own(sample) for sample in found]


def chosen(samples, n):
    samples = list(samples)
    return samples if len(samples) <= n else random.Random(SEED).sample(samples, n)


def leaves_of_their_own(sample, gradient=None, double=False):
    """A sample of detached tensors, with the same strides."""
    import torch

    def detached(t):
        if isinstance(t, torch.dtype) or not t.is_floating_point():
            return t
        wants = t.requires_grad if gradient is None else gradient
        return (t.detach().double() if double else t.detach()).requires_grad_(wants)
    return sample.transform(detached)


def mapped(function, value):
    """What a sample holds, with the function of every tensor, and dtypes as NumPy's."""
    import torch

    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: mapped(function, v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(mapped(function, v) for v in value)
    return getattr(np, str(value).removeprefix("torch.")) if isinstance(value, torch.dtype) else value


def call(function, sample):
    x, args, kwargs = sample
    return function(x, *args, **kwargs)


def our_sample(sample, one_axis=False):
    """The sample for our functions, and [(our tensor, theirs), ...]. Integers and booleans are arrays."""
    pairs = {}

    def ours(tensor):
        array = tensor.detach().numpy()
        array = array.reshape(1) if one_axis and array.ndim == 0 else array
        if tensor.is_floating_point() and id(tensor) not in pairs:
            pairs[id(tensor)] = ng.tensor(array, requires_grad=tensor.requires_grad), tensor
        return pairs[id(tensor)][0] if tensor.is_floating_point() else array.copy()
    return mapped(ours, (sample.input, sample.args, sample.kwargs)), list(pairs.values())


def parts(result):
    return list(result) if isinstance(result, list | tuple) else [result]


def their_results(theirs, sample, cotangents=None):
    """Values, cotangents of those that have a gradient (random if none are given), and the gradients of the sample's leaves."""
    import torch

    leaves = {}
    mapped(lambda t: leaves.setdefault(id(t), t) if t.requires_grad else t, (sample.input, sample.args, sample.kwargs))
    leaves = list(leaves.values())
    values = parts(theirs(sample.input, *sample.args, **sample.kwargs))
    outputs = [z for z in values if isinstance(z, torch.Tensor) and z.requires_grad]
    if not outputs:
        return values, [], []
    cotangents = [torch.randn_like(z) for z in outputs] if cotangents is None else [c.double() for c in cotangents]
    gradients = torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True)
    return values, cotangents, [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, gradients, strict=True)]


def assert_close(what, ours, theirs, exact):
    """PyTorch's default tolerances for the dtype; integers and booleans are equal.

    Where two float32 results are farther apart, ours must be that near to the float64 one, with the largest element in place of
    each: in a sum whose terms cancel the rounding errors are those of the terms, in theirs as in ours.
    """
    import torch

    theirs = theirs.detach() if isinstance(theirs, torch.Tensor) else torch.tensor(theirs)
    ours = torch.from_numpy(np.array(array_of(ours))).reshape(theirs.shape)
    atol, rtol = None, None
    if theirs.dtype == torch.float32 and not torch.allclose(ours, theirs, 1.3e-6, 1e-5, equal_nan=True):
        theirs = exact().float()
        atol, rtol = 1e-5 + 1.3e-6 * theirs[theirs.isfinite()].abs().max().item(), 1.3e-6
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=rtol, equal_nan=True, msg=lambda message: f"{what}: {message}")


def finite_everywhere(tensors, gradient):
    """Where all operands and results of an elementwise operation are finite, and the gradient is NaN."""
    import torch

    if any(not isinstance(t, torch.Tensor) or t.shape != gradient.shape for t in tensors):
        return torch.zeros(gradient.shape, dtype=torch.bool)
    return gradient.isnan() & torch.stack([t.detach().isfinite() for t in tensors]).all(0)


def settled(gradient, kinks):
    """At a kink ours has the gradient 0 where theirs has none (hypot at the origin)."""
    return gradient.masked_fill(kinks, 0) if gradient.shape == kinks.shape else gradient


def compare(function, theirs, sample, gradient=True, one_axis=False):
    """Values, gradients for a random cotangent, and the arguments as they are afterwards must agree. False if it is no sample."""
    import torch

    doubled = leaves_of_their_own(sample, double=True)
    given, pairs = our_sample(sample, one_axis)
    got = call(function, given)
    if got is NotImplemented:
        return False
    got = parts(got)
    try:
        values, cotangents, gradients = their_results(theirs, sample)
    except RuntimeError:        # (PyTorch's own derivatives fail for some of its reference inputs)
        return False
    exact = functools.cache(lambda: their_results(theirs, doubled, cotangents))
    if values[0] is NotImplemented:
        return False
    assert len(got) == len(values)
    for i, (y, z) in enumerate(zip(got, values, strict=True)):
        floating = isinstance(z, torch.Tensor) and z.is_floating_point()
        assert isinstance(y, ng.Tensor) == floating and getattr(y, "requires_grad", False) == getattr(z, "requires_grad", False)
        shape, wanted = (tuple(getattr(value, "shape", ())) for value in (y, z))
        assert shape == wanted or one_axis, f"shape {shape}, theirs {wanted}"
        assert_close("value", y, z, lambda i=i: exact()[0][i].detach())
    for x, t in pairs:
        assert_close("argument after the call", x, t, None)
    if gradient and gradients:
        outputs, leaves = [y for y in got if getattr(y, "requires_grad", False)], [x for x, t in pairs if t.requires_grad]
        ours = ng.grad(outputs, leaves, [c.numpy().reshape(y.shape) for c, y in zip(cotangents, outputs, strict=True)], allow_unused=True)
        for i, (a, b, x) in enumerate(zip(ours, gradients, leaves, strict=True)):
            assert a is None or a.shape == x.shape and a.dtype == x.dtype
            a = np.zeros(x.shape, x.dtype) if a is None else a.numpy()
            kinks = finite_everywhere([*(t for _, t in pairs), *values], b) & torch.from_numpy(np.array(a == 0))
            assert_close(f"gradient {i} of {len(leaves)}", a, settled(b, kinks), lambda i=i, kinks=kinks: settled(exact()[2][i], kinks))
    return True


def outcome(ours, theirs, function, sample):
    """'ran', 'one axis' (with shape (1,)), 'value only', 'declined', or 'no sample' of this function."""
    if not list(floats(sample)) and theirs.name != "nn.functional.one_hot":
        return "no sample"
    how = next((how for name, when, _, how in DECLINED if name in ("*", ours) and when(sample)), None)
    if how == "both":
        return "declined"
    if how not in (None, "gradient"):
        with pytest.raises(how, match=CLEAR):
            call(function, our_sample(sample)[0])
        return "declined"
    try:
        ran = compare(function, theirs, sample, how is None)
    except IndexError:
        if getattr(sample.input, "ndim", 1) > 0:
            raise
        return "one axis" if compare(function, theirs, sample, how is None, one_axis=True) else "no sample"
    return ("value only" if how else "ran") if ran else "no sample"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients(dtype, capsys):
    import torch

    infos, wrong, counts = operators(), [], {}
    for ours, theirs, function in counterparts(infos)[0]:
        count = counts[ours, theirs] = collections.Counter()
        for sample in samples(infos[theirs], getattr(torch, dtype)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    count[outcome(ours, infos[theirs], function, sample)] += 1
            except Exception as error:
                wrong.append(f"{ours} as {theirs}: {sample.summary()}: {type(error).__name__}: {error}")
        del count["no sample"]
    shares = {key: 1 - c["declined"] / max(c.total(), 1) for key, c in counts.items()}
    total = sum(counts.values(), collections.Counter())
    lines = [f"{theirs}{'' if ours in theirs else f' ({ours})'} {c.total() - c['declined']}/{c.total()}" for (ours, theirs), c in counts.items()]
    with capsys.disabled():
        print(f"\n{dtype}: {total.total() - total['declined']} samples of {len(counts)} operators agree ({total['value only']} of them in their "
              f"values only; {total['one axis']} are 0-d along an axis), {total['declined']} are declined by rule; operator ran/samples:\n"
              + textwrap.fill(", ".join(lines), 140))
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong)
    assert {theirs for (_, theirs), share in shares.items() if share < 0.9} == PARTLY
    assert all(c.total() > c["declined"] and c["ran"] + c["one axis"] > 0 for c in counts.values()), "of each operator something runs"


def test_what_is_an_error_there_is_one_here(capsys):
    """PyTorch's error inputs: ours raises as well, and says what is wrong, unless NO_ERRORS has the rule by which it is none."""
    infos, wrong, raised, fine = operators(), [], 0, 0
    for ours, theirs, function in counterparts(infos)[0]:
        if infos[theirs].error_inputs_func is None or not getattr(function, "__module__", "").startswith("nanograd"):
            continue        # (a spelling of tests/torch_ops.py would raise errors of its own)
        for error in infos[theirs].error_inputs_func(infos[theirs], "cpu"):
            sample = error.sample_input
            if {"out", "dtype"} & set(sample.kwargs) or not list(floats(sample)) or len(getattr(sample.input, "shape", ())) > 64:
                continue
            if any(name == ours and when(sample) for name, when, _ in NO_ERRORS):
                fine += 1
                continue
            try:
                call(function, our_sample(sample)[0])
                wrong.append(f"{ours} as {theirs}: {sample.summary()}: no error")
            except (TypeError, ValueError, IndexError) as caught:
                raised += 1
                if not re.match(CLEAR, str(caught)):
                    wrong.append(f"{ours} as {theirs}: {sample.summary()}: {caught}")
    with capsys.disabled():
        print(f"\n{raised} errors there are errors here, {fine} are fine by rule", end=" ")
    assert not wrong, "\n".join(wrong)
    assert raised > 50


def test_every_function_is_compared_or_says_why_not():
    infos = operators()
    found, without = counterparts(infos)
    compared = {ours for ours, _, _ in found}
    assert {spec.name for spec in SPECS} - compared - set(without) == set(), "write torch=(names of its operators,) or no_torch='why not' in the OpSpec"
    assert not compared & set(without)
    assert {theirs for _, theirs, _ in found} - set(infos) == set(), "PyTorch has no such operators"
