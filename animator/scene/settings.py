"""Settings of a schedule file: video, model, prompts, motion, painting, grade, with types and defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from animator.errors import short_repr
from animator.frame import Footage, Frame, Grade, Lock, Motion, Painting
from animator.imaging.geometry import FOV_RANGE
from animator.scene.fields import (
    CURVE_SCHEMA,
    IMAGE_REF,
    Colors,
    Curve,
    FileRef,
    ImageFile,
    Integer,
    ModelFile,
    Number,
    OverTime,
    PaintTimes,
    Section,
    Size,
    TextOrNumber,
    Times,
    check_curve,
    curve_section,
)
from animator.scene.settings_images import (
    DetailCurves,
    FootageOptions,
    MaskOptions,
    Views,
    expand_detail,
    expand_footage,
    expand_lock,
)
from animator.scene.settings_models import (
    AdapterCurves,
    ControlCurves,
    LoraFile,
    Refiner,
    RuntimeOptions,
    Scale,
    expand_refiner,
)
from animator.scene.settings_output import Output
from animator.scene.settings_product import ProductCurves, expand_product
from animator.scene.settings_stages import Stages
from animator.scene.variables import VARIABLE_TYPES

MAX_PROMPT = 4_000  # characters; SDXL encodes about 300 at a time


def _check_prompt(text: str) -> str:
    if len(text) > MAX_PROMPT:
        raise ValueError(f"a prompt of {len(text):,} characters; at most {MAX_PROMPT:,}")
    return text


def _check_texts(value: Any) -> Any:
    if isinstance(value, dict) and value and all(isinstance(item, str) for item in value.values()):
        return {key: _check_prompt(item) for key, item in value.items()}
    if isinstance(value, str):
        return _check_prompt(value)
    raise ValueError(
        f"{short_repr(value)} is not a text or keyframes of texts such as {{0: first, 2s: second}}"
    )


_TEXTS_SCHEMA = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}

Texts = Annotated[
    Any, BeforeValidator(_check_texts), WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS_SCHEMA]})
]


class Prompts(Section):
    """Prompts and negative prompts over time, their blending, and their styles."""

    at: Texts = Field("", description="prompt: a text, or keyframes of texts")
    common: Annotated[str, AfterValidator(_check_prompt)] = Field("", description="text added to each prompt")
    negative: Texts = Field("", description="negative prompt: a text, or keyframes of texts")
    travel: TextOrNumber = Field(
        0, description="frames (or 0.5s) over which one prompt blends into the next; 0 = cut"
    )
    blend: Literal["linear", "slerp"] = Field(
        "linear", description="interpolation of embeddings: along a line, or rotated at constant speed"
    )
    style: Texts = Field(
        "", description="name of a style, or keyframes of names; `animator styles` lists them"
    )
    styles_file: Annotated[str, FileRef("styles")] | None = Field(
        None, description="YAML file with your own styles, by name"
    )


MAX_FRAMES = 200_000  # more than two hours at 24 frames per second


def expand_loop(value: Any) -> Any:
    """Expand the short form: `loop: true` means `loop: closed`."""
    return ("closed" if value else "none") if isinstance(value, bool) else value


class Video(Section):
    """Size, frame rate, length and looping of the film."""

    size: Size | None = Field(
        None,
        description='"1024x1024", or a ratio such as "16:9"; default: the model\'s native size, e.g. nano\'s 256x256',
    )
    fps: Number = Field(24.0, ge=0.1, le=240, description="frames per second")
    frames: Integer | None = Field(None, ge=1, le=MAX_FRAMES, description="length in frames")
    duration: TextOrNumber | None = Field(None, description='length in seconds, e.g. 6s; instead of "frames"')
    loop: Annotated[Literal["none", "boomerang", "closed"], BeforeValidator(expand_loop)] = Field(
        "none",
        description="boomerang: the video plays the frames forwards and then backwards; "
        "closed, or true: the film is painted so that its end meets its beginning",
    )


class Model(RuntimeOptions):
    """Checkpoint with its LoRAs, refiner and embeddings, and the way it runs."""

    base: Annotated[str, FileRef("model", names=("nano",), hub=True, suffix=".safetensors")] = Field(
        "nano", description="nano (bundled), a hub id, a diffusers folder or a .safetensors file"
    )
    config: Annotated[str, FileRef("configs", hub=True)] | None = Field(
        None, description="diffusers folder with the configs for a .safetensors `base`"
    )
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="device that the model runs on")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="number format that the model computes in"
    )
    loras: dict[str, LoraFile] = Field(default_factory=dict, description="name → LoRA file")
    refiner: Annotated[Refiner | None, BeforeValidator(expand_refiner)] = Field(
        None, description="a second SDXL model for the last steps: its name, or settings"
    )
    embeddings: dict[str, ModelFile] = Field(
        default_factory=dict, description="word → .safetensors file with its textual inversion"
    )


class Start(Section):
    """Start image of the film."""

    image: ImageFile | None = Field(None, description="image that frame 0 is painted over")


class Seed(Section):
    """Seeds of the painting passes, and the noise mixed into theirs."""

    start: int = Field(
        0, ge=0, lt=2**32, description="seed of the first painted frame, and `s` in expressions"
    )
    behavior: Literal["iter", "fixed", "ladder", "alternate", "random", "schedule"] = Field(
        "iter", description="change of the seed from one painted frame to the next"
    )
    every: Integer = Field(
        1, ge=1, description="number of painted frames that share a seed, for `behavior: iter`"
    )
    at: Curve | None = Field(None, description="seed of each frame, for `behavior: schedule`")
    subseed: Curve = Field(1, description="seed of a second noise, which is mixed into the first")
    subseed_strength: Curve = Field(
        0.0, description="share of the second noise: 0 is none, 1 is that noise alone; 0..1"
    )


def _expand_seed(value: Any) -> Any:
    """Expand the short form: `seed: 7` means `seed: {start: 7}`."""
    return {"start": value} if isinstance(value, int) and not isinstance(value, bool) else value


class PaintingOptions(Section):
    """Painting settings that cannot change over time."""

    seed: Annotated[Seed, BeforeValidator(_expand_seed)] = Seed()


class Audio(Section):
    """Track of the film, and the smoothing of its signals."""

    file: Annotated[str, FileRef("sound")] = Field(
        description="track for the video, whose signals curves can use; any sound or video file"
    )
    start: Number = Field(
        0.0,
        ge=-86_400,
        le=86_400,
        description="seconds into the track at which the film begins; -1: the track begins a second later",
    )
    fade_in: Number = Field(0.0, ge=0, le=86_400, description="seconds of fade-in at the start")
    fade_out: Number = Field(0.0, ge=0, le=86_400, description="seconds of fade-out at the end")
    attack: Number = Field(0.0, ge=0, le=60, description="seconds a signal takes to rise by 63 %")
    release: Number = Field(0.15, ge=0, le=60, description="seconds a signal takes to fall by 63 %")
    snap: bool = Field(
        False, description="move events to the nearest beat, so that the film is cut to the music"
    )


class Shake(Section):
    """Kind and strength of camera shake."""

    like: Literal["breath", "handheld", "walk", "rumble"] = Field(
        "handheld", description="kind of camera shake; `animator motions` describes them"
    )
    strength: Curve = Field(1.0, description="amount of shake; 0 is none")


def _expand_shake(value: Any) -> Any:
    """Expand the short forms: `shake: walk` means `{like: walk}`, `shake: 0.5` means `{strength: 0.5}`."""
    if isinstance(value, str):
        return {"like": value}
    return {"strength": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_moves(value: Any) -> Any:
    if isinstance(value, dict) and all(isinstance(move, str | dict) for move in value.values()):
        return value
    raise ValueError(f"{value!r} is not a list of moves such as {{0: push-in, 2s: hold}}")


_MOVE_SCHEMA = {
    "type": "object",
    "properties": {"move": {"type": "string"}, "amount": {"type": "number"}, "ease": {"type": "string"}},
    "required": ["move"],
    "additionalProperties": False,
}

_MOVES_SCHEMA = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, _MOVE_SCHEMA]}}

Moves = Annotated[Any, BeforeValidator(_check_moves), WithJsonSchema(_MOVES_SCHEMA)]


DEPTH_SOURCES = ("flat", "proxy", "model")

_DEPTH_REF = FileRef(
    "image",
    names=DEPTH_SOURCES,
    folder=True,
    missing="no such image: {file}; allowed: {names}, an image or a folder of images",
    unreadable="{file.name} cannot be read as an image: {error}",
)


def _check_fov(value: Any) -> Any:
    """Return a curve; a constant field of view as a float in its range, so that no check after this one needs it."""
    curve = check_curve(value)
    if not isinstance(curve, int | float):
        return curve
    low, high = FOV_RANGE
    if not low <= curve <= high:
        raise ValueError(f"{curve:g} degrees; allowed {low:g}..{high:g}")
    return float(curve)


Fov = Annotated[Any, BeforeValidator(_check_fov), OverTime("curve"), WithJsonSchema(CURVE_SCHEMA)]


class MotionOptions(Section):
    """Motion settings that are no motions: the image's edge, named moves, the lens, depth and shake."""

    border: Literal["replicate", "reflect", "wrap"] = Field(
        "replicate", description="filling of the uncovered edge"
    )
    per: Literal["frame", "second"] = Field("frame", description="unit of time for rates of motion")
    moves: Moves = Field({}, description="named moves: {0: push-in, 2s: hold}; `animator motions` lists them")
    fov: Fov = Field(40.0, description="horizontal field of view of the camera, in degrees; 1..150")
    depth: Annotated[str, BeforeValidator(str), _DEPTH_REF] = Field(
        "flat", description="flat, proxy, model, or a depth image or a folder of them; white is near"
    )
    depth_scale: Number = Field(
        0.5, ge=0, le=1.8, description="depth from farthest to nearest, in distances of the reference plane"
    )
    depth_model: Annotated[str, FileRef("estimator", hub=True)] = Field(
        "depth-anything/Depth-Anything-V2-Small-hf",
        description="hub id or folder of the depth estimator, for `depth: model`",
    )
    pivot: Number = Field(
        1.0, ge=0.05, le=20, description="distance of an orbit's pivot, in distances of the reference plane"
    )
    shake: Annotated[Shake | None, BeforeValidator(_expand_shake)] = Field(
        None, description="camera shake: its kind, a strength, or both"
    )


COLOR_REFERENCES = ("first", "rolling", "footage")  # values of color_reference; any other is an image file

_REFERENCE_REF = replace(
    IMAGE_REF, names=COLOR_REFERENCES, missing="no such file: {file}; or write one of: {names}"
)


class GradeOptions(Section):
    """Grade settings that cannot change over time."""

    color: Literal["none", "lab", "hsv", "rgb"] = Field(
        "none", description="colour space in which colours are matched to a reference"
    )
    color_by: Literal["statistics", "histogram"] = Field(
        "histogram", description="match the whole distribution, as Deforum does, or only mean and spread"
    )
    color_reference: Annotated[str, _REFERENCE_REF] = Field(
        "first",
        description="`first` painted frame, `rolling` mean of painted frames, the `footage`, or an image file",
    )
    color_memory: Number = Field(
        12.0,
        ge=1,
        le=10_000,
        description="painted frames that a rolling reference remembers: each new one counts 1/color_memory",
    )
    color_renew: Times | None = Field(
        None, description="times, e.g. [2s, 4s], at which the painted frame becomes the new reference"
    )
    palette: Colors = Field(
        [], description="colours, e.g. ['#0a84ff', '#fff'], that painted frames are pulled towards"
    )
    noise_type: Literal["white", "perlin"] = Field("white", description="kind of noise: even, or cloudy")


# Not a field of the class, since `as` is a keyword of Python.
_AS_FIELD = Field(
    "rate", description="meaning of the values: rates, or positions relative to the first image"
)

MotionCurves: Any = curve_section(
    "MotionCurves", Motion, MotionOptions, **{"as": (Literal["rate", "position"], _AS_FIELD)}
)

PaintingCurves: Any = curve_section("PaintingCurves", Painting, PaintingOptions)

GradeCurves: Any = curve_section("GradeCurves", Grade, GradeOptions)

LockCurves: Any = curve_section("LockCurves", Lock, Section)

FootageCurves: Any = curve_section("FootageCurves", Footage, FootageOptions)


_VARIABLE_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"enum": list(VARIABLE_TYPES)},
        "default": {"type": ["string", "number"]},
        "description": {"type": "string"},
        "one_of": {"type": "array", "items": {"type": ["string", "number"]}},
        "named_in": {"type": "string"},
        "unless": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}

_VARIABLES_SCHEMA = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": ["string", "number"]}, _VARIABLE_SCHEMA]},
}

Variables = Annotated[dict[str, TextOrNumber], WithJsonSchema(_VARIABLES_SCHEMA)]


class Settings(Section):
    """All settings of a schedule file."""

    frame_type: ClassVar[type[Frame]] = Frame  # its fields are the sections with curves, by the same names

    vars: Variables = Field(
        default_factory=dict, description="values for {name} in any text; a preset can declare them"
    )
    video: Video = Video()
    events: dict[str, TextOrNumber] = Field(default_factory=dict, description="named moments: {reveal: 2s}")
    bpm: Number | None = Field(
        None, gt=0, le=1000, description="beats per minute, for keys such as 4b and for `beat`"
    )
    audio: Audio | None = Field(
        None, description="track for the video; gives curves rms, bass, mid, treble, onset and beat"
    )
    model: Model = Model()
    start: Start = Start()
    prompts: Prompts = Prompts()
    motion: MotionCurves = Field(default_factory=MotionCurves)
    painting: PaintingCurves = Field(default_factory=PaintingCurves)
    loras: dict[str, Scale] = Field(
        default_factory=dict,
        description="scale of each LoRA of model.loras; -10..10; 1 for those not listed; "
        "or {scale: …, blocks: {down: …, mid: …, up: …, text: …}}, each a curve",
    )
    grade: GradeCurves = Field(default_factory=GradeCurves)
    stages: Stages | None = Field(
        None,
        description="*curves* · settings of stages that plug-ins add, in the order they run: {NAME: {SETTING: 0.5}}",
    )
    masks: dict[str, MaskOptions] = Field(default_factory=dict, description="name → source of the mask")
    lock: Annotated[LockCurves, BeforeValidator(expand_lock)] = Field(default_factory=LockCurves)
    product: Annotated[ProductCurves | None, BeforeValidator(expand_product)] = Field(
        None, description="the product as a 3D model, painted along its shape: a file, or these settings"
    )
    footage: Annotated[FootageCurves, BeforeValidator(expand_footage)] = Field(default_factory=FootageCurves)
    ip_adapter: dict[str, AdapterCurves] = Field(
        default_factory=dict, description="name → image whose style or subject is painted"
    )
    detail: Annotated[DetailCurves, BeforeValidator(expand_detail)] = Field(default_factory=DetailCurves)
    control: dict[str, ControlCurves] = Field(
        default_factory=dict, description="name → ControlNet and its hint"
    )
    cadence: Integer = Field(1, ge=1, le=1000, description="paint every N-th frame, in-between the rest")
    paint: PaintTimes | None = Field(
        None, description="paint at these times, e.g. [0, 2s, end], or when an expression is not 0"
    )
    cuts: Times | None = Field(
        None, description="times, e.g. [2s, reveal], at which a new shot begins, in the way the film began"
    )
    views: Views = Field({}, description="images that the film passes through: {0: front.png, 3s: side.png}")
    views_strength: Curve | None = Field(
        None, description="strength with which views are painted over; 0..1; default: the frame's strength"
    )
    views_lead: TextOrNumber = Field(
        "1s", description="frames (or 1s) over which painted frames approach the next view"
    )
    tween: Literal["crossfade", "flow"] = Field("crossfade", description="method for in-betweens")
    output: Output = Output()


REFERENCE_PATH = ("grade", "color_reference")  # the setting that names an image to match colours to
