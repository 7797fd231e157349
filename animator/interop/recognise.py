"""Detect the kind of a file and read it as a draft of a schedule file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from animator.errors import Problem, SceneError
from animator.interop import camera_paths as camera
from animator.interop import deforum, infotext, parseq, recipe
from animator.interop import metadata as carried
from animator.interop.draft import Draft, Source
from animator.runs.metadata import FILM

MOST = 100_000_000  # bytes; about the size of a Parseq manifest of one hour
KNOWN = (
    "Deforum settings, a Parseq manifest, an image with infotext, a film made by animator, or a camera path"
)


def read(file: Path) -> Draft:
    """Detect the kind of `file` from its content and return it as a draft. Raises SceneError."""
    source = Source(str(file))
    try:
        with file.open("rb") as stream:
            head = stream.read(12)
        if head.startswith(b"\x89PNG"):
            return _picture(source, file)
        if head[4:8] == b"ftyp" or head.startswith(carried.EBML):
            text = carried.of_film(file) if head[4:8] == b"ftyp" else carried.of_webm(file)
            if text is None:
                raise source.error("this video contains no schedule file; only videos made by animator do")
            return recipe.from_film(source, text)
        if head.startswith(carried.HEADS):
            return _commented(source, file)
        if file.stat().st_size > MOST:
            raise source.error(f"too large: {file.stat().st_size:,} bytes, at most {MOST:,}")
        raw = file.read_bytes()
    except OSError as error:
        raise source.error(error.strerror or "cannot be read") from error
    try:
        return _text(Source(str(file), raw.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise source.error(f"not text, and no known kind of file; known: {KNOWN}") from error


def _picture(source: Source, file: Path) -> Draft:
    from PIL import Image as Pictures

    try:
        with Pictures.open(file, formats=["PNG"]) as picture:
            if "parameters" not in picture.info and FILM not in picture.info:
                picture.load()  # some programs write their text chunks after the pixels
            texts = {key: str(value) for key, value in picture.info.items() if isinstance(value, str)}
    except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError) as error:
        raise source.error(f"cannot be read as a PNG: {error}") from error
    if FILM in texts:
        return recipe.from_film(source, texts[FILM])
    found = infotext.split(texts.get("parameters", ""))
    if found is None:
        raise source.error("this image contains no infotext (PNG text 'parameters')")
    return infotext.read(source, *found)


def _commented(source: Source, file: Path) -> Draft:
    """Read an image other than a PNG, whose comment is a schedule file of ours or an infotext."""
    from PIL import Image as Pictures

    try:
        text = carried.of_picture(file)
    except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError) as error:
        raise source.error(f"cannot be read as an image: {error}") from error
    found = infotext.split(text or "")
    try:
        return recipe.from_film(source, text or "")
    except SceneError:
        if found is None:
            raise source.error(
                "this image contains neither a schedule file of animator nor an infotext"
            ) from None
        return infotext.read(source, *found)


def _text(source: Source) -> Draft:
    if not source.text.lstrip().startswith(("{", "[")):
        found = infotext.split(source.text)
        if found is not None:
            return infotext.read(source, *found)
        if Path(source.file).suffix in (".yaml", ".yml"):
            raise source.error("a YAML file is already a schedule file; test it with animator check")
    data = _json(source)
    if isinstance(data, dict) and data.get("format") == camera.FORMAT:
        return camera.read(source, data)
    if parseq.is_parseq(data):
        return parseq.read(source, data)
    settings = deforum.find(data)
    if settings is None:
        raise source.error(f"unknown kind of file; known: {KNOWN}")
    draft = deforum.read(source, settings)
    manifest = _manifest(settings.get("parseq_manifest"))
    if manifest is not None:
        width, _, height = draft.data["video"]["size"].partition("x")
        overlay(draft, parseq.read(Source(source.file), manifest, (int(width), int(height))))
    return draft


def _manifest(written: Any) -> Any:
    """Return the Parseq manifest pasted into Deforum's settings, or None. Its values override theirs."""
    try:
        data = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return None
    return data if parseq.is_parseq(data) else None


def overlay(draft: Draft, top: Draft) -> None:
    """Override settings in `draft` with those of `top`, one by one, and add its notes."""
    for section, value in top.data.items():
        if section == "model":
            continue  # a manifest names no model; its draft's is only the default
        old = draft.data.get(section)
        both = isinstance(value, dict) and isinstance(old, dict)
        draft.data[section] = {**old, **value} if both and old is not None else value
    draft.notes = [note for note in draft.notes if note.path != ("parseq_manifest",)] + top.notes


def _json(source: Source) -> Any:
    try:
        return json.loads(source.text)
    except json.JSONDecodeError as error:
        at = source.at(error.pos)
        raise SceneError([Problem(at, (), f"not JSON: {_mistake(source.text, error)}")]) from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise source.error("not JSON: nested too deeply, or a number too long") from error


def _mistake(text: str, error: json.JSONDecodeError) -> str:
    """Return the decoder's message, or a clearer one for the two mistakes that real files contain."""
    before, char, after = (
        text[: error.pos].rstrip(),
        text[error.pos : error.pos + 1],
        text[error.pos + 1 :].lstrip(),
    )
    closed = (char in ("}", "]") and before.endswith(",")) or (char == "," and after[:1] in ("}", "]"))
    if closed:
        return "a comma with nothing after it; remove it"
    if char.isalnum():
        return f"unexpected {char!r}; put names in double quotes, and a comma between values"
    return f"{error.msg[0].lower()}{error.msg[1:]}"
