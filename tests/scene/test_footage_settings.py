"""Footage settings of a schedule file: each problem is one line, before any model is loaded."""

import pytest
import yaml

from animator import SceneError, loads, timeline
from animator.runs.metadata import frame_table
from animator.scene.resolve import to_yaml
from tests import films
from tests.timeline.tracks import tone
from tests.timeline.tracks import write as write_track


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("footage: no.mp4", "<text>:1:10: footage.file: no such file: "),
        ("footage: {file: no.mp4}", "<text>:1:17: footage.file: no such file: "),
        ("footage: {file: text.mp4}", "<text>:1:17: footage.file: cannot be used as a video: "),
        ("footage: {file: track.wav}", "<text>:1:17: footage.file: cannot be used as a video: "),
        ("footage: {file: a.mp4, start: 2}", "<text>:1:31: footage.start: 2: the video ends after 1 seconds"),
        ("footage: {alpha: 0.5}", "<text>:1:10: footage: there is no video; write e.g. 'file: street.mp4'"),
        ("footage: {file: a.mp4, alpha: 1.5}", "<text>:1:31: footage.alpha: 1.5 at frame 0; allowed 0..1"),
        ("footage: {file: a.mp4, mask: b}", "<text>:1:30: footage.mask: unknown mask 'b'"),
        ("footage: {file: a.mp4, motion: flown}", "<text>:1:32: footage.motion: 'flown' is not known; allowed: "),
        ("grade: {color: lab, color_reference: footage}", "<text>:1:38: grade.color_reference: there is no footage"),
    ],
)  # fmt: skip
def test_each_problem_of_footage_is_one_line(tmp_path, text, line):
    films.write(tmp_path / "a.mp4", films.greys(10), 10)
    (tmp_path / "text.mp4").write_text("no video")
    write_track(tmp_path / "track.wav", tone(200, 1))
    with pytest.raises(SceneError) as caught:
        loads(text, tmp_path)
    [found] = str(caught.value).splitlines()
    assert found.startswith(line)


def test_a_resolved_file_names_the_footage_by_its_absolute_path(tmp_path):
    file = films.write(tmp_path / "a.mp4", films.greys(10), 10)
    scene = loads("footage: {file: a.mp4, alpha: 0.5 + 0.1*sin(t)}\nvideo: {frames: 5}", tmp_path)
    text = to_yaml(scene)
    assert yaml.safe_load(text)["footage"]["file"] == str(file)
    assert timeline(loads(text, "/")) == timeline(scene)
    without = loads("video: {frames: 5}")
    assert timeline(loads(to_yaml(without))) == timeline(without)


def test_the_frame_table_counts_the_steps_of_a_first_frame_over_footage(tmp_path):
    films.write(tmp_path / "a.mp4", films.greys(10), 10)
    scene = loads("footage: a.mp4\nvideo: {frames: 2}\npainting: {steps: 20, strength: 0.5}", tmp_path)
    assert [row["steps_run"] for row in frame_table(scene, timeline(scene))] == [10, 10]
