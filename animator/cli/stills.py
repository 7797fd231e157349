"""The commands that paint single frames: still, variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from animator.cli.main import FilePath, ScheduleFile, log_to_stderr, set_option
from animator.errors import RunError
from animator.runs.variants import MAX_VARIANTS, VariantAxis, VariantGrid, plan_grid, with_values
from animator.scene.resolve import to_yaml
from animator.scene.scene import Scene
from animator.timeline.load import load

if TYPE_CHECKING:
    from animator.runs.run import Run
    from animator.runs.stills import Still


class IntegersParam(click.ParamType[Any]):
    """Integers and ranges of them: 1..4,7."""

    name = "1..4,7"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found: list[int] = []
        for item in value.split(","):
            first, dots, last = item.strip().partition("..")
            if not first.isdecimal() or (dots and not last.isdecimal()):
                self.fail(f"{value!r}: write seeds, e.g. 1..4 or 1,5,9", param, ctx)
            if int(last or first) - int(first) >= MAX_VARIANTS or int(last or first) >= 2**32:
                self.fail(f"{value!r}: at most {MAX_VARIANTS} seeds, below 2^32", param, ctx)
            found += range(int(first), int(last or first) + 1)
        return tuple(dict.fromkeys(found))


class NumbersParam(click.ParamType[Any]):
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


frame_option = click.option(
    "--frame", "time", default="0", show_default=True, metavar="TIME", help="A frame, or a time such as 2s."
)
run_option = click.option(
    "--run",
    "behind",
    type=FilePath,
    help="Folder of a run: continue from its last painted frame before this one.",
)


@click.command()
@click.argument("file", type=ScheduleFile)
@frame_option
@run_option
@click.option("-o", "--out", type=FilePath, help="PNG to write.  [renders/NAME/still-FRAME.png]")
@set_option
def still(file: Path, time: str, behind: Path | None, out: Path | None, options: tuple[str, ...]) -> None:
    """Paint one frame of FILE, a schedule or a run's folder, as a PNG with its recipe inside."""
    from animator.runs.stills import frame_index, paint_stills, plan_still

    scene, run = _open_scene(file, behind, options)
    index = frame_index(scene, time)
    target = out or Path("renders") / file.stem / f"still-{index:06d}.png"
    wanted = [plan_still(scene, index, run)]
    with log_to_stderr():
        from animator.render.pipeline import load_painter

        paint = load_painter(scene)
    ((_, found),) = paint_stills(wanted, paint)
    _write_still(target, found)
    click.echo(target)


@click.command()
@click.argument("file", type=ScheduleFile)
@frame_option
@run_option
@click.option("--seeds", type=IntegersParam(), help="Seeds to try, e.g. 1..4 or 1,5,9.")
@click.option("--prompts", multiple=True, metavar="TEXT", help="Prompt to try; repeatable.")
@click.option(
    "--lora-scale",
    "scales",
    multiple=True,
    type=NumbersParam(-10, 10, named=True),
    help="Scales of a LoRA to try; repeatable.",
)
@click.option("--strengths", type=NumbersParam(0, 1), help="Strengths to try, 0..1.")
@click.option(
    "--batch",
    default=4,
    show_default=True,
    type=click.IntRange(1, MAX_VARIANTS),
    help="Images painted in one batch.",
)
@click.option(
    "-o",
    "--out",
    type=FilePath,
    help="Folder for the images and their sheet.  [renders/NAME/variants-DATE-TIME]",
)
@set_option
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
    from animator.runs.stills import frame_index, paint_stills, plan_still

    scene, run = _open_scene(file, behind, options)
    index = frame_index(scene, time)
    plan = plan_grid(list(_axes(seeds, prompts, scales, strengths)))
    cells = [plan_still(with_values(scene, cell), index, run) for row in plan.cells() for cell in row]
    if strengths and run is None and not _has_start_image(scene, index):
        raise RunError(
            "--strengths needs an image to paint over: give --run, or set start.image in the schedule"
        )
    folder = out or Path("renders") / file.stem / f"variants-{datetime.now():%Y%m%d-%H%M%S}"
    painted: dict[int, Still] = {}
    with click.progressbar(length=len(cells), file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        from animator.render.pipeline import load_painter

        for number, found in paint_stills(cells, load_painter(scene), batch):
            painted[number] = found
            _write_still(folder / f"{number + 1:03d}.png", found)
            _write_file(folder / f"{number + 1:03d}.yaml", to_yaml(found.scene).encode("utf8"))
            bar.update(1)
    click.echo(_write_sheet(folder / "sheet.png", plan, painted))


def _open_scene(file: Path, behind: Path | None, options: Sequence[str]) -> tuple[Scene, Run | None]:
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
) -> Iterator[VariantAxis]:
    """Yield the axes that vary, from the outermost of the sheet to the innermost."""
    if prompts:
        yield VariantAxis("prompt", prompts)
    yield from (VariantAxis(name, values, lora=True) for name, values in scales)
    if strengths:
        yield VariantAxis("strength", strengths)
    if seeds:
        yield VariantAxis("seed", seeds)


def _has_start_image(scene: Scene, index: int) -> bool:
    from animator.render.views import view_images

    return bool(scene.settings.start.image or scene.settings.footage.file or index in view_images(scene))


def _write_sheet(file: Path, plan: VariantGrid, painted: dict[int, Still]) -> Path:
    """Write the sheet of all images as `file`, and return that path."""
    from animator.runs.metadata import encode_png
    from animator.runs.sheets import labelled_grid

    wide = len(plan.columns.values)
    rows = [range(at, at + wide) for at in range(0, len(painted), wide)]
    images = [[painted[number].image for number in row] for row in rows]
    names = [[f"{number + 1:03d}" for number in row] for row in rows]
    _write_file(file, encode_png(labelled_grid(images, plan.column_labels(), plan.row_labels(), names), {}))
    return file


def _write_still(file: Path, found: Still) -> None:
    from animator.runs.metadata import encode_png

    _write_file(file, encode_png(found.image, found.texts()))


def _write_file(file: Path, data: bytes) -> None:
    from animator.runs.atomic import write_with_parents

    try:
        write_with_parents(file, data)
    except OSError as error:
        raise RunError(f"{file} cannot be written: {error.strerror}") from error
