"""Import Deforum settings of any generation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text
from animator.imaging.geometry import FOV_RANGE
from animator.interop import deforum_fields
from animator.interop.camera_paths import DEPTH_SCALE, multiply_by, put_deforum_lens
from animator.interop.draft import ScheduleDraft, SourceFile
from animator.interop.keystrings import compact_motion, constant_value, fit_to_limits, rewrite
from animator.interop.prompts import find_sampler, put_model, put_prompts
from animator.models.families import LATENT_SCALE
from animator.scene.settings import MAX_FRAMES
from animator.timeline.cadence import MAX_SEED
from animator.timeline.clock import Clock
from animator.timeline.curves import parse_keyframes, sample_unchecked, split_key_string

Floats = NDArray[np.float64]

RANDOM_SEED = "floor((noise(t, s) + 1)*2147483647)"  # a random seed per frame, the meaning of Deforum's -1


def find_settings(data: Any, depth: int = 4) -> dict[str, Any] | None:
    """Return the Deforum settings in a JSON document, or None; they may be nested up to `depth` levels down."""
    if isinstance(data, dict) and sum(name in data for name in deforum_fields.SIGNATURE_FIELDS) >= 3:
        return data
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    found = (find_settings(item, depth - 1) for item in inner if depth and isinstance(item, dict | list))
    return next((settings for settings in found if settings is not None), None)


def read_deforum(source: SourceFile, settings: Mapping[str, Any]) -> ScheduleDraft:
    """Return Deforum's `settings` as a draft. Raises SceneError if a number cannot be read."""
    return _DeforumReader(source, settings).draft


class _DeforumReader:
    """Reader of Deforum settings. It records which names it has used, so that it can note the others."""

    def __init__(self, source: SourceFile, settings: Mapping[str, Any]) -> None:
        self.settings, self.used = settings, set[str]()
        self.mode = str(self.get("animation_mode", default="2D"))
        self.draft = ScheduleDraft(source, f"Deforum settings, {self.mode}")
        seed = self.integer("seed", default=0)
        self.clock = Clock(
            1 if self.mode == "None" else int(self.clamped_number("max_frames", 120, 1, MAX_FRAMES)),
            self.clamped_number("fps", 15, 0.1, 240),
            seed if 0 <= seed <= MAX_SEED else 0,
        )
        self.read_video()
        self.read_prompts()
        self.read_motion()
        for column in deforum_fields.CURVE_FIELDS:
            self.put_curve(column)
        self.read_painting()
        self.read_seeds(seed)
        self.read_grade()
        self.note_unused()

    def get(self, *wanted: str, default: Any = None) -> Any:
        """Return the first value among the names `wanted` that is not empty, else `default`."""
        self.used.update(name for name in wanted if name in self.settings)
        found = (self.settings[name] for name in wanted if self.settings.get(name) not in (None, ""))
        return next(found, default)

    def number(self, *wanted: str, default: float) -> float:
        value = self.get(*wanted, default=default)
        found = constant_value(value)
        if found is None:
            raise self.draft.source.error(f"{quote_text(value)} is not a number", wanted[0])
        return found

    def integer(self, *wanted: str, default: int) -> int:
        return int(self.number(*wanted, default=default))

    def clamped_number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number clamped to low..high; note it if it lies outside."""
        value = self.number(name, default=default)
        if not low <= value <= high:
            self.draft.note(name, value, f"limited to {low:g}..{high:,g}")
        return min(max(low, value), high)

    def read_video(self) -> None:
        width, height = (
            self.integer(*sides, default=512) // LATENT_SCALE * LATENT_SCALE
            for sides in (("W", "width"), ("H", "height"))
        )
        self.size = (width, height)
        self.draft.put("video.size", f"{width}x{height}")
        self.draft.put("video.fps", self.clock.fps)
        self.draft.put("video.frames", self.clock.frames)
        if self.get("use_init") not in deforum_fields.OFF_VALUES:
            self.put_file("init_image", "start.image")
        if self.settings.get("add_soundtrack") == "File":
            self.used.add("add_soundtrack")
            self.put_file("soundtrack_path", "audio.file")
        key = next((name for name in ("sd_model_name", "model_checkpoint") if name in self.settings), "")
        put_model(self.draft, key, str(self.get(key, default="")))

    def put_file(self, name: str, target: str) -> None:
        """Set the path of a file that the film uses; note it if it is a URL."""
        path = str(self.get(name, default=""))
        if "://" in path:
            section, setting = target.split(".")
            self.draft.note(name, path, f"download it, then write {section}: {{{setting}: FILE}}")
        elif path:
            self.draft.put(target, path)

    def read_prompts(self) -> None:
        written = self.get("animation_prompts", default=None) or self.get("prompts", default={})
        frames: dict[int, str] = {}
        for key, text in _parse_prompts(written).items():
            try:
                frame = parse_keyframes(f"{key}: 0", self.clock)[0].frame
            except CurveError:
                self.draft.note(
                    f"prompts.{key}", text, f"outside the film, whose frames are 0..{self.clock.frames - 1}"
                )
                continue
            frames[frame] = str(text)
        common = str(self.get("animation_prompts_positive", "positive_prompts", default=""))
        negative = str(self.get("animation_prompts_negative", "negative_prompts", default=""))
        put_prompts(self.draft, frames or {0: ""}, common, negative)
        if self.mode == "Interpolation":
            # This mode paints every frame from noise, and each prompt blends into the next all the way.
            self.draft.put("prompts.travel", self.clock.frames)

    def read_motion(self) -> None:
        columns = deforum_fields.MOTION_FIELDS.get(self.mode, [])
        if self.mode == "3D":
            self.read_camera(columns)
        else:
            for column in columns:
                self.put_curve(column)
        for name, still in deforum_fields.NEUTRAL_VALUES.get(self.mode, {}).items():
            value = self.get(name)
            if value not in deforum_fields.OFF_VALUES and constant_value(value) != still:
                self.draft.note(name, value, "has no counterpart here")
        if self.get("border") == "wrap" and self.mode == "2D":
            self.draft.put("motion.border", "wrap")
        if self.mode == "Video Input":
            self.put_file("video_init_path", "footage.file")
        elif self.mode not in deforum_fields.MOTION_FIELDS and self.mode not in ("Interpolation", "None"):
            self.draft.note(
                "animation_mode", self.mode, "animation mode not supported here; its motion is left out"
            )

    def read_camera(self, columns: list[deforum_fields.CurveField]) -> None:
        """Set the curves of a 3D camera, its lens and its depth."""
        fov = self.read_fov()
        deep = self.settings.get("use_depth_warping", True) not in deforum_fields.OFF_VALUES
        self.used.add("use_depth_warping")
        names = [name for column in columns for name in column.names]
        if all(constant_value(self.settings.get(name, 0)) == 0 for name in names):
            self.used.update(name for name in names if name in self.settings)
            return
        factors = put_deforum_lens(self.draft, fov, self.size, deep, self.clock)
        self.draft.put("motion.depth", "model" if deep else None)
        self.draft.put("motion.depth_scale", round(DEPTH_SCALE, 4) if deep else None)
        for column in columns:
            factor = factors.get(column.names[0])
            if factor is None:
                self.put_curve(column)
            elif len(factor) == 1:
                self.put_curve(column._replace(convert=multiply_by(float(factor[0]))))
            else:
                self.put_scaled_curve(column, factor)

    def read_fov(self) -> Floats:
        """Return Deforum's vertical field of view in degrees: (1,) if it is constant, else of each frame."""
        written = self.get("fov_schedule", "fov", default=70)
        try:
            curve, wrong = fit_to_limits(rewrite(written), self.clock, *FOV_RANGE)
            values = sample_unchecked(curve, self.clock, self.clock.signals())
        except CurveError as error:
            values, wrong = np.array([70.0]), f"{error}; 70 is used"
        if wrong:
            self.draft.note("fov_schedule", written, wrong)
        return values if np.ptp(values) > 0 else values[:1]

    def put_scaled_curve(self, column: deforum_fields.CurveField, factor: Floats) -> None:
        """Set a curve of the draft from a schedule times a factor of each frame."""
        written = self.get(*column.names, default=0)
        try:
            values = sample_unchecked(rewrite(written), self.clock, self.clock.signals())
        except CurveError as error:
            self.draft.note(column.names[0], written, f"left out: {error}")
            return
        self.draft.put_curve(column.path, column.names[0], compact_motion(values * factor), self.clock)

    def put_curve(self, column: deforum_fields.CurveField) -> None:
        """Set a curve of the draft from a schedule; note what of it cannot be kept."""
        written = self.get(*column.names, default=column.default)
        if written is not None:
            name = next((name for name in column.names if name in self.settings), column.names[0])
            self.draft.put_curve(column.path, name, written, self.clock, column.convert)

    def read_painting(self) -> None:
        steps = deforum_fields.CurveField("painting.steps", ("steps",), default=25)
        if (
            self.get("enable_steps_scheduling") not in deforum_fields.OFF_VALUES
            and "steps_schedule" in self.settings
        ):
            steps = steps._replace(names=("steps_schedule",))
        self.put_curve(steps)
        self.get("steps")
        if self.mode == "Interpolation":
            self.draft.put("painting.strength", 1)
        default = self.get("sampler", "sampler_name", default="Euler a")
        scheduler = str(self.get("scheduler", default=""))
        if (
            self.get("enable_sampler_scheduling") not in deforum_fields.OFF_VALUES
            and "sampler_schedule" in self.settings
        ):
            self.read_sampler_schedule(str(self.get("sampler_schedule")))
        else:
            self.draft.put("painting.sampler", find_sampler(self.draft, "sampler", default, scheduler))
        cadence = self.integer("diffusion_cadence", "turbo_steps", default=1)
        if self.mode in ("2D", "3D"):
            self.draft.put("cadence", min(max(1, cadence), 1000))

    def read_sampler_schedule(self, written: str) -> None:
        try:
            pairs = split_key_string(written) or [("0", written)]
            found = {
                parse_keyframes(f"{key}: 0", self.clock)[0].frame: find_sampler(
                    self.draft, "sampler_schedule", name, ""
                )
                for key, name in pairs
            }
        except CurveError as error:
            self.draft.note("sampler_schedule", written, f"left out: {error}")
            return
        self.draft.put("painting.sampler", next(iter(found.values())) if len(found) == 1 else found)

    def read_seeds(self, seed: int) -> None:
        behavior = str(self.get("seed_behavior", default="iter"))
        if not 0 <= seed <= MAX_SEED:
            self.draft.note("seed", seed, "a random seed for each run there; here the seed is 0")
        written: dict[str, Any] = {"start": self.clock.seed}
        if behavior not in deforum_fields.BEHAVIORS:
            self.draft.note("seed_behavior", behavior, "unknown seed behavior; iter is used")
        elif behavior != "iter":
            written["behavior"] = behavior
        every = max(1, self.integer("seed_iter_N", default=1))
        if behavior == "iter" and every > 1:
            written["every"] = every
        if behavior == "schedule":
            default = '0:(s), 1:(-1), "max_f-2":(-1), "max_f-1":(s)'
            written["at"] = self.read_seed_curve("seed_schedule", default, MAX_SEED, "iter is used")
            if written["at"] is None:
                del written["at"], written["behavior"]
        if self.get("enable_subseed_scheduling") not in deforum_fields.OFF_VALUES:
            subseed = self.read_seed_curve("subseed_schedule", "0: (1)", MAX_SEED, "1 is used")
            mixed = self.read_seed_curve("subseed_strength_schedule", "0: (0)", 1, "0 is used")
            found = {"subseed": subseed, "subseed_strength": mixed}
            written |= {name: curve for name, curve in found.items() if curve is not None}
        self.draft.put("painting.seed", written)

    def read_seed_curve(self, name: str, default: str, most: float, instead: str) -> Any:
        """Return a schedule in 0..`most` with -1 replaced by a random seed; None and a note if it cannot be read."""
        schedule = self.get(name, default=default)
        try:
            curve, wrong = fit_to_limits(
                rewrite(schedule, lambda text: RANDOM_SEED if text == "-1" else text), self.clock, 0, most
            )
        except CurveError as error:
            curve, wrong = None, f"{error}; {instead}"
        if wrong:
            self.draft.note(name, schedule, wrong)
        return curve

    def read_grade(self) -> None:
        wanted = str(self.get("color_coherence", default="None"))
        color = deforum_fields.COLORS.get(wanted.removeprefix("Match Frame 0 ").lower())
        if color is None:
            self.draft.note(
                "color_coherence", wanted, "colours can be matched to the first painted frame only"
            )
        self.draft.put("grade.color", color)
        if self.get("noise_type") == "perlin" and self.draft.data.get("grade", {}).get("noise", 0) != 0:
            self.draft.put("grade.noise_type", "perlin")

    def note_unused(self) -> None:
        for name, value in self.settings.items():
            if name not in self.used and not deforum_fields.has_no_effect(name, self.settings):
                self.draft.note(name, value, "has no counterpart here")


def _parse_prompts(written: Any) -> dict[Any, Any]:
    """Return prompts by key, from an object, its JSON text, `0: a cat | 50: a dog`, or the notebooks' list."""
    if isinstance(written, str):
        try:
            return _parse_prompts(json.loads(written))
        except (ValueError, RecursionError):
            pairs = [re.match(r"\s*(\d+)\s*:\s*(.*)", part, re.S) for part in written.split("|")]
            if all(pairs):
                return {pair[1]: pair[2] for pair in pairs if pair}
            return {"0": written}
    if isinstance(written, list):
        return dict(enumerate(written))
    return dict(written) if isinstance(written, dict) else {"0": written}
