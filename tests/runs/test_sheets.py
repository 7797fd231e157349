"""Posters, sheets, subtitles and archives."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.interop.metadata import image_comment
from animator.runs.atomic import write_zip
from animator.runs.gif_webp import FrameSequence
from animator.runs.sheets import contact_sheet, most_detailed_frame
from animator.runs.subtitles import plain_prompt, subtitles


def shade(index, width=96, height=64):
    return np.full((height, width, 3), 10 + 4 * index, np.uint8)


def test_the_poster_is_the_frame_with_the_most_detail(textured):
    images = [shade(0), textured // 4, textured, shade(9), textured // 2]
    assert most_detailed_frame(range(5), images.__getitem__) == 2
    assert most_detailed_frame([0, 3], images.__getitem__) in (0, 3)


def test_a_contact_sheet_shows_labelled_frames_from_the_first_to_the_last(tmp_path):
    data = contact_sheet(FrameSequence(range(60), shade, 96, 64, 24, 2.5), "a: film", "{0}  {0} s".format)
    (tmp_path / "sheet.jpg").write_bytes(data)
    image = np.asarray(Pillow.open(io.BytesIO(data))).astype(int)
    cells = [(row, column) for row in range(4) for column in range(6)]
    assert image.shape == (8 + 4 * 90, 8 + 6 * 104, 3)
    greys = [image[8 + row * 90 + 32, 8 + column * 104 + 48, 0] for row, column in cells]
    wanted = [10 + 4 * int(index) for index in np.linspace(0, 59, 24)]
    assert np.abs(np.array(greys) - wanted).max() <= 3
    for row, column in cells:
        line = image[8 + row * 90 + 64 : 8 + row * 90 + 82, 8 + column * 104 : 8 + column * 104 + 96]
        assert line.max() > 150 and np.median(line) < 40
    assert image_comment(tmp_path / "sheet.jpg") == "a: film"


def test_a_contact_sheet_scales_large_frames_and_omits_a_recipe_that_is_too_long():
    data = contact_sheet(
        FrameSequence(range(4), lambda index: shade(index, 800, 400), 800, 400, 24, 1), "x" * 40_000, str
    )
    with Pillow.open(io.BytesIO(data)) as image:
        assert image.size == (2 * 264 + 8, 2 * 154 + 8)
        assert not image.getexif()


def test_subtitles_show_each_prompt_for_as_long_as_it_lasts():
    prompts = (
        ["a (red:1.2) mug"] * 30 + ["a ((blue:1.1) mug:0.9)"] * 18 + [""] * 12 + ["a mug,\nat night"] * 3
    )
    assert subtitles(prompts, 24) == (
        "1\n00:00:00,000 --> 00:00:01,250\na red mug\n\n"
        "2\n00:00:01,250 --> 00:00:02,000\na blue mug\n\n"
        "3\n00:00:02,500 --> 00:00:02,625\na mug, at night\n"
    )
    assert subtitles([""] * 3, 24) == ""


def test_a_changed_prompt_weight_starts_no_new_subtitle():
    assert subtitles([f"(red:{i / 10}) mug" for i in range(24)], 24).count("-->") == 1
    assert plain_prompt("a mug (matte), 3:2") == "a mug (matte), 3:2"
    assert subtitles(["x"] * 3, 0.5) == "1\n00:00:00,000 --> 00:00:06,000\nx\n"


def test_equal_frames_give_an_equal_archive_and_an_error_leaves_none(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_zip(tmp_path / name, [("0.png", b"12"), ("1.png", b"34")], {"film.yaml": "a: b"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.namelist() == ["0.png", "1.png", "film.yaml"]
        assert file.read("1.png") == b"34"
    with pytest.raises(ZeroDivisionError):
        write_zip(tmp_path / "c.zip", ((str(1 // i), b"") for i in (1, 0)), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]
