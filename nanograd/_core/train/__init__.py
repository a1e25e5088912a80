# SPDX-License-Identifier: LGPL-3.0-or-later
"""What training needs beside operations: updates of parameters, mini-batches."""
