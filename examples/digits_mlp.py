# SPDX-License-Identifier: LGPL-3.0-or-later
"""Learn to read handwritten digits: the 1,797 real ones that scikit-learn ships, 8 x 8 pixels each.

    python examples/digits_mlp.py [--seed 0] [--epochs 40] [--out digits_mlp.png]

A fixed fifth of the digits is held out, the same for every seed. Its accuracy is shown while the network learns and at
the end, but no choice is based on it: of the other four fifths an eighth is set apart as the validation part, which
decides which epoch's weights are kept; the widths, the learning rate, the label smoothing and the number of epochs come
from a cross-validation within the four fifths (`digits_mlp_choice.py`).
"""

import argparse
import math
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

import nanograd as ng
from nanograd import data, nn, optim

try:
    import matplotlib
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from tqdm import tqdm
except ImportError as error:
    sys.exit(f'digits_mlp: {error.name} is missing; python -m pip install ".[examples]"')

WIDTHS, LEARNING_RATE, LABEL_SMOOTHING, BATCH_SIZE = (256, 128), 3e-3, 0.1, 32


def load_parts(seed):
    """The digits as {"train", "validation", "held-out"} -> (pixels in [0, 1], labels)."""
    digits = load_digits()
    pixels, labels = (digits.data / 16).astype(np.float32), digits.target
    rest, held_out = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    train, validation = train_test_split(rest, test_size=0.125, stratify=labels[rest], random_state=seed)
    parts = {"train": train, "validation": validation, "held-out": held_out}
    return {name: (pixels[index], labels[index]) for name, index in parts.items()}


def make_model(widths=WIDTHS):
    """64 pixels -> hidden layers with ReLU -> 10 logits."""
    sizes = (64, *widths)
    hidden = [nn.Dense(i, o, activation="relu") for i, o in pairwise(sizes)]
    return nn.Sequential(*hidden, nn.Dense(sizes[-1], 10))


@ng.no_grad()
def evaluate(model, pixels, labels):
    """Mean loss and accuracy."""
    logits = model(pixels)
    return ng.cross_entropy(logits, labels).item(), float(np.mean(logits.argmax(axis=1) == labels))


def epochs_of_training(model, pixels, labels, epochs, rate=LEARNING_RATE, smoothing=LABEL_SMOOTHING):
    """Train, and yield after each epoch; the learning rate falls along a cosine."""
    optimizer = optim.Adam(model.parameters(), lr=rate)
    batches = data.ArrayLoader(pixels, labels, batch_size=BATCH_SIZE, shuffle=True)
    for epoch in range(epochs):
        optimizer.lr = rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
        for x, target in batches:
            optimizer.zero_grad()
            loss = ng.cross_entropy(model(x), target, label_smoothing=smoothing)
            loss.backward()
            optimizer.step()
        yield epoch


def fit(model, parts, epochs):
    """Train, keep the weights that were best on the validation part, return losses and accuracies by epoch."""
    history, best, best_epoch, best_score = [], model.state_dict(), 0, (0.0, -math.inf)
    steps = epochs_of_training(model, *parts["train"], epochs)
    try:
        # disable=None: quiet where there is no terminal
        with tqdm(steps, total=epochs, bar_format="{desc} {bar} {elapsed}", disable=None) as bar:
            for epoch in bar:
                scores = {name: evaluate(model, *part) for name, part in parts.items()}
                history.append([*scores["train"], *scores["held-out"]])
                loss, accuracy = scores["validation"]
                if (accuracy, -loss) > best_score:
                    # No copy: an optimizer gives parameters new values, and the old ones stay as they are.
                    best, best_epoch, best_score = model.state_dict(), epoch + 1, (accuracy, -loss)
                loss, accuracy = scores["train"][0], scores["held-out"][1]
                bar.set_description_str(f"epoch {epoch + 1}, loss {loss:.4f}, held-out accuracy {accuracy:.2%}")
    except KeyboardInterrupt:
        kept = f"the best weights so far, of epoch {best_epoch}" if best_epoch else "the weights it began with"
        print(f"Ctrl-C after {len(history)} of {epochs} epochs: keeping {kept}")
    model.load_state_dict(best)
    return np.array(history).reshape(-1, 4), best_epoch


def print_confusion(labels, said):
    """Rows: the true digit; columns: what the network said."""
    table = np.zeros((10, 10), int)
    np.add.at(table, (labels, said), 1)
    print("true \\ said " + "".join(f"{digit:4d}" for digit in range(10)))
    for digit, row in enumerate(table):
        print(f"{digit:11d} " + "".join(f"{count or '.':>4}" for count in row))


def save_picture(path, history, pixels, labels, probabilities):
    """Curves of both parts, and the held-out digits that the network gets wrong with the most confidence."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    said, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(said != labels)
    wrong = wrong[np.argsort(-sure[wrong])][:6]
    figure, axes = plt.subplot_mosaic("LLLAAA;012345", figsize=(10, 5), height_ratios=(2, 1), layout="constrained")
    epochs = np.arange(1, len(history) + 1)
    for column, part in enumerate(("training", "held out")):
        axes["L"].plot(epochs, history[:, 2 * column], label=part)
        axes["A"].plot(epochs, 100 * history[:, 2 * column + 1], label=part)
    axes["L"].set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    axes["A"].set(xlabel="epoch", ylabel="accuracy (%)")
    axes["L"].legend()
    axes["A"].legend()
    for place in "012345":
        axes[place].axis("off")
    for place, i in enumerate(wrong):
        axes[str(place)].imshow(pixels[i].reshape(8, 8), cmap="gray_r")
        axes[str(place)].set_title(f"true {labels[i]}, said {said[i]} ({sure[i]:.2f})", fontsize=9)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description="Learn to read handwritten digits.")
    parser.add_argument("--seed", type=int, default=0, help="for the weights, the batches and the validation part")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("digits_mlp.png"), help="where to save the picture")
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")

    ng.manual_seed(options.seed)
    parts = load_parts(options.seed)
    model = make_model()
    history, best_epoch = fit(model, parts, options.epochs)

    pixels, labels = parts["held-out"]
    with ng.no_grad():
        probabilities = model(pixels).softmax(axis=1).numpy()
    said = probabilities.argmax(axis=1)
    print_confusion(labels, said)
    right = np.sum(said == labels)
    print(f"seed {options.seed}, weights of epoch {best_epoch}: ", end="")
    print(f"{right} of {len(labels)} held-out digits right ({right / len(labels):.2%})")
    save_picture(options.out, history, pixels, labels, probabilities)
    print(f"picture: {options.out.resolve()}")


if __name__ == "__main__":
    main()
