# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hundreds of random graphs of 60 operations, with repeated inputs and views, against PyTorch: values and gradients.

A graph is drawn while PyTorch computes it, in float64 and float32 side by side, so that each next operation can be
chosen by the shapes and values there are: values stay bounded, and no operation with a kink (relu, abs, max ...) is put
where rounding could decide on which side of the kink an element falls. Then nanograd replays it in both dtypes.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

import nanograd as ng

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

N_GRAPHS, N_STEPS, MOST_ELEMENTS = 300, 60, 240
LEAVES = [(3, 4), (4,), (3, 1), (2, 3, 4), (4, 3), (3,), ()]
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-3}
# An operation: PyTorch's form and ours; both take the inputs, then the parameters of the step.
OPS = {
    "add": (torch.add, ng.add),
    "sub": (torch.sub, ng.sub),
    "mul": (torch.mul, ng.mul),
    "div": (lambda a, b: a / (b * b + 0.5), lambda a, b: a / (b * b + 0.5)),
    "pow": (lambda a, b: (torch.abs(a) + 0.5) ** b, lambda a, b: (abs(a) + 0.5) ** b),
    "maximum": (torch.maximum, ng.maximum),
    "minimum": (torch.minimum, ng.minimum),
    "where": (lambda a, b, mask: torch.where(torch.from_numpy(mask), a, b), lambda a, b, mask: ng.where(mask, a, b)),
    "scale": (lambda a, s: a * s, lambda a, s: a * s),
    "shift": (lambda a, s: s - a, lambda a, s: s - a),
    "cube": (lambda a: a**3, lambda a: a**3),
    "neg": (torch.neg, ng.neg),
    "abs": (torch.abs, ng.abs),
    "exp": (lambda a: torch.exp(-torch.square(a)), lambda a: ng.exp(-ng.square(a))),
    "log": (lambda a: torch.log(torch.square(a) + 0.5), lambda a: ng.log(ng.square(a) + 0.5)),
    "sqrt": (lambda a: torch.sqrt(a * a + 0.25), lambda a: ng.sqrt(a * a + 0.25)),
    "clip": (lambda a: torch.clamp(a, -0.7312, 0.9123), lambda a: ng.clip(a, -0.7312, 0.9123)),
    "relu": (torch.relu, ng.relu),
    "tanh": (torch.tanh, ng.tanh),
    "sigmoid": (torch.sigmoid, ng.sigmoid),
    "softmax": (torch.softmax, ng.softmax),
    "log_softmax": (torch.log_softmax, ng.log_softmax),
    "matmul": (torch.matmul, ng.matmul),
    "linear": (torch.nn.functional.linear, ng.linear),
    "linear_relu": (
        lambda x, w, b: torch.relu(torch.nn.functional.linear(x, w, b)),
        lambda x, w, b: ng.linear(x, w, b, activation="relu"),
    ),
    "sum": (lambda a, axis, keep: a.sum(axis, keep), lambda a, axis, keep: a.sum(axis, keep)),
    "mean": (lambda a, axis, keep: a.mean(axis, keep), lambda a, axis, keep: a.mean(axis, keep)),
    "max": (lambda a, axis, keep: a.amax(axis, keep), lambda a, axis, keep: a.max(axis, keep)),
    "reshape": (lambda a, shape: a.reshape(shape), lambda a, shape: a.reshape(shape)),
    "flatten": (torch.flatten, ng.flatten),
    "permute": (lambda a, axes: a.permute(axes), lambda a, axes: a.permute(axes)),
    "transpose": (lambda a: a.permute(tuple(range(a.ndim))[::-1]), lambda a: a.T),
    "concatenate": (lambda *both, axis: torch.cat(both, axis), lambda *both, axis: ng.concatenate(both, axis)),
    "stack": (lambda *both, axis: torch.stack(both, axis), lambda *both, axis: ng.stack(both, axis)),
    "index": (lambda a, index: a[_for_torch(index)], lambda a, index: a[index]),
    "detach": (lambda a: a.detach() * 0.5, lambda a: a.detach() * 0.5),
    "mse_loss": (torch.nn.functional.mse_loss, ng.mse_loss),
    "cross_entropy": (
        lambda a, labels: torch.nn.functional.cross_entropy(a, torch.from_numpy(labels)),
        lambda a, labels: ng.cross_entropy(a, labels),
    ),
}
KINKED = {"abs", "pow", "relu", "clip", "maximum", "minimum", "max", "linear_relu"}
POINTS = {"clip": (-0.7312, 0.9123)}


def _for_torch(index):
    if isinstance(index, tuple):
        return tuple(_for_torch(part) for part in index)
    return torch.from_numpy(index) if isinstance(index, np.ndarray) else index


@dataclass
class Step:
    """One operation: its inputs as positions in the list of values, and parameters that are no tensors."""

    name: str
    inputs: tuple[int, ...]
    args: tuple = ()
    kwargs: dict = field(default_factory=dict)

    def run(self, side, values):
        return OPS[self.name][side](*(values[i] for i in self.inputs), *self.args, **self.kwargs)


class Graph:
    """A random graph and what PyTorch makes of it: `values[dtype]`, `grads[dtype]`."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.leaves = [self.rng.uniform(-1, 1, shape) for shape in LEAVES]
        self.steps = []
        self.torch = {
            dtype: [torch.tensor(leaf.astype(dtype), requires_grad=True) for leaf in self.leaves]
            for dtype in (np.float64, np.float32)
        }
        while len(self.steps) < N_STEPS:
            self._grow()
        used = {i for step in self.steps for i in step.inputs}
        ends = [i for i in range(len(LEAVES), len(LEAVES) + N_STEPS) if i not in used]
        self.ends = [i for i in ends if self.torch[np.float64][i].requires_grad]
        self.seeds = {i: self.rng.uniform(-1, 1, self.torch[np.float64][i].shape) for i in self.ends}
        for dtype, values in self.torch.items():
            seeds = [torch.tensor(self.seeds[i].astype(dtype)) for i in self.ends]
            torch.autograd.backward([values[i] for i in self.ends], seeds)

    def _grow(self):
        """Draw an operation, and keep it if it fits."""
        values = self.torch[np.float64]
        step = _draw(self.rng, str(self.rng.choice(list(OPS))), values)
        if step is None:
            return
        if step.name in KINKED and not self._clear_of_kinks(step):
            return
        results = {dtype: step.run(0, values) for dtype, values in self.torch.items()}
        size, largest = results[np.float64].numel(), float(results[np.float64].detach().abs().max())
        if size > MOST_ELEMENTS or not np.isfinite(largest):
            return
        self._keep(step, results)
        if largest > 3 and len(self.steps) < N_STEPS:
            step = Step("scale", (len(values) - 1,), (round(1 / largest, 3),))
            self._keep(step, {dtype: step.run(0, values) for dtype, values in self.torch.items()})

    def _keep(self, step, results):
        self.steps.append(step)
        for dtype, result in results.items():
            self.torch[dtype].append(result)

    def _clear_of_kinks(self, step):
        """Whether no element is so near a kink that rounding decides its side. Exact zeros and ties are welcome."""
        if step.name == "linear_relu":
            wide, narrow = (Step("linear", step.inputs).run(0, self.torch[dtype]) for dtype in (np.float64, np.float32))
            return _apart(wide, narrow)
        wide, narrow = ([self.torch[dtype][i] for i in step.inputs] for dtype in (np.float64, np.float32))
        if step.name in {"maximum", "minimum"}:
            return _apart(wide[0] - wide[1], narrow[0] - narrow[1])
        if step.name == "max":
            top = [x.amax(step.args[0], True) - x for x in (wide[0], narrow[0])]
            return _apart(*top)
        return all(_apart(wide[0] - point, narrow[0] - point) for point in POINTS.get(step.name, (0.0,)))

    def conditioned(self):
        """Whether float32 is enough for this graph: PyTorch's own gradients of both dtypes agree."""
        for wide, narrow in zip(self.torch[np.float64], self.torch[np.float32], strict=True):
            if _distance(narrow.detach().numpy(), wide.detach().numpy()) > 1e-4:
                return False
            if wide.is_leaf and wide.grad is not None and _distance(narrow.grad.numpy(), wide.grad.numpy()) > 1e-4:
                return False
        return True


def _apart(wide, narrow):
    wide, narrow = wide.detach().abs(), narrow.detach().abs()
    return bool(((wide > 1e-4) | ((wide == 0) & (narrow == 0))).all())


def _distance(actual, expected):
    """The largest difference, relative to the largest element."""
    if expected.size == 0:
        return 0.0
    return float(np.max(np.abs(actual.astype(np.float64) - expected)) / max(1e-6, np.max(np.abs(expected))))


def _draw(rng, name, values):
    """A step of this kind on some of the values, or None if none fits. Recent values and repetitions are likely."""

    def pick(fits=lambda x: True):
        recent = [i for i in range(max(0, len(values) - 12), len(values)) if fits(values[i])]
        anywhere = [i for i in range(len(values)) if fits(values[i])]
        places = recent if recent and rng.random() < 0.6 else anywhere
        return int(rng.choice(places)) if places else None

    def pair(fits):
        first = pick()
        if rng.random() < 0.15 and fits(values[first], values[first]):
            return first, first
        second = pick(lambda x: fits(values[first], x))
        return None if second is None else (first, second)

    def shape(i):
        return tuple(values[i].shape)

    def axis(i, extra=0):
        return int(rng.integers(-len(shape(i)) - extra, len(shape(i)) + extra))

    match name:
        case "add" | "sub" | "mul" | "div" | "pow" | "maximum" | "minimum" | "where":
            both = pair(_broadcast)
            if both is None:
                return None
            mask = np.asarray(rng.random(np.broadcast_shapes(*map(shape, both))) < 0.5)
            return Step(name, both, (mask,) if name == "where" else ())
        case "mse_loss":
            both = pair(lambda a, b: a.shape == b.shape)
            return both and Step(name, both)
        case "matmul":
            both = pair(_multiply)
            return both and Step(name, both)
        case "linear" | "linear_relu":
            w = pick(lambda x: x.ndim == 2)
            x = pick(lambda x: x.ndim > 0 and x.shape[-1] == values[w].shape[1])
            b = pick(lambda x: x.shape == values[w].shape[:1])
            return None if x is None or b is None else Step(name, (x, w, b))
        case "scale" | "shift":
            return Step(name, (pick(),), (round(float(rng.uniform(-2, 2)), 3),))
        case "softmax" | "log_softmax":
            i = pick(lambda x: x.ndim > 0)
            return Step(name, (i,), (axis(i),))
        case "sum" | "mean" | "max":
            i = pick(lambda x: x.ndim > 0)
            axes = tuple(int(a) for a in rng.permutation(len(shape(i)))[: rng.integers(1, len(shape(i)) + 1)])
            one = len(axes) == 1 and rng.random() < 0.5
            return Step(name, (i,), (axes[0] if one else axes, bool(rng.random() < 0.5)))
        case "reshape":
            i = pick()
            size = values[i].numel()
            divisors = [d for d in range(1, size + 1) if size % d == 0]
            first = int(rng.choice(divisors))
            shapes = [(-1,), (first, -1), (first, size // first), (1, first, size // first)]
            return Step(name, (i,), (shapes[rng.integers(4)],))
        case "permute":
            i = pick(lambda x: x.ndim > 1)
            return Step(name, (i,), (tuple(int(a) for a in rng.permutation(len(shape(i)))),))
        case "concatenate":
            i = pick(lambda x: x.ndim > 0)
            return Step(name, (i, i, pick(lambda x: x.shape == values[i].shape)), kwargs={"axis": axis(i)})
        case "stack":
            i = pick(lambda x: x.ndim < 4)
            place = int(rng.integers(-1, len(shape(i)) + 1))
            return Step(name, (i, pick(lambda x: x.shape == values[i].shape)), kwargs={"axis": place})
        case "index":
            i = pick(lambda x: x.ndim > 0)
            return Step(name, (i,), (_draw_index(rng, shape(i)),))
        case "cross_entropy":
            i = pick(lambda x: x.ndim == 2)
            return Step(name, (i,), (rng.integers(0, shape(i)[1], shape(i)[0]),))
        case _:
            return Step(name, (pick(),))


def _broadcast(a, b):
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return True


def _multiply(a, b):
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else -1]:
        return False
    return _broadcast(np.empty(a.shape[:-2]), np.empty(b.shape[:-2]))


def _draw_index(rng, shape):
    """Ints, slices, `...`, None, and one integer or boolean array; never an empty result."""
    n = shape[0]
    start = int(rng.integers(0, n))
    last = int(rng.integers(-shape[-1], shape[-1]))
    choices = [
        int(rng.integers(-n, n)),
        slice(start, int(rng.integers(start + 1, n + 1))),
        slice(start, None, 2),
        (Ellipsis, slice(None, last % shape[-1] + 1)),
        (Ellipsis, last),
        (None, Ellipsis),
        rng.integers(-n, n, int(rng.integers(1, 6))),
        np.arange(n) % 2 == 0,
    ]
    return choices[rng.integers(len(choices))]


def _graphs(first, count):
    """So many graphs that float32 can do, and how many it could not."""
    found, refused, seed = [], 0, first
    while len(found) < count:
        graph = Graph(seed)
        if graph.conditioned():
            found.append((seed, graph))
        else:
            refused += 1
        seed += 1
    return found, refused


@pytest.mark.parametrize("part", range(10))
def test_random_graphs(part):
    count = N_GRAPHS // 10
    graphs, refused = _graphs(1000 * part, count)
    assert refused <= count // 2
    for seed, graph in graphs:
        for dtype in (np.float64, np.float32):
            _compare(graph, dtype, f"Graph({seed}), {dtype.__name__}")


def _compare(graph, dtype, where):
    """Replay the graph in nanograd."""
    values = [ng.tensor(leaf.astype(dtype), requires_grad=True) for leaf in graph.leaves]
    for step in graph.steps:
        values.append(step.run(1, values))
        expected = graph.torch[dtype][len(values) - 1]
        assert values[-1].shape == tuple(expected.shape), (where, len(values) - 1, step)
        assert values[-1].dtype == dtype, (where, step)
        assert values[-1].requires_grad == expected.requires_grad, (where, step)
        distance = _distance(values[-1].numpy(), expected.detach().numpy())
        assert distance <= TOLERANCE[dtype], (where, len(values) - 1, step, distance)
    # One backward over all ends at once, as PyTorch had it.
    total = sum((values[i] * graph.seeds[i].astype(dtype)).sum() for i in graph.ends)
    total.backward()
    for i, shape in enumerate(LEAVES):
        ours, theirs = values[i].grad, graph.torch[dtype][i].grad
        assert (ours is None) == (theirs is None), (where, f"leaf {i}")
        if ours is not None:
            assert ours.shape == shape and ours.dtype == dtype, (where, f"leaf {i}")
            assert _distance(ours.numpy(), theirs.numpy()) <= TOLERANCE[dtype], (where, f"leaf {i}")


def test_every_operation_and_kind_of_use_occurs():
    """The drawing has not quietly narrowed: every operation, repeated inputs and views occur many times."""
    steps = [step for seed in range(40) for step in Graph(seed).steps]
    counts = {name: sum(step.name == name for step in steps) for name in OPS}
    assert min(counts.values()) >= 5, counts
    assert sum(len(set(step.inputs)) < len(step.inputs) for step in steps) >= 50
