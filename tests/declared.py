# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the compiled part declares: its modules, and in the stubs beside them its functions and classes.

The stubs are the public surface of what is compiled: tests/surface.py makes its rows of them, and the library is compared with these.
"""
import ast
import importlib
import inspect
from pathlib import Path

import nanograd as ng
from nanograd import composed

CORE = Path(ng.__file__).parent / "_core"
METHODS = CORE / "base" / "methods.pyi"          # made by the build, of the functions that are methods


def core_modules():
    """The names of the compiled modules, each with a .pyx or, where nanograd is installed, a .pyi."""
    paths = {path.with_suffix("") for path in CORE.rglob("*.py[ix]")} - {METHODS.with_suffix("")}
    return sorted(".".join(("nanograd", "_core", *path.relative_to(CORE).parts)) for path in paths)


def stub(module):
    return CORE.joinpath(*module.split(".")[2:]).with_suffix(".pyi")


def exported(path):
    """{name: its nodes} of what `from module import *` takes by the stub: the names in its __all__, or all that it defines."""
    if not path.exists():
        return {}
    found, wanted = {}, None
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            wanted = ast.literal_eval(node.value)
    return found if wanted is None else {name: found[name] for name in wanted}


def public_stubs():
    """{name: its nodes} of all that the compiled modules export."""
    return {name: nodes for module in core_modules() if hasattr(importlib.import_module(module), "__all__")
            for name, nodes in exported(stub(module)).items()}


def methods():
    """The functions that are methods of Tensor, by the stub that the build makes."""
    return [node.name for node in ast.parse(METHODS.read_text()).body[-1].body]


def exports(module):
    module = importlib.import_module(module)
    return {name: getattr(module, name) for name in getattr(module, "__all__", ())}


def is_op(node):
    """Whether a function is an operation on tensors, by its stub: it gives tensors, or arrays, and does not make them of numbers."""
    names = {arg.arg for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]}
    result = ast.unparse(node.returns)
    makes = names & {"dtype", "requires_grad"} or node.name in ("from_numpy", "from_dlpack")
    draws = "generator" in names and "Tensor" not in result
    return ("Tensor" in result or "NDArray" in result or "_Bools" in result) and not makes and not draws and node.name != "grad"


def operations():
    """The names of all operations: each has a spec."""
    compiled = {name for name, nodes in public_stubs().items() if isinstance(nodes[0], ast.FunctionDef) and is_op(nodes[0])}
    return compiled | {name for name in composed.__all__ if inspect.isfunction(getattr(composed, name))}
