# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a consumer of memory may ask for, and containers that hold themselves."""
import ctypes

import numpy as np
import pytest

import nanograd as ng

F_CONTIGUOUS, C_CONTIGUOUS = 0x58, 0x38


class View(ctypes.Structure):
    _fields_ = [("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("rest", ctypes.c_byte * 256)]


def request(x, flags):
    view = View()
    api = ctypes.pythonapi
    api.PyObject_GetBuffer.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
    api.PyBuffer_Release.argtypes = [ctypes.c_void_p]
    api.PyObject_GetBuffer(x, ctypes.addressof(view), flags)
    api.PyBuffer_Release(ctypes.addressof(view))


def test_fortran_order_is_refused_where_it_is_another():
    """It was given in C order, in silence."""
    with pytest.raises(BufferError, match=r"^a tensor's memory is in C order, but Fortran order was requested \(shape \(2, 3\)\)$"):
        request(ng.ones((2, 3)), F_CONTIGUOUS)
    for shape in ((), (3,), (1, 3), (3, 1, 1), (0, 3)):
        request(ng.ones(shape), F_CONTIGUOUS)
    request(ng.ones((2, 3)), C_CONTIGUOUS)


def test_dlpack_takes_no_stream_and_no_strange_copy():
    with pytest.raises(BufferError, match="^__dlpack__: the CPU has no streams: stream must be None, got 1$"):
        ng.ones(2).__dlpack__(stream=1)
    with pytest.raises(TypeError, match="^__dlpack__: copy must be a bool or None, got 'no'$"):
        ng.ones(2).__dlpack__(copy="no")
    parameter = ng.nn.Parameter([1.0])
    for no in (False, np.False_):
        capsule = parameter.detach().__dlpack__(max_version=(1, 0), copy=no)
        assert "dltensor_versioned" in repr(capsule)


class First(ng.Function):
    @staticmethod
    def forward(ctx, x, other):
        return x * 2

    @staticmethod
    def backward(ctx, dy):
        return dy * 2, None


def test_containers_that_hold_themselves_twice():
    """They took 2**64 looks."""
    x = ng.ones(2, requires_grad=True)
    twice, named, deep = [], {}, [1.0]
    twice.extend([twice, twice])
    named.update(a=named, b=named)
    for _ in range(60):
        deep = [deep, deep]
    for container in (twice, named, deep):
        First.apply(x, container).sum().backward()
    twice.append(x)
    named["c"] = [x]
    for container in (twice, named, [deep, [x]]):
        with pytest.raises(TypeError, match="that holds tensors that require a gradient"):
            First.apply(x, container)
