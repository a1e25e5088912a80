# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names that other libraries use: an AttributeError that says what to write here. And what dir() and ``import *`` offer.

A name that a module of ours lacks is looked up in its table, then among our other modules (``ng.Linear`` is ``nn.Linear``). A name
that a tensor, module or optimizer lacks is an entry of the class that raises when it is looked up, so that nothing that exists is
found more slowly; which is why nanograd.nn.functional has no table: with a ``__getattr__`` each call of its functions would take
45 ns longer.

An entry is what to write, or a pair of that and of what the message says after it. It runs, as the tests show, and it goes when its
name becomes ours.
"""
import builtins
import sys
import types

import numpy as np

from nanograd import data, errors, nn, optim, testing
from nanograd._core.base.tensor import Parameter, add_attributes, explain_words, show_as

float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)

CPU = ": nanograd runs on the CPU"
INTEGERS = ": integers and booleans are NumPy arrays here, never tensors"
TWO_DTYPES = ", or ng.float64: there are no others"
BY_NUMPY = " for a NumPy result"
BATCHES = "ng.data.ArrayLoader(x, y, batch_size=32, shuffle=True)"
SAVE = ("np.savez(path, **model.state_dict())", " for a model, or np.save(path, x.numpy()) for one tensor")
LOAD = ("model.load_state_dict(np.load(path))", " for a model, or ng.tensor(np.load(path)) for one array")
ROWS = " for the rows of a matrix (dim=1)"
SET_ROWS = ("ng.index_set(x, (np.arange(len(index))[:, None], index), values)", ROWS)
ADD_ROWS = ("ng.index_add(x, (np.arange(len(index))[:, None], index), values)", ROWS)
ONE_DERIVATIVE = ("dx, = ng.grad(f(x), x)", " for the gradient of a scalar")

# Functions that are expressions here, as functions of x (and y).
EXPRESSIONS = {
    **{theirs: line for names, line in {("acos", "arccos"): "ng.arctan2(ng.sqrt(1 - x * x), x)", ("acosh", "arccosh"):
        "ng.log(x + ng.sqrt(x * x - 1))", ("asin", "arcsin"): "ng.arctan2(x, ng.sqrt(1 - x * x))", ("asinh", "arcsinh"):
        "ng.log(x + ng.sqrt(x * x + 1))", ("atanh", "arctanh"): "0.5 * ng.log((1 + x) / (1 - x))"}.items() for theirs in names},
    "deg2rad": "x * (np.pi / 180)", "diff": "x[..., 1:] - x[..., :-1]", "exp2": "2.0 ** x",
    "logaddexp": "ng.logsumexp(ng.stack([x, y]), axis=0)", "nan_to_num": "ng.where(ng.isnan(x), 0.0, x)",
    "nansum": "ng.where(ng.isnan(x), 0.0, x).sum()", "rad2deg": "x * (180 / np.pi)", "trunc": "ng.sign(x) * ng.floor(abs(x))",
    "fix": "ng.sign(x) * ng.floor(abs(x))", "remainder": "x % y", "mod": "x % y", "floor_divide": "x // y", "fliplr": "x[:, ::-1]",
    "flipud": "x[::-1]", "trace": "ng.diagonal(x).sum()", "inner": "x @ y.T", "equal": "x == y", "not_equal": "x != y", "less": "x < y",
    "less_equal": "x <= y", "greater": "x > y", "greater_equal": "x >= y",
    **{name: f"np.{name}(x)" for name in ("argwhere", "count_nonzero", "nonzero", "unique", "shape", "ndim", "all", "any")},
    **{name: f"np.{name}(x, y)" for name in ("isclose", "array_equal")},
}

# What is written for ng.NAME.
OURS = {
    # ---- the same under another name ----
    **{theirs: f"ng.{ours}" for ours, names in {"abs": "absolute", "add": "add_", "arctan": "atan", "arctan2": "atan2", "asarray":
        "as_tensor convert_to_tensor", "broadcast_to": "broadcast", "chunk": "array_split tensor_split", "clip": "clamp clip_by_value",
        "concatenate": "cat concat", "diagonal": "diag", "div": "divide true_divide truediv", "dot": "vdot", "einsum": "einsum_path",
        "eye": "identity", "flatten": "ravel", "float32": "float", "float64": "double", "from_numpy": "from_array", "manual_seed": "seed",
        "matmul": "bmm mm mv", "max": "amax reduce_max", "mean": "average reduce_mean", "min": "amin reduce_min", "mul": "multiply", "neg":
        "negative", "no_grad": "inference_mode", "permute": "moveaxis movedim", "pow": "power float_power", "prod": "product reduce_prod",
        "randn": "standard_normal", "randperm": "permutation", "repeat": "repeat_interleave", "reshape": "view", "sigmoid": "expit",
        "silu": "swish", "std": "std_mean", "sub": "subtract", "sum": "reduce_sum", "swapaxes": "swapdims", "take": "index_select select",
        "tensor": "array", "unsqueeze": "expand_dims", "var": "var_mean"}.items() for theirs in names.split()},
    **EXPRESSIONS, "Variable": "ng.tensor(data, requires_grad=True)", "clone": "x.copy()", "numel": "x.size", "t": "x.T",
    # ---- operators, indexing and NumPy ----
    "addcdiv": "x + value * a / b", "addcmul": "x + value * a * b", "addmm": "x + a @ b", "append": "ng.concatenate([x, y])",
    "baddbmm": "x + a @ b", "bernoulli": "(ng.rand_like(x) < x).astype(x.dtype)", "bincount": "np.bincount(indices)",
    "cdist": "ng.norm(a[:, None] - b, axis=-1)", "clamp_max": "x.clip(max=value)", "clamp_min": "x.clip(min=value)",
    "column_stack": "ng.stack(vectors, axis=1)", "cond": "f(x) if n > 0 else x", "empty_like": "ng.zeros_like(x)", "eq": "x == y",
    "erfc": "1 - ng.erf(x)", "fmod": "x - y * ng.sign(x / y) * ng.floor(abs(x / y))", "fori_loop": "for i in range(n): x = f(x)",
    "frac": "x - ng.sign(x) * ng.floor(abs(x))", "ge": "x >= y", "gt": "x > y", "histc": "np.histogram(x)",
    "hstack": ("ng.concatenate(tensors, axis=1)", ", or ng.concatenate(tensors) of vectors"), "is_tensor": "isinstance(x, ng.Tensor)",
    "le": "x <= y", "lerp": "a + value * (b - a)", "logical_and": "np.logical_and", "logical_not": "np.logical_not",
    "logical_or": "np.logical_or", "logit": "ng.log(x / (1 - x))", "logspace": "10.0 ** ng.linspace(0, 1, n)", "lt": "x < y",
    "masked_fill": "ng.where(mask, value, x)", "masked_select": "x[mask]", "median": ("np.median(x.numpy())", BY_NUMPY),
    "meshgrid": "np.meshgrid(a.numpy(), b.numpy())", "mish": "x * ng.tanh(ng.softplus(x))", "multinomial": "ng.categorical(ng.log(x))",
    "ne": "x != y", "percentile": ("np.percentile(x.numpy(), value)", BY_NUMPY), "quantile": ("np.quantile(x.numpy(), value)", BY_NUMPY),
    "relu6": "x.clip(0, 6)", "row_stack": "ng.concatenate(tensors)", "scan": "for i in range(n): x = f(x)", "scatter": SET_ROWS,
    "scatter_add": ADD_ROWS, "selu": "1.0507009873554805 * ng.elu(x, 1.6732632423543772)", "size": "x.size", "softmin": "ng.softmax(-x)",
    "softsign": "x / (1 + abs(x))", "tensordot": "ng.einsum('ij,jk->ik', x, y)", "unbind": "list(x)", "unstack": "list(x)",
    "vstack": ("ng.concatenate(tensors)", ", or ng.stack(tensors) of vectors"), "while_loop": "while n > 0: x, n = f(x), n - 1",
    # ---- dtypes and devices ----
    "DoubleTensor": "ng.tensor(data, dtype=ng.float64)", "FloatTensor": "ng.tensor(data, dtype=ng.float32)",
    "LongTensor": ("np.array(data, dtype=np.int64)", INTEGERS), "bool": ("np.bool_", INTEGERS), "dtype": "np.dtype",
    "long": ("np.int64", INTEGERS), "int": ("np.int64", INTEGERS), "short": ("np.int16", INTEGERS),
    **{name: (f"np.{name}", INTEGERS) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    **dict.fromkeys(("bfloat16", "float16", "half"), ("ng.float32", TWO_DTYPES)),
    "set_default_tensor_type": "ng.set_default_dtype(ng.float64)",
    **dict.fromkeys(("accelerator", "backends", "cuda", "mps"), ("model(x)", " as it is" + CPU)),
    **dict.fromkeys(("device", "devices", "set_default_device"), ("model(x)", " without a device" + CPU)),
    "device_put": ("x", " as it is" + CPU), "synchronize": ("model(x)", ", which is done when it returns"),
    # ---- gradients and functions of functions ----
    "GradientTape": "gradients = ng.grad(loss, parameters)",
    "autograd": ("ng.grad(loss, parameters)", ", or class F(ng.Function) for a function with a backward of its own"),
    "custom_gradient": ("ng.Function", " as the base of a class with forward and backward"),
    "custom_vjp": ("ng.Function", " as the base of a class with forward and backward"), "func": ONE_DERIVATIVE, "gradient": ONE_DERIVATIVE,
    "gradients": "ng.grad(loss, parameters)", "value_and_grad": "value = f(x); dx, = ng.grad(value, x)",
    **dict.fromkeys(("jacobian", "jacrev", "jacfwd"), "rows = [ng.grad(y, x, retain_graph=True)[0] for y in f(x).flatten()]"),
    "stop_gradient": "x.detach()", **dict.fromkeys(("compile", "function", "jit"), ("f(x)", " as it is: nothing is compiled")),
    "checkpoint": ("f(x)", " as it is"), "vmap": ("f(x)", " with the batch on the first axis of x"),
    # ---- parts of other libraries ----
    "distributions": ("ng.normal(mean, std, shape)", " to draw, or ng.uniform, ng.categorical"),
    "fft": ("np.fft.fft(x.numpy())", BY_NUMPY), "functional": "nn.functional",
    "get_rng_state": ("state = generator.get_state()", " with generator = ng.Generator(0)"),
    "initial_seed": ("ng.manual_seed(0)", " and keep the number"), "io": SAVE, "keras": "nn.Sequential(nn.Linear(2, 2))",
    "layers": "nn.Linear(2, 2)", "linalg": ("np.linalg.inv(x.numpy())", BY_NUMPY), "load": LOAD, "losses": "nn.MSELoss()(x, y)",
    "numpy": "x.numpy()", "random": ("ng.randn(2, 3)", ", or ng.rand, uniform, normal, randint, randperm, after ng.manual_seed(0)"),
    "save": SAVE, "savez": SAVE, "set_printoptions": "np.set_printoptions(precision=8)",
    "set_rng_state": ("generator.set_state(state)", " with generator = ng.Generator(0)"),
    "sparse": ("A.toarray().astype(x.dtype)", " of a scipy.sparse matrix A"), "special": ("scipy.special.gammaln(x.numpy())", BY_NUMPY),
    "utils": BATCHES,
}

STEPS = "h = ng.tanh(cell(ng.concatenate([x[:, t], h], axis=1)))"
RECURRENT = (STEPS, " in a loop over the steps t, with cell = nn.Linear(inputs + hidden, hidden)")
ATTENTION = ("ng.softmax(q @ k.mT / q.shape[-1] ** 0.5) @ v", " with nn.Linear layers for q, k and v")
TWICE = "ng.repeat(ng.repeat(image, 2, axis=-1), 2, axis=-2)"
BY_MODULE = " in forward, or in a Module of your own"

# ... for nn.NAME
LAYERS = {
    **dict.fromkeys(("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell", "SimpleRNN"), RECURRENT),
    **dict.fromkeys(("MultiheadAttention", "MultiHeadAttention", "Transformer", "TransformerEncoder", "TransformerEncoderLayer",
        "TransformerDecoder", "TransformerDecoderLayer", "Attention"), ATTENTION),
    **{theirs: f"nn.{ours}" for ours, names in {"BatchNorm1d": "BatchNormalization LazyBatchNorm1d", "BatchNorm2d": "SyncBatchNorm",
        "BCELoss": "BinaryCrossentropy", "Conv1d": "Conv1D LazyConv1d", "Conv2d": "Conv2D LazyConv2d", "CrossEntropyLoss":
        "CategoricalCrossentropy SparseCategoricalCrossentropy", "BCEWithLogitsLoss": "MultiLabelSoftMarginLoss", "GlobalAvgPool2d":
        "GlobalAveragePooling2D", "HuberLoss": "Huber", "KLDivLoss": "KLDivergence", "L1Loss": "MeanAbsoluteError", "LayerNorm":
        "LayerNormalization", "Linear": "LazyLinear", "MaxPool1d": "MaxPooling1D", "MaxPool2d": "MaxPooling2D", "AvgPool2d":
        "AveragePooling2D", "Module": "Model Layer", "MSELoss": "MeanSquaredError", "SiLU": "Swish", "ReLU": "Relu", "Sequential":
        "sequential", "ZeroPad2d": "ZeroPadding2D"}.items() for theirs in names.split()},
    "Activation": ("nn.ReLU()", ", nn.Tanh(), or activation='relu' of the layer before it"), "Add": ("x + y", BY_MODULE),
    "Concatenate": ("ng.concatenate([x, y], axis=1)", BY_MODULE), "Lambda": ("f(x)", BY_MODULE), "Reshape": "nn.Unflatten(1, (1, 2))",
    "Input": ("nn.Linear(2, 2)", ", whose first argument is the number of its inputs"),
    "DataParallel": ("model", ", which uses the CPU's cores"),
    "ParameterDict": ("model.extra = {'a': nn.Parameter([1.0])}", ": parameters are found inside dicts"),
    "Buffer": "model.register_buffer('mean', np.zeros(2))", "UninitializedParameter": "nn.Parameter(ng.zeros(2))",
    # ---- activations ----
    "PReLU": ("ng.maximum(x, 0) + p * ng.minimum(x, 0)", " with p = nn.Parameter(0.25)"), "ReLU6": ("x.clip(0, 6)", BY_MODULE),
    "SELU": ("1.0507009873554805 * ng.elu(x, 1.6732632423543772)", BY_MODULE), "CELU": ("ng.elu(x)", BY_MODULE),
    "Mish": ("x * ng.tanh(ng.softplus(x))", BY_MODULE), "Hardtanh": ("x.clip(-1, 1)", BY_MODULE),
    "Hardswish": ("x * (x + 3).clip(0, 6) / 6", BY_MODULE), "Hardsigmoid": ("(x + 3).clip(0, 6) / 6", BY_MODULE),
    "Softsign": ("x / (1 + abs(x))", BY_MODULE), "Softmin": ("ng.softmax(-x)", BY_MODULE), "Softmax2d": "nn.Softmax(dim=1)",
    "GLU": ("a * ng.sigmoid(b)", " with a, b = ng.chunk(x, 2, axis=-1)"), "Tanhshrink": ("x - ng.tanh(x)", BY_MODULE),
    # ---- images ----
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpSampling2D"), (TWICE, " for twice the size")),
    **dict.fromkeys(("ConvTranspose2d", "Conv2DTranspose"), ("nn.Conv2d(1, 1, 3, padding=1)", f" after {TWICE}")),
    "PixelShuffle": ("ng.reshape(ng.transpose(ng.reshape(x, n, c, r, r, h, w), 0, 1, 4, 2, 5, 3), n, c, h * r, w * r)", BY_MODULE),
    "InstanceNorm1d": ("nn.GroupNorm(c, c)", " with c channels"), "InstanceNorm2d": ("nn.GroupNorm(c, c)", " with c channels"),
    "AdaptiveAvgPool1d": ("image.mean(axis=-1, keepdims=True)", " for one number of each channel"),
    "AdaptiveMaxPool2d": ("image.max(axis=(-2, -1), keepdims=True)", " for one number of each channel"),
    "ReflectionPad2d": ("ng.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='reflect')", BY_MODULE),
    "ReplicationPad2d": ("ng.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)), mode='edge')", BY_MODULE),
    "ConstantPad2d": ("ng.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)), value=value)", BY_MODULE),
    **dict.fromkeys(("Dropout1d", "Dropout2d", "SpatialDropout2D"), ("image * drop(ng.ones(image.shape[:2]))[..., None, None]",
        " with drop = nn.Dropout(0.5), which drops whole channels")),
    # ---- losses ----
    "TripletMarginLoss": "ng.relu(ng.norm(x - a, axis=-1) - ng.norm(x - b, axis=-1) + value).mean()",
    "CosineEmbeddingLoss": "(1 - ng.cosine_similarity(x, y)).mean()", "MarginRankingLoss": "ng.relu(value - y * (a - b)).mean()",
    "HingeEmbeddingLoss": "ng.where(y > 0, x, ng.relu(value - x)).mean()", "PoissonNLLLoss": "(ng.exp(x) - y * x).mean()",
    "GaussianNLLLoss": "0.5 * (ng.log(a) + (x - y) ** 2 / a).mean()", "SoftMarginLoss": "ng.softplus(-y * x).mean()",
    "CosineSimilarity": "ng.cosine_similarity(x, y, axis=1)", "PairwiseDistance": "ng.norm(x - y, axis=-1)",
    "Bilinear": "ng.einsum('bi,oij,bj->bo', x, weights, y)", "EmbeddingBag": ("nn.Embedding(4, 2)(indices).mean(axis=1)", BY_MODULE),
}

RATE = "optimizer.lr = 0.1 * optimizer.lr"

# ... for optim.NAME
OPTIMIZERS = {
    **dict.fromkeys(("Adadelta", "Adafactor", "Adamax", "LAMB", "Lion", "NAdam", "Nadam", "RAdam", "Rprop", "SparseAdam"),
        ("optim.Adam(model.parameters())", ", the nearest that there is")),
    "Adamw": "optim.AdamW(model.parameters())",
    "ASGD": "optim.EMA(model)", "swa_utils": "optim.EMA(model)", "LBFGS": "optim.scipy_minimize(closure, list(model.parameters()))",
    "minimize": "optim.scipy_minimize(closure, list(model.parameters()))", "RMSProp": "optim.RMSprop", "AdaGrad": "optim.Adagrad",
    **dict.fromkeys(("lr_scheduler", "StepLR", "MultiStepLR", "ExponentialLR", "LambdaLR", "ReduceLROnPlateau", "SequentialLR",
        "schedules"), (RATE, " where it is to change")),
    **dict.fromkeys(("CosineAnnealingLR", "CosineAnnealingWarmRestarts", "OneCycleLR", "CyclicLR"),
        ("optimizer.lr = 0.5 * lr * (1 + np.cos(np.pi * epoch / epochs))", " at the start of each epoch")),
    "LinearLR": ("optimizer.lr = lr * (epoch + 1) / epochs", " at the start of each epoch"),
}

# ... for ng.data.NAME
LOADERS = {
    **dict.fromkeys(("DataLoader", "Dataset", "TensorDataset", "IterableDataset", "TensorLoader", "from_tensor_slices", "BatchSampler"),
        BATCHES),
    **dict.fromkeys(("random_split", "Subset", "SubsetRandomSampler"),
        "order = ng.randperm(len(x)); first, rest = x[order[:n]], x[order[n:]]"),
    "RandomSampler": BATCHES, "ConcatDataset": "ng.data.ArrayLoader(np.concatenate([a.numpy(), b.numpy()]))",
}

ASSIGN = " for a parameter, or x = "


def in_place(call):
    """What to write for x.NAME_(...), where a new tensor is x.CALL."""
    return f"p.assign(p{call})", f"{ASSIGN}x{call}"


# Attributes of other libraries' tensors and arrays, and what to write for x.NAME.
TENSORS = {
    "all": "np.all(x)", "amax": "x.max()", "amin": "x.min()", "any": "np.any(x)", "argwhere": "np.argwhere(x)",
    "at": ("ng.index_set(x, index, values)", " for .at[index].set(values), or ng.index_add"), "bmm": "a @ b", "bool": "x != 0",
    "byteswap": ("x.numpy().byteswap()", ", or {k: v.numpy() for k, v in state.items()} of a whole state"), "clamp": "x.clip(min, max)",
    "clone": "x.copy()", "contiguous": ("x", ", which always is"), "cpu": ("x", ", which is on the CPU"),
    "ctypes": ("x.numpy().ctypes", ", or {k: v.numpy() for k, v in state.items()} of a whole state"), "cuda": ("x", CPU),
    "data": ("x.detach()", " or x.numpy(), or p.assign(value) to set a parameter"), "data_ptr": "x.numpy().ctypes.data",
    "device": ("x", ", and nothing for its device: every tensor is on the CPU"), "diag": "x.diagonal()", "diff": EXPRESSIONS["diff"],
    "dim": "x.ndim", "double": "x.astype(ng.float64)", "element_size": "x.dtype.itemsize", "eq": "x == y", "equal": "np.array_equal(x, y)",
    "eval": "x.numpy()", "expand_as": "x.expand(y.shape)", "flags": "x.numpy().flags", "flat": "x.numpy().flat",
    "float": "x.astype(ng.float32)", "ge": "x >= y", "get_device": ("x", CPU), "gt": "x > y",
    "half": ("x.astype(ng.float32)", ": tensors are float32 or float64"),
    "bfloat16": ("x.astype(ng.float32)", ": tensors are float32 or float64"), "index_copy": "x.index_set(index, values)",
    "index_fill": "x.index_set(index, value)", "index_put": "x.index_set(index, values)", "index_select": "x.take(indices, axis)",
    "int": "x.numpy().astype(int)", "is_contiguous": ("True", ": a tensor always is"), "is_cuda": ("False", CPU), "le": "x <= y",
    "long": "x.numpy().astype(int)", "lt": "x < y", "masked_fill": "ng.where(mask, value, x)", "masked_select": "x[mask]",
    "median": ("np.median(x.numpy())", BY_NUMPY), "mm": "a @ b", "mv": "a @ b", "ne": "x != y", "nelement": "x.size",
    "new_full": "ng.full(shape, value, dtype=x.dtype)", "new_ones": "ng.ones(shape, dtype=x.dtype)",
    "new_tensor": "ng.tensor(data, dtype=x.dtype)", "new_zeros": "ng.zeros(shape, dtype=x.dtype)", "nonzero": "np.nonzero(x)",
    "numel": "x.size", "quantile": ("np.quantile(x.numpy(), value)", BY_NUMPY), "ravel": "x.flatten()", "scatter": SET_ROWS,
    "scatter_add": ADD_ROWS, "short": "x.numpy().astype(np.int16)", "stop_gradient": "x.detach()", "t": "x.T",
    "to": ("x.astype(dtype)", " for a dtype, and x alone for a device" + CPU), "to_numpy": "x.numpy()",
    "tobytes": ("x.numpy().tobytes()", ", or {k: v.numpy() for k, v in state.items()} of a whole state"),
    "tofile": "x.numpy().tofile(path)", "trainable": "x.requires_grad", "type": "x.astype(dtype)", "type_as": "x.astype(y.dtype)",
    "unbind": "list(x)", "unstack": "list(x)", "view": "x.reshape(shape)", "view_as": "x.reshape(y.shape)",
    "block_until_ready": ("x", ", which is computed when an operation returns"),
    # ---- a tensor's value never changes ----
    "zero_": ("p.grad = None", ", or optimizer.zero_grad(), to drop a gradient, and p.assign(0) for a parameter's value"),
    **dict.fromkeys(("copy_", "fill_", "fill", "set_", "set_data", "set_value", "itemset"), ("p.assign(value)",
        f"{ASSIGN}ng.full(x.shape, value)")),
    **{name: in_place(call) for name, call in {"add_": " + value", "assign_add": " + value", "sub_": " - value", "subtract_": " - value",
        "assign_sub": " - value", "mul_": " * value", "multiply_": " * value", "div_": " / value", "divide_": " / value", "pow_":
        " ** value", "clamp_": ".clip(min, max)", "clip_": ".clip(min, max)", "addcmul_": " + value * a * b", "addcdiv_":
        " + value * a / b", "masked_fill_": ".index_set(mask, value)", "index_fill_": ".index_set(index, value)", "index_copy_":
        ".index_set(index, values)", "index_put_": ".index_set(index, values)", "index_add_": ".index_add(index, values)", "scatter_":
        ".index_set(index, values)", "scatter_add_": ".index_add(index, values)", "clamp_min_": ".clip(min=min)", "clamp_max_":
        ".clip(max=max)", "relu_": ".relu()", **{f"{name}_": f".{name}()" for name in ("abs", "neg", "exp", "log", "sqrt", "rsqrt",
        "reciprocal", "square", "sigmoid", "tanh", "floor", "ceil", "round", "sin", "cos", "erf", "tril", "triu")}}.items()},
    "lerp_": ("p.assign(p + value * (a - p))", f"{ASSIGN}x + value * (a - x)"), "normal_": "nn.init.normal_(p, mean, std)",
    "uniform_": "nn.init.uniform_(p, min, max)", "bernoulli_": "p.assign(ng.rand_like(p) < value)",
    "random_": "p.assign(ng.randint(0, 10, p.shape))", "detach_": "x = x.detach()", "t_": "x = x.T", "transpose_": "x = x.swapaxes(0, 1)",
    "squeeze_": "x = x.squeeze()", "unsqueeze_": "x = x.unsqueeze(0)", "resize_": "x = x.reshape(shape)",
    "apply_": ("p.assign(f(p))", f"{ASSIGN}f(x)"), "apply": "f(x)", "map_": ("p.assign(f(p))", f"{ASSIGN}f(x)"),
    "resize": "x.reshape(shape)", "share_memory_": ("x", " as it is"),
}

STEP = "optimizer.zero_grad(); loss_fn(model(x), labels).backward(); optimizer.step()"
EPOCH = f"for x, labels in ng.data.ArrayLoader(xs, ys): {STEP}"
EVALUATION = "with ng.no_grad(): "

# Likewise of other libraries' modules. (No names that a module's own attributes often have: reading these would take 15 ns longer.)
MODULES = {
    "add_module": "model.name = module",
    "compile": ("optimizer = optim.Adam(model.parameters())", ", and loss_fn = nn.CrossEntropyLoss()"),
    "count_params": "sum(p.size for p in model.parameters())", "cpu": ("model", ", which is on the CPU"), "cuda": ("model", CPU),
    "bfloat16": ("model.astype(ng.float32)", ": parameters are float32 or float64"), "double": "model.astype(ng.float64)",
    "evaluate": EVALUATION + "loss = loss_fn(model.eval()(x), labels).item()", "fit": (EPOCH, " for each epoch"),
    "float": "model.astype(ng.float32)", "get_submodule": "dict(model.named_modules())['0']", "get_weights": "model.state_dict()",
    "half": ("model.astype(ng.float32)", ": parameters are float32 or float64"), "load": LOAD, "load_weights": LOAD,
    "num_parameters": "sum(p.size for p in model.parameters())", "predict": EVALUATION + "y = model.eval()(x).numpy()",
    "predict_classes": EVALUATION + "y = model.eval()(x).argmax(axis=1)",
    "predict_proba": EVALUATION + "y = ng.softmax(model.eval()(x)).numpy()", "register_module": "model.name = module",
    "register_parameter": "model.name = nn.Parameter(value)", "save": SAVE, "save_weights": SAVE,
    "set_weights": "model.load_state_dict(state)", "share_memory": ("model", " as it is"),
    "summary": "print(model, sum(p.size for p in model.parameters()))",
    "to": ("model.astype(dtype)", " for a dtype, and model alone for a device" + CPU), "to_empty": ("model", CPU), "train_on_batch": STEP,
    "trainable_variables": "list(model.parameters())", "trainable_weights": "list(model.parameters())", "type": "model.astype(dtype)",
}

# ... of a Sequential, whose own attributes are few
SEQUENTIALS = {
    "add": "model.append(nn.Tanh())", "layers": "list(model)", "variables": "list(model.parameters())",
    "weights": "list(model.parameters())",
}

# ... and of optimizers.
STEPPERS = {
    "apply_gradients": "optimizer.step()", "clip_grad_norm_": "nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
    "learning_rate": "optimizer.lr", "minimize": "optimizer.zero_grad(); loss.backward(); optimizer.step()", "update": "optimizer.step()",
    "zero_gradients": "optimizer.zero_grad()",
}


# module -> its public names
PUBLIC: dict[str, set[str]] = {}


def advice(entry):
    """What follows "write " in the message."""
    return entry if isinstance(entry, str) else "".join(entry)


# Where a name that another module lacks may be, and how the module is called there.
HOMES = {"nanograd": "ng", "nanograd.nn": "nn", "nanograd.optim": "optim", "nanograd.data": "ng.data",
         "nanograd.nn.functional": "nn.functional", "nanograd.nn.init": "nn.init", "nanograd.nn.utils": "nn.utils",
         "nanograd.testing": "ng.testing", "nanograd.errors": "ng.errors"}


def attribute_lookup(module, table):
    """A ``__getattr__`` of module: nothing is found here, but the error may say what is meant."""
    title = module.__name__

    def __getattr__(name):
        message = f"module {title!r} has no attribute {name!r}"
        if name in table:
            message = f"{title} has no {name}: write {advice(table[name])}"
        elif not name.startswith("_"):
            found = next((prefix for home, prefix in HOMES.items() if name in PUBLIC[home]), None)
            message = message if found is None else f"{title} has no {name}: write {found}.{name}"
        raise AttributeError(message, name=name, obj=module)

    return __getattr__


class OtherName:
    """Stands in a class for a name of one of the tables: looking it up is an AttributeError that says what to write."""

    __slots__ = ("entry", "kind", "name")

    def __init__(self, kind, name, entry):
        self.kind, self.name, self.entry = kind, name, entry

    def __get__(self, instance, owner=None):
        raise AttributeError(f"{self.kind} has no {self.name}: write {advice(self.entry)}", name=self.name, obj=instance)


def names_that_work(self):
    """``__dir__`` of classes with entries."""
    found = {}
    for cls in reversed(type(self).__mro__):
        found.update(vars(cls))
    found.update(getattr(self, "__dict__", {}))
    return [name for name in object.__dir__(self) if not isinstance(found.get(name), OtherName)]


def offer(module, parts=()):
    """Let dir(module) list the public names, and ``import *`` bring those that hide no builtin; of submodules only `parts`."""
    listed = getattr(module, "__all__", None) or [name for name, value in vars(module).items() if not name.startswith("_") and (
        value in parts if isinstance(value, types.ModuleType) else True)]
    PUBLIC[module.__name__] = set(listed)
    module.__all__ = [name for name in listed if name not in vars(builtins)]
    module.__dir__ = lambda: [*listed, *(name for name in vars(module) if name.startswith("__"))]


def install():
    """Everything above, once all names of nanograd are there."""
    package = sys.modules["nanograd"]
    offer(package, (data, errors, nn, optim, testing))
    offer(nn, (nn.functional, nn.init, nn.utils))
    for module in (data, errors, optim, testing, nn.functional, nn.init, nn.utils):
        offer(module)
    for module, table in ((package, OURS), (nn, LAYERS), (optim, OPTIMIZERS), (data, LOADERS)):
        module.__getattr__ = attribute_lookup(module, table)
    add_attributes({name: OtherName("a tensor", name, entry) for name, entry in TENSORS.items()} | {"__dir__": names_that_work})
    for cls, kind, table in ((nn.Module, "a module", MODULES), (nn.Sequential, "a Sequential", SEQUENTIALS),
                             (optim.Optimizer, "an optimizer", STEPPERS)):
        for name, entry in table.items():
            setattr(cls, name, OtherName(kind, name, entry))
        cls.__dir__ = names_that_work
    # What is compiled, and every function, says that it is of the module where users find it: nanograd.exp. (Python's classes go
    # on saying where their source is.)
    show_as("nanograd", [thing for thing in vars(package).values()
                         if getattr(thing, "__module__", "").startswith("nanograd") and (
                             not isinstance(thing, type) or "._core." in thing.__module__)])
    show_as("nanograd.nn", [Parameter])
    explain_words(thing for thing in vars(package).values() if hasattr(thing, "__code__"))
