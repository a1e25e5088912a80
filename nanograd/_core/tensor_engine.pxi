# SPDX-License-Identifier: LGPL-3.0-or-later
# Backward. The gradient of a node's output gathers in the node's slot; a node enters the queue when its slot goes from
# empty to filled; the youngest node of the queue is always next, so that all its consumers, which are younger, have
# contributed. Leaves wait aside: at the end of the run their slots are added into .grad, all of them or none.

cdef int64_t _runs_made = 0


@cython.final
@cython.no_gc
cdef class Run:
    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.heap_size):
            Py_DECREF(<object>self.heap[i])
        free(self.heap)


cdef int push(Run run, Node node) except -1:
    """Put a node into the heap, youngest first. The heap owns a reference: the graph may be freed under it."""
    cdef Py_ssize_t i, parent
    cdef PyObject **heap
    if run.heap_size == run.heap_capacity:
        heap = <PyObject **>realloc(run.heap, (2 * run.heap_capacity + 16) * sizeof(PyObject *))
        if heap == NULL:
            raise MemoryError()
        run.heap = heap
        run.heap_capacity = 2 * run.heap_capacity + 16
    i = run.heap_size
    run.heap_size += 1
    while i > 0:
        parent = (i - 1) >> 1
        if (<Node>run.heap[parent]).number >= node.number:
            break
        run.heap[i] = run.heap[parent]
        i = parent
    Py_INCREF(node)
    run.heap[i] = <PyObject *>node
    return 0


cdef Node pop(Run run):
    cdef PyObject *top = run.heap[0]
    cdef PyObject *last
    cdef Py_ssize_t i = 0, child
    run.heap_size -= 1
    last = run.heap[run.heap_size]
    while True:
        child = 2 * i + 1
        if child >= run.heap_size:
            break
        if child + 1 < run.heap_size and (<Node>run.heap[child + 1]).number > (<Node>run.heap[child]).number:
            child += 1
        if (<Node>last).number >= (<Node>run.heap[child]).number:
            break
        run.heap[i] = run.heap[child]
        i = child
    if run.heap_size > 0:
        run.heap[i] = last
    cdef Node node = <Node>top
    Py_DECREF(node)
    return node


cdef Buffer sum_of(Node node, Buffer a, Buffer b):
    cdef Buffer out = new_buffer(<size_t>node.count * ng_itemsize(node.kind))
    check("add", ng_binary_forward(node.kind, NG_BINARY_add, out.data, a.data, b.data, 0.0, 0.0, node.count))
    return out


cdef int add_foreign(Run run, Node leaf, Buffer gradient) except -1:
    """A leaf whose slot another run (another thread, or a backward inside a hook) holds: gather in this run's own dict."""
    cdef Buffer held
    if run.foreign is None:
        run.foreign = {}
    held = run.foreign.get(leaf)
    if held is None:
        run.leaves.append(leaf)
        run.foreign[leaf] = gradient
    else:
        run.foreign[leaf] = sum_of(leaf, held, gradient)
    return 0


cdef int arrive(Run run, Node target, Buffer gradient) except -1:
    """The first contribution to a slot."""
    if type(target) is LeafNode:
        if target.released:         # Module.astype gave the parameter another node
            raise GraphError("backward: a parameter was cast to another dtype after the graph was made: compute the graph again")
        if run.foreign is not None and target in run.foreign:
            return add_foreign(run, target, gradient)
        target.slot = gradient
        run.leaves.append(target)
    else:
        push(run, target)
        target.slot = gradient
    target.run = run.id
    return 0


cdef int refuse(Run run, Node target) except -1:
    raise GraphError(f"backward: node {node_name(target)} is in another backward pass: one graph can run in one at a time")


cdef int give(Run run, Node node, int i, Buffer gradient) except -1:
    return give_node(run, <Node>node.inputs[i], gradient)


cdef int give_node(Run run, Node target, Buffer gradient) except -1:
    if target.slot is None:
        return arrive(run, target, gradient)
    if target.run != run.id:
        if type(target) is LeafNode:
            return add_foreign(run, target, gradient)
        return refuse(run, target)
    # <void *> so that no reference is taken: is the slot the only holder?
    if target.slot.nbytes != 0 and refcount(<void *>target.slot) == 1:
        return check("add", ng_accumulate(target.kind, target.slot.data, gradient.data, target.count))
    target.slot = sum_of(target, target.slot, gradient)
    return 0


cdef int give_part(Run run, Node node, int i, Buffer part, int64_t offset, int64_t count) except -1:
    cdef Node target = <Node>node.inputs[i]
    cdef Buffer whole
    cdef size_t itemsize = ng_itemsize(target.kind)
    if target.slot is None:
        whole = zero_buffer(target.kind, target.count)
        check("slice", ng_copy(target.kind, <char *>whole.data + offset * itemsize, part.data, count))
        return arrive(run, target, whole)
    if target.run != run.id:
        if type(target) is not LeafNode:
            return refuse(run, target)
        whole = zero_buffer(target.kind, target.count)
        check("slice", ng_copy(target.kind, <char *>whole.data + offset * itemsize, part.data, count))
        return add_foreign(run, target, whole)
    if not (target.slot.nbytes != 0 and refcount(<void *>target.slot) == 1):
        whole = new_buffer(<size_t>target.count * itemsize)
        check("slice", ng_copy(target.kind, whole.data, target.slot.data, target.count))
        target.slot = whole
        whole = None
    return check("slice", ng_accumulate(target.kind, <char *>target.slot.data + offset * itemsize, part.data, count))


cdef Run new_run(bint retain_graph):
    global _runs_made
    cdef Run run = Run.__new__(Run)
    _runs_made += 1
    run.id = _runs_made
    run.retain_graph = retain_graph
    run.leaves = []
    return run


cdef Buffer run_hooks(dict hooks, Node node, Buffer gradient):
    """The gradient after every hook has seen it: a hook may return another. Grad mode is off inside."""
    cdef int before
    for hook in list(hooks.values()):
        before = ng_grad_enabled()[0]
        ng_grad_enabled()[0] = 0
        try:
            answer = hook(node_tensor(node, gradient))
        finally:
            ng_grad_enabled()[0] = before
        if answer is not None:
            gradient = gradient_buffer("hook", answer, node.kind, node.rank, node.dims)
    return gradient


cdef Buffer leaf_hooks(LeafNode leaf, Buffer gradient):
    if leaf.weak_owner != NULL and (<Parameter>leaf.weak_owner).hooks is not None:
        return run_hooks((<Parameter>leaf.weak_owner).hooks, leaf, gradient)
    if leaf.extra is not None:
        return run_hooks((<NodeExtra>leaf.extra).hooks, leaf, gradient)
    return gradient


cdef int step_back(Run run, Node node, Buffer dy) except -1:
    """One node: hooks, captured and retained gradients, its derivative, and its release."""
    cdef NodeExtra extra
    if node.extra is not None:
        extra = <NodeExtra>node.extra
        dy = run_hooks(extra.hooks, node, dy)
        if extra.retains and run.captures is None:
            run.retained.append((node, dy))
    if run.captures is not None and node in run.captures:
        capture(run, node, dy)
    if node.released:
        raise GraphError(f"backward: the graph is freed at node {node_name(node)}; it is freed as a backward pass goes: write "
                         f"backward(retain_graph=True) in the pass before")
    if node.running:
        return refuse(run, node)
    node.running = True
    node.backward(dy, run)
    node.running = False
    if not run.retain_graph:
        node.released = True
        node.release()
        drop_inputs(node)
        if node.extra is not None:
            if (<NodeExtra>node.extra).retains:
                (<NodeExtra>node.extra).hooks = {}
            else:
                node.extra = None
    return 0


cdef int execute(Run run) except -1:
    """Run the queue empty. On any exception no slot keeps anything, and no .grad has changed."""
    cdef Node node = None
    cdef Buffer dy
    cdef int64_t steps = 0
    try:
        while run.heap_size != 0:
            node = pop(run)
            dy = node.slot
            node.slot = None
            step_back(run, node, dy)
            steps += 1
            if steps & 255 == 0:
                PyErr_CheckSignals()
        finish(run)
    except:
        if node is not None:
            node.running = False
        empty_slots(run)
        raise
    return 0


cdef int empty_slots(Run run) except -1:
    """After an error: nothing of this run stays in the graph."""
    cdef Node node
    while run.heap_size != 0:
        pop(run).slot = None
    for node in run.leaves:
        if node.run == run.id:
            node.slot = None
    return 0


cdef int capture(Run run, Node node, Buffer gradient) except -1:
    for position in run.captures[node]:
        run.captured[position] = gradient
    return 0


cdef int finish(Run run) except -1:
    """Hand the leaves their gradients. First all that may fail (hooks, memory), then all of .grad."""
    cdef LeafNode leaf
    cdef Buffer gradient, old
    cdef list gradients = []
    for leaf in run.leaves:
        if leaf.run == run.id and (run.foreign is None or leaf not in run.foreign):
            gradient = leaf.slot
            leaf.slot = None
        else:
            gradient = run.foreign[leaf]
        gradients.append(leaf_hooks(leaf, gradient))
    if run.captures is not None:
        for leaf, gradient in zip(run.leaves, gradients):
            if leaf in run.captures:
                capture(run, leaf, gradient)
        if not run.accumulates:
            return 0
        pairs = [(leaf, gradient) for leaf, gradient in zip(run.leaves, gradients) if leaf in run.captures]
        run.leaves = [leaf for leaf, _ in pairs]
        gradients = [gradient for _, gradient in pairs]
    gradient = None
    # .grad that somebody else holds cannot be added to in place: make what would need memory now.
    cdef Py_ssize_t i, n = len(gradients)
    cdef list copies = [None] * n
    for i in range(n):
        leaf = run.leaves[i]
        if leaf.grad is not None and not (leaf.grad.nbytes != 0 and refcount(<void *>leaf.grad) == 1):
            copies[i] = sum_of(leaf, leaf.grad, gradients[i])
    for i in range(n):
        leaf = run.leaves[i]
        if copies[i] is not None:
            leaf.grad = copies[i]
            copies[i] = None
            continue
        gradient = gradients[i]
        gradients[i] = None
        add_to_leaf(leaf, gradient)
    if run.retained is not None:
        for node, gradient in run.retained:
            add_retained(node, gradient)
    return 0


cdef int add_to_leaf(LeafNode leaf, Buffer gradient) except -1:
    """leaf.grad += gradient. The old gradient is taken out meanwhile; if another thread refilled it, again."""
    cdef Buffer old
    while True:
        old = leaf.grad
        leaf.grad = None
        if old is None:
            leaf.grad = gradient
            return 0
        if is_sole(old):
            check("add", ng_accumulate(leaf.kind, old.data, gradient.data, leaf.count))
            gradient = old
        else:
            gradient = sum_of(leaf, old, gradient)
        old = None
        if leaf.grad is None:
            leaf.grad = gradient
            return 0


cdef int add_retained(Node node, Buffer gradient) except -1:
    cdef NodeExtra extra = node_extra(node)
    extra.retained = gradient if extra.retained is None else sum_of(node, extra.retained, gradient)
    return 0


cdef int differentiable(str op, Tensor t) except -1:
    if not t.wants_grad:
        raise GraphError(f"{op}: nothing to differentiate: the tensor does not require a gradient and no graph leads to it; "
                         f"make its inputs with requires_grad=True, outside of no_grad()")
    return 0


cdef Buffer seed(str op, Tensor output, object gradient):
    cdef Buffer ones
    if gradient is not None:
        return gradient_buffer(op, gradient, output.kind, output.rank, output.dims)
    ones = new_buffer(<size_t>output.count * ng_itemsize(output.kind))
    check(op, ng_fill(output.kind, ones.data, 1.0, output.count))
    return ones


cdef Node node_of(Tensor t):
    if t.node is None:
        leaf_node(t)
    return t.node


cdef dict capture_positions(str op, list inputs):
    cdef dict captures = {}
    for position, x in enumerate(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"{op}: inputs must be tensors, got {type(x).__name__}")
        differentiable(op, x)
        captures.setdefault(node_of(x), []).append(position)
    return captures


cdef int run_backward(Tensor output, object gradient, object retain_graph, object inputs) except -1:
    cdef Run run = new_run(as_flag("backward", "retain_graph", retain_graph))
    cdef Tensor x
    cdef Node node
    differentiable("backward", output)
    node = node_of(output)
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not inputs:
            raise ValueError("backward: inputs is empty; leave it out to reach every leaf")
        run.captures = capture_positions("backward", inputs)
        run.captured = [None] * len(inputs)
        run.accumulates = True
    run.retained = []
    give_node(run, node, seed("backward", output, gradient))
    execute(run)
    if inputs is not None:
        for position, x in enumerate(inputs):
            if type(x.node) is not LeafNode and run.captured[position] is not None:
                (<NodeExtra>node_extra(x.node)).retains = True
                add_retained(x.node, run.captured[position])
    return 0


def grad(outputs, inputs, grad_outputs=None, retain_graph=False, allow_unused=False):
    """Gradients of outputs with respect to inputs, returned instead of added into ``.grad``.

    Computes ``sum_k <grad_outputs[k], d outputs[k] / d inputs[i]>`` for every ``i``.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated.
    inputs : Tensor or sequence of Tensor
        With respect to what: leaves or intermediate results.
    grad_outputs : array_like or sequence, optional
        A gradient for each output, of its shape; None stands for ones.
    retain_graph : bool, default False
        Keep the graph for another pass.
    allow_unused : bool, default False
        Return None for an input that the outputs do not depend on, instead of raising.

    Returns
    -------
    tuple of Tensor
        One per input, of its shape and dtype.

    Raises
    ------
    GraphError
        If an input is not used, an output has no graph, or the graph is freed.
    ShapeError
        If a gradient has another shape than its output.

    Examples
    --------
    >>> import nanograd as ng
    >>> x = ng.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * x
    >>> ng.grad(y, x)
    (tensor([2., 4.], dtype=float32),)
    >>> x.grad is None
    True
    """
    cdef Run run
    cdef Tensor t
    cdef list roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    cdef list targets = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    cdef list seeds
    if grad_outputs is None:
        seeds = [None] * len(roots)
    elif isinstance(outputs, Tensor) and not isinstance(grad_outputs, (list, tuple)):
        seeds = [grad_outputs]
    else:
        seeds = list(grad_outputs)
    if len(seeds) != len(roots):
        raise ValueError(f"grad: {len(roots)} outputs, but {len(seeds)} grad_outputs")
    for output in roots:
        if not isinstance(output, Tensor):
            raise TypeError(f"grad: outputs must be tensors, got {type(output).__name__}")
        differentiable("grad", output)
    if not roots:
        raise ValueError("grad: outputs is empty: there is nothing to differentiate")
    run = new_run(as_flag("grad", "retain_graph", retain_graph))
    may_be_unused = as_flag("grad", "allow_unused", allow_unused)
    run.captures = capture_positions("grad", targets)
    run.captured = [None] * len(targets)
    buffers = [seed("grad", output, gradient) for output, gradient in zip(roots, seeds)]
    try:
        for t, buffer in zip(roots, buffers):
            give_node(run, node_of(t), buffer)
    except:
        empty_slots(run)
        raise
    del buffers, buffer
    execute(run)
    result = []
    for position, t in enumerate(targets):
        if run.captured[position] is not None:
            result.append(node_tensor(t.node, run.captured[position]))
        elif may_be_unused:
            result.append(None)
        else:
            raise GraphError(f"grad: the outputs do not depend on inputs[{position}] (shape {shape_tuple(t.rank, t.dims)}); "
                             f"write allow_unused=True to get None for it")
    return tuple(result)
