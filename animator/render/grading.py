"""Build a scene's grading: the stages around a painting pass, and the colour metrics of painted frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from animator.errors import Path, SceneError
from animator.frame import Frame, Image, State
from animator.render.loop import Stage
from animator.scene.lists import rgb
from animator.scene.scene import Scene
from animator.scene.settings import REFERENCES

if TYPE_CHECKING:
    from animator.imaging.backend import Tools
    from animator.render.footage import Footage

REFERENCE = ("grade", "color_reference")  # the setting that names an image to match colours to


def picture(scene: Scene, path: Path, name: str) -> Image:
    """Return the image file `name`, named by the setting at `path`, in the film's size. Raises SceneError.

    The image is scaled to cover the size and cropped in the middle: RGB uint8 (height, width, 3).
    """
    from animator.imaging.picture import read

    try:
        return read(scene.file(path, name), *scene.size)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be read as an image: {error}")]) from error


def stages(
    scene: Scene, film: Footage | None = None, tools: Tools | None = None
) -> tuple[list[Stage], list[Stage]]:
    """Return the grading stages that run before and after a painting pass.

    Colour matching comes before noise, which it would tint. `tools` belong to the device that holds the images: by
    default the CPU. Raises SceneError if a reference image cannot be read.
    """
    from animator.imaging.backend import CPU
    from animator.render.stages import AddNoise, Contrast, PullToPalette, Sharpen

    grade, tools = scene.settings.grade, tools or CPU
    ready, painted = _matched(scene, film, tools)
    pulled: list[Stage] = [PullToPalette(tools.pull(_rgb(grade.palette)))] if grade.palette else []
    noise = AddNoise(grade.noise_type == "perlin", tools)
    return [*ready, Contrast(tools), Sharpen(tools), noise], [*painted, *pulled]


def _matched(scene: Scene, film: Footage | None, tools: Tools) -> tuple[list[Stage], list[Stage]]:
    """Return the colour-matching stages before and after a painting pass."""
    from animator.render.footage import MatchFootage
    from animator.render.stages import First, Fixed, MatchColor, Rolling, UnlessAnchor

    grade = scene.settings.grade
    if grade.color == "none":
        return [], []
    match grade.color_reference:
        case "first":
            first = First(grade.color, tools)
            stage: Stage = UnlessAnchor(MatchColor(first, grade.color, grade.color_by, tools))
            return [stage], [stage]
        case "rolling":
            # Nothing to do before: the warped image is the last painted frame and has its colours.
            goal = Rolling(grade.color, grade.color_memory, tools)
            return [], [UnlessAnchor(MatchColor(goal, grade.color, grade.color_by, tools))]
        case "footage":
            assert film is not None
            filmed = MatchFootage(film, grade.color, grade.color_by)
            return [filmed], [filmed]
        case name:
            fixed = Fixed(picture(scene, REFERENCE, name), grade.color, tools)
            stage = MatchColor(fixed, grade.color, grade.color_by, tools)
            return [stage], [stage]


def _rgb(colors: Sequence[str]) -> NDArray[np.uint8]:
    """Return colours ("#rrggbb") as rows of RGB, uint8 (n, 3)."""
    return np.array([rgb(color) for color in colors], np.uint8)


def facts(scene: Scene) -> Callable[[Frame, State], dict[str, float]]:
    """Return the function that measures the colours of each painted frame for a run's journal."""
    from animator.imaging.palette import Pull
    from animator.render.facts import Facts
    from animator.render.stages import First, Fixed

    grade = scene.settings.grade
    given = grade.color != "none" and grade.color_reference not in REFERENCES
    goal = Fixed(picture(scene, REFERENCE, grade.color_reference), "lab") if given else First("lab")
    return Facts(goal, Pull(_rgb(grade.palette)) if grade.palette else None)


def start_picture(scene: Scene) -> Image | None:
    """Return the scene's start image in the film's size, or None. Raises SceneError."""
    image = scene.settings.start.image
    return None if image is None else picture(scene, ("start", "image"), image)
