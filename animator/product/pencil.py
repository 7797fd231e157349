"""Drawn strokes over a product: pencil lines along its edges, and hatching where it lies in shade."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from animator.product.hits import Hits
from animator.product.lines import lines
from animator.product.view import Floats

CREASE = 32.0  # degrees
LINE_WIDTH = 1 / 300  # of the image's longer side
SPACING = 1 / 84  # of the longer side, between the strokes of a hatching
# Angle in degrees, and the light below which its strokes appear: the darker, the more layers cross.
LAYERS = ((38.0, 0.56), (-50.0, 0.34), (80.0, 0.2))
SEED = 5


def line_ink(hits: Hits) -> Floats:
    """Return the coverage 0..1 of each pixel by lines, (h, w), in the varying pressure of a pencil."""
    size = max(hits.view.width, hits.view.height)
    drawn = lines(hits, CREASE, max(1.0, size * LINE_WIDTH)).astype(np.float32) / 255
    return np.asarray(drawn * pressure(hits.view.width, hits.view.height), np.float32)


def hatching_ink(light: Floats, width: int, height: int) -> Floats:
    """Return the coverage 0..1 of each pixel by hatching, (h, w), where `light` 0..1 (h, w) is low."""
    ink = np.zeros((height, width), np.float32)
    for number, (angle, threshold) in enumerate(LAYERS):
        amount = np.clip((threshold - light) / 0.3, 0, 1)
        stroke = strokes(width, height, angle, number)
        ink = np.maximum(ink, np.clip((stroke - (1 - amount)) * 3, 0, 1) * np.sqrt(amount))
    return ink


@lru_cache(maxsize=16)
def strokes(width: int, height: int, angle: float, number: int) -> Floats:
    """Return parallel strokes over the image, 0..1 (h, w): 1 in the middle of each; unsteady as a hand's are."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    size = max(width, height)
    turn = np.radians(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    wobble = noise(width, height, size / 9, SEED + number) * size * SPACING * 0.35
    place = (across + wobble) / (size * SPACING)
    ripple = 0.5 + 0.5 * np.cos(2 * np.pi * place)
    lengths = noise_1d(np.floor(place), along / (size * 0.16), SEED + 7 * number)
    return np.asarray(ripple * (0.72 + 0.28 * lengths), np.float32)


def noise_1d(row: Floats, along: Floats, seed: int) -> Floats:
    """Return smooth noise 0..1 along each numbered row, which differs from row to row."""

    def at(index: Floats) -> Floats:
        mixed = np.sin(row * 127.1 + index * 311.7 + seed * 74.7) * 43758.5453
        return np.asarray(mixed - np.floor(mixed), np.float32)

    begin = np.floor(along)
    share = along - begin
    share = share * share * (3 - 2 * share)
    return np.asarray(at(begin) * (1 - share) + at(begin + 1) * share, np.float32)


@lru_cache(maxsize=16)
def noise(width: int, height: int, grain: float, seed: int) -> Floats:
    """Return smooth noise of -1..1, (h, w), with features about `grain` pixels wide."""
    random = np.random.Generator(np.random.PCG64(seed))
    rows, columns = max(2, round(height / grain) + 2), max(2, round(width / grain) + 2)
    coarse = random.uniform(-1, 1, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


@lru_cache(maxsize=4)
def pressure(width: int, height: int) -> Floats:
    """Return the pressure of a pencil on rough paper, about 0.6..1, (h, w)."""
    size = max(width, height)
    hand = noise(width, height, size / 6, SEED + 21)
    grain = noise(width, height, max(1.0, size / 400), SEED + 22)
    return np.asarray(np.clip(0.86 + 0.1 * hand + 0.16 * grain, 0, 1), np.float32)
