# SPDX-License-Identifier: LGPL-3.0-or-later
# ---- gradients -------------------------------------------------------------------------------------------------------

def clear_gradients(groups):
    """Set the .grad of every parameter of the groups to None. GroupsChanged if they are not what they should be."""
    if not isinstance(groups, list):
        raise GroupsChanged()
    for group in groups:
        for p in params_of(group):
            if not isinstance(p, Tensor):
                raise GroupsChanged()
            if type((<Tensor>p).node) is LeafNode:
                set_grad(<LeafNode>(<Tensor>p).node, None)


cdef double power_total(Step step, double order, double scale) except? -1:
    """The sum of |g * scale|^order over all gradients of the step, or the largest |g|."""
    cdef Buffer partial
    cdef ng_update_table *table
    cdef double total = 0, part
    cdef int64_t i
    cdef int kind
    for kind in range(2):
        table = step.tables[kind]
        if table == NULL or table.count == 0:
            continue
        partial = new_buffer(<size_t>ng_update_norm_pieces(kind, table.count) * sizeof(double))
        table.result = partial.data
        table.order = order
        table.scale = scale
        check("get_total_norm", ng_update_norm(kind, table))
        for i in range(ng_update_norm_pieces(kind, table.count)):
            part = (<double *>partial.data)[i]
            if not isinf(order):
                total += part
            elif part > total or part != part:
                total = part
    return total


def gradient_norm(list tensors, double order):
    """(sum of |g|^order over all elements of all gradients)^(1/order); the largest |g| for order infinity; 0.0 if none."""
    cdef Step step = new_step(len(tensors))
    cdef Tensor p
    cdef Buffer gradient
    cdef double total, largest, scale
    cdef int exponent
    for p in tensors:
        gradient = leaf_gradient(p)
        if gradient is not None:
            ng_update_add(step.table(p.kind), NULL, NULL, gradient.data, p.count)
            step.hold(<PyObject *>gradient)
    total = power_total(step, order, 1.0)
    if isinf(order):
        return total
    if isinf(total) or total < 1e-280:          # powers that left the range of float64: once more, beside the largest
        largest = power_total(step, INFINITY, 1.0)
        if largest == 0 or largest != largest or isinf(largest):
            return largest
        frexp(largest, &exponent)
        scale = ldexp(1.0, max(-1000, min(1000, -exponent)))
        return pow(power_total(step, order, scale), 1.0 / order) / scale
    return pow(total, 1.0 / order)


cdef int rewrite_gradients(str op, list tensors, update_launcher launcher, double a, double b) except -1:
    """Launch over the gradients, each written in place if only the leaf holds it, and hand new ones over."""
    cdef Step step = new_step(len(tensors))
    cdef Tensor p
    cdef LeafNode leaf
    cdef Buffer old, new
    cdef bint sole
    cdef ng_update_item *item
    cdef Py_ssize_t i
    cdef Pending *pending
    for p in tensors:
        if leaf_gradient(p) is None:
            continue
        leaf = p.node
        sole = has_one_owner(leaf.grad)
        old = leaf.grad
        new = old if sole else new_buffer(<size_t>p.count * ng_itemsize(p.kind))
        item = ng_update_add(step.table(p.kind), new.data, NULL, old.data, p.count)
        if launcher == ng_update_scale:
            ng_scale_item(item, a)
        else:
            ng_clamp_item(item, a, b)
        pending = step.remember(<PyObject *>leaf)
        step.hold(<PyObject *>old)
        pending.value = step.hold(<PyObject *>new)
    for i in range(2):
        if step.tables[i] != NULL:
            check(op, launcher(<int>i, step.tables[i]))
    for i in range(step.n):
        set_grad(<LeafNode>step.pending[i].state, <Buffer>step.pending[i].value)
    return 0


def scale_gradients(list tensors, double factor):
    """Multiply every gradient by a number."""
    if 0 < factor < 1e-36:                      # in float32 such a number has lost its digits
        rewrite_gradients("clip_grad_norm_", tensors, ng_update_scale, ldexp(factor, 64), 0.0)
        factor = ldexp(1.0, -64)
    rewrite_gradients("clip_grad_norm_", tensors, ng_update_scale, factor, 0.0)


def clamp_gradients(list tensors, double low, double high):
    """Limit every element of every gradient to [low, high]."""
    rewrite_gradients("clip_grad_value_", tensors, ng_update_clamp, low, high)


def change_dtypes(list parameters, dtype):
    """Cast parameters, and their gradients, in place: the objects stay. All of them or, where memory is short, none. Graphs that
    hold an old value cannot reach it any more."""
    cdef int kind = dtype_kind(dtype)
    cdef Parameter p
    cdef Tensor value
    cdef list casts = []
    for p in parameters:
        value = p.detach().astype(dtype)
        value.wants_grad = p.wants_grad
        if leaf_gradient(p) is not None:
            value.grad = p.grad.astype(dtype)        # makes the leaf's node, which becomes the parameter's
        casts.append(value)
    if converting():
        raise RuntimeError("astype: a parameter cannot be cast while an operation converts its arguments, which may be this parameter")
    for p in parameters:
        if p.kind != kind and is_read(p):
            raise RuntimeError(f"astype: a parameter of shape {p.shape} cannot be cast while an operation reads it")
    for p, value in zip(parameters, casts):          # from here on nothing can fail
        if p.kind == kind:
            continue
        if p.node is not None:
            p.node.released = True                   # a backward that reaches the old leaf raises
            p.node.weak_owner = NULL
        p.node = value.node
        if p.node is not None:
            p.node.weak_owner = <PyObject *>p
        p.kind = kind
        set_value(p, read_data(value))
