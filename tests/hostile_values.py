# SPDX-License-Identifier: LGPL-3.0-or-later
"""Values that nobody should pass, by name. A factory makes each anew, because a call may use it up."""
import datetime
import decimal
import fractions
import tempfile

import numpy as np

import nanograd as ng


class Hostile(Exception):
    """What our objects raise: a call may pass it on, and must not turn it into something else that looks like ours."""


def raising(*names):
    """An object whose special methods of these names raise."""
    def fail(self, *args, **kwargs):
        raise Hostile(", ".join(names))
    return type("Raising_" + "_".join(name.strip("_") for name in names), (), dict.fromkeys(names, fail))()


def answering(**answers):
    """An object whose special methods answer with what is given."""
    methods = {f"__{name}__": lambda self, *args, answer=answer, **kwargs: answer for name, answer in answers.items()}
    return type("Answering_" + "_".join(answers), (), methods)()


class Lying(np.ndarray):
    """An array whose Python attributes are not those of its memory."""
    shape = property(lambda self: (1000, 1000))
    ndim = property(lambda self: 2)
    size = property(lambda self: 10**6)
    dtype = property(lambda self: np.dtype(np.int64))

    def __array_finalize__(self, other):
        pass


class Impostor:
    """Says to isinstance() that it is of another class."""
    def __init__(self, cls):
        self.cls = cls

    @property
    def __class__(self):
        return self.__dict__["cls"]


class RawParameter(ng.Parameter):
    def __init__(self):
        pass


class NotAnInt(int):
    def __index__(self):
        raise Hostile("__index__ of an int")

    def __float__(self):
        raise Hostile("__float__ of an int")

    def __lt__(self, other):
        raise Hostile("__lt__ of an int")
    __le__ = __gt__ = __ge__ = __lt__


class NotAFloat(float):
    def __float__(self):
        raise Hostile("__float__ of a float")


class Sequence:
    """A sequence whose items are what is given, and whose length is a lie."""
    def __init__(self, length, item):
        self.length, self.item = length, item

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        if isinstance(i, int) and i >= 3:
            raise IndexError(i)
        return self.item


class LyingList(list):
    def __len__(self):
        return 5

    def __iter__(self):
        raise Hostile("__iter__ of a list")


class GrowingTuple(tuple):
    def __len__(self):
        return 100

    def __iter__(self):
        return iter([1.0] * 20)


class NoHash:
    __hash__ = None

    def __eq__(self, other):
        raise Hostile("__eq__")


class NoAttributes:
    def __getattribute__(self, name):
        raise Hostile(f"attribute {name}")


class Metaclass(type):
    def __instancecheck__(cls, instance):
        raise Hostile("__instancecheck__")


class Flickering:
    """Another int whenever it is asked."""
    def __init__(self, then):
        self.answers = iter([1])
        self.then = then

    def __index__(self):
        return next(self.answers, self.then)

    def __float__(self):
        return float(self.__index__())


def emptying():
    """A list whose first item empties it when it is converted."""
    items = []

    class Emptying:
        def __index__(self):
            items.clear()
            return 1

        def __float__(self):
            items.clear()
            return 0.5

        def __array__(self, dtype=None, copy=None):
            items.clear()
            return np.ones(2, np.float32)
    items += [Emptying(), Emptying()]
    return items


class Reentrant:
    """Its conversions use the library, change grad mode and put it back, run a backward."""
    def _work(self):
        x = ng.tensor([1.0, 2.0], requires_grad=True)
        with ng.no_grad():
            ng.sum(x)
        (x * x).backward()

    def __array__(self, dtype=None, copy=None):
        self._work()
        return np.ones((2, 3), np.float32)

    def __index__(self):
        self._work()
        return 1

    def __float__(self):
        self._work()
        return 0.5


def recursive_list():
    a = []
    a.append(a)
    return a


def recursive_dict():
    a = {}
    a["params"] = a
    return a


def deep_list(n):
    a = 1.0
    for _ in range(n):
        a = [a]
    return a


def generator_that_raises():
    yield ng.Parameter([1.0])
    raise Hostile("generator")


def misaligned(dtype=np.float32):
    raw = np.zeros(6 * np.dtype(dtype).itemsize + 1, np.uint8)
    return raw[1:].view(dtype).reshape(2, 3)


def memory_map():
    with tempfile.TemporaryFile() as file:
        file.write(bytes(24))
        file.flush()
        return np.memmap(file, np.float32, "r", shape=(2, 3))


def freed():
    x = ng.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    y = x * x
    y.backward()
    return y


def small(array):
    return array.astype(np.float32)


ONES = np.ones((2, 3), np.float32)
DEEP = deep_list(100000)

# ---- name: factory -------------------------------------------------------------------------------------------------------

NUMBERS = {
    "None": None, "True": True, "False": False, "0": 0, "-1": -1, "7": 7, "-7": -7, "2**31": 2**31, "-2**31-1": -2**31 - 1, "2**32": 2**32,
    "2**32+1": 2**32 + 1, "2**62": 2**62, "2**63-1": 2**63 - 1, "2**63": 2**63, "2**64": 2**64, "2**70": 2**70, "-2**63": -2**63,
    "-2**70": -2**70, "10**400": 10**400, "0.0": 0.0, "-0.0": -0.0, "2.5": 2.5, "1.0": 1.0, "-1.5": -1.5, "nan": float("nan"),
    "inf": float("inf"), "-inf": float("-inf"), "1e39": 1e39, "1e308": 1e308, "5e-324": 5e-324, "1j": 1j,
    "np.int8(1)": np.int8(1), "np.int64(-2**63)": np.int64(-2**63), "np.uint64(2**64-1)": np.uint64(2**64 - 1),
    "np.bool_(True)": np.bool_(True), "np.float16(1)": np.float16(1), "np.float32(nan)": np.float32("nan"), "np.float64(2.5)": np.float64(2.5),
    "np.longdouble(1)": np.longdouble(1), "np.complex64(1)": np.complex64(1), "np.datetime64": np.datetime64("2020-01-01"),
    "np.timedelta64": np.timedelta64(1, "s"), "np.str_": np.str_("1"), "Fraction": fractions.Fraction(1, 2), "Decimal": decimal.Decimal("0.5"),
    "date": datetime.date(2020, 1, 1),
}
OBJECTS = {
    "''": "", "'relu'": "relu", "'1'": "1", "'\\0\\ud800'": "\0\ud800", "b'1'": b"1", "bytearray": bytearray(b"12345678"), "memoryview": memoryview(b"12345678"),
    "...": ..., "NotImplemented": NotImplemented, "slice": slice(None), "slice(2**70)": slice(2**70, -2**70, 2**70), "slice('a')": slice("a"),
    "object()": object(), "float": float, "int": int, "ng.Tensor": ng.Tensor, "print": print, "lambda": lambda *a, **k: None,
    "lambda raises": lambda *a, **k: 1 / 0, "np": np, "ng": ng, "Exception()": Exception(), "range(3)": range(3), "range(2**62)": range(2**62),
    "set()": {1.0, 2.0}, "frozenset()": frozenset(), "{}": {}, "{1: 2}": {1: 2},
}
SHAPES = {
    "()": (), "(2,)": (2,), "(0,)": (0,), "(-1,)": (-1,), "(2**40,)": (2**40,), "(2**40, 2**40)": (2**40, 2**40), "(2**32, 2**31, 2)": (2**32, 2**31, 2),
    "(0, 2**62, 2**62)": (0, 2**62, 2**62), "(2**70,)": (2**70,), "(-2**63, 1)": (-2**63, 1), "(1,)*9": (1,) * 9, "(0,)*9": (0,) * 9, "(1,)*70": (1,) * 70,
    "(2, '3')": (2, "3"), "(2.0, 3)": (2.0, 3), "(True, 3)": (True, 3), "(2, None)": (2, None), "(2, (3,))": (2, (3,)), "(nan, 0)": (float("nan"), 0.0),
    "(0, 0)": (0, 0), "(0, 1)": (0, 1), "(1, -1)": (1, -1), "(-1, -1)": (-1, -1), "(5, 5, 5)": (5, 5, 5), "((1, 1), (1, 1))": ((1, 1), (1, 1)),
    "((2**62, 2**62), (0, 0))": ((2**62, 2**62), (0, 0)), "((-1, 0), (0, 0))": ((-1, 0), (0, 0)), "[]": [], "[[]]": [[]], "[1, 'a']": [1, "a"],
    "[[1, 2], [3]]": [[1, 2], [3]], "[None]": [None], "[nan]": [float("nan")], "[2**70]": [2**70], "[1j]": [1j], "[True, False]": [True, False],
    "range in tuple": (range(2),), "10**400 in list": [10**400], "tuple of slices": (slice(None), ..., None, ...), "[b'1']": [b"1"],
}
ARRAYS = {
    "empty (0,)": lambda: np.zeros(0, np.float32), "empty (0, 3)": lambda: np.zeros((0, 3), np.float32), "empty (2, 0)": lambda: np.zeros((2, 0), np.float32),
    "0-d": lambda: np.float32(1).reshape(()), "0-d f64": lambda: np.array(1.0), "1-d 1": lambda: np.ones(1, np.float32), "8-d": lambda: np.ones((1,) * 8, np.float32),
    "9-d": lambda: np.ones((1,) * 9, np.float32), "64-d": lambda: np.ones((1,) * 64, np.float32), "9-d empty": lambda: np.ones((0,) * 9, np.float32),
    "broadcast 2**40": lambda: np.broadcast_to(np.float32(1), (2**40,)), "broadcast (2**30, 2**30)": lambda: np.broadcast_to(np.float32(1), (2**30, 2**30)),
    "(0, 2**40)": lambda: np.broadcast_to(np.float32(1), (0, 2**40)), "f64": lambda: np.ones((2, 3)), "f16": lambda: ONES.astype(np.float16),
    "longdouble": lambda: ONES.astype(np.longdouble), "int": lambda: np.ones((2, 3), int), "uint8": lambda: np.full((2, 3), 255, np.uint8),
    "uint64 max": lambda: np.full((2, 3), 2**64 - 1, np.uint64), "int64 min": lambda: np.full((2,), -2**63), "int64 max": lambda: np.full((2,), 2**63 - 1), "bool": lambda: ONES > 0,
    "bool (2,)": lambda: np.array([True, False]), "bool (9,)": lambda: np.ones(9, bool), "complex": lambda: ONES.astype(complex), "object": lambda: ONES.astype(object), "object None": lambda: np.array([None, 1]),
    "object self": lambda: np.array([recursive_list(), 1], object), "str array": lambda: np.array(["a", "b"]), "bytes array": lambda: np.array([b"a"]), "StringDType": lambda: np.array(["a"], np.dtypes.StringDType()),
    "structured": lambda: np.zeros(2, [("a", "f4"), ("b", "f4")]), "void": lambda: np.zeros(2, "V8"), "datetime array": lambda: np.zeros(2, "M8[s]"),
    "recarray": lambda: np.rec.fromarrays([[1.0]], names="a"), "nan array": lambda: ONES * np.nan, "inf array": lambda: ONES * np.inf, "-inf array": lambda: -ONES * np.inf,
    "max array": lambda: ONES * np.finfo(np.float32).max, "denormal array": lambda: ONES * np.float32(1e-45), "matrix": lambda: np.matrix(ONES),
    "masked": lambda: np.ma.masked_array(ONES, ONES > 0), "lying": lambda: np.ones(2, np.float32).view(Lying), "lying bool": lambda: np.ones(2, bool).view(Lying),
    "chararray": lambda: np.char.array(["a"]), "f64 swapped": lambda: np.ones((2, 3), ">f8"), "int swapped": lambda: np.zeros(2, ">i8"), "(2**62,) of void": lambda: np.zeros((2**40,), "V0"),
}
# The same values, laid out otherwise: an array that is taken is taken in each of these, with the same result.
LAYOUTS = {
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2], "reversed": lambda a: a[..., ::-1].copy()[..., ::-1], "fortran": np.asfortranarray,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()), "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "misaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape), "memory map": lambda a: mapped(a),
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})), "matrix": lambda a: a.view(np.matrix) if a.ndim == 2 else a,
}


def mapped(a):
    with tempfile.TemporaryFile() as file:
        file.write(a.tobytes())
        file.flush()
        return np.memmap(file, a.dtype, "r", shape=a.shape)


MADE = {
    **ARRAYS,
    "misaligned": misaligned, "memmap": memory_map, "recursive list": recursive_list, "recursive dict": recursive_dict, "deep list 70": lambda: deep_list(70),
    "deep list 100000": lambda: DEEP, "generator": lambda: (ng.Parameter([1.0]) for _ in range(2)), "generator of numbers": lambda: (i for i in range(3)),
    "generator raises": generator_that_raises, "map": lambda: map(int, "12"), "list of tensors": lambda: [ng.ones(2), ng.ones(2)], "tuple of tensors": lambda: (ng.ones((2, 3)), ng.ones((2, 3))), "list of deep tensors": lambda: [[[ng.ones(2)]]],
    "list of arrays": lambda: [np.ones(2), np.ones(3)], "list with a raw tensor": lambda: [ng.Tensor.__new__(ng.Tensor)],
    "dict of tensor": lambda: {"a": ng.ones(2)}, "params dict": lambda: {"params": [ng.Parameter([1.0])]}, "named": lambda: [("a", ng.Parameter([1.0])), ("b", None)],
    "raw tensor": lambda: ng.Tensor.__new__(ng.Tensor), "raw parameter": lambda: ng.Parameter.__new__(ng.Parameter), "raw subclass": RawParameter, "[raw subclass]": lambda: [RawParameter()],
    "raw module": lambda: ng.nn.Linear.__new__(ng.nn.Linear), "raw optimizer": lambda: ng.optim.SGD.__new__(ng.optim.SGD), "raw generator": lambda: ng.Generator.__new__(ng.Generator), "raw node": lambda: ng.Node.__new__(ng.Node),
    "tensor f64": lambda: ng.ones((2, 3), dtype=ng.float64, requires_grad=True), "tensor 0-d": lambda: ng.tensor(1.0), "tensor (0,)": lambda: ng.zeros(0, requires_grad=True), "tensor (0, 3)": lambda: ng.zeros((0, 3), requires_grad=True),
    "tensor (2, 0)": lambda: ng.zeros((2, 0), requires_grad=True), "tensor 8-d": lambda: ng.ones((1,) * 8, requires_grad=True), "tensor (7, 7)": lambda: ng.ones((7, 7), requires_grad=True), "tensor nan": lambda: ng.tensor(ONES * np.nan, requires_grad=True),
    "tensor inf": lambda: ng.tensor(ONES * np.inf, requires_grad=True), "(0, 2**40) tensor": lambda: ng.zeros((0, 2**40), requires_grad=True), "no leaf": lambda: ng.ones((2, 3), requires_grad=True) * 2.0, "freed": freed, "Parameter": lambda: ng.Parameter(ONES),
    "module": lambda: ng.nn.Linear(3, 3), "optimizer": lambda: ng.optim.SGD([ng.Parameter([1.0])]), "ng.Generator": lambda: ng.Generator(0),
    "[module]": lambda: [ng.nn.Linear(3, 3)], "int that raises": lambda: NotAnInt(1), "float that raises": lambda: NotAFloat(0.5), "lying list": lambda: LyingList([1.0, 2.0]), "growing tuple": lambda: GrowingTuple((1.0,)),
    "sequence -1": lambda: Sequence(-1, 1.0), "sequence 2**62": lambda: Sequence(2**62, 1.0), "sequence 'a'": lambda: Sequence("a", 1.0), "sequence of itself": lambda: Sequence(3, ...), "no hash": NoHash, "no attributes": NoAttributes, "bad metaclass": lambda: Metaclass("Bad", (), {}),
    "impostor tensor": lambda: Impostor(ng.Tensor), "impostor array": lambda: Impostor(np.ndarray), "impostor list": lambda: Impostor(list), "impostor tuple": lambda: Impostor(tuple), "impostor int": lambda: Impostor(int), "impostor float": lambda: Impostor(float),
    "impostor parameter": lambda: Impostor(ng.Parameter), "impostor module": lambda: Impostor(ng.nn.Module), "impostor dict": lambda: Impostor(dict), "impostor str": lambda: Impostor(str), "impostor bool": lambda: Impostor(bool), "reentrant": Reentrant,
    **{f"raises {name}": lambda name=name: raising(name) for name in (
        "__array__", "__index__", "__float__", "__int__", "__len__", "__getitem__", "__iter__", "__bool__", "__eq__", "__hash__", "__call__", "__getattr__", "__repr__", "__array_interface__", "__array_ufunc__", "__radd__")},
    "raises all": lambda: raising("__array__", "__index__", "__float__", "__len__", "__getitem__", "__iter__", "__bool__", "__eq__", "__repr__", "__str__"),
    "index 'a'": lambda: answering(index="a"), "index 1.5": lambda: answering(index=1.5), "index 2**70": lambda: answering(index=2**70), **{f"index 1, then {then}": lambda then=then: Flickering(then) for then in (0, -1, -2**40, 2**40, 2**70)}, "float 'a'": lambda: answering(float="a"), "float nan": lambda: answering(float=float("nan")),
    "array 'a'": lambda: answering(array="a"), "array None": lambda: answering(array=None), "array object": lambda: answering(array=np.array([None])), "array complex": lambda: answering(array=np.ones(2, complex)), "array list": lambda: answering(array=[1.0]), "array lying": lambda: answering(array=np.ones(2, np.float32).view(Lying)),
    "array 9-d": lambda: answering(array=np.ones((1,) * 9)), "len -1": lambda: answering(len=-1, getitem=1.0), "bool 'a'": lambda: answering(bool="a"), "iter 1": lambda: answering(iter=1), "array_interface": lambda: type("A", (), {"__array_interface__": {"shape": (2,), "typestr": "<f4", "version": 3, "data": (0, True)}})(),
    "buffer of nothing": lambda: memoryview(bytearray(8))[:0],
}

VALUES = {**{k: (lambda v=v: v) for table in (NUMBERS, OBJECTS, SHAPES) for k, v in table.items()}, **MADE}
