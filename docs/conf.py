# SPDX-License-Identifier: LGPL-3.0-or-later
"""Sphinx: `python -m sphinx -W --keep-going -b html docs build/docs`. The reference pages are made from what each module exports."""
import importlib
import inspect
import re
import sys
from pathlib import Path

import nanograd as ng

project, author = "nanograd", "the nanograd developers"
copyright = "the nanograd developers"
version = release = ng.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["measurements.md"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "260px", "description": f"version {ng.__version__}"}
html_static_path = ["static"]
html_css_files = ["pages.css"]
autosummary_generate = False           # tables of names; the entries are below them
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False     # forward() of every layer would say what Module says of it
napoleon_numpy_docstring, napoleon_google_docstring = True, False
napoleon_use_rtype = False
suppress_warnings = ["autosummary.import_cycle"]

CORE = "nanograd._core.tensor"
# Title of a page -> the modules whose __all__ it documents; or a module and some of its names, where it fills several pages.
PAGES = {
    "Tensors": [(CORE, "Tensor")],
    "Making tensors": [(CORE, "tensor asarray zeros ones full empty arange linspace eye zeros_like ones_like full_like from_numpy "
                              "from_dlpack tensor32 tensor64 get_default_dtype set_default_dtype")],
    "Gradients": [(CORE, "grad no_grad enable_grad set_grad_enabled is_grad_enabled Node")],
    "Operations of your own": ["nanograd._core.custom_function"],
    "Arithmetic": [(CORE, "add sub mul div pow neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan sinh "
                          "cosh arctan arctan2 erf floor ceil round clip maximum minimum where safe_div isnan isinf isfinite allclose")],
    "Matrix products": ["nanograd._core.matmul"],
    "Reductions": ["nanograd._core.reduce", "nanograd._core.statistics"],
    "Shapes": ["nanograd._core.shape"],
    "Indexing": ["nanograd._core.index"],
    "Activations": [(CORE, "relu leaky_relu tanh sigmoid log_sigmoid softplus silu gelu elu"), "nanograd._core.softmax"],
    "Losses": ["nanograd._core.loss", "nanograd._core.pair_loss"],
    "Normalisation": ["nanograd._core.normalization"],
    "Convolutions": ["nanograd._core.conv"],
    "Pooling": ["nanograd._core.pool"],
    "Composed functions": ["nanograd.composed"],
    "Random numbers": ["nanograd._core.random"],
    "Modules": ["nanograd.nn.module", "nanograd.nn.containers"],
    "Activation modules": ["nanograd.nn.activation"],
    "Loss modules": ["nanograd.nn.loss"],
    "Layers": ["nanograd.nn.linear", "nanograd.nn"],       # linear, and all that is on none of the pages before
    "Layers as functions": ["nanograd.nn.functional"],
    "Initialisation": ["nanograd.nn.init"],
    "Gradients of many parameters": ["nanograd.nn.utils"],
    "Optimizers": ["nanograd.optim"],
    "Mini-batches": ["nanograd.data"],
    "Tests of your own": ["nanograd.testing"],
    "Threads, memory, configuration": ["nanograd.threads", "nanograd.memory", "nanograd.config"],
    "Errors": ["nanograd.errors"],
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


def reference():
    """{name of a page: its text}."""
    seen, pages = set(), {}
    for title, sources in PAGES.items():
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
        pages[title.lower().replace(" ", "-").replace(",", "")] = text + "\n".join(entry(*pair) for pair in found)
    left_out = [name for name, value in vars(ng).items() if not name.startswith("_") and callable(value)
                and (public_name("nanograd", name), name) not in seen and not inspect.ismodule(value)
                and not getattr(value, "__module__", "").startswith(("nanograd.nn", "nanograd.errors"))]
    if left_out:
        raise RuntimeError(f"no page of the reference has {', '.join(left_out)}: add them to PAGES in docs/conf.py")
    pages["index"] = ("Reference\n=========\n\nMade from the docstrings, whose examples run as tests.\n\n.. toctree::\n   :maxdepth: 1\n\n"
                      + "".join(f"   {name}\n" for name in pages))
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


def real_signature(app, what, name, thing, options, signature, return_annotation):
    """A class's as inspect sees it: Sphinx would show that of Module.__new__ for every layer."""
    try:
        shown = str(inspect.signature(thing)) if what == "class" else None
        return shown and (re.sub(r": '([^']*)'", r": \1", shown.removesuffix(" -> 'None'")), None)     # annotations are strings
    except ValueError:               # the Tensor, the Node: not constructors
        return None


def setup(app):
    app.connect("autodoc-process-signature", real_signature)


if __name__ != "reference":          # so tests/test_docs.py reads it
    sys.setrecursionlimit(5000)
    write_reference()
