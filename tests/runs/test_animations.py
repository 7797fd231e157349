"""GIF and WebP, checked by decoding: images, durations, colours, transparency, loops, the embedded recipe."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from animator import RunError
from animator.interop.metadata import image_comment
from animator.runs.gif_webp import FrameSequence, fit_to_bytes, gif, webp

COLORS = [(200, 40, 40), (40, 180, 60), (30, 60, 200), (240, 240, 240), (16, 16, 16), (128, 128, 128)]
RECIPE = "prompts: {at: 'über 日本'}\n" * 400


def flat(index):
    """Return a plain colour with a bar that grows, so that no two images are equal."""
    image = np.full((64, 96, 3), COLORS[index % 6], np.uint8)
    image[:, : 2 * index + 2] = 0
    return image


def clear(index):
    """Return `flat` as RGBA, transparent where the bar is."""
    return np.dstack(
        [flat(index), np.where(np.arange(96) < 2 * index + 2, 0, 255) * np.ones((64, 1))]
    ).astype("u1")


def reel(look=flat, count=12, fps=24.0, **more):
    return FrameSequence(range(count), look, 96, 64, fps, count / fps, look is clear, **more)


def decoded(data):
    """Return the images as RGBA, and the duration of each in milliseconds."""
    shown, stays = [], []
    for frame in ImageSequence.Iterator(Pillow.open(io.BytesIO(data))):
        frame.load()
        shown.append(np.asarray(frame.convert("RGBA")))
        stays.append(frame.info["duration"])
    return shown, stays


@pytest.mark.parametrize(("encode", "look"), [(gif, flat), (webp, flat), (webp, clear)])
def test_an_animation_has_every_frame_with_its_duration_and_colours(encode, look):
    shown, stays = decoded(encode(reel(look, fps=23.976), RECIPE, True, "good"))
    assert len(shown) == 12
    assert sum(stays) == pytest.approx(12 / 23.976 * 1000, abs=10)
    assert max(stays) - min(stays) <= (10 if encode is gif else 1)
    for index, image in enumerate(shown):
        assert np.abs(image[8:56, 60:88, :3].astype(int) - COLORS[index % 6]).max() <= 3
        assert (image[..., : 2 * index, 3].max(initial=0) <= 3) == (look is clear or index == 0)


@pytest.mark.parametrize("encode", [gif, webp])
def test_an_animation_repeats_endlessly_or_plays_once(encode):
    assert Pillow.open(io.BytesIO(encode(reel(count=3), "", True, "draft"))).info["loop"] == 0
    once = Pillow.open(io.BytesIO(encode(reel(count=3), "", False, "draft"))).info
    assert once.get("loop") == {gif: None, webp: 1}[encode]


@pytest.mark.parametrize("encode", [gif, webp])
def test_the_comment_of_an_animation_is_the_recipe(encode, tmp_path):
    (tmp_path / "film").write_bytes(encode(reel(count=3), RECIPE, True, "draft"))
    assert image_comment(tmp_path / "film") == RECIPE


@pytest.mark.parametrize("encode", [gif, webp])
def test_a_single_image_is_a_valid_animation(encode):
    data = encode(reel(count=1), RECIPE, True, "good")
    with Pillow.open(io.BytesIO(data)) as image:
        assert np.abs(np.asarray(image.convert("RGB"))[:, 60:88].astype(int) - COLORS[0]).max() <= 3


def test_the_palette_covers_the_whole_film_and_dithers_other_colours():
    ramp = np.linspace(0, 255, 96).astype(int)

    def shades(index):
        image = np.zeros((64, 96, 3), np.uint8)
        image[..., index % 3] = ramp
        image[..., (index + 1) % 3] = 4 * np.arange(64)[:, None]
        return image

    shown, _ = decoded(gif(reel(shades, 6), "", True, "good"))
    for index, image in enumerate(shown):
        wanted = shades(index)[:, 8:88].astype(float).reshape(8, 8, 10, 8, 3).mean((1, 3))
        found = image[:, 8:88, :3].astype(float).reshape(8, 8, 10, 8, 3).mean((1, 3))
        assert np.abs(found - wanted).mean() < 3


def noise(index):
    grey = np.random.default_rng(index).integers(0, 255, (64, 96, 1), np.uint8)
    return np.repeat(grey, 3, axis=-1)


@pytest.mark.parametrize(("limit", "every", "width"), [(10**6, 1, 96), (120_000, 2, 62), (20_000, 3, 31)])
def test_an_animation_over_the_limit_gets_fewer_and_smaller_frames_at_equal_length(limit, every, width):
    data, shown = fit_to_bytes(reel(noise, 48), limit, lambda part: gif(part, "", True, "good"), 50)
    assert len(data) <= limit
    assert (len(shown), shown.width) == (48 // every, width)
    _, stays = decoded(data)
    assert sum(stays) == 2000


def test_dropping_frames_keeps_the_length_of_an_odd_film():
    _, stays = decoded(gif(reel(flat, 11, 10.0).every_nth(3), "", True, "draft"))
    assert stays == [300, 300, 300, 200]


def test_an_unreachable_size_limit_is_an_error():
    with pytest.raises(
        RunError, match=r"^16 frames of 14x10 at 8 fps still take 2 kB; raise output.max_size$"
    ):
        fit_to_bytes(reel(noise, 48), 500, lambda part: part.order and bytes(part.pixels), 50)
    with pytest.raises(RunError, match="raise output.max_size"):
        fit_to_bytes(reel(noise, 48), 800, lambda part: gif(part, "", True, "good"), 50)


def test_a_rate_too_fast_for_browsers_is_reduced():
    _, shown = fit_to_bytes(reel(flat, 24, 120.0), None, lambda part: b"", 50)
    assert (len(shown), shown.fps, shown.seconds) == (8, 40.0, 0.2)
