"""View targets: the image each painted frame is guided towards, and its weight."""

import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.frame import ViewTarget
from animator.timeline.cadence import ViewGoal, lead_weights


def weights(goals, painted, frames=12, shot=0):
    diffuse = np.isin(np.arange(frames), painted)
    begun = np.where(np.arange(frames) < shot, 0, shot)
    return {i: ahead for i, ahead in enumerate(lead_weights(goals, diffuse, begun)) if ahead != ViewTarget()}


def test_the_difference_to_a_view_shrinks_in_even_steps():
    found = weights([ViewGoal(8, 8, 4)], range(12))
    assert list(found) == [5, 6, 7, 8]
    assert [ahead.weight for ahead in found.values()] == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1])
    left = np.cumprod([1 - ahead.weight for ahead in found.values()])
    assert left == pytest.approx([3 / 4, 2 / 4, 1 / 4, 0])


def test_only_painted_frames_are_guided_and_rare_ones_take_larger_steps():
    found = weights([ViewGoal(8, 8, 6)], [0, 4, 8, 11])
    assert {at: ahead.weight for at, ahead in found.items()} == pytest.approx({4: 1 / 3, 8: 1})


def test_the_nearer_goal_wins():
    found = weights([ViewGoal(4, 4, 9), ViewGoal(8, 8, 9)], range(12))
    assert [ahead.frame for ahead in found.values()] == [4] * 5 + [8] * 4
    assert found[5].weight == pytest.approx(1 / 4)


def test_no_frame_is_guided_across_a_cut():
    assert list(weights([ViewGoal(8, 8, 9)], range(12), shot=6)) == [6, 7, 8]


def test_a_closed_loop_is_guided_to_the_frame_after_its_last():
    frames = timeline(loads("video: {frames: 10, fps: 3, loop: closed}"))
    assert [frame.ahead.frame for frame in frames] == [-1] * 7 + [10] * 3
    assert frames[9].ahead.weight == 1


@pytest.mark.parametrize(
    ("views", "problem"),
    [
        ("{0: a.png, 0s: a.png}", "views.0s: 0s and 0 are both frame 0"),
        ("{99: a.png}", "views.99: frame 99 is outside the film; its frames are 0..9"),
        ("{soon: a.png}", "views.soon: 'soon' is not a time"),
        ("{0: none.png}", "views.0: no such file: "),
        ("{0: text.png}", "views.0: cannot be read as an image"),
        ("{0: 3}", "is not a list of images such as"),
        ("[a.png]", "is not a list of images such as"),
    ],
)
def test_a_problem_of_views_is_reported_with_its_place(tmp_path, views, problem):
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(SceneError) as caught:
        loads(f"video: {{frames: 10}}\nviews: {views}", tmp_path)
    assert problem in str(caught.value)
    assert str(caught.value).startswith("<text>:2:")
