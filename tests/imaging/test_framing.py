"""Crops of other aspect ratios."""

import numpy as np
import pytest

from animator.frame import Framing
from animator.imaging.masks import cut_out
from animator.imaging.resize import centroid, crop_to_frame, largest_crop, resize_rgba, smooth_track


@pytest.mark.parametrize(
    ("ratio", "size"),
    [(9 / 16, (576, 1024)), (1, (1024, 1024)), (16 / 9, (1024, 576)), (0.5001, (512, 1024))],
)
def test_a_crop_is_as_large_as_the_image_allows(ratio, size):
    assert largest_crop(1024, 1024, ratio) == size


def test_a_crop_without_scaling_keeps_the_exact_pixels(textured):
    found = crop_to_frame(textured, Framing(x=0.5, y=0.5), 40, 80)
    assert np.array_equal(found, textured[:, 28:68])
    assert np.array_equal(crop_to_frame(textured, Framing(), 96, 80), textured)


@pytest.mark.parametrize(("x", "left"), [(0, 0), (0.1, 0), (0.5, 28), (0.75, 52), (0.9, 56), (1, 56)])
def test_a_crop_is_centred_as_set_but_stays_inside_the_image(textured, x, left):
    assert np.array_equal(crop_to_frame(textured, Framing(x=x), 40, 80), textured[:, left : left + 40])


def test_zoom_crops_a_smaller_part_and_enlarges_it(textured):
    found = crop_to_frame(textured, Framing(x=0.25, y=0.75, zoom=2), 96, 80)
    part = resize_rgba(np.ascontiguousarray(textured[40:, :48]), 96, 80)
    assert np.abs(found[8:-8, 8:-8].astype(int) - part[8:-8, 8:-8]).max() <= 2


def test_a_crop_can_start_at_a_fraction_of_a_pixel():
    ramp = np.tile((2 * np.arange(96))[None, :, None], (80, 1, 3)).astype(np.uint8)
    middle = [
        int(crop_to_frame(ramp, Framing(x=0.5 + shift / 96), 40, 80)[40, 20, 0]) for shift in (0, 0.5, 1, 1.5)
    ]
    assert middle == [96, 97, 98, 99]


def test_positions_are_smoothed_and_unknown_ones_interpolated(textured):
    trembling = np.linspace(0.2, 0.8, 25) + 0.02 * (-1.0) ** np.arange(25)
    found = smooth_track(trembling, 3, False)
    assert np.abs(found[6:-6] - np.linspace(0.2, 0.8, 25)[6:-6]).max() < 0.004
    assert smooth_track(np.array([0.3, np.nan, 0.5, np.nan]), 0, False) == pytest.approx([0.3, 0.4, 0.5, 0.5])
    assert smooth_track(np.full(4, np.nan), 2, True) == pytest.approx([0.5] * 4)
    assert smooth_track(np.array([0.0, 1, 0, 1]), 1, True)[0] == pytest.approx(
        smooth_track(np.array([1.0, 0, 1, 0]), 1, True)[1]
    )


def test_the_middle_of_a_mask_is_its_centroid():
    mask = np.zeros((40, 80), np.uint8)
    mask[10:20, 20:40] = 255
    assert centroid(mask) == pytest.approx((30 / 80, 15 / 40))
    assert not np.isfinite(centroid(np.zeros((4, 4), np.uint8))).any()


def test_transparent_pixels_do_not_bleed_colour():
    image = np.zeros((64, 64, 4), np.uint8)
    image[:, :32] = (200, 40, 40, 255)
    image[:, 32:, :3] = (0, 255, 0)
    small = resize_rgba(image, 21, 21)
    seen = small[small[..., 3] > 60]
    assert np.abs(seen[:, :3].astype(int) - (200, 40, 40)).max() <= 16  # a sharp filter rings


def test_a_cut_out_product_has_its_own_colours_around_its_edge():
    image = np.full((40, 60, 3), 250, np.uint8)
    image[10:30, 20:40] = (180, 30, 30)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:40] = 255
    mask[10:30, 40] = 120
    found = cut_out(image, mask)
    assert np.array_equal(found[..., 3], mask)
    assert (found[12:28, 19:42, :3] == (180, 30, 30)).all()
    assert not found[:, :16].any()
    mask[:10], mask[30:] = 8, 40
    traces = cut_out(image, mask)
    assert not traces[:8, :, 3].any() and (traces[30:, :, 3] == 40).all()
    assert np.array_equal(cut_out(image, np.full((40, 60), 255, np.uint8))[..., :3], image)
