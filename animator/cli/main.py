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
from animator.errors import AnimatorError, PluginError
from animator.runs.events import Reporter, reporting
from animator.scene.compose import resolve_preset
from animator.scene.plugins import Registry

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


def _command_mismatch(found: Any) -> str:
    return "" if isinstance(found, click.Command) else f"it is a {type(found).__name__}, not a click.Command"


_COMMANDS = {
    "import": "animator.cli.convert:import_",
    "export": "animator.cli.convert:export",
    "check": "animator.cli.inspect:check",
    "explain": "animator.cli.inspect:explain",
    "plot": "animator.cli.inspect:plot",
    "motions": "animator.cli.inspect:motions",
    "schema": "animator.cli.inspect:schema",
    "preview": "animator.cli.inspect:preview",
    "bench": "animator.cli.inspect:bench",
    "presets": "animator.cli.library:presets",
    "lora": "animator.cli.library:lora",
    "styles": "animator.cli.library:styles",
    "keys": "animator.cli.keys:keys",
    "render": "animator.cli.render:render",
    "resume": "animator.cli.render:resume",
    "branch": "animator.cli.render:branch",
    "demo": "animator.cli.render:demo",
    "encode": "animator.cli.render:encode",
    "still": "animator.cli.stills:still",
    "variants": "animator.cli.stills:variants",
    "train": "animator.cli.train:train",
}

COMMANDS: Registry[click.Command] = Registry("animator.commands", "command", _COMMANDS, _command_mismatch)


class Group(click.Group):
    """Imports each command when it is used, and turns the errors a user can cause into one line and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        try:
            return COMMANDS.load(cmd_name) if cmd_name in COMMANDS else None
        except PluginError as error:
            return _broken_command(cmd_name, error)

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


def _broken_command(name: str, error: PluginError) -> click.Command:
    """Return a command that raises `error`, and shows it in the list of commands."""

    def fail(words: tuple[str, ...]) -> None:  # noqa: ARG001
        raise error

    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True}
    return click.Command(
        name, settings, fail, [words], help=str(error), short_help=str(error), add_help_option=False
    )


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
