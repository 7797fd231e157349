"""Tensor names, shapes and parameter counts from the headers of .safetensors files, before any weights are loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from animator.errors import ModelError
from animator.models import nano
from animator.models.families import FAMILY_BY_TEXT_WIDTH, HUB_ID, SDXL_TEXT_WIDTH, SINGLE_ENCODER_WIDTHS

# Tensor names of a textual inversion for both text encoders: by kohya and ComfyUI, by diffusers.
INVERSION_KEYS = (("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1"))

_NETWORK_FILE = re.compile(
    r"(diffusion_pytorch_)?model[.-]"
)  # start of the names of a diffusers folder's weights

_TEXT_READERS = (
    "attn2.to_k.weight",
    "to_k_ip.weight",
)  # ends of the names of layers that read text embeddings

_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}  # of safetensors → of NumPy


class Header(NamedTuple):
    """The header of a .safetensors file: the shape of every tensor by name, and the texts of its trainer."""

    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str]


def read_header(file: Path) -> Header:
    """Return the header of a .safetensors file. Raises ModelError if there is none."""
    with _open(file) as opened:
        shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
        return Header(shapes, dict(opened.metadata() or {}))


def tensor_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in a .safetensors file, by name. Raises ModelError."""
    return read_header(file).shapes


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    """Open a .safetensors file, whose library allows headers of 100 MB and checks every offset. Raises ModelError."""
    try:
        if file.exists() and not file.is_file():  # opening a pipe would wait for its writer
            raise ValueError("it is not a regular file")
        with safe_open(file, framework="np") as opened:
            yield opened
    except (OSError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200].removeprefix("Error while deserializing header: ")
        raise ModelError(f"{file}: not a .safetensors file: {reason}") from error


def read_scalars(file: Path, names: Collection[str]) -> list[float]:
    """Return the first number of every floating-point tensor in `names`, in the file's order. Raises ModelError."""
    found = []
    with _open(file) as opened, file.open("rb") as stream:
        at = 8 + int.from_bytes(stream.read(8), "little")
        for name in opened.offset_keys():
            tensor = opened.get_slice(name)
            kind, count = tensor.get_dtype(), prod(tensor.get_shape())
            if name in names and kind in _FLOATS and count:
                stream.seek(at)
                number = np.frombuffer(stream.read(np.dtype(_FLOATS[kind]).itemsize), _FLOATS[kind])
                # NumPy has no bfloat16, but it is the upper half of a float32.
                found.append(
                    float((number if kind != "BF16" else (number.astype("<u4") << 16).view("<f4"))[0])
                )
            at += count * _bits(kind) // 8
    return found


def _bits(kind: str) -> int:
    """Return the size of a number of a safetensors type, such as BF16 or F8_E4M3, in bits."""
    digits = re.search(r"\d+", kind)
    return int(digits[0]) if digits else 8


def count_parameters(place: Path) -> int:
    """Return the number of parameters of one network, in a .safetensors file or a diffusers folder.

    Return 0 if a folder has no weights. A half-size variant beside the full weights is not counted twice;
    another network in the folder under its own name, such as promax beside Union, is not counted. Raises
    ModelError.
    """
    found = [file for file in place.glob("*.safetensors") if _NETWORK_FILE.match(file.name)]
    plain = [file for file in found if ".fp16" not in file.name]
    files = [place] if place.is_file() else plain or found
    return sum(prod(shape) for file in files for shape in tensor_shapes(file).values())


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config of a diffusers folder: a network's own, or that of a checkpoint's UNet; {} if missing."""
    for file in (folder / "config.json", folder / "unet" / "config.json"):
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def text_width(source: Path) -> int | None:
    """Return the width of the text embeddings that a network (folder or .safetensors file) reads; None if unknown."""
    try:
        if source.is_dir():
            width = read_config(source).get("cross_attention_dim")
            return width if isinstance(width, int) else None
        return _read_text_width(source, source.stat().st_mtime_ns)
    except (OSError, ValueError, ModelError):  # loading the model reports the reason
        return None


@lru_cache(maxsize=16)
def _read_text_width(file: Path, _time: int) -> int | None:
    found = {
        shape[1] for name, shape in tensor_shapes(file).items() if name.endswith(_TEXT_READERS) and shape[1:]
    }
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=1)
def _nano_text_width() -> int | None:
    """Return nano's text width, read once: every check of a schedule asks for it."""
    return text_width(nano.WEIGHTS)


def checkpoint_text_width(base: str, place: Path) -> int | None:
    """Return the width of the text embeddings that the checkpoint `base`, with files at `place`, reads, as above.

    A model on the hub is taken for SDXL.
    """
    if base == "nano":
        return _nano_text_width()
    try:
        there = place.exists()
    except (OSError, ValueError):  # the OS rejects the name
        there = False
    return SDXL_TEXT_WIDTH if not there and HUB_ID.fullmatch(base) else text_width(place)


def inversion_mismatch(file: Path) -> str | None:
    """Return the reason a textual inversion does not fit SDXL; None if it does. Raises ModelError."""
    found = tensor_shapes(file)
    if any(set(names) <= set(found) for names in INVERSION_KEYS):
        return None
    widths = [shape[-1] for shape in found.values() if shape and shape[-1] in SINGLE_ENCODER_WIDTHS]
    says = "it lacks vectors for both of SDXL's text encoders, 'clip_l' and 'clip_g'"
    return f"{says}; it is made for {FAMILY_BY_TEXT_WIDTH[widths[0]]}" if widths else says


def text_width_mismatch(width: int | None, wanted: int | None) -> str | None:
    """Return the reason a network for text embeddings of `width` does not fit a checkpoint of `wanted`, or None."""
    wanted = SDXL_TEXT_WIDTH if wanted is None else wanted
    if width is None or width == wanted:
        return None
    made = FAMILY_BY_TEXT_WIDTH[width] if width in SINGLE_ENCODER_WIDTHS else "another model"
    return f"made for {made}: it reads text embeddings {width} wide, this checkpoint's are {wanted}; use one for SDXL"


def channel_levels(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the number of channels on each level of a network, from its config; () if unknown."""
    found = config.get("block_out_channels")
    whole = isinstance(found, list | tuple) and all(isinstance(channels, int) for channels in found)
    return tuple(found) if found and whole else ()


def controlnet_signature(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parts of a UNet's config that a ControlNet must share: text width, channels of each level."""
    return (config.get("cross_attention_dim"), tuple(config.get("block_out_channels", ())))
