"""The command line: verbs of the trade, the same names as the Python functions."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 our fault, 2 the user's, 130 interrupted."""
    from deepwright.cli.app import run_command

    code = run_command(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        sys.exit(code)
    return code
