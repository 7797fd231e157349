"""Interpolation along the motion that remains when the camera's is removed."""

import cv2
import numpy as np
import pytest

from animator.imaging.filters import crossfade
from animator.imaging.flow import interpolate


def texture(size, seed):
    random = np.random.default_rng(seed)
    coarse = [
        cv2.resize(random.normal(0, 40, (n, n, 3)).astype(np.float32), (size, size)) for n in (4, 12, 30)
    ]
    return np.clip(sum(coarse) + 128, 0, 255).astype(np.uint8)


BACKDROP, PRODUCT = texture(192, 5) // 2 + 100, texture(64, 9)


def moment(t, way=14, size=192):
    """Return the ground truth at `t` in 0..1: a textured disc that moves over a backdrop."""
    matrix = cv2.getRotationMatrix2D((32, 32), 12 * t, 1)
    matrix[:, 2] += (45 + way * t, 60 - 4 * t)
    disc = cv2.warpAffine(PRODUCT, matrix, (size, size), flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(
        cv2.circle(np.zeros((64, 64), np.float32), (32, 32), 29, 1.0, -1, cv2.LINE_AA), matrix, (size, size)
    )
    return np.clip(BACKDROP * (1 - mask[..., None]) + disc * mask[..., None], 0, 255).astype(np.uint8)


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.75])
def test_a_moving_product_is_interpolated_along_its_path(weight):
    old, new, truth = moment(0), moment(1), moment(weight)
    assert psnr(interpolate(old, new, weight), truth) > psnr(crossfade(old, new, weight), truth) + 3


def test_weights_0_and_1_return_the_two_images():
    assert (interpolate(moment(0), moment(1), 0.0) == moment(0)).all()
    assert (interpolate(moment(0), moment(1), 1.0) == moment(1)).all()


def test_the_image_between_two_equal_images_is_the_same_image():
    assert np.abs(interpolate(BACKDROP, BACKDROP, 0.4).astype(int) - BACKDROP).max() <= 1


def test_repainted_areas_are_crossfaded():
    one, other = np.full((128, 128, 3), 200, np.uint8), np.full((128, 128, 3), 200, np.uint8)
    one[30:90, 30:90] = texture(60, 1)
    other[40:100, 50:110] = texture(60, 2)
    assert psnr(interpolate(one, other, 0.5), crossfade(one, other, 0.5)) > 22


def test_a_change_of_brightness_alone_is_crossfaded():
    darker = (BACKDROP * 0.7).astype(np.uint8)
    assert (
        np.abs(interpolate(BACKDROP, darker, 0.5).astype(int) - crossfade(BACKDROP, darker, 0.5)).mean() < 2.5
    )


@pytest.mark.parametrize("size", [(98, 130), (33, 17), (16, 16), (600, 1100)])
def test_images_of_any_size_can_be_interpolated(size):
    one, other = (np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8) for seed in (1, 2))
    found = interpolate(one, other, 0.5)
    assert (found.shape, found.dtype) == (one.shape, np.uint8)
