"""Time estimates: arithmetic on a machine's measured profile and a film's frame table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any

from animator.frame import Painting
from animator.models import samplers

# Schedulers of diffusers that call the model twice in every step but the last.
TWICE = {"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"}
# (least seconds for which a unit is used, the unit in seconds, its symbol)
UNITS = ((5400.0, 3600, "h"), (90.0, 60, "min"), (0.0, 1, "s"))
WORDS = {"h": "hour", "min": "minute", "s": "second"}


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
class Pictured:
    """Image sizes of a film, in pixels per image."""

    pixels: int  # of a frame
    larger: int = 0  # of the second pass; 0 without one
    layout: int = 0  # of the first pass of the hires fix; 0 without it


def calls(row: Mapping[str, Any]) -> int:
    """Return the number of model calls for the frame-table row `row`."""
    steps = int(row["steps_run"])
    twice = steps and samplers.find(row["painting"]["sampler"]).scheduler in TWICE
    return 2 * steps - 1 if twice else steps


def seconds(row: Mapping[str, Any], profile: Profile, picture: Pictured) -> float:
    """Return the seconds that the frame of `row` takes; the profile's times are scaled by the number of pixels."""
    took = profile.frame
    if row["steps_run"]:
        hints = sum(control["scale"] > 0 for control in row["control"].values())
        took += _laid_out(row, profile, hints, picture)
        detail = row["detail"]["strength"] if row["detail"]["mask"] else 0.0
        took += _painting(_over(row, detail), profile) * profile.closer
    if picture.larger:
        second = _painting(_over(row, row["upscale"]["strength"]), profile)
        took += second * picture.larger / picture.pixels
    return took * picture.pixels / (profile.width * profile.height)


def _laid_out(row: Mapping[str, Any], profile: Profile, hints: int, picture: Pictured) -> float:
    """Return the seconds to paint `row`: in one pass, or with the hires fix in a small pass and one over it."""
    hires = row["painting"]["hires"] if samplers.lays_out(row["strength_run"]) else 0.0
    if not picture.layout or not hires or row["painting"]["mask"]:  # masked frames are painted in one pass
        return _painting(row, profile, hints)
    small = _painting(row, profile, hints) * picture.layout / picture.pixels
    return small + _painting(_over(row, hires), profile, hints)


def _painting(row: Mapping[str, Any], profile: Profile, hints: int = 0) -> float:
    """Return the seconds to paint `row` in one pass with `hints` ControlNets, at the profile's size."""
    if not row["steps_run"]:
        return 0.0
    call = profile.guided if row["painting"]["guidance_scale"] > 1 else profile.plain
    read = profile.read if row["strength_run"] < 1 else 0.0  # at strength 1 no image is encoded
    return calls(row) * call * (1 + hints * profile.hint) + read + profile.write


def _over(row: Mapping[str, Any], strength: float) -> dict[str, Any]:
    """Return the row of a further pass over this frame, at `strength`."""
    steps = samplers.steps_run(replace(Painting(**row["painting"]), strength=strength))
    return {**row, "steps_run": steps, "strength_run": strength}


def film(rows: Sequence[Mapping[str, Any]], profile: Profile, picture: Pictured) -> Iterator[float]:
    """Yield the seconds from the start until each frame is done."""
    each = (seconds(row, profile, picture) for row in rows)
    return islice(accumulate(each, initial=profile.load), 1, None)


def spent(rows: Sequence[Mapping[str, Any]], seconds: Sequence[float] | None) -> list[str]:
    """Return a label per frame, the cost up to it of the total: in time, or in model calls if `seconds` is None."""
    if seconds is None:
        done = list(accumulate(map(calls, rows)))
        return [f"{count:,} of {done[-1]:,} calls" for count in done]
    unit, name = next((unit, name) for least, unit, name in UNITS if seconds[-1] >= least)
    return [f"{at / unit:.1f} of {seconds[-1] / unit:.1f} {name}" for at in seconds]


def about(seconds: float) -> str:
    """Return a duration for people, with two digits at most: about 78 seconds, about 2.5 hours."""
    unit, name = next((unit, name) for least, unit, name in UNITS if seconds >= least)
    count = seconds / unit
    number = max(1.0, round(count) if count >= 10 or unit == 1 else round(count, 1))
    return f"about {number:g} {WORDS[name]}{'' if number == 1 else 's'}"


def lines(profile: Profile) -> list[str]:
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
