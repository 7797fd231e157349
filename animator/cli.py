"""The command line: parse, call, print. Exit status 0, 2 bad input, 3 missing model or program, 130 interrupted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator import __version__
from animator import shoot as shooting
from animator.errors import AnimatorError, Problem, RunError, SceneError
from animator.progress import show
from animator.scene.presets import shelf
from animator.scene.scene import Scene
from animator.studio import load
from animator.tables import as_data, columns, json_lines
from animator.timeline.compile import remarks, timeline
from animator.timeline.english import sentences
from animator.timeline.moves import HOLD, MOVES, SHAKES

if TYPE_CHECKING:
    from animator.output.run import Run

FilePath = click.Path(path_type=Path)
settings = click.option(
    "--set", "options", multiple=True, metavar="A.B=VALUE", help="Override a setting or variable; repeatable."
)


class Group(click.Group):
    """Turns the errors a user can cause into one line and an exit status."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **{**extra, "standalone_mode": False})
        except AnimatorError as error:
            click.echo(str(error), err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            sys.exit(130)
        except BrokenPipeError:  # the reader, `head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


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


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="animator")
def main() -> None:
    """Films for product designers: a YAML schedule in, an SDXL-painted MP4 out."""


@main.command()
@click.argument("file", type=FilePath)
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
@click.argument("file", type=FilePath)
@click.option("-o", "--out", type=FilePath, help="The video.  [renders/NAME/preview.mp4]")
@settings
def preview(file: Path, out: Path | None, options: tuple[str, ...]) -> None:
    """Show the film's motion without a model: over its start picture, or a test card."""
    scene = load(file, options)
    target = out or Path("renders") / file.stem / "preview.mp4"
    film = shooting.record_preview(scene, target)
    show(film, 0, scene.frames)
    click.echo(target)


@main.command()
@click.argument("file", type=FilePath)
@click.option("--json", "as_json", is_flag=True, help="A JSON array of errors and notes, for editors and CI.")
@settings
def check(file: Path, as_json: bool, options: tuple[str, ...]) -> None:
    """Read FILE and say everything that is wrong with it, without loading a model."""
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


@main.command()
@click.argument("file", type=FilePath)
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object per frame and line.")
@click.option("--english", is_flag=True, help="The motion of each stretch in a sentence.")
@click.option("--csv", "as_csv", is_flag=True, help="Every value of every frame as CSV.")
@settings
def explain(file: Path, english: bool, as_json: bool, as_csv: bool, options: tuple[str, ...]) -> None:
    """Print the frame table: every value, and the steps really run, per frame."""
    scene = load(file, options)
    frames = timeline(scene)
    if english:
        click.echo("\n".join(sentences(frames, scene.settings.video.fps)))
        return
    rows = shooting.rows(scene, frames)
    if as_csv:
        from animator.output.run import table

        click.echo(table(rows), nl=False)
    else:
        click.echo("\n".join(json_lines(rows) if as_json else columns(rows)))


@main.command()
@click.argument("file", type=FilePath)
@click.option("-o", "--out", type=FilePath, help="The picture: .png, .svg or .pdf.  [NAME.png]")
@settings
def plot(file: Path, out: Path | None, options: tuple[str, ...]) -> None:
    """Draw FILE: prompts as bands, every curve that varies, beats as ticks."""
    from animator.plot import plot as draw

    scene, target = load(file, options), out or Path(f"{file.stem}.png")
    draw(scene, timeline(scene), target)
    click.echo(target)


@main.command("import")
@click.argument("file", type=FilePath)
@click.option("-o", "--out", type=FilePath, help="The schedule file.  [printed]")
def import_(file: Path, out: Path | None) -> None:
    """Make a schedule file of Deforum settings, a Parseq manifest, a picture's infotext, a film or a camera path."""
    from animator.exchange.convert import convert

    text, notes = convert(file, (out or Path()).parent)
    _tell(notes, text, out)


@main.command()
@click.argument("file", type=FilePath)
@click.option(
    "--to", "kind", type=click.Choice(["deforum", "csv"]), required=True, help="Whose file to write."
)
@click.option("-o", "--out", type=FilePath, help="The file.  [printed]")
@settings
def export(file: Path, kind: str, out: Path | None, options: tuple[str, ...]) -> None:
    """Write the film of FILE for others: Deforum's settings, or every value of every frame as CSV."""
    from animator.exchange.settings import settings as deforum
    from animator.output.run import table

    scene = load(file, options)
    if kind == "csv":
        _tell((), table(shooting.rows(scene, timeline(scene))), out)
        return
    written, notes = deforum(scene)
    _tell(notes, json.dumps(written, indent=4, ensure_ascii=False) + "\n", out)


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
    """Print the JSON Schema of schedule files, by which editors complete and check them."""
    from animator.scene.reference import schema as written

    click.echo(json.dumps(written(), indent=2))


def _tell(notes: Sequence[Problem], text: str, out: Path | None) -> None:
    """Print notes, and a file's text or the path it is written to."""
    from animator.output.run import write_whole

    for note in notes:
        click.echo(f"note: {note}", err=True)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_whole(out, text.encode("utf8"))
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}") from error
    click.echo(out)


def _folder(file: Path) -> Path:
    return Path("renders") / file.stem / datetime.now().strftime("%Y%m%d-%H%M%S")


def _shoot(run: Run, scene: Scene) -> None:
    """Paint what `run` lacks, with a bar; print the video's path."""
    try:
        show(shooting.shoot(run, scene), run.first, run.stop)
    except KeyboardInterrupt:
        click.echo(f"{len(run.saved)} frames are saved; go on with: animator resume {run.folder}", err=True)
        raise
    click.echo(run.video)
