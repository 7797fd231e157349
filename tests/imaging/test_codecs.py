"""Every kind of video, checked by decoding videos of known images."""

import subprocess

import numpy as np
import pytest

from animator import ProgramError, SceneError, loads
from animator.imaging.video_codecs import CODECS, QUALITIES, ffmpeg_path, pick_encoder
from animator.runs.video import VideoFormat, VideoWriter
from tests.runs.test_video import probe

COLORS = [(200, 40, 40), (40, 180, 60), (30, 60, 200), (240, 240, 240), (16, 16, 16), (128, 128, 128)]
NAMES = {
    "h264": "h264",
    "h265": "hevc",
    "av1": "av1",
    "vp9": "vp9",
    "vp9-alpha": "vp9",
    "prores": "prores (4444)",
}


def decode(path, width, height):
    """Return all frames of a video as RGBA; VP9 uses libvpx, since ffmpeg's own decoder ignores transparency."""
    known = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    command = [
        ffmpeg_path(),
        "-loglevel",
        "error",
        *known,
        "-i",
        path,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgba",
        "-",
    ]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 4)


def images(alpha, width=96, height=64):
    """Return images of one colour each, with a transparent left edge (8, 16, … pixels) and a half-transparent stripe."""
    for number, color in enumerate(COLORS):
        image = np.full((height, width, 4), (*color, 255), np.uint8)
        image[:, : 8 * number + 8, 3] = 0
        image[48:, 64:, 3] = 128
        yield image if alpha else np.ascontiguousarray(image[..., :3])


@pytest.mark.parametrize("name", CODECS)
def test_a_video_has_its_frames_rate_colours_and_transparency(tmp_path, name):
    codec = CODECS[name]
    file = tmp_path / f"film.{codec.container}"
    with VideoWriter(file, VideoFormat(96, 64, 23.976, codec=name), "a: film") as video:
        for image in images(codec.alpha):
            video.write(image)
    found = decode(file, 96, 64)
    assert len(found) == 6
    for number, (image, color) in enumerate(zip(found, COLORS, strict=True)):
        assert np.abs(image[8:40, 64:88, :3].astype(int) - color).max() <= 3
        clear = image[4:44, : 8 * number + 6, 3] if codec.alpha else ~image[..., 3]
        assert clear.max() <= 3
        assert abs(int(image[56, 80, 3]) - (128 if codec.alpha else 255)) <= 3
    words = probe(file)
    assert f"Video: {NAMES[name.removesuffix('-alpha') if name.startswith('pro') else name]}" in words
    assert "23.98 fps" in words and "Duration: 00:00:00.25" in words
    assert "bt709" in words


def test_a_better_quality_gives_a_larger_file_closer_to_the_frames(tmp_path, textured):
    grey = np.repeat(textured[..., :1], 3, axis=-1)  # all codecs store colours at half resolution
    sizes, errors = [], []
    for quality in QUALITIES:
        file = tmp_path / f"{quality}.mp4"
        with VideoWriter(file, VideoFormat(96, 80, 24, quality=quality)) as video:
            for shift in range(6):
                video.write(np.roll(grey, 3 * shift, 1))
        sizes.append(file.stat().st_size)
        errors.append(np.abs(decode(file, 96, 80)[0, ..., :3].astype(int) - grey).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def less(folder, *gone):
    """Return a stand-in for ffmpeg that lacks the encoders `gone`."""
    words = " | ".join(f"grep -v {name}" for name in gone)
    file = folder / "ffmpeg"
    file.write_text(
        f'#!/bin/sh\ncase "$*" in *-encoders*) {ffmpeg_path()} "$@" | {words};; *) exec {ffmpeg_path()} "$@";; esac\n'
    )
    file.chmod(0o755)
    return str(file)


def test_a_missing_encoder_is_reported_before_painting_with_the_alternatives(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", less(tmp_path, "libsvtav1", "libaom-av1"))
    with pytest.raises(SceneError) as caught:
        loads("video: {size: 64x64}\noutput:\n  codec: av1\n  also: [gif, webm]\n")
    assert str(caught.value) == (
        "<text>:3:10: output.codec: this ffmpeg cannot write AV1: it has no libsvtav1 or libaom-av1; "
        "it can write h264, h265, vp9, vp9-alpha, prores, prores-alpha"
    )
    with pytest.raises(SceneError, match=r"<text>:1:21: output.also.1: this ffmpeg cannot write AV1"):
        loads("output: {also: [gif,av1]}")
    assert loads("output: {codec: h265}")


def test_of_two_encoders_the_available_one_is_used(tmp_path, monkeypatch):
    assert pick_encoder("av1") == "libsvtav1"
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", less(tmp_path, "libsvtav1"))
    assert pick_encoder("av1") == "libaom-av1"
    with VideoWriter(tmp_path / "film.mp4", VideoFormat(64, 48, 10, codec="av1", quality="draft")) as video:
        video.write(np.full((48, 64, 3), 90, np.uint8))
    assert np.abs(decode(tmp_path / "film.mp4", 64, 48)[0, 24, 32, :3].astype(int) - 90).max() <= 3


def test_an_ffmpeg_without_a_list_of_encoders_is_trusted_until_it_fails(tmp_path, monkeypatch):
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    assert pick_encoder("h265") == "libx265"
    with (
        pytest.raises(ProgramError, match="status 1"),
        VideoWriter(tmp_path / "a.mp4", VideoFormat(64, 48, 10)) as video,
    ):
        video.write(np.zeros((48, 64, 3), np.uint8))
