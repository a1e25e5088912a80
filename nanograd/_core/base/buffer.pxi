# SPDX-License-Identifier: LGPL-3.0-or-later
# Memory. A Buffer owns one block of the caching allocator, or keeps alive whatever it is a window on.

@cython.final
@cython.no_gc
cdef class Buffer:
    def __dealloc__(self):
        if self.nbytes != 0:
            NG.release(self.data, self.nbytes)
        elif type(self.owner) is Buffer:
            disown(&(<Buffer>self.owner).owners)


cdef int64_t _written_in_place = 0

cdef bint is_sole(Buffer buffer) noexcept:
    global _written_in_place
    if not has_one_owner(buffer):
        return False
    _written_in_place += 1
    return True


def written_in_place():
    """How many gradients have been written over others since the start (for tests)."""
    return _written_in_place


cdef Buffer buffer_over(Node node, Buffer dy):
    if is_sole(dy):
        return dy
    return new_buffer(<size_t>node.count * ng_itemsize(node.kind))


cdef Buffer new_buffer(size_t nbytes):
    cdef Buffer buffer = Buffer.__new__(Buffer)
    if nbytes == 0:
        nbytes = 1           # so that nbytes says "ours"
    buffer.data = NG.alloc(nbytes)
    if buffer.data == NULL:
        raise MemoryError(f"nanograd could not allocate {nbytes} bytes")
    buffer.nbytes = nbytes
    return buffer


cdef Buffer view_buffer(Buffer parent, size_t offset):
    cdef Buffer buffer = Buffer.__new__(Buffer)
    buffer.data = <char *>parent.data + offset
    # Views of views hold the block itself: a chain of a million slices must not nest.
    if parent.nbytes == 0 and type(parent.owner) is Buffer:
        parent = <Buffer>parent.owner
    buffer.owner = parent
    own(&parent.owners)
    return buffer


cdef Buffer wrapped_buffer(void *memory, object owner):
    """A window on memory that `owner` (a NumPy array) keeps alive."""
    cdef Buffer buffer = Buffer.__new__(Buffer)
    buffer.data = memory
    buffer.owner = owner
    return buffer


cdef Buffer zero_buffer(int kind, int64_t count):
    cdef Buffer buffer = new_buffer(<size_t>count * ng_itemsize(kind))
    check("zeros", ng_fill(kind, buffer.data, 0.0, count))
    return buffer


cdef inline int ng_copy(int kind, void *target, const void *source, int64_t count) noexcept:
    return ng_cast(kind, target, source, NG_FROM_F32 if kind == NG_F32 else NG_FROM_F64, count)


cdef int check(str op, int status) except -1:
    if status == NG_OK:
        return 0
    if status == NG_NO_MEMORY:
        give_back_memory()      # what is kept for later may be just what was missing: the next attempt has it
        raise MemoryError(f"{op}: no memory for a thread's scratch space")
    raise RuntimeError(f"{op}: the kernel reported status {status}")
