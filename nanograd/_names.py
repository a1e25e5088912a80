# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names that other libraries use: an AttributeError that says ours."""
import numpy as np

float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)

OURS = {
    "Variable": "tensor(data, requires_grad=True)",
    "absolute": "abs", "add_": "add", "amax": "max", "amin": "min", "as_tensor": "asarray", "atan": "arctan", "atan2": "arctan2",
    "bmm": "matmul", "cat": "concatenate", "clamp": "clip", "clone": "copy", "divide": "div", "expand_dims": "unsqueeze",
    "from_array": "from_numpy", "hstack": "concatenate", "masked_fill": "where", "mm": "matmul", "multiply": "mul", "mv": "matmul",
    "negative": "neg", "power": "pow", "ravel": "flatten", "scatter": "index_set", "scatter_add": "index_add", "select": "take",
    "subtract": "sub", "true_divide": "div", "truediv": "div", "view": "reshape", "vstack": "concatenate", "array": "tensor",
    "inference_mode": "no_grad", "float": "float32", "double": "float64", "einsum_path": "einsum", "index_select": "take",
    "masked_select": "x[mask]", "movedim": "permute", "moveaxis": "permute", "numel": "x.size", "std_mean": "std", "var_mean": "var",
    "logical_and": "np.logical_and", "logical_or": "np.logical_or", "save": "io.save", "load": "io.load", "Module": "nn.Module",
    "Adam": "optim.Adam", "SGD": "optim.SGD", "Linear": "nn.Linear", "Sequential": "nn.Sequential",
}


def other_name(name):
    """Module ``__getattr__`` of nanograd: nothing is found here, but the error may name what is meant."""
    if name in OURS:
        ours = OURS[name] if "." in OURS[name] or "[" in OURS[name] else f"ng.{OURS[name]}"
        raise AttributeError(f"nanograd has no {name}: write {ours}", name=name)
    raise AttributeError(f"module 'nanograd' has no attribute {name!r}", name=name)
