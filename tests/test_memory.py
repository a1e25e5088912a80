# SPDX-License-Identifier: LGPL-3.0-or-later
"""Memory: what the allocator says, that nothing grows, and that graphs of any length can be made, run and dropped."""
import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim

FIGURES = {"in_use", "peak", "cached", "blocks", "system_allocations", "cache_limit"}


def in_use():
    gc.collect()
    return ng.memory_stats()["in_use"]


def network():
    return nn.Sequential(nn.Linear(12, 32, activation="relu"), nn.Linear(32, 32, activation="tanh"), nn.Linear(32, 5))


# ---- what the allocator says ----------------------------------------------------------------------------------------------


def test_figures():
    ng.empty_cache()
    before = ng.memory_stats()
    assert set(before) == FIGURES and all(isinstance(value, int) for value in before.values())
    x = ng.zeros((1000, 1000))
    during = ng.memory_stats()
    assert 4_000_000 <= during["in_use"] - before["in_use"] <= 5_000_000
    assert during["blocks"] == before["blocks"] + 1 and during["peak"] >= during["in_use"]
    view = x.reshape(-1)
    assert ng.memory_stats()["blocks"] == during["blocks"], "a view has no memory of its own"
    array = x.numpy()
    del x, view
    assert ng.memory_stats()["in_use"] == during["in_use"], "the array holds the memory"
    del array
    after = ng.memory_stats()
    assert after["in_use"] == before["in_use"] and after["peak"] >= during["in_use"]
    assert after["cached"] >= before["cached"] + 4_000_000
    ng.empty_cache()
    empty = ng.memory_stats()
    assert empty["cached"] < after["cached"] - 3_900_000 and empty["peak"] == empty["in_use"] == before["in_use"]
    assert empty["cache_limit"] > 0


def test_freed_memory_is_used_again():
    x = ng.ones((300, 300), requires_grad=True)

    def step():
        x.zero_grad()
        (ng.exp(x * 0.5) + x).backward()

    step()
    before = ng.memory_stats()["system_allocations"]
    for _ in range(100):
        step()
    assert ng.memory_stats()["system_allocations"] == before


def test_blocks_of_all_sizes_are_aligned_and_apart():
    rng = np.random.default_rng(0)
    alive = {}
    for i in range(5000):
        key = int(rng.integers(300))
        n = int(2 ** rng.uniform(0, 14))
        alive[key] = (ng.full(n, i, dtype=ng.float64), n, i)
        assert alive[key][0].numpy().ctypes.data % 64 == 0
        if i % 500 == 0:
            ng.empty_cache()
            assert all(x.shape == (n,) and (x.numpy() == value).all() for x, n, value in alive.values())


def test_too_much():
    before = ng.memory_stats()
    with pytest.raises(MemoryError, match=r"^nanograd could not allocate 1125899906842624 bytes$"):
        ng.zeros((2**24, 2**24), dtype=ng.float32)
    with pytest.raises(MemoryError):
        ng.zeros(2**58)
    with pytest.raises(ng.ShapeError):
        ng.zeros((2**40, 2**40))
    after = ng.memory_stats()
    assert after["in_use"] == before["in_use"] and after["blocks"] == before["blocks"]
    assert (ng.ones(3) + 1).tolist() == [2, 2, 2]


# ---- training does not grow -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.01, momentum=0.9), optim.Adam], ids=["SGD", "Adam"])
def test_ten_thousand_steps_with_changing_shapes(make):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(64, 12)).astype(np.float32), rng.integers(0, 5, 64)
    model = network()
    optimizer = make(model.parameters())

    def step(batch):
        optimizer.zero_grad()
        loss = ng.cross_entropy(model(x[:batch]), labels[:batch])
        loss.backward()
        optimizer.step()

    for batch in range(1, 65):
        step(batch)
    optimizer.zero_grad()
    start, system = in_use(), ng.memory_stats()["system_allocations"]
    for i in range(10_000):
        step(1 + i * 37 % 64)
    optimizer.zero_grad()
    assert in_use() == start
    assert ng.memory_stats()["system_allocations"] == system, "a loop over known shapes asked the system for memory"


def test_python_objects_do_not_grow():
    model = network()
    optimizer = optim.Adam(model.parameters())
    x, labels = np.ones((4, 12), np.float32), np.array([0, 1, 2, 3])

    def steps(n):
        for _ in range(n):
            optimizer.zero_grad()
            ng.cross_entropy(model(x), labels).backward()
            optimizer.step()
        gc.collect()

    tracemalloc.start()
    try:
        steps(300)
        before = tracemalloc.get_traced_memory()[0]
        steps(1000)
        assert tracemalloc.get_traced_memory()[0] - before < 20_000, "less than 20 bytes a step"
    finally:
        tracemalloc.stop()


def test_saved_buffers_go_as_backward_goes():
    """At the end of a backward pass over a chain, the peak is what the forward had, not twice that."""
    x = ng.ones((256, 1024), requires_grad=True)          # 1 MB
    start = in_use()
    y = x
    for _ in range(20):
        y = ng.exp(y * 0.1)
    forward = ng.memory_stats()["in_use"] - start
    ng.empty_cache()                                       # the peak starts anew
    y.backward()
    assert ng.memory_stats()["peak"] - start < forward + 6 * 2**20
    del y
    x.zero_grad()
    assert in_use() == start


def test_a_thousand_models_with_hooks():
    level, alive = None, []
    for i in range(1000):
        model = network()
        parameters = list(model.parameters())
        for p in parameters:
            p.register_hook(lambda g, model=model: g * 2)              # a cycle: model -> parameter -> hook -> model
        y = model(np.ones((3, 12), np.float32))
        handle = y.register_hook(lambda g, p=parameters[0]: None)
        loss = (y * y).mean()
        if i % 2:
            loss.backward()
        else:
            handle.remove()
        alive.append(weakref.ref(model))
        del model, parameters, p, y, loss, handle
        if i == 100:
            level = in_use()
    assert in_use() <= level
    assert not any(reference() for reference in alive)


def test_a_hook_that_closes_over_its_own_tensor():
    start = in_use()
    x = ng.ones(1000, requires_grad=True)
    for _ in range(100):
        y = x * 2
        y.register_hook(lambda g, y=y: g + y)               # freed by backward
        y.backward()
        y = x * 3
        y.register_hook(lambda g, y=y: g).remove()          # freed by remove()
    del x, y
    assert in_use() == start


# ---- long graphs ----------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_operations():
    x = ng.tensor([1.0, 2.0], requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.tolist() == [1, 1] and y.tolist() == [100_001, 100_002]


@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_a_long_graph_dropped_without_backward(n):
    start = in_use()
    x = ng.ones(1, requires_grad=True)
    y = x
    for _ in range(n):
        y = y * 1.0
    del y, x
    assert in_use() == start


def test_a_deep_graph_of_many_branches_dropped():
    start = in_use()
    x = ng.ones(1, requires_grad=True)
    y = z = x
    for _ in range(100_000):
        y, z = y + z, y * z
    del y, z, x
    assert in_use() == start


def test_views_of_views():
    x = ng.ones(4, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y.reshape(2, 2).reshape(4)
    y.backward()
    assert x.grad.tolist() == [1, 1, 1, 1]
    for _ in range(100_000):
        y = y.reshape(4)
    del y


def test_one_input_used_many_times():
    x = ng.ones(3, requires_grad=True)
    total = x
    for _ in range(20_000):
        total = total + x
    total.backward()
    assert x.grad.tolist() == [20_001] * 3


def test_a_function_call_that_is_dropped_keeps_nothing():
    class Big:
        pass

    refs = []

    class Keeping(ng.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.big, ctx.x = Big(), x
            refs.append(weakref.ref(ctx.big))
            y = x * 2
            ctx.y = y                      # the output itself: no cycle, since apply returns a tensor of its own
            ctx.save_for_backward(x, y)
            return y, x

    x = ng.ones(1, requires_grad=True)
    gc.disable()
    try:
        before = ng.memory_stats()["in_use"]
        outputs = Keeping.apply(x)
        assert refs[0]() is not None
        del outputs
        assert refs[0]() is None and ng.memory_stats()["in_use"] == before
    finally:
        gc.enable()


def test_a_long_chain_of_function_calls():
    class Twice(ng.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.x = x
            return x, x

        @staticmethod
        def backward(ctx, a, b):
            return a + b

    x = y = ng.ones(1, requires_grad=True)
    for _ in range(30_000):
        y, _ = Twice.apply(y)
    y.backward()
    assert x.grad.item() == 1
    y = x
    for _ in range(100_000):
        y, _ = Twice.apply(y)
    del y, _                           # dropped without a backward
