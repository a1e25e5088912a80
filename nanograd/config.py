# SPDX-License-Identifier: LGPL-3.0-or-later
"""What this build is and what it runs on: the first thing that a bug report should say."""
import os

import numpy as np

from nanograd._core import runtime

__all__ = ["show_config"]


def _lines() -> list[tuple[str, str]]:
    import platform  # costs milliseconds

    import nanograd

    build, memory = runtime.build(), runtime.memory()
    asked = [f"{name}={os.environ[name]}" for name in ("NANOGRAD_NUM_THREADS", "OMP_NUM_THREADS") if name in os.environ]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    isa = f"{build['isa']} (this CPU and build have {', '.join(build['isas'])}" + (
        f"; NANOGRAD_ISA={os.environ['NANOGRAD_ISA']})" if os.environ.get("NANOGRAD_ISA") else ")")
    return [
        ("nanograd", nanograd.__version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()}), NumPy {np.__version__}"),
        ("system", platform.platform()),
        ("compiler", build["compiler"]),
        ("BLAS", build["blas"]),
        ("BLAS kernel", build["blas_kernel"]),
        ("ISA", isa),
        ("threads", f"{runtime.threads()} of {usable} usable CPUs" + (f" ({', '.join(asked)})" if asked else "")),
        ("memory cache", f"at most {memory['cache_limit'] / 2**20:.0f} MiB"),
    ]


def show_config() -> None:
    """Print version, Python, system, compiler, BLAS and its kernel, instruction set, threads, and the memory cache's limit.

    ``python -m nanograd`` prints the same.

    Examples
    --------
    >>> import nanograd as ng
    >>> ng.show_config()    # doctest: +ELLIPSIS
    nanograd      ...
    Python        ...
    system        ...
    compiler      ...
    BLAS          ...
    BLAS kernel   ...
    ISA           ...
    threads       ...
    memory cache  at most ... MiB
    """
    for name, value in _lines():
        print(f"{name:13} {value}")
