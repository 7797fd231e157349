"""Header reader, parameter counts.

Facts about models from file headers and configs, read before any weights are loaded. Needs no torch.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from pathlib import Path as FilePath
from typing import Any, BinaryIO, NamedTuple

from animator.errors import ModelError
from animator.models import nano

MAX_HEADER_BYTES = 100_000_000  # bytes of a .safetensors header; the format's own limit

SDXL_WIDTH = 2048  # of the text embeddings that SDXL reads; SD 1.5 reads 768, SD 2 1024

OTHER_FAMILIES = {768: "SD 1.5", 1024: "SD 2"}

# Tensor names of a textual inversion for both text encoders: by kohya and ComfyUI, by diffusers.
INVERSION_KEYS = (("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1"))

_NETWORK_FILE = re.compile(
    r"(diffusion_pytorch_)?model[.-]"
)  # start of the names of a diffusers folder's weights

PICKLED_WEIGHTS = (".ckpt", ".pt", ".pth", ".bin")  # pickles, which can run code


class Tensor(NamedTuple):
    """Name and shape of one tensor in a file."""

    name: str
    shape: tuple[int, ...]

    @property
    def parameter_count(self) -> int:
        return prod(self.shape)


def read_header(file: Path) -> Iterator[Tensor]:
    """Yield the tensors of a .safetensors file. Raises ValueError for other files, and OSError."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise ValueError(f"{file} is not a .safetensors file")
        header: Any = json.loads(opened.read(length))
    try:
        entries = [(name, entry["shape"]) for name, entry in header.items() if name != "__metadata__"]
        found = [Tensor(name, tuple(shape)) for name, shape in entries]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not a .safetensors file") from error
    yield from found


def count_parameters(place: Path) -> int:
    """Return the number of parameters of one network, in a .safetensors file or a diffusers folder.

    Return 0 if a folder has no weights. A half-size variant beside the full weights is not counted twice;
    another network in the folder under its own name, such as promax beside Union, is not counted. Raises
    ValueError and OSError as `read_header` does.
    """
    found = [file for file in place.glob("*.safetensors") if _NETWORK_FILE.match(file.name)]
    plain = [file for file in found if ".fp16" not in file.name]
    files = [place] if place.is_file() else plain or found
    return sum(tensor.parameter_count for file in files for tensor in read_header(file))


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
    if source.is_dir():
        width = read_config(source).get("cross_attention_dim")
        return width if isinstance(width, int) else None
    try:
        readers = ("attn2.to_k.weight", "to_k_ip.weight")
        return next(
            (tensor.shape[1] for tensor in read_header(source) if tensor.name.endswith(readers)),
            None,
        )
    except (OSError, ValueError, IndexError):
        return None


def inversion_mismatch(file: Path) -> str | None:
    """Return the reason a textual inversion does not fit SDXL; None if it does. Raises as `read_header` does."""
    found = {tensor.name: tensor.shape for tensor in read_header(file)}
    if any(set(names) <= set(found) for names in INVERSION_KEYS):
        return None
    made = next(
        (OTHER_FAMILIES[shape[-1]] for shape in found.values() if shape and shape[-1] in OTHER_FAMILIES), None
    )
    says = "it lacks vectors for both of SDXL's text encoders, 'clip_l' and 'clip_g'"
    return says if made is None else f"{says}; it is made for {made}"


def text_width_mismatch(width: int | None, wanted: int | None) -> str | None:
    """Return the reason a network for text embeddings of `width` does not fit a checkpoint of `wanted`, or None."""
    wanted = SDXL_WIDTH if wanted is None else wanted
    if width is None or width == wanted:
        return None
    made = f"made for {OTHER_FAMILIES[width]}" if width in OTHER_FAMILIES else "made for another model"
    return f"{made}: it reads text embeddings {width} wide, this checkpoint's are {wanted}; use one for SDXL"


def channel_levels(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the number of channels on each level of a network, from its config; () if unknown."""
    found = config.get("block_out_channels")
    whole = isinstance(found, list | tuple) and all(isinstance(channels, int) for channels in found)
    return tuple(found) if found and whole else ()


def controlnet_signature(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parts of a UNet's config that a ControlNet must share: text width, channels of each level."""
    return (config.get("cross_attention_dim"), tuple(config.get("block_out_channels", ())))


MAX_HEADER = 100_000_000  # bytes; the safetensors format itself allows no more


def tensor_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in a .safetensors file, by name. Raises ModelError."""
    try:
        with file.open("rb") as stream:
            header = _parse_header(stream, file.stat().st_size)[1]
    except (OSError, ValueError, RecursionError, struct.error) as error:
        raise ModelError(f"{file}: not a .safetensors file: {error}") from error
    return {name: _entry_shape(entry) for name, entry in header.items() if name != "__metadata__"}


def _parse_header(stream: BinaryIO, size: int) -> tuple[int, dict[str, Any]]:
    """Return the offset in bytes of the tensors, and the header. Raises ValueError."""
    if size < 8:
        raise ValueError("it is too short for a header")
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > min(MAX_HEADER, size):
        raise ValueError(f"its header would be {length:,} bytes long")
    header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not a list of tensors")
    return 8 + length, header


def _entry_shape(entry: Any) -> tuple[int, ...]:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    return tuple(side for side in shape if isinstance(side, int)) if isinstance(shape, list) else ()


SDXL_TEXT_WIDTH = 2048  # width of the text embeddings that SDXL's cross attention reads

_CROSS_ATTENTION = re.compile(
    r"(model\.diffusion_model\.|^unet\.|^)(input_blocks|down_blocks).*attn2\.to_k\.weight$"
)


def checkpoint_text_width(base: str, place: FilePath) -> int | None:
    """Return the width of the text embeddings that a model reads, from its config or header; None if unknown."""
    if base == "nano":
        place = nano.WEIGHTS
    try:
        stamp = (place / "unet" / "config.json" if place.is_dir() else place).stat().st_mtime_ns
    except (OSError, ValueError):  # a missing file, or a name that the OS rejects
        return SDXL_TEXT_WIDTH if re.fullmatch(r"[\w.-]+/[\w.-]+", base) else None  # a hub id
    return _read_text_width(place, stamp)


@lru_cache(maxsize=16)
def _read_text_width(place: FilePath, _time: int) -> int | None:
    try:
        if place.is_dir():
            config = json.loads((place / "unet" / "config.json").read_text(encoding="utf8"))
            width = config.get("cross_attention_dim")
            return width if isinstance(width, int) else None
        found = {
            shape[-1]
            for name, shape in tensor_shapes(place).items()
            if shape and _CROSS_ATTENTION.search(name)
        }
        return next(iter(found)) if len(found) == 1 else None
    except (OSError, ValueError, AttributeError, RecursionError, ModelError):
        return None  # loading the model reports the reason
