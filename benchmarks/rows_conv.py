# SPDX-License-Identifier: LGPL-3.0-or-later
"""Convolutions: forward, then backward to input, weight and bias; whole steps of a small network of them. float32."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.row import Job, SteadyRow


@dataclass(frozen=True)
class Shape:
    """A convolution of `batch` square images with a square kernel."""

    batch: int
    channels: int
    outputs: int
    size: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    groups: int = 1

    @property
    def arguments(self) -> dict[str, int]:
        """What is given to conv2d by name."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    def arrays(self) -> list[np.ndarray]:
        """Input, weight, bias, and the gradient of the result."""
        out = (self.size + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1
        shapes = [
            (self.batch, self.channels, self.size, self.size),
            (self.outputs, self.channels // self.groups, self.kernel, self.kernel),
            (self.outputs,),
            (self.batch, self.outputs, out, out),
        ]
        rng = np.random.default_rng(0)
        return [rng.standard_normal(shape, np.float32) for shape in shapes]


def make_conv(library: str, *, shape: Shape) -> Job | None:
    """conv2d and its backward, with all three gradients."""
    match library:
        case "nanograd":
            import nanograd as ng

            *leaves, dy = shape.arrays()
            x, w, b = (ng.tensor(array, requires_grad=True) for array in leaves)
            dy, conv2d = ng.tensor(dy), ng.conv2d
        case "torch":
            import torch

            *leaves, dy = shape.arrays()
            x, w, b = (torch.tensor(array, requires_grad=True) for array in leaves)
            dy, conv2d = torch.tensor(dy), torch.nn.functional.conv2d
        case _:
            return None
    arguments = shape.arguments

    def step():
        conv2d(x, w, b, **arguments).backward(dy)
        x.grad = w.grad = b.grad = None

    return Job(step)


SHAPES = {
    "3x3-64-56": ("3x3 s1 p1: 8, 64-64, 56", Shape(8, 64, 64, 56), 0.85),
    "3x3-128-28": ("3x3 s1 p1: 8, 128-128, 28", Shape(8, 128, 128, 28), 0.85),
    "3x3-256-14": ("3x3 s1 p1: 8, 256-256, 14", Shape(8, 256, 256, 14), 0.85),
    "3x3-32-64-32": ("3x3 s1 p1: 32, 32-64, 32", Shape(32, 32, 64, 32), 0.85),
    "3x3-3-32-32": ("3x3 s1 p1: 32, 3-32, 32", Shape(32, 3, 32, 32), 1.1),
    "7x7-s2": ("7x7 s2 p3: 8, 3-64, 112", Shape(8, 3, 64, 112, kernel=7, stride=2, padding=3), 1.1),
    "1x1": ("1x1: 8, 64-256, 56", Shape(8, 64, 256, 56, kernel=1, padding=0), 1.1),
    "3x3-s2": ("3x3 s2: 8, 128-128, 28", Shape(8, 128, 128, 28, stride=2), 0.85),
    "5x5": ("5x5: 16, 32-32, 28", Shape(16, 32, 32, 28, kernel=5, padding=2), 0.85),
    "depthwise": ("depthwise 3x3: 8, 64, 56", Shape(8, 64, 64, 56, groups=64), 0.85),
    "dilated": ("dilated 3x3: 4, 64-64, 56", Shape(4, 64, 64, 56, padding=2, dilation=2), 0.85),
    "small": ("3x3: 1, 1-8, 8", Shape(1, 1, 8, 8), 3),
}


def make_step(library: str, *, batch: int) -> Job | None:
    """zero_grad, forward, cross-entropy, backward, Adam; the network as each library's users write it."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((batch, 3, 32, 32), np.float32), rng.integers(0, 10, batch)
    match library:
        case "nanograd":
            import nanograd as ng
            from nanograd import nn, optim

            model = nn.Sequential(
                *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32, activation="relu")),
                *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64, activation="relu")),
                *(nn.GlobalAvgPool2d(), nn.Dense(64, 128, activation="relu"), nn.Dense(128, 10)),
            )
            x, cross_entropy = ng.tensor(x), ng.cross_entropy
        case "torch":
            import torch
            from torch import nn, optim

            model = nn.Sequential(
                *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
                *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
                *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
            )
            x, labels, cross_entropy = torch.tensor(x), torch.tensor(labels), nn.functional.cross_entropy
        case _:
            return None
    optimizer = optim.Adam(model.parameters())

    def step():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

    return Job(step)


ROWS = [
    *(SteadyRow("conv", name, f"conv {title}", partial(make_conv, shape=shape), bar) for name, (title, shape, bar) in SHAPES.items()),
    *(SteadyRow("conv", f"net-batch-{batch}", f"Adam step, conv-bn-relu net, 32x32, batch {batch}", partial(make_step, batch=batch), bar)
      for batch, bar in ((1, 2.0), (32, 1.0))),
]  # fmt: skip
