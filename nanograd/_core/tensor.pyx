# SPDX-License-Identifier: LGPL-3.0-or-later
"""Buffers, nodes, the engine, tensors, grad modes and the elementwise operations: what must know each other both ways.

One module made of several files, in the order in which a reader should meet them.
"""
cimport cython
from cpython.buffer cimport PyBUF_F_CONTIGUOUS, PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from cpython.object cimport PyObject, PyTypeObject, destructor
from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset
cimport numpy as cnp

import itertools
import operator
import weakref

import numpy as np

from nanograd.errors import DTypeError, GraphError, ShapeError, shown

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

cdef extern from "kernels/elementwise.h":
    enum: NG_READS_X
    enum: NG_READS_Y
    enum: NG_READS_A
    enum: NG_READS_B
    enum: NG_READS_OUT
    enum: NG_DA
    enum: NG_DB
    enum: NG_FROM_F32
    enum: NG_FROM_F64
    int ng_fill(int dtype, void *dst, double value, int64_t n)
    int ng_accumulate(int dtype, void *dst, const void *src, int64_t n)
    int ng_cast(int dtype, void *dst, const void *src, int source, int64_t n)
    int ng_unary_forward(int dtype, int op, void *y, const void *x, double p, double q, int64_t n)
    int ng_unary_backward(int dtype, int op, void *dx, const void *dy, const void *x, const void *y, double p, double q, int64_t n)
    int ng_binary_forward(int dtype, int op, void *y, const void *a, const void *b, double a_scalar, double b_scalar, int64_t n)
    int ng_binary_broadcast(int dtype, int op, void *y, const void *a, const void *b, int rank, const int64_t *dims,
                            const int64_t *a_strides, const int64_t *b_strides)
    int ng_binary_backward(int dtype, int op, int which, void *out, const void *dy, const void *a, const void *b, const void *y,
                           double a_scalar, double b_scalar, int64_t n)
    int ng_binary_broadcast_backward(int dtype, int op, int which, void *out, const void *dy, const void *a, const void *b,
                                     const void *y, int rank, const int64_t *dims, const int64_t *a_strides, const int64_t *b_strides)
    int ng_where_forward(int dtype, void *y, const uint8_t *cond, const void *a, const void *b, double a_scalar, double b_scalar,
                         int rank, const int64_t *dims, const int64_t *cond_strides, const int64_t *a_strides, const int64_t *b_strides)
    int ng_where_backward(int dtype, int which, void *out, const void *dy, const uint8_t *cond, int rank, const int64_t *dims,
                          const int64_t *cond_strides)
    void ng_broadcast_strides(int rank, int operand_rank, const int64_t *operand_dims, int64_t *strides)

cdef extern from "kernels/compare.h":
    enum: NG_IS_NAN
    enum: NG_IS_INF
    enum: NG_IS_FINITE
    int ng_classify(int dtype, int which, uint8_t *out, const void *x, int64_t n)
    int ng_near(int dtype, int *far, const void *a, const void *b, int64_t a_step, int64_t b_step, double rtol, double atol, int64_t n)

cdef extern from "kernels/transpose.h":
    int ng_strided_copy(int dtype, void *out, const void *x, int rank, const int64_t *dims, const int64_t *out_strides,
                        const int64_t *in_strides)
    void ng_contiguous_strides(int64_t *strides, int rank, const int64_t *dims)

cdef extern from "kernels/reduce.h":
    int ng_sum_axes(int dtype, void *out, const void *x, int rank, const int64_t *dims, unsigned int mask, double divisor)

cdef extern from *:
    unsigned long Py_TPFLAGS_HEAPTYPE
    int PyErr_CheckSignals() except -1
    void PyType_Modified(PyTypeObject *type)

cdef const char *_reason = NULL
NG = ng_connect(&_reason)
if NG == NULL:
    raise ImportError("nanograd: " + _reason.decode(errors="replace"))
ng_launch_set_gil(ng_release_gil, ng_restore_gil)
_api = PyCapsule_New(<void *>NG, "nanograd._core.tensor._api", NULL)


def _share_always(bint always):
    """For tests: whatever may be shared between threads is, also where it does not pay."""
    ng_launch_share_always(always)



include "elementwise_ops.pxi"        # generated from csrc/ops_*.def: the enumerators NG_UNARY_*, NG_BINARY_*
include "tensor_buffer.pxi"          # memory
include "tensor_operands.pxi"        # dtypes, shapes, and whatever a user may pass for a tensor
include "tensor_cycles.pxi"          # garbage that Python's collector cannot see
include "tensor_node.pxi"            # the graph
include "tensor_slots.pxi"           # gradients on their way
include "tensor_engine.pxi"          # backward
include "tensor_modes.pxi"           # no_grad and its like
include "tensor_support.pxi"         # what the class stands on
include "tensor_numpy.pxi"           # tensors in NumPy's functions
include "tensor_words.pxi"           # what other libraries call an argument
include "tensor_exchange.pxi"        # the buffer protocol and DLPack
include "tensor_class.pxi"           # Tensor
include "tensor_parameter.pxi"       # Parameter
include "tensor_create.pxi"          # tensor(), zeros() ...
include "tensor_create_more.pxi"     # zeros_like(), arange() ...
include "tensor_elementwise.pxi"     # one unary and one binary node, and where
include "tensor_cast.pxi"            # astype, copy
include "tensor_trigonometry.pxi"    # the elementwise functions:
include "tensor_activations.pxi"
include "tensor_functions.pxi"       # arithmetic,
include "tensor_math.pxi"            # and more of it
include "tensor_questions.pxi"       # isnan, allclose ...
