# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every operation stands on: buffers, the graph, the engine, tensors."""
