"""Video codecs: container, pixel format, ffmpeg encoders, and the CRF of each quality name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from animator.errors import ProgramError
from animator.imaging.ffmpeg import encoders

QUALITIES = ("draft", "good", "best")
FILMS = ("h264", "h265", "av1")  # codecs of the film itself, which is an MP4
_X26 = {"draft": "veryfast", "good": "medium", "best": "slow"}
_SVT = {"draft": "10", "good": "7", "best": "4"}
_AOM = {"draft": "8", "good": "6", "best": "4"}
_VPX = {"draft": "5", "good": "3", "best": "1"}


@dataclass(frozen=True, slots=True)
class Codec:
    """Encoding options of one codec.

    `encoders`: ffmpeg's encoder names, the best first, each with its arguments for every quality name.
    `crf`: the CRF of each quality name, from 0 (best) to `worst`; empty for a codec without CRF.
    """

    says: str
    container: str  # ffmpeg's name of the container, and the file's extension
    pixels: str  # ffmpeg's name of the pixel format
    encoders: Mapping[str, Mapping[str, Sequence[str]]]
    sound: Sequence[str]
    crf: Mapping[str, int] = field(default_factory=dict)
    worst: int = 0
    alpha: bool = False
    tag: str = ""  # the codec tag that players expect, where it is not ffmpeg's default


def _each(name: str, words: Mapping[str, str], *more: str) -> dict[str, Sequence[str]]:
    return {word: (*more, name, value) for word, value in words.items()}


_AAC = ("aac", "-b:a", "192k")
_OPUS = ("libopus", "-b:a", "160k")
_NUMBERS = {"draft": 28, "good": 17, "best": 12}  # x264's CRF: 17 looks like the source at a glance
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
        tag="hvc1",  # the only tag that Apple's players accept
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
    """Return the first encoder of codec `name` that ffmpeg has. Raises ProgramError, which lists other codecs."""
    wanted, had = CODECS[name].encoders, encoders()
    # An ffmpeg that does not list its encoders is tried: a missing encoder then fails at run time.
    found = next((one for one in wanted if one in had), None if had else next(iter(wanted)))
    if found is None:
        others = [other for other in CODECS if other != name and set(CODECS[other].encoders) & had]
        instead = f"; it can write {', '.join(others)}" if others else ""
        raise ProgramError(
            f"this ffmpeg cannot write {CODECS[name].says}: it has no {' or '.join(wanted)}{instead}"
        )
    return found
