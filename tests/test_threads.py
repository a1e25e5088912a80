# SPDX-License-Identifier: LGPL-3.0-or-later
"""Numbers of threads: where they come from, what they change (speed) and what not (bits)."""
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from thread_bits import assert_same_bits, pool_counters

import nanograd as ng
from nanograd import nn, optim
from nanograd._core import runtime

LARGE = (2048, 1024)      # of every op tested here: far above what one piece of work is


def in_new_process(code, **environment):
    """stdout of a Python program; the threads' variables are unset unless given."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("NANOGRAD_NUM_THREADS", "OMP_NUM_THREADS")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
                            env=inherited | environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


# ---- set, get, context ----------------------------------------------------------------------------------------------------


def test_set_and_get():
    before = ng.get_num_threads()
    try:
        for n in (1, 4, np.int64(3)):
            ng.set_num_threads(n)
            assert ng.get_num_threads() == n
    finally:
        ng.set_num_threads(before)


def test_the_context_holds_for_its_thread_and_can_be_nested():
    before = ng.get_num_threads()
    seen = []
    with ng.num_threads(7) as context:
        assert context is None and ng.get_num_threads() == 7
        with ng.num_threads(2):
            assert ng.get_num_threads() == 2
            thread = threading.Thread(target=lambda: seen.append(ng.get_num_threads()))
            thread.start()
            thread.join()
        assert ng.get_num_threads() == 7
    assert seen == [before] and ng.get_num_threads() == before
    again = ng.num_threads(5)
    with again, again:
        assert ng.get_num_threads() == 5
    assert ng.get_num_threads() == before
    with pytest.raises(KeyError), ng.num_threads(3):
        raise KeyError
    assert ng.get_num_threads() == before
    assert repr(again) == "num_threads(5)"


@pytest.mark.parametrize("function", [ng.set_num_threads, ng.num_threads])
def test_wrong_numbers(function):
    name = function.__name__
    for n in (0, -1, 1025, 10**30):
        with pytest.raises(ValueError, match=f"^{name}: n must be from 1 to 1024, got {n}$"):
            function(n)
    for n, kind in ((2.0, "float 2.0"), ("2", "str '2'"), (None, "NoneType None"), (True, "bool True")):
        with pytest.raises(TypeError, match=f"^{name}: n must be an int, got {kind}$"):
            function(n)


# ---- the default ----------------------------------------------------------------------------------------------------------

PRINT = "import nanograd as ng; print(ng.get_num_threads())"
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize("environment, wanted", [
    ({}, None),
    ({"NANOGRAD_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "1,2"}, 1),
    ({"NANOGRAD_NUM_THREADS": "1000", "OMP_NUM_THREADS": "1"}, None),
    ({"NANOGRAD_NUM_THREADS": "", "OMP_NUM_THREADS": "-1"}, None),
])
def test_the_default_number(environment, wanted):
    quota = runtime.cgroup_limits()[0]
    most = min(CPUS, int(np.ceil(quota))) if quota else CPUS
    assert int(in_new_process(PRINT, **environment)) == (most if wanted is None else wanted)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_the_default_respects_affinity():
    assert in_new_process("import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + PRINT) == "1"


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return runtime.cgroup_limits(str(root))


def test_control_groups_v2(tmp_path):
    group = "sys/fs/cgroup/a.slice/b"
    files = {"proc/self/cgroup": "0::/a.slice/b\n", f"{group}/cpu.max": "max 100000\n", f"{group}/memory.max": "max\n",
             "sys/fs/cgroup/a.slice/cpu.max": "max 100000\n"}
    assert write(tmp_path, files) == (0, 0)
    assert write(tmp_path, {f"{group}/cpu.max": "250000 100000\n", f"{group}/memory.max": "1000000\n"}) == (2.5, 1000000)
    assert write(tmp_path, {"sys/fs/cgroup/a.slice/cpu.max": "150000 100000\n"})[0] == 1.5, "a parent's quota counts"
    # a container: the path is the host's, its own group is mounted as the root
    assert write(tmp_path, {"proc/self/cgroup": "0::/docker/123\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"})[0] == 0.5
    assert write(tmp_path, {"proc/self/cgroup": "0::/\n"})[0] == 0.5


def test_control_groups_v1(tmp_path):
    files = {"proc/self/cgroup": "12:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/x\n",
             "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
             "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert write(tmp_path, files) == (0, 0)
    assert write(tmp_path, {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "320000\n",
                            "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}) == (3.2, 536870912)


def test_control_groups_that_cannot_be_read(tmp_path):
    assert runtime.cgroup_limits(str(tmp_path / "missing")) == (0, 0)
    assert write(tmp_path, {"proc/self/cgroup": "nonsense\n:::\n0::\n", "sys/fs/cgroup/cpu.max": "x\n"}) == (0, 0)
    assert write(tmp_path, {"proc/self/cgroup": "0::/" + "a/" * 2000 + "\n"}) == (0, 0)


# ---- the pool -------------------------------------------------------------------------------------------------------------

THREADS_OF_PROCESS = "len(os.listdir('/proc/self/task'))"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the threads in /proc")
def test_import_and_small_work_start_no_thread():
    """NumPy's own threads come with NumPy: counted before."""
    code = f"""
import os, numpy
before = {THREADS_OF_PROCESS}
import nanograd as ng
from nanograd import nn, optim
assert {THREADS_OF_PROCESS} == before, "import started threads"
ng.set_num_threads(4)
x = ng.zeros((4, 4), requires_grad=True)
(ng.exp(x) * x).backward()
assert {THREADS_OF_PROCESS} == before, "small work started threads"
ng.exp(ng.zeros({LARGE}))
assert {THREADS_OF_PROCESS} == before + 3
ng.empty_cache()
assert {THREADS_OF_PROCESS} == before, "empty_cache ends the pool's threads"
ng.exp(ng.zeros({LARGE}))
assert {THREADS_OF_PROCESS} == before + 3
print("ok")
"""
    assert in_new_process(code) == "ok"


def test_same_bits_elementwise():
    rng = np.random.default_rng(0)
    x = ng.tensor(rng.normal(size=LARGE), dtype=ng.float32, requires_grad=True)
    b = ng.tensor(rng.normal(size=LARGE[1]), dtype=ng.float32, requires_grad=True)

    def compute():
        x.zero_grad(), b.zero_grad()
        y = ng.tanh(x * b + b) / (1.5 + x * x)
        y.backward(ng.exp(x.detach() * 0.1))
        return y.detach(), x.grad, b.grad

    assert_same_bits(compute)


def test_a_split_by_the_number_of_threads_is_found():
    """What the test above must catch: parts, and so the rounding of their sum, that follow the number of threads."""
    x = ng.tensor(np.random.default_rng(0).normal(size=LARGE), dtype=ng.float32)

    def compute():
        parts = np.array_split(ng.exp(x).numpy().reshape(-1), ng.get_num_threads())
        return [np.float32(sum(np.cumsum(part)[-1] for part in parts))]

    with pytest.raises(AssertionError, match="result 0 has other bits with 2 threads than with 1"):
        assert_same_bits(compute)


def test_work_too_small_for_the_pool_is_found():
    x = ng.zeros(100)
    with pytest.raises(AssertionError, match="the pool took no part"):
        assert_same_bits(lambda: [ng.exp(x)])


def test_two_threads_at_once_share_the_pool():
    """One of them gets it, the other works alone; the results are the same."""
    x = ng.tensor(np.random.default_rng(0).normal(size=LARGE), dtype=ng.float32)
    wanted = ng.exp(x).numpy().tobytes()
    before = pool_counters()[0]

    def work(_):
        with ng.num_threads(3):
            return all(ng.exp(x).numpy().tobytes() == wanted for _ in range(10))

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(work, range(8)))
    assert pool_counters()[0] > before


def test_a_launch_lets_other_python_threads_run():
    """The GIL is released: another thread gets on while large operations run."""
    x, running, counted = ng.zeros((4096, 4096)), True, 0

    def count():
        nonlocal counted
        while running:
            counted += 1
            time.sleep(0.0001)       # gives the GIL back

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)       # without a release the other thread would have to wait this long
    thread = threading.Thread(target=count)
    try:
        thread.start()
        before = counted
        with ng.num_threads(1):
            for _ in range(3):
                ng.exp(x)
        assert counted > before
    finally:
        running = False
        sys.setswitchinterval(interval)
        thread.join()


# ---- programs with threads of their own -----------------------------------------------------------------------------------


def make_model(seed, sizes):
    generator = ng.Generator(seed)
    model = nn.Sequential(nn.Linear(sizes[0], sizes[1], activation="relu"), nn.Linear(sizes[1], sizes[2]))
    for p in model.parameters():
        p.assign(ng.uniform(-0.3, 0.3, p.shape, generator=generator))
    return model


def train(seed, sizes, batch, steps):
    """The bytes of a model's weights after some steps: no two threads share anything."""
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(batch, sizes[0])).astype(np.float32), rng.integers(0, sizes[-1], batch)
    model = make_model(seed, sizes)
    optimizer = (optim.Adam if seed % 2 else optim.SGD)(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        ng.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return b"".join(p.numpy().tobytes() for p in model.parameters())


@pytest.mark.parametrize("sizes, batch, steps", [((8, 16, 4), 4, 300), ((200, 256, 10), 512, 12)], ids=["small", "pool"])
def test_eight_threads_training_at_once(sizes, batch, steps):
    wanted = [train(seed, sizes, batch, steps) for seed in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)      # change between the threads as often as can be
    try:
        with ThreadPoolExecutor(8) as executor:
            for _ in range(3):
                assert list(executor.map(lambda seed: train(seed, sizes, batch, steps), range(8))) == wanted
    finally:
        sys.setswitchinterval(interval)


def test_threads_that_share_the_parameters():
    """Eight threads run backward over one model at once: .grad is the sum over all of them, and nothing is lost."""
    model = make_model(0, (200, 256, 10))
    parts = [np.random.default_rng(i).integers(-3, 4, (512, 200)).astype(np.float32) for i in range(8)]
    shared = ng.ones(200, requires_grad=True)

    def work(i):
        loss = ng.cross_entropy(model(parts[i]), np.zeros(512, int))
        loss.backward()
        (shared * parts[i]).backward()       # whole numbers: the sum is exact in any order
        return loss.item()

    serial = [work(i) for i in range(8)]
    wanted, whole = [p.grad.numpy() for p in model.parameters()], shared.grad.numpy()
    for p in (*model.parameters(), shared):
        p.zero_grad()
    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(work, range(8))) == serial
    for p, gradient in zip(model.parameters(), wanted, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), gradient, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(shared.grad.numpy(), whole)


def test_a_step_while_other_threads_compute():
    """One model, an optimizer's thread and others: no promise of values, but nothing crashes and shapes stay."""
    model = make_model(0, (64, 128, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-4)
    x = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    stop = threading.Event()

    def infer():
        n = 0
        while not stop.is_set() or n == 0:
            with ng.no_grad():
                assert np.isfinite(model(x).numpy()).all()
            n += 1
        return n

    with ThreadPoolExecutor(4) as executor:
        others = [executor.submit(infer) for _ in range(3)]
        for _ in range(100):
            optimizer.zero_grad()
            ng.cross_entropy(model(x), np.zeros(256, int)).backward()
            optimizer.step()
        stop.set()
        assert all(other.result() > 0 for other in others)


def test_same_bits_of_a_training():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(2048, 300)).astype(np.float32), rng.integers(0, 10, 2048)

    def compute():
        model = make_model(0, (300, 256, 10))
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = ng.cross_entropy(model(x), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.numpy())
        return [*losses, *(p.numpy() for p in model.parameters()), *(p.grad for p in model.parameters())]

    assert_same_bits(compute)
