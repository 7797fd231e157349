"""Hints follow the conventions of the ControlNets that read them."""

import numpy as np
import pytest

from animator.product import hints
from animator.product.caster import Caster
from animator.product.passes import mask, normals
from tests.product.shapes import at, box, look, sphere, together

KINDS = (hints.hint_image, hints.normal_hint, hints.depth_hint, hints.lineart_hint, hints.mask_hint)


@pytest.fixture(scope="module")
def ball():
    return Caster(sphere(60)).cast(look())


@pytest.fixture(scope="module")
def cube():
    return Caster(box(70)).cast(look(orbit_x=25, orbit_y=35))


@pytest.mark.parametrize("draw", KINDS)
def test_every_hint_is_an_image_also_without_the_product(draw, ball):
    away = Caster(box(20)).cast(look(translation_x=5000))
    for hits in (ball, away):
        assert draw(hits).shape == (192, 256, 3) and draw(hits).dtype == np.uint8
    background = (128, 128, 255) if draw is hints.normal_hint else (0, 0, 0)
    assert (draw(away) == background).all()


def test_the_shape_hint_has_red_right_green_up_blue_towards_the_camera(ball):
    shown = hints.hint_image(ball).astype(int)
    assert np.abs(shown[96, 128] - (128, 128, 255)).max() < 4
    assert shown[96, 170, 0] > 190 and shown[96, 86, 0] < 65
    assert shown[60, 128, 1] > 180 and shown[132, 128, 1] < 75
    assert not shown[mask(ball) == 0].any()


def test_the_shape_hint_has_black_lines_along_creases_and_silhouettes(cube):
    shown = hints.hint_image(cube)
    clean = (normals(cube) + 1) * 127.5
    inside = mask(cube) == 255
    drawn = hints.lineart_hint(cube)[..., 0]
    assert not shown[drawn == 255].any() and (drawn[inside] == 255).any()
    calm = inside & (drawn == 0)
    assert np.abs(shown[calm] - clean[calm]).max() < 1


def test_lines_of_hints_grow_with_the_image():
    view = look(orbit_x=25, orbit_y=35)
    caster = Caster(box(70))
    small = hints.lineart_hint(caster.cast(view))[..., 0].mean()
    large = hints.lineart_hint(caster.cast(view.with_size(1024, 768)))[..., 0].mean()
    assert large == pytest.approx(small, rel=0.12)


def test_the_published_normal_hint_has_red_left_and_a_wall_behind(ball):
    shown = hints.normal_hint(ball).astype(int)
    assert shown[96, 86, 0] > 190 and shown[96, 170, 0] < 65
    assert shown[60, 128, 1] > 180
    assert (shown[0, 0] == (128, 128, 255)).all()


def test_depth_is_white_near_and_black_behind():
    hits = Caster(together(box(40, at(-40, 0, -40)), box(40, at(40, 0, 40)))).cast(look())
    level = hints.depth_hint(hits)[..., 0].astype(int)
    near, far = level[96, 70], level[96, 165]
    assert near > far + 50 and far > 20 and level[0, 0] == 0
    flat = hints.depth_hint(hits, span=(100.0, 1000.0))[..., 0]
    assert flat.max() < 255
