# SPDX-License-Identifier: LGPL-3.0-or-later
# The graph: nodes hold the nodes of their inputs and the buffers that their derivative reads.
#
# Inputs are raw pointers with references of their own, so that a node can see that nothing else holds an input (Cython
# takes a reference to look at an object field), and so that no collector support is generated: walking live graphs costs
# more than all of an op. No cycle can run through nodes, buffers and tensors: ownership points one way.

cdef int64_t _nodes_made = 0       # numbers nodes in the order of their creation
cdef PyObject *_dying = NULL       # nodes whose last holder died, threaded through next_dying
cdef bint _burying = False


cdef void drop_inputs(Node node) noexcept:
    """Let go of the inputs. Of a chain of a million nodes, each the last holder of the one before, the outermost dying
    node buries all in turn: recursion would overflow the stack."""
    global _dying, _burying
    cdef PyObject *input
    cdef int i, n = node.n_inputs
    node.n_inputs = 0
    for i in range(n):
        input = node.inputs[i]
        if input == NULL:
            continue
        node.inputs[i] = NULL
        if refcount(<void *>input) == 1:
            (<Node>input).next_dying = _dying
            _dying = input
        else:
            Py_DECREF(<object>input)
    if node.inputs != NULL and node.inputs != node.few:
        free(node.inputs)
    node.inputs = node.few
    if _dying == NULL or _burying:
        return
    _burying = True
    while _dying != NULL:
        input = _dying
        _dying = (<Node>input).next_dying
        (<Node>input).next_dying = NULL
        Py_DECREF(<object>input)
    _burying = False


cdef void drop_saved(Node node) noexcept:
    cdef PyObject *buffer
    cdef int i
    for i in range(5):
        buffer = node.kept[i]
        if buffer != NULL:
            node.kept[i] = NULL
            disown(&(<Buffer>buffer).owners)
            Py_DECREF(<object>buffer)


cdef inline int fill_slot(Node node, Buffer gradient) except -1:
    own(&gradient.owners)
    if node.slot is not None:
        disown(&node.slot.owners)
    node.slot = gradient
    return 0


cdef inline int empty_slot(Node node) except -1:
    if node.slot is not None:
        disown(&node.slot.owners)
        node.slot = None
    return 0


cdef int set_grad(LeafNode leaf, Buffer gradient) except -1:
    if gradient is not None:
        own(&gradient.owners)
    if leaf.grad is not None:
        disown(&leaf.grad.owners)
    leaf.grad = gradient
    return 0


@cython.no_gc
cdef class Node:
    """What made a tensor: the operation, its inputs' nodes, and what its derivative reads.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0], requires_grad=True)
    >>> ng.exp(x).grad_fn
    <exp>
    """

    def __cinit__(self):
        self.inputs = self.few

    def __init__(self):
        raise TypeError("a Node is made by an operation")

    def __dealloc__(self):
        if self.slot is not None:
            disown(&self.slot.owners)
        drop_saved(self)
        drop_inputs(self)

    @property
    def name(self):
        """The operation's name."""
        return node_name(self)

    def __repr__(self):
        return f"<{node_name(self)}>"

    cdef int backward(self, Buffer dy, Run run) except -1:
        raise NotImplementedError(f"{type(self).__name__} has no derivative")

    cdef str title(self):
        # LogSoftmaxNode -> log_softmax
        name = type(self).__name__.removesuffix("Node")
        return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))

    cdef int release(self) except -1:
        return 0

    cdef PyObject *carrier(self) noexcept:
        return NULL


cdef str node_name(Node node):
    if type(node) is UnaryNode:
        return NG_UNARY_NAME((<UnaryNode>node).op).decode()
    if isinstance(node, BinaryNode):
        return NG_BINARY_NAME((<BinaryNode>node).op).decode()
    return node.title()


@cython.final
@cython.no_gc
cdef class LeafNode(Node):
    """Where the gradient of a leaf arrives. A Parameter's hooks hang on the Parameter, which the collector knows."""

    def __dealloc__(self):
        if self.grad is not None:
            disown(&self.grad.owners)


cdef class NodeExtra(Carrier):
    """What few nodes have: hooks, and the gradient of a tensor that called retain_grad()."""

    def __cinit__(self):
        self.hooks = {}

    cdef int forget(self) except -1:
        cdef dict hooks = self.hooks
        self.hooks = {None: forgotten_hook}
        hooks.clear()            # not only dropped: a handle may hold it
        return 0


cdef NodeExtra node_extra(Node node):
    cdef NodeExtra extra
    if node.extra is None:
        extra = NodeExtra.__new__(NodeExtra)
        enlist(extra)
        node.extra = extra
    return <NodeExtra>node.extra


cdef LeafNode leaf_node(Tensor leaf):
    """The node of a leaf, made at first use. It lives and dies with the leaf, or with the graphs that refer to it."""
    global _nodes_made
    cdef LeafNode node
    cdef int i
    if leaf.node is None:
        node = LeafNode.__new__(LeafNode)
        node.kind = leaf.kind
        node.rank = leaf.rank
        node.count = leaf.count
        for i in range(leaf.rank):
            node.dims[i] = leaf.dims[i]
        _nodes_made += 1
        node.number = _nodes_made
        node.unwanted = not leaf.wants_grad
        if isinstance(leaf, Parameter):
            node.weak_owner = <PyObject *>leaf
        leaf.node = node
    return <LeafNode>leaf.node


cdef int set_inputs(Node node, int n) except -1:
    cdef PyObject **inputs
    if n > 3:
        inputs = <PyObject **>malloc(n * sizeof(PyObject *))
        if inputs == NULL:
            raise MemoryError()
        memset(inputs, 0, n * sizeof(PyObject *))
        node.inputs = inputs
    node.n_inputs = n
    return 0


cdef int set_input(Node node, int i, Tensor t) except -1:
    if t.node is None:
        leaf_node(t)
    Py_INCREF(t.node)
    node.inputs[i] = <PyObject *>t.node
    return 0


cdef int link(Tensor out, Node node) except -1:
    global _nodes_made
    cdef int i
    _nodes_made += 1
    node.number = _nodes_made
    node.kind = out.kind
    node.rank = out.rank
    node.count = out.count
    for i in range(out.rank):
        node.dims[i] = out.dims[i]
    out.node = node
    out.wants_grad = True
    return 0


cdef Buffer leaf_gradient(Tensor leaf):
    if type(leaf.node) is LeafNode:
        return (<LeafNode>leaf.node).grad
    return None


cdef Tensor node_tensor(Node node, Buffer buffer):
    """A tensor without history with the dtype and shape of a node's output: how hooks see a gradient."""
    return wrap_buffer(buffer, node.kind, node.rank, node.dims)


cdef Buffer gradient_buffer(str op, object gradient, int kind, int rank, const int64_t *dims):
    """The buffer of a gradient that came from a user, checked; a copy unless it is a whole block of ours."""
    cdef Tensor t = as_tensor(op, gradient, kind, False)
    cdef int i
    cdef bint same = t.rank == rank
    for i in range(rank if same else 0):
        same = same and t.dims[i] == dims[i]
    if not same:
        raise ShapeError(f"{op}: the gradient has shape {shape_tuple(t.rank, t.dims)}, the tensor {shape_tuple(rank, dims)}")
    return whole_buffer(t)


cdef Buffer copied_buffer(Tensor t):
    cdef Buffer source = read_data(t), buffer = new_buffer(<size_t>t.count * ng_itemsize(t.kind))
    check("copy", ng_copy(t.kind, buffer.data, source.data, t.count))
    return buffer


cdef Buffer whole_buffer(Tensor t):
    cdef Buffer buffer = read_data(t)
    return buffer if buffer.nbytes != 0 else copied_buffer(t)
