"""A file of another tool's → the text of a schedule file that is good, and notes on what it could not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Path, Place, Problem, SceneError
from animator.interop import recognise
from animator.interop.draft import Draft
from animator.interop.write import schedule
from animator.render.pipeline import loads
from animator.scene.parse import MAX_BYTES

ROUNDS = 20  # of leaving out what is wrong: each shows what stood behind it


def convert(file: FilePath, folder: FilePath) -> tuple[str, Sequence[Problem]]:
    """`file` as a schedule file that lies in `folder`, and what of it has no counterpart. Raises SceneError.

    The text can be loaded: a value that our own reader refuses is left out and noted. Only a LoRA's file may be
    missing.
    """
    draft = recognise.read(file)
    says = [f"{file.name}: {draft.says}"]
    for _ in range(ROUNDS):
        text = schedule(draft.data, says)
        problems = _problems(text, folder)
        wrong = [problem for problem in problems if problem.path[:2] != ("model", "loras")]
        if len(text.encode("utf8")) > MAX_BYTES:
            raise draft.source.error(f"makes a schedule file past the {MAX_BYTES:,} bytes that one may have")
        if not wrong:
            missing = [_missing(draft, problem) for problem in problems]
            return text, [*draft.notes, *missing]
        for problem in wrong:
            _leave_out(draft, problem)
    raise draft.source.error("too much of it cannot be read")


def _problems(text: str, folder: FilePath) -> Sequence[Problem]:
    try:
        loads(text, folder)
    except SceneError as error:
        return error.problems
    return ()


def _missing(draft: Draft, problem: Problem) -> Problem:
    return replace(problem, place=Place(draft.source.file), message=f"{problem.message}: put it there")


def _leave_out(draft: Draft, problem: Problem) -> None:
    """Take the value at fault out of the draft, and note it. Raises SceneError where there is none."""
    path = _existing(draft.data, problem.path)
    if not path:
        raise draft.source.error(f"cannot be read: {problem.message}")
    sections: list[dict[Any, Any]] = [draft.data]
    for name in path[:-1]:
        sections.append(sections[-1][_key(sections[-1], name)])
    for inside, name in zip(reversed(sections), reversed(path), strict=True):
        inside.pop(_key(inside, name))
        if inside:  # an empty section may lack what it must have
            break
    left_out = f"left out: {problem.message}"
    draft.notes.append(Problem(Place(draft.source.file), problem.path, left_out))


def _existing(data: Any, path: Path) -> Path:
    """The longest beginning of `path` that leads to something in `data`."""
    found: Path = ()
    for name in path:
        key = _key(data, name) if isinstance(data, dict) else None
        if key is None:
            break
        found, data = (*found, name), data[key]
    return found


def _key(data: dict[Any, Any], name: str) -> Any:
    """The key of `data` that is written `name`: frames are whole numbers there."""
    return next((key for key in data if str(key) == name), None)
