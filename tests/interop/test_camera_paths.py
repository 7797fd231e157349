"""Import of camera paths: the camera's motion becomes motion of the image."""

from __future__ import annotations

from math import atan, cos, degrees, radians, sin, tan

import numpy as np
import pytest

from animator import SceneError


def pose(tilt=0.0, pan=0.0, roll=0.0, at=(0, 0, 0)):
    """Return a camera-to-world matrix; Blender's camera looks along -z, its x to the right, y up."""
    x, y, z = (radians(angle) for angle in (tilt, pan, roll))
    about_x = np.array([[1, 0, 0], [0, cos(x), -sin(x)], [0, sin(x), cos(x)]])
    about_y = np.array([[cos(y), 0, sin(y)], [0, 1, 0], [-sin(y), 0, cos(y)]])
    about_z = np.array([[cos(z), -sin(z), 0], [sin(z), cos(z), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = about_y @ about_x @ about_z, at
    return matrix.tolist()


def path(frames, **more):
    return {"format": "animator-camera", "fps": 30, "frames": frames, **more}


def test_a_rolling_camera_turns_the_image_the_other_way(imported):
    found = imported(path([{"matrix": pose(tilt=90, roll=0.5 * frame)} for frame in range(20)]))
    assert found.data["motion"] == {"fov": 50, "depth": "proxy", "rotation_3d_z": -0.5}
    assert found.data["video"] == {"fps": 30, "frames": 20, "size": "1024x1024"}
    assert not found.notes


def test_a_narrowing_field_of_view_enlarges_the_image(imported):
    fovs = np.linspace(60, 30, 16)
    found = imported(path([{"matrix": pose(), "fov": fov} for fov in fovs]))
    whole = np.prod([frame.motion.zoom for frame in found.frames[1:]])  # nothing moves into frame 0
    assert whole == pytest.approx(tan(radians(30)) / tan(radians(15)))


def test_the_lens_of_a_camera_that_travels_becomes_a_curve(imported):
    """A dolly zoom: the product, 4 units away at first, keeps its size."""
    steps = [
        {"matrix": pose(at=(0, 0, 4 - 0.1 * frame)), "fov": degrees(2 * atan(2 / (4 - 0.1 * frame)))}
        for frame in range(11)
    ]
    found = imported(path(steps))
    assert "zoom" not in found.data["motion"]
    assert found.frames[10].motion.fov == pytest.approx(steps[10]["fov"], abs=1e-3)
    lens = found.scene.lens
    for frame in found.frames[1:]:
        assert lens.homography(lens.step_pose(frame.motion)) == pytest.approx(np.eye(3), abs=1e-3)


def test_a_camera_that_pans_and_travels_moves_the_image_the_other_way(imported):
    found = imported(path([pose(pan=2.0 * frame) for frame in range(11)]))
    assert found.frames[5].motion.rotation_3d_y == pytest.approx(-2)  # it looks left: the image moves right
    steps = [{"matrix": pose(at=(0.1 * frame, 0.2 * frame, 4 - 0.05 * frame))} for frame in range(11)]
    found = imported(path(steps, size=[640, 480], fov=90))
    motion = found.frames[5].motion
    # The camera is 4 units from the origin; at 90 degrees the reference plane is 320 pixels away.
    assert (motion.translation_x, motion.translation_y, motion.translation_z) == pytest.approx((-8, 16, 4))
    nearer = imported(path(steps, size=[640, 480], fov=90, distance=2))
    assert nearer.frames[5].motion.translation_x == pytest.approx(-16)
    assert found.data["video"]["size"] == "640x480" and found.data["motion"]["fov"] == 90


def test_a_still_camera_needs_no_motion(imported):
    found = imported(path([pose(tilt=30, pan=20, at=(1, 2, 3))] * 5))
    assert "motion" not in found.data and not found.notes


WRONG = [
    path([]), path("x"), path([{"matrix": [[1]]}]), path([{}]), path([pose(), None]), path([pose()], fov=200),
    path([pose()], fps="x"), path([pose()], size=[1024]), path([pose()], distance=0), path([pose()], distance="far"),
    path([{"matrix": np.eye(3).tolist()}]), path([np.eye(3).tolist()]),
     path([np.zeros((4, 4)).tolist()]), path([{"matrix": pose(), "fov": True}]),
]  # fmt: skip


@pytest.mark.parametrize("data", WRONG)
def test_an_invalid_path_is_refused_in_one_line(imported, data):
    with pytest.raises(SceneError, match="settings.txt") as caught:
        imported(data)
    assert "\n" not in str(caught.value)
