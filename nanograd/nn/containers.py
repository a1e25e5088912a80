# SPDX-License-Identifier: LGPL-3.0-or-later
"""Modules that hold modules."""
from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from nanograd.errors import shown
from nanograd.nn import _check
from nanograd.nn._module import install_chain, run_in_turn
from nanograd.nn.module import Module, Parameter

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView
    from typing import Any, NoReturn, Self

    from nanograd._core.base.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


_T = TypeVar("_T")


class _Items(Module, Generic[_T]):
    """What the list-like containers share. Names are positions, "0.weight", where none were given. As in PyTorch, an item is an
    attribute of its name too, and a module that becomes an attribute becomes the last item."""

    _of: Any = Module
    _inline = "_items"
    _items: list[_T]
    _names: list[str] | None = None

    def _hold(self, items: Iterable[Any], names: list[str] | None = None) -> None:
        if vars(self).get("_items"):
            raise TypeError(f"{type(self).__name__}: it has modules already: call super().__init__() before the first is set")
        self._items = [self._checked(item) for item in items]
        self._names = names

    def _all_names(self) -> list[str]:
        return [str(i) for i in range(len(self._items))] if self._names is None else list(self._names)

    def _place(self, name: str) -> int | None:
        """The position of the item of this name."""
        inside = vars(self)                      # a copy asks for attributes before it has any
        names = inside.get("_names") or ()
        if name in names:
            return list(names).index(name)
        if not names and name.isdecimal() and name == str(int(name)) and int(name) < len(inside.get("_items", ())):
            return int(name)
        return None

    def __getattr__(self, name: str) -> _T:
        i = self._place(name)
        if i is None:
            return super().__getattribute__(name)  # type: ignore[no-any-return]  # raises what it raised
        return self._items[i]

    def _set_inside(self, name: str, value: Any) -> bool:
        """Take an attribute that is being set for an item; called by __setattr__."""
        i = self._place(name)
        if i is not None:
            self._items[i] = self._checked(value)
            return True
        if self._of is not Module or not isinstance(value, Module):
            return False
        inside = vars(self)
        inside.pop(name, None)
        names = self._all_names() if inside.setdefault("_items", []) else []
        self._items.append(self._checked(value))
        if self._names is not None or name != str(len(names)):
            self._names = [*names, name]
        return True

    def _delete_inside(self, name: str) -> bool:
        i = self._place(name)
        if i is None:
            return False
        names = self._all_names()
        del self._items[i], names[i]
        self._names = names
        return True

    def _name_at(self, i: int) -> None:
        if self._names is not None:
            n = len(self._names)
            while str(n) in self._names:
                n += 1
            self._names.insert(i, str(n))

    def _checked(self, item: Any) -> _T:
        if not isinstance(item, self._of):
            got = shown(item)
            if isinstance(item, type) and issubclass(item, Module):
                got = f"the class {item.__name__}; write {item.__name__}(...)"
            elif callable(item) and hasattr(item, "__name__"):
                got = f"the function {item.__name__}; it has no parameters: write its module, such as nn.ReLU()"
            raise TypeError(f"{type(self).__name__}: expected a {self._of.__name__}, got {got}")
        return item

    def _index(self, i: Any) -> int:
        try:
            n = operator.index(i if not isinstance(i, bool) else None)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(f"{type(self).__name__}: an index must be an int or a slice, got {shown(i)}") from None
        if not -len(self) <= n < len(self):
            raise IndexError(f"{type(self).__name__}: index {n} is out of range for {len(self)} items")
        return n

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[_T]:
        return iter(self._items)

    def __contains__(self, item: object) -> bool:
        return any(item is mine for mine in self._items)

    @overload
    def __getitem__(self, i: int) -> _T: ...
    @overload
    def __getitem__(self, i: slice) -> Self: ...
    def __getitem__(self, i: int | slice) -> _T | Self:
        if isinstance(i, slice):
            return type(self)(self._items[i])  # type: ignore[call-arg]
        return self._items[self._index(i)]

    def __setitem__(self, i: int, item: _T) -> None:
        self._items[self._index(i)] = self._checked(item)

    def __delitem__(self, i: int | slice) -> None:
        place = i if isinstance(i, slice) else self._index(i)
        del self._items[place]
        if self._names is not None:
            del self._names[place]

    def append(self, item: _T) -> Self:
        """Add an item at the end; returns self. Where items have names, it gets its position."""
        self._items.append(self._checked(item))
        self._name_at(len(self._items) - 1)
        return self

    def extend(self, items: Iterable[_T]) -> Self:
        """Add several items at the end; returns self."""
        for item in [self._checked(item) for item in items]:
            self.append(item)
        return self

    def __iadd__(self, items: Iterable[_T]) -> Self:
        return self.extend(items)

    def pop(self, index: int = -1) -> _T:
        """Take an item out, by default the last, and return it."""
        item = self._items[self._index(index)]
        del self[index]
        return item

    def insert(self, index: int, item: _T) -> Self:
        """Put an item before position `index`; returns self."""
        before = len(self._items[:operator.index(index)])
        self._items.insert(before, self._checked(item))
        self._name_at(before)
        return self


class Sequential(_Items[Module]):
    """Modules, each applied to the output of the one before.

    Parameters
    ----------
    *modules : Module, or one list of modules, or one dict from name to module
        The names of a dict take the place of the positions, in parameter names and in indexing. A module is an attribute of its
        name too, and one that becomes an attribute becomes the last module.
    name : str, optional
        Shown in ``repr``.

    Raises
    ------
    TypeError
        For anything that is not a module: a class, a function, None.

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model
    Sequential(
      (0): Linear(4, 8)
      (1): ReLU()
      (2): Linear(8, 2)
    )
    >>> model(ng.ones((5, 4))).shape
    (5, 2)
    >>> model[:2](ng.ones((5, 4))).shape
    (5, 8)
    >>> model[-1].out_features
    2
    >>> model.head = nn.Linear(2, 1)
    >>> len(model), model[-1] is model.head
    (4, True)
    """

    name: str | None

    def __init__(self, *modules: Module | Sequence[Module] | Mapping[str, Module] | ModuleList | ModuleDict,
                 name: str | None = None) -> None:
        label = _check.label("Sequential", name)
        names: list[str] | None = None
        inside: Iterable[Any] = modules
        if len(modules) == 1:
            if isinstance(modules[0], (Mapping, ModuleDict)):
                names = [str(key) for key in modules[0].keys()]
                for key in names:
                    if not key or "." in key:
                        raise ValueError(f"Sequential: a name must not be empty or contain a dot, got {shown(key)}")
                inside = list(modules[0].values())
            elif isinstance(modules[0], (list, tuple, ModuleList)):
                inside = list(modules[0])
        self._hold(inside, names)
        if label is not None or "name" not in self._all_names():
            self.name = label

    def _label(self) -> str | None:
        return vars(self).get("name")        # and not a module of this name

    def forward(self, input: Any) -> Tensor:
        return run_in_turn(self, input)

    @overload
    def __getitem__(self, i: int | str) -> Module: ...
    @overload
    def __getitem__(self, i: slice) -> Sequential: ...
    def __getitem__(self, i: int | str | slice) -> Module | Sequential:
        if isinstance(i, slice):
            if self._names is None:
                return Sequential(self._items[i], name=self._label())
            return Sequential(dict(zip(self._names[i], self._items[i], strict=True)), name=self._label())
        if isinstance(i, str) and self._names is not None:
            if i not in self._names:
                raise KeyError(f"Sequential has no module {shown(i)}; it has {', '.join(self._names)}")
            return self._items[self._names.index(i)]
        return super().__getitem__(i)  # type: ignore[index]

    def extra_repr(self) -> str:
        return _check.arguments(name=(self._label(), None))


install_chain(Sequential.forward)


class ModuleList(_Items[Module]):
    """A list of modules. (A plain Python list in an attribute works as well.)

    Parameters
    ----------
    modules : iterable of Module

    Raises
    ------
    TypeError
        For anything that is not a module.

    Examples
    --------
    >>> from nanograd import nn
    >>> layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), [name for name, _ in layers.named_parameters()][:2]
    (3, ['0.weight', '0.bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._hold(modules)

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("a ModuleList does not compute anything: call its items, or write Sequential")


class ParameterList(_Items[Parameter]):
    """A list of parameters. (A plain Python list in an attribute works as well.)

    Parameters
    ----------
    parameters : iterable of Parameter

    Raises
    ------
    TypeError
        For anything that is not a parameter.

    Examples
    --------
    >>> from nanograd import nn
    >>> scales = nn.ParameterList([nn.Parameter(1.0), nn.Parameter(2.0)])
    >>> [p.item() for p in scales.parameters()]
    [1.0, 2.0]
    """

    _of: Any = Parameter

    def __init__(self, parameters: Iterable[Parameter] = ()) -> None:
        self._hold(parameters)

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("a ParameterList does not compute anything: use its items")

    def __repr__(self) -> str:
        shapes = ", ".join(f"{p.shape} {p.dtype}" for p in self._items)
        return f"ParameterList({shapes})"


class ModuleDict(Module):
    """A dict of modules by name. (A plain Python dict in an attribute works as well.)

    Parameters
    ----------
    modules : dict, or iterable of (name, Module), optional

    Raises
    ------
    TypeError, ValueError
        For anything that is not a module, and for names that are empty or have a dot.

    Examples
    --------
    >>> from nanograd import nn
    >>> heads = nn.ModuleDict({"value": nn.Linear(8, 1), "policy": nn.Linear(8, 4)})
    >>> [name for name, _ in heads.named_parameters()]
    ['value.weight', 'value.bias', 'policy.weight', 'policy.bias']
    """

    _inline = "_inside"

    _inside: dict[str, Module]

    def __init__(self, modules: Mapping[str, Module] | ModuleDict | Iterable[tuple[str, Module]] | None = None) -> None:
        if vars(self).get("_inside"):
            raise TypeError(f"{type(self).__name__}: it has modules already: call super().__init__() before the first is set")
        self._inside = {}
        self.update(modules or {})

    def __getattr__(self, name: str) -> Module:
        inside = vars(self).get("_inside", ())
        return inside[name] if name in inside else super().__getattribute__(name)  # type: ignore[no-any-return]

    def _set_inside(self, name: str, value: Any) -> bool:
        if name not in vars(self).setdefault("_inside", {}) and not isinstance(value, Module):
            return False
        self[name] = value
        vars(self).pop(name, None)
        return True

    def _delete_inside(self, name: str) -> bool:
        return vars(self).get("_inside", {}).pop(name, None) is not None

    def update(self, modules: Mapping[str, Module] | ModuleDict | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a dict, or of (name, module) pairs."""
        for name, module in dict(modules).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"ModuleDict: a name must be a str, not empty and without a dot, got {shown(name)}")
        if not isinstance(module, Module):
            raise TypeError(f"ModuleDict: expected a Module, got {shown(module)}")
        self._inside[name] = module

    def __getitem__(self, name: str) -> Module:
        if name not in self._inside:
            raise KeyError(f"ModuleDict has no module {shown(name)}; it has {', '.join(self._inside) or 'none'}")
        return self._inside[name]

    def __delitem__(self, name: str) -> None:
        del self._inside[name]

    def pop(self, name: str) -> Module:
        """Take the module of a name out and return it."""
        module = self[name]
        del self[name]
        return module

    def __len__(self) -> int:
        return len(self._inside)

    def __iter__(self) -> Iterator[str]:
        return iter(self._inside)

    def __contains__(self, name: object) -> bool:
        return name in self._inside

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._inside.keys()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._inside.values()

    def items(self) -> ItemsView[str, Module]:
        """(name, module) pairs."""
        return self._inside.items()

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("a ModuleDict does not compute anything: call its items")
