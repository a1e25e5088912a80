# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every public callable with good arguments, found by introspection: a new one is here by itself, or makes the test say what it lacks."""
import functools
import inspect
import types

import numpy as np
from specs import SPECS

import nanograd as ng
from nanograd import data, nn, optim, testing
from nanograd.nn import functional, init, utils

# Arguments by the name of the parameter, where neither CALLS nor an OpSpec says one; a parameter with a default keeps that.
BY_NAME = {
    **dict.fromkeys("x a b input input1 x1 x2 logits p log_p q r data_ tensor_ values actual expected".split(), "T(2, 3)"),
    "target": "T(2, 3).detach()", "cond": "np.ones((2, 3), bool)", "data": "np.ones((2, 3), np.float32)", "shape": "(2, 3)", "fill_value": "2.0", "dtype": "ng.float32",
    "N": "2", "start": "0", "stop": "3", "axis": "-1", "length": "1", "axes": "(1, 0)", "tensors": "[T(2, 3), T(2, 3)]", "sizes": "1", "n": "2", "reps": "2", "shift": "1",
    "pad_width": "1", "s": "2.0", "k": "1", "indices": "np.zeros((2, 3), int)", "index": "0", "weight": "T(3, 3)", "normalized_shape": "3", "num_groups": "1", "low": "0", "high": "5",
    "mean": "0.0", "std": "1.0", "subscripts": "'ij,kj->ik'", "tensor": "P(2, 3)", "parameters": "[P(2, 3)]", "params": "[P(2, 3)]", "module": "nn.Linear(3, 3)", "modules": "[nn.Linear(3, 3)]",
    "val": "1.0", "fn": "abs_of", "inputs": "[T(2, 3)]", "outputs": "T(2, 3).sum()", "flag": "True", "num_classes": "3",
}
# The arguments of a call, as one writes them, where those of its OpSpec will not do, or there is none; those that take *args also by position.
CALLS = {
    "from_dlpack": ["ng.ones(2)"], "from_numpy": ["np.ones((2, 3), np.float32)"],
    "functional.linear": ["T(2, 3)", "T(4, 3)", "bias=T(4)"],
    "embedding": ["np.array([0, 1])", "T(3, 2)", "padding_idx=0"], "functional.embedding": ["np.array([0, 1])", "T(3, 2)", "padding_idx=0"],
    "one_hot": ["np.array([0, 1])", "3"], "functional.one_hot": ["np.array([0, 1])"],
    "functional.cross_entropy": ["T(2, 3)", "np.array([0, 2])"], "functional.nll_loss": ["T(2, 3)", "np.array([0, 2])"],
    "functional.softmax": ["T(2, 3)", "dim=-1"], "functional.log_softmax": ["T(2, 3)", "dim=-1"], "functional.pad": ["T(2, 3)", "(1, 1)"], "functional.gelu": ["T(2, 3)"],
    "functional.conv1d": ["T(2, 2, 5)", "T(3, 2, 2)", "bias=T(3)"], "functional.conv2d": ["T(2, 2, 4, 4)", "T(3, 2, 2, 2)", "bias=T(3)"],
    **{f"functional.{kind}_pool{n}d": [f"T(1, 2, {'4, 4' if n == 2 else '4'})", "2"] for kind in ("max", "avg", "adaptive_avg") for n in (1, 2)},
    **{f"nn.{kind}Pool{n}d": ["2"] for kind in ("Max", "Avg", "AdaptiveAvg") for n in (1, 2)}, "nn.ZeroPad2d": ["1"],
    "batch_norm": ["T(4, 3)", "running_mean=ng.zeros(3)", "running_var=ng.ones(3)", "weight=T(3)", "bias=T(3)", "training=True"],
    "functional.batch_norm": ["T(4, 3)", "ng.zeros(3)", "ng.ones(3)", "weight=T(3)", "bias=T(3)", "training=True"],
    "functional.group_norm": ["T(2, 4, 3)", "2", "weight=T(4)", "bias=T(4)"],
    "functional.layer_norm": ["T(2, 3)", "3", "weight=T(3)", "bias=T(3)"], "functional.rms_norm": ["T(2, 3)", "3", "weight=T(3)"],
    "rand": ["2", "3", "dtype=ng.float32"], "randn": ["2", "3", "dtype=ng.float32"], "set_num_threads": ["1"], "num_threads": ["1"], "set_default_dtype": ["ng.float32"],
    "grad": ["(LEAF * 2.0).sum()", "[LEAF]", "grad_outputs=None"],
    "Parameter": ["np.ones((2, 3), np.float32)", "requires_grad=True"], "Generator": ["0"], "no_grad": [], "enable_grad": [], "set_grad_enabled": ["True"],
    "init.calculate_gain": ["'leaky_relu'", "param=0.1"], "utils.vector_to_parameters": ["np.ones(6, np.float32)", "[P(2, 3)]"], "utils.clip_grad_norm_": ["[P(2, 3)]", "1.0"], "utils.clip_grad_value_": ["[P(2, 3)]", "1.0"],
    "nn.ModuleDict": ["{'a': nn.Linear(3, 3)}"], "nn.ParameterList": ["[P(3)]"], "nn.Sequential": ["nn.Linear(3, 3)", "nn.ReLU()"], "nn.Module": [], "nn.Identity": [], "nn.Tanh": [], "nn.Sigmoid": [], "nn.LogSigmoid": [],
    "nn.Embedding": ["3", "2", "padding_idx=0"], "nn.GroupNorm": ["1", "3"], "nn.Unflatten": ["1", "(3, 1)"], "nn.BatchNorm1d": ["3"], "nn.BatchNorm2d": ["3"], "nn.Conv1d": ["3", "2", "1"], "nn.Conv2d": ["3", "2", "1"], "nn.Linear": ["3", "2"], "nn.Dense": ["3", "2"], "nn.LayerNorm": ["3"], "nn.RMSNorm": ["3"],
    "optim.Optimizer": ["[P(2, 3)]", "{'lr': 0.1}"], "data.ArrayLoader": ["np.ones((5, 2), np.float32)", "np.zeros(5, int)", "batch_size=2", "shuffle=True"], "testing.assert_close": ["T(2, 3)", "T(2, 3)"], "testing.gradcheck": ["ng.tanh", "[ng.ones(2, dtype=ng.float64, requires_grad=True)]"],
}


@functools.cache
def numbers(shape):
    return np.linspace(0.1, 0.9, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def T(*shape):
    return ng.tensor(numbers(shape), requires_grad=True)


def P(*shape):
    p = ng.Parameter(numbers(shape))
    p.grad = np.ones(shape, np.float32)
    return p


class Square(ng.Function):
    @staticmethod
    def forward(ctx, x, other=None):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        return (2.0 * dy * ctx.saved_tensors[0], *[None] * (len(ctx.needs_input_grad) - 1))


def stepped(optimizer):
    optimizer.step()
    return optimizer


def model():
    return nn.Sequential(nn.Linear(3, 4, activation="relu"), nn.BatchNorm1d(4), nn.Linear(4, 2))


SPACE = {"ng": ng, "nn": nn, "np": np, "optim": optim, "data": data, "T": T, "P": P, "abs_of": ng.abs, "Square": Square, "stepped": stepped, "model": model}

# Objects whose methods, properties, operators are called: how one is made, and the arguments of what BY_NAME does not know.
OBJECTS = {
    "Tensor": ("T(2, 3)", {
        "__array_ufunc__": ["np.add", "'__call__'", "T(2, 3)", "T(2, 3)"], "__array_function__": ["np.sum", "()", "(T(2, 3),)", "{}"], "__format__": ["''"], "__getitem__": ["0"], "__setitem__": ["0", "1.0"], "__delitem__": ["0"],
        "__round__": ["ndigits=None"], "__pow__": ["2.0"], "__rpow__": ["2.0"], "__deepcopy__": ["{}"], "__array__": ["dtype=None", "copy=None"], "__dlpack__": ["max_version=None", "dl_device=None", "copy=None"],
        "__imatmul__": ["T(3, 2)"], "__matmul__": ["T(3, 2)"], "__rmatmul__": ["T(3, 2)"], "add_to_grad": ["np.ones((2, 3), np.float32)"], "backward": ["gradient=np.ones((2, 3), np.float32)", "retain_graph=False", "inputs=None"], "register_hook": ["abs_of"],
        "requires_grad_": ["flag=True"], "grad=": ["np.ones((2, 3), np.float32)"], "requires_grad=": ["True"], "copy": [], "astype": ["ng.float64"], "relu": [], "tanh": []}),
    "Parameter": ("P(2, 3)", {"assign": ["np.ones((2, 3), np.float32)"], "__deepcopy__": ["{}"], "__copy__": [], "__reduce__": []}),
    "Generator": ("ng.Generator(0)", {"manual_seed": ["1"], "set_state": ["np.zeros(2, np.uint64)"], "get_state": []}),
    "Module": ("model()", {
        "__call__": ["T(2, 3)"], "forward": ["T(2, 3)"], "apply": ["lambda module: None"], "astype": ["ng.float32"], "get_parameter": ["'0.weight'"], "load_state_dict": ["model().state_dict()", "strict=True"], "register_buffer": ["'extra'", "np.ones(2)"],
        "register_forward_hook": ["lambda module, args, output: None"], "register_forward_pre_hook": ["lambda module, args: None"], "named_modules": ["prefix=''"], "named_parameters": ["prefix=''"], "train": ["mode=True"], "zero_grad": ["set_to_none=True"],
        "__contains__": ["nn.ReLU()"], "__getitem__": ["0"], "__setitem__": ["0", "nn.Linear(3, 4)"], "__delitem__": ["0"], "append": ["nn.ReLU()"], "extend": ["[nn.ReLU()]"], "insert": ["0", "nn.Linear(3, 3)"], "__iadd__": ["[nn.ReLU()]"], "pop": ["0"], "requires_grad_": ["flag=True"]}),
    "ModuleList": ("nn.ModuleList([nn.Linear(3, 3)])", {"__getitem__": ["0"], "__setitem__": ["0", "nn.ReLU()"], "__delitem__": ["0"], "append": ["nn.ReLU()"], "extend": ["[nn.ReLU()]"], "insert": ["0", "nn.ReLU()"], "__iadd__": ["[nn.ReLU()]"], "pop": ["0"],
        "__contains__": ["nn.ReLU()"]}),
    "ModuleDict": ("nn.ModuleDict({'a': nn.Linear(3, 3)})", {"__getitem__": ["'a'"], "__setitem__": ["'b'", "nn.ReLU()"], "__delitem__": ["'a'"], "update": ["{'b': nn.ReLU()}"], "pop": ["'a'"], "__contains__": ["'a'"]}),
    "ParameterList": ("nn.ParameterList([P(3)])", {"__getitem__": ["0"], "__setitem__": ["0", "P(2)"], "__delitem__": ["0"], "append": ["P(2)"], "extend": ["[P(2)]"], "insert": ["0", "P(2)"], "__iadd__": ["[P(2)]"], "pop": ["0"],
        "__contains__": ["P(2)"]}),
    **{name: (f"stepped(optim.{name}([P(2, 3)]))", {
        "add_param_group": ["{'params': [P(2)]}"], "load_state_dict": [f"stepped(optim.{name}([P(2, 3)])).state_dict()"], "step": ["closure=None"], "zero_grad": ["set_to_none=True"], "lr=": ["0.1"], "param_groups=": ["[]"],
    }) for name in optim.__all__ if name not in ("EMA", "Optimizer") and isinstance(getattr(optim, name), type)},
    "EMA": ("optim.EMA(nn.Linear(2, 2))", {"load_state_dict": ["optim.EMA(nn.Linear(2, 2)).state_dict()"]}),
    "ArrayLoader": ("data.ArrayLoader(np.ones((5, 2), np.float32), batch_size=2)", {"load_state_dict": ["data.ArrayLoader(np.ones((5, 2), np.float32), batch_size=2).state_dict()"], "__setstate__": ["data.ArrayLoader(np.ones((5, 2), np.float32)).__getstate__()"]}),
    "Function": ("Square", {"apply": ["T(2, 3)", "2"]}),
    **{f"layer {code}": (code, {"__call__": [argument]}) for code, argument in {
        "nn.Linear(3, 2)": "T(2, 3)", "nn.Dense(3, 2, 'tanh')": "T(2, 3)", "nn.Conv1d(2, 3, 2)": "T(2, 2, 4)", "nn.Conv2d(2, 3, 2)": "T(2, 2, 4, 4)", "nn.BatchNorm1d(3)": "T(2, 3)", "nn.BatchNorm2d(3)": "T(2, 3, 2, 2)", "nn.GroupNorm(1, 3)": "T(2, 3)",
        "nn.LayerNorm(3)": "T(2, 3)", "nn.RMSNorm(3)": "T(2, 3)", "nn.Embedding(3, 2)": "np.array([0, 2])", "nn.Dropout()": "T(2, 3)", "nn.Flatten()": "T(2, 3)", "nn.Unflatten(1, (3, 1))": "T(2, 3)", "nn.Softmax()": "T(2, 3)", "nn.ELU()": "T(2, 3)",
    }.items()},
    **{f"loss nn.{name}": (f"nn.{name}()", {"__call__": ["T(2, 3)", "np.array([0, 2])" if name in ("NLLLoss", "CrossEntropyLoss") else "T(2, 3).detach()"]}) for name in vars(nn) if name.endswith("Loss")},
}


class Target:
    """A call: what is called (made anew by `holder` where it is a method), its good arguments, in order, by name where it has one."""

    def __init__(self, name, holder, function, arguments, doc, plain=None):
        self.name, self.holder, self.function, self.doc = name, holder, function, doc or ""
        self.names, self.codes = [], []
        for argument in arguments:
            key, equals, rest = argument.partition("=")
            named = bool(equals) and key.isidentifier()
            self.names.append(key if named else None)
            self.codes.append(compile(rest if named else argument, name, "eval"))

    @functools.cache        # noqa: B019 (as many as there are arguments)
    def parameter(self, i):
        """The name of the parameter that takes positional argument i."""
        try:
            names = list(inspect.signature(self.function if self.holder is None else getattr(type(eval(self.holder, SPACE)), self.function)).parameters)
        except (ValueError, TypeError, AttributeError):
            return None
        i += self.holder is not None
        return names[i] if i < len(names) else None

    def arguments(self):
        space = dict(SPACE, LEAF=T(2, 3))
        return [eval(code, space) for code in self.codes]

    def call(self, values):
        positional = [v for name, v in zip(self.names, values, strict=True) if name is None]
        keyword = {name: v for name, v in zip(self.names, values, strict=True) if name is not None}
        if self.holder is None:
            return self.function(*positional, **keyword)
        holder = eval(self.holder, SPACE)
        if self.name.endswith("="):
            setattr(holder, self.function, *positional)
            return holder
        if self.name.endswith("del"):
            return delattr(holder, self.function)
        result = getattr(holder, self.function)
        return result(*positional, **keyword) if callable(result) else result


def usual(name, function, skip=0):
    """Good arguments for a function: those of CALLS, of a spec, or by the names of its parameters; None where nothing says them."""
    given = CALLS.get(name, of_specs().get(name))
    return by_signature(name, function, skip) if given is None else completed(name, function, given, skip)


def by_signature(name, function, skip=0):
    """Good arguments for every parameter; None where one of them is unknown."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except ValueError:
        return None
    arguments = []
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        if p.default is not p.empty:
            if p.kind == p.POSITIONAL_ONLY:
                continue
            arguments.append(f"{p.name}={p.default!r}" if isinstance(p.default, (int, float, str, bool, tuple, type(None))) else None)
            if arguments[-1] is None:
                return None
        elif p.name in BY_NAME:
            arguments.append(BY_NAME[p.name])
        else:
            return None
    return arguments


def code(value):
    """What makes a value of a spec's call, or None; tensors have other numbers."""
    if isinstance(value, ng.Tensor):
        return f"T{tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()}, np.{value.dtype})"
    if isinstance(value, (tuple, list)):
        codes = [code(item) for item in value]
        return None if None in codes else f"[{', '.join(codes)}]" if isinstance(value, list) else f"({''.join(f'{item}, ' for item in codes)})"
    if isinstance(value, ng.Generator):
        return "ng.Generator(0)"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    return repr(value) if isinstance(value, (int, float, str, slice, types.NoneType, types.EllipsisType)) else None


@functools.cache
def of_specs():
    """{function: the arguments, as one writes them, of that call among its specs' which has the most}."""
    found = {}
    for spec in SPECS:
        filled = [shapes for shapes in spec.shapes if all(shape and 0 not in shape for shape in shapes)]
        if not filled:
            continue
        shapes = next((shapes for shapes in filled if len(shapes[0]) > 1), filled[0])
        function, calls = getattr(ng, spec.name), []

        def recorder(*args, function=function, calls=calls, **kwargs):
            calls.append((args, kwargs))
            return function(*args, **kwargs)
        setattr(ng, spec.name, recorder)
        try:
            spec.call(*(ng.tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for a in spec.make(shapes, np.dtype(np.float32))))
        finally:
            setattr(ng, spec.name, function)
        for args, kwargs in calls[:1]:
            arguments = [code(value) for value in args] + [(text := code(value)) and f"{key}={text}" for key, value in kwargs.items()]
            if None not in arguments and len(arguments) > len(found.get(spec.name, ())) and sum(map(len, arguments)) < 1000:
                found[spec.name] = arguments
    return found


def completed(name, function, given, skip=0):
    """The arguments given, and the parameters with defaults that they leave out."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except ValueError:
        return given
    names = {a.partition("=")[0] for a in given}
    n = sum(1 for a in given if not a.partition("=")[0].isidentifier() or "=" not in a)
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        n = 0
    return given + [f"{p.name}={p.default!r}" for p in parameters[n:] if p.default is not p.empty and p.name not in names
                    and p.kind not in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL) and isinstance(p.default, (int, float, str, bool, tuple, type(None)))]


def public(module):
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    return {name: getattr(module, name) for name in names if callable(getattr(module, name)) and not isinstance(getattr(module, name), types.ModuleType)}


NOT_CALLED = {"Tensor", "Node", "Function", "DTypeError", "GraphError", "NanogradError", "ShapeError", "show_config",
              "nn.Parameter", "nn.Module", "float32", "float64", "optim.scipy_minimize"}
NOT_METHODS = {"__class__", "__class_getitem__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__dir__", "__sizeof__",
               "__reduce_ex__", "__getstate__", "__doc__", "__module__", "__dict__", "__weakref__", "__slots__", "__hash__", "__str__", "__setstate__"}


def targets():
    """All targets, and the names of public callables that lack good arguments."""
    found, missing = [], []
    for prefix, module in (("", ng), ("functional.", functional), ("init.", init), ("utils.", utils), ("nn.", nn), ("optim.", optim), ("data.", data), ("testing.", testing)):
        for name, function in public(module).items():
            name = prefix + name
            if name in NOT_CALLED:
                continue
            arguments = usual(name, function)
            if arguments is None:
                missing.append(name)
            else:
                found.append(Target(name, None, function, arguments, inspect.getdoc(function)))
    functions = set(map(id, public(ng).values()))
    for kind, (holder, calls) in OBJECTS.items():
        cls = type(eval(holder, SPACE)) if kind != "Function" else Square
        for name in dir(cls):
            layer = kind.startswith(("layer", "loss"))
            if name in NOT_METHODS or (name.startswith("_") and not name.startswith("__")) or (layer and name not in calls):
                continue
            try:
                member = inspect.getattr_static(cls, name)
            except AttributeError:
                continue
            if type(member).__name__ == "OtherName":
                continue
            label = f"{kind}.{name}"
            value = getattr(cls, name, None)
            if member is getattr(object, name, None) or (kind == "Function" and name not in calls):
                continue
            if inspect.isdatadescriptor(member) and not callable(member):
                found.append(Target(label, holder, name, [], ""))
                if name + "=" in calls or getattr(member, "fset", None) is not None:
                    found.append(Target(f"{label}=", holder, name, calls.get(name + "=", ["None"]), ""))
                found.append(Target(f"{label} del", holder, name, [], ""))
                continue
            if not callable(value):
                continue
            if kind == "Parameter" and name not in calls:
                continue
            if kind.startswith(("Module", "ParameterList")) and kind != "Module" and hasattr(nn.Module, name) and name not in calls:
                continue
            made_by = holder
            if id(value) in functions and name not in calls:
                arguments = usual(name, value)
                if arguments:
                    made_by, *arguments = arguments
            elif name in calls:
                arguments = completed(name, value, calls[name], skip=1)
            elif name.startswith("__") and name.endswith("__"):
                arguments = ["T(2, 3)"] if name.strip("_") in ("eq ne lt le gt ge".split() + [p + o for p in ("", "r", "i") for o in "add sub mul truediv floordiv mod pow".split()]) else []
            else:
                arguments = by_signature(name, value, skip=1)
            if arguments is None:
                missing.append(label)
            else:
                found.append(Target(label, made_by, name, arguments, inspect.getdoc(value)))
    return found, missing
