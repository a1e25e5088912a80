# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fork in the middle of a program, then go on in the child: the pool's threads are the parent's, the child starts its own."""
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

COMMON = """
import os, threading, warnings
import numpy as np
import nanograd as ng
from nanograd import nn, optim
from nanograd._core import runtime
from nanograd._core.base import tensor
tensor._share_always(True)
warnings.simplefilter("ignore", DeprecationWarning)      # Python 3.12 and later on fork with threads

ng.set_num_threads(3)
rng = np.random.default_rng(0)
x, labels = rng.normal(size=(1024, 300)).astype(np.float32), rng.integers(0, 10, 1024)

def make():
    ng.manual_seed(0)
    model = nn.Sequential(nn.Linear(300, 256, activation="relu"), nn.Linear(256, 10))
    return model, optim.Adam(model.parameters())

def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ng.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
    return b"".join(p.numpy().tobytes() for p in model.parameters())

def in_child(function):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if function() else 2
        finally:
            os._exit(status)
    return pid

def check(pid):
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"the child ended with status {status}"
"""

MIDDLE = COMMON + """
wanted = train(*make(), 6)
model, optimizer = make()
train(model, optimizer, 3)
assert runtime.pool_counters()["workers"] == 2
loss = ng.cross_entropy(model(x), labels)      # a graph made before the fork

def child():
    assert runtime.pool_counters()["workers"] == 0, "the child has none of the parent's threads"
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    same = train(model, optimizer, 2) == wanted
    assert runtime.pool_counters()["workers"] == 2
    grandchild = in_child(lambda: train(*make(), 6) == wanted)
    check(grandchild)
    return same

pid = in_child(child)
optimizer.zero_grad()
loss.backward()
optimizer.step()
assert train(model, optimizer, 2) == wanted      # the parent goes on
check(pid)
print("ok")
"""

WHILE_THREADS_RUN = COMMON + """
wanted = train(*make(), 2)
stop = False

def work():
    model, optimizer = make()
    while not stop:
        train(model, optimizer, 1)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    check(in_child(lambda: train(*make(), 2) == wanted))
stop = True
for thread in threads:
    thread.join()
assert train(*make(), 2) == wanted
print("ok")
"""

MULTIPROCESSING = COMMON + """
import multiprocessing

def part(seed):
    return train(*make(), 2) == wanted

wanted = train(*make(), 2)
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert all(pool.map(part, range(6)))
print("ok")
"""


@pytest.mark.parametrize("program", [MIDDLE, WHILE_THREADS_RUN, MULTIPROCESSING],
                         ids=["middle", "while_threads_run", "multiprocessing"])
def test_fork(program):
    """In a process of its own: pytest's must not be forked while it has threads."""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and result.stdout == "ok\n", result.stderr
