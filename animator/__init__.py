"""animator: keyframe-scheduled films painted by SDXL, for product designers.

scene = animator.load("film.yaml")
for frame, state in animator.animate(scene):
    show(state.shown)  # RGB uint8 (height, width, 3)
"""

from animator.errors import AnimatorError, CurveError, ModelError, ProgramError, RunError, SceneError
from animator.frame import Frame, Grade, Image, Motion, Painting, Prompt, State
from animator.render.pipeline import animate, load, loads
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.curves import sample
from animator.viewer.preview import preview

__version__ = "0.1.0"

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
