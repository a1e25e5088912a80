# SPDX-License-Identifier: LGPL-3.0-or-later
"""The repository keeps its own rules: every op has spec, stub and docstring, kernels name no type, files stay short."""
import importlib
import inspect
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
from declared import core_modules, operations
from specs import SPECS

import nanograd as ng

ROOT = Path(__file__).resolve().parent.parent
checkout = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="not run from a checkout")
pytestmark = checkout


def tracked(*patterns):
    try:
        names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns], cwd=ROOT, text=True, check=True,
                               capture_output=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):      # an unpacked source distribution
        names = [str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern if "/" in pattern else "**/" + pattern)
                 if not {"build", "dist", ".venv"} & set(path.relative_to(ROOT).parts)]
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def public_objects():
    """Every public function and class by its full name: those of nanograd and of its public modules."""
    found = {}
    modules = ["nanograd", *(info.name for info in pkgutil.walk_packages(ng.__path__, "nanograd.", onerror=lambda name: None)
                             if not re.search(r"\._", info.name))]
    for name in modules:
        module = importlib.import_module(name)
        for key in getattr(module, "__all__", [key for key in dir(module) if not key.startswith("_")]):
            value = getattr(module, key)
            if callable(value) and getattr(value, "__module__", "").startswith("nanograd"):
                found[f"{name}.{key}"] = value
    return found


# ---- ops ------------------------------------------------------------------------------------------------------------------


def test_every_op_has_a_spec_and_every_spec_an_op():
    specs = {spec.name for spec in SPECS}
    assert operations() - specs == set(), "these ops have no OpSpec in tests/specs.py"
    assert specs - operations() == set(), "these specs have no op"


def test_every_public_object_has_a_docstring_with_an_example():
    missing = []
    for name, value in public_objects().items():
        doc = inspect.getdoc(value) or ""
        if isinstance(value, type) and issubclass(value, Exception):
            if not doc:
                missing.append(name)
        elif ">>> " not in doc:
            missing.append(name)
    assert not missing, f"no docstring with an example: {', '.join(missing)}"


def test_all_names_exist_and_are_sorted_into_all_once():
    for name in ("nanograd", *core_modules()):
        module = importlib.import_module(name)
        names = list(getattr(module, "__all__", ()))
        assert len(names) == len(set(names)), name
        assert all(hasattr(module, key) for key in names), name


def test_version_is_the_one_in_pyproject():
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{ng.__version__}"' in text
    assert f"## {ng.__version__}" in (ROOT / "CHANGELOG.md").read_text()


# ---- sources --------------------------------------------------------------------------------------------------------------


def lines_of_code(path):
    """Without blank lines, comments and docstrings."""
    text = path.read_text()
    if path.suffix in {".c", ".h", ".inc", ".def"}:
        text = without_comments(text)
    else:
        text = re.sub(r'^[ \t]*r?"""(?:[^"\\]|\\.|"(?!""))*"""', "", text, flags=re.M | re.S)
        text = re.sub(r"^[ \t]*#.*", "", text, flags=re.M)
    return sum(1 for line in text.split("\n") if line.strip())


def test_files_stay_short():
    long = {str(path.relative_to(ROOT)): n for path in tracked("*.py", "*.pyx", "*.pxi", "*.pxd", "*.c", "*.h", "*.inc", "*.tpl", "*.def")
            if (n := lines_of_code(path)) > 400}
    # Still to be cut where their subjects part: the shuffles of lanes, and the losses of pairs.
    assert set(long) <= {"csrc/kernels/pool.inc", "csrc/kernels/loss.inc"} and all(n <= 415 for n in long.values()), long
    assert len((ROOT / "setup.py").read_text().splitlines()) < 300


def test_sources_name_their_licence():
    for path in tracked("*.py", "*.pyx", "*.pxi", "*.pxd", "*.c", "*.h", "*.inc", "*.tpl", "*.def", "*.pyi"):
        head = path.read_text()[:400]
        assert not head.strip() or "SPDX-License-Identifier: LGPL-3.0-or-later" in head, path


def test_nothing_that_is_built_is_tracked():
    assert not [path for path in tracked("nanograd/*") if path.suffix in {".c", ".so", ".pyd", ".o"}]


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda match: "\n" * match.group().count("\n"), text, flags=re.S)


@pytest.mark.parametrize("path", sorted(path for kind in ("inc", "tpl") for path in (ROOT / "csrc" / "kernels").glob(f"*.{kind}")), ids=lambda path: path.name)
def test_kernels_name_no_type(path):
    """REAL and ACC stand for the types: a `float` in a kernel is a bug in the float64 one, or the reverse. Where a type is meant
    (casts), the line ends with a comment that starts with `typed:`. Launchers, declared beside the kernels, are of no dtype."""
    text = re.sub(r"^NG_LAUNCHER\(.*?\)$(?=\n[^ ])", lambda match: "\n" * match.group().count("\n"), path.read_text(), flags=re.M | re.S)
    meant = {n for n, line in enumerate(text.split("\n")) if "/* typed:" in line}
    wrong = [f"{n + 1}: {line.strip()}" for n, line in enumerate(without_comments(text).split("\n"))
             if n not in meant and re.search(r"\b(float|double)\b|\b\d+\.?\d*f\b|\b(expf|logf|sqrtf|tanhf|fabsf|exp|log|tanh|sin|cos)\(", line)]
    assert not wrong, "\n".join(wrong)


def test_kernels_take_their_mathematics_from_ng_math():
    for path in tracked("csrc/ops_unary.def", "csrc/ops_binary.def"):
        for name in re.findall(r"\b([a-z]\w*)\(", without_comments(path.read_text())):
            raise AssertionError(f"{path.name}: {name}() is not MATH({name})()")


def test_no_floor_division_of_reals():
    for path in tracked("nanograd/**/*.pyx", "nanograd/**/*.pxi"):
        text = path.read_text()
        reals = set(re.findall(r"\b(?:double|float)\s+(\w+)", text))
        for n, line in enumerate(text.split("\n"), 1):
            for left, right in re.findall(r"(\w+)\s*//\s*(\w+)", line.split("#")[0]):
                assert not {left, right} & reals, f"{path.name}:{n}: {line.strip()}"


def test_no_tuple_of_classes_hides_an_error_of_isinstance():
    """Cython does not look for an error of isinstance(x, (A, B)) where a class is none of C's (tensor.pxd): write `or`."""
    known = {"bool", "int", "float", "complex", "str", "bytes", "bytearray", "list", "tuple", "dict", "set", "frozenset", "range",
             "Tensor", "Parameter", "Node", "cnp.ndarray"}
    for path in sorted((ROOT / "nanograd").rglob("*.p[xy]*")):
        if path.suffix not in (".pyx", ".pxi", ".pxd"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for classes in re.findall(r"\bisinstance\([^,]*, \(([^()]*)\)\)", line):
                unknown = {name.strip() for name in classes.split(",")} - known
                assert not unknown or "``" in line or line.lstrip().startswith(("*", "/*", "#")), f"{path.name}:{number}: {unknown}"


def code_of(path):
    """(line number, line) of a Cython file, without comments and docstrings."""
    inside = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        quotes = line.count('"""')
        if not inside and quotes == 0:
            yield number, line.split("#")[0]
        inside ^= quotes % 2 == 1


def test_memory_of_tensors_is_taken_through_its_accessors():
    """read_data and new_data of tensor.pxd: whoever takes memory past them reads what is not there yet, or may go meanwhile."""
    for path in tracked("nanograd/**/*.pyx", "nanograd/**/*.pxi", "nanograd/**/*.pxd"):
        base = path.parent.name == "base"
        for number, line in code_of(path):
            place = f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
            if path.name != "tensor.pxd":
                assert ".buffer.data" not in line, place
            # In base, what else says `.buffer` asks who owns it, makes a tensor, or gives it a new value.
            assert base or not re.search(r"\.buffer\b", line), place
            if base and path.name not in ("tensor.pxd", "support.pxi"):
                assert not re.search(r"(?:=|\breturn|[(,]) *\w+\.buffer\b", line), place


def test_the_library_takes_its_operations_from_where_they_stand():
    """Not from the package's front door, which is there for users and stands above them."""
    for path in tracked("nanograd/nn/*.py", "nanograd/optim/*.py", "nanograd/data.py", "nanograd/composed.py", "nanograd/testing.py"):
        assert not re.search(r"^(import nanograd as|from nanograd import (?!composed|errors|data|nn|optim|_\w+|testing)\w)", path.read_text(), flags=re.M), path


def test_launchers_ask_for_memory_in_one_place():
    """ng_temporary() of ng_api.h: what a launcher takes past it, nobody can keep for launches that run again."""
    for path in tracked("csrc/*.h", "csrc/*.c", "csrc/kernels/*.h", "csrc/kernels/*.inc"):
        if path.name in ("ng_alloc.c", "ng_alloc.h", "ng_system.h", "ng_launch.c", "ng_pool.c"):      # the allocator, and scratch memory
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if path.name == "ng_api.h" and "static inline void" in line and "ng_temporary" in line:
                continue
            found = re.search(r"\bNG->(?:alloc|release)\(|\b(?:m|c|re)alloc\(|\bfree\(|\bng_(?:system_)?(?:alloc|free|release)\(", line)
            assert not found, f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_host_code_leaves_the_memory_of_kernels_to_them():
    """A loop of the host over such memory is in no launch, so it does not run when launches run again. design.md lists the exceptions."""
    known = {"train/update_gradients.pxi": 1,       # clip_grad_norm_ returns a number
             "ops/class_loss.pyx": 1}               # a warning
    for path in tracked("nanograd/_core/ops/*.pyx", "nanograd/_core/ops/*.pxi", "nanograd/_core/train/*.pyx", "nanograd/_core/train/*.pxi"):
        lines = [f"{number}: {line.strip()}" for number, line in code_of(path)
                 if re.search(r"\.data\)?\)\[|\bmem(?:cpy|set)\([^,]*(?:\.data|new_data)|\bitem_of\(|\.item\(\)", line)]
        assert len(lines) == known.get(path.relative_to(ROOT / "nanograd" / "_core").as_posix(), 0), (path.name, lines)
