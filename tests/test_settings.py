# SPDX-License-Identifier: LGPL-3.0-or-later
"""Settings are numbers: a tensor that is to be learnt would get no gradient, and nobody would notice."""
import pytest

import nanograd as ng

SETTINGS = {
    "leaky_relu: negative_slope": lambda x, p: ng.leaky_relu(x, p),
    "elu: alpha": lambda x, p: ng.elu(x, p),
    "softplus: beta": lambda x, p: ng.softplus(x, p),
    "softplus: threshold": lambda x, p: ng.softplus(x, 1.0, p),
    "pad: value": lambda x, p: ng.pad(x, 1, value=p),
    "layer_norm: eps": lambda x, p: ng.layer_norm(x, 2, eps=p),
    "batch_norm: eps": lambda x, p: ng.batch_norm(x.reshape(2, 1), training=True, eps=p),
    "huber_loss: delta": lambda x, p: ng.huber_loss(x, [0.0, 0.0], delta=p),
    "smooth_l1_loss: beta": lambda x, p: ng.smooth_l1_loss(x, [0.0, 0.0], beta=p),
    "cross_entropy: label_smoothing": lambda x, p: ng.cross_entropy(x, 0, label_smoothing=p),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_requires_a_gradient_is_refused(setting):
    x, p = ng.tensor([1.0, -2.0], requires_grad=True), ng.nn.Parameter(0.25)
    with pytest.raises(TypeError) as caught:
        SETTINGS[setting](x, p)
    op, what = setting.split(": ")
    assert str(caught.value) == f"{op}: {what} gets no gradient, and the tensor given requires one: write {what}.item()"
    expected = SETTINGS[setting](x, 0.25).tolist()
    assert SETTINGS[setting](x, p.detach()).tolist() == expected
    with ng.no_grad():
        assert SETTINGS[setting](x, p).tolist() == expected


def test_what_fills_gets_no_gradient():
    p = ng.nn.Parameter(2.0)
    for make in (lambda: ng.full((2,), p), lambda: ng.full_like(ng.zeros(2), p)):
        with pytest.raises(TypeError, match=r"^full: fill_value gets no gradient.*write ng\.broadcast_to\(x, shape\)$"):
            make()
    assert ng.full((2,), p.detach()).tolist() == [2, 2]


def test_asarray_to_another_dtype_keeps_the_gradient():
    x = ng.tensor([1.0, 2.0], requires_grad=True)
    y = ng.asarray(x, dtype=ng.float64)
    assert y.dtype == ng.float64
    (y * y).sum().backward()
    assert x.grad.dtype == ng.float32 and x.grad.tolist() == [2, 4]


def test_other_libraries_ufuncs_are_named_as_they_are():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(TypeError, match=r"^cbrt has no gradient here: write cbrt\(x\.numpy\(\)\) for a NumPy result$"):
        special.cbrt(ng.zeros(2))
