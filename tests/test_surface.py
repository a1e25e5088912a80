# SPDX-License-Identifier: LGPL-3.0-or-later
"""The public surface is that of the stubs and of the table in tests/surface.py, no name more or less, with these signatures."""

import ast
import importlib
import inspect
import pickle
import re

import pytest
from declared import core_modules, exported, exports, methods, public_stubs, stub
from specs import SPECS
from surface import AGREED, INSTANCES, sections

import nanograd as ng
from nanograd import nn
from nanograd._names import OtherName

TABLE = sections()
ROWS = [pytest.param(section, name, id=f"{section}.{name}") for section, rows in TABLE.items() for name in rows]


def parse(row):
    """[(name, kind, default)] of the arguments in a row, or None for one without parentheses."""
    _, parenthesis, rest = row.partition("(")
    return arguments(ast.parse(f"def f({rest}: ...").body[0]) if parenthesis else None


def arguments(node):
    a = node.args
    plain = [*a.posonlyargs, *a.args]
    kinds = [inspect.Parameter.POSITIONAL_ONLY] * len(a.posonlyargs) + [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(a.args)
    defaults = [inspect.Parameter.empty] * (len(plain) - len(a.defaults)) + [ast.literal_eval(d) for d in a.defaults]
    found = list(zip((arg.arg for arg in plain), kinds, defaults, strict=True))
    found += [(a.vararg.arg, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.empty)] if a.vararg else []
    found += [(arg.arg, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty if d is None else ast.literal_eval(d))
              for arg, d in zip(a.kwonlyargs, a.kw_defaults, strict=True)]
    found += [(a.kwarg.arg, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.empty)] if a.kwarg else []
    return found


def signature(thing):
    return [(p.name, p.kind, p.default) for p in inspect.signature(thing).parameters.values()]


def same(found, wanted):
    """Also in the types of the defaults: 1.0 is not 1, nor True."""
    return found == wanted and [type(d) for *_, d in found] == [type(d) for *_, d in wanted]


def shown(arguments):
    kinds = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.KEYWORD_ONLY: "(keyword) "}
    return ", ".join(kinds.get(kind, "") + name + ("" if d is inspect.Parameter.empty else f"={d!r}") for name, kind, d in arguments)


def member(section, name):
    """The thing, and whether it is a method whose first argument is the object."""
    owner, _, key = name.rpartition(".")
    module = importlib.import_module(section)
    if not owner:
        return getattr(module, key), False
    raw = inspect.getattr_static(getattr(module, owner), key)
    return getattr(getattr(module, owner), key), callable(raw) and not isinstance(raw, (staticmethod, classmethod, type))


def public_names(section):
    """What the module exports, and the members that its classes have beyond those of their public bases."""
    module = importlib.import_module(section)
    names = [name for name in dir(module) if not name.startswith("_") and not inspect.ismodule(getattr(module, name))]
    for name in names:
        yield name
        cls = getattr(module, name)
        if not isinstance(cls, type):
            continue
        bases = [base for base in cls.__mro__[1:] if not base.__name__.startswith("_")]
        for owner in [cls, *(base for base in cls.__mro__[1:] if base.__name__.startswith("_"))]:
            for key, value in vars(owner).items():
                if key.startswith("_") or isinstance(value, OtherName) or any(hasattr(base, key) for base in bases):
                    continue
                if cls is ng.Tensor and value is getattr(ng, key, None):
                    continue                                    # test_functions_that_are_methods
                yield f"{name}.{key}"


@pytest.mark.parametrize("section", TABLE)
def test_no_name_more_or_less(section):
    names, rows = set(public_names(section)), set(TABLE[section])
    assert names - rows == set(), "public, but in no stub, nor in the table of tests/surface.py"
    assert rows - names == set(), "in a stub or in the table, but not public"


@pytest.mark.parametrize("section, name", ROWS)
def test_signature(section, name):
    wanted = parse(TABLE[section][name])
    thing, has_self = member(section, name)
    if wanted is None:
        assert not inspect.isroutine(thing) or inspect.isdatadescriptor(thing)
        return
    found = signature(thing)[has_self:]
    assert same(found, wanted), f"{section}.{name}({shown(found)}), the stub or the table says ({shown(wanted)})"


def test_functions_that_are_methods():
    """The library's are those of the stub that the build has made."""
    found = {key for key, value in vars(ng.Tensor).items() if value is getattr(ng, key, ...)}
    assert found == set(methods())
    for name in found:
        assert signature(getattr(ng.Tensor, name))[1:] == parse(TABLE["nanograd"][name])[1:]
        assert signature(getattr(ng.ones(2), name)) == parse(TABLE["nanograd"][name])[1:], "bound"


def test_what_was_agreed_stays():
    assert set(AGREED["methods"].split()) - set(methods()) == set()
    names = set(TABLE["nanograd"]) | {f"Tensor.{name}" for name in methods()}
    assert {*AGREED["methods"].split(), *AGREED["nanograd"].split(), *(f"Tensor.{name}" for name in AGREED["Tensor"].split())} - names == set()


@pytest.mark.parametrize("code", INSTANCES)
def test_instances_have_their_attributes(code):
    instance = eval(code, {"ng": ng, "nn": nn})
    missing = [name for name in INSTANCES[code].split() if not hasattr(instance, name)]
    assert not missing


def test_modules_are_there_after_one_import():
    """`import nanograd as ng` is all that a program needs."""
    import subprocess
    import sys

    wanted = ", ".join(section.replace("nanograd", "ng", 1) for section in TABLE)
    subprocess.run([sys.executable, "-c", f"import nanograd as ng; {wanted}; ng.float32, ng.__version__"], check=True)


# ---- help, pickle ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section, name", [row for row in ROWS if "." not in row.values[1]])
def test_says_where_it_is(section, name):
    thing, _ = member(section, name)
    if not callable(thing):
        return
    module = importlib.import_module(thing.__module__)
    assert "._core" not in thing.__module__ and thing.__qualname__ == thing.__name__ == name
    assert getattr(module, name) is thing and thing.__module__.startswith(section.rpartition(".")[0] or section)
    if section == "nanograd" and not isinstance(thing, type):
        assert thing.__module__ == "nanograd"
    assert pickle.loads(pickle.dumps(thing)) is thing
    if inspect.isfunction(thing) or (inspect.isclass(thing) and "__init__" in vars(thing) and not compiled(section, name)):
        assert name in inspect.getsource(thing).splitlines()[0]      # Python's: the source is found


@pytest.mark.parametrize("section, name", ROWS)
def test_has_a_docstring(section, name):
    owner, _, key = name.rpartition(".")
    thing, _ = member(section, name)
    if isinstance(thing, (bool, ng.float32.__class__)):
        return
    if owner == "Function":                                         # described in that of the class
        assert f"``{key}" in ng.Function.__doc__
        return
    doc = inspect.getdoc(thing)
    assert doc and doc.strip() and not doc.startswith(f"{name}("), f"{section}.{name}: {doc!r}"


@pytest.mark.parametrize("code, name", [
    ("x[0]", "getitem"), ("x[:, 1]", "getitem"), ("x[[0, 1]]", "getitem"), ("x.narrow(1, 0, 2)", "narrow"), ("x.narrow(0, 0, 2)", "narrow"),
    ("x.copy()", "copy"), ("x.astype(ng.float64)", "astype"), ("x.log_softmax()", "log_softmax"), ("x * x", "mul"), ("x.exp()", "exp"),
    ("ng.conv1d(x, ng.ones((2, 4, 2)))", "conv1d"), ("ng.conv2d(x.reshape(1, 4, 5), ng.ones((1, 1, 2, 2)))", "conv2d"),
])
def test_nodes_have_the_names_of_functions(code, name):
    """Also when the graph is freed."""
    y = eval(code, {"ng": ng, "x": ng.ones((4, 5), requires_grad=True)})
    node = y.grad_fn
    assert (node.name, repr(node)) == (name, f"<{name}>")
    y.backward()
    assert repr(node) == f"<{name}>"


# What returns nothing, or self, and says so in words.
WITHOUT_RETURNS = {"set_default_dtype", "set_num_threads", "get_num_threads", "empty_cache", "show_config", "clip_grad_value_",
                   "vector_to_parameters", "assert_close"}


# Of one operand, element by element: they refuse only what is no number, and a line on x says what numbers are.
OF_ANY_NUMBERS = {spec.name for spec in SPECS if spec.elementwise == 1}
OF_ANY_NUMBERS -= {spec.name for spec in SPECS for error in spec.errors if error.error != "DTypeError"}


@pytest.mark.parametrize("section, name", [row for row in ROWS if "." not in row.values[1] and row.values[0] != "nanograd.nn.functional"])
def test_docstring_has_its_sections(section, name):
    """NumPy style: every argument, what comes back, what is raised. (Those of nn.functional say what they are called in nanograd.)"""
    thing, _ = member(section, name)
    names = [argument for argument, *_ in parse(TABLE[section][name]) or [] if argument not in ("args", "kwargs")]
    if not callable(thing):
        return
    doc = inspect.getdoc(thing)
    sections_ = re.split(r"^(\w[\w ]*)\n-+$", doc, flags=re.M)
    contents = dict(zip(sections_[1::2], sections_[2::2], strict=True))
    said = re.findall(r"[\w*]+", " ".join(re.findall(r"^(\S.*?)(?: :|$)", contents.get("Parameters", ""), flags=re.M)))
    assert [argument for argument in names if argument not in {word.lstrip("*") for word in said}] == []
    if not isinstance(thing, type) and name not in WITHOUT_RETURNS:
        assert "Returns" in contents
    if names and name not in {"set_grad_enabled"} | OF_ANY_NUMBERS:
        assert "Raises" in contents


# ---- stubs ----------------------------------------------------------------------------------------------------------------


def compiled(section, name):
    thing = getattr(importlib.import_module(section), name.partition(".")[0], None)
    if isinstance(thing, type):
        return not thing.__flags__ & 1 << 9 or thing is ng.Function      # no heap type: Cython's
    return type(thing).__name__ == "cython_function_or_method"


@pytest.mark.parametrize("module", core_modules())
def test_stubs_export_what_the_modules_export(module):
    """(A module that exports nothing is for the other layers.)"""
    if exports(module):
        assert set(exported(stub(module))) == set(exports(module)), f"{stub(module).name} and what is @public"


def test_what_is_compiled_is_typed():
    assert {name for name in vars(ng) if not name.startswith("_") and compiled("nanograd", name)} == set(public_stubs())
