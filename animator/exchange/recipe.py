"""What our own runs leave in their pictures and videos → the schedule file that paints them again."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from animator.errors import SceneError
from animator.exchange.draft import SECTIONS, Draft, Source
from animator.scene.scene import read_text

MOST = 64_000_000  # bytes of a video's header that are read
COMMENT = (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data")  # the boxes in which a comment lies


def comment(file: Path) -> str | None:
    """The comment in an MP4's header; None where there is none. No program is run on a stranger's file."""
    with file.open("rb") as stream:
        size = file.stat().st_size
        moov = next((body for kind, body in _boxes_of(stream, size) if kind == COMMENT[0]), b"")
    body: bytes | None = moov
    for wanted in COMMENT[1:]:
        if body is not None and wanted == b"ilst":
            body = body[4:]  # `meta` begins with a version, which other boxes do not
        body = next((inner for kind, inner in _boxes(body or b"") if kind == wanted), None)
    # `data` begins with the kind of its content and a language.
    return None if body is None else body[8:].decode("utf8", "replace")


def _boxes_of(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The outermost boxes of a file; only a movie's header is read."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        start = 8
        if length == 1 and len(head) == 16:  # the length of a large one stands behind its kind
            (length,), start = struct.unpack(">Q", head[8:]), 16
        length = length or size - at
        if length < start:
            return
        stream.seek(at + start)
        yield kind, stream.read(min(length - start, MOST)) if kind == COMMENT[0] else b""
        at += length


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if length < 8:
            return
        yield kind, data[at + 8 : at + length]
        at += length


def from_video(source: Source, text: str) -> Draft:
    """The schedule file of a whole film, from the `resolved.yaml` in its comment. Raises SceneError."""
    try:
        scene, problems = read_text(text, Path())
    except SceneError as error:
        raise source.error(
            "its comment is no schedule file: only videos that animator made have one"
        ) from error
    if not scene.document.data:
        raise source.error("its comment is no schedule file: only videos that animator made have one")
    draft = Draft(source, "a film of animator's")
    draft.data = scene.settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    width, height = scene.size
    draft.data.setdefault("video", {})["size"] = f"{width}x{height}"
    draft.notes += [problem for problem in problems if "no such file" not in problem.message]
    return draft


def from_picture(source: Source, row: str, parameters: Mapping[str, Any]) -> Draft:
    """The schedule file of one frame, from the JSON in its PNG and the size in its infotext. Raises SceneError."""
    try:
        frame = json.loads(row)
        draft = Draft(source, f"frame {int(frame['index'])} of a film of animator's")
        prompt = frame["prompt"]
        draft.put("video.frames", 1)
        draft.put("video.size", parameters.get("Size"))
        draft.put("prompts.at", str(prompt["text"]))
        draft.put("prompts.negative", str(prompt["negative"]))
        for name, section in SECTIONS.items():
            for setting in fields(section):
                draft.put(f"{name}.{setting.name}", frame[name].get(setting.name))
        draft.put("painting.seed", {"start": int(frame["seed"])})
        for name, scale in dict(frame["loras"]).items():
            draft.data.setdefault("model", {}).setdefault("loras", {})[name] = {"file": f"{name}.safetensors"}
            draft.data.setdefault("loras", {})[name] = scale
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise source.error("its recipe under 'animator' cannot be read") from error
    if prompt.get("weight"):
        draft.note(
            "prompt.next", prompt.get("next"), f"blended in with a weight of {prompt['weight']:g}: left out"
        )
    draft.note("", draft.says, "one frame's recipe; the whole film's is in its video.mp4 and resolved.yaml")
    return draft
