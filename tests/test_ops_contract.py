# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every op promises, tested on every OpSpec of tests/specs.py in both dtypes."""
import re

import numpy as np
import pytest
from opspec import BROADCAST_SHAPES, F32, F64, TAILS
from specs import SPECS
from thread_bits import assert_same_bits

import nanograd as ng
from nanograd._core.base.tensor import array_of
from nanograd.testing import gradcheck

DTYPES = (F32, F64)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
EXTREMES = (1e4, -1e4, np.inf, -np.inf, np.nan)


def specs(wanted=lambda spec: True):
    return pytest.mark.parametrize("spec", [s for s in SPECS if wanted(s)], ids=lambda s: s.id)


def on_tensors(spec, arrays, requires_grad=True):
    """The spec's call on tensors: (leaves, result). Integer arrays stay arrays."""
    leaves = [ng.tensor(a, requires_grad=requires_grad and wants) if a.dtype.kind == "f" else a
              for a, wants in zip(arrays, spec.wants(len(arrays)), strict=True)]
    return leaves, spec.call(*leaves)


def gradients(spec, arrays, cotangent=None):
    """Result and gradients (arrays) for a cotangent, random by default."""
    leaves, y = on_tensors(spec, arrays)
    if cotangent is None:
        cotangent = np.random.default_rng(7).standard_normal(y.shape).astype(F32).astype(y.dtype)
    y.backward(ng.tensor(cotangent.astype(y.dtype)))
    return y.numpy(), [x.grad.numpy() for x in leaves if isinstance(x, ng.Tensor) and x.requires_grad]


def assert_matches(spec, result, expected, dtype, factor=1.0):
    assert np.shape(result) == np.shape(expected)
    with np.errstate(all="ignore"):
        expected = np.asarray(expected).astype(dtype)
    finite = expected[np.isfinite(expected)]
    rtol = factor * spec.rtol[dtype]
    atol = spec.atol * rtol * (np.abs(finite).max() if finite.size else 0) + (0 if rtol == 0 else np.finfo(dtype).tiny)
    np.testing.assert_allclose(array_of(result), expected, rtol=rtol, atol=atol)


def check_values(spec, shapes, dtype):
    arrays = spec.make(shapes, dtype)
    before = [a.tobytes() for a in arrays]
    leaves, y = on_tensors(spec, arrays)
    expected = spec.expected(arrays)
    if not spec.differentiable:
        assert isinstance(y, np.ndarray | np.generic) and np.array_equal(y, expected)
        return
    assert y.dtype == dtype, f"{y.dtype} from {dtype}"
    assert_matches(spec, y.numpy(), expected, dtype)
    y.backward(ng.tensor(np.ones(y.shape, dtype)))
    for x, array, bits in zip(leaves, arrays, before, strict=True):
        if isinstance(x, ng.Tensor):
            assert x.numpy().tobytes() == bits, "the op wrote to its input"
            if x.requires_grad:
                assert x.grad.shape == array.shape and x.grad.dtype == dtype


def check_gradient(spec, shapes, call=None):
    arrays = spec.make(shapes, F64, seed=1)
    leaves = [ng.tensor(a, requires_grad=w) if a.dtype.kind == "f" else a for a, w in zip(arrays, spec.wants(len(arrays)), strict=True)]
    assert gradcheck(call or spec.call, leaves)


# ---- values and gradients -------------------------------------------------------------------------------------------------


@every_dtype
@specs()
def test_values_against_the_reference(spec, dtype):
    for shapes in spec.shapes:
        check_values(spec, shapes, dtype)


@every_dtype
@specs()
def test_odd_tails(spec, dtype):
    for n in TAILS:
        check_values(spec, spec.tails(n), dtype)


@specs(lambda spec: spec.differentiable)
def test_gradient(spec):
    for shapes in spec.shapes:
        if sum(np.prod(shape, dtype=int) for shape in shapes) <= 10_000:
            check_gradient(spec, shapes)
    for n in TAILS:
        check_gradient(spec, spec.tails(n))


@specs(lambda spec: spec.differentiable)
def test_float32_gradient_is_the_float64_one(spec):
    for shapes in (*spec.shapes, spec.tails(31)):
        y = gradients(spec, spec.make(shapes, F64))
        cotangent = np.random.default_rng(7).standard_normal(y[0].shape).astype(F32)
        _, wanted = gradients(spec, spec.make(shapes, F64), cotangent)
        _, found = gradients(spec, spec.make(shapes, F32), cotangent)
        for f, w in zip(found, wanted, strict=True):
            assert f.dtype == F32
            scale = np.abs(w).max() if w.size else 0
            np.testing.assert_allclose(f, w, rtol=2e-5, atol=3e-6 * scale)


@every_dtype
@specs(lambda spec: spec.elementwise > 1)
def test_broadcasting(spec, dtype):
    for pair in BROADCAST_SHAPES:
        check_values(spec, pair, dtype)
        if dtype == F64:
            check_gradient(spec, pair)


@every_dtype
@specs(lambda spec: spec.extremes)
def test_extremes(spec, dtype):
    """One extreme number among others, in every input in turn: NaN and infinities come out where the reference has them, and
    backward takes them."""
    for shapes in (spec.shapes[0], spec.tails(9)):
        for i, wanted in enumerate(spec.wants(len(shapes)) if spec.differentiable else (True,)):
            for value in EXTREMES if wanted else ():
                arrays = spec.make(shapes, dtype)
                if arrays[i].size == 0:
                    continue
                arrays[i] = arrays[i].copy()
                arrays[i].reshape(-1)[arrays[i].size // 2] = value
                _, y = on_tensors(spec, arrays)
                assert_matches(spec, array_of(y), spec.expected(arrays), dtype, factor=4)
                if spec.differentiable:
                    gradients(spec, arrays)


@specs(lambda spec: spec.differentiable)
def test_an_input_used_twice(spec):
    shapes = next(s for s in spec.shapes if all(0 not in shape for shape in s))
    check_gradient(spec, shapes, lambda *xs: ng.mul(spec.call(*xs), spec.call(*xs)))
    if len(shapes) > 1 and len(set(shapes)) == 1 and not spec.distinct and all(spec.wants(len(shapes))):
        arrays = spec.make(shapes, F64)
        if isinstance(spec.domain[0], tuple):
            arrays = [np.abs(a) + 0.5 for a in arrays]
        assert gradcheck(lambda x: spec.call(*(x,) * len(shapes)), [ng.tensor(arrays[0], requires_grad=True)])


# ---- operands -------------------------------------------------------------------------------------------------------------


@every_dtype
@specs()
def test_arrays_of_any_layout_are_operands(spec, dtype):
    """NumPy arrays in place of tensors, also non-contiguous ones, give the same bits."""
    arrays = spec.make(spec.shapes[0], dtype)
    _, y = on_tensors(spec, arrays, requires_grad=False)
    spread = [np.repeat(a[..., None], 2, -1)[..., 0] if a.dtype.kind == "f" else a for a in arrays]
    reverse = [np.ascontiguousarray(a[..., ::-1])[..., ::-1] if a.ndim and a.dtype.kind == "f" else a for a in arrays]
    first = lambda new: [ng.tensor(new[0]) if spec.case.startswith("number") else new[0], *new[1:]]     # an operator needs a tensor
    for operands in (arrays, spread, reverse):
        if any(a.dtype == dtype for a in operands):
            same = spec.call(*(ng.tensor(a) if a.dtype.kind == "f" and dtype != ng.get_default_dtype() and a.ndim == 0 else a
                               for a in first(operands)))
            assert array_of(same).tobytes() == array_of(y).tobytes()


@specs(lambda spec: spec.differentiable)
def test_no_grad_records_nothing(spec):
    arrays = spec.make(spec.shapes[0], F32)
    with ng.no_grad():
        leaves, y = on_tensors(spec, arrays)
    assert y is leaves[0] or not y.requires_grad and y.grad_fn is None
    _, y = on_tensors(spec, arrays, requires_grad=False)
    assert not y.requires_grad and y.grad_fn is None
    leaves, y = on_tensors(spec, arrays)
    assert y is leaves[0] or y.requires_grad and y.grad_fn is not None


@specs(lambda spec: spec.differentiable and sum(spec.wants(len(spec.shapes[0]))) > 1)
def test_each_input_alone(spec):
    """Where one input only wants a gradient, it is the one that it has among others."""
    arrays = spec.make(spec.shapes[0], F64)
    y, wanted = gradients(spec, arrays)
    cotangent = ng.tensor(np.random.default_rng(7).standard_normal(y.shape).astype(F32).astype(F64))
    for i, gradient in enumerate(wanted):
        leaves = [ng.tensor(a, requires_grad=i == j) for j, a in enumerate(arrays)]
        spec.call(*leaves).backward(cotangent)
        assert [x.grad is None for x in leaves] == [j != i for j in range(len(leaves))]
        np.testing.assert_array_equal(leaves[i].grad.numpy(), gradient)


# ---- threads --------------------------------------------------------------------------------------------------------------


@every_dtype
@specs(lambda spec: spec.large is not None)
def test_same_bits_with_any_number_of_threads(spec, dtype):
    arrays = spec.make(spec.large, dtype)
    assert_matches(spec, np.asarray(on_tensors(spec, arrays, requires_grad=False)[1]), spec.expected(arrays), dtype, factor=8)

    def compute():
        if not spec.differentiable:
            return [on_tensors(spec, arrays)[1]]
        y, grads = gradients(spec, arrays)
        return [y, *grads]
    assert_same_bits(compute)


def test_the_detector_finds_a_split_by_threads():
    x = ng.tensor(np.random.default_rng(0).standard_normal(1_200_000).astype(F32))

    def split_by_threads():
        parts = np.array_split(x.numpy(), ng.get_num_threads())
        return [sum(ng.sum(part).numpy() for part in parts)]
    with pytest.raises(AssertionError, match="other bits with"):
        assert_same_bits(split_by_threads)


def test_the_detector_finds_that_the_pool_took_no_part():
    with pytest.raises(AssertionError, match="too small"):
        assert_same_bits(lambda: [ng.exp(ng.zeros(10)).numpy()])


# ---- errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raises", [pytest.param(r, id=f"{s.id}-{i}") for s in SPECS for i, r in enumerate(s.errors)])
def test_documented_errors(raises):
    with pytest.raises(Exception) as caught:
        raises.call()
    names = [cls.__name__ for cls in type(caught.value).__mro__]
    assert any(re.fullmatch(raises.error, name) for name in names), f"{names[0]}: {caught.value}"
    assert re.search(raises.message, str(caught.value)), str(caught.value)
