# SPDX-License-Identifier: LGPL-3.0-or-later
"""The public surface: what programs may rely on.

What is compiled is declared in the stubs, and what is composed of it in composed.py; here are the other modules, written by hand from the
design of the API. A line is a name with its arguments, as `def` has them, or a name alone: an attribute, or a class that is not called to
make one. `Class.name` are the members of a class of the section; methods are written without self. tests/test_surface.py compares the
library with all of it.
"""
import ast
import inspect

from declared import public_stubs

from nanograd import composed

# Names of the design that must not go, nor be called otherwise: functions that are methods too, what else nanograd exports, and
# the members of Tensor. A new function needs no line.
AGREED = {
    "methods": """
add sub mul div pow maximum minimum arctan2 safe_div neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos
tan sinh cosh arctan erf floor ceil round clip isnan isinf isfinite allclose matmul dot scale outer sum mean prod max min logsumexp var
std norm argmax argmin cumsum sort argsort topk reshape flatten transpose permute swapaxes squeeze unsqueeze broadcast_to expand narrow
slice split chunk tile repeat flip roll pad gather take index_set index_add tril triu diagonal relu leaky_relu tanh sigmoid log_sigmoid
softplus silu gelu elu softmax log_softmax
""",
    "nanograd": """
tensor tensor32 tensor64 asarray from_numpy from_dlpack zeros ones full empty eye arange linspace zeros_like ones_like full_like
get_default_dtype set_default_dtype rand randn uniform normal rand_like randn_like randint randperm categorical manual_seed Generator
Generator.get_state Generator.set_state Generator.manual_seed no_grad enable_grad set_grad_enabled is_grad_enabled grad Function
Function.forward Function.backward Function.apply Node Node.name where einsum concatenate stack linear dropout embedding normalize
cosine_similarity one_hot layer_norm rms_norm conv1d conv2d batch_norm group_norm max_pool1d max_pool2d avg_pool1d avg_pool2d
adaptive_avg_pool2d global_avg_pool2d mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy
binary_cross_entropy_with_logits kl_div cross_entropy_from_probs Parameter Tensor
""",
    "Tensor": """
shape ndim size nbytes itemsize strides dtype requires_grad is_leaf grad grad_fn T mT requires_grad_ item tolist numpy astype detach
copy backward zero_grad add_to_grad retain_grad register_hook
""",
}

SURFACE = """
[nanograd]
float32
float64
set_num_threads(n)
get_num_threads()
num_threads(n)
memory_stats()
empty_cache()
show_config()
NanogradError
ShapeError
DTypeError
GraphError

[nanograd.errors]
NanogradError
ShapeError
DTypeError
GraphError

[nanograd.nn]
Parameter(data, requires_grad=True)
Parameter.assign(value)
Module()
Module.forward(*args, **kwargs)
Module.training
Module.parameters()
Module.named_parameters(prefix='')
Module.buffers()
Module.named_buffers()
Module.children()
Module.named_children()
Module.modules()
Module.named_modules(prefix='')
Module.get_parameter(path)
Module.train(mode=True)
Module.eval()
Module.zero_grad(set_to_none=True)
Module.requires_grad_(flag=True)
Module.astype(dtype)
Module.apply(fn)
Module.state_dict()
Module.load_state_dict(state, strict=True)
Module.register_buffer(name, value)
Module.register_forward_hook(fn)
Module.register_forward_pre_hook(fn)
Module.extra_repr()
# layers
Linear(in_features, out_features, bias=True, *, activation=None, dtype=None, name=None)
Linear.reset_parameters(generator=None)
Dense(in_features, out_features, activation=None, *, bias=True, dtype=None, name=None)
Dropout(p=0.5, inplace=False)
Embedding(num_embeddings, embedding_dim, padding_idx=None, *, dtype=None, name=None)
Embedding.reset_parameters(generator=None)
Flatten(start_dim=1, end_dim=-1)
Unflatten(dim, unflattened_size)
Identity(*args, **kwargs)
LayerNorm(normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, *, dtype=None, name=None)
RMSNorm(normalized_shape, eps=None, elementwise_affine=True, *, dtype=None, name=None)
Sequential(*modules, name=None)
Sequential.append(item)
Sequential.extend(items)
Sequential.insert(index, item)
Sequential.pop(index=-1)
ModuleList(modules=())
ModuleList.append(item)
ModuleList.extend(items)
ModuleList.insert(index, item)
ModuleList.pop(index=-1)
ModuleDict(modules=None)
ModuleDict.keys()
ModuleDict.values()
ModuleDict.items()
ModuleDict.update(modules)
ModuleDict.pop(name)
ParameterList(parameters=())
ParameterList.append(item)
ParameterList.extend(items)
ParameterList.insert(index, item)
ParameterList.pop(index=-1)
Conv1d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, *, activation=None, dtype=None, name=None)
Conv1d.reset_parameters(generator=None)
Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, *, activation=None, dtype=None, name=None)
Conv2d.reset_parameters(generator=None)
BatchNorm1d(num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, *, bias=True, activation=None, dtype=None, name=None)
BatchNorm1d.reset_parameters()
BatchNorm1d.reset_running_stats()
BatchNorm2d(num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, *, bias=True, activation=None, dtype=None, name=None)
BatchNorm2d.reset_parameters()
BatchNorm2d.reset_running_stats()
GroupNorm(num_groups, num_channels, eps=1e-5, affine=True, *, bias=True, dtype=None, name=None)
MaxPool1d(kernel_size, stride=None, padding=0, dilation=1, *, ceil_mode=False)
MaxPool2d(kernel_size, stride=None, padding=0, dilation=1, *, ceil_mode=False)
AvgPool1d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
AvgPool2d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
AdaptiveAvgPool2d(output_size)
GlobalAvgPool2d()
ZeroPad2d(padding)
# activations
ReLU(inplace=False)
LeakyReLU(negative_slope=0.01, inplace=False)
Tanh()
Sigmoid()
LogSigmoid()
SiLU(inplace=False)
GELU(approximate='none')
ELU(alpha=1.0, inplace=False)
Softplus(beta=1.0, threshold=20.0)
Softmax(dim=-1)
LogSoftmax(dim=-1)
# losses
MSELoss(size_average=None, reduce=None, reduction='mean')
CrossEntropyLoss(weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0)
L1Loss(size_average=None, reduce=None, reduction='mean')
SmoothL1Loss(size_average=None, reduce=None, reduction='mean', beta=1.0)
HuberLoss(reduction='mean', delta=1.0)
NLLLoss(weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean')
BCELoss(weight=None, size_average=None, reduce=None, reduction='mean')
BCEWithLogitsLoss(weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None)
KLDivLoss(size_average=None, reduce=None, reduction='mean', log_target=False)

[nanograd.nn.functional]
linear(input, weight, bias=None)
relu(input, inplace=False)
leaky_relu(input, negative_slope=0.01, inplace=False)
tanh(input)
sigmoid(input)
logsigmoid(input)
silu(input, inplace=False)
gelu(input, approximate='none')
elu(input, alpha=1.0, inplace=False)
softplus(input, beta=1, threshold=20)
softmax(input, dim=None, _stacklevel=3, dtype=None)
log_softmax(input, dim=None, _stacklevel=3, dtype=None)
dropout(input, p=0.5, training=True, inplace=False)
embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False)
one_hot(tensor, num_classes=-1)
normalize(input, p=2.0, dim=1, eps=1e-12, out=None)
cosine_similarity(x1, x2, dim=1, eps=1e-8)
pad(input, pad, mode='constant', value=None)
layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5)
rms_norm(input, normalized_shape, weight=None, eps=None)
batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5)
group_norm(input, num_groups, weight=None, bias=None, eps=1e-5)
conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)
conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)
max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False)
max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False)
avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None)
adaptive_avg_pool2d(input, output_size)
mse_loss(input, target, size_average=None, reduce=None, reduction='mean')
l1_loss(input, target, size_average=None, reduce=None, reduction='mean')
smooth_l1_loss(input, target, size_average=None, reduce=None, reduction='mean', beta=1.0)
huber_loss(input, target, reduction='mean', delta=1.0)
cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0)
nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean')
binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction='mean')
binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None)
kl_div(input, target, size_average=None, reduce=None, reduction='mean', log_target=False)

[nanograd.nn.init]
calculate_gain(nonlinearity, param=None)
uniform_(tensor, a=0.0, b=1.0, generator=None)
normal_(tensor, mean=0.0, std=1.0, generator=None)
constant_(tensor, val)
zeros_(tensor)
ones_(tensor)
xavier_uniform_(tensor, gain=1.0, generator=None)
xavier_normal_(tensor, gain=1.0, generator=None)
kaiming_uniform_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu', generator=None)
kaiming_normal_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu', generator=None)
orthogonal_(tensor, gain=1, generator=None)

[nanograd.nn.utils]
clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False)
clip_grad_value_(parameters, clip_value)
get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False)
parameters_to_vector(parameters)
vector_to_parameters(vec, parameters)

[nanograd.optim]
Optimizer(params, defaults)
Optimizer.step(closure=None)
Optimizer.zero_grad(set_to_none=True)
Optimizer.state_dict()
Optimizer.load_state_dict(state_dict)
Optimizer.add_param_group(param_group)
Optimizer.lr
SGD(params, lr=0.01, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)
Adam(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False)
AdamW(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False)
RMSprop(params, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False)
Adagrad(params, lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10)
EMA(module, decay=0.999)
EMA.update()
EMA.apply()
EMA.state_dict()
EMA.load_state_dict(state_dict)
scipy_minimize(closure, params, method='L-BFGS-B', tol=None, options=None)

[nanograd.data]
ArrayLoader(*arrays, batch_size=32, shuffle=False, drop_last=False, dtype=None, generator=None)
ArrayLoader.state_dict()
ArrayLoader.load_state_dict(state_dict)

[nanograd.testing]
gradcheck(fn, inputs, eps=None, rtol=None, atol=None)
assert_close(actual, expected, rtol=None, atol=None)
"""

# Attributes that instances have: what makes one, and their names.
INSTANCES = {
    "nn.Linear(2, 3)": "weight bias in_features out_features activation name training",
    "nn.Dense(2, 3)": "weight bias in_features out_features activation name training",
    "nn.Conv2d(1, 2, 3)": "weight bias in_channels out_channels kernel_size stride padding dilation groups activation name",
    "nn.Conv1d(1, 2, 3)": "weight bias in_channels out_channels kernel_size stride padding dilation groups activation name",
    "nn.BatchNorm2d(3)": "weight bias running_mean running_var num_batches_tracked num_features eps momentum activation name",
    "nn.BatchNorm1d(3)": "weight bias running_mean running_var num_batches_tracked num_features eps momentum activation name",
    "nn.LayerNorm(3)": "weight bias normalized_shape eps elementwise_affine",
    "nn.RMSNorm(3)": "weight normalized_shape eps elementwise_affine",
    "nn.GroupNorm(1, 2)": "weight bias num_groups num_channels eps affine",
    "nn.Embedding(3, 2)": "weight num_embeddings embedding_dim padding_idx",
    "nn.Dropout()": "p training",
    "nn.Sequential()": "name training",
    "ng.optim.SGD([nn.Parameter([1.0])])": "param_groups lr defaults",
}


def row(name, node, skip=0):
    """A function's line."""
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    arguments = node.args.posonlyargs or node.args.args
    del arguments[:skip]
    return f"{name}({ast.unparse(node.args)})"


def declared_rows():
    """{name: line} of what the stubs declare, and composed.py."""
    found = {}
    for name, nodes in public_stubs().items():
        if isinstance(nodes[0], ast.FunctionDef):
            found[name] = row(name, nodes[0])
            continue
        found[name] = name
        for member in nodes[0].body:
            key = member.name if isinstance(member, ast.FunctionDef) else ast.unparse(getattr(member, "target", member))
            decorators = {ast.unparse(decorator) for decorator in getattr(member, "decorator_list", ())}
            if key == "__init__":
                found[name] = row(name, member, 1)
            elif key.isidentifier() and not key.startswith("_"):
                is_method = isinstance(member, ast.FunctionDef) and not any("property" in d or d.startswith(f"{key}.") for d in decorators)
                found[f"{name}.{key}"] = row(f"{name}.{key}", member, "staticmethod" not in decorators) if is_method else f"{name}.{key}"
    for name in composed.__all__:
        found[name] = row(name, ast.parse(f"def f{inspect.signature(getattr(composed, name))}: ...").body[0])
    return found


def sections():
    """{section: {name: line}}"""
    found, section = {}, None
    for line in SURFACE.strip().splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name = line.partition("(")[0]
            assert name not in section, f"{name} stands in the table twice"
            section[name] = line
    found["nanograd"] = declared_rows() | found["nanograd"]
    return found
