# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every block of the documentation runs, and prints what the page says."""
import doctest
import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest
from surface import sections

from nanograd import nn, optim

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(path for path in DOCS.glob("*.md") if ">>> " in path.read_text())
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not beside the tests")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def test_there_are_pages():
    assert {"index.md", "tour.md", "mistakes.md", "printing.md", "custom_functions.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_no_block_is_left_out(page):
    """Code is in blocks of sessions, which test_page runs: each begins with a prompt, or all of it would be output."""
    blocks = re.findall(r"^```(.*)\n((?:.*\n)*?)```$", page.read_text(), flags=re.M)
    assert 2 * len(blocks) == page.read_text().count("\n```")
    for language, block in blocks:
        if language != "{toctree}":
            assert language == "pycon" and block.startswith(">>> "), block
    assert not re.search(r"^    >>> ", page.read_text(), flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # One program a page. A fence ends what its block prints, as an empty line does.
    text = re.sub(r"^```.*$", "", page.read_text(), flags=re.M)
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert len(test.examples) > (20 if page.name == "custom_functions.md" else 1)
    output = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.append)
    assert not output, "".join(output)


def test_the_repr_of_every_kind_is_on_its_page():
    shown = (DOCS / "printing.md").read_text()
    kinds = [name for module in (nn, optim) for name, value in vars(module).items() if inspect.isclass(value) and not name.startswith("_")]
    missing = [name for name in kinds if not re.search(rf"^\W*(.*, )?{name}\(", shown, flags=re.M) and name not in {"Module", "Optimizer"}]
    assert not missing


def test_the_reference_has_every_public_name():
    """An entry for each name of the surface: under the name by which users call it, and once."""
    pages = runpy.run_path(str(DOCS / "conf.py"), run_name="reference")["reference"]()
    entries = re.findall(r"^\.\. (?:autoclass|autofunction|data):: (\S+)$", "\n".join(pages.values()), flags=re.M)
    assert len(entries) == len(set(entries))
    wanted = {f"{section}.{name}" for section, rows in sections().items() for name in rows if "." not in name}
    once = {name.rpartition(".")[2]: name for name in entries}         # nanograd.ShapeError is nanograd.errors.ShapeError
    missing = {name for name in wanted - set(entries) if once.get(name.rpartition(".")[2]) not in
               {name.replace("nanograd.", "nanograd.errors."), name.replace("nanograd.", "nanograd.nn.")}}
    assert not missing, f"on no page of the reference: {missing}"
    assert set(entries) - wanted == set(), "in the reference, but not public"


def test_a_new_module_of_operations_has_a_page_of_its_own():
    conf = runpy.run_path(str(DOCS / "conf.py"), run_name="reference")
    conf["PAGES"]["Reductions"][1].remove("nanograd._core.ops.scan")
    page = next(text for text in conf["reference"]().values() if ".. autofunction:: nanograd.cumsum" in text)
    title = importlib.import_module("nanograd._core.ops.scan").__doc__.partition(":")[0]
    assert page.startswith(f"{title}\n{'=' * len(title)}\n")
