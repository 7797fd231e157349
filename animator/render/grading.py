"""Grading stages around a painting pass (colour, palette, noise, contrast, sharpening), and colour metrics of frames.

A stage takes an image, its frame and the state, and returns an image. `tools` are the image operations of the device
that holds the images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import PluginError
from animator.frame import Frame, Image, State
from animator.imaging.backend import CPU_BACKEND, ImageBackend
from animator.imaging.color import PalettePull, color_drift, parse_hex_color
from animator.render.loop import SkipFrames, Stage
from animator.render.views import read_scene_image
from animator.scene.plugins import plugin_errors
from animator.scene.scene import Scene
from animator.scene.settings import COLOR_REFERENCES, REFERENCE_PATH
from animator.scene.settings_stages import STAGES

if TYPE_CHECKING:
    from animator.render.footage import FootageReader


def grading_stages(
    scene: Scene, film: FootageReader | None = None, tools: ImageBackend | None = None
) -> tuple[list[Stage], list[Stage]]:
    """Return the grading stages that run before and after a painting pass.

    Colour matching comes before noise, which it would tint. `tools` belong to the device that holds the images: by
    default the CPU. Raises SceneError if a reference image cannot be read.
    """
    pairs = [STAGES.load(name)(scene, film, tools or CPU_BACKEND) for name in STAGES.builtins]
    pairs += [_plugin_stages(name) for name in scene.settings.stages or ()]
    return [stage for before, _ in pairs for stage in before], [
        stage for _, after in pairs for stage in after
    ]


StagePair = tuple[list[Stage], list[Stage]]  # before and after a painting pass


def contrast_stages(scene: Scene, film: FootageReader | None, tools: ImageBackend) -> StagePair:  # noqa: ARG001
    """Return the stage that changes contrast before a painting pass."""
    return [Contrast(tools)], []


def sharpen_stages(scene: Scene, film: FootageReader | None, tools: ImageBackend) -> StagePair:  # noqa: ARG001
    """Return the stage that sharpens before a painting pass."""
    return [Sharpen(tools)], []


def noise_stages(scene: Scene, film: FootageReader | None, tools: ImageBackend) -> StagePair:  # noqa: ARG001
    """Return the stage that adds noise before a painting pass."""
    return [AddNoise(scene.settings.grade.noise_type == "perlin", tools)], []


def palette_stages(scene: Scene, film: FootageReader | None, tools: ImageBackend) -> StagePair:  # noqa: ARG001
    """Return the stage that pulls a painted frame towards the palette, if the scene has one."""
    palette = scene.settings.grade.palette
    return [], [PullToPalette(tools.pull(_rgb_rows(palette)))] if palette else []


def _plugin_stages(name: str) -> StagePair:
    """Return the stages of a plug-in before and after a painting pass. Raises PluginError."""
    kind = STAGES.load(name)
    before, after = ([PluginStage(name, way)] if hasattr(kind, way) else [] for way in ("before", "after"))
    return [*before], [*after]


def color_stages(scene: Scene, film: FootageReader | None, tools: ImageBackend) -> StagePair:
    """Return the colour-matching stages before and after a painting pass."""
    from animator.render.footage import MatchFootage

    grade = scene.settings.grade
    if grade.color == "none":
        return [], []
    match grade.color_reference:
        case "first":
            first = FirstReference(grade.color, tools)
            stage: Stage = SkipFrames(MatchColor(first, grade.color, grade.color_by, tools), is_anchor)
            return [stage], [stage]
        case "rolling":
            # Nothing to do before: the warped image is the last painted frame and has its colours.
            goal = RollingReference(grade.color, grade.color_memory, tools)
            return [], [SkipFrames(MatchColor(goal, grade.color, grade.color_by, tools), is_anchor)]
        case "footage":
            assert film is not None
            filmed = MatchFootage(film, grade.color, grade.color_by)
            return [filmed], [filmed]
        case name:
            fixed = FixedReference(read_scene_image(scene, REFERENCE_PATH, name), grade.color, tools)
            stage = MatchColor(fixed, grade.color, grade.color_by, tools)
            return [stage], [stage]


def _rgb_rows(colors: Sequence[str]) -> NDArray[np.uint8]:
    """Return colours ("#rrggbb") as rows of RGB, uint8 (n, 3)."""
    return np.array([parse_hex_color(color) for color in colors], np.uint8)


def color_metrics(scene: Scene) -> Callable[[Frame, State], dict[str, float]]:
    """Return the function that measures the colours of each painted frame for a run's journal."""
    from animator.imaging.color import PalettePull

    grade = scene.settings.grade
    given = grade.color != "none" and grade.color_reference not in COLOR_REFERENCES
    goal = (
        FixedReference(read_scene_image(scene, REFERENCE_PATH, grade.color_reference), "lab")
        if given
        else FirstReference("lab")
    )
    return ColorMetrics(goal, PalettePull(_rgb_rows(grade.palette)) if grade.palette else None)


ColorReference = Callable[
    [Image, State], Any
]  # colour statistics that an image is matched to; None: leave its colours


class FirstReference:
    """Colour reference: the first painted frame, or the last anchor."""

    def __init__(self, space: str, tools: ImageBackend = CPU_BACKEND) -> None:
        self.space, self.tools = space, tools
        self._last: tuple[Image | None, Any] = (None, None)

    def __call__(self, image: Image, state: State) -> Any:  # noqa: ARG002 (a goal's signature)
        reference, colors = self._last
        if reference is not state.reference:
            # The reference stays the same for a whole shot: measure it once.
            colors = None if state.reference is None else self.tools.measure(state.reference, self.space)
            self._last = state.reference, colors  # one assignment, since threads may share this object
        return colors


class FixedReference:
    """Colour reference: one image for the whole film."""

    def __init__(self, image: Image, space: str, tools: ImageBackend = CPU_BACKEND) -> None:
        self._colors = tools.measure(tools.to_device(image), space)

    def __call__(self, image: Image, state: State) -> Any:  # noqa: ARG002 (a goal's signature)
        return self._colors


class RollingReference:
    """Colour reference: an exponential moving average over painted frames, which smooths flicker.

    Each new frame has the weight 1/`memory`. The last painted frame already has the colours of the average before
    it, so that no other state is needed.
    """

    def __init__(self, space: str, memory: float, tools: ImageBackend = CPU_BACKEND) -> None:
        self.space, self.memory, self.tools = space, memory, tools

    def __call__(self, image: Image, state: State) -> Any:
        if state.painting is None:
            return None
        last, now = (self.tools.measure(own, self.space) for own in (state.painting, image))
        return self.tools.mix(last, now, 1 / self.memory)


class MatchColor:
    """A stage that matches an image's colours to a reference, by `grade.color_amount`."""

    def __init__(self, goal: ColorReference, space: str, by: str, tools: ImageBackend = CPU_BACKEND) -> None:
        self.goal, self.space, self.by, self.tools = goal, space, by, tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        goal = self.goal(image, state) if frame.grade.color_amount else None
        if goal is None:
            return image
        matched: Image = self.tools.match(image, goal, self.space, self.by, frame.grade.color_amount)
        return matched


def is_anchor(frame: Frame) -> bool:
    """Return True for a frame that becomes the colour reference once it is painted."""
    return frame.anchor


class PullToPalette:
    """A stage that pulls a painted frame towards a palette, by `grade.palette_amount`."""

    def __init__(self, pull: PalettePull) -> None:
        self.pull = pull

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        amount = frame.grade.palette_amount
        return self.pull(image, amount) if amount else image


class AddNoise:
    """A stage that adds noise from the frame's seed, by `grade.noise`, of which the model makes detail."""

    def __init__(self, clouds: bool = False, tools: ImageBackend = CPU_BACKEND) -> None:
        self.clouds, self.tools = clouds, tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        if not frame.grade.noise:
            return image
        noisy: Image = self.tools.add_noise(image, frame.grade.noise, frame.seed, self.clouds)
        return noisy


class Contrast:
    """A stage that changes contrast by the ratio `grade.contrast`."""

    def __init__(self, tools: ImageBackend = CPU_BACKEND) -> None:
        self.tools = tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        ratio = frame.grade.contrast
        changed: Image = image if ratio == 1.0 else self.tools.contrast(image, ratio)
        return changed


class Sharpen:
    """A stage that sharpens by `grade.sharpen`."""

    def __init__(self, tools: ImageBackend = CPU_BACKEND) -> None:
        self.tools = tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        amount = frame.grade.sharpen
        sharper: Image = self.tools.sharpen(image, amount) if amount else image
        return sharper


class PluginStage:
    """A stage that a plug-in adds: calls the method `way` of the plug-in's settings for the frame."""

    def __init__(self, name: str, way: str) -> None:
        self.name, self.way = name, way

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        with plugin_errors(f"stage {self.name!r} failed at frame {frame.index}"):
            found = np.asarray(getattr(frame.stages[self.name], self.way)(image, frame, state))
        if found.dtype != np.uint8 or found.shape != image.shape:
            wanted = f"an image of uint8 {image.shape} is expected"
            raise PluginError(f"stage {self.name!r} returned {found.dtype} {found.shape}; {wanted}")
        return found


class ColorMetrics:
    """Colour metrics of a painted frame in CIE76 ΔE, as {"drift": …, "palette": …}; empty for other frames.

    `drift` is the distance to the reference `goal`, `palette` the mean distance to the palette's tints and shades.
    A metric without a reference or palette is left out.
    """

    def __init__(self, goal: ColorReference, pull: PalettePull | None = None) -> None:
        self.goal, self.pull = goal, pull

    def __call__(self, frame: Frame, state: State) -> dict[str, float]:
        image = state.shown
        if image is None or not frame.diffuse:
            return {}
        facts = {}
        goal = self.goal(image, state)
        if goal is not None:
            facts["drift"] = round(color_drift(image, goal), 2)
        if self.pull is not None:
            facts["palette"] = round(self.pull.distance(image), 2)
        return facts
