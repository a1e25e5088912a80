# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the network of digits_cnn.py was chosen: five-fold cross-validation that never sees the held-out fifth.

    python examples/digits_cnn_choice.py

Each line is the mean accuracy and loss, on the folds left out, of networks trained on the other four. Learning rate,
batch size and label smoothing are those that digits_mlp_choice.py found; the number of epochs was set before.
"""

from itertools import product

import numpy as np
from digits_cnn import EPOCHS, epochs_of_training, evaluate, load_images, make_model
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

import nanograd as ng

DISTORTIONS = [
    {"degrees": 0.0, "shift": 0.0, "zoom": 0.0},
    {"degrees": 10.0, "shift": 0.5, "zoom": 0.1},
    {"degrees": 15.0, "shift": 1.0, "zoom": 0.15},
]
GRID = list(product([(32, 64, 64), (32, 32, 64, 64)], DISTORTIONS))


def score(images, labels, widths, distortion):
    """Mean accuracy and loss over the folds, of the last epoch's weights."""
    scores = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels):
        ng.manual_seed(0)
        model = make_model(widths)
        for _ in epochs_of_training(model, images[train], labels[train], EPOCHS, distortion):
            pass
        scores.append(evaluate(model, images[test], labels[test]))
    loss, accuracy = np.mean(scores, axis=0)
    return accuracy, loss


def main():
    images, labels = load_images(seed=0)["train"]
    scores = [(*score(images, labels, *choice), choice) for choice in tqdm(GRID, disable=None)]
    print("accuracy   loss  widths, distortion")
    for accuracy, loss, choice in sorted(scores, key=lambda line: -line[0]):
        print(f"{accuracy:8.2%} {loss:6.4f}  {', '.join(map(str, choice))}")


if __name__ == "__main__":
    main()
