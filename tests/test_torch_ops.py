# SPDX-License-Identifier: LGPL-3.0-or-later
"""PyTorch's own operator samples through our functions: values and gradients, in both dtypes (torch_ops.py has the tables).

Every sample runs and agrees, or is declined by a rule, and then raises. PyTorch takes a 0-d tensor for one element along one axis; with
an axis that is an error here (1.7), so such a sample must raise as it is, and then runs with shape (1,).
"""
import functools
import random
import textwrap
import warnings

import numpy as np
import pytest
from test_repo import NOT_OPS, core_modules, public_functions
from test_torch_modules import databases
from torch_ops import DECLINED, LATER, NO_COUNTERPART, OPS, PARTLY

import nanograd as ng
from nanograd import composed

pytestmark = pytest.mark.torch
MOST = 150      # samples of one operator; of more, so many are drawn, always the same


def operators():
    databases()
    from torch.testing._internal.common_methods_invocations import op_db
    return {f"{info.name}/{info.variant_test_name}" if info.variant_test_name else info.name: info for info in op_db}


def samples(info, dtype):
    import torch

    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    wanted = dtype if dtype in info.supported_dtypes("cpu") else torch.int64
    found = list(info.sample_inputs("cpu", wanted, requires_grad=info.supports_autograd and wanted.is_floating_point))
    return found if len(found) <= MOST else random.Random(0).sample(found, MOST)


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

    Where float32 results are farther apart than that, ours must be as near as theirs to the float64 ones.
    """
    import torch

    theirs = theirs.detach() if isinstance(theirs, torch.Tensor) else torch.tensor(theirs)
    ours = torch.from_numpy(np.array(ours)).reshape(theirs.shape)
    if theirs.dtype == torch.float32 and not torch.allclose(ours, theirs, 1.3e-6, 1e-5, equal_nan=True):
        if (ours - exact()).abs().max() <= (theirs - exact()).abs().max():
            return
    torch.testing.assert_close(ours, theirs, equal_nan=True, msg=lambda message: f"{what}: {message}")


def compare(function, theirs, sample, one_axis):
    """Values, gradients for a random cotangent, and the arguments as they are afterwards must agree."""
    import torch

    doubled = sample.transform(lambda t: t if isinstance(t, torch.dtype) or not t.is_floating_point()
                               else t.detach().double().requires_grad_(t.requires_grad))
    given, pairs = our_sample(sample, one_axis)
    got = call(function, given)
    if got is NotImplemented:
        return False
    got = parts(got)
    values, cotangents, gradients = their_results(theirs, sample)
    exact = functools.cache(lambda: their_results(theirs, doubled, cotangents))
    assert len(got) == len(values)
    for i, (y, z) in enumerate(zip(got, values, strict=True)):
        floating = isinstance(z, torch.Tensor) and z.is_floating_point()
        assert isinstance(y, ng.Tensor) == floating and getattr(y, "requires_grad", False) == getattr(z, "requires_grad", False)
        shape, wanted = (tuple(getattr(value, "shape", ())) for value in (y, z))
        assert shape == wanted or one_axis, f"shape {shape}, theirs {wanted}"
        assert_close("value", y, z, lambda i=i: exact()[0][i].detach())
    for x, t in pairs:
        assert_close("argument after the call", x, t, None)
    if gradients:
        outputs, leaves = [y for y in got if getattr(y, "requires_grad", False)], [x for x, t in pairs if t.requires_grad]
        ours = ng.grad(outputs, leaves, [c.numpy().reshape(y.shape) for c, y in zip(cotangents, outputs, strict=True)], allow_unused=True)
        for i, (a, b, x) in enumerate(zip(ours, gradients, leaves, strict=True)):
            assert a is None or a.shape == x.shape and a.dtype == x.dtype
            assert_close(f"gradient {i} of {len(leaves)}", np.zeros(x.shape, x.dtype) if a is None else a, b, lambda i=i: exact()[2][i])
    return True


def outcome(ours, theirs, function, sample):
    """'ran', 'one axis', 'declined' or 'another's'."""
    for name, when, _, error in DECLINED:
        if name == ours and when(sample):
            if error:
                with pytest.raises(error, match=r"^[\w.() ]+: .{20}|unexpected keyword argument"):
                    call(function, our_sample(sample)[0])
            return "declined"
    try:
        return "ran" if compare(function, theirs, sample, False) else "another's"
    except IndexError:
        if getattr(sample.input, "ndim", 1) > 0:
            raise
    return "one axis" if compare(function, theirs, sample, True) else "another's"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients(dtype, capsys):
    import torch

    infos, wrong, counts = operators(), [], {}
    for ours, theirs, function in OPS:
        if function is None and ours in LATER:
            continue
        count = counts[ours, theirs] = dict.fromkeys(("ran", "one axis", "declined"), 0)
        for sample in samples(infos[theirs], getattr(torch, dtype)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = outcome(ours, infos[theirs], function, sample)
                if result != "another's":
                    count[result] += 1
            except Exception as error:
                wrong.append(f"{ours} as {theirs}: {sample}: {type(error).__name__}: {error}")
    lines = [f"{theirs}{'' if ours == theirs.split('/')[0].split('.')[-1] else f' ({ours})'} {c['ran'] + c['one axis']}/{sum(c.values())}"
             for (ours, theirs), c in counts.items()]
    total = [sum(c[key] for c in counts.values()) for key in ("ran", "one axis", "declined")]
    with capsys.disabled():
        print(f"\n{dtype}: {sum(total[:2])} samples of {len(counts)} operators agree ({total[1]} of them 0-d along an axis), {total[2]} are "
              "declined by rule; operator ran/samples:\n" + textwrap.fill(", ".join(lines), 140))
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong)
    share = {theirs: (c["ran"] + c["one axis"]) / max(sum(c.values()), 1) for (_, theirs), c in counts.items()}
    assert {theirs for theirs, part in share.items() if part < 0.9} == PARTLY
    assert all(share.values()), "of each operator something runs"


def test_every_function_is_compared_or_says_why_not():
    functions = {name for module in core_modules() for name in public_functions(module)} | set(composed.__all__)
    compared = {ours for ours, _, _ in OPS}
    assert functions - (NOT_OPS - {"isnan", "isinf", "isfinite", "allclose", "one_hot"}) - compared - set(NO_COUNTERPART) == set()
    assert not compared & set(NO_COUNTERPART)
    assert {ours for ours, _, function in OPS if function is None} <= LATER
