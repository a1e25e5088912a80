# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the operation modules share: buffers, tensors, nodes, the engine's entry points, and the checks on operands.

Rules (docs/design.md): a tensor's value never changes; the graph points one way (tensor -> node -> nodes of its inputs)
and holds nodes and buffers, never tensors; whatever computes goes through a launcher of csrc.
"""
cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint8_t

cdef extern from "ng_api.h" nogil:
    ctypedef struct ng_unary_info:
        const char *name
        int reads
        bint is_activation
    ctypedef struct ng_binary_info:
        const char *name
        int reads_da, reads_db, hands_dy_on
    ctypedef struct ng_api:
        unsigned int size
        unsigned int version
        void *(*alloc)(size_t nbytes) noexcept
        void (*release)(void *memory, size_t nbytes) noexcept
        const ng_unary_info *unary_info
        const ng_binary_info *binary_info
        const char *isa
    const ng_api *NG
    enum: NG_API_VERSION
    enum: NG_F32
    enum: NG_F64
    enum: NG_MAX_NDIM
    enum: NG_OK
    enum: NG_NO_MEMORY
    enum: NG_INDEX_RANGE
    size_t ng_itemsize(int dtype)

cdef extern from *:
    """
    /* An object whose __class__ raises is an instance of nothing. Exceptions that say the program is to stop, or is short of memory
     * or stack, pass through. (Cython checks isinstance(x, A) for an error, but not isinstance(x, (A, B)) where one of the classes
     * is a Python class: write those with `or`. tests/test_repo.py checks this.) */
    static inline int ng_is_instance(PyObject *x, PyObject *classes)
    {
        int answer = PyObject_IsInstance(x, classes);
        if (answer >= 0) return answer;
        if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)
                || PyErr_ExceptionMatches(PyExc_RecursionError)) return -1;
        PyErr_Clear();
        return 0;
    }
    #define PyObject_IsInstance ng_is_instance

    /* The number of elements, or -1 where the product of the nonzero axes is more than 2**59: then a size in bytes, a stride or a
     * product of some of the axes might not fit. So for every tensor, even an empty one, they do fit. */
    static inline int64_t ng_count(int rank, const int64_t *dims)
    {
        int64_t count = 1;
        int empty = 0, bad = 0;
        for (int i = 0; i < rank; i++) {
            empty |= dims[i] == 0;
            bad |= dims[i] < 0 || __builtin_mul_overflow(count, dims[i] + (dims[i] == 0), &count);
        }
        if (bad || count > (int64_t)1 << 59) return -1;
        return empty ? 0 : count;
    }
    static inline int ng_add_overflows(int64_t a, int64_t b, int64_t *sum) { return __builtin_add_overflow(a, b, sum); }
    static inline int ng_mul_overflows(int64_t a, int64_t b, int64_t *product) { return __builtin_mul_overflow(a, b, product); }
    """
    int64_t ng_count(int rank, const int64_t *dims) noexcept
    # Sizes that are computed from arguments, and not yet those of a tensor: true where the result does not fit.
    bint ng_add_overflows(int64_t a, int64_t b, int64_t *sum) noexcept
    bint ng_mul_overflows(int64_t a, int64_t b, int64_t *product) noexcept
    # Cython takes a reference before Py_REFCNT(self.x): with this declaration it does not.
    Py_ssize_t refcount "Py_REFCNT"(void *)

cdef extern from *:
    """
    /* The count of a buffer's owners, all of it: without the GIL these three would be atomic. */
    #define ng_own(owners) ((void)(++*(owners)))
    #define ng_disown(owners) ((void)(--*(owners)))
    #define ng_owners(owners) (*(owners))
    """
    void own "ng_own"(Py_ssize_t *owners) noexcept
    void disown "ng_disown"(Py_ssize_t *owners) noexcept
    Py_ssize_t owners_of "ng_owners"(Py_ssize_t *owners) noexcept


# Memory. A buffer is typed by whoever holds it (Tensor.dtype, Node.dtype).
#
# Whatever holds a buffer for longer than a call is one of its owners: a tensor, a node that has saved it, a gradient slot, .grad, an
# optimizer's state, a view, an array; and the run owns the gradient that a node is working on. Local variables, and the references
# that Cython takes for a moment, do not count: a new buffer has no owner until it is put somewhere.
@cython.final
@cython.no_gc
cdef class Buffer:
    cdef void *data
    cdef size_t nbytes       # of the block that is ours; 0 for a view of another buffer and for wrapped memory
    cdef object owner        # what keeps such memory alive
    cdef Py_ssize_t owners

cdef Buffer new_buffer(size_t nbytes)                        # uninitialised; MemoryError
cdef Buffer view_buffer(Buffer parent, size_t offset)        # shares parent's memory from `offset` bytes on
cdef inline bint has_one_owner(Buffer buffer) noexcept:
    """Whether it has one owner, and is a whole block of ours: only then may it be written in place, on behalf of that owner."""
    return buffer.nbytes != 0 and owners_of(&buffer.owners) == 1
# The same for a gradient that will be overwritten (dy, whose owner is the run): a yes is counted, for tests.
cdef bint is_sole(Buffer buffer) noexcept


cdef class Node
cdef class Tensor

# Graph. One Node subclass per structured op; one generic node each for unary and binary elementwise ops.
@cython.no_gc
cdef class Node:
    cdef int64_t number      # in the order of creation: consumers always carry higher numbers
    cdef int64_t run         # the backward run that the node belongs to while its slot is filled, or it is running
    cdef int64_t mark        # of find_wanted(): its run's id if the node is wanted, -id if it was only seen
    cdef Buffer slot         # the gradient slot: where the gradient of this node's output accumulates
    cdef object extra        # None, or NodeExtra: hooks, retained gradient
    cdef PyObject *weak_owner
    cdef PyObject *next_dying
    cdef PyObject **inputs   # nodes of the inputs, owned; NULL where an input wants no gradient
    cdef PyObject *few[3]
    cdef PyObject *kept[5]   # the buffers that the derivative reads, by the numbers below; owned, NULL where there is none
    cdef int n_inputs
    cdef bint released, running
    cdef bint unwanted       # a leaf's node: the leaf has been frozen, and gets no gradient
    cdef int kind, rank      # of the output: NG_F32 or NG_F64, number of axes,
    cdef int64_t count       # number of elements,
    cdef int64_t dims[8]     # shape
    # Give every input that wants one its gradient: compute it from dy (which may be overwritten if is_sole(dy)) into a buffer and
    # `give(run, self, i, buffer)`. Called only if some input wants one, so that a node with one input need not ask; one with
    # several asks `wants(run, self, i)` before it computes. Never called on a released node.
    cdef int backward(self, Buffer dy, Run run) except -1
    # What errors and repr call it; the default is made of the class's name.
    cdef str title(self)
    # Drop what backward reads and is not a saved buffer. Called once, after backward, unless the graph is retained.
    cdef int release(self) except -1
    # The Carrier of the user's objects that the node owns besides `extra`, borrowed, or NULL.
    cdef PyObject *carrier(self) noexcept

# The places where nodes save buffers: save(node, SAVED_X, buffer) once, before link(), saved(self, SAVED_X) in backward.
cdef enum:
    SAVED_X = 0
    SAVED_A = 0
    SAVED_DX = 0
    SAVED_MAP = 0            # indices, masks, bits
    SAVED_W = 1
    SAVED_B = 1
    SAVED_DT = 1
    SAVED_Y = 2
    SAVED_Z = 3
    SAVED_SUMS = 4           # what reductions and norms found on the way, in doubles

cdef inline void save(Node node, int place, Buffer buffer) noexcept:
    """Keep a buffer (or None) until the node has run backward, or dies."""
    if buffer is not None:
        own(&buffer.owners)
        Py_INCREF(buffer)
        node.kept[place] = <PyObject *>buffer
cdef inline void *saved(Node node, int place) noexcept:
    """Its memory; NULL if nothing was saved."""
    return NULL if node.kept[place] == NULL else (<Buffer>node.kept[place]).data

# Memory for a gradient of the output's size: dy itself, if nothing else uses it.
cdef Buffer buffer_over(Node node, Buffer dy)

@cython.final
@cython.no_gc
cdef class LeafNode(Node):
    cdef Buffer grad         # .grad of the leaf, or None; set_grad() sets it

# What a node owns of the user's objects (hooks, the context of a Function) hangs on a Carrier: cycles through those objects and
# back through nodes and tensors, which Python's collector does not see, are found from there (cycles.pxi).
cdef class Carrier:
    cdef PyObject *previous_carrier
    cdef PyObject *next_carrier
    cdef bint listed
    cdef int forget(self) except -1      # let go of the user's objects: nothing can ask for them any more

cdef int enlist(Carrier carrier) except -1        # a node owns it now
cdef void delist(Carrier carrier) noexcept        # it holds nothing of the user's any more

cdef class NodeExtra(Carrier):
    cdef dict hooks
    cdef bint retains
    cdef Tensor retained

@cython.final
@cython.no_gc
cdef class Run:
    cdef int64_t id
    cdef bint retain_graph
    cdef PyObject **heap
    cdef Py_ssize_t heap_size, heap_capacity
    cdef PyObject *current   # the node whose derivative or hooks run,
    cdef Buffer dy           # and its gradient
    cdef list roots          # nodes that this run started from; they belong to it until it ends
    cdef list leaves         # leaf nodes reached
    cdef dict foreign        # gradients of leaves whose slot another run holds
    cdef dict parts          # node of several outputs -> what has arrived for each
    cdef dict captures       # node -> positions, for grad() and inputs=
    cdef list captured       # gradients, as tensors
    cdef bint prunes         # then: only nodes that lead to a captured one are run: those that have this run's mark,
    cdef set wanted, seen    # or, since marks are for one run at a time, that are in the set `wanted`
    cdef int64_t oldest      # then: the number of the oldest captured node
    cdef list retained       # (node, gradient) of tensors that called retain_grad()
    cdef bint accumulates    # captured leaves get their .grad (backward(inputs=)) or not (grad())

cdef bint is_wanted(Run run, Node node) noexcept
cdef inline bint wants(Run run, Node node, int i) noexcept:
    """Whether input i wants a gradient from this run: whether its leaf, or some leaf that it leads to, is asked for one."""
    cdef PyObject *input = node.inputs[i]
    return input != NULL and not (<Node>input).unwanted and (
        not run.prunes or (<Node>input).mark == run.id or (run.wanted is not None and is_wanted(run, <Node>input)))

# Adds a gradient (a buffer with the dtype and size of input i's output) into the slot of input i. The buffer is shared,
# not copied: the caller may give the same one to several inputs, and must not write to it afterwards.
cdef int give(Run run, Node node, int i, Buffer gradient) except -1
cdef int give_node(Run run, Node target, Buffer gradient) except -1
# The same for a gradient that is zero except for a contiguous part: elements [offset, offset + count) of input i.
cdef int give_part(Run run, Node node, int i, Buffer part, int64_t offset, int64_t count) except -1


# Tensors
@cython.no_gc
cdef class Tensor:
    cdef Buffer buffer
    cdef Node node           # the node that made it, or a leaf's own; None where no gradient is wanted
    cdef object __weakref__
    cdef bint wants_grad     # requires_grad
    cdef bint transposed     # the buffer holds the elements with the last two axes exchanged, until somebody reads them (read_data)
    cdef int kind, rank      # dtype as NG_F32 or NG_F64, ndim,
    cdef int64_t count       # size,
    cdef int64_t dims[8]     # shape

cdef Tensor new_tensor(int kind, int rank, const int64_t *dims)                     # with a new buffer, uninitialised
cdef Tensor wrap_buffer(Buffer buffer, int kind, int rank, const int64_t *dims)     # of a buffer, shared

# A tensor's memory is taken through these alone, and nothing but them and what is about ownership says `t.buffer`: what is to stay
# alive, or to be made at the first reading, is found here. A transpose is: until then it owns the buffer of what it was made from.
cdef inline Buffer read_data(Tensor t):
    """What an operation reads: it passes the buffer's `data` to a launcher, and holds the buffer itself, in a local variable,
    until the launch is over (another thread may give a parameter a new value meanwhile); a node saves it."""
    if t.transposed:
        fill_transposed(t)
    return t.buffer
cdef inline Buffer read_stored(Tensor t, bint *transposed):
    """The same for an operation that can read a matrix transposed: it asks whether it is."""
    transposed[0] = t.transposed
    return t.buffer
cdef int fill_transposed(Tensor t) except -1
# A tensor of x's elements with the last two of its axes (two at least) exchanged, `dims`; nothing is copied, so its gradient's node must
# be of the caller's making. None where x shares memory that is not ours, or larger than it is: that must not be kept, or may be changed.
cdef Tensor transposed_tensor(Tensor x, const int64_t *dims)
cdef inline void *new_data(Tensor t) noexcept:
    """Where an operation writes the value of a tensor that it has just made and still has for itself."""
    return t.buffer.data

# A new value for a parameter or buffer (optimizer step, assign, load_state_dict, running statistics): in place only if
# `holds_alone(t)`, else compute it into a new buffer and `set_value(t, buffer)`.
cdef inline bint holds_alone(Tensor t) noexcept:
    # An operation running in another thread reads it through a reference, without owning it.
    return has_one_owner(t.buffer) and refcount(<void *>t.buffer) == 1 and not t.transposed
cdef inline bint is_read(Tensor t) noexcept:
    """Whether an operation is reading it now, in another thread or around the caller: there are more references than owners."""
    return t.buffer.nbytes != 0 and refcount(<void *>t.buffer) > owners_of(&t.buffer.owners)
cdef int set_value(Tensor t, Buffer buffer) except -1
cdef Buffer leaf_gradient(Tensor leaf)         # the buffer of .grad, or None; never to be written
cdef int set_grad(LeafNode leaf, Buffer gradient) except -1

# Autograd. `needs_grad(t)`: t requires a gradient and grad mode is on. An op: compute `out`; if any operand needs a
# gradient, make the node, `set_inputs(node, n)`, `set_input(node, i, t)` for each operand that needs a gradient, save what
# backward will read, `link(out, node)` last (it numbers the node).
cdef bint grad_mode() noexcept
# Around a user's function that is called: block = open_mode(flag), and close_mode(block) in a `finally`.
@cython.final
@cython.no_gc
cdef class ModeBlock:
    cdef ModeBlock below     # the youngest that was open when this one was opened
    cdef bint mode, is_open
cdef ModeBlock open_mode(bint mode)
cdef int close_mode(ModeBlock block) except -1
cdef bint needs_grad(Tensor t) noexcept
cdef int set_inputs(Node node, int n) except -1
cdef int set_input(Node node, int i, Tensor t) except -1
cdef int link(Tensor out, Node node) except -1

# Operands. A Tensor is returned as it is (DTypeError that names op if `kind` is given and differs). A number, list, integer
# or boolean array takes dtype `kind` (-1: by the rules of tensor()); a float array must have it. `keep`: backward may read
# the result: then an array is copied, else it may be wrapped. Errors begin with the op's name.
cdef Tensor as_tensor(str op, object x, int kind=*, bint keep=*)
# Numbers and flags given by a user: TypeError that names op and argument for anything else (a string, a complex number, a tensor
# with axes, or one that requires a gradient, which it would not get). They ask the object once: a second answer may be another one.
cdef object plain_int(object value)                                     # None for what is none
cdef object to_int(str op, str what, object value)
cdef int64_t as_index(str op, str what, object value) except? -1         # |value| < 2**62, else ValueError
cdef double as_real(str op, str what, object value) except? -1.0
cdef bint as_flag(str op, str what, object value, str hint=*) except -1
# function(x), where a conversion of an argument may run user code; and whether this thread is running user code in the middle of an
# operation that is converting its arguments: no dtype may change then.
cdef object foreign(object function, object x)
cdef bint converting()
# The dtype that two operands agree on, for as_tensor on each; DTypeError that names both where they mix.
cdef int common_kind(str op, object a, object b) except -1
# np.dtype of NG_F32 or NG_F64, and back from a dtype-like (DTypeError if not float32 or float64; None: the default dtype)
cdef object numpy_dtype(int kind)
cdef int dtype_kind(object dtype) except -1
# An axis in [-ndim, ndim) made non-negative; numpy.exceptions.AxisError (an IndexError and ValueError) with the op's name
cdef int normalize_axis(str op, object axis, int rank) except -1
# A shape from *shape (ints, or one tuple or list): fills dims, returns the rank. allow_minus_one: one entry may be -1, and is left so.
cdef int parse_shape(str op, tuple args, int64_t *dims, bint allow_minus_one=*) except -1
cdef int64_t shape_size(str op, int rank, const int64_t *dims) except -1     # the product; ShapeError where ng_count refuses
cdef bint same_shape(Tensor a, Tensor b) noexcept
cdef tuple shape_tuple(int rank, const int64_t *dims)
# The pieces of as_tensor: whether x is a number (also NumPy's), what a user passed as an array, NG_F32, NG_F64 or -1 of its dtype, a
# tensor of it (wrapped or copied) and of a number; an array on a tensor's memory, and a copy of that memory.
# (NumPy's declarations would bring complex.h, which defines I, everywhere.)
cdef bint is_number(object x)
cdef object as_array(str op, object x)
cdef int array_kind(object dtype) noexcept
cdef Tensor array_tensor(str op, object values, int kind, bint copy)
cdef Tensor number_tensor(double value, int kind)
cdef object tensor_array(Tensor t)
cdef Buffer copied_buffer(Tensor t)
cdef Buffer whole_buffer(Tensor t)              # its buffer if that is a whole block of ours, else a copy
cdef Buffer wrapped_buffer(void *data, object owner)
# Broadcasts two shapes; ShapeError that names the op and both shapes. Returns the rank.
cdef int broadcast_shapes(str op, int a_rank, const int64_t *a, int b_rank, const int64_t *b, int64_t *out) except -1
# A gradient dy of shape `dims` summed over the axes along which `to` was broadcast: a buffer of the size of `to`. Returns dy
# itself where nothing is to be summed.
cdef Buffer sum_to_shape(Buffer dy, int kind, int rank, const int64_t *dims, int to_rank, const int64_t *to)
# The buffer of a gradient that a user gave for a tensor of this dtype and shape: checked, and copied unless it is a whole block of ours.
cdef Buffer gradient_buffer(str op, object gradient, int kind, int rank, const int64_t *dims)
# The status of a launch as an exception (MemoryError); NG_INDEX_RANGE is for the caller to explain.
cdef int check(str op, int status) except -1
# A RuntimeWarning at the user's line that led here
cdef int warn_user(str message) except -1
# Elementwise operations: the numbers of the formulas' lines (kernels.ops), what a user passed, and the line's parameters.
cdef Tensor unary(int op, object operand, double p=*, double q=*)
# The number of a fused activation by its name, -1 for None.
cdef int activation_of(str op, object activation) except -2
cdef Tensor binary(int op, object a, object b)
cdef object power(object a, object b)
# Give input i of the node a gradient made in the output's shape, summed over the axes along which the input was broadcast.
cdef int give_summed(Run run, Node node, int i, Buffer gradient) except -1

# What Tensor's operators need from modules that are imported later. Set by those modules at import.
ctypedef object (*matmul_function)(object a, object b)
ctypedef object (*getitem_function)(Tensor x, object index)
cdef struct Operators:
    matmul_function matmul
    getitem_function getitem
cdef Operators *operators() noexcept

cdef class Parameter(Tensor):
    cdef dict hooks          # on the Parameter, which the collector sees, not on its node
