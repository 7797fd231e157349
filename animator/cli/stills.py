"""The commands that paint single frames: still, variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator.cli.main import FilePath, ScheduleFile, heard, main, settings
from animator.errors import RunError
from animator.runs.stills import MOST, Axis, Variants, laid_out, varied
from animator.scene.resolve import resolved
from animator.scene.scene import Scene
from animator.timeline.load import load

if TYPE_CHECKING:
    from animator.runs.run import Run
    from animator.runs.stills import Still


class Whole(click.ParamType[Any]):
    """Integers and ranges of them: 1..4,7."""

    name = "1..4,7"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found: list[int] = []
        for item in value.split(","):
            first, dots, last = item.strip().partition("..")
            if not first.isdecimal() or (dots and not last.isdecimal()):
                self.fail(f"{value!r}: write seeds, e.g. 1..4 or 1,5,9", param, ctx)
            if int(last or first) - int(first) >= MOST or int(last or first) >= 2**32:
                self.fail(f"{value!r}: at most {MOST} seeds, below 2^32", param, ctx)
            found += range(int(first), int(last or first) + 1)
        return tuple(dict.fromkeys(found))


class Scales(click.ParamType[Any]):
    """Numbers from `low` to `high`: 0.3,0.5. With `named`, those of a LoRA: marker=0,0.5,1."""

    def __init__(self, low: float, high: float, named: bool = False) -> None:
        self.low, self.high, self.named = low, high, named
        self.name = "NAME=0,0.5,1" if named else "0.3,0.5"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, equals, text = value.rpartition("=")
        try:
            found = tuple(dict.fromkeys(float(item) for item in text.split(",")))
        except ValueError:
            found = ()
        if not found or self.named != bool(equals and name):
            self.fail(f"{value!r}: write it as {self.name}", param, ctx)
        if not all(self.low <= number <= self.high for number in found):
            self.fail(f"{value!r}: allowed {self.low:g}..{self.high:g}", param, ctx)
        return (name, found) if self.named else found


frame = click.option(
    "--frame", "time", default="0", show_default=True, metavar="TIME", help="A frame, or a time such as 2s."
)
behind = click.option(
    "--run",
    "behind",
    type=FilePath,
    help="Folder of a run: continue from its last painted frame before this one.",
)


@main.command()
@click.argument("file", type=ScheduleFile)
@frame
@behind
@click.option("-o", "--out", type=FilePath, help="PNG to write.  [renders/NAME/still-FRAME.png]")
@settings
def still(file: Path, time: str, behind: Path | None, out: Path | None, options: tuple[str, ...]) -> None:
    """Paint one frame of FILE, a schedule or a run's folder, as a PNG with its recipe inside."""
    from animator.runs.stills import frame_of, stills, take

    scene, run = _opened(file, behind, options)
    index = frame_of(scene, time)
    target = out or Path("renders") / file.stem / f"still-{index:06d}.png"
    wanted = [take(scene, index, run)]
    with heard():
        from animator.render.pipeline import painter

        paint = painter(scene)
    ((_, found),) = stills(wanted, paint)
    _write(target, found)
    click.echo(target)


@main.command()
@click.argument("file", type=ScheduleFile)
@frame
@behind
@click.option("--seeds", type=Whole(), help="Seeds to try, e.g. 1..4 or 1,5,9.")
@click.option("--prompts", multiple=True, metavar="TEXT", help="Prompt to try; repeatable.")
@click.option(
    "--lora-scale",
    "scales",
    multiple=True,
    type=Scales(-10, 10, named=True),
    help="Scales of a LoRA to try; repeatable.",
)
@click.option("--strengths", type=Scales(0, 1), help="Strengths to try, 0..1.")
@click.option(
    "--batch", default=4, show_default=True, type=click.IntRange(1, MOST), help="Images painted in one batch."
)
@click.option(
    "-o",
    "--out",
    type=FilePath,
    help="Folder for the images and their sheet.  [renders/NAME/variants-DATE-TIME]",
)
@settings
def variants(
    file: Path,
    time: str,
    behind: Path | None,
    seeds: tuple[int, ...] | None,
    prompts: tuple[str, ...],
    scales: tuple[tuple[str, tuple[float, ...]], ...],
    strengths: tuple[float, ...] | None,
    batch: int,
    out: Path | None,
    options: tuple[str, ...],
) -> None:
    """Paint one frame of FILE in every combination of seeds, prompts, LoRA scales and strengths, as a sheet."""
    from animator.runs.stills import frame_of, stills, take

    scene, run = _opened(file, behind, options)
    index = frame_of(scene, time)
    plan = laid_out(list(_axes(seeds, prompts, scales, strengths)))
    cells = [take(varied(scene, cell), index, run) for row in plan.cells() for cell in row]
    if strengths and run is None and not _begins_with_picture(scene, index):
        raise RunError(
            "--strengths needs an image to paint over: give --run, or set start.image in the schedule"
        )
    folder = out or Path("renders") / file.stem / f"variants-{datetime.now():%Y%m%d-%H%M%S}"
    painted: dict[int, Still] = {}
    with click.progressbar(length=len(cells), file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        from animator.render.pipeline import painter

        for number, found in stills(cells, painter(scene), batch):
            painted[number] = found
            _write(folder / f"{number + 1:03d}.png", found)
            _save(folder / f"{number + 1:03d}.yaml", resolved(found.scene).encode("utf8"))
            bar.update(1)
    click.echo(_sheet(folder / "sheet.png", plan, painted))


def _opened(file: Path, behind: Path | None, options: Sequence[str]) -> tuple[Scene, Run | None]:
    """Return the scene of a schedule file or a run's folder, and the run to continue from, if any."""
    from animator.runs.run import Run

    if file.is_dir():
        file, behind = file / "resolved.yaml", behind or file
    run = None if behind is None else Run.open(behind)
    return load(file, options), run


def _axes(
    seeds: tuple[int, ...] | None,
    prompts: tuple[str, ...],
    scales: tuple[tuple[str, tuple[float, ...]], ...],
    strengths: tuple[float, ...] | None,
) -> Iterator[Axis]:
    """Yield the axes that vary, from the outermost of the sheet to the innermost."""
    if prompts:
        yield Axis("prompt", prompts)
    yield from (Axis(name, values, lora=True) for name, values in scales)
    if strengths:
        yield Axis("strength", strengths)
    if seeds:
        yield Axis("seed", seeds)


def _begins_with_picture(scene: Scene, index: int) -> bool:
    from animator.render.views import views

    return bool(scene.settings.start.image or scene.settings.footage.file or index in views(scene))


def _sheet(file: Path, plan: Variants, painted: dict[int, Still]) -> Path:
    """Write the sheet of all images as `file`, and return that path."""
    from animator.runs.metadata import png
    from animator.runs.sheets import grid

    wide = len(plan.columns.values)
    rows = [range(at, at + wide) for at in range(0, len(painted), wide)]
    pictures = [[painted[number].image for number in row] for row in rows]
    names = [[f"{number + 1:03d}" for number in row] for row in rows]
    _save(file, png(grid(pictures, plan.column_labels(), plan.row_labels(), names), {}))
    return file


def _write(file: Path, found: Still) -> None:
    from animator.runs.metadata import png

    _save(file, png(found.image, found.texts()))


def _save(file: Path, data: bytes) -> None:
    from animator.runs.atomic import write_into

    try:
        write_into(file, data)
    except OSError as error:
        raise RunError(f"{file} cannot be written: {error.strerror}") from error
