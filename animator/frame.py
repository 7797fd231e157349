"""Data shared by all layers: the settings of one frame, and the state that one frame leaves to the next.

Each setting is defined here alone: the schema of schedule files, the sampling of curves and the documentation
read its name, default, range and meaning from these dataclasses. Fields made by `setting` may be curves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (height, width, 3), always RGB
Mask = NDArray[np.uint8]  # (height, width), 0 outside … 255 inside: integers, so that both are exact
# (3, 3): moves pixels (x, y, 1) from source to target. (4, 4): a pose of the camera in space.
Matrix = NDArray[np.float64]


def setting(default: Any, help: str, low: float = -inf, high: float = inf) -> Any:
    """Return a dataclass field with its default, its meaning for the documentation, and its range low..high."""
    return field(default=default, metadata={"says": help, "low": low, "high": high})


def rate(default: float, help: str, low: float, high: float) -> Any:
    """Return a `setting` of change per frame, which adds up over a film; its total may be given instead of a curve.

    Rates of default 0 add up to their sum; ratios, of default 1, to their product.
    """
    made = setting(default, help, low, high)
    return field(default=default, metadata={**made.metadata, "total": "product" if default == 1 else "sum"})


def setting_fields(section: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass that are made by `setting` or `rate`."""
    return [item for item in fields(section) if "says" in item.metadata]


def by_name(section: type) -> Any:
    """Return a field of a frame that holds any number of `section`, by name; its default is none."""
    return field(default_factory=dict, metadata={"section": section})


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion of the image from the last frame to this one; directions are the image's, not the camera's."""

    zoom: float = rate(1.0, "ratio per frame; 1.02 enlarges by 2 %", 0.1, 10.0)
    angle: float = rate(0.0, "degrees per frame, + turns the image counter-clockwise", -36_000.0, 36_000.0)
    translation_x: float = rate(0.0, "pixels per frame, + moves the image right", -10_000.0, 10_000.0)
    translation_y: float = rate(0.0, "pixels per frame, + moves the image down", -10_000.0, 10_000.0)
    center_x: float = setting(0.5, "centre of zoom and angle, as a fraction of the width", -10.0, 10.0)
    center_y: float = setting(0.5, "centre of zoom and angle, as a fraction of the height", -10.0, 10.0)
    translation_z: float = rate(
        0.0, "pixels per frame, + moves the image nearer; enlarges by f/(f - z)", -10_000.0, 10_000.0
    )
    rotation_3d_x: float = rate(
        0.0, "degrees per frame the camera tilts, + moves the image down", -36_000.0, 36_000.0
    )
    rotation_3d_y: float = rate(
        0.0, "degrees per frame the camera pans, + moves the image left", -36_000.0, 36_000.0
    )
    rotation_3d_z: float = rate(
        0.0, "degrees per frame the camera rolls, + turns the image counter-clockwise", -36_000.0, 36_000.0
    )
    orbit_x: float = rate(
        0.0,
        "degrees per frame the camera orbits upwards around the pivot, + turns the front down",
        -36_000.0,
        36_000.0,
    )
    orbit_y: float = rate(
        0.0,
        "degrees per frame the camera orbits to the right around the pivot, + turns the front left",
        -36_000.0,
        36_000.0,
    )
    # Horizontal field of view in degrees at this frame and at the one before it, in a film in which it changes.
    fov: float | None = None
    fov_before: float | None = None


@dataclass(frozen=True, slots=True)
class Painting:
    """Settings of the painting pass, in which SDXL paints over the image that the frame starts from."""

    strength: float = setting(0.45, "0 keeps the image, 1 ignores it (diffusers' strength)", 0.0, 1.0)
    guidance_scale: float = setting(
        6.0, "how closely the prompt is followed; 1 turns guidance off", 0.0, 100.0
    )
    steps: int = setting(
        20, "steps of a full painting from noise; round(steps * strength) of them run, at least 1", 1, 1000
    )
    sampler: str = setting("Euler", "name of the sampler in A1111 or diffusers")
    schedule: str = setting("automatic", "spacing of the sampler's steps, e.g. `karras` or `sgm_uniform`")
    eta: float = setting(0.0, "fresh noise that DDIM and TCD add at each step; 0 adds none", 0.0, 1.0)
    noise_multiplier: float = setting(
        1.0,
        "factor of the noise added to the image that is painted over; slightly above 1 gives more detail",
        0.5,
        1.5,
    )
    guidance_rescale: float = setting(
        0.0, "reduces the contrast that guidance adds; 0.7 suits v-prediction models", 0.0, 1.0
    )
    freeu: float = setting(
        0.0,
        "amount of FreeU, which strengthens shapes and weakens noise without training; 0 is off",
        0.0,
        1.0,
    )
    hires: float = setting(
        0.3,
        "hires fix for films larger than the model's size: strength of the second pass; 0: a single pass",
        0.0,
        1.0,
    )
    clip_skip: int = setting(
        0, "last layers of the text encoders to skip, besides the very last, which SDXL never uses", 0, 11
    )
    mask: str = setting(
        "", "masks such as `!product & paper`: paints only inside them, in proportion to their grey"
    )


@dataclass(frozen=True, slots=True)
class Grade:
    """Changes to the warped image before it is painted over, and to the colours of the painted frame."""

    noise: float = setting(
        0.0, "fresh noise; standard deviation as a fraction of half the grey range", 0.0, 1.0
    )
    contrast: float = setting(
        1.0, "contrast ratio around middle grey; values are clipped, never wrapped", 0.0, 10.0
    )
    sharpen: float = setting(0.0, "amount of unsharp masking; 0 is off", 0.0, 10.0)
    color_amount: float = setting(1.0, "how far colours are moved towards the reference; 0 is off", 0.0, 1.0)
    palette_amount: float = setting(
        0.2, "how far each painted frame is pulled towards the palette; 0 is off", 0.0, 1.0
    )
    mask: str = setting(
        "", "masks: colour, contrast, sharpness and noise change only inside; default: painting.mask"
    )


@dataclass(frozen=True, slots=True)
class Lock:
    """Region that keeps the pixels of the film's first image, moved along with the camera."""

    mask: str = setting(
        "", "masks: the region that keeps the pixels of the start image, or else of the first painted frame"
    )
    strength: float = setting(1.0, "0 releases the region, 1 keeps its exact pixels", 0.0, 1.0)
    feather: float = setting(
        0.004,
        "width of the fade around the mask: in pixels from 1 on, below 1 a fraction of the image's width",
        0.0,
        1000.0,
    )


@dataclass(frozen=True, slots=True)
class Footage:
    """Share of a video in this frame: of its image, and of its motion."""

    alpha: float = setting(
        1.0, "share of the video's image in the image that is painted over: 1 is all, 0 none", 0.0, 1.0
    )
    mask: str = setting("", "masks: the video's image is added only inside them")
    motion_amount: float = setting(
        1.0, "how far the painted frame follows the video's motion; 0 is off", 0.0, 2.0
    )


@dataclass(frozen=True, slots=True)
class Control:
    """Influence of one ControlNet on the painting pass of this frame."""

    scale: float = setting(
        1.0, "how closely the hint is followed; 0 paints as without the ControlNet, bit for bit", 0.0, 10.0
    )
    start: float = setting(0.0, "fraction of the steps after which it begins to guide", 0.0, 1.0)
    end: float = setting(1.0, "fraction of the steps after which it no longer guides", 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class IPAdapterScale:
    """Influence of one IP-Adapter's image on the painting pass of this frame."""

    scale: float = setting(
        0.6, "how closely the image is followed; 0 paints as without the IP-Adapter, bit for bit", 0.0, 10.0
    )


@dataclass(frozen=True, slots=True)
class Detail:
    """Parts of this painted frame that are painted once more at a larger size."""

    mask: str = setting("", "masks: each separate part of them is painted once more on its own")
    strength: float = setting(
        0.35, "strength with which a part is painted over; 0 leaves it as it is", 0.0, 1.0
    )
    scale: float = setting(2.0, "how much larger than in the frame a part is painted", 1.0, 8.0)


@dataclass(frozen=True, slots=True)
class Upscale:
    """Enlargement of this frame after it is painted."""

    strength: float = setting(
        0.3, "strength of the second pass, in which SDXL paints over the enlarged image", 0.0, 1.0
    )


@dataclass(frozen=True, slots=True)
class ProductFrame:
    """Appearance of the 3D product in this frame."""

    lines: float = setting(
        0.0, "pencil lines along outlines, creases and borders of parts; 0 is off", 0.0, 1.0
    )
    hatching: float = setting(
        0.0, "pencil hatching where the product and its floor lie in shade; 0 is off", 0.0, 1.0
    )
    color: float = setting(1.0, "the product's colours; 0 leaves the colour of the paper", 0.0, 1.0)
    shade: float = setting(1.0, "light and shade on the product; 0 leaves its colours flat", 0.0, 1.0)
    light: float = setting(1.0, "brightness of the studio's lamps; 0.4 suits a night", 0.0, 2.0)
    gloss: float = setting(0.6, "reflections of soft boxes and of the background; 0 is matt", 0.0, 2.0)
    shadow: float = setting(1.0, "the product's shadow on the floor; 0 is off", 0.0, 1.0)
    reflection: float = setting(0.0, "the product's reflection in the floor; 0 is off", 0.0, 1.0)
    explode: float = setting(
        0.0, "distance over which the parts are moved apart along `axis`, in sizes of the product", 0.0, 5.0
    )
    bound: float = setting(
        0.2,
        "largest difference of the paint from its part's colour; 0.1 is about 10 % of light, 4 all",
        0.0,
        4.0,
    )
    material: float = setting(
        0.3, "share of the model's own colours in the parts' colours; 0 is the paint alone", 0.0, 1.0
    )


@dataclass(frozen=True, slots=True)
class Framing:
    """Crop of this frame for an output of another shape; it always lies inside the image."""

    x: float = setting(0.5, "centre of the crop, as a fraction of the width", 0.0, 1.0)
    y: float = setting(0.5, "centre of the crop, as a fraction of the height", 0.0, 1.0)
    zoom: float = setting(1.0, "2 shows half the width and height, twice as large", 1.0, 20.0)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Prompt text of a frame, and how far it has blended into the next prompt."""

    text: str = ""
    negative: str = ""
    next: str = ""  # the text that `text` blends into; equal to `text` outside a blend
    weight: float = 0.0  # of `next`, 0..1
    blend: str = "linear"  # interpolation of the two embeddings: linear or slerp


@dataclass(frozen=True, slots=True)
class ViewTarget:
    """Upcoming image that the film is guided to: a view, or in a closed loop the first painted frame."""

    frame: int = -1  # index of the frame it belongs to; -1: no such image
    weight: float = 0.0  # its share in the image that is painted over, 0..1


@dataclass(frozen=True, slots=True)
class Frame:
    """All settings of one frame of the film. They are computed before the first frame is painted."""

    index: int  # from 0, in the whole film
    seed: int  # 0..2**32-1
    prompt: Prompt = Prompt()
    diffuse: bool = True  # painted by the model; False: an in-between, which is only warped
    tween: float = 1.0  # of an in-between: weight of the next painted frame; 0 is the previous one alone
    motion: Motion = Motion()
    painting: Painting = Painting()
    loras: Mapping[str, float] = field(default_factory=dict)  # adapter name → scale
    # adapter name → UNet block → factor of the adapter's scale in that block
    lora_blocks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    grade: Grade = Grade()
    stages: Mapping[str, Any] = field(
        default_factory=dict
    )  # plug-in stage → its dataclass with this frame's values
    lock: Lock = Lock()
    footage: Footage = Footage(alpha=0.0, motion_amount=0.0)  # default: no footage
    control: Mapping[str, Control] = by_name(Control)  # ControlNet name → its influence
    ip_adapter: Mapping[str, IPAdapterScale] = by_name(IPAdapterScale)  # IP-Adapter name → its influence
    detail: Detail = Detail()
    upscale: Upscale = Upscale(strength=0.0)  # default: no second pass
    shot: int = 0  # index of the first frame of its shot; the camera's path is counted from there
    ahead: ViewTarget = ViewTarget()
    subseed: int = 1  # seed of a second noise that is mixed into the first
    subseed_strength: float = 0.0  # share of the second noise, 0..1
    anchor: bool = False  # True: later frames are matched to the colours of this one
    product: ProductFrame | None = None  # appearance of the 3D product; None: the film has none


def frame_values(frame: Frame) -> dict[str, Any]:
    """Return the settings of `frame` as nested plain data; `stages` and `product` only if the film has any."""
    values = {**asdict(frame), "motion": motion_values(frame.motion)}
    for name in ("stages", "product"):
        if not values[name]:
            del values[name]
    return values


def motion_values(motion: Motion) -> dict[str, Any]:
    """Return the values of `motion` as plain data; the field of view at its end only where that changes."""
    values = asdict(motion)
    del values["fov_before"]
    if motion.fov is None:
        del values["fov"]
    return values


def frame_sections(frame: type[Frame]) -> dict[str, type]:
    """Return the fields of a class of frames that hold a section of settings, each with the class of the section."""
    found: dict[str, Any] = {f.name: type(f.default) for f in fields(frame) if is_dataclass(f.default)}
    return {name: kind for name, kind in found.items() if setting_fields(kind)}


def named_sections(frame: type[Frame]) -> dict[str, type]:
    """Return the fields of a class of frames that hold sections by name, such as `control`, each with their class."""
    return {item.name: item.metadata["section"] for item in fields(frame) if "section" in item.metadata}


DepthRange = tuple[
    float, float
]  # far and near end of an image's estimated depth, in the estimator's own units


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything one frame leaves to the next. Its images are exactly the 8-bit ones written to disk."""

    shown: Image | None = None  # the finished image of this frame
    painting: Image | None = None  # the last image the model painted
    view: Matrix | None = None  # product of the motions since `painting`; None: no motion yet
    reference: Image | None = None  # the first painted frame, or the last anchor: source of the colours
    index: int = 0  # index of the frame that `painting` belongs to
    span: DepthRange | None = (
        None  # depth range of `painting` if depth is estimated; later estimates keep to it
    )
    first: Image | None = None  # the first painted frame: source of masks and of the lock

    def moved(self, default: Matrix) -> Matrix:
        """Return the motion since the last painted frame; `default`, the identity, if there was none."""
        return default if self.view is None else self.view

    def painted(self, painting: Image, frame: Frame, span: DepthRange | None = None) -> State:
        """Return the state after `painting`, the image of `frame`; an anchor's image becomes the colour reference."""
        reference = painting if frame.anchor or self.reference is None else self.reference
        first = painting if self.first is None else self.first
        return State(painting, painting, None, reference, frame.index, span, first)

    def brought(self, convert: Callable[[Any], Any]) -> State:
        """Return the state with `convert` applied to each of its images, such as a copy to another device."""
        there = {name: getattr(self, name) for name in ("shown", "painting", "reference", "first")}
        images: dict[str, Any] = {n: convert(image) for n, image in there.items() if image is not None}
        return replace(self, **images)
