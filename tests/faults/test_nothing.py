# SPDX-License-Identifier: LGPL-3.0-or-later
"""NaN that comes of nothing: a RuntimeWarning says why, at the user's own line."""
import sys
import warnings

import numpy as np
import pytest

import nanograd as ng
from nanograd import nn

F = nn.functional
FLOATS = (ng.float32, ng.float64)


def zeros(*shape):
    return ng.zeros(shape, requires_grad=True)


NONE = [-100, -100]
CASES = {
    "mean": (lambda: ng.mean(zeros(0)), "mean: the mean of no elements is NaN (x (0,), axis None)"),
    "mean, method": (lambda: zeros(2, 0).mean(), "mean: the mean of no elements is NaN (x (2, 0), axis None)"),
    "mean, an axis": (lambda: zeros(2, 0).mean(axis=1), "mean: the mean of no elements is NaN (x (2, 0), axis 1)"),
    "mean, axes": (lambda: zeros(0, 3, 2).mean(axis=(0, -1), keepdims=True), "mean: the mean of no elements is NaN (x (0, 3, 2), axis (0, -1))"),
    "np.mean": (lambda: np.mean(zeros(0)), "mean: the mean of no elements is NaN (x (0,), axis None)"),
    "std": (lambda: ng.std(zeros(1), ddof=1), "std: ddof=1 needs more than 1 elements for each result, got 1: the result is NaN or inf (x (1,), axis None)"),
    "std, no axes": (lambda: ng.std(ng.tensor(3.0), ddof=1), "std: ddof=1 needs more than 1 elements for each result, got 1: the result is NaN or inf (x (), axis None)"),
    "var, an axis": (lambda: zeros(4, 1).var(axis=1, ddof=1), "var: ddof=1 needs more than 1 elements for each result, got 1: the result is NaN or inf (x (4, 1), axis 1)"),
    "var of nothing": (lambda: ng.var(zeros(0)), "var: ddof=0 needs more than 0 elements for each result, got 0: the result is NaN or inf (x (0,), axis None)"),
    "np.std": (lambda: np.std(zeros(2), ddof=2), "std: ddof=2 needs more than 2 elements for each result, got 2: the result is NaN or inf (x (2,), axis None)"),
    "cross_entropy": (lambda: ng.cross_entropy(zeros(2, 3), NONE), "cross_entropy: all labels are ignore_index=-100, and the mean of nothing is NaN (logits (2, 3))"),
    "cross_entropy, one": (lambda: ng.cross_entropy(zeros(3), -100), "cross_entropy: all labels are ignore_index=-100, and the mean of nothing is NaN (logits (3,))"),
    "cross_entropy, images": (lambda: ng.cross_entropy(zeros(1, 3, 2), [[7, 7]], ignore_index=7),
                              "cross_entropy: all labels are ignore_index=7, and the mean of nothing is NaN (logits (1, 3, 2))"),
    "cross_entropy of none": (lambda: ng.cross_entropy(zeros(0, 3), np.zeros(0, int)), "cross_entropy: the mean of no losses is NaN (input (0, 3))"),
    "cross_entropy, probabilities": (lambda: ng.cross_entropy(zeros(0, 3), np.zeros((0, 3), np.float32)), "cross_entropy: the mean of no losses is NaN (input (0, 3))"),
    "cross_entropy, weights": (lambda: ng.cross_entropy(zeros(2, 3), [0, -100], weight=[0.0, 1.0, 1.0]),
                               "cross_entropy: the weights of all labels that count add up to 0, and the mean, divided by it, is NaN or inf (logits (2, 3), ignore_index=-100)"),
    "nll_loss": (lambda: ng.nll_loss(zeros(2, 3), NONE), "nll_loss: all labels are ignore_index=-100, and the mean of nothing is NaN (logits (2, 3))"),
    "F.cross_entropy": (lambda: F.cross_entropy(zeros(2, 3), NONE), "cross_entropy: all labels are ignore_index=-100, and the mean of nothing is NaN (logits (2, 3))"),
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(ignore_index=1)(zeros(2, 3), [1, 1]), "cross_entropy: all labels are ignore_index=1, and the mean of nothing is NaN (logits (2, 3))"),
    "NLLLoss": (lambda: nn.NLLLoss()(zeros(2, 3), NONE), "nll_loss: all labels are ignore_index=-100, and the mean of nothing is NaN (logits (2, 3))"),
    **{name: (lambda name=name: getattr(ng, name)(zeros(0, 2), zeros(0, 2)), f"{name}: the mean of no losses is NaN (input (0, 2))")
       for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div")},
    "from_probs": (lambda: ng.cross_entropy_from_probs(zeros(0), zeros(0), reduction="mean"), "cross_entropy_from_probs: the mean of no losses is NaN (input (0,))"),
    "kl_div, batchmean": (lambda: ng.kl_div(zeros(0, 2), zeros(0, 2), reduction="batchmean"), "kl_div: the mean of no losses is NaN (input (0, 2))"),
    "a weighted loss": (lambda: ng.binary_cross_entropy(zeros(0), zeros(0), weight=1.0), "mean: the mean of no elements is NaN (x (0,), axis None)"),
    "F.mse_loss": (lambda: F.mse_loss(zeros(0), zeros(0)), "mse_loss: the mean of no losses is NaN (input (0,))"),
    "MSELoss": (lambda: nn.MSELoss()(zeros(0), zeros(0)), "mse_loss: the mean of no losses is NaN (input (0,))"),
    "L1Loss": (lambda: nn.L1Loss()(zeros(0), zeros(0)), "l1_loss: the mean of no losses is NaN (input (0,))"),
    "KLDivLoss": (lambda: nn.KLDivLoss(reduction="batchmean")(zeros(0, 1), zeros(0, 1)), "kl_div: the mean of no losses is NaN (input (0, 1))"),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_warned_of(name):
    call, message = CASES[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert [(entry.category, str(entry.message)) for entry in caught] == [(RuntimeWarning, message)]
    assert np.isnan(result.numpy()).all() and result.size
    assert caught[0].filename == __file__                       # the line that asked for it, not one of nanograd's
    if result.requires_grad:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result.sum().backward()                             # backward says nothing


def test_the_warning_may_be_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call, _ in CASES.values():
            with pytest.raises(RuntimeWarning):
                call()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_what_has_a_result_is_silent(dtype):
    def x(*shape):
        return ng.ones(shape, dtype=dtype, requires_grad=True)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x(0, 3).mean(axis=1).shape == (0,) and x(0, 3).std(axis=1, ddof=3).shape == (0,)       # no results at all
        assert x(0).sum().item() == 0 and x(2).std(ddof=1).item() == 0 and x(1).var().item() == 0
        for reduction in ("sum", "none"):
            ng.cross_entropy(x(2, 3), NONE, reduction=reduction)
            ng.nll_loss(x(0, 3), np.zeros(0, int), reduction=reduction)
            ng.mse_loss(x(0), x(0), reduction=reduction)
        assert ng.cross_entropy(x(2, 3), [0, -100]).item() > 0
        assert ng.cross_entropy(x(2, 3), [0, 1], weight=np.array([0, 1, 1], dtype)).item() > 0
        assert ng.cross_entropy(x(1000, 3), [-100] * 999 + [1]).item() > 0


def test_the_warning_is_given_for_each_line():
    """The default filter shows a warning once for each line of the user's."""
    module = type(sys)("a_program")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        exec("import nanograd as ng\nfor _ in range(3):\n    ng.zeros(0).mean()\nng.zeros(0).mean()\n", vars(module))
    assert [entry.lineno for entry in caught] == [3, 4]
