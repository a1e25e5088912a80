# SPDX-License-Identifier: LGPL-3.0-or-later
"""Words of PyTorch's that would mean something else here, or nothing: transpose(0, 1), dim=, keepdim=."""
import re

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn

SAME = [(0, 1), (0, -1), (-2, 1), (-2, -1), (np.int64(0), np.int32(1))]


@pytest.mark.parametrize("axes", SAME, ids=str)
def test_transpose_of_two_axes_that_changes_nothing(axes):
    x = ng.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    message = re.escape(f"transpose: axes {axes[0]} and {axes[1]} in this order leave a matrix as it is (x (2, 3)): to exchange them write "
                        "x.swapaxes(0, 1) or x.T")
    for given in (x, x.detach(), x * 1):
        with pytest.raises(ValueError, match=message):
            given.transpose(*axes)
    with pytest.raises(ValueError, match=message):
        ng.transpose(x, *axes)
    with pytest.raises(ValueError, match=r"\(x \(2, 2\)\): to exchange them write x\.swapaxes"):
        ng.transpose([[1.0, 2.0], [3.0, 4.0]], *axes)
    assert x.swapaxes(0, 1).tolist() == x.T.tolist() == [[1, 4], [2, 5], [3, 6]]              # the advice


def test_other_transposes_do_what_numpy_does():
    a = np.arange(6.0).reshape(2, 3)
    x = ng.tensor(a)
    for call in (lambda v: v.transpose(), lambda v: v.transpose(1, 0), lambda v: v.transpose((0, 1)), lambda v: v.transpose((1, 0)),
                 lambda v: v.transpose([0, 1]), lambda v: v.transpose(None), lambda v: np.transpose(v, (0, 1)), lambda v: np.transpose(v, [0, -1]),
                 lambda v: np.transpose(v), lambda v: v.transpose(-1, 0), lambda v: v[None].transpose(0, 1, 2),
                 lambda v: v[0].transpose(0), lambda v: v.mT):
        assert np.array_equal(call(x), call(a))
    assert np.array_equal(ng.permute(x, (0, 1)), a) and np.array_equal(x.permute((0, 1)), a)


CALLS = {
    "sum(dim=1)": "axis=1", "sum(dim=(0, 1), keepdim=True)": "axis=(0, 1), keepdims=True", "mean(axis=1, keepdim=True)": "keepdims=True",
    "prod(dim=0)": "axis=0", "max(dim=1, keepdim=True)": "axis=1, keepdims=True", "min(dim=1)": "axis=1", "argmax(dim=1)": "axis=1",
    "argmin(dim=-1)": "axis=-1", "logsumexp(dim=1)": "axis=1", "var(dim=0, unbiased=False)": "axis=0, ddof=0", "std(dim=0, correction=1)":
    "axis=0, ddof=1", "norm(p=1, dim=1)": "ord=1, axis=1", "cumsum(dim=0)": "axis=0", "sort(dim=0)": "axis=0", "argsort(dim=0)": "axis=0",
    "topk(1, dim=0)": "axis=0", "softmax(dim=1)": "axis=1", "log_softmax(dim=1)": "axis=1", "squeeze(dim=0)": "axis=0",
    "unsqueeze(dim=0)": "axis=0", "flip(dims=(0, 1))": "axis=(0, 1)", "roll(shifts=1, dims=0)": "shift=1, axis=0", "permute(dims=(1, 0))":
    "axes=(1, 0)", "flatten(start_dim=0, end_dim=1)": "start_axis=0, end_axis=1", "swapaxes(dim0=0, dim1=1)": "a=0, b=1",
    "split(1, dim=0)": "axis=0", "chunk(chunks=1, dim=0)": "n=1, axis=0", "narrow(dim=0, start=0, length=1)": "axis=0",
    "gather(dim=1, index=[[0]])": "axis=1, indices=[[0]]", "take([0], dim=0)": "axis=0", "repeat(repeats=2)": "n=2",
    "tril(diagonal=1)": "k=1", "normalize(p=2, dim=1)": "ord=2, axis=1",
}


@pytest.mark.parametrize("call", CALLS)
def test_words_of_pytorch_say_ours(call):
    x = ng.ones((1, 2), requires_grad=True)
    name, _, arguments = call.partition("(")
    wanted = rf"{name}: takes no \w+=.*: write {re.escape(CALLS[call])}"
    ways = [f"ng.{name}(x, {arguments}"]
    if hasattr(x, name):
        ways.append(f"x.{name}({arguments}")
        ways.append(f"x.{name}(*(), **dict({arguments})" if "(1," not in call and "([" not in call else ways[0])
    for way in ways:
        with pytest.raises(TypeError, match=wanted + "$"):
            eval(way, {"ng": ng, "x": x})
    kept = [part for part in re.findall(r"\w+=(?:\([^)]*\)|\[\[?[^\]]*\]?\]|[^,)]+)|^[\d\[][^,]*(?=, )", arguments)
            if part.partition("=")[0] in ("axis", "start", "length") or "=" not in part]
    if "ddof=1" not in CALLS[call]:
        eval(f"ng.{name}(x, {', '.join([*kept, CALLS[call]])})", {"ng": ng, "x": x})              # the advice


def test_functions_of_lists():
    for function in (ng.concatenate, ng.stack):
        with pytest.raises(TypeError, match=rf"{function.__name__}: takes no dim=: write axis=1"):
            function([ng.ones((1, 2))], dim=1)
    with pytest.raises(TypeError, match="cosine_similarity: takes no dim=: write axis=0"):
        ng.cosine_similarity(ng.ones((2, 2)), ng.ones((2, 2)), dim=0)


def test_every_function_with_an_axis_knows_the_words():
    x = ng.ones((2, 2))
    for name, function in vars(ng).items():
        if not hasattr(function, "__code__") or name.startswith("_"):
            continue
        arguments = function.__code__.co_varnames[:function.__code__.co_argcount]
        if hasattr(function, "__wrapped__"):
            arguments = function.__wrapped__.__code__.co_varnames[:function.__wrapped__.__code__.co_argcount]
        for theirs, ours in (("dim", "axis"), ("keepdim", "keepdims"), ("dims", "axes")):
            if ours in arguments:
                with pytest.raises(TypeError, match=rf"{name}: takes no {theirs}=: write {ours}=3"):
                    function(x, **{theirs: 3})


def test_other_errors_stay_as_they_are():
    x = ng.ones((2, 2))
    for call, message in ((lambda: x.sum(colour=1), r"sum\(\) got an unexpected keyword argument 'colour'"),
                          (lambda: ng.normalize(x, colour=1), r"normalize\(\) got an unexpected keyword argument 'colour'"),
                          (lambda: x.sum(keepdims=1), "sum: keepdims must be a bool"), (lambda: x.sum(axis="a"), "sum: axis must be an int")):
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(np.exceptions.AxisError):
        x.sum(axis=2)
    assert x.sum(axis=1, keepdims=True).shape == (2, 1) and ng.sum(x=x, axis=0).shape == (2,)


def test_nn_keeps_pytorchs_words():
    x = ng.ones((2, 2))
    assert nn.functional.softmax(x, dim=1).shape == nn.functional.normalize(x, p=2.0, dim=1).shape == (2, 2)
