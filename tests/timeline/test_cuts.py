"""Cuts: shots, and painted frames and blends that respect them."""

import pytest

from animator import SceneError, loads, timeline
from animator.scene.resolve import to_yaml
from animator.timeline.cadence import slice_film
from animator.timeline.compile import scene_advice


def film(text, frames=20):
    return timeline(loads(f"video: {{frames: {frames}, fps: 10}}\n{text}"))


@pytest.mark.parametrize(
    "cuts", ["[7, 15]", "[0, 0.7s, 1.5s]", "[reveal, 15]\nevents: {reveal: 7}", "[15, 7, 99, -2]"]
)
def test_every_frame_has_the_first_frame_of_its_shot(cuts):
    assert [frame.shot for frame in film(f"cuts: {cuts}")] == [0] * 7 + [7] * 8 + [15] * 5


def test_a_shot_is_painted_at_its_ends_and_no_in_between_crosses_a_cut():
    frames = film("cuts: [7]\ncadence: 3", 12)
    assert [frame.index for frame in frames if frame.diffuse] == [0, 3, 6, 7, 10, 11]
    frames = film("cuts: [7]\npaint: [3]", 12)
    assert [frame.index for frame in frames if frame.diffuse] == [0, 3, 7]
    assert [frame.tween for frame in frames[4:7]] == [0, 0, 0]


def test_a_shot_begins_with_a_painted_frame_even_at_strength_0():
    frames = film("cuts: [7]\npainting: {strength: 0}", 12)
    assert [frame.index for frame in frames if frame.diffuse] == [0, 7]


def test_a_prompt_does_not_blend_across_a_cut():
    frames = film("cuts: [7]\nprompts: {at: {0: mug, 7: chair, 10: lamp}, travel: 6}", 12)
    assert [frame.prompt.weight for frame in frames] == pytest.approx([0] * 8 + [1 / 3, 2 / 3, 0, 0])


def test_masks_follow_the_camera_only_since_the_last_cut():
    text = "motion: {zoom: 2}\npainting: {mask: m}\nmasks: {m: {luminance: [0, 1]}}"
    with pytest.raises(SceneError, match="masks cannot follow that far"):
        film(text, 24)
    assert film(f"{text}\ncuts: [12]", 24)


def test_a_part_of_a_film_keeps_its_cuts():
    part = slice_film(film("cuts: [7, 15]\ncadence: 4"), 2, 18)
    assert [frame.shot for frame in part] == [2] * 5 + [7] * 8 + [15] * 3
    assert [frame.index for frame in part if frame.diffuse] == [2, 4, 6, 7, 11, 14, 15, 17]
    assert [frame.tween for frame in part if frame.index in (3, 5)] == [0.5, 0.5]


def test_a_slice_of_the_whole_film_equals_the_film():
    frames = film("paint: [0, 4]", 8)
    assert slice_film(frames, 0, 8) == frames


def test_a_resolved_film_has_the_same_cuts():
    scene = loads("video: {frames: 20}\nevents: {reveal: 8}\ncuts: [0.2s, reveal]")
    assert timeline(loads(to_yaml(scene))) == timeline(scene)


def test_an_invalid_cut_is_refused_and_one_outside_the_film_gives_a_note():
    with pytest.raises(SceneError, match="<text>:1:11: cuts.1: 'soon' is not a time"):
        loads("cuts: [1, soon]")
    (note,) = scene_advice(loads("video: {frames: 10, size: 256x256}\ncuts: [4, 40]"))
    assert "cuts.40: key 40 is frame 40, outside the film's 0..9: it is never reached" in str(note)
