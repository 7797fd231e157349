"""The ffmpeg command and the pipe, checked by decoding their videos."""

import json
import subprocess

import numpy as np
import pytest

from animator import ProgramError
from animator.imaging.video_codecs import ffmpeg_path
from animator.runs.video import (
    VideoFormat,
    VideoWriter,
    ffmetadata,
    ffmpeg_command,
    ffmpeg_rate,
    verify_encoder,
)


def probe(path):
    """Return the description of a file that `ffmpeg -i` prints."""
    return subprocess.run(
        [ffmpeg_path(), "-i", str(path)], capture_output=True, text=True, check=False
    ).stderr


def decode(path, width, height):
    raw = subprocess.run(
        [ffmpeg_path(), "-loglevel", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True,
        check=True,
    ).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def write(path, images, fps=24.0, comment=""):
    height, width = images[0].shape[:2]
    with VideoWriter(path, VideoFormat(width, height, fps, crf=4), comment) as video:
        for image in images:
            video.write(image)


def test_the_ffmpeg_command_is_a_list_of_arguments(tmp_path):
    found = ffmpeg_command("ffmpeg", VideoFormat(98, 66, 23.976, 20), tmp_path / "meta", tmp_path / "out")
    assert found == [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "98x66", "-r", "24000/1001", "-i", "pipe:0",
        "-i", str(tmp_path / "meta"), "-map_metadata", "1", "-map", "0:v",
        "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p"
        ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv",
        "-c:v", "libx264", "-preset", "medium", "-crf", "20",
        "-movflags", "+faststart", "-f", "mp4", str(tmp_path / "out"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fps", "words"),
    [
        (24, "24/1"),
        (23.976, "24000/1001"),
        (29.97, "30000/1001"),
        (59.94, "60000/1001"),
        (12.5, "25/2"),
        (0.5, "1/2"),
    ],
)
def test_frames_per_second_are_exact(fps, words):
    assert ffmpeg_rate(fps) == words


@pytest.mark.parametrize(("fps", "said"), [(24, "24 fps"), (23.976, "23.98 fps"), (12.5, "12.50 fps")])
def test_a_video_has_every_frame_its_rate_and_its_colours(tmp_path, fps, said):
    colors = [(200, 40, 40), (40, 180, 60), (30, 60, 200), (240, 240, 240), (16, 16, 16), (128, 128, 128)]
    images = [np.full((66, 98, 3), color, np.uint8) for color in colors]
    write(tmp_path / "film.mp4", images, fps)
    found = decode(tmp_path / "film.mp4", 98, 66)
    assert len(found) == 6
    for image, color in zip(found, colors, strict=True):
        assert np.abs(image[8:-8, 8:-8].astype(int) - color).max() <= 3
    words = probe(tmp_path / "film.mp4")
    assert "h264" in words
    assert "yuv420p(tv, bt709, progressive)" in words  # matrix, primaries and transfer are all bt709
    assert said in words


def test_the_index_comes_first_so_that_playback_can_start_at_once(tmp_path, textured):
    write(tmp_path / "film.mp4", [textured] * 3)
    data = (tmp_path / "film.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_comment_carries_a_recipe_of_any_length_and_letters(tmp_path, textured):
    recipe = "a: 'b; c=d # e'\n" + "über \\ 日本\n" + "x: y\n" * 5_000
    write(tmp_path / "film.mp4", [textured], comment=recipe)
    subprocess.run(
        [
            ffmpeg_path(),
            "-loglevel",
            "error",
            "-i",
            str(tmp_path / "film.mp4"),
            "-f",
            "ffmetadata",
            str(tmp_path / "back"),
        ],
        check=True,
    )
    back = (tmp_path / "back").read_text(encoding="utf8")
    assert ffmetadata(recipe).removeprefix(";FFMETADATA1\n").strip() in back


def test_a_video_appears_when_it_is_complete_and_an_error_leaves_none(tmp_path, textured):
    target = tmp_path / "film.mp4"
    with pytest.raises(ZeroDivisionError), VideoWriter(target, VideoFormat(96, 80, 24)) as video:
        video.write(textured)
        assert not target.exists()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_the_message_of_ffmpeg_becomes_the_error(tmp_path, textured):
    with pytest.raises(ProgramError, match="ffmpeg failed with status .*No such file") as caught:
        write(tmp_path / "nowhere" / "film.mp4", [textured] * 200)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_a_trial_encoding_finds_a_broken_ffmpeg_and_leaves_no_file(tmp_path, monkeypatch):
    verify_encoder(VideoFormat(96, 80, 24), tmp_path)
    assert list(tmp_path.iterdir()) == []
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho 'no encoder libx264' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    with pytest.raises(ProgramError, match="status 7: no encoder libx264"):
        verify_encoder(VideoFormat(96, 80, 24), tmp_path)


def test_json_survives_in_the_metadata_unchanged():
    text = json.dumps({"a": [1, "=;#"], "b": "\n"})
    assert ffmetadata(text).count("\n") == 2
