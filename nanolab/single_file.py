"""Write a diffusers folder as one SDXL checkpoint file in the original layout, with its configs in the header.

The weights of the VAE and the text encoders are renamed by the inverse of diffusers 0.42.1,
`loaders/single_file_utils.py`: `convert_ldm_vae_checkpoint` and `convert_open_clip_checkpoint`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from animator.diffusion.single_file import (
    BLOCK,
    CONFIG_ENTRY,
    TEXT_SUFFIXES,
    Weights,
    original_unet,
    rename_weights,
)
from animator.runs.atomic import draft_file

NETWORKS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}

VAE_PREFIX = "first_stage_model."

CLIP_PREFIX = "conditioner.embedders.0.transformer.text_model."

OPEN_CLIP_PREFIX = "conditioner.embedders.1.model."

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

LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


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
    with draft_file(file) as draft:
        save_file(weights, draft, metadata=header)
        draft.chmod(0o644)  # safetensors leaves mode 600, which other users cannot read
    return file


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


def original_vae(weights: Weights, levels: int) -> dict[str, Tensor]:
    """Return the VAE's weights under their original names; `levels` is its number of resolutions.

    Raises ValueError for a parameter that has no original name.
    """
    renamed = rename_weights(weights, VAE_PREFIX, lambda name: _vae_name(name, levels))
    # The first release used 1x1 convolutions for attention where diffusers uses linear layers with the same
    # values.
    return {
        name: values[:, :, None, None] if ".attn_1." in name and values.ndim == 2 else values
        for name, values in renamed.items()
    }


def original_clip(weights: Weights) -> dict[str, Tensor]:
    """Return the first text encoder's weights under their original prefix; their names are equal in both layouts."""
    return rename_weights(_without_text_model_prefix(weights), CLIP_PREFIX, lambda name: name)


def original_open_clip(weights: Weights) -> dict[str, Tensor]:
    """Return the second text encoder's weights under open_clip's names, with packed query, key and value projections.

    Raises ValueError for a parameter that has no original name, and for a missing text projection.
    """
    weights = _without_text_model_prefix(weights)
    single = {name: values for name, values in weights.items() if not re.search(r"\.[qkv]_proj\.", name)}
    packed = rename_weights(single, OPEN_CLIP_PREFIX, _open_clip_name)
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
