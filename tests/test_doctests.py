# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs the examples of every public docstring, compiled functions included (which pytest's own collection does not see)."""
import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from specs import SPECS
from test_repo import public_objects

import nanograd as ng

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples():
    parser = doctest.DocTestParser()
    found = {}
    for name, value in public_objects().items():
        documented = {name: value}
        if inspect.isclass(value):
            documented |= {f"{name}.{key}": member for key, member in vars(value).items() if not key.startswith("_")}
        for full_name, member in documented.items():
            doc = getattr(member, "__doc__", None)
            if isinstance(doc, str) and ">>> " in doc and id(member) not in found:
                found[id(member)] = parser.get_doctest(inspect.cleandoc(doc), {}, full_name, None, 0)
    return sorted(found.values(), key=lambda test: test.name)


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name.removeprefix("nanograd."))
def test_docstring(test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = []
    with np.printoptions():
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.append)
    assert not output, "".join(output)


def test_no_example_is_left_out():
    """Every prompt in the sources is one of a docstring that runs above."""
    run = {example.source.split("\n")[0].strip() for test in examples() for example in test.examples}
    package = Path(ng.__file__).parent
    sources = [path for path in sorted(package.rglob("*")) if path.suffix in {".py", ".pyx", ".pxi"}]
    left_out = [f"{path.relative_to(package)}: {line}" for path in sources for line in re.findall(r"^ *>>> (.*?) *$", path.read_text(), flags=re.M)
                if line.replace("\\\\", "\\") not in run]
    assert not left_out


def test_shared_sections_are_filled_in():
    """A line {name} of a compiled docstring stands for a section of base/docstrings.pxi. No other name would be found, and each is used."""
    core = Path(ng.__file__).parent / "_core"
    sections = re.findall(r'^    "(\{.*\})": """', (core / "base/docstrings.pxi").read_text(), flags=re.M)
    used = {line.strip() for path in core.rglob("*.p*") if path.suffix in {".pyx", ".pxi"}
            for line in re.findall(r"^ *\{[\w, \[\]]+\}$", path.read_text(), flags=re.M)}
    assert len(sections) > 20 and set(sections) == used
    assert ng.exp.__doc__ is None or "default dtype" in ng.exp.__doc__ and ng.Tensor.exp.__doc__ == ng.exp.__doc__
    assert "{'mean', 'sum', 'none'}" in ng.mse_loss.__doc__ and "'leaky_relu'}" in ng.linear.__doc__
    left = {name: line for name, value in public_objects().items() for line in re.findall(r"^ *(\{[^'\"]*\})$", value.__doc__ or "", flags=re.M)}
    assert not left


def test_raises_says_what_is_refused():
    """What the specs expect a function to refuse is in its Raises, but for arguments of a wrong type and objects that are not arrays of numbers."""
    missing = set()
    for spec in SPECS:
        raises = (inspect.getdoc(getattr(ng, spec.name)) or "").partition("Raises\n---")[2].partition("Examples\n---")[0]
        for error in spec.errors:
            if error.error != "TypeError" and not error.message.endswith((".*object", ".*complex")):
                names = [*re.findall(r"\w+", error.error), *(["AxisError"] if error.error == "IndexError" else [])]
                if not any(name in raises for name in names):
                    missing.add((spec.name, error.error, error.message))
    assert not missing
