"""What the judge may be asked: what a picture can show."""

import pytest

from nanolab.judge import QUESTIONS, truth
from nanolab.recipes import Recipe
from nanolab.view import View


def seen(product, azimuth, style="photo"):
    return truth(Recipe(product, style=style, view=View(azimuth=azimuth)))


@pytest.mark.parametrize(
    ("azimuth", "word"), [(0, "front"), (42, "three-quarter"), (90, "side"), (165, "back")]
)
def test_a_chair_is_asked_from_where_it_is_seen(azimuth, word):
    assert QUESTIONS["view"][seen("chair", azimuth)["view"]] == word


@pytest.mark.parametrize("azimuth", [0, 42, 90, 180])
@pytest.mark.parametrize("product", ["bottle", "mug"])
def test_what_is_round_is_not_asked_from_where_it_is_seen(product, azimuth):
    assert seen(product, azimuth)["view"] == -1


def test_headphones_are_not_asked_whether_it_is_their_front_or_their_back():
    asked = [seen("headphones", azimuth)["view"] >= 0 for azimuth in (0, 42, 90, 180)]
    assert asked == [False, True, True, False]


def test_a_sketch_is_not_asked_for_its_colour():
    assert seen("mug", 0, "pencil")["color"] == seen("mug", 0, "clay")["color"] == -1
    assert QUESTIONS["color"][seen("mug", 0, "marker")["color"]] == "red"
