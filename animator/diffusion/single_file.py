"""Single-file SDXL checkpoints: a diffusers folder written in the original layout, with its configs in the header.

The renaming is the inverse of diffusers 0.42.1, `loaders/single_file_utils.py`: `convert_ldm_unet_checkpoint`,
`convert_ldm_vae_checkpoint` and `convert_open_clip_checkpoint`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

CONFIG_ENTRY = "animator.config"  # header entry: JSON of {relative path: text}

TEXT_SUFFIXES = (
    ".json",
    ".txt",
)  # allowed suffixes of config files: a restored folder must hold nothing executable

NETWORKS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}


def write_single_file(folder: Path, file: Path) -> Path:
    """Write the SDXL checkpoint in `folder` (diffusers layout, safetensors) to `file` and return it.

    Weights keep their dtype and every bit; diffusers reads them back with
    `StableDiffusionXLPipeline.from_single_file(str(file), config=str(folder), local_files_only=True)`.
    The header holds the folder's configs and tokenizers; `embedded_config` restores them.
    The same folder gives the same bytes. `file` appears only when complete, with mode 644.

    Raises ValueError if the folder is not a complete SDXL checkpoint, or has a shape that the original
    layout cannot express; OSError from the disk.
    """
    weights = _original_weights(folder)
    # A single entry, because safetensors writes several entries in an order that varies between runs.
    header = {CONFIG_ENTRY: json.dumps(_read_texts(folder), ensure_ascii=False, sort_keys=True)}
    draft = file.with_name(f".{file.name}.draft")
    try:
        save_file(weights, draft, metadata=header)
        draft.chmod(0o644)  # safetensors leaves mode 600, which other users cannot read
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def embedded_config(file: Path, into: Path) -> Path | None:
    """Restore the configs in the header of `file` into the empty folder `into` and return it.

    Returns None if the header has no configs. Reads only the header, not the weights; `into` is created if
    missing. Raises ValueError for a header that `write_single_file` did not write (not JSON; a name outside
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


def _original_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of all four networks in `folder` under their original names. Raises ValueError."""
    if not (folder / "model_index.json").is_file():
        raise ValueError(f"{folder}: not a diffusers checkpoint, it has no model_index.json")
    layers = _read_network_config(folder / "unet")["layers_per_block"]
    if not isinstance(layers, int):
        raise ValueError(f"{folder / 'unet'}: layers_per_block is {layers}; one number is needed")
    parts = {name: _read_network_weights(folder / name, stem) for name, stem in NETWORKS.items()}
    width, width_2 = (
        _read_network_config(folder / name)["hidden_size"] for name in ("text_encoder", "text_encoder_2")
    )
    if width == width_2:
        # diffusers distinguishes the two encoders by width alone; with equal widths it silently loads the
        # first twice.
        raise ValueError(f"{folder}: both text encoders are {width} wide; give them different hidden_size")
    return {
        **original_unet(parts["unet"], layers),
        **original_vae(parts["vae"], len(_read_network_config(folder / "vae")["down_block_types"])),
        **original_clip(parts["text_encoder"]),
        **original_open_clip(parts["text_encoder_2"]),
    }


def _read_network_config(part: Path) -> dict[str, Any]:
    path = part / "config.json"
    if not path.is_file():
        raise ValueError(f"{part.parent}: not a whole SDXL checkpoint, it has no {part.name}/config.json")
    config: dict[str, Any] = json.loads(path.read_bytes())
    return config


def _read_network_weights(part: Path, stem: str) -> dict[str, Tensor]:
    """Return all tensors of one network, from one file or from the shards listed in its index. Raises ValueError."""
    index = part / f"{stem}.safetensors.index.json"
    names = {f"{stem}.safetensors"}
    if index.is_file():
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    weights: dict[str, Tensor] = {}
    for name in sorted(names):
        if not (part / name).is_file():
            raise ValueError(f"{part}: no {name}; .bin files and fp16 variants are not read")
        weights |= load_file(part / name)
    return weights


def _read_texts(folder: Path) -> dict[str, str]:
    """Return the text of every config and tokenizer file by its path inside `folder`."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix(): (folder / path).read_bytes().decode()
        for path in files
        if path.suffix in TEXT_SUFFIXES
        # Hidden folders are download caches; an index would list shards that the single file replaces.
        and not path.name.endswith(".index.json")
        and not any(part.startswith(".") for part in path.parts)
    }


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

VAE_PREFIX = "first_stage_model."

CLIP_PREFIX = "conditioner.embedders.0.transformer.text_model."

OPEN_CLIP_PREFIX = "conditioner.embedders.1.model."


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

VAE_ATTENTION = {  # the second name of each pair predates diffusers 0.18; released VAEs still use it
    "group_norm": "norm",
    "to_q": "q", "query": "q",
    "to_k": "k", "key": "k",
    "to_v": "v", "value": "v",
    "to_out.0": "proj_out", "proj_attn": "proj_out",
}  # fmt: skip

OPEN_CLIP_ENDS = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
}

OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")

LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


def original_unet(weights: Weights, layers: int) -> dict[str, Tensor]:
    """Return the UNet's weights under their original names; `layers` is its `layers_per_block`.

    Raises ValueError for a parameter that has no original name.
    """
    attending = {name.split(".")[1] for name in weights if re.match(r"up_blocks\.\d+\.attentions\.", name)}
    return _rename_weights(weights, UNET_PREFIX, lambda name: _unet_name(name, layers, attending))


def original_vae(weights: Weights, levels: int) -> dict[str, Tensor]:
    """Return the VAE's weights under their original names; `levels` is its number of resolutions.

    Raises ValueError for a parameter that has no original name.
    """
    renamed = _rename_weights(weights, VAE_PREFIX, lambda name: _vae_name(name, levels))
    # The first release used 1x1 convolutions for attention where diffusers uses linear layers with the same
    # values.
    return {
        name: values[:, :, None, None] if ".attn_1." in name and values.ndim == 2 else values
        for name, values in renamed.items()
    }


def original_clip(weights: Weights) -> dict[str, Tensor]:
    """Return the first text encoder's weights under their original prefix; their names are equal in both layouts."""
    return _rename_weights(_without_text_model_prefix(weights), CLIP_PREFIX, lambda name: name)


def original_open_clip(weights: Weights) -> dict[str, Tensor]:
    """Return the second text encoder's weights under open_clip's names, with packed query, key and value projections.

    Raises ValueError for a parameter that has no original name, and for a missing text projection.
    """
    weights = _without_text_model_prefix(weights)
    single = {name: values for name, values in weights.items() if not re.search(r"\.[qkv]_proj\.", name)}
    packed = _rename_weights(single, OPEN_CLIP_PREFIX, _open_clip_name)
    projection = OPEN_CLIP_PREFIX + "text_projection"
    if projection not in packed:
        raise ValueError("text_projection.weight: missing; SDXL's second text encoder has one")
    # open_clip multiplies by the projection from the right, so its matrix is (hidden, projection).
    packed[projection] = packed[projection].T.contiguous()
    for name in (name for name in weights if ".q_proj." in name):
        block, _, kind = name.removeprefix("encoder.layers.").partition(".self_attn.q_proj.")
        rows = [weights[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
        packed[f"{OPEN_CLIP_PREFIX}transformer.resblocks.{block}.attn.in_proj_{kind}"] = torch.cat(rows)
    return packed


def _rename_weights(weights: Weights, prefix: str, rename: Callable[[str], str]) -> dict[str, Tensor]:
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


def _vae_name(name: str, levels: int) -> str:
    side, _, rest = name.partition(".")
    if side in ("quant_conv", "post_quant_conv"):
        return name
    stem, _, kind = rest.rpartition(".")
    if stem in ("conv_in", "conv_out", "conv_norm_out"):
        return f"{side}.{stem.replace('conv_norm_out', 'norm_out')}.{kind}"
    if stem.startswith("mid_block.attentions.0."):
        return f"{side}.mid.attn_1.{VAE_ATTENTION[stem.removeprefix('mid_block.attentions.0.')]}.{kind}"
    if resnet := re.fullmatch(r"mid_block\.resnets\.([01])\.(.+)", rest):
        return f"{side}.mid.block_{int(resnet[1]) + 1}.{_shortcut_name(resnet[2])}"
    found = BLOCK.fullmatch(rest)
    if found is None or found[3] == "attentions":
        raise KeyError(name)
    way, level, part, index, inner = found.groups()
    # The original counts levels from the image in both halves, so the decoder's order is reversed.
    place = int(level) if way == "down" else levels - 1 - int(level)
    if part == "resnets":
        return f"{side}.{way}.{place}.block.{index}.{_shortcut_name(inner)}"
    return f"{side}.{way}.{place}.{way}sample.{inner}"


def _shortcut_name(name: str) -> str:
    return name.replace("conv_shortcut", "nin_shortcut")


def _without_text_model_prefix(weights: Weights) -> dict[str, Tensor]:
    """Strip the prefix `text_model.`, which transformers before 5.6 writes always and later versions only partly."""
    plain = {name.removeprefix("text_model."): values for name, values in weights.items()}
    plain.pop("embeddings.position_ids", None)  # 0, 1, 2 …: a table that older releases saved, not a weight
    return plain


def _open_clip_name(name: str) -> str:
    found = LAYER.fullmatch(name)
    if found is None:
        return OPEN_CLIP_ENDS[name]
    return f"transformer.resblocks.{found[1]}.{OPEN_CLIP_LAYER[found[2]]}.{found[3]}"
