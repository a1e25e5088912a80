# SPDX-License-Identifier: LGPL-3.0-or-later
"""Grad mode ends with its block, in whatever order overlapping blocks are left."""
import asyncio
import gc
import sys
import threading

import pytest

import nanograd as ng

PER_TASK = sys.version_info >= (3, 14)


@pytest.fixture(autouse=True)
def enabled():
    ng.set_grad_enabled(True)
    yield
    ng.set_grad_enabled(True)


def run_overlapping(first, second, order):
    """Two tasks that are in their blocks at once and leave them in that order; what they saw while both were in."""
    seen = {}

    async def task(name, block, entered, leave):
        with block:
            entered.set()
            await leave.wait()
            seen[name] = ng.is_grad_enabled()
        seen[name, "after"] = ng.is_grad_enabled()

    async def main():
        entered, leave = [asyncio.Event(), asyncio.Event()], [asyncio.Event(), asyncio.Event()]
        tasks = [asyncio.create_task(task(0, first, entered[0], leave[0]))]
        await entered[0].wait()
        tasks.append(asyncio.create_task(task(1, second, entered[1], leave[1])))
        await entered[1].wait()
        seen["outside"] = ng.is_grad_enabled()
        for i in order:
            leave[i].set()
            await tasks[i]

    asyncio.run(main())
    return seen


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("before", [True, False])
def test_tasks_that_overlap_leave_the_mode_of_before(before, order):
    ng.set_grad_enabled(before)
    for blocks in [(ng.no_grad(), ng.no_grad()), (ng.no_grad(), ng.enable_grad()), (ng.enable_grad(), ng.no_grad())]:
        seen = run_overlapping(*blocks, order)
        assert ng.is_grad_enabled() is before
        if PER_TASK:
            flags = [isinstance(block, ng.enable_grad) for block in blocks]
            assert (seen[0], seen[1], seen[0, "after"], seen[1, "after"], seen["outside"]) == (*flags, before, before, before)


@pytest.mark.skipif(PER_TASK, reason="each task has its own")
def test_the_youngest_open_block_rules():
    seen = run_overlapping(ng.no_grad(), ng.enable_grad(), (0, 1))
    assert seen == {0: True, (0, "after"): True, 1: True, (1, "after"): True, "outside": True}
    seen = run_overlapping(ng.enable_grad(), ng.no_grad(), (0, 1))
    assert seen == {0: False, (0, "after"): False, 1: False, (1, "after"): True, "outside": False}
    seen = run_overlapping(ng.enable_grad(), ng.no_grad(), (1, 0))
    assert seen == {0: True, (0, "after"): True, 1: False, (1, "after"): True, "outside": False}


@pytest.mark.skipif(not PER_TASK, reason="one mode for the thread")
def test_a_task_that_was_made_in_a_block_is_in_it_until_it_is_left():
    async def main():
        seen = []

        async def child(wait):
            seen.append(ng.is_grad_enabled())
            await wait
            seen.append(ng.is_grad_enabled())

        done = asyncio.get_running_loop().create_future()
        with ng.no_grad():
            task = asyncio.create_task(child(done))
            await asyncio.sleep(0)
        done.set_result(None)
        await task
        return seen

    assert asyncio.run(main()) == [False, True]


def test_many_tasks_with_blocks_of_every_kind():
    @ng.no_grad()
    def decorated():
        return ng.is_grad_enabled()

    async def task(i):
        for j in range(5):
            with [ng.no_grad, ng.enable_grad, lambda: ng.set_grad_enabled(False)][(i + j) % 3]():
                await asyncio.sleep(0)
                assert not decorated()
                try:
                    with ng.enable_grad():
                        await asyncio.sleep(0)
                        raise ZeroDivisionError
                except ZeroDivisionError:
                    pass
                await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*[task(i) for i in range(30)])

    asyncio.run(main())
    assert ng.is_grad_enabled()


def test_a_task_that_is_cancelled_leaves_its_block():
    async def task():
        with ng.no_grad():
            await asyncio.sleep(100)

    async def main():
        tasks = [asyncio.create_task(task()) for _ in range(3)]
        await asyncio.sleep(0)
        for one in tasks[1:] + tasks[:1]:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert ng.is_grad_enabled()

    asyncio.run(main())


def rows(block):
    with block:
        while True:
            yield ng.is_grad_enabled()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 2, 1), (2, 0, 1)])
def test_generators_that_are_closed_in_any_order(order):
    blocks = [ng.no_grad(), ng.enable_grad(), ng.no_grad()]
    generators = [rows(block) for block in blocks]
    for generator in generators:
        next(generator)
    left = [0, 1, 2]
    for i in order:
        generators[i].close()
        left.remove(i)
        assert ng.is_grad_enabled() is (left[-1] == 1 if left else True)


def test_a_generator_that_is_collected_late():
    generator = rows(ng.no_grad())
    next(generator)
    with ng.no_grad():
        pass
    del generator
    gc.collect()
    assert ng.is_grad_enabled()


@pytest.mark.parametrize("nested", [False, True])
def test_a_generator_that_another_thread_closes(nested):
    generator = rows(ng.no_grad())
    next(generator)
    assert not ng.is_grad_enabled()
    seen = []

    def close():
        with ng.enable_grad() if nested else ng.no_grad():
            before = ng.is_grad_enabled()
            generator.close()
            seen.extend([before, ng.is_grad_enabled()])
        seen.append(ng.is_grad_enabled())

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert seen == [nested, nested, True] and ng.is_grad_enabled()


def test_a_block_of_a_thread_that_has_ended():
    generators = []

    def enter():
        generators.append(rows(ng.no_grad()))
        next(generators[-1])

    for _ in range(20):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    with ng.no_grad():
        for generator in generators:
            generator.close()
        assert not ng.is_grad_enabled()
    assert ng.is_grad_enabled()


def test_one_object_in_several_threads():
    block = ng.no_grad()
    entered, leave, seen = threading.Barrier(2), threading.Barrier(2), []

    def other():
        with block:
            entered.wait()
            leave.wait()
            seen.append(ng.is_grad_enabled())
        seen.append(ng.is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    with block:
        entered.wait()
    assert ng.is_grad_enabled()
    leave.wait()
    thread.join()
    assert seen == [False, True]


def test_a_generator_that_is_left_inside_of_other_blocks():
    """It is opened, or closed, inside of a function that has a mode of its own."""
    x = ng.ones(1, requires_grad=True)
    generators = []

    def opens(*args):
        generators.append(rows(ng.enable_grad()))
        next(generators[-1])

    def closes(*args):
        generators.pop().close()

    class Double(ng.Function):
        @staticmethod
        def forward(ctx, x, do):
            do()
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return dy * 2, None

    def hooked(do):
        with ng.enable_grad():
            y = x * 2
            y.register_hook(do)
            y.backward()

    for run in (ng.no_grad()(lambda do: do()), hooked, lambda do: Double.apply(x, do)):
        for first, second in ((opens, closes), (closes, None)):
            if first is closes:
                generators.append(rows(ng.no_grad()))
                next(generators[-1])
            run(first)
            if second is not None:
                second()
            assert ng.is_grad_enabled() and not generators


def test_a_bare_switch_keeps_its_meaning():
    ng.set_grad_enabled(False)
    assert not ng.is_grad_enabled()
    with ng.enable_grad():
        assert ng.is_grad_enabled()
        ng.set_grad_enabled(False)
        assert not ng.is_grad_enabled()
        with ng.enable_grad():
            assert ng.is_grad_enabled()
        assert not ng.is_grad_enabled()                 # of the block that is open again, until it is left
    assert not ng.is_grad_enabled()
    ng.set_grad_enabled(True)
    switch = ng.set_grad_enabled(False)
    with switch:
        assert not ng.is_grad_enabled()
        with switch:
            assert not ng.is_grad_enabled()
    assert ng.is_grad_enabled()
    with switch:
        assert not ng.is_grad_enabled()
    assert ng.is_grad_enabled()


def test_a_bare_switch_in_a_coroutine_outlives_it():
    async def main():
        await asyncio.sleep(0)
        ng.set_grad_enabled(False)

    asyncio.run(main())
    assert not ng.is_grad_enabled()


def test_a_switch_that_another_thread_enters_is_a_block_there():
    switch = ng.set_grad_enabled(False)
    ng.set_grad_enabled(True)
    seen = []

    def other():
        with switch:
            seen.append(ng.is_grad_enabled())
        seen.append(ng.is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [False, True] and ng.is_grad_enabled()


def test_blocks_that_overlap_for_ever_leave_nothing():
    def overlap(n):
        older = rows(ng.no_grad())
        next(older)
        for _ in range(n):
            younger = rows(ng.no_grad())
            next(younger)
            older.close()
            older = younger
        older.close()

    overlap(10)
    before = sys.getallocatedblocks()
    overlap(20_000)
    assert sys.getallocatedblocks() - before < 1000
    assert ng.is_grad_enabled()


def test_an_exit_without_an_enter_says_so():
    with pytest.raises(RuntimeError, match="^no_grad: exited without having been entered$"):
        ng.no_grad().__exit__(None, None, None)
    assert ng.is_grad_enabled()
