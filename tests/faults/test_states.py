# SPDX-License-Identifier: LGPL-3.0-or-later
"""States that were loaded in part, or lost a piece, in silence: of optimizers and loaders; settings that were ignored."""
import itertools
import json
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import nanograd as ng
from nanograd import optim
from nanograd.nn import Parameter

OPTIMIZERS = [
    (optim.SGD, {}), (optim.SGD, {"momentum": 0.9}), (optim.Adam, {}), (optim.Adam, {"amsgrad": True}), (optim.AdamW, {}),
    (optim.RMSprop, {}), (optim.RMSprop, {"momentum": 0.5, "centered": True}), (optim.Adagrad, {}),
]
each_optimizer = pytest.mark.parametrize("cls, options", OPTIMIZERS)


def trained(cls, options, steps=3):
    rng = np.random.default_rng(1)
    params = [Parameter(rng.standard_normal(shape)) for shape in ((2, 3), (4,), ())]
    optimizer = cls(params, **options)
    for _ in range(steps):
        train(optimizer, rng)
    return optimizer


def train(optimizer, rng):
    for p in optimizer.param_groups[0]["params"]:
        p.grad = rng.standard_normal(p.shape)
    optimizer.step()


def as_json(state):
    def plain(value):
        return value.tolist() if isinstance(value, ng.Tensor) else value
    return json.loads(json.dumps({"state": {key: {name: plain(v) for name, v in entry.items()} for key, entry in state["state"].items()},
                                  "param_groups": state["param_groups"]}))


def parameters(optimizer):
    return [p.numpy() for p in optimizer.param_groups[0]["params"]]


# ---- optimizers ----


@each_optimizer
def test_a_state_that_went_through_json_goes_on_exactly(cls, options):
    one = trained(cls, options)
    other = trained(cls, options, steps=0)
    for p, q in zip(one.param_groups[0]["params"], other.param_groups[0]["params"]):
        q.assign(p)
    state = as_json(one.state_dict())
    assert set(state["state"]) == {"0", "1", "2"}
    other.load_state_dict(state)
    for optimizer in (one, other):
        train(optimizer, np.random.default_rng(2))
    for a, b in zip(parameters(one), parameters(other)):
        np.testing.assert_array_equal(a, b)


@each_optimizer
@pytest.mark.parametrize("key", [5, "5", "a", -1, 1.5, None, ("a",)])
def test_a_state_that_no_group_lists(cls, options, key):
    optimizer = trained(cls, options)
    before = pickle.dumps(optimizer.state_dict())
    state = optimizer.state_dict()
    state["state"][key] = state["state"].pop(2)
    with pytest.raises(ValueError, match=f"{cls.__name__}.load_state_dict: there is a state for parameter .*, which no group lists; "
                                         r"the groups list \[0, 1, 2\]"):
        optimizer.load_state_dict(state)
    assert pickle.dumps(optimizer.state_dict()) == before


def test_two_states_for_one_parameter():
    optimizer = trained(optim.Adam, {})
    state = optimizer.state_dict()
    state["state"]["1"] = state["state"][1]
    with pytest.raises(ValueError, match="Adam.load_state_dict: there are two states for parameter 1"):
        optimizer.load_state_dict(state)
    state = optimizer.state_dict()
    state["param_groups"][0]["params"] = [0, 0, 1]
    with pytest.raises(ValueError, match=r"Adam.load_state_dict: param_groups lists a parameter twice: \[0, 0, 1\]"):
        optimizer.load_state_dict(state)


@each_optimizer
def test_a_state_that_has_lost_a_piece(cls, options):
    optimizer = trained(cls, options)
    before = pickle.dumps(optimizer.state_dict())
    for key, name in itertools.product(range(3), optimizer.state_dict()["state"][0]):
        if cls is optim.SGD and name == "step":             # PyTorch's SGD keeps none
            continue
        state = optimizer.state_dict()
        del state["state"][key][name]
        if not state["state"][key]:
            continue
        with pytest.raises(ValueError, match=f"{cls.__name__}.load_state_dict: the state of parameter {key} has no {name}: load it whole, "
                                             "or leave the parameter out of 'state' to start it anew"):
            optimizer.load_state_dict(state)
        assert pickle.dumps(optimizer.state_dict()) == before
    if cls is not optim.SGD:
        with pytest.raises(ValueError, match="the state of parameter 0 has no "):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": {0: {"step": 1}}})


def test_what_the_message_advises():
    optimizer = trained(optim.Adam, {})
    state = optimizer.state_dict()
    del state["state"][1]["step"]
    del state["state"][1]
    optimizer.load_state_dict(state)
    assert set(optimizer.state_dict()["state"]) == {0, 2}       # parameter 1 has not stepped
    optimizer.load_state_dict({**state, "state": {0: {}}})      # as PyTorch writes it where a state was only looked at
    assert optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("cls, options, name", [
    (optim.Adam, {}, "exp_avg_sq"), (optim.AdamW, {"amsgrad": True}, "max_exp_avg_sq"), (optim.RMSprop, {}, "square_avg"),
    (optim.Adagrad, {}, "sum")])
def test_negative_squares(cls, options, name):
    optimizer = trained(cls, options)
    before = pickle.dumps(optimizer.state_dict())
    state = optimizer.state_dict()
    state["state"][1][name] = np.array([1.0, -1e-300, 0.0, np.nan])
    with pytest.raises(ValueError, match=f"{cls.__name__}.load_state_dict: {name} of parameter 1 is a mean or sum of squares, but holds"):
        optimizer.load_state_dict(state)
    assert pickle.dumps(optimizer.state_dict()) == before


@each_optimizer
@pytest.mark.parametrize("named", [False, True])
def test_moments_that_are_not_finite_are_loaded_and_named(cls, options, named):
    optimizer = trained(cls, options)
    if named:
        optimizer.param_groups[0]["param_names"] = ["a", "b", "c"]
    state = optimizer.state_dict()
    names = [name for name, value in state["state"][1].items() if isinstance(value, ng.Tensor)]
    if not names:
        return
    value = np.array([np.inf, 1.0, np.nan, 2.0])
    state["state"][1][names[0]] = value
    with pytest.warns(RuntimeWarning, match=f"{cls.__name__}.load_state_dict: infinities or NaN in {names[0]} of parameter "
                                            f"{'b' if named else 1}: loaded as they are") as caught:
        optimizer.load_state_dict(state)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert optimizer.state_dict()["state"][1][names[0]].numpy().tobytes() == value.tobytes()


@pytest.mark.parametrize("cls, options, switched", [
    (optim.SGD, {}, {"momentum": 0.9}), (optim.Adam, {}, {"amsgrad": True}), (optim.RMSprop, {}, {"momentum": 0.9, "centered": True})])
def test_a_setting_switched_on_between_two_steps(cls, options, switched):
    """Its array begins with the next step: such a state is whole, and is not the same as one that lost the array."""
    one = trained(cls, options)
    one.param_groups[0].update(switched)
    other = trained(cls, options, steps=0)
    for p, q in zip(one.param_groups[0]["params"], other.param_groups[0]["params"]):
        q.assign(p)
    other.load_state_dict(as_json(one.state_dict()))
    for optimizer in (one, other):
        train(optimizer, np.random.default_rng(2))
    for a, b in zip(parameters(one), parameters(other)):
        np.testing.assert_array_equal(a, b)


# ---- loaders ----


def loader(rows=10, batch_size=4, shuffle=True, drop_last=False, seed=3):
    return ng.data.ArrayLoader(np.arange(rows), batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, generator=ng.Generator(seed))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("rows", [4, 7, 8])
def test_a_state_saved_after_an_epoch_starts_the_next_one_whole(shuffle, drop_last, rows):
    one, other = loader(rows, 3, shuffle, drop_last), loader(rows, 3, shuffle, drop_last, seed=9)
    epochs = [[batch.tolist() for batch, in one] for _ in range(2)]
    state = one.state_dict()
    other.load_state_dict(state)
    assert other.state_dict()["batch"] == state["batch"]            # saved again at once, it is the same state
    for _ in range(2):
        following = [batch.tolist() for batch, in one]
        assert len(following) == len(one) == len(epochs[0])
        assert [batch.tolist() for batch, in other] == following


def test_stopping_after_every_batch_of_three_epochs():
    def stream(source):
        while True:
            yield from (batch.tolist() for batch, in source)

    whole = list(itertools.islice(stream(loader()), 9))
    one = loader()
    batches, states = stream(one), []
    for _ in range(9):
        next(batches)
        states.append(one.state_dict())
    for i, state in enumerate(states):
        other = loader(seed=0)
        other.load_state_dict(state)
        assert list(itertools.islice(stream(other), 9 - i - 1)) == whole[i + 1:]


def test_loaders_without_rows_resume():
    one, other = loader(0), loader(0)
    assert list(one) == []
    other.load_state_dict(one.state_dict())
    assert list(other) == [] and list(other) == []


@pytest.mark.parametrize("rows, batch_size, there", [(3, 4, "there are 3 rows"), (1, 2, "there is 1 row"), (0, 1, "there are 0 rows")])
def test_dropping_the_only_batch(rows, batch_size, there):
    with pytest.raises(ValueError) as caught:
        loader(rows, batch_size, drop_last=True)
    assert str(caught.value) == (f"ArrayLoader: with drop_last=True it would never yield a batch: batch_size is {batch_size}, and {there}; "
                                 "write drop_last=False or a smaller batch_size")
    assert len(loader(rows, batch_size)) == (rows > 0)


# ---- the environment ----


def imported(**environment):
    code = "import nanograd as ng; ng.ones(3).sum(); print(ng.get_num_threads())"
    clean = {name: value for name, value in os.environ.items() if name not in ("NANOGRAD_NUM_THREADS", "OMP_NUM_THREADS")}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean | environment)


@pytest.mark.parametrize("value", ["abc", "0", "-1", "2.0", "1e1", "2 threads", " ", "0x2", "٢"])
def test_a_number_of_threads_that_is_none(value):
    done = imported(NANOGRAD_NUM_THREADS=value)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"ImportError: nanograd: NANOGRAD_NUM_THREADS={value} is not a positive int; set it to a number "
                                        "such as 2, or unset it")


@pytest.mark.parametrize("environment", [{"NANOGRAD_NUM_THREADS": ""}, {"OMP_NUM_THREADS": "abc"}, {"OMP_NUM_THREADS": "0"},
                                         {"NANOGRAD_NUM_THREADS": "", "OMP_NUM_THREADS": ""}])
def test_an_unset_number_of_threads_and_what_is_others(environment):
    done, free = imported(**environment), imported()
    assert (done.returncode, done.stdout) == (0, free.stdout), done.stderr


@pytest.mark.parametrize("value, asked", [("1", 1), (" 1 ", 1), ("+01", 1), ("99999999999999999999", None)])
def test_a_number_of_threads(value, asked):
    done = imported(NANOGRAD_NUM_THREADS=value, OMP_NUM_THREADS="1" if asked is None else "")
    expected = f"{asked}\n" if asked else imported().stdout        # a large number is a number: ours goes before OMP_NUM_THREADS
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


def test_a_good_state_warns_of_nothing():
    optimizer = trained(optim.Adam, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.load_state_dict(optimizer.state_dict())
