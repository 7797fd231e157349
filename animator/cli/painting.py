"""Commands that make films: render, resume, demo, preview."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator import shoot as shooting
from animator.cli.delivering import deliver
from animator.cli.group import FilePath, ScheduleFile, main, settings
from animator.progress import show
from animator.scene.presets import shelf
from animator.scene.scene import Scene
from animator.studio import load
from animator.tables import color_lines

if TYPE_CHECKING:
    from animator.output.run import Run


class Span(click.ParamType[Any]):
    """A:B, the frames A..B-1."""

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
@click.option("--frames", type=Span(), help="Only these frames, as a film of their own.")
@click.option("--seed", type=int, help="The run's seed: painting.seed.start.")
@click.option("--device", help="cuda, mps or cpu: model.device.")
def render(
    file: Path,
    out: Path | None,
    options: tuple[str, ...],
    frames: tuple[int, int] | None,
    seed: int | None,
    device: str | None,
) -> None:
    """Paint the film that the schedule FILE describes."""
    given = {"painting.seed.start": seed, "model.device": device}
    scene = load(file, [*options, *(f"{name}={value}" for name, value in given.items() if value is not None)])
    _shoot(shooting.start_run(scene, file, out or _folder(file), frames), scene)


@main.command()
@click.argument("folder", type=FilePath)
def resume(folder: Path) -> None:
    """Go on with the run in FOLDER, at the first frame it lacks."""
    _shoot(*shooting.reopen_run(folder))


@main.command()
@click.option("-o", "--out", type=FilePath, help="Folder for this run.  [renders/demo/DATE-TIME]")
def demo(out: Path | None) -> None:
    """Paint the film that comes with animator."""
    file = shelf("schedules") / "01_zoom.yaml"
    scene = load(file)
    _shoot(shooting.start_run(scene, file, out or _folder(Path("demo"))), scene)


@main.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="The video.  [renders/NAME/preview.mp4]")
@settings
def preview(file: Path, out: Path | None, options: tuple[str, ...]) -> None:
    """Show the film's motion without a model: over its start picture, or a test card."""
    scene = load(file, options)
    target = out or Path("renders") / file.stem / "preview.mp4"
    film = shooting.record_preview(scene, target)
    show(film, 0, scene.frames)
    click.echo(target)


def _folder(file: Path) -> Path:
    return Path("renders") / file.stem / datetime.now().strftime("%Y%m%d-%H%M%S")


def _shoot(run: Run, scene: Scene) -> None:
    """Paint what `run` lacks, with a bar; print the video's path."""
    try:
        show(shooting.shoot(run, scene), run.first, run.stop)
    except KeyboardInterrupt:
        click.echo(f"{len(run.saved)} frames are saved; go on with: animator resume {run.folder}", err=True)
        raise
    grade = scene.settings.grade
    if grade.color != "none" or grade.palette:
        for line in color_lines(run.facts("drift"), run.facts("palette")):
            click.echo(line, err=True)
    if scene.settings.video.loop == "closed" and run.stop - run.first == scene.frames > 1:
        click.echo(f"loop: from the last frame to the first it is {run.seam():.2f} of a usual step", err=True)
    click.echo(run.video)
    deliver(run, scene)
