"""Convert another program's file: write a schedule file of it, and note the settings that it cannot hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Place, Problem, SceneError, SettingPath
from animator.interop.draft import ScheduleDraft, dump_schedule
from animator.interop.importers import detect_and_read
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
