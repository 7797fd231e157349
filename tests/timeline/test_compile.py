"""Scene → frames: all values, and every problem at once."""

import json
from pathlib import Path

import pytest

from animator import Frame, Motion, Painting, SceneError, loads, timeline
from animator.frame import Prompt
from animator.runs.metadata import frame_table
from animator.timeline.cadence import slice_film
from tests import lora_files


def test_a_scene_becomes_frames():
    scene = loads(
        "video: {frames: 3}\nprompts: {at: {0: a, 2: b}, negative: no}\nmotion: {zoom: 1 + t/10}\n"
        "painting: {strength: {0: 0.2, 2: 0.4}, steps: 10, seed: 7, sampler: dpm++ 2m karras}\ncadence: 2\n"
    )
    assert timeline(scene) == [
        Frame(0, 7, Prompt("a", "no", "a"), True, 1.0, Motion(1.0), Painting(0.2, guidance_scale=3.0, steps=10, sampler="DPM++ 2M Karras")),
        Frame(1, 7, Prompt("a", "no", "a"), False, 0.5, Motion(1.1), Painting(pytest.approx(0.3), guidance_scale=3.0, steps=10, sampler="DPM++ 2M Karras")),
        Frame(2, 8, Prompt("b", "no", "b"), True, 1.0, Motion(1.2), Painting(0.4, guidance_scale=3.0, steps=10, sampler="DPM++ 2M Karras")),
    ]  # fmt: skip


def test_every_problem_of_every_curve_is_reported_with_its_place():
    text = (
        "video: {frames: 5}\n"
        "motion:\n  zoom: 1 - t/4\n  angle: {0: 0, 3: sine(t)}\n"
        "painting: {strength: 0.5 + t/4, sampler: Eulr, steps: 0}\n"
        "prompts: {at: {0: a, 90: b}, travel: soon}\ngrade: {noise: 1/t}\n"
    )
    with pytest.raises(SceneError) as caught:
        loads(text)
    assert str(caught.value).splitlines() == [
        "<text>:3:9: motion.zoom: 0 at frame 4; allowed 0.1..10",
        "<text>:4:20: motion.angle.3: unknown function 'sine'; did you mean 'sin'? (in 'sine(t)')",
        "<text>:5:22: painting.strength: 1.25 at frame 3; allowed 0..1",
        "<text>:5:42: painting.sampler: unknown sampler 'Eulr'; did you mean 'Euler'?",
        "<text>:5:55: painting.steps: 0 at frame 0; allowed 1..1000",
        "<text>:6:26: prompts.at.90: frame 90 is outside the film; its frames are 0..4",
        "<text>:6:38: prompts.travel: 'soon' is not a time; write a frame (30), seconds (2s), beats (4b), percent (50%), 'end', an event or e.g. end-1s",
        "<text>:7:16: grade.noise: inf at frame 0 (of 1 such frames); every value must be finite",
    ]


def test_lora_scales_are_1_unless_scheduled(tmp_path):
    for name in ("a", "b"):
        lora_files.write(tmp_path / f"{name}.safetensors", lora_files.anyones())
    text = "video: {frames: 2}\nmodel: {loras: {a: {file: a.safetensors}, b: {file: b.safetensors}}}\nloras: {b: t/2}\n"
    assert [frame.loras for frame in timeline(loads(text, tmp_path))] == [
        {"a": 1, "b": 0},
        {"a": 1, "b": 0.5},
    ]


def test_a_seed_schedule_gives_every_frame_its_seed():
    scene = loads("video: {frames: 3}\npainting: {seed: {behavior: schedule, at: {0: 5, 2: 9}}}")
    assert [frame.seed for frame in timeline(scene)] == [5, 7, 9]


def test_a_slice_is_a_film_of_its_own():
    frames = slice_film(timeline(loads("video: {frames: 12}\ncadence: 5\nmotion: {zoom: 1 + t/4}")), 2, 8)
    assert [frame.index for frame in frames] == [2, 3, 4, 5, 6, 7]
    assert [frame.diffuse for frame in frames] == [True, False, False, True, False, True]
    assert [frame.tween for frame in frames] == pytest.approx([1, 1 / 3, 2 / 3, 1, 0.5, 1])
    assert [frame.motion.zoom for frame in frames] == [1.5, 1.75, 2, 2.25, 2.5, 2.75]


def test_a_slice_that_begins_at_strength_0_begins_with_a_painted_frame():
    frames = slice_film(
        timeline(loads("video: {frames: 6}\npainting: {strength: 0.5 if t < 2 else 0}")), 3, 6
    )
    assert [(frame.diffuse, frame.tween) for frame in frames] == [(True, 1), (False, 0), (False, 0)]


def test_the_frame_table_has_the_steps_that_really_run():
    scene = loads("video: {frames: 4}\npainting: {steps: 8, strength: {0: 0.33, 1: 0, 2: 0.01, 3: 0.33}}\n")
    assert [(row["steps_run"], row["strength_run"]) for row in frame_table(scene, timeline(scene))] == [
        (8, 1.0), (0, 0.0), (1, 0.01), (3, 0.33),
    ]  # fmt: skip


def test_the_frame_table_of_a_film_is_the_same_on_any_machine():
    golden = Path(__file__).with_name("golden.json")
    text = (
        "video: {frames: 6, fps: 12}\nprompts: {at: {0: sketch, 4: photo}, travel: 2, negative: blurry}\n"
        "motion: {zoom: '0:(1.0), 3:(1.04)', angle: {0: 0, end: {value: 5, ease: out-cubic}}, translation_x: 2*k}\n"
        "painting: {strength: '0.4', steps: 20, guidance_scale: 6, seed: {start: 9, behavior: random}}\ngrade: {noise: 0.02*(t>2)}\ncadence: 2\n"
    )
    scene = loads(text)
    found = frame_table(scene, timeline(scene))
    assert found == json.loads(golden.read_text())


def test_a_zoom_that_leaves_nothing_of_the_last_painted_frame_is_refused():
    with pytest.raises(
        SceneError, match="motion.zoom: from frame 0, the last one painted, to frame 7 the zoom adds up"
    ):
        timeline(loads("video: {frames: 20}\nmotion: {zoom: 0.1}\npainting: {strength: 0}"))
    assert len(timeline(loads("video: {frames: 20}\nmotion: {zoom: 0.1}"))) == 20
