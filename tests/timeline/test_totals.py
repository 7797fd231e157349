"""Totals of rates: what the motion of all frames adds up to."""

from math import fsum, prod

import jsonschema
import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.frame import Motion, setting_fields
from animator.imaging.geometry import Lens
from animator.scene.parse import parse_document
from animator.scene.schema import json_schema
from animator.timeline.compile import scene_advice
from animator.timeline.easing import EASINGS
from animator.timeline.motion import RATES

HEAD = "video: {frames: 25, fps: 12, size: 96x80%s}\ncadence: 2\n"


def motions(text, loop=""):
    return [frame.motion for frame in timeline(loads(HEAD % loop + f"motion: {text}"))]


def column(name, text, loop=""):
    return [getattr(row, name) for row in motions(f"{{{text}}}", loop)]


@pytest.mark.parametrize("ease", [*EASINGS, "bezier(.6,-.4,.3,1.4)"])
@pytest.mark.parametrize("loop", ["", ", loop: closed"])
def test_the_frames_add_up_to_the_total_with_every_easing(ease, loop):
    turned = column("orbit_y", f'orbit_y: {{total: 20, ease: "{ease}"}}', loop)
    assert fsum(turned) == pytest.approx(20, abs=1e-12)


@pytest.mark.parametrize(
    "name", [item.name for item in setting_fields(Motion) if not item.name.startswith("center")]
)
def test_every_rate_of_motion_has_a_total(name):
    values = column(name, f"{name}: {{total: 2, ease: in-out-sine}}")
    joined = {"sum": fsum, "product": prod}[RATES[name]](values)
    assert joined == pytest.approx(2, rel=1e-12)
    assert len(set(values[1:])) > 5  # it starts and stops slowly


def test_the_first_frame_of_an_open_film_does_not_move():
    assert column("angle", "angle: {total: 48}") == pytest.approx([0, *[2] * 24])


def test_a_closed_loop_comes_back_to_the_first_frame_after_the_last_one():
    angles = column("orbit_y", "orbit_y: {total: 360, ease: in-out-sine}", ", loop: closed")
    lens, pose = Lens(96, 80), np.eye(4)
    poses = []
    for angle in (*angles[1:], angles[0]):
        pose = lens.step_pose(Motion(orbit_y=angle)) @ pose
        poses.append(pose)
    assert poses[-1] == pytest.approx(np.eye(4), abs=1e-9)
    assert np.abs(poses[-2] - np.eye(4)).max() > 1e-3  # the last frame is not a copy of the first one
    assert column("angle", "angle: {total: 50}", ", loop: closed") == pytest.approx([2] * 25)


def test_from_and_to_limit_the_motion_to_a_part_of_the_film():
    values = column("zoom", "zoom: {total: 4, from: 1s, to: 14}")
    assert values == pytest.approx([1] * 13 + [2, 2] + [1] * 10)
    loop = column("angle", "angle: {total: 6, from: end-1}", ", loop: closed")
    assert loop == pytest.approx([3] + [0] * 23 + [3])


def test_the_total_is_the_same_at_any_frame_rate_and_per_second():
    text = (
        HEAD % "" + "motion: {per: second, zoom: {total: 500}, angle: {total: 90, to: 2s}, translation_x: 12}"
    )
    for fps in (12, 6):
        rows = [frame.motion for frame in timeline(loads(text, settings=[f"video.fps={fps}"]))]
        assert prod(row.zoom for row in rows) == pytest.approx(500)
        assert fsum(row.angle for row in rows) == pytest.approx(90)
        assert rows[1].translation_x == pytest.approx(12 / fps)


def test_a_single_frame_has_nowhere_to_go():
    assert timeline(loads("video: {frames: 1}\nmotion: {angle: {total: 90}}"))[0].motion.angle == 0


def test_an_event_called_total_is_still_the_time_of_a_keyframe():
    frames = timeline(loads(HEAD % "" + "events: {total: 4}\nmotion: {angle: {0: 0, total: 8}}"))
    assert [frame.motion.angle for frame in frames[:6]] == [0, 2, 4, 6, 8, 8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "orbit_y: {total: 9, ease: in-out-sinus}",
            "3:36: motion.orbit_y.ease: unknown easing 'in-out-sinus'; did you mean 'in-out-sine'?",
        ),
        ("angle: {total: 9, ease: smooth}", "3:34: motion.angle.ease: smooth needs keyframes"),
        ("angle: {total: wide}", "3:25: motion.angle.total: 'wide' is not a total; write a number"),
        ("angle: {total: 1e400}", "motion.angle.total: 'inf' is not a total"),
        ("angle: {total: true}", "motion.angle.total: 'True' is not a total"),
        ("angle: {total: 9, form: 2}", "motion.angle.form: .* did you mean 'from'?"),
        ("angle: {total: 9, from: 2s, to: 1s}", "motion.angle.to: no frame lies after frame 24"),
        ("angle: {total: 9, from: end}", "motion.angle.from: no frame lies after frame 24"),
        ("angle: {total: 9, to: 3s}", "motion.angle.to: frame 36 is outside the film's 0..24"),
        ("angle: {total: 9, to: 3 m}", "motion.angle.to: '3 m' is not a time"),
        ("zoom: {total: 0}", "motion.zoom.total: 0: ratios multiply to a total above 0"),
        ("zoom: {total: 500, to: 1}", "motion.zoom: 500 at frame 1; allowed 0.1..10"),
        ("center_x: {total: 2}", "motion.center_x.total: these values do not add up"),
        ("as: position, angle: {total: 2}", "motion.angle: a position has no total"),
    ],
)
def test_mistakes_are_reported_at_their_place(text, message):
    with pytest.raises(SceneError, match=message):
        motions(f"{{{text}}}")


def test_other_curves_than_rates_have_no_total():
    with pytest.raises(SceneError, match="painting.strength.total: these values do not add up"):
        timeline(loads("painting: {strength: {total: 3}}"))


def test_the_schema_for_editors_knows_totals():
    check = jsonschema.Draft202012Validator(json_schema())
    check.validate(
        parse_document("motion: {orbit_y: {total: 360, ease: linear, from: 0, to: end}}", "f").data
    )
    offered = json_schema()["$defs"]["MotionCurves"]["properties"]["orbit_y"]["anyOf"]
    assert any("total" in way.get("properties", {}) for way in offered)


def test_a_film_with_a_total_has_no_notes_about_its_options():
    scene = loads(HEAD % "" + "events: {to: 3}\nmotion: {angle: {total: 9, to: 1s}}")
    assert not [note for note in scene_advice(scene) if note.path[0] == "motion"]
