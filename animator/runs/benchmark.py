"""Measure this machine with a scene's model, and with all that its film does beside calling it."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from animator.frame import Control, Frame, Image, Mask
from animator.render import upscale as upscaling
from animator.render.loop import Paint
from animator.render.painters import painter
from animator.runs import cost, profiles
from animator.runs.bench import setup
from animator.runs.cost import Profile
from animator.runs.render import shoot, start_run
from animator.scene.scene import Scene
from animator.scene.settings import Start
from animator.timeline.compile import timeline

PATIENCE = 20.0  # seconds for which a measurement is repeated
MOST = 5  # times
FRAMES = 24  # of the film, for what they take beside the model


def measure(scene: Scene, patience: float = PATIENCE) -> Profile:
    """Load the scene's model and paint with it, again and again for `patience` seconds. Raises AnimatorError."""
    from animator.diffusion import builds
    from animator.render.flat import test_card

    builds.check()
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
        **_beside(scene, card),
    )


def _painting(paint: Paint, frame: Frame, card: Image, patience: float) -> dict[str, float]:
    """What of a painting is in a profile: calls of the model, hints in them, a picture's way in and out."""
    from animator.render.hints import Hinting

    def timed(steps: int, guidance: float, start: Image | None, hints: Mapping[str, Image]) -> float:
        wanted = replace(
            frame.painting, steps=steps, strength=1.0, guidance_scale=guidance, mask="", hires=0.0
        )
        shown = replace(frame, painting=wanted, control=dict.fromkeys(hints, Control()))
        began = time.perf_counter()
        if hints and isinstance(paint, Hinting):
            paint.hinted(shown, start, hints)
        else:
            paint(shown, start)
        return time.perf_counter() - began

    timed(1, 5.0, None, {})  # the first painting of all prepares what the others use
    quick = timed(1, 5.0, None, {})
    many = 6 if quick < 2 else 4 if quick < 10 else 2
    few, more, hints = _calls(frame, 1), _calls(frame, many), dict.fromkeys(frame.control, card)
    # Steps, guidance, what is painted over, hints; how often guided, plain, hint, read, write are in that.
    kinds: dict[str, tuple[Any, tuple[int, ...]]] = {
        "one": ((1, 5.0, None, {}), (few, 0, 0, 0, 1)),
        "many": ((many, 5.0, None, {}), (more, 0, 0, 0, 1)),
        "over": ((1, 5.0, card, {}), (few, 0, 0, 1, 1)),
        "plain": ((1, 1.0, None, {}), (0, few, 0, 0, 1)),
        "plain many": ((many, 1.0, None, {}), (0, more, 0, 0, 1)),
    }
    if hints:
        timed(1, 5.0, card, hints)
        kinds["hinted"] = ((many, 5.0, card, hints), (more, 0, more * len(hints), 1, 1))
    took = _repeated({name: partial(timed, *asked) for name, (asked, _) in kinds.items()}, patience)
    shares = np.array([share for _, share in kinds.values()])
    found = np.maximum(np.linalg.lstsq(shares, np.array([*took.values()]))[0], 0.0).tolist()
    guided, plain, hint, read, write = found
    hint = hint / guided if guided else 0.0
    return {"guided": guided, "plain": plain, "hint": hint, "read": read, "write": write}


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


def _beside(scene: Scene, card: Image) -> dict[str, float]:
    """What of a film is in a profile beside its painting: its first frames, shot by a painter that does nothing."""
    stop, idle = min(scene.frames, FRAMES), _Idle(card)
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        run = start_run(scene, None, Path(room, "run"), (0, stop))
        began = time.perf_counter()
        for at, _ in enumerate(shoot(run, scene, lambda _: idle)):
            if at == 0 and stop > 1:
                began = time.perf_counter()  # what comes before is no frame's
        took = (time.perf_counter() - began) / max(1, stop - 1)
    wanted = [frame for frame in timeline(scene)[:stop] if frame.diffuse and frame.detail.strength]
    details = [frame.index for frame in wanted if frame.detail.mask]
    last = -1 if upscaling.paints(scene) else None  # a second pass comes after all others
    parts = [sum(idle.asked[index][1:last]) / (card.shape[0] * card.shape[1]) for index in details]
    return {"frame": took, "closer": float(median(parts)) if parts else 0.0}


class _Idle:
    """A painter that does nothing, and remembers how many pixels it was to paint, call by call in each frame."""

    def __init__(self, card: Image) -> None:
        from animator.render.flat import Flat

        self.flat, self.card = Flat(card), card
        self.asked: dict[int, list[int]] = defaultdict(list)

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        height, width = (self.card if start is None else start).shape[:2]
        self.asked[frame.index].append(width * height)
        return self.flat(frame, start)

    def hinted(
        self,
        frame: Frame,
        start: Image | None,
        hints: Mapping[str, Image],  # noqa: ARG002 (a painter's shape, for which hints are made)
        mask: Mask | None = None,  # noqa: ARG002
    ) -> Image:
        return self(frame, start)
