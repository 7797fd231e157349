"""Families of models by name: which one a scene's model belongs to, and how its painter is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from animator.errors import PluginError
from animator.models.painter import Painter, PaintFunction
from animator.scene.plugins import Registry, load_attribute, plugin_errors
from animator.scene.scene import Scene

logger = logging.getLogger(__name__)


class PainterFamily(NamedTuple):
    """A family of models.

    `recognises` gets `model.base` as it is written and as a path, and returns True if it names a model of the family;
    it reads headers at most, because `animator check` calls it. `load`, or the function that it names as
    `module:attribute`, loads the model of a scene. Raises ModelError, SceneError.
    """

    recognises: Callable[[str, Path], bool]
    load: Callable[[Scene], Painter | PaintFunction] | str


def _mismatch(found: Any) -> str:
    return "" if isinstance(found, PainterFamily) else f"it is a {type(found).__name__}, not a PainterFamily"


DEFAULT_FAMILY = "sdxl"  # of every model that no other family recognises

PAINTERS: Registry[PainterFamily] = Registry(
    "animator.painters",
    "family of models",
    {DEFAULT_FAMILY: PainterFamily(lambda base, place: True, "animator.render.pipeline:load_sdxl")},  # noqa: ARG005
    _mismatch,
)


def other_families() -> list[str]:
    """Return the names of the families besides SDXL: plug-ins first, as they are asked."""
    return [name for name in (*PAINTERS.plugins, *PAINTERS.builtins) if name != DEFAULT_FAMILY]


@lru_cache(maxsize=8)
def painter_family(scene: Scene) -> str:
    """Return the name of the family of the scene's model: the first that recognises it, else sdxl.

    A plug-in that cannot be loaded is reported and passed over.
    """
    base = scene.settings.model.base
    place = scene.file(("model", "base"), base)
    for name in other_families() if base != "nano" else ():
        family = PAINTERS.load_plugin(name)
        try:
            with plugin_errors(f"model.base {base}: family {name!r}"):
                if family is not None and family.recognises(base, place):
                    return name
        except PluginError as error:
            logger.warning("%s", error)
    return DEFAULT_FAMILY


def painter_loader(name: str) -> Callable[[Scene], Painter | PaintFunction]:
    """Return the function that loads the models of a family. Raises PluginError."""
    load = PAINTERS.load(name).load
    found: Callable[[Scene], Painter | PaintFunction] = (
        load_attribute(load) if isinstance(load, str) else load
    )
    return found
