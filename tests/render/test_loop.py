"""The frame loop, with painters of a few lines."""

from dataclasses import replace

import numpy as np
import pytest

from animator import Frame, Motion, State
from animator.frame import Grade, Painting
from animator.imaging.cameras import Camera2D
from animator.imaging.color import PalettePull
from animator.imaging.filters import crossfade
from animator.imaging.flow import interpolate
from animator.imaging.warp import warp
from animator.models.painter import FunctionPainter, as_painter
from animator.render.grading import (
    AddNoise,
    ColorMetrics,
    Contrast,
    FirstReference,
    FixedReference,
    MatchColor,
    PullToPalette,
    RollingReference,
    Sharpen,
    is_anchor,
)
from animator.render.loop import SkipFrames, paint_groups, render
from animator.render.painter import FlatPainter
from animator.timeline.cadence import painted_by_cadence, tween_weights

CAMERA = Camera2D(96, 80)


def film(count, cadence=1, strength=0.5, motion=Motion(zoom=1.02, angle=1)):
    strengths = np.full(count, strength) if np.isscalar(strength) else np.array(strength)
    diffuse = painted_by_cadence(strengths, cadence)
    weights = tween_weights(diffuse, strengths == 0)
    return [
        Frame(i, 100 + i, diffuse=bool(diffuse[i]), tween=float(weights[i]), motion=motion, painting=Painting(float(strengths[i])))
        for i in range(count)
    ]  # fmt: skip


def shown(frames, paint, state=State(), **stages):
    return [
        after.shown
        for _, after in render(frames, as_painter(paint), CAMERA, crossfade, state=state, **stages)
    ]


def test_every_frame_is_yielded_once_and_in_order_at_any_cadence(textured):
    for cadence in range(1, 12):
        pairs = render(film(10, cadence), FlatPainter(textured), CAMERA, crossfade)
        assert [frame.index for frame, _ in pairs] == list(range(10))


def test_painted_frames_are_yielded_unchanged(textured):
    painted_pictures = []

    def paint(frame, start):
        painted_pictures.append(FlatPainter(textured).paint(frame, start))
        return painted_pictures[-1]

    frames = film(10, cadence=4)
    images = shown(frames, paint)
    assert [i for i, frame in enumerate(frames) if frame.diffuse] == [0, 4, 8, 9]
    assert all(images[i] is image for i, image in zip([0, 4, 8, 9], painted_pictures, strict=True))


def test_a_painting_pass_starts_from_the_last_painted_frame_warped_once(textured):
    starts = []

    def paint(frame, start):
        starts.append(start)
        return textured

    frames = film(9, cadence=4)
    shown(frames, paint)
    step = CAMERA.matrix(frames[0].motion)
    assert starts[0] is None
    assert (starts[1] == warp(textured, np.linalg.matrix_power(step, 4))).all()


def test_in_betweens_blend_the_previous_frame_warped_forward_and_the_next_warped_back(textured):
    frames = film(5, cadence=4)
    images = shown(frames, FlatPainter(textured))
    step = CAMERA.matrix(frames[0].motion)
    for i in (1, 2, 3):
        old = warp(images[0], np.linalg.matrix_power(step, i))
        new = warp(images[4], np.linalg.inv(np.linalg.matrix_power(step, 4 - i)))
        difference = images[i].astype(int) - crossfade(old, new, i / 4)
        assert np.abs(difference).max() <= 1


def test_frames_of_strength_0_are_warped_without_losing_sharpness(textured):
    frames = film(20, strength=[0.5] + [0] * 19)
    images = shown(frames, FlatPainter(textured))
    step = CAMERA.matrix(frames[0].motion)
    once = warp(textured, np.linalg.matrix_power(step, 19))
    assert np.abs(images[19].astype(int) - once).max() <= 1


def test_a_still_film_without_painting_yields_the_same_array(textured):
    images = shown(film(5, strength=[0.5, 0, 0, 0, 0], motion=Motion()), FlatPainter(textured))
    assert all(image is images[0] for image in images)


@pytest.mark.parametrize("cadence", [1, 3])
def test_a_film_resumes_exactly_from_the_state_after_a_painted_frame(textured, cadence):
    frames = film(13, cadence)
    match = MatchColor(FirstReference("lab"), "lab", "statistics")
    stages = {"before": [match, AddNoise()], "after": [match]}
    whole = list(render(frames, FlatPainter(textured), CAMERA, crossfade, **stages))
    at, state = 6, whole[6][1]
    rest = shown(
        frames[at + 1 :],
        FlatPainter(textured),
        State(painting=state.painting, reference=state.reference),
        **stages,
    )
    assert all((a == b[1].shown).all() for a, b in zip(rest, whole[at + 1 :], strict=True))


def test_in_betweens_are_yielded_once_their_next_frame_is_painted():
    groups = [
        [frame.index for frame in stroke] for stroke in paint_groups(film(8, 3, [0.5] * 5 + [0, 0, 0.5]))
    ]
    assert groups == [[0], [1, 2, 3], [4], [5], [6], [7]]


def test_stages_run_in_order_around_the_painting(textured):
    log = []

    def stage(name):
        return lambda image, frame, state: log.append(f"{name}{frame.index}") or image

    paint = lambda frame, start: log.append(f"paint{frame.index}") or textured  # noqa: E731
    shown(film(2), paint, before=[stage("a"), stage("b")], after=[stage("c")])
    assert log == ["paint0", "c0", "a1", "b1", "paint1", "c1"]


def test_the_reference_is_the_first_painted_frame(textured):
    states = [state for _, state in render(film(4), FlatPainter(textured), CAMERA, crossfade)]
    assert all(state.reference is states[0].shown for state in states)


def test_colours_are_held_to_the_first_painted_frame(textured):
    base = (90 + textured * 0.3).astype(np.uint8)
    drift = lambda frame, start: base if start is None else np.clip(start * 0.97 + 6, 0, 255).astype(np.uint8)  # noqa: E731
    plain = shown(film(30, motion=Motion()), drift)[-1].mean()
    matched = shown(
        film(30, motion=Motion()), drift, after=[MatchColor(FirstReference("lab"), "lab", "statistics")]
    )[-1].mean()
    assert abs(plain - base.mean()) > 15
    assert abs(matched - base.mean()) < 1


def test_disabled_stages_return_the_same_array(textured):
    frame = film(1)[0]
    for stage in (
        AddNoise(),
        AddNoise(clouds=True),
        Contrast(),
        Sharpen(),
        MatchColor(FirstReference("lab"), "lab", "statistics"),
    ):
        assert stage(textured, frame, State()) is textured


def test_enabled_stages_change_the_image(textured):
    frame = Frame(0, 5, grade=Grade(noise=0.1, contrast=1.2, sharpen=0.5))
    for stage in (AddNoise(), AddNoise(clouds=True), Contrast(), Sharpen()):
        assert (stage(textured, frame, State()) != textured).any()


def test_colours_are_matched_to_the_given_reference(textured):
    match, frame = MatchColor(FirstReference("rgb"), "rgb", "statistics"), film(1)[0]
    grey = np.full_like(textured, 128)
    for level in (60, 180, 60):
        reference = np.clip(textured * 0.2 + level, 0, 255).astype(np.uint8)
        assert match(grey, frame, State(reference=reference)).mean() == pytest.approx(reference.mean(), abs=1)


def test_an_anchor_is_not_matched_and_becomes_the_reference(textured):
    tints = [np.clip(textured * 0.3 + level, 0, 255).astype(np.uint8) for level in (40, 60, 140, 160)]
    frames = [replace(frame, anchor=frame.index == 2) for frame in film(4, motion=Motion())]
    stage = SkipFrames(MatchColor(FirstReference("lab"), "lab", "statistics"), is_anchor)
    tinted = FunctionPainter(lambda frame, start: tints[frame.index])
    pairs = list(render(frames, tinted, CAMERA, crossfade, [stage], [stage]))
    means = [state.shown.mean() for _, state in pairs]
    assert means[1] == pytest.approx(means[0], abs=1)
    assert (pairs[2][1].shown == tints[2]).all()
    assert pairs[2][1].reference is pairs[3][1].reference is pairs[2][1].shown
    assert means[3] == pytest.approx(means[2], abs=1)


def test_a_reference_image_applies_to_every_painted_frame_even_the_first(textured):
    picture = np.clip(textured * 0.3 + 120, 0, 255).astype(np.uint8)
    stage = MatchColor(FixedReference(picture, "lab"), "lab", "statistics")
    dark = np.clip(textured * 0.3 + 30, 0, 255).astype(np.uint8)
    for image in shown(film(3, motion=Motion()), lambda frame, start: dark, after=[stage]):
        assert image.mean() == pytest.approx(picture.mean(), abs=1)


def test_a_rolling_reference_removes_flicker_and_follows_lasting_changes(textured):
    def light(index):
        return 60 + 40 * (index >= 30) + 12 * (index % 2)

    flicker = lambda frame, start: np.clip(textured * 0.3 + light(frame.index), 0, 255).astype(np.uint8)  # noqa: E731
    frames, stage = film(80, motion=Motion()), MatchColor(RollingReference("rgb", 8), "rgb", "statistics")
    means = np.array([image.mean() for image in shown(frames, flicker, after=[stage])])
    assert np.abs(np.diff(means[10:30])).max() < 3  # of 12
    assert means[70:].mean() - means[20:30].mean() == pytest.approx(40, abs=3)


def test_a_rolling_reference_resumes_from_the_last_painted_frame_alone(textured):
    frames, stage = film(9), {"after": [MatchColor(RollingReference("lab", 4), "lab", "statistics")]}
    whole = list(render(frames, FlatPainter(textured), CAMERA, crossfade, **stage))
    state = State(painting=whole[4][1].painting, reference=whole[0][1].reference)
    rest = shown(frames[5:], FlatPainter(textured), state, **stage)
    assert all((a == b[1].shown).all() for a, b in zip(rest, whole[5:], strict=True))


def test_an_amount_of_0_leaves_colours_alone(textured):
    off = Frame(1, 1, grade=Grade(color_amount=0, palette_amount=0))
    darker = textured // 2
    state = State(reference=darker, painting=darker)
    pull = PullToPalette(PalettePull(np.array([(10, 132, 255)], np.uint8)))
    for stage in (
        MatchColor(FirstReference("lab"), "lab", "statistics"),
        MatchColor(RollingReference("lab", 3), "lab", "statistics"),
        pull,
    ):
        assert stage(textured, off, state) is textured
        assert (stage(textured, Frame(1, 1), state) != textured).any()


def test_painted_frames_have_colour_metrics_and_in_betweens_do_not(textured):
    facts = ColorMetrics(FirstReference("lab"), PalettePull(np.array([(10, 132, 255)], np.uint8)))
    lighter = np.clip(textured.astype(int) + 20, 0, 255).astype(np.uint8)
    assert facts(Frame(0, 1), State(shown=textured, reference=textured))["drift"] == 0
    found = facts(Frame(1, 1), State(shown=lighter, reference=textured))
    assert 3 < found["drift"] < 12
    assert found["palette"] > 10
    assert facts(Frame(2, 1, diffuse=False), State(shown=lighter, reference=textured)) == {}


def test_flow_in_betweens_leave_painted_frames_unchanged(textured):
    frames = film(5, cadence=4)
    pairs = list(render(frames, FlatPainter(textured), CAMERA, interpolate))
    assert [frame.index for frame, _ in pairs] == list(range(5))
    assert pairs[0][1].shown is textured
    assert pairs[4][1].shown is pairs[4][1].painting
