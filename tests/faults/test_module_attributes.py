# SPDX-License-Identifier: LGPL-3.0-or-later
"""What an attribute of a module takes: nothing leaves parameters() and state_dict() in silence."""

import copy
import functools
import pickle
import timeit

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim
from nanograd.errors import DTypeError


def best(function, number=100, repeat=50):
    """Microseconds a call: the least of many runs, which other processes disturb least."""
    return min(timeit.repeat(function, number=number, repeat=repeat)) / number * 1e6


class Net(nn.Module):
    kernel = staticmethod(ng.relu)
    default = nn.Identity()
    width = 3

    def __init__(self):
        self.weight = nn.Parameter([1.0, 2.0])
        self.fc = nn.Linear(2, 2)
        self.register_buffer("mean", ng.zeros(2))
        self.register_buffer("count", np.zeros((), np.int64))
        self.register_buffer("later", None)

    def helper(self):
        pass

    @classmethod
    def make(cls):
        return cls()

    half = functools.partialmethod(helper)

    def forward(self, x):
        return self.fc(x * self.weight)


@pytest.mark.parametrize("value", [np.zeros(2), ng.zeros(2), [1.0, 2.0], 1.0, "text", nn.Linear(2, 2), lambda x: x], ids=lambda v: type(v).__name__)
def test_a_parameter_is_not_replaced_by_what_is_none(value):
    net = Net()
    with pytest.raises(TypeError, match=r"^Net\.weight is a parameter, .*write module\.weight\.assign\(value\)"):
        net.weight = value
    assert [name for name, _ in net.named_parameters()] == ["weight", "fc.weight", "fc.bias"]


@pytest.mark.parametrize("name", ["weight", "bias"])
@pytest.mark.parametrize("layer", [nn.Linear(2, 2), nn.Conv2d(1, 1, 1), nn.BatchNorm1d(2), nn.LayerNorm(2), nn.GroupNorm(1, 2)], ids=lambda x: type(x).__name__)
def test_nor_in_our_layers(layer, name):
    with pytest.raises(TypeError, match=rf"\.{name}\.assign\(value\)"):
        setattr(layer, name, np.zeros(getattr(layer, name).shape))


def test_a_forward_that_rebinds_its_parameter_is_refused():
    class Wrong(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(1.0)

        def forward(self, x):
            self.w = self.w * 1.0
            return x * self.w

    with pytest.raises(TypeError, match=r"Wrong\.w is a parameter"):
        Wrong()(ng.ones(2))


@pytest.mark.parametrize("value", [lambda x: x, ng.relu, nn.Linear, nn.Parameter(1.0), ng.zeros(2), "relu", []], ids=lambda v: type(v).__name__)
def test_a_module_is_not_replaced_by_what_is_none(value):
    net = Net()
    with pytest.raises(TypeError, match=r"^Net\.fc is a module, .*nn\.Identity\(\).*del module\.fc$"):
        net.fc = value
    assert len(list(net.modules())) == 2


@pytest.mark.parametrize("name", ["mean", "count", "later"])
@pytest.mark.parametrize("value", ["text", 1.0, [1.0], nn.Linear(1, 1), lambda x: x, object()], ids=lambda v: type(v).__name__)
def test_a_buffer_is_not_replaced_by_what_is_none(name, value):
    net = Net()
    with pytest.raises(TypeError, match=rf"^Net\.{name} is a buffer, .*register_buffer\('{name}', np\.array\(value\)\)"):
        setattr(net, name, value)


@pytest.mark.parametrize("value", [np.array("text"), np.array([None])], ids=["str", "object"])
def test_a_buffer_is_of_numbers(value):
    net = Net()
    with pytest.raises(DTypeError):
        net.count = value
    with pytest.raises(DTypeError):
        net.register_buffer("other", value)


@pytest.mark.parametrize("value", [nn.Linear(1, 1), nn.Parameter(1.0)], ids=["module", "parameter"])
@pytest.mark.parametrize("name", ["train", "eval", "forward", "parameters", "modules", "apply", "state_dict", "zero_grad", "register_buffer", "helper",
                                  "make", "kernel", "half", "training", "__call__", "__init__", "extra_repr"])
def test_a_function_of_the_class_is_not_hidden(name, value):
    net = Net()
    with pytest.raises(TypeError, match=rf"^Net\.{name} is "):
        setattr(net, name, value)
    assert net.train() is net


def test_what_is_no_function_may_be_replaced():
    net = Net()
    net.default, net.width, net.new, net.extra = nn.ReLU(), nn.Linear(1, 1), nn.Linear(1, 1), nn.Parameter(1.0)
    assert [name for name, _ in net.named_children()] == ["fc", "default", "width", "new"]
    net.forward = lambda x: x                       # no module: it is found by nobody, and hides nothing that is
    assert net(3) == 3


def test_what_is_meant_works():
    net = Net()
    old, shared = net.weight, nn.Parameter([5.0, 6.0])
    net.weight = shared
    net.twin = shared
    assert net.weight is shared and len(list(net.parameters())) == 3 and old not in set(net.parameters())
    net.weight = None
    net.weight = nn.Parameter([1.0, 1.0])
    del net.weight
    net.weight = "free again"
    net.fc = nn.Linear(2, 3)
    net.fc = None
    net.fc = lambda x: x                            # None is no module
    net.mean, net.count, net.later = np.ones(2), ng.zeros(3), np.int64(4)
    net.mean, net.count = None, net.count * 2
    assert list(net.state_dict()) == ["twin", "count", "later"]
    net.register_buffer("mean", np.ones(3))
    del net.mean
    net.mean = "free"
    assert list(net.state_dict()) == ["twin", "count", "later"] and [name for name, _ in net.named_buffers()] == ["count", "later"]
    net.count = nn.Parameter(1.0)                   # learnt from now on
    assert [name for name, _ in net.named_parameters()] == ["count", "twin"] and [name for name, _ in net.named_buffers()] == ["later"]


def test_properties_of_subclasses_work():
    class Scaled(nn.Module):
        def __init__(self):
            self.raw = nn.Parameter(1.0)

        @property
        def scale(self):
            return self.raw * 2.0

        @scale.setter
        def scale(self, value):
            self.raw.assign(value / 2.0)

        @scale.deleter
        def scale(self):
            del self.raw

        @property
        def fixed(self):
            return 1

        @functools.cached_property
        def cached(self):
            return nn.Linear(1, 1)

        @property
        def head(self):
            return self.inner

        @head.setter
        def head(self, value):
            self.inner = value

    net = Scaled()
    net.scale = 6.0
    assert net.raw.item() == 3.0 and net.scale.item() == 6.0 and "scale" not in vars(net)
    with pytest.raises(AttributeError):
        net.fixed = 2
    net.head = nn.Linear(1, 1)
    assert [name for name, _ in net.named_children()] == ["inner"]
    assert net.cached is net.cached and [name for name, _ in net.named_children()] == ["inner", "cached"]
    net.cached = nn.Linear(2, 2)
    del net.scale
    assert not hasattr(net, "raw")


def test_there_is_a_way_past_the_checks():
    net = Net()
    with pytest.raises(TypeError, match="attribute name must be string"):
        nn.Module.__setattr__(net, 3, 1.0)
    vars(net)["weight"] = ng.zeros(2)
    assert [name for name, _ in net.named_parameters()] == ["fc.weight", "fc.bias"]
    net.weight = nn.Parameter([0.0, 0.0])
    net.astype(ng.float64)
    assert net.weight.dtype == net.mean.dtype == ng.float64
    net.load_state_dict(Net().state_dict())
    ema = optim.EMA(net)
    with ema.apply():
        assert net.weight.tolist() == [1.0, 2.0]


class Slotted(nn.Module):
    __slots__ = ("number", "weight")


def test_a_setattr_of_the_class_is_asked_for_its_own_attributes_alone():
    class Noting(nn.Module):
        names = []

        def __setattr__(self, name, value):
            self.names.append(name)
            super().__setattr__(name, value)

    net = Noting()
    net.w = nn.Parameter(1.0)
    assert net.names == ["w"]
    with pytest.raises(TypeError, match="Noting.w is a parameter"):
        net.w = 1.0


def test_a_slot_hides_no_parameter():
    net = Slotted()
    net.number = 3
    with pytest.raises(TypeError, match=r"Slotted\.weight is in __slots__, where no parameter is found: remove it from __slots__"):
        net.weight = nn.Parameter(1.0)
    other = pickle.loads(pickle.dumps(net))
    assert other.number == 3 and copy.deepcopy(net).number == 3 and copy.copy(net).number == 3


def test_setting_an_attribute_costs_little():
    """40 ns more than a class without checks, measured; the bound is wide."""

    class Plain:
        pass

    def setting(x):
        x.h = 1.0
        x.h = 2.0
        x.h = 3.0
        x.h = 4.0
        x.h = 5.0

    plain, net = Plain(), Net()
    assert any(best(lambda: setting(net), repeat=20) < best(lambda: setting(plain), repeat=20) + 5 * 0.2 for _ in range(50))
