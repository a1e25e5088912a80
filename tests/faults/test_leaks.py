# SPDX-License-Identifier: LGPL-3.0-or-later
"""Cycles through the graph and a user's objects: the collector has them, and nothing else."""
import gc
import weakref

import pytest

import nanograd as ng

N = 1 << 14             # elements of a tensor that is lost


class Scale(ng.Function):
    """Twice x; the context refers to whatever is given."""

    @staticmethod
    def forward(ctx, x, carried):
        ctx.carried = carried
        return x * 2

    @staticmethod
    def backward(ctx, dy):
        return dy * 2, None


class Holder:
    def hook(self, gradient):
        return None


def in_use():
    return ng.memory_stats()["in_use"]


def leaf():
    return ng.ones(N, requires_grad=True)


def attribute_of_ctx():
    holder = Holder()
    holder.y = Scale.apply(leaf(), holder)
    return holder


def list_in_ctx():
    kept = []
    kept.append(Scale.apply(leaf(), kept))
    return None


def bound_method_for_ctx():
    holder = Holder()
    holder.y = Scale.apply(leaf(), holder.hook)
    return holder


def bound_method_as_backward():
    holder = Holder()

    class Twice(ng.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        backward = holder.hook

    holder.y, _ = Twice.apply(leaf())
    return holder


def result_of_the_result():
    holder = Holder()
    holder.y = ng.exp(Scale.apply(leaf(), holder)).reshape(2, -1) * 3
    return holder


def several_outputs():
    holder = Holder()

    class Both(ng.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.holder = holder
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, da, db):
            return da * 2 + db * 3

    holder.a, holder.b = Both.apply(leaf())
    return holder


def hook_of_a_leaf():
    x = leaf()
    x.register_hook(lambda g: (x, g)[1])


def hook_of_a_result():
    x = leaf() * 2
    x.register_hook(lambda g: (x, g)[1])


def hook_that_knows_a_later_result():
    x = leaf()
    h = x * 2
    y = (ng.exp(h) + h).sum()
    h.register_hook(lambda g: (y, g)[1])


def hooks_that_know_each_other():
    x, y = leaf(), leaf()
    x.register_hook(lambda g: (y, g)[1])
    y.register_hook(lambda g: (x, g)[1])


def handle_and_bound_method():
    holder = Holder()
    holder.x = leaf()
    holder.h = ng.relu(holder.x)
    holder.handles = [holder.x.register_hook(holder.hook), holder.h.register_hook(holder.hook)]
    return holder


def hook_of_a_model():
    model = ng.nn.Sequential(ng.nn.Linear(128, 128), ng.nn.ReLU(), ng.nn.Linear(128, 1))
    model.last = model(ng.ones((16, 128)))
    model.last.register_hook(lambda g: print(model))


def cycle_of_its_own():
    holder = attribute_of_ctx()
    holder.me = holder


def generator_over_a_result():
    def values():
        yield y
        yield y

    x = leaf()
    kept = []
    x.register_hook(lambda g: kept and None)
    y = x * 2
    kept.append(values())


LEAKS = [attribute_of_ctx, list_in_ctx, bound_method_for_ctx, bound_method_as_backward, result_of_the_result, several_outputs,
         hook_of_a_leaf, hook_of_a_result, hook_that_knows_a_later_result, hooks_that_know_each_other, handle_and_bound_method,
         hook_of_a_model, cycle_of_its_own, generator_over_a_result]


@pytest.fixture(autouse=True, scope="module")
def only_what_is_made_here():
    gc.collect()
    gc.freeze()            # a collection is short then
    yield
    gc.unfreeze()


@pytest.fixture
def no_automatic_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("lose", LEAKS, ids=lambda f: f.__name__)
def test_what_is_lost_is_collected(lose, no_automatic_collection):
    lose()
    gc.collect()
    before = in_use()
    for _ in range(20):
        lose()
    assert in_use() > before + 10 * 4 * N       # it is garbage that no count of references frees
    gc.collect()
    assert in_use() <= before


@pytest.mark.parametrize("lose", [attribute_of_ctx, result_of_the_result, bound_method_for_ctx, handle_and_bound_method],
                         ids=lambda f: f.__name__)
def test_what_is_held_is_left(lose):
    held = [lose() for _ in range(5)]
    for _ in range(3):
        gc.collect()
    for holder in held:
        y = getattr(holder, "y", None)
        if y is None:
            y = holder.h
        y.sum().backward()
    alive = [weakref.ref(holder) for holder in held]
    del held, holder, y
    gc.collect()
    assert [ref() for ref in alive] == [None] * 5


def test_any_one_holder_keeps_all():
    """Of a cycle of many objects each may be the one that somebody holds."""
    def make():
        holder = Holder()
        holder.x = leaf()
        holder.h = Scale.apply(holder.x, holder)
        holder.calls = []
        holder.h.register_hook(lambda g: holder.calls.append(g))
        holder.y = ng.exp(holder.h)
        holder.loss = holder.y.sum()
        holder.x.register_hook(lambda g: holder.calls.append(g))
        return holder

    for pick in (lambda o: o.loss, lambda o: o.loss.grad_fn, lambda o: o.y, lambda o: o.hook, lambda o: iter([o]), lambda o: o.__dict__):
        holder = make()
        ref = weakref.ref(holder)
        kept = pick(holder)
        del holder
        gc.collect()
        assert ref() is not None
        ref().loss.backward()
        assert len(ref().calls) == 2
        del kept
        gc.collect()
        assert ref() is None


def test_a_graph_that_outlives_its_leaf_keeps_the_hooks():
    calls = []
    x = leaf()
    x.register_hook(lambda g, x=x: (x, calls.append(g))[1])
    y = (x * 2).sum()
    del x
    gc.collect()
    y.backward()
    assert len(calls) == 1


def test_younger_collections_look_too_when_there_are_many():
    gc.collect()
    before = in_use()
    for _ in range(2000):
        hook_of_a_leaf()
        gc.collect(0)
    assert in_use() - before < 200 * 4 * N
    gc.collect()
    assert in_use() <= before


def test_garbage_that_is_brought_back_says_so(no_automatic_collection):
    back = []

    class Phoenix(Holder):
        def __del__(self):
            back.append(self)

    holder = Phoenix()
    holder.y = Scale.apply(leaf(), holder)
    holder.z = leaf() * 2
    holder.z.register_hook(holder.hook)
    del holder
    gc.collect()
    holder, = back
    with pytest.raises(ng.GraphError, match=r"^backward: the graph at node Scale was garbage-collected: compute it again$"):
        holder.y.sum().backward()
    with pytest.raises(ng.GraphError, match=r"^backward: the graph was garbage-collected, and its hooks dropped: compute it again$"):
        holder.z.sum().backward()
    Phoenix.__del__ = lambda self: None
