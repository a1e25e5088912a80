# SPDX-License-Identifier: LGPL-3.0-or-later
"""Random numbers: stored values, the same bits everywhere, and the right distributions."""
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import nanograd as ng

DTYPES = (np.float32, np.float64)


def words(n, dtype=np.float32):
    return ng.rand(n, dtype=dtype, generator=ng.Generator(0)).numpy()


def test_philox_itself():
    """The known answer for counter 0 and key 0 of Salmon et al.'s own test: words 6627e8d5 e169c58d bc57ac4c 9b00dbd8."""
    known = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8], np.uint64)
    assert words(64)[[0, 16, 32, 48]].tolist() == ((known >> np.uint64(8)) / 2**24).tolist()
    pairs = (known[::2] >> np.uint64(5)) * 2**26 + (known[1::2] >> np.uint64(6))
    assert words(32, np.float64)[[0, 16]].tolist() == (pairs / 2**53).tolist()


def philox(counter, key):
    """Philox4x32-10 written out in Python."""
    x = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [b >> 32 ^ x[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ x[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return x


def test_against_python():
    for seed, counter in ((0, 0), (12345678901234567890, 2**32 - 5), (2**64 - 1, 2**40)):
        generator = ng.Generator(seed)
        generator.set_state(np.array([seed, counter], np.uint64))
        got = ng.rand(150, generator=generator).numpy()
        for i in (0, 1, 15, 16, 70, 127, 149):
            group, j, lane = i // 64, i % 64 // 16, i % 16
            assert got[i] == (philox(counter + 16 * group + lane, seed)[j] >> 8) / 2**24
        assert generator.get_state().tolist() == [seed, counter + 48]


def test_stored_values():
    """If these change, every seeded program of every user gives other numbers: only with a line in the changelog."""
    generator = ng.Generator(42)
    assert ng.rand(3, generator=generator).tolist() == STORED["rand"]
    assert ng.randn(3, generator=generator).tolist() == STORED["randn"]
    assert ng.randn(3, dtype=np.float64, generator=generator).tolist() == STORED["randn64"]
    assert ng.randint(0, 100, 6, generator=generator).tolist() == STORED["randint"]
    assert ng.randperm(8, generator=generator).tolist() == STORED["randperm"]
    assert ng.dropout(ng.ones(8), generator=generator).tolist() == STORED["dropout"]
    assert ng.categorical(np.zeros((6, 9)), generator=generator).tolist() == STORED["categorical"]


STORED = {
    "rand": [0.6129598617553711, 0.9877186417579651, 0.8258668184280396],
    "randn": [0.16533927619457245, -2.121824264526367, 0.7864807844161987],
    "randn64": [0.6095406872819256, -0.4501933130048286, 0.9795275722722184],
    "randint": [98, 57, 89, 78, 56, 3],
    "randperm": [0, 1, 7, 5, 2, 4, 3, 6],
    "dropout": [0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0],
    "categorical": [2, 1, 2, 5, 4, 0],
}


def run_bits(**env):
    command = [sys.executable, str(Path(__file__).with_name("random_bits.py"))]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=120)
    return done.stdout.strip() if done.returncode == 0 else done.stderr


def test_the_same_bits_under_every_instruction_set_and_number_of_threads():
    digests = {(isa, n): run_bits(NANOGRAD_ISA=isa, NANOGRAD_NUM_THREADS=n) for isa, n in (("baseline", "1"), ("avx2", "2"), ("avx512", "4"))}
    made = {key: value for key, value in digests.items() if "NANOGRAD_ISA" not in value}     # else this CPU lacks it
    assert ("baseline", "1") in made
    assert set(made.values()) == {DIGEST}, digests


DIGEST = "c2a4f4ded4677a143f8878922ecb2276725abdb1606e373ca48891fd321c73e8"


def test_the_same_bits_for_any_number_of_threads_here():
    found = set()
    for n in (1, 2, 4):
        with ng.num_threads(n):
            generator = ng.Generator(7)
            x = ng.randn(1_000_003, generator=generator, requires_grad=True)
            y = ng.dropout(x, 0.3, generator=generator)
            y.backward(ng.rand(1_000_003, generator=generator))
            found.add(y.numpy().tobytes() + x.grad.numpy().tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_distributions(dtype):
    generator = ng.Generator(1)
    u = ng.rand(400_000, dtype=dtype, generator=generator).numpy().astype(np.float64)
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 0.002 and abs(u.var() - 1 / 12) < 0.0005
    assert stats.kstest(u, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.006
    z = ng.randn(400_000, dtype=dtype, generator=generator).numpy().astype(np.float64)
    assert abs(z.mean()) < 0.006 and abs(z.var() - 1) < 0.01
    assert abs(stats.skew(z)) < 0.02 and abs(stats.kurtosis(z)) < 0.04
    assert stats.kstest(z, "norm").pvalue > 0.001
    # both numbers of a pair, and the blocks next to each other
    for lag in (1, 16, 32, 64):
        assert abs(np.corrcoef(z[:-lag], z[lag:])[0, 1]) < 0.006
    assert 4.2 < np.abs(z).max() < 6
    x = ng.normal(-2, 0.5, 100_000, dtype=dtype, generator=generator).numpy()
    assert abs(x.mean() + 2) < 0.008 and abs(x.std() - 0.5) < 0.005
    x = ng.uniform(-2, 6, 100_000, dtype=dtype, generator=generator).numpy()
    assert x.min() >= -2 and x.max() <= 6 and abs(x.mean() - 2) < 0.03


def test_the_transform_is_accurate():
    """Against NumPy's own log, cos and sin of the same words."""
    blocks = np.array([philox(i, 3) for i in range(1600)], np.uint64).reshape(-1, 16, 4)
    high, low = blocks >> np.uint64(5), blocks >> np.uint64(6)
    z = ng.randn(3200, dtype=np.float64, generator=ng.Generator(3)).numpy().reshape(-1, 2, 16)
    r = np.sqrt(-2 * np.log((high[..., 0] * 2**26 + low[..., 1] + 1) / 2**53))
    angle = 2 * np.pi * (blocks[..., 2] / 2**32 + (blocks[..., 3] >> np.uint64(11)) / 2**53)
    np.testing.assert_allclose(z[:, 0], r * np.cos(angle), rtol=0, atol=5e-15)
    np.testing.assert_allclose(z[:, 1], r * np.sin(angle), rtol=0, atol=5e-15)
    z = ng.randn(6400, generator=ng.Generator(3)).numpy().reshape(-1, 2, 2, 16)
    words = blocks.transpose(0, 2, 1)
    for pair in (0, 1):
        r = np.sqrt(-2 * np.log(((words[:, 2 * pair] >> np.uint64(8)) + 1) / 2**24))
        angle = 2 * np.pi * words[:, 2 * pair + 1] / 2**32
        np.testing.assert_allclose(z[:, pair, 0], r * np.cos(angle), rtol=0, atol=2e-6)
        np.testing.assert_allclose(z[:, pair, 1], r * np.sin(angle), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 6), (-3, 4), (0, 10), (0, 2**32), (-2**63, 2**63), (0, 3 * 2**61), (5, 2**40 + 6)])
def test_integers(low, high):
    x = ng.randint(low, high, 60_000, generator=ng.Generator(5))
    assert x.dtype == np.int64 and x.min() >= low and x.max() < high
    bins = min(high - low, 10)
    counts = np.bincount([(int(v) - low) * bins // (high - low) for v in x], minlength=bins)
    assert bins == 1 or stats.chisquare(counts).pvalue > 0.001


def test_permutations():
    generator = ng.Generator(0)
    for n in (0, 1, 2, 63, 64, 65, 1000):
        assert sorted(ng.randperm(n, generator=generator).tolist()) == list(range(n))
    orders = [tuple(ng.randperm(4, generator=generator)) for _ in range(12_000)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24 and stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical(dtype):
    p = np.array([0.1, 0.0, 0.6, 0.3])
    with np.errstate(divide="ignore"):
        logits = np.log(p).astype(dtype)
    draws = ng.categorical(np.tile(logits, (20_000, 1)), generator=ng.Generator(0))
    counts = np.bincount(draws, minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], 20_000 * p[[0, 2, 3]]).pvalue > 0.001
    wide = np.broadcast_to(logits[:, None], (3, 4, 5)) + dtype(1000)
    assert ng.categorical(wide, axis=1).shape == (3, 5)
    assert ng.categorical(logits).shape == ()
    assert ng.categorical(ng.zeros((0, 3))).shape == (0,)


def test_seeds_and_states():
    a, b = ng.Generator(1), ng.Generator(1)
    assert ng.rand(5, generator=a).tolist() == ng.rand(5, generator=b).tolist() != ng.rand(5, generator=ng.Generator(2)).tolist()
    state = a.get_state()
    assert state.dtype == np.uint64
    following = ng.randn(100, generator=a).tolist()
    assert following != ng.randn(100, generator=a).tolist()
    a.set_state(state)
    assert ng.randn(100, generator=a).tolist() == following
    c = pickle.loads(pickle.dumps(b))
    assert ng.randn(100, generator=c).tolist() == following
    assert ng.Generator().get_state()[0] != ng.Generator().get_state()[0]
    assert ng.manual_seed(9) is ng.manual_seed(9)
    first = ng.rand(4).tolist(), ng.randint(0, 9, 4).tolist(), ng.randperm(4).tolist(), ng.dropout(ng.ones(4)).tolist()
    ng.manual_seed(9)
    assert (ng.rand(4).tolist(), ng.randint(0, 9, 4).tolist(), ng.randperm(4).tolist(), ng.dropout(ng.ones(4)).tolist()) == first


def test_a_draw_moves_the_counter_by_its_shape_alone():
    for draw in (lambda g: ng.randint(0, 7, 1000, generator=g), lambda g: ng.randperm(1000, generator=g),
                 lambda g: ng.rand(1000, dtype=np.float64, generator=g), lambda g: ng.dropout(ng.ones(1000), generator=g)):
        moved = set()
        for seed in range(5):
            generator = ng.Generator(seed)
            draw(generator)
            moved.add(int(generator.get_state()[1]))
        assert len(moved) == 1


def test_shapes_and_flags():
    assert ng.rand().shape == () and ng.rand(2, 3).shape == (2, 3) and ng.randn((2, 3)).shape == (2, 3)
    assert ng.rand(0, 3).shape == (0, 3) and ng.uniform(0, 1, 4).shape == (4,) and ng.normal(0, 1, (2, 1)).shape == (2, 1)
    assert ng.randn(2, dtype=np.float64).dtype == np.float64
    x = ng.rand(3, requires_grad=True)
    assert x.requires_grad and x.is_leaf
    assert ng.rand_like(ng.zeros(3, dtype=np.float64)).dtype == np.float64
    assert ng.randn_like(ng.zeros((2, 1)), dtype=np.float64).shape == (2, 1)
    assert ng.uniform(2, 2, 3).tolist() == [2.0] * 3 and ng.normal(1, 0, 2).tolist() == [1.0] * 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 31, 64, 65, 1000])
def test_dropout(n, dtype):
    data = np.arange(1, n + 1, dtype=dtype)
    x = ng.tensor(data, requires_grad=True)
    y = ng.dropout(x, 0.25, generator=ng.Generator(0))
    kept = y.numpy() != 0
    np.testing.assert_allclose(y.numpy(), np.where(kept, data / dtype(0.75), 0), rtol=1e-6)
    dy = np.arange(n, dtype=dtype) - 5
    y.backward(ng.tensor(dy))
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, dy / dtype(0.75), 0), rtol=1e-6)
    np.testing.assert_array_equal(x.numpy(), data)


def test_dropout_at_its_limits():
    x = ng.tensor([1.0, np.nan, np.inf], requires_grad=True)
    y = ng.dropout(x, 1.0)
    y.sum().backward()
    assert y.tolist() == [0.0] * 3 and x.grad.tolist() == [0.0] * 3
    assert ng.dropout(x, 0.0) is x and ng.dropout(x, 0.9, training=False) is x
    kept = ng.dropout(ng.ones(1_000_000), 0.3, generator=ng.Generator(0)).numpy() != 0
    assert abs(kept.mean() - 0.7) < 0.002


def test_dropout_keeps_one_bit_per_element():
    x = ng.ones(1 << 20, requires_grad=True)
    before = ng.memory_stats()["in_use"]
    y = ng.dropout(x)
    node, bits = y.grad_fn, ng.memory_stats()["in_use"] - before - y.nbytes
    del node
    assert bits < x.size // 8 * 1.5


MESSAGES = [
    (lambda: ng.Generator(-1), ValueError, "manual_seed: the seed must be in [0, 2**64), got -1"),
    (lambda: ng.manual_seed(1.5), TypeError, "manual_seed: the seed must be an int, got float 1.5"),
    (lambda: ng.rand(2, generator=3), TypeError, "rand: generator must be an ng.Generator or None, got int"),
    (lambda: ng.rand(-1), ng.ShapeError, "rand: shape must not be negative, got (-1,)"),
    (lambda: ng.rand(2, dtype=int), ng.DTypeError, "a tensor's dtype is float32 or float64, got int64; integers and booleans stay NumPy arrays"),
    (lambda: ng.uniform(1, 0, 3), ValueError,
     "uniform: low must not be larger than high, nor their difference infinite, got low 1 and high 0"),
    (lambda: ng.uniform(0, np.inf, 3), ValueError, "uniform: high must be finite, got inf"),
    (lambda: ng.normal(0, -1, 3), ValueError, "normal: std must not be negative, got -1"),
    (lambda: ng.randint(3, 3, 1), ValueError, "randint: low must be less than high, both in the range of int64, got low 3 and high 3"),
    (lambda: ng.randint(0.5, 3, 1), TypeError, "randint: low must be an int, got float 0.5"),
    (lambda: ng.randperm(-1), ValueError, "randperm: n must be in [0, 2**32], got -1"),
    (lambda: ng.categorical([[1.0, np.nan]]), ValueError,
     "categorical: logits define no probabilities: they hold NaN or +inf, or nothing but -inf (logits (1, 2))"),
    (lambda: ng.categorical([-np.inf, -np.inf]), ValueError,
     "categorical: logits define no probabilities: they hold NaN or +inf, or nothing but -inf (logits (2,))"),
    (lambda: ng.categorical(ng.zeros((2, 0))), ValueError, "categorical: axis 1 has no classes (logits (2, 0))"),
    (lambda: ng.dropout([1.0], 1.5), ValueError, "dropout: p must be in [0, 1], got 1.5"),
    (lambda: ng.dropout([1.0], "a"), TypeError, "dropout: p must be a number, got str 'a'"),
    (lambda: ng.Generator(0).set_state([1, 2]), ValueError,
     "set_state: expected the uint64 array of get_state(), got dtype int64, shape (2,)"),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES, ids=[message.split(":")[0] + str(i) for i, (*_, message) in enumerate(MESSAGES)])
def test_messages(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
