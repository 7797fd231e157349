"""What our own runs leave in their pictures and videos → the schedule file that paints them again."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from animator.errors import SceneError
from animator.exchange.draft import Draft, Source
from animator.scene.scene import read_text

MOST = 64_000_000  # bytes of a video's header that are read
NONE = "what it carries is no schedule file: only films that animator made have one"
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


def from_film(source: Source, text: str) -> Draft:
    """The schedule file of a whole film, from the `resolved.yaml` in it. Raises SceneError."""
    try:
        scene, problems = read_text(text, Path())
    except SceneError as error:
        raise source.error(NONE) from error
    if not scene.document.data:
        raise source.error(NONE)
    draft = Draft(source, "a film of animator's")
    draft.data = scene.settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    width, height = scene.size
    draft.data.setdefault("video", {})["size"] = f"{width}x{height}"
    draft.notes += [problem for problem in problems if "no such file" not in problem.message]
    return draft
