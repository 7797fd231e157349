"""Read the settings stored in images and videos: the web UI's infotext, Deforum's comment, our own schedule.

Only the headers are parsed: no external program is run on an untrusted file.
"""

from __future__ import annotations

import json
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from animator.errors import CurveError, MissingFile, SceneError
from animator.interop.draft import ScheduleDraft, SourceFile
from animator.interop.keystrings import rewrite
from animator.interop.prompts import find_sampler, put_model, put_prompts
from animator.models.families import LATENT_SCALE
from animator.scene.read import read_scene_text
from animator.timeline.cadence import MAX_SEED

MAX_HEADER_BYTES = 64_000_000  # bytes; at most this much of a video's header is read

MP4_COMMENT_BOXES = (b"udta", b"meta")  # nested boxes of an MP4 header that hold the comment

EBML_MAGIC = b"\x1a\x45\xdf\xa3"

_SEGMENT, _TAGS, _TAG, _SIMPLE, _NAME, _STRING = 0x18538067, 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487

COMMENT_FORMATS = ("GIF", "WEBP", "JPEG")

IMAGE_MAGICS = (b"GIF8", b"RIFF", b"\xff\xd8\xff")


def mp4_comment(file: Path) -> str | None:
    """Return the comment in the header of an MP4 or MOV file, or None. Raises OSError."""
    with file.open("rb") as stream:
        size = file.stat().st_size
        body: bytes | None = next(
            (body for kind, body in _read_outer_boxes(stream, size) if kind == b"moov"), b""
        )
    for wanted in MP4_COMMENT_BOXES:
        body = _find_box(body, wanted)
    meta = (body or b"")[4:]  # `meta` starts with a version field, other boxes do not
    item = _find_box(_find_box(meta, b"ilst"), _comment_box_name(meta))
    data = _find_box(item, b"data")
    # `data` starts with a content type and a language code.
    return None if data is None else data[8:].decode("utf8", "replace")


def _comment_box_name(meta: bytes) -> bytes:
    """Return the name of the comment's box: in a MOV, its position (from 1) in the list of keys."""
    keys = _find_box(meta, b"keys")
    if keys is None:
        return b"\xa9cmt"
    names = [name for _, name in _iterate_boxes(keys[8:])]
    return struct.pack(">I", names.index(b"comment") + 1) if b"comment" in names else b""


def _find_box(data: bytes | None, wanted: bytes) -> bytes | None:
    """Return the content of the first box of kind `wanted`, or None."""
    return next((body for kind, body in _iterate_boxes(data or b"") if kind == wanted), None)


def _read_outer_boxes(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of a file's outermost boxes; the content is empty for all but `moov`."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        start = 8
        if length == 1 and len(head) == 16:  # a large box has a 64-bit length after its kind
            (length,), start = struct.unpack(">Q", head[8:]), 16
        length = length or size - at
        if length < start:
            return
        stream.seek(at + start)
        yield kind, stream.read(min(length - start, MAX_HEADER_BYTES)) if kind == b"moov" else b""
        at += length


def _iterate_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if length < 8:
            return
        yield kind, data[at + 8 : at + length]
        at += length


def webm_comment(file: Path) -> str | None:
    """Return the comment among the tags of a WebM file, or None. Raises OSError."""
    with file.open("rb") as stream:
        size = file.stat().st_size
        segment = next(
            (place for kind, place in _iterate_elements(stream, 0, size) if kind == _SEGMENT), (0, 0)
        )
        for kind, tags in _iterate_elements(stream, *segment):
            found = (
                _find_comment(stream, tags)
                if kind == _TAGS and tags[1] - tags[0] <= MAX_HEADER_BYTES
                else None
            )
            if found is not None:
                return found
    return None


def _find_comment(stream: BinaryIO, tags: tuple[int, int]) -> str | None:
    for _, tag in (element for element in _iterate_elements(stream, *tags) if element[0] == _TAG):
        for _, simple in (element for element in _iterate_elements(stream, *tag) if element[0] == _SIMPLE):
            texts = {kind: _read_string(stream, place) for kind, place in _iterate_elements(stream, *simple)}
            if texts.get(_NAME, "").upper() == "COMMENT":
                return texts.get(_STRING)
    return None


def _read_string(stream: BinaryIO, place: tuple[int, int]) -> str:
    stream.seek(place[0])
    return stream.read(place[1] - place[0]).decode("utf8", "replace")


def _iterate_elements(stream: BinaryIO, at: int, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the Matroska elements between two offsets: ID, and the start and end of the content."""
    while at < end:
        kind, start = _read_varint(stream, at, marked=True)
        size, start = _read_varint(stream, start, marked=False)
        if kind < 0 or size < 0:
            return
        stop = min(start + size, end)
        yield kind, (start, stop)
        at = stop


def _read_varint(stream: BinaryIO, at: int, marked: bool) -> tuple[int, int]:
    """Read a Matroska variable-length integer; return it (-1 if there is none) and the offset after it.

    `marked` keeps the bits that encode the length, as element IDs do.
    """
    stream.seek(at)
    first = stream.read(1)
    if not first or not first[0]:
        return -1, at + 1
    length = 9 - first[0].bit_length()
    data = first + stream.read(length - 1)
    value = int.from_bytes(data, "big")
    return value if marked else value & ((1 << 7 * length) - 1), at + length


def image_comment(file: Path) -> str | None:
    """Return the comment of a GIF, or the EXIF UserComment of a JPEG or WebP, or None. Raises OSError, ValueError."""
    from animator.imaging.io import open_image

    with warnings.catch_warnings(action="ignore"), open_image(file, COMMENT_FORMATS) as image:
        said = image.info.get("comment")
        noted = image.getexif().get_ifd(0x8769).get(0x9286)
    if isinstance(noted, bytes) and noted.startswith(b"UNICODE\0"):
        return noted[8:].decode("utf-16-be", "replace")
    note = noted if isinstance(noted, bytes) else said
    return note.removeprefix(b"ASCII\0\0\0").decode("utf8", "replace") if isinstance(note, bytes) else None


_PAIR = re.compile(r'\s*([A-Za-z][\w \-/+]{0,60}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')

_LAST_LINE = re.compile(r"Steps:\s*\d+,.*", re.S)

# Facts about an image's making or naming that do not affect the look of a film.
IGNORED_PAIRS = {
    "Model hash", "Version", "Lora hashes", "TI hashes", "Hashes", "RNG", "Schedule type", "VAE", "VAE hash", "Parser",
    "User", "Size-1", "Size-2", "Schedule max sigma", "Schedule min sigma",
}  # fmt: skip


def split_infotext(text: str) -> tuple[str, str, dict[str, str]] | None:
    """Split an infotext into prompt, negative prompt and pairs; return None for any other text."""
    lines = text.strip().splitlines()
    start = next((at for at in range(len(lines) - 1, -1, -1) if _LAST_LINE.match(lines[at])), None)
    if start is None:
        return None
    pairs = {name.strip(): _unquote(value) for name, value in _PAIR.findall(" ".join(lines[start:]))}
    body = "\n".join(lines[:start])
    prompt, _, negative = body.partition("Negative prompt:")
    return prompt.strip(), negative.strip(), pairs


def _unquote(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value.strip()
    except ValueError:
        return value.strip('"')


def read_infotext(source: SourceFile, prompt: str, negative: str, pairs: Mapping[str, str]) -> ScheduleDraft:
    """Return a draft with the settings of an image: the look of a film, without any motion."""
    draft = ScheduleDraft(source, "infotext of an image")
    put_model(draft, "Model", _model_file(pairs.get("Model", "")))
    put_prompts(draft, {0: prompt}, negative=negative)
    if re.fullmatch(r"\d+x\d+", pairs.get("Size", "")):
        width, height = (int(side) // LATENT_SCALE * LATENT_SCALE for side in pairs["Size"].split("x"))
        draft.put("video.size", f"{width}x{height}")
    for name, path in (("Steps", "painting.steps"), ("CFG scale", "painting.guidance_scale")):
        _put_number(draft, path, name, pairs)
    if "Hires upscale" not in pairs:  # with it, the strength is that of the upscaling pass
        _put_number(draft, "painting.strength", "Denoising strength", pairs)
    if pairs.get("Seed", "").isdecimal() and int(pairs["Seed"]) <= MAX_SEED:
        draft.put("painting.seed", {"start": int(pairs["Seed"])} | _variation_seed(pairs))
    if "Sampler" in pairs:
        given = find_sampler(draft, "Sampler", pairs["Sampler"], pairs.get("Schedule type", ""))
        draft.put("painting.sampler", given)
    read_here = {"Model", "Size", "Steps", "CFG scale", "Seed", "Sampler", *IGNORED_PAIRS}
    if _variation_seed(pairs):
        read_here |= set(VARIATION_PAIRS)
    if "Hires upscale" not in pairs:
        read_here.add("Denoising strength")
    for name, value in pairs.items():
        if name not in read_here and not (name == "Clip skip" and value == "2"):  # as SDXL always does
            draft.note(name, value, "has no counterpart here")
    return draft


VARIATION_PAIRS = ("Variation seed", "Variation seed strength")


def _variation_seed(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Return the second seed and the share of its noise, or an empty dict."""
    seed, strength = (pairs.get(name, "") for name in VARIATION_PAIRS)
    if not seed.isdecimal() or int(seed) > MAX_SEED or not re.fullmatch(r"0?\.\d+|[01](\.0*)?", strength):
        return {}
    return {"subseed": int(seed), "subseed_strength": float(strength)}


def _model_file(name: str) -> str:
    return name if not name or name.endswith((".safetensors", ".ckpt")) else f"{name}.safetensors"


def _put_number(draft: ScheduleDraft, path: str, name: str, pairs: Mapping[str, str]) -> None:
    if name in pairs:
        try:
            value: Any = rewrite(pairs[name])
        except CurveError:
            value = None
        if isinstance(value, int | float):
            draft.put(path, value)


NOT_A_SCHEDULE = "its comment is not a schedule file; only images and videos made by animator contain one"


def read_own_film(source: SourceFile, text: str) -> ScheduleDraft:
    """Return the draft of a whole film from `text`, the `resolved.yaml` stored in it. Raises SceneError."""
    try:
        scene, problems = read_scene_text(text, Path())
    except SceneError as error:
        raise source.error(NOT_A_SCHEDULE) from error
    if not scene.document.data:
        raise source.error(NOT_A_SCHEDULE)
    draft = ScheduleDraft(source, "film made by animator")
    draft.data = scene.settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    width, height = scene.size
    draft.data.setdefault("video", {})["size"] = f"{width}x{height}"
    draft.notes += [problem for problem in problems if not isinstance(problem, MissingFile)]
    return draft
