"""The commands that paint films: render, resume, branch, demo."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator.cli.delivering import deliver
from animator.cli.main import FilePath, ScheduleFile, as_json, heard, main, settings, told
from animator.cli.progress import show
from animator.render.pipeline import load
from animator.runs import render as shooting
from animator.runs.events import Finished
from animator.runs.reporting import Reporter
from animator.runs.tables import color_lines
from animator.scene.presets import presets
from animator.scene.scene import Scene

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
