# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mini-batches: chosen rows of several arrays, gathered in one launch each, for data.ArrayLoader."""
cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t

from nanograd._core.base.tensor cimport (
    NG, NG_F32, NG_F64, NG_MAX_NDIM, Tensor, as_tensor, check, new_data, new_tensor, ng_api, ng_itemsize, numpy_dtype)

import numpy as np

include "capsule.pxi"

cnp.import_array()

from kernels.minibatch cimport NG_ROWS_FLOAT32, NG_ROWS_FLOAT64, NG_ROWS_SAME, ng_minibatch_rows


@cython.final
cdef class RowSource:
    """An array of which rows are taken: floats into tensors of dtype `kind`, integers and booleans (kind -1) into arrays."""
    cdef readonly cnp.ndarray array
    cdef readonly int kind
    cdef int source_type           # NG_ROWS_*; -1: only NumPy can read the rows (float16, foreign byte order, gaps inside rows)
    cdef int rank
    cdef int64_t row_bytes         # of the result
    cdef int64_t dims[64]          # NumPy's limit

    def __cinit__(self, cnp.ndarray array not None, int kind):
        cdef int64_t step = array.itemsize, count = 1
        cdef int i
        self.array = array
        self.kind = kind
        self.rank = cnp.PyArray_NDIM(array)
        self.source_type = NG_ROWS_SAME
        for i in range(self.rank - 1, 0, -1):
            self.dims[i] = cnp.PyArray_DIM(array, i)
            if self.dims[i] > 1 and cnp.PyArray_STRIDE(array, i) != step:
                self.source_type = -1
            step *= self.dims[i]
            count *= self.dims[i]
        self.row_bytes = step if kind < 0 else count * <int64_t>ng_itemsize(kind)
        if not cnp.PyArray_ISNOTSWAPPED(array):
            self.source_type = -1
        if kind >= 0 and self.source_type != -1:
            if not cnp.PyArray_ISALIGNED(array):
                self.source_type = -1
            elif cnp.PyArray_TYPE(array) == (cnp.NPY_FLOAT32 if kind == NG_F32 else cnp.NPY_FLOAT64):
                self.source_type = NG_ROWS_SAME
            elif cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT32:
                self.source_type = NG_ROWS_FLOAT32
            elif cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT64:
                self.source_type = NG_ROWS_FLOAT64
            else:
                self.source_type = -1

    cdef object take(self, const int64_t *rows, object order, int64_t start, int64_t n):
        cdef Tensor tensor
        cdef cnp.ndarray out
        cdef void *data
        cdef object result
        if self.source_type == -1:
            taken = self.array[order[start:start + n]]
            if self.kind < 0:
                return taken.astype(taken.dtype.newbyteorder("="), copy=False)
            return as_tensor("ArrayLoader", taken.astype(numpy_dtype(self.kind), order="C"), self.kind, False)
        self.dims[0] = n
        if self.kind >= 0:
            tensor = new_tensor(self.kind, self.rank, self.dims)
            data = new_data(tensor)
            result = tensor
        else:
            out = cnp.PyArray_EMPTY(self.rank, <cnp.npy_intp *>self.dims, cnp.PyArray_TYPE(self.array), 0)
            data = cnp.PyArray_DATA(out)
            result = out
        check("ArrayLoader", ng_minibatch_rows(NG_F64 if self.kind == NG_F64 else NG_F32, data, cnp.PyArray_DATA(self.array), rows, n,
                                           cnp.PyArray_STRIDE(self.array, 0), self.row_bytes, self.source_type))
        return result


def take_rows(tuple sources, cnp.ndarray order not None, int64_t start, int64_t stop):
    """A tuple with the rows order[start:stop] of each RowSource, fresh. `order` is an int64 permutation of ours, in range."""
    if not 0 <= start <= stop <= cnp.PyArray_SIZE(order):
        raise IndexError(f"ArrayLoader: rows {start} to {stop} are out of range for {cnp.PyArray_SIZE(order)} rows")
    cdef const int64_t *rows = <const int64_t *>cnp.PyArray_DATA(order) + start
    cdef RowSource source
    return tuple([source.take(rows, order, start, stop - start) for source in sources])
