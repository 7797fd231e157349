"""How long a scene's film takes on this machine, by what was measured of it."""

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
    """What a profile holds for: the model's settings, how many networks guide it, what becomes of its paintings."""
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
    """What was measured of this machine for such a film; None before it was."""
    return profiles.find(setup(scene), *scene.size)


def expected(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Seconds from the start until each frame of the film is there, on this machine; None before it was measured."""
    profile = known(scene)
    return None if profile is None else list(cost.film(rows, profile, pictured(scene)))


def pictured(scene: Scene) -> Pictured:
    """How large the pictures of a film are."""
    size = scene.size
    small = size.within(scene.native) if size.beyond(scene.native) else Pixels(0, 0)
    return Pictured(size.width * size.height, upscaling.largest(scene), small.width * small.height)


def timed(scene: Scene, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The frame table with the seconds that each frame takes on this machine; as it is before that was measured."""
    profile, picture = known(scene), pictured(scene)
    if profile is None:
        return list(rows)
    return [{**row, "seconds": float(f"{cost.seconds(row, profile, picture):.3g}")} for row in rows]


def told(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> str:
    """How long the film takes on this machine, in a sentence; before it was measured, how to do that."""
    profile, seconds = known(scene), expected(scene, rows)
    if profile is None or seconds is None:
        file = scene.document.file
        return f"how long it takes here: animator bench{'' if file.startswith('<') else f' {file}'} measures it once"
    day = date.fromisoformat(profile.measured)
    other = f" at {profile.width}x{profile.height}" if scene.size != (profile.width, profile.height) else ""
    return f"{cost.about(seconds[-1])} on this machine, by the profile of {day.day} {day:%b}{other}"


def keep(profile: Profile) -> Path:
    """Keep what was measured, for this user; return the file it is in. Raises RunError."""
    return profiles.save(profile)
