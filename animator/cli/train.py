"""The command that trains the model on photos of a product: train."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from animator.cli.main import FilePath, set_option
from animator.cli.progress import show_training

if TYPE_CHECKING:
    from animator.training.settings import TrainingSettings


@click.command()
@click.argument("images", type=FilePath)
@click.option(
    "-o", "--out", type=FilePath, help="File to write: NAME.safetensors; NAME.training holds its checkpoints."
)
@click.option("--token", help="Rare word or words that will mean the product, such as 'oue scooter'.")
@click.option("--class", "kind", help="Class of the product, such as scooter.")
@click.option("--config", type=FilePath, help="YAML file of settings; docs/training.md lists them.")
@click.option(
    "--method", type=click.Choice(["lora", "textual-inversion"]), help="Kind of adapter to train.  [lora]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["diffusers", "kohya"]),
    help="Naming of the weights in the file.  [diffusers]",
)
@click.option("--resume", is_flag=True, help="Continue where the training of this file stopped.")
@click.option("--check", is_flag=True, help="Check the photos and the settings without training.")
@set_option
def train(
    images: Path,
    out: Path | None,
    token: str | None,
    kind: str | None,
    config: Path | None,
    method: str | None,
    form: str | None,
    resume: bool,
    check: bool,
    options: tuple[str, ...],
) -> None:
    """Train a LoRA or a textual inversion on the photos of a product in the folder PICTURES."""
    from animator.diffusion import loading
    from animator.training.settings import read_settings

    loading.require_matching_torchvision()
    given = {"token": token, "class": kind, "method": method, "file.format": form}
    chosen = read_settings(
        config, [*(f"{name}={value}" for name, value in given.items() if value is not None), *options]
    )
    if check:
        for line in _check_lines(images, chosen, out or Path(f"{images.resolve().name}.safetensors")):
            click.echo(line)
        return
    if out is None:
        raise click.UsageError("name the file to write with -o, or look first with --check")
    _train_with_progress(images, chosen, out, resume)


def _train_with_progress(images: Path, chosen: TrainingSettings, out: Path, resume: bool) -> None:
    from animator.training.photos import read_photos as photos
    from animator.training.train import train as run_training
    from animator.training.train import training_folder

    try:
        show_training(run_training(photos(images), chosen, out, resume), chosen.learning.steps)
    except KeyboardInterrupt:
        click.echo(f"saved in {training_folder(out)}; continue with the same command and --resume", err=True)
        raise
    click.echo(out)


def _check_lines(images: Path, chosen: TrainingSettings, out: Path) -> Iterator[str]:
    from animator.training.photos import read_photos as photos
    from animator.training.preflight import preflight

    yield from preflight(photos(images), chosen, out.with_name(f"{out.stem}.check.png"))
