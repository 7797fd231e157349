"""The command line: parse, call, print. Exit status 0, 2 bad input, 3 missing model or program, 130 interrupted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator import __version__, studio
from animator.errors import AnimatorError
from animator.progress import show
from animator.scene.presets import shelf
from animator.scene.scene import Scene
from animator.studio import load
from animator.timeline.compile import timeline

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
    _shoot(studio.start_run(scene, file, out or _folder(file), frames), scene)


@main.command()
@click.argument("folder", type=FilePath)
def resume(folder: Path) -> None:
    """Go on with the run in FOLDER, at the first frame it lacks."""
    _shoot(*studio.reopen_run(folder))


@main.command()
@click.option("-o", "--out", type=FilePath, help="Folder for this run.  [renders/demo/DATE-TIME]")
def demo(out: Path | None) -> None:
    """Paint the film that comes with animator."""
    file = shelf("schedules") / "01_zoom.yaml"
    scene = load(file)
    _shoot(studio.start_run(scene, file, out or _folder(Path("demo"))), scene)


@main.command()
@click.argument("file", type=FilePath)
@click.option("-o", "--out", type=FilePath, help="The video.  [renders/NAME/preview.mp4]")
@settings
def preview(file: Path, out: Path | None, options: tuple[str, ...]) -> None:
    """Show the film's motion without a model: over its start picture, or a test card."""
    scene = load(file, options)
    target = out or Path("renders") / file.stem / "preview.mp4"
    film = studio.record_preview(scene, target)
    show(film, 0, scene.frames)
    click.echo(target)


@main.command()
@click.argument("file", type=FilePath)
@settings
def check(file: Path, options: tuple[str, ...]) -> None:
    """Read FILE and say everything that is wrong with it, without loading a model."""
    scene = load(file, options)
    frames = timeline(scene)
    painted = sum(frame.diffuse for frame in frames)
    seconds = len(frames) / scene.settings.video.fps
    size = f"{scene.size.width}x{scene.size.height}"
    click.echo(f"{file}: good: {len(frames)} frames, {painted} painted, {seconds:g} s at {size}")


@main.command()
@click.argument("file", type=FilePath)
@click.option("--json", "as_json", is_flag=True, help="A JSON array with one object per frame and line.")
@settings
def explain(file: Path, as_json: bool, options: tuple[str, ...]) -> None:
    """Print the frame table: every value, and the steps really run, per frame."""
    scene = load(file, options)
    rows = studio.rows(scene, timeline(scene))
    click.echo("\n".join(_json_lines(rows) if as_json else _columns(rows)))


def _json_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    yield "["
    yield ",\n".join(lines)
    yield "]"


def _columns(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What stays the same said once, then what changes, a line per frame."""
    from animator.output.infotext import flat

    table = [flat(row) for row in rows]
    names = list(table[0])
    steady = [name for name in names if name != "index" and all(row[name] == table[0][name] for row in table)]
    yield from (f"{name}: {_cell(table[0][name])}" for name in steady)
    yield ""
    moving = [name for name in names if name not in steady]
    moving.sort(key=lambda name: isinstance(table[0][name], str))  # texts last: they are long
    cells = [moving]
    for before, row in zip([{}, *table], table, strict=False):
        # A text stands where it begins; repeated on every line it would hide the numbers.
        again = {name for name in moving if isinstance(row[name], str) and before.get(name) == row[name]}
        cells.append(["" if name in again else _cell(row[name]) for name in moving])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _folder(file: Path) -> Path:
    return Path("renders") / file.stem / datetime.now().strftime("%Y%m%d-%H%M%S")


def _shoot(run: Run, scene: Scene) -> None:
    """Paint what `run` lacks, with a bar; print the video's path."""
    try:
        show(studio.shoot(run, scene), run.first, run.stop)
    except KeyboardInterrupt:
        click.echo(f"{len(run.saved)} frames are saved; go on with: animator resume {run.folder}", err=True)
        raise
    click.echo(run.video)
