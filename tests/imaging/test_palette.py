"""The palette pull: exact on palette colours, smooth between them, without changes of lightness."""

import cv2
import numpy as np
import pytest

from animator.imaging.color import PalettePull, image_lab

BRAND = np.array([(10, 132, 255), (255, 159, 10), (255, 255, 255)], np.uint8)


def hues(size=128):
    """Return every hue from full to no saturation."""
    hsv = np.full((size, size, 3), 255, np.uint8)
    hsv[..., 0] = np.linspace(0, 179, size)
    hsv[..., 1] = np.linspace(255, 0, size)[:, None]
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def test_palette_colours_white_and_black_do_not_change():
    image = np.concatenate([BRAND, [(0, 0, 0), (255, 255, 255)]]).astype(np.uint8)[None]
    assert np.linalg.norm(image_lab(PalettePull(BRAND)(image, 1.0)) - image_lab(image), axis=-1).max() < 2.5


def test_an_amount_of_0_changes_nothing():
    assert (PalettePull(BRAND)(hues(), 0.0) == hues()).all()


def test_a_larger_amount_brings_every_colour_nearer_to_the_palette():
    pull, image = PalettePull(BRAND), hues()
    away = [pull.distance(pull(image, amount)) for amount in (0, 0.25, 0.5, 0.75, 1)]
    assert (np.diff(away) < 0).all()
    assert away[-1] < 0.35 * away[0]


def test_lightness_does_not_change():
    image = np.asarray(
        cv2.GaussianBlur(np.random.default_rng(0).integers(60, 190, (64, 64, 3), dtype=np.uint8), (0, 0), 3)
    )
    before, after = (image_lab(picture)[..., 0] for picture in (image, PalettePull(BRAND)(image, 1.0)))
    assert np.abs(after - before).max() < 1.5


def test_a_colour_near_a_palette_colour_gets_its_hue():
    purple_blue = np.full((8, 8, 3), (60, 110, 235), np.uint8)
    lab = image_lab(PalettePull(BRAND)(purple_blue, 1.0))[0, 0]
    brand = image_lab(BRAND[None])[0, 0]
    assert np.degrees(np.arctan2(lab[2], lab[1]) - np.arctan2(brand[2], brand[1])) == pytest.approx(0, abs=4)


@pytest.mark.parametrize("amount", [0.3, 1.0])
def test_a_gradient_does_not_get_bands(amount):
    ramp = np.linspace((60, 90, 250), (250, 170, 30), 512).round().astype(np.uint8)[None].repeat(4, axis=0)
    steps = [
        np.linalg.norm(np.diff(image_lab(image)[0], axis=0), axis=-1).max()
        for image in (ramp, PalettePull(BRAND)(ramp, amount))
    ]
    assert steps[1] < 4 * steps[0]


def test_a_palette_of_one_colour_keeps_greys_from_black_to_white():
    pull = PalettePull(BRAND[:1])
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    lightness = image_lab(pull(ramp, 1.0))[0, :, 0]
    assert (np.diff(lightness) > -0.5).all()
    assert pull(ramp, 1.0)[0, [0, 255]].tolist() == [[0, 0, 0], [255, 255, 255]]
