# SPDX-License-Identifier: LGPL-3.0-or-later
"""NumPy's functions that are made of ours, with NumPy's arguments: ``np.vstack([x, y])`` of tensors keeps the gradient.

Nothing here is public: NumPy finds these functions through the table behind ``__array_function__``.
"""
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from nanograd._core.base.tensor import ARRAY_FUNCTIONS, Tensor, array_of
from nanograd._core.ops import creation, elementwise, matmul, reduce, shape, statistics
from nanograd.errors import shown


def around(a, decimals=0):
    return round(a, decimals)


def where(*args):
    """With a condition alone: where it is not 0, in integers, as NumPy's."""
    return np.nonzero(array_of(args[0])) if len(args) == 1 else elementwise.where(*args)


# ---- joining and cutting ------------------------------------------------------------------------

def _tensors(arrays):
    """Tensors of one dtype: numbers and lists take that of their company."""
    arrays = list(arrays)
    dtype = next((x.dtype for x in arrays if isinstance(x, Tensor)), None)
    return [x if isinstance(x, Tensor) else creation.asarray(x, x.dtype if np.ndim(x) and hasattr(x, "dtype") else dtype) for x in arrays]


def _one(results):
    return results[0] if len(results) == 1 else tuple(results)


def _at_least_1(x):
    return x if x.ndim else shape.reshape(x, 1)


def _at_least_2(x):
    return x if x.ndim > 1 else shape.reshape(x, (1, -1))


def _at_least_3(x):
    return x if x.ndim > 2 else shape.reshape(x, (1, x.size, 1) if x.ndim < 2 else (*x.shape, 1))


def atleast_1d(*arys):
    return _one([_at_least_1(x) for x in _tensors(arys)])


def atleast_2d(*arys):
    return _one([_at_least_2(x) for x in _tensors(arys)])


def atleast_3d(*arys):
    return _one([_at_least_3(x) for x in _tensors(arys)])


def vstack(tup):
    return shape.concatenate([_at_least_2(x) for x in _tensors(tup)])


def hstack(tup):
    tensors = [_at_least_1(x) for x in _tensors(tup)]
    return shape.concatenate(tensors, 0 if tensors[0].ndim == 1 else 1)


def dstack(tup):
    return shape.concatenate([_at_least_3(x) for x in _tensors(tup)], 2)


def column_stack(tup):
    return shape.concatenate([x if x.ndim > 1 else shape.reshape(x, (-1, 1)) for x in _tensors(tup)], 1)


def append(arr, values, axis=None):
    return shape.concatenate(_tensors([arr, values]), axis)


def broadcast_arrays(*args):
    tensors = _tensors(args)
    whole = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(shape.broadcast_to(x, whole) for x in tensors)


def array_split(ary, indices_or_sections, axis=0):
    if not hasattr(indices_or_sections, "__index__"):
        return np.split(ary, indices_or_sections, axis)
    sections = int(indices_or_sections)
    if sections <= 0:
        raise ValueError("array_split: the number of sections must be positive")
    size, more = divmod(ary.shape[axis], sections)
    return shape.split(ary, [size + 1] * more + [size] * (sections - more), axis)


def vsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, 0)


def hsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


def dsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, 2)


def unstack(x, axis=0):
    return tuple(shape.squeeze(piece, axis) for piece in shape.split(x, 1, axis)) if x.shape[axis] else ()


def expand_dims(a, axis):
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    for place in sorted(normalize_axis_tuple(axes, a.ndim + len(axes))):
        a = shape.unsqueeze(a, place)
    return a


def fliplr(m):
    return shape.flip(m, 1)


def flipud(m):
    return shape.flip(m, 0)


def matrix_transpose(x):
    return x.mT


# ---- products and reductions --------------------------------------------------------------------

def dot(a, b):
    a, b = _tensors([a, b])
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return matmul.matmul(a, b)
    rows = shape.permute(b, (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1))       # the summed axis in front, the others flat
    return shape.reshape(matmul.matmul(a, shape.reshape(rows, (rows.shape[0], -1))), a.shape[:-1] + rows.shape[1:])


def ptp(a, axis=None, keepdims=False):
    return reduce.max(a, axis, keepdims) - reduce.min(a, axis, keepdims)


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a, = _tensors([a])
    if weights is None:
        mean = reduce.mean(a, axis, keepdims)
        total = creation.full_like(mean, a.size / max(mean.size, 1))
    else:
        weights = creation.asarray(weights, None if isinstance(weights, Tensor) else a.dtype)
        if weights.shape != a.shape:
            if not isinstance(axis, int) or weights.shape != (a.shape[axis],):
                raise ValueError(f"np.average: weights of shape {weights.shape} need the shape {a.shape} of a, or one axis of that size")
            weights = shape.reshape(weights, [-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
        total = reduce.sum(shape.broadcast_to(weights, a.shape), axis, keepdims)
        if not np.all(total.numpy()):
            raise ZeroDivisionError("np.average: weights sum to zero, can't be normalized")
        mean = reduce.sum(a * weights, axis, keepdims) / total
    return (mean, total) if returned else mean


def _vector_norm(name, x, ord, axis, keepdims):
    if ord in (None, 2):
        return statistics.norm(x, axis, keepdims)
    if ord in (1, math.inf):
        return statistics.norm(x, axis, keepdims, ord=ord)
    if ord == -math.inf:
        return reduce.min(elementwise.abs(x), axis, keepdims)
    raise TypeError(f"{name} of a tensor: ord must be None, 1, 2, inf or -inf for vectors, got {shown(ord)}: write "
                    f"{name}(x.numpy(), ord={shown(ord)}) for a NumPy result")


def _matrix_norm(name, x, ord, axes, keepdims):
    if ord in (None, "fro"):
        return statistics.norm(x, axes, keepdims)
    row, column = (axis % x.ndim for axis in axes)
    summed, other = (row, column) if ord in (1, -1) else (column, row)
    if ord not in (1, -1, math.inf, -math.inf):
        raise TypeError(f"{name} of a tensor: ord must be None, 'fro', 1, -1, inf or -inf for matrices, got {shown(ord)}: write "
                        f"{name}(x.numpy(), ord={shown(ord)}) for a NumPy result")
    sums = statistics.norm(x, summed, True, ord=1)
    result = (reduce.max if ord > 0 else reduce.min)(sums, other, True)
    return result if keepdims else shape.squeeze(result, (summed, other))


def norm(x, ord=None, axis=None, keepdims=False):
    if axis is None:
        if ord is None:
            return statistics.norm(x, None, keepdims)
        if x.ndim not in (1, 2):
            raise ValueError("np.linalg.norm: an ord without an axis needs a vector or a matrix")
        axis = 0 if x.ndim == 1 else (0, 1)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if len(axes) == 1:
        return _vector_norm("np.linalg.norm", x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"np.linalg.norm: axis must be one axis or two, got {shown(axis)}")
    return _matrix_norm("np.linalg.norm", x, ord, axes, keepdims)


def vector_norm(x, *, axis=None, keepdims=False, ord=2):
    return _vector_norm("np.linalg.vector_norm", x, ord, axis, keepdims)


def matrix_norm(x, *, keepdims=False, ord="fro"):
    return _matrix_norm("np.linalg.matrix_norm", x, ord, (-2, -1), keepdims)


OURS = (around, where, atleast_1d, atleast_2d, atleast_3d, vstack, hstack, dstack, column_stack, append, broadcast_arrays, array_split,
        vsplit, hsplit, dsplit, unstack, expand_dims, fliplr, flipud, matrix_transpose, dot, ptp, average)
ARRAY_FUNCTIONS.update({getattr(np, function.__name__): function for function in OURS if hasattr(np, function.__name__)})
ARRAY_FUNCTIONS.update({np.round: around, np.linalg.norm: norm, np.linalg.vector_norm: vector_norm, np.linalg.matrix_norm: matrix_norm,
                        np.linalg.matrix_transpose: matrix_transpose, np.linalg.matmul: matmul.matmul, np.linalg.outer: matmul.outer})
