"""The command line: parse, call, print. Exit status 0, 2 bad input, 3 missing model or program, 130 interrupted."""

from animator.cli import exchanging, painting, reading, shelf  # noqa: F401 (their commands join the group)
from animator.cli.group import main

__all__ = ["main"]
