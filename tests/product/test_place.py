"""Place of the product: size in the frame, and the views of a film."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from animator.frame import Frame, Motion
from animator.product.place import Stance, close_view, film_views, outermost_points, place_geometry
from tests.product.shapes import LENS, box, sphere

BOX = replace(box(2.0, np.array([5.0, 1.0, 3.0])), colors=np.ones((1, 3), np.float32))


def film(*motions: Motion, shot: int = 0) -> list[Frame]:
    return [Frame(index, 0, motion=motion, shot=shot) for index, motion in enumerate(motions, shot)]


def spans(views, geometry) -> np.ndarray:
    """Width and height of the product in each view, as shares of the frame."""
    pixels = [view.project(outermost_points(geometry)[0])[0] for view in views]
    return np.array(
        [
            (one.max(0) - one.min(0)) / (view.width, view.height)
            for one, view in zip(pixels, views, strict=True)
        ]
    )


@pytest.mark.parametrize("fit", [0.3, 0.72, 1.4])
def test_the_product_fills_the_asked_share_of_the_frame_where_it_is_largest(fit):
    views = film_views(film(*[Motion(orbit_y=9.0)] * 40), LENS, Stance(elevation=20))
    assert spans(views, place_geometry(BOX, views, fit)).max() == pytest.approx(fit, abs=0.01)


def test_a_push_in_counts_when_the_size_is_measured():
    views = film_views(film(*[Motion(translation_z=5.0)] * 20), LENS, Stance())
    sizes = spans(views, place_geometry(BOX, views, 0.9)).max(1)
    assert sizes[-1] == pytest.approx(0.9, abs=0.01)
    assert (np.diff(sizes) > 0).all()


def test_orbits_go_round_the_vertical_of_the_product_whatever_the_elevation():
    views = film_views(film(*[Motion(orbit_y=30.0)] * 13), LENS, Stance(elevation=25))
    assert np.allclose(views[0].pose, views[12].pose, atol=1e-9)
    eyes = np.array([view.eye for view in views])
    assert np.ptp(eyes[:, 1]) < 1e-9
    up = np.array([view.pose[:3, :3] @ [0, -1, 0] for view in views])
    assert np.ptp(up, axis=0).max() < 1e-9


def test_an_orbit_to_the_right_shows_the_right_side_as_the_film_s_own_camera_does():
    step = Motion(orbit_y=20.0)
    ours = film_views(film(Motion(), step), LENS, Stance())[1]
    assert np.allclose(ours.pose, LENS.step_pose(step))


def test_every_shot_begins_from_the_stance():
    first, second = film(*[Motion(orbit_y=10.0, zoom=1.01)] * 3), film(*[Motion(orbit_y=10.0)] * 2, shot=3)
    views = film_views([*first, *second], LENS, Stance(azimuth=15))
    assert np.allclose(views[0].pose, views[3].pose)
    assert not np.allclose(views[0].pose, views[4].pose)


def test_the_stance_moves_the_product_s_middle_in_the_frame():
    views = film_views(film(Motion()), LENS, Stance(x=0.7, y=0.4))
    middle = place_geometry(BOX, views, 0.3).bounds.mean(0)
    pixel, _ = views[0].project(middle)
    assert pixel == pytest.approx([0.7 * 256 - 0.5, 0.4 * 192 - 0.5], abs=0.5)


def test_the_outermost_points_of_a_ball_lie_on_it_all_round():
    points, _ = outermost_points(sphere(10.0, np.zeros(3), 32))
    assert np.allclose(np.linalg.norm(points, axis=-1), 10, atol=1e-4)
    assert np.ptp(points, axis=0) == pytest.approx([20, 20, 20], abs=0.1)


@pytest.mark.parametrize("turn", [0, 50, 200])
def test_a_close_view_shows_the_product_large_and_in_the_middle_from_the_same_place(turn):
    view = film_views(film(Motion()), LENS, Stance(azimuth=turn, elevation=20, x=0.7))[0]
    placed = place_geometry(BOX, [view], 0.3)
    close = close_view(view, placed)
    pixels, _ = close.project(outermost_points(placed)[0])
    assert (np.ptp(pixels, axis=0) / (256, 192)).max() == pytest.approx(0.9, abs=1e-6)
    assert (pixels.max(0) + pixels.min(0)) / 2 == pytest.approx([127.5, 95.5], abs=1e-6)
    assert np.allclose(close.eye, view.eye)
