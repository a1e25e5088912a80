# SPDX-License-Identifier: LGPL-3.0-or-later
"""What met newcomers: a failing test because of what a newer NumPy announces, sources that hide the installed package, and
another distribution's package of the same name among ours."""
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

import nanograd as ng
from nanograd import _selftest
from nanograd.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
checkout = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not run from a checkout")


# ---- what others announce ----


def run_suite(tmp_path, program, *options, **environment):
    (tmp_path / "test_it.py").write_text(f"import warnings, numpy\ndef test_it():\n    {program}\n")
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONWARNINGS", "PYTEST_ADDOPTS")}
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), *options,
                           str(tmp_path / "test_it.py")], capture_output=True, text=True, env=clean | environment)


ANNOUNCEMENTS = ["DeprecationWarning", "PendingDeprecationWarning", "FutureWarning", "numpy.exceptions.VisibleDeprecationWarning"]


@checkout
@pytest.mark.parametrize("category", ANNOUNCEMENTS)
def test_what_others_announce_is_an_error_in_ci_only(tmp_path, category):
    program = f"warnings.warn('the generic unit', {category})"
    here = run_suite(tmp_path, program)
    assert here.returncode == 0 and "1 passed, 1 warning" in here.stdout, here.stdout
    in_ci = run_suite(tmp_path, program, "-W", "error")
    assert in_ci.returncode == 1 and "1 failed" in in_ci.stdout, in_ci.stdout


@checkout
@pytest.mark.parametrize("category", ["UserWarning", "RuntimeWarning", "ResourceWarning"])
def test_our_own_warnings_are_errors(tmp_path, category):
    done = run_suite(tmp_path, f"warnings.warn('backward() was not called', {category})")
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout


# ---- time spans, which are integers to NumPy ----


@pytest.mark.parametrize("call", [
    lambda span: ng.ones(3) ** span, lambda span: ng.pow(ng.ones(3), span), lambda span: span ** ng.ones(3), lambda span: ng.ones(3) + span,
    lambda span: ng.tensor(span), lambda span: ng.full(2, span), lambda span: ng.clip(ng.ones(3), span), lambda span: ng.ones(3) > span,
    lambda span: ng.maximum(ng.ones(3), span), lambda span: ng.where([True], ng.ones(1), span), lambda span: F.one_hot([0, 2], span),
    lambda span: ng.one_hot([0, 2], span), lambda span: ng.rand(span), lambda span: ng.ones(3) == span, lambda span: ng.ones(3) * span,
], ids=lambda call: "")
@pytest.mark.parametrize("span", [np.timedelta64(1, "s"), np.timedelta64("NaT", "s"), np.timedelta64(2, "D"), np.array(3, "m8[s]")], ids=repr)
def test_time_spans_are_no_numbers(call, span):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError):
            call(span)


# ---- the package that Python finds ----


def test_sources_that_hide_the_installed_package(tmp_path):
    """As in a clone after `pip install .`: the folder that Python looks into first has sources alone."""
    package = pathlib.Path(ng.__file__).parent
    sources = tmp_path / "clone" / "nanograd"
    shutil.copytree(package, sources, ignore=shutil.ignore_patterns("*.so", "*.pyd", "*.dylib", "_libs", "__pycache__"))
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    done = subprocess.run([sys.executable, "-c", "import nanograd"], cwd=sources.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: nanograd is installed; this is its source folder, {sources.parent}, which Python looks into first and where nothing "
        "is built. Run Python in another folder, or `python -m pip install -e .` here")
    elsewhere = subprocess.run([sys.executable, "-c", "import nanograd"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert elsewhere.returncode == 0, elsewhere.stderr

    del environment["PYTHONPATH"]
    alone = subprocess.run([sys.executable, "-S", "-c", "import nanograd"], cwd=sources.parent, env=environment, capture_output=True, text=True)
    assert alone.returncode == 1 and "ImportError: nanograd is not built for this Python" in alone.stderr


def fake_distribution(folder, name, files):
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in map(folder.joinpath, files):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    importlib.invalidate_caches()           # what was found in the folder a moment ago


def test_another_distribution_that_is_mixed_with_ours(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    fake_distribution(tmp_path, "nanograd-cpu", ["nanograd/__init__.py"])
    fake_distribution(tmp_path, "innocent", ["innocent/nanograd.py"])
    assert _selftest.others() == []
    fake_distribution(tmp_path, "nanograd", ["nanograd/__init__.py", "nanograd/engine.py"])
    assert _selftest.others() == ["nanograd"]
    with pytest.raises(AssertionError, match="^nanograd put files into the package nanograd too, which is now a mixture: run "
                                             "`python -m pip uninstall nanograd nanograd-cpu`, then install nanograd-cpu again"):
        _selftest.installation()


@checkout
def test_the_build_says_so_too(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("nanograd_build", ROOT / "_build_backend" / "nanograd_build.py")
    backend = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(backend)
    except ModuleNotFoundError as error:
        pytest.skip(f"needs {error.name}")
    fake_distribution(tmp_path, "nanograd-cpu", ["nanograd/__init__.py"])
    monkeypatch.setattr(backend.sysconfig, "get_path", lambda name: str(tmp_path))
    backend._warn_of_others()
    assert capsys.readouterr().err == ""
    fake_distribution(tmp_path, "nanograd", ["nanograd/__init__.py", "nanograd/engine.py"])
    backend._warn_of_others()
    assert capsys.readouterr().err == (f"warning: nanograd, installed in {tmp_path}, has a package nanograd too; mixed with ours it breaks both: "
                                       "run `python -m pip uninstall nanograd` first\n")
