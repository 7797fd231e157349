"""Measure this machine with a scene's model, and say by that how long a film takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from animator import cost
from animator.cost import Profile
from animator.frame import Frame, Image
from animator.output import profiles
from animator.render.loop import Paint
from animator.scene.model import Start
from animator.scene.scene import Scene
from animator.shoot import shoot, start_run
from animator.studio import painter
from animator.timeline.compile import timeline

PATIENCE = 20.0  # seconds for which a measurement is repeated
MOST = 5  # times
FRAMES = 24  # of the film, for what they take beside the model


def measure(scene: Scene, patience: float = PATIENCE) -> Profile:
    """Load the scene's model and paint with it, again and again for `patience` seconds. Raises AnimatorError."""
    from animator.diffusion.flat import test_card
    from animator.diffusion.hardware import describe

    bare = replace(scene, settings=scene.settings.model_copy(update={"start": Start()}))
    started = time.perf_counter()
    paint = painter(bare)
    load = time.perf_counter() - started
    card = test_card(*scene.size)
    first = next(frame for frame in timeline(scene) if frame.diffuse)
    return Profile(
        machine=profiles.machine(),
        hardware=describe(scene.settings.model.device),
        setup=setup(scene),
        model=scene.settings.model.base,
        width=scene.size.width,
        height=scene.size.height,
        measured=datetime.now(UTC).date().isoformat(),
        load=load,
        **_painting(paint, first, card, patience),
        frame=_beside(scene, card),
    )


def _painting(paint: Paint, frame: Frame, card: Image, patience: float) -> dict[str, float]:
    """Seconds of a model's call with and without guidance, and of a picture's way into the model and out of it."""

    def timed(steps: int, guidance: float, start: Image | None) -> float:
        wanted = replace(frame.painting, steps=steps, strength=1.0, guidance_scale=guidance, mask="")
        began = time.perf_counter()
        paint(replace(frame, painting=wanted), start)
        return time.perf_counter() - began

    timed(1, 5.0, None)  # the first painting of all prepares what the others use
    quick = timed(1, 5.0, None)
    many = 6 if quick < 2 else 4 if quick < 10 else 2
    kinds: dict[str, Callable[[], float]] = {
        "one": lambda: timed(1, 5.0, None),
        "many": lambda: timed(many, 5.0, None),
        "over": lambda: timed(1, 5.0, card),
        "plain": lambda: timed(1, 1.0, None),
        "plain many": lambda: timed(many, 1.0, None),
    }
    took = _repeated(kinds, patience)
    few, more = _calls(frame, 1), _calls(frame, many)
    #                        guided plain read write: how often each is in a measurement
    shares = {
        "one": (few, 0, 0, 1),
        "many": (more, 0, 0, 1),
        "over": (few, 0, 1, 1),
        "plain": (0, few, 0, 1),
        "plain many": (0, more, 0, 1),
    }
    found = np.linalg.lstsq(np.array([shares[name] for name in took]), np.array([*took.values()]))[0]
    return dict(zip(("guided", "plain", "read", "write"), np.maximum(found, 0.0).tolist(), strict=True))


def _repeated(kinds: Mapping[str, Callable[[], float]], patience: float) -> dict[str, float]:
    """The median of each measurement, in turn, so that what else the machine does meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in kinds}
    until = time.perf_counter() + patience
    for _ in range(MOST):
        for name, work in kinds.items():
            found[name].append(work())
        if time.perf_counter() > until:
            break
    return {name: median(times) for name, times in found.items()}


def _calls(frame: Frame, steps: int) -> int:
    return cost.calls({"steps_run": steps, "painting": {"sampler": frame.painting.sampler}})


def _beside(scene: Scene, card: Image) -> float:
    """Seconds that a frame takes beside its painting: the film's first frames, shot by a painter that does nothing."""
    from animator.diffusion.flat import Flat

    stop = min(scene.frames, FRAMES)
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        run = start_run(scene, None, Path(room, "run"), (0, stop))
        began = time.perf_counter()
        for at, _ in enumerate(shoot(run, scene, lambda _: Flat(card))):
            if at == 0 and stop > 1:
                began = time.perf_counter()  # what comes before is no frame's
        return (time.perf_counter() - began) / max(1, stop - 1)


def setup(scene: Scene) -> str:
    """What a profile holds for: the model's settings, its LoRAs and IP-Adapters by number, how pictures end."""
    model = scene.settings.model
    place = scene.file(("model", "base"), model.base)
    settings = model.model_dump(mode="json", exclude={"loras"}, exclude_none=True)
    settings["base"] = str(place) if place.exists() else model.base
    finished = scene.settings.output.model_dump(
        mode="json", include={"upscale", "interpolate"}, exclude_none=True
    )
    settings |= {name: value for name, value in finished.items() if value != 1}
    if scene.settings.ip_adapter:
        settings["ip_adapter"] = len(scene.settings.ip_adapter)
    return json.dumps({**settings, "loras": len(model.loras)}, sort_keys=True)


def known(scene: Scene) -> Profile | None:
    """What was measured of this machine for such a film; None before it was."""
    return profiles.find(setup(scene), *scene.size)


def expected(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Seconds from the start until each frame of the film is there, on this machine; None before it was measured."""
    profile = known(scene)
    return None if profile is None else list(cost.film(rows, profile, scene.size.width * scene.size.height))


def timed(scene: Scene, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The frame table with the seconds that each frame takes on this machine; as it is before that was measured."""
    profile, pixels = known(scene), scene.size.width * scene.size.height
    if profile is None:
        return list(rows)
    return [{**row, "seconds": float(f"{cost.seconds(row, profile, pixels):.3g}")} for row in rows]


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
