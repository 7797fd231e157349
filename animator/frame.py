"""The shared nouns: everything decided about a frame, and what one frame leaves to the next.

The dataclasses of settings are their only definition: name, default, range and meaning are read from here by
the schedule file's schema, by the sampler of curves and by the documentation. Every field of them may be a
curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (height, width, 3), always RGB
Mask = NDArray[np.uint8]  # (height, width), 0 nothing … 255 all: whole numbers, so that both are exact
Matrix = NDArray[
    np.float64
]  # (3, 3), moves pixels (x, y, 1) from source to target; or (4, 4), a pose: see pose.py


def setting(default: Any, says: str, low: float = -inf, high: float = inf) -> Any:
    """A dataclass field with its meaning and the range low..high of its values."""
    return field(default=default, metadata={"says": says, "low": low, "high": high})


@dataclass(frozen=True, slots=True)
class Motion:
    """How the picture moves from the last frame to this one, seen as the picture moves, not the camera."""

    zoom: float = setting(1.0, "ratio per frame; 1.02 enlarges by 2 %", 0.1, 10.0)
    angle: float = setting(
        0.0, "degrees per frame, + turns the picture counter-clockwise", -36_000.0, 36_000.0
    )
    translation_x: float = setting(0.0, "pixels per frame, + moves the picture right", -10_000.0, 10_000.0)
    translation_y: float = setting(0.0, "pixels per frame, + moves the picture down", -10_000.0, 10_000.0)
    center_x: float = setting(
        0.5, "where zoom and angle have their centre, as a part of the width", -10.0, 10.0
    )
    center_y: float = setting(0.5, "the same, as a part of the height", -10.0, 10.0)
    translation_z: float = setting(
        0.0, "pixels per frame, + moves the picture nearer; enlarges by f/(f - z)", -10_000.0, 10_000.0
    )
    rotation_3d_x: float = setting(
        0.0, "degrees per frame the camera tilts, + moves the picture down", -36_000.0, 36_000.0
    )
    rotation_3d_y: float = setting(
        0.0, "degrees per frame the camera pans, + moves the picture left", -36_000.0, 36_000.0
    )
    rotation_3d_z: float = setting(
        0.0, "degrees per frame the camera rolls, + turns the picture counter-clockwise", -36_000.0, 36_000.0
    )
    orbit_x: float = setting(
        0.0,
        "degrees per frame the camera climbs round the pivot, + turns the front down",
        -36_000.0,
        36_000.0,
    )
    orbit_y: float = setting(
        0.0,
        "degrees per frame the camera goes right round the pivot, + turns the front left",
        -36_000.0,
        36_000.0,
    )


@dataclass(frozen=True, slots=True)
class Painting:
    """How SDXL paints this frame over the picture it starts from."""

    strength: float = setting(0.45, "0 keeps the picture, 1 ignores it (diffusers' strength)", 0.0, 1.0)
    guidance_scale: float = setting(
        6.0, "how closely the prompt is followed; 1 is without guidance", 0.0, 100.0
    )
    steps: int = setting(
        20, "of a full painting from noise; round(steps * strength) of them run, at least 1", 1, 1000
    )
    sampler: str = setting("Euler", "A1111's or diffusers' name of the sampler")
    schedule: str = setting("automatic", "how its steps are spaced, e.g. `karras` or `sgm_uniform`")
    eta: float = setting(0.0, "noise that DDIM and TCD add anew at each step; 0 is none", 0.0, 1.0)
    noise_multiplier: float = setting(
        1.0, "of the noise a picture is painted over with; a little more makes more detail", 0.5, 1.5
    )
    guidance_rescale: float = setting(
        0.0, "takes back the contrast that guidance adds; 0.7 suits v-prediction models", 0.0, 1.0
    )
    freeu: float = setting(
        0.0, "FreeU: more of the model's shapes, less of its noise, without training; 0 is off", 0.0, 1.0
    )
    hires: float = setting(
        0.3,
        "hires fix: how strongly what was laid out in the model's size is painted over in a larger film's; 0: at once",
        0.0,
        1.0,
    )
    clip_skip: int = setting(
        0, "layers of the text encoders left out, beyond the last one, which SDXL never reads", 0, 11
    )
    mask: str = setting("", "masks such as `!product & paper`: paints only there, by how much they are there")


@dataclass(frozen=True, slots=True)
class Grade:
    """What is done to the moved picture before it is painted over, and to the colours of the painting."""

    noise: float = setting(0.0, "fresh noise, standard deviation in parts of half the grey range", 0.0, 1.0)
    contrast: float = setting(1.0, "ratio around middle grey; clipped, never wrapped", 0.0, 10.0)
    sharpen: float = setting(0.0, "amount of unsharp masking; 0 is off", 0.0, 10.0)
    color_amount: float = setting(1.0, "how far colours are brought to the reference; 0 is off", 0.0, 1.0)
    palette_amount: float = setting(
        0.2, "how far each painting is pulled towards the palette; 0 is off", 0.0, 1.0
    )
    mask: str = setting(
        "", "masks: colour, contrast, sharpness and noise change only there; else painting.mask"
    )


@dataclass(frozen=True, slots=True)
class Lock:
    """What keeps the pixels of the picture the film began with, seen as the camera has moved since."""

    mask: str = setting("", "masks: what keeps the start picture's pixels, or the first painting's")
    strength: float = setting(1.0, "0 lets go, 1 keeps the very pixels", 0.0, 1.0)
    feather: float = setting(
        0.004,
        "over which it fades out around the mask: pixels from 1 on, below 1 a part of the width",
        0.0,
        1000.0,
    )


@dataclass(frozen=True, slots=True)
class Footage:
    """How much of a video there is in this frame: of its picture, and of its motion."""

    alpha: float = setting(
        1.0, "share of the video's picture in what is painted over: 1 is all, 0 none", 0.0, 1.0
    )
    mask: str = setting("", "masks: the video's picture comes in only there")
    motion_amount: float = setting(1.0, "how far the painting follows the video's motion; 0 is off", 0.0, 2.0)


@dataclass(frozen=True, slots=True)
class Control:
    """How much a ControlNet's hint guides the painting of this frame."""

    scale: float = setting(1.0, "how closely the hint is followed; 0 is without it, bit for bit", 0.0, 10.0)
    start: float = setting(0.0, "part of the painting's steps from which it guides", 0.0, 1.0)
    end: float = setting(1.0, "part of the painting's steps up to which it guides", 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much this frame's painting is to be like a picture."""

    scale: float = setting(0.6, "how much it is like the picture; 0 is without it, bit for bit", 0.0, 10.0)


@dataclass(frozen=True, slots=True)
class Detail:
    """Which parts of this frame's painting are painted once more, larger."""

    mask: str = setting("", "masks: each part of them is painted once more on its own")
    strength: float = setting(0.35, "with which a part is painted over; 0 leaves it", 0.0, 1.0)
    scale: float = setting(2.0, "how much larger a part is painted than it is shown", 1.0, 8.0)


@dataclass(frozen=True, slots=True)
class Upscale:
    """How this frame is made larger once it is painted."""

    strength: float = setting(
        0.3, "of a second pass, with which SDXL paints over the larger picture", 0.0, 1.0
    )


@dataclass(frozen=True, slots=True)
class Framing:
    """Which part of the picture a format of another shape shows; it never leaves the picture."""

    x: float = setting(0.5, "where its middle lies, as a part of the width", 0.0, 1.0)
    y: float = setting(0.5, "the same, as a part of the height", 0.0, 1.0)
    zoom: float = setting(1.0, "2 shows half as much, twice as large", 1.0, 20.0)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The words for a frame, and how far they have travelled to the next ones."""

    text: str = ""
    negative: str = ""
    next: str = ""  # what `text` is blending into; the same text when it is not
    weight: float = 0.0  # of `next`, 0..1
    blend: str = "linear"  # how the embeddings of both are mixed: linear or slerp


@dataclass(frozen=True, slots=True)
class Ahead:
    """The picture that the film is led to: a view, or in a closed loop the first painting."""

    frame: int = -1  # on which it stands; -1: there is none
    weight: float = 0.0  # of it in the picture that is painted over, 0..1


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything decided about one frame of the film; not its picture."""

    index: int  # from 0, in the whole film
    seed: int  # 0..2**32-1
    prompt: Prompt = Prompt()
    diffuse: bool = True  # painted by the model; otherwise only moved
    tween: float = (
        1.0  # weight of the painting after this frame in an in-between; 0 shows the one before alone
    )
    motion: Motion = Motion()
    painting: Painting = Painting()
    loras: Mapping[str, float] = field(default_factory=dict)  # adapter name → scale
    lora_blocks: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict
    )  # name → block → factor of it
    grade: Grade = Grade()
    lock: Lock = Lock()
    footage: Footage = Footage(alpha=0.0, motion_amount=0.0)  # a film without one
    control: Mapping[str, Control] = field(default_factory=dict)  # ControlNet name → how much it guides
    ip_adapter: Mapping[str, Likeness] = field(default_factory=dict)  # IP-Adapter name → how much it counts
    detail: Detail = Detail()
    upscale: Upscale = Upscale(strength=0.0)  # a film without a second pass
    shot: int = 0  # index of the frame its shot began with: what the camera has done is counted from there
    ahead: Ahead = Ahead()
    subseed: int = 1  # of the noise that the seed's is mixed with
    subseed_strength: float = 0.0  # how much of it, 0..1
    anchor: bool = False  # its painting is what colours are matched to from here on


Span = tuple[float, float]  # far and near end of what a depth estimate says of a picture, in its own units


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """All that one frame leaves to the next. Its pictures are the 8-bit ones written to disk."""

    shown: Image | None = None  # the finished picture of this frame
    painting: Image | None = None  # the last picture the model painted
    view: Matrix | None = None  # product of the motions since that painting; None: none yet
    reference: Image | None = None  # the first painting, or the last anchor: what colours are matched to
    index: int = 0  # of the frame that painting belongs to
    span: Span | None = None  # of that painting, where depth is estimated: the next one's keeps to it
    first: Image | None = None  # the first painting: what masks and the lock are taken from

    def moved(self, rest: Matrix) -> Matrix:
        """Where motion has taken the last painting: `rest` while there was none."""
        return rest if self.view is None else self.view

    def painted(self, painting: Image, frame: Frame, span: Span | None = None) -> State:
        """The state after `painting`, shown as it was painted; an anchor's becomes the reference of colours."""
        reference = painting if frame.anchor or self.reference is None else self.reference
        first = painting if self.first is None else self.first
        return State(painting, painting, None, reference, frame.index, span, first)

    def brought(self, bring: Callable[[Any], Any]) -> State:
        """The same state with its pictures brought somewhere else."""
        there = {name: getattr(self, name) for name in ("shown", "painting", "reference", "first")}
        pictures: dict[str, Any] = {n: bring(image) for n, image in there.items() if image is not None}
        return replace(self, **pictures)
