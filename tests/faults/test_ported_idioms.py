# SPDX-License-Identifier: LGPL-3.0-or-later
"""What ported code does that would do nothing, or something else, in silence."""

import functools

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim

# ---- a mode above what runs outside of it ------------------------------------------------------------------------------


class Agent:
    def act(self):
        return ng.is_grad_enabled()


class Stream:
    def __call__(self):
        yield ng.is_grad_enabled()


def stream():
    yield ng.is_grad_enabled()


async def task():
    return ng.is_grad_enabled()


async def flow():
    yield ng.is_grad_enabled()


@pytest.mark.parametrize("mode", [ng.no_grad(), ng.enable_grad(), ng.set_grad_enabled(True)], ids=["no_grad", "enable_grad", "set"])
def test_a_mode_above_a_class_is_refused(mode):
    with pytest.raises(TypeError, match=r"Agent is a class, whose methods would run outside of the mode; write @ng\.\w+\(\) above a method"):
        mode(Agent)


@pytest.mark.parametrize("function", [stream, task, flow, Stream(), staticmethod(stream), staticmethod(flow), functools.partial(stream)],
                         ids=["generator", "coroutine", "async generator", "callable", "static", "static async", "partial"])
def test_a_mode_above_what_runs_later_is_refused(function):
    with pytest.raises(TypeError, match=r"is a generator or coroutine, whose body would run outside of the mode; write `with ng\.no_grad"):
        ng.no_grad()(function)


def test_a_mode_above_what_runs_now():
    class Callable:
        def __call__(self):
            return ng.is_grad_enabled()

    assert [ng.no_grad()(f)() for f in (Agent().act, functools.partial(Agent.act, None), Callable(), lambda: ng.is_grad_enabled())] == [False] * 4
    assert ng.no_grad()(len)([1, 2]) == 2


# ---- an iterator that is used twice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [lambda ps: nn.utils.clip_grad_norm_(ps, 0.1), lambda ps: nn.utils.clip_grad_value_(ps, 0.1)], ids=["norm", "value"])
def test_clipping_by_a_spent_iterator_is_told(use):
    net = nn.Linear(2, 1)
    params = net.parameters()
    optimizer = optim.SGD(params, lr=0.1)
    net(np.ones((1, 2), np.float32)).sum().backward()
    with pytest.warns(RuntimeWarning, match=r"the iterator gave no tensors.*write model\.parameters\(\) again") as caught:
        use(params)
    assert caught[0].filename == __file__
    use(net.parameters())
    use(optimizer.param_groups[0]["params"])
    use([])                                  # said with a list this is nothing to warn of


# ---- masks -------------------------------------------------------------------------------------------------------------

MASKED = np.ma.masked_array([1.0, 1e20, 3.0], mask=[False, True, False])
LABELS = np.ma.masked_array([0, 2, 1], mask=[False, True, False])
X = ng.tensor([1.0, 2.0, 3.0], dtype=ng.float64)


@pytest.mark.parametrize("use", [
    lambda: ng.tensor(MASKED), lambda: ng.asarray(MASKED), lambda: ng.from_numpy(MASKED), lambda: nn.Parameter(MASKED), lambda: X * MASKED,
    lambda: ng.mul(MASKED, X), lambda: ng.sum(MASKED), lambda: X @ MASKED, lambda: ng.mse_loss(X, MASKED), lambda: nn.Parameter(X).assign(MASKED),
    lambda: ng.cross_entropy(ng.ones((3, 3)), LABELS), lambda: ng.nll_loss(ng.ones((3, 3)), LABELS), lambda: ng.embedding(LABELS, ng.ones((3, 2))),
    lambda: ng.one_hot(LABELS, 3), lambda: X[LABELS], lambda: X[MASKED > 2], lambda: X.gather(0, LABELS), lambda: X.take(LABELS),
    lambda: ng.index_add(X, LABELS, X), lambda: ng.where(MASKED > 2, X, 0.0), lambda: ng.stack([MASKED, MASKED]), lambda: X + np.ma.masked,
    lambda: np.multiply(X, MASKED), lambda: nn.Linear(3, 1, dtype=ng.float64)(MASKED),
])
def test_a_mask_is_not_lost(use):
    with pytest.raises(TypeError, match=r"masked, and .*: write a\.filled\(value\)"):
        use()


def test_what_the_message_says():
    assert ng.tensor(MASKED.filled(0.0)).tolist() == [1.0, 0.0, 3.0]
    assert ng.cross_entropy(ng.zeros((3, 3)), LABELS.filled(-100)).item() == pytest.approx(np.log(3))


# ---- random numbers at the end of the range ----------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [
    lambda **options: ng.uniform(-3e38, 3e38, (4,), **options), lambda **options: ng.uniform(0.0, 1e39, (4,), **options),
    lambda **options: ng.uniform(-1e39, 0.0, (4,), **options), lambda **options: ng.normal(1e39, 1.0, (4,), **options),
    lambda **options: ng.normal(0.0, 1e39, (4,), **options),
])
def test_random_numbers_are_finite(draw):
    with pytest.raises(ValueError, match=r"must be finite in float32: write dtype=ng\.float64"):
        draw()
    assert ng.isfinite(draw(dtype=ng.float64)).all()
    assert ng.isfinite(ng.uniform(0.0, 3.4e38, (4,))).all()
    with pytest.raises(ValueError, match="must be finite in float32"):
        nn.init.uniform_(nn.Parameter(np.zeros(3, np.float32)), -3e38, 3e38)


# ---- words in PyTorch's places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("use, message", [
    (lambda x: x.permute(0, 2, 1), r"^permute: several axes are one tuple: write ng\.permute\(x, \(0, 2, 1\)\)$"),
    (lambda x: ng.permute(x, 0, 2, 1), r"^permute: several axes are one tuple: write ng\.permute\(x, \(0, 2, 1\)\)$"),
    (lambda x: x.flip(0, 1), r"^flip: several axes are one tuple: write ng\.flip\(x, \(0, 1\)\)$"),
    (lambda x: x.tile(2, 1, 1), r"^tile: several reps are one tuple: write ng\.tile\(x, \(2, 1, 1\)\)$"),
    (lambda x: x.mean([1, 2]), r"^mean: several axes are a tuple, not a list: write axis=\(1, 2\)$"),
    (lambda x: ng.logsumexp(x, [1]), r"^logsumexp: several axes are a tuple, not a list: write axis=\(1,\)$"),
    (lambda x: ng.max(x, x), r"^max: an axis is an int, .*: write ng\.maximum\(a, b\)$"),
    (lambda x: x.min(x.numpy()), r"^min: an axis is an int, .*: write ng\.minimum\(a, b\)$"),
])
def test_the_message_shows_the_line(use, message):
    with pytest.raises(TypeError, match=message):
        use(ng.ones((2, 3, 4)))


def test_other_wrong_calls_keep_their_messages():
    x = ng.ones((2, 3))
    with pytest.raises(TypeError, match=r"^permute\(\) takes exactly 2 positional arguments \(1 given\)$"):
        x.permute()
    with pytest.raises(TypeError, match=r"^permute: takes no dims=: write axes=\(1, 0\)$"):
        x.permute(dims=(1, 0))
    assert x.permute((1, 0)).shape == (3, 2) and x.flip((0, 1)).shape == x.flip(axis=0).shape == (2, 3) and x.tile((2, 1)).shape == (4, 3)
