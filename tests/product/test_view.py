"""A view's rays, projection, sizes and directions agree with the film's camera."""

import numpy as np
import pytest

from animator.frame import Motion
from animator.imaging.geometry import Lens, rotation_zoom_matrix
from animator.product.caster import Caster
from animator.product.passes import points
from animator.product.triangles import Geometry
from animator.product.view import View
from tests.product.shapes import LENS, MIDDLE, look

POSES = {
    "as it is": np.eye(4),
    "orbit": LENS.position_pose(Motion(orbit_x=20, orbit_y=-35)),
    "all at once": LENS.position_pose(
        Motion(translation_x=9, translation_y=-4, translation_z=40, rotation_3d_z=20, orbit_y=12)
    ),
    "zoom off the middle": LENS.pose_of_homography(
        rotation_zoom_matrix(Motion(1.4, 25, center_x=0.3), 256, 192)
    ),
    "mirrored": np.diag([-1.0, 1, 1, 1]),
}


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES)
def test_points_along_a_pixels_ray_project_to_that_pixel_at_their_depth(pose):
    view = View(pose, LENS)
    origin, rays = view.rays()
    for away in (10.0, 500.0):
        pixels, depth = view.project(origin + rays.astype(float) * away)
        y, x = np.mgrid[0:192, 0:256]
        assert np.abs(pixels - np.stack([x, y], -1)).max() < 1e-3
        assert np.allclose(depth, away, rtol=1e-5)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES)
def test_a_plane_on_the_reference_plane_moves_as_the_lens_homography_says(pose):
    far = 4000.0
    corners = np.array([[x, y, LENS.focal] for x in (-far, far) for y in (-far, far)])
    plane = Geometry.flat(corners, np.array([[0, 1, 2], [1, 3, 2]], np.int32))
    seen = points(Caster(plane).cast(View(pose, LENS), samples=1))
    y, x = np.nonzero(np.isfinite(seen[..., 0]))
    assert len(x) > 5000
    source = seen[y, x, :2].astype(float) + np.array(
        [127.5, 95.5]
    )  # on the reference plane a pixel is one unit wide
    moved = np.concatenate([source, np.ones((len(x), 1))], 1) @ LENS.homography(pose).T
    assert np.abs(moved[:, :2] / moved[:, 2:] - np.stack([x, y], -1)).max() < 0.02


def test_subsampled_rays_lie_round_the_middle_of_their_pixel():
    _, whole = look(orbit_y=10).rays()
    _, parts = look(orbit_y=10).rays(3)
    assert parts.shape == (192 * 3, 256 * 3, 3)
    assert np.allclose(parts.reshape(192, 3, 256, 3, 3).mean((1, 3)), whole, atol=1e-5)
    assert np.allclose(parts[1::3, 1::3], whole, atol=1e-5)


def test_another_size_has_the_same_field_of_view():
    view = look(orbit_x=10, translation_z=50)
    places = np.random.default_rng(1).uniform(-60, 60, (50, 3)) + MIDDLE
    pixels, depth = view.project(places)
    larger, same_depth = view.with_size(1024, 768).project(places)
    assert np.allclose((larger + 0.5) / 4, pixels + 0.5)
    assert np.array_equal(depth, same_depth)


def test_points_behind_the_camera_have_no_pixel():
    pixels, depth = look().project(np.array([[0.0, 0, -5], [0, 0, 0], [0, 0, 5]]))
    assert np.isnan(pixels[:2]).all() and np.allclose(pixels[2], (127.5, 95.5))
    assert depth.tolist() == [-5, 0, 5]


def test_directions_are_right_up_and_towards_the_camera_and_zooms_leave_them_alone():
    assert np.allclose(look().axes @ (1, 0, 0), (1, 0, 0))
    assert np.allclose(look().axes @ (0, 1, 0), (0, -1, 0))
    assert np.allclose(look().axes @ (0, 0, 1), (0, 0, -1))
    assert np.allclose(look(zoom=3.0, orbit_y=30).axes, look(orbit_y=30).axes)
    assert np.allclose(View(POSES["mirrored"], LENS).axes @ (1, 0, 0), (-1, 0, 0))
    for pose in POSES.values():
        axes = View(pose, LENS).axes
        assert np.allclose(axes @ axes.T, np.eye(3))


def test_the_eye_is_where_the_pose_puts_the_camera():
    view = look(Lens(64, 64), orbit_y=40, translation_x=5)
    assert np.allclose(view.to_camera(view.eye), 0)
