# SPDX-License-Identifier: LGPL-3.0-or-later
"""Module.load_state_dict: everything is checked and converted before anything is set."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nanograd._core.base.tensor import Tensor, array_of
from nanograd._core.ops.creation import tensor
from nanograd.errors import shown
from nanograd.nn._module import find_places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from nanograd.nn.module import Module


def _converted(value, old):
    """The array that shall become the new value of `old`, or a str that says why it cannot."""
    try:
        array = array_of(value)
    except Exception as error:
        return f"cannot become an array: {error}"
    if array.shape != old.shape:
        return f"has shape {old.shape}, the state's has {array.shape}"
    if array.dtype == old.dtype:
        return array
    real = array.dtype.kind in "fiub" and np.dtype(old.dtype).kind == "f"
    if not (real or np.can_cast(array.dtype, old.dtype, "same_kind")):
        return f"has dtype {old.dtype}, the state's has {array.dtype}"
    return array.astype(old.dtype)


def check_names(op: str, places: list[tuple[str, Any, str | None, Any]]) -> None:
    """Refuse two values of one name, as the keys "0" and 0, or "a.b" and "a" of dicts make them: a state would have one of them."""
    seen: set[str] = set()
    for name, _, _, _ in places:
        if name in seen:
            raise ValueError(f"{op}: two parameters or buffers have the name {shown(name)}: give a dict's keys other names")
        seen.add(name)


def load(module: Module, state: Mapping[str, Any], strict: bool) -> tuple[list[str], list[str]]:
    if not hasattr(state, "keys") or not hasattr(state, "__getitem__"):
        raise TypeError(f"load_state_dict: expected a dict from name to value, got {type(state).__name__}")
    places: dict[str, tuple[Module, str | None, Any]] = {}
    aliases: dict[int, list[str]] = {}
    found: dict[str, NDArray[Any]] = {}
    problems: list[str] = []
    all_places = find_places(module, again=True)
    check_names("load_state_dict", all_places)
    for name, owner, attribute, value in all_places:
        places[name] = (owner, attribute, value)
        aliases.setdefault(id(value), []).append(name)
    missing = [name for name, (_, _, value) in places.items()
               if name not in state and not any(alias in state for alias in aliases[id(value)])]
    unexpected = [name for name in state.keys() if name not in places]
    for name, (_, _, value) in places.items():
        if name not in state:
            continue
        array = _converted(state[name], value)
        if isinstance(array, str):
            problems.append(f"{name} {array}")
            continue
        first = next(alias for alias in aliases[id(value)] if alias in state)
        if first in found and not np.array_equal(found[first], array, equal_nan=array.dtype.kind == "f"):
            problems.append(f"{name} is {first}, but the state has two different values for them")
        found[name] = array
    if problems or (strict and (missing or unexpected)):
        lines = [f"load_state_dict: the state does not fit {type(module).__name__}, and nothing was loaded"]
        for what, names in (("missing", missing), ("unexpected", unexpected), ("mismatched", problems)):
            if names and (strict or what == "mismatched"):
                separator = "; " if what == "mismatched" else ", "
                lines.append(f"{what}: {separator.join(map(str, names))}")
        raise ValueError("\n  ".join(lines))
    # Allocate everything before setting anything: a MemoryError in the middle would leave half a model.
    fresh = {name: tensor(array, dtype=array.dtype) if isinstance(places[name][2], Tensor) else array.copy()
             for name, array in found.items()}
    for name, value in fresh.items():
        owner, attribute, old = places[name]
        if attribute is None:
            old.assign(value)
        else:
            setattr(owner, attribute, value)
    return missing, unexpected
