"""The background of a product film: one plate for all frames, from the key paintings without their product."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging.color import image_lab, srgb_to_linear
from animator.imaging.resize import resize
from animator.product.view import Floats

MARGIN = 6  # pixels round the product, at 256, in which paint is not background
SPILL = 30  # pixels, at 256, over which the product may be painted beyond its outline
SAME_COLOR = 9.0  # ΔE up to which a pixel has a colour of the product
CORE = 3  # pixels, at 256, inside its outline where the product's colours are taken
SWATCHES = 150  # colours of the product that are compared
FEATHER = 14  # pixels, at 256, over which a background fades into what is filled in
SOFT, FOCUS = 13.0, 55.0  # pixels, at 256: blur beside what is filled in, and distance at which it ends
PLAIN = 7.0  # levels by which a plain background differs from a smooth gradient
MOSTLY = 0.75  # share of a background that must be plain
SHADOWED = 0.04  # darkness of the floor's shadow from which on a pixel is not background


def paint_plate(images: Sequence[Image], products: Sequence[Floats], shadows: Sequence[Floats]) -> Image:
    """Return the background of key paintings, sRGB uint8 (h, w, 3), with the product and its shadow filled in.

    `products` and `shadows` are the product's coverage and the darkness of its shadow, 0..1 (h, w). The first
    painting's background is taken where it is seen; other paintings fill in what the product hides there, matched in
    lightness, and the rest is interpolated.
    """
    plate = np.asarray(images[0], np.float32)
    open_ = _background(images[0], products[0], shadows[0])
    for image, product, shadow in zip(images[1:], products[1:], shadows[1:], strict=True):
        there = _background(image, product, shadow)
        common, gained = open_ & there, there & ~open_
        if not gained.any() or common.mean() < 0.05:
            continue
        offset = np.median(plate[common] - image[common], axis=0)
        plate[gained] = image[gained] + offset
        open_ |= gained
    plain = plain_backdrop(plate, open_)
    whole = _filled_picture(plate, open_) if plain is None else plain
    return np.asarray(np.clip(whole, 0, 255) + 0.5, np.uint8)


def _filled_picture(plate: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return `plate` with what is not known filled in; towards there, the picture goes out of focus."""
    unit = max(known.shape) / 256
    away = cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / unit
    filled = _filled(plate, np.asarray(np.clip(away / FEATHER, 0, 1), np.float32))
    soft = cv2.GaussianBlur(filled, (0, 0), SOFT * unit, borderType=cv2.BORDER_REPLICATE)
    sharp = np.clip(away / FOCUS, 0, 1)[..., None]
    return np.asarray(filled * sharp + soft * (1 - sharp), np.float32)


def plain_backdrop(plate: Floats, known: NDArray[np.bool_]) -> Floats | None:
    """Return the smooth gradient (h, w, 3) of a plain background, or None where the background has a picture.

    A quadratic is fitted to what is `known`, without the few pixels that do not fit: stray strokes and cables.
    """
    y, x = np.mgrid[-1 : 1 : plate.shape[0] * 1j, -1 : 1 : plate.shape[1] * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)
    at = known & (np.indices(known.shape).sum(0) % 2 == 0)
    basis, values = terms[at], plate[at]
    weight = np.ones(len(values))
    for _ in range(8):
        fit, *_ = np.linalg.lstsq(basis * weight[:, None], values * weight[:, None], rcond=None)
        off = np.abs(values - basis @ fit).max(-1)
        weight = 1 / (1 + (off / PLAIN) ** 2)
    if (off < 2 * PLAIN).mean() < MOSTLY:
        return None
    return np.asarray(terms @ fit, np.float32)


def _background(image: Image, product: Floats, shadow: Floats) -> NDArray[np.bool_]:
    """Return True where a painting shows nothing but background."""
    taken = (product > 0) | (shadow > SHADOWED) | _spill(image, product)
    return np.asarray(cv2.dilate(taken.astype(np.uint8), _disc(MARGIN, product.shape)) == 0)


def _disc(radius: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a disc as a kernel; its radius is in pixels of an image of 256."""
    pixels = max(2, round(radius * max(shape) / 256))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(kernel, np.uint8)


def _spill(image: Image, product: Floats) -> NDArray[np.bool_]:
    """Return True where the product is painted beyond its outline: its colours, joined to it and not far away."""
    core = cv2.erode((product == 1).astype(np.uint8), _disc(CORE, product.shape)) > 0
    if not core.any():
        return np.zeros(product.shape, bool)
    lab = image_lab(cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8))
    colors = lab[core][:: max(1, int(core.sum()) // SWATCHES)]
    nearby = cv2.dilate((product > 0).astype(np.uint8), _disc(SPILL, product.shape)) > 0
    ring = np.flatnonzero((nearby & (product < 1)).ravel())
    away = np.linalg.norm(lab.reshape(-1, 1, 3)[ring] - colors[None], axis=-1).min(1)
    alike = product > 0
    alike.ravel()[ring[away < SAME_COLOR]] = True
    _, label = cv2.connectedComponents(alike.astype(np.uint8), connectivity=4)
    return np.asarray(np.isin(label, np.unique(label[product > 0])) & alike)


def _filled(plate: Floats, known: Floats) -> Floats:
    """Return `plate` with what is not known, 0..1 (h, w), interpolated from all sides: push and pull over a pyramid.

    Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4.
    """
    weight = known[..., None]
    levels = [(plate * weight, weight)]
    while min(levels[-1][0].shape[:2]) > 2:
        value, share = levels[-1]
        levels.append(tuple(_halved(part) for part in (value, share)))  # type: ignore[arg-type]
    value, share = levels.pop()
    smooth = value / np.maximum(share, 1e-6)
    for value, share in reversed(levels):
        height, width = value.shape[:2]
        larger = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR).reshape(
            height, width, -1
        )
        sure = np.clip(share, 0, 1)
        smooth = value / np.maximum(share, 1e-6) * sure + larger * (1 - sure)
    return np.asarray(smooth, np.float32)


def _halved(image: Floats) -> Floats:
    """Return `image` in half its size, rounded up, with its channels."""
    height, width = (image.shape[0] + 1) // 2, (image.shape[1] + 1) // 2
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small.reshape(height, width, -1), np.float32)


def film_plate(plate: Image, width: int, height: int) -> Floats:
    """Return the plate in the film's size, linear light float32 (h, w, 3)."""
    return np.asarray(srgb_to_linear(resize(plate, width, height).astype(np.float32) / 255), np.float32)
