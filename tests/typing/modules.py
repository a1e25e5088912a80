# SPDX-License-Identifier: LGPL-3.0-or-later
"""Modules of all shapes, as users write them; like program.py read by mypy --strict and pyright."""
import collections
import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, assert_type

import numpy as np

import nanograd as ng
from nanograd import Tensor, data, nn, optim


class Pair(NamedTuple):
    mean: Tensor
    spread: Tensor


@dataclasses.dataclass
class Output:
    value: Tensor
    steps: int


class Named(nn.Module):
    def __init__(self) -> None:
        self.fc = nn.Linear(2, 2)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Pair:
        h = self.fc(x) if state is None else self.fc(x) + state
        return Pair(h, h.exp())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells: list[nn.Module] = [nn.Linear(2, 2) for _ in range(3)]
        self.table = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}

    def forward(self, x: Tensor, *states: Tensor, last: bool = False) -> Output:
        for cell, state in zip(self.cells, states):
            x = cell(x) + state
        return Output(self.table["a"](x), len(states))


class Base(nn.Module):
    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Residual(Base):
    def __init__(self, body: nn.Module) -> None:
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


class Scaled(nn.Linear):
    """A layer of ours, extended."""

    def __init__(self, features: int, scale: float) -> None:
        super().__init__(features, features, bias=False, dtype=ng.float32)
        self.scale = scale

    def forward(self, input: Any) -> Tensor:
        return super().forward(input) * self.scale


class Numbers(nn.Module):
    """Nothing but numbers in and out."""

    def forward(self, count: int) -> float:
        return count / 2


class Block(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, width), nn.Tanh())


class Frozen(nn.BatchNorm1d):
    def train(self, mode: bool = True) -> "Frozen":
        super().train(False)
        return self


x = ng.ones((4, 2))
assert_type(Named()(x), Pair)
assert_type(Named()(x, None).spread, Tensor)
assert_type(Recurrent()(x, x, x, last=True), Output)
assert_type(Recurrent()(x).steps, int)
assert_type(Residual(nn.Linear(2, 2))(x), Tensor)
assert_type(Scaled(2, 0.5)(x), Tensor)
assert_type(Numbers()(3), float)
assert_type(Block(2)(x), Tensor)
assert_type(Frozen(2)(x), Tensor)
wrong = Named()
wrong()  # type: ignore  # forward needs x
wrong(x, states=x)  # type: ignore  # forward has no such argument
Numbers()("3")  # type: ignore  # forward takes an int

layers: list[nn.Module] = [nn.Linear(2, 2), nn.LeakyReLU(0.1, inplace=True)]
assert_type(nn.Sequential(*layers)(x), Tensor)
assert_type(nn.Sequential(layers), nn.Sequential)
assert_type(nn.Sequential(collections.OrderedDict(first=nn.Linear(2, 2)))["first"], nn.Module)
heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
heads["b"] = nn.Dense(2, 1, "tanh")
assert_type(heads["a"], nn.Module)
assert_type(list(heads), list[str])
assert_type(nn.GroupNorm(1, 2, bias=False, dtype=ng.float64, name="norm")(ng.ones((1, 2), dtype=ng.float64)), Tensor)
assert_type(nn.RMSNorm(2, eps=None)(x), Tensor)


def parameters(modules: Sequence[nn.Module]) -> list[nn.Parameter]:
    return [p for module in modules for p in module.parameters()]


optimizers: list[optim.Optimizer] = [
    optim.SGD(parameters(layers), lr=0.1, momentum=0.9, nesterov=True), optim.AdamW(Named().named_parameters(), weight_decay=0.1),
    optim.RMSprop([{"params": layers[0].parameters(), "lr": 0.1}, {"params": [nn.Parameter(1.0)]}]), optim.Adagrad([nn.Parameter([0.0])]),
]
for optimizer in optimizers:
    optimizer.param_groups[0]["lr"] *= 0.5
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step()


def closure() -> Tensor:
    optimizers[0].zero_grad()
    loss = (nn.Sequential(*layers)(x) ** 2).sum()
    loss.backward()
    return loss


optim.scipy_minimize(closure, parameters(layers), options={"maxiter": 3})
loader = data.ArrayLoader(np.zeros((4, 2)), [0, 1, 0, 1], batch_size=2, drop_last=True, generator=ng.Generator(0))
for xb, yb in loader:
    nn.functional.cross_entropy(nn.Linear(2, 2)(xb), yb).backward()
loader.load_state_dict(loader.state_dict())
assert_type(len(loader), int)
assert_type(next(iter(loader)), tuple[Any, ...])
