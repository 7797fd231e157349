"""Masks as images: draw, key or read them, soften and grow them, find their boxes, paste an image through them.

A mask is uint8 (height, width): 0 outside, 255 fully inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Mask
from animator.imaging.io import VideoSource, fit_image, lay_on, open_image, read_frames, to_eight_bit

SUPERSAMPLING = 4  # supersampling of polygons in each direction


def read_mask(file: Path, width: int, height: int) -> Mask:
    """Return the grey of an image file, black where transparent, scaled to cover width x height and cropped.

    Raises OSError, ValueError.
    """
    with open_image(file) as opened:
        image = to_eight_bit(opened)
    return fit_image(lay_on(image, "black").convert("L"), width, height)


def read_alpha(file: Path, width: int, height: int) -> Mask:
    """Return the alpha channel of an image file, scaled to cover width x height and cropped in the middle.

    Raises OSError, ValueError.
    """
    with open_image(file) as opened:
        image = to_eight_bit(opened).convert("RGBA")
    return fit_image(image.getchannel("A"), width, height)


def verify_mask_file(file: Path, alpha: bool = False) -> None:
    """Read the header of a mask's image file. Raises OSError, ValueError if it cannot be used as a mask.

    `alpha`: the file must have an alpha channel.
    """
    with open_image(file) as image:
        if alpha and not image.has_transparency_data:
            raise ValueError(
                "it has no transparency, so everything would be in the mask; use 'file' to read its grey"
            )


def polygon_mask(points: Sequence[tuple[float, float]], width: int, height: int) -> Mask:
    """Return the mask of a polygon; pixels on its edge are antialiased.

    `points` are (x, y) as parts of the width and height, and may lie outside the image.
    """
    corners = np.rint(np.array(points) * (width * SUPERSAMPLING, height * SUPERSAMPLING) - 0.5).astype(
        np.int32
    )
    large = cv2.fillPoly(np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8), [corners], 255)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def color_key(image: Image, color: str, within: float) -> Mask:
    """Return the mask of the pixels whose CIE76 ΔE from `color` ("#0f0" or "#00ff00") is at most `within`."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    key = np.array([[list(bytes.fromhex(digits))]], np.uint8)
    distance = np.linalg.norm(_float_lab(image) - _float_lab(key), axis=-1)
    return np.where(distance <= within, np.uint8(255), np.uint8(0))


def _float_lab(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def luminance_key(image: Image, low: float, high: float) -> Mask:
    """Return the mask of the pixels whose grey (Rec. 601) lies in low..high, both 0..1."""
    return np.asarray(
        cv2.inRange(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), low * 255, high * 255), dtype=np.uint8
    )


def in_range(values: NDArray[np.float32], low: float, high: float) -> Mask:
    """Return the mask of the pixels whose value, (height, width), lies in low..high."""
    return np.where((values >= low - 1e-4) & (values <= high + 1e-4), np.uint8(255), np.uint8(0))


def feather_pixels(feather: float, width: int) -> float:
    """Return a feather in pixels: values from 1 on are pixels, values below 1 a part of the image's width."""
    return feather if feather >= 1 else feather * width


def soften_mask(mask: Mask, reach: float) -> Mask:
    """Return `mask` with its edge blurred over `reach` pixels to either side; nothing changes farther away."""
    side = 2 * round(reach) + 1
    if side == 1:
        return mask
    return np.asarray(
        cv2.GaussianBlur(mask, (side, side), reach / 2, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def grow_mask(image: Image, mask: Mask, reach: float) -> tuple[Image, Mask]:
    """Return `image` and `mask` with an edge that fades out over `reach` pixels around the fully masked pixels.

    In that edge, the image returned has the colour of the nearest fully masked pixel: otherwise a product cut out
    on white would keep a white fringe.
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


def scale_mask(mask: Mask, amount: float) -> Mask:
    """Return `mask` times `amount`, 0..1."""
    return mask if amount == 1 else np.asarray(np.rint(mask * np.float32(amount)), dtype=np.uint8)


def paste(image: Image, top: Image, mask: Mask) -> Image:
    """Return `top` over `image` through the mask: exactly the pixels of `top` at 255 and of `image` at 0."""
    if not mask.any():
        return image
    if mask.min() == 255:
        return top
    weight = mask[..., None].astype(np.uint16)
    mixed = (image * (255 - weight) + top * weight + np.uint16(127)) // np.uint16(255)
    return np.asarray(mixed, dtype=np.uint8)


FAINT_RANGE = (12, 36)  # values of a mask: up to the first they become 0, from the second on they are kept


def resize_mask(mask: Mask, width: int, height: int) -> Mask:
    """Return `mask` resized to width x height; the same array, not a copy, if it has that size."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def cut_out(image: Image, mask: Mask) -> NDArray[np.uint8]:
    """Return the masked part of `image` as RGBA, uint8 (height, width, 4), with straight (unassociated) alpha.

    The fully masked pixels are surrounded by two pixels of their own colours, for codecs and editors that mix
    neighbours. Faint values, which a depth warp leaves in a mask and which are invisible in painted frames, are
    removed.
    """
    carried, _ = grow_mask(image, mask, 1)
    kept = np.clip((mask.astype(np.float32) - FAINT_RANGE[0]) / (FAINT_RANGE[1] - FAINT_RANGE[0]), 0, 1)
    alpha = np.rint(mask * kept).astype(np.uint8)
    gone = (alpha == 0) & (carried == image).all(axis=-1)
    return np.dstack([np.where(gone[..., None], np.uint8(0), carried), alpha])


def read_mask_frames(film: VideoSource, frames: int) -> list[bytes]:
    """Return the grey of at most `frames` images of a video, each compressed as PNG. Raises ValueError.

    A second of masks at 1024x1024 takes 24 MB as arrays and some kB as PNG.
    """
    greys = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in islice(read_frames(film), frames))
    return [pack_mask(np.asarray(grey, np.uint8)) for grey in greys]


def pack_mask(mask: Mask) -> bytes:
    """Return a mask compressed as PNG."""
    return cv2.imencode(".png", mask)[1].tobytes()


def unpack_mask(packed: bytes) -> Mask:
    """Return the mask of a PNG made by `pack_mask`, exactly."""
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


Box = tuple[slice, slice]  # rows and columns of an image

SPECK_AREA = 0.0002  # of the image's area: smaller parts are specks and are ignored


def mask_boxes(mask: Mask, padding: float) -> list[Box]:
    """Return a box for every connected part of `mask`, padded on each side by `padding` of its longer side.

    Overlapping boxes are merged. Boxes are sorted from top to bottom.
    """
    _, _, found, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=8)
    boxes = [
        _pad_box(x, y, width, height, padding, mask.shape)
        for x, y, width, height, area in found[1:].tolist()
        if area >= SPECK_AREA * mask.size
    ]
    return sorted(_merge_boxes(boxes), key=lambda box: (box[0].start, box[1].start))


def _pad_box(x: int, y: int, width: int, height: int, padding: float, shape: tuple[int, ...]) -> Box:
    more = round(padding * max(width, height))
    rows = slice(max(0, y - more), min(shape[0], y + height + more))
    return rows, slice(max(0, x - more), min(shape[1], x + width + more))


def _merge_boxes(boxes: list[Box]) -> list[Box]:
    """Return `boxes` with overlapping ones merged until none overlap."""
    left, done = list(boxes), []
    while left:
        box = left.pop()
        touched = next((other for other in left if _boxes_overlap(box, other)), None)
        if touched is None:
            done.append(box)
        else:
            left.remove(touched)
            left.append((_union_slice(box[0], touched[0]), _union_slice(box[1], touched[1])))
    return done


def _boxes_overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _union_slice(one: slice, other: slice) -> slice:
    return slice(min(one.start, other.start), max(one.stop, other.stop))
