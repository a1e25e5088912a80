# SPDX-License-Identifier: LGPL-3.0-or-later
"""Launch, pool and allocator as a C program of their own: as it is, and under the compiler's sanitizers where it has them."""
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [ROOT / "tests" / "native" / "runtime_stress.c",
           *(ROOT / "csrc" / f"{name}.c" for name in ("ng_launch", "ng_pool", "ng_alloc", "ng_cpus"))]
COMPILER = shlex.split(os.environ.get("CC", "cc"))

pytestmark = pytest.mark.skipif(os.name == "nt" or not shutil.which(COMPILER[0]) or not (ROOT / "build" / "generated").is_dir(),
                                reason="needs a checkout in which it was built, and a C compiler")


# AddressSanitizer's allocator keeps its locks over a fork: a child made while another thread allocates waits for ever
# (gcc 12). So its forks come while the other threads sleep.
@pytest.mark.parametrize("flags, forks", [
    (["-O3"], "busy"),
    (["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"], "idle"),
    (["-O1", "-g", "-fsanitize=thread"], "none"),
], ids=["plain", "address", "thread"])
def test_runtime(flags, forks, tmp_path):
    program = tmp_path / "stress"
    command = [*COMPILER, "-std=c11", "-D_GNU_SOURCE=1", "-pthread", f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'build' / 'generated'}", f"-I{SOURCES[0].parent}", *flags, "-o", str(program)]
    compiled = subprocess.run([*command, *map(str, SOURCES)], capture_output=True, text=True)
    if compiled.returncode and "-O3" not in flags:
        pytest.skip("the compiler has no such sanitizer here")
    assert compiled.returncode == 0 and "warning" not in compiled.stderr, compiled.stderr
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    environment |= dict.fromkeys(("ASAN_OPTIONS", "TSAN_OPTIONS"), "allocator_may_return_null=1")
    result = subprocess.run([str(program), forks], capture_output=True, text=True, timeout=300, env=environment)
    if "unexpected memory mapping" in result.stderr:
        pytest.skip("ThreadSanitizer does not run under this kernel's address space layout")
    assert result.returncode == 0 and result.stdout == "ok\n", result.stderr
