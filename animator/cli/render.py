"""The commands that paint films: render, resume, branch, demo.

The command that writes more files from a run's frames: encode.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator.cli.main import FilePath, ScheduleFile, as_json, heard, main, settings, told
from animator.cli.progress import show
from animator.errors import ProgramError, quoted
from animator.runs.events import Encoded, Failed, Finished, Reporter, Tell, Warned, silence
from animator.runs.metadata import color_lines
from animator.scene.compose import presets
from animator.scene.scene import Scene
from animator.scene.settings_output import KINDS, word
from animator.timeline.load import load

if TYPE_CHECKING:
    from animator.runs.run import Run


class Span(click.ParamType[Any]):
    """A range A:B of frames: A..B-1."""

    name = "A:B"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        first, _, stop = value.partition(":")
        if first.isdecimal() and stop.isdecimal():
            return int(first), int(stop)
        return self.fail(
            f"{value!r}: write the first frame and the one after the last, e.g. 40:80", param, ctx
        )


@main.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Folder for this run.  [renders/NAME/DATE-TIME]")
@settings
@click.option("--frames", type=Span(), help="Paint only these frames, as a film of their own.")
@click.option("--seed", type=int, help="Seed of the run (painting.seed.start).")
@click.option("--device", help="cuda, mps or cpu (model.device).")
@as_json
def render(
    file: Path,
    out: Path | None,
    options: tuple[str, ...],
    frames: tuple[int, int] | None,
    seed: int | None,
    device: str | None,
    events: bool,
) -> None:
    """Paint the film that the schedule FILE describes."""
    from animator.runs import render as shooting

    given = {"painting.seed.start": seed, "model.device": device}
    settings = [*options, *(f"{name}={value}" for name, value in given.items() if value is not None)]
    with told(events) as reporter:
        scene = load(file, settings)
        _shoot(shooting.start_run(scene, file, out or _folder(file), frames), scene, reporter)


@main.command()
@click.argument("folder", type=FilePath)
@as_json
def resume(folder: Path, events: bool) -> None:
    """Continue the run in FOLDER at its first missing frame."""
    from animator.runs import render as shooting

    with told(events) as reporter:
        _shoot(*shooting.reopen_run(folder), reporter)


@main.command()
@click.argument("folder", type=FilePath)
@click.argument("file", type=ScheduleFile, required=False)
@click.option(
    "--from",
    "at",
    metavar="TIME",
    help="Keep every frame before this frame, or time such as 2s, whatever the settings are.",
)
@click.option("-o", "--out", type=FilePath, help="Folder for the new run.  [FOLDER-b1]")
@settings
@as_json
def branch(
    folder: Path, file: Path | None, at: str | None, out: Path | None, options: tuple[str, ...], events: bool
) -> None:
    """Render the film of the run in FOLDER with other settings, or FILE, and keep the frames that do not change.

    Kept frames are linked or copied into a new run's folder; the run in FOLDER is left as it is.
    """
    from animator.runs.branch import branched

    with told(events) as reporter:
        run, scene, words = branched(folder, file, options, at, out)
        click.echo(words, err=True)
        _shoot(run, scene, reporter)


@main.command()
@click.option("-o", "--out", type=FilePath, help="Folder for this run.  [renders/demo/DATE-TIME]")
@settings
def demo(out: Path | None, options: tuple[str, ...]) -> None:
    """Paint the preset concept-reveal, seen from the front: a video, a GIF and a contact sheet."""
    from animator.runs import render as shooting

    file = presets()["concept-reveal"]
    with told(False) as reporter:
        scene = load(file, ["view=front view", "output.also=[gif, sheet]", *options])
        _shoot(shooting.start_run(scene, file, out or _folder(Path("demo"))), scene, reporter)


def _folder(file: Path) -> Path:
    return Path("renders") / file.stem / datetime.now().strftime("%Y%m%d-%H%M%S")


def _shoot(run: Run, scene: Scene, reporter: Reporter) -> None:
    """Paint the missing frames of `run` with a progress bar, then make its other files.

    The paths are printed, unless standard output carries JSON events.
    """
    from animator.runs import render as shooting

    reporter.log_to(run.folder)
    try:
        with heard():
            show(shooting.shoot(run, scene, tell=reporter), run.first, run.stop)
    except KeyboardInterrupt:
        click.echo(f"{len(run.saved)} frames are saved; go on with: animator resume {run.folder}", err=True)
        raise
    grade = scene.settings.grade
    if grade.color != "none" or grade.palette:
        for line in color_lines(run.facts("drift"), run.facts("palette")):
            click.echo(line, err=True)
    if scene.settings.video.loop == "closed" and run.stop - run.first == scene.frames > 1:
        click.echo(
            f"loop: the change from the last frame to the first is {run.seam():.2f} of a usual one", err=True
        )
    if reporter.stream is None:
        click.echo(run.video)
    deliver(run, scene, tell=reporter, quiet=reporter.stream is not None)
    reporter(Finished(str(run.folder.resolve()), str(run.video.resolve()), reporter.painted))


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
    from animator.runs import deliverables as delivering

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
