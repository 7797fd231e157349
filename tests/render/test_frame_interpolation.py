"""More pictures in a second: how many, where they lie, and that none leads over a cut."""

import numpy as np
import pytest

from animator.imaging.flow import between, betweens
from animator.render.interpolate import Interpolated
from tests.films import texture

SQUARE = 24


def squares(*places):
    """A bright square with detail that moves over a dark ground, without a new shot."""
    pattern = texture(SQUARE, SQUARE, seed=2)
    for i, x in enumerate(places):
        picture = np.full((64, 96, 3), 30, np.uint8)
        picture[20 : 20 + SQUARE, x : x + SQUARE] = np.clip(pattern.astype(int) + 60, 0, 255)
        yield picture, i == 0


def place(picture):
    """Where the square is, in pixels."""
    bright = np.clip(picture.astype(float).mean(axis=(0, 2)) - 30, 0, None)
    return float((bright * np.arange(96)).sum() / bright.sum())


@pytest.mark.parametrize("times", [2, 3, 8])
def test_every_frame_stays_and_the_others_lie_evenly_between(times):
    film = list(squares(10, 18, 26))
    found = list(Interpolated(times, betweens, closes=False)(film))
    assert len(found) == 3 * times
    assert all((found[i * times] == picture).all() for i, (picture, _) in enumerate(film))
    moved = [place(picture) for picture in found[: 2 * times + 1]]
    wanted = np.interp(np.arange(2 * times + 1) / times, [0, 1, 2], [moved[0], moved[times], moved[-1]])
    assert np.abs(np.array(moved) - wanted).max() < 0.5
    assert np.diff(moved).min() > 4 / times


def test_the_last_picture_stays_and_that_of_a_film_that_closes_leads_to_the_first():
    film = list(squares(10, 14, 18))
    stays, closes = (list(Interpolated(2, betweens, closes)(film)) for closes in (False, True))
    assert (stays[-1] == stays[-2]).all()
    assert place(closes[-1]) == pytest.approx(place(closes[2]), abs=0.6)
    assert all((a == b).all() for a, b in zip(stays[:-1], closes[:-1], strict=True))


def test_no_way_leads_over_a_cut():
    (one, _), (two, _) = squares(10, 18)
    found = list(Interpolated(4, betweens, closes=False)([(one, True), (two, True)]))
    assert all((picture == one).all() for picture in found[:4])
    assert all((picture == two).all() for picture in found[4:])


def test_a_picture_that_stands_still_is_the_same_picture():
    (one, _) = next(squares(10))
    found = list(Interpolated(3, betweens, closes=False)([(one, True), (one.copy(), False)]))
    assert all((picture == one).all() for picture in found)


def test_several_weights_are_the_same_as_one_by_one():
    (one, _), (two, _) = squares(10, 16)
    weights = [0.0, 0.25, 0.5, 1.0]
    assert all(
        (a == between(one, two, w)).all() for a, w in zip(betweens(one, two, weights), weights, strict=True)
    )


def test_a_film_of_nothing_is_nothing():
    assert list(Interpolated(2, betweens, closes=True)([])) == []
