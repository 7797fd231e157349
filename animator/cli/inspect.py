"""The commands that read a schedule file without loading a model: check, explain, plot, motions, schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from animator.cli.main import FilePath, ScheduleFile, main, settings
from animator.errors import SceneError
from animator.render.pipeline import load
from animator.runs import bench
from animator.runs import render as shooting
from animator.runs.tables import as_data, columns, json_lines
from animator.timeline.compile import remarks, timeline
from animator.timeline.english import sentences
from animator.timeline.moves import HOLD, MOVES, SHAKES, calm


@main.command()
@click.argument("file", type=ScheduleFile)
@click.option(
    "--json", "as_json", is_flag=True, help="Print errors and notes as a JSON array, for editors and CI."
)
@settings
def check(file: Path, as_json: bool, options: tuple[str, ...]) -> None:
    """Check FILE and report everything that is wrong with it, without loading a model."""
    try:
        scene = load(file, options)
    except SceneError as error:
        if not as_json:
            raise
        click.echo(json.dumps([as_data(problem, "error") for problem in error.problems], indent=2))
        sys.exit(error.exit_code)
    found = remarks(scene)
    if as_json:
        click.echo(json.dumps([as_data(note, "note") for note in found], indent=2))
        return
    for note in found:
        click.echo(f"note: {note}", err=True)
    frames = timeline(scene)
    painted = sum(frame.diffuse for frame in frames)
    seconds = len(frames) / scene.settings.video.fps
    size = f"{scene.size.width}x{scene.size.height}"
    click.echo(f"{file}: good: {len(frames)} frames, {painted} painted, {seconds:g} s at {size}")
    click.echo(bench.told(scene, shooting.rows(scene, frames)))


@main.command()
@click.argument("file", type=ScheduleFile)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with one object per frame and line."
)
@click.option("--english", is_flag=True, help="Describe the motion of each stretch in a sentence.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every value of every frame as CSV.")
@settings
def explain(file: Path, english: bool, as_json: bool, as_csv: bool, options: tuple[str, ...]) -> None:
    """Print the frame table: every value of every frame, and the steps that really run."""
    scene = load(file, options)
    frames = timeline(scene)
    if english:
        still, shaking = calm(scene)
        told = [shaking] if shaking else []
        click.echo("\n".join([*told, *sentences(timeline(still), scene.settings.video.fps)]))
        return
    rows = shooting.rows(scene, frames)
    if as_csv:
        from animator.runs.atomic import table

        click.echo(table(rows), nl=False)
    elif as_json:
        click.echo("\n".join(json_lines(rows)))
    else:
        click.echo(bench.told(scene, rows))
        click.echo("\n".join(columns(bench.timed(scene, rows))))


@main.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Image to write: .png, .svg or .pdf.  [NAME.png]")
@settings
def plot(file: Path, out: Path | None, options: tuple[str, ...]) -> None:
    """Draw FILE: prompts as bands, every curve that varies, beats as ticks."""
    from animator.viewer.charts import plot as draw

    scene, target = load(file, options), out or Path(f"{file.stem}.png")
    draw(scene, timeline(scene), target)
    click.echo(target)


@main.command()
def motions() -> None:
    """List the moves and shakes that a schedule can name."""
    for word, move in MOVES.items():
        click.echo(f"{word:12} {move.says} [{move.amount:g}, {move.ease}]")
    click.echo(f"{HOLD:12} nothing moves until the next move")
    for word, shake in SHAKES.items():
        click.echo(f"{word:12} shake: {shake.says}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of schedule files, with which editors complete and check them."""
    from animator.scene.schema import schema as written

    click.echo(json.dumps(written(), indent=2))
