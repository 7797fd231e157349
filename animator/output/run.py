"""A run's folder: frames, journal, resume point.

frames/000000000.png   the pictures, each with its recipe inside
upscaled/              the same as large as the video's, where those are larger: see upscaled.py
journal.jsonl          a header, then one line per frame that is safe on disk, with facts about its picture
settings.yaml          the schedule file as it was given
resolved.yaml          the same with presets, options and defaults filled in: renders the same film
frames.csv             the frame table
video.mp4              when it is complete
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL.PngImagePlugin import PngInfo

from animator.errors import RunError
from animator.frame import Frame, Image, Span, State
from animator.output.infotext import flat

LONG = 1_000  # characters of a text that is stored compressed
PNG_LEVEL = 1  # of zlib: level 6 takes four times as long for a tenth less space


class Run:
    """One film's folder. `saved` holds the index and the file's SHA-256 of every frame that is safe on disk."""

    def __init__(self, folder: Path, first: int, stop: int, saved: Mapping[int, str]) -> None:
        self.folder, self.first, self.stop = folder, first, stop
        self.saved = dict(saved)
        self.spans: dict[int, Span] = {}
        self._lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, first: int, stop: int, files: Mapping[str, str | bytes]) -> Run:
        """Start a run of the frames first..stop-1 with `files` (name → content). Raises RunError."""
        journal = folder / "journal.jsonl"
        if journal.exists() and len(_lines(journal.read_bytes())) > 1:
            raise RunError(f"{folder} already holds a run; continue it with: animator resume {folder}")
        try:
            (folder / "frames").mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                data = content.encode("utf8") if isinstance(content, str) else content
                write_whole(folder / name, data)
            write_whole(journal, _line({"first": first, "stop": stop}))
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}") from error
        return cls(folder, first, stop, {})

    @classmethod
    def open(cls, folder: Path) -> Run:
        """The run in `folder`. A frame counts as saved when the journal names it and its file is unchanged."""
        journal = folder / "journal.jsonl"
        try:
            written = journal.read_bytes()
            if not written.endswith(b"\n"):
                # A crash cut the last line short: what follows is to stand on a line of its own.
                journal.write_bytes(written + b"\n")
        except OSError as error:
            raise RunError(f"{folder} holds no run: it has no journal.jsonl") from error
        lines = _lines(written)
        head = lines[0] if lines else {}
        if not (isinstance(head.get("first"), int) and isinstance(head.get("stop"), int)):
            raise RunError(f"{folder}/journal.jsonl has no header; render the schedule file anew")
        (folder / "frames").mkdir(exist_ok=True)
        run = cls(folder, head["first"], head["stop"], {})
        entries = {line["frame"]: line["sha256"] for line in lines[1:] if isinstance(line.get("frame"), int)}
        run.spans = {line["frame"]: tuple(line["span"]) for line in lines[1:] if "span" in line}
        run.saved = {index: digest for index, digest in entries.items() if run._digest(index) == digest}
        return run

    @property
    def video(self) -> Path:
        return self.folder / "video.mp4"

    def picture_file(self, index: int) -> Path:
        return self.folder / "frames" / f"{index:09d}.png"

    def picture(self, index: int) -> Image:
        """The picture of frame `index`, RGB uint8 (height, width, 3)."""
        with Pictures.open(self.picture_file(index)) as picture:
            return np.asarray(picture.convert("RGB"))

    def texts(self, index: int) -> dict[str, str]:
        """What is stored in the picture of frame `index`."""
        with Pictures.open(self.picture_file(index)) as picture:
            return {str(key): text for key, text in picture.info.items() if isinstance(text, str)}

    def save(
        self,
        frame: Frame,
        image: Image,
        texts: Mapping[str, str],
        span: Span | None = None,
        facts: Mapping[str, float] | None = None,
    ) -> None:
        """Write a frame's picture with its `texts`, then its journal line with `facts` about the picture.

        May be called from several threads.
        """
        data = png(image, texts)
        try:
            write_whole(self.picture_file(frame.index), data)
            digest = hashlib.sha256(data).hexdigest()
            with self._lock, (self.folder / "journal.jsonl").open("ab") as journal:
                told = {"span": span} if span else {}
                journal.write(_line({"frame": frame.index, "sha256": digest, **told, **(facts or {})}))
                journal.flush()
                os.fsync(journal.fileno())
                self.saved[frame.index] = digest
        except OSError as error:
            raise RunError(
                f"{self.folder}: frame {frame.index} cannot be written: {error.strerror}"
            ) from error

    def facts(self, name: str) -> dict[int, float]:
        """What the journal says about saved frames under `name`, by frame: "drift", "palette"."""
        entries = _lines((self.folder / "journal.jsonl").read_bytes())
        return {
            entry["frame"]: float(entry[name])
            for entry in entries
            if entry.get("frame") in self.saved and isinstance(entry.get(name), int | float)
        }

    def resume(self, frames: Sequence[Frame]) -> tuple[int, State]:
        """Where in `frames` (this run's part of the timeline) the loop goes on, and with what state.

        It goes on after the last painting before the first missing frame: in-betweens lie between two
        paintings. The state is of that painting's shot; one that begins now needs none.
        """
        missing = next((at for at, frame in enumerate(frames) if frame.index not in self.saved), len(frames))
        if missing in (0, len(frames)):
            return missing, State()
        last = max(at for at in range(missing) if frames[at].diffuse)
        begun = next(at for at in range(last + 1) if frames[at].shot == frames[last].shot)
        anchor = max((at for at in range(begun, last + 1) if frames[at].anchor), default=begun)
        painting, reference, first = (self.picture(frames[at].index) for at in (last, anchor, begun))
        index = frames[last].index
        return last + 1, State(painting, painting, None, reference, index, self.spans.get(index), first)

    def seam(self) -> float:
        """The step from the last frame to the first over the median of two dozen others: about 1 if it closes."""
        firsts = np.unique(np.linspace(self.first, self.stop - 2, 24).astype(int))
        steps = [self._step(int(index), int(index) + 1) for index in firsts]
        return self._step(self.stop - 1, self.first) / max(float(np.median(steps)), 1e-3)

    def _step(self, one: int, other: int) -> float:
        return float(np.abs(self.picture(one).astype(np.int16) - self.picture(other)).mean())

    def _digest(self, index: int) -> str | None:
        try:
            return hashlib.sha256(self.picture_file(index).read_bytes()).hexdigest()
        except OSError:
            return None


def write_whole(file: Path, data: bytes) -> None:
    """Write `file` so that it never exists in part: under a draft name, to the disk, then renamed."""
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The frame table as CSV, one line per frame, nested sections as `section.name` columns."""
    flattened = [flat(dict(row)) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flattened[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flattened)
    return text.getvalue()


def png(image: NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """An RGB or RGBA picture as a PNG with `texts` in it."""
    info = PngInfo()
    for key, text in texts.items():
        long = len(text) > LONG
        info.add_text(key, text, zip=long) if text.isascii() else info.add_itxt(key, text, zip=long)
    data = io.BytesIO()
    Pictures.fromarray(image).save(data, "PNG", pnginfo=info, compress_level=PNG_LEVEL)
    return data.getvalue()


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry).encode("utf8") + b"\n"


def _lines(journal: bytes) -> list[dict[str, Any]]:
    """The journal's entries; a last line that a crash cut short does not count."""
    entries = []
    for line in journal.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and ("stop" in entry or "sha256" in entry):
            entries.append(entry)
    return entries
