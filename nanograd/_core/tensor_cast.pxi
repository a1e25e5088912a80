# SPDX-License-Identifier: LGPL-3.0-or-later
# astype and copy.

@cython.final
@cython.no_gc
cdef class CastNode(Node):
    """astype and copy: the gradient is cast back."""
    cdef int source              # the dtype of x

    cdef str title(self):
        return "copy" if self.source == self.kind else "astype"

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Node target = <Node>self.inputs[0]
        cdef Buffer dx
        if target.kind == self.kind:
            return give(run, self, 0, dy)
        dx = new_buffer(<size_t>target.count * ng_itemsize(target.kind))
        check("astype", ng_cast(target.kind, dx.data, dy.data, NG_FROM_F32 if self.kind == NG_F32 else NG_FROM_F64, target.count))
        return give(run, self, 0, dx)


cdef Tensor cast(Tensor x, int kind):
    cdef Tensor out
    cdef CastNode node
    cdef Buffer xb = x.buffer
    out = new_tensor(kind, x.rank, x.dims)
    check("astype", ng_cast(kind, out.buffer.data, xb.data, NG_FROM_F32 if x.kind == NG_F32 else NG_FROM_F64, x.count))
    if needs_grad(x):
        node = CastNode.__new__(CastNode)
        node.source = x.kind
        node.n_inputs = 1
        set_input(node, 0, x)
        link(out, node)
    return out


def astype(x, dtype):
    """The tensor in another dtype, with gradient; the tensor itself where it has that dtype already.

    Parameters
    ----------
    x : Tensor
    dtype : numpy.dtype
        float32 or float64.

    Raises
    ------
    DTypeError
        For another dtype: integers and booleans are NumPy arrays, ``x.numpy().astype(int)``.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.5], requires_grad=True)
    >>> x.astype(ng.float64).backward()
    >>> x.grad
    tensor([1.], dtype=float32)
    """
    cdef Tensor t = as_tensor("astype", x, -1, False)
    if dtype is None:
        raise DTypeError("astype: dtype must be float32 or float64, got None")
    cdef int kind = dtype_kind(dtype)
    return t if t.kind == kind else cast(t, kind)


def copy(x):
    """A new tensor of the same value, in memory of its own, with gradient.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> x.copy().backward()
    >>> x.grad
    tensor([1., 1.], dtype=float32)
    """
    cdef Tensor t = as_tensor("copy", x, -1, False)
    return cast(t, t.kind)
