"""The command line: one function per command, which reads options and calls the API."""

# Importing these modules adds their commands to the group.
from animator.cli import (  # noqa: F401
    convert,
    delivering,
    inspect,
    library,
    rehearsing,
    render,
    stills,
    supplies,
    train,
)
from animator.cli.main import main

__all__ = ["main"]
