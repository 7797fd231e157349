"""The frames of a film that show one turn of the product."""

import numpy as np
import pytest

from animator import loads, timeline
from animator.timeline.turntable import MAX_VIEWS, film_turn


def turn(text, frames=96, loop="none"):
    scene = loads(f"video: {{frames: {frames}, size: 96x80, loop: {loop}}}\n{text}")
    film = timeline(scene)
    angles = np.cumsum([0.0, *(frame.motion.orbit_y for frame in film[1:])])
    found = film_turn(film, loop == "closed")
    return found, angles[found.frames]


@pytest.mark.parametrize("loop", ["none", "closed"])
@pytest.mark.parametrize("ease", ["linear", "in-out-sine"])
def test_one_turn_is_shown_in_even_angles_without_its_end_which_is_its_beginning(loop, ease):
    found, angles = turn(f"motion: {{orbit_y: {{total: 360, ease: {ease}}}}}", 216, loop)
    assert found.is_full and found.turns_left
    assert 36 <= len(found.frames) <= MAX_VIEWS
    assert angles[0] == 0 and angles[-1] < 360
    assert np.diff([*angles, 360]) == pytest.approx(360 / len(angles), abs=1.7 if ease == "linear" else 2.7)


def test_a_rate_that_would_arrive_with_the_next_frame_is_a_whole_turn():
    found, _ = turn("motion: {orbit_y: -360/96}")
    assert found.is_full and not found.turns_left
    assert found.frames == list(range(0, 96, 2))


def test_of_two_turns_the_first_one_is_used():
    found, angles = turn("motion: {orbit_y: {total: 720}}", 101)
    assert found.is_full and found.frames == list(range(50))
    assert angles[-1] < 360


def test_a_part_of_a_turn_does_not_close():
    found, angles = turn("motion: {orbit_y: {total: -40}}", 30)
    assert not found.is_full and not found.turns_left
    assert found.frames == list(range(30)) and angles[-1] == pytest.approx(-40)


def test_a_closed_loop_without_an_orbit_is_a_turn_at_even_times():
    found, _ = turn("prompts: {at: {0: a mug, 50%: a mug from behind}}", 144, "closed")
    assert found.is_full and found.frames == list(range(0, 144, 2))
    assert not turn("", 144)[0].is_full


def test_of_several_shots_the_longest_one_is_used():
    found, _ = turn("cuts: [20, 80]\nmotion: {orbit_y: {total: 360, from: 20, to: 79}}")
    assert found.frames == list(range(20, 79)) and found.is_full
