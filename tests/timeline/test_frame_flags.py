"""Painted frames and renewed colour references, from lists of times or an expression."""

import pytest

from animator import SceneError, load, loads, timeline
from animator.scene.resolve import to_yaml
from animator.timeline.compile import scene_advice


def painted(text):
    return [
        frame.index for frame in timeline(loads(f"video: {{frames: 25, fps: 12}}\n{text}")) if frame.diffuse
    ]


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("paint: [0, 12, 24]", [0, 12, 24]),
        ("paint: [1s, end, 50%]", [0, 12, 24]),
        ("paint: {at: [0, 12, end]}", [0, 12, 24]),
        ("paint: {at: {0: 1, 12: yes, 18: 0, 20: no, end: true}}", [0, 12, 24]),
        ("bpm: 120\npaint: [0, 1b, 2b]", [0, 6, 12]),
        ("events: {reveal: 7}\npaint: [reveal]", [0, 7]),
        ("events: {reveal: 7}\npaint: [reveal - 2, reveal+0.5s, end-1s, end-25%]", [0, 5, 12, 13, 18]),
        ("bpm: 120\nevents: {reveal: 7}\npaint: [reveal+2b]", [0, 19]),
        ("paint: [0, 10, 99, -3]", [0, 10]),
        ("paint: t % 10 == 0", [0, 10, 20]),
        ("bpm: 120\npaint: beat % 2 < 1/fps", [0, 12, 24]),
        ("paint: [0, 12, 24]\npainting: {strength: {0: 0.5, 12: {value: 0, ease: step}, 13: 0.5}}", [0, 24]),
        ("cadence: 10", [0, 10, 20, 24]),
    ],
)
def test_frames_are_painted_at_the_given_times(text, frames):
    assert painted(text) == frames


def test_in_betweens_blend_into_the_next_painted_frame_and_later_frames_are_only_warped():
    frames = timeline(loads("video: {frames: 8}\npaint: [0, 4]"))
    assert [frame.tween for frame in frames] == [1, 0.25, 0.5, 0.75, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cadence: 2\npaint: [0, end]", "<text>:2:8: paint: give either 'cadence' or 'paint', not both"),
        ("paint: [0, soon]", "<text>:1:12: paint.1: 'soon' is not a time; write a frame (30)"),
        ("paint: [0, [1]]", "<text>:1:8: paint: [0, [1]] is not a list of times such as [0, 2s, 50%, end]"),
        ("paint: []", "<text>:1:8: paint: [] is not a list of times"),
        ("paint: 12", "<text>:1:8: paint: 12 is not a list of times"),
        ("paint: sine(t)", "<text>:1:8: paint: unknown function 'sine'"),
        ("grade: {color: lab, color_renew: [2x]}", "<text>:1:35: grade.color_renew.0: '2x' is not a time"),
        ("grade: {palette: '#fff'}", "<text>:1:18: grade.palette: '#fff' is not a list of colours"),
        ("grade: {palette: [fff]}", "<text>:1:18: grade.palette: 'fff' is not a colour; write it in quotes"),
        ("grade:\n  palette:\n    - #fff", "<text>:3:7: grade.palette.0: YAML takes '#fff' for a comment"),
        ("grade: {color: lab, color_reference: frist}", "<text>:1:38: grade.color_reference: no such file: "),
        ("grade: {color: cmyk}", "<text>:1:16: grade.color: 'cmyk' is not known"),
        ("tween: morph", "<text>:1:8: tween: 'morph' is not known; allowed: 'crossfade' or 'flow'"),
    ],
)
def test_a_problem_is_reported_with_its_place(text, problem):
    with pytest.raises(SceneError) as caught:
        loads(text)
    assert any(line.startswith(problem) for line in str(caught.value).splitlines()), str(caught.value)


def test_times_outside_the_film_and_unused_colour_settings_give_notes():
    text = "video: {frames: 10}\npaint: [0, 40]\ngrade: {color_renew: [2], palette_amount: 1}\n"
    assert [str(note).split(": ", 1)[1] for note in scene_advice(loads(text))][-3:] == [
        "paint.40: key 40 is frame 40, outside the film's 0..9: it is never reached",
        "grade.color_renew: has no effect without a colour match; add e.g. 'color: lab'",
        "grade.palette_amount: has no effect without a 'palette'",
    ]


def test_the_colour_reference_is_renewed_at_the_first_painted_frame_at_or_after_each_time():
    scene = loads("video: {frames: 25}\ncadence: 5\ngrade: {color: lab, color_renew: [7, 10, 22]}")
    assert [frame.index for frame in timeline(scene) if frame.anchor] == [10, 24]


def test_a_resolved_scene_paints_the_same_frames_and_colours(tmp_path):
    (tmp_path / "brand.png").write_bytes(_png())
    text = (
        "video: {frames: 25, size: 64x64}\npaint: [0, 1s]\n"
        "grade: {color: lab, color_reference: brand.png, palette: ['#08f', '#FFFFFF'], color_renew: [end]}\n"
    )
    scene = loads(text, tmp_path)
    again = loads(to_yaml(scene), "/")
    assert timeline(again) == timeline(scene)
    assert again.settings.grade.palette == ["#08f", "#FFFFFF"]
    assert again.settings.grade.color_reference == str(tmp_path / "brand.png")


def _png():
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(data, "PNG")
    return data.getvalue()


def test_a_file_that_names_its_times_replaces_the_cadence_of_its_preset(tmp_path):
    (tmp_path / "base.yaml").write_text("video: {frames: 9, size: 64x64}\ncadence: 4\n")
    (tmp_path / "top.yaml").write_text("extends: base.yaml\npaint: [0, 3]\n")
    assert [frame.index for frame in timeline(load(tmp_path / "top.yaml")) if frame.diffuse] == [0, 3]
    again = load(tmp_path / "top.yaml", ["cadence=8"])
    assert [frame.index for frame in timeline(again) if frame.diffuse] == [0, 8]
