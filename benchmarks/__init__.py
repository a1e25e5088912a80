# SPDX-License-Identifier: LGPL-3.0-or-later
"""nanograd's speed beside that of PyTorch, NumPy and JAX: ``python -m benchmarks --help``.

Each row does one job in several libraries, called as their users call them. The libraries take turns in one process,
so that whatever else the machine does hits all of them alike; what counts is the median over rounds of their
time / ours.

========================  ===================================================
``row.py``                what a row is
``rows_*.py``             the rows, a file per family
``libraries.py``          which libraries are installed, and their threads
``measure.py``            the clock
``report.py``, ``plot.py``  tables, JSON, the README's table, the picture
========================  ===================================================
"""
