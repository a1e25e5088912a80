# SPDX-License-Identifier: LGPL-3.0-or-later
"""What type checkers see. test_typing.py gives this to mypy, which has to find nothing; an `ignore` that is not needed is an error."""
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import nanograd as ng
from nanograd import nn, optim

x = ng.tensor([[1.0, 2.0]], requires_grad=True)
assert_type(x, ng.Tensor)
assert_type(ng.zeros((2, 3), dtype=ng.float64), ng.Tensor)

# operators
assert_type(x + 1, ng.Tensor)
assert_type(2.0 * x, ng.Tensor)
assert_type([1.0, 2.0] - x, ng.Tensor)
assert_type(-x**2 / x, ng.Tensor)
assert_type(x @ x.T, ng.Tensor)
assert_type(abs(x), ng.Tensor)
assert_type(x[0, ..., None], ng.Tensor)
assert_type(x == 0, NDArray[np.bool_])
assert_type(x < np.zeros(2), NDArray[np.bool_])
assert_type(float(x.sum()), float)
for row in x:
    assert_type(row, ng.Tensor)
x[0] = 1.0  # type: ignore[index]

# attributes
assert_type(x.shape, tuple[int, ...])
assert_type(x.grad, ng.Tensor | None)
assert_type(x.requires_grad, bool)
assert_type(x.grad_fn, ng.Node | None)
assert_type(x.item(), float)
assert_type(x.numpy(), NDArray[np.float32] | NDArray[np.float64])
assert_type(x.requires_grad_(), ng.Tensor)
x.shape = (2,)  # type: ignore[misc]
x.view(2)  # type: ignore[attr-defined]

# functions, also as methods
assert_type(ng.exp(np.zeros(2)), ng.Tensor)
assert_type(x.exp().reshape(2, 1).sum(axis=0, keepdims=True), ng.Tensor)
assert_type(x.softmax(-1).log(), ng.Tensor)
assert_type(x.topk(1), tuple[ng.Tensor, NDArray[np.int64]])
assert_type(x.split(1), list[ng.Tensor])
assert_type(ng.isnan(x), NDArray[np.bool_])
assert_type(ng.randint(0, 3, (2,)), NDArray[np.int64])
assert_type(ng.cross_entropy(x, [1], reduction="sum"), ng.Tensor)
ng.cross_entropy(x, [1], reduction="total")  # type: ignore[arg-type]
ng.sum(x, axes=0)  # type: ignore[call-arg]

# autograd
x.sum().backward(retain_graph=True)
assert_type(ng.grad(x.sum(), [x]), tuple[ng.Tensor | None, ...])
with ng.no_grad():
    pass


@ng.no_grad()
def evaluate(values: ng.Tensor) -> float:
    return values.mean().item()


assert_type(evaluate(x), float)


# networks
class Net(nn.Module):
    def __init__(self, width: int) -> None:
        self.layers = nn.Sequential(nn.Linear(2, width, activation="relu"), nn.Dense(width, 1))
        self.scale = nn.Parameter(1.0)

    def forward(self, x: ng.Tensor) -> ng.Tensor:
        y = self.layers(x)
        assert isinstance(y, ng.Tensor)
        return y * self.scale


model = Net(4)
assert_type(model.scale.assign(2.0), nn.Parameter)
optimizer = optim.Adam(model.parameters(), lr=0.1)
assert_type(optimizer, optim.Adam)
