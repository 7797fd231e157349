"""Reprojection by depth: true to a ray-cast room, nearest surface first, holes from the far side, sharp."""

import cv2
import numpy as np
import pytest

from animator.frame import Motion
from animator.imaging.depth import harden_edges, nearness_to_disparity
from animator.imaging.depth_warp import DepthView
from animator.imaging.geometry import Lens
from animator.imaging.warp import warp
from tests.imaging.truth import Room, errors

LENS = Lens(250, 190)  # a multiple neither of 64 nor of 8
PLANE, SPHERE = Room(lean=(0.4, -0.3)), Room(1.25, sphere=0.18)
FLAT = np.ones((190, 250), np.float32)


def relief(room, lens=LENS):
    seen = room.look(lens, np.eye(4))
    return DepthView(seen.image, harden_edges(seen.disparity.astype(np.float32), lens.focal), lens)


@pytest.mark.parametrize(
    ("motion", "plane", "sphere"),
    [
        (Motion(translation_x=5), 0.01, 0.03),
        (Motion(translation_z=25), 0.01, 0.04),
        (Motion(rotation_3d_x=3, rotation_3d_y=-4, rotation_3d_z=5), 0.001, 0.001),
        (Motion(orbit_y=5), 0.03, 0.2),
        (Motion(orbit_x=-8, orbit_y=15), 0.15, 1.0),
    ],
)
def test_source_positions_are_those_of_a_ray_cast_room(motion, plane, sphere):
    pose = LENS.step_pose(motion)
    for room, most in ((PLANE, plane), (SPHERE, sphere)):
        x, y, bared, _ = relief(room).source_positions(pose)
        found = errors(room, LENS, pose, x, y)
        assert np.isfinite(found).mean() > 0.6
        assert np.nanmean(found[~bared]) < most


def test_a_reprojected_image_equals_the_ray_cast_view():
    pose = LENS.step_pose(Motion(orbit_y=5))
    for room in (PLANE, SPHERE):
        x, y, bared, _ = relief(room).source_positions(pose)
        visible = np.isfinite(errors(room, LENS, pose, x, y)) & ~bared
        off = np.abs(relief(room).render(pose).astype(int) - room.look(LENS, pose).image)[visible]
        assert off.mean() < 2
        assert np.median(off) <= 1


@pytest.mark.parametrize(
    "motion",
    [
        Motion(orbit_y=8),
        Motion(translation_z=30),
        Motion(translation_z=110),
        Motion(zoom=12),
        Motion(zoom=0.3),
        Motion(1.1, 10, 4),
        Motion(rotation_3d_x=4, translation_x=9),
    ],
)
def test_an_image_of_constant_depth_moves_by_a_homography(motion, textured):
    lens = Lens(96, 80)
    pose = lens.step_pose(motion)
    image = cv2.GaussianBlur(textured, (0, 0), 2)
    off = DepthView(image, FLAT[:80, :96], lens).render(pose).astype(int) - warp(image, lens.homography(pose))
    assert np.abs(off)[8:-8, 8:-8].mean() < 0.25


def test_a_still_camera_returns_the_identical_array(textured):
    lens = Lens(96, 80)
    assert DepthView(textured, FLAT[:80, :96], lens).render(lens.step_pose(Motion())) is textured


def square():
    """Return an image with depth: a red square before a green wall."""
    image = np.full((200, 200, 3), (0, 160, 0), np.uint8)
    image[70:130, 70:130] = (200, 0, 0)
    nearness = np.zeros((200, 200), np.float32)
    nearness[70:130, 70:130] = 1
    lens = Lens(200, 200)
    return DepthView(image, nearness_to_disparity(nearness, lens, 1.0), lens)


@pytest.mark.parametrize("shift", [-20, 20])
def test_the_nearest_surface_wins_and_holes_are_filled_from_the_far_side(shift):
    seen = square().render(LENS_200.step_pose(Motion(translation_x=shift)))
    moved = round(shift / 0.5)  # at half the reference plane's distance
    red = seen[..., 0] > 100
    columns, rows = np.flatnonzero(red[100]), np.flatnonzero(red[:, 100 + moved])
    for found, start in ((columns, 70 + moved), (rows, 70)):
        # the square is neither torn nor stretched into the hole
        assert len(found) == found[-1] - found[0] + 1
        assert found[0] == pytest.approx(start, abs=2)
        assert len(found) == pytest.approx(60, abs=5)
    assert (
        np.abs(
            seen[~cv2.dilate(red.astype(np.uint8), np.ones((5, 5))).astype(bool)].astype(int) - (0, 160, 0)
        )
        <= 2
    ).all()


LENS_200 = Lens(200, 200)


def test_a_surface_that_comes_nearer_has_no_cracks():
    seen = square().render(LENS_200.step_pose(Motion(translation_z=60)))
    red = np.flatnonzero(seen[100, :, 0] > 100)
    assert len(red) == red[-1] - red[0] + 1 > 75


def test_a_motion_and_its_inverse_return_to_the_start():
    pose = LENS.step_pose(Motion(orbit_y=4, translation_z=8, translation_x=3))
    first = relief(SPHERE)
    there = DepthView(first.render(pose), first.source_positions(pose)[3], LENS)
    off = np.abs(there.render(np.linalg.inv(pose)).astype(int) - first.image)[25:-25, 25:-25]
    assert np.median(off) <= 2
    assert off.mean() < 4


def test_an_image_is_as_sharp_after_24_small_motions_as_after_one_cubic_warp(textured):
    lens = Lens(96, 80)
    whole = np.linalg.matrix_power(lens.step_pose(Motion(translation_z=0.4, rotation_3d_y=0.03)), 24)
    direct = cv2.warpPerspective(textured, lens.homography(whole), (96, 80), flags=cv2.INTER_CUBIC)

    def sharpness(image):
        return cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F)[12:-12, 12:-12].var()

    assert sharpness(DepthView(textured, FLAT[:80, :96], lens).render(whole)) > 0.9 * sharpness(direct)
    assert sharpness(warp(textured, lens.homography(whole))) > 0.9 * sharpness(direct)


@pytest.mark.parametrize("pose", [Motion(translation_z=230), Motion(orbit_y=170), Motion(rotation_3d_y=95)])
def test_a_camera_that_moved_past_all_surfaces_still_returns_an_image(pose):
    seen = square().render(LENS_200.step_pose(pose))
    assert seen.shape == (200, 200, 3)


def test_soft_edges_of_a_depth_map_become_hard():
    soft = cv2.GaussianBlur(square().disparity, (0, 0), 1)
    levels = np.unique(np.round(harden_edges(soft, 275.0), 1))
    assert levels == pytest.approx([0.7, 2.0])
