"""Settings for models: LoRAs, ControlNets, IP-Adapters, the refiner, and `model`'s VAE, memory and compilation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import SettingPath, quote_text, short_repr
from animator.frame import Control, IPAdapterScale
from animator.scene.fields import (
    CURVE_SCHEMA,
    FileRef,
    GuideImageFile,
    ModelFile,
    ModelFolder,
    ModelName,
    Number,
    OverTime,
    Section,
    VideoFile,
    check_curve,
    curve_section,
)

_BLOCK_NAME = re.compile(r"mid|text|(down|up)(_\d)?")


class LoraFile(Section):
    """File of one LoRA."""

    file: ModelFile = Field(
        description=".safetensors file, relative to the schedule file or absolute; or nano-few-steps, bundled"
    )


def split_scale(value: Any) -> tuple[Any, dict[str, Any]]:
    """Return a LoRA's scale, and its factors in single blocks; `0.8` is short for `{scale: 0.8}`."""
    if isinstance(value, dict) and value and set(value) <= {"scale", "blocks"}:
        return value.get("scale", 1.0), value.get("blocks", {})
    return value, {}


def _scale_parts(value: Any) -> Iterator[tuple[SettingPath, Any]]:
    """Yield path and value of the curves in a LoRA's scale."""
    scale, blocks = split_scale(value)
    yield () if scale is value else ("scale",), scale
    yield from ((("blocks", name), factor) for name, factor in blocks.items())


def _check_scale(value: Any) -> Any:
    scale, blocks = split_scale(value)
    check_curve(scale)
    if not isinstance(blocks, dict):
        raise ValueError(
            f"{short_repr(blocks)} is not a group of blocks such as {{down: 0.5, mid: 1, up: 0}}"
        )
    for name, item in blocks.items():
        if not _BLOCK_NAME.fullmatch(str(name)):
            raise ValueError(
                f"{name!r} is not a block; known: down, mid, up, text, and single ones: down_1, up_0"
            )
        check_curve(item)
    return value


_BLOCKS_SCHEMA = {"type": "object", "additionalProperties": CURVE_SCHEMA}

_SCALE_SCHEMA = {
    "type": "object",
    "properties": {"scale": CURVE_SCHEMA, "blocks": _BLOCKS_SCHEMA},
    "additionalProperties": False,
}

Scale = Annotated[
    Any,
    BeforeValidator(_check_scale),
    OverTime("curve", _scale_parts),
    WithJsonSchema({"anyOf": [*CURVE_SCHEMA["anyOf"], _SCALE_SCHEMA]}),
]


def declared_loras(data: Any) -> dict[str, Any]:
    """Return the entries of `model.loras` as written, including those with mistakes; {} if it is not a group."""
    for name in ("model", "loras"):
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


HINT_FILES = ("file", "video")

# Number of each kind of hint in a Union model: xinsir's ControlNet++, whose config counts 6 or 8 of them.
UNION_MODES = {
    "openpose": 0,
    "depth": 1,
    "scribble": 2,
    "canny": 3,
    "lineart": 3,
    "normal": 4,
    "segment": 5,
    "tile": 6,
}

HintKind = Literal["openpose", "depth", "scribble", "canny", "lineart", "normal", "segment", "tile"]


def _check_thresholds(value: Any) -> tuple[float, float]:
    numbers = isinstance(value, list | tuple) and len(value) == 2 and {type(x) for x in value} <= {int, float}
    if not numbers or not 0 <= value[0] <= value[1] <= 10_000:
        raise ValueError(
            f"{quote_text(value)} is not a pair of thresholds; "
            "write [low, high] with 0 <= low <= high, e.g. [100, 200]"
        )
    return float(value[0]), float(value[1])


_THRESHOLDS_SCHEMA = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

Thresholds = Annotated[Any, BeforeValidator(_check_thresholds), WithJsonSchema(_THRESHOLDS_SCHEMA)]


class ControlOptions(Section):
    """ControlNet settings that cannot change over time."""

    model: ModelName = Field(
        description="ControlNet for SDXL: hub id, diffusers folder or .safetensors file; "
        "or nano-shape, bundled, for nano and a 3D product"
    )
    hint: Literal["picture", "canny", "depth", "lineart", "openpose", "normal", "mask", "shape"] = Field(
        "picture",
        description="kind of hint made of the image; `picture` uses the image as it is; "
        "a 3D product gives depth, lineart, normal, mask and shape, the hint of nano-shape",
    )
    file: GuideImageFile | None = Field(
        None, description="image the hint is made of; default: the image that is painted over"
    )
    video: VideoFile | None = Field(
        None, description="video the hint is made of, at the time of each frame; instead of `file`"
    )
    follow: bool = Field(
        True, description="true: the image of `file` moves with the camera; false: it stays in place"
    )
    thresholds: Thresholds = Field(
        [100.0, 200.0], description="of canny: gradients above which an edge continues, and starts"
    )
    shows: HintKind | None = Field(
        None, description="for Union models: kind of a ready-made hint; default: that of `hint`"
    )

    @property
    def source(self) -> str:
        """Name of the setting in FILES that the hint is made of; "" for the image that is painted over."""
        return next((name for name in HINT_FILES if getattr(self, name) is not None), "")

    @property
    def mode(self) -> int | None:
        """Number of the hint's kind in a Union model, from MODES; None if unknown."""
        kind = self.shows or (self.hint if self.hint != "picture" else "tile" if not self.source else None)
        return None if kind is None else UNION_MODES.get(kind)


ControlCurves: Any = curve_section("ControlCurves", Control, ControlOptions)


class IPAdapterOptions(Section):
    """IP-Adapter settings that cannot change over time."""

    file: GuideImageFile = Field(description="image whose style or subject is painted")
    takes: Literal["whole", "style", "layout"] = Field(
        "whole",
        description="part of the image that is used: everything, its style, or the layout of its objects",
    )
    model: ModelFolder = Field(
        "h94/IP-Adapter", description="hub id or folder with the adapter and its image encoder"
    )
    weights: str = Field(
        "sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
        description="path of the adapter in `model`, a .safetensors file for SDXL",
    )
    encoder: str = Field(
        "models/image_encoder",
        description="folder in `model` with the image encoder that the adapter was made for",
    )


AdapterCurves: Any = curve_section("AdapterCurves", IPAdapterScale, IPAdapterOptions)


REFINER_BASE: SettingPath = ("model", "refiner", "base")


class Refiner(Section):
    """Model of the refiner, its share of the steps, and the frames it paints."""

    base: ModelFolder = Field(
        description="hub id or diffusers folder, e.g. stabilityai/stable-diffusion-xl-refiner-1.0"
    )
    at: Number = Field(
        0.8,
        ge=0.05,
        le=0.99,
        description="fraction of the noise after which it takes over from the base model",
    )
    paints: Literal["fresh", "every"] = Field(
        "fresh",
        description="fresh: only frames painted from noise, such as the first of a film; every: all of them",
    )


def expand_refiner(value: Any) -> Any:
    """Expand the short form: `refiner: some/refiner` means `refiner: {base: some/refiner}`."""
    return {"base": value} if isinstance(value, str) else value


SDXL_VAES = ("taesdxl", "fp16-fix")


def _expand_tiling(value: Any) -> Any:
    """Expand the short form: `tiling: true` means `tiling: both`."""
    return ("both" if value else "none") if isinstance(value, bool) else value


def _expand_switch(value: Any) -> Any:
    """Accept true and false for on and off, which YAML 1.1 writers use: `compile: on`."""
    return ("on" if value else "off") if isinstance(value, bool) else value


class RuntimeOptions(Section):
    """Settings of how the model runs."""

    vae: Annotated[str, FileRef("model", names=SDXL_VAES, hub=True, suffix=".safetensors")] | None = Field(
        None,
        description="another VAE: taesdxl (small and fast), fp16-fix, a hub id, a folder or a .safetensors file",
    )
    few_steps: Literal["auto", "none", "turbo", "lightning", "lcm", "hyper", "dmd2", "nano"] = Field(
        "auto",
        description="few-step kind of the model: gives sampler, schedule, steps and guidance their defaults",
    )
    prediction: Literal["auto", "epsilon", "v_prediction"] = Field(
        "auto", description="quantity that the model predicts; auto: as the checkpoint declares"
    )
    tiling: Annotated[Literal["none", "x", "y", "both"], BeforeValidator(_expand_tiling)] = Field(
        "none", description="axes along which opposite edges meet, for seamless textures; both, or true"
    )
    memory: Literal["auto", "fast", "balanced", "low"] = Field(
        "auto", description="GPU memory use: all networks at once, one network at a time, or less"
    )
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_expand_switch)] = Field(
        "auto",
        description="compile the UNet first: minutes, then faster frames; auto: on CUDA, for long films",
    )
