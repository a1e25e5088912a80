# SPDX-License-Identifier: LGPL-3.0-or-later
"""Calls everything that is public with values that nobody should pass. Run by test_hostile.py, in processes of its own.

    python hostile.py PART PARTS PROGRESS START STRIDE [NAME]

does every PARTS-th target, and of its calls every STRIDE-th. Before each call its number and name go into the file PROGRESS, so that a crash or a hang (SIGALRM ends
the process) says where; the parent then starts again behind it. Each finding is a line on stdout.
"""
import gc
import json
import os
import resource
import signal
import sys
import warnings

import numpy as np
from hostile_calls import SPACE, targets
from hostile_values import LAYOUTS, VALUES, Hostile

import nanograd as ng
from nanograd import nn, optim

ALLOWED = (TypeError, ValueError, IndexError, OverflowError, MemoryError, ZeroDivisionError, ng.NanogradError, Hostile, BufferError, UserWarning)
REALS = {"threshold", "beta", "ord", "ddof", "low", "high", "param", "a", "gain", "mean", "std", "start", "stop", "step", "norm_type", "fill_value"}
ANY = {"i", "value", "name", "item", "other", "key", "_stacklevel", "index", "pad_width", "min", "max"}           # ignored (PyTorch's own), or with other meanings for what is no int
MEMORY = {"from_numpy", "from_dlpack", "Function.apply", "Generator.set_state"}      # they take an array in some layouts only
SETTERS = {"set_default_dtype", "set_grad_enabled"}                      # they are there to change what the canary looks at
SECONDS = 10


class Canary:
    """A model and an optimizer that have to go on working, and to give the same bits, whatever was called before."""

    def __init__(self):
        self.model = nn.Linear(2, 2)
        self.start = [p.numpy().copy() for p in self.model.parameters()]
        self.optimizer = optim.SGD(self.model.parameters(), lr=0.1)
        self.x = ng.ones((3, 2))
        self.expected = None
        self.expected = self.step()

    def step(self):
        for p, value in zip(self.model.parameters(), self.start):
            p.assign(value)
        self.optimizer.zero_grad()
        loss = ng.tanh(self.model(self.x)).sum()
        loss.backward()
        self.optimizer.step()
        return b"".join(p.numpy().tobytes() for p in self.model.parameters())

    def trouble(self):
        if not ng.is_grad_enabled():
            ng.set_grad_enabled(True)
            return "grad mode is off afterwards"
        if ng.get_default_dtype() != np.float32:
            ng.set_default_dtype(ng.float32)
            return "the default dtype has changed"
        try:
            if self.step() != self.expected:
                return "the canary's step has other bits"
        except Exception as error:
            return f"the canary's step raises {type(error).__name__}: {error}"
        return None


def wrong_result(r, depth=0):
    """What is wrong with a result; runs its backward."""
    if isinstance(r, ng.Tensor):
        if r.dtype not in (np.float32, np.float64) or len(r.shape) != r.ndim or r.ndim > 8 or min(r.shape, default=0) < 0 or \
                int(np.prod([int(n) for n in r.shape], dtype=object)) != r.size:
            return f"is no tensor: dtype {r.dtype}, shape {r.shape}, size {r.size}"
        if r.size < 10**6:
            with np.errstate(all="ignore"):
                r.numpy().sum(dtype=np.float64)
            if r.requires_grad and not r.is_leaf:
                try:
                    r.backward()
                except (ng.errors.GraphError, MemoryError, Hostile):
                    pass
                except Exception as error:
                    return f"has a backward that raises {type(error).__name__}: {error}"
    elif isinstance(r, (tuple, list)) and depth < 3:
        for item in r[:5]:
            if (trouble := wrong_result(item, depth + 1)):
                return trouble
    return None


def documented(error, target, name):
    if isinstance(error, AttributeError) and (name.startswith(("impostor", "raw")) or target.name.endswith((" del", "="))):
        return True         # the class that it claims to be of has more attributes; an attribute that is read-only
    if isinstance(error, KeyError) and target.name.startswith("ModuleDict"):
        return True
    if isinstance(error, DeprecationWarning):
        return "NotImplemented" in str(error)           # its truth value, or as a format
    if target.name.startswith("Function.apply") or target.name.endswith("__array__"):
        return isinstance(error, (*ALLOWED, RecursionError, Warning))       # what the function, or np.dtype, says
    if isinstance(error, Warning):
        return isinstance(error, UserWarning) or "warn" in target.doc.lower()
    return isinstance(error, ALLOWED) or any(c.__name__ in target.doc for c in type(error).__mro__[:-2])


def made(factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return factory()


def text_of(error):
    try:
        return str(error)
    except Exception:
        return "..."


def kind_of(value, parameter):
    if parameter == "norm_type" and value == 2.0:       # of embedding's max_norm, which it does not have
        return "other"
    if parameter in REALS and not isinstance(value, bool):
        return "float"
    if parameter in ANY:
        return "other"
    if isinstance(value, (ng.Tensor, np.ndarray)):
        return "array" if isinstance(value, ng.Tensor) or value.dtype.kind == "f" else "indices" if value.dtype.kind == "i" else "other"
    for kind in (bool, int, float):
        if type(value) is kind:
            return kind.__name__
    return "other"


# Values that have to be refused where the good value is of a kind: accepting them would mean something else than was said.
NO_NUMBER = {"''", "'relu'", "'1'", "b'1'", "...", "object()", "float", "print", "np", "{}", "{1: 2}", "set()", "slice", "1j", "complex", "object", "object None", "str array", "structured",
             "datetime array", "date", "np.datetime64", "recursive list", "generator", "raw module", "bytes array", "recarray", "void", "np.str_", "memoryview", "bytearray"} - {"memoryview", "bytearray"}
REFUSED = {
    "array": NO_NUMBER - {"..."} | {"9-d"},
    "indices": NO_NUMBER | {"2.5", "nan", "tensor 0-d"},
    "int": NO_NUMBER | {"True", "False", "2.5", "nan", "inf", "1.0", "np.bool_(True)", "np.float64(2.5)", "tensor 0-d"},
    "float": NO_NUMBER | {"list of tensors"},
    "bool": NO_NUMBER | {"7", "2.5", "1.0", "nan", "bool (2,)", "'relu'"},
}


def misused(target, values, how, where, one, report):
    """Too many arguments, too few, or an unknown keyword: TypeError, where a method is called that has a signature."""
    if target.name.endswith(("=", "del")) or not callable(target.function if target.holder is None else getattr(eval(target.holder, SPACE), target.function)):
        return
    before = target.names, target.codes
    if how == "too few":
        target.names, values = target.names[1:], values[1:]
    else:
        target.names = [*target.names, "no_such_argument"] if how == "unknown keyword" else [None] * 30 + list(target.names)
        values = [*values, 1] if how == "unknown keyword" else [1] * 30 + values
    try:
        one(target, where, values)
    finally:
        target.names, target.codes = before


def laid_out(target, values, i, layout, where, one, report):
    """An array in other memory: the same bits come out as of the plain one."""
    plain = values[i].numpy() if isinstance(values[i], ng.Tensor) else values[i]
    if not isinstance(plain, np.ndarray) or plain.dtype.kind not in "iufb" or plain.ndim == 0:
        return
    results = []
    for array in (plain.copy(), made(lambda: layout(plain.copy()))):
        fresh = target.arguments()
        fresh[i] = array
        results.append(one(target, where, fresh))
    texts = [bits(r) for r in results]
    if texts[0] != texts[1] and not (isinstance(results[0], BaseException) or target.name in MEMORY):
        report("layout", where, f"{texts[0]!r} and {texts[1]!r}")


def bits(result):
    if isinstance(result, (ng.Tensor, np.ndarray)):
        return (result.numpy() if isinstance(result, ng.Tensor) else np.asarray(result)).tobytes()
    if isinstance(result, (tuple, list)):
        return [bits(r) for r in result]
    return repr(result) if isinstance(result, (int, float, BaseException)) else type(result).__name__


def main(part, parts, progress, start, stride, only=""):
    warnings.simplefilter("error")
    if not any(option.startswith("error") for option in sys.warnoptions):          # as in pyproject.toml: what a newer NumPy announces is for CI
        for announced in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", announced)
    findings, sys.stdout = sys.stdout, open(os.devnull, "w")      # some values print
    fd = os.open(progress, os.O_RDWR | os.O_CREAT)
    found, missing = targets()
    if part == 0 and start == 0:
        for name in missing:
            print(json.dumps(["missing", name, "no good arguments are known: extend hostile_calls.py"]), flush=True, file=findings)
    space = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as f:
        now = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**30, space[1]))
    ng.set_num_threads(1)
    canary = Canary()
    gc.collect()
    gc.freeze()
    number = 0

    def report(what, label, text):
        print(json.dumps([what, label, text[:300]]), flush=True, file=findings)

    def one(target, label, values, name=""):
        """Call, and judge. Returns the result, or the exception."""
        ng.manual_seed(0)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            result = target.call(values)
            if (trouble := wrong_result(result)):
                report("result", label, trouble)
        except BaseException as error:
            error.__traceback__ = None
            result = error
            if not documented(error, target, name):
                report("exception", label, f"{type(error).__name__}: {text_of(error)}")
            elif not isinstance(error, Hostile) and not text_of(error) and not isinstance(error, (MemoryError, ZeroDivisionError)):
                report("message", label, f"{type(error).__name__} without a message")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return result

    for at, target in enumerate(found):
        if at % parts != part or only not in target.name:
            continue
        good = one(target, f"{target.name}: good", target.arguments())
        if isinstance(good, BaseException) and not target.name.startswith("Tensor") and not target.name.endswith("del"):
            report("good", target.name, f"{type(good).__name__}: {good}")
        for i in range(-1, len(target.codes)):
            for name, factory in (VALUES | LAYOUTS).items() if i >= 0 else [("unknown keyword", None), ("too many", None), ("too few", None)]:
                number += 1
                if number <= start or number % stride:
                    continue
                where = f"{target.name}({target.names[i] or i}={name})" if i >= 0 else f"{target.name}({name})"
                os.pwrite(fd, json.dumps([number, where[:120]]).ljust(300).encode(), 0)
                before = ng.memory_stats()["in_use"]
                values = target.arguments()
                kind = kind_of(values[i], target.names[i] or target.parameter(i)) if i >= 0 else None
                if i < 0:
                    misused(target, values, name, where, one, report)
                elif name in LAYOUTS:
                    laid_out(target, values, i, factory, where, one, report)
                else:
                    values[i] = made(factory)
                    result = one(target, where, values, name)
                    if not isinstance(result, BaseException) and result is not NotImplemented and target.name != "Function.apply" and name in REFUSED.get(kind, ()):
                        report("accepted", where, f"for {kind}: a {type(result).__name__}")
                del values
                result = None
                if ng.memory_stats()["in_use"] != before:
                    gc.collect()
                    if ng.memory_stats()["in_use"] != before:
                        report("leak", where, f"{ng.memory_stats()['in_use'] - before} bytes")
                if (trouble := canary.trouble()) and target.name not in SETTERS:
                    report("canary", where, trouble)
    sys.stdout.close()
    os.pwrite(fd, json.dumps([number, "end"]).ljust(300).encode(), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), *sys.argv[6:])
