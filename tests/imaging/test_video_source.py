"""Videos as streams: the right image at each time, with and without a seek."""

from itertools import islice

import numpy as np
import pytest

from animator.imaging.io import VideoSource, duration, read_frames
from tests import films

LOSSY = {
    "mp4": ("-c:v", "libx264", "-crf", "4", "-g", "50", "-bf", "3", "-pix_fmt", "yuv444p"),
    "mkv": ("-c:v", "libx264", "-crf", "4", "-g", "30", "-bf", "3", "-pix_fmt", "yuv444p"),
    "mov": ("-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj444p"),
    "ts": ("-c:v", "libx264", "-crf", "4", "-g", "20", "-pix_fmt", "yuv420p"),
}


def seen(film, skip=0, count=10_000, hold=False):
    return [int(np.median(image)) for image in islice(read_frames(film, skip, hold), count)]


def test_a_video_gives_one_image_for_each_frame_of_the_film(tmp_path):
    file = films.write(tmp_path / "a.mp4", films.greys(20), 10)
    assert duration(file) == pytest.approx(2.0)
    assert seen(VideoSource(file, 64, 48, 10)) == [10 + 2 * i for i in range(20)]
    doubled = seen(VideoSource(file, 64, 48, 20))
    assert abs(len(doubled) - 40) <= 1
    assert max(abs(value - (10 + i)) for i, value in enumerate(doubled)) <= 2


def test_reading_starts_at_the_given_second_of_the_video(tmp_path):
    file = films.write(tmp_path / "a.mp4", films.greys(60), 10)
    assert seen(VideoSource(file, 64, 48, 10, 1.5)) == [10 + 2 * i for i in range(15, 60)]


def test_images_are_scaled_to_cover_the_size_and_cropped_in_the_middle(tmp_path):
    image = np.zeros((40, 120, 3), np.uint8)
    image[:, 40:80] = 255
    file = films.write(tmp_path / "a.mp4", [image] * 3)
    [first, *_] = read_frames(VideoSource(file, 80, 80, 10))
    assert first.shape == (80, 80, 3)
    assert first[:, 2:-2].min() >= 250


@pytest.mark.parametrize(
    ("kind", "shot", "fps"), [("mp4", 24, 12), ("mkv", 30, 24), ("mov", 2, 10), ("ts", 10, 24)]
)
def test_images_after_a_skip_are_the_same_as_without_it(tmp_path, kind, shot, fps):
    file = films.write(tmp_path / f"a.{kind}", films.greys(100), shot, *LOSSY[kind])
    film = VideoSource(file, 64, 48, fps, 0.3)
    whole = list(islice(read_frames(film, hold=True), int(fps * 100 / shot) + 20))
    for skip in (1, len(whole) // 2 + 1, len(whole) - 25, len(whole) - 3):
        rest = islice(read_frames(film, skip, hold=True), 3)
        for i, image in enumerate(rest):
            assert (image == whole[skip + i]).all(), (skip, i)


def test_the_last_image_repeats_with_hold(tmp_path):
    file = films.write(tmp_path / "a.mp4", films.greys(20), 10)
    assert seen(VideoSource(file, 64, 48, 10), 0, 50, hold=True)[19:] == [48] * 31
    assert seen(VideoSource(file, 64, 48, 10), 500, 3, hold=True) == [48] * 3


def test_a_file_without_images_raises_value_error(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ValueError, match="no images"):
        list(read_frames(VideoSource(tmp_path / "a.mp4", 64, 48, 10)))
