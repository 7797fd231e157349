"""Storyboard: a CSV table of shots → prompts, cuts and moves of the film, with their lines in the table."""

from __future__ import annotations

import csv
import io
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Path, Place, Problem, nearest, quoted, shown
from animator.scene.compose import lay_over
from animator.scene.parse import MAX_BYTES, Document
from animator.scene.variables import fill

NEEDED = ("time", "sentence")
COLUMNS = (*NEEDED, "motion", "material", "transition")
TRANSITIONS = ("cut", "blend")
KEY: Path = ("storyboard",)


def boarded(document: Document, folder: FilePath) -> Document:
    """Return `document` with the shots of its `storyboard:` table, if any; table names are relative to `folder`."""
    if KEY[0] not in document.data:
        return document
    data = {key: value for key, value in document.data.items() if key != KEY[0]}
    bare = Document(document.file, data, document.places, document.names, document.problems)
    board = _Board(str(folder / str(document.data[KEY[0]])))
    try:
        table = fill(board.document(data.get("vars")))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(document.place(KEY), KEY, f"{board.file}: {why}")
        return Document(bare.file, data, bare.places, bare.names, (*bare.problems, problem))
    del table.data["vars"]
    return lay_over(bare, table)


class _Board:
    """Reader of one storyboard table."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[Path, Place] = {}
        self.prompts: dict[str, str] = {}
        self.moves: dict[str, str] = {}
        self.cuts: list[str] = []

    def document(self, variables: Any) -> Document:
        """Return the table as settings. Raises OSError and ValueError if it cannot be read."""
        raw = FilePath(self.file).read_bytes()
        if len(raw) > MAX_BYTES:
            raise ValueError(f"{len(raw):,} bytes; a storyboard has at most {MAX_BYTES:,}")
        text = raw.decode("utf-8-sig")
        # Spreadsheets separate by semicolons in locales with a decimal comma.
        first = text.partition("\n")[0]
        rows = csv.DictReader(
            io.StringIO(text), delimiter=";" if ";" in first else ",", skipinitialspace=True
        )
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        for name in names:
            if name not in COLUMNS:
                raise ValueError(f"unknown column {quoted(name)}; {nearest(name, COLUMNS)}")
        for name in NEEDED:
            if name not in names:
                raise ValueError(f"no column {name!r}; a storyboard has the columns {', '.join(COLUMNS)}")
        rows.fieldnames = names
        for row in rows:
            self.shot({name: (row.get(name) or "").strip() for name in COLUMNS}, rows.line_num)
        if not self.prompts and not self.problems:
            raise ValueError("it has no shots")
        return Document(self.file, self.settings(variables), self.places, {}, tuple(self.problems))

    def settings(self, variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"vars": variables or {}, "prompts": {"at": self.prompts}}
        if self.cuts:
            found["cuts"] = self.cuts
        if self.moves:
            found["motion"] = {"moves": self.moves}
        return found

    def shot(self, row: dict[str, str], line: int) -> None:
        if not any(row.values()):
            return
        time, place = row["time"], Place(self.file, line, 1)
        if not time or not row["sentence"]:
            missing = "time" if not time else "sentence"
            self.problems.append(Problem(place, (missing,), "must be given in every line"))
            return
        if time in self.prompts:
            self.problems.append(Problem(place, ("time",), f"{shown(time)} is written twice"))
            return
        if row["transition"] and row["transition"] not in TRANSITIONS:
            told = f"{shown(row['transition'])} is not known; allowed: {', '.join(TRANSITIONS)}"
            self.problems.append(Problem(place, ("transition",), told))
        if self.prompts and row["transition"] != "blend":
            self.places["cuts", str(len(self.cuts))] = place
            self.cuts.append(time)
        self.places["prompts", "at", time] = place
        self.prompts[time] = ", ".join(filter(None, (row["sentence"], row["material"])))
        if row["motion"]:
            self.places["motion", "moves", time] = place
            self.moves[time] = row["motion"]
