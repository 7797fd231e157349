"""Descriptions of motion in English."""

from animator import loads, timeline
from animator.timeline.motion import describe_motion


def describe(text):
    scene = loads("video: {frames: 24, fps: 12}\n" + text)
    return list(describe_motion(timeline(scene), 12))


def test_each_segment_of_one_prompt_gives_a_sentence():
    assert describe(
        "prompts: {at: {0: a sketch, 1s: a photo}}\nmotion: {zoom: 1.01, angle: -1, translation_x: 2}\ncadence: 2"
    ) == [
        "0.00-1.00 s (frames 0-11): the image pushes in to 1.13 times, turns 12.0 degrees clockwise and slides 24 "
        "pixels right; 6 of 12 frames painted: a sketch.",
        "1.00-2.00 s (frames 12-23): the image pushes in to 1.13 times, turns 12.0 degrees clockwise and slides 24 "
        "pixels right; 7 of 12 frames painted: a photo.",
    ]


def test_a_change_of_direction_begins_a_sentence():
    assert [line.split("; ")[0] for line in describe("motion: {zoom: 1.02 if t < 12 else 0.99}")] == [
        "0.00-1.00 s (frames 0-11): the image pushes in to 1.27 times",
        "1.00-2.00 s (frames 12-23): the image pulls out to 0.89 times",
    ]


def test_motion_left_and_up_is_named():
    assert describe("motion: {translation_x: -1, translation_y: -2}")[0].startswith(
        "0.00-2.00 s (frames 0-23): the image slides 24 pixels left and rises 48 pixels;"
    )


def test_a_film_without_motion_stands_still():
    assert describe("grade: {noise: 0}") == [
        "0.00-2.00 s (frames 0-23): the image stands still; 24 of 24 frames painted: no prompt."
    ]


def test_3d_motion_is_named():
    assert describe("motion: {translation_z: 2, rotation_3d_x: -0.5, rotation_3d_y: 1, orbit_x: 0.5, orbit_y: -1}")[0].startswith(
        "0.00-2.00 s (frames 0-23): the image comes 48 pixels nearer, tilts 12.0 degrees up, pans 24.0 degrees left, "
        "is seen from 12.0 degrees higher and is seen from 24.0 degrees further left;"
    )  # fmt: skip
