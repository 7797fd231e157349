"""Motion per second and as positions."""

import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.frame import Motion
from animator.imaging.geometry import Lens, matrix, rotation_zoom_matrix, translation_matrix

HEAD = "video: {frames: 25, fps: 12, size: 96x80}\n"


def motions(text):
    return [frame.motion for frame in timeline(loads(HEAD + text))]


def test_a_rate_per_second_adds_up_equally_at_any_fps():
    text = "motion: {per: second, zoom: 1.5, angle: 30, translation_x: 24, translation_y: -12}"
    rows = motions(text)
    assert np.prod([row.zoom for row in rows[:12]]) == pytest.approx(1.5)
    assert sum(row.angle for row in rows[:12]) == pytest.approx(30)
    assert rows[0].translation_x == pytest.approx(2)
    assert rows[0].translation_y == pytest.approx(-1)
    faster = timeline(loads(HEAD + text, settings=["video.fps=24"]))
    assert np.prod([frame.motion.zoom for frame in faster[:24]]) == pytest.approx(1.5)


def test_positions_are_reached_by_the_product_of_the_steps():
    text = (
        "motion: {as: position, angle: {0: 0, 24: 90}, zoom: {0: 1, 24: 2}, translation_x: 40*p, translation_y: -t,"
        " center_x: 0.4}"
    )
    view = np.eye(3)
    for frame, motion in enumerate(motions(text)):
        view = matrix(motion, 96, 80) @ view if frame else view
        p = frame / 24
        at = Motion(1 + p, 90 * p, 40 * p, -frame, 0.4)
        assert view == pytest.approx(translation_matrix(at) @ rotation_zoom_matrix(at, 96, 80))


def test_a_position_of_90_degrees_at_frame_24_gives_rates_that_sum_to_90():
    assert sum(
        row.angle for row in motions("motion: {as: position, angle: {0: 0, 24: 90}}")
    ) == pytest.approx(90)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("motion: {as: position, per: second, zoom: 2}", "motion.per: positions have no rate"),
        ("motion: {as: place}", "motion.as: 'place' is not known; allowed: 'rate' or 'position'"),
        (
            "motion: {as: position, zoom: {0: 1, 5: {value: 9.9, ease: step}, 6: 0.2}}",
            "motion: zoom changes by",
        ),
    ],
)
def test_impossible_positions_are_refused(text, words):
    with pytest.raises(SceneError, match=words):
        motions(text)


SPACE = Lens(96, 80, 40)


def test_3d_rates_can_be_per_second():
    rows = motions("motion: {per: second, orbit_y: 24, translation_z: 12, rotation_3d_x: -6}")
    assert (rows[3].orbit_y, rows[3].translation_z, rows[3].rotation_3d_x) == pytest.approx((2, 1, -0.5))


@pytest.mark.parametrize(
    "text",
    [
        "orbit_y: {0: 0, 24: 60}, orbit_x: {0: 0, 24: -20}",
        "rotation_3d_y: 10*p, rotation_3d_z: 30*p, translation_z: 20*p, translation_x: -8*p",
        "translation_z: 30*p, zoom: 1 + p, angle: 20*p",
        "orbit_y: 30*p, angle: 90*p, translation_y: 9*p",
    ],
)
def test_3d_positions_are_reached_by_the_product_of_the_steps(text):
    rows, pose = motions(f"motion: {{as: position, {text}}}"), np.eye(4)
    for motion in rows[1:]:
        pose = SPACE.step_pose(motion) @ pose
    scope = {"p": 1.0}
    at = dict(part.split(": ", 1) for part in text.replace("{0: 0, 24: ", "").replace("}", "").split(", "))
    goal = SPACE.position_pose(Motion(**{name: eval(value, scope) for name, value in at.items()}))
    assert pose == pytest.approx(goal, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{translation_z: 140}",
            "motion: frame 0, the last one painted, has nothing in front .* at 132 pixels",
        ),
        ("{rotation_3d_y: 95}", "nothing in front of the camera"),
        ("{orbit_y: 1e6}", "motion.orbit_y: .*allowed"),
        ("{fov: 0}", "motion.fov"),
        ("{depth_scale: 2.5}", "motion.depth_scale"),
        ("{as: position, zoom: 1 + p, orbit_y: 40*p}", "come nearer with translation_z"),
    ],
)
def test_impossible_3d_motion_is_refused(text, words):
    with pytest.raises(SceneError, match=words):
        motions(f"motion: {text}")


def test_motion_that_passes_the_last_painted_frame_is_refused():
    assert motions("motion: {translation_z: 20}")
    with pytest.raises(SceneError, match="frame 0, the last one painted, has nothing in front of the camera"):
        motions('motion: {translation_z: 20}\npainting: {strength: "0.5 if t == 0 else 0"}')
