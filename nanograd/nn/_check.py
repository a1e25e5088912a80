# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checks on the arguments of layers."""
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from nanograd import _calls
from nanograd._core.base.tensor import Tensor, index_number, real_number
from nanograd._core.base.tensor import flag as _flag
from nanograd._core.ops import creation as _creation
from nanograd.errors import shown

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from numpy.typing import DTypeLike


def refuse_tensor(layer: str, *values: object, kinds: tuple[type, ...] = (Tensor,)) -> None:
    """Raise if a layer or loss is given what it is to be called with."""
    if any(isinstance(value, kinds) for value in values):
        cls = vars(sys.modules["nanograd.nn"]).get(layer)
        if isinstance(cls, type):
            _calls.made_first(cls, f"nn.{layer}", cls._called_with)  # type: ignore[attr-defined]


def size(layer: str, name: str, value: Any, least: int = 0) -> int:
    """value as an int of at least `least`."""
    refuse_tensor(layer, value)
    n = index_number(layer, name, value)
    if n < least:
        raise ValueError(f"{layer}: {name} must be at least {least}, got {n}")
    return n


def sizes(layer: str, name: str, value: object, axes: int, least: int = 0) -> tuple[int, ...]:
    """value, an int or one per axis, as a tuple of ints of at least `least`."""
    refuse_tensor(layer, value)
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(items) not in (1, axes):
        raise TypeError(f"{layer}: {name} must be an int" + (f" or {axes} ints" if axes > 1 else "") + f", got {shown(value)}")
    return tuple(size(layer, name, item, least) for item in items) * (axes // len(items))


def no_activation(layer: str, name: str, expected: str, value: object) -> None:
    """Refuse an activation that was given by position and fell on another argument."""
    if isinstance(value, str) or callable(value):
        raise TypeError(f"{layer}: {name} must be {expected}, got {shown(value)}; write activation={shown(value)}")


def flag(layer: str, name: str, value: object) -> bool:
    """value as a bool."""
    refuse_tensor(layer, value)
    return _flag(layer, name, value)


def probability(layer: str, name: str, value: object) -> float:
    """value as a float in [0, 1]."""
    number = real(layer, name, value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{layer}: {name} must be in [0, 1], got {number}")
    return number


def real(layer: str, name: str, value: object) -> float:
    """value as a float."""
    if isinstance(value, Tensor) and value.ndim:
        refuse_tensor(layer, value)
    return real_number(layer, name, value)


def dtype(dtype: DTypeLike | None) -> None:
    """Refuse a dtype that no parameter can have, also where a layer has no parameters."""
    _creation.empty(0, dtype=dtype)


def label(layer: str, name: object) -> str | None:
    """The name= of a layer: a str or None."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"{layer}: name must be a str, got {shown(name)}")
    return name


def refuse_averages(op: str, *values: object) -> NoReturn:
    """Refuse to be asked for a reduction in the way that PyTorch has given up."""
    refuse_tensor(op, *values, kinds=(Tensor, np.ndarray, list))
    raise TypeError(f"{op}: size_average and reduce are gone: write reduction='mean', 'sum' or 'none'")


def arguments(*positional: object, **keyword: tuple[object, object]) -> str:
    """The inside of a layer's repr: positional values, then the keyword ones that are not at their default (value, default)."""
    parts = [repr(value) for value in positional]
    parts += [f"{name}={value!r}" for name, (value, default) in keyword.items() if value is not default and value != default]
    return ", ".join(parts)
