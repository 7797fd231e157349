"""Prompt accuracy of a checkpoint at sizes other than 256×256, painted as a schedule paints them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from animator import loads
from animator.frame import Frame, Painting, Prompt
from animator.render.painters import painter
from animator.scene.running import NANO
from nanolab import judge
from nanolab import metrics as measures
from nanolab import text as captions
from nanolab.judge import Judge

Rgb = NDArray[np.uint8]
SIDE = 256  # pixels of the square images given to the classifier
SIZES = ("192x256", "256x192", "384x384")


def painted(weights: Path, size: str, prompts: list[str], first: int, hires: float) -> list[Rgb]:
    """Paint each prompt once, uint8 (h, w, 3), with seeds from `first` on.

    `size` is WIDTHxHEIGHT as in a schedule, `hires` the strength of its hires fix (0: off).
    """
    scene = loads(f"model: {{base: {weights.resolve()}}}\nvideo: {{size: {size}, frames: 1}}")
    paint = painter(scene)
    painting = Painting(steps=int(NANO["steps"]), guidance_scale=NANO["guidance_scale"], hires=hires)
    frames = [
        Frame(0, first + i, Prompt(text, "", text), painting=painting) for i, text in enumerate(prompts)
    ]
    return [np.asarray(paint(frame, None)) for frame in frames]


def squared(picture: Rgb) -> Rgb:
    """Fit an image into a square of 256×256 pixels, centred; its edge pixels are repeated to fill the rest."""
    height, width = (side * SIDE // max(picture.shape[:2]) for side in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    filled = cv2.copyMakeBorder(
        small, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REPLICATE
    )
    return np.asarray(filled, np.uint8)


def followed(weights: Path, court: Judge, count: int = 64) -> dict[str, dict[str, float]]:
    """Return the prompt accuracy per question at each size, and at the largest one also without hires fix."""
    asked = measures.requests(count, seed=7)
    prompts, truths = [captions.plain(recipe) for recipe in asked], [judge.truth(recipe) for recipe in asked]
    ways = [(size, size, Painting().hires) for size in SIZES] + [(f"{SIZES[-1]} at once", SIZES[-1], 0.0)]
    found = {}
    for name, size, hires in ways:
        images = [squared(picture) for picture in painted(weights, size, prompts, 500, hires)]
        shares = judge.share(judge.ask(court, images), truths)
        found[name] = {question: round(value, 3) for question, value in shares.items()}
    return found
