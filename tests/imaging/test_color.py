"""Colour matching: accuracy against the exact formula, steadiness over a film, limits of drift."""

import cv2
import numpy as np
import pytest

from animator.imaging import color
from animator.imaging.color import (
    SAMPLE_SIZE,
    change_contrast,
    color_drift,
    color_stats,
    image_lab,
    lab_to_rgb,
    match_color,
    mix_stats,
    rgb_to_lab,
    subsample,
)

SPACES = ["lab", "hsv", "rgb"]
BYS = ["statistics", "histogram"]


def photo(size=320, seed=1):
    """Return an image of soft colours at every scale with some grain, away from the ends of the range."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size, 3), np.float32)
    for cells in (3, 12, 48):
        total += cv2.resize(random.normal(0, 14, (cells, cells, 3)).astype(np.float32), (size, size))
    return np.clip(total + random.normal((150, 120, 100), 3, total.shape), 0, 255).astype(np.uint8)


def delta_e(one, other):
    """Return the mean CIE76 difference between two images of one size, pixel by pixel."""
    return float(np.linalg.norm(image_lab(one) - image_lab(other), axis=-1).mean())


def pushed(image, gain=(1.05, 1.0, 0.96), offset=4.0, gamma=1.0):
    return np.clip(np.rint(255 * (image / 255) ** gamma * gain + offset), 0, 255).astype(np.uint8)


def test_lab_matches_the_cie_formula_and_is_invertible():
    assert rgb_to_lab(np.array([1.0, 1.0, 1.0])) == pytest.approx([100, 0, 0], abs=0.02)
    assert rgb_to_lab(np.array([1.0, 0.0, 0.0])) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    assert rgb_to_lab(np.array([0.0, 0.0, 1.0])) == pytest.approx([32.30, 79.19, -107.86], abs=0.05)
    colors = np.random.default_rng(0).random((500, 3))
    assert np.abs(lab_to_rgb(rgb_to_lab(colors)) - colors).max() < 1e-4
    pixels = (colors * 255).astype(np.uint8)
    assert np.abs(image_lab(pixels) - rgb_to_lab(pixels / 255)).max() < 0.5


def test_an_identity_lookup_table_changes_no_pixel():
    image = np.random.default_rng(0).integers(0, 256, (130, 98, 3), dtype=np.uint8)
    assert (color.apply_lut(image, color.LUT_COLORS) == image).all()
    assert (color.apply_lut(image, lab_to_rgb(rgb_to_lab(color.LUT_COLORS))) == image).all()


def test_a_lookup_table_is_interpolated_along_all_three_axes():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    turned = color.LUT_COLORS @ np.array([[0, 0.5, 0], [0, 0.5, 0.3], [1, 0, 0.7]], np.float32)
    exact = image / 255 @ np.array([[0, 0.5, 0], [0, 0.5, 0.3], [1, 0, 0.7]]) * 255
    assert np.abs(color.apply_lut(image, turned) - exact).max() < 0.51


@pytest.mark.parametrize("push", [{}, {"gamma": 1.1}, {"gain": (0.85, 0.85, 0.85), "offset": 15}])
def test_matching_in_lab_is_within_a_grey_level_of_the_formula_applied_to_every_pixel(push):
    reference, image = photo(), pushed(photo(), **push)
    wanted, had = (rgb_to_lab(picture / 255).astype(float) for picture in (reference, image))
    ratio = wanted.std((0, 1)) / had.std((0, 1))
    exact = np.clip(lab_to_rgb((had - had.mean((0, 1))) * ratio + wanted.mean((0, 1))) * 255, 0, 255)
    found = match_color(image, color_stats(reference, "lab"), "lab").astype(float)
    assert np.percentile(np.abs(found - exact), 99.9) <= 1
    assert np.abs((found - exact).mean((0, 1))).max() < 0.5


@pytest.mark.parametrize("space", SPACES)
def test_statistics_of_sampled_pixels_are_those_of_all_pixels(space):
    image = np.random.default_rng(0).integers(
        0, 256, (1024, 1024, 3), dtype=np.uint8
    )  # every pixel differs from its neighbours
    image[:, ::4] //= 2  # stripes that a regular grid would miss, or hit with every sample
    few, all_of_them = color_stats(image, "rgb"), image.reshape(-1, 3)
    assert len(subsample(image)) == SAMPLE_SIZE
    assert np.abs(few.mean - all_of_them.mean(0)).max() < 1
    assert np.abs(few.deviation - all_of_them.std(0)).max() < 1
    spread = np.quantile(all_of_them, (np.arange(64) + 0.5) / 64, axis=0).T
    assert np.abs(few.quantiles - spread).max() < 3
    assert np.isfinite(color_stats(image[:3, :5], space).mean).all()


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("space", SPACES)
def test_an_image_matched_to_itself_five_hundred_times_does_not_change(space, by):
    image, goal = photo(96), color_stats(photo(96), space)
    for _ in range(500):
        image = match_color(image, goal, space, by)
    assert np.abs(image.astype(int) - photo(96)).max() <= 1
    assert delta_e(image, photo(96)) < 0.3


@pytest.mark.parametrize("space", SPACES)
def test_histogram_matching_restores_what_statistics_cannot(space):
    reference, image = photo(), pushed(photo(), gain=1.0, offset=0, gamma=1.6)
    goal = color_stats(reference, space)
    by_statistics, by_histogram = (delta_e(match_color(image, goal, space, by), reference) for by in BYS)
    assert by_histogram < 1.5
    assert by_histogram < by_statistics


@pytest.mark.parametrize("space", ["lab", "rgb"])  # in HSV the hue of a grey is undefined
def test_histogram_matching_does_not_turn_a_flat_image_to_noise(textured, space):
    grey = np.random.default_rng(0).integers(127, 130, (64, 64, 3), dtype=np.uint8)
    assert match_color(grey, color_stats(textured, space), space, "histogram").std((0, 1)).max() < 12


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("space", SPACES)
def test_amount_matches_colours_by_a_part_of_the_difference(space, by):
    image, goal = pushed(photo(), offset=14), color_stats(photo(), space)
    away = [
        delta_e(match_color(image, goal, space, by, amount), photo()) for amount in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert away[0] == pytest.approx(delta_e(image, photo()), abs=0.3)
    assert (np.diff(away) < 0).all()


def test_mixed_colours_take_the_short_way_round_the_hue_circle():
    red, pink = (
        color_stats(np.full((8, 8, 3), color, np.uint8), "hsv") for color in ((200, 40, 45), (200, 40, 80))
    )
    middle = mix_stats(red, pink, 0.5)
    assert np.degrees(middle.hue) % 360 == pytest.approx(350.6, abs=1.5)
    assert middle.mean[1:] == pytest.approx((red.mean + pink.mean)[1:] / 2)
    grey = color_stats(np.full((8, 8, 3), 128, np.uint8), "hsv")
    assert mix_stats(grey, red, 0.5).hue == red.hue


@pytest.mark.parametrize("hue", [5, 60, 175, 185, 300, 355])
@pytest.mark.parametrize("start", [10, 200, 350])
def test_hues_are_rotated_to_the_goal_in_either_direction(start, hue):
    def tinted(degrees):
        shades = np.full((24, 24, 3), (degrees, 0.6, 0.7), np.float32)
        shades[::2, :, 0] += 8  # on both sides of red, where the hue wraps around
        return np.rint(cv2.cvtColor(shades % np.float32(360), cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)

    matched = match_color(tinted(start), color_stats(tinted(hue), "hsv"), "hsv")
    assert np.abs(matched.astype(int) - tinted(hue)).max() <= 3


def test_colour_difference_is_the_distance_in_lab():
    grey, lighter = (np.full((16, 16, 3), level, np.uint8) for level in (119, 129))
    assert delta_e(grey, grey) == 0
    assert delta_e(grey, lighter) == pytest.approx(4.0, abs=0.2)  # L* 50.0 and 54.0


def test_drift_does_not_depend_on_positions_in_the_image():
    image = photo()
    reference = color_stats(image, "lab")
    assert color_drift(np.ascontiguousarray(image[::-1, ::-1]), reference) < 0.1
    warmer = pushed(image)
    assert color_drift(warmer, reference) == pytest.approx(delta_e(warmer, image), rel=0.25)


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize(
    ("space", "most"), [("lab", 2), ("rgb", 2), ("hsv", 6)]
)  # HSV matching does not control the spread of hues
def test_colours_drift_by_less_than_2_over_five_hundred_frames_that_each_push_them(space, most, by):
    first = image = photo(128)
    goal = color_stats(first, space)
    for _ in range(500):
        # Warmer, flatter, a little brighter in the middle: each a change of about a grey level.
        image = match_color(pushed(image, (1.01, 1.0, 0.99), 0.8, 0.996), goal, space, by)
    assert color_drift(image, color_stats(first, "lab")) < most
    plain = first
    for _ in range(500):
        plain = pushed(plain, (1.01, 1.0, 0.99), 0.8, 0.996)
    assert color_drift(plain, color_stats(first, "lab")) > 20


@pytest.mark.parametrize("ratio", [1.2, 2.0])
def test_contrast_of_a_bright_pixel_does_not_wrap_to_dark(ratio):
    # Deforum multiplies and casts: 250 becomes 44.
    assert change_contrast(np.full((1, 1, 3), 250, np.uint8), ratio).min() == 255


@pytest.mark.parametrize("by", BYS)
@pytest.mark.parametrize("space", SPACES)
def test_matching_does_not_depend_on_the_memory_layout_of_the_image(space, by):
    image, goal = pushed(photo(70)), color_stats(photo(70), space)
    planes = np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(
        1, 2, 0
    )  # the layout of images from a painter on a GPU
    assert (match_color(planes, goal, space, by) == match_color(image, goal, space, by)).all()
    assert (match_color(image[:, ::-1], goal, space, by).shape) == image.shape
