# SPDX-License-Identifier: LGPL-3.0-or-later
"""`map(ng.Tensor.item, losses)` where one of the losses is a float: Python's own TypeError, and no look into a float's memory."""
import importlib
import inspect
import pkgutil
import subprocess
import sys

import nanograd as ng
import nanograd._core
from nanograd.nn import _module

CALLS = """
ng.Tensor.numpy(3)
ng.Tensor.item(3.0)
ng.Tensor.tolist([1])
ng.Tensor.detach(np.ones(3))
ng.Tensor.backward(3)
ng.Tensor.zero_grad(None)
ng.Tensor.requires_grad_("x")
ng.Tensor.retain_grad(3)
ng.Tensor.register_hook(3, print)
ng.Tensor.add_to_grad(3, 4)
ng.Tensor.__array__(3)
ng.Tensor.__dlpack__(3)
ng.Tensor.__reduce__(3)
ng.Tensor.__deepcopy__(3, {})
ng.Tensor.__round__(3)
ng.Tensor.__format__(3, "")
ng.Tensor.__array_ufunc__(3, np.add, "__call__", 3)
ng.Parameter.assign(3, 4)
ng.Parameter.assign(ng.ones(2), 4)
ng.Parameter.__deepcopy__(ng.ones(2), {})
ng.Generator.get_state(3)
ng.Generator.set_state(3, [1, 2])
ng.Generator.manual_seed(3, 2)
ng.no_grad.__enter__(3)
ng.no_grad.__exit__(3, None, None, None)
type(handle).remove(3)
type(ctx).save_for_backward(3, 4)
type(ctx).mark_non_differentiable(3, 4)
ParameterState.tensor(3, 0)
ParameterState.load(3, 0, None)
list(map(ng.Tensor.item, [ng.ones(1), 3.0]))
"""


def test_a_method_called_of_another_object():
    code = f"""
import numpy as np, nanograd as ng
from nanograd._core.train.update import ParameterState
class Keep(ng.Function):
    @staticmethod
    def forward(c, x):
        global ctx
        ctx = c
        return x
Keep.apply(ng.ones(2))
handle = ng.ones(2, requires_grad=True).register_hook(print)
for call in {CALLS.split(chr(10))[1:-1]!r}:
    try:
        eval(call)
    except TypeError as error:
        assert "object" in str(error), error
    else:
        print(call)
print("alive")
"""
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "alive\n", f"{done.returncode}\n{done.stdout}\n{done.stderr}"


def compiled_classes():
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(nanograd._core.__path__, "nanograd._core.")]
    return {cls for module in [*modules, _module] for cls in vars(module).values() if isinstance(cls, type) and not cls.__flags__ & 1 << 9}


def test_no_class_has_methods_that_do_not_check():
    """Cython's function objects, in a class, take whatever comes first for one of its objects."""
    classes = compiled_classes()
    assert {ng.Tensor, ng.Parameter, ng.Generator, ng.no_grad} <= classes
    found = [f"{cls.__qualname__}.{name}" for cls in classes for name, method in vars(cls).items()
             if type(method).__name__ == "cython_function_or_method" and method.__qualname__ == f"{cls.__qualname__}.{name}"
             and not name.endswith("_cython__")]
    assert not found, f"{found}: write @cython.binding(False) and @cython.embedsignature(True) above the class"


def test_their_signatures_and_help_are_there():
    assert str(inspect.signature(ng.Tensor.backward)) == "(self, /, gradient=None, retain_graph=False, inputs=None)"
    assert str(inspect.signature(ng.ones(2).backward)) == "(gradient=None, retain_graph=False, inputs=None)"
    assert inspect.getdoc(ng.Tensor.backward).startswith("Add the gradient of this tensor")
