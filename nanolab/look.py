"""Sample sheets during training: fixed requests, painted with the last saved weights of a stage."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nanolab import latents as encoded
from nanolab import text as captions
from nanolab import vae
from nanolab.checkpoint import export
from nanolab.gallery import save, sheet
from nanolab.lessons import add_lora, save_lora
from nanolab.metrics import requests
from nanolab.model import Nano
from nanolab.painter import Painter, Settings
from nanolab.recipes import draw
from nanolab.trainer import averaged
from nanolab.words import read

Rgb = NDArray[np.uint8]
COUNT = 16  # images of a sheet


def look(room: Path, stage: str, tokens: Path, size: tuple[int, int] = (256, 256)) -> Path | None:
    """Write `sheets/STAGE-STEP.png` from the stage's checkpoint and return its path; None without a checkpoint."""
    if not (room / f"{stage}.pt").exists():
        return None
    weights, step = averaged(room / f"{stage}.pt")
    path = room / "sheets" / f"{stage}-{step:05}.png"
    if stage in ("vae", "settle"):
        save(path, _round_trips(weights, size))
    else:
        save(path, _painted(room, stage, tokens, weights, size))
    return path


def _round_trips(weights: dict[str, torch.Tensor], size: tuple[int, int]) -> Rgb:
    """Return a sheet of images not trained on, above the same images after one and after eight round trips."""
    model = vae.build()
    model.load_state_dict(weights)
    images = [draw(recipe, size).image for recipe in requests(8, 5)]
    rows = [images]
    for count in (1, 8):
        rows.append(list(vae.image(vae.round_trip(model, vae.tensor(np.stack(images)), count))))
    return sheet([image for row in rows for image in row], 8)


def _painted(
    room: Path, stage: str, tokens: Path, weights: dict[str, torch.Tensor], size: tuple[int, int]
) -> Rgb:
    """Return a sheet of random requests: eight guided steps for `unet`, four without guidance for `distil`."""
    nano = Nano(read(tokens))
    lora, settings = None, Settings(height=size[0], width=size[1])
    with tempfile.TemporaryDirectory() as made:
        if stage == "distil":
            learnt = averaged(room / "unet.pt")[0]
            nano.load_state_dict(learnt)
            add_lora(nano)
            nano.unet.load_state_dict(weights)
            lora, settings = Path(made, "lora"), replace(settings, steps=4, guidance=1.0)
            save_lora(nano.unet, lora)
            nano = Nano(read(tokens))
            weights = learnt
        nano.load_state_dict(weights)
        export(nano, encoded.trained(room), tokens, Path(made, "weights"))
        painter = Painter(Path(made, "weights"), lora)
    prompts = [captions.plain(recipe) for recipe in requests(COUNT, 7)]
    return sheet(painter.paint(prompts, range(500, 500 + COUNT), settings), 8)
