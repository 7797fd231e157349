"""Video files: the ffmpeg command as a list, and the writer that pipes images into it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from animator.imaging.video_codecs import CODECS, FfmpegPipe, ffmpeg_path, pick_encoder
from animator.runs.atomic import draft_file
from animator.timeline.audio import AudioClip, trim_filter


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Format of a video: size in pixels (even), frames per second, sound, codec (one of CODECS), quality.

    `crf`: the codec's own quality number, 0 is best; None for the number that `quality` stands for.
    """

    width: int
    height: int
    fps: float
    crf: int | None = None
    sound: AudioClip | None = None
    codec: str = "h264"
    quality: str = "good"


def ffmpeg_command(program: str, video: VideoFormat, metadata: Path, target: Path) -> list[str]:
    """Return the ffmpeg command that reads raw RGB or RGBA frames from its standard input and writes `target`.

    Raises ProgramError where this ffmpeg cannot encode such a video.
    """
    codec = CODECS[video.codec]
    return [
        program, "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgba" if codec.alpha else "rgb24",
        "-s", f"{video.width}x{video.height}", "-r", ffmpeg_rate(video.fps),
        "-i", "pipe:0",
        "-i", str(metadata),
        *_audio_input(video.sound),
        "-map_metadata", "1", "-map", "0:v",
        *_audio_options(video.sound, *codec.sound),
        # Without a named matrix, ffmpeg converts RGB by the rules of standard-definition television.
        "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
        f",format={codec.pixel_format}"
        # Set by a filter, since the colour tags of the frames override the options of the encoder.
        ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv",
        *_encoder_options(video),
        # QuickTime's own comment field is too short for a recipe.
        *({"mp4": ["-movflags", "+faststart"], "mov": ["-movflags", "use_metadata_tags"]}.get(codec.container, [])),
        "-f", codec.container, str(target),
    ]  # fmt: skip


def _encoder_options(video: VideoFormat) -> list[str]:
    """Return the options of the encoder and its quality."""
    codec, name = CODECS[video.codec], pick_encoder(video.codec)
    crf = codec.crf.get(video.quality) if video.crf is None else min(video.crf, codec.max_crf)
    number = ["-crf", str(crf)] if codec.crf else []
    tag = ["-tag:v", codec.tag] if codec.tag else []
    return ["-c:v", name, *codec.encoders[name][video.quality], *number, *tag]


def _audio_input(sound: AudioClip | None) -> list[str]:
    """Return the options that open the track as a further input, which may read local files only."""
    return [] if sound is None else ["-protocol_whitelist", "file", "-i", f"file:{sound.file}"]


def _audio_options(sound: AudioClip | None, *encoder: str) -> list[str]:
    """Return the options that add the track to the video."""
    if sound is None:
        return []
    # As long as the film, to the sample: cut where the track is longer, silent where it is shorter.
    steps = [trim_filter(sound), f"apad=whole_dur={sound.seconds:.6f}"]
    if sound.fade_in:
        steps.append(f"afade=t=in:d={sound.fade_in:.6f}")
    if sound.fade_out:
        begins = max(0.0, sound.seconds - sound.fade_out)
        steps.append(f"afade=t=out:st={begins:.6f}:d={min(sound.fade_out, sound.seconds):.6f}")
    return ["-map", "2:a:0", "-af", ",".join(steps), "-c:a", *encoder]


def ffmpeg_rate(fps: float) -> str:
    """Return frames per second as ffmpeg's exact fraction: 23.976 means 24000/1001, not 23976/1000."""
    whole = round(fps * 1.001)  # broadcast rates and their multiples: 23.976, 29.97, 59.94, 47.952 …
    if whole % 6 == 0 and abs(fps - whole * 1000 / 1001) < 0.001:
        return f"{whole * 1000}/1001"
    fraction = Fraction(fps).limit_denominator(1001)
    return f"{fraction.numerator}/{fraction.denominator}"


def ffmetadata(comment: str) -> str:
    """Return an ffmetadata file that contains `comment`, with its special characters escaped."""
    escaped = "".join(f"\\{char}" if char in "=;#\\\n" else char for char in comment)
    return f";FFMETADATA1\ncomment={escaped}\n"


class VideoWriter:
    """Writes a video: call `write` for each image, then leave the `with` block.

    The file appears under its name only when it is complete; until then it is a draft beside it, which is
    removed after an error. Raises ProgramError with ffmpeg's own message if ffmpeg fails.
    """

    def __init__(self, target: Path, video: VideoFormat, comment: str = "") -> None:
        self.target, self.video = target, video
        with ExitStack() as opened:
            draft = opened.enter_context(draft_file(target))
            notes = opened.enter_context(tempfile.TemporaryDirectory(prefix="animator-"))
            tags = Path(notes, "metadata.txt")
            tags.write_text(ffmetadata(comment), encoding="utf8")
            command = ffmpeg_command(ffmpeg_path(), video, tags, draft)
            self._pipe = opened.enter_context(FfmpegPipe(command))
            self._open = opened.pop_all()

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append one image, uint8, of the video's size: RGB, or RGBA for a codec with transparency."""
        self._pipe.write(image)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)


def verify_encoder(video: VideoFormat, folder: Path) -> None:
    """Encode two images in the format `video` and delete the result. Raises ProgramError.

    A fault of ffmpeg is found before a night of painting, not after it.
    """
    with tempfile.TemporaryDirectory(prefix=".ffmpeg-", dir=folder) as trial:
        image = np.zeros((video.height, video.width, 4 if CODECS[video.codec].alpha else 3), np.uint8)
        with VideoWriter(Path(trial, "trial.mp4"), replace(video, quality="draft")) as sink:
            sink.write(image)
            sink.write(image)
