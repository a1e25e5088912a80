# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a library costs before it does anything: import time, threads, size on disk."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

from benchmarks.row import Limit

# Both clocks around the import alone, with NumPy there already; the interpreter's own start is not ours.
_PROBE = """
import json, os, time, numpy
from pathlib import Path
tasks = Path("/proc/self/task")
threads = lambda: len(list(tasks.iterdir())) if tasks.exists() else 0
before, wall, cpu = threads(), time.perf_counter(), time.process_time()
import {library}
print(json.dumps([1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu), threads() - before]))
"""
# What an installation holds; a checkout has sources beside it.
_INSTALLED = {".py", ".pyi", ".so", ".typed"}


@cache
def _imports(library: str, rounds: int) -> list[list[float]]:
    """Milliseconds of wall and CPU time, and threads started, in fresh processes; a first one only warms the disk."""
    command = [sys.executable, "-c", _PROBE.format(library=library)]
    # As after an install: with compiled bytecode, which the first process writes where there is none yet.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    runs = [subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout for _ in range(rounds + 1)]
    return [json.loads(run) for run in runs[1:]]


def _import_cost(library: str, rounds: int, *, column: int) -> list[float] | None:
    if library == "numpy":
        return None
    return [run[column] for run in _imports(library, min(rounds, 3 if library != "nanograd" else 15))]


def _installed_size(library: str, rounds: int) -> list[float] | None:
    """MB of the package's folder, and of the shared libraries that wheels put beside it (NumPy, JAX)."""
    package = Path(importlib.util.find_spec(library).origin).parent
    folders = [package, package.with_name(f"{library}.libs"), package.with_name(f"{library}lib")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    if library == "nanograd":
        files = [path for path in files if path.suffix in _INSTALLED or ".so." in path.name]
    return [sum(path.stat().st_size for path in files) / 1e6]


LIMITS = [
    Limit("process", "import-wall", "import, beyond `import numpy`", "ms", 30, partial(_import_cost, column=0)),
    Limit("process", "import-cpu", "the same, CPU time", "ms", 40, partial(_import_cost, column=1)),
    Limit("process", "import-threads", "threads that the import starts", "", 0, partial(_import_cost, column=2)),
    Limit("process", "installed-size", "installed size", "MB", 40, _installed_size),
]
