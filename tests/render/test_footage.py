"""Footage in the film: painted over, followed, matched in colour, resumed."""

from contextlib import closing
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from animator import animate, loads, preview, timeline
from animator.imaging.io import VideoSource, read_frames
from tests import films

SIZE = (160, 128)


@pytest.fixture
def begin(tmp_path):
    """Return a function that makes a scene of 160x128 at 10 frames per second with the given footage."""

    def begun(text, frames=8, shown=None):
        if shown is not None:
            films.write(tmp_path / "a.mp4", shown)
        video = f"video: {{frames: {frames}, size: 160x128, fps: 10}}\n"
        return loads(video + text, tmp_path)

    return begun


def shifting(count, dx, dy=0):
    """Return images of a texture that moves by (dx, dy) pixels per frame."""
    large = films.texture(*SIZE, margin=100)
    return [np.ascontiguousarray(large[100 - dy * i :, 100 - dx * i :][:128, :160]) for i in range(count)]


def keep(frame, start):
    """Paint nothing: return `start`, or a texture that no footage has."""
    return films.texture(*SIZE, seed=9) if start is None else start


def loud(frame, start):
    random = np.random.default_rng(frame.seed)
    image = random.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return image if start is None else cv2.addWeighted(start, 0.7, image, 0.3, 0)


def shown(scene, paint=keep, frames=None, state=None):
    return [after.shown for _, after in animate(scene, frames, paint, state)]


def moved(old, new):
    """Return the motion (x, y) of the middle of an image in pixels."""
    a, b = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[36:-36, 36:-36] for p in (old, new))
    _, found = cv2.findTransformECC(a, b, np.eye(2, 3, dtype=np.float32), cv2.MOTION_TRANSLATION)
    return found[:, 2]


def test_alpha_1_with_a_painter_that_changes_nothing_shows_the_footage(begin):
    footage = shifting(8, 3)
    scene = begin("footage: a.mp4", shown=footage)
    for image, source in zip(shown(scene), footage, strict=True):
        assert np.abs(image.astype(int) - source).max() <= 3


def test_alpha_0_equals_a_film_without_footage(begin):
    rest = "\nmotion: {zoom: 1.02}\ngrade: {noise: 0.1, color: lab}\ncadence: 2"
    given = begin(f"footage: {{file: a.mp4, alpha: 0}}{rest}", shown=shifting(8, 3))
    for one, other in zip(shown(given, loud), shown(begin(rest), loud), strict=True):
        assert (one == other).all()


def test_alpha_one_half_blends_half_of_the_footage(begin):
    scene = begin("footage: {file: a.mp4, alpha: {0: 0, 1: 0.5}}", 2, shifting(8, 3))
    first, second = shown(scene)
    source = films.read(scene.folder / "a.mp4", *SIZE, 10, 2)[1]
    assert np.abs(second - (first.astype(float) + source) / 2).max() <= 1


def test_footage_is_blended_only_inside_its_mask(begin):
    half = "masks: {left: {polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}\n"
    scene = begin(half + "footage: {file: a.mp4, alpha: {0: 0, 1: 1}, mask: left}", 2, shifting(8, 3))
    first, second = shown(scene)
    source = films.read(scene.folder / "a.mp4", *SIZE, 10, 2)[1]
    assert (second[:, :78] == source[:, :78]).all()
    assert (second[:, 82:] == first[:, 82:]).all()


def test_partial_footage_is_first_blended_over_the_start_image(begin, tmp_path):
    begun = films.texture(*SIZE, seed=9)
    Pillow.fromarray(begun).save(tmp_path / "start.png")
    scene = begin("start: {image: start.png}\nfootage: {file: a.mp4, alpha: 0.5}", 1, shifting(2, 3))
    [first] = shown(scene)
    source = films.read(tmp_path / "a.mp4", *SIZE, 10, 1)[0]
    assert np.abs(first - (begun.astype(float) + source) / 2).max() <= 1


@pytest.mark.parametrize("motion", ["affine", "perspective", "flow"])
def test_painted_frames_move_as_the_footage_does(begin, motion):
    scene = begin(f"footage: {{file: a.mp4, alpha: 0, motion: {motion}}}", shown=shifting(8, 3, -2))
    for old, new in pairwise(shown(scene)):
        assert moved(old, new) == pytest.approx((3, -2), abs=0.25)


@pytest.mark.parametrize("motion", ["affine", "flow"])
def test_frames_that_are_not_painted_follow_the_footage_too(begin, motion):
    scene = begin(
        f"footage: {{file: a.mp4, alpha: 0, motion: {motion}}}\npainting: {{strength: 0}}",
        shown=shifting(8, 2),
    )
    for old, new in pairwise(shown(scene)):
        assert moved(old, new) == pytest.approx((2, 0), abs=0.25)


def test_in_betweens_follow_a_matrix(begin):
    scene = begin("footage: {file: a.mp4, alpha: 0, motion: affine}\ncadence: 4", 9, shifting(9, 2))
    for old, new in pairwise(shown(scene)):
        assert moved(old, new) == pytest.approx((2, 0), abs=0.25)


@pytest.mark.parametrize("motion", ["affine", "flow"])
def test_motion_amount_one_half_follows_half_the_motion(begin, motion):
    text = f"footage: {{file: a.mp4, alpha: 0, motion: {motion}, motion_amount: {{0: 0.5, 4: 0}}}}"
    scene = begin(text, 3, shifting(8, 4))
    amounts = [frame.footage.motion_amount for frame in timeline(scene)]
    for (old, new), amount in zip(pairwise(shown(scene)), amounts[1:], strict=True):
        assert moved(old, new) == pytest.approx((4 * amount, 0), abs=0.25)


def test_camera_motion_is_added_to_the_motion_of_the_footage(begin):
    both = "footage: {file: a.mp4, alpha: 0, motion: affine}\nmotion: {translation_x: 1, translation_z: 0}"
    scene = begin(both, shown=shifting(8, 3))
    in_space = begin(both.replace("translation_z: 0", "rotation_3d_z: '0*t', translation_z: '1e-9'"))
    for film in (scene, in_space):
        for old, new in pairwise(shown(film)):
            assert moved(old, new) == pytest.approx((4, 0), abs=0.25)


def test_a_cut_in_the_footage_moves_nothing(begin):
    cut = [films.texture(*SIZE, seed=5)] * 3 + [films.texture(*SIZE, seed=77)] * 3
    for motion in ("affine", "perspective", "flow"):
        scene = begin(f"footage: {{file: a.mp4, alpha: 0, motion: {motion}}}", 6, cut)
        images = shown(scene)
        assert np.abs(images[5] - images[0].astype(int)).mean() < 8, motion


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("motion", ["none", "affine", "flow"])
def test_a_resumed_film_with_footage_equals_an_uninterrupted_one(begin, motion, masked):
    lock = "masks: {a: {polygon: [[0.2, 0.2], [0.6, 0.2], [0.4, 0.7]]}}\nlock: a\n" if masked else ""
    text = f"{lock}footage: {{file: a.mp4, start: 0.2, alpha: 0.4, motion: {motion}}}\ncadence: 2\n"
    scene = begin(f"{text}grade: {{color: lab, color_reference: footage}}", 13, shifting(9, 2, 1))
    frames = timeline(scene)
    whole = list(animate(scene, frames, loud))
    for stop in (2, 6, 10):
        rest = shown(scene, loud, frames[stop + 1 :], whole[stop][1])
        for (frame, state), image in zip(whole[stop + 1 :], rest, strict=True):
            assert (state.shown == image).all(), frame.index


def test_colours_are_matched_to_the_footage_of_each_frame(begin):
    colours = [np.broadcast_to(np.uint8([70 + 12 * i, 190 - 12 * i, 110]), (128, 160, 3)) for i in range(8)]
    scene = begin(
        "footage: {file: a.mp4, alpha: 0}\ngrade: {color: lab, color_reference: footage}", shown=colours
    )
    for image, colour in zip(shown(scene), colours, strict=True):
        assert np.abs(image.mean(axis=(0, 1)) - colour[0, 0]).max() < 8


def test_a_preview_starts_from_the_first_footage_image_and_follows_its_motion(begin):
    scene = begin("footage: {file: a.mp4, motion: affine}", shown=shifting(8, 3))
    seen = [state.shown for _, state in preview(scene)]
    assert np.abs(seen[0].astype(int) - shifting(1, 3)[0]).max() <= 3
    for old, new in pairwise(seen):
        assert moved(old, new) == pytest.approx((3, 0), abs=0.25)


def test_the_last_footage_image_repeats_after_its_end(begin):
    scene = begin("footage: {file: a.mp4, motion: flow}", 8, shifting(4, 3))
    last = shown(scene)[3:]
    assert all((image == last[0]).all() for image in last)


def test_each_footage_image_is_decoded_once_and_a_stopped_film_closes_the_video(begin):
    from animator.render.footage import FootageReader

    file = begin("footage: a.mp4", shown=shifting(4, 1)).folder / "a.mp4"
    played, closed = [], []

    def play(index):
        try:
            for image in read_frames(VideoSource(file, *SIZE, 10), index, hold=True):
                played.append(image)
                yield image
        finally:
            closed.append(True)

    with closing(FootageReader(play)) as footage:
        for index in (0, 0, 1, 3):
            footage(index)
    assert len(played) == 4 and closed == [True]
