"""Named moves: amount, start and end, and camera shake."""

from math import prod

import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.timeline.motion import MOVES, SHAKES

FILM = "video: {size: 200x100, fps: 20, frames: 81}\n"


def motions(text, *settings):
    return [frame.motion for frame in timeline(loads(FILM + text, settings=settings))]


def total(rows, column):
    values = [getattr(row, column) for row in rows]
    return prod(values) if column == "zoom" else sum(values)


@pytest.mark.parametrize(
    ("word", "column", "amount"),
    [
        ("push-in", "zoom", 1.2),
        ("pull-out", "zoom", 1 / 1.2),
        ("settle", "zoom", 1.08),
        ("rise", "translation_y", 12),
        ("sink", "translation_y", -12),
        ("pan-left", "translation_x", 24),
        ("pan-right", "translation_x", -24),
        ("orbit-left", "orbit_y", -15),
        ("orbit-right", "orbit_y", 15),
        ("roll-left", "angle", 8),
        ("roll-right", "angle", -8),
    ],
)
def test_a_move_reaches_its_amount_by_the_next_key(word, column, amount):
    rows = motions(f"motion: {{moves: {{1s: {word}, 3s: hold}}}}")
    assert total(rows, column) == pytest.approx(amount)
    assert total(rows[21:61], column) == pytest.approx(amount)  # frames 21..60 arrive at 3 s
    still = [row for i, row in enumerate(rows) if not 21 <= i <= 60]
    assert all(row == still[0] for row in still)


def test_every_move_is_tested_above():
    assert len(MOVES) == 11


def test_a_move_takes_an_amount_and_an_ease():
    rows = motions("motion: {moves: {0: {move: roll-left, amount: 40, ease: linear}}}")
    assert [row.angle for row in rows] == pytest.approx([0] + [0.5] * 80)


def test_a_move_starts_and_stops_softly_by_default():
    angle = np.array([row.angle for row in motions("motion: {moves: {0: roll-left}}")])[1:]
    assert angle[0] < 0.1 * angle.max() and angle[-1] < 0.1 * angle.max()
    assert angle.argmax() in (39, 40)


def test_moves_add_to_written_curves():
    rows = motions("motion: {angle: 1, zoom: 1.01, moves: {0: push-in, 2s: roll-right}}")
    assert total(rows, "angle") == pytest.approx(81 - 8)
    assert total(rows, "zoom") == pytest.approx(1.01**81 * 1.2)


@pytest.mark.parametrize("name", SHAKES)
def test_a_shaking_camera_moves_around_its_place(name):
    rows = motions(f"motion: {{shake: {name}}}")
    place = np.cumsum([[row.translation_x, row.translation_y, row.angle] for row in rows], axis=0)
    shake = SHAKES[name]
    limits = 2.8 * np.array([shake.place * 200, shake.place * 200, shake.angle])
    assert (np.abs(place) < limits).all()
    assert (np.ptp(place, axis=0) > 0.2 * limits / 2.8).all()
    assert rows[0].angle == 0


def test_a_shake_is_determined_by_the_seed():
    first, again, other = (
        motions("motion: {shake: walk}", f"painting.seed.start={seed}") for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_shake_has_a_strength_over_time():
    rows = motions("motion: {shake: {like: walk, strength: {0: 0, 2s: 0, 4s: 2}}}")
    assert all(row.translation_x == 0 for row in rows[:40])
    assert any(abs(row.translation_x) > 0.5 for row in rows[60:])
    assert motions("motion: {shake: 0}") == motions("motion: {zoom: 1}")


def test_handheld_shakes_only_until_the_next_move():
    rows = motions("motion: {moves: {1s: handheld, 3s: hold}}")
    moving = [i for i, row in enumerate(rows) if row.translation_x or row.angle]
    assert 20 <= moving[0] <= 22 and 58 <= moving[-1] <= 61
    assert total(rows, "translation_x") == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("moves: {1s: push-inn}", "motion.moves.1s: unknown move 'push-inn'; did you mean 'push-in'"),
        ("moves: {0: {move: push-in, amout: 2}}", "did you mean 'amount'"),
        ("moves: {0: {move: push-in, amount: -1}}", "a zoom is a ratio above 0"),
        ("moves: {0: {move: push-in, amount: yes please}}", "'yes please' is not an amount"),
        ("moves: {0: {move: push-in, ease: in-sin}}", "unknown easing 'in-sin'"),
        ("moves: {9s: push-in}", "outside the film"),
        ("moves: {1s: push-in, 20: hold}", "both frame 20"),
        ("moves: push-in", "is not a list of moves"),
        ("shake: wild", "motion.shake.like: 'wild' is not known"),
        ("shake: {strength: -1}", "motion.shake.strength: -1 at frame 0"),
    ],
)
def test_an_invalid_move_is_refused_with_its_place(text, words):
    with pytest.raises(SceneError) as caught:
        loads(FILM + f"motion: {{{text}}}")
    assert words in str(caught.value)
