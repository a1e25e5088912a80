# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the network of digits_mlp.py was chosen: five-fold cross-validation that never sees the held-out fifth.

    python examples/digits_mlp_choice.py

Each line is the mean accuracy, on the folds left out, of networks trained on the other four, over two seeds.
"""

from itertools import product

import numpy as np
from digits_mlp import epochs_of_training, evaluate, load_parts, make_model
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

import nanograd as ng

GRID = list(product([(128,), (128, 64), (256, 128)], [1e-3, 3e-3], [0.0, 0.1], [20, 40]))


def score(pixels, labels, widths, rate, smoothing, epochs):
    """Mean accuracy over folds and seeds, of the last epoch's weights."""
    accuracies = []
    for seed in range(2):
        for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(pixels, labels):
            ng.manual_seed(seed)
            model = make_model(widths)
            for _ in epochs_of_training(model, pixels[train], labels[train], epochs, rate, smoothing):
                pass
            accuracies.append(evaluate(model, pixels[test], labels[test])[1])
    return np.mean(accuracies)


def main():
    parts = load_parts(seed=0)
    pixels, labels = (np.concatenate(both) for both in zip(parts["train"], parts["validation"], strict=True))
    scores = {choice: score(pixels, labels, *choice) for choice in tqdm(GRID, disable=None)}
    print("accuracy  widths, learning rate, label smoothing, epochs")
    for choice, accuracy in sorted(scores.items(), key=lambda item: -item[1]):
        print(f"{accuracy:8.2%}  {', '.join(map(str, choice))}")


if __name__ == "__main__":
    main()
