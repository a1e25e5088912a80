# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operations, a module per family."""
