# SPDX-License-Identifier: LGPL-3.0-or-later
"""Under a limit on memory every operation succeeds or raises MemoryError, and everything is usable afterwards."""
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux does")

# Each limit in a child of its own, from a parent that has made no large product and started no thread.
COMMON = """
import io, os, resource, sys, warnings
import numpy as np
import nanograd as ng
from nanograd import nn, optim
warnings.simplefilter("ignore", DeprecationWarning)      # Python 3.12 and later on fork with threads
ng.set_num_threads(THREADS)
rng = np.random.default_rng(0)

def used():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()

def limited(megabytes, function):
    "What function raises with so much memory left: None or MemoryError."
    size = used() + int(megabytes * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
    try:
        function()
    except MemoryError as error:
        return type(error)       # without its traceback, which holds what the frames held
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

def sweep(case, limits):
    "Runs case(left) for each limit, left(function) being limited(...), and says what went wrong."
    outcomes = set()
    for megabytes in limits:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                seen = []
                def left(function):
                    seen.append(limited(megabytes, function))
                    return seen[-1]
                case(left)
                os.write(writer, b"M" if MemoryError in seen else b"-")
                status = 0
            finally:
                if status:
                    sys.excepthook(*sys.exc_info())
                sys.stderr.flush()
                os._exit(status)
        os.close(writer)
        _, status = os.waitpid(pid, 0)
        outcome = os.read(reader, 1)
        os.close(reader)
        assert status == 0, f"{case.__name__} with {megabytes} MB left: status {status}"
        outcomes.add(outcome)
    assert outcomes == {b"M", b"-"}, outcomes        # or the limits tried nothing

LIMITS = (0, 1, 2, 3, 5, 8, 16, 24, 31, 33, 36, 40, 48, 64, 80, 120, 200)

def net(width=512):
    ng.manual_seed(0)
    return nn.Sequential(nn.Linear(300, width, activation="relu"), nn.Linear(width, width, activation="tanh"), nn.Linear(width, 10))
"""


def run(text, threads=1):
    done = subprocess.run([sys.executable, "-c", COMMON.replace("THREADS", str(threads)) + text], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr


PRODUCT = """
a = ng.tensor(rng.normal(size=(700, 700)), dtype=ng.float32)
b = ng.tensor(rng.normal(size=(900, 300)), dtype=ng.float64)      # b.T @ b: columns of A, which CBLAS takes
expected = a.numpy() @ a.numpy()

def product(left):
    out = []
    left(lambda: out.append((a @ a).numpy()))
    bits = (a @ a).numpy()
    assert np.allclose(bits, expected, atol=1e-3)
    assert all(np.array_equal(y, bits) for y in out)
    out.clear()
    left(lambda: out.append(ng.matmul(b.T, b).numpy()))
    assert all(np.array_equal(y, ng.matmul(b.T, b).numpy()) for y in out)
"""


@pytest.mark.parametrize("threads", [1, 4])
def test_openblas_ends_no_process_for_want_of_its_buffer(threads):
    run(PRODUCT + "sweep(product, LIMITS)", threads)


@pytest.mark.parametrize("megabytes", [8, 24, 44])
def test_openblas_ends_no_process_that_has_not_forked(megabytes):
    """(A fork makes OpenBLAS take its first buffer.)"""
    run(PRODUCT + f"""
out = []
failed = limited({megabytes}, lambda: out.append((a @ a).numpy()))
assert failed if {megabytes} < 32 else not failed
assert all(np.array_equal(y, (a @ a).numpy()) for y in out)
""")


def test_openblas_ends_no_process_for_want_of_a_second_buffer():
    run(PRODUCT + """
def more_threads(left):
    bits = (a @ a).numpy()
    ng.set_num_threads(4)
    out = []
    failed = left(lambda: out.append((a @ a).numpy()))
    assert failed or np.array_equal(out[0], bits)
    assert np.array_equal((a @ a).numpy(), bits)
sweep(more_threads, LIMITS)
""")


def test_a_worker_without_scratch_memory_leaves_its_pieces_to_the_others():
    run("""
x = ng.tensor(rng.normal(size=(8, 16, 64, 64)), dtype=ng.float32)
w = ng.tensor(rng.normal(size=(24, 16, 5, 5)), dtype=ng.float32)

def convolution(left):
    bits = ng.conv2d(x, w).numpy()
    ng.empty_cache()
    ng.set_num_threads(4)
    out = []
    assert left(lambda: out.append(ng.conv2d(x, w).numpy())) or np.array_equal(out[0], bits)
    assert np.array_equal(ng.conv2d(x, w).numpy(), bits)
sweep(convolution, LIMITS)
""")


def test_more_than_64_threads_in_products_at_once_print_nothing():
    """Of so many threads most are suspended within their product at any time."""
    run("""
import threading
a = ng.tensor(rng.normal(size=(1000, 1000)), dtype=ng.float32)
bits, wrong, start = (a @ a).numpy(), [], threading.Barrier(150)
def work():
    start.wait()
    if not np.array_equal((a @ a).numpy(), bits):
        wrong.append(1)
threads = [threading.Thread(target=work) for _ in range(150)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong
""")


def test_a_fork_while_other_threads_are_in_products_leaves_the_child_with_them():
    run("""
import threading
a = ng.tensor(rng.normal(size=(640, 640)), dtype=ng.float32)
bits, stop = (a @ a).numpy(), threading.Event()
def work():
    while not stop.is_set(): a @ a
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads: t.start()
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if np.array_equal((a @ a).numpy(), bits) else 1)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for t in threads: t.join()
""")


@pytest.mark.parametrize("threads", [1, 4])
def test_a_training_step_that_lacks_memory_changes_nothing_or_everything(threads):
    run("""
x, labels = rng.normal(size=(256, 300)).astype(np.float32), rng.integers(0, 10, 256)
model = net()
optimizer = optim.Adam(model.parameters())

def forward_backward():
    optimizer.zero_grad()
    ng.cross_entropy(model(x), labels).backward()

def values():
    return [p.numpy().copy() for p in model.parameters()]

def training(left):
    before = values()
    left(forward_backward)
    assert all(np.array_equal(a, b) for a, b in zip(before, values()))
    forward_backward()
    if left(optimizer.step):
        assert all(np.array_equal(a, b) for a, b in zip(before, values()))
        optimizer.step()
    once = values()
    assert all(not np.array_equal(a, b) for a, b in zip(before, once))
    forward_backward()
    optimizer.step()
    assert all(np.isfinite(v).all() for v in values())
sweep(training, LIMITS)
""", threads)


def test_loading_without_memory_loads_nothing():
    run("""
model, other = net(1200), net(1200)
for p in other.parameters(): p.assign(p + 1.0)
state = {name: value.numpy().copy() for name, value in other.state_dict().items()}
ema, optimizer, trained = optim.EMA(model), optim.Adam(model.parameters()), optim.Adam(other.parameters())
averages = {"decay": 0.5, "averages": state}
for p in other.parameters(): p.grad = p.numpy()
trained.step()
other.load_state_dict(state)
moments = trained.state_dict()

def loading(left):
    before = [p.numpy().copy() for p in model.parameters()]
    if left(lambda: model.load_state_dict(state)):
        assert all(np.array_equal(p.numpy(), old) for p, old in zip(model.parameters(), before))
        model.load_state_dict(state)
    assert all(np.array_equal(p.numpy(), q.numpy()) for p, q in zip(model.parameters(), other.parameters()))
    if left(lambda: ema.load_state_dict(averages)):
        assert all(np.array_equal(a.numpy(), old) for a, old in zip(ema.state_dict()["averages"].values(), before))
        ema.load_state_dict(averages)
    assert all(np.array_equal(a.numpy(), state[name]) for name, a in ema.state_dict()["averages"].items())
    if left(lambda: optimizer.load_state_dict(moments)):
        assert optimizer.state_dict()["state"] == {}
        optimizer.load_state_dict(moments)
    loaded = optimizer.state_dict()["state"]
    assert all(np.array_equal(loaded[i]["exp_avg"].numpy(), entry["exp_avg"].numpy()) for i, entry in moments["state"].items())
sweep(loading, LIMITS)
""")


def test_astype_casts_a_whole_module_or_nothing():
    run("""
class Net(nn.Module):
    def __init__(self):
        self.body = net(800)
        self.norm = nn.BatchNorm1d(10)
        self.register_buffer("table", ng.ones((300, 1000)))
    def forward(self, x):
        return self.norm(self.body(x))

x, labels = rng.normal(size=(16, 300)), rng.integers(0, 10, 16)
model = Net()
optimizer = optim.Adam(model.parameters())
def step(dtype):
    optimizer.zero_grad()
    ng.cross_entropy(model(x.astype(dtype)), labels).backward()
    optimizer.step()
step(np.float32)

def everything():
    return [*model.parameters(), *(p.grad for p in model.parameters()), *(b for b in model.buffers() if isinstance(b, ng.Tensor))]

def cast(left):
    before = [t.numpy().copy() for t in everything()]
    failed = left(lambda: model.astype(np.float64))
    assert {t.dtype for t in everything()} == {np.dtype(np.float32 if failed else np.float64)}
    assert all(np.array_equal(t.numpy(), old) for t, old in zip(everything(), before))
    dtype = next(iter(model.parameters())).dtype
    failed = left(lambda: step(dtype))              # where it was cast, the optimizer's state follows
    step(dtype)
    model.astype(np.float32)
    assert {t.dtype for t in everything()} == {np.dtype(np.float32)}
    step(np.float32)
sweep(cast, LIMITS)
""")


def test_conversions_from_and_to_numpy():
    run("""
big = rng.normal(size=(1000, 1000))
t = ng.tensor(big, dtype=ng.float32)

def conversions(left):
    for function in (lambda: ng.tensor(big), lambda: ng.tensor(big, dtype=ng.float32), lambda: t.astype(np.float64), lambda: t.numpy().copy(),
                     lambda: t.T.numpy(), lambda: t[:100].tolist(), lambda: ng.asarray(big[:, ::2]), lambda: t + big.astype(np.float32)):
        left(function)
        function()
sweep(conversions, LIMITS)
""")
