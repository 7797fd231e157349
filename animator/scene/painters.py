"""Families of models by name: which one a scene's model belongs to, and how its painter is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from animator.errors import PluginError
from animator.models.painter import Painter, PaintFunction
from animator.scene.plugins import Registry, plugin_errors
from animator.scene.scene import Scene

logger = logging.getLogger(__name__)


class PainterFamily(NamedTuple):
    """A family of models.

    `recognises` gets `model.base` as it is written and as a path, and returns True if it names a model of the family;
    it reads headers at most. `load` loads the model of a scene. Raises ModelError, SceneError.
    """

    recognises: Callable[[str, Path], bool]
    load: Callable[[Scene], Painter | PaintFunction]


def _mismatch(found: Any) -> str:
    return "" if isinstance(found, PainterFamily) else f"it is a {type(found).__name__}, not a PainterFamily"


DEFAULT_FAMILY = "sdxl"

PAINTERS: Registry[PainterFamily] = Registry(
    "animator.painters", "family of models", {DEFAULT_FAMILY: "animator.render.pipeline:SDXL"}, _mismatch
)


def painter_family(scene: Scene) -> str:
    """Return the name of the family of the scene's model: the first plug-in that recognises it, else sdxl.

    A plug-in that cannot be loaded is reported and passed over.
    """
    base = scene.settings.model.base
    place = scene.file(("model", "base"), base)
    for name in PAINTERS.plugins if base != "nano" else ():
        try:
            family = PAINTERS.load(name)
            with plugin_errors(f"model.base {base}: family {name!r}"):
                if family.recognises(base, place):
                    return name
        except PluginError as error:
            logger.warning("%s", error)
    return DEFAULT_FAMILY
