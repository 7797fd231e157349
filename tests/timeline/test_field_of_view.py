"""The field of view as a curve: dolly zooms, its place in the frame table and in fingerprints."""

import cv2
import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.frame import Motion
from animator.imaging.geometry import Lens, rotation_pose, translation_pose
from animator.render import pipeline
from animator.render.camera import make_camera
from animator.render.painter import FlatPainter
from animator.runs.metadata import frame_table
from animator.runs.repaint import FrameFingerprints
from animator.scene.resolve import to_yaml
from animator.timeline.motion import describe_motion
from tests.films import texture

HEAD = "video: {frames: 25, fps: 12, size: 96x80%s}\n"

# The camera comes 2 pixels nearer per frame, from 132; the lens widens so that a plane there keeps its size.
DOLLY_ZOOM = "motion: {translation_z: 2, fov: 2*arctan(48/(132 - 2*t))*180/pi%s}\n"


def film(text, head=HEAD % ""):
    scene = loads(head + text)
    return scene, timeline(scene)


def pinhole(point, motion, before, after):
    """Return the pixel of a point (x, y, z in pixels before the lens `before`) after a rigid motion, in `after`."""
    x, y, z, _ = rotation_pose(motion) @ translation_pose(motion) @ [*point, 1]
    focal = 48 / np.tan(np.radians(after) / 2)
    return np.array([47.5 + focal * x / z, 39.5 + focal * y / z])


def test_in_a_dolly_zoom_a_plane_keeps_its_size_and_what_is_behind_it_shrinks_away():
    scene, frames = film(DOLLY_ZOOM % "")
    camera = make_camera(scene, frames)
    view = np.eye(4)
    for frame in frames[1:]:
        view = camera.step_matrix(frame) @ view
        assert camera.lens.homography(view) == pytest.approx(np.eye(3), abs=1e-9)
    far = np.diag([2.0, 2.0, 2.0, 1.0])  # points at twice the distance, at the same pixels
    moved = camera.lens.homography(view @ far)
    assert moved[0, 0] / moved[2, 2] == pytest.approx((132 - 48) / 132 * 2 * 132 / (264 - 48))


def test_a_step_projects_points_as_a_pinhole_camera_with_both_lenses():
    lens = Lens(96, 80)  # the lens that normalises points, with another field of view than both
    motion = Motion(
        translation_x=5, translation_z=20, rotation_3d_y=4, rotation_3d_x=-3, fov_before=50, fov=65
    )
    pose, focal = lens.step_pose(motion), lens.with_fov(50).focal
    for point in ([10, -20, focal], [-30, 5, 1.4 * focal], [12, 12, 0.7 * focal]):
        moved = pose @ [*point[:2], point[2] * lens.focal / focal, 1]
        seen = lens.matrix @ moved[:3]
        assert seen[:2] / seen[2] == pytest.approx(pinhole(point, motion, 50, 65))


def test_a_film_in_depth_shows_the_dolly_zoom():
    """A flat disc keeps its size; of a rounded one, the front comes nearer."""
    first, areas = np.full((80, 96, 3), 240, np.uint8), {}
    cv2.circle(first, (48, 40), 20, (180, 40, 40), -1)
    for depth in ("flat", "proxy"):
        scene, frames = film(DOLLY_ZOOM % f", depth: {depth}" + "cadence: 24\n")
        shown = [state.shown for _, state in pipeline.animate(scene, frames, FlatPainter(first))]
        areas[depth] = [np.count_nonzero(image[..., 1] < 140) for image in (shown[0], shown[23])]
    assert areas["flat"][1] == pytest.approx(areas["flat"][0], rel=0.02)
    assert areas["proxy"][1] > 1.03 * areas["proxy"][0]


def test_a_narrower_lens_alone_enlarges_the_image_about_its_middle():
    scene, frames = film("motion: {fov: {0: 60, 24: 30}}")
    camera = make_camera(scene, frames)
    view = np.linalg.multi_dot([camera.step_matrix(frame) for frame in frames[:0:-1]])
    grown = np.tan(np.radians(30)) / np.tan(np.radians(15))
    middle = np.array([47.5, 39.5, 1])
    assert camera.lens.homography(view) / camera.lens.homography(view)[2, 2] == pytest.approx(
        np.array([[grown, 0, 47.5 - grown * 47.5], [0, grown, 39.5 - grown * 39.5], [0, 0, 1]])
    )
    assert camera.lens.homography(view) @ middle == pytest.approx(
        middle * (camera.lens.homography(view) @ middle)[2]
    )


def test_a_closed_loop_returns_to_its_first_lens():
    scene, frames = film("motion: {fov: 40 + 20*sin(2*pi*t/25)}", HEAD % ", loop: closed")
    camera = make_camera(scene, frames)
    steps = [camera.step_matrix(frame) for frame in (*frames[1:], frames[0])]
    assert np.linalg.multi_dot(steps[::-1]) == pytest.approx(np.eye(4))
    assert np.abs(steps[0] - np.eye(4)).max() > 0.01


def test_positions_in_space_may_change_the_lens():
    scene, frames = film("motion: {as: position, orbit_y: 30*p, translation_z: 20*p, fov: 40 + 20*p}")
    lens = scene.lens
    view = np.linalg.multi_dot([lens.step_pose(frame.motion) for frame in frames[:0:-1]])
    first = lens.with_fov(40)
    goal = first.position_pose(Motion(orbit_y=30, translation_z=20))
    point = np.array([10, 20, first.focal * 1.2, 1])
    x, y, z, _ = goal @ point
    wanted = np.array([x, y]) / z * lens.with_fov(60).focal
    x, y, z, _ = view @ (point * [1, 1, lens.focal / first.focal, 1])
    assert np.array([x, y]) / z * lens.focal == pytest.approx(wanted)


def test_a_constant_lens_is_in_the_settings_and_a_changing_one_in_the_frame_table():
    scene, frames = film("motion: {fov: 50}")
    assert "  fov: 50.0\n" in to_yaml(scene)
    assert all("fov" not in row["motion"] for row in frame_table(scene, frames))
    scene, frames = film("motion: {fov: {0: 40, 24: 64}}")
    assert [row["motion"]["fov"] for row in frame_table(scene, frames)] == pytest.approx(range(40, 65))
    assert all("fov_before" not in row["motion"] for row in frame_table(scene, frames))
    again = loads(to_yaml(scene))
    assert timeline(again) == frames


def test_the_curve_written_as_one_number_gives_the_same_images():
    shown = []
    for fov in ("50", "{0: 50}"):
        scene, frames = film(
            f"motion: {{fov: {fov}, orbit_y: 1, translation_z: 1, depth: proxy}}\ncadence: 6"
        )
        shown.append(
            np.stack(
                [state.shown for _, state in pipeline.animate(scene, frames, FlatPainter(texture(96, 80)))]
            )
        )
    assert np.abs(shown[0].astype(int) - shown[1]).mean() < 0.01  # rounding at single edges of depth


def test_fingerprints_change_from_the_frame_on_which_the_lens_changes():
    keys = []
    for late in (50, 60):
        scene, frames = film(f"motion: {{fov: {{0: 40, 12: 40, 24: {late}}}}}")
        keys.append(FrameFingerprints(scene, frames).keys)
    assert [i for i in range(25) if keys[0][i] == keys[1][i]] == list(range(13))


@pytest.mark.parametrize(
    ("fov", "message"),
    [
        ("0", "2:15: motion.fov: 0 degrees; allowed 1..150"),
        ("true", "motion.fov: True is not a number"),
        ("{0: 40, end: 170}", "motion.fov: 153.75 at frame 21; allowed 1..150"),
        ("{0: 40, 5x: 50}", "motion.fov.5x: '5x' is not a time"),
        ("wide", "motion.fov: "),
        ("{total: 30}", "motion.fov.total: these values do not add up"),
    ],
)
def test_an_impossible_lens_is_refused_at_its_place(fov, message):
    with pytest.raises(SceneError, match=message):
        film(f"motion: {{fov: {fov}, translation_z: 1}}")


def test_the_description_names_the_change_of_the_lens():
    _, frames = film("motion: {fov: {0: 40, 24: 64}}")
    assert "is seen through a lens that widens from 40.0 to 64.0 degrees" in next(
        iter(describe_motion(frames, 12))
    )
