"""The commands to run before painting: preview, bench."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from animator.cli.main import FilePath, ScheduleFile, main, settings
from animator.cli.progress import show
from animator.errors import RunError
from animator.render.pipeline import load, loads
from animator.runs import bench as benching
from animator.runs import cost
from animator.runs import render as shooting
from animator.runs.benchmark import measure
from animator.timeline.compile import timeline
from animator.viewer.preview import SIDE, record

PAGES = {".html", ".htm"}


@main.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Video or HTML page to write.  [renders/NAME/preview.mp4]")
@settings
@click.option(
    "--size", type=click.IntRange(64, 4096), default=SIDE, show_default=True, help="Longer side in pixels."
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
    from animator.viewer.write import write

    scene = load(file, options)
    target = out or Path("renders") / file.stem / ("preview.html" if opened else "preview.mp4")
    side = None if full else size
    if target.suffix.lower() in PAGES:
        show(write(scene, file.stem, target, side, overlay), 0, scene.frames)
    else:
        show(record(scene, target, side, overlay), 0, scene.frames)
    click.echo(benching.told(scene, shooting.rows(scene, timeline(scene))), err=True)
    click.echo(target)
    if opened and click.launch(str(target)) != 0:
        raise RunError(f"{target}: no program on this computer opens it")


@main.command()
@click.argument("file", type=ScheduleFile, required=False)
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the measurement as JSON.")
def bench(file: Path | None, options: tuple[str, ...], as_json: bool) -> None:
    """Measure this machine with FILE's model at its size, to estimate how long films take.

    Without FILE, the bundled model is measured. The result is stored for this user; check, explain and
    preview use it.
    """
    scene = loads("{}", settings=options) if file is None else load(file, options)
    profile = measure(scene)
    kept = benching.keep(profile)
    if as_json:
        click.echo(json.dumps(asdict(profile), indent=2))
        return
    click.echo("\n".join(cost.lines(profile)))
    rows = shooting.rows(scene, timeline(scene))
    if file is not None:
        click.echo(f"{file}: {benching.told(scene, rows)}")
    click.echo(f"stored in {kept}", err=True)
