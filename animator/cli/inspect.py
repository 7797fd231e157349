"""The commands that show a film before it is painted: check, explain, plot, motions, schema, preview, bench."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from animator.cli.main import FilePath, ScheduleFile, set_option
from animator.cli.progress import show_frames
from animator.errors import RunError, SceneError
from animator.runs import cost, metadata
from animator.runs.events import problem_data
from animator.runs.metadata import format_table, frame_table_json
from animator.timeline.compile import scene_advice, timeline
from animator.timeline.load import load, loads
from animator.timeline.motion import HOLD, MOVES, SHAKES, describe_motion, without_shake


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option(
    "--json", "as_json", is_flag=True, help="Print errors and notes as a JSON array, for editors and CI."
)
@set_option
def check(file: Path, as_json: bool, options: tuple[str, ...]) -> None:
    """Check FILE and report everything that is wrong with it, without loading a model."""
    try:
        scene = load(file, options)
    except SceneError as error:
        if not as_json:
            raise
        click.echo(json.dumps([problem_data(problem, "error") for problem in error.problems], indent=2))
        sys.exit(error.exit_code)
    found = scene_advice(scene)
    if as_json:
        click.echo(json.dumps([problem_data(note, "note") for note in found], indent=2))
        return
    for note in found:
        click.echo(f"note: {note}", err=True)
    frames = timeline(scene)
    painted = f"{sum(frame.diffuse for frame in frames)} painted"
    if scene.settings.product is not None:
        painted = f"{cost.count_paintings(scene)} key paintings of a 3D product"
    seconds = len(frames) / scene.settings.video.fps
    size = f"{scene.size.width}x{scene.size.height}"
    click.echo(f"{file}: good: {len(frames)} frames, {painted}, {seconds:g} s at {size}")
    click.echo(cost.describe_cost(scene, metadata.frame_table(scene, frames)))


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with one object per frame and line."
)
@click.option("--english", is_flag=True, help="Describe the motion of each stretch in a sentence.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every value of every frame as CSV.")
@set_option
def explain(file: Path, english: bool, as_json: bool, as_csv: bool, options: tuple[str, ...]) -> None:
    """Print the frame table: every value of every frame, and the steps that really run."""
    scene = load(file, options)
    frames = timeline(scene)
    if english:
        still, shaking = without_shake(scene)
        summary = [shaking] if shaking else []
        click.echo("\n".join([*summary, *describe_motion(timeline(still), scene.settings.video.fps)]))
        return
    rows = metadata.frame_table(scene, frames)
    if as_csv:
        from animator.runs.metadata import frame_table_csv

        click.echo(frame_table_csv(rows), nl=False)
    elif as_json:
        click.echo("\n".join(frame_table_json(rows)))
    else:
        click.echo(cost.describe_cost(scene, rows))
        click.echo("\n".join(format_table(cost.with_seconds(scene, rows))))


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Image to write: .png, .svg or .pdf.  [NAME.png]")
@set_option
def plot(file: Path, out: Path | None, options: tuple[str, ...]) -> None:
    """Draw FILE: prompts as bands, every curve that varies, beats as ticks."""
    from animator.viewer.charts import plot as draw

    scene, target = load(file, options), out or Path(f"{file.stem}.png")
    draw(scene, timeline(scene), target)
    click.echo(target)


@click.command()
def motions() -> None:
    """List the moves and shakes that a schedule can name."""
    for word, move in MOVES.items():
        click.echo(f"{word:12} {move.description} [{move.amount:g}, {move.ease}]")
    click.echo(f"{HOLD:12} nothing moves until the next move")
    for word, shake in SHAKES.items():
        click.echo(f"{word:12} shake: {shake.description}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of schedule files, with which editors complete and check them."""
    from animator.scene.schema import json_schema as written

    click.echo(json.dumps(written(), indent=2))


PAGE_SUFFIXES = {".html", ".htm"}


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Video or HTML page to write.  [renders/NAME/preview.mp4]")
@set_option
@click.option(
    "--size", type=click.IntRange(64, 4096), default=512, show_default=True, help="Longer side in pixels."
)
@click.option("--full", is_flag=True, help="Draw in the film's own size.")
@click.option(
    "--overlay/--no-overlay", default=True, help="Write prompt, seed and strength over the frames, or not."
)
@click.option(
    "--open", "opened", is_flag=True, help="Open the page in the browser, or the video given by -o."
)
def preview(
    file: Path, out: Path | None, options: tuple[str, ...], size: int, full: bool, overlay: bool, opened: bool
) -> None:
    """Preview the whole film without a model: its motion, prompts, settings and cost.

    It is drawn over the start image, the views or the footage; without any of them, over a test card.
    """
    from animator.viewer.html import write_page
    from animator.viewer.preview import write_preview

    scene = load(file, options)
    target = out or Path("renders") / file.stem / ("preview.html" if opened else "preview.mp4")
    side = None if full else size
    if target.suffix.lower() in PAGE_SUFFIXES:
        show_frames(write_page(scene, file.stem, target, side, overlay), 0, scene.frames)
    else:
        show_frames(write_preview(scene, target, side, overlay), 0, scene.frames)
    click.echo(cost.describe_cost(scene, metadata.frame_table(scene, timeline(scene))), err=True)
    click.echo(target)
    if opened and click.launch(str(target)) != 0:
        raise RunError(f"{target}: no program on this computer opens it")


@click.command()
@click.argument("file", type=ScheduleFile, required=False)
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the measurement as JSON.")
def bench(file: Path | None, options: tuple[str, ...], as_json: bool) -> None:
    """Measure this machine with FILE's model at its size, to estimate how long films take.

    Without FILE, the bundled model is measured. The result is stored for this user; check, explain and
    preview use it.
    """
    scene = loads("{}", settings=options) if file is None else load(file, options)
    from animator.runs.benchmark import benchmark

    profile = benchmark(scene)
    kept = cost.save_profile(profile)
    if as_json:
        click.echo(json.dumps(asdict(profile), indent=2))
        return
    click.echo("\n".join(cost.profile_lines(profile)))
    rows = metadata.frame_table(scene, timeline(scene))
    if file is not None:
        click.echo(f"{file}: {cost.describe_cost(scene, rows)}")
    click.echo(f"stored in {kept}", err=True)
