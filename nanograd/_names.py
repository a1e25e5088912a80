# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names that other libraries use: an AttributeError that says ours."""
import sys

import numpy as np

from nanograd._core.tensor import Parameter, add_attributes, explain_words, show_as
from nanograd.nn.module import Module

float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)

OURS = {
    "Variable": "tensor(data, requires_grad=True)",
    "absolute": "abs", "add_": "add", "amax": "max", "amin": "min", "as_tensor": "asarray", "atan": "arctan", "atan2": "arctan2",
    "bmm": "matmul", "cat": "concatenate", "clamp": "clip", "clone": "x.copy()", "divide": "div", "expand_dims": "unsqueeze",
    "from_array": "from_numpy", "hstack": "ng.concatenate(tensors, axis=1), or ng.concatenate(tensors) of vectors",
    "masked_fill": "ng.where(mask, value, x)", "mm": "matmul", "multiply": "mul", "mv": "matmul",
    "negative": "neg", "power": "pow", "ravel": "flatten",
    "scatter": "ng.index_set(x, (np.arange(len(index))[:, None], index), values) for the rows of a matrix (dim=1)",
    "scatter_add": "ng.index_add(x, (np.arange(len(index))[:, None], index), values) for the rows of a matrix (dim=1)", "select": "take",
    "subtract": "sub", "true_divide": "div", "truediv": "div", "view": "reshape",
    "vstack": "ng.concatenate(tensors), or ng.stack(tensors) of vectors", "array": "tensor",
    "inference_mode": "no_grad", "float": "float32", "double": "float64", "einsum_path": "einsum", "index_select": "take",
    "masked_select": "x[mask]", "movedim": "permute", "moveaxis": "permute", "numel": "x.size", "std_mean": "std", "var_mean": "var",
    "logical_and": "np.logical_and", "logical_or": "np.logical_or", "Module": "nn.Module", "Adam": "optim.Adam", "SGD": "optim.SGD",
    "Linear": "nn.Linear", "Sequential": "nn.Sequential",
}

# Attributes of other libraries' tensors and arrays, and what to write for x.NAME.
TENSORS = {
    "all": "np.all(x.numpy())", "amax": "x.max()", "amin": "x.min()", "any": "np.any(x.numpy())", "bmm": "a @ b",
    "clamp": "x.clip(min, max)",
    "byteswap": "x.numpy().byteswap(), or {k: v.numpy() for k, v in state.items()} of a whole state",
    "clone": "x.copy()", "contiguous": "x, which always is", "cpu": "x, which is on the CPU",
    "ctypes": "x.numpy().ctypes, or {k: v.numpy() for k, v in state.items()} of a whole state", "cuda": "x: nanograd runs on the CPU",
    "data": "x.detach() or x.numpy(), or p.assign(value) to set a parameter", "device": "nothing: every tensor is on the CPU",
    "dim": "x.ndim", "double": "x.astype(ng.float64)", "eq": "x == y", "expand_as": "x.expand(y.shape)", "fill_": "p.assign(value)",
    "float": "x.astype(ng.float32)", "ge": "x >= y", "gt": "x > y", "index_select": "x.take(indices, axis)", "int": "x.numpy().astype(int)",
    "le": "x <= y", "long": "x.numpy().astype(int)", "lt": "x < y", "masked_fill": "ng.where(mask, value, x)", "masked_select": "x[mask]",
    "mm": "a @ b", "mv": "a @ b", "ne": "x != y", "nonzero": "np.nonzero(x.numpy())", "numel": "x.size", "ravel": "x.flatten()",
    "scatter": "x.index_set((np.arange(len(index))[:, None], index), values) for the rows of a matrix (dim=1)",
    "scatter_add": "x.index_add((np.arange(len(index))[:, None], index), values) for the rows of a matrix (dim=1)", "t": "x.T",
    "to": "x.astype(dtype) for a dtype, and x alone for a device: nanograd runs on the CPU",
    "tobytes": "x.numpy().tobytes(), or {k: v.numpy() for k, v in state.items()} of a whole state",
    "type": "x.astype(dtype)", "unbind": "list(x)", "view": "x.reshape(shape)", "view_as": "x.reshape(y.shape)",
    "zero_": "p.grad = None, or optimizer.zero_grad(), to drop a gradient, and p.assign(0) for a parameter's value",
}

# Likewise of PyTorch's modules.
MODULES = {
    "add_module": "model.name = module", "cpu": "model, which is on the CPU", "cuda": "model: nanograd runs on the CPU",
    "double": "model.astype(ng.float64)", "float": "model.astype(ng.float32)", "register_module": "model.name = module",
    "register_parameter": "model.name = nn.Parameter(value)",
    "to": "model.astype(dtype) for a dtype, and model alone for a device: nanograd runs on the CPU", "type": "model.astype(dtype)",
}


def other_name(name):
    """Module ``__getattr__`` of nanograd: nothing is found here, but the error may name what is meant."""
    if name in OURS:
        ours = OURS[name] if "." in OURS[name] or "[" in OURS[name] else f"ng.{OURS[name]}"
        raise AttributeError(f"nanograd has no {name}: write {ours}", name=name)
    raise AttributeError(f"module 'nanograd' has no attribute {name!r}", name=name)


class OtherName:
    """Stands in a class for a name of TENSORS or MODULES: looking it up is an AttributeError that says what to write."""

    def __init__(self, kind, name, ours):
        self.message = f"a {kind} has no {name}: write {ours}"
        self.name = name

    def __get__(self, instance, owner=None):
        raise AttributeError(self.message, name=self.name, obj=instance)


add_attributes({name: OtherName("tensor", name, ours) for name, ours in TENSORS.items()})
for name, ours in MODULES.items():
    setattr(Module, name, OtherName("module", name, ours))

# What is compiled, and every function, says that it is of the module where users find it: nanograd.exp. (Python's classes go
# on saying where their source is.)
show_as("nanograd", [thing for thing in vars(sys.modules["nanograd"]).values()
                     if getattr(thing, "__module__", "").startswith("nanograd") and (
                         not isinstance(thing, type) or "._core." in thing.__module__)])
show_as("nanograd.nn", [Parameter])
explain_words(thing for thing in vars(sys.modules["nanograd"]).values() if hasattr(thing, "__code__"))
