"""Checks across all frames: limits, which are errors, and advice about settings that may not do what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, ModelError, Problem
from animator.frame import Frame, Grade, Motion, Painting
from animator.imaging.geometry import Lens, is_3d, matrix
from animator.models import families, lora_file, samplers
from animator.models.families import LATENT_SCALE
from animator.scene.checks import product_notes, refiner_notes
from animator.scene.fields import curves_of, is_total
from animator.scene.read import few_step_source
from animator.scene.scene import Scene
from animator.timeline.clock import Clock
from animator.timeline.curves import split_key_string

RETURN_TOLERANCE = 0.01  # part of the width by which a loop's camera may miss its start

MIN_PLANE_DISTANCE = 0.02  # part of the reference plane's distance that must stay in front of the camera

MAX_ZOOM_EXPONENT = 6.0  # power of ten: the largest zoom from one painted frame to the next


def require_possible_steps(painting: Sequence[Painting]) -> None:
    """Raise CurveError at the first frame with more steps than its sampler can run."""
    for i, row in enumerate(painting):
        most = samplers.find_sampler(row.sampler).max_steps
        if row.steps > most:
            raise CurveError(f"{row.steps} at frame {i}; {row.sampler} runs at most {most}")


def require_one_schedule(painting: Sequence[Painting]) -> None:
    """Raise CurveError at the first frame whose sampler name and schedule contradict each other."""
    for i, row in enumerate(painting):
        try:
            samplers.effective_schedule(row)
        except CurveError as error:
            raise CurveError(f"{error} at frame {i}; use the sampler's name without a schedule") from error


def require_visible(zoom: Sequence[float], diffuse: NDArray[np.bool_]) -> None:
    """Raise CurveError if the zoom since the last painted frame exceeds 10**MAX_ZOOM, either in or out."""
    total = np.cumsum(np.log10(zoom))
    last = np.maximum.accumulate(np.where(diffuse, np.arange(len(zoom)), 0))
    bad = np.flatnonzero(np.abs(total - total[last]) > MAX_ZOOM_EXPONENT)
    if len(bad):
        frames = f"frame {last[bad[0]]}, the last one painted, to frame {bad[0]}"
        raise CurveError(f"from {frames} the zoom adds up to more than a millionfold; paint more often")


def require_in_front(motions: Sequence[Motion], diffuse: NDArray[np.bool_], lens: Lens) -> None:
    """Raise CurveError if the camera has passed the last painted frame or turned its back to it."""
    if not any(map(is_3d, motions)):
        return
    focal, last, pose = lens.focal, 0, np.eye(4)
    for frame, motion in enumerate(motions):
        pose = lens.step_pose(motion) @ pose
        depth = pose @ [0, 0, focal, 1]
        if depth[2] < MIN_PLANE_DISTANCE * focal:
            said = f"frame {last}, the last one painted, has nothing in front of the camera at frame {frame}"
            away = f"{lens.at(motions[last]).focal:.0f} pixels"
            raise CurveError(f"{said}; the reference plane is at {away}: paint more often")
        if diffuse[frame]:
            last, pose = frame, np.eye(4)


def require_masks_follow(zoom: Sequence[float], shot: NDArray[np.int64]) -> None:
    """Raise CurveError if the zoom since a shot's first frame exceeds 10**MAX_ZOOM: its masks follow the camera.

    `shot` is the index of the first frame of each frame's shot.
    """
    total = np.cumsum(np.log10(zoom))
    bad = np.flatnonzero(np.abs(total - total[shot]) > MAX_ZOOM_EXPONENT)
    if len(bad):
        frame = f"by frame {bad[0]}"
        raise CurveError(f"{frame} the zoom adds up to more than a millionfold: masks cannot follow that far")


def require_return(motions: Sequence[Motion], lens: Lens) -> None:
    """Raise CurveError if the camera of a closed loop ends more than RETURN of the width away from its start.

    Masks and the lock follow the camera, so they would end there too. The first motion leads from the last frame to
    the first one.
    """
    width, height = lens.width, lens.height
    way = np.eye(3)
    if any(map(is_3d, motions)):
        pose = np.eye(4)
        for motion in motions:
            pose = lens.step_pose(motion) @ pose
        way = lens.homography(pose)
    else:
        for motion in motions:
            way = matrix(motion, width, height) @ way
    corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]])
    moved = way @ corners
    missed = np.abs(moved[:2] / moved[2] - corners[:2]).max() / width
    if missed > RETURN_TOLERANCE:
        said = f"the camera ends {missed:.1%} of the width from where it began, and so do masks and the lock"
        raise CurveError(f"{said}; make the motion return, e.g. translation_x: 2*sin(2*pi*t/(max_f + 1))")


MIN_PIXEL_SHARE = 0.5  # part of the pixels a model was trained on: in smaller images SDXL loses its subject


def general_advice(scene: Scene, clock: Clock) -> Iterator[Problem]:
    """Yield advice on a scene without problems, each item with its place in the file."""
    yield from _size_advice(scene)
    yield from _unused_color_settings(scene)
    yield from refiner_notes(scene)
    yield from product_notes(scene)
    for name, frame in clock.events.items():
        if not 0 <= frame < clock.frames:
            message = f"frame {frame} is outside the film's 0..{clock.frames - 1}: it never happens"
            yield scene.problem(("events", name), message)
    for path, written, _ in curves_of(scene.settings):
        for key in _written_keys(written):
            try:
                frame = clock.frame(key)
            except CurveError:
                continue  # an expression of max_f
            if not 0 <= frame < clock.frames:
                where = f"key {key} is frame {frame}, outside the film's 0..{clock.frames - 1}"
                yield scene.problem((*path, key), f"{where}: it is never reached")


def _size_advice(scene: Scene) -> Iterator[Problem]:
    width, height = scene.size
    trained = f"{width}x{height}: {scene.settings.model.base} was trained on {scene.native_size}x{scene.native_size}"
    if width * height < MIN_PIXEL_SHARE * scene.native_size**2:
        yield scene.problem(("video", "size"), f"{trained}, and may lose its subject")
    elif scene.size.exceeds(scene.native_size) and scene.settings.painting.hires == 0:
        message = f"{trained}, and may repeat or lose its subject without 'painting.hires'"
        yield scene.problem(("video", "size"), message)
    if width % LATENT_SCALE or height % LATENT_SCALE:
        whole = "x".join(str(-(-side // LATENT_SCALE) * LATENT_SCALE) for side in (width, height))
        yield scene.problem(("video", "size"), f"{width}x{height} is painted as {whole} and cropped")


def _unused_color_settings(scene: Scene) -> Iterator[Problem]:
    """Yield advice on colour settings without effect, because the feature they belong to is off."""
    grade = scene.settings.grade
    for name, default in (("color_reference", "first"), ("color_renew", None)):
        if grade.color == "none" and getattr(grade, name) != default:
            yield scene.problem(
                ("grade", name), "has no effect without a colour match; add e.g. 'color: lab'"
            )
    if not grade.palette and grade.palette_amount != Grade().palette_amount:
        yield scene.problem(("grade", "palette_amount"), "has no effect without a 'palette'")


def _written_keys(written: Any) -> list[str]:
    """Return the keys of a curve as they were written; an empty list for a number, an expression or a total."""
    if is_total(written):
        return []
    if isinstance(written, dict | list):
        return [str(key) for key in written]
    pairs = split_key_string(written) if isinstance(written, str) else None
    return [key for key, _ in pairs or ()]


MAX_LISTED_WORDS = 5  # trigger words listed in one note


def missing_trigger_words(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Yield a note for each LoRA whose trigger words are in no prompt of the `frames` on which its scale is not 0."""
    for name, lora in scene.settings.model.loras.items():
        texts = {frame.prompt.text for frame in frames if frame.loras[name]}
        if not texts:
            continue
        path = ("model", "loras", name, "file")
        try:
            words = lora_file.read_lora_info(scene.file(path, lora.file)).words
        except ModelError:  # the file was readable when the scene was checked; it may have gone since
            continue
        if not words.used_in(texts):
            listed = ", ".join(map(repr, words.triggers[:MAX_LISTED_WORDS]))
            yield scene.problem(path, f"no prompt has a trigger word of this LoRA; add one of: {listed}")


_TRAILING_SCHEDULES = ("sgm_uniform", "simple")


def sampler_advice(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Yield advice on how the painted frames are sampled, each item with its place in the file."""
    found = few_step_source(scene.settings)
    if found is not None:
        yield from _few_step_advice(scene, frames, found[1], found[2])
    painted = [frame.painting for frame in frames if frame.diffuse]
    deaf = next((row for row in painted if row.eta and not samplers.find_sampler(row.sampler).uses_eta), None)
    if deaf is not None:
        names = ", ".join(name for name in samplers.SAMPLER_NAMES if samplers.find_sampler(name).uses_eta)
        message = f"has no effect with {deaf.sampler}; samplers that use it: {names}"
        yield scene.problem(("painting", "eta"), message)
    guided = [row for row in frames if row.diffuse and any(item.scale for item in row.control.values())]
    if any(row.painting.guidance_rescale for row in guided):
        message = "has no effect on frames that a ControlNet guides"
        yield scene.problem(("painting", "guidance_rescale"), message)
    if scene.settings.model.tiling != "none" and scene.settings.motion.border != "wrap":
        message = "with motion, opposite edges keep meeting only with 'motion: {border: wrap}'"
        if any(frame.motion != type(frame.motion)() for frame in frames):
            yield scene.problem(("model", "tiling"), message)


def _few_step_advice(
    scene: Scene, frames: Sequence[Frame], name: str, kind: families.FewStepRecipe
) -> Iterator[Problem]:
    """Yield one note per setting that contradicts the few-step model `name`."""
    suited = {samplers.find_sampler(sampler).scheduler for sampler in kind.samplers}
    what = f"{name} paints in few steps"
    messages: dict[str, str] = {}
    for frame in frames:
        row = frame.painting
        if not frame.diffuse:
            continue
        if row.guidance_scale > kind.guidance:
            best = f"{kind.guidance:g} at most" if kind.guidance > 1 else "1"
            message = f"{row.guidance_scale:g}: {what}, without guidance; write {best}"
            messages.setdefault("guidance_scale", message)
        if row.steps > families.MAX_STEP_RATIO * kind.steps:
            message = f"{row.steps}: {what}; more than {kind.steps} or so make it worse"
            messages.setdefault("steps", message)
        if samplers.find_sampler(row.sampler).scheduler not in suited:
            messages.setdefault("sampler", f"{row.sampler}: {what}; write {' or '.join(kind.samplers)}")
        spaced = samplers.effective_schedule(row)
        trailing = kind.schedule in _TRAILING_SCHEDULES and spaced not in _TRAILING_SCHEDULES
        if (
            trailing
            and samplers.find_sampler(row.sampler).scheduler
            == samplers.find_sampler(kind.samplers[0]).scheduler
        ):
            messages.setdefault("schedule", f"{spaced}: {what}; write {kind.schedule}")
    for setting, message in messages.items():
        yield scene.problem(("painting", setting), message)


def compile_variants(frames: Sequence[Frame]) -> int:
    """Return the number of UNets to compile: distinct LoRA and IP-Adapter scales, FreeU, guidance on or off."""
    return len({repr(_compile_key(frame)) for frame in frames if frame.diffuse})


def _compile_key(frame: Frame) -> tuple[object, ...]:
    adapters = [likeness.scale for likeness in frame.ip_adapter.values()]
    guided = frame.painting.guidance_scale > 1  # guidance doubles the batch
    return dict(frame.loras), dict(frame.lora_blocks), adapters, frame.painting.freeu, guided


def compile_advice(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Yield a note if `model.compile` is on and the UNet would be compiled more than once."""
    count = compile_variants(frames)
    if scene.settings.model.compile == "on" and count > 1:
        what = "scales of LoRAs, IP-Adapters or FreeU, or guidance that comes and goes"
        message = f"the UNet is compiled {count} times, once for each of the film's {what}"
        yield scene.problem(("model", "compile"), message)
