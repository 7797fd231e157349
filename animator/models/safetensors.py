"""What model files and folders say of themselves before gigabytes are loaded. Knows no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 100_000_000  # bytes of a .safetensors file's header; safetensors' own limit
SDXL_WIDTH = 2048  # of the text that SDXL's networks read; SD 1.5's read 768, SD 2's 1024
KINDS = {768: "SD 1.5", 1024: "SD 2"}
# Whose names a textual inversion's vectors for the first and the second encoder have: kohya and ComfyUI, diffusers.
ENCODERS = (("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1"))
_NETWORK = re.compile(r"(diffusion_pytorch_)?model[.-]")  # how the files of a folder's own network begin
WEIGHTS = (".ckpt", ".pt", ".pth", ".bin")  # pickles, which can run code


class Tensor(NamedTuple):
    """One tensor of a file."""

    name: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return prod(self.shape)


def tensors(file: Path) -> Iterator[Tensor]:
    """The tensors of a .safetensors file. Raises ValueError where it is none, OSError from the disk."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= LONGEST:
            raise ValueError(f"{file} is no .safetensors file")
        header: Any = json.loads(opened.read(length))
    try:
        entries = [(name, entry["shape"]) for name, entry in header.items() if name != "__metadata__"]
        found = [Tensor(name, tuple(shape)) for name, shape in entries]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is no .safetensors file") from error
    yield from found


def numbers(place: Path) -> int:
    """How many numbers the weights of one network have: a .safetensors file, or a folder as diffusers keeps them.

    0 where a folder has none. A half-size variant beside the full one is the same network; another one that lies
    there by a name of its own, as promax beside Union, does not count. Raises ValueError, OSError as `tensors` does.
    """
    found = [file for file in place.glob("*.safetensors") if _NETWORK.match(file.name)]
    plain = [file for file in found if ".fp16" not in file.name]
    files = [place] if place.is_file() else plain or found
    return sum(tensor.numbers for file in files for tensor in tensors(file))


def config(folder: Path) -> dict[str, Any]:
    """The config in a diffusers folder: a network's own, or that of a checkpoint's UNet; {} where there is none."""
    for file in (folder / "config.json", folder / "unet" / "config.json"):
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def text_width(source: Path) -> int | None:
    """How wide the text is that the network in a folder or a .safetensors file reads; None where it does not say."""
    if source.is_dir():
        width = config(source).get("cross_attention_dim")
        return width if isinstance(width, int) else None
    try:
        readers = ("attn2.to_k.weight", "to_k_ip.weight")
        return next(
            (tensor.shape[1] for tensor in tensors(source) if tensor.name.endswith(readers)),
            None,
        )
    except (OSError, ValueError, IndexError):
        return None


def unheard(file: Path) -> str | None:
    """Why a textual inversion's file does not go with SDXL; None where it does. Raises as `tensors` does."""
    found = {tensor.name: tensor.shape for tensor in tensors(file)}
    if any(set(names) <= set(found) for names in ENCODERS):
        return None
    made = next((KINDS[shape[-1]] for shape in found.values() if shape and shape[-1] in KINDS), None)
    says = "no vectors for both of SDXL's encoders, 'clip_l' and 'clip_g'"
    return says if made is None else f"{says}: it is made for {made}"


def misfit(width: int | None, wanted: int | None) -> str | None:
    """Why a network that reads text of `width` does not go with a checkpoint of `wanted`; None where it does."""
    wanted = SDXL_WIDTH if wanted is None else wanted
    if width is None or width == wanted:
        return None
    made = f"made for {KINDS[width]}" if width in KINDS else "made for another model"
    return f"{made}: it reads text {width} wide, this checkpoint's is {wanted}; take one for SDXL"


def levels(config: Mapping[str, Any]) -> tuple[int, ...]:
    """How many channels each level of a network has, by its config; () where it does not say."""
    found = config.get("block_out_channels")
    whole = isinstance(found, list | tuple) and all(isinstance(channels, int) for channels in found)
    return tuple(found) if found and whole else ()


def size_of(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of a UNet's config a ControlNet must share."""
    return (config.get("cross_attention_dim"), tuple(config.get("block_out_channels", ())))
