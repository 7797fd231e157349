"""Masks: drawn, keyed or read, softened, grown, and used to paste one picture over another.

A mask is uint8 (height, width): 0 nothing, 255 all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageOps

from animator.frame import Image, Mask

FINE = 4  # a polygon is drawn on so many times the pixels in each direction, and averaged


def read(file: Path, width: int, height: int) -> Mask:
    """A picture's grey, on black where it is transparent, scaled to cover width x height and cropped in the middle.

    Raises OSError, ValueError.
    """
    picture = _opened(file)
    black = Pictures.new("RGBA", picture.size, "black")
    return _fitted(Pictures.alpha_composite(black, picture).convert("L"), width, height)


def read_alpha(file: Path, width: int, height: int) -> Mask:
    """How opaque a picture is, scaled and cropped likewise. Raises OSError, ValueError."""
    return _fitted(_opened(file).getchannel("A"), width, height)


def check(file: Path, alpha: bool = False) -> None:
    """Read the head of a picture file. Raises OSError, ValueError where `read` or `read_alpha` would."""
    try:
        with Pictures.open(file) as picture:
            if alpha and not picture.has_transparency_data:
                raise ValueError(
                    "it has no transparency, so everything would be in the mask; use 'file' for its grey"
                )
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error


def _opened(file: Path) -> Pictures.Image:
    try:
        with Pictures.open(file) as opened:
            return ImageOps.exif_transpose(opened).convert("RGBA")
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error


def _fitted(picture: Pictures.Image, width: int, height: int) -> Mask:
    if picture.size == (width, height):
        return np.asarray(picture)
    # The filter of start pictures, so that both fit to the pixel; it rings, which the range of a byte cuts off.
    return np.asarray(ImageOps.fit(picture, (width, height), Pictures.Resampling.LANCZOS))


def polygon(points: Sequence[tuple[float, float]], width: int, height: int) -> Mask:
    """The area within `points`, parts of width and height; a pixel on its edge counts as far as it is covered."""
    corners = np.rint(np.array(points) * (width * FINE, height * FINE) - 0.5).astype(np.int32)
    large = cv2.fillPoly(np.zeros((height * FINE, width * FINE), np.uint8), [corners], 255)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def keyed(image: Image, color: str, within: float) -> Mask:
    """The pixels of `image` whose distance from `color` ("#0f0" or "#00ff00") in CIE LAB, ΔE 1976, is `within`."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    key = np.array([[list(bytes.fromhex(digits))]], np.uint8)
    distance = np.linalg.norm(_lab(image) - _lab(key), axis=-1)
    return np.where(distance <= within, np.uint8(255), np.uint8(0))


def _lab(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def luminance(image: Image, low: float, high: float) -> Mask:
    """The pixels of `image` whose grey (Rec. 601) lies in low..high, of 0..1."""
    return np.asarray(
        cv2.inRange(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), low * 255, high * 255), dtype=np.uint8
    )


def ranged(values: NDArray[np.float32], low: float, high: float) -> Mask:
    """The pixels whose value (height, width) lies in low..high."""
    return np.where((values >= low - 1e-4) & (values <= high + 1e-4), np.uint8(255), np.uint8(0))


def pixels(feather: float, width: int) -> float:
    """A feather in pixels: as it is from 1 on, below 1 a part of the width."""
    return feather if feather >= 1 else feather * width


def soften(mask: Mask, reach: float) -> Mask:
    """`mask` with its edge spread over `reach` pixels to either side; farther away nothing changes."""
    side = 2 * round(reach) + 1
    if side == 1:
        return mask
    return np.asarray(
        cv2.GaussianBlur(mask, (side, side), reach / 2, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def grow(image: Image, mask: Mask, reach: float) -> tuple[Image, Mask]:
    """`mask` with an edge that fades out over `reach` pixels around what is wholly in it, and `image` for it.

    There `image` has the colours of the nearest pixel that is wholly in the mask: a product cut out on white
    would take a fringe of white along.
    """
    inside = mask == 255
    if not inside.any() or inside.all():
        return image, mask
    outside = np.where(inside, np.uint8(0), np.uint8(255))
    far, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    near = np.clip(1 - np.asarray(far) / (reach + 1), 0, 1)
    fading: Mask = np.rint(255 * near**2 * (3 - 2 * near)).astype(np.uint8)
    ring = ~inside & (np.asarray(far) < reach + 2)
    colors = np.zeros((labels.max() + 1, 3), np.uint8)
    colors[labels[inside]] = image[inside]
    carried = image.copy()
    carried[ring] = colors[labels[ring]]
    return carried, np.maximum(mask, fading if reach else mask)


def scale(mask: Mask, amount: float) -> Mask:
    """`mask` times `amount`, 0..1."""
    return mask if amount == 1 else np.asarray(np.rint(mask * np.float32(amount)), dtype=np.uint8)


def paste(image: Image, top: Image, mask: Mask) -> Image:
    """`top` over `image` where the mask is: the very pixels of `top` at 255 and of `image` at 0."""
    if not mask.any():
        return image
    if mask.min() == 255:
        return top
    weight = mask[..., None].astype(np.uint16)
    mixed = (image * (255 - weight) + top * weight + np.uint16(127)) // np.uint16(255)
    return np.asarray(mixed, dtype=np.uint8)


FAINT = (12, 36)  # greys of a mask: up to the first nothing is seen of it, from the second on all


def scaled(mask: Mask, width: int, height: int) -> Mask:
    """The same mask for pictures of width x height."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def cut(image: Image, mask: Mask) -> NDArray[np.uint8]:
    """What `image` shows in the mask, on transparent: RGBA (height, width, 4), its colours not weighed by the mask.

    Around what is wholly in it lie two pixels of the product's own colour, for codecs and editors that mix neighbours.
    The faint traces that a warp in depth leaves of a mask, which no painting shows, are taken off.
    """
    carried, _ = grow(image, mask, 1)
    kept = np.clip((mask.astype(np.float32) - FAINT[0]) / (FAINT[1] - FAINT[0]), 0, 1)
    alpha = np.rint(mask * kept).astype(np.uint8)
    gone = (alpha == 0) & (carried == image).all(axis=-1)
    return np.dstack([np.where(gone[..., None], np.uint8(0), carried), alpha])
