"""Benchmark of this machine: a scene's model, and everything else that a frame of its film takes."""

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
from animator.models.painter import NO_HINTS, Hints, Painter
from animator.render import upscale
from animator.render.control import SHAPE_CONTROL
from animator.render.painter import FlatPainter
from animator.render.pipeline import load_painter
from animator.runs import cost
from animator.runs.cost import Profile, profile_setup
from animator.runs.render import render_run, start_run
from animator.scene.scene import Scene
from animator.scene.settings import Start
from animator.timeline.compile import timeline

PATIENCE = 20.0  # seconds during which measurements are repeated
MAX_REPEATS = 5  # repetitions at most
SAMPLE_FRAMES = 24  # frames of the film that are rendered to measure the time without painting


def benchmark(scene: Scene, patience: float = PATIENCE) -> Profile:
    """Load the scene's model, paint with it for about `patience` seconds, and return the profile.

    Raises AnimatorError.
    """
    from animator.diffusion import loading
    from animator.render.painter import draw_test_card

    loading.require_matching_torchvision()
    from animator.diffusion.memory import describe_device

    bare = replace(scene, settings=scene.settings.model_copy(update={"start": Start()}))
    started = time.perf_counter()
    painter = load_painter(bare)
    load = time.perf_counter() - started
    card = draw_test_card(*scene.size)
    first = next(frame for frame in timeline(scene) if frame.diffuse)
    painted, scale = card, 1.0
    if scene.settings.product is not None:
        from animator.render.product import key_size, model_painter

        painter, painted = model_painter(painter), draw_test_card(*key_size(scene))
        if not first.control and scene.settings.model.base == "nano":
            first = replace(first, control={SHAPE_CONTROL: Control()})
        scale = card.size / painted.size  # the profile's times are those of images in the film's size
    return Profile(
        machine=cost.machine_name(),
        hardware=describe_device(scene.settings.model.device),
        setup=profile_setup(scene),
        model=scene.settings.model.base,
        width=scene.size.width,
        height=scene.size.height,
        measured=datetime.now(UTC).date().isoformat(),
        load=load,
        **_measure_painting(painter, first, painted, patience, scale),
        **_measure_rest(scene, card),
    )


def _measure_painting(
    painter: Painter, frame: Frame, card: Image, patience: float, scale: float
) -> dict[str, float]:
    """Measure painting: return the times of model calls, ControlNet hints, VAE encoding and decoding.

    Frames are painted with different steps, guidance, start images and hints; least squares splits their
    times, which are multiplied by `scale`.
    """

    def timed(steps: int, guidance: float, start: Image | None, hints: Mapping[str, Image]) -> float:
        wanted = replace(
            frame.painting, steps=steps, strength=1.0, guidance_scale=guidance, mask="", hires=0.0
        )
        shown = replace(frame, painting=wanted, control=dict.fromkeys(hints, Control()))
        began = time.perf_counter()
        supported = "hints" in painter.capabilities
        painter.paint(shown, start, hints=hints if supported else NO_HINTS)
        return time.perf_counter() - began

    timed(1, 5.0, None, {})  # warm-up: the first painted frame prepares what the others use
    quick = timed(1, 5.0, None, {})
    many = 6 if quick < 2 else 4 if quick < 10 else 2
    few, more, hints = _model_calls(frame, 1), _model_calls(frame, many), dict.fromkeys(frame.control, card)
    # (steps, guidance, start image, hints), and the counts of guided, plain, hint, read, write in it.
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
    took = _measure_repeatedly({name: partial(timed, *asked) for name, (asked, _) in kinds.items()}, patience)
    shares = np.array([share for _, share in kinds.values()])
    found = np.maximum(np.linalg.lstsq(shares, np.array([*took.values()]))[0], 0.0).tolist()
    guided, plain, hint, read, write = (scale * seconds for seconds in found)
    hint = hint / guided if guided else 0.0
    return {"guided": guided, "plain": plain, "hint": hint, "read": read, "write": write}


def _measure_repeatedly(kinds: Mapping[str, Callable[[], float]], patience: float) -> dict[str, float]:
    """Return the median of each measurement, taken in turn so that other load on the machine affects all alike."""
    found: dict[str, list[float]] = {name: [] for name in kinds}
    until = time.perf_counter() + patience
    for _ in range(MAX_REPEATS):
        for name, work in kinds.items():
            found[name].append(work())
        if time.perf_counter() > until:
            break
    return {name: median(times) for name, times in found.items()}


def _model_calls(frame: Frame, steps: int) -> int:
    return cost.model_calls({"steps_run": steps, "painting": {"sampler": frame.painting.sampler}})


def _measure_rest(scene: Scene, card: Image) -> dict[str, float]:
    """Measure a film without painting: render its first frames with a painter that does nothing."""
    stop, idle = min(scene.frames, SAMPLE_FRAMES), _IdlePainter(card)
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        run = start_run(scene, None, Path(room, "run"), (0, stop))
        began = time.perf_counter()
        for at, _ in enumerate(render_run(run, scene, lambda film: _without_model(film, idle))):
            if at == 0 and stop > 1:
                began = time.perf_counter()  # starting up belongs to no frame
        took = (time.perf_counter() - began) / max(1, stop - 1)
    wanted = [frame for frame in timeline(scene)[:stop] if frame.diffuse and frame.detail.strength]
    details = [frame.index for frame in wanted if frame.detail.mask]
    last = -1 if upscale.uses_second_pass(scene) else None  # the second pass comes last; it is not a detail
    parts = [sum(idle.pixels[index][1:last]) / (card.shape[0] * card.shape[1]) for index in details]
    return {"frame": took, "closer": float(median(parts)) if parts else 0.0}


def _without_model(scene: Scene, idle: Painter) -> Painter:
    """Return a painter of the scene that never waits for a model."""
    if scene.settings.product is None:
        return idle
    from animator.render.painter import draw_test_card
    from animator.render.product import ProductPainter, key_size

    return ProductPainter(scene, _IdlePainter(draw_test_card(*key_size(scene))))


class _IdlePainter(FlatPainter):
    """A painter that does nothing, and records the number of pixels of each call, by frame."""

    capabilities = frozenset({"hints", "mask"})

    def __init__(self, card: Image) -> None:
        super().__init__(card)
        self.pixels: dict[int, list[int]] = defaultdict(list)

    def paint(
        self,
        frame: Frame,
        start: Image | None,
        *,
        mask: Mask | None = None,  # noqa: ARG002 (the interface of a painter that takes hints)
        hints: Hints = NO_HINTS,  # noqa: ARG002
    ) -> Image:
        height, width = (self.image if start is None else start).shape[:2]
        self.pixels[frame.index].append(width * height)
        return super().paint(frame, start)
