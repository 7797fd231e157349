"""Reading a folder of photos: unusual files are converted and noted, unusable ones refused by name."""

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import SceneError
from animator.training.photos import read_photos
from tests import films
from tests.training.conftest import boxes


def only(folder):
    [photo] = read_photos(folder)
    return photo


def save(path, image, **options):
    path.parent.mkdir(exist_ok=True)
    Pillow.fromarray(image).save(path, **options)
    return path


def test_captions_and_masks_are_read_from_files_beside_their_images(folder):
    mask = np.zeros((96, 96), np.uint8)
    mask[20:60, 30:70] = 255
    save(folder / "1.mask.png", mask)
    photos = read_photos(folder)
    assert [photo.file.name for photo in photos] == [f"{number}.png" for number in range(5)]
    assert [photo.caption for photo in photos] == ["sketch of {token}, white paper", None, None, None, None]
    assert (photos[1].mask == mask).all() and photos[0].mask is None
    assert (photos[2].image == boxes(2)).all()


def test_cmyk_is_converted_to_rgb_and_noted(tmp_path):
    Pillow.fromarray(boxes(1)).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    photo = only(tmp_path)
    assert np.abs(photo.image.astype(int) - boxes(1)).mean() < 12
    assert "CMYK" in photo.notes[0]


def test_16_bit_images_keep_their_brightness(tmp_path):
    levels = np.linspace(0, 65535, 96 * 96).reshape(96, 96).astype(np.uint16)
    save(tmp_path / "deep.png", levels)
    photo = only(tmp_path)
    assert np.abs(photo.image[..., 0] - levels / 257.0).max() <= 1
    assert "16 bits" in photo.notes[0]


def test_transparency_is_laid_on_white_and_becomes_the_mask(tmp_path):
    alpha = np.zeros((96, 96, 1), np.uint8)
    alpha[30:60, 30:60] = 255
    save(tmp_path / "cut.png", np.concatenate([boxes(1), alpha], -1))
    photo = only(tmp_path)
    assert (photo.image[:30] == 255).all() and (photo.image[30:60, 30:60] == boxes(1)[30:60, 30:60]).all()
    assert (photo.mask == alpha[..., 0]).all() and "transparent" in photo.notes[0]


def test_an_image_is_rotated_by_its_exif_orientation(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was held upright
    save(tmp_path / "phone.png", boxes(1, 160), exif=exif)
    photo = only(tmp_path)
    assert photo.size == (160, 96)
    assert (photo.image == np.rot90(boxes(1, 160), -1)).all()
    assert "EXIF" in photo.notes[0]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("broken.png", b"\x89PNG\r\n\x1a\nrubbish", "broken"),
        ("empty.jpg", b"", "broken"),
        ("raw.heic", b"x", "save it as PNG"),
        ("clip.gif", b"GIF89a", "save it as PNG"),
    ],
)
def test_an_unreadable_file_is_refused_by_name(folder, name, data, message):
    (folder / name).write_bytes(data)
    with pytest.raises(SceneError, match=message) as caught:
        read_photos(folder)
    [line] = str(caught.value).splitlines()
    assert f"{name}: " in line


def test_a_truncated_file_is_refused_by_name(folder):
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SceneError, match=r"3\.png: .*truncated"):
        read_photos(folder)


def test_a_video_is_refused_with_the_command_that_extracts_its_frames(folder):
    films.write(folder / "turn.mp4", films.greys(3))
    with pytest.raises(SceneError, match=r"turn\.mp4: a video; .*ffmpeg -i turn\.mp4"):
        read_photos(folder)


def test_all_bad_files_are_reported_at_once(folder):
    save(folder / "1.mask.png", np.zeros((8, 8), np.uint8))
    save(folder / "icon.png", boxes(1)[:20, :20])
    (folder / "2.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SceneError) as caught:
        read_photos(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "1.png: its mask 1.mask.png has 8x8 pixels, the image 96x96" in lines[0]
    assert "2.txt is not UTF-8" in lines[1]
    assert "20x20 pixels; at least 64" in lines[2]


def test_an_empty_and_a_missing_folder_are_reported_in_one_line(tmp_path):
    with pytest.raises(SceneError, match="contains no images"):
        read_photos(tmp_path)
    with pytest.raises(SceneError, match="no such folder"):
        read_photos(tmp_path / "none")


def test_other_files_are_ignored(folder):
    (folder / "notes.md").write_text("x")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "more").mkdir()
    assert len(read_photos(folder)) == 5
