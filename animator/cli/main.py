"""The group of all commands: errors become one line and an exit status, 0, 2, 3 or 130."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import click

from animator import __version__
from animator.errors import AnimatorError
from animator.runs.events import Reporter, reporting
from animator.scene.compose import resolve_preset

FilePath = click.Path(path_type=Path)


class ScheduleParam(click.Path):
    """A schedule file, or the name of a preset."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return resolve_preset(Path(str(super().convert(value, param, ctx))))


ScheduleFile = ScheduleParam(path_type=Path)
json_option = click.option(
    "--json", "events", is_flag=True, help="Print events as JSON lines on standard output, for programs."
)
set_option = click.option(
    "--set", "options", multiple=True, metavar="A.B=VALUE", help="Override a setting or variable; repeatable."
)


def event_reporter(events: bool) -> AbstractContextManager[Reporter]:
    """Report a command's events to its run's log, and with `events` as JSON lines on standard output."""
    return reporting(sys.stdout if events else None)


class Group(click.Group):
    """Turns the errors a user can cause into one line and an exit status."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **{**extra, "standalone_mode": False})
        except AnimatorError as error:
            click.echo(str(error), err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            sys.exit(130)
        except BrokenPipeError:  # the reader, for example `head`, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="animator")
def main() -> None:
    """Films for product designers: a YAML schedule in, an SDXL-painted MP4 out."""


class _StderrHandler(logging.Handler):
    """Prints log records on standard error, one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Print the package's own log on standard error: the choices made, and the memory they need."""
    log, voice = logging.getLogger("animator"), _StderrHandler()
    level = log.level
    log.addHandler(voice)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(voice)
