"""Colours of parts by the words of a prompt."""

from __future__ import annotations

import numpy as np
import pytest

from animator.product.words import color_of, color_phrases, main_parts, part_colors, surface_of
from tests.product.shapes import at, box, sphere, together

NAMES = ["body", "left cup", "right cup"]
GREY, DARK = (0.4, 0.4, 0.4), (0.02, 0.02, 0.02)
SOLIDS = together(sphere(60, fine=16), box(10, at(80, 0, 0)), box(10, at(-80, 0, 0)))
SOLIDS.colors[:] = [GREY, DARK, DARK]


def named(text: str) -> list[str]:
    """The colour of each part by name, or `model`."""
    colors = part_colors(text, NAMES, SOLIDS)
    known = {name: color_of(name) for name in ("red", "teal", "blue", "black", "white", "gold")}
    return [
        next((name for name, color in known.items() if np.allclose(own, color)), "model") for own in colors
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("studio photo of a teal speaker, white background", ["teal", "model", "model"]),
        ("a red headset with gold cups in front of a blue wall", ["red", "gold", "gold"]),
        ("red headset, black left cup", ["red", "black", "model"]),
        ("pencil sketch, white background", ["model", "model", "model"]),
        ("white paper, a blue lamp", ["blue", "model", "model"]),
        ("no colour at all", ["model", "model", "model"]),
        ("a red and white radio", ["red", "model", "model"]),
    ],
)
def test_colours_go_to_the_parts_that_the_words_mean(text, expected):
    assert named(text) == expected


def test_parts_of_the_body_s_colour_change_with_it():
    solids = together(sphere(60, fine=16), box(10, at(80, 0, 0)))
    assert main_parts(solids) == [0, 1]


def test_a_phrase_ends_at_the_next_colour_and_at_small_words():
    assert color_phrases("red and blue mug on black table") == [
        ("red", []),
        ("blue", ["mug"]),
        ("black", ["table"]),
    ]


@pytest.mark.parametrize(
    ("text", "metallic", "roughness"),
    [
        ("studio photo of a brushed metal speaker", 1.0, 0.4),
        ("a polished gold watch on a wooden table", 1.0, 0.1),
        ("a matte black mug", 0.0, 0.85),
        ("a chrome kettle, white background", 1.0, 0.06),
    ],
)
def test_words_name_the_surface_of_the_product(text, metallic, roughness):
    assert surface_of(text)[:2] == (metallic, roughness)


def test_words_of_the_background_are_no_surface_of_the_product():
    assert surface_of("a red mug, steel background") is None
    assert surface_of("a red mug") is None


def test_a_metal_has_its_own_colour_unless_a_colour_is_given():
    own = part_colors("a copper speaker", NAMES, SOLIDS)[0]
    assert own == pytest.approx((0.55, 0.24, 0.13))
    assert part_colors("a red metal speaker", NAMES, SOLIDS)[0] == pytest.approx(color_of("red"))
