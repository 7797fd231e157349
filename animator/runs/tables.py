"""Text output of the frame table, of problems and of colour measurements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from animator.errors import Problem
from animator.runs.metadata import flat


def json_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the frame table as a JSON array with one object per line."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    yield "["
    yield ",\n".join(lines)
    yield "]"


def as_data(problem: Problem, kind: str) -> dict[str, Any]:
    """Return a problem as data for JSON; line and column count from 1, and are 0 without a file."""
    setting = ".".join(problem.path)
    return {"kind": kind, **asdict(problem.place), "setting": setting, "message": problem.message}


def color_lines(drift: Mapping[int, float], palette: Mapping[int, float]) -> Iterator[str]:
    """Yield lines on the distance of a run's colours (ΔE by frame) to their reference and to their palette."""
    for name, facts in (("to the reference", drift), ("to the palette", palette)):
        if len(facts) > 1:
            worst = max(facts, key=lambda frame: facts[frame])
            mean = sum(facts.values()) / len(facts)
            yield f"colours: ΔE {name} {mean:.1f} on average, {facts[worst]:.1f} at most (frame {worst})"


def columns(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the frame table as text: constant columns once, then a line per frame with the others."""
    table = [flat(row) for row in rows]
    names = list(table[0])
    steady = [name for name in names if name != "index" and all(row[name] == table[0][name] for row in table)]
    yield from (f"{name}: {_cell(table[0][name])}" for name in steady)
    yield ""
    moving = [name for name in names if name not in steady]
    moving.sort(key=lambda name: isinstance(table[0][name], str))  # texts last: they are long
    cells = [moving]
    for before, row in zip([{}, *table], table, strict=False):
        # A text is printed where it begins; repeated on every line it would hide the numbers.
        again = {name for name in moving if isinstance(row[name], str) and before.get(name) == row[name]}
        cells.append(["" if name in again else _cell(row[name]) for name in moving])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
