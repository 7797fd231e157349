"""Read and check a schedule file or text as a Scene: `load` and `loads`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from animator.errors import Problem, SceneError
from animator.errors import SettingPath as Place
from animator.scene import checks, model_checks, settings
from animator.scene.compose import resolve_preset
from animator.scene.file_references import view_files
from animator.scene.parse import is_file
from animator.scene.read import read_scene, read_scene_text
from animator.scene.scene import Scene
from animator.scene.settings import COLOR_REFERENCES
from animator.timeline import deliverables
from animator.timeline.compile import timeline


def load(file: str | Path, settings: Sequence[str] = ()) -> Scene:
    """Read a schedule file, or the preset of that name, and check its settings, curves and the files it names.

    `settings` are overrides as on the command line: `"motion.zoom=1.01"`, `"product=electric scooter"`.
    Raises SceneError with every problem found.
    """
    return _check_all(*read_scene(resolve_preset(Path(file)), settings))


def loads(text: str, folder: str | Path = ".", settings: Sequence[str] = ()) -> Scene:
    """Read and check a schedule given as YAML text; relative paths in it start from `folder`.

    The text cannot use `extends`. `settings` are overrides as in `load`. Raises SceneError with every problem found.
    """
    return _check_all(*read_scene_text(text, Path(folder), settings))


def _check_all(scene: Scene, problems: list[Problem]) -> Scene:
    """Return `scene` if it has no problem: neither `problems`, nor in its files, models, deliverables and curves.

    Raises SceneError with every problem found.
    """
    for path, file in _image_files(scene):
        from animator.imaging.io import verify_image

        try:
            verify_image(file)
        except (OSError, ValueError) as error:
            name = "" if path != ("motion", "depth") else f"{file.name} "
            problems.append(scene.problem(path, f"{name}cannot be read as an image: {error}"))
    problems.extend(checks.mask_file_problems(scene))
    problems.extend(checks.footage_file_problems(scene))
    problems.extend(checks.control_file_problems(scene))
    problems.extend(model_checks.check_models(scene))
    problems.extend(deliverables.deliverable_problems(scene))
    try:
        timeline(scene)
    except SceneError as error:
        problems.extend(error.problems)
    if problems:
        raise SceneError(problems)
    return scene


def _image_files(scene: Scene) -> Iterator[tuple[Place, Path]]:
    """Yield the existing image files that a scene names, each with the path of its setting."""
    reference = scene.settings.grade.color_reference
    named = {
        ("start", "image"): scene.settings.start.image,
        settings.REFERENCE_PATH: None if reference in COLOR_REFERENCES else reference,
    }
    files = [(path, scene.file(path, name)) for path, name in named.items() if name is not None]
    files += [(("motion", "depth"), file) for file in scene.depth_files]
    files += [(path, scene.file(path, name)) for path, name in view_files(scene)]
    return ((path, file) for path, file in files if is_file(file))
