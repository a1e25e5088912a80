# SPDX-License-Identifier: LGPL-3.0-or-later
"""The libraries that are compared: whether they are installed, their versions, their threads."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util

TITLES = {"nanograd": "nanograd", "torch": "PyTorch", "numpy": "NumPy", "jax": "JAX"}


def is_installed(library: str) -> bool:
    """Whether `library` can be imported (it is not imported)."""
    return importlib.util.find_spec(library) is not None


def version(library: str) -> str:
    """The version of an installed library."""
    return str(importlib.import_module(library).__version__)


def set_threads(library: str, threads: int) -> None:
    """Let `library` use this many threads from now on. JAX has no such switch: it takes what the process may use."""
    if library == "nanograd":
        import nanograd

        nanograd.set_num_threads(threads)
    elif library == "torch":
        import torch

        torch.set_num_threads(threads)
    elif library == "numpy":
        # NumPy's own OpenBLAS and no other: the one that nanograd carries stays single-threaded by design.
        for blas in _numpy_blas():
            blas.set_num_threads(threads)


def _numpy_blas() -> list:
    global _blas
    if _blas is None:
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            _blas = []
        else:
            _blas = [each for each in ThreadpoolController().lib_controllers if "numpy" in each.filepath]
    return _blas


_blas: list | None = None
