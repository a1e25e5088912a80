# SPDX-License-Identifier: LGPL-3.0-or-later
# What both modules of losses have: the node, and the argument reduction.

from kernels.loss cimport NG_LOSS_MEAN, NG_LOSS_NONE, NG_LOSS_SUM, ng_loss_scale


@cython.no_gc
cdef class LossNode(Node):
    """Inputs: x and, where it has a gradient, the target. gradient (outer, n, inner) belongs to dy (outer, inner) = 1.
    Saved are the gradients."""
    cdef int64_t outer, n, inner

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer gradient, dx
        cdef int i
        if not run.retain_graph:
            self.released = True          # whatever happens from here on: what is saved is overwritten
        for i in range(self.n_inputs):
            if wants(run, self, i):
                gradient = <Buffer>self.kept[i]
                dx = gradient
                if run.retain_graph or not is_sole(gradient):
                    dx = new_buffer(<size_t>(self.outer * self.n * self.inner) * ng_itemsize(self.kind))
                check("loss", ng_loss_scale(self.kind, dx.data, gradient.data, dy.data, self.outer, self.n, self.inner))
                give(run, self, i, dx)
        return 0


cdef int link_loss(Tensor out, LossNode node, Tensor x, Tensor target) except -1:
    node.n_inputs = 2
    if node.kept[SAVED_DX] != NULL:
        set_input(node, 0, x)
    if node.kept[SAVED_DT] != NULL:
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
