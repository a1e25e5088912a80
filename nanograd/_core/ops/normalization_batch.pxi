# SPDX-License-Identifier: LGPL-3.0-or-later
# Batch normalisation, over channels.

@cython.final
@cython.no_gc
cdef class BatchNormNode(Node):
    """Inputs: x, weight, bias."""
    cdef int op                  # of the activation, -1: none
    cdef bint frozen
    cdef double eps
    cdef int64_t N, C, run

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dweight = input_buffer(run, self, 1), dbias = input_buffer(run, self, 2)
        cdef Buffer dz = dy
        cdef Buffer dx = None
        if self.op >= 0:
            dz = buffer_over(self, dy)
        if wants(run, self, 0):
            dx = dz if self.op >= 0 else buffer_over(self, dy)
        check("batch_norm", ng_batch_norm_backward(self.kind, self.op, dz.data, data_of(dx), data_of(dweight), data_of(dbias), dy.data,
                                                   saved(self, SAVED_X), saved(self, SAVED_Z), saved(self, SAVED_Y), saved(self, SAVED_W),
                                                   saved(self, SAVED_SUMS), NEGATIVE_SLOPE, self.N, self.C, self.run, self.eps, self.frozen))
        return give_all(run, self, dx, dweight, dbias)


cdef int update_running(Tensor running, const double *statistic, double momentum, double factor) except -1:
    """running = (1 - momentum) * running + momentum * factor * statistic: a new value, in place if nobody else holds the old."""
    cdef bint alone = holds_alone(running)
    cdef Buffer old = read_data(running)
    cdef Buffer new = old if alone else new_buffer(<size_t>running.count * ng_itemsize(running.kind))
    check("batch_norm", ng_batch_norm_running(running.kind, new.data, old.data, statistic, 1 - momentum, momentum * factor, running.count))
    return 0 if alone else set_value(running, new)


cdef Tensor running_of(str name, object value, Tensor x, int64_t channels, bint updated):
    cdef Tensor t
    cdef int64_t dims[1]
    dims[0] = channels
    if value is None:
        return None
    if updated and not isinstance(value, Tensor):
        raise TypeError(f"batch_norm: {name} must be a tensor, since training gives it a new value, got {type(value).__name__}")
    t = scales("batch_norm", name, value, x, 1, dims)
    if updated and t.wants_grad:
        raise TypeError(f"batch_norm: {name} is given new values and cannot require a gradient")
    return t


@public
def batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5,
               activation=None):
    """Batch normalisation (Ioffe and Szegedy 2015): each channel over the batch and all positions.

    ``y = activation((x - mean) / sqrt(var + eps) * weight + bias)``.

    Parameters
    ----------
    x : Tensor, shape (N, C) or (N, C, ...)
        The second axis always holds the channels: with three axes x is a batch of sequences (N, C, L), as in PyTorch, and never one
        image (C, H, W). For that write ``x.unsqueeze(0)``; :class:`nanograd.nn.BatchNorm2d` takes it as it is.
    running_mean, running_var : Tensor, shape (C,), optional
        With ``training=False``, the statistics to normalise by; both are needed then. With ``training=True`` they are given new values,
        ``(1 - momentum) * running + momentum * batch``, with the unbiased variance, as in PyTorch.
    weight, bias : Tensor, shape (C,), optional
    training : bool, default False
        Whether to normalise by the mean and the biased variance of this batch, through which gradients flow.
    momentum : float, default 0.1
    eps : float, default 1e-5
    {activation}

    Returns
    -------
    Tensor, of x's shape

    Raises
    ------
    ShapeError
        If x has no channel axis, another argument does not fit it, or there is only one value per channel in training.
    DTypeError
        If float32 and float64 mix.
    TypeError
        If running statistics that get new values are not tensors, or require a gradient.
    ValueError
        If running statistics are missing with ``training=False``, eps is negative, or the activation is unknown.

    Examples
    --------
    >>> import nanograd as ng
    >>> mean, var = ng.zeros(1), ng.ones(1)
    >>> x = ng.tensor([[1.0], [3.0]], requires_grad=True)
    >>> y = ng.batch_norm(x, mean, var, training=True, eps=0.0)
    >>> y.tolist(), mean.numpy().round(2).tolist(), var.numpy().round(2).tolist()
    ([[-1.0], [1.0]], [0.20000000298023224], [1.100000023841858])
    >>> (y * [[1.0], [2.0]]).sum().backward()
    >>> x.grad.tolist()
    [[0.0], [0.0]]
    """
    cdef Tensor tx = as_tensor("batch_norm", x, -1, True)
    cdef Tensor tw, tb, tm, tv, out
    cdef Buffer xb = read_data(tx)
    cdef Buffer wb, bb, statistics, mean, var
    cdef Buffer moments = None
    cdef Buffer z = None
    cdef BatchNormNode node
    cdef int64_t dims[1]
    cdef int64_t N, C, run = 1
    cdef int64_t i
    cdef int op = -1, reads = 0
    cdef bint graph, train = as_flag("batch_norm", "training", training)
    cdef double epsilon = checked_eps("batch_norm", eps), rate = as_real("batch_norm", "momentum", momentum)
    if tx.rank < 2:
        raise ShapeError(f"batch_norm: x must be (N, C) or (N, C, ...), got shape {shape_tuple(tx.rank, tx.dims)}")
    N = tx.dims[0]
    C = tx.dims[1]
    for i in range(2, tx.rank):
        run *= tx.dims[i]
    dims[0] = C
    tm = running_of("running_mean", running_mean, tx, C, train)
    tv = running_of("running_var", running_var, tx, C, train)
    tw = scales("batch_norm", "weight", weight, tx, 1, dims)
    tb = scales("batch_norm", "bias", bias, tx, 1, dims)
    op = activation_of("batch_norm", activation)
    if op >= 0:
        reads = NG.unary_info[op].reads
    if train and N * run <= 1:
        raise ShapeError(f"batch_norm: training needs more than one value per channel, got shape {shape_tuple(tx.rank, tx.dims)}; write "
                         f"model.eval() for single samples")
    if not train and (tm is None or tv is None):
        raise ValueError("batch_norm: training=False needs running_mean and running_var")
    wb = None if tw is None else read_data(tw)
    bb = None if tb is None else read_data(tb)
    statistics = new_buffer(<size_t>(3 * C) * ng_itemsize(tx.kind))
    if not train:
        mean, var = read_data(tm), read_data(tv)
        check("batch_norm", ng_batch_norm_frozen(tx.kind, statistics.data, mean.data, var.data, C, epsilon))
    elif tm is not None or tv is not None:
        moments = new_buffer(<size_t>(2 * C) * sizeof(double))
    out = new_tensor(tx.kind, tx.rank, tx.dims)
    graph = wants_graph(tx, tw, tb)
    if graph and reads & NG_READS_X:
        z = new_buffer(<size_t>out.count * ng_itemsize(out.kind))
    check("batch_norm", ng_batch_norm_forward(tx.kind, op, new_data(out), data_of(z), statistics.data, <double *>data_of(moments),
                                              xb.data, data_of(wb), data_of(bb), NEGATIVE_SLOPE, N, C, run, epsilon, not train))
    if graph:
        node = BatchNormNode.__new__(BatchNormNode)
        set_all(node, tx, tw, tb)
        save(node, SAVED_X, xb)
        save(node, SAVED_W, wb)
        save(node, SAVED_SUMS, statistics)
        node.eps = epsilon
        save(node, SAVED_Z, z)
        if reads & NG_READS_Y:
            save(node, SAVED_Y, read_data(out))
        node.op = op
        node.frozen = not train
        node.N = N
        node.C = C
        node.run = run
        link(out, node)
    if train:
        if tm is not None:
            update_running(tm, <double *>moments.data, rate, 1.0)
        if tv is not None:
            update_running(tv, <double *>moments.data + C, rate, <double>(N * run) / <double>(N * run - 1))
    return out
