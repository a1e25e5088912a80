# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checks for tests: of a gradient against finite differences, and of two results against each other.

They serve nanograd's own tests and those of your own operations (`ng.Function`).
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.base.tensor import Tensor, array_of, grad, real_number
from nanograd._core.ops import creation as _creation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from nanograd._typing import TensorLike

__all__ = ["assert_close", "gradcheck"]

# The defaults of torch.testing.assert_close.
_RTOL = {np.dtype(np.float32): 1.3e-6, np.dtype(np.float64): 1e-7}
_ATOL = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-7}


def assert_close(actual: TensorLike, expected: TensorLike, rtol: float | None = None, atol: float | None = None) -> None:
    """Assert that two tensors or arrays have the same shape and close values.

    ``|actual - expected| <= atol + rtol * |expected|`` has to hold for every element. Infinities are close to themselves,
    NaN is close to nothing.

    Parameters
    ----------
    actual, expected : Tensor, array, number or nested list
        Of the same shape: they are not broadcast. Two tensors must have the same dtype.
    rtol, atol : float, optional
        Default: 1.3e-6 and 1e-5 where one of the two is float32, else 1e-7 and 1e-7.

    Raises
    ------
    AssertionError
        With the number of elements that differ, and the worst of them.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.testing.assert_close(ng.tensor([1.0, 2.0]), [1.0, 2.0])
    >>> ng.testing.assert_close(ng.tensor([1.0, 2.0]), [1.0, 2.5])
    Traceback (most recent call last):
    ...
    AssertionError: assert_close: 1 of 2 elements differ; the worst is at (1,): 2.0, expected 2.5 (rtol=1.3e-06, atol=1e-05)
    """
    a, e = (array_of(x) for x in (actual, expected))
    for x in (a, e):
        if x.dtype.kind not in "biuf":
            raise TypeError(f"assert_close: expected real numbers, got an array of dtype {x.dtype}")
    if isinstance(actual, Tensor) and isinstance(expected, Tensor) and a.dtype != e.dtype:
        raise AssertionError(f"assert_close: the dtypes differ: {a.dtype}, expected {e.dtype}")
    if a.shape != e.shape:
        raise AssertionError(f"assert_close: the shapes differ: {a.shape}, expected {e.shape}")
    coarse = np.dtype(np.float32) if np.float32 in (a.dtype, e.dtype) else np.dtype(np.float64)
    rtol = _RTOL[coarse] if rtol is None else real_number("assert_close", "rtol", rtol)
    atol = _ATOL[coarse] if atol is None else real_number("assert_close", "atol", atol)
    a64, e64 = a.astype(np.float64), e.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        excess = np.where(a64 == e64, 0.0, np.abs(a64 - e64) - rtol * np.abs(e64))
    wrong = ~(excess <= atol)
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), a.shape)
        place = tuple(int(i) for i in worst)
        raise AssertionError(
            f"assert_close: {wrong.sum()} of {a.size} elements differ; the worst is at {place}: "
            f"{a[worst]}, expected {e[worst]} (rtol={rtol}, atol={atol})")


def gradcheck(fn: Callable[..., Any], inputs: Tensor | Sequence[Any], eps: float | None = None, rtol: float | None = None,
              atol: float | None = None) -> bool:
    """Compare the gradients of a function with finite differences.

    The function's outputs are weighted with random cotangents; the derivative of that number along random directions of one
    input at a time is taken numerically (four evaluations, error of the order of ``eps**4``) and from backward. So the cost
    does not grow with the number of elements.

    Parameters
    ----------
    fn : callable
        Takes the inputs, and returns a tensor or a tuple of tensors. Called repeatedly: it must not be random.
    inputs : Tensor, or sequence of tensors and other arguments
        The gradients of the tensors that require one are checked. Best in float64; in float32 only gross errors show.
    eps : float, optional
        The step. Default: 1e-4 (float64), 2e-2 (float32). Kinks of the function should be further away than a few steps.
    rtol, atol : float, optional
        The numerical derivative may differ by ``atol + rtol * (the length of the gradient)``. Default: 1e-6 and 1e-8
        (float64), 2e-2 and 1e-3 (float32).

    Returns
    -------
    bool
        True.

    Raises
    ------
    AssertionError
        Names the input, and both values; where the input is small also the element that is furthest off.
    ValueError
        No input requires a gradient.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([0.3, -0.7], dtype=ng.float64, requires_grad=True)
    >>> ng.testing.gradcheck(lambda x: ng.tanh(x) * x, [x])
    True
    """
    args = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError("gradcheck: no input requires a gradient")
    double = all(args[i].dtype == np.float64 for i in checked)
    eps = (1e-4 if double else 2e-2) if eps is None else real_number("gradcheck", "eps", eps)
    if not 0 < eps < np.inf:
        raise ValueError(f"gradcheck: eps must be positive and finite, got {eps}")
    rtol = (1e-6 if double else 2e-2) if rtol is None else real_number("gradcheck", "rtol", rtol)
    atol = (1e-8 if double else 1e-3) if atol is None else real_number("gradcheck", "atol", atol)
    rng = np.random.default_rng(20260101)

    def outputs_of(values):
        result = fn(*values)
        result = result if isinstance(result, (tuple, list)) else (result,)
        if not all(isinstance(y, Tensor) for y in result):
            raise TypeError(f"gradcheck: fn must return tensors, got {[type(y).__name__ for y in result]}")
        return result

    leaves = [_creation.tensor(x.numpy(), requires_grad=True) if i in checked else x for i, x in enumerate(args)]
    outputs = outputs_of(leaves)
    cotangents = [rng.standard_normal(y.shape).astype(y.dtype) for y in outputs]
    pairs = [(y, c) for y, c in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not pairs:
        raise AssertionError("gradcheck: no output of fn requires a gradient")
    gradients = grad([y for y, _ in pairs], [leaves[i] for i in checked], grad_outputs=[_creation.tensor(c) for _, c in pairs],
                        allow_unused=True)

    def weighted(i, array):
        values = [_creation.tensor(array) if j == i else (x.detach() if isinstance(x, Tensor) else x) for j, x in enumerate(args)]
        return sum(float(np.sum(y.numpy().astype(np.float64) * c)) for y, c in zip(outputs_of(values), cotangents, strict=True))

    def derivative(i, direction):
        x = args[i].numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            at = {k: weighted(i, (x + k * eps * direction).astype(x.dtype)) for k in (-2, -1, 1, 2)}
        return (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * eps)

    for i, gradient in zip(checked, gradients, strict=True):
        x = args[i].numpy()
        if gradient is not None and (gradient.shape != x.shape or gradient.dtype != x.dtype):
            raise AssertionError(f"gradcheck: input {i} has shape {x.shape} and dtype {x.dtype}, "
                                 f"its gradient shape {gradient.shape} and dtype {gradient.dtype}")
        g = np.zeros(x.shape) if gradient is None else gradient.numpy().astype(np.float64)
        if weighted(i, x) != weighted(i, x):
            raise AssertionError("gradcheck: fn gives different results for the same inputs, or NaN")
        allowed = atol + rtol * float(np.linalg.norm(g))
        for _ in range(3 if x.size else 0):
            v = rng.standard_normal(x.shape)
            numerical, backward = derivative(i, v), float(np.sum(g * v))
            if not abs(numerical - backward) <= allowed:
                raise AssertionError(
                    f"gradcheck: input {i} (shape {x.shape}, {x.dtype}): along a random direction the numerical derivative is "
                    f"{numerical:.10g}, backward gives {backward:.10g}" + _worst_element(x, g, lambda v, i=i: derivative(i, v)))
    return True


def _worst_element(x, g, derivative):
    """Where the gradient is furthest off, for an error message."""
    if x.size > 200:
        return ""
    numerical = np.array([derivative(unit.reshape(x.shape)) for unit in np.eye(x.size)]).reshape(x.shape)
    worst = np.unravel_index(np.argmax(np.nan_to_num(np.abs(numerical - g), nan=np.inf)), x.shape)
    place = tuple(int(i) for i in worst)
    return f"; furthest off is element {place}: {numerical[worst]:.10g}, backward gives {g[worst]:.10g}"
