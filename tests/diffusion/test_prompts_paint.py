"""Prompt syntax changes the image as intended, painted by the bundled model."""

import numpy as np
import pytest

from animator import Frame, Painting, Prompt, loads, timeline
from animator.render.pipeline import load_painter


@pytest.fixture(scope="module")
def paint():
    """A function that paints a prompt with nano, 128x128 pixels in four steps."""
    sdxl = load_painter(loads("video: {frames: 1, size: 128x128}"))
    painting = Painting(steps=4, guidance_scale=4.0)
    return lambda prompt: sdxl.paint(Frame(0, 11, prompt, painting=painting), None).astype(float)


def words(text):
    return Prompt(text, "", text)


def more(image, channel):
    """Return by how much one colour channel exceeds the others in the middle of an image."""
    middle = image[32:-32, 32:-32].mean((0, 1))
    return float(middle[channel] - np.delete(middle, channel).mean())


def test_a_larger_weight_on_red_gives_a_redder_image(paint):
    reds = [more(paint(words(f"photo of a (red:{w}) mug, white background")), 0) for w in (0, 0.5, 1, 1.4)]
    assert reds == sorted(reds)
    assert reds[-1] > reds[0] + 20


def test_half_way_between_red_and_blue_the_image_lies_between(paint):
    red, blue = "photo of a red mug, white background", "photo of a blue mug, white background"
    tones = [more(paint(Prompt(red, "", blue, weight)), 0) for weight in (0, 0.5, 1)]
    assert tones[0] > tones[1] + 10 > tones[2] + 20
    mixed = paint(words('photo of a ("red", "blue").blend(1, 1) mug, white background'))
    assert np.abs(mixed - paint(Prompt(red, "", blue, 0.5))).mean() < 1  # the same mixture, rounded otherwise


def test_styles_change_the_image(paint):
    def grey(style):
        prompt = timeline(loads(f"video: {{frames: 1}}\nprompts: {{at: a blue bottle, style: {style}}}"))[
            0
        ].prompt
        image = paint(prompt)
        return float(image.mean()), float(np.abs(image - image.mean(-1, keepdims=True)).mean())

    sketch, clay, night = grey("pencil-sketch"), grey("clay"), grey("night-city")
    assert sketch[0] > clay[0] > night[0]  # white paper, a grey wall, night
    assert sketch[1] < night[1] and clay[1] < night[1]  # neither has colours


def test_text_after_the_75th_token_changes_the_image(paint):
    filler = "photo of a mug, white background, " + ", ".join(
        ["high quality, detailed, industrial design"] * 8
    )
    plain, red, blue = (paint(words(filler + end)) for end in ("", ", red, red mug", ", blue, blue mug"))
    assert np.abs(red - blue).mean() > 1
    assert np.abs(red - plain).mean() > 1
