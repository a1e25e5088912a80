# SPDX-License-Identifier: LGPL-3.0-or-later
"""``python -m nanograd``: what this build is. ``python -m nanograd --selftest``: whether it computes correctly here."""
import argparse
import sys

from nanograd.config import show_config


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m nanograd", description="Print what this build of nanograd is and runs on.")
    parser.add_argument("--selftest", action="store_true",
                        help="also check operations, gradients, threads and training: a few seconds")
    options = parser.parse_args()
    show_config()
    if not options.selftest:
        return 0
    from nanograd._selftest import run
    print()
    return run()


if __name__ == "__main__":
    sys.exit(main())
