# SPDX-License-Identifier: LGPL-3.0-or-later
"""optim.scipy_minimize against SciPy with the gradient written by hand; interruptions; mistakes."""

import re
import sys

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, minimize

import nanograd as ng
from nanograd import nn, optim

START = np.array([[1.3, 0.7], [0.8, 1.9]])


def rosenbrock(x):
    x = np.asarray(x, dtype=np.float64).ravel()
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    x = np.asarray(x, dtype=np.float64).ravel()
    g = np.zeros_like(x)
    inner = x[1:] - x[:-1] ** 2
    g[:-1] += -400.0 * x[:-1] * inner - 2.0 * (1.0 - x[:-1])
    g[1:] += 200.0 * inner
    return g


def problem(dtype=ng.float64):
    """Rosenbrock's function of four numbers that lie in two parameters, one of them 0-d."""
    a = nn.Parameter(np.float64(START[0, 0]).astype(dtype))
    b = nn.Parameter(START.ravel()[1:].reshape(1, 3).astype(dtype))

    def closure():
        x = ng.concatenate([a.reshape(1), b.reshape(3)])
        loss = (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()
        loss.backward()
        return loss

    return [a, b], closure


def vector(params):
    return np.concatenate([np.atleast_1d(p.numpy()).ravel() for p in params])


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "TNC", "SLSQP", "trust-constr"])
def test_the_path_is_scipys(method):
    """The same evaluations, in the same places: not only the same end."""
    params, closure = problem()
    seen = []

    def watched():
        seen.append(vector(params))
        return closure()

    expected_at = []

    def by_hand(x):
        expected_at.append(np.array(x))
        return rosenbrock(x), rosenbrock_gradient(x)

    options = {"maxfun" if method == "TNC" else "maxiter": 12}
    result = optim.scipy_minimize(watched, params, method=method, options=options)
    expected = minimize(by_hand, START.ravel(), method=method, jac=True, options=options)
    assert len(seen) == len(expected_at) > 8
    np.testing.assert_allclose(seen, expected_at, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(result.x, expected.x, rtol=1e-5, atol=1e-8)
    assert (result.nit, result.success, result.message) == (expected.nit, expected.success, expected.message)
    np.testing.assert_array_equal(vector(params), result.x)
    assert [p.shape for p in params] == [(), (1, 3)]


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell", "COBYLA"])
def test_methods_without_gradient(method):
    """SciPy's own path, on the same function: these methods go elsewhere after a difference in the last bit."""
    params, _ = problem()

    def loss(x):
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()

    def closure():                       # no backward
        return loss(ng.concatenate([params[0].reshape(1), params[1].reshape(3)]))

    result = optim.scipy_minimize(closure, params, method=method, tol=1e-3)
    expected = minimize(lambda x: loss(ng.tensor(x)).item(), START.ravel(), method=method, tol=1e-3)
    assert result.nfev == expected.nfev
    np.testing.assert_array_equal(result.x, expected.x)
    np.testing.assert_array_equal(vector(params), result.x)


def test_a_method_of_ones_own():
    params, closure = problem()

    def steps(fun, x0, args=(), jac=None, **unused):
        x = np.array(x0)
        for _ in range(3):
            x -= 1e-4 * jac(x)           # in place: the parameters must not share its memory
        return OptimizeResult(x=x, success=True)

    result = optim.scipy_minimize(closure, params, method=steps)
    x = START.ravel().copy()
    for _ in range(3):
        x -= 1e-4 * rosenbrock_gradient(x)
    np.testing.assert_allclose(result.x, x, rtol=1e-12)


@pytest.mark.parametrize("dtype, near", [(ng.float32, 2e-2), (ng.float64, 1e-4)])
def test_the_minimum(dtype, near):
    params, closure = problem(dtype)
    result = optim.scipy_minimize(closure, params, tol=1e-12 if dtype == np.float64 else None)
    assert result.x.dtype == np.float64 and all(p.dtype == dtype for p in params)
    np.testing.assert_allclose(result.x, np.ones(4), atol=near)
    np.testing.assert_array_equal(vector(params), result.x.astype(dtype))


def test_both_dtypes_at_once_and_named_parameters():
    a = nn.Parameter(np.zeros((2, 1), np.float32))
    b = ng.tensor([0.0, 0.0, 0.0], dtype=ng.float64, requires_grad=True)         # a plain leaf
    empty = nn.Parameter(np.zeros((0, 3)))

    def closure():
        loss = ((a.astype(ng.float64) - 2.0) ** 2).sum() + ((b + 3.0) ** 2).sum()
        loss.backward()
        return loss

    held = b.detach()
    result = optim.scipy_minimize(closure, [("a", a), ("empty", empty), ("b", b)])
    assert result.success
    np.testing.assert_allclose(a.numpy(), np.full((2, 1), 2.0), rtol=1e-5)
    np.testing.assert_allclose(b.numpy(), [-3.0] * 3, rtol=1e-5)
    assert held.tolist() == [0.0, 0.0, 0.0]                                      # a value that someone holds never changes


def test_no_gradient_counts_as_zero_and_frozen_parameters_stay():
    a, unused, frozen = (nn.Parameter(np.array([1.0, 2.0])) for _ in range(3))
    frozen.requires_grad_(False)

    def closure():
        loss = ((a - frozen) ** 2).sum() + (a**2).sum()
        loss.backward()
        return loss

    result = optim.scipy_minimize(closure, [a, unused, frozen])
    assert result.x.size == 4
    np.testing.assert_allclose(a.numpy(), [0.5, 1.0], rtol=1e-5)
    assert unused.tolist() == frozen.tolist() == [1.0, 2.0]
    derivative_free = optim.scipy_minimize(lambda: ((a - frozen) ** 2).sum(), [a, frozen], method="Nelder-Mead")
    assert derivative_free.x.size == 2 and frozen.tolist() == [1.0, 2.0]


def test_gradients_do_not_pile_up():
    """Whether or not the closure clears them, and whatever was there before."""
    results = []
    for clears in (True, False):
        params, closure = problem()
        params[0].grad = np.array(1e6)

        def cleared(params=params, closure=closure, clears=clears):
            if clears:
                for p in params:
                    p.grad = None
            return closure()

        results.append(optim.scipy_minimize(cleared, params, options={"maxiter": 8}).x)
    np.testing.assert_array_equal(*results)


def test_grad_mode_is_on_inside():
    params, closure = problem()
    with ng.no_grad():
        optim.scipy_minimize(closure, params, options={"maxiter": 2})
        assert not ng.is_grad_enabled()


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "SLSQP", "Nelder-Mead", "COBYLA"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_leaves_the_best_values(method, error):
    params, closure = problem()
    losses = []

    def failing():
        if len(losses) == 9:
            raise error("stop")
        losses.append((closure().item(), vector(params)))
        return ng.tensor(losses[-1][0], dtype=ng.float64)

    with pytest.raises(error):
        optim.scipy_minimize(failing, params, method=method)
    lowest, best = min(losses, key=lambda pair: pair[0])
    assert lowest < losses[0][0]
    np.testing.assert_array_equal(vector(params), best)
    assert ng.is_grad_enabled()
    before = closure().item()
    assert before == lowest
    optim.SGD(params, lr=1e-5).step()                     # usable
    assert closure().item() < before


def test_an_exception_at_once_leaves_the_start():
    params, _ = problem(ng.float32)
    before = vector(params)

    def failing():
        raise OverflowError

    with pytest.raises(OverflowError):
        optim.scipy_minimize(failing, params)
    np.testing.assert_array_equal(vector(params), before)


def test_nan_is_not_the_best():
    w = nn.Parameter(np.array([2.0]))
    calls = []

    def closure():
        calls.append(w.item())
        if len(calls) == 5:
            raise RuntimeError
        loss = (w**2).sum() * (np.nan if len(calls) > 1 else 1.0)
        loss.backward()
        return loss

    try:
        optim.scipy_minimize(closure, [w], method="Nelder-Mead")
    except RuntimeError:
        assert w.item() == 2.0
    else:
        raise AssertionError("the closure was called less than five times")


MISTAKES = [
    (lambda w, f: optim.scipy_minimize(f, []), ValueError, "scipy_minimize: got no parameters"),
    (lambda w, f: optim.scipy_minimize(f, iter(())), ValueError, "scipy_minimize: got no parameters"),
    (lambda w, f: optim.scipy_minimize(f, [nn.Parameter(np.zeros((0, 2)))]), ValueError,
     "scipy_minimize: the parameters that require a gradient have no elements"),
    (lambda w, f: optim.scipy_minimize(f, [nn.Parameter([1.0], requires_grad=False)]), ValueError,
     "scipy_minimize: the parameters that require a gradient have no elements"),
    (lambda w, f: optim.scipy_minimize(f, w), TypeError,
     "scipy_minimize: expected an iterable of parameters, got one Parameter; write [parameter]"),
    (lambda w, f: optim.scipy_minimize(f, nn.Linear(1, 1)), TypeError,
     "scipy_minimize: expected an iterable of parameters, got a module; write module.parameters()"),
    (lambda w, f: optim.scipy_minimize(f, [w, w]), ValueError, "scipy_minimize: a parameter is listed twice"),
    (lambda w, f: optim.scipy_minimize(f, [w * 2.0]), ValueError,
     "scipy_minimize: a tensor of shape (2,) is not a leaf: it was computed, so a step would not reach what it was computed from"),
    (lambda w, f: optim.scipy_minimize(f, [{"params": [w], "lr": 1.0}]), TypeError,
     "scipy_minimize: all parameters form one vector, so groups with settings are not supported: pass a list of parameters"),
    (lambda w, f: optim.scipy_minimize(w, [w]), TypeError,
     "scipy_minimize: closure must be a function that returns the loss, got Parameter"),
    (lambda w, f: optim.scipy_minimize(lambda: f().item(), [w]), TypeError,
     "scipy_minimize: closure must return the loss, a tensor, got float"),
    (lambda w, f: optim.scipy_minimize(lambda: w * w, [w]), ng.ShapeError,
     "scipy_minimize: closure must return a loss of one element, got shape (2,); write loss.mean()"),
    (lambda w, f: optim.scipy_minimize(lambda: (w * w).sum(), [w]), ng.GraphError,
     "scipy_minimize: no parameter has a gradient: call loss.backward() in closure before it returns the loss"),
    (lambda w, f: optim.scipy_minimize(f, [w], method="no such method"), ValueError, "Unknown solver no such method"),
]


@pytest.mark.parametrize("call, error, message", MISTAKES, ids=[message for *_, message in MISTAKES])
def test_mistakes(call, error, message):
    w = nn.Parameter(np.array([1.0, 2.0]))

    def closure():
        loss = (w * w).sum()
        loss.backward()
        return loss

    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call(w, closure)
    assert w.tolist() == [1.0, 2.0]


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=re.escape('scipy_minimize needs SciPy: run pip install "nanograd-cpu[scipy]"')):
        optim.scipy_minimize(lambda: None, [nn.Parameter([1.0])])


def test_importing_nanograd_imports_no_scipy():
    import subprocess

    subprocess.run([sys.executable, "-c", "import sys, nanograd; assert 'scipy' not in sys.modules"], check=True)
