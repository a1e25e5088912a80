# SPDX-License-Identifier: LGPL-3.0-or-later
"""Calls of our classes with arguments that they do not take: a TypeError that shows the call to write instead.

A class asks `fits` before anything is made, and where that says no, `refuse` raises; what it knows nothing better for goes on to
``__init__`` and Python's own error.
"""
from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING

from nanograd._core.base.tensor import Tensor
from nanograd.errors import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn, Self

# Words of PyTorch, Keras and JAX, and what an argument of that meaning may be called here.
WORDS = {
    "alpha": ("negative_slope",), "axis": ("dim", "start_dim", "normalized_shape"), "batch": ("batch_size",), "batchsize": ("batch_size",),
    "channels": ("num_features", "num_channels", "in_channels"), "decay": ("weight_decay",), "dilation_rate": ("dilation",),
    "dropout": ("p",), "epsilon": ("eps",), "filters": ("out_channels",), "groups": ("num_groups",),
    "in_dim": ("in_features", "in_channels"), "input_dim": ("in_features", "num_embeddings", "in_channels"),
    "input_size": ("in_features", "num_embeddings", "in_channels"), "kernel": ("kernel_size",), "ksize": ("kernel_size",),
    "l2": ("weight_decay",), "learning_rate": ("lr",), "margin": ("delta", "beta"), "num_channels": ("num_features",),
    "num_features": ("num_channels",), "out_dim": ("out_features", "embedding_dim", "out_channels"),
    "output_dim": ("out_features", "embedding_dim", "out_channels"), "pad": ("padding",), "pool_size": ("kernel_size",),
    "rate": ("p", "lr"), "rho": ("alpha",), "size": ("kernel_size", "normalized_shape"), "slope": ("negative_slope",),
    "strides": ("stride",), "units": ("out_features",), "use_bias": ("bias",), "vocab_size": ("num_embeddings",), "wd": ("weight_decay",),
}

# Words that have no meaning here, and why.
NOTHING = {
    "device": "every tensor is on the CPU", "foreach": "a step is one launch", "fused": "a step is one launch",
    "num_workers": "a batch is gathered in C", "persistent_workers": "a batch is gathered in C", "pin_memory": "every tensor is on the CPU",
    "capturable": "every tensor is on the CPU", "differentiable": "a step has no gradient", "out": "a tensor's value never changes",
}


def fits(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether an ``__init__`` written in Python can be called so, as far as one sees at a glance."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARKEYWORDS:
        return True
    n, given = code.co_argcount, len(args) + 1
    required = n - len(function.__defaults__ or ())
    if given > n and not code.co_flags & inspect.CO_VARARGS:
        return False
    if not kwargs:
        return given >= required
    names = code.co_varnames
    return all(word in names for word in kwargs) and all(word in kwargs for word in names[given:required])


def call(name: str, args: tuple[Any, ...] | list[Any], kwargs: Mapping[str, Any]) -> str:
    return f"{name}({', '.join([*map(written, args), *(f'{word}={written(value)}' for word, value in kwargs.items())])})"


class Bare(str):
    """The name of an argument that is missing."""


def written(value: Any) -> str:
    """A value as one writes it in a call: a small one itself, of others a name."""
    if isinstance(value, Bare):
        return value
    if value is None or isinstance(value, (int, float, str, tuple)):
        return shown(value)
    name = getattr(value, "__name__", type(value).__name__)
    if isinstance(value, types.MethodType):
        return f"{'module' if hasattr(value.__self__, 'named_parameters') else type(value.__self__).__name__.lower()}.{name}()"
    if isinstance(value, types.FunctionType):
        return f"{name if name.isidentifier() else 'f'}()"
    return {"generator": "module.parameters()", "list_iterator": "module.parameters()", "list": "parameters"}.get(name, name.lower())


def made_first(cls: type, name: str, called_with: str) -> NoReturn:
    """Say that a layer or loss is given what it is to be called with."""
    parameters = inspect.signature(cls).parameters.values()
    required = [Bare(p.name) for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    raise TypeError(f"{cls.__name__}: it is made first and then called: write {call(name, required, {})}({called_with})")


def refuse(cls: type, name: str, args: tuple[Any, ...] | list[Any], kwargs: Mapping[str, Any], called_with: str = "") -> None:
    """Raise a TypeError for a call of the class, which users write as `name`, if there is more to say than Python says."""
    import difflib

    kind = cls.__name__
    parameters = inspect.signature(cls).parameters
    known = [p for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = [p.name for p in known]
    positional = [p.name for p in known if p.kind is p.POSITIONAL_OR_KEYWORD]
    required = [Bare(p.name) for p in known if p.default is p.empty]
    if called_with and any(isinstance(value, Tensor) for value in (*args, *(kwargs[word] for word in kwargs if word not in names))):
        made_first(cls, name, called_with)
    letters = iter("xyzuvw")
    args = [Bare(next(letters, "a")) if hasattr(value, "ndim") and value.ndim else value for value in args]
    given = {*positional[:len(args)], *kwargs}
    renamed, dropped = {}, {}
    for word, value in kwargs.items():
        if word in names:
            renamed[word] = value
        elif word in NOTHING:
            dropped[word] = NOTHING[word]
        else:
            close = difflib.get_close_matches(word, [other for other in names if other not in given], 1, 0.75)
            ours = next((other for other in [*WORDS.get(word, ()), *close] if other in names and other not in given), None)
            if ours is None:
                return
            dropped[word] = ""
            renamed[ours] = value
    why = "".join(sorted({f" ({reason})" for reason in dropped.values() if reason}))
    missing = [word for word in required if word not in {*given, *renamed}]
    before = [*args, *([] if kwargs else missing)]
    after: dict[str, object] = {**renamed, **{word: word for word in missing if kwargs}}
    after = {word: after[word] for word in names if word in after}
    if dropped:
        raise TypeError(f"{kind}: takes no {', '.join(f'{word}=' for word in dropped)}{why}: write {call(name, before, after)}")
    if missing and len(args) <= len(positional):
        verb = "is" if len(missing) == 1 else "are"
        raise TypeError(f"{kind}: {' and '.join(missing)} {verb} missing: write {call(name, before, after)}")


class Refusing:
    """Base of classes whose calls are looked at first. (Apart from them, so that inspect.signature finds their ``__init__``.)"""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if (args or kwargs) and not fits(cls.__init__, args, kwargs):
            home = {"nanograd.optim": "optim.", "nanograd.data": "ng.data."}.get(".".join(cls.__module__.split(".")[:2]), "")
            refuse(cls, home + cls.__name__, args, kwargs)
        return super().__new__(cls)
