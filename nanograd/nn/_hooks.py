# SPDX-License-Identifier: LGPL-3.0-or-later
"""The forward hooks of a module, and the handle that takes one away."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from nanograd.nn.module import Module


class Hooks:
    """The forward hooks of one module. A class of its own, so that no hook is taken for a child."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}


class HookHandle:
    """What the register functions return: remove() takes the hook away."""

    def __init__(self, module: Module, hooks: dict[int, Callable[..., Any]], key: int) -> None:
        self._module, self._hooks, self._key = module, hooks, key

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._key, None)
        module = self._module
        if module._hooks is not None and not module._hooks.before and not module._hooks.after:
            vars(module).pop("_hooks", None)
            module._direct = module._plain_call

    def __repr__(self) -> str:
        return "<HookHandle>" if self._key in self._hooks else "<HookHandle, removed>"
