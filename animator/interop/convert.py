"""Convert another program's file: detect its kind, write a schedule file, note the settings it cannot hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Place, Problem, SceneError, SettingPath
from animator.interop import camera_paths, deforum, metadata, parseq
from animator.interop.draft import ScheduleDraft, SourceFile, dump_schedule
from animator.runs.metadata import FILM_KEY
from animator.scene.parse import MAX_BYTES
from animator.timeline.load import loads

MAX_ROUNDS = 20  # of leaving out invalid settings; each round may reveal further problems


def convert(file: FilePath, folder: FilePath) -> tuple[str, Sequence[Problem]]:
    """Return the text of a schedule file for `folder`, and notes on what of `file` has no counterpart.

    The text loads: a value that our own reader refuses is left out and noted. Only LoRA files may be missing.
    Raises SceneError if `file` cannot be read or its schedule file would be too large.
    """
    draft = detect_and_read(file)
    says = [f"{file.name}: {draft.description}"]
    for _ in range(MAX_ROUNDS):
        text = dump_schedule(draft.data, says)
        problems = _schedule_problems(text, folder)
        wrong = [problem for problem in problems if problem.path[:2] != ("model", "loras")]
        if len(text.encode("utf8")) > MAX_BYTES:
            raise draft.source.error(f"its schedule file would exceed the limit of {MAX_BYTES:,} bytes")
        if not wrong:
            missing = [_missing_lora_note(draft, problem) for problem in problems]
            return text, [*draft.notes, *missing]
        for problem in wrong:
            _leave_out(draft, problem)
    raise draft.source.error("too many of its settings are invalid")


def _schedule_problems(text: str, folder: FilePath) -> Sequence[Problem]:
    try:
        loads(text, folder)
    except SceneError as error:
        return error.problems
    return ()


def _missing_lora_note(draft: ScheduleDraft, problem: Problem) -> Problem:
    return replace(
        problem, place=Place(draft.source.file), message=f"{problem.message}; copy the LoRA file there"
    )


def _leave_out(draft: ScheduleDraft, problem: Problem) -> None:
    """Remove the value at fault from the draft and note it. Raises SceneError if the draft does not contain it."""
    path = _existing_prefix(draft.data, problem.path)
    if not path:
        raise draft.source.error(f"cannot be converted: {problem.message}")
    sections: list[dict[Any, Any]] = [draft.data]
    for name in path[:-1]:
        sections.append(sections[-1][_find_key(sections[-1], name)])
    for inside, name in zip(reversed(sections), reversed(path), strict=True):
        inside.pop(_find_key(inside, name))
        if inside:  # an emptied section goes too: it may lack a required setting
            break
    left_out = f"left out: {problem.message}"
    draft.notes.append(Problem(Place(draft.source.file), problem.path, left_out))


def _existing_prefix(data: Any, path: SettingPath) -> SettingPath:
    """Return the longest prefix of `path` that exists in `data`."""
    found: SettingPath = ()
    for name in path:
        key = _find_key(data, name) if isinstance(data, dict) else None
        if key is None:
            break
        found, data = (*found, name), data[key]
    return found


def _find_key(data: dict[Any, Any], name: str) -> Any:
    """Return the key of `data` that is written `name` (frame keys are integers), or None."""
    return next((key for key in data if str(key) == name), None)


MAX_FILE_BYTES = 100_000_000  # bytes; about the size of a Parseq manifest of one hour

KNOWN_FILES = (
    "Deforum settings, a Parseq manifest, an image with infotext, a film made by animator, or a camera path"
)


def detect_and_read(file: Path) -> ScheduleDraft:
    """Detect the kind of `file` from its content and return it as a draft. Raises SceneError."""
    source = SourceFile(str(file))
    try:
        with file.open("rb") as stream:
            head = stream.read(12)
        if head.startswith(b"\x89PNG"):
            return _read_png(source, file)
        if head[4:8] == b"ftyp" or head.startswith(metadata.EBML_MAGIC):
            text = metadata.mp4_comment(file) if head[4:8] == b"ftyp" else metadata.webm_comment(file)
            if text is None:
                raise source.error("this video contains no schedule file; only videos made by animator do")
            return metadata.read_own_film(source, text)
        if head.startswith(metadata.IMAGE_MAGICS):
            return _read_image_comment(source, file)
        if file.stat().st_size > MAX_FILE_BYTES:
            raise source.error(f"too large: {file.stat().st_size:,} bytes, at most {MAX_FILE_BYTES:,}")
        raw = file.read_bytes()
    except OSError as error:
        raise source.error(error.strerror or "cannot be read") from error
    try:
        return _read_text_file(SourceFile(str(file), raw.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise source.error(f"not text, and no known kind of file; known: {KNOWN_FILES}") from error


def _read_png(source: SourceFile, file: Path) -> ScheduleDraft:
    from animator.imaging.io import open_image

    try:
        with open_image(file, ("PNG",)) as image:
            if "parameters" not in image.info and FILM_KEY not in image.info:
                image.load()  # some programs write their text chunks after the pixels
            texts = {key: str(value) for key, value in image.info.items() if isinstance(value, str)}
    except (OSError, ValueError) as error:
        raise source.error(f"cannot be read as a PNG: {error}") from error
    if FILM_KEY in texts:
        return metadata.read_own_film(source, texts[FILM_KEY])
    found = metadata.split_infotext(texts.get("parameters", ""))
    if found is None:
        raise source.error("this image contains no infotext (PNG text 'parameters')")
    return metadata.read_infotext(source, *found)


def _read_image_comment(source: SourceFile, file: Path) -> ScheduleDraft:
    """Read an image other than a PNG, whose comment is a schedule file of ours or an infotext."""
    try:
        text = metadata.image_comment(file)
    except (OSError, ValueError) as error:
        raise source.error(f"cannot be read as an image: {error}") from error
    found = metadata.split_infotext(text or "")
    try:
        return metadata.read_own_film(source, text or "")
    except SceneError:
        if found is None:
            raise source.error(
                "this image contains neither a schedule file of animator nor an infotext"
            ) from None
        return metadata.read_infotext(source, *found)


def _read_text_file(source: SourceFile) -> ScheduleDraft:
    if not source.text.lstrip().startswith(("{", "[")):
        found = metadata.split_infotext(source.text)
        if found is not None:
            return metadata.read_infotext(source, *found)
        if Path(source.file).suffix in (".yaml", ".yml"):
            raise source.error("a YAML file is already a schedule file; test it with animator check")
    data = _parse_json(source)
    if isinstance(data, dict) and data.get("format") == camera_paths.CAMERA_FORMAT:
        return camera_paths.read_camera_path(source, data)
    if parseq.is_parseq(data):
        return parseq.read_parseq(source, data)
    settings = deforum.find_settings(data)
    if settings is None:
        raise source.error(f"unknown kind of file; known: {KNOWN_FILES}")
    draft = deforum.read_deforum(source, settings)
    manifest = _embedded_manifest(settings.get("parseq_manifest"))
    if manifest is not None:
        width, _, height = draft.data["video"]["size"].partition("x")
        override_draft(
            draft, parseq.read_parseq(SourceFile(source.file), manifest, (int(width), int(height)))
        )
    return draft


def _embedded_manifest(written: Any) -> Any:
    """Return the Parseq manifest pasted into Deforum's settings, or None. Its values override theirs."""
    try:
        data = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return None
    return data if parseq.is_parseq(data) else None


def override_draft(draft: ScheduleDraft, top: ScheduleDraft) -> None:
    """Override settings in `draft` with those of `top`, one by one, and add its notes."""
    for section, value in top.data.items():
        if section == "model":
            continue  # a manifest names no model; its draft's is only the default
        old = draft.data.get(section)
        both = isinstance(value, dict) and isinstance(old, dict)
        draft.data[section] = {**old, **value} if both and old is not None else value
    draft.notes = [note for note in draft.notes if note.path != ("parseq_manifest",)] + top.notes


def _parse_json(source: SourceFile) -> Any:
    try:
        return json.loads(source.text)
    except json.JSONDecodeError as error:
        at = source.at(error.pos)
        raise SceneError([Problem(at, (), f"not JSON: {_explain_json_error(source.text, error)}")]) from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise source.error("not JSON: nested too deeply, or a number too long") from error


def _explain_json_error(text: str, error: json.JSONDecodeError) -> str:
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
