"""Settings of the product as a 3D model: its file, its place before the camera, its parts, and its key paintings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import SettingPath, short_repr
from animator.frame import ProductFrame
from animator.scene.fields import FileRef, Number, Section, curve_section
from animator.scene.settings_images import Color

PRODUCT_MODEL: SettingPath = ("product", "model")

MOST_KEYS = 36

Axis = Literal["x", "-x", "y", "-y", "z", "-z"]


def _check_keys(value: Any) -> Any:
    """Return the number of key paintings, or "auto"."""
    if value == "auto" or (
        isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_KEYS
    ):
        return value
    raise ValueError(f"{short_repr(value)} is not a number of key paintings; write auto, or 1 to {MOST_KEYS}")


Keys = Annotated[
    Any,
    BeforeValidator(_check_keys),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": MOST_KEYS}]}),
]


def _check_place(value: Any) -> tuple[float, float]:
    """Return a place in the frame, [x, y]."""
    pair: Any = value if isinstance(value, list | tuple) and len(value) == 2 else (None, None)
    if all(type(part) in (int, float) and -1 <= part <= 2 for part in pair):
        return float(pair[0]), float(pair[1])
    raise ValueError(f"{short_repr(value)} is not a place; write [0.5, 0.5] for the middle of the frame")


_PLACE_SCHEMA = {"type": "array", "items": {"type": "number", "minimum": -1, "maximum": 2}, "minItems": 2}

FramePlace = Annotated[Any, BeforeValidator(_check_place), WithJsonSchema({**_PLACE_SCHEMA, "maxItems": 2})]


def _check_seeds(value: Any) -> dict[str, int]:
    """Return the seeds of single key paintings, by number."""
    for number, seed in value.items() if isinstance(value, dict) else [(value, None)]:
        if not (str(number).isdecimal() and type(seed) is int and 0 <= seed < 2**32):
            raise ValueError(
                f"{short_repr(value)} is not a list of seeds; write {{3: 11}}: key 3 gets seed 11"
            )
    return {str(number): seed for number, seed in value.items()}


KeySeeds = Annotated[
    Any,
    BeforeValidator(_check_seeds),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}),
]


class PartOptions(Section):
    """Appearance of one part of the product, by its name in the model."""

    color: Color | None = Field(None, description="its colour; default: that of the words, or of the model")
    metallic: Number | None = Field(None, ge=0, le=1, description="1 for metal; default: the model's")
    roughness: Number | None = Field(
        None, ge=0, le=1, description="0 polished to 1 matt; default: the model's"
    )


def _expand_part(value: Any) -> Any:
    """Expand the short form: `lid: "#c02020"` means `lid: {color: "#c02020"}`."""
    return {"color": value} if isinstance(value, str) else value


class ProductOptions(Section):
    """Product settings that cannot change over time."""

    model: Annotated[str, FileRef("shape")] = Field(
        description="3D model: .glb, .gltf, .obj, .stl, .ply, .step, or the name of a bundled one"
    )
    up: Axis | None = Field(None, description="axis of the file that points up; default: its format's")
    front: Axis | None = Field(None, description="axis of the file that the product's front faces")
    units: Literal["mm", "cm", "m", "in"] | None = Field(None, description="unit of the file's lengths")
    fit: Number = Field(
        0.72,
        gt=0,
        le=4,
        description="larger side of the product as a share of the frame's, where it looks largest in the film",
    )
    place: FramePlace = Field(
        (0.5, 0.5), description="[x, y] of its middle, as fractions of the width and the height"
    )
    azimuth: Number = Field(
        0.0, ge=-360, le=360, description="degrees to the right of its front at which the film begins"
    )
    elevation: Number = Field(
        12.0, ge=-90, le=90, description="degrees above the horizontal at which the film begins"
    )
    floor: bool = Field(True, description="true: it stands on a floor and casts a shadow there")
    light: Literal["turns", "stands"] = Field(
        "turns", description="the light turns with the camera, as if the product turned, or stands still"
    )
    axis: Literal["x", "y", "z"] = Field(
        "y",
        description="axis along which `explode` moves the parts: x across, y upright, z from front to back",
    )
    keys: Keys = Field(
        "auto",
        description="number of key paintings of each style; auto: as many as show all of the visible surface",
    )
    seeds: KeySeeds = Field(
        default_factory=dict,
        description="number of a key painting on the sheet of `animator keys` → its own seed",
    )
    parts: dict[str, Annotated[PartOptions, BeforeValidator(_expand_part)]] = Field(
        default_factory=dict, description="name of a part → its own colour and material"
    )


ProductCurves: Any = curve_section("ProductCurves", ProductFrame, ProductOptions)


def expand_product(value: Any) -> Any:
    """Expand the short form: `product: scooter.glb` means `product: {model: scooter.glb}`."""
    return {"model": value} if isinstance(value, str) else value
