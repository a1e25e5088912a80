# SPDX-License-Identifier: LGPL-3.0-or-later
"""Prints a digest of draws of every kind; test_random.py runs it under each instruction set."""
import hashlib

import numpy as np

import nanograd as ng

generator = ng.Generator(2024)
digest = hashlib.sha256()
for n in (1, 3, 17, 63, 64, 65, 100_003, 1_000_000):
    for dtype in (np.float32, np.float64):
        digest.update(ng.rand(n, dtype=dtype, generator=generator).numpy().tobytes())
        digest.update(ng.randn(n, dtype=dtype, generator=generator).numpy().tobytes())
        digest.update(ng.uniform(-3, 5, n, dtype=dtype, generator=generator).numpy().tobytes())
        digest.update(ng.normal(1, 0.3, n, dtype=dtype, generator=generator).numpy().tobytes())
        digest.update(ng.dropout(ng.ones(n, dtype=dtype), 0.3, generator=generator).numpy().tobytes())
    digest.update(ng.randint(-5, 1000, n, generator=generator).tobytes())
    digest.update(ng.randint(-2**63, 2**62, min(n, 1000), generator=generator).tobytes())
    digest.update(ng.randperm(min(n, 100_000), generator=generator).tobytes())
logits = ng.randn(5000, 30, generator=generator)
digest.update(ng.categorical(logits, generator=generator).tobytes())
digest.update(ng.categorical(logits.astype(np.float64) * 5, axis=0, generator=generator).tobytes())
print(digest.hexdigest())
