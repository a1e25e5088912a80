# SPDX-License-Identifier: LGPL-3.0-or-later
"""softmax, log_softmax and the losses beyond the contract: layouts, extremes, every option against PyTorch, errors."""

import numpy as np
import pytest

import nanograd as ng
from nanograd.errors import DTypeError, ShapeError
from nanograd.testing import gradcheck

both = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
LAYOUTS = [
    ((1, 4), 1),
    ((3, 4), 1),
    ((1024, 10), 1),
    ((17, 31), -1),
    ((16, 1), 1),
    ((5, 47), 1),
    ((33, 48), 1),
    ((5, 100), 1),
    ((12, 1000), 1),
    ((7,), 0),
    ((3, 5, 7), 1),
    ((4, 100, 16), 1),
    ((2, 70, 33), 1),
    ((3, 1000), 0),
    ((2, 3, 4, 5), 2),
    ((0, 3), 1),
    ((3, 0), 1),
]


@both
@pytest.mark.parametrize("shape, axis", LAYOUTS, ids=str)
def test_softmax_layouts(shape, axis, dtype):
    rng = np.random.default_rng(0)
    x = (3 * rng.standard_normal(shape)).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    wide = x.astype(np.float64)
    e = np.exp(wide - wide.max(axis, keepdims=True, initial=-np.inf))
    p = e / e.sum(axis, keepdims=True)
    tolerance = dict(rtol=2e-6, atol=2e-6) if dtype == np.float32 else dict(rtol=1e-13, atol=1e-13)
    for op, y, dx in (
        (ng.softmax, p, p * (dy - (dy * p).sum(axis, keepdims=True))),
        (ng.log_softmax, np.log(p), dy - p * dy.sum(axis, keepdims=True)),
    ):
        leaf = ng.tensor(x, requires_grad=True)
        out = op(leaf, axis)
        np.testing.assert_allclose(out.numpy(), y, **tolerance)
        out.backward(dy)
        np.testing.assert_allclose(leaf.grad.numpy(), dx, rtol=tolerance["rtol"], atol=20 * tolerance["atol"])


@both
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(7,), (5, 4), (40, 100), (3, 5, 7), (2, 60, 33)], ids=str)
def test_nll_gradient_is_zero_but_at_the_labels(shape, reduction, dtype):
    """Also for a gradient that is not finite; and labels and weights may change after the call."""
    rng = np.random.default_rng(0)
    classes = shape[1] if len(shape) > 1 else shape[0]
    labels = rng.integers(0, classes, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if labels.ndim:
        labels.reshape(-1)[0] = -100
    weight = rng.random(classes).astype(dtype) + 1
    x = ng.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)
    loss = ng.nll_loss(x, labels, weight=weight, reduction=reduction)
    counted = np.where(labels == -100, 0, labels)
    kept = np.where(labels == -100, 0, weight[counted])
    expected = np.zeros(shape, dtype)
    dy = rng.standard_normal(loss.shape).astype(dtype)
    share = -kept * dy / (kept.sum() if reduction == "mean" else 1)
    axis = 1 if len(shape) > 1 else 0
    np.put_along_axis(expected, np.expand_dims(counted, axis), np.expand_dims(share, axis), axis)
    weight[:], labels[...] = 0, 0
    loss.backward(dy, retain_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-6)
    x.grad = None
    loss.backward(np.full(loss.shape, np.inf, dtype))
    np.testing.assert_array_equal(np.isinf(x.grad.numpy()), expected != 0)
    np.testing.assert_array_equal(x.grad.numpy() == 0, expected == 0)


@both
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [47, 48, 100, 113])
def test_cross_entropy_of_rows(n, weighted, smoothing, dtype):
    """One row after another where they are long: the same as with the classes on another axis, weights and ignored rows."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((19, n)).astype(dtype)
    labels = rng.integers(0, n, 19)
    labels[3] = -100
    weight = rng.random(n).astype(dtype) if weighted else None
    results = []
    for array, target in ((rows, labels), (np.ascontiguousarray(rows.T[None]), labels[None])):
        x = ng.tensor(array, requires_grad=True)
        loss = ng.cross_entropy(x, target, weight=weight, label_smoothing=smoothing, reduction="none")
        loss.backward(np.arange(19, dtype=dtype).reshape(loss.shape))
        results.append((loss.numpy().reshape(19), x.grad.numpy().reshape(array.shape)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1][0].T, rtol=1e-5, atol=1e-6)
    assert (results[0][1][3] == 0).all() and results[0][0][3] == 0


@both
@pytest.mark.parametrize("n", [3, 60])
def test_softmax_extremes(n, dtype):
    inf = np.inf
    rows = np.full((6, n), -1.0, dtype)
    rows[0, :2] = 1e4, -1e4
    rows[1] = -inf
    rows[2, 1] = inf
    rows[3, 0] = np.nan
    rows[4, 1] = -inf
    for values, axis in ((rows, 1), (np.ascontiguousarray(rows.T), 0)):
        p, log_p = ng.softmax(values, axis).numpy(), ng.log_softmax(values, axis).numpy()
        if axis == 0:
            p, log_p = p.T, log_p.T
        assert p[0].tolist() == [1, *[0] * (n - 1)] and log_p[0, 0] == 0 and log_p[0, 1] == -2e4
        assert np.isnan(p[1:4]).all() and np.isnan(log_p[1:4]).all()
        assert p[4, 1] == 0 and log_p[4, 1] == -inf and np.isfinite(p[4]).all()
        np.testing.assert_allclose(p[5], 1 / n, rtol=1e-6)


def test_log_softmax_is_accurate_near_certainty():
    y = ng.log_softmax(np.array([[0.0, -20.0, -25.0]], np.float32)).numpy()[0, 0]
    np.testing.assert_allclose(y, -np.log1p(np.exp(-20.0) + np.exp(-25.0)), rtol=1e-6)
    loss = ng.cross_entropy(np.array([[0.0, -20.0]], np.float32), np.array([0])).item()
    np.testing.assert_allclose(loss, np.log1p(np.exp(-20.0)), rtol=1e-6)


def test_gradients_by_random_projection():
    rng = np.random.default_rng(1)
    x = ng.tensor(rng.standard_normal((3, 5, 4)), requires_grad=True)
    for axis in (0, 1, 2):
        assert gradcheck(lambda x, axis=axis: ng.softmax(x, axis), [x])
        assert gradcheck(lambda x, axis=axis: ng.log_softmax(x, axis), [x])
    labels, weight = rng.integers(0, 5, (3, 4)), rng.uniform(0.5, 2, 5)
    p = ng.tensor(rng.dirichlet(np.ones(5), (3, 4)).transpose(0, 2, 1).copy(), requires_grad=True)
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.2):
            options = dict(reduction=reduction, label_smoothing=smoothing, weight=weight)
            assert gradcheck(lambda x, kw=options: ng.cross_entropy(x, labels, ignore_index=2, **kw), [x])
            assert gradcheck(lambda x, p, kw=options: ng.cross_entropy(x, p, **kw), [x, p])
        assert gradcheck(lambda x, p, r=reduction: ng.mse_loss(x, p, reduction=r), [x, p])


@pytest.mark.parametrize(
    "integer", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4", "<i8"], ids=str
)
def test_labels_of_any_integer_type(integer):
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    labels = np.array([0, 3, 1, 2, 3, 0])
    expected = ng.cross_entropy(x, labels).item()
    assert ng.cross_entropy(x, labels.astype(integer)).item() == expected
    assert ng.cross_entropy(x, np.repeat(labels, 2).astype(integer)[::2]).item() == expected
    assert ng.cross_entropy(x, labels.tolist()).item() == expected
    with pytest.raises(IndexError, match=r"^cross_entropy: label 100 is out of range for 4 classes \(logits \(6, 4\)\)$"):
        ng.cross_entropy(x, np.array([0, 1, 2, 100, 101, 0]).astype(integer))


def test_labels_may_change_before_backward():
    x = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    labels = np.array([0, 1])
    loss = ng.cross_entropy(x, labels)
    labels[:] = 77
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[-0.36552930, 0.36552930], [0.13447072, -0.13447072]], rtol=1e-5)


@both
def test_ignored_samples(dtype):
    x = ng.tensor(np.random.default_rng(0).standard_normal((5, 3)), dtype=dtype, requires_grad=True)
    ng.cross_entropy(x, [0, -100, 2, -100, 1]).backward()
    assert not x.grad.numpy()[[1, 3]].any() and x.grad.numpy()[[0, 2, 4]].all()
    x.zero_grad()
    with pytest.warns(RuntimeWarning):
        loss = ng.cross_entropy(x, [-100] * 5)
    assert np.isnan(loss.item())
    loss.backward()
    assert not x.grad.numpy().any()
    assert ng.cross_entropy(x, [-100] * 5, reduction="sum").item() == 0
    with pytest.warns(RuntimeWarning):
        assert np.isnan(ng.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)).item())
    assert ng.cross_entropy(np.zeros((0, 3)), np.zeros(0, int), reduction="none").shape == (0,)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(ng.mse_loss(np.zeros(0), np.zeros(0)).item())


def test_backward_twice_and_shared():
    """The gradient made in forward is handed over, but only if nobody will need it again."""
    x = ng.tensor([[1.0, 2.0]], dtype=np.float64, requires_grad=True)
    loss = ng.cross_entropy(x, [0])
    loss.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    loss.backward(2.0)
    np.testing.assert_allclose(x.grad.numpy(), 3 * once)
    a = ng.tensor([1.0, 2.0], requires_grad=True)
    ng.mse_loss(a, a).backward()
    assert a.grad.tolist() == [0, 0]
    b = ng.tensor([3.0, 5.0], requires_grad=True)
    ng.mse_loss(a, b, reduction="none").backward([1.0, 10.0])
    assert a.grad.tolist() == [-4, -60] and b.grad.tolist() == [4, 60]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda x: ng.cross_entropy(x, np.array([0, 4])),
            IndexError,
            "cross_entropy: label 4 is out of range for 4 classes (logits (2, 4))",
        ),
        (
            lambda x: ng.cross_entropy(x, np.array([-1, 0])),
            IndexError,
            "cross_entropy: label -1 is out of range for 4 classes (logits (2, 4))",
        ),
        (
            lambda x: ng.cross_entropy(x, ng.zeros(2)),
            DTypeError,
            "cross_entropy: class labels are integers, not tensors: got a float32 tensor (2,) for logits (2, 4); write "
            "target.numpy().astype(int), or give probabilities of the logits' shape",
        ),
        (
            lambda x: ng.nll_loss(x, ng.zeros(2)),
            DTypeError,
            "nll_loss: class labels are integers, not tensors: got a float32 tensor (2,) for logits (2, 4); write target.numpy().astype(int)",
        ),
        (
            lambda x: ng.cross_entropy(x, np.zeros(2)),
            DTypeError,
            "cross_entropy: class labels must be integers, got an array of dtype float64 and shape (2,) for logits (2, 4) "
            "(probabilities have the logits' shape)",
        ),
        (
            lambda x: ng.cross_entropy(x, np.array([True, False])),
            DTypeError,
            "cross_entropy: class labels must be integers, got an array of dtype bool and shape (2,) for logits (2, 4) "
            "(probabilities have the logits' shape)",
        ),
        (
            lambda x: ng.cross_entropy(x, np.array([0, 1, 2])),
            ShapeError,
            "cross_entropy: logits (2, 4) take labels of shape (2,), got (3,)",
        ),
        (
            lambda x: ng.cross_entropy(x, np.zeros((2, 4), int)),
            ShapeError,
            "cross_entropy: logits (2, 4) take labels of shape (2,), got (2, 4)",
        ),
        (
            lambda x: ng.cross_entropy(ng.tensor(1.0), 0),
            ShapeError,
            "cross_entropy: logits need an axis of classes, got shape ()",
        ),
        (
            lambda x: ng.cross_entropy(x, [0, 1], weight=[1.0, 2.0, 3.0]),
            ShapeError,
            "cross_entropy: weight must have shape (4,), one per class of the logits (2, 4), got (3,)",
        ),
        (
            lambda x: ng.cross_entropy(x, [0, 1], label_smoothing=1.5),
            ValueError,
            "cross_entropy: label_smoothing must be in [0, 1], got 1.5",
        ),
        (
            lambda x: ng.cross_entropy(x, [0, 1], reduction="avg"),
            ValueError,
            "cross_entropy: reduction must be 'mean', 'sum' or 'none', got 'avg'",
        ),
        (
            lambda x: ng.mse_loss(ng.zeros((3, 1)), ng.zeros(3)),
            ShapeError,
            "mse_loss: input and target must have the same shape, got (3, 1) and (3,)",
        ),
        (
            lambda x: ng.mse_loss(x, x, reduction=None),
            ValueError,
            "mse_loss: reduction must be 'mean', 'sum' or 'none', got None",
        ),
        (
            lambda x: ng.softmax(x, axis=2),
            np.exceptions.AxisError,
            "softmax: axis 2 is out of bounds for a tensor with 2 dimensions",
        ),
        (
            lambda x: ng.log_softmax(ng.tensor(1.0)),
            np.exceptions.AxisError,
            "log_softmax: axis -1 is out of bounds for a tensor with 0 dimensions",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as info:
        call(ng.ones((2, 4)))
    assert str(info.value) == message


@pytest.mark.torch
@both
@pytest.mark.parametrize("shape", [(6, 4), (4,), (3, 5, 7), (2, 10, 3, 4), (300, 10), (40, 70), (1, 1)], ids=str)
def test_cross_entropy_against_torch(shape, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    classes = shape[1] if len(shape) > 1 else shape[0]
    samples = shape[:1] + shape[2:] if len(shape) > 1 else ()
    values = (2 * rng.standard_normal(shape)).astype(dtype)
    labels = np.asarray(rng.integers(0, classes, samples))
    ignoring = np.where(rng.uniform(size=samples) < 0.3, -100, labels)
    axis = 1 if len(shape) > 1 else 0
    probabilities = np.exp(rng.standard_normal(shape))
    probabilities = (probabilities / probabilities.sum(axis, keepdims=True)).astype(dtype)
    tolerance = dict(rtol=2e-5, atol=2e-6) if dtype == np.float32 else dict(rtol=1e-12, atol=1e-13)
    for target in (labels, ignoring, probabilities):
        for weight in (None, rng.uniform(0.2, 2, classes).astype(dtype)):
            for smoothing in (0.0, 0.1):
                for reduction in ("mean", "sum", "none"):
                    x, t = ng.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
                    is_soft = target is probabilities
                    ours = ng.tensor(target, requires_grad=True) if is_soft else target
                    theirs = torch.tensor(target, requires_grad=is_soft)
                    y = ng.cross_entropy(x, ours, weight=weight, label_smoothing=smoothing, reduction=reduction)
                    expected = torch.nn.functional.cross_entropy(
                        t,
                        theirs,
                        None if weight is None else torch.tensor(weight),
                        reduction=reduction,
                        label_smoothing=smoothing,
                    )
                    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), **tolerance)
                    if np.isnan(y.numpy()).any():
                        continue
                    dy = rng.standard_normal(y.shape).astype(dtype)
                    y.backward(dy)
                    expected.backward(torch.tensor(dy))
                    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), **tolerance)
                    if is_soft:
                        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), **tolerance)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")      # PyTorch's, of its kl_div
@both
def test_other_losses_against_torch(dtype):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    rng = np.random.default_rng(7)
    x, t = rng.uniform(0.01, 0.99, (2, 5, 6)).astype(dtype)
    x[0, :2], t[0, :3] = (0, 1), (0, 1, 0)
    weight = rng.uniform(0.5, 2, 6).astype(dtype)
    tolerance = dict(rtol=2e-5, atol=2e-6) if dtype == np.float32 else dict(rtol=1e-12, atol=1e-13)
    cases = [
        (ng.l1_loss, functional.l1_loss, {}),
        (ng.mse_loss, functional.mse_loss, {}),
        (ng.smooth_l1_loss, functional.smooth_l1_loss, dict(beta=0.3)),
        (ng.smooth_l1_loss, functional.smooth_l1_loss, dict(beta=0.0)),
        (ng.huber_loss, functional.huber_loss, dict(delta=0.3)),
        (ng.binary_cross_entropy, functional.binary_cross_entropy, {}),
        (ng.binary_cross_entropy, functional.binary_cross_entropy, dict(weight=weight)),
        (ng.binary_cross_entropy_with_logits, functional.binary_cross_entropy_with_logits, {}),
        (ng.binary_cross_entropy_with_logits, functional.binary_cross_entropy_with_logits, dict(weight=weight, pos_weight=t[0])),
        (ng.kl_div, functional.kl_div, {}),
    ]
    for ours, theirs, options in cases:
        for reduction in ("mean", "sum", "none") + (("batchmean",) if ours is ng.kl_div else ()):
            is_bounded = ours in (ng.binary_cross_entropy, ng.kl_div)      # PyTorch's gradient of their target is another one
            a, b = ng.tensor(x, requires_grad=True), ng.tensor(t, requires_grad=not is_bounded)
            ta, tb = torch.tensor(x, requires_grad=True), torch.tensor(t, requires_grad=not is_bounded)
            y = ours(a, b, reduction=reduction, **options)
            translated = {k: torch.tensor(v) if "weight" in k else v for k, v in options.items()}
            expected = theirs(ta, tb, reduction=reduction, **translated)
            np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), **tolerance)
            dy = rng.standard_normal(y.shape).astype(dtype)
            y.backward(dy)
            expected.backward(torch.tensor(dy))
            np.testing.assert_allclose(a.grad.numpy(), ta.grad.numpy(), **tolerance)
            if not is_bounded:
                np.testing.assert_allclose(b.grad.numpy(), tb.grad.numpy(), **tolerance)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ng.huber_loss([1.0], [2.0], delta=0), ValueError, "huber_loss: delta must be positive, got 0"),
        (lambda: ng.smooth_l1_loss([1.0], [2.0], beta=-1), ValueError, "smooth_l1_loss: beta must not be negative, got -1"),
        (
            lambda: ng.binary_cross_entropy(np.array([0.5, 1.5]), [0, 1]),
            ValueError,
            "binary_cross_entropy: p must be probabilities in [0, 1], got 1.5; for logits write binary_cross_entropy_with_logits",
        ),
        (
            lambda: ng.binary_cross_entropy([0.5, 0.5], [0, 1], weight=np.ones((3, 2), np.float32)),
            ShapeError,
            "binary_cross_entropy: weight (3, 2) does not broadcast to input's shape (2,)",
        ),
        (lambda: ng.nll_loss([[0.0, 1.0]], [2]), IndexError, "nll_loss: label 2 is out of range for 2 classes (logits (1, 2))"),
        (
            lambda: ng.nll_loss([[0.0, 1.0]], [[0.0, 1.0]]),
            DTypeError,
            "nll_loss: class labels must be integers; for probabilities use kl_div or cross_entropy",
        ),
        (
            lambda: ng.kl_div([0.0], [1.0], reduction="avg"),
            ValueError,
            "kl_div: reduction must be 'mean', 'sum', 'none' or 'batchmean', got 'avg'",
        ),
    ],
)
def test_errors_of_other_losses(call, error, message):
    with pytest.raises(error) as info:
        call()
    assert str(info.value) == message
