"""Scene: the sections of a schedule file with their defaults, validated; curves are still as they were written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.frame import Footage, Grade, Lock, Motion, Painting
from animator.scene.control import ControlCurves
from animator.scene.declared import TYPES
from animator.scene.detail import DetailCurves, detail_by_mask
from animator.scene.fields import Curve, Number, Section, TextOrNumber, Whole, curves
from animator.scene.footage import Filmed, footage_by_file
from animator.scene.ip_adapter import AdapterCurves
from animator.scene.lists import Colors, Paint, Times
from animator.scene.prompts import Prompts
from animator.scene.refiner import Refiner, refiner_by_name
from animator.scene.running import Running
from animator.scene.settings_images import Mask, lock_by_mask
from animator.scene.settings_models import LoraFile, Scale
from animator.scene.settings_output import Output
from animator.scene.size import Size
from animator.scene.views import Views

MAX_FRAMES = 200_000  # more than two hours at 24 frames per second


def loop_by_truth(value: Any) -> Any:
    """`loop: true` is short for `loop: closed`."""
    return ("closed" if value else "none") if isinstance(value, bool) else value


class Video(Section):
    size: Size | None = Field(
        None,
        description='"1024x1024", or a ratio such as "16:9"; default: the model\'s own, such as nano\'s 256x256',
    )
    fps: Number = Field(24.0, ge=0.1, le=240, description="frames per second")
    frames: Whole | None = Field(None, ge=1, le=MAX_FRAMES, description="length in frames")
    duration: TextOrNumber | None = Field(None, description='length in seconds, e.g. 6s; instead of "frames"')
    loop: Annotated[Literal["none", "boomerang", "closed"], BeforeValidator(loop_by_truth)] = Field(
        "none",
        description="boomerang: the video plays the frames and then goes back to the first; "
        "closed, or true: the film is painted so that it ends where it begins",
    )


class Model(Running):
    base: str = Field(
        "nano", description="nano (bundled), a hub id, a diffusers folder or a .safetensors file"
    )
    config: str | None = Field(None, description="diffusers folder with the configs of a .safetensors base")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="where SDXL runs")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="numbers it computes in"
    )
    loras: dict[str, LoraFile] = Field(default_factory=dict, description="name → LoRA file")
    refiner: Annotated[Refiner | None, BeforeValidator(refiner_by_name)] = Field(
        None, description="a second SDXL for the last of the noise: a name, or more"
    )
    embeddings: dict[str, str] = Field(
        default_factory=dict, description="word → .safetensors file of what it means (textual inversion)"
    )


class Start(Section):
    image: str | None = Field(None, description="picture that frame 0 is painted from")


class Seed(Section):
    start: int = Field(
        0, ge=0, lt=2**32, description="the seed of the first painting, and `s` in expressions"
    )
    behavior: Literal["iter", "fixed", "ladder", "alternate", "random", "schedule"] = Field(
        "iter", description="how it changes from painting to painting"
    )
    every: Whole = Field(1, ge=1, description="paintings that share a seed under `iter`")
    at: Curve | None = Field(None, description="the seed of every frame, for `behavior: schedule`")
    subseed: Curve = Field(1, description="of the noise that each painting's own is mixed with")
    subseed_strength: Curve = Field(0.0, description="how much of it: 0 is none, 1 is that noise alone; 0..1")


def _seed(value: Any) -> Any:
    """`seed: 7` is short for `seed: {start: 7}`."""
    return {"start": value} if isinstance(value, int) and not isinstance(value, bool) else value


class _Seeded(Section):
    seed: Annotated[Seed, BeforeValidator(_seed)] = Seed()


class Audio(Section):
    file: str = Field(
        description="track that is heard by curves and goes into the video; any sound file or video"
    )
    start: Number = Field(
        0.0,
        ge=-86_400,
        le=86_400,
        description="seconds into the track at which the film begins; -1: the track begins a second later",
    )
    fade_in: Number = Field(0.0, ge=0, le=86_400, description="seconds in which the sound comes up")
    fade_out: Number = Field(0.0, ge=0, le=86_400, description="seconds in which it goes down at the end")
    attack: Number = Field(0.0, ge=0, le=60, description="seconds a signal takes to rise by 63 %")
    release: Number = Field(0.15, ge=0, le=60, description="seconds it takes to fall by 63 %")
    snap: bool = Field(False, description="events move to the nearest beat: the film is cut to the music")


class Shake(Section):
    like: Literal["breath", "handheld", "walk", "rumble"] = Field(
        "handheld", description="which camera shakes: `animator motions` describes them"
    )
    strength: Curve = Field(1.0, description="how much of it; 0 is none")


def _shake(value: Any) -> Any:
    """`shake: walk` is short for `shake: {like: walk}`, `shake: 0.5` for `shake: {strength: 0.5}`."""
    if isinstance(value, str):
        return {"like": value}
    return {"strength": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _moves(value: Any) -> Any:
    if isinstance(value, dict) and all(isinstance(move, str | dict) for move in value.values()):
        return value
    raise ValueError(f"{value!r} is not a list of moves such as {{0: push-in, 2s: hold}}")


_MOVE = {
    "type": "object",
    "properties": {"move": {"type": "string"}, "amount": {"type": "number"}, "ease": {"type": "string"}},
    "required": ["move"],
    "additionalProperties": False,
}
_MOVES = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, _MOVE]}}
Moves = Annotated[Any, BeforeValidator(_moves), WithJsonSchema(_MOVES)]


DEPTHS = ("flat", "proxy", "model")


class _Moving(Section):
    border: Literal["replicate", "reflect", "wrap"] = Field(
        "replicate", description="what fills the bared edge"
    )
    per: Literal["frame", "second"] = Field("frame", description="what rates of motion are counted by")
    moves: Moves = Field(
        {}, description="moves by name: {0: push-in, 2s: hold}; `animator motions` lists them"
    )
    fov: Number = Field(40.0, ge=1, le=150, description="degrees the camera sees across the width")
    depth: Annotated[str, BeforeValidator(str)] = Field(
        "flat", description="flat, proxy, model, or a depth picture or a folder of them, white is near"
    )
    depth_scale: Number = Field(
        0.5, ge=0, le=1.8, description="from the farthest to the nearest, in distances of the reference plane"
    )
    depth_model: str = Field(
        "depth-anything/Depth-Anything-V2-Small-hf",
        description="hub id or folder of a depth estimator, for `depth: model`",
    )
    pivot: Number = Field(
        1.0, ge=0.05, le=20, description="distance of an orbit's pivot, in distances of the reference plane"
    )
    shake: Annotated[Shake | None, BeforeValidator(_shake)] = Field(
        None, description="a camera that shakes: a name, a strength, or both"
    )


REFERENCES = ("first", "rolling", "footage")  # of colours; any other is a picture file


class _Colored(Section):
    color: Literal["none", "lab", "hsv", "rgb"] = Field("none", description="match colours to a reference in")
    color_by: Literal["statistics", "histogram"] = Field(
        "histogram", description="match the whole distribution, as Deforum does, or mean and spread alone"
    )
    color_reference: str = Field(
        "first",
        description="`first` painting, `rolling` mean of the paintings, `footage`'s picture, or a picture file",
    )
    color_memory: Number = Field(
        12.0, ge=1, le=10_000, description="paintings that a rolling reference goes back"
    )
    color_renew: Times | None = Field(
        None, description="times, e.g. [2s, 4s], whose painting becomes the first of a new shot"
    )
    palette: Colors = Field([], description="colours, e.g. ['#0a84ff', '#fff'], that paintings are pulled to")
    noise_type: Literal["white", "perlin"] = Field("white", description="noise: even, or in clouds")


# Not written in the class, since `as` is a word of Python's.
_AS = Field("rate", description="rates, or positions: where the first picture has come to")
MotionCurves: Any = curves("MotionCurves", Motion, _Moving, **{"as": (Literal["rate", "position"], _AS)})
PaintingCurves: Any = curves("PaintingCurves", Painting, _Seeded)
GradeCurves: Any = curves("GradeCurves", Grade, _Colored)
LockCurves: Any = curves("LockCurves", Lock, Section)
FootageCurves: Any = curves("FootageCurves", Footage, Filmed)


_VARIABLE = {
    "type": "object",
    "properties": {
        "type": {"enum": list(TYPES)},
        "default": {"type": ["string", "number"]},
        "description": {"type": "string"},
        "one_of": {"type": "array", "items": {"type": ["string", "number"]}},
    },
    "additionalProperties": False,
}
_VARIABLES = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": ["string", "number"]}, _VARIABLE]},
}
Variables = Annotated[dict[str, TextOrNumber], WithJsonSchema(_VARIABLES)]


class Settings(Section):
    """A whole schedule file."""

    vars: Variables = Field(default_factory=dict, description="{name} in any text; may be declared")
    video: Video = Video()
    events: dict[str, TextOrNumber] = Field(default_factory=dict, description="named moments: {reveal: 2s}")
    bpm: Number | None = Field(
        None, gt=0, le=1000, description="beats per minute, for keys such as 4b and for `beat`"
    )
    audio: Audio | None = Field(
        None, description="a track: rms, bass, mid, treble, onset and beat for curves, sound for the video"
    )
    model: Model = Model()
    start: Start = Start()
    prompts: Prompts = Prompts()
    motion: MotionCurves = Field(default_factory=MotionCurves)
    painting: PaintingCurves = Field(default_factory=PaintingCurves)
    loras: dict[str, Scale] = Field(
        default_factory=dict,
        description="*curve* · scale of each LoRA of model.loras; -10..10; 1 for those not listed; "
        "or {scale: …, blocks: {down: …, mid: …, up: …, text: …}}, each a curve",
    )
    grade: GradeCurves = Field(default_factory=GradeCurves)
    masks: dict[str, Mask] = Field(default_factory=dict, description="name → where it comes from")
    lock: Annotated[LockCurves, BeforeValidator(lock_by_mask)] = Field(default_factory=LockCurves)
    footage: Annotated[FootageCurves, BeforeValidator(footage_by_file)] = Field(default_factory=FootageCurves)
    ip_adapter: dict[str, AdapterCurves] = Field(
        default_factory=dict, description="name → picture that paintings are to be like"
    )
    detail: Annotated[DetailCurves, BeforeValidator(detail_by_mask)] = Field(default_factory=DetailCurves)
    control: dict[str, ControlCurves] = Field(
        default_factory=dict, description="name → ControlNet and its hint"
    )
    cadence: Whole = Field(1, ge=1, le=1000, description="paint every N-th frame, in-between the rest")
    paint: Paint | None = Field(
        None, description="paint at these times, e.g. [0, 2s, end], or where an expression is not 0"
    )
    cuts: Times | None = Field(
        None, description="times, e.g. [2s, reveal], at which a new shot begins, as the film began"
    )
    views: Views = Field({}, description="pictures the film passes through: {0: front.png, 3s: side.png}")
    views_strength: Curve | None = Field(
        None, description="strength with which views are painted over; 0..1; default: the frame's own"
    )
    views_lead: TextOrNumber = Field(
        "1s", description="frames (or 1s) over which paintings are led to the view that comes"
    )
    tween: Literal["crossfade", "flow"] = Field("crossfade", description="how in-betweens are made")
    output: Output = Output()
