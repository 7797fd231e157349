"""The kinds of video we write: their encoders, and which quality number a word means for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from animator.errors import ProgramError
from animator.imaging.ffmpeg import encoders

QUALITIES = ("draft", "good", "best")
FILMS = ("h264", "h265", "av1")  # what the film itself may be, in an MP4
_X26 = {"draft": "veryfast", "good": "medium", "best": "slow"}
_SVT = {"draft": "10", "good": "7", "best": "4"}
_AOM = {"draft": "8", "good": "6", "best": "4"}
_VPX = {"draft": "5", "good": "3", "best": "1"}


@dataclass(frozen=True, slots=True)
class Codec:
    """How one kind of video is written.

    `encoders`: ffmpeg's names of those that can, the best first, with what each is told for a quality word.
    `crf`: the quality number of each word, 0 best … `worst`; none where the kind has no such number.
    """

    says: str
    container: str  # ffmpeg's name of it, and the file's extension
    pixels: str  # ffmpeg's format of its pixels
    encoders: Mapping[str, Mapping[str, Sequence[str]]]
    sound: Sequence[str]
    crf: Mapping[str, int] = field(default_factory=dict)
    worst: int = 0
    alpha: bool = False
    tag: str = ""  # what players know the kind by, where it is not ffmpeg's first choice


def _each(name: str, words: Mapping[str, str], *more: str) -> dict[str, Sequence[str]]:
    return {word: (*more, name, value) for word, value in words.items()}


_AAC = ("aac", "-b:a", "192k")
_OPUS = ("libopus", "-b:a", "160k")
_NUMBERS = {"draft": 28, "good": 17, "best": 12}  # x264's: 17 cannot be told from the pictures at a glance
_VP9 = {"libvpx-vp9": _each("-cpu-used", _VPX, "-b:v", "0", "-row-mt", "1", "-deadline", "good")}
_PRORES = {"prores_ks": dict.fromkeys(QUALITIES, ("-profile:v", "4444", "-vendor", "apl0"))}
_AV1 = {
    "libsvtav1": _each("-preset", _SVT),
    "libaom-av1": _each("-cpu-used", _AOM, "-b:v", "0", "-row-mt", "1"),
}
CODECS = {
    "h264": Codec("H.264", "mp4", "yuv420p", {"libx264": _each("-preset", _X26)}, _AAC, _NUMBERS, 51),
    "h265": Codec(
        "H.265 (HEVC)",
        "mp4",
        "yuv420p",
        {"libx265": _each("-preset", _X26, "-x265-params", "log-level=error")},
        _AAC,
        {"draft": 32, "good": 21, "best": 15},
        51,
        tag="hvc1",  # Apple's players know no other
    ),
    "av1": Codec("AV1", "mp4", "yuv420p", _AV1, _AAC, {"draft": 45, "good": 24, "best": 14}, 63),
    "vp9": Codec("VP9", "webm", "yuv420p", _VP9, _OPUS, {"draft": 45, "good": 22, "best": 12}, 63),
    "vp9-alpha": Codec(
        "VP9 with transparency", "webm", "yuva420p", _VP9, _OPUS, {"draft": 45, "good": 22, "best": 12}, 63, True
    ),
    "prores": Codec("ProRes 4444", "mov", "yuv444p10le", _PRORES, ("pcm_s16le",)),
    "prores-alpha": Codec(
        "ProRes 4444 with transparency", "mov", "yuva444p10le", _PRORES, ("pcm_s16le",), alpha=True
    ),
}  # fmt: skip


def encoder(name: str) -> str:
    """This ffmpeg's encoder for the kind `name`. Raises ProgramError, which says what can be had instead."""
    wanted, had = CODECS[name].encoders, encoders()
    # One that does not say what it has shows by failing.
    found = next((one for one in wanted if one in had), None if had else next(iter(wanted)))
    if found is None:
        others = [other for other in CODECS if other != name and set(CODECS[other].encoders) & had]
        instead = f"; it can write {', '.join(others)}" if others else ""
        raise ProgramError(
            f"this ffmpeg cannot write {CODECS[name].says}: it has no {' or '.join(wanted)}{instead}"
        )
    return found
