"""Estimates of how long a film takes, from its frame table and the measured speed profiles of this machine.

A profile is a small JSON file for each model and size measured, stored for this user.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from animator.errors import RunError
from animator.frame import Painting, frame_values, named_sections
from animator.models import samplers
from animator.render import upscale
from animator.runs.atomic import write_atomic
from animator.scene.fields import Pixels
from animator.scene.scene import Scene
from animator.timeline.compile import timeline

# Schedulers of diffusers that call the model twice in every step but the last.
TWO_CALL_SCHEDULERS = {"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"}

# (least seconds for which a unit is used, the unit in seconds, its symbol)
TIME_UNITS = ((5400.0, 3600, "hour"), (90.0, 60, "minute"), (0.0, 1, "second"))


@dataclass(frozen=True, slots=True)
class Profile:
    """Measured times of one model on one machine at one size, in seconds."""

    machine: str  # the computer's name in its network
    hardware: str  # description of the GPU or CPU
    setup: str  # the model's settings, as JSON
    model: str
    width: int  # pixels
    height: int
    measured: str  # the day, as 2026-11-03
    load: float  # loading the model
    guided: float  # a call of the UNet with guidance
    plain: float  # a call without guidance
    read: float  # encoding an image (VAE)
    write: float  # decoding an image (VAE), and all else per painted frame
    frame: float  # every frame without painting: warp, grade, save, encode
    hint: float = 0.0  # part of a call that each ControlNet adds to it
    closer: float = 0.0  # part of a frame's pixels that the detail pass paints again


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """Image sizes of a film, in pixels per image."""

    pixels: int  # of a frame
    upscaled: int = 0  # of the second pass; 0 without one
    first_pass: int = 0  # of the first pass of the hires fix; 0 without it


def model_calls(row: Mapping[str, Any]) -> int:
    """Return the number of model calls for the frame-table row `row`."""
    steps = int(row["steps_run"])
    twice = steps and samplers.find_sampler(row["painting"]["sampler"]).scheduler in TWO_CALL_SCHEDULERS
    return 2 * steps - 1 if twice else steps


def frame_seconds(row: Mapping[str, Any], profile: Profile, sizes: ImageSizes) -> float:
    """Return the seconds that the frame of `row` takes; the profile's times are scaled by the number of pixels."""
    took = profile.frame
    if row["steps_run"]:
        hints = sum(control["scale"] > 0 for control in row["control"].values())
        took += _paint_seconds(row, profile, hints, sizes)
        detail = row["detail"]["strength"] if row["detail"]["mask"] else 0.0
        took += _pass_seconds(_further_pass(row, detail), profile) * profile.closer
    if sizes.upscaled:
        second = _pass_seconds(_further_pass(row, row["upscale"]["strength"]), profile)
        took += second * sizes.upscaled / sizes.pixels
    return took * sizes.pixels / (profile.width * profile.height)


def _paint_seconds(row: Mapping[str, Any], profile: Profile, hints: int, sizes: ImageSizes) -> float:
    """Return the seconds to paint `row`: in one pass, or with the hires fix in a small pass and one over it."""
    hires = row["painting"]["hires"] if samplers.redoes_layout(row["strength_run"]) else 0.0
    if not sizes.first_pass or not hires or row["painting"]["mask"]:  # masked frames are painted in one pass
        return _pass_seconds(row, profile, hints)
    small = _pass_seconds(row, profile, hints) * sizes.first_pass / sizes.pixels
    return small + _pass_seconds(_further_pass(row, hires), profile, hints)


def _pass_seconds(row: Mapping[str, Any], profile: Profile, hints: int = 0) -> float:
    """Return the seconds to paint `row` in one pass with `hints` ControlNets, at the profile's size."""
    if not row["steps_run"]:
        return 0.0
    call = profile.guided if row["painting"]["guidance_scale"] > 1 else profile.plain
    read = profile.read if row["strength_run"] < 1 else 0.0  # at strength 1 no image is encoded
    return model_calls(row) * call * (1 + hints * profile.hint) + read + profile.write


def _further_pass(row: Mapping[str, Any], strength: float) -> dict[str, Any]:
    """Return the row of a further pass over this frame, at `strength`."""
    steps = samplers.effective_steps(replace(Painting(**row["painting"]), strength=strength))
    return {**row, "steps_run": steps, "strength_run": strength}


def film_seconds(rows: Sequence[Mapping[str, Any]], profile: Profile, sizes: ImageSizes) -> Iterator[float]:
    """Yield the seconds from the start until each frame is done."""
    each = (frame_seconds(row, profile, sizes) for row in rows)
    return islice(accumulate(each, initial=profile.load), 1, None)


def progress_labels(rows: Sequence[Mapping[str, Any]], seconds: Sequence[float] | None) -> list[str]:
    """Return a label per frame: its part of the total in time, or in model calls if `seconds` is None."""
    if seconds is None:
        done = list(accumulate(map(model_calls, rows)))
        if not done[-1]:  # nothing is painted by the model, or only key paintings are
            return [""] * len(rows)
        return [f"{count:,} of {done[-1]:,} calls" for count in done]
    unit, name = next((unit, name) for least, unit, name in TIME_UNITS if seconds[-1] >= least)
    return [f"{at / unit:.1f} of {seconds[-1] / unit:.1f} {name}s" for at in seconds]


def format_duration(seconds: float) -> str:
    """Return a duration for people, with two digits at most: about 78 seconds, about 2.5 hours."""
    unit, name = next((unit, name) for least, unit, name in TIME_UNITS if seconds >= least)
    count = seconds / unit
    number = max(1.0, round(count) if count >= 10 or unit == 1 else round(count, 1))
    return f"about {number:g} {name}{'' if number == 1 else 's'}"


def profile_lines(profile: Profile) -> list[str]:
    """Return a profile as lines for people."""
    times = {
        "loading the model": profile.load,
        "a call of the model": profile.plain,
        "a call with guidance": profile.guided,
        "encoding an image": profile.read,
        "decoding an image": profile.write,
        "a frame without painting": profile.frame,
    }
    if profile.hint:
        times["a ControlNet, per call"] = profile.hint * profile.guided
    if profile.closer:
        times["the detail pass, per call"] = profile.closer * profile.guided
    head = f"{profile.model} at {profile.width}x{profile.height} on {profile.hardware}"
    return [head, *(f"{name:28}{took:9.3f} s" for name, took in times.items())]


def profile_setup(scene: Scene) -> str:
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
    beside = {name: len(getattr(scene.settings, name)) for name in named_sections(scene.settings.frame_type)}
    settings |= {name: count for name, count in beside.items() if count}
    if scene.settings.detail.mask:
        settings["detail"] = True
    return json.dumps({**settings, "loras": len(model.loras)}, sort_keys=True)


def scene_profile(scene: Scene) -> Profile | None:
    """Return this machine's profile for such a film; None before it was measured."""
    return find_profile(profile_setup(scene), *scene.size)


def expected_seconds(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Return the seconds from the start until each frame is done on this machine; None without a profile."""
    profile = scene_profile(scene)
    if profile is None:
        return None
    begun = key_painting_seconds(scene, profile)
    return [begun + seconds for seconds in film_seconds(rows, profile, image_sizes(scene))]


def count_paintings(scene: Scene) -> int:
    """Return the number of key paintings of a film of a 3D product; 0 for other films. Raises SceneError."""
    if scene.settings.product is None:
        return 0
    from animator.render.product import count_key_paintings

    return count_key_paintings(scene)


def key_painting_seconds(scene: Scene, profile: Profile) -> float:
    """Return the seconds that the key paintings of a film of a 3D product take; 0 for other films."""
    count = count_paintings(scene)
    if not count:
        return 0.0
    from animator.render.product import key_size

    first, size = timeline(scene)[0], key_size(scene)
    row = {**frame_values(first), "steps_run": samplers.effective_steps(first.painting)}
    once = _pass_seconds({**row, "strength_run": first.painting.strength}, profile, hints=1)
    return count * once * size.width * size.height / (profile.width * profile.height)


def image_sizes(scene: Scene) -> ImageSizes:
    """Return the image sizes of a film, in pixels."""
    size = scene.size
    small = size.scaled_to(scene.native_size) if size.exceeds(scene.native_size) else Pixels(0, 0)
    return ImageSizes(size.width * size.height, upscale.second_pass_pixels(scene), small.width * small.height)


def with_seconds(scene: Scene, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frame table with a column of the seconds that each frame takes; unchanged without a profile."""
    profile, sizes = scene_profile(scene), image_sizes(scene)
    if profile is None:
        return list(rows)
    return [{**row, "seconds": float(f"{frame_seconds(row, profile, sizes):.3g}")} for row in rows]


def describe_cost(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one sentence: how long the film takes on this machine, or how to measure that."""
    profile, seconds = scene_profile(scene), expected_seconds(scene, rows)
    if profile is None or seconds is None:
        file = scene.document.file
        command = f"animator bench{'' if file.startswith('<') else f' {file}'}"
        return f"no time estimate yet; measure this machine once with: {command}"
    day = date.fromisoformat(profile.measured)
    other = f" at {profile.width}x{profile.height}" if scene.size != (profile.width, profile.height) else ""
    return f"{format_duration(seconds[-1])} on this machine, by the profile of {day.day} {day:%b}{other}"


def profiles_folder() -> Path:
    """Return the profiles' folder, below ANIMATOR_CACHE, else the user's cache folder (XDG_CACHE_HOME on Linux)."""
    if own := os.environ.get("ANIMATOR_CACHE"):
        return Path(own) / "profiles"
    return user_cache_path("animator", appauthor=False, opinion=False) / "profiles"


def machine_name() -> str:
    """Return this computer's network name."""
    return platform.node() or "this machine"


def save_profile(profile: Profile) -> Path:
    """Store `profile` in place of an older one of the same model and size; return its file. Raises RunError."""
    key = f"{profile.machine}\n{profile.setup}\n{profile.width}x{profile.height}"
    file = profiles_folder() / f"{hashlib.sha256(key.encode('utf8')).hexdigest()[:16]}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps(asdict(profile), indent=2).encode("utf8"))
    except OSError as error:
        raise RunError(f"{file}: cannot be written: {error.strerror}") from error
    return file


def find_profile(setup: str, width: int, height: int) -> Profile | None:
    """Return this machine's profile of `profile_setup` at this size, else at the nearest size; None if unmeasured."""
    here = machine_name()
    known = [one for one in _stored_profiles() if one.machine == here and one.setup == setup]
    return min(known, key=lambda one: abs(one.width * one.height - width * height), default=None)


def _stored_profiles() -> Iterator[Profile]:
    """Yield all stored profiles; skip files that are no profile of this version."""
    for file in sorted(profiles_folder().glob("*.json")):
        try:
            profile = Profile(**json.loads(file.read_text(encoding="utf8")))
        except (OSError, ValueError, TypeError):
            continue
        if min(profile.width, profile.height) > 0:
            yield profile
