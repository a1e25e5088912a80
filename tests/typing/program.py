# SPDX-License-Identifier: LGPL-3.0-or-later
"""A user's program as it stands in many projects: test_typing.py gives it to mypy --strict and to pyright, which find nothing."""
from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import nanograd as ng
import nanograd.nn.functional as F
from nanograd import Tensor, nn, optim
from nanograd.data import ArrayLoader


class Encoder(nn.Module):
    """Returns a tuple."""

    def __init__(self, features: int, width: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, width), nn.ReLU(inplace=True), nn.Dropout(0.1))
        self.mean, self.spread = nn.Linear(width, 2), nn.Linear(width, 2, bias=False)

    def forward(self, x: Tensor, sample: bool = True) -> tuple[Tensor, Tensor]:
        h = self.body(x)
        assert_type(h, Tensor)
        return self.mean(h), self.spread(h).exp()


class Heads(nn.Module):
    """Returns a dict, and takes a keyword."""

    def __init__(self, names: list[str]) -> None:
        self.heads = nn.ModuleDict({name: nn.Linear(2, 1) for name in names})
        self.scale = nn.Parameter(1.0)
        self.register_buffer("seen", np.zeros((), np.int64))

    def forward(self, z: Tensor, *, temperature: float = 1.0) -> dict[str, Tensor]:
        return {name: head(z) * self.scale / temperature for name, head in self.heads.items()}


class Model(nn.Module):
    """Modules within modules, and in lists."""

    def __init__(self, features: int) -> None:
        self.encoder = Encoder(features)
        self.heads = Heads(["a", "b"])
        self.blocks = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
        self.norm = nn.LayerNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.encoder(x)
        assert_type(mean, Tensor)
        z = mean + spread * ng.randn(*mean.shape)
        for block in self.blocks:
            z = F.relu(block(z))
        outputs = self.heads(self.norm(z), temperature=2.0)
        assert_type(outputs, dict[str, Tensor])
        return outputs["a"] + outputs["b"]


def initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def train(model: Model, loader: ArrayLoader, epochs: int) -> list[float]:
    optimizer = optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99))
    loss_fn = nn.MSELoss()
    average = optim.EMA(model, decay=0.9)
    losses: list[float] = []
    model.train()
    for _ in range(epochs):
        for batch in loader:
            assert_type(batch, tuple[Any, ...])
            xb, yb = batch
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            assert_type(loss, Tensor)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            assert_type(norm, float)
            optimizer.step()
            average.update()
            losses.append(loss.item())
    with average.apply():
        evaluate(model, np.zeros((2, 3)))
    return losses


@ng.no_grad()
def evaluate(model: nn.Module, x: NDArray[np.float64]) -> float:
    model.eval()
    return float(model(ng.tensor(x, dtype=ng.float32)).mean())


def closure_step(model: Model, x: Tensor) -> Tensor:
    optimizer = optim.SGD([{"params": list(model.parameters()), "lr": 0.1}], momentum=0.9)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    assert_type(loss, Tensor)
    optimizer.lr = optimizer.lr * 0.5
    return loss


def save_and_load(model: Model, path: str) -> None:
    np.savez(path, **model.state_dict())
    missing, unexpected = model.load_state_dict(np.load(path), strict=False)
    assert_type(missing + unexpected, list[str])
    for name, parameter in model.named_parameters():
        assert_type(name, str)
        assert_type(parameter, nn.Parameter)
        parameter.assign(np.zeros(parameter.shape))
        if parameter.grad is not None:
            parameter.grad = None


def apply_layer(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return layer(x)


def log(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
    print(type(module).__name__, output.shape)


model = Model(3)
assert_type(model.apply(initialise), Model)
assert_type(model.astype(ng.float32).eval().train(), Model)
x = ng.randn(4, 3)
assert_type(model(x), Tensor)
assert_type(model.encoder(x, sample=False), tuple[Tensor, Tensor])
assert_type(model.heads(x[:, :2]), dict[str, Tensor])
handle = model.encoder.register_forward_hook(lambda module, args, output: None)
handle.remove()
model.norm.register_forward_hook(log).remove()

seq = nn.Sequential(nn.Conv2d(1, 4, 3, padding="same", activation="relu"), nn.BatchNorm2d(4, bias=False), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(16, 3, activation=ng.tanh, dtype=ng.float32, name="last"))
assert_type(seq, nn.Sequential)
assert_type(seq[0], nn.Module)
assert_type(seq[-1], nn.Module)
assert_type(seq[1:], nn.Sequential)
assert_type(seq[1:](ng.zeros((2, 4, 4, 4))), Tensor)
assert_type(seq(ng.zeros((2, 1, 4, 4))), Tensor)
for layer in seq:
    assert_type(layer, nn.Module)
first = seq[0]
if isinstance(first, nn.Conv2d):
    assert_type(first.weight, nn.Parameter)
    assert_type(first(ng.zeros((1, 1, 4, 4))), Tensor)
seq.append(nn.Softmax(dim=-1)).extend([nn.Identity()])
assert_type(apply_layer(nn.Tanh(), x), Tensor)
assert_type(apply_layer(nn.Linear(3, 3), x), Tensor)
assert_type(model.blocks[0], nn.Module)
assert_type(model.blocks[:1], nn.ModuleList)
assert_type(nn.ParameterList([nn.Parameter(1.0)])[0], nn.Parameter)
assert_type(nn.Identity()(3), int)
assert_type(nn.Embedding(3, 2)([0, 1]), Tensor)
assert_type(nn.CrossEntropyLoss(label_smoothing=0.1)(x, np.array([0, 1, 2, 0])), Tensor)
assert_type(F.cross_entropy(x, [0, 1, 2, 0], reduction="sum"), Tensor)
assert_type(F.dropout(F.silu(x, inplace=True), 0.5, training=True), Tensor)
assert_type(F.max_pool2d(ng.zeros((1, 1, 4, 4)), (2, 2)), Tensor)
assert_type(list(model.parameters()), list[nn.Parameter])
assert_type(dict(model.named_modules()), dict[str, nn.Module])
assert_type(nn.utils.parameters_to_vector(model.parameters()), Tensor)
assert_type(ng.normalize(x), Tensor)
ng.testing.assert_close(x, x.numpy())
train(model, ArrayLoader(np.zeros((8, 3)), np.zeros((8, 1)), batch_size=4, shuffle=True), 2)
