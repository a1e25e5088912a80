# SPDX-License-Identifier: LGPL-3.0-or-later
"""The public surface, written by hand from the design of the API: what programs may rely on.

A line is a name with its arguments, as `def` has them, or a name alone: an attribute, or a class that is not called to make one.
`Class.name` are the members of a class of the section; methods are written without self. tests/test_surface.py compares the
library with these lines, and the stubs too.
"""

SURFACE = """
[nanograd]
# making
tensor(data, dtype=None, requires_grad=False)
tensor32(data, shape=None, *, requires_grad=True)
tensor64(data, shape=None, *, requires_grad=True)
asarray(data, dtype=None)
from_numpy(a)
from_dlpack(x)
zeros(shape, dtype=None, requires_grad=False)
ones(shape, dtype=None, requires_grad=False)
full(shape, fill_value, dtype=None, requires_grad=False)
empty(shape, dtype=None, requires_grad=False)
eye(N, M=None, k=0, dtype=None, requires_grad=False)
arange(start, stop=None, step=1, dtype=None, requires_grad=False)
linspace(start, stop, num=50, endpoint=True, dtype=None, requires_grad=False)
zeros_like(x, dtype=None, requires_grad=False)
ones_like(x, dtype=None, requires_grad=False)
full_like(x, fill_value, dtype=None, requires_grad=False)
float32
float64
get_default_dtype()
set_default_dtype(dtype)
# random
rand(*shape, dtype=None, requires_grad=False, generator=None)
randn(*shape, dtype=None, requires_grad=False, generator=None)
uniform(low, high, shape, dtype=None, requires_grad=False, generator=None)
normal(mean, std, shape, dtype=None, requires_grad=False, generator=None)
rand_like(x, dtype=None, requires_grad=False, generator=None)
randn_like(x, dtype=None, requires_grad=False, generator=None)
randint(low, high, shape, generator=None)
randperm(n, generator=None)
categorical(logits, axis=-1, generator=None)
manual_seed(n)
Generator(seed=None)
Generator.get_state()
Generator.set_state(s)
Generator.manual_seed(n)
# grad mode, autograd
no_grad()
enable_grad()
set_grad_enabled(flag)
is_grad_enabled()
grad(outputs, inputs, grad_outputs=None, retain_graph=False, allow_unused=False)
Function
Function.forward(ctx, *args)
Function.backward(ctx, *grads)
Function.apply(*args)
Node
Node.name
# arithmetic
add(a, b)
sub(a, b)
mul(a, b)
div(a, b)
pow(a, b)
maximum(a, b)
minimum(a, b)
arctan2(a, b)
safe_div(a, b, eps=1e-8)
neg(x)
abs(x)
sign(x)
square(x)
sqrt(x)
rsqrt(x)
reciprocal(x)
exp(x)
expm1(x)
log(x)
log1p(x)
log2(x)
log10(x)
sin(x)
cos(x)
tan(x)
sinh(x)
cosh(x)
arctan(x)
erf(x)
floor(x)
ceil(x)
round(x)
clip(x, min=None, max=None)
where(cond, a, b)
isnan(x)
isinf(x)
isfinite(x)
allclose(a, b, rtol=1e-5, atol=1e-8)
# linear algebra
matmul(a, b)
dot(a, b)
scale(x, s)
outer(a, b)
einsum(subscripts, *operands)
# reductions
sum(x, axis=None, keepdims=False)
mean(x, axis=None, keepdims=False)
prod(x, axis=None, keepdims=False)
max(x, axis=None, keepdims=False)
min(x, axis=None, keepdims=False)
logsumexp(x, axis=None, keepdims=False)
var(x, axis=None, keepdims=False, *, ddof=0)
std(x, axis=None, keepdims=False, *, ddof=0)
norm(x, axis=None, keepdims=False, *, ord=2)
argmax(x, axis=None)
argmin(x, axis=None)
cumsum(x, axis=-1)
sort(x, axis=-1, descending=False)
argsort(x, axis=-1, descending=False)
topk(x, k, axis=-1)
# shape
reshape(x, *shape)
flatten(x, start_axis=0, end_axis=-1)
transpose(x, *axes)
permute(x, axes)
swapaxes(x, a, b)
squeeze(x, axis=None)
unsqueeze(x, axis)
broadcast_to(x, shape)
expand(x, *shape)
narrow(x, axis, start, length)
slice(x, start, length)
concatenate(tensors, axis=0)
stack(tensors, axis=0)
split(x, sizes, axis=0)
chunk(x, n, axis=0)
tile(x, reps)
repeat(x, n, axis=None)
flip(x, axis=-1)
roll(x, shift, axis=-1)
pad(x, pad_width, mode='constant', value=0)
gather(x, axis, indices)
take(x, indices, axis=None)
index_set(x, index, values)
index_add(x, index, values)
tril(x, k=0)
triu(x, k=0)
diagonal(x, k=0)
# activations
relu(x)
leaky_relu(x, negative_slope=0.01)
tanh(x)
sigmoid(x)
log_sigmoid(x)
softplus(x, beta=1.0, threshold=20.0)
silu(x)
gelu(x, approximate='none')
elu(x, alpha=1.0)
softmax(x, axis=-1)
log_softmax(x, axis=-1)
# networks
linear(x, weight, bias=None, activation=None)
dropout(x, p=0.5, training=True, generator=None)
embedding(indices, weight, padding_idx=None)
normalize(x, ord=2, axis=-1, eps=1e-12)
cosine_similarity(a, b, axis=-1, eps=1e-8)
one_hot(indices, num_classes, dtype=None)
layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5)
rms_norm(x, normalized_shape, weight=None, eps=None)
# images
conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)
conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)
batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5, activation=None)
group_norm(x, num_groups, weight=None, bias=None, eps=1e-5)
max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)
max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)
avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
adaptive_avg_pool2d(x, output_size)
global_avg_pool2d(x)
# losses
mse_loss(input, target, *, reduction='mean')
l1_loss(input, target, *, reduction='mean')
smooth_l1_loss(input, target, *, beta=1.0, reduction='mean')
huber_loss(input, target, *, delta=1.0, reduction='mean')
cross_entropy(logits, target, *, weight=None, ignore_index=-100, label_smoothing=0.0, reduction='mean')
nll_loss(log_p, target, *, weight=None, ignore_index=-100, reduction='mean')
binary_cross_entropy(p, target, *, weight=None, reduction='mean')
binary_cross_entropy_with_logits(x, target, *, weight=None, pos_weight=None, reduction='mean')
kl_div(log_p, target, *, reduction='mean')
cross_entropy_from_probs(p, target, *, eps=1e-10, reduction='sum')
# threads, memory, configuration
set_num_threads(n)
get_num_threads()
num_threads(n)
memory_stats()
empty_cache()
show_config()
# errors
NanogradError
ShapeError
DTypeError
GraphError
# the tensor
Parameter(data, requires_grad=True)
Tensor
Tensor.shape
Tensor.ndim
Tensor.size
Tensor.nbytes
Tensor.itemsize
Tensor.strides
Tensor.dtype
Tensor.requires_grad
Tensor.is_leaf
Tensor.grad
Tensor.grad_fn
Tensor.T
Tensor.mT
Tensor.requires_grad_(flag=True)
Tensor.item()
Tensor.tolist()
Tensor.numpy()
Tensor.astype(dtype)
Tensor.detach()
Tensor.copy()
Tensor.backward(gradient=None, retain_graph=False, inputs=None)
Tensor.zero_grad()
Tensor.add_to_grad(delta)
Tensor.retain_grad()
Tensor.register_hook(fn)

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
ModuleList(modules=())
ModuleList.append(item)
ModuleList.extend(items)
ModuleList.insert(index, item)
ModuleDict(modules=None)
ModuleDict.keys()
ModuleDict.values()
ModuleDict.items()
ModuleDict.update(modules)
ParameterList(parameters=())
ParameterList.append(item)
ParameterList.extend(items)
ParameterList.insert(index, item)
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

# The sections of [nanograd] whose functions are methods of Tensor too, but for these.
METHOD_SECTIONS = ["arithmetic", "linear algebra", "reductions", "shape", "activations"]
NO_METHODS = {"where", "einsum", "concatenate", "stack"}

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


def sections():
    """{section: {name: row}}, and the rows' sub-headings: {name: heading} of [nanograd]."""
    found, headings, section, heading = {}, {}, None, None
    for line in SURFACE.strip().splitlines():
        if line.startswith("["):
            section, heading = found.setdefault(line.strip("[]"), {}), None
        elif line.startswith("#"):
            heading = line[1:].strip()
        elif line:
            name = line.partition("(")[0]
            assert name not in section, f"{name} stands in the table twice"
            section[name] = line
            if len(found) == 1:
                headings[name] = heading
    return found, headings
