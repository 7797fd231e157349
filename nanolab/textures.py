"""Random textures and strong colour changes, which keep the autoencoder general."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Random = np.random.Generator


def _color(random: Random) -> NDArray[np.float64]:
    return random.uniform(0, 255, 3)


def _stripes(size: int, random: Random) -> NDArray[np.float64]:
    y, x = np.mgrid[0:size, 0:size]
    a, pitch = random.uniform(0, np.pi), random.uniform(6, 40)
    wave = np.sin((x * np.cos(a) + y * np.sin(a)) * 2 * np.pi / pitch + random.uniform(0, 6))
    if random.random() < 0.3:
        wave = wave * np.sin((-x * np.sin(a) + y * np.cos(a)) * 2 * np.pi / pitch)
    share = np.clip(0.5 + wave * random.uniform(0.5, 8), 0, 1)[..., None]
    return np.asarray(_color(random) * share + _color(random) * (1 - share))


def _clouds(size: int, random: Random) -> NDArray[np.float64]:
    image = np.zeros((size, size, 3))
    cells = int(random.integers(2, 6))
    strength = random.uniform(40, 110)
    while cells <= size // 4:
        rough = random.normal(0, strength, (cells, cells, 3))
        image += cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC)
        cells, strength = cells * 2, strength * random.uniform(0.35, 0.6)
    return image + _color(random)


def _shapes(size: int, random: Random) -> NDArray[np.generic]:
    image = np.ascontiguousarray(np.clip(_clouds(size, random) * 0.5 + 60, 0, 255).astype(np.uint8))
    for _ in range(int(random.integers(2, 12))):
        color = _color(random).tolist()
        points = random.uniform(-0.2, 1.2, (int(random.integers(3, 6)), 2)) * size
        middle = (int(points[0, 0]), int(points[0, 1]))
        kind = random.integers(4)
        if kind == 0:
            cv2.fillPoly(image, [points.astype(np.int32)], color, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(image, middle, int(random.uniform(3, size / 3)), color, -1, cv2.LINE_AA)
        elif kind == 2:
            cv2.polylines(
                image, [points.astype(np.int32)], False, color, int(random.integers(2, 7)), cv2.LINE_AA
            )
        else:
            text = "".join(chr(int(c)) for c in random.integers(48, 122, 5))
            cv2.putText(
                image, text, middle, 0, random.uniform(0.4, 1.6), color, int(random.integers(2, 4)), 16
            )
    return image


def texture(size: int, random: Random) -> Rgb:
    """Return a random image of stripes, clouds or shapes, uint8 RGB (size, size, 3)."""
    kind = (_stripes, _clouds, _shapes, _shapes)[int(random.integers(4))]
    return np.asarray(np.clip(kind(size, random), 0, 255), np.uint8)


def recolor(image: Rgb, random: Random) -> Rgb:
    """Change hue, saturation, brightness and contrast of an image (h, w, 3) at random."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + random.uniform(0, 256)) % 256
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(0.3, 1.5), 0, 255)
    turned = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB_FULL).astype(np.float32)
    changed = 255 * (turned / 255) ** random.uniform(0.6, 1.6) * random.uniform(0.8, 1.1)
    return np.asarray(np.clip(changed + random.uniform(-15, 15, 3), 0, 255), np.uint8)
