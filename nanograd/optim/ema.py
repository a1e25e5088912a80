# SPDX-License-Identifier: LGPL-3.0-or-later
"""An exponential moving average of a module's parameters."""
from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nanograd._core.base.tensor import array_of, real_number
from nanograd._core.train.update import ParameterState, ema_step, swap_values
from nanograd.errors import shown
from nanograd.optim.optimizer import _counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from nanograd.nn.module import Module

__all__ = ["EMA"]


class EMA:
    """Keeps ``average = decay * average + (1 - decay) * parameter`` for every parameter of a module.

    Parameters
    ----------
    module : Module
        The averages start from its present parameters.
    decay : float, default 0.999
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        If module is not a Module, or decay is out of range.

    Examples
    --------
    >>> import nanograd as ng
    >>> model = ng.nn.Linear(1, 1, bias=False)
    >>> model.weight.assign(1.0)
    Parameter([[1.]], dtype=float32)
    >>> ema = ng.optim.EMA(model, decay=0.75)
    >>> model.weight.assign(2.0)
    Parameter([[2.]], dtype=float32)
    >>> ema.update()
    >>> with ema.apply():
    ...     print(model.weight.item())
    1.25
    >>> model.weight.item()
    2.0
    """

    def __init__(self, module: Module, decay: float = 0.999) -> None:
        if not hasattr(module, "named_parameters"):
            raise TypeError(f"EMA: expected a Module, got {type(module).__name__}")
        self.decay = _decay(decay)
        self._applied = False
        self._states = {}
        for name, parameter in module.named_parameters():
            state = self._states[name] = ParameterState(parameter)
            state.load(0, parameter)

    def update(self) -> None:
        """Move every average towards its parameter; once per optimizer step.

        Raises
        ------
        RuntimeError
            Inside ``apply()``: the parameters are the averages there.
        """
        if self._applied:
            raise RuntimeError("EMA.update: inside apply() the parameters are the averages; leave it first")
        ema_step(list(self._states.values()), self.decay)

    @contextmanager
    def apply(self) -> Iterator[None]:
        """A context in which the module has the averages as its parameters: for evaluation. Afterwards it has its own again."""
        if self._applied:
            raise RuntimeError("EMA.apply: the averages are already applied")
        states = list(self._states.values())
        swap_values(states)
        self._applied = True
        try:
            yield
        finally:
            self._applied = False
            swap_values(states)

    def state_dict(self) -> dict[str, Any]:
        """A dict from parameter name to average, and ``decay``. The tensors keep their values when the averages move on."""
        return {"decay": self.decay, "averages": {name: state.parameter.detach() if self._applied else state.tensor(0)
                                                  for name, state in self._states.items()}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set the averages and the decay from a dict such as ``state_dict()`` returns.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        ValueError
            Names all that are missing, unexpected or of another shape; nothing has been loaded then.
        RuntimeError
            Inside ``apply()``.
        """
        if self._applied:
            raise RuntimeError("EMA.load_state_dict: inside apply() the parameters are the averages; leave it first")
        if not isinstance(state_dict, dict) or not {"decay", "averages"} <= state_dict.keys():
            raise TypeError("EMA.load_state_dict: expected a dict with 'decay' and 'averages', as returned by state_dict()")
        decay = _decay(state_dict["decay"])
        if not isinstance(state_dict["averages"], dict):
            raise TypeError(f"EMA.load_state_dict: averages must be a dict from name to value, got {type(state_dict['averages']).__name__}")
        averages = {str(name): array_of(value) for name, value in state_dict["averages"].items()}
        for name, array in averages.items():
            if array.dtype.kind not in "biuf":
                raise TypeError(f"EMA.load_state_dict: {name} must hold real numbers, got an array of dtype {array.dtype}")
        missing = [name for name in self._states if name not in averages]
        unexpected = [name for name in averages if name not in self._states]
        shapes = {name: (state.parameter.shape, averages[name].shape) for name, state in self._states.items() if name in averages}
        mismatched = [f"{name} has shape {mine}, the state's has {theirs}"
                      for name, (mine, theirs) in shapes.items() if mine != theirs]
        if missing or unexpected or mismatched:
            raise ValueError("\n  ".join(["EMA.load_state_dict: the state does not fit, and nothing was loaded"] + [
                f"{what}: {separator.join(names)}" for what, names, separator in (
                    ("missing", missing, ", "), ("unexpected", unexpected, ", "), ("mismatched", mismatched, "; ")) if names]))
        fresh = {name: ParameterState(state.parameter) for name, state in self._states.items()}
        for name, state in fresh.items():
            state.load(0, averages[name])
        self.decay, self._states = decay, fresh

    def __repr__(self) -> str:
        return f"EMA({_counted(len(self._states), 'parameter')}, decay={self.decay})"


def _decay(value):
    if isinstance(value, (str, bool)) or not 0.0 <= real_number("EMA", "decay", value) <= 1.0:
        raise ValueError(f"EMA: decay must be in [0, 1], got {shown(value)}")
    return float(value)
