# SPDX-License-Identifier: LGPL-3.0-or-later
# Garbage that Python's collector cannot see.
#
# Tensors and nodes have no collector support (docs/design.md says what it would cost), so a cycle that runs through them and
# through an object of the user's, which a hook or the context of a Function refers to, is invisible: hook -> model -> output ->
# nodes -> hook. Each node that owns such objects has them on a Carrier, and the carriers are in a list. When the collector
# runs, what can be reached from them is walked once more, through tensors and nodes too, and the collector's own sum is done:
# whatever is held by nobody but by what was walked is garbage, and its carriers let go of the user's objects. Where there is
# no carrier nothing is done, and no operation knows of any of this.

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030E0000
    /* Their frames own some of the references that they visit, and borrow others: only Python's collector knows which. */
    #define ng_is_opaque(o) (PyGen_CheckExact(o) || PyCoro_CheckExact(o) || PyAsyncGen_CheckExact(o) || PyFrame_Check(o))
    #else
    #define ng_is_opaque(o) 0
    #endif
    /* A tuple or dict that the collector does not look at, because it has nothing that the collector knows in it. */
    #define ng_is_plain(o) ((PyTuple_CheckExact(o) || PyDict_CheckExact(o)) && !PyObject_GC_IsTracked(o))
    static int ng_traverse(PyObject *o, int (*visit)(PyObject *, void *), void *arg)
    {
        traverseproc traverse = PyObject_IS_GC(o) ? Py_TYPE(o)->tp_traverse : NULL;
        return traverse ? traverse(o, visit, arg) : 0;
    }
    """
    ctypedef int (*visitproc)(PyObject *, void *) noexcept
    int ng_traverse(PyObject *o, visitproc visit, void *arg) noexcept
    bint ng_is_opaque(PyObject *o) noexcept
    bint ng_is_plain(PyObject *o) noexcept
    bint PyObject_IS_GC(PyObject *o) noexcept
    bint PyObject_TypeCheck(PyObject *o, PyTypeObject *type) noexcept
    bint PyModule_Check(PyObject *o) noexcept
    PyObject *PyModule_GetDict(PyObject *module) noexcept
    PyObject *PyImport_GetModuleDict() noexcept
    bint PyDict_Next(PyObject *dict, Py_ssize_t *position, PyObject **key, PyObject **value) noexcept

cdef PyObject *_carriers = NULL         # those that nodes own
cdef Py_ssize_t _n_carriers = 0
cdef Py_ssize_t _carriers_due = 64      # when younger collections look too: twice as many as the last walk left
cdef bint _watching = False, _walking = False


cdef class Carrier:
    def __dealloc__(self):
        delist(self)

    cdef int forget(self) except -1:
        return 0


cdef int enlist(Carrier carrier) except -1:
    global _carriers, _n_carriers, _watching
    if not _watching:
        import gc
        gc.callbacks.append(on_collection)
        _watching = True
    if carrier.listed:
        return 0
    carrier.listed = True
    carrier.previous_carrier = NULL
    carrier.next_carrier = _carriers
    if _carriers != NULL:
        (<Carrier>_carriers).previous_carrier = <PyObject *>carrier
    _carriers = <PyObject *>carrier
    _n_carriers += 1
    return 0


cdef void delist(Carrier carrier) noexcept:
    global _carriers, _n_carriers
    if not carrier.listed:
        return
    carrier.listed = False
    if carrier.previous_carrier != NULL:
        (<Carrier>carrier.previous_carrier).next_carrier = carrier.next_carrier
    else:
        _carriers = carrier.next_carrier
    if carrier.next_carrier != NULL:
        (<Carrier>carrier.next_carrier).previous_carrier = carrier.previous_carrier
    _n_carriers -= 1


# ---- the walk -----------------------------------------------------------------------------------

cdef enum:
    BOUNDARY = 1             # is not walked on from
    ALIVE = 2                # somebody outside holds it, or one that is alive does

cdef struct Found:
    PyObject *object         # NULL: a free place
    Py_ssize_t holders       # references that are not accounted for
    int flags

cdef struct Walk:
    Found *table             # open addressing, at most half full
    size_t mask
    PyObject **order         # in which they were found, those at the boundary left out
    Py_ssize_t n, n_order, capacity
    PyObject **alive         # a queue
    Py_ssize_t n_alive, n_carriers        # (carriers not known to be alive)
    bint failed              # no memory


cdef inline Found *place_of(Walk *walk, PyObject *object) noexcept:
    """Where the object is in the table, or would be."""
    cdef size_t slot = ((<size_t>object >> 4) * <size_t>0x9E3779B97F4A7C15ULL >> 20) & walk.mask
    while walk.table[slot].object != NULL and walk.table[slot].object != object:
        slot = (slot + 1) & walk.mask
    return &walk.table[slot]


cdef int grow(Walk *walk) noexcept:
    cdef Found *old = walk.table
    cdef size_t slot, old_mask = walk.mask
    cdef Py_ssize_t capacity = 2 * walk.capacity if walk.capacity else 4096
    cdef PyObject **order = <PyObject **>realloc(walk.order, capacity * sizeof(PyObject *))
    if order == NULL:
        walk.failed = True
        return -1
    walk.order = order
    walk.table = <Found *>calloc(2 * capacity, sizeof(Found))
    if walk.table == NULL:
        walk.table = old
        walk.failed = True
        return -1
    walk.mask = 2 * capacity - 1
    if old != NULL:
        for slot in range(old_mask + 1):
            if old[slot].object != NULL:
                place_of(walk, old[slot].object)[0] = old[slot]
        free(old)
    walk.capacity = capacity
    return 0


cdef Found *find(Walk *walk, PyObject *object, int flags) noexcept:
    """The object's entry, made if need be; NULL without memory."""
    cdef Found *found
    if walk.n == walk.capacity and grow(walk) < 0:
        return NULL
    found = place_of(walk, object)
    if found.object == NULL:
        found.object = object
        found.holders = refcount(<void *>object)
        found.flags = flags
        walk.n += 1
        if flags == 0:
            walk.order[walk.n_order] = object
            walk.n_order += 1
    return found


cdef int leads_on(PyObject *object, void *_) noexcept:
    return PyObject_IS_GC(object) or is_ours(object)


cdef int count_holder(PyObject *object, void *walk) noexcept:
    cdef Found *found
    if leads_on(object, NULL) and not (ng_is_plain(object) and not ng_traverse(object, leads_on, NULL)):
        found = find(<Walk *>walk, object, BOUNDARY if ng_is_opaque(object) else 0)
        if found == NULL:
            return 1
        found.holders -= 1
    return 0


cdef int mark_alive(PyObject *object, void *walk_) noexcept:
    cdef Walk *walk = <Walk *>walk_
    cdef Found *found = place_of(walk, object)
    if found.object != NULL and found.flags == 0:
        found.flags = ALIVE
        walk.alive[walk.n_alive] = object
        walk.n_alive += 1
        if PyObject_TypeCheck(object, <PyTypeObject *>Carrier):
            walk.n_carriers -= 1
    return 0


cdef inline bint is_ours(PyObject *object) noexcept:
    return PyObject_TypeCheck(object, <PyTypeObject *>Tensor) or PyObject_TypeCheck(object, <PyTypeObject *>Node)


cdef int visit_all(PyObject *object, visitproc visit, Walk *walk) noexcept:
    """Call `visit` on every object that this one refers to."""
    cdef PyObject *carrier
    cdef Node node
    cdef int i
    if PyObject_TypeCheck(object, <PyTypeObject *>Node):
        node = <Node>object
        for i in range(node.n_inputs):
            if node.inputs[i] != NULL and visit(node.inputs[i], walk):
                return 1
        carrier = node.carrier()
        if carrier != NULL and visit(carrier, walk):
            return 1
        return visit(<PyObject *>node.extra, walk)
    if PyObject_TypeCheck(object, <PyTypeObject *>Tensor) and visit(<PyObject *>(<Tensor>object).node, walk):
        return 1
    return ng_traverse(object, visit, walk)


cdef int walk_carriers(Walk *walk) noexcept:
    """Find all that can be reached from carriers, and say of each whether it is alive, until all carriers are."""
    cdef PyObject *modules = PyImport_GetModuleDict()
    cdef PyObject *key
    cdef PyObject *module
    cdef PyObject *carrier
    cdef Py_ssize_t i = 0
    # What a module holds is alive: no need to walk on from there, which would be everywhere.
    while PyDict_Next(modules, &i, &key, &module):
        if PyModule_Check(module) and find(walk, PyModule_GetDict(module), BOUNDARY) == NULL:
            return -1
    carrier = _carriers
    while carrier != NULL:
        if refcount(<void *>carrier) > 0:                  # 0: it is dying right now
            if find(walk, carrier, 0) == NULL:
                return -1
        carrier = (<Carrier>carrier).next_carrier
    i = 0
    while i < walk.n_order:
        visit_all(walk.order[i], count_holder, walk)
        if walk.failed:
            return -1
        i += 1
    walk.alive = <PyObject **>malloc((walk.n_order + 1) * sizeof(PyObject *))
    if walk.alive == NULL:
        return -1
    for i in range(walk.n_order):
        walk.n_carriers += PyObject_TypeCheck(walk.order[i], <PyTypeObject *>Carrier)
    for i in range(walk.n_order):
        if place_of(walk, walk.order[i]).holders != 0:
            mark_alive(walk.order[i], walk)
    i = 0
    while i < walk.n_alive and walk.n_carriers != 0:
        visit_all(walk.alive[i], mark_alive, walk)
        i += 1
    return 0


cdef int collect_carriers() except -1:
    """Let the carriers that are garbage let go of what they carry."""
    global _carriers_due, _walking
    cdef Walk walk
    cdef Py_ssize_t i
    cdef list garbage = []
    if _walking:
        return 0
    _walking = True
    memset(&walk, 0, sizeof(walk))
    try:
        if walk_carriers(&walk) == 0 and walk.n_carriers != 0:
            for i in range(walk.n_order):
                if PyObject_TypeCheck(walk.order[i], <PyTypeObject *>Carrier) and place_of(&walk, walk.order[i]).flags == 0:
                    garbage.append(<object>walk.order[i])
        for carrier in garbage:
            (<Carrier>carrier).forget()
    finally:
        free(walk.table)
        free(walk.order)
        free(walk.alive)
        _walking = False
        garbage = None
        _carriers_due = max(64, 2 * _n_carriers)
    return 0


def on_collection(phase, info):
    # Before: so that the collector finds what this leaves. After: if it took away what held a carrier.
    if _carriers == NULL:
        return
    if info["generation"] == 2 and (phase == "start" or info["collected"]) or _n_carriers >= _carriers_due and phase == "start":
        collect_carriers()


def forgotten_hook(gradient):
    # In place of the hooks of a node that was garbage, and that a __del__ brought back.
    raise GraphError("backward: the graph was garbage-collected, and its hooks dropped: compute it again")
