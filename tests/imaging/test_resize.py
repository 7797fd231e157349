"""Upscaling: sizes, and tiles without seams."""

import cv2
import numpy as np
import pytest

from animator.imaging.resize import TILE_OVERLAP, resize, upscale_tiled
from tests.films import texture


def doubled(image):
    """Upscale so that each pixel depends on those within 12 pixels of it, as in a small network."""
    soft = cv2.GaussianBlur(image, (25, 25), 3.0, borderType=cv2.BORDER_REPLICATE)
    return np.repeat(np.repeat(soft, 2, axis=0), 2, axis=1)


@pytest.mark.parametrize("size", [(300, 200), (128, 128), (129, 257), (500, 90)])
def test_tiled_upscaling_is_exact_if_pixels_depend_on_a_quarter_of_the_overlap_at_most(size):
    image = texture(*size)
    asked = []

    def watched(part):
        asked.append(part.shape[:2])
        return doubled(part)

    found = upscale_tiled(image, watched, 2, 128)
    assert (found == doubled(image)).all()
    assert max(max(shape) for shape in asked) <= 128
    assert len(asked) > 1 or size == (128, 128)


def test_a_tile_that_goes_wrong_at_its_edges_leaves_no_seam():
    """Networks pad with zeros, which darkens edges; only the image's own edges may show that."""

    def dark_edges(image):
        return cv2.copyMakeBorder(doubled(image)[8:-8, 8:-8], 8, 8, 8, 8, cv2.BORDER_CONSTANT)

    picture = np.full((300, 300, 3), 200, np.uint8)
    found = upscale_tiled(picture, dark_edges, 2, 160)
    assert (found[8:-8, 8:-8] == 200).all()
    assert TILE_OVERLAP * 2 / 4 > 8


def test_tiles_of_different_brightness_are_blended():
    levels = iter(range(100, 200, 20))
    found = upscale_tiled(
        np.zeros((160, 96, 3), np.uint8), lambda image: np.full_like(image, next(levels)), 1, 128
    )
    steps = np.abs(np.diff(found[:, 48, 0].astype(int)))
    assert 1 <= steps.max() <= 2
    assert (found[0, 0, 0], found[-1, 0, 0]) == (100, 120)


def test_images_are_resized_by_lanczos_and_unchanged_at_the_same_size():
    image = texture(60, 40)
    assert resize(image, 60, 40) is image
    assert (resize(image, 120, 80) == cv2.resize(image, (120, 80), interpolation=cv2.INTER_LANCZOS4)).all()
    assert resize(image, 30, 20).shape == (20, 30, 3)
