# SPDX-License-Identifier: LGPL-3.0-or-later
"""Learn to read the digits of digits_mlp.py with convolutions, batch normalisation and global average pooling.

    python examples/digits_cnn.py [--seed 0] [--epochs 20] [--out digits_cnn.png]

In every epoch each digit is rotated, shifted and zoomed a little differently. The held-out fifth is that of digits_mlp.py,
and no choice is based on it: widths and distortion come from a cross-validation within the other four fifths
(`digits_cnn_choice.py`), all of which is then trained on, and the last epoch's weights are the ones that count.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

import nanograd as ng
from nanograd import data, nn, optim

try:
    import matplotlib
    from digits_mlp import load_parts, print_confusion
    from tqdm import tqdm
except ImportError as error:
    sys.exit(f'{Path(__file__).stem}: {error.name} is missing; python -m pip install ".[examples]"')

WIDTHS, EPOCHS, DISTORTION = (32, 32, 64, 64), 20, {"degrees": 10.0, "shift": 0.5, "zoom": 0.1}
LEARNING_RATE, LABEL_SMOOTHING, BATCH_SIZE = 3e-3, 0.1, 32
EXPECTED = 0.985


def load_images(seed):
    """The digits as {"train", "held-out"} -> (images (N, 1, 8, 8) in [0, 1], labels)."""
    parts = load_parts(seed)
    rest = (np.concatenate(both) for both in zip(parts["train"], parts["validation"], strict=True))
    parts = {"train": tuple(rest), "held-out": parts["held-out"]}
    return {name: (pixels.reshape(-1, 1, 8, 8), labels) for name, (pixels, labels) in parts.items()}


def make_model(widths=WIDTHS):
    """Images (N, 1, H, W) -> 3 x 3 convolutions of these widths -> the mean over all positions -> 10 logits."""
    layers, channels = [], 1
    for width in widths:
        # Batch normalisation subtracts the mean, and with it whatever bias the convolution would have added.
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width, activation="relu")]
        channels = width
    return nn.Sequential(*layers, nn.GlobalAvgPool2d(), nn.Dense(channels, 10))


def distort(images, degrees, shift, zoom):
    """Each image (N, 1, H, W) rotated, shifted and zoomed at random, up to the given limits; bilinear, zeros outside."""
    n, _, height, width = images.shape

    def draw(low, high):
        return ng.uniform(low, high, (n, 1, 1)).numpy()

    # Places as complex numbers about the centre: to turn and to zoom is one multiplication.
    there = np.arange(width) - (width - 1) / 2 + 1j * (np.arange(height)[:, None] - (height - 1) / 2)
    there = there * draw(1 - zoom, 1 + zoom) * np.exp(1j * np.radians(draw(-degrees, degrees)))
    there = there + draw(-shift, shift) + 1j * draw(-shift, shift)
    padded = np.pad(images[:, 0], ((0, 0), (1, 2), (1, 2)))
    x = np.clip(there.real + (width - 1) / 2, -1, width) + 1
    y = np.clip(there.imag + (height - 1) / 2, -1, height) + 1
    column, row, which = x.astype(int), y.astype(int), np.arange(n)[:, None, None]
    x, y = x - column, y - row
    above = (1 - x) * padded[which, row, column] + x * padded[which, row, column + 1]
    below = (1 - x) * padded[which, row + 1, column] + x * padded[which, row + 1, column + 1]
    return ((1 - y) * above + y * below).astype(images.dtype)[:, None]


@ng.no_grad()
def predict(model, images):
    """Logits (N, 10), with the running statistics of the batch normalisations."""
    model.eval()
    return np.concatenate([model(x).numpy() for (x,) in data.ArrayLoader(images, batch_size=100)])


def evaluate(model, images, labels):
    """Mean loss and accuracy."""
    logits = predict(model, images)
    return ng.cross_entropy(logits, labels).item(), float(np.mean(logits.argmax(axis=1) == labels))


def epochs_of_training(model, images, labels, epochs, distortion):
    """Train, and yield after each epoch; the learning rate falls along a cosine."""
    optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(epochs):
        model.train()
        optimizer.lr = LEARNING_RATE * (1 + math.cos(math.pi * epoch / epochs)) / 2
        distorted = distort(images, **distortion)
        for x, target in data.ArrayLoader(distorted, labels, batch_size=BATCH_SIZE, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            loss = ng.cross_entropy(model(x), target, label_smoothing=LABEL_SMOOTHING)
            loss.backward()
            optimizer.step()
        yield epoch


def fit(model, parts, epochs, distortion=DISTORTION):
    """Train, return losses and accuracies by epoch: of a thousand undistorted training images, and of the held-out ones."""
    history = []
    images, labels = parts["train"]
    seen = {"train": (images[:1000], labels[:1000]), "held-out": parts["held-out"]}
    steps = epochs_of_training(model, images, labels, epochs, distortion)
    try:
        # disable=None: quiet where there is no terminal
        with tqdm(steps, total=epochs, bar_format="{desc} {bar} {elapsed}", disable=None) as bar:
            for epoch in bar:
                scores = [evaluate(model, *part) for part in seen.values()]
                history.append([*scores[0], *scores[1]])
                bar.set_description_str(f"epoch {epoch + 1}, loss {scores[0][0]:.4f}, held-out accuracy {scores[1][1]:.2%}")
    except KeyboardInterrupt:
        print(f"Ctrl-C after {len(history)} of {epochs} epochs: keeping the weights as they are")
    return np.array(history).reshape(-1, 4)


def plot_curves(loss, accuracy, history):
    """Both parts by epoch, into two axes."""
    epochs = np.arange(1, len(history) + 1)
    for column, part in enumerate(("training", "held out")):
        loss.plot(epochs, history[:, 2 * column], label=part)
        accuracy.plot(epochs, 100 * history[:, 2 * column + 1], label=part)
    loss.set(ylabel="cross-entropy", ylim=(0, None))
    accuracy.set(ylabel="accuracy (%)")
    for axis in (loss, accuracy):
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()


def strongest(maps, count=16):
    """Of the maps (C, H, W) those of the largest magnitude, each divided by its largest magnitude."""
    chosen = maps[np.sort(np.argsort(-np.abs(maps).mean(axis=(1, 2)))[:count])]
    return chosen / np.maximum(np.abs(chosen).max(axis=(1, 2), keepdims=True), 1e-12)


def tiles(maps):
    """16 maps (16, H, W) as one image of 4 x 4 tiles, with gaps of NaN."""
    gap = max(1, maps.shape[-1] // 8)
    maps = np.pad(maps, ((0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    rows = maps.reshape(4, 4, *maps.shape[1:]).swapaxes(1, 2)
    return rows.reshape(4 * maps.shape[1], -1)[:-gap, :-gap]


def show(axis, image, title, **options):
    """An image without ticks."""
    axis.imshow(image, **options)
    axis.set_title(title, fontsize=9)
    axis.axis("off")


@ng.no_grad()
def save_picture(path, model, history, images, labels, logits):
    """Curves, what the layers make of a digit, and the least sure digits with the places that spoke for and against."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    probabilities = ng.softmax(logits, axis=1).numpy()
    said, sure = probabilities.argmax(axis=1), probabilities[np.arange(len(labels)), labels]
    figure = plt.figure(figsize=(10, 9), layout="constrained")
    top, middle, bottom = figure.subfigures(3, height_ratios=(1.4, 1.1, 1.8))
    plot_curves(*top.subplots(1, 2), history)

    shown = images[np.argmax(sure * (labels == 5))]
    middle.suptitle("What the convolutions make of a digit: 16 channels of each", fontsize=10)
    first, *axes = middle.subplots(1, 1 + len(WIDTHS), gridspec_kw={"wspace": 0.08})
    show(first, shown[0], "what comes in", cmap="gray_r")
    for i, axis in enumerate(axes, 1):
        show(axis, tiles(strongest(model[: 2 * i](shown[None]).numpy()[0])), f"convolution {i}")

    bottom.suptitle("The held-out digits it is least sure about, and which places spoke for what", fontsize=10)
    # The pooling is a mean over places, so each place has its part in the difference of two logits.
    weight = model[-1].weight.numpy()
    for (digit, places), i in zip(bottom.subplots(2, 6).T, np.argsort(sure)):
        other = said[i] if said[i] != labels[i] else np.argsort(-logits[i])[1]
        evidence = np.tensordot(weight[labels[i]] - weight[other], model[:-2](images[i : i + 1]).numpy()[0], axes=1)
        limit = np.abs(evidence).max()
        show(digit, images[i, 0], f"true {labels[i]}, said {said[i]} ({probabilities[i, said[i]]:.2f})", cmap="gray_r")
        show(places, evidence, f"blue: {labels[i]}, red: {other}", cmap="RdBu", vmin=-limit, vmax=limit)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits with a convolutional network.")
    parser.add_argument("--seed", type=int, default=0, help="for the weights, the batches and the distortions")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=Path("digits_cnn.png"), help="where to save the picture")
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")

    ng.manual_seed(options.seed)
    parts = load_images(options.seed)
    model = make_model()
    history = fit(model, parts, options.epochs)

    images, labels = parts["held-out"]
    logits = predict(model, images)
    said = logits.argmax(axis=1)
    print_confusion(labels, said)
    right = np.sum(said == labels)
    print(f"seed {options.seed}: {right} of {len(labels)} held-out digits right ({right / len(labels):.2%})")
    save_picture(options.out, model, history, images, labels, logits)
    print(f"picture: {options.out.resolve()}")
    if len(history) >= EPOCHS and right < EXPECTED * len(labels):
        sys.exit(f"expected at least {EXPECTED:.1%} after {EPOCHS} epochs")


if __name__ == "__main__":
    main()
