"""Hints of the product's shape for ControlNets, as RGB images."""

from __future__ import annotations

import numpy as np

from animator.frame import Image
from animator.product.hits import Hits
from animator.product.lines import lines
from animator.product.passes import depth, depth_range, mask, normals, normals_to_rgb

CREASE = 40.0  # degrees
LINE_WIDTH = 1 / 256  # of the image's longer side
FARTHEST = 0.15  # level of depth at the far end of the product, which the background, 0, stays apart from


def hint_image(hits: Hits) -> Image:
    """Return the hint that the bundled model's ControlNet of shapes reads, RGB uint8 (h, w, 3).

    Normals in camera space, red right, green up, blue towards the camera, -1..1 as 0..255; black outside, and with
    black lines along silhouettes, creases over 40 degrees and borders of parts, one pixel wide at 256.
    """
    shown = normals_to_rgb(normals(hits), hits.coverage)
    return np.asarray(shown * _paper(hits)[..., None] + 0.5, np.uint8)


def _line_width(hits: Hits) -> float:
    return max(1.0, max(hits.view.width, hits.view.height) * LINE_WIDTH)


def _paper(hits: Hits) -> np.ndarray:
    """Return the share of each pixel that no line covers, 0..1, float32 (h, w)."""
    return 1 - lines(hits, CREASE, _line_width(hits)).astype(np.float32) / 255


def normal_hint(hits: Hits) -> Image:
    """Return normals as published ControlNets of normals read them, RGB uint8 (h, w, 3).

    "Blue is front, red is left, green is top", by the documentation of ControlNet 1.1's NormalBae model
    (github.com/lllyasviel/ControlNet-v1-1-nightly), whose maps SDXL's normal and union models were trained on, too.
    So red is mirrored against `hint_image`. The background is a wall that faces the camera, (128, 128, 255), because
    these maps are estimated for whole photographs and have no black.
    """
    found, cover = normals(hits), hits.coverage[..., None]
    found[..., 0] *= -1
    wall = np.array([0, 0, 1], np.float32)
    return np.asarray((found * cover + wall * (1 - cover) + 1) * 127.5 + 0.5, np.uint8)


def depth_hint(hits: Hits, span: tuple[float, float] | None = None) -> Image:
    """Return depth as published ControlNets of depth read it, RGB uint8 (h, w, 3): near white, background black.

    Levels are linear in 1 / z, as MiDaS's are, which those models were trained on. `span` holds the nearest and the
    farthest depth; by default those of the ball round the product, which do not change while the camera orbits it.
    """
    near, far = span or depth_range(hits.geometry, hits.view)
    nearness = (1 / depth(hits) - 1 / far) / (1 / near - 1 / far)
    level = FARTHEST + (1 - FARTHEST) * np.clip(nearness, 0, 1)
    return _grey(level * hits.coverage)


def lineart_hint(hits: Hits) -> Image:
    """Return white lines on black, as published ControlNets of line art read them, RGB uint8 (h, w, 3)."""
    return _grey(1 - _paper(hits))


def mask_hint(hits: Hits) -> Image:
    """Return the product in white on black, RGB uint8 (h, w, 3)."""
    return np.repeat(mask(hits)[..., None], 3, axis=-1)


def _grey(level: np.ndarray) -> Image:
    return np.repeat((level * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=-1)
