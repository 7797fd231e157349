"""Motion per second, and as positions."""

import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.affine import matrix, shift, turn
from animator.frame import Motion

HEAD = "video: {frames: 25, fps: 12, size: 96x80}\n"


def motions(text):
    return [frame.motion for frame in timeline(loads(HEAD + text))]


def test_a_rate_per_second_comes_to_the_same_in_a_second_at_any_fps():
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
        assert view == pytest.approx(shift(at) @ turn(at, 96, 80))


def test_a_turn_of_90_degrees_by_frame_24_needs_no_division():
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
def test_positions_that_cannot_be_are_told(text, words):
    with pytest.raises(SceneError, match=words):
        motions(text)
