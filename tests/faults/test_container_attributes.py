# SPDX-License-Identifier: LGPL-3.0-or-later
"""Items of containers are attributes, as in PyTorch: what a subclass of Sequential sets is run, and what is replaced by name is replaced."""

import collections
import copy
import functools
import pickle

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim

CONTAINERS = [
    lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh()),
    lambda: nn.Sequential(collections.OrderedDict(first=nn.Linear(2, 2), second=nn.Tanh())),
    lambda: nn.ModuleList([nn.Linear(2, 2), nn.Tanh()]),
    lambda: nn.ModuleDict({"first": nn.Linear(2, 2), "second": nn.Tanh()}),
]
IDS = ["positions", "names", "list", "dict"]


class Transition(nn.Sequential):
    """As DenseNet's is written."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(width, 2)


class Untold(nn.Sequential):
    """Without super().__init__()."""

    def __init__(self):
        self.fc = nn.Linear(2, 3)
        self.relu = nn.ReLU()


def test_what_a_subclass_of_sequential_sets_is_run():
    net = Transition(4)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = net.fc(net.relu(net.norm(x)))
    assert net(x).tolist() == expected.tolist()
    assert len(net) == 3 and [type(m) for m in net] == [nn.LayerNorm, nn.ReLU, nn.Linear] and net[-1] is net.fc
    assert list(net.state_dict()) == ["norm.weight", "norm.bias", "fc.weight", "fc.bias"]
    assert len(list(net.parameters())) == 4
    assert [name for name, _ in net[1:].named_children()] == ["relu", "fc"]
    assert "(norm): LayerNorm" in repr(net)


def test_nor_does_it_need_super():
    net = Untold()
    assert net(np.ones((1, 2), np.float32)).shape == (1, 3)
    assert [name for name, _ in net.named_children()] == ["fc", "relu"] and "(fc)" in repr(net)


@pytest.mark.parametrize("base", [nn.Sequential, nn.ModuleList, nn.ModuleDict])
def test_modules_set_before_super_are_not_lost(base):
    class Early(base):
        def __init__(self):
            self.fc = nn.Linear(2, 3)
            super().__init__()

    with pytest.raises(TypeError, match=r"call super\(\).__init__\(\) before"):
        Early()


@pytest.mark.parametrize("make", CONTAINERS, ids=IDS)
def test_every_named_child_is_an_attribute(make):
    box = make()
    for name, child in box.named_children():
        assert getattr(box, name) is child
    assert hasattr(box, "training") and not hasattr(box, "2") and not hasattr(box, "00") and not hasattr(box, "third")


@pytest.mark.parametrize("make", CONTAINERS, ids=IDS)
def test_a_child_replaced_by_its_name_is_replaced(make):
    net = nn.Module()
    net.body = make()
    for path, module in list(net.named_modules()):
        if isinstance(module, nn.Linear):               # as adapters are put in place of layers
            *parents, last = path.split(".")
            setattr(functools.reduce(getattr, parents, net), last, nn.Dense(2, 2, name="new"))
    assert len(net.body) == 2
    assert [m.name for m in net.modules() if isinstance(m, nn.Linear)] == ["new"]
    assert len(list(net.parameters())) == 2


@pytest.mark.parametrize("make", CONTAINERS, ids=IDS)
def test_a_module_under_a_new_name_is_the_last_item(make):
    box = make()
    before = [name for name, _ in box.named_children()]
    box.head = nn.Linear(2, 1)
    assert len(box) == 3 and [name for name, _ in box.named_children()] == [*before, "head"]
    assert list(box.state_dict())[-2:] == ["head.weight", "head.bias"]
    items = list(box.values()) if isinstance(box, nn.ModuleDict) else list(box)
    assert items[-1] is box.head
    if isinstance(box, nn.Sequential):
        assert box(np.ones((1, 2), np.float32)).shape == (1, 1)
        assert box.append(nn.Tanh())[-1] is box[3] and [name for name, _ in box.named_children()] == [*before, "head", "3"]
    del box.head
    assert not hasattr(box, "head") and "head.weight" not in box.state_dict()


@pytest.mark.parametrize("value", [lambda x: x, None, np.zeros(2), ng.relu, "text"], ids=["lambda", "None", "array", "function", "str"])
@pytest.mark.parametrize("make", CONTAINERS, ids=IDS)
def test_an_item_is_not_replaced_by_what_is_no_module(make, value):
    box = make()
    name = next(name for name, _ in box.named_children())
    with pytest.raises(TypeError, match="expected a Module"):
        setattr(box, name, value)
    assert isinstance(getattr(box, name), nn.Linear)


def test_positions_as_names():
    seq = nn.Sequential()
    setattr(seq, "0", nn.Linear(2, 2))
    setattr(seq, "1", nn.Tanh())
    assert len(seq) == 2 and seq[1] is getattr(seq, "1")
    delattr(seq, "0")
    assert [name for name, _ in seq.named_children()] == ["1"]
    seq = nn.Sequential(nn.Tanh(), nn.ReLU(), nn.Linear(1, 1))
    del seq[0]
    assert [name for name, _ in seq.named_children()] == ["0", "1"]
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute '2'"):
        getattr(seq, "2")
    with pytest.raises(AttributeError):
        delattr(seq, "2")


def test_lists_of_parameters():
    scales = nn.ParameterList([nn.Parameter(1.0), nn.Parameter(2.0)])
    new = nn.Parameter(3.0)
    setattr(scales, "1", new)
    assert scales[1] is new and getattr(scales, "1") is new and len(scales) == 2
    with pytest.raises(TypeError, match="expected a Parameter"):
        setattr(scales, "0", np.zeros(2))


def test_what_is_no_item_stays_an_attribute():
    class Named(nn.Sequential):
        limit = 3

        @property
        def head(self):
            return self[-1]

        @head.setter
        def head(self, module):
            self[-1] = module

    net = Named(nn.Linear(2, 2), nn.Tanh())
    net.note, net.limit = "text", 4
    net.head = nn.ReLU()
    assert (net.note, net.limit, len(net)) == ("text", 4, 2) and isinstance(net[1], nn.ReLU)
    net.note = nn.Identity()                # as in PyTorch, a module takes the place of what was no module
    assert len(net) == 3 and net.note is net[2]
    named = nn.Sequential(nn.Linear(2, 2), name="label")
    assert named.name == named[:1].name == "label" and "name='label'" in repr(named)
    named.name = nn.Tanh()
    for seq in (named, named[:], nn.Sequential(collections.OrderedDict(first=nn.ReLU(), name=nn.Tanh()))):
        assert isinstance(seq.name, nn.Tanh) and len(seq) == 2 and repr(seq).count("name") == 1
    with pytest.raises(TypeError, match="is a function of Sequential"):
        nn.Sequential().append = nn.Tanh()
    with pytest.raises(AttributeError, match=r"a module has no to: write model\.astype"):
        net.to


@pytest.mark.parametrize("make", [lambda: Transition(2), Untold, *CONTAINERS], ids=["class", "untold", *IDS])
def test_copies_and_pickles(make):
    box = make()
    names = [name for name, _ in box.named_children()]
    copies = [copy.deepcopy(box)]
    if type(box).__module__ != __name__ or "<locals>" not in type(box).__qualname__:
        copies.append(pickle.loads(pickle.dumps(box)))
    for other in copies:
        assert [name for name, _ in other.named_children()] == names
        assert all(getattr(other, name) is not getattr(box, name) for name in names)
        assert other.load_state_dict(box.state_dict()) == ([], [])


def test_it_trains_in_place_of_what_was_there():
    net = nn.Sequential(collections.OrderedDict(body=nn.Linear(2, 4), act=nn.Tanh(), head=nn.Linear(4, 3)))
    net.head = nn.Linear(4, 1)
    net.eval()
    assert not net.head.training
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    before = net.head.weight.tolist()
    net(np.ones((2, 2), np.float32)).sum().backward()
    optimizer.step()
    assert net.head.weight.tolist() != before


def test_items_are_added_and_taken_out():
    layers = nn.ModuleList([nn.Linear(1, 1)])
    same = layers
    layers += [nn.Tanh(), nn.ReLU()]
    assert layers is same and len(layers) == 3
    assert isinstance(layers.pop(), nn.ReLU) and isinstance(layers.pop(0), nn.Linear) and len(layers) == 1
    with pytest.raises(IndexError, match="index 3 is out of range"):
        layers.pop(3)
    heads = nn.ModuleDict({"a": nn.Tanh()})
    assert isinstance(heads.pop("a"), nn.Tanh) and len(heads) == 0
    with pytest.raises(KeyError, match="no module 'a'"):
        heads.pop("a")


class Lists(nn.Module):
    def __init__(self):
        self.layers = [nn.Linear(2, 2), nn.Tanh()]
        self.scales = {"a": nn.Parameter([1.0])}


@pytest.mark.parametrize("name, value, line", [
    ("layers.0", nn.Tanh(), r"module\.layers\[0\]"), ("scales.a", nn.Parameter([2.0]), r"module\.scales\.a"), ("", nn.Tanh(), r"module\.name"),
    ("new.fc", nn.Linear(1, 1), r"module\.new\.fc"),
])
def test_a_path_is_no_name(name, value, line):
    for net in (Lists(), nn.Sequential(), nn.ModuleList()):
        before = list(net.state_dict())
        with pytest.raises(ValueError, match=rf"is not a name of a \w+ but a path to one inside: write {line} = value"):
            setattr(net, name, value)
        assert list(net.state_dict()) == before


def test_two_values_of_one_name_are_told():
    net = Lists()
    for clash in ({0: nn.Parameter([1.0]), "0": nn.Parameter([2.0])}, {"b.c": nn.Parameter([1.0]), "b": {"c": nn.Parameter([2.0])}}):
        net.scales = {"a": nn.Parameter([1.0])}
        state = net.state_dict()
        net.scales = clash
        with pytest.raises(ValueError, match=r"^state_dict: two parameters or buffers have the name 'scales\.\S+': give a dict's keys other names$"):
            net.state_dict()
        with pytest.raises(ValueError, match="^load_state_dict: two parameters"):
            net.load_state_dict(state, strict=False)
    shared = nn.Linear(1, 1)
    assert len(nn.Sequential(shared, shared).state_dict()) == 4         # two names of one value are another thing
