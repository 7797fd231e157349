"""Paint on the surface: known colours come back, mistakes do not stay."""

from __future__ import annotations

import numpy as np
import pytest

from animator.imaging.color import srgb_to_linear
from animator.product.caster import Caster
from animator.product.clay import to_srgb
from animator.product.light import Light, measure_light
from animator.product.paint import (
    KeyView,
    Paint,
    bounded_colors,
    from_log,
    gather,
    part_medians,
    read_key,
    to_log,
)
from animator.product.surface import Surface
from tests.product.shapes import at, box, look, sphere, together

BALL, CUBE = np.array([0.5, 0.08, 0.06], np.float32), np.array([0.05, 0.2, 0.4], np.float32)
SOLIDS = together(sphere(42, at(-20, 0, 0), fine=48), box(50, at(45, 10, 0)))
COLORS = np.stack([BALL, CUBE])
SURFACE, CASTER = Surface.of(SOLIDS, 2.0), Caster(SOLIDS)
KEYS = [KeyView(SURFACE, CASTER, look(orbit_y=turn, orbit_x=15)) for turn in range(0, 360, 60)]
BACKDROP = np.full((192, 256, 3), 225, np.uint8)


def light_of(key: KeyView) -> np.ndarray:
    return measure_light(key.hits, Light(), CASTER).over(key.hits)[..., 0] / np.maximum(
        key.hits.coverage, 1e-6
    )


def painting(key: KeyView, colors=COLORS) -> np.ndarray:
    """A faultless painting of the key: the parts' colours in its light, before the backdrop."""
    lit = measure_light(key.hits, Light(), CASTER).over(key.hits, colors)
    return to_srgb(lit + srgb_to_linear(BACKDROP / 255.0) * (1 - key.hits.coverage)[..., None])


def read(key: KeyView, image: np.ndarray):
    return read_key(key, image, light_of(key), BACKDROP, COLORS)


def off(paint: Paint) -> np.ndarray:
    """Distance of each known texel from its part's colour, as a ratio."""
    truth = to_log(COLORS)[SURFACE.part]
    return np.abs(paint.log - truth).max(-1)[paint.known > 0.05]


def test_faultless_paintings_give_back_the_colours_without_their_light():
    paint = gather(SURFACE, [read(key, painting(key)) for key in KEYS], COLORS)
    assert (paint.known > 0.05).mean() > 0.65
    assert np.median(off(paint)) < 0.02
    assert np.percentile(off(paint), 98) < 0.15


def test_one_mistaken_painting_leaves_no_trace_where_others_see_the_surface():
    images = [painting(key) for key in KEYS]
    images[2] = painting(KEYS[2], np.array([[0.05, 0.5, 0.1]] * 2, np.float32))
    paint = gather(SURFACE, [read(key, image) for key, image in zip(KEYS, images, strict=True)], COLORS)
    assert np.percentile(off(paint), 80) < 0.1


def test_background_that_is_painted_into_the_product_is_refused():
    key, image = KEYS[0], painting(KEYS[0])
    image[80:120, 60:100] = 225
    weight = read(key, image).weight
    pixels = key.pixels
    hole = (np.abs(pixels - [80, 100]) < 14).all(-1) & (key.quality > 0.5)
    assert hole.sum() > 50
    paint = gather(SURFACE, [read(key, image)], COLORS)
    assert np.abs(paint.log - to_log(COLORS)[SURFACE.part]).max(-1)[hole].max() < 0.3
    assert weight[hole].max() < 0.7


def test_a_part_painted_in_another_part_s_colour_is_refused():
    key = KEYS[0]
    swapped = painting(key, np.stack([BALL, BALL]))
    paint = gather(SURFACE, [read(key, swapped)], COLORS)
    cube = SURFACE.part == 1
    assert np.abs(paint.log - to_log(CUBE)).max(-1)[cube].max() < 0.05


def test_surface_that_no_key_sees_has_its_part_s_colour():
    paint = gather(SURFACE, [read(KEYS[0], painting(KEYS[0]))], COLORS)
    unseen = (paint.known == 0) & (SURFACE.part == 0)
    assert unseen.any()
    assert np.abs(paint.log[unseen] - to_log(BALL)).max() < 0.1


def test_the_bound_holds_paint_near_its_part_and_infinite_bounds_leave_it_alone():
    random = np.random.default_rng(1)
    log = (to_log(COLORS)[SURFACE.part] + random.normal(0, 0.12, (len(SURFACE), 3))).astype(np.float32)
    paint = Paint(log, np.ones(len(SURFACE), np.float32))
    kinds = np.array([0, 1])
    middles = part_medians(SURFACE, log, paint.known, COLORS)[SURFACE.part]
    held = to_log(bounded_colors(SURFACE, paint, COLORS, kinds, bound=0.1))
    assert np.linalg.norm(held - middles, axis=-1).max() < 0.11
    free = to_log(bounded_colors(SURFACE, paint, COLORS, kinds, bound=1e6))
    assert np.abs(free - log).max() < 0.02


def test_parts_of_one_kind_share_their_colour_and_material_pulls_to_the_model():
    log = to_log(COLORS)[SURFACE.part]
    paint = Paint(log, np.ones(len(SURFACE), np.float32))
    alike = bounded_colors(SURFACE, paint, COLORS, np.array([0, 0]), bound=0.0)
    assert np.ptp(alike, axis=0).max() < 1e-6
    model = np.array([[0.3, 0.3, 0.3], [0.6, 0.6, 0.6]], np.float32)
    own = bounded_colors(SURFACE, paint, model, np.array([0, 1]), bound=0.0, material=1.0)
    assert own[SURFACE.part == 1] == pytest.approx(0.6, abs=1e-5)


def test_logarithms_of_light_are_exact_down_to_black():
    light = np.array([0.0, 0.001, 0.2, 1.0, 3.0], np.float32)
    assert from_log(to_log(light)) == pytest.approx(light, abs=1e-6)


def test_parts_thinner_than_a_cell_of_the_latents_keep_the_colour_of_the_model():
    thin = together(sphere(42, at(-20, 0, 0), fine=32), box(4, at(45, 10, 0)))
    surface, caster = Surface.of(thin, 2.0), Caster(thin)
    key = KeyView(surface, caster, look())
    lit = measure_light(key.hits, Light(), caster).over(key.hits, np.stack([BALL, BALL]))
    image = to_srgb(lit + srgb_to_linear(BACKDROP / 255.0) * (1 - key.hits.coverage)[..., None])
    light = measure_light(key.hits, Light(), caster).over(key.hits)[..., 0] / np.maximum(
        key.hits.coverage, 1e-6
    )
    paint = gather(surface, [read_key(key, image, light, BACKDROP, COLORS)], COLORS)
    assert np.abs(paint.log - to_log(CUBE))[surface.part == 1].max() < 0.02
