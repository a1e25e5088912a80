# SPDX-License-Identifier: LGPL-3.0-or-later
# Memory handed to others without a copy: the buffer protocol (memoryview, struct) and DLPack (PyTorch, JAX, CuPy ...).
#
# Whoever takes it holds the Buffer, not the tensor: a parameter may be given a new value meanwhile.

cdef extern from *:
    """
    /* Of the DLPack specification, version 1.0: https://dmlc.github.io/dlpack/latest/c_api.html */
    typedef struct { int32_t device_type, device_id; } ng_dl_device;
    typedef struct { uint8_t code, bits; uint16_t lanes; } ng_dl_dtype;
    typedef struct {
        void *data;
        ng_dl_device device;
        int32_t ndim;
        ng_dl_dtype dtype;
        int64_t *shape, *strides;
        uint64_t byte_offset;
    } ng_dl_tensor;
    typedef struct ng_dl_managed {
        ng_dl_tensor dl_tensor;
        void *manager_ctx;
        void (*deleter)(struct ng_dl_managed *self);
    } ng_dl_managed;
    typedef struct ng_dl_versioned {
        uint32_t major, minor;
        void *manager_ctx;
        void (*deleter)(struct ng_dl_versioned *self);
        uint64_t flags;
        ng_dl_tensor dl_tensor;
    } ng_dl_versioned;

    /* Both structs with the shape behind them, in one block. */
    typedef struct { ng_dl_managed managed; int64_t shape[16]; } ng_dl_old;
    typedef struct { ng_dl_versioned managed; int64_t shape[16]; } ng_dl_new;

    static void ng_dl_drop(PyObject *buffer, void *block)
    {
        if (Py_IsInitialized()) {                  /* a consumer may outlive the interpreter */
            PyGILState_STATE state = PyGILState_Ensure();
            Py_DECREF(buffer);
            PyGILState_Release(state);
        }
        free(block);
    }
    static void ng_dl_delete_old(ng_dl_managed *self) { ng_dl_drop((PyObject *)self->manager_ctx, self); }
    static void ng_dl_delete_new(ng_dl_versioned *self) { ng_dl_drop((PyObject *)self->manager_ctx, self); }

    /* A capsule that nobody took still owns what it names. */
    static void ng_dl_unused_old(PyObject *capsule)
    {
        if (PyCapsule_IsValid(capsule, "dltensor")) {
            ng_dl_managed *m = (ng_dl_managed *)PyCapsule_GetPointer(capsule, "dltensor");
            m->deleter(m);
        }
    }
    static void ng_dl_unused_new(PyObject *capsule)
    {
        if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
            ng_dl_versioned *m = (ng_dl_versioned *)PyCapsule_GetPointer(capsule, "dltensor_versioned");
            m->deleter(m);
        }
    }

    static void ng_dl_fill(ng_dl_tensor *t, int64_t *room, void *data, int is_f64, int rank, const int64_t *dims)
    {
        int64_t step = 1;
        t->data = data;
        t->device.device_type = 1;                 /* kDLCPU */
        t->device.device_id = 0;
        t->ndim = rank;
        t->dtype.code = 2;                         /* kDLFloat */
        t->dtype.bits = is_f64 ? 64 : 32;
        t->dtype.lanes = 1;
        t->shape = room;
        t->strides = room + 8;
        t->byte_offset = 0;
        for (int i = rank - 1; i >= 0; i--) {
            room[i] = dims[i];
            room[8 + i] = step;
            step *= dims[i];
        }
    }
    static PyObject *ng_dl_capsule(PyObject *buffer, void *data, int is_f64, int rank, const int64_t *dims, int versioned,
                                   int is_copy)
    {
        PyObject *capsule;
        if (versioned) {
            ng_dl_new *block = (ng_dl_new *)malloc(sizeof *block);
            if (!block) return PyErr_NoMemory();
            block->managed.major = 1;
            block->managed.minor = 0;
            block->managed.manager_ctx = buffer;
            block->managed.deleter = ng_dl_delete_new;
            block->managed.flags = is_copy ? 2 : 1;       /* a copy of its own, or read-only */
            ng_dl_fill(&block->managed.dl_tensor, block->shape, data, is_f64, rank, dims);
            capsule = PyCapsule_New(block, "dltensor_versioned", ng_dl_unused_new);
            if (!capsule) { free(block); return NULL; }
        } else {
            ng_dl_old *block = (ng_dl_old *)malloc(sizeof *block);
            if (!block) return PyErr_NoMemory();
            block->managed.manager_ctx = buffer;
            block->managed.deleter = ng_dl_delete_old;
            ng_dl_fill(&block->managed.dl_tensor, block->shape, data, is_f64, rank, dims);
            capsule = PyCapsule_New(block, "dltensor", ng_dl_unused_old);
            if (!capsule) { free(block); return NULL; }
        }
        Py_INCREF(buffer);
        return capsule;
    }
    """
    object ng_dl_capsule(PyObject *buffer, void *data, int is_f64, int rank, const int64_t *dims, int versioned, int is_copy)


cdef object dlpack_capsule(Tensor t, object stream, object max_version, object dl_device, object copy):
    cdef Buffer buffer = read_data(t)
    cdef bint versioned
    if stream is not None:
        raise BufferError(f"__dlpack__: the CPU has no streams: stream must be None, got {shown(stream)}")
    if isinstance(copy, np.bool_):
        copy = bool(copy)
    elif copy is not None and not isinstance(copy, bool):
        raise TypeError(f"__dlpack__: copy must be a bool or None, got {shown(copy)}")
    if max_version is not None and not (isinstance(max_version, tuple) and len(max_version) == 2 and isinstance(max_version[0], int)):
        raise TypeError(f"__dlpack__: max_version must be a (major, minor) pair, got {shown(max_version)}")
    versioned = max_version is not None and max_version[0] >= 1
    if dl_device is not None and not (isinstance(dl_device, tuple) and dl_device == (1, 0)):
        raise BufferError(f"__dlpack__: a tensor lives on the CPU, device (1, 0), not on {shown(dl_device)}")
    if needs_grad(t):
        raise BufferError("__dlpack__: the tensor requires a gradient, which DLPack does not carry: write x.detach()")
    # A tensor's value never changes, and consumers write (PyTorch 2.13 ignores the read-only flag of DLPack 1.0): memory is
    # shared only with who asks for it, and can be told not to write.
    if copy is False and not versioned:
        raise BufferError("__dlpack__: without a copy the memory is read-only, which DLPack can express only from version 1.0 on")
    if copy is not False:
        buffer = copied_buffer(t)
        copy = True
    else:
        buffer = view_buffer(buffer, 0)       # which owns the memory as long as the consumer has it
    return ng_dl_capsule(<PyObject *>buffer, buffer.data, t.kind == NG_F64, t.rank, t.dims, versioned, bool(copy))


# ---- the buffer protocol ------------------------------------------------------------------------

cdef struct Exported:
    # What a Py_buffer refers to, and the Buffer that it keeps alive.
    PyObject *buffer
    Py_ssize_t shape[8]
    Py_ssize_t strides[8]


cdef char *FORMAT_F32 = b"f"
cdef char *FORMAT_F64 = b"d"


cdef int export_buffer(Tensor t, Py_buffer *view, int flags) except -1:
    cdef Exported *exported
    cdef Py_ssize_t step = ng_itemsize(t.kind)
    cdef int i
    if needs_grad(t):
        raise array_error(t)
    cdef int long_axes = 0
    if flags & PyBUF_WRITABLE:
        raise BufferError("a tensor's value never changes: its memory is read-only; write np.array(x) for a copy")
    if (flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS and t.count:
        for i in range(t.rank):
            long_axes += t.dims[i] > 1
        if long_axes > 1:
            raise BufferError(f"a tensor's memory is in C order, but Fortran order was requested (shape {shape_tuple(t.rank, t.dims)})")
    cdef Buffer window = view_buffer(read_data(t), 0)
    exported = <Exported *>malloc(sizeof(Exported))
    if exported == NULL:
        raise MemoryError()
    exported.buffer = <PyObject *>window
    Py_INCREF(window)
    for i in range(t.rank - 1, -1, -1):
        exported.shape[i] = t.dims[i]
        exported.strides[i] = step
        step *= t.dims[i]
    view.buf = window.data
    view.len = t.count * ng_itemsize(t.kind)
    view.itemsize = ng_itemsize(t.kind)
    view.readonly = 1
    view.format = NULL if not flags & PyBUF_FORMAT else FORMAT_F32 if t.kind == NG_F32 else FORMAT_F64
    view.ndim = t.rank
    view.shape = exported.shape if flags & PyBUF_ND else NULL
    view.strides = exported.strides if (flags & PyBUF_STRIDES) == PyBUF_STRIDES else NULL
    view.suboffsets = NULL
    view.internal = exported
    view.obj = t              # else PyBuffer_Release does nothing, and who looks at it (PyTorch) finds NULL
    return 0


cdef void release_exported(Py_buffer *view) noexcept:
    Py_DECREF(<object>(<Exported *>view.internal).buffer)
    free(view.internal)
