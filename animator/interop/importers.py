"""Importers of other programs' files: the registry of them, and the detection of a file's kind from its content."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from animator.errors import Problem, SceneError
from animator.interop import camera_paths, deforum, metadata, parseq
from animator.interop.draft import ScheduleDraft, SourceFile
from animator.runs.metadata import FILM_KEY
from animator.scene.plugins import Registry, plugin_errors

MAX_FILE_BYTES = 100_000_000  # bytes; about the size of a Parseq manifest of one hour


class ImportedFile:
    """A file whose kind is not known yet. Its content is read when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Read the first bytes. Raises OSError, SceneError."""
        self.path = path
        if path.exists() and not path.is_file():  # opening a pipe would wait for its writer
            raise self.error("not a file")
        with path.open("rb") as stream:
            self.head = stream.read(12)

    @cached_property
    def too_large(self) -> bool:
        """True if the file has more bytes than are read as text."""
        return self.path.stat().st_size > MAX_FILE_BYTES

    @cached_property
    def text(self) -> str | None:
        """The file as UTF-8 text; None if it is something else, or too large. Raises OSError."""
        try:
            return None if self.too_large else self.path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    @cached_property
    def source(self) -> SourceFile:
        """The file's name and text, for a draft and for the places of its notes."""
        return SourceFile(str(self.path), self.text or "")

    @cached_property
    def json(self) -> Any:
        """The file's content as JSON; None if it is none."""
        try:
            return None if self.text is None else json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def error(self, message: str) -> SceneError:
        """Return the SceneError that ends the import of this file."""
        return SourceFile(str(self.path)).error(message)


class Importer(NamedTuple):
    """A kind of file, named for messages, and its reader: it returns None for a file of another kind."""

    kind: str  # such as "a Parseq manifest"
    read: Callable[[ImportedFile], ScheduleDraft | None]  # raises SceneError if the file is broken


def _mismatch(found: Any) -> str:
    return "" if isinstance(found, Importer) else f"it is a {type(found).__name__}, not an Importer"


def known_kinds() -> str:
    """Return the kinds of files that importers read, as a list for messages."""
    builtins = (IMPORTERS.load(name) for name in IMPORTERS.builtins)
    *first, last = dict.fromkeys(importer.kind for importer in (*IMPORTERS.load_plugins(), *builtins))
    return f"{', '.join(first)}, or {last}"


def detect_and_read(path: Path) -> ScheduleDraft:
    """Return the draft by the first importer that knows the file; plug-ins are asked first. Raises SceneError."""
    try:
        file = ImportedFile(path)
        for name in IMPORTERS.plugins:
            draft = _ask_plugin(name, file)
            if draft is not None:
                return draft
        for name in IMPORTERS.builtins:
            draft = IMPORTERS.load(name).read(file)
            if draft is not None:
                return draft
        raise _unknown_kind(file)
    except OSError as error:
        raise SourceFile(str(path)).error(error.strerror or "cannot be read") from error


def _ask_plugin(name: str, file: ImportedFile) -> ScheduleDraft | None:
    """Return the draft by the plug-in `name`. One that cannot be loaded is reported and passed over."""
    importer = IMPORTERS.load_plugin(name)
    with plugin_errors(f"{file.path}: importer {name!r}"):
        return None if importer is None else importer.read(file)


def _unknown_kind(file: ImportedFile) -> SceneError:
    """Return the error for a file that no importer knows, as precise as its content allows."""
    if file.too_large:
        size = file.path.stat().st_size
        return file.error(f"too large: {size:,} bytes, at most {MAX_FILE_BYTES:,}")
    if file.text is None:
        return file.error(f"not text, and no known kind of file; known: {known_kinds()}")
    if not file.text.lstrip().startswith(("{", "[")) and file.path.suffix in (".yaml", ".yml"):
        return file.error("a YAML file is already a schedule file; test it with animator check")
    return _json_error(file) or file.source.error(f"unknown kind of file; known: {known_kinds()}")


def _json_error(file: ImportedFile) -> SceneError | None:
    """Return the error of a file that is not JSON, with its line and column; None if it is JSON."""
    text = file.text or ""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        message = f"not JSON: {_explain_json_error(text, error)}"
        return SceneError([Problem(file.source.at(error.pos), (), message)])
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        return file.error("not JSON: nested too deeply, or a number too long")
    return None


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


def _read_video(file: ImportedFile) -> ScheduleDraft | None:
    is_mp4 = file.head[4:8] == b"ftyp"
    if not is_mp4 and not file.head.startswith(metadata.EBML_MAGIC):
        return None
    text = metadata.mp4_comment(file.path) if is_mp4 else metadata.webm_comment(file.path)
    if text is None:
        raise file.error("this video contains no schedule file; only videos made by animator do")
    return metadata.read_own_film(SourceFile(str(file.path)), text)


def _read_png(file: ImportedFile) -> ScheduleDraft | None:
    if not file.head.startswith(b"\x89PNG"):
        return None
    source = SourceFile(str(file.path))
    texts = _png_texts(file)
    if FILM_KEY in texts:
        return metadata.read_own_film(source, texts[FILM_KEY])
    found = metadata.split_infotext(texts.get("parameters", ""))
    if found is None:
        raise source.error("this image contains no infotext (PNG text 'parameters')")
    return metadata.read_infotext(source, *found)


def _png_texts(file: ImportedFile) -> dict[str, str]:
    from animator.imaging.io import open_image

    try:
        with open_image(file.path, ("PNG",)) as image:
            if "parameters" not in image.info and FILM_KEY not in image.info:
                image.load()  # some programs write their text chunks after the pixels
            return {str(key): str(value) for key, value in image.info.items() if isinstance(value, str)}
    except (OSError, ValueError) as error:
        raise file.error(f"cannot be read as a PNG: {error}") from error


def _read_image_comment(file: ImportedFile) -> ScheduleDraft | None:
    """Read an image other than a PNG, whose comment is a schedule file of ours or an infotext."""
    if not file.head.startswith(metadata.IMAGE_MAGICS):
        return None
    source = SourceFile(str(file.path))
    try:
        text = metadata.image_comment(file.path)
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


def _read_infotext(file: ImportedFile) -> ScheduleDraft | None:
    if file.text is None or file.text.lstrip().startswith(("{", "[")):
        return None
    found = metadata.split_infotext(file.text)
    return None if found is None else metadata.read_infotext(file.source, *found)


def _read_camera_path(file: ImportedFile) -> ScheduleDraft | None:
    data = file.json
    if not isinstance(data, dict) or data.get("format") != camera_paths.CAMERA_FORMAT:
        return None
    return camera_paths.read_camera_path(file.source, data)


def _read_parseq(file: ImportedFile) -> ScheduleDraft | None:
    return parseq.read_parseq(file.source, file.json) if parseq.is_parseq(file.json) else None


def _read_deforum(file: ImportedFile) -> ScheduleDraft | None:
    settings = None if file.json is None else deforum.find_settings(file.json)
    if settings is None:
        return None
    draft = deforum.read_deforum(file.source, settings)
    manifest = _embedded_manifest(settings.get("parseq_manifest"))
    if manifest is not None:
        width, _, height = draft.data["video"]["size"].partition("x")
        source = SourceFile(file.source.file)
        override_draft(draft, parseq.read_parseq(source, manifest, (int(width), int(height))))
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


IMPORTERS: Registry[Importer] = Registry(
    "animator.importers",
    "importer",
    {
        "video": Importer("a film made by animator", _read_video),
        "png": Importer("an image with infotext", _read_png),
        "image": Importer("an image with infotext", _read_image_comment),
        "infotext": Importer("a text file with infotext", _read_infotext),
        "camera-path": Importer("a camera path", _read_camera_path),
        "parseq": Importer("a Parseq manifest", _read_parseq),
        "deforum": Importer("Deforum settings", _read_deforum),
    },
    _mismatch,
)
