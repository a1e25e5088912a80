# SPDX-License-Identifier: LGPL-3.0-or-later
"""Ctrl-C at any moment of a training: it arrives, and model and optimizer stay usable."""
import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT by number")

PROGRAM = """
import os, random, signal, sys, threading, time
import numpy as np
import nanograd as ng
from nanograd import nn, optim
from nanograd._core import runtime

size, batch, interrupts = {size}, {batch}, {interrupts}
ng.set_num_threads(2)
ng.manual_seed(0)
rng = np.random.default_rng(0)
x, labels = rng.normal(size=(batch, size)).astype(np.float32), rng.integers(0, 10, batch)
model = nn.Sequential(nn.Linear(size, size, activation="relu"), nn.Linear(size, 10))
optimizer = {optimizer}(model.parameters())
shapes = [p.shape for p in model.parameters()]

def step():
    optimizer.zero_grad()
    loss = ng.cross_entropy(model(x), labels)
    loss.backward()
    optimizer.step()
    return loss

start = step().item()
caught = 0
random.seed(0)
while caught < interrupts:
    # From another thread, after a time that falls anywhere into a step.
    timer = threading.Timer(random.uniform(0, 0.004), lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        timer.start()
        while True:
            step()
    except KeyboardInterrupt:
        caught += 1
    timer.join()
    assert ng.is_grad_enabled() and ng.get_num_threads() == 2
    # Whole: shapes, finite values, gradients of the right shape or none.
    for p, shape in zip(model.parameters(), shapes):
        assert p.shape == shape and np.isfinite(p.numpy()).all()
        assert p.grad is None or p.grad.shape == shape

# A reference taken now trains exactly as the interrupted model does: no half-written state, no held graph.
twin = nn.Sequential(nn.Linear(size, size, activation="relu"), nn.Linear(size, 10))
twin.load_state_dict(model.state_dict())
twin_optimizer = {optimizer}(twin.parameters())
twin_optimizer.load_state_dict(optimizer.state_dict())
for _ in range(20):
    loss = step()
    twin_optimizer.zero_grad()
    twin_loss = ng.cross_entropy(twin(x), labels)
    twin_loss.backward()
    twin_optimizer.step()
    assert loss.item() == twin_loss.item()
assert loss.item() < start, (loss.item(), start)
optimizer.zero_grad()
del loss, twin_loss, twin, twin_optimizer
first = ng.memory_stats()["in_use"]
step()
optimizer.zero_grad()
assert ng.memory_stats()["in_use"] == first
print("ok")
"""


@pytest.mark.parametrize("optimizer", ["optim.SGD", "optim.Adam"])
@pytest.mark.parametrize("size, batch", [(16, 8), (256, 512)], ids=["small", "threads"])
def test_interrupts_during_training(optimizer, size, batch):
    program = PROGRAM.format(size=size, batch=batch, interrupts=150, optimizer=optimizer)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and result.stdout == "ok\n", result.stderr


def test_one_long_backward_can_be_interrupted():
    """A pass over 300,000 operations looks for signals as it goes."""
    program = """
import os, signal, threading, time
import nanograd as ng
x = y = ng.ones(1, requires_grad=True)
for _ in range(300_000):
    y = y * 1.0
seen = []
def late(g):
    seen.append(1)
x.register_hook(late)
y.register_hook(lambda g: os.kill(os.getpid(), signal.SIGINT))
try:
    y.backward()
except KeyboardInterrupt:
    assert not seen and x.grad is None
    (x * 2).backward()
    assert x.grad.item() == 2
    print("ok")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stdout == "ok\n", result.stderr


def test_workers_take_no_signals():
    """SIGINT is blocked in the pool's threads, so that the interpreter's main thread gets it."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    program = f"signal = {int(signal.SIGINT)}" + """
import os
import nanograd as ng
before = set(os.listdir("/proc/self/task"))
ng.set_num_threads(3)
ng.exp(ng.zeros((2048, 1024)))
for task in set(os.listdir("/proc/self/task")) - before:
    blocked = next(line for line in open(f"/proc/self/task/{task}/status") if line.startswith("SigBlk"))
    print(int(blocked.split()[1], 16) >> (signal - 1) & 1)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stdout == "1\n1\n", result.stderr
