"""The commands that paint films and write more files from them: render, resume, branch, demo, encode."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator.cli.main import FilePath, ScheduleFile, event_reporter, json_option, log_to_stderr, set_option
from animator.cli.progress import show_frames
from animator.errors import ProgramError, quote_text
from animator.runs.events import Encoded, EventSink, Failed, Finished, Reporter, Warned, ignore
from animator.runs.metadata import color_summary
from animator.scene.compose import bundled_presets
from animator.scene.scene import Scene
from animator.scene.settings_output import DELIVERABLES, parse_deliverable
from animator.timeline.load import load

if TYPE_CHECKING:
    from animator.runs.run import Run


class FrameRangeParam(click.ParamType[Any]):
    """A range A:B of frames: A..B-1."""

    name = "A:B"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        first, _, stop = value.partition(":")
        if first.isdecimal() and stop.isdecimal():
            return int(first), int(stop)
        return self.fail(
            f"{value!r}: write the first frame and the one after the last, e.g. 40:80", param, ctx
        )


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Folder for this run.  [renders/NAME/DATE-TIME]")
@set_option
@click.option("--frames", type=FrameRangeParam(), help="Paint only these frames, as a film of their own.")
@click.option("--seed", type=int, help="Seed of the run (painting.seed.start).")
@click.option("--device", help="cuda, mps or cpu (model.device).")
@json_option
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
    from animator.runs import render

    given = {"painting.seed.start": seed, "model.device": device}
    settings = [*options, *(f"{name}={value}" for name, value in given.items() if value is not None)]
    with event_reporter(events) as reporter:
        scene = load(file, settings)
        _render_and_deliver(
            render.start_run(scene, file, out or _default_folder(file), frames), scene, reporter
        )


@click.command()
@click.argument("folder", type=FilePath)
@json_option
def resume(folder: Path, events: bool) -> None:
    """Continue the run in FOLDER at its first missing frame."""
    from animator.runs import render

    with event_reporter(events) as reporter:
        _render_and_deliver(*render.reopen_run(folder), reporter)


@click.command()
@click.argument("folder", type=FilePath)
@click.argument("file", type=ScheduleFile, required=False)
@click.option(
    "--from",
    "at",
    metavar="TIME",
    help="Keep every frame before this frame, or time such as 2s, whatever the settings are.",
)
@click.option("-o", "--out", type=FilePath, help="Folder for the new run.  [FOLDER-b1]")
@set_option
@json_option
def branch(
    folder: Path, file: Path | None, at: str | None, out: Path | None, options: tuple[str, ...], events: bool
) -> None:
    """Render the film of the run in FOLDER with other settings, or FILE, and keep the frames that do not change.

    Kept frames are linked or copied into a new run's folder; the run in FOLDER is left as it is.
    """
    from animator.runs.branch import branch_run

    with event_reporter(events) as reporter:
        run, scene, words = branch_run(folder, file, options, at, out)
        click.echo(words, err=True)
        _render_and_deliver(run, scene, reporter)


@click.command()
@click.option("-o", "--out", type=FilePath, help="Folder for this run.  [renders/demo/DATE-TIME]")
@set_option
def demo(out: Path | None, options: tuple[str, ...]) -> None:
    """Paint the preset concept-reveal of a speaker, shortened: a video, a GIF and a contact sheet."""
    from animator.runs import render

    file = bundled_presets()["concept-reveal"]
    with event_reporter(False) as reporter:
        scene = load(file, ["length=5s", "video.fps=12", "output.also=[gif, sheet]", *options])
        _render_and_deliver(
            render.start_run(scene, file, out or _default_folder(Path("demo"))), scene, reporter
        )


def _default_folder(file: Path) -> Path:
    return Path("renders") / file.stem / datetime.now().strftime("%Y%m%d-%H%M%S")


def _render_and_deliver(run: Run, scene: Scene, reporter: Reporter) -> None:
    """Paint the missing frames of `run` with a progress bar, then make its other files.

    The paths are printed, unless standard output carries JSON events.
    """
    from animator.runs import render

    reporter.log_to(run.folder)
    try:
        with log_to_stderr():
            show_frames(render.render_run(run, scene, tell=reporter), run.first, run.stop)
    except KeyboardInterrupt:
        click.echo(f"{len(run.saved)} frames are saved; go on with: animator resume {run.folder}", err=True)
        raise
    grade = scene.settings.grade
    if grade.color != "none" or grade.palette:
        for line in color_summary(run.measurements("drift"), run.measurements("palette")):
            click.echo(line, err=True)
    if scene.settings.video.loop == "closed" and run.stop - run.first == scene.frames > 1:
        click.echo(
            f"loop: the change from the last frame to the first is {run.seam():.2f} of a usual one", err=True
        )
    if reporter.stream is None:
        click.echo(run.video)
    write_deliverables(run, scene, tell=reporter, quiet=reporter.stream is not None)
    reporter(Finished(str(run.folder.resolve()), str(run.video.resolve()), reporter.painted))


ENCODE_SECTIONS = ("output.", "audio.")  # settings that can still change when all frames are painted


class DeliverableParam(click.ParamType[Any]):
    """A deliverable as in `output.also`: gif, poster@9x16."""

    name = "KIND[@SHAPE]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return parse_deliverable(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


@click.command()
@click.argument("folder", type=FilePath)
@click.option(
    "--also",
    type=DeliverableParam(),
    multiple=True,
    help=f"File to make, replacing an existing one; repeatable: {', '.join(DELIVERABLES.builtins)}.",
)
@click.option("--quality", help="draft, good or best (output.quality).")
@click.option("--codec", help="Codec of an mp4: h264, h265 or av1 (output.codec).")
@click.option("--max-size", help="Maximum size of a GIF or WebP, e.g. 8MB (output.max_size).")
@click.option("--mask", help="Mask that cut-outs keep (output.mask).")
@click.option("--poster", help="Frame or time of the poster (output.poster).")
@set_option
def encode(folder: Path, also: tuple[str, ...], options: tuple[str, ...], **given: str | None) -> None:
    """Make files from the frames of the run in FOLDER: those named, or all that are still missing."""
    from animator.runs.run import Run

    for option in options:
        if not option.startswith(ENCODE_SECTIONS):
            raise click.UsageError(
                f"--set {quote_text(option)}: frames are painted already; "
                f"only {' and '.join(ENCODE_SECTIONS)}… can change"
            )
    named = [f"output.{name}={value}" for name, value in given.items() if value is not None]
    words = [f"output.also=[{', '.join(also)}]"] if also else []
    run = Run.open(folder)
    if not write_deliverables(run, load(folder / "resolved.yaml", [*named, *options, *words]), also or None):
        click.echo("nothing to make: every file that the film asks for exists", err=True)


def write_deliverables(
    run: Run, scene: Scene, names: Sequence[str] | None = None, tell: EventSink = ignore, quiet: bool = False
) -> int:
    """Make the files, print their paths, and describe each on standard error; return how many there were.

    `tell` receives an event for each file. With `quiet` no path is printed. Exits with status 3 if a file
    failed.
    """
    from animator.runs import deliverables

    count = failed = 0
    for made in deliverables.deliver(run, scene, names):
        count, failed = count + 1, failed + made.failed
        click.echo(f"{made.file.name}: {made.description}", err=True)
        if made.failed:
            tell(Warned(f"{made.file.name}: {made.description}"))
            continue
        tell(Encoded(str(made.file.resolve()), made.file.stat().st_size))
        if not quiet:
            click.echo(made.file)
    if failed:
        tell(Failed(f"{failed} of {count} files could not be made", ProgramError.exit_code))
        sys.exit(ProgramError.exit_code)
    return count
