"""The commands that describe LoRA files and prompt styles: lora, styles."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from animator.cli.main import FilePath, main
from animator.models import lora_file, nano
from animator.scene.styles import read_styles, shelf


@main.command()
@click.argument("file", type=FilePath)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def lora(file: Path, as_json: bool) -> None:
    """Describe a LoRA FILE: model, rank, trigger words, training. Its weights are not read."""
    facts = lora_file.read(nano.LORAS.get(str(file), file))
    if as_json:
        click.echo(json.dumps(asdict(facts), indent=2, ensure_ascii=False))
        return
    layers = ", ".join(f"{part} ({count} layers)" for part, count in facts.layers.items())
    tags = ", ".join(f"{word} ({count})" for word, count in facts.words.tags)
    told = {
        "made for": facts.base or "unknown: the file does not name its model",
        "kind": f"{facts.kind}, {facts.keys} keys, {facts.numbers:,} numbers",
        "rank": ", ".join(map(str, facts.ranks)),
        "alpha": ", ".join(f"{alpha:g}" for alpha in facts.alphas) or "not stored: the rank is used",
        "changes": layers,
        "trigger words": ", ".join(facts.words.triggers) or "none stored",
        "captions": tags,
        **facts.training,
    }
    for name, value in told.items():
        if value:
            click.echo(f"{name:14} {value}")


@main.command()
@click.argument("file", type=FilePath, required=False)
@click.option("--long", "whole", is_flag=True, help="Print each style's prompt and negative prompt too.")
def styles(file: Path | None, whole: bool) -> None:
    """List the styles that a schedule can name, with those of your own FILE."""
    found = {**shelf(), **(read_styles(file) if file else {})}
    for name, style in found.items():
        click.echo(f"{name:18} {style.says}".rstrip())
        if whole:
            click.echo(f"{'':18}   {style.prompt}")
            if style.negative:
                click.echo(f"{'':18}   not: {style.negative}")
