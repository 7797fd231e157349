"""Masks, depth, normals, points and motion of analytic solids."""

import pickle
import sys

import cv2
import numpy as np
import pytest

from animator.errors import ProgramError
from animator.product import passes
from animator.product.caster import Caster
from animator.product.triangles import Geometry
from animator.product.view import View
from tests.product.shapes import (
    LENS,
    MIDDLE,
    at,
    box,
    box_corners,
    look,
    sphere,
    sphere_depths,
    together,
    torus,
)


def cast(geometry, view, samples=2):
    return Caster(geometry).cast(view, samples)


@pytest.fixture(scope="module")
def ball():
    return Caster(sphere(60))


VIEWS = {
    "ahead": look(),
    "orbit": look(orbit_x=25, orbit_y=40),
    "near and to the side": look(translation_z=150, translation_x=30, rotation_3d_z=30),
    "zoom": look(zoom=1.3),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_spheres_depth_is_right_to_a_thousandth_of_its_extent(ball, view):
    hits, truth = ball.cast(view), sphere_depths(view, 60, 2)
    both = np.isfinite(hits.depth) & np.isfinite(truth)
    assert (np.isfinite(hits.depth) != np.isfinite(truth)).mean() < 1e-3
    inner = cv2.erode(both.astype(np.uint8), np.ones((5, 5))) > 0
    assert inner.sum() > 10_000
    assert np.abs(hits.depth[inner] - truth[inner]).max() < 1e-3 * ball.geometry.extent
    nearest = truth.reshape(192, 2, 256, 2).min((1, 3))
    whole = cv2.erode((passes.mask(hits) == 255).astype(np.uint8), np.ones((5, 5))) > 0
    assert np.abs(passes.depth(hits)[whole] - nearest[whole]).max() < 1e-3 * ball.geometry.extent


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_spheres_normals_are_right_to_a_degree(ball, view):
    hits = ball.cast(view)
    middle, known = passes.points(ball.cast(view, 1)), passes.mask(hits) == 255
    inner = cv2.erode(known.astype(np.uint8), np.ones((7, 7))) > 0
    truth = (middle[inner] - MIDDLE) / 60 @ view.axes.T
    found = passes.normals(hits)[inner]
    assert np.allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
    off = np.degrees(np.arccos(np.clip((found * truth).sum(-1) / np.linalg.norm(truth, axis=-1), -1, 1)))
    assert off.max() < 1


def test_a_spheres_normals_point_right_up_and_towards_the_camera(ball):
    found = passes.normals(ball.cast(look()))
    assert found[96, 170, 0] > 0.5 and found[96, 86, 0] < -0.5
    assert found[60, 128, 1] > 0.4 and found[132, 128, 1] < -0.4
    assert found[96, 128, 2] > 0.99
    assert not found[0].any()
    shown = passes.normals_to_rgb(found)
    assert shown.dtype == np.uint8 and (shown[96, 128] >= (124, 124, 254)).all() and not shown[0].any()


def test_a_torus_is_hit_on_its_surface_with_its_normals():
    view = look(orbit_x=35, orbit_y=20)
    hits = cast(torus(55, 18), view)
    place = hits.points_of(hits.found) - MIDDLE
    ring = np.linalg.norm(place[:, :2], axis=1)
    off = np.hypot(ring - 55, place[:, 2]) - 18
    assert np.abs(off).max() < 1e-3 * hits.geometry.extent
    core = np.concatenate([place[:, :2] / ring[:, None] * 55, np.zeros((len(place), 1))], 1)
    cosine = ((place - core) * hits.normals).sum(1) / np.linalg.norm(place - core, axis=1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 1
    towards = hits.view.eye - MIDDLE - place
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    assert ((place - core) * towards).sum(1).min() > -0.02 * 18  # the side that faces the camera


def test_coverage_has_the_area_of_the_outline():
    area = passes.mask(cast(sphere(60), look())).sum() / 255
    radius = LENS.focal * np.tan(np.arcsin(60 / LENS.focal))
    assert area == pytest.approx(np.pi * radius**2, rel=0.005)
    view = look(orbit_x=30, orbit_y=35, translation_x=7)
    corners, _ = view.project(box_corners(70))
    truth = cv2.contourArea(cv2.convexHull(corners.astype(np.float32)))
    assert passes.mask(cast(box(70), view)).sum() / 255 == pytest.approx(truth, rel=0.005)


def test_edges_are_antialiased():
    levels = np.unique(passes.mask(cast(sphere(60), look())))
    assert levels.tolist() == [0, 64, 128, 191, 255]


def test_parts_have_masks_of_their_own_that_add_up_to_the_product():
    hits = cast(together(box(60, at(-20, 0, 0)), sphere(30, at(40, 0, -20))), look(orbit_y=10))
    both = passes.part_masks(hits)
    assert both.shape == (2, 192, 256) and both[0].any() and both[1].any()
    assert np.abs(both.sum(0, dtype=int) - passes.mask(hits)).max() <= 1
    assert np.array_equal(passes.part_masks(hits, [1]), both[1:])


def test_levels_of_depth_do_not_change_while_the_camera_orbits_the_product():
    geometry = box(70)
    ranges = [passes.depth_range(geometry, look(orbit_y=angle)) for angle in (0, 30, 77)]
    assert np.allclose(ranges, ranges[0])
    near, far = ranges[0]
    depths = passes.depth(cast(geometry, look(orbit_y=30)))
    levels = passes.depth_levels(depths, near, far)
    seen = np.isfinite(depths)
    assert near < depths.min() and depths[seen].max() < far
    assert (levels[seen] > 0).all() and not levels[~seen].any()
    assert levels[seen][depths[seen].argmin()] == levels.max()
    assert passes.depth_levels(np.array([[near, far, np.inf]]), near, far).tolist() == [[65535, 1, 0]]


def test_points_lie_in_the_middle_of_their_pixels_on_the_surface():
    view = look(orbit_x=30, orbit_y=35)
    hits = cast(box(70), view)
    found = passes.points(hits)
    pixels, _ = view.project(found)
    y, x = np.mgrid[0:192, 0:256]
    off = np.hypot(pixels[..., 0] - x, pixels[..., 1] - y)
    assert np.nanmax(off) < 0.75
    whole = cv2.erode((passes.mask(hits) == 255).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.median(off[whole]) < 0.01
    assert np.array_equal(np.isnan(found[..., 0]), passes.mask(hits) == 0)


def test_motion_is_exact_to_a_twentieth_of_a_pixel(ball):
    first, second = look(orbit_y=10), look(orbit_y=14, orbit_x=3, zoom=1.05)
    flow, known = passes.motion(ball.cast(first), second)
    origin, rays = first.rays()
    places = origin + rays.astype(float) * sphere_depths(first, 60, 1)[..., None]
    with np.errstate(invalid="ignore"):
        target, _ = second.project(places)
    y, x = np.mgrid[0:192, 0:256]
    whole = cv2.erode((passes.mask(ball.cast(first)) == 255).astype(np.uint8), np.ones((5, 5))) > 0
    off = np.linalg.norm(target - np.stack([x, y], -1) - flow, axis=-1)
    assert off[whole].max() < 0.05
    assert np.array_equal(known, passes.mask(ball.cast(first)) > 0)
    assert not flow[~known].any()
    assert np.abs(flow[whole]).max() > 2


def test_a_surface_that_gets_behind_the_camera_has_no_known_motion(ball):
    _, known = passes.motion(ball.cast(look()), look(translation_z=LENS.focal + 80))
    assert not known.any()


def test_a_mirrored_pose_mirrors_mask_and_normals():
    geometry = together(box(60, at(-20, 0, 0)), sphere(30, at(40, 0, -20)))
    view = look(orbit_x=20, orbit_y=10)
    mirrored = View(np.diag([-1.0, 1, 1, 1]) @ view.pose, LENS)
    plain, turned = cast(geometry, view), cast(geometry, mirrored)
    assert np.abs(passes.mask(plain)[:, ::-1].astype(int) - passes.mask(turned)).mean() < 0.1
    off = passes.normals(plain)[:, ::-1] * (-1, 1, 1) - passes.normals(turned)
    assert np.percentile(np.abs(off), 99.5) < 0.02


def test_a_zoom_enlarges_the_image_and_leaves_depth_and_normals():
    plain, zoomed = cast(sphere(40), look(translation_x=0)), cast(sphere(40), look(zoom=1.5))
    area = passes.mask(zoomed).sum() / passes.mask(plain).sum()
    assert area == pytest.approx(2.25, rel=0.005)
    assert passes.depth(zoomed).min() == pytest.approx(passes.depth(plain).min(), rel=1e-4)
    assert np.allclose(passes.normals(zoomed)[96, 128 + 30], passes.normals(plain)[96, 128 + 20], atol=0.02)


def test_inside_out_faces_have_the_normals_of_the_side_that_is_seen():
    right = box(70)
    wrong = Geometry(right.vertices, right.faces[:, ::-1].copy(), right.normals, right.part, right.colors)
    against = Geometry(right.vertices, right.faces, -right.normals, right.part, right.colors)
    view = look(orbit_x=20, orbit_y=30)
    expected = passes.normals(cast(right, view))
    assert np.allclose(passes.normals(cast(wrong, view)), expected, atol=1e-4)
    assert np.allclose(passes.normals(cast(against, view)), expected, atol=1e-4)


def test_faces_without_an_area_and_corners_without_a_normal_change_nothing():
    good = box(70)
    faces = np.concatenate([good.faces, [[0, 0, 0], [1, 5, 1], [0, 7, 7]]]).astype(np.int32)
    normals = np.concatenate([good.normals, np.full((3, 3, 3), np.nan, np.float32)])
    normals[:2] = 0
    spoilt = Geometry(good.vertices, faces, normals, np.zeros(len(faces), np.int32), good.colors)
    view = look(orbit_x=20, orbit_y=30)
    plain, hits = cast(good, view), cast(spoilt, view)
    assert np.array_equal(passes.mask(hits), passes.mask(plain))
    assert np.allclose(passes.normals(hits), passes.normals(plain), atol=1e-5)


EMPTY = {
    "behind the camera": (box(20), look(translation_z=2 * LENS.focal)),
    "outside the image": (box(20), look(translation_x=4000)),
    "no faces": (Geometry.flat(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), look()),
}


@pytest.mark.parametrize(("geometry", "view"), EMPTY.values(), ids=EMPTY)
def test_a_view_without_the_product_has_empty_passes(geometry, view):
    hits = cast(geometry, view)
    assert not passes.mask(hits).any() and not passes.part_masks(hits).any()
    assert np.isinf(passes.depth(hits)).all()
    assert not passes.normals(hits).any()
    assert np.isnan(passes.points(hits)).all()
    assert not passes.motion(hits, view)[1].any()


def test_a_camera_inside_the_product_sees_its_inner_side():
    hits = cast(box(4 * LENS.focal, np.zeros(3)), look())
    assert (passes.mask(hits) == 255).all()
    assert np.allclose(passes.normals(hits)[96, 128], (0, 0, 1), atol=1e-4)


def test_points_are_visible_where_nothing_hides_them():
    geometry = together(box(60), sphere(20, at(0, 0, -80)))
    caster, view = Caster(geometry), look()
    places = MIDDLE + np.array(
        [[0, 0, -100], [0, 0, -30], [25, 25, -30], [25, 25, 30], [0, 0, -900], [900, 0, 0]]
    )
    assert caster.visible(places, view).tolist() == [True, False, True, False, False, False]
    hits = caster.cast(view, 1)
    assert caster.visible(hits.points_of(hits.found), view).mean() > 0.999


def test_geometry_and_views_reach_another_process_and_give_equal_hits():
    geometry, view = sphere(40, fine=24), look(orbit_y=5)
    here = cast(geometry, view)
    there = cast(*pickle.loads(pickle.dumps((geometry, View(view.pose, view.lens)))))
    assert np.array_equal(here.triangle, there.triangle) and np.array_equal(here.depth, there.depth)
    copied = pickle.loads(pickle.dumps(here))
    assert np.array_equal(passes.normals(copied), passes.normals(here))


def test_a_missing_ray_caster_is_told_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    with pytest.raises(
        ProgramError, match=r"^a product needs embreex, .* pip install 'animator\[product3d\]'$"
    ):
        Caster(box(10))
