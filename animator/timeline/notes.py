"""Advice about valid schedules: unreachable keys, unused settings, unsuitable sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from animator.errors import CurveError, Path, Problem
from animator.frame import Control, Grade
from animator.scene.refiner import refiner_notes
from animator.scene.scene import Scene
from animator.scene.settings_models import scale_and_blocks
from animator.timeline.clock import Clock
from animator.timeline.keystring import split_keys

LEAST = 0.5  # part of the pixels a model was trained on: in smaller images SDXL loses its subject


def notes(scene: Scene, clock: Clock) -> Iterator[Problem]:
    """Yield advice on a scene without problems, each item with its place in the file."""
    yield from _size(scene)
    yield from _idle(scene)
    yield from refiner_notes(scene)
    for name, frame in clock.events.items():
        if not 0 <= frame < clock.frames:
            message = f"frame {frame} is outside the film's 0..{clock.frames - 1}: it never happens"
            yield scene.problem(("events", name), message)
    for path, written in _curves(scene):
        for key in _keys(written):
            try:
                frame = clock.frame(key)
            except CurveError:
                continue  # an expression of max_f
            if not 0 <= frame < clock.frames:
                where = f"key {key} is frame {frame}, outside the film's 0..{clock.frames - 1}"
                yield scene.problem((*path, key), f"{where}: it is never reached")


def _size(scene: Scene) -> Iterator[Problem]:
    width, height = scene.size
    trained = f"{width}x{height}: {scene.settings.model.base} was trained on {scene.native}x{scene.native}"
    if width * height < LEAST * scene.native**2:
        yield scene.problem(("video", "size"), f"{trained}, and may lose its subject")
    elif scene.size.beyond(scene.native) and scene.settings.painting.hires == 0:
        message = f"{trained}, and may repeat or lose its subject without 'painting.hires'"
        yield scene.problem(("video", "size"), message)
    if width % 8 or height % 8:
        whole = f"{-(-width // 8) * 8}x{-(-height // 8) * 8}"
        yield scene.problem(("video", "size"), f"{width}x{height} is painted as {whole} and cropped")


def _idle(scene: Scene) -> Iterator[Problem]:
    """Yield advice on colour settings without effect, because the feature they belong to is off."""
    grade = scene.settings.grade
    for name, default in (("color_reference", "first"), ("color_renew", None)):
        if grade.color == "none" and getattr(grade, name) != default:
            yield scene.problem(
                ("grade", name), "has no effect without a colour match; add e.g. 'color: lab'"
            )
    if not grade.palette and grade.palette_amount != Grade().palette_amount:
        yield scene.problem(("grade", "palette_amount"), "has no effect without a 'palette'")


def _curves(scene: Scene) -> Iterator[tuple[Path, Any]]:
    """Yield the path and the value of curves and lists of times as they were written."""
    settings = scene.settings
    for name in ("motion", "painting", "grade", "footage", "detail"):
        for setting, written in getattr(settings, name).written().items():
            yield (name, setting), written
    for name, shape in settings.output.frame.items():
        for setting in shape.written().keys() - {"follow"}:
            yield ("output", "frame", name, setting), getattr(shape, setting)
    yield ("paint",), settings.paint
    yield ("cuts",), settings.cuts
    for setting in ("at", "subseed", "subseed_strength"):
        yield ("painting", "seed", setting), getattr(settings.painting.seed, setting)
    yield ("views_strength",), settings.views_strength
    for name, written in settings.loras.items():
        scale, blocks = scale_and_blocks(written)
        yield ("loras", name) if scale is written else ("loras", name, "scale"), scale
        yield from ((("loras", name, "blocks", block), item) for block, item in blocks.items())
    for name, adapter in settings.ip_adapter.items():
        yield ("ip_adapter", name, "scale"), adapter.scale
    for name, control in settings.control.items():
        for setting in fields(Control):
            yield ("control", name, setting.name), getattr(control, setting.name)


def _keys(written: Any) -> list[str]:
    """Return the keys of a curve as they were written; an empty list for a number or an expression."""
    if isinstance(written, dict | list):
        return [str(key) for key in written]
    pairs = split_keys(written) if isinstance(written, str) else None
    return [key for key, _ in pairs or ()]
