"""animator: keyframe-scheduled films painted by SDXL, for product designers.

scene = animator.load("film.yaml")
for frame, state in animator.animate(scene):
    show(state.shown)  # RGB uint8 (height, width, 3)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from animator.errors import AnimatorError, CurveError, ModelError, ProgramError, RunError, SceneError
from animator.frame import Frame, Grade, Image, Motion, Painting, Prompt, State
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.curves import sample
from animator.timeline.load import load, loads

__version__ = "0.1.0"

if TYPE_CHECKING:
    from animator.render.pipeline import animate
    from animator.viewer.preview import preview

# These import OpenCV, which takes half a second: they are looked up when they are first used.
_LAZY = {"animate": "animator.render.pipeline", "preview": "animator.viewer.preview"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'animator' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


__all__ = [
    "AnimatorError",
    "CurveError",
    "Frame",
    "Grade",
    "Image",
    "ModelError",
    "Motion",
    "Painting",
    "ProgramError",
    "Prompt",
    "RunError",
    "Scene",
    "SceneError",
    "State",
    "animate",
    "load",
    "loads",
    "preview",
    "sample",
    "timeline",
]
