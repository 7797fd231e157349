"""Read and check a schedule file or text as a Scene: `load` and `loads`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from animator.errors import Problem, SceneError
from animator.scene import checks, model_checks
from animator.scene.compose import resolve_preset
from animator.scene.read import read_scene, read_scene_text
from animator.scene.scene import Scene
from animator.timeline import deliverables
from animator.timeline.compile import timeline


def load(file: str | Path, settings: Sequence[str] = ()) -> Scene:
    """Read a schedule file, or the preset of that name, and check its settings, curves and the files it names.

    `settings` are overrides as on the command line: `"motion.zoom=1.01"`, `"product=electric scooter"`.
    Raises SceneError with every problem found.
    """
    return check_all(*read_scene(resolve_preset(Path(file)), settings))


def loads(text: str, folder: str | Path = ".", settings: Sequence[str] = ()) -> Scene:
    """Read and check a schedule given as YAML text; relative paths in it start from `folder`.

    The text cannot use `extends`. `settings` are overrides as in `load`. Raises SceneError with every problem found.
    """
    return check_all(*read_scene_text(text, Path(folder), settings))


def check_all(scene: Scene, problems: list[Problem]) -> Scene:
    """Return `scene` if it has no problem: neither `problems`, nor in its files, models, deliverables and curves.

    Raises SceneError with every problem found.
    """
    problems.extend(checks.unreadable_file_problems(scene))
    problems.extend(model_checks.check_models(scene))
    problems.extend(deliverables.deliverable_problems(scene))
    try:
        timeline(scene)
    except SceneError as error:
        problems.extend(error.problems)
    if problems:
        raise SceneError(problems)
    return scene
