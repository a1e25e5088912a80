# SPDX-License-Identifier: LGPL-3.0-or-later
"""Buffers, nodes, the engine, tensors, grad modes: what must know each other both ways, and what every operation stands on.

One module made of several files, in the order in which a reader should meet them. No operation's documentation is here.
"""
cimport cython
from cpython.buffer cimport PyBUF_F_CONTIGUOUS, PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from cpython.object cimport PyObject, PyTypeObject, destructor
from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset
from kernels.elementwise cimport (NG_DA, NG_DB, NG_FROM_F32, NG_FROM_F64, ng_accumulate, ng_binary_backward, ng_binary_broadcast,
                                  ng_binary_broadcast_backward, ng_binary_forward, ng_broadcast_strides, ng_cast, ng_fill,
                                  ng_unary_backward, ng_unary_forward)
from kernels.ops cimport *              # the enumerators NG_UNARY_*, NG_BINARY_* and NG_READS_*
from kernels.reduce cimport ng_sum_axes
from kernels.transpose cimport ng_contiguous_strides, ng_strided_copy
cimport numpy as cnp

import itertools
import operator
import sys
import weakref

import numpy as np

from nanograd.errors import DTypeError, GraphError, ShapeError, refuse_masked, shown

cnp.import_array()

cdef extern from "ng_api.h":
    void give_back_memory "NG->runtime->empty_cache" () noexcept
cdef extern from "ng_connect.h":
    const ng_api *ng_connect(const char **reason)
    void ng_launch_share_always(int always)
    const char *ng_blas_description()
    int *ng_grad_enabled()
    void ng_launch_set_gil(void *(*release)() noexcept nogil, void (*restore)(void *) noexcept nogil)

cdef extern from "Python.h":
    """
    static void *ng_release_gil(void) { return PyEval_SaveThread(); }
    static void ng_restore_gil(void *state) { PyEval_RestoreThread((PyThreadState *)state); }
    """
    void *ng_release_gil() noexcept nogil
    void ng_restore_gil(void *) noexcept nogil

cdef extern from *:
    unsigned long Py_TPFLAGS_HEAPTYPE
    int PyErr_CheckSignals() except -1
    void PyType_Modified(PyTypeObject *type)

cdef const char *_reason = NULL
NG = ng_connect(&_reason)
if NG == NULL:
    raise ImportError("nanograd: " + _reason.decode(errors="replace"))
ng_launch_set_gil(ng_release_gil, ng_restore_gil)
_api = PyCapsule_New(<void *>NG, "nanograd._core.base.tensor._api", NULL)


def _share_always(bint always):
    """For tests: whatever may be shared between threads is, also where it does not pay."""
    ng_launch_share_always(always)


include "buffer.pxi"              # memory
include "operands.pxi"            # dtypes, shapes, and whatever a user may pass for a tensor
include "cycles.pxi"              # garbage that Python's collector cannot see
include "node.pxi"                # the graph
include "slots.pxi"               # gradients on their way
include "engine.pxi"              # backward
include "modes.pxi"               # no_grad and its like
include "support.pxi"             # what the class stands on
include "numpy.pxi"               # tensors in NumPy's functions
include "docstrings.pxi"          # what many docstrings say in the same words
include "public.pxi"              # how an operation becomes known
include "words.pxi"               # what other libraries call an argument
include "exchange.pxi"            # the buffer protocol and DLPack
include "class.pxi"               # Tensor
include "parameter.pxi"           # Parameter
include "elementwise.pxi"         # one unary and one binary node

for _thing in (Tensor, Parameter, Node, grad, no_grad, enable_grad, set_grad_enabled, is_grad_enabled, get_default_dtype,
               set_default_dtype):
    public(_thing)
