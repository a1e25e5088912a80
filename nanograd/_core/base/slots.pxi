# SPDX-License-Identifier: LGPL-3.0-or-later
# Backward. The gradient of a node's output gathers in the node's slot; a node enters the queue when its slot goes from
# empty to filled; the youngest node of the queue is always next, so that all its consumers, which are younger, have
# contributed. Leaves wait aside: at the end of the run their slots are added into .grad, all of them or none.

cdef int64_t _runs_made = 0
cdef int64_t _marking = 0          # the run whose marks are in the nodes


@cython.final
@cython.no_gc
cdef class Run:
    def __dealloc__(self):
        global _marking
        cdef Py_ssize_t i
        if _marking == self.id:
            _marking = 0
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
    cdef Tensor held
    if run.foreign is None:
        run.foreign = {}
    held = run.foreign.get(leaf)
    if held is None:
        run.leaves.append(leaf)
        run.foreign[leaf] = node_tensor(leaf, gradient)
    else:
        run.foreign[leaf] = node_tensor(leaf, sum_of(leaf, read_data(held), gradient))
    return 0


# A node belongs to the run node.run while its slot is filled or it is running, and a root as long as its run lasts. Another run
# that comes to it is refused, whatever it has met before: so of runs that overlap one at least gets through. Whatever takes
# a node and whatever lets go of one happens under the GIL, with no Python code and no kernel in between.

cdef int arrive(Run run, Node target, Buffer gradient) except -1:
    """The first contribution to a slot."""
    if type(target) is LeafNode:
        if target.released:         # Module.astype gave the parameter another node
            raise GraphError("backward: a parameter was cast to another dtype after the graph was made: compute the graph again")
        if run.foreign is not None and target in run.foreign:
            return add_foreign(run, target, gradient)
        run.leaves.append(target)
    else:
        if target.running and target.run != run.id:
            return refuse(run, target)
        push(run, target)
    fill_slot(target, gradient)
    target.run = run.id
    return 0


cdef int refuse(Run run, Node target) except -1:
    leave(run)                      # first: what this run holds must not stop a third one
    raise GraphError(f"backward: node {node_name(target)} is in another backward pass: a graph can run in only one at a time")


cdef int refuse_freed(Node node) except -1:
    raise GraphError(f"backward: the graph was freed at node {node_name(node)}; a backward pass frees it as it goes: write "
                     f"backward(retain_graph=True) in the previous pass, or compute the loss again")


cdef void leave(Run run) noexcept:
    """Nothing of this run stays in the graph: no slot, no claim on a node."""
    global _marking
    cdef Node node
    while run.heap_size != 0:
        node = pop(run)
        if node.run == run.id:
            empty_slot(node)
    for node in run.leaves:
        if node.run == run.id:
            empty_slot(node)
    if run.current != NULL:
        (<Node>run.current).running = False
        run.current = NULL
    if run.dy is not None:
        disown(&run.dy.owners)
        run.dy = None
    for node in run.roots:
        if node.run == run.id:
            node.running = False
    if _marking == run.id:
        _marking = 0


cdef int give(Run run, Node node, int i, Buffer gradient) except -1:
    return give_node(run, <Node>node.inputs[i], gradient)


cdef int give_node(Run run, Node target, Buffer gradient) except -1:
    if target.slot is None:
        return arrive(run, target, gradient)
    if target.run != run.id:
        if type(target) is LeafNode:
            return add_foreign(run, target, gradient)
        return refuse(run, target)
    if has_one_owner(target.slot) and target.slot is not gradient:
        return check("add", ng_accumulate(target.kind, target.slot.data, gradient.data, target.count))
    return fill_slot(target, sum_of(target, target.slot, gradient))


cdef int give_part(Run run, Node node, int i, Buffer part, int64_t offset, int64_t count) except -1:
    cdef Node target = <Node>node.inputs[i]
    cdef Buffer whole
    cdef size_t itemsize = ng_itemsize(target.kind)
    if target.slot is None or target.run != run.id:
        whole = zero_buffer(target.kind, target.count)
        check("slice", ng_copy(target.kind, <char *>whole.data + offset * itemsize, part.data, count))
        return give_node(run, target, whole)         # which looks again: the kernels have let other threads run
    if not has_one_owner(target.slot):
        whole = new_buffer(<size_t>target.count * itemsize)
        check("slice", ng_copy(target.kind, whole.data, target.slot.data, target.count))
        fill_slot(target, whole)
    return check("slice", ng_accumulate(target.kind, <char *>target.slot.data + offset * itemsize, part.data, count))


cdef Run new_run(bint retain_graph):
    global _runs_made
    cdef Run run = Run.__new__(Run)
    _runs_made += 1
    run.id = _runs_made
    run.retain_graph = retain_graph
    run.roots = []
    run.leaves = []
    return run
