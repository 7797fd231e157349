"""Comments in video and image files: ours are returned unchanged, damaged files are refused in one line."""

import io
import random

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import SceneError
from animator.imaging.video_codecs import CODECS
from animator.interop.convert import convert
from animator.interop.importers import detect_and_read
from animator.interop.metadata import image_comment, mp4_comment, webm_comment
from animator.runs.gif_webp import FrameSequence, exif_comment, gif, webp
from animator.runs.sheets import contact_sheet
from animator.runs.video import VideoFormat, VideoWriter

RECIPE = "prompts: {at: 'a mug = über; 日本 # \\ '}\nmotion: {zoom: 1.01}\n"


def look(index):
    return np.full((48, 64, 3), 40 * index, np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a small file of each kind with the recipe as its comment."""
    folder = tmp_path_factory.mktemp("carried")
    for name in ("h264", "vp9", "prores"):
        with VideoWriter(
            folder / f"film.{CODECS[name].container}", VideoFormat(64, 48, 10, codec=name), RECIPE
        ) as video:
            video.write(look(1))
    reel = FrameSequence(range(3), look, 64, 48, 10, 0.3)
    (folder / "film.gif").write_bytes(gif(reel, RECIPE, True, "draft"))
    (folder / "film.webp").write_bytes(webp(reel, RECIPE, True, "draft"))
    (folder / "film.jpg").write_bytes(contact_sheet(reel, RECIPE, str))
    return sorted(folder.iterdir())


def test_every_kind_of_file_returns_its_recipe_unchanged(files):
    readers = {".mp4": mp4_comment, ".mov": mp4_comment, ".webm": webm_comment}
    assert len(files) == 6
    for file in files:
        assert readers.get(file.suffix, image_comment)(file) == RECIPE
        assert detect_and_read(file).data["motion"] == {"zoom": 1.01}


def test_a_damaged_file_is_read_or_refused_in_one_line(files, tmp_path):
    chance = random.Random(5)
    for file in files:
        for _ in range(40):
            data = bytearray(file.read_bytes())
            for _ in range(chance.randint(1, 6)):
                data[chance.randrange(12, len(data))] = chance.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
                )
            cut = chance.choice((len(data), chance.randrange(12, len(data))))
            (tmp_path / file.name).write_bytes(data[:cut])
            try:
                detect_and_read(tmp_path / file.name)
            except SceneError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_jpeg_and_webp_images_of_the_web_ui_are_read(kind, tmp_path):
    text = "a red mug\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512"
    image, data = Pillow.new("RGB", (16, 16)), io.BytesIO()
    image.save(data, kind, exif=b"Exif\0\0" + exif_comment(text))
    (tmp_path / "picture").write_bytes(data.getvalue())
    found, _ = convert(tmp_path / "picture", tmp_path)
    assert "a red mug" in found and "guidance_scale: 7" in found


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_an_image_or_video_without_a_comment_is_refused(kind, tmp_path):
    Pillow.new("RGB", (16, 16)).save(tmp_path / "picture", kind)
    with pytest.raises(SceneError, match="neither a schedule file of animator nor an infotext"):
        convert(tmp_path / "picture", tmp_path)
    (tmp_path / "film.webm").write_bytes(b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x80")
    with pytest.raises(SceneError, match="contains no schedule file"):
        convert(tmp_path / "film.webm", tmp_path)
