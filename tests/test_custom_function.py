# SPDX-License-Identifier: LGPL-3.0-or-later
"""Function: operations whose forward and backward a user writes."""
import re

import numpy as np
import pytest

import nanograd as ng
from nanograd.testing import gradcheck

DTYPES = (ng.float32, ng.float64)


class Cube(ng.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        return dy * 3.0 * x * x


class NumpyProduct(ng.Function):
    """In NumPy from end to end, with an argument that is no tensor."""

    @staticmethod
    def forward(ctx, a, b, factor):
        ctx.a, ctx.b, ctx.factor = a.numpy(), b.numpy(), factor
        return ctx.a * ctx.b * factor

    @staticmethod
    def backward(ctx, dy):
        dy = dy.numpy() * ctx.factor
        return dy * ctx.b, dy * ctx.a, None


class SumAndProduct(ng.Function):
    calls = 0

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a + b, a * b

    @staticmethod
    def backward(ctx, dsum, dproduct):
        SumAndProduct.calls += 1
        a, b = ctx.saved_tensors
        return dsum + dproduct * b, dsum + dproduct * a


class Identity(ng.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, dy):
        return dy * 10.0


def make(forward, backward=None):
    """A Function of two plain functions."""
    members = {"forward": staticmethod(forward)}
    if backward is not None:
        members["backward"] = staticmethod(backward)
    return type("Custom", (ng.Function,), members)


def leaf(values, dtype=ng.float64):
    return ng.tensor(values, dtype=dtype, requires_grad=True)


def message(text):
    return "^" + re.escape(text) + "$"


# ---- values and gradients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_output(dtype):
    x = leaf([1.0, 2.0, -3.0], dtype)
    y = Cube.apply(x)
    assert y.dtype == dtype and y.requires_grad and not y.is_leaf and repr(y.grad_fn) == "<Cube>"
    np.testing.assert_array_equal(y.numpy(), [1, 8, -27])
    y.backward(gradient=np.array([1, 10, 100], dtype))
    np.testing.assert_array_equal(x.grad.numpy(), [3, 120, 2700])
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("function, n", [(Cube, 1), (SumAndProduct, 2)])
def test_gradcheck(function, n):
    rng = np.random.default_rng(0)
    gradcheck(function.apply, [leaf(rng.normal(size=(3, 4))) for _ in range(n)])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numpy_in_and_out(dtype):
    a, b = leaf([1.0, 2.0], dtype), leaf([3.0, 4.0], dtype)
    y = NumpyProduct.apply(a, b, 10)
    assert isinstance(y, ng.Tensor) and y.dtype == dtype
    y.backward()
    np.testing.assert_array_equal(a.grad.numpy(), [30, 40])
    np.testing.assert_array_equal(b.grad.numpy(), [10, 20])


def test_the_output_does_not_share_an_array_that_forward_keeps():
    kept = np.zeros(3)
    y = make(lambda ctx, x: kept).apply(leaf([1.0, 2.0, 3.0]))
    kept[:] = 7
    np.testing.assert_array_equal(y.numpy(), [0, 0, 0])


def test_part_of_a_graph_and_used_twice():
    x = leaf([2.0, 3.0])
    y = Cube.apply(x * 2)
    (y * y + Cube.apply(y)).backward()                     # (2x)^6 + (2x)^9
    np.testing.assert_allclose(x.grad.numpy(), 12 * np.array([4.0, 6]) ** 5 + 18 * np.array([4.0, 6]) ** 8)


def test_the_same_tensor_for_two_arguments():
    x = leaf([2.0, 3.0])
    total, product = SumAndProduct.apply(x, x)
    (total + product).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])


def test_returns_its_input():
    x = leaf([1.0, 2.0])
    y = Identity.apply(x)
    assert y is not x and x.is_leaf and not y.is_leaf
    (y * 2).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [20, 20])
    parameter = ng.tensor([1.0], requires_grad=True)
    assert Identity.apply(Identity.apply(parameter)).item() == 1
    function = make(lambda ctx, x: (x, x), lambda ctx, a, b: a + 100 * b)
    x = leaf([1.0])
    a, b = function.apply(x)
    (a * 2 + b * 3).backward()
    assert x.grad.item() == 302


def test_scalars_and_empty():
    x = leaf(3.0)
    Cube.apply(x).backward()
    assert x.grad.shape == () and x.grad.item() == 27
    x = leaf(np.zeros((0, 3)))
    Cube.apply(x).backward()
    assert x.grad.shape == (0, 3)


def test_a_float_takes_the_dtype_of_the_tensors():
    function = make(lambda ctx, x: float(x.numpy().sum()), lambda ctx, dy: np.full(2, dy.item(), np.float32))
    x = leaf([1.0, 2.0], ng.float32)
    y = function.apply(x)
    assert y.shape == () and y.dtype == ng.float32
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1, 1])
    total = make(lambda ctx, x: np.float64(x.numpy().sum()))
    assert total.apply(x).dtype == ng.float32
    assert total.apply(leaf([1.0])).dtype == ng.float64


def test_gradient_none_and_unneeded_gradients():
    a, b = leaf([1.0]), leaf([2.0])
    function = make(lambda ctx, a, b: a * b, lambda ctx, dy: (dy, None))
    function.apply(a, b).backward()
    assert a.grad.item() == 1 and b.grad is None
    # what comes back for an argument that needs none is not looked at
    function = make(lambda ctx, a, b: a * b, lambda ctx, dy: (dy, "no gradient"))
    function.apply(a, ng.tensor([1.0], dtype=ng.float64)).backward()


# ---- several outputs ------------------------------------------------------------------------------------------------------


def test_several_outputs():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    total, product = SumAndProduct.apply(a, b)
    assert repr(total.grad_fn) == "<SumAndProduct[0]>" and repr(product.grad_fn) == "<SumAndProduct[1]>"
    before = SumAndProduct.calls
    (total * product + total).backward()
    assert SumAndProduct.calls == before + 1, "backward runs once for all outputs"
    a_, b_ = a.numpy(), b.numpy()
    np.testing.assert_allclose(a.grad.numpy(), a_ * b_ + (a_ + b_) * b_ + 1)
    np.testing.assert_allclose(b.grad.numpy(), a_ * b_ + (a_ + b_) * a_ + 1)


@pytest.mark.parametrize("used", [0, 1])
def test_the_gradient_of_an_unused_output_is_zeros(used):
    seen = []

    def backward(ctx, *grads):
        seen.extend(grads)
        return grads[0]

    function = make(lambda ctx, x: (x * 1.0, np.ones((2, 3), np.float32)), backward)
    x = leaf([1.0, 2.0])
    outputs = function.apply(x)
    outputs[used].backward()
    assert [(g.shape, g.dtype) for g in seen] == [((2,), np.float64), ((2, 3), np.float32)]
    np.testing.assert_array_equal(seen[used].numpy(), np.ones(seen[used].shape))
    np.testing.assert_array_equal(seen[1 - used].numpy(), np.zeros(seen[1 - used].shape))


def test_a_tuple_of_one_stays_a_tuple():
    y = make(lambda ctx, x: (x,), lambda ctx, dy: dy).apply(leaf([1.0]))
    assert isinstance(y, tuple) and len(y) == 1 and y[0].requires_grad


def test_integers_and_none_among_the_outputs():
    def forward(ctx, x):
        values = x.numpy()
        order = np.argsort(values)
        ctx.order = order
        return values[order], order, None, 3

    def backward(ctx, dy, dorder, dnone, dthree):
        assert dorder is None and dnone is None and dthree is None
        dx = np.empty(3)
        dx[ctx.order] = dy.numpy()
        return dx

    x = leaf([3.0, 1.0, 2.0])
    y, order, nothing, three = make(forward, backward).apply(x)
    assert isinstance(order, np.ndarray) and order.tolist() == [1, 2, 0] and nothing is None and three == 3
    y.backward(gradient=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(x.grad.numpy(), [3, 1, 2])


def test_mark_non_differentiable():
    seen = []

    def forward(ctx, x):
        mask = (x.numpy() > 0).astype(x.dtype)
        y = x * mask
        ctx.mark_non_differentiable(mask)
        return y, mask

    def backward(ctx, dy, dmask):
        seen.append(dmask)
        return dy

    x = leaf([1.0, -1.0])
    y, mask = make(forward, backward).apply(x)
    assert y.requires_grad and not mask.requires_grad and mask.is_leaf
    (y * mask).backward()
    np.testing.assert_array_equal(seen[0].numpy(), [0, 0])
    text = "Custom.forward: mark_non_differentiable got Tensor that forward does not return"
    with pytest.raises(ValueError, match=message(text)):
        make(lambda ctx, x: (ctx.mark_non_differentiable(x * 1.0), x)[1]).apply(x)
    everything = make(lambda ctx, x: (ctx.mark_non_differentiable(x), x)[1]).apply(x)
    assert not everything.requires_grad


def test_backward_of_one_output_frees_the_call():
    a, b = SumAndProduct.apply(leaf([1.0]), leaf([2.0]))
    a.backward()
    with pytest.raises(ng.GraphError, match="freed at node SumAndProduct; "):
        b.backward()
    x = leaf([1.0])
    a, b = SumAndProduct.apply(x, leaf([2.0]))
    a.backward(retain_graph=True)
    b.backward()
    assert x.grad.item() == 3


def test_gradients_left_by_a_failed_run_are_forgotten():
    fail = [True]

    def stop(gradient):
        if fail[0]:
            raise KeyError("stop")

    x, y = leaf([1.0]), leaf([5.0])
    total, product = SumAndProduct.apply(x, y)
    total.register_hook(stop)
    loss = total + product * 1.0                 # product's gradient arrives, then the hook of total fails
    with pytest.raises(KeyError):
        loss.backward(retain_graph=True)
    assert x.grad is None
    fail[0] = False
    total.backward(retain_graph=True)
    assert x.grad.item() == 1, "the gradient of product from the failed run"
    loss.backward()
    assert x.grad.item() == 1 + 6


def test_hooks_and_grad_of_outputs():
    x = leaf([1.0, 2.0])
    total, product = SumAndProduct.apply(x, x)
    product.retain_grad()
    total.register_hook(lambda g: g * 2)
    (total + product * 3).backward()
    np.testing.assert_array_equal(product.grad.numpy(), [3, 3])
    np.testing.assert_array_equal(x.grad.numpy(), 2 * 2 + 3 * 2 * x.numpy())
    total, product = SumAndProduct.apply(x, x)
    d_total, dx = ng.grad(total * 5 + product, [total, x])
    np.testing.assert_array_equal(d_total.numpy(), [5, 5])
    np.testing.assert_array_equal(dx.numpy(), 10 + 2 * x.numpy())


# ---- the context ----------------------------------------------------------------------------------------------------------


def test_grad_mode_is_off_inside():
    modes = []
    function = make(lambda ctx, x: (modes.append(ng.is_grad_enabled()), x * 2)[1],
                    lambda ctx, dy: (modes.append(ng.is_grad_enabled()), dy)[1])
    function.apply(leaf([1.0])).backward()
    assert modes == [False, False] and ng.is_grad_enabled()


def test_grad_mode_is_back_after_an_error():
    def fail(*args):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        make(fail).apply(leaf([1.0]))
    assert ng.is_grad_enabled()
    y = make(lambda ctx, x: x, fail).apply(leaf([1.0]))
    with pytest.raises(KeyError):
        y.backward()
    assert ng.is_grad_enabled()


def test_a_backward_inside_of_backward():
    """As for recomputing instead of saving."""
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        with ng.enable_grad():
            x = x.detach().requires_grad_()
            y = x * x * x
        y.backward(dy)
        return x.grad

    x = leaf([1.0, 2.0])
    make(lambda ctx, x: (ctx.save_for_backward(x), x * x * x)[1], backward).apply(x).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3, 12])


def test_needs_input_grad():
    seen = []
    function = make(lambda ctx, *args: (seen.append(ctx.needs_input_grad), args[0] * 1.0)[1])
    x, constant = leaf([1.0]), ng.tensor([1.0], dtype=ng.float64)
    function.apply(x, constant, 3, np.ones(2), x)
    function.apply(constant, constant)
    with ng.no_grad():
        y = function.apply(x)
    assert seen == [(True, False, False, False, True), (False, False), (False,)]
    assert not y.requires_grad and y.is_leaf


def test_saved_tensors_keep_their_values():
    p = ng.nn.Parameter([2.0]) if hasattr(ng, "nn") else leaf([2.0], ng.float32)
    y = Cube.apply(p)
    if hasattr(p, "assign"):
        p.assign([100.0])
    y.backward()
    assert p.grad.item() == 12


def test_save_for_backward():
    function = make(lambda ctx, x: (ctx.save_for_backward(x, None, np.ones(2, np.float32)), x)[1],
                    lambda ctx, dy: (kept.extend(ctx.saved_tensors), contexts.append(ctx), dy)[2])
    kept, contexts = [], []
    function.apply(leaf([1.0])).backward()
    assert kept[0].item() == 1 and kept[1] is None and isinstance(kept[2], ng.Tensor) and kept[2].dtype == ng.float32
    text = "Custom: saved_tensors were freed with the graph, by the first backward pass without retain_graph=True"
    with pytest.raises(ng.GraphError, match=message(text)):
        _ = contexts[0].saved_tensors
    with pytest.raises(ng.GraphError, match=message("Custom: save_for_backward must be called in forward")):
        contexts[0].save_for_backward()
    with pytest.raises(ng.GraphError, match=message("Custom: mark_non_differentiable must be called in forward")):
        contexts[0].mark_non_differentiable()
    for value, kind in ((np.ones(2, bool), "an array of dtype bool"), ([1.0], "list"), (3, "int")):
        text = f"Custom: save_for_backward takes tensors, got {kind}; write ctx.name = value for anything else"
        with pytest.raises(TypeError, match=message(text)):
            make(lambda ctx, x, value: (ctx.save_for_backward(value), x)[1]).apply(leaf([1.0]), value)


# ---- mistakes -------------------------------------------------------------------------------------------------------------


def test_forward_or_backward_missing():
    with pytest.raises(NotImplementedError, match=message("Custom: define forward(ctx, *args) as a static method")):
        type("Custom", (ng.Function,), {}).apply(leaf([1.0]))
    with pytest.raises(NotImplementedError, match=message("Custom: define backward(ctx, *grads) as a static method")):
        make(lambda ctx, x: x).apply(leaf([1.0])).backward()


def test_not_instantiated():
    with pytest.raises(TypeError, match=message("a Function cannot be instantiated: write Cube.apply(...)")):
        Cube()


@pytest.mark.parametrize("value, kind", [("text", "str"), ([1.0], "list"), ({}, "dict")])
def test_forward_returns_what_is_no_output(value, kind):
    text = f"Custom.forward must return a tensor or an array, or a tuple of these, got {kind}"
    with pytest.raises(TypeError, match=message(text)):
        make(lambda ctx, x: value).apply(leaf([1.0]))


def test_wrong_number_of_gradients():
    text = "Custom.backward must return one gradient for each argument of forward (None where there is none): 2, got "
    for answer, n in (((1, 2, 3), 3), ((), 0), (None, 1)):
        y = make(lambda ctx, a, b: a * b, lambda ctx, dy, answer=answer: answer).apply(leaf([1.0]), leaf([1.0]))
        with pytest.raises(ValueError, match=message(text + str(n))):
            y.backward()


def test_wrong_gradients():
    def run(answer):
        y = make(lambda ctx, k, x: x, lambda ctx, dy: (None, answer)).apply(1, leaf([[1.0, 2.0]]))
        y.backward()

    place = "Custom.backward, gradient of argument 1: "
    with pytest.raises(ng.ShapeError, match=message(place + "the gradient has shape (2,), the tensor (1, 2)")):
        run(ng.zeros(2, dtype=ng.float64))
    with pytest.raises(ng.DTypeError, match="^" + re.escape(place) + ".*float64 and float32"):
        run(ng.zeros((1, 2)))
    with pytest.raises(ng.DTypeError, match="^" + re.escape(place)):
        run("text")


def test_tensors_hidden_in_a_list():
    x = leaf([1.0])
    text = ("Custom.apply: argument 1 is a list that holds tensors that require a gradient, and they would get none: pass them one "
            "by one, Custom.apply(*tensors)")
    function = make(lambda ctx, k, xs: 1.0)
    with pytest.raises(TypeError, match=message(text)):
        function.apply(1, [x, x])
    with pytest.raises(TypeError, match=message(text.replace("a list", "a dict"))):
        function.apply(1, {"x": (x,)})
    function.apply(1, [ng.tensor([1.0]), 2])
    with ng.no_grad():
        function.apply(1, [x])


def test_grads_are_as_before_after_an_error_in_backward():
    def fail(ctx, dy):
        raise KeyError("mine")

    x = leaf([1.0])
    (x * 2).backward()
    y = make(lambda ctx, x: x, fail).apply(x) + x
    with pytest.raises(KeyError):
        y.backward()
    assert x.grad.item() == 2
    (x * 2).backward()
    assert x.grad.item() == 4
