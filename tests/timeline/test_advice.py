"""Advice on valid schedules, each item with its place."""

import copy
import re

import pytest
import yaml
from PIL import Image as Pillow

from animator import SceneError, loads, timeline
from animator.scene.fields import curves_of
from animator.timeline.compile import scene_advice
from tests import films


def notes(text):
    return [
        str(note).removeprefix("<text>:") for note in scene_advice(loads(f"video: {{frames: 10}}\n{text}"))
    ]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            'motion: {zoom: "0:(1), 20:(2)"}',
            "2:16: motion.zoom.20: key 20 is frame 20, outside the film's 0..9",
        ),
        (
            "motion: {angle: {0: 1, 2s: 2}}",
            "2:28: motion.angle.2s: key 2s is frame 48, outside the film's 0..9",
        ),
        (
            "motion: {angle: {-1: 1, 2: 2}}",
            "2:22: motion.angle.-1: key -1 is frame -1, outside the film's 0..9",
        ),
        (
            "painting: {seed: {behavior: schedule, at: {0: 1, 50: 2}}}",
            "2:54: painting.seed.at.50: key 50 is frame 50",
        ),
        (
            "events: {reveal: 1s}",
            "2:18: events.reveal: frame 24 is outside the film's 0..9: it never happens",
        ),
    ],
)
def test_times_outside_the_film_give_notes(text, note):
    assert [line[: len(note)] for line in notes(text)] == [note]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("512x512", "may lose its subject"),
        ("2048x1536", "may repeat or lose its subject without 'painting.hires'"),
        ("1020x1024", "is painted as 1024x1024 and cropped"),
    ],
)
def test_sizes_that_sdxl_handles_badly_give_notes(size, words):
    text = f"video: {{frames: 2, size: {size}}}\nmodel: {{base: org/sdxl}}\npainting: {{hires: 0}}"
    notes = scene_advice(loads(text))
    assert any(str(note).startswith("<text>:1:26: video.size:") and words in str(note) for note in notes)


@pytest.mark.parametrize("size", ["1024x1024", "16:9", "768x768", "1216x832", "2048x1536"])
def test_sizes_that_sdxl_handles_well_give_no_notes(size):
    assert not scene_advice(loads(f"video: {{frames: 2, size: {size}}}\nmodel: {{base: org/sdxl}}"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "prompts:\n  at: {0: a, 20: b}",
            "3:18: prompts.at.20: frame 20 is outside the film; its frames are 0..9",
        ),
        ("prompts: {negative: {0: a, 3s: b}}", "2:32: prompts.negative.3s: frame 72 is outside the film"),
        ("motion: {angle: 1/(t-4)}", "2:17: motion.angle: inf at frame 4 (of 1 such frames)"),
        ("motion: {angle: {0: 1, 3: sqrt(5-t)}}", "2:17: motion.angle: nan at frame 6 (of 4 such frames)"),
    ],
)
def test_prompts_outside_the_film_and_values_that_are_not_finite_are_refused(text, problem):
    with pytest.raises(SceneError) as caught:
        notes(text)
    assert str(caught.value).startswith(f"<text>:{problem}")


def test_s_in_a_curve_is_the_runs_seed():
    scene = loads(
        "video: {frames: 2}\npainting: {seed: 7}\nmotion: {angle: s, translation_x: '0:(s), s-6:(2*s)'}"
    )
    assert [(frame.motion.angle, frame.motion.translation_x) for frame in timeline(scene)] == [
        (7, 7),
        (7, 14),
    ]


EVERY_CURVE = {
    "video": {"frames": 10},
    "model": {"loras": {"few": {"file": "nano-few-steps"}}},
    "loras": {"few": {"scale": 0.5, "blocks": {"up": 0.5}}},
    "motion": {"shake": {"like": "walk"}},
    "painting": {"seed": {"behavior": "schedule", "at": 7}},
    "grade": {"color": "lab", "color_renew": [4], "palette": ["#08f"]},
    "footage": "clip.mp4",
    "ip_adapter": {"look": {"file": "look.png"}},
    "control": {"lines": {"model": "some/control"}},
    "paint": [0, 4],
    "cuts": [4],
    "views_strength": 0.5,
    "output": {"upscale": "second-pass", "frame": {"1x1": {}}},
}


def with_late_key(data, path, value, kind):
    """Return `data` with a key at frame 50 in the curve or the list of times at `path`, which had `value`."""
    data = copy.deepcopy(data)
    data["output"]["upscale"] = {"by": "second-pass"}
    data["footage"] = {"file": "clip.mp4"} if path[0] == "footage" else {}  # reading its header takes long
    holder = data
    for part in path[:-1]:
        holder = holder.setdefault(part, {})
    holder[path[-1]] = {0: value, 50: value} if kind == "curve" else [*value, 50]
    return yaml.safe_dump(data)


def test_a_key_after_the_end_is_refused_or_noted_for_every_curve(tmp_path):
    Pillow.new("RGB", (8, 8)).save(tmp_path / "look.png")
    films.write(tmp_path / "clip.mp4", films.greys(10))
    curves = list(curves_of(loads(yaml.safe_dump(EVERY_CURVE), tmp_path).settings))
    paths = {".".join(path) for path, _, _ in curves}
    assert {"lock.strength", "motion.shake.strength", "output.upscale.strength"} <= paths
    for path, value, kind in curves:
        text = with_late_key(EVERY_CURVE, path, value, kind)
        if isinstance(value, str):
            with pytest.raises(
                SceneError, match=re.escape(f"{'.'.join(path)}.50: frame 50 is outside the film")
            ):
                loads(text, tmp_path)
        else:
            said = f"{'.'.join(path)}.50: key 50 is frame 50, outside the film's 0..9: it is never reached"
            assert said in "\n".join(map(str, scene_advice(loads(text, tmp_path))))
