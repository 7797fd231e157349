"""Colour, contrast, noise, sharpening, reading of images."""

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.imaging.color import change_contrast, color_stats, match_color
from animator.imaging.filters import add_noise, crossfade, perlin_noise, sharpen
from animator.imaging.io import read_image

GREY = np.full((130, 98, 3), 128, np.uint8)  # not a multiple of 64, at which Deforum's noise crashes


def soft(textured):
    """Return an image whose colours can change without clipping."""
    return (90 + textured * 0.3).astype(np.uint8)


@pytest.mark.parametrize("space", ["lab", "hsv", "rgb"])
def test_matched_colours_have_the_statistics_of_the_reference(textured, space):
    reference = soft(textured)
    tinted = np.clip(reference * np.array([0.9, 1.0, 1.1]) * 0.8 + 15, 0, 255).astype(np.uint8)
    goal, found = (
        color_stats(reference, space),
        color_stats(match_color(tinted, color_stats(reference, space), space), space),
    )
    own = slice(1, 3) if space == "hsv" else slice(0, 3)  # a hue is an angle: see the test of hues
    scale = {"lab": 100, "hsv": 1, "rgb": 255}[space]
    assert np.abs(color_stats(tinted, space).mean - goal.mean)[own].max() > 0.02 * scale
    assert found.mean[own] == pytest.approx(goal.mean[own], abs=0.005 * scale)
    assert found.deviation[own] == pytest.approx(goal.deviation[own], abs=0.005 * scale)


@pytest.mark.parametrize("space", ["lab", "hsv", "rgb"])
def test_an_image_matched_to_itself_does_not_change(textured, space):
    image = soft(textured)
    for _ in range(20):
        again = match_color(image, color_stats(soft(textured), space), space)
        assert np.abs(again.astype(int) - soft(textured)).max() <= 1
        image = again


def test_a_hue_is_rotated_the_short_way_round():
    red, pink = (np.full((8, 8, 3), color, np.uint8) for color in ((200, 40, 45), (200, 40, 80)))
    found = match_color(red, color_stats(pink, "hsv"), "hsv")
    assert np.abs(found.astype(int) - pink).max() <= 2


@pytest.mark.parametrize("space", ["lab", "hsv", "rgb"])
def test_a_flat_image_does_not_turn_to_noise(textured, space):
    found = match_color(GREY, color_stats(textured, space), space)
    assert found.std((0, 1)).max() < 1


def test_contrast_is_clipped_and_never_wraps():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    found = change_contrast(ramp, 1.2)[0, :, 0].astype(int)
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[250], found[255]) == (0, 255, 255)
    assert (change_contrast(ramp, 1.0) == ramp).all()


@pytest.mark.parametrize("clouds", [False, True])
def test_noise_has_mean_0_and_the_given_amount_and_depends_on_the_seed(clouds):
    noisy = add_noise(GREY, 0.1, seed=7, clouds=clouds)
    difference = noisy.astype(float) - 128
    assert abs(difference.mean()) < 0.3
    assert difference.std() == pytest.approx(12.75 * (0.5 if clouds else 1), rel=0.15 if clouds else 0.03)
    assert (add_noise(GREY, 0.1, 7, clouds) == noisy).all()
    assert (add_noise(GREY, 0.1, 8, clouds) != noisy).any()


def test_every_seed_of_32_bits_makes_noise():
    assert add_noise(GREY, 0.1, 2**32 - 1).std() > 10
    assert (add_noise(GREY, 0.1, 2**31) != add_noise(GREY, 0.1, 2**31 - 1)).any()


def test_a_thousand_frames_of_noise_do_not_pull_an_image_towards_grey():
    image = np.full((32, 32, 3), 60, np.uint8)
    means = [add_noise(image, 0.03, seed).mean() for seed in range(200)]
    assert np.mean(means) == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize("size", [(64, 96), (130, 98), (2, 2), (511, 33)])
def test_perlin_noise_is_smooth_and_lies_between_its_bounds(size):
    field = perlin_noise(*size, seed=3)
    assert field.shape == size
    assert np.abs(field).max() <= 1.5
    if min(size) > 60:
        assert field.std() > 0.1
        assert np.abs(np.diff(field, axis=0)).mean() < field.std()


def test_sharpening_makes_edges_steeper_and_leaves_flat_parts_alone(textured):
    image = soft(textured)
    assert sharpen(image, 0.5).astype(float).std() > image.astype(float).std()
    assert (sharpen(GREY, 2.0) == GREY).all()


def test_a_crossfade_goes_from_old_to_new(textured):
    new = textured[::-1].copy()
    assert (crossfade(textured, new, 0.0) == textured).all()
    assert (crossfade(textured, new, 1.0) == new).all()
    half = crossfade(textured, new, 0.5).astype(float)
    assert np.abs(half - (textured.astype(float) + new) / 2).max() <= 0.5


def test_an_image_is_scaled_to_cover_and_cropped_in_the_middle(tmp_path):
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = (255, 0, 0)
    Pillow.fromarray(wide).save(tmp_path / "wide.png")
    found = read_image(tmp_path / "wide.png", 64, 64)
    assert found.shape == (64, 64, 3)
    assert (found[:, 4:-4] == (255, 0, 0)).mean() > 0.99


def test_transparency_is_read_on_white_and_exif_rotates_a_photograph(tmp_path):
    cut = np.zeros((16, 16, 4), np.uint8)
    cut[4:12, 4:12] = (10, 20, 30, 255)
    Pillow.fromarray(cut).save(tmp_path / "cut.png")
    found = read_image(tmp_path / "cut.png", 16, 16)
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[8, 8].tolist() == [10, 20, 30]
    photograph = Pillow.new("RGB", (20, 10), "red")
    exif = photograph.getexif()
    exif[0x0112] = 6  # orientation: rotated by 90 degrees
    photograph.save(tmp_path / "photo.jpg", exif=exif)
    assert read_image(tmp_path / "photo.jpg", 10, 20).shape == (20, 10, 3)


def test_perlin_noise_enlarged_from_samples_equals_that_computed_for_every_pixel():
    few, every = perlin_noise(512, 512, 3), perlin_noise(512, 512, 3, detail=8)
    assert np.abs(few - every).max() < 0.03
    assert np.abs(few - every).mean() < 0.005
