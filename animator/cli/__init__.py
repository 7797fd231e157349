"""The command line: one function per command, which reads options and calls the API."""

from animator.cli.main import main

__all__ = ["main"]
