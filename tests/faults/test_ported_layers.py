# SPDX-License-Identifier: LGPL-3.0-or-later
"""What stops people who port code: inplace=True, dtype=, name=, bias=, assign of arrays of the other dtype."""

import warnings

import numpy as np
import pytest

import nanograd as ng
import nanograd.nn.functional as F
from nanograd import nn
from nanograd.errors import DTypeError, ShapeError

# ---- inplace=True --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU])
def test_inplace_activations_are_the_same(kind):
    x = ng.tensor([-1.0, 0.5], requires_grad=True)
    y = x * 1.0
    layer = kind(inplace=True)
    assert layer(y).tolist() == kind()(y).tolist() and y.tolist() == [-1.0, 0.5]
    assert repr(layer) == f"{kind.__name__}(inplace=True)" and repr(kind(inplace=False)) == f"{kind.__name__}()"
    layer(y).sum().backward()
    assert x.grad is not None
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match=f"^{kind.__name__}: inplace must be a bool"):
            kind(inplace=wrong)


def test_inplace_dropout_is_the_same():
    layer, x = nn.Dropout(0.5, inplace=True), ng.ones(1000)
    assert set(layer(x).tolist()) == {0.0, 2.0} and set(x.tolist()) == {1.0}
    assert layer.eval()(x).tolist() == x.tolist() and repr(layer) == "Dropout(p=0.5, inplace=True)"


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu"])
def test_inplace_functions_are_the_same(name):
    x, function = ng.tensor([-1.0, 0.5]), getattr(F, name)
    assert function(x, inplace=True).tolist() == function(x).tolist() and x.tolist() == [-1.0, 0.5]
    with pytest.raises(TypeError, match=f"^{name}: inplace must be a bool, got int 1$"):
        function(x, inplace=1)


def test_inplace_dropout_function():
    assert F.dropout(ng.ones(3), p=1.0, inplace=True).tolist() == [0, 0, 0]
    assert F.dropout(ng.ones(3), 0.5, False, True).tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match="^dropout: inplace must be a bool, got int 0$"):
        F.dropout(ng.ones(3), inplace=0)


# ---- dtype=, name=, bias= ------------------------------------------------------------------------------------------------

LAYERS = {
    "LayerNorm(3": ((2, 3), "weight bias"), "RMSNorm(3": ((2, 3), "weight"), "GroupNorm(1, 3": ((2, 3), "weight bias"), "Embedding(5, 3": (None, "weight"),
    "BatchNorm1d(3": ((4, 3), "weight bias running_mean running_var"), "BatchNorm2d(3": ((2, 3, 2, 2), "weight bias running_mean running_var"),
    "Linear(3, 2": ((2, 3), "weight bias"), "Dense(3, 2": ((2, 3), "weight bias"), "Conv1d(3, 2, 1": ((2, 3, 4), "weight bias"), "Conv2d(3, 2, 1": ((2, 3, 4, 4), "weight bias"),
}


@pytest.mark.parametrize("code", LAYERS)
def test_every_layer_with_parameters_takes_dtype_and_name(code):
    layer = eval(f"nn.{code}, dtype=ng.float64, name='mine')", {"nn": nn, "ng": ng})
    shape, held = LAYERS[code]
    assert {str(getattr(layer, name).dtype) for name in held.split()} == {"float64"} and layer.name == "mine"
    assert repr(layer).endswith(", dtype=float64, name='mine')")
    x = np.array([0, 4]) if shape is None else ng.randn(*shape, dtype=ng.float64)
    y = layer(x)
    assert y.dtype == ng.float64
    y.sum().backward()
    assert layer.weight.grad.dtype == ng.float64
    assert eval(f"nn.{code})", {"nn": nn}).weight.dtype == ng.float32
    with pytest.raises(DTypeError, match="dtype is float32 or float64, got int8"):
        eval(f"nn.{code}, dtype='int8')", {"nn": nn})
    with pytest.raises(TypeError, match="name must be a str, got 3"):
        eval(f"nn.{code}, name=3)", {"nn": nn})
    with pytest.raises(TypeError):
        eval(f"nn.{code}, {', '.join(['None'] * 8)})", {"nn": nn})      # by keyword only


@pytest.mark.parametrize("code", ["LayerNorm(3, elementwise_affine=False", "RMSNorm(3, elementwise_affine=False", "GroupNorm(1, 3, affine=False",
                                  "BatchNorm1d(3, affine=False, track_running_stats=False"])
def test_a_dtype_is_checked_without_parameters_too(code):
    with pytest.raises(DTypeError, match="dtype is float32 or float64, got complex64"):
        eval(f"nn.{code}, dtype='complex64')", {"nn": nn})


@pytest.mark.parametrize("kind, shape", [(nn.BatchNorm1d, (4, 3)), (nn.BatchNorm1d, (4, 3, 2)), (nn.BatchNorm2d, (4, 3, 2, 2))])
@pytest.mark.parametrize("activation", [None, "relu", "softplus"])
def test_batch_norms_without_bias(kind, shape, activation):
    bare, whole = kind(3, bias=False, activation=activation), kind(3, activation=activation)
    assert bare.bias is None and [name for name, _ in bare.named_parameters()] == ["weight"] and "bias=False" in repr(bare)
    x = ng.randn(*shape)
    for _ in range(2):
        assert bare(x).tolist() == whole(x).tolist()
        bare.eval(), whole.eval()
    bare.train()(x).sum().backward()
    assert bare.weight.grad.shape == (3,)
    bare.weight.assign(5.0)
    bare.reset_parameters()
    assert bare.weight.tolist() == [1, 1, 1] and bare.running_mean.tolist() == [0, 0, 0]
    assert kind(3, affine=False, bias=True).bias is None and repr(kind(3)) == f"{kind.__name__}(3)"
    with pytest.raises(TypeError, match="bias must be a bool, got str 'no'"):
        kind(3, bias="no")


# ---- p.assign ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.array([1.5, 2.5]), np.array([1.5, 2.5], np.float32), np.array([1.5, 2.5], np.float16), np.array([1.5, 2.5], np.longdouble),
                                   np.array([1.5, 2.5], ">f8"), np.array([1.5, 0, 2.5])[::2], [1.5, 2.5], (1.5, np.float64(2.5))],
                         ids=["f8", "f4", "f2", "longdouble", "big-endian", "strided", "list", "tuple"])
def test_assign_casts_arrays(dtype, value):
    p = nn.Parameter(np.zeros(2, dtype))
    assert p.assign(value) is p and p.tolist() == [1.5, 2.5] and p.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_assign_keeps_every_digit_that_the_dtype_has(dtype):
    p, values = nn.Parameter(np.zeros(2, dtype)), np.array([1 / 3, np.pi])
    assert (p.assign(values).numpy() == values.astype(dtype)).all()
    assert (p.assign(values.tolist()).numpy() == values.astype(dtype)).all()


@pytest.mark.parametrize("value", [np.array([1, 2]), np.array([True, False]), np.array([1, 2], np.uint8), [1, 2], [True, False]])
def test_assign_takes_integers_and_bools(value):
    assert nn.Parameter([0.0, 0.0]).assign(value).tolist() == [float(v) for v in value]


@pytest.mark.parametrize("value", [0, 3, 1.5, True, np.float64(1.5), np.float32(1.5), np.int64(3), np.bool_(True)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,)])
def test_assign_fills_from_a_number(value, shape):
    p = nn.Parameter(ng.ones(shape))
    assert (p.assign(value).numpy() == float(value)).all() and p.shape == shape


def test_assign_lets_nan_and_infinities_through():
    p = nn.Parameter([0.0, 0.0])
    assert np.isnan(p.assign(float("nan")).numpy()).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(p.assign(np.array([np.nan, np.inf])).tolist()) == "[nan, inf]"


@pytest.mark.parametrize("value, error", [
    (ng.zeros(2, dtype=ng.float64), DTypeError), (np.zeros(2, complex), DTypeError), (1j, DTypeError), ("text", DTypeError), (None, DTypeError),
    (np.array(["a", "b"]), DTypeError), (np.array([None, 1]), DTypeError), (np.zeros(3), ShapeError), (np.zeros((1, 2)), ShapeError), (np.zeros(()), ShapeError),
    (ng.zeros(3), ShapeError), ([1.0], ShapeError)])
def test_assign_refuses_the_rest(value, error):
    p = nn.Parameter([1.0, 2.0])
    with pytest.raises(error, match="^assign: "):
        p.assign(value)
    assert p.tolist() == [1.0, 2.0]


def test_what_is_assigned_is_copied():
    p, array = nn.Parameter(np.zeros(2)), np.array([1.0, 2.0])
    p.assign(array)
    array[:] = 5.0
    assert p.tolist() == [1.0, 2.0]
