"""How long a film takes: what was measured of a machine, and what a frame table asks of it. Arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any

from animator.frame import Painting
from animator.models import samplers

# Schedulers of diffusers that ask the model twice in every step but the last.
TWICE = {"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"}
# From how many seconds on a length of time is told in which unit, and what that is in seconds.
UNITS = ((5400.0, 3600, "h"), (90.0, 60, "min"), (0.0, 1, "s"))
WORDS = {"h": "hour", "min": "minute", "s": "second"}


@dataclass(frozen=True, slots=True)
class Profile:
    """What one model takes on one machine at one size; all times in seconds."""

    machine: str  # the computer's name in its network
    hardware: str  # what paints, for people
    setup: str  # the model's settings, as JSON
    model: str
    width: int  # pixels
    height: int
    measured: str  # the day, as 2026-11-03
    load: float  # until the model can paint
    guided: float  # a call of the model with guidance
    plain: float  # without
    read: float  # a picture into the model (VAE encode)
    write: float  # and out of it (VAE decode), with what else a painting takes
    frame: float  # of every frame beside its painting: moved, graded, saved, in the video
    hint: float = 0.0  # of a call, how much longer it takes with each ControlNet's hint
    closer: float = 0.0  # of a painting's pixels, how many are painted once more in detail


@dataclass(frozen=True, slots=True)
class Pictured:
    """How large the pictures of a film are; all in pixels to the picture."""

    pixels: int
    larger: int = 0  # of what a second pass makes of it; 0: there is none
    layout: int = 0  # of what hires fix lays it out in; 0: it is painted at once


def calls(row: Mapping[str, Any]) -> int:
    """How often the frame of the frame table's `row` asks the model."""
    steps = int(row["steps_run"])
    twice = steps and samplers.find(row["painting"]["sampler"]).scheduler in TWICE
    return 2 * steps - 1 if twice else steps


def seconds(row: Mapping[str, Any], profile: Profile, picture: Pictured) -> float:
    """What the frame of `row` takes in a film of such pictures; other sizes are scaled by their pixels."""
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
    """What the painting of `row` takes: one, or by hires fix a smaller one and one over it."""
    hires = row["painting"]["hires"] if samplers.lays_out(row["strength_run"]) else 0.0
    if not picture.layout or not hires or row["painting"]["mask"]:  # by a mask it is painted at once
        return _painting(row, profile, hints)
    small = _painting(row, profile, hints) * picture.layout / picture.pixels
    return small + _painting(_over(row, hires), profile, hints)


def _painting(row: Mapping[str, Any], profile: Profile, hints: int = 0) -> float:
    """What the painting of `row` takes, shown so many hints, in the profile's size."""
    if not row["steps_run"]:
        return 0.0
    call = profile.guided if row["painting"]["guidance_scale"] > 1 else profile.plain
    read = profile.read if row["strength_run"] < 1 else 0.0  # at 1 nothing is left of a picture
    return calls(row) * call * (1 + hints * profile.hint) + read + profile.write


def _over(row: Mapping[str, Any], strength: float) -> dict[str, Any]:
    """The row of a further painting over the same frame."""
    steps = samplers.steps_run(replace(Painting(**row["painting"]), strength=strength))
    return {**row, "steps_run": steps, "strength_run": strength}


def film(rows: Sequence[Mapping[str, Any]], profile: Profile, picture: Pictured) -> Iterator[float]:
    """Seconds from the start until each of the frames, all such pictures, is there."""
    each = (seconds(row, profile, picture) for row in rows)
    return islice(accumulate(each, initial=profile.load), 1, None)


def spent(rows: Sequence[Mapping[str, Any]], seconds: Sequence[float] | None) -> list[str]:
    """What each frame has come to of all that the film costs; in calls of the model where nothing was measured."""
    if seconds is None:
        done = list(accumulate(map(calls, rows)))
        return [f"{count:,} of {done[-1]:,} calls" for count in done]
    unit, name = next((unit, name) for least, unit, name in UNITS if seconds[-1] >= least)
    return [f"{at / unit:.1f} of {seconds[-1] / unit:.1f} {name}" for at in seconds]


def about(seconds: float) -> str:
    """A length of time as one would say it: two digits at most."""
    unit, name = next((unit, name) for least, unit, name in UNITS if seconds >= least)
    count = seconds / unit
    number = max(1.0, round(count) if count >= 10 or unit == 1 else round(count, 1))
    return f"about {number:g} {WORDS[name]}{'' if number == 1 else 's'}"


def lines(profile: Profile) -> list[str]:
    """A profile for people."""
    times = {
        "loading the model": profile.load,
        "a call of the model": profile.plain,
        "a call with guidance": profile.guided,
        "a picture into it": profile.read,
        "and out of it": profile.write,
        "a frame beside its painting": profile.frame,
    }
    if profile.hint:
        times["a hint in a guided call"] = profile.hint * profile.guided
    if profile.closer:
        times["details in a guided call"] = profile.closer * profile.guided
    head = f"{profile.model} at {profile.width}x{profile.height} on {profile.hardware}"
    return [head, *(f"{name:28}{took:9.3f} s" for name, took in times.items())]
