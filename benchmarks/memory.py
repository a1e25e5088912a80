# SPDX-License-Identifier: LGPL-3.0-or-later
"""How far the resident set of a fresh process grows over the first run of a row: ``python -m benchmarks.memory [PATTERN]``.

For every row of the families `conv`, `norm` and `pool` (or those that match), by the kernel's own high-water mark, which is
reset once the operands are there: Linux only. Ours should need no more than 1.1 times what PyTorch needs, and 32 MB for each thread.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import libraries, rows

_PROBE = """
import sys
from pathlib import Path
root, library, name, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sys.path[:] = [*filter(None, sys.path), root]  # an installed nanograd before the one in the checkout
from benchmarks import libraries, rows
job = next(row for row in rows.ROWS if row.id == name).make(library)
libraries.set_threads(library, threads)
Path("/proc/self/clear_refs").write_text("5")
status = lambda: dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
before = status()["VmRSS"]
job.seconds(1)
print(before, status()["VmHWM"])
"""


def growth(library: str, name: str, threads: int) -> float:
    """MB of one row with this many threads, in a process of its own."""
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-c", _PROBE, root, library, name, str(threads)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, peak = map(int, re.findall(r"(\d+) kB", out))
    return (peak - before) / 1024


def main(patterns: list[str]) -> int:
    """Print a line per row and number of threads; 1 if one is over its limit."""
    others = ["torch"] if libraries.is_installed("torch") else []
    over = False
    for row in rows.chosen(rows.ROWS, patterns[0] if patterns else "conv/,norm/,pool/"):
        for threads in (1, 2):
            mb = {library: growth(library, row.id, threads) for library in ["nanograd", *others]}
            line = "  ".join(f"{library} {mb[library]:6.1f}" for library in mb)
            if "torch" in mb:
                limit = 1.1 * mb["torch"] + 32 * threads
                over |= mb["nanograd"] > limit
                line += f"  limit {limit:6.1f}" + ("  OVER" if mb["nanograd"] > limit else "")
            print(f"{row.title:36s} threads {threads}  {line}", flush=True)
    return int(over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
