# SPDX-License-Identifier: LGPL-3.0-or-later
# Elementwise operations. Their formulas and derivatives are lines of csrc/ops_unary.def and csrc/ops_binary.def; one unary
# and one binary node serve them all. Their functions are in ops/elementwise.pyx and ops/activation.pyx.

cdef inline const char *NG_UNARY_NAME(int op) noexcept:
    return NG.unary_info[op].name


cdef inline const char *NG_BINARY_NAME(int op) noexcept:
    return NG.binary_info[op].name


# What linear, conv and batch_norm fuse.
cdef dict ACTIVATIONS = {NG.unary_info[i].name.decode(): i for i in range(NG_UNARY_COUNT) if NG.unary_info[i].is_activation}


cdef int activation_of(str op, object activation) except -2:
    if activation is None:
        return -1
    found = ACTIVATIONS.get(activation) if isinstance(activation, str) else None
    if found is None:
        from nanograd.nn.activation import meant
        raise ValueError(f"{op}: activation must be None or one of {', '.join(map(repr, ACTIVATIONS))}, got {shown(activation)}"
                         + meant(activation, ACTIVATIONS))
    return found


# ---- one operand --------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class UnaryNode(Node):
    cdef int op
    cdef double p, q

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        check("backward", ng_unary_backward(self.kind, self.op, dx.data, dy.data, saved(self, SAVED_X), saved(self, SAVED_Y), self.p,
                                            self.q, self.count))
        return give(run, self, 0, dx)


cdef Tensor unary(int op, object operand, double p=0, double q=0):
    cdef Tensor x
    cdef Tensor out
    cdef Buffer xb
    cdef UnaryNode node
    cdef int reads
    if isinstance(operand, Tensor):
        x = <Tensor>operand
    else:
        x = as_tensor(NG_UNARY_NAME(op).decode(), operand, -1, False)
    out = like(x)
    xb = read_data(x)
    check("unary", ng_unary_forward(x.kind, op, new_data(out), xb.data, p, q, x.count))
    if needs_grad(x):
        node = UnaryNode.__new__(UnaryNode)
        node.op = op
        node.p = p
        node.q = q
        node.n_inputs = 1
        set_input(node, 0, x)
        reads = NG.unary_info[op].reads
        if reads & NG_READS_X:
            save(node, SAVED_X, xb)
        if reads & NG_READS_Y:
            save(node, SAVED_Y, read_data(out))
        link(out, node)
    return out


# ---- two operands -------------------------------------------------------------------------------

@cython.no_gc
cdef class BinaryNode(Node):
    """Both operands of the output's shape, or one of them a number."""
    cdef int op
    cdef double a_scalar, b_scalar

    cdef int backward(self, Buffer dy, Run run) except -1:
        # The second operand first, so that the first one's gradient may be written over dy. Asked once: another thread may freeze
        # a leaf while a kernel runs.
        cdef bint first = wants(run, self, 0)
        if wants(run, self, 1):
            give(run, self, 1, binary_gradient(self, dy, NG_DB, not first))
        if first:
            give(run, self, 0, binary_gradient(self, dy, NG_DA, True))
        return 0


@cython.final
@cython.no_gc
cdef class BroadcastNode(BinaryNode):
    """Operands of different shapes: the gradient is made in the output's shape, and summed to the operand's."""
    cdef int64_t a_strides[8]
    cdef int64_t b_strides[8]

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef bint first = wants(run, self, 0)
        if wants(run, self, 1):
            give_summed(run, self, 1, binary_gradient(self, dy, NG_DB, not first))
        if first:
            give_summed(run, self, 0, binary_gradient(self, dy, NG_DA, True))
        return 0


cdef Buffer binary_gradient(BinaryNode self, Buffer dy, int which, bint last):
    """da or db in the output's shape: dy itself where the derivative is 1, over dy where nobody else reads it."""
    cdef Buffer out
    if (NG.binary_info[self.op].hands_dy_on >> which) & 1:
        return dy
    out = buffer_over(self, dy) if last else new_buffer(<size_t>self.count * ng_itemsize(self.kind))
    if type(self) is BroadcastNode:
        check("backward", ng_binary_broadcast_backward(
            self.kind, self.op, which, out.data, dy.data, saved(self, SAVED_A), saved(self, SAVED_B), saved(self, SAVED_Y), self.rank,
            self.dims, (<BroadcastNode>self).a_strides, (<BroadcastNode>self).b_strides))
    else:
        check("backward", ng_binary_backward(self.kind, self.op, which, out.data, dy.data, saved(self, SAVED_A),
                                             saved(self, SAVED_B), saved(self, SAVED_Y), self.a_scalar, self.b_scalar, self.count))
    return out


cdef int give_summed(Run run, Node node, int i, Buffer gradient) except -1:
    cdef Node target = <Node>node.inputs[i]
    return give(run, node, i, sum_to_shape(gradient, node.kind, node.rank, node.dims, target.rank, target.dims))


cdef int save_binary(BinaryNode node, int op, Tensor out, Tensor a, Buffer ab, Tensor b, Buffer bb) except -1:
    """Inputs of the node, and what the derivatives that are wanted read. a or b is None for a number."""
    cdef int reads = 0
    node.op = op
    node.n_inputs = 2
    if a is not None and a.wants_grad:
        set_input(node, 0, a)
        reads |= NG.binary_info[op].reads_da
    if b is not None and b.wants_grad:
        set_input(node, 1, b)
        reads |= NG.binary_info[op].reads_db
    if reads & NG_READS_A:
        save(node, SAVED_A, ab)
    if reads & NG_READS_B:
        save(node, SAVED_B, bb)
    if reads & NG_READS_OUT:
        save(node, SAVED_Y, read_data(out))
    return link(out, node)


cdef Tensor binary_tensors(int op, Tensor a, Tensor b):
    cdef Tensor out
    cdef Buffer ab = read_data(a), bb = read_data(b)
    cdef BinaryNode node
    if a.kind != b.kind:
        common_kind(NG_BINARY_NAME(op).decode(), a, b)
    if not same_shape(a, b):
        return binary_broadcast(op, a, b)
    out = like(a)
    check("binary", ng_binary_forward(a.kind, op, new_data(out), ab.data, bb.data, 0.0, 0.0, a.count))
    if (a.wants_grad or b.wants_grad) and grad_mode():
        node = BinaryNode.__new__(BinaryNode)
        save_binary(node, op, out, a, ab, b, bb)
    return out


cdef Tensor binary_broadcast(int op, Tensor a, Tensor b):
    cdef int64_t dims[8]
    cdef int64_t a_strides[8]
    cdef int64_t b_strides[8]
    cdef Buffer ab = read_data(a), bb = read_data(b)
    cdef BroadcastNode node
    cdef int rank = broadcast_shapes(NG_BINARY_NAME(op).decode(), a.rank, a.dims, b.rank, b.dims, dims)
    shape_size(NG_BINARY_NAME(op).decode(), rank, dims)
    cdef Tensor out = new_tensor(a.kind, rank, dims)
    ng_broadcast_strides(rank, a.rank, a.dims, a_strides)
    ng_broadcast_strides(rank, b.rank, b.dims, b_strides)
    check("binary", ng_binary_broadcast(a.kind, op, new_data(out), ab.data, bb.data, rank, dims, a_strides, b_strides))
    if (a.wants_grad or b.wants_grad) and grad_mode():
        node = BroadcastNode.__new__(BroadcastNode)
        memcpy(node.a_strides, a_strides, sizeof(a_strides))
        memcpy(node.b_strides, b_strides, sizeof(b_strides))
        save_binary(node, op, out, a, ab, b, bb)
    return out


cdef Tensor binary_number(int op, Tensor x, double number, bint number_first):
    cdef Tensor out = like(x)
    cdef Buffer xb = read_data(x)
    cdef BinaryNode node
    if number_first:
        check("binary", ng_binary_forward(x.kind, op, new_data(out), NULL, xb.data, number, 0.0, x.count))
    else:
        check("binary", ng_binary_forward(x.kind, op, new_data(out), xb.data, NULL, 0.0, number, x.count))
    if needs_grad(x):
        node = BinaryNode.__new__(BinaryNode)
        if number_first:
            node.a_scalar = number
            save_binary(node, op, out, None, None, x, xb)
        else:
            node.b_scalar = number
            save_binary(node, op, out, x, xb, None, None)
    return out


cdef Tensor binary(int op, object a, object b):
    cdef str name
    cdef int kind
    cdef Tensor ta, tb
    if isinstance(a, Tensor):
        if isinstance(b, Tensor):
            return binary_tensors(op, <Tensor>a, <Tensor>b)
        if is_number(b):
            return binary_number(op, <Tensor>a, float(b), False)
    elif isinstance(b, Tensor) and is_number(a):
        return binary_number(op, <Tensor>b, float(a), True)
    name = NG_BINARY_NAME(op).decode()
    kind = common_kind(name, a, b)
    ta = as_tensor(name, a, kind, isinstance(b, Tensor) and needs_grad(<Tensor>b))
    tb = as_tensor(name, b, kind, isinstance(a, Tensor) and needs_grad(<Tensor>a))
    return binary_tensors(op, ta, tb)


cdef inline object binary_operator(int op, object a, object b):
    """For the operators: NotImplemented where one side is nothing that we know."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return binary_tensors(op, <Tensor>a, <Tensor>b)
    if not (is_operand(a) and is_operand(b)):
        return not_an_operand(b if isinstance(a, Tensor) else a, isinstance(a, Tensor))
    return binary(op, a, b)


cdef object power(object a, object b):
    """a ** b, by the cheaper op for the exponents that are common; a number that is one stays an exact one."""
    cdef double p
    if isinstance(a, Tensor) and is_number(b):
        p = float(b)
        if p == 2:
            return unary(NG_UNARY_square, a)
        if p == 1:
            return binary_number(NG_BINARY_mul, <Tensor>a, 1.0, False)
        if p == -1:
            return binary_number(NG_BINARY_div, <Tensor>a, 1.0, True)
        if p == 0.5:
            return unary(NG_UNARY_sqrt, a)
        if p != 0 and -64 <= p <= 64 and p * 2 == <int>(p * 2):
            return unary(NG_UNARY_pow, a, p)
        return binary_number(NG_BINARY_pow, <Tensor>a, p, False)
    return binary(NG_BINARY_pow, a, b)
