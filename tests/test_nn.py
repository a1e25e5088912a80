# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layers, activations, losses and nn.functional: values, arguments, messages, and PyTorch's layers with the same weights."""

import inspect
import math

import numpy as np
import pytest

import nanograd as ng
import nanograd.nn.functional as F
from nanograd import nn

X = np.linspace(-2, 2, 24).reshape(4, 6)


# ---- Linear and Dense -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_is_x_wt_plus_b(dtype):
    layer = nn.Linear(6, 3, dtype=dtype)
    w, b = layer.weight.numpy(), layer.bias.numpy()
    assert w.shape == (3, 6) and b.shape == (3,) and w.dtype == b.dtype == dtype
    x = X.astype(dtype)
    np.testing.assert_allclose(layer(x).numpy(), x @ w.T + b, rtol=1e-5)
    np.testing.assert_allclose(layer(x[0]).numpy(), x[0] @ w.T + b, rtol=1e-5)
    plain = nn.Linear(6, 3, bias=False, dtype=dtype)
    assert plain.bias is None and [name for name, _ in plain.named_parameters()] == ["weight"]
    np.testing.assert_allclose(plain(x).numpy(), x @ plain.weight.numpy().T, rtol=1e-5)
    assert layer.in_features == 6 and layer.out_features == 3


@pytest.mark.parametrize(
    "name", ["relu", "tanh", "sigmoid", "silu", "gelu", "leaky_relu", "elu", "softplus", "softmax", "log_softmax"]
)
def test_an_activation_by_name_module_or_function_is_the_same(name):
    function = getattr(ng, name)
    module = {
        "relu": nn.ReLU(),
        "tanh": nn.Tanh(),
        "sigmoid": nn.Sigmoid(),
        "silu": nn.SiLU(),
        "gelu": nn.GELU(),
        "leaky_relu": nn.LeakyReLU(),
        "elu": nn.ELU(),
        "softplus": nn.Softplus(),
        "softmax": nn.Softmax(),
        "log_softmax": nn.LogSoftmax(),
    }[name]
    layers = [
        nn.Dense(6, 5, activation, dtype=np.float64) for activation in (name, module, function, lambda x: function(x), None)
    ]
    results = []
    for layer in layers:
        layer.load_state_dict(layers[0].state_dict())
        x = ng.tensor(X, requires_grad=True)
        y = layer(x) if layer is not layers[-1] else function(layer(x))
        (y * y).sum().backward()
        results.append((y.numpy(), x.grad.numpy(), layer.weight.grad.numpy(), layer.bias.grad.numpy()))
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_activations_are_live_and_children():
    layer = nn.Linear(2, 2, activation=nn.LeakyReLU(0.5))
    assert [type(m).__name__ for m in layer.modules()] == ["Linear", "LeakyReLU"]
    layer.activation = "relu"
    assert float(layer(ng.ones(2)).numpy().min()) >= 0
    layer.activation = ng.neg
    plain = nn.Linear(2, 2)
    plain.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer(ng.ones(2)).numpy(), -plain(ng.ones(2)).numpy())


def test_repr_of_layers():
    assert repr(nn.Linear(64, 10)) == "Linear(64, 10)"
    assert repr(nn.Linear(64, 10, bias=False, dtype=np.float64)) == "Linear(64, 10, bias=False, dtype=float64)"
    assert repr(nn.Dense(64, 10, "relu", name="head")) == "Dense(64, 10, activation='relu', name='head')"
    assert repr(nn.Dense(64, 10, ng.tanh)) == "Dense(64, 10, activation='tanh')"
    assert repr(nn.Dense(64, 10, ng.exp)) == "Dense(64, 10, activation=exp)"
    assert repr(nn.Linear(2, 2, activation="softplus")) == "Linear(\n  2, 2, activation=Softplus()\n  (activation): Softplus()\n)"
    assert repr(nn.CrossEntropyLoss(label_smoothing=0.1)) == "CrossEntropyLoss(label_smoothing=0.1)"
    assert repr(nn.MSELoss(reduction="sum")) == "MSELoss(reduction='sum')"
    assert repr(nn.LayerNorm((2, 3), eps=1e-3)) == "LayerNorm((2, 3), eps=0.001)"
    assert repr(nn.LayerNorm(4, bias=False)) == "LayerNorm(4, bias=False)" and repr(nn.RMSNorm(4)) == "RMSNorm(4)"
    assert repr(nn.Dropout()) == "Dropout(p=0.5)" and repr(nn.GELU("tanh")) == "GELU(approximate='tanh')"


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: nn.Linear(8, 64, "relu"), TypeError, "Linear: bias must be a bool, got 'relu'; write activation='relu'"),
        (lambda: nn.Conv2d(3, 8, 3, "relu"), TypeError, "Conv2d: stride must be an int, got 'relu'; write activation='relu'"),
        (lambda: nn.BatchNorm2d(8, "relu"), TypeError, "BatchNorm2d: eps must be a number, got 'relu'; write activation='relu'"),
        (
            lambda: nn.Dense(8, 64, False),
            TypeError,
            "Dense: activation must be a module, its lower-case name or a callable, got False; write bias=False",
        ),
        (lambda: nn.Linear(8, 64, bias=1), TypeError, "Linear: bias must be a bool, got int 1"),
        (lambda: nn.Linear(8.0, 64), TypeError, "Linear: in_features must be an int, got float 8.0"),
        (lambda: nn.Linear(8, True), TypeError, "Linear: out_features must be an int, got bool True"),
        (lambda: nn.Linear(8, -1), ValueError, "Linear: out_features must be at least 0, got -1"),
        (
            lambda: nn.Linear(8, 1, activation=nn.ReLU),
            TypeError,
            "Linear: activation must be a module, not its class: write activation=nn.ReLU()",
        ),
        (
            lambda: nn.Linear(8, 1, activation=3),
            TypeError,
            "Linear: activation must be a module, its lower-case name or a callable, got 3",
        ),
        (
            lambda: nn.Linear(8, 1, activation="Relu"),
            ValueError,
            "Linear: no activation 'Relu'; did you mean 'relu'? write activation='relu'; known are relu, leaky_relu, tanh, sigmoid, silu, gelu, elu, "
            "softplus, softmax, log_softmax, "
            "log_sigmoid, identity",
        ),
        (lambda: nn.Linear(8, 1, name=3), TypeError, "Linear: name must be a str, got 3"),
        (
            lambda: nn.ReLU(inplace="yes"),
            TypeError,
            "ReLU: inplace must be a bool, got str 'yes'",
        ),
        (lambda: nn.GELU("fast"), ValueError, "GELU: approximate must be 'none' or 'tanh', got 'fast'"),
        (lambda: nn.Dropout(1.5), ValueError, "Dropout: p must be in [0, 1], got 1.5"),
        (lambda: nn.Dropout("half"), TypeError, "Dropout: p must be a number, got str 'half'"),
        (
            lambda: nn.MSELoss(reduction="average"),
            ValueError,
            "MSELoss: reduction must be 'mean', 'sum' or 'none', got 'average'",
        ),
        (lambda: nn.Unflatten(1, (-1, -1)), ValueError, "Unflatten: only one size may be -1, got (-1, -1)"),
        (lambda: nn.Unflatten(1, 3), TypeError, "Unflatten: unflattened_size must be a tuple of ints, got 3"),
        (
            lambda: nn.Unflatten(1, (2, 4))(ng.zeros((2, 6))),
            ng.errors.ShapeError,
            "Unflatten: axis 1 of shape (2, 6) cannot become (2, 4)",
        ),
        (
            lambda: nn.Unflatten(3, (2, 3))(ng.zeros((2, 6))),
            ng.errors.ShapeError,
            "Unflatten: axis 3 is out of range for shape (2, 6)",
        ),
        (lambda: nn.Embedding(4, 2, padding_idx=4), ValueError, "Embedding: padding_idx must be below num_embeddings 4, got 4"),
        (
            lambda: F.relu(ng.zeros(2), inplace=1),
            TypeError,
            "relu: inplace must be a bool, got int 1",
        ),
        (lambda: F.softmax(ng.zeros(2)), TypeError, "softmax: say along which axis: write dim=-1 for the last"),
        (
            lambda: F.mse_loss(ng.zeros(2), ng.zeros(2), reduce=False),
            TypeError,
            "mse_loss: size_average and reduce are gone: write reduction='mean', 'sum' or 'none'",
        ),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_sizes_of_zero():
    assert nn.Linear(0, 3)(ng.zeros((2, 0))).tolist() == [[0, 0, 0]] * 2
    assert nn.Linear(3, 0)(ng.zeros((2, 3))).shape == (2, 0)
    assert nn.Linear(3, 2)(ng.zeros((0, 3))).shape == (0, 2)


def test_shape_layers():
    x = ng.zeros((2, 3, 4, 5))
    assert nn.Flatten()(x).shape == (2, 60) and nn.Flatten(0)(x).shape == (120,) and nn.Flatten(1, 2)(x).shape == (2, 12, 5)
    assert nn.Unflatten(-1, (5, 1))(x).shape == (2, 3, 4, 5, 1) and nn.Unflatten(2, (2, -1))(x).shape == (2, 3, 2, 2, 5)


def test_linear_regression_from_the_original():
    """y = 3 x + 2 in 50 epochs of SGD."""
    layer = nn.Dense(1, 1)
    layer.load_state_dict({"weight": [[0.5]], "bias": [0.0]})
    optimizer = ng.optim.SGD(layer.parameters(), lr=0.1)
    x = np.linspace(-1, 1, 20).astype(np.float32)[:, None]
    for _ in range(50 * 4):
        optimizer.zero_grad()
        ng.mse_loss(layer(x), 3 * x + 2).backward()
        optimizer.step()
    assert layer.weight.item() == pytest.approx(3, abs=1e-3) and layer.bias.item() == pytest.approx(2, abs=1e-3)


# ---- initial values -------------------------------------------------------------------------------------------------------


def test_default_initialisation_is_pytorchs():
    layer = nn.Linear(400, 500)
    for p in layer.parameters():
        bound = 1 / 400**0.5
        assert abs(p.numpy()).max() <= bound
        assert p.numpy().std() == pytest.approx(bound / 3**0.5, rel=0.02 if p.ndim == 2 else 0.15)
    table = nn.Embedding(500, 400)
    assert table.weight.numpy().std() == pytest.approx(1, rel=0.02)
    ng.manual_seed(3)
    a = nn.Linear(3, 4).state_dict()
    ng.manual_seed(3)
    b = nn.Linear(3, 4).state_dict()
    assert a["weight"].tolist() == b["weight"].tolist()
    generator = ng.Generator(3)
    layer = nn.Linear(3, 4)
    layer.reset_parameters(generator=ng.Generator(3))
    first = layer.weight.tolist()
    layer.reset_parameters(generator=generator)
    assert layer.weight.tolist() == first


# ---- PyTorch --------------------------------------------------------------------------------------------------------------


SIGNATURES = [
    "ReLU",
    "LeakyReLU",
    "ELU",
    "SiLU",
    "GELU",
    "Softplus",
    "Softmax",
    "LogSoftmax",
    "Flatten",
    "Unflatten",
    "Dropout",
    "Linear",
    "Embedding",
    "LayerNorm",
    "RMSNorm",
    "MSELoss",
    "CrossEntropyLoss",
    "L1Loss",
    "HuberLoss",
    "SmoothL1Loss",
    "NLLLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "KLDivLoss",
]
# What PyTorch has and we have not: places, sparse tensors, and what is deprecated there.
FOREIGN = {
    "device",
    "max_norm",
    "norm_type",
    "scale_grad_by_freq",
    "sparse",
    "_weight",
    "_freeze",
}


def signature_of(cls):
    return [(p.name, p.kind, p.default) for p in inspect.signature(cls).parameters.values()]


@pytest.mark.torch
@pytest.mark.parametrize("name", [name for name in SIGNATURES if hasattr(nn, name)])
def test_positional_arguments_are_those_of_pytorch(name):
    import torch

    if name.endswith("Loss"):
        assert signature_of(getattr(nn, name)) == signature_of(getattr(torch.nn, name))
        return
    theirs = [p for p in list(inspect.signature(getattr(torch.nn, name).__init__).parameters)[1:] if p not in FOREIGN]
    ours = [p.name for p in inspect.signature(getattr(nn, name)).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert ours == theirs[: len(ours)]


@pytest.mark.torch
@pytest.mark.parametrize("name", F.__all__)
def test_functional_has_the_signatures_of_pytorch(name):
    import torch

    functional = torch.nn.functional
    try:  # (max_pool2d is one of two there, chosen by return_indices; the other one has the signature)
        theirs = inspect.signature(getattr(functional, name + "_with_indices", None) or getattr(functional, name))
    except ValueError:  # written in C++ there
        return
    ours = inspect.signature(getattr(F, name))
    common = [p for p in ours.parameters if p in theirs.parameters]
    assert list(ours.parameters) == [p for p in theirs.parameters if p in common]
    for p in common:
        a, b = ours.parameters[p].default, theirs.parameters[p].default
        assert a == b or (p == "_stacklevel"), p


LAYERS = [
    ("Linear", (6, 3), {}),
    ("Linear", (6, 3), {"bias": False}),
    ("ReLU", (), {}),
    ("LeakyReLU", (0.2,), {}),
    ("Tanh", (), {}),
    ("Sigmoid", (), {}),
    ("SiLU", (), {}),
    ("GELU", (), {}),
    ("GELU", (), {"approximate": "tanh"}),
    ("ELU", (0.7,), {}),
    ("Softplus", (2.0, 3.0), {}),
    ("Softmax", (), {"dim": -1}),
    ("LogSoftmax", (), {"dim": 0}),
    ("LogSigmoid", (), {}),
    ("Identity", (), {}),
    ("Flatten", (0,), {}),
    ("LayerNorm", (6,), {}),
    ("LayerNorm", ((4, 6),), {"bias": False}),
    ("RMSNorm", (6,), {}),
    ("RMSNorm", (6,), {"eps": 1e-5}),
]
LAYERS = [layer for layer in LAYERS if hasattr(nn, layer[0])]


@pytest.mark.torch
@pytest.mark.parametrize("name, args, kwargs", LAYERS, ids=[f"{n}{a}" for n, a, _ in LAYERS])
def test_layers_against_pytorch(name, args, kwargs):
    import torch

    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    ours = getattr(nn, name)(*args, **kwargs).astype(np.float64)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    ours.load_state_dict(theirs.state_dict())
    x, y = ng.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    a, b = ours(x), theirs(y)
    cotangent = np.cos(np.arange(a.size)).reshape(a.shape)
    a.backward(cotangent), b.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10, atol=1e-13)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-10, atol=1e-13)


LOGITS = X[:, :4]
LABELS = np.array([0, 3, 1, 1])
UNIT = 1 / (1 + np.exp(-X))
LOSSES = [
    ("MSELoss", {}, X, X[::-1].copy()),
    ("L1Loss", {}, X, X[::-1].copy()),
    ("HuberLoss", {"delta": 0.5}, X, X[::-1].copy()),
    ("SmoothL1Loss", {"beta": 0.5}, X, X[::-1].copy()),
    ("CrossEntropyLoss", {}, LOGITS, LABELS),
    ("CrossEntropyLoss", {"weight": [1.0, 2.0, 3.0, 4.0], "ignore_index": 3, "label_smoothing": 0.1}, LOGITS, LABELS),
    ("NLLLoss", {"weight": [1.0, 2.0, 3.0, 4.0]}, LOGITS, LABELS),
    ("BCELoss", {}, UNIT, (X > 0).astype(float)),
    ("BCEWithLogitsLoss", {"pos_weight": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}, X, UNIT),
    ("KLDivLoss", {}, np.log(UNIT), UNIT),
]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name, options, x, target",
    [loss for loss in LOSSES if hasattr(nn, loss[0])],
    ids=[f"{loss[0]}{i}" for i, loss in enumerate(LOSSES) if hasattr(nn, loss[0])],
)
def test_losses_against_pytorch(name, options, x, target, reduction):
    import torch

    arrays = {key: torch.tensor(np.array(v)) if isinstance(v, list) else v for key, v in options.items()}
    theirs = getattr(torch.nn, name)(reduction=reduction, **arrays)
    ours = getattr(nn, name)(reduction=reduction, **options).astype(np.float64)
    a, b = ng.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ya, yb = ours(a, target), theirs(b, torch.tensor(target))
    np.testing.assert_allclose(ya.numpy(), yb.detach().numpy(), rtol=1e-12, atol=1e-15)
    ya.sum().backward(), yb.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-11, atol=1e-15)


# ---- vectors of parameters ------------------------------------------------------------------------------------------------


def test_parameters_to_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    (vector * np.arange(13, dtype=np.float32)).sum().backward()
    assert net[1].bias.grad.tolist() == [12]
    nn.utils.vector_to_parameters(vector * 2.0, net.parameters())
    np.testing.assert_array_equal(nn.utils.parameters_to_vector(net.parameters()).numpy(), 2 * vector.numpy())
    before = net[0].weight.tolist()
    for wrong in (np.zeros(12), np.zeros((13, 1))):
        with pytest.raises(ng.errors.ShapeError, match="the parameters have 13 elements, the vector has shape"):
            nn.utils.vector_to_parameters(wrong, net.parameters())
    assert net[0].weight.tolist() == before
    with pytest.raises(ValueError, match="parameters_to_vector: no parameters"):
        nn.utils.parameters_to_vector([])


def test_a_network_as_a_whole():
    """Nested, with a tied layer, hooks and dropout off: gradients as those of the same function written out."""
    shared = nn.Linear(4, 4, activation="tanh", dtype=np.float64)
    net = nn.Sequential(nn.Linear(6, 4, dtype=np.float64), shared, nn.Sequential(shared, nn.Linear(4, 1, dtype=np.float64)))
    assert len(list(net.parameters())) == 6
    y = net(X).sum()
    y.backward()
    w1, b1 = (p.numpy() for p in net[0].parameters())
    w2, b2 = (ng.tensor(p.numpy(), requires_grad=True) for p in shared.parameters())
    w3, b3 = (p.numpy() for p in net[2][1].parameters())
    h = ng.tensor(X @ w1.T + b1)
    for _ in range(2):
        h = ng.tanh(ng.matmul(h, ng.transpose(w2)) + b2)
    z = (ng.matmul(h, w3.T) + b3).sum()
    z.backward()
    assert z.item() == pytest.approx(y.item(), rel=1e-12) and math.isfinite(z.item())
    np.testing.assert_allclose(shared.weight.grad.numpy(), w2.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(shared.bias.grad.numpy(), b2.grad.numpy(), rtol=1e-12)


# ---- nn.functional --------------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize(
    "widths, mode",
    [((1, 2), "constant"), ((1, 2, 3, 4), "constant"), ((0, 0, 1, 0, 2, 1), "constant"), ((2, 1), "reflect"), ((2, 1, 1, 3), "replicate"),
     ((-1, 2), "constant"), ((-1, -3), "constant"), ((3, -2), "reflect"), ((-3, 3), "reflect"), ((4, -4, -2, 1), "replicate")],
)
def test_pad_is_pytorchs(widths, mode):
    import torch

    x = np.arange(24.0).reshape(2, 3, 4) if len(widths) != 4 else np.arange(24.0).reshape(1, 2, 3, 4)
    value = 7.0 if mode == "constant" else None
    a, b = ng.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ya, yb = F.pad(a, widths, mode, value), torch.nn.functional.pad(b, widths, mode, value)
    np.testing.assert_array_equal(ya.numpy(), yb.detach().numpy())
    (ya * ya).sum().backward(), (yb * yb).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


def test_functional_small_print():
    weight = ng.tensor(np.ones((3, 2)), requires_grad=True)
    F.embedding([0, 2], weight, padding_idx=-1).sum().backward()
    assert weight.grad.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert F.one_hot([1], 3).tolist() == [[0, 1, 0]] and F.one_hot([1]).shape == (1, 2)
    assert F.dropout(ng.ones(3), 0.5, training=False).tolist() == [1, 1, 1]
    for call, error, message in [
        (lambda: F.pad(ng.zeros(3), (1, 2, 3)), ng.errors.ShapeError,
         "pad: expected two widths for each of up to 1 axes, got (1, 2, 3) (x (3,))"),
        (lambda: F.pad(ng.zeros(3), (-2, -2)), ng.errors.ShapeError, "pad: widths (-2, -2) cut off more than there is (x (3,))"),
        (lambda: F.pad(ng.zeros(3), (1, 1), "circular"), ValueError,
         "pad: mode must be 'constant', 'reflect' or 'replicate', got 'circular'"),
        (lambda: F.pad(ng.zeros(3), (1, 1), "reflect", 3.0), ValueError,
         "pad: value is for mode 'constant' only, got value=3.0 with mode='reflect'"),
        (lambda: F.max_pool1d(ng.zeros((1, 3)), 2, return_indices=True), TypeError,
         "max_pool1d: return_indices is not supported: the gradient does not need them"),
        (lambda: F.max_pool2d(ng.zeros((1, 3, 3)), 2, None, 0, 1, False, True), TypeError,
         "max_pool2d: return_indices is not supported: the gradient does not need them"),
        (lambda: F.avg_pool2d(ng.zeros((1, 3, 3)), 2, divisor_override=3), TypeError,
         "avg_pool2d: divisor_override is not supported, got 3: scale the result"),
        (lambda: F.one_hot([]), ValueError, "one_hot: no indices to infer num_classes from; pass it"),
        (lambda: F.embedding([0], weight, sparse=True), TypeError,
         "embedding: max_norm, scale_grad_by_freq and sparse are not supported"),
    ]:
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value) == message
