# SPDX-License-Identifier: LGPL-3.0-or-later
# Tensors in NumPy's functions: which of ours runs, which of NumPy's own, and what is said to the others.

UFUNCS = {}                           # NumPy ufunc -> our function, for __array_ufunc__
ARRAY_FUNCTIONS = {}                  # NumPy function -> our function, for __array_function__
# What NumPy's arguments are called here. (A function whose arguments differ more has a version with NumPy's own.)
cdef dict NUMPY_ARGUMENTS = {"a_min": "min", "a_max": "max", "offset": "k"}

# NumPy's own functions that run on the values: their results have no gradient anyway.
NUMPY_RESULTS = frozenset((np.isnan, np.isinf, np.isfinite, np.sign, np.floor, np.ceil, np.signbit, np.equal, np.not_equal, np.less,
                           np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
                           np.trunc, np.spacing))
ARRAY_RESULTS = frozenset(getattr(np, name) for name in (
    "shape", "ndim", "size", "result_type", "can_cast", "min_scalar_type", "common_type", "iscomplexobj", "isrealobj", "iscomplex",
    "isreal", "may_share_memory", "shares_memory", "array_equal", "array_equiv", "allclose", "isclose", "isposinf", "isneginf",
    "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "isin", "count_nonzero", "nonzero", "flatnonzero",
    "argwhere", "argmax", "argmin", "argsort", "argpartition", "lexsort", "nanargmax", "nanargmin", "all", "any", "histogram", "histogram2d", "histogramdd",
    "histogram_bin_edges", "digitize", "searchsorted", "array_repr", "array_str", "array2string", "save", "savez",
    "savez_compressed", "savetxt", "copyto") if hasattr(np, name))
SCIPY_UFUNCS = {}                     # name of SciPy's ufunc -> our function. SciPy is not imported for them.


cdef object array_error(Tensor t):
    """For NumPy, and whatever ends there, when it asks for the values of a tensor whose gradient would be lost."""
    import sys
    cdef str origin = "" if is_leaf(t) else f", the result of {node_name(t.node)}"
    cdef str text = (f"a NumPy array would lose the gradient of this tensor (shape {shape_tuple(t.rank, t.dims)}{origin}): write x.numpy() "
                     f"for its values, or `with ng.no_grad():` around code that needs no gradient")
    if t.count == 1:
        text += "; of a single number, such as a loss, keep `loss.item()`"
    if sys._getframe().f_globals.get("__name__", "").startswith("scipy.sparse._"):        # C has no frame: this one asks NumPy
        text += "; for A @ x with a sparse matrix A write ng.matmul(A.toarray().astype(x.dtype), x)"
    return GraphError(text)


def array_of(x):
    """np.asarray(x), and of any tensor (or list of them) the values: where nanograd itself wants values and no gradient."""
    return np.asarray(values_of(x))


def need_value(op, x, keep="x.copy() for a copy that keeps it"):
    """Refuse a tensor that has a graph where a new leaf is made of its value. `keep` says what goes on with the graph."""
    if isinstance(x, Tensor) and not is_leaf(<Tensor>x) and needs_grad(<Tensor>x):
        raise GraphError(f"{op}: this would lose the gradient of the tensor given, the result of {node_name((<Tensor>x).node)}: "
                         f"write x.detach() for its value alone, or {keep}")


# ---- operators ----------------------------------------------------------------------------------

cdef bint is_sparse(object x):
    import sys
    sparse = sys.modules.get("scipy.sparse")
    # Not issparse(): an object whose __class__ raises must not raise here.
    return sparse is not None and (isinstance(x, sparse.spmatrix) or isinstance(x, sparse.sparray))


cdef object not_an_operand(object other, bint is_right):
    """What an operator answers to what it does not know: NotImplemented. A sparse matrix would take over, without gradient."""
    if is_sparse(other):
        array = "A.toarray().astype(x.dtype)"
        product = f"ng.matmul(x, {array})" if is_right else f"ng.matmul({array}, x)"
        raise TypeError(f"a sparse matrix A cannot be an operand of a tensor x: write {product} for the matrix product, and {array} in place of A "
                        f"elsewhere")
    return NotImplemented


cdef Tensor rounded(Tensor x, object ndigits):
    """x to a number of decimals, as np.round; the gradient is that of round, 0."""
    cdef int64_t digits = as_index("round", "ndigits", ndigits)
    cdef int64_t most = 38 if x.kind == NG_F32 else 308
    cdef Tensor out = unary(NG_UNARY_round, x)
    if digits == 0:
        return out
    values = tensor_array(x)
    if digits < -most:
        values = np.where(np.isfinite(values), np.copysign(values.dtype.type(0), values), values)
    elif digits <= most:
        with np.errstate(all="ignore"):
            near = np.round(values, digits)
        values = np.where(np.isfinite(near), near, values)        # what overflows when it is scaled has no decimals
    cdef Tensor decimals = array_tensor("round", np.asarray(values), x.kind, True)
    set_value(out, read_data(decimals))
    return out


# ---- NumPy's functions --------------------------------------------------------------------------

cdef object values_of(object x, tuple inside=()):
    """x with arrays in place of tensors, as deep as NumPy's arguments go. A container may hold itself: `inside` are those around x."""
    if isinstance(x, Tensor):
        return tensor_array(<Tensor>x)
    if not (type(x) is list or type(x) is tuple or type(x) is dict) or len(inside) > 64:
        return x
    for container in inside:
        if container is x:
            return x
    inside = (*inside, x)
    if type(x) is dict:
        return {name: values_of(item, inside) for name, item in x.items()}
    return type(x)([values_of(item, inside) for item in x])


cdef object scipy_function(object ufunc):
    """Ours, for a ufunc of SciPy's."""
    import sys
    function = SCIPY_UFUNCS.get(ufunc.__name__)
    special = sys.modules.get("scipy.special")
    if function is None or special is None or getattr(special, ufunc.__name__, None) is not ufunc:
        return None
    UFUNCS[ufunc] = function
    return function


cdef object run_ufunc(object ufunc, object method, tuple inputs, dict kwargs):
    function = UFUNCS.get(ufunc)
    if not isinstance(ufunc, np.ufunc):
        raise TypeError(f"__array_ufunc__: expected a NumPy ufunc, got {shown(ufunc)}")
    name = f"np.{ufunc.__name__}" if getattr(np, ufunc.__name__, None) is ufunc else ufunc.__name__       # SciPy's, say
    if method != "__call__":
        raise TypeError(f"{name}.{method if isinstance(method, str) else shown(method)} does not take tensors: write x.numpy() for a "
                        f"NumPy result")
    if function is None:
        if ufunc in NUMPY_RESULTS:
            return ufunc(*values_of(inputs), **kwargs)
        function = scipy_function(ufunc)
        if function is None:
            values = [f"{letter}.numpy()" if isinstance(x, Tensor) else letter for letter, x in zip("xyzuvw", inputs)]
            raise TypeError(f"{name} has no gradient here: write {name}({', '.join(values)}) for a NumPy result")
    if "out" in kwargs:
        raise TypeError(f"{name} of a tensor takes no out: omit it (a = a + x instead of a += x) for a tensor with its gradient, "
                        f"or write x.numpy() for a NumPy result")
    if kwargs:
        raise TypeError(f"{name} of a tensor takes no {', '.join(kwargs)}: write x.numpy() for a NumPy result")
    return function(*inputs)


cdef object run_array_function(object func, tuple args, dict kwargs):
    function = ARRAY_FUNCTIONS.get(func)
    if function is not None:
        return numpy_call(func, function, args, kwargs)
    if func in ARRAY_RESULTS:
        target = args[0] if args else kwargs.get("dst")
        if func is np.copyto and isinstance(target, Tensor):
            raise TypeError("np.copyto: a tensor's value never changes: write p.assign(value) for an nn.Parameter p, or take the "
                            "new value itself")
        for weights in (*args[4:], kwargs.get("weights")):         # of a histogram: its heights have their gradient
            if isinstance(weights, Tensor) and needs_grad(<Tensor>weights):
                raise array_error(<Tensor>weights)
        return func(*values_of(args), **values_of(kwargs))
    name = numpy_name(func)
    if len(args) == 1 and isinstance(args[0], Tensor):
        call = f"{name}(x.numpy())"
    elif len(args) == 1 and isinstance(args[0], (list, tuple)):
        call = f"{name}([x.numpy() for x in tensors])"
    else:
        call = "x.numpy() for each tensor x"
    raise TypeError(f"{name} does not take tensors: write {call} for a NumPy result")


cdef str numpy_name(object func):
    module = getattr(func, "__module__", None) or "numpy"
    return module.replace("numpy", "np", 1) + "." + getattr(func, "__name__", shown(func))


cdef object numpy_call(object func, object function, tuple args, dict kwargs):
    """Ours, called with NumPy's arguments in NumPy's order: an axis, a dtype, an out must not be taken for something else."""
    import inspect
    if len(args) == 1 and not kwargs:
        return function(args[0])
    try:
        theirs = inspect.signature(func)
    except ValueError:              # older versions of NumPy do not tell those of their functions in C
        return function(*args, **kwargs)
    known = inspect.signature(function).parameters
    ours, named = [], {}
    for name, value in theirs.bind(*args, **kwargs).arguments.items():
        parameter = theirs.parameters[name]
        if parameter.kind == parameter.VAR_POSITIONAL:
            ours.extend(value)
        elif parameter.kind == parameter.VAR_KEYWORD:
            named.update(value)
        elif parameter.default is parameter.empty or parameter.kind == parameter.POSITIONAL_ONLY:
            ours.append(value)
        elif value is not parameter.default and value is not None or NUMPY_ARGUMENTS.get(name, name) in known:
            named[NUMPY_ARGUMENTS.get(name, name)] = value
    named.pop("optimize", None)      # einsum's, which changes nothing but the order of the work
    foreign = [name for name in named if name not in known]
    if foreign:
        raise TypeError(f"{numpy_name(func)} of a tensor takes no {', '.join(foreign)}: write x.numpy() for a NumPy result")
    return function(*ours, **named)
