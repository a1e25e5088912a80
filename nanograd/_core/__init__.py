# SPDX-License-Identifier: LGPL-3.0-or-later
"""The compiled core. Importing it finds the bundled BLAS, and says so where nothing has been compiled yet."""
import os
import re
import sys

_package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if sys.platform == "win32" and os.path.isdir(os.path.join(_package, "_libs")):     # elsewhere the modules carry an rpath
    os.add_dll_directory(os.path.join(_package, "_libs"))

# The C side reads it when threads are first wanted, and has nobody to tell there.
_threads = os.environ.get("NANOGRAD_NUM_THREADS", "")
if _threads and not re.fullmatch(r"[ \t]*\+?0*[1-9][0-9]*[ \t]*", _threads):
    raise ImportError(f"nanograd: NANOGRAD_NUM_THREADS={_threads} is not a positive int; set it to a number such as 2, or unset it")

# OpenBLAS starts its threads when it is loaded; ours are enough. Only the copy that is loaded here reads the setting.
_before = os.environ.get("OPENBLAS_NUM_THREADS")
os.environ["OPENBLAS_NUM_THREADS"] = "1"
try:
    import nanograd._core.base.tensor
except ModuleNotFoundError as error:
    if error.name != "nanograd._core.base.tensor":
        raise
    from importlib.machinery import PathFinder
    _sources = os.path.dirname(_package)
    _spec = PathFinder.find_spec("nanograd", [path for path in sys.path if os.path.realpath(path or ".") != os.path.realpath(_sources)])
    if _spec is not None and _spec.origin:
        raise ImportError(
            f"nanograd is installed; this is its source folder, {_sources}, which Python looks into first and where nothing is built. "
            f"Run Python in another folder, or `python -m pip install -e .` here"
        ) from None
    raise ImportError(
        f"nanograd is not built for this Python ({sys.executable}): run `python -m pip install -e .` or "
        f"`python setup.py build_ext --inplace` in {_sources}"
    ) from None
finally:
    if _before is None:
        del os.environ["OPENBLAS_NUM_THREADS"]
    else:
        os.environ["OPENBLAS_NUM_THREADS"] = _before
