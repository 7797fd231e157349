"""The command that shows a product film's key paintings before the film is rendered: keys."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from animator.cli.main import FilePath, ScheduleFile, log_to_stderr, set_option
from animator.errors import RunError
from animator.timeline.load import load


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option("-o", "--out", type=FilePath, help="Folder for the run.  [renders/NAME/DATE-TIME]")
@click.option("--redo", type=click.IntRange(1), help="Number of a key painting to paint with another --seed.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed for --redo.")
@set_option
def keys(file: Path, out: Path | None, redo: int | None, seed: int | None, options: tuple[str, ...]) -> None:
    """Paint the key paintings of FILE, a film of a 3D product, and show them as a sheet.

    They are kept in a new run, whose film is then rendered with: animator resume FOLDER
    """
    from animator.runs import key_sheet, render

    if (redo is None) != (seed is None):
        raise click.UsageError("--redo and --seed belong together, e.g. --redo 3 --seed 11")
    own = [] if redo is None else [f"product.seeds.{redo}={seed}"]
    scene = load(file, [*options, *own])
    if scene.settings.product is None:
        raise RunError(f"{file} is no film of a 3D product; only those have key paintings")
    folder = out or Path("renders") / file.stem / datetime.now().strftime("%Y%m%d-%H%M%S")
    run = render.start_run(scene, file, folder)
    with log_to_stderr():
        sheet = key_sheet.paint_keys(run, scene)
    click.echo(f"render the film with: animator resume {run.folder}", err=True)
    click.echo(sheet)
