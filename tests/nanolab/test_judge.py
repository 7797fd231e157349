"""Ground-truth answers exist only for the questions that an image can answer."""

import pytest

from nanolab.gbuffer import CameraView
from nanolab.judge import QUESTIONS, true_answers
from nanolab.recipes import Recipe


def seen(product, azimuth, style="photo"):
    return true_answers(Recipe(product, style=style, view=CameraView(azimuth=azimuth)))


@pytest.mark.parametrize(
    ("azimuth", "word"), [(0, "front"), (42, "three-quarter"), (90, "side"), (165, "back")]
)
def test_a_chairs_view_is_the_name_of_its_azimuth(azimuth, word):
    assert QUESTIONS["view"][seen("chair", azimuth)["view"]] == word


@pytest.mark.parametrize("azimuth", [0, 42, 90, 180])
@pytest.mark.parametrize("product", ["bottle", "mug"])
def test_round_products_have_no_view(product, azimuth):
    assert seen(product, azimuth)["view"] == -1


def test_headphones_have_no_view_from_front_and_back():
    asked = [seen("headphones", azimuth)["view"] >= 0 for azimuth in (0, 42, 90, 180)]
    assert asked == [False, True, True, False]


def test_sketches_and_clay_models_have_no_colour():
    assert seen("mug", 0, "pencil")["color"] == seen("mug", 0, "clay")["color"] == -1
    assert QUESTIONS["color"][seen("mug", 0, "marker")["color"]] == "red"
