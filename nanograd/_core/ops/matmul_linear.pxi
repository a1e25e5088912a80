# SPDX-License-Identifier: LGPL-3.0-or-later
# The linear layer: one node with its bias and activation.

cdef double NEGATIVE_SLOPE = 0.01       # of leaky_relu, the one activation with a parameter; the others do not read it


@cython.final
@cython.no_gc
cdef class LinearNode(Node):
    """y (N, O) = op(z), z = x (N, I) @ w (O, I).T + b (O,). op -1: y = z."""
    cdef int op
    cdef int64_t rows, outputs, features
    cdef bint x_transposed, w_transposed         # how the saved operands lie: x (I, N), w (I, O)

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef int64_t rows = self.rows, outputs = self.outputs, features = self.features
        cdef Buffer dz = dy, dx, dw, db
        if self.op >= 0:
            dz = buffer_over(self, dy)
            check("linear", ng_unary_backward(self.kind, self.op, dz.data, dy.data, saved(self, SAVED_Z), saved(self, SAVED_Y),
                                              NEGATIVE_SLOPE, 0.0, self.count))
        if wants(run, self, 0):
            dx = input_buffer(self, 0)
            check("linear", ng_linear_backward_x(self.kind, dx.data, dz.data, saved(self, SAVED_W), self.w_transposed, rows, outputs,
                                                  features))
            give(run, self, 0, dx)
        if wants(run, self, 1):
            dw = input_buffer(self, 1)
            check("linear", ng_linear_backward_w(self.kind, dw.data, dz.data, saved(self, SAVED_X), self.x_transposed, rows, outputs,
                                                  features))
            give(run, self, 1, dw)
        if wants(run, self, 2):
            if rows == 1:
                db = dz
            else:
                db = input_buffer(self, 2)
                check("linear", ng_linear_backward_b(self.kind, db.data, dz.data, rows, outputs))
            give(run, self, 2, db)
        return 0


cdef int refuse_linear(Tensor x, Tensor w, Tensor b) except -1:
    cdef str given = f"(x {shape_tuple(x.rank, x.dims)}, weight {shape_tuple(w.rank, w.dims)})"
    if w.rank != 2:
        raise ShapeError(f"linear: weight must have two axes (out_features, in_features), got shape {shape_tuple(w.rank, w.dims)}")
    if x.rank == 0:
        raise ShapeError(f"linear: x must have at least one axis, its features {given}")
    if x.dims[x.rank - 1] != w.dims[1]:
        hint = ""
        if x.rank > 2 and x.count == x.dims[0] * w.dims[1]:
            hint = "; write x.flatten(1), or nn.Flatten() before the layer"
        elif x.rank == 4 and x.dims[1] == w.dims[1]:
            hint = "; write ng.global_avg_pool2d(x), or nn.GlobalAvgPool2d() before the layer"
        raise ShapeError(f"linear: weight expects {w.dims[1]} input features, got {x.dims[x.rank - 1]} {given}{hint}")
    raise ShapeError(f"linear: bias must have shape ({w.dims[0]},), got {shape_tuple(b.rank, b.dims)} {given}")


@public
def linear(x, weight, bias=None, activation=None):
    """Linear layer: ``y = activation(x @ weight.T + bias)``, in one node.

    Parameters
    ----------
    x : Tensor or array_like, shape (..., I)
    weight : Tensor or array_like, shape (O, I)
    bias : Tensor or array_like, shape (O,), optional
    {activation}

    Returns
    -------
    Tensor, shape (..., O)

    Raises
    ------
    ShapeError
        If x, weight and bias do not fit together.
    DTypeError
        If float32 and float64 mix.
    ValueError
        If the activation is unknown.

    Notes
    -----
    Kept for the gradient are x, weight, and either the output or the input of the activation, whichever its derivative reads.

    Examples
    --------
    >>> import nanograd as ng
    >>> w = ng.tensor([[1.0, 2.0], [-3.0, 4.0]], requires_grad=True)
    >>> y = ng.linear([[1.0, 0.5]], w, [0.5, 0.5], activation='relu')
    >>> y.numpy()
    array([[2.5, 0. ]], dtype=float32)
    >>> y.backward()
    >>> w.grad.numpy()
    array([[1. , 0.5],
           [0. , 0. ]], dtype=float32)
    """
    cdef int op = -1, kind, i, reads
    cdef bint keep
    cdef Tensor xt, wt, bt, out
    cdef Buffer xb, wb, bb = None, z = None
    cdef int64_t outputs, features, rows = 1
    cdef int64_t dims[8]
    cdef LinearNode node
    cdef bint grad, x_transposed = False, w_transposed
    if activation is not None:
        op = activation_of("linear", activation)
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor) and (bias is None or isinstance(bias, Tensor))):
        kind = common_kind("linear", x, weight)
        keep = grad_mode()
        if bias is not None:
            if not isinstance(x, Tensor) and not isinstance(weight, Tensor):
                kind = common_kind("linear", weight, bias)
            bias = as_tensor("linear", bias, kind, False)
        x = as_tensor("linear", x, kind, keep and ((isinstance(weight, Tensor) and (<Tensor>weight).wants_grad)))
        weight = as_tensor("linear", weight, kind, keep and (<Tensor>x).wants_grad)
    xt = <Tensor>x
    wt = <Tensor>weight
    bt = <Tensor>bias          # None stays None
    if xt.kind != wt.kind:
        common_kind("linear", xt, wt)
    if bt is not None and bt.kind != wt.kind:
        common_kind("linear", wt, bt)
    if wt.rank != 2 or xt.rank == 0 or xt.dims[xt.rank - 1] != wt.dims[1] or (bt is not None and (bt.rank != 1 or bt.dims[0] != wt.dims[0])):
        refuse_linear(xt, wt, bt)
    outputs = wt.dims[0]
    features = wt.dims[1]
    for i in range(xt.rank - 1):
        dims[i] = xt.dims[i]
        rows *= xt.dims[i]
    dims[xt.rank - 1] = outputs
    shape_size("linear", xt.rank, dims)
    out = new_tensor(xt.kind, xt.rank, dims)
    xb = read_stored(xt, &x_transposed) if xt.rank == 2 else read_data(xt)
    wb = read_stored(wt, &w_transposed)
    grad = (xt.wants_grad or wt.wants_grad or (bt is not None and bt.wants_grad)) and grad_mode()
    reads = NG.unary_info[op].reads if grad and op >= 0 else 0
    if reads & NG_READS_X:
        z = new_buffer(<size_t>out.count * ng_itemsize(out.kind))
    if bt is not None:
        bb = read_data(bt)
    check("linear", ng_linear_forward(out.kind, op, new_data(out), z.data if z is not None else NULL, xb.data, x_transposed,
                                      wb.data, w_transposed, bb.data if bb is not None else NULL, NEGATIVE_SLOPE, rows, outputs, features))
    if grad:
        node = LinearNode.__new__(LinearNode)
        node.n_inputs = 3
        node.op = op
        node.rows = rows
        node.outputs = outputs
        node.features = features
        node.x_transposed = x_transposed
        node.w_transposed = w_transposed
        if xt.wants_grad:
            set_input(node, 0, xt)
            save(node, SAVED_W, wb)
        if wt.wants_grad:
            set_input(node, 1, wt)
            save(node, SAVED_X, xb)
        if bt is not None and bt.wants_grad:
            set_input(node, 2, bt)
        save(node, SAVED_Z, z)
        if reads & NG_READS_Y:
            save(node, SAVED_Y, read_data(out))
        link(out, node)
    return out
