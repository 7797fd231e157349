"""Contact sheets, and the start images that examples and tests use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.recipes import Recipe, draw
from nanolab.view import View

Rgb = NDArray[np.uint8]

SCOOTER = Recipe(
    "electric scooter", color="red", view=View(azimuth=58, elevation=14, scale=0.9), shape=11, seed=5
)
BOTTLE = Recipe("bottle", color="teal", view=View(azimuth=24), shape=2, seed=6)
STARTS: dict[str, Recipe] = {
    "scooter_sketch": replace(SCOOTER, style="pencil"),
    "scooter_marker": replace(SCOOTER, style="marker"),
    "scooter_clay": replace(SCOOTER, style="clay", backdrop="grey"),
    "scooter_photo": SCOOTER,
    "scooter_night": replace(SCOOTER, backdrop="night", color="blue"),
    "bottle_sketch": replace(BOTTLE, style="pencil"),
    "bottle_photo": BOTTLE,
    "speaker_photo": Recipe(
        "speaker", color="orange", backdrop="grey", view=View(azimuth=-34), shape=4, seed=7
    ),
    "mug_photo": Recipe("mug", color="red", view=View(azimuth=-18, elevation=24), shape=6, seed=8),
    "headphones_photo": Recipe("headphones", color="purple", backdrop="sunset", shape=3, seed=9),
    "lamp_photo": Recipe(
        "desk lamp", color="yellow", backdrop="grey", view=View(azimuth=52), shape=1, seed=10
    ),
    "watch_photo": Recipe("wrist watch", color="blue", finish="metal", shape=5, seed=11),
    "chair_photo": Recipe("chair", color="green", view=View(azimuth=40), shape=8, seed=12),
}


def sheet(images: Sequence[Rgb], columns: int) -> Rgb:
    """Return the images, all (h, w, 3), side by side in rows of `columns`; empty cells are white."""
    height, width = images[0].shape[:2]
    rows = -(-len(images) // columns)
    page = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * height, i % columns * width
        page[y : y + height, x : x + width] = image
    return page


def save(path: Path, image: Rgb) -> None:
    """Write an RGB image as PNG; missing folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def start_pictures(folder: Path, size: tuple[int, int] = (256, 256)) -> list[Path]:
    """Draw every start image as a PNG of (height, width) pixels; return the paths."""
    paths = []
    for name, recipe in STARTS.items():
        paths.append(folder / f"{name}.png")
        save(paths[-1], draw(recipe, size).image)
    return paths
