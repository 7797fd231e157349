"""Frame interpolation: number and spacing of frames, and none across a cut."""

import numpy as np
import pytest

from animator.imaging.flow import interpolate, interpolate_many
from animator.render.upscale import FrameInterpolator
from tests.films import texture

SQUARE = 24


def squares(*places):
    """Return images of a bright square with detail that moves over a dark ground, in one shot."""
    pattern = texture(SQUARE, SQUARE, seed=2)
    for i, x in enumerate(places):
        image = np.full((64, 96, 3), 30, np.uint8)
        image[20 : 20 + SQUARE, x : x + SQUARE] = np.clip(pattern.astype(int) + 60, 0, 255)
        yield image, i == 0


def place(image):
    """Return the position of the square in pixels."""
    bright = np.clip(image.astype(float).mean(axis=(0, 2)) - 30, 0, None)
    return float((bright * np.arange(96)).sum() / bright.sum())


@pytest.mark.parametrize("times", [2, 3, 8])
def test_frames_are_kept_and_the_interpolated_ones_are_spaced_evenly(times):
    film = list(squares(10, 18, 26))
    found = list(FrameInterpolator(times, interpolate_many, closes=False)(film))
    assert len(found) == 3 * times
    assert all((found[i * times] == image).all() for i, (image, _) in enumerate(film))
    moved = [place(image) for image in found[: 2 * times + 1]]
    wanted = np.interp(np.arange(2 * times + 1) / times, [0, 1, 2], [moved[0], moved[times], moved[-1]])
    assert np.abs(np.array(moved) - wanted).max() < 0.5
    assert np.diff(moved).min() > 4 / times


def test_the_last_image_repeats_or_in_a_closed_film_leads_to_the_first():
    film = list(squares(10, 14, 18))
    stays, closes = (list(FrameInterpolator(2, interpolate_many, closes)(film)) for closes in (False, True))
    assert (stays[-1] == stays[-2]).all()
    assert place(closes[-1]) == pytest.approx(place(closes[2]), abs=0.6)
    assert all((a == b).all() for a, b in zip(stays[:-1], closes[:-1], strict=True))


def test_nothing_is_interpolated_across_a_cut():
    (one, _), (two, _) = squares(10, 18)
    found = list(FrameInterpolator(4, interpolate_many, closes=False)([(one, True), (two, True)]))
    assert all((image == one).all() for image in found[:4])
    assert all((image == two).all() for image in found[4:])


def test_equal_images_are_repeated_without_interpolation():
    (one, _) = next(squares(10))
    found = list(FrameInterpolator(3, interpolate_many, closes=False)([(one, True), (one.copy(), False)]))
    assert all((image == one).all() for image in found)


def test_several_weights_equal_single_calls():
    (one, _), (two, _) = squares(10, 16)
    weights = [0.0, 0.25, 0.5, 1.0]
    assert all(
        (a == interpolate(one, two, w)).all()
        for a, w in zip(interpolate_many(one, two, weights), weights, strict=True)
    )


def test_an_empty_film_stays_empty():
    assert list(FrameInterpolator(2, interpolate_many, closes=True)([])) == []
