"""The original weight layout, converted back by diffusers' own functions, in memory only."""

import re
from collections.abc import Callable, Mapping

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from animator.diffusion import single_file
from nanolab.single_file import CLIP_PREFIX, OPEN_CLIP_PREFIX, original_clip, original_open_clip, original_vae

torch.set_num_threads(1)


def numbered(net: nn.Module) -> dict[str, Tensor]:
    """Return the parameters of `net`, each filled with its own number, so that swapped names are detected."""
    weights = net.state_dict().items()
    return {name: torch.full_like(values, float(number)) for number, (name, values) in enumerate(weights)}


def same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def make_unet(levels: tuple[int, ...], layers: int, depths: tuple[int, ...]) -> UNet2DConditionModel:
    down = tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths)
    return UNet2DConditionModel(
        block_out_channels=levels,
        layers_per_block=layers,
        down_block_types=down,
        up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(down)),
        transformer_layers_per_block=tuple(max(depth, 1) for depth in depths),
        attention_head_dim=2,
        cross_attention_dim=16,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
    )


@pytest.mark.parametrize(
    ("levels", "layers", "depths"),
    [
        pytest.param((32,), 1, (1,), id="one level"),
        pytest.param((32, 32), 1, (1, 0), id="attention only in the fine level"),
        pytest.param((32, 64), 3, (2, 1), id="attention in every level"),
        pytest.param((32, 32, 64), 2, (0, 2, 3), id="the shape of SDXL"),
        pytest.param((32, 32, 32, 32, 32), 2, (0, 1, 0, 1, 0), id="places of two digits"),
    ],
)
def test_diffusers_converts_a_unet_of_any_shape_back(
    levels: tuple[int, ...], layers: int, depths: tuple[int, ...]
) -> None:
    unet = make_unet(levels, layers, depths)
    weights = numbered(unet)
    assert same(
        convert_ldm_unet_checkpoint(single_file.original_unet(weights, layers), dict(unet.config)), weights
    )


@pytest.mark.parametrize(
    ("depths", "places"),
    [
        ((0, 2, 3), {"output_blocks.2.2.conv", "output_blocks.5.2.conv"}),
        ((1, 0, 0), {"output_blocks.2.1.conv", "output_blocks.5.1.conv"}),
    ],
)
def test_down_and_upsamplers_keep_their_original_places(depths: tuple[int, ...], places: set[str]) -> None:
    # diffusers accepts an upsampler in either place; other programs only after the attention.
    names = single_file.original_unet(make_unet((32, 32, 64), 2, depths).state_dict(), 2)
    samplers = {name for name in names if name.endswith((".conv.weight", ".op.weight"))}
    common = {"input_blocks.3.0.op", "input_blocks.6.0.op"}
    assert samplers == {f"{single_file.UNET_PREFIX}{place}.weight" for place in places | common}


@pytest.mark.parametrize("quant", [True, False], ids=["with quant_conv", "without quant_conv"])
@pytest.mark.parametrize("attention", [True, False], ids=["with attention", "without attention"])
@pytest.mark.parametrize(("levels", "layers"), [((32,), 1), ((32, 64, 64, 64), 2)])
def test_diffusers_converts_an_autoencoder_of_any_shape_back(
    levels: tuple[int, ...], layers: int, attention: bool, quant: bool
) -> None:
    vae = AutoencoderKL(
        block_out_channels=levels,
        layers_per_block=layers,
        down_block_types=("DownEncoderBlock2D",) * len(levels),
        up_block_types=("UpDecoderBlock2D",) * len(levels),
        mid_block_add_attention=attention,
        use_quant_conv=quant,
        use_post_quant_conv=quant,
    )
    weights = numbered(vae)
    assert same(convert_ldm_vae_checkpoint(original_vae(weights, len(levels)), dict(vae.config)), weights)


def test_attention_names_of_old_autoencoders_are_converted() -> None:
    middle = "decoder.mid_block.attentions.0"
    old = {f"{middle}.{name}.weight": torch.ones(4, 4) for name in ("query", "proj_attn")}
    names = {f"first_stage_model.decoder.mid.attn_1.{name}.weight" for name in ("q", "proj_out")}
    new = original_vae(old, 2)
    assert new.keys() == names
    assert {values.shape for values in new.values()} == {(4, 4, 1, 1)}


@pytest.mark.parametrize("projection", [24, 32, 48])
def test_diffusers_converts_a_second_text_encoder_of_any_shape_back(projection: int) -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 12, "num_attention_heads": 2}
    net = CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=20, projection_dim=projection, **sizes))
    weights = numbered(net)
    weights["text_projection.weight"] = torch.randn(projection, 32)
    for part in "qkv":  # constant values would not reveal rows in the wrong order
        name = f"text_model.encoder.layers.0.self_attn.{part}_proj.weight"
        weights[name] = torch.randn_like(weights[name])
    assert same(
        convert_open_clip_checkpoint(net, original_open_clip(weights), OPEN_CLIP_PREFIX),
        weights,
    )


def test_a_second_text_encoder_without_projection_is_refused() -> None:
    with pytest.raises(ValueError, match="text_projection"):
        original_open_clip({"text_model.final_layer_norm.bias": torch.ones(2)})


def test_position_ids_are_dropped_because_they_are_not_weights() -> None:
    weights = {"text_model.embeddings.position_ids": torch.arange(77), "final_layer_norm.bias": torch.ones(2)}
    assert list(original_clip(weights)) == [CLIP_PREFIX + "final_layer_norm.bias"]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("time_embedding.cond_proj.weight", lambda weights: single_file.original_unet(weights, 2)),
        ("down_blocks.0.downsamplers.0.conv1.weight", lambda weights: single_file.original_unet(weights, 2)),
        ("mid_block.resnets.2.conv1.weight", lambda weights: single_file.original_unet(weights, 2)),
        (
            "encoder.down_blocks.0.attentions.0.to_q.weight",
            lambda weights: original_vae(weights, 2),
        ),
        ("encoder.layers.0.mlp.fc3.weight", original_open_clip),
    ],
)
def test_a_parameter_without_an_original_name_is_refused(
    name: str, write: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
) -> None:
    with pytest.raises(ValueError, match=re.escape(name)):
        write({name: torch.ones(1)})


def test_a_config_that_contradicts_the_weights_is_refused() -> None:
    unet = make_unet((32, 64), 2, (0, 1))
    with pytest.raises(ValueError, match="do config"):
        single_file.original_unet(unet.state_dict(), layers=1)
