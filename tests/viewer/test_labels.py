"""Text drawn into images."""

import numpy as np
import pytest

from animator.viewer import overlay


def drawn(text):
    image = np.zeros((40, 400, 3), np.uint8)
    return image, overlay.draw_text(image, text, (4, 28), 20, (255, 200, 100))


def test_a_line_is_drawn_in_its_colour_and_measured_width():
    image, end = drawn("strength 0.45")
    across = np.flatnonzero(image.any((0, 2)))
    assert image.max((0, 1)).tolist() == [255, 200, 100]
    assert across[0] >= 4 and end - 4 <= across[-1] < end
    assert overlay.text_width("strength 0.45", 20) == end - 4


@pytest.mark.parametrize("text", ["Grün", "café", "→ 40 %", "мир", "a · b"])
def test_every_letter_has_its_own_glyph(text):
    unknown, _ = drawn(text.replace(max(text), "?"))
    assert (drawn(text)[0] != unknown).any()


def test_text_is_wrapped_between_words_and_omitted_text_is_marked_by_an_ellipsis():
    lines = overlay.wrap_text("a pencil sketch of a red mug on white paper", 16, 150, 2)
    assert len(lines) == 2 and lines[1].endswith("…")
    assert all(overlay.text_width(line, 16) <= 150 for line in lines)
    assert overlay.wrap_text("a red mug", 16, 150, 2) == ["a red mug"]
    assert overlay.wrap_text("", 16, 150, 2) == []
    (word,) = overlay.wrap_text("m" * 60, 16, 150, 2)
    assert word.endswith("…") and overlay.text_width(word, 16) <= 150


def test_a_hex_colour_is_parsed_to_rgb():
    assert overlay.parse_hex_color("#0a84ff") == (10, 132, 255)
