# SPDX-License-Identifier: LGPL-3.0-or-later
"""Module: what it finds, its state, modes, hooks, notes on errors, copies. No layer of ours is needed for that."""

import copy
import pickle

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim


class Scale(nn.Module):
    """x * w, with a buffer that counts the calls in training."""

    def __init__(self, w=1.0, dtype=np.float32):
        self.w = nn.Parameter(np.full(2, w, dtype))
        self.register_buffer("calls", np.zeros((), np.int64))
        self.register_buffer("mean", ng.zeros(2, dtype=dtype))

    def forward(self, x):
        if self.training:
            self.calls += 1
        return x * self.w

    def extra_repr(self):
        return "2"


class Net(nn.Module):
    def __init__(self):
        self.first = Scale(1.0)
        self.blocks = [Scale(2.0), {"a": Scale(3.0), "b": (Scale(4.0), "text", None)}]
        self.free = nn.Parameter([5.0])
        self.more = {"p": nn.Parameter([6.0])}
        self.again = self.first  # shared
        self.number = 7

    def forward(self, x):
        x = self.first(x)
        x = self.blocks[0](x)
        return self.blocks[1]["b"][0](self.blocks[1]["a"](x)) * self.free


NAMES = ["free", "more.p", "first.w", "blocks.0.w", "blocks.1.a.w", "blocks.1.b.0.w"]


# ---- what is found --------------------------------------------------------------------------------------------------------


def test_parameters_are_found_in_lists_tuples_and_dicts_and_shared_ones_once():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_parameters(prefix="net")] == ["net." + name for name in NAMES]
    assert [p.numpy()[0] for p in net.parameters()] == [5, 6, 1, 2, 3, 4]
    assert [name for name, _ in net.named_modules()] == ["", "first", "blocks.0", "blocks.1.a", "blocks.1.b.0"]
    assert [name for name, _ in net.named_children()] == ["first", "blocks.0", "blocks.1.a", "blocks.1.b.0"]
    assert next(net.modules()) is net and next(net.children()) is net.first
    assert [name for name, _ in net.named_buffers()][:2] == ["first.calls", "first.mean"]
    assert len(list(net.buffers())) == 8
    assert net.get_parameter("blocks.1.b.0.w") is net.blocks[1]["b"][0].w
    assert net.get_parameter("again.w") is net.first.w
    with pytest.raises(AttributeError, match=r"Net has no parameter 'blocks\.9\.w'"):
        net.get_parameter("blocks.9.w")


def test_super_init_is_not_needed_and_attributes_are_plain():
    net = Net()
    assert set(vars(net)) == {"first", "blocks", "free", "more", "again", "number"}
    del net.free
    net.blocks.append(Scale())
    assert [name for name, _ in net.named_parameters()] == [
        "more.p",
        "first.w",
        "blocks.0.w",
        "blocks.1.a.w",
        "blocks.1.b.0.w",
        "blocks.2.w",
    ]


def test_a_tied_parameter_comes_once():
    a, b = Scale(), Scale()
    b.w = a.w
    both = nn.ModuleList([a, b])
    assert [name for name, _ in both.named_parameters()] == ["0.w"]
    assert len(optim.SGD(both.parameters()).param_groups[0]["params"]) == 1


def test_what_holds_itself_is_no_endless_loop():
    net = Net()
    net.me = net
    net.blocks.append(net.blocks)
    net.first.parent = net
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert "blocks.0.w" in net.state_dict() and "again.w" in net.state_dict()
    assert "..." in repr(net)
    net.train(), net.eval()


def test_a_set_of_modules_is_an_error():
    net = Net()
    net.loose = {Scale()}
    with pytest.raises(TypeError) as caught:
        list(net.parameters())
    assert str(caught.value) == "loose is a set of parameters or modules, which has no order: write a list"


# ---- modes and changes in place -------------------------------------------------------------------------------------------


def test_train_eval_and_apply():
    net, seen = Net(), []
    assert net.training and net.first.training
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.train() is net and all(module.training for module in net.modules())
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Scale"] * 4 + ["Net"]
    with pytest.raises(TypeError, match="train: mode must be a bool, got str 'no'"):
        net.train("no")


def test_requires_grad_and_zero_grad():
    net = Net()
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(ng.ones(2)).sum().backward()
    assert net.first.w.grad.tolist() == [120, 120]
    net.zero_grad(set_to_none=False)
    assert net.first.w.grad.tolist() == [0, 0] and net.more["p"].grad is None
    assert net.zero_grad() is net and net.first.w.grad is None


def test_astype_keeps_every_parameter_object():
    net = Net()
    net(ng.ones(2)).sum().backward()
    before = list(net.parameters())
    held = net.first.w.detach()
    assert net.astype(np.float64) is net
    assert all(p is q and q.dtype == np.float64 for p, q in zip(before, net.parameters(), strict=True))
    assert net.first.w.grad.dtype == np.float64 and net.first.w.grad.tolist() == [120, 120]
    assert net.first.mean.dtype == np.float64 and net.first.calls.dtype == np.int64 and held.dtype == np.float32
    net.zero_grad()
    net(ng.ones(2, dtype=np.float64)).sum().backward()
    assert net.first.w.grad.tolist() == [120, 120]
    with pytest.raises(ng.errors.DTypeError):
        net.astype(np.int64)


def test_a_graph_made_before_astype_raises_instead_of_losing_its_gradient():
    net = Net()
    y = net(ng.ones(2)).sum()
    net.astype(np.float64)
    with pytest.raises(ng.errors.GraphError) as caught:
        y.backward()
    assert (
        str(caught.value) == "backward: a parameter was cast to another dtype after the graph was made: compute the graph again"
    )
    assert all(p.grad is None for p in net.parameters())


# ---- buffers --------------------------------------------------------------------------------------------------------------


def test_register_buffer():
    net = Scale()
    net(ng.ones(2))
    assert net.calls == 1 and net.state_dict()["calls"] == 1
    net.eval()(ng.ones(2))
    assert net.calls == 1
    net.register_buffer("later", None)
    assert net.later is None and "later" not in net.state_dict()
    for name, value, error, message in [
        ("w", np.ones(2), ValueError, "register_buffer: Scale already has an attribute 'w'"),
        ("forward", np.ones(2), ValueError, "register_buffer: Scale already has an attribute 'forward'"),
        ("a.b", np.ones(2), ValueError, "register_buffer: the name must be an attribute name, got 'a.b'"),
        ("a", [1.0], TypeError, "register_buffer: 'a' must be a Tensor or a NumPy array, got list"),
        ("a", nn.Parameter([1.0]), TypeError, "register_buffer: 'a' must be a Tensor or a NumPy array, got Parameter"),
    ]:
        with pytest.raises(error) as caught:
            net.register_buffer(name, value)
        assert str(caught.value) == message


# ---- state ----------------------------------------------------------------------------------------------------------------


def test_state_dict_keeps_its_values():
    net = Net()
    state = net.state_dict()
    assert {"first.w", "again.w", "first.calls", "first.mean", "free"} <= state.keys()
    assert isinstance(state["first.w"], ng.Tensor) and not state["first.w"].requires_grad
    net.first.w.assign(9.0)
    net.first.calls += 5
    assert state["first.w"].tolist() == [1, 1] and state["first.calls"] == 0
    other = Net()
    assert other.load_state_dict(net.state_dict()) == ([], [])
    assert other.first.w.tolist() == [9, 9] and other.first.calls == 5


def test_load_casts_floats_and_takes_whatever_has_array():
    class Odd:
        def __array__(self, dtype=None, copy=None):
            return np.array([3.0, 4.0], np.float64)

    net = nn.ModuleList([Scale()])
    before = net[0].w
    net.load_state_dict({"0.w": Odd(), "0.calls": np.int8(3), "0.mean": [1, 2]})
    assert net[0].w is before and before.tolist() == [3, 4] and before.dtype == np.float32
    assert net[0].calls == 3 and net[0].calls.dtype == np.int64 and net[0].mean.tolist() == [1, 2]


def test_an_error_lists_everything_and_loads_nothing():
    net = nn.ModuleList([Scale(1.0), Scale(2.0)])
    state = {
        "0.w": np.zeros(3),
        "0.calls": np.array(1.5),
        "1.w": np.zeros(2),
        "1.mean": np.zeros(2, complex),
        "2.w": np.zeros(2),
        "x": 1,
    }
    with pytest.raises(ValueError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "load_state_dict: the state does not fit ModuleList, and nothing was loaded\n"
        "  missing: 0.mean, 1.calls\n"
        "  unexpected: 2.w, x\n"
        "  mismatched: 0.w has shape (2,), the state's has (3,); 0.calls has dtype int64, the state's has float64; "
        "1.mean has dtype float32, the state's has complex128"
    )
    assert net[1].w.tolist() == [2, 2]
    with pytest.raises(ValueError) as caught:
        net.load_state_dict(state, strict=False)
    assert "missing" not in str(caught.value) and net[1].w.tolist() == [2, 2]
    assert net.load_state_dict({"1.w": np.zeros(2), "x": 1}, strict=False) == (
        ["0.w", "0.calls", "0.mean", "1.calls", "1.mean"],
        ["x"],
    )
    assert net[1].w.tolist() == [0, 0]
    with pytest.raises(TypeError, match="load_state_dict: expected a dict from name to value, got list"):
        net.load_state_dict([1])


def test_a_tied_parameter_may_come_under_one_name_but_not_with_two_values():
    a, b = Scale(), Scale()
    b.w = a.w
    both = nn.ModuleList([a, b])
    state = both.state_dict()
    del state["1.w"]
    state["0.w"] = [5.0, 6.0]
    both.load_state_dict(state)
    assert b.w.tolist() == [5, 6]
    state["1.w"] = [5.0, 7.0]
    with pytest.raises(ValueError, match=r"mismatched: 1\.w is 0\.w, but the state has two different values for them"):
        both.load_state_dict(state)


def test_loading_does_not_reach_who_holds_the_old_value():
    net = Scale(1.0)
    held, y = net.w.detach(), net(ng.ones(2))
    net.load_state_dict({**net.state_dict(), "w": [4.0, 4.0]})
    assert held.tolist() == [1, 1]
    y.backward()
    assert net.w.grad.tolist() == [1, 1]


# ---- copies ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_deepcopy_and_pickle(copied):
    net = Net()
    net.eval()
    other = copied(net)
    assert [name for name, _ in other.named_parameters()] == NAMES and other.again is other.first
    assert not other.training and other.number == 7
    other.first.w.assign(0.0)
    other.first.calls += 1
    assert net.first.w.tolist() == [1, 1] and net.first.calls == 0
    optimizer = optim.SGD(other.parameters(), lr=1.0)
    other.blocks[0].w.grad = np.float32([1, 1])
    optimizer.step()
    assert other.blocks[0].w.tolist() == [1, 1] and net.blocks[0].w.tolist() == [2, 2]


# ---- hooks ----------------------------------------------------------------------------------------------------------------


def test_forward_hooks():
    net, seen = Scale(2.0), []
    before = net.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    after = net.register_forward_hook(lambda module, args, output: seen.append(output.tolist()))
    x = ng.ones(2)
    assert net(x).tolist() == [2, 2] and seen == [(net, (x,)), [2, 2]]
    change = net.register_forward_pre_hook(lambda module, args: args[0] + 1.0)
    replace = net.register_forward_hook(lambda module, args, output: output * 10.0)
    assert net(x).tolist() == [40, 40]
    for handle in (before, after, change, replace, replace):
        handle.remove()
    seen.clear()
    assert net(x).tolist() == [2, 2] and not seen and net._direct and "_hooks" not in vars(net)
    with pytest.raises(TypeError, match="a hook must be callable, got int"):
        net.register_forward_hook(3)


def test_hooks_of_layers_inside_run_and_are_no_children():
    inner, seen = Scale(2.0), []
    net = nn.Sequential(inner, Scale(3.0))
    net[1].register_forward_hook(lambda module, args, output: seen.append(module))
    inner.register_forward_hook(Scale(5.0))  # a module as a hook is not a child
    with pytest.raises(TypeError):
        net(ng.ones(2))
    assert [name for name, _ in net.named_parameters()] == ["0.w", "1.w"]


def test_a_call_of_its_own_is_respected_inside_sequential():
    class Twice(Scale):
        def __call__(self, x):
            return super().__call__(super().__call__(x))

    assert nn.Sequential(Twice(2.0), Twice(3.0))(ng.ones(2)).tolist() == [36, 36]


# ---- calls and notes ------------------------------------------------------------------------------------------------------


def test_calls_pass_all_arguments():
    class Sum(nn.Module):
        def forward(self, a=1, *rest, scale=1):
            return (a + sum(rest)) * scale

    net = Sum()
    assert (net(), net(2), net(2, 3), net(2, scale=2), net(a=5), net(None or 4, 1, 1, scale=3)) == (1, 2, 5, 4, 5, 18)
    with pytest.raises(TypeError, match="unexpected keyword"):
        net(b=1)
    with pytest.raises(NotImplementedError, match="Module does not define forward"):
        nn.Module()(1)


def notes(call):
    with pytest.raises(Exception) as caught:
        call()
    return getattr(caught.value, "__notes__", [])


def test_an_error_says_which_layer():
    net, wrong = Net(), ng.ones(3)
    assert notes(lambda: net(wrong)) == ["in Net.first Scale(2)"]
    assert notes(lambda: net.first(wrong)) == ["in Scale(2)"]
    net.blocks[1]["a"].w = nn.Parameter([1.0, 2.0, 3.0])
    assert notes(lambda: net(ng.ones(2))) == ["in Net.blocks[1].a Scale(2)"]
    outer = nn.Sequential(nn.Identity(), nn.Sequential(nn.Identity(), Scale()))
    assert notes(lambda: outer(wrong)) == ["in Sequential[1][1] Scale(2)"]
    assert notes(lambda: outer[1](wrong)) == ["in Sequential[1] Scale(2)"]
    outer[1].register_forward_hook(lambda *args: None)
    assert notes(lambda: outer(wrong)) == ["in Sequential[1][1] Scale(2)"]

    class Own(nn.Module):
        def __init__(self):
            self.inside = Scale()

        def forward(self, x):
            raise KeyError("mine")

    assert notes(lambda: Own()(1)) == ["in Own"]
    assert notes(lambda: nn.Sequential(Own())(1)) == ["in Sequential[0] Own"]


def test_repr():
    assert (
        repr(Net())
        == """Net(
  (first): Scale(2)
  (blocks.0): Scale(2)
  (blocks.1.a): Scale(2)
  (blocks.1.b.0): Scale(2)
  (again): Scale(2)
)"""
    )


# ---- containers -----------------------------------------------------------------------------------------------------------


def test_sequential():
    a, b, c = Scale(1.0), Scale(2.0), Scale(3.0)
    net = nn.Sequential(a, b)
    assert net.append(c) is net and len(net) == 3 and list(net) == [a, b, c] and net[-1] is c and b in net
    assert net(ng.ones(2)).tolist() == [6, 6]
    assert isinstance(net[1:], nn.Sequential) and list(net[1:]) == [b, c]
    net[0] = nn.Identity()
    net.insert(0, a)
    del net[1]
    assert list(net) == [a, b, c]
    assert list(nn.Sequential([a, b])) == list(nn.Sequential((a, b))) == list(nn.Sequential(nn.ModuleList([a, b]))) == [a, b]
    assert nn.Sequential()(3) == 3
    named = nn.Sequential({"in": a, "out": b}, name="net")
    assert [name for name, _ in named.named_parameters()] == ["in.w", "out.w"] and named["out"] is b and named[0] is a
    assert list(named[:1]) == [a]
    named.append(c)
    del named[0]
    assert [name for name, _ in named.named_parameters()] == ["out.w", "2.w"]
    assert repr(named) == "Sequential(\n  name='net'\n  (out): Scale(2)\n  (2): Scale(2)\n)"
    for call, error, message in [
        (lambda: nn.Sequential(a, ng.relu), TypeError, None),
        (lambda: nn.Sequential(a, nn.ReLU), TypeError, "Sequential: expected a Module, got the class ReLU; write ReLU(...)"),
        (lambda: nn.Sequential(3), TypeError, "Sequential: expected a Module, got 3"),
        (lambda: net[3], IndexError, "Sequential: index 3 is out of range for 3 items"),
        (lambda: net["a"], TypeError, "Sequential: an index must be an int or a slice, got 'a'"),
        (lambda: named["nope"], KeyError, None),
        (lambda: nn.Sequential({"a.b": a}), ValueError, "Sequential: a name must not be empty or contain a dot, got 'a.b'"),
        (lambda: nn.Sequential(a, name=3), TypeError, "Sequential: name must be a str, got 3"),
    ]:
        with pytest.raises(error) as caught:
            call()
        assert message is None or str(caught.value) == message


def test_lists_and_dicts():
    a, b = Scale(1.0), Scale(2.0)
    items = nn.ModuleList([a]).extend([b])
    assert list(items) == [a, b] and list(items[::-1]) == [b, a] and items[-1] is b
    table = nn.ModuleDict({"a": a})
    table["b"] = b
    assert dict(table.items()) == {"a": a, "b": b} and "a" in table and list(table) == ["a", "b"] and len(table) == 2
    del table["a"]
    assert [name for name, _ in table.named_parameters()] == ["b.w"]
    with pytest.raises(KeyError, match="ModuleDict has no module 'a'; it has b"):
        table["a"]
    with pytest.raises(ValueError, match="a name must be a str, not empty and without a dot"):
        table["a.b"] = a
    parameters = nn.ParameterList([nn.Parameter([1.0])]).append(nn.Parameter([2.0]))
    assert [name for name, _ in parameters.named_parameters()] == ["0", "1"]
    assert repr(parameters) == "ParameterList((1,) float32, (1,) float32)"
    for container in (items, table, parameters):
        with pytest.raises(NotImplementedError, match="does not compute anything"):
            container(1)
    for wrong in (lambda: nn.ModuleList([1]), lambda: nn.ParameterList([a]), lambda: table.update({"c": 3})):
        with pytest.raises(TypeError):
            wrong()


def test_names_of_pytorchs_modules_say_ours():
    """Ported code learns what to write; a subclass may have these names, and hasattr says no."""
    model = nn.Linear(2, 3)
    with pytest.raises(AttributeError, match=r"^a module has no to: write model\.astype\(dtype\) for a dtype, and model alone for a device: nanograd runs on the CPU$"):
        model.to("cuda")
    with pytest.raises(AttributeError, match=r"^a module has no double: write model\.astype\(ng\.float64\)$"):
        model.double()
    assert not hasattr(model, "cuda") and not hasattr(nn.Module, "cpu")
    model.to = nn.Linear(3, 1)
    assert [name for name, _ in model.named_parameters()] == ["weight", "bias", "to.weight", "to.bias"]
