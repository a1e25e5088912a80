# SPDX-License-Identifier: LGPL-3.0-or-later
"""Matrix products beyond what the contract test of every op covers: the kernels' many paths, layouts, NaN, memory, threads."""
import itertools
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from thread_bits import assert_same_bits

import nanograd as ng

ROOT = Path(__file__).resolve().parent.parent
COMPILER = shlex.split(os.environ.get("CC", "cc"))
DTYPES = (np.float32, np.float64)
EPS = {np.float32: 2.0**-23, np.float64: 2.0**-52}
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65)
ACTIVATIONS = {
    None: lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
}


def numbers(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_product(actual, a, b):
    """Within what any order of summation can cost: each element against K * eps * sum of |a| |b|."""
    a, b, dtype = a.astype(np.float64), b.astype(np.float64), actual.dtype.type
    bound = (a.shape[-1] + 2) * EPS[dtype] * (np.abs(a) @ np.abs(b)) if a.shape[-1] else 0
    assert actual.shape == (a @ b).shape
    assert np.all(np.abs(actual - a @ b) <= bound)


def check_all_layouts(a, b):
    """The product, and both gradients: they are products with the second and with the first operand transposed."""
    x, y = ng.tensor(a, requires_grad=True), ng.tensor(b, requires_grad=True)
    out = ng.matmul(x, y)
    assert_product(out.numpy(), a, b)
    g = numbers(3, *out.shape, dtype=a.dtype)
    out.backward(ng.tensor(g))
    assert_product(x.grad.numpy(), g, np.swapaxes(b, -1, -2))
    assert_product(y.grad.numpy(), np.swapaxes(a, -1, -2), g)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_small_shape_in_every_layout(dtype):
    for m in SIZES:
        for n in SIZES:
            for k in (1, 2, 3, 4, 7, 8, 17, 36):
                check_all_layouts(numbers(1, m, k, dtype=dtype), numbers(2, k, n, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, k, n", [
    (1, 4000, 3), (3, 4000, 1), (2, 300, 700), (700, 2, 300), (300, 700, 2), (64, 5000, 48),      # thin; long K
    (20, 257, 65), (65, 511, 20), (128, 784, 128), (100, 100, 100), (300, 128, 64), (64, 128, 300),
    (700, 400, 500), (1, 70000, 9), (1024, 1, 1024), (40, 16, 12000), (129, 1024, 1)])
def test_larger_shapes_in_every_layout(m, k, n, dtype):
    check_all_layouts(numbers(1, m, k, dtype=dtype), numbers(2, k, n, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a_shape, b_shape", [
    ((5, 1, 2, 3), (1, 4, 3, 2)), ((7, 3, 40, 33), (7, 1, 33, 20)), ((1, 3, 4), (0, 4, 5)), ((2, 0, 3, 4), (4, 5)), ((3, 4), (6, 4, 5)),
    ((1, 2, 300, 200), (3, 1, 200, 260)), ((2, 3, 0), (2, 0, 4)), ((2, 1, 2, 1, 2, 1, 3, 2), (1, 2, 1, 2, 1, 2, 2, 3))])
def test_gradients_of_broadcast_batches(a_shape, b_shape, dtype):
    a, b = numbers(1, *a_shape, dtype=dtype), numbers(2, *b_shape, dtype=dtype)
    x, y = ng.tensor(a, requires_grad=True), ng.tensor(b, requires_grad=True)
    out = x @ y
    np.testing.assert_allclose(out.numpy(), a @ b, rtol=0, atol=2000 * EPS[dtype])
    g = numbers(3, *out.shape, dtype=dtype)
    out.backward(ng.tensor(g))
    for tensor, array, full in ((x, a, g.astype(float) @ np.swapaxes(b, -1, -2)), (y, b, np.swapaxes(a, -1, -2).astype(float) @ g)):
        lead = full.ndim - array.ndim
        full = full.sum(tuple(range(lead)))
        full = full.sum(tuple(i for i in range(array.ndim) if array.shape[i] == 1 != full.shape[i]), keepdims=True)
        np.testing.assert_allclose(tensor.grad.numpy(), full.reshape(array.shape), rtol=0, atol=5000 * EPS[dtype])


@pytest.mark.parametrize("shape", [(16, 16, 16), (1, 64, 64), (64, 64, 1), (3, 5, 2), (64, 1, 64), (33, 40, 50), (200, 300, 250)])
def test_nan_and_inf_spread_as_in_numpy(shape):
    m, k, n = shape
    a, b = np.zeros((m, k), np.float32), np.ones((k, n), np.float32)
    b[k // 2, n // 2] = np.nan      # 0 * nan
    a[m - 1, 0] = np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(ng.matmul(a, b).numpy(), a @ b)
        np.testing.assert_array_equal(ng.linear(a, np.ascontiguousarray(b.T)).numpy(), a @ b)


@pytest.mark.parametrize("shape", [(16, 16, 16), (7, 300, 9), (300, 300, 300), (64, 0, 64), (1, 100, 100)])
def test_what_lay_in_the_output_is_not_read(shape):
    m, k, n = shape
    for _ in range(3):
        used = [ng.full((m, n), np.nan) for _ in range(4)]
        del used
        assert np.isfinite(ng.matmul(np.ones((m, k), np.float32), np.ones((k, n), np.float32)).numpy()).all()


def test_large_products_have_the_same_bits_with_any_number_of_threads():
    for dtype in DTYPES:
        for shapes in (((1024, 300), (300, 200)), ((96, 4000), (4000, 96)), ((4, 3000), (3000, 900)), ((40, 64, 64), (40, 64, 64)), ((600, 600), (600, 600))):
            a, b = (ng.tensor(numbers(i, *s, dtype=dtype), requires_grad=True) for i, s in enumerate(shapes))

            def compute(a=a, b=b):
                a.grad = b.grad = None
                out = a @ b
                out.backward(out)
                return out, a.grad, b.grad

            assert_same_bits(compute)


def test_fused_linear_has_the_same_bits_with_any_number_of_threads():
    for rows, outputs, features in ((1024, 128, 256), (96, 96, 4000), (64, 700, 600)):
        x, w, b = (ng.tensor(numbers(i, *s), requires_grad=True) for i, s in enumerate(((rows, features), (outputs, features), (outputs,))))

        def compute(x=x, w=w, b=b):
            x.grad = w.grad = b.grad = None
            y = ng.linear(x, w, b, "silu")
            y.backward()
            return y, x.grad, w.grad, b.grad

        assert_same_bits(compute)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rows", [(), (1,), (2, 3), (64,), (0,)])
def test_linear_is_its_three_steps(activation, rows, dtype):
    arrays = numbers(1, *rows, 9, dtype=dtype), numbers(2, 5, 9, dtype=dtype), numbers(3, 5, dtype=dtype)
    g = numbers(4, *rows, 5, dtype=dtype)
    z = arrays[0].astype(float) @ arrays[1].T.astype(float) + arrays[2]
    grads = []
    for fused in (True, False):
        x, w, b = (ng.tensor(a, requires_grad=True) for a in arrays)
        if fused:
            y = ng.linear(x, w, b, activation)
            np.testing.assert_allclose(y.numpy(), ACTIVATIONS[activation](z), rtol=0, atol=30 * EPS[dtype])
        else:
            y = x @ ng.transpose(w) + b
            y = getattr(ng, activation)(y) if activation else y
        y.backward(ng.tensor(g))
        grads.append([t.grad.numpy() for t in (x, w, b)])
    for fused, apart in zip(*grads, strict=True):
        np.testing.assert_allclose(fused, apart, rtol=0, atol=100 * EPS[dtype])


@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
def test_linear_computes_wanted_gradients_only(activation):
    arrays = numbers(1, 6, 4), numbers(2, 5, 4), numbers(3, 5)
    every = [ng.tensor(a, requires_grad=True) for a in arrays]
    ng.linear(*every, activation).backward()
    for wanted in range(1, 7):
        some = [ng.tensor(a, requires_grad=bool(wanted >> i & 1)) for i, a in enumerate(arrays)]
        ng.linear(*some, activation).backward()
        for tensor, full in zip(some, every, strict=True):
            assert (tensor.grad is not None) == tensor.requires_grad
            if tensor.requires_grad:
                np.testing.assert_array_equal(tensor.grad.numpy(), full.grad.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_of_few_features_adds_the_bias_to_every_row(dtype):
    """(One feature to one: the product is rewritten as that of a row, and only the first number had the bias.)"""
    rng = np.random.default_rng(0)
    for rows, inputs, outputs in itertools.product((1, 2, 3, 16, 33, 5000), (1, 2, 3), (1, 2, 9)):
        x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, inputs), (outputs, inputs), (outputs,)))
        np.testing.assert_allclose(ng.linear(x, w, b).numpy(), x @ w.T + b, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(ng.linear(x, w, b, "relu").numpy(), np.maximum(x @ w.T + b, 0), rtol=1e-5, atol=1e-5)


def test_linear_backward_leaves_shared_gradients_alone():
    """The derivative of the activation is written over dy only where nobody else holds it."""
    w, b = ng.tensor(numbers(1, 3, 3), requires_grad=True), ng.tensor(numbers(2, 3), requires_grad=True)
    x = ng.tensor(numbers(3, 1, 3), requires_grad=True)
    y = ng.linear(x, w, b, "tanh")
    seed = ng.tensor(np.ones((1, 3), np.float32))
    (y + x).backward(seed)      # add hands one buffer to both sides
    np.testing.assert_array_equal(seed.numpy(), 1)
    np.testing.assert_allclose(x.grad.numpy(), (1 - y.numpy() ** 2) @ w.numpy() + 1, rtol=1e-6)
    before = w.grad.numpy().copy(), b.grad.numpy().copy()
    ng.linear(x.detach(), w, b, "tanh").backward(seed)
    np.testing.assert_allclose(w.grad.numpy(), 2 * before[0], rtol=1e-6)
    np.testing.assert_allclose(b.grad.numpy(), 2 * before[1], rtol=1e-6)


@pytest.mark.parametrize("op", [ng.matmul, ng.linear, ng.outer])
def test_an_array_that_backward_reads_is_copied(op):
    x, w = np.ones((2, 2), np.float32), ng.tensor(np.ones((2, 2), np.float32), requires_grad=True)
    y = op(x, w)
    x[:] = 100
    y.backward()
    assert w.grad.numpy().max() <= 4


def test_dot_and_outer():
    a, b = numbers(1, 1000), numbers(2, 1000)
    np.testing.assert_allclose(ng.dot(a, b).item(), a.astype(float) @ b, rtol=1e-5)
    assert ng.dot(ng.zeros(0), ng.zeros(0)).item() == 0
    assert ng.outer(numbers(1, 2, 3), numbers(2, 4)).shape == (6, 4)
    x = ng.tensor(numbers(1, 2, 3), requires_grad=True)
    ng.outer(x, b).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3), b.astype(float).sum()), rtol=1e-4)
    with pytest.raises(ng.ShapeError, match=r"^dot: takes two vectors of the same size \(a \(2, 3\), b \(3,\)\); matmul multiplies matrices$"):
        ng.dot(x, [1.0, 2.0, 3.0])
    with pytest.raises(ng.ShapeError, match=r"^dot: .*\(2,\).*\(3,\)"):
        ng.dot([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ng.DTypeError, match=r"^outer: .*float32.*float64"):
        ng.outer(ng.zeros(3), ng.zeros(3, dtype=np.float64))


def test_messages_name_both_shapes():
    with pytest.raises(ng.ShapeError, match=r"^matmul: the last axis of a has 4 elements, the second-last axis of b 5 \(a \(3, 4\), b \(5, 6\)\)$"):
        ng.zeros((3, 4)) @ ng.zeros((5, 6))
    with pytest.raises(ng.ShapeError, match=r"^matmul: the last axis of a has 4 elements, the axis of b 5 \(a \(3, 4\), b \(5,\)\)$"):
        ng.zeros((3, 4)) @ ng.zeros(5)
    with pytest.raises(ng.ShapeError, match=r"^matmul: the batch axes do not broadcast: 2 and 3 in the same position \(a \(2, 3, 4\), b \(3, 4, 5\)\)$"):
        ng.zeros((2, 3, 4)) @ ng.zeros((3, 4, 5))
    with pytest.raises(ng.ShapeError, match=r"^matmul: an operand is 0-d; write a \* b to multiply by a number \(a \(2,\), b \(\)\)$"):
        ng.zeros(2) @ ng.zeros(())
    with pytest.raises(ng.ShapeError, match=r"^linear: weight expects 3 input features, got 4 \(x \(2, 4\), weight \(5, 3\)\)$"):
        ng.linear(ng.zeros((2, 4)), ng.zeros((5, 3)))
    images = ng.zeros((2, 4, 6, 6))
    with pytest.raises(ng.ShapeError, match=r"weight \(5, 144\)\); write x\.flatten\(1\), or nn\.Flatten\(\) before the layer$"):
        ng.linear(images, ng.zeros((5, 144)))
    with pytest.raises(ng.ShapeError, match=r"\(5, 4\)\); write ng\.global_avg_pool2d\(x\), or nn\.GlobalAvgPool2d\(\) before the layer$"):
        ng.linear(images, ng.zeros((5, 4)))
    assert ng.linear(images.flatten(1), ng.zeros((5, 144))).shape == ng.linear(ng.global_avg_pool2d(images), ng.zeros((5, 4))).shape
    with pytest.raises(ng.ShapeError, match=r"^linear: bias must have shape \(5,\), got \(3,\) \(x \(2, 3\), weight \(5, 3\)\)$"):
        ng.linear(ng.zeros((2, 3)), ng.zeros((5, 3)), ng.zeros(3))
    with pytest.raises(ng.ShapeError, match=r"^linear: x must have at least one axis, its features \(x \(\), weight \(5, 3\)\)$"):
        ng.linear(ng.zeros(()), ng.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"^linear: activation must be None or one of 'relu', .*'leaky_relu', got 'Relu'; did you mean 'relu'\?.*$"):
        ng.linear(ng.zeros((2, 3)), ng.zeros((5, 3)), activation="Relu")


def test_operators_take_numpy_on_either_side():
    a, b = numbers(1, 3, 4), numbers(2, 4, 5)
    for result in (ng.tensor(a) @ b, a @ ng.tensor(b), np.matmul(a, ng.tensor(b)), ng.tensor(a).matmul(b), ng.tensor(a) @ b.tolist()):
        assert isinstance(result, ng.Tensor)
        assert_product(result.numpy(), a, b)


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_every_instruction_set(isa):
    """Each that this machine has, on a sample of the shapes above."""
    program = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_matmul import *
for dtype in DTYPES:
    for m, k, n in ((1, 1, 1), (3, 5, 7), (16, 16, 16), (1, 64, 64), (2, 65, 130), (33, 40, 21), (64, 8, 64), (9, 300, 31), (5, 100, 1), (130, 257, 66), (4, 2000, 4)):
        check_all_layouts(numbers(1, m, k, dtype=dtype), numbers(2, k, n, dtype=dtype))
"""
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "NANOGRAD_ISA": isa}, capture_output=True, text=True)
    if done.returncode and "ImportError" in done.stderr and isa in done.stderr:
        pytest.skip(f"this machine has no {isa}")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt" or not shutil.which(COMPILER[0]) or not (ROOT / "build" / "generated").is_dir(), reason="needs a checkout in which it was built, and a C compiler")
@pytest.mark.parametrize("bits", [32, 64])
def test_kernels_stay_within_their_memory(bits, tmp_path):
    """As a program of their own, under the compiler's sanitizers, with this machine's own instructions."""
    program = tmp_path / "gemm_check"
    command = [*COMPILER, "-std=c11", "-D_GNU_SOURCE=1", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
               "-march=native", "-ffp-contract=fast", f"-DNG_DTYPE={bits}", "-DNG_ISA=native", f"-I{ROOT / 'tests' / 'native'}", f"-I{ROOT / 'csrc'}",
               f"-I{ROOT / 'build' / 'generated'}", "-o", str(program), str(ROOT / "tests" / "native" / "gemm_check.c"), "-lm"]
    compiled = subprocess.run(command, capture_output=True, text=True)
    if compiled.returncode:
        pytest.skip("the compiler has no such sanitizers here")
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    result = subprocess.run([str(program)], capture_output=True, text=True, timeout=300, env=environment)
    assert result.returncode == 0 and result.stdout == "ok\n", result.stderr
