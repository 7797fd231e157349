"""Shots: parts of a film that do not depend on each other."""

from animator import Frame, loads, timeline
from animator.render.loop import shots, starts_shot


def test_a_timeline_is_split_where_shots_begin():
    frames = timeline(loads("video: {frames: 12}\ncuts: [5, 9, 40]"))
    assert [[frame.index for frame in shot] for shot in shots(frames)] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11],
    ]
    assert [frame.index for frame in frames if starts_shot(frame)] == [0, 5, 9]


def test_the_rest_of_a_shot_is_one_shot():
    frames = timeline(loads("video: {frames: 12}\ncuts: [5]"))
    assert [len(shot) for shot in shots(frames[3:])] == [2, 7]
    assert not starts_shot(frames[3])


def test_an_empty_timeline_has_no_shots():
    assert shots([]) == []
    assert shots([Frame(0, 1)]) == [[Frame(0, 1)]]
