# SPDX-License-Identifier: LGPL-3.0-or-later
"""The exceptions that nanograd raises for a user's mistake, besides Python's own TypeError, ValueError and IndexError."""
from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

__all__ = ["DTypeError", "GraphError", "NanogradError", "ShapeError"]


class NanogradError(Exception):
    """Base of nanograd's own exceptions, so that one ``except`` catches them all."""


class ShapeError(NanogradError, ValueError):
    """Shapes that do not fit an operation."""


class DTypeError(NanogradError, TypeError):
    """A dtype that an operation does not take, or float32 and float64 mixed in one operation."""


class GraphError(NanogradError, RuntimeError):
    """A backward pass that is impossible (nothing to differentiate, a graph that is freed or in use), or a gradient that would be lost."""


def shown(value: object) -> str:
    """The text of a value for a message: its repr, of bounded length. What raises in its own repr is named by its type."""
    try:
        return _SHORT.repr(value)
    except MemoryError:
        raise
    except Exception:
        return f"a {type(value).__name__} that has no repr"


def refuse_masked(op: str, array: np.ndarray[Any, Any]) -> None:
    """A TypeError for a masked array, whose mask neither tensors nor labels nor indices keep."""
    if issubclass(type(array), np.ma.MaskedArray):        # an object's __class__ may raise
        raise TypeError(f"{op}: an array is masked, and its mask would be lost: write a.filled(value)")


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlong = 4, 60
_SHORT.maxtuple = _SHORT.maxlist = _SHORT.maxdict = _SHORT.maxset = 20
_SHORT.maxstring = _SHORT.maxother = 300
