# SPDX-License-Identifier: LGPL-3.0-or-later
"""Products of matrices, and the linear layer. The kernels are in csrc/kernels/gemm.inc; transposed operands are read as they lie."""
include "capsule.pxi"
cimport cython
from libc.stdint cimport int64_t
from nanograd._core.base.tensor cimport *

from nanograd._core.base.tensor import public
from nanograd.errors import ShapeError, shown

from kernels.elementwise cimport ng_unary_backward
from kernels.gemm cimport ng_gemm, ng_gemm_batched
from kernels.linear cimport ng_linear_backward_b, ng_linear_backward_w, ng_linear_backward_x, ng_linear_forward
from kernels.ops cimport NG_READS_X, NG_READS_Y


# ---- matmul -------------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class MatmulNode(Node):
    """C (batch..., M, N) = A (batch..., M, K) @ B (batch..., K, N). Without batch axes: one product."""
    cdef int64_t m, n, k
    cdef int batch_rank
    cdef int64_t batch[8]                        # batch axes of C
    cdef int64_t a_strides[8]                    # elements from one matrix to the next along them,
    cdef int64_t b_strides[8]
    cdef unsigned int a_repeats, b_repeats       # and a bit for each along which the operand is repeated
    cdef bint a_transposed, b_transposed         # how the saved operands lie: A (K, M), B (N, K)

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef int64_t m = self.m, n = self.n, k = self.k
        cdef bint ta = not self.a_transposed, tb = not self.b_transposed        # what is read here is the transpose of each
        cdef int64_t dims[8]
        cdef int64_t first[8]
        cdef int64_t second[8]
        cdef int64_t dy_strides[8]
        cdef Buffer da, db
        cdef int i, rank
        cdef int64_t step = m * n
        for i in range(self.batch_rank - 1, -1, -1):
            dy_strides[i] = step
            step *= self.batch[i]
        if wants(run, self, 0):       # da = dc @ b.T
            da = input_buffer(self, 0)
            if self.batch_rank == 0:
                check("matmul", ng_gemm(self.kind, da.data, dy.data, saved(self, SAVED_B), 0, tb, m, k, n, n, n if tb else k, k, 0))
            else:
                rank = summed_last(self, self.a_repeats, dy_strides, self.b_strides, dims, first, second)
                check("matmul", ng_gemm_batched(self.kind, da.data, dy.data, saved(self, SAVED_B), 0, tb, m, k, n, rank,
                                                self.batch_rank - rank, dims, first, second))
            give(run, self, 0, da)
        if wants(run, self, 1):       # db = a.T @ dc
            db = input_buffer(self, 1)
            if self.batch_rank == 0:
                check("matmul", ng_gemm(self.kind, db.data, saved(self, SAVED_A), dy.data, ta, 0, k, n, m, k if ta else m, n, n, 0))
            else:
                rank = summed_last(self, self.b_repeats, self.a_strides, dy_strides, dims, first, second)
                check("matmul", ng_gemm_batched(self.kind, db.data, saved(self, SAVED_A), dy.data, ta, 0, k, n, m, rank,
                                                self.batch_rank - rank, dims, first, second))
            give(run, self, 1, db)
        return 0


cdef inline Buffer input_buffer(Node node, int i):
    return new_buffer(<size_t>(<Node>node.inputs[i]).count * ng_itemsize(node.kind))


cdef int summed_last(MatmulNode node, unsigned int repeats, const int64_t *a_strides, const int64_t *b_strides, int64_t *dims,
                     int64_t *a_out, int64_t *b_out) noexcept:
    """The batch axes, with those along which an operand was repeated last: its gradient is a sum over them. Returns the
    number of the others."""
    cdef int i, part, rank = 0, kept = 0
    for part in range(2):
        for i in range(node.batch_rank):
            if <int>(repeats >> i & 1) == part:
                dims[rank] = node.batch[i]
                a_out[rank] = a_strides[i]
                b_out[rank] = b_strides[i]
                rank += 1
        if part == 0:
            kept = rank
    return kept


cdef unsigned int batch_strides(Tensor t, int64_t matrix, int batch_rank, const int64_t *batch, int64_t *strides) noexcept:
    """Strides of an operand's matrices along the batch axes; a bit for each axis along which it is repeated."""
    cdef unsigned int repeats = 0
    cdef int i, axis
    cdef int64_t step = matrix
    for i in range(batch_rank - 1, -1, -1):
        axis = i - batch_rank + t.rank - 2
        if axis >= 0 and t.dims[axis] == batch[i]:
            strides[i] = step
            step *= batch[i]
        else:
            strides[i] = 0
            repeats |= 1u << i
    return repeats


cdef str shapes(Tensor a, Tensor b):
    return f"(a {shape_tuple(a.rank, a.dims)}, b {shape_tuple(b.rank, b.dims)})"


cdef Tensor operand(str op, object x, object other):
    """x where it is not a tensor, with the dtype that both agree on."""
    return as_tensor(op, x, common_kind(op, x, other), grad_mode() and isinstance(other, Tensor) and (<Tensor>other).wants_grad)


cdef Tensor product(str op, object left, object right):
    if not isinstance(left, Tensor) or not isinstance(right, Tensor):
        common_kind(op, left, right)         # where they mix, the error names both
        if not isinstance(left, Tensor):
            left = operand(op, left, right)
        if not isinstance(right, Tensor):
            right = operand(op, right, left)
    cdef Tensor a = <Tensor>left, b = <Tensor>right
    cdef Tensor out
    cdef bint ta, tb             # the operand lies transposed
    cdef Buffer ab = read_stored(a, &ta), bb = read_stored(b, &tb)
    cdef int64_t m, n, k
    cdef int64_t batch[8]
    cdef int64_t dims[8]
    cdef int64_t a_strides[8]
    cdef int64_t b_strides[8]
    cdef int64_t matrices = 1
    cdef unsigned int a_repeats = 0, b_repeats = 0
    cdef int i, batch_rank = 0, rank
    cdef MatmulNode node
    if a.kind != b.kind:
        common_kind(op, a, b)
    if a.rank == 0 or b.rank == 0:
        raise ShapeError(f"{op}: an operand is 0-d; write a * b to multiply by a number {shapes(a, b)}")
    m = a.dims[a.rank - 2] if a.rank > 1 else 1
    k = a.dims[a.rank - 1]
    n = b.dims[b.rank - 1] if b.rank > 1 else 1
    if k != (b.dims[b.rank - 2] if b.rank > 1 else b.dims[0]):
        raise ShapeError(f"{op}: the last axis of a has {k} elements, the {'second-last ' if b.rank > 1 else ''}axis of b "
                         f"{b.dims[b.rank - 2] if b.rank > 1 else b.dims[0]} {shapes(a, b)}")
    if a.rank > 2 or b.rank > 2:
        batch_rank = (a.rank if a.rank > b.rank else b.rank) - 2
        broadcast_batches(op, a, b, batch_rank, batch)
    for i in range(batch_rank):
        dims[i] = batch[i]
        matrices *= batch[i]
    rank = batch_rank
    if a.rank > 1:
        dims[rank] = m
        rank += 1
    if b.rank > 1:
        dims[rank] = n
        rank += 1
    if rank > 0:
        shape_size(op, rank, dims)
    out = new_tensor(a.kind, rank, dims)
    if batch_rank > 0:
        a_repeats = batch_strides(a, m * k, batch_rank, batch, a_strides)
        b_repeats = batch_strides(b, k * n, batch_rank, batch, b_strides)
        if b.count == k * n and a.count == matrices * m * k and not (ta and matrices > 1):      # one b for all: one tall product
            m *= matrices
            batch_rank = 0
    if batch_rank == 0:
        check(op, ng_gemm(a.kind, new_data(out), ab.data, bb.data, ta, tb, m, n, k, m if ta else k, k if tb else n, n, 0))
    else:
        check(op, ng_gemm_batched(a.kind, new_data(out), ab.data, bb.data, ta, tb, m, n, k, batch_rank, 0, batch, a_strides, b_strides))
    if (a.wants_grad or b.wants_grad) and grad_mode():
        node = MatmulNode.__new__(MatmulNode)
        node.n_inputs = 2
        node.m = m
        node.n = n
        node.k = k
        node.a_transposed = ta
        node.b_transposed = tb
        if a.wants_grad:
            set_input(node, 0, a)
            save(node, SAVED_B, bb)
        if b.wants_grad:
            set_input(node, 1, b)
            save(node, SAVED_A, ab)
        if batch_rank > 0:
            node.batch_rank = batch_rank
            node.a_repeats = a_repeats
            node.b_repeats = b_repeats
            for i in range(batch_rank):
                node.batch[i] = batch[i]
                node.a_strides[i] = a_strides[i]
                node.b_strides[i] = b_strides[i]
        link(out, node)
    return out


cdef int broadcast_batches(str op, Tensor a, Tensor b, int batch_rank, int64_t *batch) except -1:
    cdef int i, j
    cdef int64_t x, y
    for i in range(batch_rank):
        j = i - batch_rank + a.rank - 2
        x = a.dims[j] if j >= 0 else 1
        j = i - batch_rank + b.rank - 2
        y = b.dims[j] if j >= 0 else 1
        if x != y and x != 1 and y != 1:
            raise ShapeError(f"{op}: the batch axes do not broadcast: {x} and {y} in the same position {shapes(a, b)}")
        batch[i] = y if x == 1 else x
    return 0


cdef object matmul_operator(object a, object b):
    return product("matmul", a, b)


@public(method=True)
def matmul(a, b):
    """Matrix product: ``y[..., i, j] = sum over p of a[..., i, p] * b[..., p, j]``; also ``a @ b``.

    NumPy's rules: a 1-D `a` is a row, a 1-D `b` a column, and that axis is missing from the result; axes before the last two
    are batches of matrices and broadcast. Nothing is copied: ``a.mT``, ``b.T`` and the gradients are read where the matrix lies.

    Parameters
    ----------
    a : Tensor or array_like, shape (..., M, K) or (K,)
    b : Tensor or array_like, shape (..., K, N) or (K,)

    Returns
    -------
    Tensor, shape (..., M, N)
        Without M if `a` is 1-D, and without N if `b` is.

    Raises
    ------
    ShapeError
        If K differs, the batch axes do not broadcast, or an operand is 0-d.
    DTypeError
        If float32 and float64 mix.

    Notes
    -----
    An empty sum (K = 0) is 0. NaN and inf propagate as in NumPy. Products of up to 256**3 multiplications (2**16 on ARM, 2**13
    without FMA) run in our own kernels, larger ones in CBLAS; the bits do not depend on the number of threads.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> b = ng.tensor([5.0, 6.0])
    >>> y = ng.matmul(a, b)
    >>> y.numpy()
    array([17., 39.], dtype=float32)
    >>> y.backward()
    >>> a.grad.numpy()
    array([[5., 6.],
           [5., 6.]], dtype=float32)
    """
    return product("matmul", a, b)


@public(method=True)
def dot(a, b):
    """Inner product of two vectors: ``sum over i of a[i] * b[i]``.

    Parameters
    ----------
    a, b : Tensor or array_like, shape (K,)

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ShapeError
        If an operand is not 1-D, or their sizes differ.
    DTypeError
        If float32 and float64 mix.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = ng.dot(a, [4.0, 5.0, 6.0])
    >>> y.item()
    32.0
    >>> y.backward()
    >>> a.grad.numpy()
    array([4., 5., 6.], dtype=float32)
    """
    cdef int kind = -1
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        kind = common_kind("dot", a, b)
        a = as_tensor("dot", a, kind)
        b = as_tensor("dot", b, kind)
    if (<Tensor>a).rank != 1 or (<Tensor>b).rank != 1 or (<Tensor>a).count != (<Tensor>b).count:
        raise ShapeError(f"dot: takes two vectors of the same size {shapes(<Tensor>a, <Tensor>b)}; matmul multiplies matrices")
    return product("dot", a, b)


@public(method=True)
def outer(a, b):
    """Outer product: ``y[i, j] = a[i] * b[j]``. As in NumPy, operands that are not 1-D are flattened.

    Parameters
    ----------
    a : Tensor or array_like, M elements
    b : Tensor or array_like, N elements

    Returns
    -------
    Tensor, shape (M, N)

    Raises
    ------
    DTypeError
        If float32 and float64 mix.

    Examples
    --------
    >>> import nanograd as ng
    >>> a = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> y = ng.outer(a, [1.0, 10.0, 100.0])
    >>> y.numpy()
    array([[  1.,  10., 100.],
           [  2.,  20., 200.]], dtype=float32)
    >>> y.backward()
    >>> a.grad.numpy()
    array([111., 111.], dtype=float32)
    """
    cdef int kind = common_kind("outer", a, b)
    cdef Tensor x = as_tensor("outer", a, kind), y = as_tensor("outer", b, kind), out
    cdef Buffer xb = read_data(x), yb = read_data(y)
    cdef int64_t dims[2]
    cdef MatmulNode node
    dims[0] = x.count
    dims[1] = y.count
    shape_size("outer", 2, dims)
    out = new_tensor(kind, 2, dims)
    check("outer", ng_gemm(kind, new_data(out), xb.data, yb.data, 0, 0, dims[0], dims[1], 1, 1, dims[1], dims[1], 0))
    if (x.wants_grad or y.wants_grad) and grad_mode():
        node = MatmulNode.__new__(MatmulNode)
        node.n_inputs = 2
        node.m = dims[0]
        node.n = dims[1]
        node.k = 1
        if x.wants_grad:
            set_input(node, 0, x)
            save(node, SAVED_B, yb)
        if y.wants_grad:
            set_input(node, 1, y)
            save(node, SAVED_A, xb)
        link(out, node)
    return out


@public(method=True)
def scale(x, s):
    """Tensor times a number: ``x * s``.

    Parameters
    ----------
    x : Tensor or array_like
    s : number, or a 0-d Tensor or array

    Returns
    -------
    Tensor, the shape of x

    Raises
    ------
    ShapeError
        If `s` has axes; ``x * s`` broadcasts.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, -2.0], requires_grad=True)
    >>> y = ng.scale(x, 3)
    >>> y.numpy()
    array([ 3., -6.], dtype=float32)
    >>> y.backward()
    >>> x.grad.numpy()
    array([3., 3.], dtype=float32)
    """
    cdef int kind = common_kind("scale", x, s)
    cdef Tensor factor
    if not isinstance(s, (int, float)):
        factor = as_tensor("scale", s, kind)
        if factor.rank != 0:
            raise ShapeError(f"scale: s must be a number, got shape {shape_tuple(factor.rank, factor.dims)}; x * s broadcasts")
        s = factor
    return as_tensor("scale", x, kind) * s


def _operands(str op, operands):
    """Operands as tensors of one dtype, for what is composed of several ops; DTypeError that names two that mix."""
    cdef int kind = -1
    cdef int i, j
    for i in range(len(operands)):
        for j in range(i):
            common_kind(op, operands[j], operands[i])
    for x in operands:
        if isinstance(x, Tensor):
            kind = (<Tensor>x).kind
    for x in operands:
        if kind < 0 and getattr(x, "ndim", 0) and x.dtype.char in "fd":
            kind = common_kind(op, x, x)
    return [as_tensor(op, x, kind if kind >= 0 else common_kind(op, x, x)) for x in operands]


include "matmul_linear.pxi"


operators().matmul = matmul_operator
