# SPDX-License-Identifier: LGPL-3.0-or-later
"""The forward hooks of a module, and the handle that takes one away."""


class Hooks:
    """The forward hooks of one module. A class of its own, so that no hook is taken for a child."""

    __slots__ = ("after", "before")

    def __init__(self):
        self.before, self.after = {}, {}


class HookHandle:
    """What the register functions return: remove() takes the hook away."""

    def __init__(self, module, hooks, key):
        self._module, self._hooks, self._key = module, hooks, key

    def remove(self):
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._key, None)
        module = self._module
        if module._hooks is not None and not module._hooks.before and not module._hooks.after:
            vars(module).pop("_hooks", None)
            module._direct = module._plain_call

    def __repr__(self):
        return "<HookHandle>" if self._key in self._hooks else "<HookHandle, removed>"
