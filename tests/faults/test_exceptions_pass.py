# SPDX-License-Identifier: LGPL-3.0-or-later
"""An object whose __class__ raises is an instance of nothing; what ends a program, or says that it is short of something, passes."""
import asyncio

import numpy as np
import pytest

import nanograd as ng


def raising(error):
    class Hostile:
        @property
        def __class__(self):
            raise error

    return Hostile()


CALLS = {
    "add": lambda v: ng.add(ng.ones(2), v),
    "operator": lambda v: ng.ones(2) + v,
    "compare": lambda v: ng.ones(2) == v,
    "tensor": ng.tensor,
    "zeros": lambda v: ng.zeros(2, dtype=v),
    "shape": lambda v: ng.zeros((2, v)),
    "full": lambda v: ng.full((2,), v),
    "clip": lambda v: ng.clip(ng.ones(2), 0, v),
    "sum": lambda v: ng.sum(ng.ones(2), keepdims=v),
    "softmax": lambda v: ng.softmax(ng.ones(2), axis=v),
    "getitem": lambda v: ng.ones(2)[v],
    "getitem pair": lambda v: ng.ones((2, 2))[v, 0],
    "take": lambda v: ng.take(ng.ones(2), v),
    "concatenate": lambda v: ng.concatenate([ng.ones(2), v]),
    "stack": lambda v: ng.stack(v),
    "where": lambda v: ng.where(v, ng.ones(2), 0.0),
    "requires_grad": lambda v: ng.ones(2).requires_grad_(v),
    "set_grad_enabled": lambda v: ng.set_grad_enabled(v),
    "grad": lambda v: setattr(ng.ones(2, requires_grad=True), "grad", v),
    "parameter": lambda v: ng.Parameter([1.0], requires_grad=v),
    "assign": lambda v: ng.Parameter([1.0]).assign(v),
    "backward": lambda v: (ng.ones(2, requires_grad=True) * 2).backward(v),
    "dropout": lambda v: ng.dropout(ng.ones(2), v),
    "rand": lambda v: ng.rand(2, generator=v),
    "randint": lambda v: ng.randint(v),
    "conv": lambda v: ng.conv1d(ng.ones((1, 1, 4)), ng.ones((1, 1, 2)), stride=v),
    "pool": lambda v: ng.max_pool1d(ng.ones((1, 1, 4)), v),
    "pad": lambda v: ng.pad(ng.ones(2), v),
    "cross_entropy": lambda v: ng.cross_entropy(ng.ones((1, 2)), v),
    "from_numpy": ng.from_numpy,
    "from_dlpack": ng.from_dlpack,
}


@pytest.fixture(autouse=True)
def enabled():
    yield
    ng.set_grad_enabled(True)


class Ends(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), MemoryError("none left"), RecursionError("deep"),
                                   asyncio.CancelledError(), Ends()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_what_ends_a_program_passes(call, error):
    """Whoever looks at the class at all lets it pass; nobody goes on with an answer."""
    asked = []

    class Hostile:
        @property
        def __class__(self):
            asked.append(True)
            raise error

    try:
        call(Hostile())
    except BaseException as raised:       # one of ours, if the class was not looked at
        assert raised is error or not asked, (raised, error)
    else:
        pytest.fail("it was taken for something")


@pytest.mark.parametrize("error", [ValueError("no class"), RuntimeError("outside of a request"), ZeroDivisionError(), AttributeError("none")],
                         ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_ordinary_error_of_the_class_says_that_it_is_nothing_known(call, error):
    if call is CALLS["compare"]:
        assert call(raising(error)) is False          # Python's own answer where neither side knows the other
        return
    with pytest.raises((TypeError, ValueError, IndexError)) as caught:
        call(raising(error))
    assert caught.value is not error


def test_the_exceptions_are_not_lost_in_an_index_or_a_dtype():
    class Dtype:
        @property
        def dtype(self):
            raise MemoryError("none left")

    with pytest.raises(MemoryError, match="none left"):
        ng.zeros(2, dtype=Dtype())
    assert np.isfinite(ng.ones(2).numpy()).all()
