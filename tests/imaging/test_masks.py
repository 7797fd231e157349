"""Masks: sources, edges and pasting, exact at 0 and 255."""

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.imaging import masks
from animator.imaging.io import VideoSource, duration
from animator.imaging.masks import read_mask_frames, unpack_mask

SIZES = [(96, 80), (98, 66), (130, 34)]  # not multiples of 64, as Deforum's masks had to be


@pytest.mark.parametrize("size", SIZES)
def test_a_mask_file_is_read_in_the_films_size_with_white_inside_and_transparent_outside(tmp_path, size):
    pixels = np.zeros((50, 70, 4), np.uint8)
    pixels[:, :35] = (255, 255, 255, 255)
    pixels[:, 35:] = (255, 255, 255, 0)
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    found = masks.read_mask(tmp_path / "a.png", *size)
    assert found.shape == size[::-1]
    assert found.dtype == np.uint8
    assert (found[:, : size[0] // 2 - 4] == 255).all()
    assert not found[:, size[0] // 2 + 4 :].any()
    assert (masks.read_alpha(tmp_path / "a.png", *size) == found).all()


def test_a_mask_file_of_the_films_size_keeps_its_exact_grey(tmp_path, textured):
    Pillow.fromarray(textured).convert("L").save(tmp_path / "a.png")
    found = masks.read_mask(tmp_path / "a.png", 96, 80)
    assert (found == np.asarray(Pillow.open(tmp_path / "a.png"))).all()


def test_an_image_without_transparency_cannot_be_used_as_alpha(tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    masks.verify_mask_file(tmp_path / "a.png")
    with pytest.raises(ValueError, match="no transparency"):
        masks.verify_mask_file(tmp_path / "a.png", alpha=True)


@pytest.mark.parametrize("size", SIZES)
def test_a_polygon_covers_its_area_to_a_pixel_of_its_edge(size):
    width, height = size
    found = masks.polygon_mask([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)], width, height)
    assert found[height // 2, width // 2] == 255
    assert not found[: height // 4 - 1].any() and not found[:, : width // 4 - 1].any()
    assert found.sum() / 255 == pytest.approx(width * height / 4, rel=0.03)


def test_a_slanted_edge_is_antialiased():
    found = masks.polygon_mask([(0, 0), (1, 0), (1, 0.3)], 64, 64)
    assert len(np.unique(found)) > 4
    assert found.sum() / 255 == pytest.approx(64 * 64 * 0.15, rel=0.04)


def test_a_polygon_may_extend_beyond_the_image():
    assert (masks.polygon_mask([(-1, -1), (2, -1), (2, 2), (-1, 2)], 40, 30) == 255).all()


def test_a_colour_key_selects_pixels_within_its_distance():
    image = np.zeros((2, 3, 3), np.uint8)
    image[:, 0], image[:, 1], image[:, 2] = (0, 255, 0), (0, 240, 20), (255, 0, 0)
    assert masks.color_key(image, "#00ff00", 20).tolist() == [[255, 255, 0]] * 2
    assert masks.color_key(image, "#0f0", 1).tolist() == [[255, 0, 0]] * 2
    assert (masks.color_key(image, "#0f0", 200) == 255).all()


def test_the_distance_of_a_colour_key_is_that_of_cie_lab():
    white, grey = np.full((1, 1, 3), 255, np.uint8), np.full((1, 1, 3), 119, np.uint8)  # L* 100 and 50
    assert masks.color_key(white, "#777777", 49.5).item() == 0
    assert masks.color_key(white, "#777777", 50.5).item() == 255
    assert masks.color_key(grey, "#777777", 0).item() == 255


def test_luminance_selects_greys_in_its_range():
    image = np.repeat(np.array([[0, 64, 128, 255]], np.uint8)[..., None], 3, axis=-1)
    assert masks.luminance_key(image, 0.2, 0.6).tolist() == [[0, 255, 255, 0]]
    assert masks.luminance_key(image, 0, 1).tolist() == [[255] * 4]


def test_a_feather_below_1_is_a_part_of_the_width():
    assert masks.feather_pixels(0.25, 400) == 100
    assert masks.feather_pixels(8, 400) == 8
    assert masks.feather_pixels(0, 400) == 0


@pytest.mark.parametrize("reach", [1, 5, 12.4])
def test_softening_changes_no_pixel_beyond_its_reach(reach):
    hard = np.zeros((64, 96), np.uint8)
    hard[:, 48:] = 255
    row = masks.soften_mask(hard, reach)[32]
    assert (row[: 48 - round(reach)] == 0).all() and (row[48 + round(reach) :] == 255).all()
    assert (np.diff(row.astype(int)) >= 0).all()
    assert 0 < row[47] < 128 < row[48] < 255


def test_softening_keeps_full_and_empty_masks_exact():
    for level in (0, 255):
        assert (masks.soften_mask(np.full((40, 50), level, np.uint8), 9) == level).all()


def test_a_grown_mask_keeps_its_inside_and_fades_out_around_it():
    hard = masks.polygon_mask([(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)], 100, 100)
    image = np.random.default_rng(2).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    carried, grown = masks.grow_mask(image, hard, 6)
    assert (carried[hard == 255] == image[hard == 255]).all()
    assert (grown >= hard).all() and (grown[hard == 255] == 255).all()
    row = grown[50, 60:70].astype(int)
    assert (np.diff(row) <= 0).all() and 0 < row[3] < 255 and not row[7:].any()
    assert (masks.grow_mask(image, hard, 0)[1] == hard).all()


def test_a_product_cut_out_on_white_has_no_white_fringe():
    drawn = masks.polygon_mask([(0.31, 0.33), (0.62, 0.36), (0.57, 0.67)], 100, 100)
    red, white, night = (np.full((100, 100, 3), color, np.uint8) for color in ((200, 0, 0), 255, (0, 0, 40)))
    cut_out = masks.paste(white, red, drawn)
    pasted = masks.paste(night, *masks.grow_mask(cut_out, drawn, 3))
    assert pasted[..., 1].max() == 0, "neither product nor night has any green"
    assert masks.paste(night, cut_out, drawn)[..., 1].max() > 50


def test_pasting_keeps_exact_pixels_at_mask_values_0_and_255(textured):
    top = 255 - textured
    ramp = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (80, 1))
    pasted = masks.paste(textured, top, ramp)
    assert (pasted[ramp == 0] == textured[ramp == 0]).all()
    assert (pasted[ramp == 255] == top[ramp == 255]).all()
    between = textured * (1 - ramp[..., None] / 255.0) + top * (ramp[..., None] / 255.0)
    assert np.abs(pasted - between).max() <= 0.51
    assert masks.paste(textured, top, np.zeros((80, 96), np.uint8)) is textured
    assert masks.paste(textured, top, np.full((80, 96), 255, np.uint8)) is top


def test_a_mask_scaled_by_a_half_is_half(textured):
    full = np.full((4, 4), 255, np.uint8)
    assert masks.scale_mask(full, 1) is full
    assert (masks.scale_mask(full, 0.5) == 128).all()


@pytest.fixture
def video(tmp_path):
    """Ten images, 10 per second, 64x48: a white column moves right; the last one is black."""
    from animator.runs.video import VideoFormat, VideoWriter

    with VideoWriter(tmp_path / "mask.mp4", VideoFormat(64, 48, 10.0, crf=1)) as sink:
        for i in range(10):
            image = np.zeros((48, 64, 3), np.uint8)
            image[:, 6 * i : 6 * i + 6] = 255 if i < 9 else 0
            sink.write(image)
    return tmp_path / "mask.mp4"


def test_a_video_gives_a_mask_for_each_frame_of_the_film(video):
    assert duration(video) == pytest.approx(1.0, abs=0.05)
    masks = [unpack_mask(packed) for packed in read_mask_frames(VideoSource(video, 64, 48, 10.0), 100)]
    assert len(masks) == 10
    for i, found in enumerate(masks[:9]):
        assert found[24].argmax() // 6 == i
        assert found.max() >= 250, "white is all, whatever range of greys the video uses"
    assert masks[9].max() <= 3, "a black picture is a mask of nothing, and no crash"


def test_a_video_is_read_at_the_films_rate_and_size(video):
    masks = read_mask_frames(VideoSource(video, 98, 34, 20.0), 100)
    assert abs(len(masks) - 20) <= 1
    assert unpack_mask(masks[0]).shape == (34, 98)
    assert len(read_mask_frames(VideoSource(video, 64, 48, 10.0), 4)) == 4


def test_a_file_that_is_not_a_video_raises_value_error(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"\w"):
        duration(tmp_path / "a.mp4")
