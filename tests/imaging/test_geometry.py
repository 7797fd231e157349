"""Camera poses: signs, units, pivot, and agreement with the 2D camera."""

import numpy as np
import pytest

from animator.frame import Motion
from animator.imaging.geometry import Lens, is_3d, matrix, rotation_angles, rotation_pose

LENS = Lens(1000, 600, 40)


def seen(motion, point, lens=LENS):
    """Return the image position of (x, y, z); both are relative to the middle, of reference plane and image."""
    x, y, z, _ = lens.step_pose(motion) @ [point[0], point[1], point[2] + lens.focal, 1]
    return np.array([x, y]) * lens.focal / z


def test_a_pixel_on_the_reference_plane_is_one_pixel_wide():
    assert LENS.focal == pytest.approx(500 / np.tan(np.radians(20)))
    assert seen(Motion(translation_x=10, translation_y=-4), (0, 0, 0)) == pytest.approx([10, -4])
    z = 100
    assert seen(Motion(translation_z=z), (50, 20, 0)) == pytest.approx(
        np.array([50, 20]) * LENS.focal / (LENS.focal - z)
    )


def test_near_points_move_more_than_far_ones():
    near, far = (seen(Motion(translation_x=10), (0, 0, z))[0] for z in (-300, 300))
    assert near > 10 > far


@pytest.mark.parametrize(
    ("name", "point", "way"),
    [
        ("rotation_3d_x", (0, 0, 0), (0, 1)),
        ("rotation_3d_y", (0, 0, 0), (-1, 0)),
        ("rotation_3d_z", (100, 0, 0), (0, -1)),
        ("angle", (100, 0, 0), (0, -1)),
        ("orbit_x", (0, 0, -100), (0, 1)),
        ("orbit_y", (0, 0, -100), (-1, 0)),
        ("orbit_y", (0, 0, 100), (1, 0)),
    ],
)
def test_content_moves_in_the_documented_direction(name, point, way):
    moved = seen(Motion(**{name: 1}), point) - np.array(point[:2])
    assert moved @ way > 0.9 * np.abs(moved).sum() > 0


def test_a_pan_of_a_degree_moves_the_middle_by_a_degree():
    assert seen(Motion(rotation_3d_y=1), (0, 0, 0))[0] == pytest.approx(-LENS.focal * np.tan(np.radians(1)))


@pytest.mark.parametrize("pivot", [0.7, 1.0, 2.0])
def test_an_orbit_leaves_its_pivot_where_it_is(pivot):
    lens = Lens(1000, 600, 40, pivot)
    motion = Motion(orbit_x=20, orbit_y=-35, center_x=0.6, center_y=0.4)
    point = np.array([100 * pivot, -60 * pivot, lens.focal * pivot, 1])
    assert lens.step_pose(motion) @ point == pytest.approx(point)


def test_no_motion_is_exactly_no_motion():
    # Deforum's perspective flip shrinks by 0.12 % and shifts by half a pixel at angles of zero.
    for lens in (LENS, Lens(641, 479, 70)):
        assert lens.step_pose(Motion()) == pytest.approx(np.eye(4), abs=1e-12)
        assert lens.homography(np.eye(4)) == pytest.approx(np.eye(3), abs=1e-12)


def test_2d_motion_settings_keep_their_meaning_in_3d():
    # Deforum's translation_x goes right in its 2D mode and left in its 3D mode.
    flat = Motion(1.1, 12, 5, -3, 0.3, 0.6)
    assert LENS.homography(LENS.step_pose(flat)) == pytest.approx(matrix(flat, 1000, 600))


def test_poses_compose_and_invert():
    a, b = (
        LENS.step_pose(Motion(translation_z=40, orbit_y=5)),
        LENS.step_pose(Motion(zoom=1.1, rotation_3d_x=3)),
    )
    assert np.linalg.inv(b @ a) @ b @ a == pytest.approx(np.eye(4))
    assert LENS.homography(np.linalg.inv(a)) @ LENS.homography(a) != pytest.approx(
        np.eye(3)
    )  # off the reference plane, homographies do not compose


@pytest.mark.parametrize("turn", [(10, -20, 30), (-80, 40, 170), (0, 0, 0), (179, 3, -2)])
def test_angles_are_recovered_from_a_rotation(turn):
    motion = Motion(rotation_3d_x=turn[0], rotation_3d_y=turn[1], rotation_3d_z=turn[2])
    assert rotation_angles(rotation_pose(motion)[:3, :3]) == pytest.approx(turn)


def test_only_3d_motion_settings_need_3d():
    assert not is_3d(Motion(1.1, 12, 5, -3, 0.3, 0.6))
    assert is_3d(Motion(orbit_x=0.1))
