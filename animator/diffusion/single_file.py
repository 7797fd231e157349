"""Single-file SDXL checkpoints: the configs in their header, and the UNet's names in the original layout.

The original SDXL layout has diffusers' weights under the parameter names of the first release. `original_unet` is
the inverse of diffusers 0.42.1, `loaders/single_file_utils.py`: `convert_ldm_unet_checkpoint`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from safetensors import safe_open
from torch import Tensor

CONFIG_ENTRY = "animator.config"  # header entry: JSON of {relative path: text}

TEXT_SUFFIXES = (
    ".json",
    ".txt",
)  # allowed suffixes of config files: a restored folder must hold nothing executable


def embedded_config(file: Path, into: Path) -> Path | None:
    """Restore the configs in the header of `file` into the empty folder `into` and return it.

    Returns None if the header has no configs. Reads only the header, not the weights; `into` is created if
    missing. Raises ValueError for a header that is not one of ours (not JSON; a name outside
    `into`, or other than a .json or .txt file) and for a folder `into` that is not empty; nothing is written
    then. Raises SafetensorError if `file` is not a safetensors file.
    """
    with safe_open(file, framework="pt") as opened:
        header: dict[str, str] = opened.metadata() or {}
    if CONFIG_ENTRY not in header:
        return None
    texts = _parse_config_entry(header[CONFIG_ENTRY], file)
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise ValueError(f"{into}: not empty; the config of {file.name} needs a folder of its own")
    for name, text in texts.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return into


def _parse_config_entry(entry: str, file: Path) -> dict[str, bytes]:
    """Return the config texts of an untrusted header entry, by path, as UTF-8 bytes to preserve line ends.

    Raises ValueError for anything but texts under safe names.
    """
    texts = json.loads(entry)  # JSONDecodeError is a ValueError, and so is UnicodeEncodeError below
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{file}: {CONFIG_ENTRY} in the header must map file names to texts")
    for name in texts:
        below = any(str(parent) in texts for parent in PurePosixPath(name).parents)
        if below or not _is_safe_name(name):
            raise ValueError(f"{file}: {name!r} in its {CONFIG_ENTRY} is not a .json or .txt in a folder")
    return {name: text.encode() for name, text in texts.items()}


def _is_safe_name(name: str) -> bool:
    path = PurePosixPath(name)
    outside = path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts
    unwritable = any(sign in "\\\0" or "\ud800" <= sign <= "\udfff" for sign in name)
    strange = unwritable or name != path.as_posix() or path.suffix not in TEXT_SUFFIXES
    return not outside and not strange


Weights = Mapping[str, Tensor]  # parameter name -> values


UNET_PREFIX = "model.diffusion_model."


UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}

UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}

UNET_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}


BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")


def original_unet(weights: Weights, layers: int) -> dict[str, Tensor]:
    """Return the UNet's weights under their original names; `layers` is its `layers_per_block`.

    Raises ValueError for a parameter that has no original name.
    """
    attending = {name.split(".")[1] for name in weights if re.match(r"up_blocks\.\d+\.attentions\.", name)}
    return rename_weights(weights, UNET_PREFIX, lambda name: _unet_name(name, layers, attending))


def rename_weights(weights: Weights, prefix: str, rename: Callable[[str], str]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for name, values in weights.items():
        try:
            new = prefix + rename(name)
        except KeyError:
            raise ValueError(f"{name}: the original SDXL layout has no place for this parameter") from None
        if new in renamed:
            raise ValueError(f"{name}: its place, {new}, is taken; do config.json and weights agree?")
        renamed[new] = values
    return renamed


def _unet_name(name: str, layers: int, attending: set[str]) -> str:
    stem, _, kind = name.rpartition(".")
    if stem.startswith("mid_block."):
        _, part, index, rest = name.split(".", 3)
        return f"{UNET_MIDDLE[f'{part}.{index}']}.{_inner_name(part, rest)}"
    found = BLOCK.fullmatch(name)
    if found is None:
        return f"{UNET_ENDS[stem]}.{kind}"
    side, level, part, index, rest = found.groups()
    first = int(level) * (layers + 1)  # a level has one place per layer plus one, explained per side below
    if side == "down":  # place 0 is conv_in; the level's last place is its downsampler
        place = first + (layers if part == "downsamplers" else int(index)) + 1
        block = f"input_blocks.{place}"
    else:  # on the way up, a level has one layer more, and the upsampler shares the place of the last layer
        block = f"output_blocks.{first + (layers if part == 'upsamplers' else int(index))}"
    if part in ("downsamplers", "upsamplers"):
        sampler = {f"conv.{kind}": f"op.{kind}" if side == "down" else f"conv.{kind}"}[rest]
        return f"{block}.{2 if side == 'up' and level in attending else int(side == 'up')}.{sampler}"
    return f"{block}.{int(part == 'attentions')}.{_inner_name(part, rest)}"


def _inner_name(part: str, rest: str) -> str:
    if part == "attentions":
        return rest
    stem, _, kind = rest.rpartition(".")
    return f"{UNET_RESNET[stem]}.{kind}"
