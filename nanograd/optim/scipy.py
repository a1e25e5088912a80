# SPDX-License-Identifier: LGPL-3.0-or-later
"""SciPy's minimizers on parameters: full-batch problems, physics-informed networks, fits in float64."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.base.tensor import Tensor, enable_grad
from nanograd._core.train.update import ParameterState, clear_gradients, swap_values
from nanograd.errors import GraphError, ShapeError
from nanograd.optim.optimizer import _checked, _listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from nanograd._typing import Params

__all__ = ["scipy_minimize"]

_WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}      # SciPy warns where these are given one


def scipy_minimize(closure: Callable[[], Any], params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
                   method: str | Callable[..., Any] = "L-BFGS-B", tol: float | None = None,
                   options: Mapping[str, Any] | None = None) -> Any:
    """Minimize a loss by one of SciPy's methods, over all parameters at once.

    The parameters are laid out as one float64 vector, in their order. For each vector that SciPy asks about, the parameters get
    its values, their gradients are dropped, and closure is called. Needs SciPy: ``pip install "nanograd-cpu[scipy]"``.

    Parameters
    ----------
    closure : callable
        Computes the loss at the parameters' present values, calls ``backward()`` and returns the loss, as for
        ``Optimizer.step``. It has to give the same loss for the same values: no dropout, no other mini-batch.
    params : iterable
        Leaves that require a gradient, or (name, leaf) pairs, of either dtype and any shape. Parameters that are frozen
        (``requires_grad`` is False) stay as they are.
    method : str or callable, default "L-BFGS-B"
    tol : float, optional
    options : dict, optional
        These three as for ``scipy.optimize.minimize``, for example ``options={"maxiter": 100}``.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With the vector ``x``, the loss ``fun``, ``success``, ``message``, ``nit`` and what else the method reports.

    Raises
    ------
    ImportError
        If SciPy is not installed.
    TypeError, ValueError
        For parameters that :class:`SGD` does not take, groups, no parameters, or a method that SciPy does not know.
    TypeError, ShapeError
        If closure does not return a tensor, or returns one of more than one element.
    GraphError
        If no parameter has a gradient after closure although method needs gradients.

    Notes
    -----
    At the end the parameters have the values ``x``. If closure raises or Ctrl-C arrives, the exception goes on to the caller,
    and the parameters have the values of the lowest loss so far. ``.grad`` is what the last call of closure left.

    A parameter without gradient counts as one whose gradient is zero. Nelder-Mead, Powell, COBYLA and COBYQA use no gradient;
    for them closure need not call ``backward()``. In float32 a loss is known to some 7 digits only, which ends line searches
    early: use float64 where the last digits matter.

    Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained optimization", 1995 (L-BFGS-B).

    Examples
    --------
    Rosenbrock's function, whose minimum is 0 at (1, 1):

    >>> import nanograd as ng
    >>> w = ng.nn.Parameter(ng.tensor([-1.2, 1.0], dtype=ng.float64))
    >>> def closure():
    ...     loss = 100.0 * (w[1] - w[0] ** 2) ** 2 + (1.0 - w[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> result = ng.optim.scipy_minimize(closure, [w])
    >>> result.success, bool(result.fun < 1e-8)
    (True, True)
    >>> w.numpy().round(3)
    array([1., 1.])
    """
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise ImportError('scipy_minimize needs SciPy: run pip install "nanograd-cpu[scipy]"') from error
    if not callable(closure):
        raise TypeError(f"scipy_minimize: closure must be a function that returns the loss, got {type(closure).__name__}")
    with_gradient = not (isinstance(method, str) and method.lower() in _WITHOUT_GRADIENT)
    problem = _Problem(closure, params, with_gradient)
    try:
        result = minimize(problem.evaluate, problem.best, method=method, tol=tol, options=options, jac=True if with_gradient else None)
    except BaseException:
        problem.assign(problem.best)
        raise
    problem.assign(result.x)
    return result


class _Problem:
    """The parameters as one vector, and the closure as a function of it."""

    def __init__(self, closure: Any, params: Params, with_gradient: Any) -> None:
        self.closure, self.with_gradient = closure, with_gradient
        self.groups = [{"params": _leaves(params)}]
        self.states = [ParameterState(p) for p in self.groups[0]["params"] if p.requires_grad]
        if sum(state.parameter.size for state in self.states) == 0:
            raise ValueError("scipy_minimize: the parameters that require a gradient have no elements")
        self.best = np.concatenate([state.parameter.numpy().ravel().astype(np.float64) for state in self.states])
        self.lowest = np.inf

    def assign(self, vector: Any) -> Any:
        """Give all parameters the values of a vector: all are made before the first is given."""
        start = 0
        for state in self.states:
            p = state.parameter
            state.load(0, np.array(vector[start:start + p.size], dtype=p.dtype).reshape(p.shape))
            start += p.size
        swap_values(self.states)

    def evaluate(self, vector: Any) -> Any:
        """The loss, and where the method takes it the gradient."""
        self.assign(vector)
        clear_gradients(self.groups)
        with enable_grad():
            loss = self.closure()
        if not isinstance(loss, Tensor):
            raise TypeError(f"scipy_minimize: closure must return the loss, a tensor, got {type(loss).__name__}")
        if loss.size != 1:
            raise ShapeError(f"scipy_minimize: closure must return a loss of one element, got shape {loss.shape}; write loss.mean()")
        value = loss.item()
        if value < self.lowest:
            self.lowest, self.best = value, np.array(vector)
        return (value, self.gradient()) if self.with_gradient else value

    def gradient(self) -> Any:
        gradients = [state.parameter.grad for state in self.states]
        if all(g is None for g in gradients):
            raise GraphError("scipy_minimize: no parameter has a gradient: call loss.backward() in closure before it returns the loss")
        return np.concatenate([np.zeros(state.parameter.size) if g is None else g.numpy().ravel().astype(np.float64)
                               for state, g in zip(self.states, gradients)])


def _leaves(params):
    groups = _listed("scipy_minimize", params)
    if not groups:
        raise ValueError("scipy_minimize: got no parameters")
    if len(groups) > 1 or groups[0].keys() - {"params", "param_names"}:
        raise TypeError("scipy_minimize: all parameters form one vector, so groups with settings are not supported: pass a list of "
                        "parameters")
    leaves = [_checked("scipy_minimize", p) for p in groups[0]["params"]]
    if len({id(p) for p in leaves}) < len(leaves):
        raise ValueError("scipy_minimize: a parameter is listed twice")
    return leaves
