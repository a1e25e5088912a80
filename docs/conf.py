# SPDX-License-Identifier: LGPL-3.0-or-later
"""Sphinx: `python -m sphinx -W --keep-going -b html docs build/docs`. The reference pages are made from what each module exports."""
import ast
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import nanograd as ng
from nanograd._core import ops

project, author = "nanograd", "the nanograd developers"
copyright = "the nanograd developers"
version = release = ng.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_heading_anchors = 3
html_theme = "furo"                     # its navigation folds away on a phone
html_title = f"nanograd {ng.__version__}"
html_static_path = ["static"]
html_css_files = ["pages.css"]
autosummary_generate = False           # tables of names; the entries are below them
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False     # forward() of every layer would say what Module says of it
napoleon_numpy_docstring, napoleon_google_docstring = True, False
napoleon_use_rtype = False
suppress_warnings = ["autosummary.import_cycle"]

CORE = "nanograd._core.base.tensor"
# Title of a page -> what it is about, and the modules whose __all__ it documents; or a module and some of its names, where it
# fills several pages. A new module of operations has a page without a line here: see new_pages.
PAGES = {
    "Tensors": ("the class, with its attributes, methods and operators", [(CORE, "Tensor")]),
    "Making tensors": ("from numbers and arrays, filled, evenly spaced; the default dtype", [
        "nanograd._core.ops.creation", (CORE, "get_default_dtype set_default_dtype")]),
    "Gradients": ("`grad`, and switching the recording of graphs on and off", [
        (CORE, "grad no_grad enable_grad set_grad_enabled is_grad_enabled Node")]),
    "Custom operations": ("`Function`: a forward and a backward that you write", ["nanograd._core.ops.custom_function"]),
    "Arithmetic": ("element by element: sums to arc tangents, `where`, `clip`", ["nanograd._core.ops.elementwise"]),
    "Matrix products": ("`matmul`, `dot`, `outer`, `einsum`, `linear`", ["nanograd._core.ops.matmul"]),
    "Reductions": ("sums, means, extremes, variances, norms: of all elements, or along axes", [
        "nanograd._core.ops.reduce", "nanograd._core.ops.statistics", "nanograd._core.ops.scan"]),
    "Shapes": ("reshape, transpose, join, split, repeat, pad", ["nanograd._core.ops.shape"]),
    "Indexing": ("gather, take, index_set, sort, topk", ["nanograd._core.ops.index"]),
    "Activations": ("relu to gelu, and softmax", [
        "nanograd._core.ops.activation", "nanograd._core.ops.softmax"]),
    "Losses": ("cross-entropies, squared and absolute errors, divergences", [
        "nanograd._core.ops.class_loss", "nanograd._core.ops.pair_loss"]),
    "Normalisation": ("batch, layer, group and RMS normalisation as functions", ["nanograd._core.ops.normalization"]),
    "Convolutions": ("`conv1d` and `conv2d`", ["nanograd._core.ops.conv"]),
    "Pooling": ("maxima and averages over windows", ["nanograd._core.ops.pool"]),
    "Composed functions": ("functions written in terms of the others", ["nanograd.composed"]),
    "Random numbers": ("draws, dropout and generators, with the same bits on every machine", ["nanograd._core.ops.random"]),
    "Modules": ("`Module`, `Parameter`, `Sequential` and the other containers", ["nanograd.nn.module", "nanograd.nn.containers"]),
    "Activation modules": ("activations to put between layers", ["nanograd.nn.activation"]),
    "Loss modules": ("losses with their own settings", ["nanograd.nn.loss"]),
    "Layers": ("linear, convolutional, normalising, pooling, embedding, dropout; and whatever is on no earlier page", [
        "nanograd.nn.linear", "nanograd.nn"]),
    "Layers as functions": ("`nn.functional`: PyTorch's names and arguments", ["nanograd.nn.functional"]),
    "Initialisation": ("`nn.init`: Xavier, Kaiming, orthogonal and plain", ["nanograd.nn.init"]),
    "Gradients of many parameters": ("`nn.utils`: clipping and flattening", ["nanograd.nn.utils"]),
    "Optimizers": ("SGD to Adagrad, averages of weights, SciPy's minimizers", ["nanograd.optim"]),
    "Mini-batches": ("`ArrayLoader`: shuffles and batches arrays", ["nanograd.data"]),
    "Testing": ("`gradcheck` and `assert_close`", ["nanograd.testing"]),
    "Threads, memory, configuration": ("the number of threads, memory in use, what was built", [
        "nanograd.threads", "nanograd.memory", "nanograd.config"]),
    "Errors": ("what is raised, and when", ["nanograd.errors"]),
}


DTYPES = """.. data:: nanograd.float32
.. data:: nanograd.float64

   NumPy's dtypes, as every ``dtype=`` takes them: ``np.float64``, ``"float64"`` and ``ng.float64`` are the same.

"""


def public_name(module, name):
    """The module under which users call it."""
    value = getattr(importlib.import_module(module), name)
    if getattr(ng.nn, name, None) is value:
        return "nanograd.nn"
    return "nanograd" if getattr(ng, name, None) is value and module != "nanograd.errors" else module


def names_of(source):
    """(module, name) of what an entry of PAGES stands for."""
    module, names = source if isinstance(source, tuple) else (source, None)
    exported = importlib.import_module(module)
    names = names.split() if names else getattr(exported, "__all__", None) or [n for n in vars(exported) if not n.startswith("_")]
    for name in names:
        if callable(getattr(exported, name)) and not inspect.ismodule(getattr(exported, name)):
            yield public_name(module, name), name


def entry(public, name):
    value = getattr(importlib.import_module(public), name)
    if not inspect.isclass(value):
        return f".. autofunction:: {public}.{name}\n"
    # Methods that are functions of ng too are documented there.
    functions = [key for key, member in vars(value).items() if getattr(ng, key, None) is member] if value is ng.Tensor else []
    return f".. autoclass:: {public}.{name}\n   :members:\n" + (f"   :exclude-members: {', '.join(functions)}\n" if functions else "")


def file_name(title):
    return title.lower().replace(" ", "-").replace(",", "")


def new_pages():
    """The pages of modules of operations that stand on none: the first line of a module's docstring has the title, up to a colon,
    and what it is about."""
    on_pages = {source[0] if isinstance(source, tuple) else source for _, sources in PAGES.values() for source in sources}
    for info in pkgutil.iter_modules(ops.__path__, f"{ops.__name__}."):
        if info.name not in on_pages:
            doc = importlib.import_module(info.name).__doc__
            if not doc:
                raise RuntimeError(f"{info.name} needs a docstring, whose first line is the title of its page in the reference")
            title, _, about = doc.splitlines()[0].rstrip(".").partition(": ")
            yield title, (about, [info.name])


def reference():
    """{name of a page: its text}."""
    seen, pages, links = set(), {}, []
    known = list(PAGES.items())
    at = list(PAGES).index("Composed functions")
    for title, (about, sources) in [*known[:at], *new_pages(), *known[at:]]:
        links.append(f"* :doc:`{title} <{file_name(title)}>`" + (f": {about.replace('`', '``')}\n" if about else "\n"))
        found = [pair for source in sources for pair in names_of(source) if pair not in seen]
        found = list(dict.fromkeys(found))
        seen.update(found)
        table = "".join(f"   {public}.{name}\n" for public, name in found)
        text = f"{title}\n{'=' * len(title)}\n\n.. autosummary::\n   :nosignatures:\n\n{table}\n"
        if title == "Tensors":
            methods = ", ".join(f":func:`{key}`" for key, member in vars(ng.Tensor).items() if getattr(ng, key, None) is member)
            text += f"The functions that are methods too (``x.exp()`` is ``ng.exp(x)``):\n\n.. currentmodule:: nanograd\n\n{methods}.\n\n"
        if title == "Making tensors":
            text += DTYPES
        pages[file_name(title)] = text + "\n".join(entry(*pair) for pair in found)
    left_out = [name for name, value in vars(ng).items() if not name.startswith("_") and callable(value)
                and (public_name("nanograd", name), name) not in seen and not inspect.ismodule(value)
                and not getattr(value, "__module__", "").startswith(("nanograd.nn", "nanograd.errors"))]
    if left_out:
        raise RuntimeError(f"no page of the reference has {', '.join(left_out)}: add them to PAGES in docs/conf.py")
    pages["index"] = ("Reference\n=========\n\nMade from the docstrings, whose examples run as tests.\n\n" + "".join(links)
                      + "\n.. toctree::\n   :hidden:\n   :maxdepth: 1\n\n" + "".join(f"   {name}\n" for name in pages))
    return pages


def write_reference():
    folder = Path(__file__).parent / "reference"
    folder.mkdir(exist_ok=True)
    pages = reference()
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        page = folder / f"{name}.rst"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def stub_signatures():
    """The signatures of what is compiled, with types, from the stubs: {"softmax": ("(x: ...)", "Tensor"), "Tensor.item": ...}."""
    found, aliases = {}, {}
    for stub in (Path(ng.__file__).parent / "_core").rglob("*.pyi"):
        for node in ast.parse(stub.read_text()).body:
            if isinstance(node, ast.Assign) and node.targets[0].id.startswith("_"):
                aliases[node.targets[0].id] = ast.unparse(node.value)
            inside = [(f"{node.name}.", member) for member in node.body] if isinstance(node, ast.ClassDef) else [("", node)]
            for prefix, member in inside:
                if isinstance(member, ast.FunctionDef):
                    result = ast.unparse(member.returns) if member.returns else None
                    found[prefix + member.name] = f"({ast.unparse(member.args)})", result

    def spelt_out(text):
        return text and re.sub(r"\b_\w+", lambda match: aliases.get(match[0], match[0]), text)
    return {name: (spelt_out(arguments), spelt_out(result)) for name, (arguments, result) in found.items()}


def real_signature(app, what, name, thing, options, signature, return_annotation):
    """With types: of compiled functions from the stubs; a class's as inspect sees it, where Sphinx would show that of
    Module.__new__ for every layer."""
    if what == "class":
        try:
            text = str(inspect.signature(thing)).removesuffix(" -> 'None'")
        except ValueError:               # the Tensor, the Node: not constructors
            return None
        text = re.sub(r": '([^']*)'", r": \1", text)        # annotations are strings
        return re.sub(r"\b(?:nanograd|numpy|collections|typing)(?:\.\w+)*\.(?=\w)", "", text), None
    compiled = type(thing).__name__ in ("cython_function_or_method", "method_descriptor", "builtin_function_or_method")
    key = ".".join(name.split(".")[-2:]) if what == "method" else name.rpartition(".")[2]
    if compiled and key in STUBS:
        arguments, result = STUBS[key]
        return re.sub(r"^\(self(?:, )?(?:/, )?", "(", arguments), result
    return None


def setup(app):
    app.connect("autodoc-process-signature", real_signature)


STUBS = stub_signatures()
if __name__ != "reference":          # so tests/test_docs.py reads it
    sys.setrecursionlimit(5000)
    write_reference()
