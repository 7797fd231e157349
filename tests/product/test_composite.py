"""Frames of a product film: what each setting changes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from animator.frame import ProductFrame
from animator.product.caster import Caster
from animator.product.composite import Look, Stage
from animator.product.light import Light
from animator.product.passes import part_masks
from animator.product.reflections import Materials, Room, soft_boxes
from animator.product.surface import Surface
from tests.product.shapes import at, box, look, sphere, together

SOLIDS = together(sphere(42, at(-20, 0, 0), fine=32), box(50, at(45, 10, 0)))
FLOOR = float(SOLIDS.bounds[1, 1])
COLORS = np.array([[0.5, 0.05, 0.05], [0.05, 0.1, 0.5]], np.float32)
VIEW = look(orbit_x=15)
PLATE = np.full((192, 256, 3), 0.6, np.float32)
MATT = ProductFrame(gloss=0.0, shadow=0.0)


@pytest.fixture(scope="module")
def stage() -> Stage:
    surface = Surface.of(SOLIDS, 3.0)
    return Stage(surface, Caster(SOLIDS), Materials.plain(2), FLOOR, Light())


@pytest.fixture(scope="module")
def colored(stage) -> Look:
    return Look(COLORS[stage.surface.part], PLATE)


def inside(stage) -> np.ndarray:
    return stage.caster.cast(VIEW, 2).coverage == 1


def test_outside_of_the_product_and_its_shadow_the_background_is_untouched(stage, colored):
    image = stage.frame(VIEW, colored, replace(MATT, lines=0.0))
    outside = stage.caster.cast(VIEW, 2).coverage == 0
    assert (image[outside] == image[0, 0]).all()


def test_a_frame_is_the_same_however_often_it_is_made(stage, colored):
    settings = ProductFrame(lines=0.7, hatching=0.5, reflection=0.4)
    assert np.array_equal(stage.frame(VIEW, colored, settings), stage.frame(VIEW, colored, settings))


def test_without_shade_a_part_is_flat(stage, colored):
    flat = stage.frame(VIEW, colored, replace(MATT, shade=0.0))
    shaded = stage.frame(VIEW, colored, MATT)
    red = part_masks(stage.caster.cast(VIEW, 2), [0])[0] == 255
    assert np.ptp(flat[red], axis=0).max() <= 1
    assert np.ptp(shaded[red][:, 0].astype(int)) > 40


def test_without_colour_the_product_is_as_pale_as_the_paper(stage, colored):
    paper = stage.frame(VIEW, colored, replace(MATT, shade=0.0, color=0.0))
    assert np.abs(paper.astype(int) - paper[0, 0]).max() <= 1


def test_lamps_turned_down_make_it_darker_and_shadows_darken_the_floor(stage, colored):
    bright, dim = (stage.frame(VIEW, colored, replace(MATT, light=light)) for light in (1.0, 0.4))
    assert dim[inside(stage)].mean() < 0.8 * bright[inside(stage)].mean()
    shadow = stage.frame(VIEW, colored, ProductFrame(gloss=0.0, shadow=1.0))
    outside = stage.caster.cast(VIEW, 2).coverage == 0
    assert (shadow[outside] <= bright[outside]).all()
    assert (bright[outside].astype(int) - shadow[outside]).max() > 30


def test_lines_and_hatching_only_darken(stage, colored):
    plain = stage.frame(VIEW, colored, MATT).astype(int)
    for settings in (replace(MATT, lines=1.0), replace(MATT, hatching=1.0)):
        drawn = stage.frame(VIEW, colored, settings).astype(int)
        changed = (drawn != plain).any(-1)
        assert 0.002 < changed.mean() < 0.5
        assert (drawn - plain).max() <= 0


def test_gloss_adds_light_and_metal_mirrors_the_background_in_its_own_colour(stage, colored):
    metal = replace(stage, materials=Materials(np.ones(2, np.float32), np.full(2, 0.1, np.float32)))
    green = replace(colored, plate=PLATE * np.array([0.1, 1.2, 0.1], np.float32))
    settings = replace(MATT, gloss=1.0, light=0.0)
    plastic, mirrored = (
        one.frame(VIEW, green, settings)[inside(stage)].astype(float) for one in (stage, metal)
    )
    assert np.abs(plastic - mirrored).mean() > 5
    shiny = stage.frame(VIEW, colored, replace(MATT, gloss=1.0)).astype(int)
    assert (shiny - stage.frame(VIEW, colored, MATT))[inside(stage)].min() >= -1


def test_a_reflection_lies_in_the_floor_below_the_product(stage, colored):
    plain, wet = (stage.frame(VIEW, colored, replace(MATT, reflection=amount)) for amount in (0.0, 0.8))
    rows = np.flatnonzero((plain != wet).any(-1).any(1))
    lowest = np.flatnonzero(inside(stage).any(1)).max()
    assert rows.max() > lowest
    assert np.array_equal(plain[inside(stage)], wet[inside(stage)])


def test_looks_blend_from_one_to_the_other(stage, colored):
    other = Look(colored.colors[:, ::-1].copy(), PLATE * 0.2)
    assert colored.mixed(other, 0.0) is colored
    assert np.allclose(colored.mixed(other, 1.0).colors, other.colors)
    assert np.allclose(colored.mixed(other, 0.25).plate, 0.6 * (0.75 + 0.25 * 0.2))


def test_soft_boxes_are_sharp_in_polished_and_wide_in_matt_surfaces():
    towards = np.array([[-0.62, 0.62, 0.48], [-0.1, 0.5, 0.86], [-0.8, 0.45, 0.4]], np.float32)
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    polished, matt = (soft_boxes(towards, np.full(3, rough, np.float32)) for rough in (0.05, 0.9))
    assert polished[0] > 2
    assert polished[1] == 0
    assert 0 < matt[1] < matt[0] < polished[0]


def test_a_room_is_sharp_for_polished_and_even_for_matt_surfaces():
    plate = np.zeros((64, 64, 3), np.float32)
    plate[:, 32:] = 1
    room = Room(plate)
    right, left = np.array([[0.7, 0.0, 0.7]], np.float32), np.array([[-0.7, 0.0, 0.7]], np.float32)

    def contrast(rough: float) -> float:
        level = np.full(1, rough, np.float32)
        return float((room.seen(right, level) - room.seen(left, level))[0, 0])

    assert contrast(0.0) > 0.99
    assert contrast(1.0) < 0.6
