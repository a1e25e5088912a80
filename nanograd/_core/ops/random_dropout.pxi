# SPDX-License-Identifier: LGPL-3.0-or-later

@cython.final
@cython.no_gc
cdef class DropoutNode(Node):
    cdef double scale        # saved is a bit per element: whether it was kept

    cdef int backward(self, Buffer dy, Run run) except -1:
        cdef Buffer dx = buffer_over(self, dy)
        check("backward", ng_dropout_backward(self.kind, dx.data, <const uint64_t *>saved(self, SAVED_MAP), dy.data, self.scale, self.count))
        return give(run, self, 0, dx)


@public
def dropout(x, p=0.5, training=True, generator=None):
    """Set each element to 0 with probability `p`, and multiply the others by ``1 / (1 - p)``.

    Parameters
    ----------
    x : Tensor or array_like
    p : float, default 0.5
        In [0, 1].
    training : bool, default True
        If False, `x` is returned as it is.
    {generator}

    Returns
    -------
    Tensor, of the shape of `x`

    Raises
    ------
    ValueError
        If `p` is not in [0, 1].

    Notes
    -----
    One bit per element is kept for the gradient. Elements that are dropped become 0 even if they are NaN or inf. The probability is
    rounded to a multiple of 2**-32. N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.

    Examples
    --------
    >>> import nanograd as ng
    >>> _ = ng.manual_seed(0)
    >>> x = ng.ones(6, requires_grad=True)
    >>> y = ng.dropout(x, 0.5)
    >>> y.sum().backward()
    >>> x.grad.tolist() == y.tolist()
    True
    >>> ng.dropout(x, training=False) is x
    True
    """
    cdef Tensor t = as_tensor("dropout", x), out
    cdef Buffer xb = read_data(t), bits
    cdef DropoutNode node
    cdef size_t words = <size_t>((t.count + 63) // 64) * sizeof(uint64_t)
    cdef double probability = as_real("dropout", "p", p), threshold, scale
    if not 0 <= probability <= 1:
        raise ValueError(f"dropout: p must be in [0, 1], got {p}")
    if not as_flag("dropout", "training", training) or probability == 0:
        return t
    # An element is kept if its 32-bit word is larger than the threshold: never for p = 1.
    threshold = min(max(probability * 4294967296.0 + 0.5, 1.0), 4294967296.0) - 1.0
    scale = 1.0 / (1.0 - probability) if probability < 1 else 0.0
    out = new_tensor(t.kind, t.rank, t.dims)
    bits = new_buffer(words + sizeof(ng_stream))
    take_blocks("dropout", generator, ng_random_blocks(t.count, 64), <char *>bits.data + words)
    check("dropout", ng_dropout_forward(t.kind, new_data(out), <uint64_t *>bits.data, xb.data, <const ng_stream *>(<char *>bits.data + words),
                                        <uint32_t>threshold, scale, t.count))
    if needs_grad(t):
        node = DropoutNode.__new__(DropoutNode)
        save(node, SAVED_MAP, bits)
        node.scale = scale
        set_inputs(node, 1)
        set_input(node, 0, t)
        link(out, node)
    return out
