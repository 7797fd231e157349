"""Hand-drawn lines: contours, hatching, paper grain; no line is thinner than three pixels of 256."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.backdrops import sigmoid
from nanolab.view import Buffer

Floats = NDArray[np.float32]


def _blur(plane: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _steps(plane: Floats) -> Floats:
    """Return the larger difference (h, w) between a pixel and its right and lower neighbour."""
    across = np.abs(np.diff(plane, axis=1, append=plane[:, -1:]))
    down = np.abs(np.diff(plane, axis=0, append=plane[-1:]))
    return np.asarray(np.maximum(across, down), np.float32)


def wobble(plane: Floats, random: np.random.Generator, far: float) -> Floats:
    """Shift the pixels of a plane (h, w) by up to `far` pixels along slow waves, as by an unsteady hand."""
    height, width = plane.shape[:2]
    coarse = random.uniform(-far, far, (2, 7, 7)).astype(np.float32)
    shift = [cv2.resize(side, (width, height), interpolation=cv2.INTER_CUBIC) for side in coarse]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(
        cv2.remap(plane, x + shift[0], y + shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def contours(buffer: Buffer) -> tuple[Floats, Floats]:
    """Return the silhouette's and the inner edges, each float32 (h, w), 0 or 1, one pixel wide."""
    mask = buffer.mask
    outline = _steps(mask.astype(np.float32)) > 0
    depth = np.where(mask, buffer.depth, 0.0).astype(np.float32)
    span = float(np.ptp(buffer.depth[mask])) if mask.any() else 1.0
    jump = _steps(depth) > 0.06 * span
    parts = _steps(np.where(mask, buffer.material, 9).astype(np.float32)) > 0
    bend = sum(_steps(buffer.normal[..., c]) for c in range(3)) > 0.55 * 512 / buffer.mask.shape[0] * 0.75
    inner = (jump | parts | bend) & mask & ~outline
    return outline.astype(np.float32), inner.astype(np.float32)


def line(edges: Floats, width: float) -> Floats:
    """Draw soft lines (h, w), 0..1, of `width` pixels along one-pixel edges."""
    size = max(round(width) | 1, 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return _blur(np.asarray(cv2.dilate(edges, disc), np.float32), max(width * 0.16, 0.5))


def hatch(tone: Floats, angle: float, pitch: float, random: np.random.Generator) -> Floats:
    """Draw parallel strokes (h, w), 0..1, which broaden with `tone` (0..1); `angle` in degrees, `pitch` in pixels."""
    y, x = np.mgrid[0 : tone.shape[0], 0 : tone.shape[1]].astype(np.float32)
    a = np.radians(angle)
    across, along = -x * np.sin(a) + y * np.cos(a), x * np.cos(a) + y * np.sin(a)
    sway = np.sin(along / (pitch * 6.0) + random.uniform(0, 6.3)) * 0.25
    phase = np.abs(((across / pitch + sway) % 1.0) - 0.5) * 2.0  # 0 in the middle of a stroke
    broad = 0.25 + 0.5 * tone
    stroke = sigmoid((broad - phase) * 9.0)
    return np.asarray(stroke * np.clip(tone * 2.5, 0, 1), np.float32)


def paper(size: tuple[int, int], random: np.random.Generator) -> Floats:
    """Return the brightness of paper (h, w) around 1: coarse, faint grain."""
    grain = cv2.resize(
        random.normal(0, 1, (24, 24)).astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(1.0 + 0.006 * grain, np.float32)
