"""Image files: every mode keeps its ramp, and files that are no images, too large or damaged are refused in a line."""

import os

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from animator import SceneError
from animator.imaging import io
from animator.imaging.depth import read_depth_map
from animator.imaging.io import open_image, read_image, to_grey, verify_image
from animator.imaging.masks import read_alpha, read_mask

RAMP = np.tile(np.linspace(0, 255, 64), (32, 1))  # of 8-bit grey, as floats
WIDE = 65535 * RAMP / 255


def grey(pixels, kind):
    return Pillow.fromarray(np.rint(pixels).astype(kind))


def rgb():
    return grey(RAMP, np.uint8).convert("RGB")


def palette(transparent):
    image = grey(RAMP, np.uint8).convert("P")
    return image, {"transparency": bytes([255] * 256)} if transparent else {}


RAMPS = {  # file name → image, and options of saving it
    "grey.png": (grey(RAMP, np.uint8), {}),
    "rgb.png": (rgb(), {}),
    "rgb.jpg": (rgb(), {"quality": 100}),
    "rgb.webp": (rgb(), {"lossless": True}),
    "rgb.bmp": (rgb(), {}),
    "rgb.tif": (rgb(), {"compression": "tiff_lzw"}),
    "alpha.png": (rgb().convert("RGBA"), {}),
    "grey-alpha.png": (rgb().convert("LA"), {}),
    "palette.png": palette(False),
    "clear-palette.png": palette(True),
    "cmyk.jpg": (rgb().convert("CMYK"), {"quality": 100}),
    "cmyk.tif": (rgb().convert("CMYK"), {}),
    "ycc.jpg": (rgb().convert("YCbCr"), {"quality": 100}),
    "deep.png": (grey(WIDE, np.uint16), {}),
    "deep.tif": (grey(WIDE, np.uint16), {}),
    "big-endian.tif": (Pillow.frombytes("I;16B", (64, 32), np.rint(WIDE).astype(">u2").tobytes()), {}),
    "bytes-in-32-bits.tif": (grey(RAMP, np.int32), {}),
    "words-in-32-bits.tif": (grey(WIDE, np.int32), {}),
    "unit.tif": (Pillow.fromarray((RAMP / 255).astype(np.float32)), {}),
    "float-bytes.tif": (Pillow.fromarray(RAMP.astype(np.float32)), {}),
    "float-words.tif": (Pillow.fromarray(WIDE.astype(np.float32)), {}),
    "float-above.tif": (Pillow.fromarray((RAMP * 1e6).astype(np.float32)), {}),
}


@pytest.fixture(params=RAMPS, ids=str)
def ramp(request, tmp_path):
    image, options = RAMPS[request.param]
    image.save(tmp_path / request.param, **options)
    return tmp_path / request.param


def test_a_ramp_stays_a_ramp_in_images_masks_and_depth_maps(ramp):
    near = 2 if ramp.suffix == ".jpg" else 0.51
    assert np.abs(read_image(ramp, 64, 32) - RAMP[..., None]).max() <= near
    assert np.abs(read_mask(ramp, 64, 32) - RAMP).max() <= near
    assert (read_alpha(ramp, 64, 32) == 255).all()
    assert np.abs(255 * read_depth_map(ramp, 64, 32) - RAMP).max() <= near


@pytest.mark.parametrize("name", ["deep.png", "deep.tif", "words-in-32-bits.tif", "float-words.tif"])
def test_depth_maps_keep_more_than_8_bits(tmp_path, name):
    image, options = RAMPS[name]
    fine = np.asarray(image).astype(np.float64)
    fine[0] = np.linspace(30_000, 30_063, 64)
    kind = np.asarray(image).dtype
    Pillow.fromarray(fine.astype(kind)).save(tmp_path / name, **options)
    assert np.abs(65535 * read_depth_map(tmp_path / name, 64, 32)[0] - np.floor(fine[0])).max() <= 1


def test_a_dark_16_bit_image_stays_dark(tmp_path):
    grey(RAMP, np.uint16).save(tmp_path / "dark.png")
    assert read_image(tmp_path / "dark.png", 64, 32).max() == 1


def test_white_of_12_bits_is_white(tmp_path):
    tags = ImageFileDirectory_v2()
    for tag, value in {256: 2, 257: 2, 258: 12, 259: 1, 262: 1, 277: 1, 278: 2, 279: 6, 273: 0}.items():
        tags[tag] = value
    pixels = bytes([0xFF, 0xF0, 0x00] * 2)  # two rows of 4095 and 0
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0" + tags.tobytes(8) + pixels)
    assert read_image(tmp_path / "a.tif", 2, 2)[..., 0].tolist() == [[255, 0], [255, 0]]


def test_values_that_are_no_numbers_or_negative_are_black(tmp_path):
    pixels = np.ones((4, 4), np.float32)
    pixels[0] = (np.nan, np.inf, -np.inf, -3)
    Pillow.fromarray(pixels).save(tmp_path / "a.tif")
    found = read_image(tmp_path / "a.tif", 4, 4)
    assert not found[0].any() and (found[1:] == 255).all()


def test_the_transparent_grey_of_a_16_bit_png_is_transparent(tmp_path):
    grey(WIDE, np.uint16).save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png", 64, 32)[0, 0].tolist() == [255] * 3
    assert read_alpha(tmp_path / "a.png", 64, 32)[0, :2].tolist() == [0, 255]


@pytest.mark.parametrize(
    "name", ["rgb.png", "rgb.jpg", "rgb.webp", "rgb.tif", "deep.png", "deep.tif", "unit.tif", "palette.png"]
)
def test_exif_rotates_images_masks_and_depth_maps(tmp_path, name):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was held upright
    image, options = RAMPS[name]
    image.save(tmp_path / name, **options, exif=exif)
    turned = np.rot90(RAMP, -1)
    assert np.abs(read_image(tmp_path / name, 32, 64)[..., 0] - turned).max() <= 2
    assert np.abs(read_mask(tmp_path / name, 32, 64) - turned).max() <= 2
    assert np.abs(255 * read_depth_map(tmp_path / name, 32, 64) - turned).max() <= 2


def test_of_an_animation_the_first_image_is_read(tmp_path):
    first, second = (Pillow.new("RGB", (8, 8), color) for color in ("red", "blue"))
    for name in ("a.png", "a.webp", "a.tif"):
        first.save(tmp_path / name, save_all=True, append_images=[second], lossless=True)
        assert read_image(tmp_path / name, 8, 8)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("end", ["png", "jpg", "webp", "tif", "bmp"])
def test_a_truncated_file_is_refused_by_name(tmp_path, textured, end):
    file = tmp_path / f"lamp.{end}"
    Pillow.fromarray(textured).save(file)
    whole = file.read_bytes()
    for length in range(1, len(whole) * 9 // 10, len(whole) // 13):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"lamp\.{end}") as caught:
            read_image(file, 32, 32)
        assert "\n" not in str(caught.value)


def test_damaged_files_raise_nothing_but_value_errors(tmp_path):
    random = np.random.default_rng(7)
    for name in ("deep.png", "rgb.jpg", "rgb.webp", "rgb.tif", "deep.tif", "rgb.bmp"):
        image, options = RAMPS[name]
        image.save(tmp_path / name, **options)
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            at = random.integers(0, min(len(whole), 400), 3)
            broken[at] = random.integers(0, 256, 3)
            (tmp_path / name).write_bytes(broken.tobytes())
            for read in (read_image, read_depth_map):
                try:
                    read(tmp_path / name, 16, 16)
                except (ValueError, SceneError) as error:
                    assert "\n" not in str(error)


@pytest.mark.parametrize(("side", "why"), [(13_300, "scale it down"), (20_000, "scale it down")])
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path, side, why):
    Pillow.new("1", (side, side)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=f"bomb.png has more than 67,108,864 pixels.*{why}"):
        verify_image(tmp_path / "bomb.png")


def test_the_largest_frame_of_a_film_can_be_read(tmp_path):
    Pillow.new("1", (8192, 8192)).save(tmp_path / "large.png")
    verify_image(tmp_path / "large.png")


def test_a_text_that_inflates_without_end_is_refused(tmp_path):
    info = PngInfo()
    info.add_text("parameters", "x" * 3_000_000, zip=True)
    rgb().save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ValueError, match=r"a\.png"):
        verify_image(tmp_path / "a.png")


def test_a_file_of_too_many_bytes_is_refused_unread(tmp_path):
    with (tmp_path / "a.png").open("wb") as stream:
        stream.truncate(io.MAX_IMAGE_BYTES + 1)
    with pytest.raises(ValueError, match="at most 1,000,000,000 are read"):
        verify_image(tmp_path / "a.png")


def test_pipes_devices_and_folders_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zero.png"):
        with pytest.raises(ValueError, match=f"{name} is not a regular file"):
            verify_image(tmp_path / name)
    with pytest.raises(OSError, match="directory"):
        verify_image(tmp_path)
    with pytest.raises(FileNotFoundError):
        verify_image(tmp_path / "none.png")


@pytest.mark.parametrize("end", ["gif", "ppm", "pcx", "tga", "ico", "eps", "icns", "jp2", "avif"])
def test_other_formats_are_refused_whatever_the_file_is_called(tmp_path, end):
    try:
        rgb().resize((64, 64)).save(tmp_path / f"lamp.{end}")
    except (OSError, KeyError):
        pytest.skip("this Pillow does not write it")
    (tmp_path / f"lamp.{end}").rename(tmp_path / "lamp.png")
    with pytest.raises(
        ValueError,
        match=r"lamp\.png is broken, or not an image \(PNG, JPEG, WebP, TIFF, BMP\); save it as PNG",
    ):
        verify_image(tmp_path / "lamp.png")


def test_the_pixels_are_closed_with_their_file(tmp_path):
    rgb().save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        assert to_grey(image).dtype == np.float32
    assert image.fp is None or image.fp.closed
