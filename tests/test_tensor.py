# SPDX-License-Identifier: LGPL-3.0-or-later
"""Making tensors, attributes, conversions, operators, and what NumPy does with them."""
import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import nanograd as ng
from nanograd.errors import DTypeError, GraphError, ShapeError

F32, F64 = np.dtype("float32"), np.dtype("float64")


# ---- making -------------------------------------------------------------------------------------

@pytest.mark.parametrize("data, dtype", [
    (3, F32), (2.5, F32), (True, F32), ([1, 2], F32), ([[1.5], [2]], F32), ([], F32), ((), F32),
    (np.float64(2), F64), (np.float32(2), F32), (np.int8(2), F32), (np.array(2.0), F64),
    (np.arange(3), F32), (np.arange(3.0), F64), (np.arange(3, dtype=np.float16), F32), (np.array([True]), F32),
    (np.arange(3, dtype=">f8"), F64), (np.arange(3, dtype=">f4"), F32), (np.arange(3, dtype=np.longdouble), F32),
    (np.arange(6.0).reshape(2, 3).T, F64), (np.arange(6.0)[::-2], F64), (np.zeros((0, 3)), F64), (range(3), F32),
    (np.uint64(2**63), F32),
])
def test_tensor_of(data, dtype):
    t = ng.tensor(data)
    assert t.dtype == dtype and t.shape == np.shape(data) and not t.requires_grad and t.is_leaf
    np.testing.assert_array_equal(t.numpy(), np.asarray(data, dtype=dtype))
    assert ng.tensor(data, dtype=ng.float64).dtype == F64


@pytest.mark.parametrize("data, error, text", [
    ("abc", DTypeError, "^tensor: expected a tensor, an array or numbers, got str 'abc'$"),
    (None, DTypeError, "got NoneType None"),
    (1j, DTypeError, "^tensor: a tensor holds real numbers, got an array of dtype complex128$"),
    (np.array([1j]), DTypeError, "dtype complex128"),
    (np.array(["a"]), DTypeError, "dtype <U1"),
    (np.array([None]), DTypeError, "dtype object"),
    (np.zeros(2, dtype=[("a", "f4")]), DTypeError, "real numbers"),
    (np.zeros(2, dtype="M8[s]"), DTypeError, "real numbers"),
    (object(), DTypeError, "got object"),
    ({1: 2}, DTypeError, "got dict"),
    ([[1, 2], [3]], ValueError, "inhomogeneous"),
    (np.zeros((1,) * 9), ShapeError, "^tensor: a tensor has at most 8 dimensions"),
])
def test_tensor_refuses(data, error, text):
    with pytest.raises(error, match=text):
        ng.tensor(data)


def test_list_of_tensors():
    with pytest.raises(TypeError, match=r"^tensor: got a list that holds tensors; write ng\.stack\(tensors\) to make one tensor of them$"):
        ng.tensor([ng.zeros(2), ng.zeros(2)])
    with pytest.raises(TypeError, match="ng.stack"):
        ng.add(ng.zeros(2), [[ng.zeros(2)]])


@pytest.mark.parametrize("dtype", [int, "int32", bool, np.float16, complex, "nonsense", object(), 7])
def test_dtype_refused(dtype):
    for make in (lambda: ng.tensor([1], dtype=dtype), lambda: ng.zeros(2, dtype=dtype), lambda: ng.zeros(2).astype(dtype)):
        with pytest.raises(DTypeError):
            make()


def test_tensor_copies():
    a = np.ones(3)
    t = ng.tensor(a)
    a[:] = 5
    assert t.tolist() == [1, 1, 1]
    x = ng.tensor([1.0], requires_grad=True)
    y = ng.tensor(x)
    assert not y.requires_grad and y.grad_fn is None


def test_default_dtype():
    ng.set_default_dtype("float64")
    try:
        assert ng.zeros(1).dtype == F64 and ng.tensor([1]).dtype == F64 and ng.get_default_dtype() == F64
    finally:
        ng.set_default_dtype(ng.float32)
    assert ng.zeros(1).dtype == F32
    with pytest.raises(DTypeError):
        ng.set_default_dtype(int)
    with pytest.raises(DTypeError):
        ng.set_default_dtype(None)


def test_original_constructors():
    t = ng.tensor32([1, 2, 3, 4], (2, 2))
    assert t.requires_grad and t.dtype == F32 and t.shape == (2, 2)
    assert ng.tensor64(np.zeros(4, np.float32), 4, requires_grad=False).dtype == F64
    with pytest.raises(ShapeError, match=r"^tensor32: shape \(2, 3\) needs 6 elements, data has 4$"):
        ng.tensor32([1, 2, 3, 4], (2, 3))


def test_from_numpy_shares_and_checks():
    a = np.arange(3.0)
    t = ng.from_numpy(a)
    assert np.shares_memory(t.numpy(), a)
    ref = weakref.ref(a)
    del a
    gc.collect()
    assert ref() is not None and t.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="not C-contiguous .shape"):
        ng.from_numpy(np.arange(6.0)[::2])
    with pytest.raises(ValueError, match="byte order"):
        ng.from_numpy(np.arange(3, dtype=">f4"))
    with pytest.raises(ValueError, match="not aligned"):
        ng.from_numpy(np.frombuffer(b"\0" * 17, dtype=np.uint8)[1:].view("f8"))
    with pytest.raises(DTypeError, match="dtype int64; use the array itself for labels and indices, or write ng.tensor"):
        ng.from_numpy(np.arange(3))
    with pytest.raises(TypeError, match="expected a NumPy array, got list"):
        ng.from_numpy([1.0])


def test_asarray():
    x = ng.zeros(2, requires_grad=True)
    assert ng.asarray(x) is x and ng.asarray(x, ng.float64).dtype == F64
    a = np.arange(3.0)
    assert np.shares_memory(ng.asarray(a).numpy(), a)
    assert not np.shares_memory(ng.asarray(a[::2]).numpy(), a)
    assert ng.asarray([1, 2]).dtype == F32


@pytest.mark.parametrize("name", ["zeros", "ones", "empty"])
def test_filled(name):
    make = getattr(ng, name)
    assert make(3).shape == (3,) and make((2, 0)).shape == (2, 0) and make(()).shape == () and make([2, 3]).shape == (2, 3)
    assert make(np.int64(2)).shape == (2,) and make(2, dtype=ng.float64, requires_grad=True).requires_grad
    with pytest.raises(ShapeError, match=rf"^{name}: shape must not be negative, got \(2, -1\)$"):
        make((2, -1))
    with pytest.raises(ShapeError, match="too many elements"):
        make((2**40, 2**40))
    with pytest.raises(ShapeError, match="at most 8 dimensions"):
        make((1,) * 9)
    with pytest.raises(TypeError, match="shape must be ints"):
        make(2.5)
    with pytest.raises(TypeError, match="shape must be ints"):
        make("ab")
    with pytest.raises(MemoryError):
        make(2**45)


def test_numpy_like_makers():
    np.testing.assert_array_equal(ng.eye(3, 4, 1), np.eye(3, 4, 1))
    np.testing.assert_array_equal(ng.arange(2, 8, 3), [2, 5])
    np.testing.assert_allclose(ng.linspace(0, 1, 7), np.linspace(0, 1, 7), rtol=1e-7)
    np.testing.assert_array_equal(ng.linspace(0, 4, 4, endpoint=False), [0, 1, 2, 3])
    np.testing.assert_array_equal(ng.full((2, 2), [1, 2]), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(ng.full_like(ng.zeros(2, dtype=ng.float64), 3), [3, 3])
    assert ng.ones_like(ng.zeros((2, 3), dtype=ng.float64)).dtype == F64
    assert ng.zeros_like([1, 2]).tolist() == [0, 0]
    with pytest.raises(ShapeError, match="does not broadcast"):
        ng.full((2, 2), [1, 2, 3])


# ---- attributes ---------------------------------------------------------------------------------

def test_attributes():
    x = ng.zeros((2, 3), dtype=ng.float64)
    a = x.numpy()
    assert (x.shape, x.ndim, x.size, x.nbytes, x.strides, x.itemsize) == (a.shape, a.ndim, a.size, a.nbytes, a.strides, a.itemsize)
    assert len(x) == 2 and x.is_leaf and x.grad_fn is None and x.grad is None
    for name in ("shape", "ndim", "size", "dtype", "is_leaf", "grad_fn", "T"):
        with pytest.raises(AttributeError):
            setattr(x, name, 3)
    with pytest.raises(AttributeError):
        x.anything = 3


def test_requires_grad():
    x = ng.zeros(2)
    x.requires_grad = True
    y = x * 2
    assert y.requires_grad and not y.is_leaf and repr(y.grad_fn) == "<mul>" and y.grad_fn.name == "mul"
    y.requires_grad = True
    with pytest.raises(GraphError, match=r"^requires_grad: the tensor is the result of mul; only a leaf's .* x\.detach\(\)$"):
        y.requires_grad = False
    with pytest.raises(TypeError, match="must be a bool, got int 1"):
        x.requires_grad = 1
    y.backward()
    x.requires_grad_(False)
    assert x.grad is not None and not (x * 2).requires_grad


def test_grad_is_settable():
    x = ng.zeros(2, requires_grad=True)
    x.grad = np.ones(2, np.float32)
    x.grad = x.grad * 2
    np.testing.assert_array_equal(x.grad, [2, 2])
    with pytest.raises(ShapeError, match=r"^\.grad: the gradient has shape \(3,\), the tensor \(2,\)$"):
        x.grad = ng.zeros(3)
    with pytest.raises(DTypeError):
        x.grad = np.ones(2)
    with pytest.raises(TypeError):
        x.grad = 3.0
    with pytest.raises(GraphError):
        (x * 2).grad = ng.zeros(2)
    del x.grad
    assert x.grad is None


def test_add_to_grad():
    x = ng.zeros(2, requires_grad=True)
    x.add_to_grad([1, 2])
    x.add_to_grad(np.float32([1, 2]))
    np.testing.assert_array_equal(x.grad, [2, 4])
    with pytest.raises(ShapeError, match=r"add_to_grad: the gradient has shape \(1,\)"):
        x.add_to_grad([1])


def test_construction_is_refused():
    with pytest.raises(TypeError, match=r"^Tensor is not a constructor: write ng\.tensor\(data\)$"):
        ng.Tensor([1, 2])
    with pytest.raises(TypeError, match="Tensor cannot be subclassed"):
        class Mine(ng.Tensor):
            pass
    bare = ng.Tensor.__new__(ng.Tensor)
    assert bare.shape == (0,) and repr(bare * 2) == "tensor([], dtype=float32)"


# ---- conversions --------------------------------------------------------------------------------

def test_to_python():
    x = ng.tensor([[1.5, 2.0], [3.0, 4.0]])
    assert x.tolist() == [[1.5, 2], [3, 4]] and ng.tensor(2.5).tolist() == 2.5
    assert ng.tensor(2.5).item() == float(ng.tensor([2.5])) == 2.5 and int(ng.tensor(2.9)) == 2 and bool(ng.tensor([[0.5]]))
    assert f"{ng.tensor(2.0):.3f}" == "2.000" and f"{ng.tensor(2.0)}" == "2.0"
    assert [row.tolist() for row in ng.tensor([1.0, 2.0])] == [1, 2]
    with pytest.raises(ValueError, match=r"^item: needs a tensor of one element, got shape \(2, 2\)$"):
        x.item()
    with pytest.raises(ValueError, match="truth value"):
        bool(x)
    with pytest.raises(TypeError, match="one element"):
        float(x)
    with pytest.raises(TypeError, match="needs a 0-d tensor"):
        f"{x:.3f}"
    with pytest.raises(TypeError):
        range(ng.tensor(2.0))
    with pytest.raises(TypeError, match="0-d"):
        len(ng.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(ng.tensor(1.0))


def test_numpy_array_is_read_only_and_shares():
    x = ng.tensor([1.0, 2.0])
    a = x.numpy()
    assert np.shares_memory(x.detach().requires_grad_().numpy(), a)
    assert not a.flags.writeable and np.shares_memory(a, np.asarray(x))
    with pytest.raises(ValueError):
        a[0] = 1
    with pytest.raises(ValueError):
        a.flags.writeable = True
    b = np.array(x)
    b[0] = 5
    assert x.tolist() == [1, 2] and np.asarray(x, dtype=np.float64).dtype == F64
    with pytest.raises(ValueError, match="cannot become an array of dtype float64 without a copy"):
        x.__array__(np.float64, copy=False)


def test_array_outlives_tensor_and_new_values():
    p = ng.Parameter([1.0, 2.0])
    a, d = p.numpy(), p.detach()
    p.assign([3.0, 4.0])
    assert a.tolist() == d.tolist() == [1, 2] and p.tolist() == [3, 4]
    del p, d
    gc.collect()
    assert a.tolist() == [1, 2]


def test_repr():
    x = ng.tensor([[1.0, 2.0], [3.0, 4.5]], requires_grad=True)
    assert repr(x) == "tensor([[1. , 2. ],\n        [3. , 4.5]], dtype=float32, requires_grad=True)"
    assert repr(x * 2) == "tensor([[2., 4.],\n        [6., 9.]], dtype=float32, grad_fn=<mul>)"
    assert repr(ng.tensor(1.0, dtype=ng.float64)) == "tensor(1., dtype=float64)"
    assert repr(ng.zeros((0, 3))) == "tensor([], shape=(0, 3), dtype=float32)"
    assert repr(ng.Parameter([1.0])) == "Parameter([1.], dtype=float32)"
    assert len(repr(ng.zeros((1000, 1000)))) < 1000


def test_copies():
    x = ng.tensor([1.0, 2.0], requires_grad=True)
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.tolist() == [1, 2] and y.requires_grad and y.is_leaf and y.grad is None and y is not x
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(GraphError, match="the tensor is the result of mul, and a graph is not copied: write x.detach()"):
            make(x * 2)
    p = ng.Parameter([1.0], requires_grad=False)
    for q in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is ng.Parameter and not q.requires_grad and q.tolist() == [1]
        q.assign([2.0])
    assert p.tolist() == [1]


def test_weak_references_and_hash():
    x = ng.zeros(2)
    assert weakref.ref(x)() is x and {x: 1}[x] == 1 and hash(x) == hash(x)


# ---- operators and dtypes -----------------------------------------------------------------------

OPERATORS = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a ** b, lambda a, b: a // b,
             lambda a, b: a % b]


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("other", [2, 2.5, np.float64(1.5), np.float32(1.5), np.int32(3), np.array(2.0), True, [1.0, 2.0, 3.0],
                                   np.arange(1, 4), np.float32([3, 2, 1]), np.array([True, True, True]), np.ones((2, 1), np.float32)])
def test_operators_with_anything_on_either_side(op, other):
    x = np.float32([1.5, 2.5, 4])
    t = ng.tensor(x, requires_grad=True)
    other32 = np.asarray(other, np.float32)
    for ours, theirs in ((op(t, other), op(x, other32)), (op(other, t), op(other32, x))):
        assert isinstance(ours, ng.Tensor) and ours.dtype == F32 and ours.requires_grad
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6)


def test_unary_operators():
    x = ng.tensor([-1.5, 0.0, 2.5])
    assert (-x).tolist() == [1.5, 0, -2.5] and (+x) is x and abs(x).tolist() == [1.5, 0, 2.5] and round(x).tolist() == [-2, 0, 2]
    assert round(x / 4, 1).tolist() == np.round(x.numpy() / 4, 1).tolist() == np.float32([-0.4, 0, 0.6]).tolist()
    with pytest.raises(TypeError, match="modulo"):
        pow(x, 2, 3)


def test_comparisons_are_numpy_bools():
    x = ng.tensor([1.0, 2.0, 3.0])
    assert (x > 2).tolist() == [False, False, True] and (x == x).dtype == np.bool_
    assert (2 <= x).tolist() == [False, True, True] and (x != [1, 0, 3]).tolist() == [False, True, False]
    assert (x == None) is False and (x != "a") is True      # noqa: E711
    with pytest.raises(DTypeError):
        x < np.zeros(3)
    with pytest.raises(TypeError):
        x < "a"


def test_dtypes_do_not_mix():
    a, b = ng.zeros(2), ng.zeros(2, dtype=ng.float64)
    text = r"^add: operands have dtypes float32 and float64; they do not mix: write x\.astype\(ng\.float32\) for the right "
    text += r"operand, or x\.astype\(ng\.float64\) for the left one$"
    with pytest.raises(DTypeError, match=text):
        a + b
    text = r"^mul: operands have dtypes float64 and float32; they do not mix: write np\.asarray\(x, dtype=np\.float32\) "
    text += r"for the array, the left operand$"
    with pytest.raises(DTypeError, match=text):
        np.zeros(2) * a
    for op in OPERATORS:
        for x, y in ((a, b), (b, a), (a, np.zeros(2)), (np.zeros(2), a)):
            with pytest.raises(DTypeError):
                op(x, y)


@pytest.mark.parametrize("other", [None, "a", object(), 1j, {}, np.array(["a"]), np.array([1j]), np.array([None])])
def test_operators_refuse(other):
    x = ng.zeros(1)
    for op in OPERATORS:
        with pytest.raises(TypeError):
            op(x, other)
        if isinstance(other, str):
            continue                 # "a" % x formats a string
        with pytest.raises(TypeError):
            op(other, x)


def test_other_classes_may_answer():
    class Other:
        __array_ufunc__ = None

        def __radd__(self, x):
            return "other"
    assert ng.zeros(2) + Other() == "other"


def test_broadcasting_error():
    with pytest.raises(ShapeError, match=r"^add: shapes \(2, 3\) and \(3, 2\) do not broadcast: axis -1 has 3 and 2$"):
        ng.zeros((2, 3)) + ng.zeros((3, 2))


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "@", "**", "//", "%"])
def test_in_place_on_a_leaf(symbol):
    space = {"p": ng.Parameter(np.eye(2)), "np": np}
    with pytest.raises(TypeError) as caught:
        exec(f"p {symbol}= np.eye(2)", space)
    assert str(caught.value) == (
        f"`x {symbol}= y` would rebind x to a new tensor and leave the leaf (the parameter) as it is: write "
        f"p.assign(p {symbol} y) for an nn.Parameter p, or x = x {symbol} y for a new name")


def test_in_place_elsewhere_rebinds():
    x = y = ng.ones(2)
    x += 1
    assert x.tolist() == [2, 2] and y.tolist() == [1, 1]
    z = ng.ones(2, requires_grad=True) * 1
    z *= 3
    assert z.grad_fn is not None


def test_item_assignment():
    x = ng.zeros(2)
    with pytest.raises(TypeError, match=r"x\[i\] = v is refused: write x = ng\.index_set\(x, i, v\)$"):
        x[0] = 1


# ---- NumPy's functions --------------------------------------------------------------------------

def test_ufuncs_run_ours():
    x = ng.tensor([1.0, 4.0], requires_grad=True)
    y = np.sqrt(x)
    assert isinstance(y, ng.Tensor) and y.requires_grad
    assert isinstance(np.add(np.float32([1, 2]), x), ng.Tensor) and isinstance(np.subtract(3, x), ng.Tensor)
    assert isinstance(np.where(x > 2, x, 0.0), ng.Tensor)
    assert np.isnan(x).tolist() == [False, False]
    with pytest.raises(TypeError, match=r"^np\.gcd has no gradient here: write np\.gcd\(x\.numpy\(\), y\.numpy\(\)\) for a NumPy result$"):
        np.gcd(x, x)
    with pytest.raises(TypeError, match=r"np\.median does not take tensors"):
        np.median(x)
    with pytest.raises(TypeError, match=r"np\.add\.reduce does not take tensors"):
        np.add.reduce(x)
    with pytest.raises(TypeError, match="takes no out"):
        np.sqrt(x, out=np.zeros(2))
    a = np.zeros(2, np.float32)
    with pytest.raises(TypeError):
        a += x


# ---- parameters ---------------------------------------------------------------------------------

def test_parameter():
    p = ng.Parameter([[1, 2], [3, 4]])
    assert p.requires_grad and p.dtype == F32 and isinstance(p, ng.Tensor)
    assert p.assign(np.eye(2)[::-1].astype(np.float32)) is p and p.tolist() == [[0, 1], [1, 0]]
    p.assign(7)
    assert p.tolist() == [[7, 7], [7, 7]]
    p.assign(p * 2 - 1)
    assert p.tolist() == [[13, 13], [13, 13]] and p.is_leaf
    with pytest.raises(ShapeError, match=r"^assign: the parameter has shape \(2, 2\), the value \(2,\)$"):
        p.assign([1, 2])
    assert p.assign(np.eye(2)).tolist() == [[1, 0], [0, 1]] and p.dtype == F32      # an array is cast, a tensor not
    with pytest.raises(DTypeError):
        p.assign(ng.eye(2, dtype=np.float64))
    with pytest.raises(TypeError, match="requires_grad must be a bool"):
        ng.Parameter([1], requires_grad="yes")
    with pytest.raises(TypeError, match="initialised only once"):
        p.__init__([1.0])


def test_parameter_does_not_share_its_data():
    x = ng.tensor([1.0, 2.0])
    p = ng.Parameter(x)
    p.assign([5.0, 5.0])
    assert x.tolist() == [1, 2]
    a = np.float32([1, 2])
    p = ng.Parameter(ng.from_numpy(a))
    a[:] = 9
    assert p.tolist() == [1, 2]
    p.assign(ng.from_numpy(a))
    a[:] = 1
    assert p.tolist() == [9, 9]


def test_parameter_subclass():
    class Named(ng.Parameter):
        def __init__(self, data, label):
            super().__init__(data)
            self.label = label
    p = Named([1.0], "w")
    q = copy.deepcopy(p)
    assert q.label == "w" and type(q) is Named and repr(q).startswith("Parameter(")
    (p * 2).backward()
    assert p.grad.item() == 2
    assert ng.Parameter.__new__(ng.Parameter).shape == (0,)


def test_parameter_hooks_are_collected():
    p = ng.Parameter([1.0])
    p.register_hook(lambda g: p * 0 + g)       # noqa: F821 - a cycle through the parameter
    (p * 2).backward()
    ref = weakref.ref(p)
    del p
    gc.collect()
    assert ref() is None


def test_tensors_and_nodes_are_not_collected_types():
    collected = 1 << 14
    for cls in (ng.Tensor, type((ng.ones(1, requires_grad=True) * 2).grad_fn)):
        assert not cls.__flags__ & collected
    assert ng.Parameter.__flags__ & collected
