# SPDX-License-Identifier: LGPL-3.0-or-later
"""Sphinx: `python -m sphinx -W -b html docs build/docs`. The reference pages are made from what each module exports."""
import importlib
import inspect
import sys
from pathlib import Path

import nanograd as ng

project, author = "nanograd", "the nanograd developers"
copyright = "the nanograd developers"
version = release = ng.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["measurements.md"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "260px", "description": f"version {ng.__version__}"}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring, napoleon_google_docstring = True, False
napoleon_use_rtype = False

# Title of a page -> the modules whose __all__ it documents. A module that is missing here fails the build.
PAGES = {
    "Tensors and elementwise functions": ["nanograd._core.tensor"],
    "Matrix products": ["nanograd._core.matmul"],
    "Reductions": ["nanograd._core.reduce", "nanograd._core.statistics"],
    "Shapes": ["nanograd._core.shape"],
    "Indexing": ["nanograd._core.index"],
    "Softmax": ["nanograd._core.softmax"],
    "Losses": ["nanograd._core.loss", "nanograd._core.pair_loss"],
    "Normalisation": ["nanograd._core.normalization"],
    "Convolutions": ["nanograd._core.conv"],
    "Pooling": ["nanograd._core.pool"],
    "Composed functions": ["nanograd.composed"],
    "Random numbers": ["nanograd._core.random"],
    "Operations of your own": ["nanograd._core.custom_function"],
    "Layers": ["nanograd.nn"],
    "Layers as functions": ["nanograd.nn.functional"],
    "Initialisation": ["nanograd.nn.init"],
    "Gradients of many parameters": ["nanograd.nn.utils"],
    "Optimizers": ["nanograd.optim"],
    "Mini-batches": ["nanograd.data"],
    "Tests of your own": ["nanograd.testing"],
    "Threads, memory, configuration": ["nanograd.threads", "nanograd.memory", "nanograd.config"],
    "Errors": ["nanograd.errors"],
}


def entries(module_name, seen):
    """autodoc directives for what a module exports, under the name by which users call it."""
    module = importlib.import_module(module_name)
    for name in getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]:
        value = getattr(module, name)
        if inspect.ismodule(value) or not callable(value):
            continue
        public = "nanograd" if getattr(ng, name, None) is value else module_name
        if (public, name) in seen:
            continue
        seen.add((public, name))
        if inspect.isclass(value):
            # A method that is a function of ng too is documented there.
            yield f".. autoclass:: {public}.{name}\n   :members:\n" + ("   :exclude-members: " + ", ".join(
                key for key, member in vars(value).items() if getattr(ng, key, None) is member) + "\n" if name == "Tensor" else "")
        else:
            yield f".. autofunction:: {public}.{name}\n"


def write_reference():
    folder, seen, names = Path(__file__).parent / "reference", set(), []
    folder.mkdir(exist_ok=True)
    for title, modules in PAGES.items():
        text = "\n".join(entry for module in modules for entry in entries(module, seen))
        name = title.lower().replace(" ", "-").replace(",", "")
        names.append(name)
        page = folder / f"{name}.rst"
        text = f"{title}\n{'=' * len(title)}\n\n{text}"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)
    index = "Reference\n=========\n\nMade from the docstrings, whose examples run as tests.\n\n.. toctree::\n   :maxdepth: 1\n\n"
    (folder / "index.rst").write_text(index + "".join(f"   {name}\n" for name in names))


sys.setrecursionlimit(5000)
write_reference()
