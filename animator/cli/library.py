"""The commands that list presets and prompt styles and describe LoRA files: presets, styles, lora."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from animator.cli.main import FilePath
from animator.errors import RunError, SceneError, suggest
from animator.models import lora_file, nano
from animator.models.locate import data_folder
from animator.scene.compose import bundled_presets as known
from animator.scene.compose import compose, extends_chain
from animator.scene.styles import bundled_styles, read_styles
from animator.scene.variables import Variable, list_variables

if TYPE_CHECKING:
    from rich.text import Text


STILL_COLUMNS = 24  # columns of a still in the terminal: a pixel wide, and each row two pixels high


@click.group("presets", invoke_without_command=True)
@click.pass_context
def presets(context: click.Context) -> None:
    """List the presets, each with a still; `presets show NAME`, `presets copy NAME`."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, images = Console(highlight=False), Console().is_terminal
    table = Table.grid(padding=(0, 2, 1 if images else 0, 0))
    for name, file in known().items():
        facts = Text.assemble((name, "bold"), "\n" if images else "  ", _description(file))
        if images:
            facts.append("\n" + ", ".join(found.name for found in _preset_variables(file)), "dim")
        table.add_row(*([_still_text(name)] if images else []), facts)
    console.print(table, soft_wrap=not images)


@presets.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the variables and the file of the preset NAME."""
    file = _preset_file(name)
    for found in _preset_variables(file):
        choices = f" ({' | '.join(found.one_of)})" if found.one_of else ""
        default = f" [{found.default}]" if found.default else ""
        click.echo(f"# {found.name}: {found.type}{choices}{default}  {found.description}")
    click.echo()
    click.echo(file.read_text(encoding="utf-8"), nl=False)


@presets.command()
@click.argument("name")
@click.argument("target", type=FilePath, required=False)
def copy(name: str, target: Path | None) -> None:
    """Copy the preset NAME and the files it needs to TARGET (NAME.yaml by default), for you to edit."""
    file = _preset_file(name)
    target = Path(file.name) if target is None else target
    target = target / file.name if target.is_dir() else target
    beside = [other for other in file.parent.glob(f"{name}.*") if other != file]
    for source, goal in [(file, target), *((other, target.parent / other.name) for other in beside)]:
        if goal.exists():
            raise RunError(f"{goal} exists; name another file: animator presets copy {name} FILE")
        try:
            shutil.copyfile(source, goal)
        except OSError as error:
            raise RunError(f"{goal} cannot be written: {error.strerror}") from error
        click.echo(goal)


def _preset_file(name: str) -> Path:
    files = known()
    if name not in files:
        raise RunError(f"no preset {name!r}; {suggest(name, files)}")
    return files[name]


def _description(file: Path) -> str:
    """Return the description of a preset: its file's first line, a comment."""
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _preset_variables(file: Path) -> list[Variable]:
    try:
        return list_variables(compose(extends_chain(file)))
    except SceneError:
        return []


def _still_text(name: str) -> Text:
    """Return the preset's still in half blocks: the foreground is the upper pixel, the background the lower."""
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    from animator.imaging.io import open_image

    text = Text()
    file = data_folder("presets") / "stills" / f"{name}.jpg"
    if not file.exists():
        return text
    with open_image(file) as image:
        rows = round(STILL_COLUMNS * image.height / image.width / 2)
        pixels = image.convert("RGB").resize((STILL_COLUMNS, rows * 2)).tobytes()
    for y in range(rows):
        for x in range(STILL_COLUMNS):
            at = [3 * ((2 * y + k) * STILL_COLUMNS + x) for k in (0, 1)]
            ink, paper = (Color.from_rgb(*pixels[i : i + 3]) for i in at)
            text.append("▀", Style(color=ink, bgcolor=paper))
        text.append("\n")
    return text


@click.command()
@click.argument("file", type=FilePath)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def lora(file: Path, as_json: bool) -> None:
    """Describe a LoRA FILE: model, rank, trigger words, training. Its weights are not read."""
    info = lora_file.read_lora_info(nano.BUNDLED_LORAS.get(str(file), file))
    if as_json:
        click.echo(json.dumps(asdict(info), indent=2, ensure_ascii=False))
        return
    layers = ", ".join(f"{part} ({count} layers)" for part, count in info.layers.items())
    tags = ", ".join(f"{word} ({count})" for word, count in info.words.tags)
    facts = {
        "made for": info.base or "unknown: the file does not name its model",
        "kind": f"{info.kind}, {info.keys} keys, {info.numbers:,} numbers",
        "rank": ", ".join(map(str, info.ranks)),
        "alpha": ", ".join(f"{alpha:g}" for alpha in info.alphas) or "not stored: the rank is used",
        "changes": layers,
        "trigger words": ", ".join(info.words.triggers) or "none stored",
        "captions": tags,
        **info.training,
    }
    for name, value in facts.items():
        if value:
            click.echo(f"{name:14} {value}")


@click.command()
@click.argument("file", type=FilePath, required=False)
@click.option("--long", "whole", is_flag=True, help="Print each style's prompt and negative prompt too.")
def styles(file: Path | None, whole: bool) -> None:
    """List the styles that a schedule can name, with those of your own FILE."""
    found = {**bundled_styles(), **(read_styles(file) if file else {})}
    for name, style in found.items():
        click.echo(f"{name:18} {style.description}".rstrip())
        if whole:
            click.echo(f"{'':18}   {style.prompt}")
            if style.negative:
                click.echo(f"{'':18}   not: {style.negative}")
