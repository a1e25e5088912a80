# SPDX-License-Identifier: LGPL-3.0-or-later
"""The typed methods of Tensor, made from the stubs of the functions that are methods too.

A function marked ``@public(method=True)`` in a .pyx or .pxi, and typed in a .pyi, comes as a method into methods.pyi, from
whose class the stub's Tensor is derived.
"""
import ast
import re
from pathlib import Path

from declarations import write_if_changed

HEADING = '''# SPDX-License-Identifier: LGPL-3.0-or-later
# Made by the build: the functions that are methods of Tensor too, as their own stubs have them.
'''
MARKED = re.compile(r"^@public\(([^)]*\bmethod=True\b[^)]*)\)\n(?:@.*\n)*def (\w+)\(", flags=re.M)


def methods(core):
    """The names of the functions that are methods, family by family, in the order in which they stand."""
    return [name for path in sorted(core.rglob("*.p[xy][xi]")) if path.suffix != ".pyi"
            for _, name in MARKED.findall(path.read_text(encoding="utf-8"))]


class Stubs:
    """What the stubs have at the top: functions by name, and the line of each alias and import that these may need."""

    def __init__(self, paths):
        self.functions, self.aliases, self.imports = {}, {}, {}
        for path in paths:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef):
                    self.functions.setdefault(node.name, []).append(node)
                elif isinstance(node, ast.Assign) and re.match("_[A-Z]", ast.unparse(node.targets[0])):
                    name = ast.unparse(node.targets[0])
                    if ast.unparse(self.aliases.setdefault(name, node)) != ast.unparse(node):
                        raise SystemExit(f"{path}: {name} is something else in another stub")
                elif isinstance(node, ast.Import | ast.ImportFrom):
                    for alias in node.names:
                        module = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
                        self.imports[alias.asname or alias.name] = module + f"import {ast.unparse(alias)}"

    def needs(self, node):
        """The names of aliases and imports that a stub reads, those of its aliases first."""
        for name in dict.fromkeys(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)):
            if name in self.aliases:
                yield from self.needs(self.aliases[name].value)
            if name in self.aliases or name in self.imports:
                yield name


def method_stubs(core):
    """The text of methods.pyi for nanograd/_core."""
    stubs = Stubs(path for path in sorted(core.rglob("*.pyi")) if path.name != "methods.pyi")
    found, needed = [], {}
    for name in methods(core):
        if name not in stubs.functions:
            raise SystemExit(f"{name} is marked as a method, and has no typed stub in {core}: write one in the .pyi of its module")
        for node in stubs.functions[name]:
            needed.update(dict.fromkeys(stubs.needs(node)))
            first = (node.args.posonlyargs or node.args.args)[0]
            first.arg, first.annotation = "self", None
            found.append(ast.unparse(node).replace("\n    ...", " ..."))
    imports = sorted({stubs.imports[name] for name in needed if name in stubs.imports})
    aliases = [ast.unparse(stubs.aliases[name]) for name in needed if name in stubs.aliases]
    body = "\n".join(re.sub(r"^", "    ", text, flags=re.M) for text in found)
    return HEADING + "\n".join([*imports, "", *aliases, "", "class Methods:", body, ""])


def write_method_stubs(core):
    """Write methods.pyi beside the stub of Tensor."""
    write_if_changed(Path(core) / "base" / "methods.pyi", method_stubs(Path(core)))
