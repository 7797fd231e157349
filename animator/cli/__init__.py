"""The command line: one function per command, which reads options and calls the API."""

# Importing these modules adds their commands to the group.
from animator.cli import convert, inspect, library, render, stills, train  # noqa: F401
from animator.cli.main import main

__all__ = ["main"]
