"""Light and shadows on the product and its floor, and the clay model that they make."""

import numpy as np
import pytest

from animator.product.caster import Caster
from animator.product.clay import BACKGROUND, clay, to_srgb
from animator.product.light import Light, floor_shadow, shade
from animator.product.passes import mask
from animator.product.triangles import Geometry
from tests.product.shapes import at, box, look, sphere, together

FLOOR = 60.0  # below a ball of this radius
HIGH = look(orbit_x=25)


@pytest.fixture(scope="module")
def ball():
    return Caster(sphere(60))


def test_the_key_light_comes_from_the_upper_left(ball):
    lit = shade(ball.cast(look()))
    assert lit[70, 105] > 0.85
    assert lit[70, 105] > lit[96, 128] > lit[122, 150] > 0.1
    assert not lit[mask(ball.cast(look())) == 0].any()


def test_a_surface_that_faces_the_key_light_has_the_factor_one():
    assert shade(Caster(sphere(60)).cast(look())).max() == pytest.approx(1, abs=0.06)


def test_light_turns_with_the_camera_or_stands_still(ball):
    first, second = ball.cast(look()), ball.cast(look(orbit_y=60))
    assert np.allclose(shade(first, Light(turns=True)), shade(second, Light(turns=True)), atol=0.06)
    still = Light(turns=False)
    assert np.allclose(shade(first, still), shade(first, Light(turns=True)), atol=1e-4)
    assert (
        shade(second, still)[96, 90] < shade(first, still)[96, 90] - 0.15
    )  # the light stays behind, on the left


def test_the_lights_height_does_not_depend_on_the_cameras_tilt_and_roll():
    light = Light()
    level = light.towards(look(), light.key_from)
    for view in (look(orbit_x=40), look(rotation_3d_z=50), look(zoom=2.0), look(orbit_x=89.99)):
        assert np.allclose(light.towards(view, light.key_from), level, atol=1e-3)
    turned = light.towards(look(orbit_y=70, orbit_x=30), light.key_from)
    assert turned[1] == pytest.approx(level[1])
    above = look(orbit_x=90)
    assert np.allclose(light.towards(above, light.key_from), level, atol=1e-3)


def test_the_product_casts_a_soft_shadow_on_itself():
    table = box(400, at(0, 260, 0))
    caster = Caster(together(sphere(40), table))
    hits = caster.cast(HIGH)
    open_, shadowed = shade(hits), shade(hits, caster=caster)
    lost = open_ - shadowed
    assert lost.max() > 0.4 and lost.min() > -0.01
    table_lost = lost[hits.coverage == 1]
    assert len(np.unique(np.round(table_lost, 2))) > 20  # a penumbra, not a hard edge


def test_a_convex_product_has_no_shadow_on_itself(ball):
    hits = ball.cast(HIGH)
    coarse = Caster(sphere(60, fine=12))
    for caster in (ball, coarse):
        hits = caster.cast(HIGH)
        whole = mask(hits) == 255
        assert np.abs(shade(hits, caster=caster) - shade(hits))[whole].max() < 0.06


def test_the_floors_shadow_touches_the_product_and_falls_away_from_the_light(ball):
    dark = floor_shadow(ball, HIGH, FLOOR)
    assert dark.shape == (192, 256) and dark.dtype == np.float32
    assert dark.min() >= 0 and dark.max() <= 1
    foot, _ = HIGH.project(at(0, FLOOR, 0))
    x, y = np.rint(foot).astype(int)
    assert dark[y, x] > 0.8
    assert dark[y, x + 45] > dark[y, x - 45] + 0.1
    assert not dark[0].any() and dark[-1].max() < 0.15
    assert len(np.unique(np.round(dark, 2))) > 30


def test_a_lifted_product_has_a_paler_wider_shadow(ball):
    near, far = floor_shadow(ball, HIGH, FLOOR), floor_shadow(ball, HIGH, FLOOR + 30)
    assert near.max() > far.max()


def test_there_is_no_shadow_without_a_floor_or_from_below(ball):
    assert not floor_shadow(ball, HIGH, None).any()
    assert not floor_shadow(ball, look(orbit_x=-40), FLOOR).any()
    empty = Caster(Geometry.flat(np.zeros((0, 3)), np.zeros((0, 3), np.int32)))
    assert not floor_shadow(empty, HIGH, FLOOR).any()


def test_the_shadow_is_alike_at_every_size(ball):
    small = floor_shadow(ball, HIGH, FLOOR)
    large = floor_shadow(ball, HIGH.with_size(1024, 768), FLOOR)
    shrunk = large.reshape(192, 4, 256, 4).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 0.01


def test_light_and_shadow_always_repeat(ball):
    hits = ball.cast(HIGH)
    assert np.array_equal(shade(hits, caster=ball), shade(hits, caster=Caster(ball.geometry)))
    assert np.array_equal(floor_shadow(ball, HIGH, FLOOR), floor_shadow(ball, HIGH, FLOOR))


def test_clay_shows_the_parts_colours_in_light_over_a_plain_background():
    red, blue = sphere(40, at(-45, 0, 0)), sphere(40, at(45, 0, 0))
    both = together(red, blue)
    colored = Geometry(
        both.vertices, both.faces, both.normals, both.part, np.array([[0.5, 0, 0], [0, 0, 0.5]], np.float32)
    )
    caster = Caster(colored)
    image = clay(caster.cast(look()), caster, floor=40)
    assert image.dtype == np.uint8 and image.shape == (192, 256, 3)
    left, right = image[85, 75], image[85, 160]
    assert left[0] > 120 and left[2] < 40 and right[2] > 120 and right[0] < 40
    assert np.array_equal(image[0, 0], to_srgb(np.array(BACKGROUND, np.float32)))


def test_edges_of_clay_are_mixed_in_linear_light():
    white = box(100)
    plain = Geometry(white.vertices, white.faces, white.normals, white.part, np.zeros((1, 3), np.float32))
    hits = Caster(plain).cast(look(orbit_y=10))
    image, cover = clay(hits, background=(1, 1, 1)), mask(hits)
    assert (image[cover == 255] == 0).all() and (image[cover == 0] == 255).all()
    assert (image[cover == 128] == 188).all()  # half of the light


def test_an_empty_view_is_the_background():
    caster = Caster(box(20))
    image = clay(caster.cast(look(translation_x=5000)), caster)
    assert (image == to_srgb(np.array(BACKGROUND, np.float32))).all()


def test_srgb_is_exact_to_about_one_level():
    light = np.linspace(0, 1, 999, dtype=np.float32)
    truth = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clip(1e-9) ** (1 / 2.4) - 0.055) * 255
    assert np.abs(to_srgb(light) - truth).max() < 1.3
    assert to_srgb(np.array([-1.0, 2.0], np.float32)).tolist() == [0, 255]
