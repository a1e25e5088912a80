# SPDX-License-Identifier: LGPL-3.0-or-later
# What both modules of losses have: the node, and the argument reduction.

cdef extern from "kernels/loss.h":
    enum: NG_LOSS_NONE
    enum: NG_LOSS_SUM
    enum: NG_LOSS_MEAN
    int ng_loss_scale(int dtype, void *dx, const void *gradient, const void *dy, int64_t outer, int64_t n, int64_t inner)


@cython.no_gc
cdef class LossNode(Node):
    """Inputs: x and, where it has a gradient, the target. gradient (outer, n, inner) belongs to dy (outer, inner) = 1."""
    cdef int64_t outer, n, inner
    cdef Buffer dx, dt

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer gradient
        cdef int i
        for i in range(self.n_inputs):
            if not wants(run, self, i):
                continue
            gradient = self.dx if i == 0 else self.dt
            if not run.retain_graph:
                if i == 0:
                    self.dx = None
                else:
                    self.dt = None
            give_scaled(self, i, gradient, dy, run)
        return 0

    cdef int release(self) except -1:
        self.dx = None
        self.dt = None
        return 0


cdef int give_scaled(LossNode node, int i, Buffer gradient, Buffer dy, Run run) except -1:
    # In place if the node has let go of it: the caller's variable is the one reference that is left.
    cdef Buffer out = gradient
    if not is_sole(gradient):
        out = new_buffer(<size_t>(node.outer * node.n * node.inner) * ng_itemsize(node.kind))
    check("loss", ng_loss_scale(node.kind, out.data, gradient.data, dy.data, node.outer, node.n, node.inner))
    return give(run, node, i, out)


cdef int link_loss(Tensor out, LossNode node, Tensor x, Tensor target) except -1:
    node.n_inputs = 2
    if node.dx is not None:
        set_input(node, 0, x)
    if node.dt is not None:
        set_input(node, 1, target)
    return link(out, node)


cdef int parse_reduction(str op, object reduction) except -1:
    if reduction == "mean":
        return NG_LOSS_MEAN
    if reduction == "sum":
        return NG_LOSS_SUM
    if reduction == "none":
        return NG_LOSS_NONE
    raise ValueError(f"{op}: reduction must be 'mean', 'sum' or 'none', got {shown(reduction)}")


cdef inline int warn_if(bint is_empty, str op, Tensor x) except -1:
    """A mean of no losses says so."""
    return warn_user(f"{op}: the mean of no losses is NaN (input {shape_tuple(x.rank, x.dims)})") if is_empty else 0


cdef inline void *data_or_null(Buffer buffer) noexcept:
    return NULL if buffer is None else buffer.data
