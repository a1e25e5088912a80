# SPDX-License-Identifier: LGPL-3.0-or-later
"""The examples, run as a reader runs them. Most of this needs the extra [examples]."""

import functools
import importlib
import importlib.util
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nanograd as ng

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
DIGITS = EXAMPLES / "digits_mlp.py"
# Each with the number of its held-out digits.
PROGRAMS = {"digits_mlp": 360, "digits_cnn": 360, "resnet_blocks": 1000}
HAS_EXTRAS = all(importlib.util.find_spec(name) for name in ("sklearn", "matplotlib", "tqdm", "mlxtend"))
extras = pytest.mark.skipif(not HAS_EXTRAS, reason='needs python -m pip install ".[examples]"')
# The nanograd that is tested, also where it is built in place and not installed.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ng.__file__).resolve().parent.parent)}
pytestmark = pytest.mark.skipif(not DIGITS.exists(), reason="the examples are not beside the tests")


def run(*arguments, **options):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, **options)


@pytest.fixture
def load(monkeypatch):
    """Imports an example by its name; the examples import each other."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


@extras
@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_terminal(program, tmp_path):
    """Quiet but for the result: a confusion table of all held-out digits, and the path of a PNG."""
    picture = tmp_path / "digits.png"
    done = run(EXAMPLES / f"{program}.py", "--epochs", 2, "--seed", 7, "--out", picture, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *table, summary, last = done.stdout.splitlines()
    counts = [[0 if cell == "." else int(cell) for cell in line.split()[1:]] for line in table[1:]]
    held_out = PROGRAMS[program]
    assert [len(row) for row in counts] == [10] * 10 and sum(map(sum, counts)) == held_out
    right = sum(counts[digit][digit] for digit in range(10))
    weights = ", weights of epoch [12]" if program == "digits_mlp" else ""
    assert re.fullmatch(rf"seed 7{weights}: {right} of {held_out} held-out digits right \({right / held_out:.2%}\)", summary)
    assert last == f"picture: {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")


@extras
@pytest.mark.slow
def test_digits_accuracy(load):
    """The goal of digits_mlp: 97 % of the held-out fifth, as the median of seeds 0 to 4."""
    module = load("digits_mlp")
    accuracies = []
    for seed in range(5):
        module.ng.manual_seed(seed)
        parts = module.load_parts(seed)
        model = module.make_model()
        module.fit(model, parts, epochs=40)
        accuracies.append(module.evaluate(model, *parts["held-out"])[1])
    assert statistics.median(accuracies) >= 0.97, accuracies


@extras
@pytest.mark.slow
def test_cnn_accuracy(load):
    """The goal of digits_cnn: 98.5 % of the same held-out fifth, as the median of seeds 0 to 2."""
    module = load("digits_cnn")
    accuracies = []
    for seed in range(3):
        module.ng.manual_seed(seed)
        parts = module.load_images(seed)
        model = module.make_model()
        history = module.fit(model, parts, module.EPOCHS)
        assert history.shape == (module.EPOCHS, 4)
        accuracies.append(history[-1, 3])
    assert statistics.median(accuracies) >= 0.985, accuracies


@extras
def test_digits_parts_are_apart(load):
    """The held-out fifth is the same for every seed, and shares no digit with what is trained or chosen by."""
    module = load("digits_mlp")
    first, second = module.load_parts(0), module.load_parts(1)
    assert (first["held-out"][0] == second["held-out"][0]).all()
    assert not (first["validation"][0] == second["validation"][0]).all()
    assert sum(len(labels) for _, labels in first.values()) == 1797
    assert len(first["held-out"][1]) == 360
    held_out = {pixels.tobytes() for pixels in first["held-out"][0]}
    rest = {pixels.tobytes() for part in ("train", "validation") for pixels in first[part][0]}
    assert not held_out & rest


@extras
def test_cnn_has_the_parts_of_the_mlp(load):
    """All four fifths are trained on, the held-out digits are the same ones."""
    parts, before = load("digits_cnn").load_images(3), load("digits_mlp").load_parts(3)
    assert [images.shape for images, _ in parts.values()] == [(1437, 1, 8, 8), (360, 1, 8, 8)]
    for held_out, same in zip(parts["held-out"], before["held-out"], strict=True):
        assert (held_out.ravel() == same.ravel()).all()
    pixels = np.concatenate([before["train"][0], before["validation"][0]])
    assert (parts["train"][0].reshape(-1, 64) == pixels).all()


@extras
def test_resnet_parts_are_apart(load, monkeypatch):
    """A hundred of each digit are held out; with --validation they are left aside altogether."""
    module = load("resnet_blocks")
    monkeypatch.setattr(module, "mnist_data", functools.cache(module.mnist_data))       # seconds
    parts, validation = module.load_parts(), module.load_parts(validation=True)
    assert np.bincount(parts["held-out"][1]).tolist() == np.bincount(validation["held-out"][1]).tolist() == [100] * 10
    held_out, train, judged, rest = (
        {image.tobytes() for image in part[0]} for parts in (parts, validation) for part in (parts["held-out"], parts["train"])
    )
    assert not held_out & train and not judged & rest and judged | rest == train


@extras
def test_distort(load):
    """Nothing to do changes nothing; a shift moves an image, each by its own amount; nothing leaves [0, 1] or the type."""
    distort = load("digits_cnn").distort
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(5, 1, 8, 11)).astype(np.float32)
    assert (distort(images, 0.0, 0.0, 0.0) == images).all()
    moved = distort(images, 20.0, 3.0, 0.3)
    assert moved.shape == images.shape and moved.dtype == np.float32
    assert moved.min() >= 0 and moved.max() <= 1 and (moved != images).any(axis=(1, 2, 3)).all()

    spots = np.zeros((200, 1, 9, 9), np.float32)
    spots[:, 0, 4, 4] = 1

    def centres(images):
        mass = images.sum(axis=(1, 2, 3))
        return np.stack([(images[:, 0] * place).sum(axis=(1, 2)) / mass - 4 for place in np.mgrid[:9, :9]])

    moved = centres(distort(spots, 0.0, 1.0, 0.0))              # bilinear weights keep the centre of mass
    assert np.abs(moved).max() <= 1.001 and (moved.std(axis=1) > 0.5).all() and len(np.unique(moved)) > 300
    spots = np.roll(spots, 3, axis=3)                           # 3 right of the centre, and turned by up to 90 degrees
    moved = centres(distort(spots, 90.0, 0.0, 0.0))
    assert np.hypot(*moved) == pytest.approx(3, abs=0.35)
    assert (moved[0] > 2.5).any() and (moved[0] < -2.5).any() and (moved[1] > -0.3).all()


@extras
def test_a_result_below_what_is_expected_is_a_failure(load, monkeypatch, tmp_path, capsys):
    """After all its epochs; a run that was cut short promises nothing."""
    module = load("digits_cnn")
    monkeypatch.setattr(module, "EXPECTED", 1.01)
    monkeypatch.setattr(sys, "argv", ["digits_cnn.py", "--epochs", "1", "--out", str(tmp_path / "digits.png")])
    module.main()
    monkeypatch.setattr(module, "EPOCHS", 1)
    with pytest.raises(SystemExit, match="expected at least 101.0% after 1 epochs"):
        module.main()


@extras
def test_residual_block(load):
    """Without its branch a block is the relu of its shortcut, which is x itself where the shapes allow it."""
    ng, block = load("resnet_blocks").ng, load("resnet_blocks").ResidualBlock
    x = ng.randn(2, 4, 6, 6)
    for out, stride in ((4, 1), (4, 2), (8, 1)):
        layer = block(4, out, stride)
        layer.branch[3].weight.assign(0.0)
        shortcut = x if (out, stride) == (4, 1) else layer.shortcut(x)
        assert (layer(x).numpy() == shortcut.relu().numpy()).all() and layer(x).shape == (2, out, 6 // stride, 6 // stride)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_extra_is_one_line(program, tmp_path):
    """The line names the pip command."""
    hide = "import runpy, sys; sys.modules['matplotlib'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    done = run("-c", hide, EXAMPLES / f"{program}.py", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f'{program}: matplotlib is missing; python -m pip install ".[examples]"\n'


@pytest.mark.parametrize("program", PROGRAMS)
def test_epochs_must_be_positive(program, tmp_path):
    if HAS_EXTRAS:
        done = run(EXAMPLES / f"{program}.py", "--epochs", 0, cwd=tmp_path)
        assert done.returncode == 2 and "--epochs must be at least 1" in done.stderr


@extras
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("program", ["digits_mlp", "digits_cnn"])
def test_bar_and_interrupt(program, tmp_path):
    """On a terminal there is a bar; Ctrl-C keeps weights, says which, and the rest is done with them."""
    picture = tmp_path / "digits.png"
    import fcntl
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, str(EXAMPLES / f"{program}.py"), "--epochs", "100000", "--out", str(picture)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=ENVIRONMENT) as process:
        os.close(theirs)
        try:
            seen = ""
            while not re.search(r"epoch [1-9]\d*, loss \d\.\d+, held-out accuracy \d+\.\d\d%", seen):
                seen += os.read(ours, 4096).decode()
            process.send_signal(signal.SIGINT)
            out = process.communicate(timeout=120)[0]
        finally:
            process.kill()
            os.close(ours)
    assert process.returncode == 0
    kept = "the best weights so far, of epoch (\\d+)" if program == "digits_mlp" else "the weights as they are"
    match = re.search(rf"Ctrl-C after (\d+) of 100000 epochs: keeping {kept}", out)
    assert match and int(match[1]) >= 1 and picture.exists()
    if program == "digits_mlp":
        assert int(match[2]) <= int(match[1]) and f"weights of epoch {match[2]}:" in out
