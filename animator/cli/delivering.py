"""The command that writes more files from a run's frames: encode."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator.cli.main import FilePath, main, settings
from animator.errors import ProgramError, quoted
from animator.render.pipeline import load
from animator.runs import deliverables as delivering
from animator.runs.events import Encoded, Failed, Tell, Warned, silence
from animator.scene.scene import Scene
from animator.scene.settings_output import KINDS, word

if TYPE_CHECKING:
    from animator.runs.run import Run

SECTIONS = ("output.", "audio.")  # settings that can still change when all frames are painted


class Word(click.ParamType[Any]):
    """A deliverable as in `output.also`: gif, poster@9x16."""

    name = "KIND[@SHAPE]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return word(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


@main.command()
@click.argument("folder", type=FilePath)
@click.option(
    "--also",
    type=Word(),
    multiple=True,
    help=f"File to make, replacing an existing one; repeatable: {', '.join(KINDS)}.",
)
@click.option("--quality", help="draft, good or best (output.quality).")
@click.option("--codec", help="Codec of an mp4: h264, h265 or av1 (output.codec).")
@click.option("--max-size", help="Maximum size of a GIF or WebP, e.g. 8MB (output.max_size).")
@click.option("--mask", help="Mask that cut-outs keep (output.mask).")
@click.option("--poster", help="Frame or time of the poster (output.poster).")
@settings
def encode(folder: Path, also: tuple[str, ...], options: tuple[str, ...], **given: str | None) -> None:
    """Make files from the frames of the run in FOLDER: those named, or all that are still missing."""
    from animator.runs.run import Run

    for option in options:
        if not option.startswith(SECTIONS):
            raise click.UsageError(
                f"--set {quoted(option)}: frames are painted already; only {' and '.join(SECTIONS)}… can change"
            )
    named = [f"output.{name}={value}" for name, value in given.items() if value is not None]
    words = [f"output.also=[{', '.join(also)}]"] if also else []
    run = Run.open(folder)
    if not deliver(run, load(folder / "resolved.yaml", [*named, *options, *words]), also or None):
        click.echo("nothing to make: every file that the film asks for exists", err=True)


def deliver(
    run: Run, scene: Scene, words: Sequence[str] | None = None, tell: Tell = silence, quiet: bool = False
) -> int:
    """Make the files, print their paths, and describe each on standard error; return how many there were.

    `tell` receives an event for each file. With `quiet` no path is printed. Exits with status 3 if a file
    failed.
    """
    count = failed = 0
    for made in delivering.deliver(run, scene, words):
        count, failed = count + 1, failed + made.failed
        click.echo(f"{made.file.name}: {made.says}", err=True)
        if made.failed:
            tell(Warned(f"{made.file.name}: {made.says}"))
            continue
        tell(Encoded(str(made.file.resolve()), made.file.stat().st_size))
        if not quiet:
            click.echo(made.file)
    if failed:
        tell(Failed(f"{failed} of {count} files could not be made", ProgramError.exit_code))
        sys.exit(ProgramError.exit_code)
    return count
