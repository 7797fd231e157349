"""Estimates of how long a scene's film takes, from measured profiles of this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from animator.render import upscale as upscaling
from animator.runs import cost, profiles
from animator.runs.cost import Pictured, Profile
from animator.scene.scene import Scene
from animator.scene.size import Pixels


def setup(scene: Scene) -> str:
    """Return the key of a profile, as JSON: the settings that decide how long painting takes.

    They are those of the model, the numbers of LoRAs and guides, upscaling, interpolation and the detail
    pass.
    """
    model = scene.settings.model
    place = scene.file(("model", "base"), model.base)
    settings = model.model_dump(mode="json", exclude={"loras"}, exclude_none=True)
    settings["base"] = str(place) if place.exists() else model.base
    finished = scene.settings.output.model_dump(
        mode="json", include={"upscale", "interpolate"}, exclude_none=True
    )
    settings |= {name: value for name, value in finished.items() if value != 1}
    beside = {name: len(getattr(scene.settings, name)) for name in ("control", "ip_adapter")}
    settings |= {name: count for name, count in beside.items() if count}
    if scene.settings.detail.mask:
        settings["detail"] = True
    return json.dumps({**settings, "loras": len(model.loras)}, sort_keys=True)


def known(scene: Scene) -> Profile | None:
    """Return this machine's profile for such a film; None before it was measured."""
    return profiles.find(setup(scene), *scene.size)


def expected(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Return the seconds from the start until each frame is done on this machine; None without a profile."""
    profile = known(scene)
    return None if profile is None else list(cost.film(rows, profile, pictured(scene)))


def pictured(scene: Scene) -> Pictured:
    """Return the image sizes of a film, in pixels."""
    size = scene.size
    small = size.within(scene.native) if size.beyond(scene.native) else Pixels(0, 0)
    return Pictured(size.width * size.height, upscaling.largest(scene), small.width * small.height)


def timed(scene: Scene, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frame table with a column of the seconds that each frame takes; unchanged without a profile."""
    profile, picture = known(scene), pictured(scene)
    if profile is None:
        return list(rows)
    return [{**row, "seconds": float(f"{cost.seconds(row, profile, picture):.3g}")} for row in rows]


def told(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one sentence: how long the film takes on this machine, or how to measure that."""
    profile, seconds = known(scene), expected(scene, rows)
    if profile is None or seconds is None:
        file = scene.document.file
        command = f"animator bench{'' if file.startswith('<') else f' {file}'}"
        return f"no time estimate yet; measure this machine once with: {command}"
    day = date.fromisoformat(profile.measured)
    other = f" at {profile.width}x{profile.height}" if scene.size != (profile.width, profile.height) else ""
    return f"{cost.about(seconds[-1])} on this machine, by the profile of {day.day} {day:%b}{other}"


def keep(profile: Profile) -> Path:
    """Store `profile` for this user; return its file. Raises RunError."""
    return profiles.save(profile)
