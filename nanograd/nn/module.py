# SPDX-License-Identifier: LGPL-3.0-or-later
"""Module: what every layer and network is. No magic: parameters and children are found among the attributes."""
from __future__ import annotations

import itertools
import reprlib
from typing import TYPE_CHECKING

import numpy as np

from nanograd import _calls
from nanograd._core.base.tensor import Parameter, Tensor, flag
from nanograd._core.train.update import change_dtypes
from nanograd.errors import shown
from nanograd.nn import _module
from nanograd.nn._hooks import HookHandle, Hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Self, TypeVar

    from numpy.typing import DTypeLike, NDArray

    _T = TypeVar("_T")

__all__ = ["Module", "Parameter"]

_hook_keys = itertools.count()
_set = _module.ModuleBase.__setattr__


def _place(path: str) -> str:
    """A dotted path as one writes it: layers.0 is .layers[0]."""
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".") if part)


def note_place(module: Module, error: Exception) -> None:
    """Note on an error which layer it came from. Every module that it passes on its way out calls this, innermost first;
    the note is then written anew, as seen from there: "in Sequential[2] Dense(64, 10)"."""
    try:
        told = vars(error)
        layer = told.setdefault("_nanograd_layer", module)
        path = next((name for name, child in module.named_modules() if child is layer), None)
        if path is None:        # not one of ours, but made or held elsewhere: the note stays as it is
            return
        shown = type(layer).__name__ if any(True for _ in layer.children()) else repr(layer)
        note = f"in {type(module).__name__}{_place(path)} {shown}" if path else f"in {shown}"
        old = told.get("_nanograd_note")
        if old is not None and old in getattr(error, "__notes__", ()):
            error.__notes__.remove(old)
        told["_nanograd_note"] = note
        error.add_note(note)
    except Exception:           # a note is a help, never a second error
        pass


class _Instance(_module.ModuleBase):
    """Makes a module's instance. Apart from Module, so that inspect.signature finds the __init__ of a class first."""

    _plain_call = True   # __call__ is Module's
    _called_with = "x"   # what an error's example calls it with
    _direct: bool
    __slots__ = ("__dict__", "__weakref__", "_direct")     # _direct: forward() may be called in place of __call__()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # A dict of its own from the start. CPython 3.11 and 3.12 otherwise share the keys among a class's instances, and
        # once vars(module) has been looked at, as parameters() does, no attribute access of theirs is specialised any
        # more: inference of an 8-64-64-4 network takes 1.48 us instead of 1.31 (benchmarks, infer/8-64-64-4-tensor).
        if (args or kwargs) and not _calls.fits(cls.__init__, args, kwargs):
            _calls.refuse(cls, f"nn.{cls.__name__}" if cls.__module__.startswith("nanograd.nn.") else cls.__name__, args, kwargs,
                          cls._called_with)
        self = super().__new__(cls)
        _set(self, "__dict__", {})            # past a __setattr__ of the class
        _set(self, "_direct", cls._plain_call)
        return self


_module.install_call(_Instance._direct)


class Module(_Instance):
    """A layer or a network: parameters, children, and ``forward``.

    Subclasses define ``forward``; calling the module calls it. A module's parameters are the :class:`Parameter` s among its
    attributes, its children the modules, also inside lists, tuples and dicts, in the order of the attributes; its own
    parameters come before those of its children. So there is nothing to register, and ``super().__init__()`` is not needed.

    An attribute that is a parameter takes a Parameter or None, a child module a Module or None, and a buffer a Tensor, an array
    or None; anything else is a TypeError, as is a parameter or module under the name of a function of the class. (A parameter
    that is replaced inside a list or dict is not noticed.)

    Examples
    --------
    >>> import nanograd as ng
    >>> from nanograd import nn
    >>> class Residual(nn.Module):
    ...     def __init__(self, width):
    ...         self.layers = [nn.Linear(width, width, activation="tanh"), nn.Linear(width, width)]
    ...         self.scale = nn.Parameter(1.0)
    ...
    ...     def forward(self, x):
    ...         y = x
    ...         for layer in self.layers:
    ...             y = layer(y)
    ...         return x + self.scale * y
    >>> net = Residual(3)
    >>> [name for name, _ in net.named_parameters()]
    ['scale', 'layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
    >>> net(ng.ones((2, 3))).sum().backward()
    >>> net.scale.grad.shape
    ()
    """

    #: Whether layers behave as in training (dropout, batch normalisation); ``train()`` and ``eval()`` set it.
    training: bool = True
    _hooks: Hooks | None = None
    _buffers: Sequence[str] = ()     # names given to register_buffer
    _inline: str | None = None       # of a container: the attribute whose contents stand under their own names
    _any_callable: tuple[str, ...] = ()   # attributes that a module, a function or a name may be, in turn
    _note_place = note_place
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()       # the next class, of a module that inherits from several

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._plain_call = cls.__call__ is _module.ModuleBase.__call__

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module computes; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hooks = self._hooks or Hooks()
        for hook in list(hooks.before.values()):
            answer = hook(self, args)
            if answer is not None:
                args = answer if isinstance(answer, tuple) else (answer,)
        output = self.forward(*args, **kwargs)
        for hook in list(hooks.after.values()):
            answer = hook(self, args, output)
            if answer is not None:
                output = answer
        return output

    # ---- hooks ----

    def _register_hook(self, before: bool, fn: Callable[..., Any]) -> HookHandle:
        if not callable(fn):
            raise TypeError(f"a hook must be callable, got {type(fn).__name__}")
        if self._hooks is None:
            self._hooks = Hooks()
            self._direct = False
        hooks = self._hooks.before if before else self._hooks.after
        key = next(_hook_keys)
        hooks[key] = fn
        return HookHandle(self, hooks, key)

    def register_forward_pre_hook(self, fn: Callable[[Any, tuple[Any, ...]], Any]) -> HookHandle:
        """Call ``fn(module, args)`` before every forward; it may return other arguments. Returns a handle with ``remove()``.

        Parameters
        ----------
        fn : callable
        """
        return self._register_hook(True, fn)

    def register_forward_hook(self, fn: Callable[[Any, tuple[Any, ...], Any], Any]) -> HookHandle:
        """Call ``fn(module, args, output)`` after every forward; it may return another output. Returns a handle with
        ``remove()``.

        Parameters
        ----------
        fn : callable

        Examples
        --------
        >>> import nanograd as ng
        >>> layer = ng.nn.Tanh()
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(output.shape))
        >>> y = layer(ng.zeros((2, 3)))
        (2, 3)
        >>> handle.remove()
        """
        return self._register_hook(False, fn)

    # ---- what is inside ----

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Iterate over (name, parameter); a shared parameter comes once.

        Parameters
        ----------
        prefix : str, default ''
            What every name begins with, followed by a dot.

        Returns
        -------
        iterator of (str, Parameter)

        Examples
        --------
        >>> from nanograd import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).named_parameters()]
        ['0.weight', '0.bias', '1.weight', '1.bias']
        """
        prefix = _prefix("named_parameters", prefix)
        if prefix and not prefix.endswith("."):
            prefix += "."
        return _each_once((name, value) for name, _, attribute, value in _module.find_places(self, prefix)
                          if attribute is None)

    def parameters(self) -> Iterator[Parameter]:
        """Iterate over all parameters, each once: the module's own, then those of its children."""
        if type(self).named_parameters is not Module.named_parameters:      # a subclass has its own idea of them
            return iter([parameter for _, parameter in self.named_parameters()])
        return iter(_module.find_parameters(self))

    def named_buffers(self) -> Iterator[tuple[str, Tensor | NDArray[Any]]]:
        """Iterate over (name, tensor or array) of what ``register_buffer`` was given."""
        return _each_once((name, value) for name, _, attribute, value in _module.find_places(self) if attribute is not None)

    def buffers(self) -> Iterator[Tensor | NDArray[Any]]:
        """Iterate over all buffers, each once."""
        return iter([buffer for _, buffer in self.named_buffers()])

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over (name, module) of the modules directly inside, each once."""
        return iter(_module.find_children(self))

    def children(self) -> Iterator[Module]:
        """Iterate over the modules directly inside."""
        return iter([module for _, module in self.named_children()])

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Iterate over (name, module): this module, then everything inside, each once.

        Parameters
        ----------
        prefix : str, default ''
            This module's name.

        Returns
        -------
        iterator of (str, Module)
        """
        return iter(_module.find_modules(self, _prefix("named_modules", prefix)))

    def modules(self) -> Iterator[Module]:
        """Iterate over this module and everything inside, each once."""
        return iter([module for _, module in self.named_modules()])

    def get_parameter(self, path: str) -> Parameter:
        """The parameter of a name, such as ``layers.0.weight``.

        Parameters
        ----------
        path : str

        Returns
        -------
        Parameter

        Raises
        ------
        AttributeError
            If there is none of that name.
        """
        for name, _, attribute, value in _module.find_places(self, again=True):
            if name == path and attribute is None:
                return value
        raise AttributeError(f"{type(self).__name__} has no parameter {shown(path)}")

    # ---- mode, gradients, dtype ----

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and everywhere inside; returns self.

        A module inside that has a ``train`` of its own (a frozen layer, say) is asked to set it.

        Parameters
        ----------
        mode : bool, default True

        Raises
        ------
        TypeError
            If mode is not a bool.
        """
        _module.set_training(self, flag("train", "mode", mode), Module.train)
        return self

    def eval(self) -> Self:
        """Leave training mode: ``train(False)``; returns self."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> Self:
        """Drop the gradients of all parameters, or with ``set_to_none=False`` make them zeros; returns self.

        Parameters
        ----------
        set_to_none : bool, default True
        """
        drop = flag("zero_grad", "set_to_none", set_to_none)
        if drop:
            _module.drop_gradients(self.parameters())
            return self
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = np.zeros(parameter.shape, parameter.dtype)
        return self

    def requires_grad_(self, flag: bool = True) -> Self:
        """Set ``requires_grad`` of all parameters; returns self.

        Parameters
        ----------
        flag : bool, default True
        """
        for parameter in self.parameters():
            parameter.requires_grad_(flag)
        return self

    def astype(self, dtype: DTypeLike) -> Self:
        """Cast all parameters, their gradients, and tensor buffers, in place; returns self.

        Every Parameter object stays the same one, so that an optimizer made before remains valid (its state follows).

        Parameters
        ----------
        dtype : numpy.dtype
            float32 or float64.

        Raises
        ------
        DTypeError
            For another dtype.
        MemoryError
            If there is no memory for all of it; nothing has been cast then.

        Examples
        --------
        >>> import nanograd as ng
        >>> from nanograd import nn
        >>> nn.Linear(2, 3).astype(ng.float64).weight.dtype
        dtype('float64')
        """
        buffers = [(vars(owner), attribute, value.astype(dtype)) for _, owner, attribute, value in _module.find_places(self)
                   if attribute is not None and isinstance(value, Tensor)]
        change_dtypes(list(self.parameters()), dtype)
        for attributes, attribute, value in buffers:
            attributes[attribute] = value
        return self

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn(module)`` for everything inside and then for this module; returns self.

        Parameters
        ----------
        fn : callable

        Examples
        --------
        >>> from nanograd import nn
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
        >>> same = net.apply(lambda module: print(type(module).__name__))
        Linear
        Tanh
        Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- state ----

    def register_buffer(self, name: str, value: Tensor | NDArray[Any] | None) -> None:
        """Make value an attribute that belongs to the module's state without being learnt.

        Parameters
        ----------
        name : str
        value : Tensor or numpy.ndarray or None
            Arrays may be of any type. None: nothing yet; it is then not part of ``state_dict()``.

        Raises
        ------
        TypeError, ValueError
            If value is something else, or the name is not a free attribute name.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"register_buffer: the name must be an attribute name, got {shown(name)}")
        if hasattr(self, name) and name not in self._buffers:
            raise ValueError(f"register_buffer: {type(self).__name__} already has an attribute {shown(name)}")
        if isinstance(value, (Parameter, np.generic)):
            raise TypeError(f"register_buffer: {shown(name)} must be a Tensor or a NumPy array, got {type(value).__name__}")
        _module.check_buffer("register_buffer", name, value)
        if isinstance(value, Tensor):
            value = value.detach()
        setattr(self, name, value)
        if name not in self._buffers:
            self._buffers = [*self._buffers, name]

    def state_dict(self) -> dict[str, Any]:
        """A dict from name to value of all parameters and buffers: tensors without graph, and copies of arrays.

        The tensors keep their values when the module gets new ones. A shared parameter appears under each of its names.

        Examples
        --------
        >>> from nanograd import nn
        >>> state = nn.Linear(2, 1).state_dict()
        >>> {name: value.shape for name, value in state.items()}
        {'weight': (1, 2), 'bias': (1,)}
        """
        places = _module.find_places(self, again=True)
        state = {name: value.detach() if isinstance(value, Tensor) else value.copy() for name, _, _, value in places}
        if len(state) < len(places):
            from nanograd.nn._state import check_names
            check_names("state_dict", places)
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Set parameters and buffers from a dict such as ``state_dict()`` returns.

        Parameters
        ----------
        state : dict
            From name to anything that has ``__array__``: tensors of ours or of PyTorch, arrays. Floats are cast.
        strict : bool, default True
            Whether missing and unexpected names are an error.

        Returns
        -------
        tuple
            (missing names, unexpected names); both empty lists if strict.

        Raises
        ------
        ValueError
            Names all that are missing, unexpected or of another shape; nothing has been loaded then.
        """
        from nanograd.nn._state import load
        return load(self, state, flag("load_state_dict", "strict", strict))

    # ---- the rest ----

    def extra_repr(self) -> str:
        """What stands between the parentheses of ``repr``; layers override it."""
        return ""

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        children = _module.find_children(self, again=True)
        extra = self.extra_repr()
        if not children:
            return f"{type(self).__name__}({extra})"
        lines = [f"  {extra}"] if extra else []
        lines += [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in children]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def _prefix(op: str, prefix: object) -> str:
    if not isinstance(prefix, str):
        raise TypeError(f"{op}: prefix must be a str, got {shown(prefix)}")
    return str(prefix)


def _each_once(named: Iterable[tuple[str, _T]]) -> Iterator[tuple[str, _T]]:
    found: dict[int, tuple[str, _T]] = {}
    for name, value in named:
        found.setdefault(id(value), (name, value))
    return iter(found.values())
