"""Fixtures of small trainings: the untrained checkpoint, images of 64 pixels, a few steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from animator.training.settings import TrainingSettings, read_settings


def boxes(number: int, width: int = 96, height: int = 96) -> np.ndarray:
    """Return a sharp image (height, width, 3) of coloured boxes on a background of its own."""
    random = np.random.default_rng(number)
    image = np.full((height, width, 3), random.integers(60, 220, 3), np.uint8)
    for _ in range(12):
        x, y = int(random.integers(width - 16)), int(random.integers(height - 16))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.rectangle(
            image, (x, y), (x + int(random.integers(8, 40)), y + int(random.integers(8, 40))), color, -1
        )
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of five images, two of them wide, one with a caption."""
    path = tmp_path / "pictures"
    path.mkdir()
    for number in range(5):
        wide = 160 if number > 2 else 96
        Pillow.fromarray(boxes(number, wide)).save(path / f"{number}.png")
    (path / "0.txt").write_text("sketch of {token}, white paper", encoding="utf8")
    return path


@pytest.fixture
def chosen(checkpoint: Path) -> Callable[..., TrainingSettings]:
    """Return a function that makes settings for the untrained checkpoint: 64 pixels, four steps, no sheets."""

    def settings(*options: str) -> TrainingSettings:
        small = [f"model.base={checkpoint}", "data.resolution=64", "data.bucket_step=32", "learning.steps=4"]
        quick = [
            "watch.sheets=false",
            "watch.every=2",
            "learning.rate=1e-2",
            "network.rank=4",
            "watch.steps=2",
        ]
        return read_settings(None, ["token=oue box", "class=box", *small, *quick, *options])

    return settings
