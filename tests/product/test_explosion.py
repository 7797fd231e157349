"""Exploded views: parts move apart along an axis, in their order."""

from __future__ import annotations

import numpy as np
import pytest

from animator.frame import Frame, Motion
from animator.product.explosion import explode, part_shifts
from animator.product.place import Stance, film_views, outermost_points, place_geometry
from tests.product.shapes import LENS, at, box, sphere, together

STACK = together(
    box(20, at(0, 30, 0)), box(20, at(0, 0, 0)), sphere(10, at(0, -30, 0), 12), box(6, at(15, 0.1, 0))
)


def middles(geometry) -> np.ndarray:
    corners = geometry.vertices[geometry.faces]
    own = [corners[geometry.part == part].reshape(-1, 3) for part in range(4)]
    return np.array([(some.min(0) + some.max(0)) / 2 for some in own])


def test_parts_keep_their_order_and_shape_and_lie_farther_apart():
    moved = explode(STACK, 0.6)
    ways = middles(moved) - middles(STACK)
    assert np.abs(ways[:, [0, 2]]).max() < 1e-9
    assert ways[:, 1] == pytest.approx(0.6 * STACK.extent * np.array([0.5, 0, -0.5, 0]))
    assert np.ptp(moved.vertices[moved.faces] - STACK.vertices[STACK.faces], axis=1).max() < 1e-9


def test_an_amount_of_0_changes_nothing():
    assert explode(STACK, 0.0) is STACK


def test_the_axis_chooses_the_direction():
    assert np.flatnonzero(np.abs(part_shifts(STACK, "x")).max(0)).tolist() == [0]
    assert not part_shifts(together(box(5)), "z").any()


def test_the_exploded_product_fits_into_the_frame_too():
    views = film_views([Frame(index, 0, motion=Motion()) for index in range(10)], LENS, Stance())
    apart = part_shifts(STACK, "y")
    placed = place_geometry(STACK, views, 0.9, [apart * index / 9 for index in range(10)])
    points, _ = outermost_points(explode(placed, 1.0))
    pixels, _ = views[9].project(points)
    assert (np.ptp(pixels, axis=0) / (256, 192)).max() == pytest.approx(0.9, abs=0.01)
