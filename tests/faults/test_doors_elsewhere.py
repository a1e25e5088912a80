# SPDX-License-Identifier: LGPL-3.0-or-later
"""Gradients on the way into pandas, scikit-learn, matplotlib, safetensors: each test runs where its library is installed."""
import numpy as np
import pytest

import nanograd as ng
from nanograd import nn, optim
from nanograd.errors import GraphError

LOST = r"write (x\.detach\(\) or )?x\.numpy\(\) for its values?"


@pytest.fixture
def x():
    return ng.tensor([1.0, 2.0, 3.0], dtype=ng.float64, requires_grad=True) * 1


def refused(x, **calls):
    """Each raises for a tensor whose gradient would be lost, and runs for its values, and without grad mode."""
    for name, call in calls.items():
        with pytest.raises(GraphError, match=LOST):
            call(x)
            pytest.fail(name)
        call(x.numpy())
        call(x.detach())
        with ng.no_grad():
            call(x)


def test_pandas(x):
    pd = pytest.importorskip("pandas")
    series, frame = pd.Series([1.0, 2.0, 3.0]), pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    refused(x, series=pd.Series, frame=lambda x: pd.DataFrame({"b": x}), assign=lambda x: frame.assign(b=x))
    with pytest.raises(GraphError, match=LOST):
        series * x
    with pytest.raises(GraphError, match=LOST):
        frame["a"] + x
    (x * series).sum().backward()                # the tensor on the left keeps its gradient


def test_scikit_learn(x):
    metrics = pytest.importorskip("sklearn.metrics")
    linear_model = pytest.importorskip("sklearn.linear_model")
    target = np.array([1.0, 2.5, 3.0])
    refused(x, error=lambda x: metrics.mean_squared_error(target, x), score=lambda x: metrics.r2_score(x, target),
            fit=lambda x: linear_model.Ridge().fit(x.reshape(-1, 1), target))


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    figure = plt.figure()
    yield plt
    plt.close(figure)


def test_matplotlib(x, plt):
    refused(x, plot=plt.plot, against=lambda x: plt.plot([1, 2, 3], x), scatter=lambda x: plt.scatter(x, x), hist=plt.hist,
            bar=lambda x: plt.bar([1, 2, 3], x))


def test_a_tensor_without_gradient_is_plotted(x, plt):
    """Also one that an operation made."""

    class Steps(ng.Function):
        @staticmethod
        def forward(ctx, x):
            out = np.floor(x.numpy())
            ctx.mark_non_differentiable(out)
            return out

        @staticmethod
        def backward(ctx, dy):
            return dy

    with ng.no_grad():
        results = [x * 2, x]
    results += [x.detach() * 2, Steps.apply(x), ng.tensor([1.0, 2.0]), x.detach()[1:]]
    with ng.no_grad():
        for y in results[:2]:
            plt.plot(y)
            plt.plot(y, y)
    for y in results[2:]:
        line, = plt.plot(y)
        assert line.get_ydata().tolist() == y.tolist()
        plt.plot(y, y)


def test_losses_that_are_plotted(plt):
    w = ng.tensor([1.0, 2.0], requires_grad=True)
    losses, numbers = [], []
    for _ in range(3):
        loss = (w * w).sum()
        losses.append(loss)
        numbers.append(loss.item())
    with pytest.raises(GraphError, match=r"keep `loss\.item\(\)`"):
        plt.plot(losses)
    line, = plt.plot(numbers)
    assert list(line.get_ydata()) == [5, 5, 5]


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    state = nn.Linear(2, 3).state_dict()
    with pytest.raises(AttributeError, match=r"\{k: v\.numpy\(\) for k, v in state\.items\(\)\}"):
        safetensors.save_file(state, tmp_path / "model.safetensors")
    safetensors.save_file({k: v.numpy() for k, v in state.items()}, tmp_path / "model.safetensors")
    other = nn.Linear(2, 3)
    other.load_state_dict(safetensors.load_file(tmp_path / "model.safetensors"))
    assert all(np.array_equal(state[name], value) for name, value in other.state_dict().items())


def test_what_libraries_that_save_ask_of_an_array_says_what_to_save():
    x = ng.zeros(2)
    for name in ("ctypes", "tobytes", "byteswap"):
        with pytest.raises(AttributeError, match=rf"a tensor has no {name}: write x\.numpy\(\)\.{name}.*v\.numpy\(\) for k, v in state"):
            getattr(x, name)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:The given buffer is not writable")
def test_pytorch(x):
    torch = pytest.importorskip("torch")
    x = x.astype(ng.float32)                     # torch.asarray reads any buffer as its default dtype
    for call in (torch.asarray, torch.as_tensor, torch.tensor, torch.from_dlpack):
        with pytest.raises((RuntimeError, BufferError)):         # PyTorch tells an error of its own where the buffer is refused
            call(x)
        assert call(x.detach()).tolist() == [1, 2, 3]
    assert torch.from_numpy(x.numpy().copy()).tolist() == [1, 2, 3]


def test_lists_that_hold_themselves_or_nest_without_end_are_no_crash():
    held, deep = [], []
    held.append(held)
    for _ in range(100_000):
        deep = [deep]
    for wrong in (held, deep):
        assert not np.array_equal(ng.ones(2), wrong)
        with pytest.raises(ValueError):
            optim.EMA(nn.Linear(1, 1)).load_state_dict({"decay": 0.5, "averages": {"weight": wrong, "bias": wrong}})
    while deep:                                     # taken apart, or its own release would go as deep
        deep = deep.pop()
