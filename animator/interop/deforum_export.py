"""Export a scene as the settings file that A1111's Deforum loads, with notes on the settings it cannot hold."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, Problem
from animator.frame import Frame
from animator.imaging.geometry import is_3d
from animator.interop.camera_paths import deforum_camera, divide_by, vertical_fov
from animator.interop.keystrings import compact, complement, format_decimal, identity
from animator.interop.prompts import append_lora_tags
from animator.models.samplers import AUTOMATIC
from animator.scene.scene import Scene
from animator.timeline.clock import Clock
from animator.timeline.compile import timeline
from animator.timeline.curves import Keyframe, parse_keyframes, parse_number, sample_unchecked

Floats = NDArray[np.float64]


# Deforum schedule → section and name of our curve (as in Frame), and the conversion of its values.
SCHEDULES: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "zoom": ("motion", "zoom", identity),
    "angle": ("motion", "angle", identity),
    "translation_x": ("motion", "translation_x", identity),
    "translation_y": ("motion", "translation_y", identity),
    "transform_center_x": ("motion", "center_x", identity),
    "transform_center_y": ("motion", "center_y", identity),
    "strength_schedule": ("painting", "strength", complement),
    "cfg_scale_schedule": ("painting", "guidance_scale", identity),
    "steps_schedule": ("painting", "steps", identity),
    "noise_schedule": ("grade", "noise", identity),
    "contrast_schedule": ("grade", "contrast", identity),
    "amount_schedule": ("grade", "sharpen", identity),
}

# Switches off what Deforum does by default and this program does not.
SWITCHED_OFF = {
    "enable_perspective_flip": False, "enable_noise_multiplier_scheduling": False, "enable_subseed_scheduling": False,
    "enable_checkpoint_scheduling": False, "optical_flow_cadence": "None", "optical_flow_redo_generation": "None",
    "diffusion_redo": 0, "hybrid_motion": "None", "hybrid_composite": "None", "use_mask": False, "use_looper": False,
    "legacy_colormatch": False,
    "kernel_schedule": "0: (5)", "sigma_schedule": "0: (1)", "threshold_schedule": "0: (0)",
    "parseq_manifest": "", "add_soundtrack": "None", "tiling": False, "restore_faces": False,
    "strength_0_no_init": True,
}  # fmt: skip


def export_deforum(scene: Scene) -> tuple[dict[str, Any], Sequence[Problem]]:
    """Return the film of `scene` as Deforum settings, and notes on what they cannot hold. Raises SceneError."""
    return _DeforumWriter(scene).build()


class _DeforumWriter:
    def __init__(self, scene: Scene) -> None:
        self.scene, self.frames = scene, timeline(scene)
        seed = scene.settings.painting.seed.start
        self.clock = Clock(scene.frames, scene.settings.video.fps, seed, scene.settings.bpm)
        self.notes: list[Problem] = []
        self.is_3d = any(is_3d(frame.motion) for frame in self.frames)

    def note(self, path: str, why: str) -> None:
        self.notes.append(self.scene.problem(tuple(path.split(".")), why))

    def build(self) -> tuple[dict[str, Any], Sequence[Problem]]:
        made = self.scene.settings
        result = {
            "W": self.scene.size.width,
            "H": self.scene.size.height,
            **SWITCHED_OFF,
            **self.painting(),
            **self.prompts(),
            "animation_mode": "3D" if self.is_3d else "2D",
            "max_frames": self.clock.frames,
            "fps": int(made.video.fps) if made.video.fps.is_integer() else made.video.fps,
            "border": self.border(),
            **{name: self.key_string(*where) for name, where in SCHEDULES.items()},
            **(self.camera() if self.is_3d else {}),
            "color_coherence": {"none": "None"}.get(made.grade.color, made.grade.color.upper()),
            "noise_type": "perlin" if made.grade.noise_type == "perlin" else "uniform",
            "diffusion_cadence": made.cadence,
        }
        if made.audio is not None:
            result["add_soundtrack"] = "File"
            result["soundtrack_path"] = str(self.scene.file(("audio", "file"), made.audio.file))
            if made.audio.start:
                self.note("audio.start", "Deforum plays a track from its beginning")
        if made.views:
            self.note("views", "left out; use guided images in Deforum instead")
        if made.video.loop == "closed":
            self.note("video.loop", "Deforum cannot close a loop; the film is written without")
        if made.cuts is not None:
            self.note("cuts", "Deforum has no cuts; the film becomes one shot")
        image = made.start.image
        result["use_init"] = image is not None
        if image is not None:
            result["init_image"] = str(self.scene.file(("start", "image"), image))
            result["strength"] = round(1 - self.frames[0].painting.strength, 9)
        return result, self.notes

    def border(self) -> str:
        border = str(self.scene.settings.motion.border)
        if border == "reflect":
            self.note("motion.border", "Deforum has no border reflect; replicate is written")
        return "wrap" if border == "wrap" else "replicate"

    def camera(self) -> dict[str, Any]:
        """Return the settings that Deforum's 3D mode has in addition to those of 2D, or instead of them."""
        deep = self.scene.settings.motion.depth != "flat"
        fov = self.vertical_fovs()
        schedules = {
            name: self.key_string("motion", name)
            for name in ("rotation_3d_x", "rotation_3d_y", "rotation_3d_z")
        }
        cameras = [deforum_camera(*self.scene.size, degrees, deep).factors for degrees in fov]
        for name in cameras[0]:
            if len(cameras) == 1:
                schedules[name] = self.key_string("motion", name, divide_by(cameras[0][name]))
            else:
                units = np.array([factors[name] for factors in cameras])
                schedules[name] = _to_key_string(self.column("motion", name) / units)
        for name in (name for name in ("angle", "orbit_x", "orbit_y") if self.is_moving(name)):
            self.note(f"motion.{name}", "Deforum's 3D mode has no such motion; left out")
        self.note_enlargement()
        return {**schedules, "fov_schedule": _to_key_string(fov), "use_depth_warping": deep}

    def vertical_fovs(self) -> list[float]:
        """Return Deforum's field of view: one, or that of each frame.

        Deforum's is that of the lens with which the motion into a frame is seen; ours that of the frame before.
        """
        constant = self.scene.constant_fov
        ours = [constant] if constant is not None else [frame.motion.fov_before for frame in self.frames]
        return [round(vertical_fov(*self.scene.size, fov), 6) for fov in ours if fov is not None]

    def note_enlargement(self) -> None:
        """Note that the image is enlarged by a zoom or by the lens, which Deforum's 3D mode does not do."""
        if self.scene.constant_fov is not None:
            if self.is_moving("zoom"):
                self.note("motion.zoom", "Deforum's 3D mode has no such motion; left out")
            return
        lens, after = self.scene.lens, [frame.motion for frame in self.frames[1:]]
        focal = [(lens.with_fov(motion.fov_before).focal, lens.at(motion).focal) for motion in after]
        grown = [motion.zoom * to / by for motion, (by, to) in zip(after, focal, strict=True)]
        if not np.allclose(grown, 1, rtol=0, atol=1e-6):
            self.note(
                "motion.fov", "in Deforum a lens does not enlarge the image; the enlargement is left out"
            )

    def is_moving(self, name: str) -> bool:
        return len({getattr(frame.motion, name) for frame in self.frames} - {float(name == "zoom")}) > 0

    def column(self, section: str, setting: str) -> Floats:
        """Return the value of a setting on each frame."""
        return np.array([getattr(getattr(frame, section), setting) for frame in self.frames], np.float64)

    def key_string(self, section: str, setting: str, convert: Callable[[str], str] = identity) -> str:
        """Return a curve as a key string: its own text if Deforum reads it as we do, else the values of all frames."""
        made = getattr(self.scene.settings, section)
        given = made.given()
        if setting in given and (section != "motion" or _is_plain_motion(made)):
            text = self.original_text(given[setting], convert)
            if text is not None:
                return text
        return _to_key_string(_apply_conversion(self.column(section, setting), convert))

    def original_text(self, curve: Any, convert: Callable[[str], str]) -> str | None:
        try:
            found = parse_keyframes(curve, self.clock)
        except CurveError:  # a key that names an event, or a beat of the track
            return None
        inside = all(0 <= key.frame < self.clock.frames and key.ease == "linear" for key in found)
        if not inside or not all(deforum_reads_same(key) for key in found):
            return None
        text = ", ".join(f"{key.frame}: ({convert(_key_text(key))})" for key in _with_key_at_zero(found))
        # Read the text back: an expression before the first key is the one case that would differ.
        signals = self.clock.signals()
        theirs, ours = (sample_unchecked(written, self.clock, signals) for written in (text, curve))
        ours = _apply_conversion(ours, convert)
        return text if np.allclose(theirs, ours, rtol=0, atol=1e-9) else None

    def painting(self) -> dict[str, Any]:
        seed = self.scene.settings.painting.seed
        rows = [frame.painting for frame in self.frames]
        samplers = _value_changes([row.sampler for row in rows])
        result = {
            "seed": seed.start,
            "seed_behavior": seed.behavior,
            "seed_iter_N": seed.every,
            "sampler": rows[0].sampler,
            "enable_sampler_scheduling": len(samplers) > 1,
            "sampler_schedule": ", ".join(f'{frame}: ("{name}")' for frame, name in samplers),
            "steps": rows[0].steps,
            "enable_steps_scheduling": len({row.steps for row in rows}) > 1,
        }
        if seed.behavior == "schedule" or (seed.behavior == "iter" and seed.every > 1):
            # Deforum uses the first seed once, whatever seed_iter_N says.
            result["seed_behavior"] = "schedule"
            result["seed_schedule"] = _to_key_string([frame.seed for frame in self.frames])
        if seed.behavior == "random":
            self.note("painting.seed", "Deforum draws different random seeds")
        if any(frame.subseed_strength for frame in self.frames):
            result["enable_subseed_scheduling"] = True
            for name in ("subseed", "subseed_strength"):
                result[f"{name}_schedule"] = _to_key_string([getattr(frame, name) for frame in self.frames])
        if any(row.schedule != AUTOMATIC for row in rows):
            self.note("painting.schedule", "choose the schedule type in the webui")
        model = self.scene.settings.model.base
        if model.endswith(".safetensors"):
            result["sd_model_name"] = model.replace("\\", "/").rpartition("/")[2]
        else:
            self.note("model.base", f"{model}: choose the model in the webui")
        return result

    def prompts(self) -> dict[str, Any]:
        if any(frame.prompt.weight > 0 for frame in self.frames):
            self.note("prompts.travel", "Deforum does not blend prompts; each changes at once")
        loras = self.scene.settings.model.loras
        files = {name: lora.file.replace("\\", "/").rpartition("/")[2] for name, lora in loras.items()}
        names = {name: file.removesuffix(".safetensors") for name, file in files.items()}
        found = _value_changes([_full_prompt(frame, names) for frame in self.frames])
        if len(found) > 200:
            first = dict(
                _value_changes(
                    [f"{frame.prompt.text} --neg {frame.prompt.negative}" for frame in self.frames]
                )
            )
            found = [(frame, _full_prompt(self.frames[frame], names)) for frame in first]
            self.note("loras", "scales that change from frame to frame are written at each prompt only")
        prompts = {str(frame): text for frame, text in found}
        return {"prompts": prompts, "animation_prompts_positive": "", "animation_prompts_negative": ""}


def _to_key_string(values: Sequence[float] | Floats) -> str:
    """Return the key string of one value per frame."""
    text = str(compact(np.asarray(values, np.float64)))
    return text if ":" in text else f"0: ({text})"


def _apply_conversion(values: Floats, convert: Callable[[str], str]) -> Floats:
    """Apply a conversion of texts to an array; every conversion here is linear in the value."""
    zero, one = (float(parse_number(convert(text)) or 0.0) for text in ("0", "1"))
    return np.asarray(zero + (one - zero) * values, np.float64)


def _is_plain_motion(motion: Any) -> bool:
    """Return True if the motion consists of curves alone, and these are rates per frame."""
    rates = getattr(motion, "as") == "rate" and motion.per == "frame"
    return rates and not motion.moves and motion.shake is None


def _full_prompt(frame: Frame, names: dict[str, str]) -> str:
    """Return a frame's prompt in Deforum's form: LoRA tags after the text, the negative prompt after `--neg`."""
    text = append_lora_tags(frame.prompt.text, {names[name]: scale for name, scale in frame.loras.items()})
    return f"{text} --neg {frame.prompt.negative}" if frame.prompt.negative else text


def _value_changes(values: Sequence[str]) -> list[tuple[int, str]]:
    """Return the frames at which a value changes, with the new value; frame 0 is always among them."""
    return [(at, value) for at, value in enumerate(values) if at == 0 or value != values[at - 1]]


def _key_text(key: Keyframe) -> str:
    return (
        format_decimal(Decimal(repr(key.value)))
        if isinstance(key.value, float)
        else " ".join(key.value.split())
    )


def _with_key_at_zero(found: list[Keyframe]) -> list[Keyframe]:
    """Return the keys with one at frame 0 added if it is missing, as Deforum requires one."""
    return found if found[0].frame == 0 else [Keyframe(0, found[0].value), *found]


# numexpr functions of one argument: Deforum splits its schedules at every comma, so others cannot be written.
SHARED_FUNCTIONS = {
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "exp", "expm1",
    "floor", "log", "log10", "log1p", "sin", "sinh", "sqrt", "tan", "tanh",
}  # fmt: skip

SHARED_NAMES = {"t", "s", "max_f", *SHARED_FUNCTIONS}

ALLOWED_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Constant, ast.Load, ast.operator,
    ast.unaryop, ast.cmpop,
)  # fmt: skip

REFUSED_NODES = (
    ast.FloorDiv,
    ast.MatMult,
    ast.LShift,
    ast.RShift,
    ast.Not,
    ast.In,
    ast.NotIn,
    ast.Is,
    ast.IsNot,
)


def deforum_reads_same(key: Keyframe) -> bool:
    """Return True if Deforum evaluates a key's value as this program does."""
    if isinstance(key.value, float):
        return True
    try:
        tree = ast.parse(key.value, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(_node_reads_same(node) for node in ast.walk(tree))


def _node_reads_same(node: ast.AST) -> bool:
    """Return True if a node of an expression means the same in Deforum."""
    match node:
        case ast.Name(id=name):
            return name in SHARED_NAMES
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Call(args=args, keywords=named):
            return len(args) == 1 and not named
        case ast.Compare(ops=ops):
            return len(ops) == 1 and not isinstance(ops[0], REFUSED_NODES)
        case ast.BinOp(op=ast.Pow(), left=base, right=power):
            # Deforum keeps integers: their powers overflow past 2**63, and negative powers fail.
            return isinstance(power, ast.Constant) and (power.value in (2, 3) or _is_float(base))
    return isinstance(node, ALLOWED_NODES) and not isinstance(node, REFUSED_NODES)


def _is_float(node: ast.expr) -> bool:
    """Return True if a node is computed in floating point, whatever its operands."""
    parts = list(ast.walk(node))
    return any(isinstance(part, ast.Call | ast.Div) for part in parts) or any(
        isinstance(part, ast.Constant) and isinstance(part.value, float) for part in parts
    )
