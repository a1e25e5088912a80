# SPDX-License-Identifier: LGPL-3.0-or-later
"""Memory handed to others, and taken from them, without a copy: the buffer protocol and DLPack."""
import ctypes
import gc

import numpy as np
import pytest

import nanograd as ng
from nanograd.errors import DTypeError


def test_buffer_protocol():
    x = ng.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=ng.float64)
    view = memoryview(x)
    assert view.readonly and view.format == "d" and view.shape == (2, 2) and view.tolist() == x.tolist()
    assert memoryview(ng.tensor(2.5)).tolist() == 2.5 and memoryview(ng.zeros((0, 3))).shape == (0, 3)
    p = ng.Parameter([1.0, 2.0], requires_grad=False)
    view = memoryview(p)
    p.assign([5.0, 5.0])
    del p
    gc.collect()
    assert view.tolist() == [1, 2]
    with pytest.raises((BufferError, TypeError), match="read-only|not writable"):
        (ctypes.c_float * 2).from_buffer(x)


def test_an_exported_buffer_is_given_back():
    x = ng.zeros(100_000)
    gc.collect()
    before = ng.memory_stats()["in_use"]
    for _ in range(3):
        view = memoryview(ng.zeros(100_000))
        assert view.obj.shape == (100_000,)
        view.release()
    del view
    assert ng.memory_stats()["in_use"] == before and bytes(x) == bytes(400_000)


def test_dlpack():
    x = ng.tensor([[1.0, 2.0], [3.0, 4.0]])
    a = np.from_dlpack(x, copy=False)
    assert a.tolist() == x.tolist() and np.shares_memory(a, x.numpy()) and not a.flags.writeable
    for b in (np.from_dlpack(x), np.from_dlpack(x, copy=True)):
        assert b.tolist() == x.tolist() and not np.shares_memory(b, x.numpy())
    assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError, match=r"write x\.detach\(\)"):
        np.from_dlpack(x * ng.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="lives on the CPU"):
        x.__dlpack__(dl_device=(2, 0))
    x.__dlpack__(max_version=(1, 0))                        # a capsule that nobody takes frees its memory


def test_from_dlpack():
    a = np.arange(6.0).reshape(2, 3)
    t = ng.from_dlpack(a)
    assert np.shares_memory(t.numpy(), a) and ng.from_dlpack(a.T).tolist() == a.T.tolist()
    assert ng.from_dlpack(t).tolist() == t.tolist()
    with pytest.raises(DTypeError):
        ng.from_dlpack(np.arange(3))
    with pytest.raises(TypeError, match="list has no __dlpack__"):
        ng.from_dlpack([1.0])


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:The given buffer is not writable")
def test_torch_reads_the_buffer():
    torch = pytest.importorskip("torch")
    assert torch.asarray(ng.tensor([1.0, 2.0])).tolist() == [1, 2]
    assert torch.frombuffer(ng.tensor([1.0, 2.0]), dtype=torch.float32).tolist() == [1, 2]


@pytest.mark.torch
def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    x = ng.tensor([1.0, 2.0])
    t = torch.from_dlpack(x)
    t += 1                       # torch ignores that memory is read-only: it was given a copy
    assert x.tolist() == [1, 2] and t.tolist() == [2, 3]
    assert ng.from_dlpack(torch.arange(3.0)).tolist() == [0, 1, 2]
