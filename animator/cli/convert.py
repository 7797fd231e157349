"""The commands that convert from and to the files of other tools: import, export."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from animator.cli.main import FilePath, ScheduleFile, set_option
from animator.errors import Problem, RunError
from animator.runs import metadata
from animator.timeline.compile import timeline
from animator.timeline.load import load


@click.command("import")
@click.argument("file", type=FilePath)
@click.option("-o", "--out", type=FilePath, help="Schedule file to write.  [printed]")
def import_(file: Path, out: Path | None) -> None:
    """Make a schedule file from the FILE of another program, or from a film made by animator.

    Known are Deforum settings, a Parseq manifest, infotext or an image with it, a camera path, and what plug-ins add.
    """
    from animator.interop.convert import convert

    text, notes = convert(file, (out or Path()).parent)
    _write_text(notes, text, out)


@click.command()
@click.argument("file", type=ScheduleFile)
@click.option(
    "--to", "kind", type=click.Choice(["deforum", "csv"]), required=True, help="Format of the file."
)
@click.option("-o", "--out", type=FilePath, help="File to write.  [printed]")
@set_option
def export(file: Path, kind: str, out: Path | None, options: tuple[str, ...]) -> None:
    """Export the film of FILE: as Deforum settings, or as CSV with every value of every frame."""
    from animator.interop.deforum_export import export_deforum as deforum
    from animator.runs.metadata import frame_table_csv

    scene = load(file, options)
    if kind == "csv":
        _write_text((), frame_table_csv(metadata.frame_table(scene, timeline(scene))), out)
        return
    written, notes = deforum(scene)
    _write_text(notes, json.dumps(written, indent=4, ensure_ascii=False) + "\n", out)


def _write_text(notes: Sequence[Problem], text: str, out: Path | None) -> None:
    """Print the notes, then `text`, or the path `out` that it is written to. Raises RunError."""
    from animator.runs.atomic import write_atomic

    for note in notes:
        click.echo(f"note: {note}", err=True)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_atomic(out, text.encode("utf8"))
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}") from error
    click.echo(out)
