"""The command line: parse, call, print. Exit status 0, 2 bad input, 3 missing model or program, 130 interrupted."""

# Their commands join the group.
from animator.cli import delivering, exchanging, painting, reading, shelf  # noqa: F401
from animator.cli.group import main

__all__ = ["main"]
