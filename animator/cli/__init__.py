"""The command line: parse, call, print. Exit status 0, 2 bad input, 3 missing model or program, 130 interrupted."""

# Their commands join the group.
from animator.cli import (  # noqa: F401  # noqa: F401
    delivering,
    exchanging,
    painting,
    reading,
    rehearsing,
    shelf,
    stills,
    supplies,
    training,
)
from animator.cli.group import main

__all__ = ["main"]
