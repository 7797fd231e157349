"""Texels on the surface: where they lie, and what a view looks up."""

from __future__ import annotations

import numpy as np
import pytest

from animator.product.caster import Caster
from animator.product.passes import points as hit_points
from animator.product.surface import MOST_TEXELS, Surface
from tests.product.shapes import at, box, look, sphere, together, torus

SOLIDS = together(sphere(40, fine=24), torus(60, 12, fine=24), box(30, at(50, 40, -20)))


@pytest.mark.parametrize("size", [1.0, 4.0, 50.0])
def test_a_linear_function_of_the_place_is_looked_up_exactly(size):
    surface, hits = Surface.of(SOLIDS, size), Caster(SOLIDS).cast(look(orbit_x=20, orbit_y=30), 2)
    values = surface.points() @ np.array([[1.0, 0.2], [-0.5, 0.3], [0.25, -1.0]], np.float32) + 7
    exact = hits.points_of(hits.found) @ np.array([[1.0, 0.2], [-0.5, 0.3], [0.25, -1.0]], np.float32) + 7
    assert np.abs(surface.at(hits, values) - exact).max() < 0.02


def test_texels_lie_no_farther_apart_than_asked():
    flat = box(64)
    surface = Surface.of(flat, 4.0)
    points = surface.points()[surface.triangle == 0]
    nearest = np.sort(np.linalg.norm(points[:, None] - points[None], axis=-1), axis=1)[:, 1]
    assert nearest.max() <= 4.0


def test_a_huge_surface_gets_a_coarser_grid_instead_of_more_memory():
    assert len(Surface.of(together(*[box(500)] * 40), 0.5)) <= MOST_TEXELS


def test_weights_are_shares_of_three_texels_of_the_hit_s_own_triangle():
    surface, hits = Surface.of(SOLIDS, 3.0), Caster(SOLIDS).cast(look(orbit_y=200), 1)
    texels, weights = surface.places(hits)
    assert weights.min() >= 0
    assert weights.sum(-1) == pytest.approx(1)
    assert (surface.triangle[texels] == hits.triangle.ravel()[hits.found][:, None]).all()


def test_normals_of_texels_are_the_ball_s():
    ball = sphere(40, fine=48)
    surface = Surface.of(ball, 8.0)
    outward = (surface.points() - at(0, 0, 0)) / 40
    assert np.einsum("ni,ni->n", surface.normals(), outward).min() > 0.999


def test_parts_keep_their_own_texels_at_a_border():
    surface, hits = Surface.of(SOLIDS, 3.0), Caster(SOLIDS).cast(look(), 2)
    own = np.eye(3, dtype=np.float32)[surface.part]
    seen = surface.at(hits, own)
    assert (seen.argmax(-1) == hits.parts).all()
    assert np.isfinite(hit_points(hits)[hits.coverage > 0]).all()
