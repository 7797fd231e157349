"""A product nano was not trained on, a tower of rings in two colours, and a measure of similarity to it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from nanolab.gbuffer import CameraView, trace_gbuffer
from nanolab.metrics import mask_iou, silhouette
from nanolab.photo import render_photo
from nanolab.products import Product
from nanolab.shapes import BODY, INNER, Placement, ellipsoid, frustum

COLORS = ((244, 120, 18), (18, 158, 160))  # orange and teal
BACKDROPS = {"white": "white background", "grey": "grey background"}


def tower() -> Product:
    """Return the tower: five rings, each smaller than the one below, in alternating colours, and a ball on top."""
    shapes, height = [], 0.0
    for number, radius in enumerate((0.5, 0.42, 0.34, 0.26, 0.18)):
        material = BODY if number % 2 == 0 else INNER
        shapes.append(
            frustum(radius, radius * 0.94, 0.11, Placement((0, height + 0.11, 0), material=material), 0.05)
        )
        height += 0.215
    return Product(
        "tower", (*shapes, ellipsoid((0.15, 0.15, 0.15), Placement((0, height + 0.1, 0), material=INNER)))
    )


def render(number: int, size: int = 256, backdrop: str = "white") -> np.ndarray:
    """Return a rendering (size, size, 3) of the tower, with another camera and light for every `number`."""
    random = np.random.default_rng([number, 8])
    view = CameraView(
        azimuth=float(random.uniform(0, 360)),
        elevation=float(random.uniform(10, 26)),
        scale=float(random.uniform(0.78, 0.9)),
        light=float(random.choice([-1, 1]) * random.uniform(25, 60)),
    )
    buffer = trace_gbuffer(tower(), view, (size * 3 // 2, size * 3 // 2))
    swapped = buffer.material.copy()
    swapped[buffer.material == BODY], swapped[buffer.material == INNER] = INNER, BODY
    one = render_photo(buffer, COLORS[0], "matte", backdrop, number)
    other = render_photo(replace(buffer, material=swapped), COLORS[1], "matte", backdrop, number)
    both = np.where((buffer.material == INNER)[..., None], other, one)
    return cv2.resize(both, (size, size), interpolation=cv2.INTER_AREA)


def photograph(folder: Path, count: int, size: int = 256) -> Path:
    """Write `count` renderings with captions into `folder`; `{token}` stands for the product's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        backdrop = list(BACKDROPS)[number % 2]
        Pillow.fromarray(render(number, size, backdrop)).save(folder / f"tower-{number:02}.png")
        caption = f"studio photo of {{token}}, {BACKDROPS[backdrop]}"
        (folder / f"tower-{number:02}.txt").write_text(caption)
    return folder


def histogram(image: np.ndarray) -> np.ndarray:
    """Return the histogram of hue and chroma (16, 4) of the product in an image, with a sum of 1."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) - 128
    a, b = lab[..., 1][silhouette(image)], lab[..., 2][silhouette(image)]
    if not len(a):
        return np.zeros((16, 4))
    hue = (np.arctan2(b, a) + np.pi) / (2 * np.pi) * 16
    chroma = np.hypot(a, b) / 20
    counted, _, _ = np.histogram2d(hue % 16, chroma.clip(0, 3.99), bins=(16, 4), range=((0, 16), (0, 4)))
    return cv2.GaussianBlur(counted / counted.sum(), (1, 3), 0.8, borderType=cv2.BORDER_REFLECT)


def likeness(images, truth) -> tuple[float, float]:
    """Return the similarity of images to true ones, 0..1: colour (histogram intersection), form (silhouette overlap).

    Each value is the mean over all pairs. True images do not reach 1 among themselves, either.
    """
    color = [np.minimum(histogram(p), histogram(t)).sum() for p in images for t in truth]
    form = [mask_iou(silhouette(p), silhouette(t)) for p in images for t in truth]
    return float(np.mean(color)), float(np.mean(form))
