# SPDX-License-Identifier: LGPL-3.0-or-later
# One backward: what is asked for, node after node, and what becomes of the gradients at the end.

cdef int start(Run run, Node root, Buffer gradient) except -1:
    """Give a root its gradient; it belongs to this run until the end."""
    if run.prunes and not is_wanted(run, root):
        return 0
    give_node(run, root, gradient)
    if type(root) is not LeafNode:
        run.roots.append(root)
        root.running = True
    return 0


cdef Buffer run_hooks(dict hooks, Node node, Buffer gradient):
    """The gradient after every hook has seen it: a hook may return another. Grad mode is off inside."""
    cdef ModeBlock block
    for hook in list(hooks.values()):
        block = open_mode(False)
        try:
            answer = hook(node_tensor(node, gradient))
        finally:
            close_mode(block)
        if answer is not None:
            gradient = gradient_buffer("hook", answer, node.kind, node.rank, node.dims)
    return gradient


cdef dict leaf_hooks(LeafNode leaf):
    if leaf.weak_owner != NULL and (<Parameter>leaf.weak_owner).hooks is not None:
        return (<Parameter>leaf.weak_owner).hooks
    return None if leaf.extra is None else (<NodeExtra>leaf.extra).hooks


cdef bint wants_any(Run run, Node node) noexcept:
    cdef int i
    for i in range(node.n_inputs):
        if wants(run, node, i):
            return True
    return False


cdef int step_back(Run run, Node node) except -1:
    """One node: hooks, captured and retained gradients, its derivative, and its release."""
    cdef NodeExtra extra
    cdef Buffer dy = node.slot
    cdef bint runs, is_root = node.running
    run.dy = dy                     # from the slot's ownership into the run's
    node.slot = None
    if node.released and node.number != run.oldest:
        return refuse_freed(node)
    node.running = True
    run.current = <PyObject *>node
    if node.extra is not None:
        extra = <NodeExtra>node.extra
        dy = run_hooks(extra.hooks, node, dy)
        own(&dy.owners)
        disown(&run.dy.owners)
        run.dy = dy
        if extra.retains and run.captures is None:
            run.retained.append((node, node_tensor(node, dy)))
    if run.captures is not None and node in run.captures:
        capture(run, node, dy)
    runs = wants_any(run, node)
    if runs:
        node.backward(dy, run)
    run.current = NULL
    disown(&dy.owners)
    run.dy = None
    # Where what is asked for ends, the graph below stays as it is.
    if run.retain_graph or (not runs and run.prunes):
        node.running = is_root
        return 0
    node.released = True
    node.running = is_root
    drop_saved(node)
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
    cdef Node node
    cdef int64_t steps = 0
    try:
        while run.heap_size != 0:
            node = pop(run)
            step_back(run, node)
            steps += 1
            if steps & 255 == 0:
                PyErr_CheckSignals()
        finish(run)
    finally:
        leave(run)
    return 0


cdef int capture(Run run, Node node, Buffer gradient) except -1:
    for position in run.captures[node]:
        run.captured[position] = node_tensor(node, gradient)
    return 0


cdef inline Buffer total_of(Run run, LeafNode leaf):
    """What has gathered for a leaf; it stays where it is."""
    if run.foreign is not None and leaf in run.foreign:
        return read_data(<Tensor>run.foreign[leaf])
    return leaf.slot


cdef int finish(Run run) except -1:
    """Hand the leaves their gradients. First all that may fail (hooks, memory), then all of .grad."""
    cdef LeafNode leaf
    cdef Buffer gradient, old
    cdef dict hooks, sums = None
    for leaf in run.leaves:
        hooks = leaf_hooks(leaf)
        if hooks:
            gradient = run_hooks(hooks, leaf, total_of(run, leaf))
            if run.foreign is not None and leaf in run.foreign:
                run.foreign[leaf] = node_tensor(leaf, gradient)
            else:
                fill_slot(leaf, gradient)
        if run.captures is not None:
            capture(run, leaf, total_of(run, leaf))
    if run.captures is not None and not run.accumulates:
        return 0
    gradient = None
    # .grad that somebody else holds cannot be added to in place: make what needs memory now.
    for leaf in run.leaves:
        if leaf.grad is not None and not has_one_owner(leaf.grad):
            if sums is None:
                sums = {}
            old = leaf.grad
            # A tensor owns the old one meanwhile: another run must not add to it in place, as what it adds would be lost.
            sums[leaf] = (node_tensor(leaf, old), sum_of(leaf, old, total_of(run, leaf)))
    old = None
    for leaf in run.leaves:
        if leaf.unwanted:            # a hook has frozen it
            continue
        if sums is not None and leaf in sums and (<Tensor>sums[leaf][0]).buffer is leaf.grad:
            set_grad(leaf, sums[leaf][1])
            continue
        gradient = total_of(run, leaf)
        if run.foreign is None or leaf not in run.foreign:
            empty_slot(leaf)
        add_to_leaf(leaf, gradient)
    if run.retained is not None:
        for node, retained in run.retained:
            add_retained(node, <Tensor>retained)
    return 0


cdef int add_to_leaf(LeafNode leaf, Buffer gradient) except -1:
    """leaf.grad += gradient. What is added to in place is taken out meanwhile; if another thread came between, again."""
    cdef Buffer old, total
    cdef Tensor held
    while True:
        old = leaf.grad
        if old is None:
            return set_grad(leaf, gradient)
        if has_one_owner(old) and old is not gradient:
            set_grad(leaf, None)
            check("add", ng_accumulate(leaf.kind, old.data, gradient.data, leaf.count))
            gradient = old
            if leaf.grad is None:
                return set_grad(leaf, gradient)
        else:
            held = node_tensor(leaf, old)                # an owner: nobody adds to it in place meanwhile
            total = sum_of(leaf, old, gradient)          # which may raise: nothing is lost then
            if leaf.grad is old:
                return set_grad(leaf, total)


cdef int add_retained(Node node, Tensor gradient) except -1:
    cdef NodeExtra extra = node_extra(node)
    if extra.retained is not None:
        gradient = node_tensor(node, sum_of(node, read_data(extra.retained), read_data(gradient)))
    extra.retained = gradient
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


# What a walk has found out of a node: a mark in the node, which no other run may need until this one ends, or an entry in a set.
cdef bint is_wanted(Run run, Node node) noexcept:
    return node.mark == run.id if run.wanted is None else node in run.wanted

cdef inline bint is_seen(Run run, Node node) noexcept:
    return node.mark == run.id or node.mark == -run.id if run.wanted is None else node in run.seen

cdef inline int see(Run run, Node node, bint wanted) except -1:
    if run.wanted is None:
        node.mark = run.id if wanted else -run.id
    else:
        run.seen.add(node)
        if wanted:
            run.wanted.add(node)
    return 0


cdef struct Visit:
    PyObject *node
    int next                 # the input to look at next


cdef int find_wanted(Run run, list roots) except -1:
    """Which nodes lead from the roots to a captured one. Nothing has run yet, and nothing is changed.

    A walk in depth with a stack of its own, through nodes that are younger than the oldest captured one: others cannot lead there.
    No other thread runs meanwhile.
    """
    global _marking
    cdef Visit *path = NULL
    cdef Visit *longer
    cdef Visit *top
    cdef Py_ssize_t depth = 0, capacity = 0
    cdef Node node, next_node
    run.oldest = min([(<Node>captured).number for captured in run.captures])
    run.prunes = True
    if _marking == 0:
        _marking = run.id
    else:
        run.wanted = set()
        run.seen = set()
    try:
        for root in roots:
            next_node = <Node>root
            while True:
                if next_node is not None and next_node.number >= run.oldest and not is_seen(run, next_node):
                    if next_node.released and next_node.number != run.oldest and type(next_node) is not LeafNode:
                        refuse_freed(next_node)
                    if depth == capacity:
                        capacity = 2 * capacity + 32
                        longer = <Visit *>realloc(path, capacity * sizeof(Visit))
                        if longer == NULL:
                            raise MemoryError()
                        path = longer
                    path[depth].node = <PyObject *>next_node
                    path[depth].next = 0
                    depth += 1
                    see(run, next_node, next_node in run.captures)
                elif next_node is not None and depth != 0 and is_wanted(run, next_node):
                    see(run, <Node>path[depth - 1].node, True)
                if depth == 0:
                    break
                top = &path[depth - 1]
                node = <Node>top.node
                next_node = None
                if top.next < node.n_inputs:
                    if node.inputs[top.next] != NULL and not (<Node>node.inputs[top.next]).unwanted:
                        next_node = <Node>node.inputs[top.next]
                    top.next += 1
                    continue
                depth -= 1
                if depth == 0:
                    break
                if is_wanted(run, node):
                    see(run, <Node>path[depth - 1].node, True)
    finally:
        free(path)
    return 0


cdef int run_backward(Tensor output, object gradient, object retain_graph, object inputs) except -1:
    cdef Run run = new_run(as_flag("backward", "retain_graph", retain_graph))
    cdef Node node
    cdef Buffer buffer
    differentiable("backward", output)
    node = node_of(output)
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not inputs:
            raise ValueError("backward: inputs is empty; leave it out to reach every leaf")
        run.captures = capture_positions("backward", inputs)
        run.captured = [None] * len(inputs)
        run.accumulates = True
    buffer = seed("backward", output, gradient)
    if inputs is not None:
        find_wanted(run, [node])
    run.retained = []
    try:
        start(run, node, buffer)
        buffer = None
    except:
        leave(run)
        raise
    execute(run)
    if inputs is not None:
        for target, positions in run.captures.items():            # each once, however often it was given
            if type(target) is not LeafNode and run.captured[positions[0]] is not None:
                (<NodeExtra>node_extra(<Node>target)).retains = True
                add_retained(<Node>target, <Tensor>run.captured[positions[0]])
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
        Return None for an input that the outputs do not depend on, instead of raising (which it does before anything has run).

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

    Notes
    -----
    Only the operations that lead from the outputs to the inputs are run, and freed; hooks and ``retain_grad`` of other tensors
    take no part in it.

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
    if not targets:
        return ()
    run.captures = capture_positions("grad", targets)
    run.captured = [None] * len(targets)
    buffers = [seed("grad", output, gradient) for output, gradient in zip(roots, seeds)]
    find_wanted(run, [node_of(t) for t in roots])
    for position, t in enumerate(targets):
        if not may_be_unused and not is_wanted(run, (<Tensor>t).node):
            raise GraphError(f"grad: the outputs do not depend on inputs[{position}] (shape {shape_tuple(t.rank, t.dims)}); "
                             f"write allow_unused=True to get None for it")
    try:
        for t in roots:
            start(run, t.node, <Buffer>buffers.pop(0))
    except:
        leave(run)
        raise
    execute(run)
    return tuple(run.captured)
