# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all optimizers share: groups of parameters, their settings, the state, and the step."""
from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

import numpy as np

from nanograd import _calls
from nanograd._core.base.tensor import Parameter, Tensor, array_of, enable_grad, flag, real_number
from nanograd._core.train.update import GroupsChanged, ParameterState, clear_gradients
from nanograd.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nanograd._typing import Params

__all__ = ["Optimizer"]

_T = TypeVar("_T")


class Optimizer(_calls.Refusing):
    """The base of the optimizers.

    Those of nanograd name their settings and arrays and have an update, a function of nanograd._core.train.update: one launch over all
    parameters of a dtype. ``.grad`` is never changed, and a parameter without gradient is skipped. An optimizer of your own calls
    ``super().__init__(params, defaults)`` with its settings, and defines ``step``, where it gives new values by ``p.assign``.

    Parameters
    ----------
    params : iterable
        Leaves that require a gradient, or (name, leaf) pairs, or dicts (groups).
    defaults : dict
        The settings, by name, of groups that do not say otherwise.

    Raises
    ------
    ValueError, TypeError
        As :class:`SGD`.

    Examples
    --------
    >>> import nanograd as ng
    >>> a, b = ng.nn.Parameter([1.0]), ng.nn.Parameter([1.0])
    >>> optimizer = ng.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    >>> isinstance(optimizer, ng.optim.Optimizer)
    True
    >>> (a + b).backward()
    >>> optimizer.step()
    >>> a.item(), b.item()
    (0.8999999761581421, 0.5)
    >>> optimizer.lr = 0.25
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.25, 0.25]
    """

    _update: Any = None     # (class, groups, states) -> number of parameters that had a gradient
    _check_settings: Any = None     # (class, group)
    _arrays: tuple[str, ...] = ()       # the names of a state's arrays, in the update's order
    _used_with: ClassVar[dict[str, str]] = {}       # the setting that an array is there for; the others are always
    _nonnegative: tuple[str, ...] = ()  # arrays of squares
    _counts_steps = True                # whether the update reads the number of steps

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if not isinstance(defaults, dict):
            raise TypeError(f"{type(self).__name__}: defaults must be a dict of settings, got {type(defaults).__name__} {shown(defaults)}")
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._states: list[list[ParameterState]] = []               # a list of ParameterState for each group
        groups = _listed(type(self).__name__, params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: got no parameters")
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own.

        Parameters
        ----------
        param_group : dict
            ``params``, and any of the optimizer's settings; the others take the values given to the optimizer.

        Raises
        ------
        TypeError, ValueError
            For unknown settings, values out of range, parameters that are not leaves, do not require a gradient, or are here
            already. Nothing is added then.
        """
        op = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(f"{op}: a group is a dict with 'params', got {shown(param_group)}")
        unknown = sorted(str(key) for key in param_group.keys() - self.defaults.keys() - {"params", "param_names"})
        if unknown:
            raise TypeError(f"{op}: unknown setting {', '.join(unknown)} in a group; known are {', '.join(self.defaults)}")
        (listed,) = _listed(op, param_group["params"], nested=False)
        group = {**self.defaults, **{key: value for key, value in param_group.items() if key not in ("params", "param_names")}}
        params = [_checked(op, p) for p in listed["params"]]
        group = {"params": params, **group}
        names = listed.get("param_names", param_group.get("param_names"))
        if names is not None:
            group["param_names"] = list(names)
        if len({id(p) for p in params}) < len(params):
            raise ValueError(f"{op}: a parameter is listed twice in one group")
        here = {id(p) for mine in self.param_groups for p in mine["params"]}
        if any(id(p) in here for p in params):
            raise ValueError(f"{op}: a parameter is in two groups")
        self._check(group)
        self.param_groups.append(group)
        self._states.append([ParameterState(p) for p in params])

    def _check(self, group):
        """Raise TypeError or ValueError for settings that the update does not take."""
        if self._check_settings is not None:
            self._check_settings(type(self), group)

    # ---- what training calls ----

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], _T]) -> _T: ...
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Parameters
        ----------
        closure : callable, optional
            Called first, with gradients enabled: clears the gradients, computes the loss, calls ``backward()`` and returns
            the loss.

        Returns
        -------
        What closure returned, or None.

        Warns
        -----
        UserWarning
            If no parameter has a gradient: ``backward()`` was not called.
        """
        if self._update is None:
            raise NotImplementedError(f"{type(self).__name__} does not define step")
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        try:
            updated = self._update(type(self), self.param_groups, self._states)
        except GroupsChanged:
            updated = self._update(type(self), self.param_groups, self._matched())
        if updated == 0:
            warnings.warn(f"{type(self).__name__}.step: no parameter has a gradient, so nothing was updated: call loss.backward() "
                          f"before step()", UserWarning, stacklevel=2)
        return loss

    def _matched(self):
        """The states anew, after the user has changed the list of parameters of a group."""
        if not isinstance(self.param_groups, list) or not all(isinstance(group, dict) and isinstance(group.get("params"), list)
                                                              for group in self.param_groups):
            raise TypeError(f"{type(self).__name__}: param_groups must be a list of dicts with a list under 'params', got "
                            f"{shown(self.param_groups)}")
        known = {id(state.parameter): state for mine in self._states for state in mine}
        op = type(self).__name__
        states = [[known.get(id(p)) or ParameterState(_checked(op, p)) for p in group["params"]] for group in self.param_groups]
        listed = [id(p) for group in self.param_groups for p in group["params"]]
        if len(set(listed)) < len(listed):
            raise ValueError(f"{op}: a parameter is listed twice in param_groups, and would be stepped twice")
        self._states = states
        return states

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or with ``set_to_none=False`` make them zeros.

        Parameters
        ----------
        set_to_none : bool, default True
        """
        if set_to_none is True or flag(f"{type(self).__name__}.zero_grad", "set_to_none", set_to_none):
            try:
                clear_gradients(self.param_groups)
            except GroupsChanged:
                self._matched()             # says what is wrong
                clear_gradients(self.param_groups)
            return
        self._matched()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = np.zeros(p.shape, p.dtype)

    @property
    def lr(self) -> float:
        """The learning rate: the first group's; setting it sets that of all groups."""
        self._matched()
        if not self.param_groups or "lr" not in self.param_groups[0]:
            raise ValueError(f"{type(self).__name__}: param_groups has no group with 'lr'")
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        self._matched()
        for group in self.param_groups:
            before, group["lr"] = group.get("lr"), value
            try:
                self._check(group)
            except Exception:
                group["lr"] = before
                raise

    # ---- state ----

    def _wanted(self, name, group):
        """Whether the state of a parameter that has stepped needs that array. None in its place says that it begins with the
        next step (the setting was switched on since), and an array that is not there, that it was lost."""
        return name not in self._used_with or bool(group.get(self._used_with[name]))

    def _export(self, state, group):
        arrays = {name: state.tensor(i) for i, name in enumerate(self._arrays)}
        return {"step": state.steps, **{name: array for name, array in arrays.items()
                                        if array is not None or self._wanted(name, group)}}

    def state_dict(self) -> dict[str, Any]:
        """A dict with the state of every parameter, by its position, and the groups' settings.

        In PyTorch's form: ``{"state": {0: {"step": ..., ...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]}``.
        The tensors keep their values when training goes on.
        """
        position, groups = 0, []
        state: dict[int, Any] = {}
        matched = self._matched()
        for group, mine in zip(self.param_groups, matched):
            positions = list(range(position, position + len(mine)))
            position += len(mine)
            groups.append({**{key: value for key, value in group.items() if key != "params"}, "params": positions})
            state.update((i, self._export(s, group)) for i, s in zip(positions, mine) if s.steps or s.tensor(0) is not None)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set state and settings from a dict such as ``state_dict()`` returns, or PyTorch's optimizer of the same name.

        The keys of ``state`` may be strings of digits, as after a trip through JSON. A parameter without a state has not stepped.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        TypeError, ValueError
            If it does not fit: another number of groups or parameters, other shapes, unknown settings or arrays, a state for a
            parameter that no group lists, one that lacks its step or some of its arrays, negative squares. Nothing has been
            loaded then.

        Warns
        -----
        RuntimeWarning
            If an array holds infinities or NaN, which are loaded as they are.
        """
        op = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= state_dict.keys():
            raise TypeError(f"{op}: expected a dict with 'state' and 'param_groups', as returned by state_dict()")
        theirs = state_dict["param_groups"]
        if not isinstance(state_dict["state"], dict) or not isinstance(theirs, (list, tuple)) or not all(
                isinstance(group, dict) and isinstance(group.get("params"), (list, tuple)) for group in theirs):
            raise TypeError(f"{op}: 'state' must be a dict, and 'param_groups' a list of dicts with a list under 'params'")
        self._matched()
        sizes, here = [len(group["params"]) for group in theirs], [len(group["params"]) for group in self.param_groups]
        if sizes != here:
            raise ValueError(f"{op}: the optimizer has groups of {here} parameters, the state of {sizes}")
        settings = [self._settings(op, group) for group in theirs]
        states = self._matched()
        keys = [[_state_key(op, key) for key in group["params"]] for group in theirs]
        entries = self._entries(op, state_dict["state"], [key for mine in keys for key in mine])
        fresh, doubtful = {}, []
        for group, given, positions, values, mine in zip(self.param_groups, theirs, keys, settings, states):
            names = given.get("param_names", group.get("param_names"))
            for i, (key, state) in enumerate(zip(positions, mine)):
                fresh[id(state)] = loaded = self._loaded(op, key, state, entries.get(key, {}), {**group, **values})
                bad = [array for j, array in enumerate(self._arrays) if not _is_finite(loaded.tensor(j))]
                if bad:
                    label = names[i] if isinstance(names, (list, tuple)) and i < len(names) else key
                    doubtful.append(f"{' and '.join(bad)} of parameter {label}")
        if doubtful:
            warnings.warn(f"{op}: infinities or NaN in {', '.join(doubtful)}: loaded as they are, and the next steps will give NaN or do "
                          f"nothing; load an earlier state, or leave the parameter out of 'state' to start it anew",
                          RuntimeWarning, stacklevel=2)
        for mine in states:
            mine[:] = [fresh[id(state)] for state in mine]
        for group, values in zip(self.param_groups, settings):
            group.update(values)

    @staticmethod
    def _entries(op, state, listed):
        """The states by key."""
        if len(set(listed)) < len(listed):
            raise ValueError(f"{op}: param_groups lists a parameter twice: {listed}")
        entries = {}
        for key, entry in state.items():
            known = _state_key(op, key)
            if known not in listed:
                raise ValueError(f"{op}: there is a state for parameter {shown(key)}, which no group lists; the groups list {listed}")
            if known in entries:
                raise ValueError(f"{op}: there are two states for parameter {known}")
            entries[known] = entry
        return entries

    def _settings(self, op, theirs):
        values = {key: value for key, value in theirs.items() if key in self.defaults}
        for key, value in theirs.items():
            # PyTorch has settings that we do not: at their defaults they mean nothing.
            foreign = key not in self.defaults and key not in ("params", "param_names", "initial_lr")
            harmless = not value or key in ("fused", "foreach", "capturable") or (key == "decoupled_weight_decay" and self._decoupled)
            if foreign and not harmless:
                raise ValueError(f"{op}: the state has {key}={shown(value)}, which {type(self).__name__} does not know")
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        values.update((key, theirs[key]) for key in ("initial_lr", "param_names") if key in theirs)
        self._check({**self.defaults, **values})
        return values

    _decoupled = False

    def _loaded(self, op, key, old, entry, group):
        state = ParameterState(old.parameter)
        if not isinstance(entry, dict):
            raise TypeError(f"{op}: the state of parameter {key} must be a dict, got {type(entry).__name__} {shown(entry)}")
        for name, value in entry.items():
            if name == "step":
                steps = real_number(op, f"step of parameter {key}", value.item() if hasattr(value, "item") else value)
                if not 0 <= steps < 2**62 or steps != int(steps):
                    raise ValueError(f"{op}: step of parameter {key} must be a whole number, 0 or more, got {steps}")
                state.steps = int(steps)
            elif name in self._arrays:
                array = None if value is None else array_of(value)
                shape = None if value is None else array.shape
                if array is not None and array.dtype.kind not in "biuf":
                    raise TypeError(f"{op}: {name} of parameter {key} must hold real numbers, got dtype {array.dtype}")
                if shape is not None and shape != old.parameter.shape:
                    raise ValueError(f"{op}: {name} of parameter {key} has shape {shape}, the parameter {old.parameter.shape}")
                if array is not None and name in self._nonnegative and (array < 0).any():
                    raise ValueError(f"{op}: {name} of parameter {key} is a mean or sum of squares, but holds {array.min()}")
                state.load(self._arrays.index(name), array)
            else:
                raise ValueError(f"{op}: the state of parameter {key} has {shown(name)}, which {type(self).__name__} does not know")
        needed = ["step"] * self._counts_steps + [name for name in self._arrays if self._wanted(name, group)]
        lost = [name for name in needed if name not in entry or (entry[name] is None and name not in self._used_with)]
        if entry and lost:
            raise ValueError(f"{op}: the state of parameter {key} has no {' and no '.join(lost)}: load it whole, or leave the parameter "
                             f"out of 'state' to start it anew")
        return state

    def __repr__(self) -> str:
        lines = []
        self._matched()
        for group in self.param_groups:
            n = sum(p.size for p in group["params"])
            settings = ", ".join(f"{key}={value!r}" for key, value in group.items() if key in self.defaults)
            lines.append(f"{_counted(len(group['params']), 'parameter')} of {_counted(n, 'element')}, {settings}")
        inside = lines[0] if len(lines) == 1 else "\n  " + "\n  ".join(lines) + "\n"
        return f"{type(self).__name__}({inside})"


def _state_key(op, key):
    """The position by which a state is kept; strings of digits are positions that went through JSON or a file of named arrays."""
    if isinstance(key, str) and key.isascii() and key.isdigit():
        return int(key)
    try:
        hash(key)
    except TypeError:
        raise TypeError(f"{op}: a parameter is listed by its position, got {type(key).__name__} {shown(key)}") from None
    return key


def _is_finite(array):
    return array is None or bool(np.isfinite(array.numpy()).all())


def _counted(n, what):
    return f"{n:,} {what}{'s' * (n != 1)}"


def _listed(op, params, nested=True):
    """Groups (dicts with lists under 'params') of whatever a user gives."""
    if isinstance(params, Tensor):
        if nested:
            raise TypeError(f"{op}: expected an iterable of parameters, got one {type(params).__name__}; write [parameter]")
        params = [params]
    if hasattr(params, "named_parameters"):
        raise TypeError(f"{op}: expected an iterable of parameters, got a module; write module.parameters()")
    if isinstance(params, (set, frozenset)):
        raise TypeError(f"{op}: a set of parameters has no order; write a list")
    if callable(params):
        raise TypeError(f"{op}: expected an iterable of parameters, got a function that may return one; write {_calls.written(params)}")
    if isinstance(params, (str, dict)):
        hint = "; write module.parameters()" if isinstance(params, dict) and "params" not in params else ""
        raise TypeError(f"{op}: expected an iterable of parameters, got {type(params).__name__}{hint}")
    try:
        params = list(params)
    except TypeError:
        raise TypeError(f"{op}: expected an iterable of parameters, got {type(params).__name__}") from None
    if nested and params and all(isinstance(p, dict) for p in params):
        return params
    pairs = [p for p in params if isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str)]
    if pairs and len(pairs) == len(params):
        return [{"params": [p for _, p in pairs], "param_names": [name for name, _ in pairs]}]
    if nested and not params:
        return []
    return [{"params": params}]


def _checked(op, p):
    if not isinstance(p, Tensor):
        hint = "; write tensor(a, requires_grad=True)" if isinstance(p, np.ndarray) else ""
        raise TypeError(f"{op}: expected tensors, or all (name, tensor) or all dicts, got {type(p).__name__}{hint}")
    if not p.is_leaf:
        raise ValueError(f"{op}: a tensor of shape {p.shape} is not a leaf: it was computed, so a step would not reach what it was "
                         "computed from")
    if not p.requires_grad and not isinstance(p, Parameter):      # a Parameter without is one that was frozen on purpose
        raise ValueError(f"{op}: a tensor of shape {p.shape} does not require a gradient; make it with requires_grad=True")
    return p
