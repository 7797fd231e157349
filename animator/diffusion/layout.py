"""The original SDXL layout: diffusers' weights renamed to the parameter names of the first release.

Maps names and shapes in memory; reads no files. The inverse of diffusers 0.42.1,
`loaders/single_file_utils.py`: `convert_ldm_unet_checkpoint`, `convert_ldm_vae_checkpoint` and
`convert_open_clip_checkpoint`.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]  # parameter name -> values

UNET = "model.diffusion_model."
VAE = "first_stage_model."
CLIP = "conditioner.embedders.0.transformer.text_model."
OPEN_CLIP = "conditioner.embedders.1.model."

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


def unet(weights: Weights, layers: int) -> dict[str, Tensor]:
    """Return the UNet's weights under their original names; `layers` is its `layers_per_block`.

    Raises ValueError for a parameter that has no original name.
    """
    attending = {name.split(".")[1] for name in weights if re.match(r"up_blocks\.\d+\.attentions\.", name)}
    return _renamed(weights, UNET, lambda name: _unet_name(name, layers, attending))


def vae(weights: Weights, levels: int) -> dict[str, Tensor]:
    """Return the VAE's weights under their original names; `levels` is its number of resolutions.

    Raises ValueError for a parameter that has no original name.
    """
    renamed = _renamed(weights, VAE, lambda name: _vae_name(name, levels))
    # The first release used 1x1 convolutions for attention where diffusers uses linear layers with the same
    # values.
    return {
        name: values[:, :, None, None] if ".attn_1." in name and values.ndim == 2 else values
        for name, values in renamed.items()
    }


def clip(weights: Weights) -> dict[str, Tensor]:
    """Return the first text encoder's weights under their original prefix; their names are equal in both layouts."""
    return _renamed(_plain(weights), CLIP, lambda name: name)


def open_clip(weights: Weights) -> dict[str, Tensor]:
    """Return the second text encoder's weights under open_clip's names, with packed query, key and value projections.

    Raises ValueError for a parameter that has no original name, and for a missing text projection.
    """
    weights = _plain(weights)
    single = {name: values for name, values in weights.items() if not re.search(r"\.[qkv]_proj\.", name)}
    packed = _renamed(single, OPEN_CLIP, _open_clip_name)
    projection = OPEN_CLIP + "text_projection"
    if projection not in packed:
        raise ValueError("text_projection.weight: missing; SDXL's second text encoder has one")
    # open_clip multiplies by the projection from the right, so its matrix is (hidden, projection).
    packed[projection] = packed[projection].T.contiguous()
    for name in (name for name in weights if ".q_proj." in name):
        block, _, kind = name.removeprefix("encoder.layers.").partition(".self_attn.q_proj.")
        rows = [weights[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
        packed[f"{OPEN_CLIP}transformer.resblocks.{block}.attn.in_proj_{kind}"] = torch.cat(rows)
    return packed


def _renamed(weights: Weights, prefix: str, rename: Callable[[str], str]) -> dict[str, Tensor]:
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
        return f"{UNET_MIDDLE[f'{part}.{index}']}.{_inside(part, rest)}"
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
    return f"{block}.{int(part == 'attentions')}.{_inside(part, rest)}"


def _inside(part: str, rest: str) -> str:
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
        return f"{side}.mid.block_{int(resnet[1]) + 1}.{_shortcut(resnet[2])}"
    found = BLOCK.fullmatch(rest)
    if found is None or found[3] == "attentions":
        raise KeyError(name)
    way, level, part, index, inner = found.groups()
    # The original counts levels from the image in both halves, so the decoder's order is reversed.
    place = int(level) if way == "down" else levels - 1 - int(level)
    if part == "resnets":
        return f"{side}.{way}.{place}.block.{index}.{_shortcut(inner)}"
    return f"{side}.{way}.{place}.{way}sample.{inner}"


def _shortcut(name: str) -> str:
    return name.replace("conv_shortcut", "nin_shortcut")


def _plain(weights: Weights) -> dict[str, Tensor]:
    """Strip the prefix `text_model.`, which transformers before 5.6 writes always and later versions only partly."""
    plain = {name.removeprefix("text_model."): values for name, values in weights.items()}
    plain.pop("embeddings.position_ids", None)  # 0, 1, 2 …: a table that older releases saved, not a weight
    return plain


def _open_clip_name(name: str) -> str:
    found = LAYER.fullmatch(name)
    if found is None:
        return OPEN_CLIP_ENDS[name]
    return f"transformer.resblocks.{found[1]}.{OPEN_CLIP_LAYER[found[2]]}.{found[3]}"
