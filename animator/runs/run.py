"""A run's folder: frames, journal, resume point and log.

frames/000000000.png   frame images, each with its recipe inside
upscaled/              larger images of the frames, where the video is larger than the film: see store.py
journal.jsonl          a header, then one line per frame that is safe on disk, with measurements of its image
run.log                one line per event
settings.yaml          the schedule file as the user gave it
resolved.yaml          the schedule with presets, options and defaults filled in: renders the same film
frames.csv             the frame table
video.mp4              the video, once it is complete
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from animator.errors import RunError
from animator.frame import DepthRange, Frame, Image, State
from animator.imaging.io import open_image
from animator.runs import store
from animator.runs.atomic import sha256_hex, write_atomic
from animator.runs.metadata import encode_png
from animator.timeline.cadence import pick_evenly

GIVEN_FIELD = "given"  # header field: the frames before this one were taken over from another film


class Run:
    """A film's folder. `saved` maps every frame that is safe on disk to the SHA-256 of its file."""

    def __init__(
        self,
        folder: Path,
        first: int,
        stop: int,
        saved: Mapping[int, str],
        head: Mapping[str, Any] | None = None,
    ) -> None:
        """Describe a run in memory. `head`: further fields of the journal's header."""
        self.folder, self.first, self.stop = folder, first, stop
        self.header = {"first": first, "stop": stop, **(head or {})}
        self.saved = dict(saved)
        self.fingerprints: Mapping[int, str] = {}  # fingerprint of each frame, stored in the journal with it
        self._entries: dict[int, store.JournalEntry] = {}
        self._lock = threading.Lock()

    @classmethod
    def create(
        cls,
        folder: Path,
        first: int,
        stop: int,
        files: Mapping[str, str | bytes],
        extra_header: Mapping[str, Any] | None = None,
    ) -> Run:
        """Start a run of the frames first..stop-1 with `files` (name → content). Raises RunError.

        `extra_header`: further fields of the journal's header.
        """
        head = {"first": first, "stop": stop, **(extra_header or {})}
        try:
            (folder / "frames").mkdir(parents=True, exist_ok=True)
            with store.lock_folder(folder):
                if store.has_frames(folder):
                    raise RunError(
                        f"{folder} already holds a run; continue it with: animator resume {folder}"
                    )
                for name, content in files.items():
                    data = content.encode("utf8") if isinstance(content, str) else content
                    write_atomic(folder / name, data)
                write_atomic(folder / store.JOURNAL_NAME, store.encode_entry(head))
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}") from error
        return cls(folder, first, stop, {}, head)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Return the run in `folder`. A frame counts as saved if the journal names it and its file is unchanged.

        Raises RunError.
        """
        head = store.read_journal(folder)[0]
        run = cls(folder, head["first"], head["stop"], {}, head)
        run.reload()
        return run

    def reload(self) -> None:
        """Read the journal again. Raises RunError where another run has taken the folder."""
        head, entries = store.read_journal(self.folder)
        if head != self.header:
            raise RunError(f"{self.folder}: another render has begun here; choose another folder with --out")
        before, self._entries = self.saved, entries
        self.saved = {
            index: entry["sha256"]
            for index, entry in entries.items()
            if before.get(index) == entry["sha256"] or self._image_digest(index) == entry["sha256"]
        }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder, repair the journal and read it again. Raises RunError if another process writes here."""
        with store.lock_folder(self.folder):
            (self.folder / "frames").mkdir(exist_ok=True)
            store.repair_journal(self.folder)
            self.reload()
            yield

    @property
    def video(self) -> Path:
        return self.folder / "video.mp4"

    def image_file(self, index: int) -> Path:
        return self.folder / "frames" / f"{index:09d}.png"

    def image(self, index: int) -> Image:
        """Return the image of frame `index`, RGB uint8 (height, width, 3)."""
        with open_image(self.image_file(index), ("PNG",)) as opened:
            return np.asarray(opened.convert("RGB"))

    def texts(self, index: int) -> dict[str, str]:
        """Return the texts stored in the PNG of frame `index`, by keyword."""
        with open_image(self.image_file(index), ("PNG",)) as image:
            return {str(key): text for key, text in image.info.items() if isinstance(text, str)}

    def save(
        self,
        frame: Frame,
        image: Image,
        texts: Mapping[str, str],
        span: DepthRange | None = None,
        facts: Mapping[str, float] | None = None,
    ) -> None:
        """Write a frame's image with its `texts`, then its journal line with the measurements `facts`.

        May be called from several threads. Raises RunError.
        """
        data = encode_png(image, texts)
        digest = sha256_hex(data)
        known = {"key": self.fingerprints[frame.index]} if frame.index in self.fingerprints else {}
        entry = {"frame": frame.index, "sha256": digest, **known, **({"span": span} if span else {})}
        try:
            write_atomic(self.image_file(frame.index), data)
            with self._lock:
                self._record_entries([entry | dict(facts or {})])
        except OSError as error:
            raise RunError(
                f"{self.folder}: frame {frame.index} cannot be written: {error.strerror}"
            ) from error

    def link_from(self, other: Run, frames: Sequence[int]) -> None:
        """Take over frames of another run unchanged, as hard links where possible, else as copies. Raises RunError."""
        try:
            for index in frames:
                file = self.image_file(index)
                file.unlink(missing_ok=True)
                try:
                    file.hardlink_to(other.image_file(index))
                except OSError:  # another disk, or a file system without hard links
                    write_atomic(file, other.image_file(index).read_bytes())
            self._record_entries([other._entries[index] for index in frames])
        except OSError as error:
            raise RunError(f"{self.folder}: cannot be written: {error.strerror}") from error

    def _record_entries(self, entries: Sequence[store.JournalEntry]) -> None:
        store.append_entries(self.folder, entries)
        self._entries |= {entry["frame"]: entry for entry in entries}
        self.saved |= {entry["frame"]: entry["sha256"] for entry in entries}

    def fingerprint(self, index: int) -> str | None:
        """Return the fingerprint that the journal has of a saved frame; None without one."""
        return self._entries[index].get("key") if index in self.saved else None

    @property
    def taken_over(self) -> range:
        """Frames that were taken over from another film, whatever this film's settings are."""
        return range(self.first, max(self.first, int(self.header.get(GIVEN_FIELD, self.first))))

    def is_edited(self) -> bool:
        """True if the run's `resolved.yaml` differs from the one that it began with."""
        file = self.folder / "resolved.yaml"
        return "film" in self.header and (
            not file.exists() or sha256_hex(file.read_bytes()) != self.header["film"]
        )

    def measurement(self, index: int, name: str) -> float | None:
        """Return the measurement `name` ("drift", "palette") of a saved frame; None if it was not measured."""
        value = self._entries[index].get(name)
        return float(value) if isinstance(value, int | float) else None

    def measurements(self, name: str) -> dict[int, float]:
        """Return the measurement `name` of every saved frame that has it, by frame."""
        known = {index: self.measurement(index, name) for index in self._entries if index in self.saved}
        return {index: fact for index, fact in known.items() if fact is not None}

    def resume_point(self, frames: Sequence[Frame]) -> tuple[int, State]:
        """Return the position in `frames` (this run's part of the timeline) where the loop continues, and its state.

        The loop continues after the last painted frame before the first missing frame, since in-betweens lie
        between two painted frames. The state belongs to that painted frame's shot; a shot that begins here
        needs none.
        """
        missing = next((at for at, frame in enumerate(frames) if frame.index not in self.saved), len(frames))
        if missing in (0, len(frames)):
            return missing, State()
        last = max(at for at in range(missing) if frames[at].diffuse)
        return last + 1, self.state_after(frames, last)

    def state_after(self, frames: Sequence[Frame], last: int) -> State:
        """Return the state after the painted frame `frames[last]`; it and its shot before it must be saved."""
        begun = next(at for at in range(last + 1) if frames[at].shot == frames[last].shot)
        anchor = max((at for at in range(begun, last + 1) if frames[at].anchor), default=begun)
        painting, reference, first = (self.image(frames[at].index) for at in (last, anchor, begun))
        index = frames[last].index
        span = self._entries.get(index, {}).get("span")
        return State(painting, painting, None, reference, index, span and tuple(span), first)

    def seam(self) -> float:
        """Return the change from the last frame to the first, over the median change between neighbours.

        The median is that of at most 24 pairs; a value of about 1 means that the loop closes without a visible
        seam.
        """
        firsts = pick_evenly(range(self.first, self.stop - 1), 24)
        steps = [self._difference(index, index + 1) for index in firsts]
        return self._difference(self.stop - 1, self.first) / max(float(np.median(steps)), 1e-3)

    def _difference(self, one: int, other: int) -> float:
        """Return the mean absolute difference of two frames, in grey levels."""
        return float(np.abs(self.image(one).astype(np.int16) - self.image(other)).mean())

    def _image_digest(self, index: int) -> str | None:
        try:
            return sha256_hex(self.image_file(index).read_bytes())
        except OSError:
            return None


class SavedFrames(Mapping[int, Image]):
    """Saved images of a run, by frame, as of now; each is read when it is accessed."""

    def __init__(self, run: Run) -> None:
        self.run, self._frames = run, dict.fromkeys(sorted(run.saved))

    def __getitem__(self, index: int) -> Image:
        if index not in self:
            raise KeyError(index)
        return self.run.image(index)

    def __contains__(self, index: object) -> bool:
        return index in self._frames

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


LOG_NAME = "run.log"


class RunLog:
    """The log file in a run's folder."""

    def __init__(self, folder: Path) -> None:
        """Open the log for appending. Raises RunError where it cannot be written."""
        try:
            self._stream = (folder / LOG_NAME).open("a", encoding="utf8", errors="backslashreplace")
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}") from error

    def write(self, text: str) -> None:
        """Append a line, readable at once. Errors are ignored: on a full disk, saving a frame raises."""
        try:
            self._stream.write(text.rstrip("\n") + "\n")
            self._stream.flush()
        except OSError:
            return

    def close(self) -> None:
        self._stream.close()
