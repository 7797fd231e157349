"""Untrained SDXL checkpoints of any width and depth: a few megabytes, for tests or as a start for training.

Their CLIP tokenizer works on bytes: every byte is a token, so that 514 tokens write any text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from tokenizers import pre_tokenizers
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

Net = TypeVar("Net", bound=nn.Module)


CHANNEL_GROUP = 32  # channels: every level is a multiple of it, for group norm and for heads of 32 channels

# Widths; the first two must differ: by them diffusers tells the text encoders of a single file apart.
TEXT_WIDTH, TEXT_WIDTH_2, POOLED_WIDTH = 32, 64, 48

TIME_WIDTH = 8  # channels per number of SDXL's six size conditions

DECODED_DEVIATION = 0.5  # standard deviation of a decoded image, on the scale -1..1


def blank_checkpoint(
    folder: Path,
    *,
    levels: tuple[int, ...] = (32, 64),
    layers: int = 1,
    depths: tuple[int, ...] = (0, 1),
    vae_attention: bool = False,
    seed: int = 0,
) -> Path:
    """Write an untrained SDXL checkpoint to `folder`, in diffusers' layout, and return `folder`.

    `levels` are the UNet's channels from fine to coarse, multiples of 32; `layers` its residual blocks per
    level; `depths` its transformer blocks per level, 0 for a level without attention. The autoencoder has
    SDXL's geometry: 8 pixels to a latent, 4 channels.
    Equal arguments give equal weights. No two tensors are equal, so that a test detects swapped names.
    Raises ValueError if `levels` and `depths` do not match.
    """
    if len(levels) != len(depths) or any(level % CHANNEL_GROUP for level in levels):
        raise ValueError(
            f"levels {levels} must be multiples of {CHANNEL_GROUP}, each with one of depths {depths}"
        )
    for name in ("tokenizer", "tokenizer_2"):
        write_byte_tokenizer(folder / name)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    with _seeded_random(seed):
        pipe = StableDiffusionXLPipeline(
            vae=_build_vae(vae_attention),
            text_encoder=_add_weight_noise(CLIPTextModel(_text_config(TEXT_WIDTH, 2, tokenizer))),
            text_encoder_2=_add_weight_noise(
                CLIPTextModelWithProjection(_text_config(TEXT_WIDTH_2, 3, tokenizer))
            ),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer,
            unet=_build_unet(levels, layers, depths),
            scheduler=_build_scheduler(),
            add_watermarker=False,
        )
    pipe.save_pretrained(folder)
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors leaves 600
    return folder


@contextmanager
def _seeded_random(seed: int) -> Iterator[None]:
    """Seed torch's global random numbers inside the block, without gradients; restore their state afterwards."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        yield


def _add_weight_noise(net: Net) -> Net:
    """Add a little noise to all weights: fresh norms are all ones and fresh biases all zeros, hence equal."""
    for values in net.parameters():
        values.add_(0.02 * torch.randn_like(values))
    return net.eval()


def _build_unet(levels: tuple[int, ...], layers: int, depths: tuple[int, ...]) -> UNet2DConditionModel:
    down = tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths)
    unet = _add_weight_noise(
        UNet2DConditionModel(
            sample_size=32,
            block_out_channels=levels,
            layers_per_block=layers,
            down_block_types=down,
            up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(down)),
            transformer_layers_per_block=tuple(max(depth, 1) for depth in depths),
            attention_head_dim=tuple(level // CHANNEL_GROUP for level in levels),  # counts heads
            cross_attention_dim=TEXT_WIDTH + TEXT_WIDTH_2,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_WIDTH,
            projection_class_embeddings_input_dim=6 * TIME_WIDTH + POOLED_WIDTH,
        )
    )
    conditions = {"text_embeds": torch.randn(1, POOLED_WIDTH), "time_ids": torch.full((1, 6), 64.0)}
    latents, prompt = torch.randn(1, 4, 32, 32), torch.randn(1, 77, TEXT_WIDTH + TEXT_WIDTH_2)
    noise = unet(latents, 500, prompt, added_cond_kwargs=conditions).sample
    _scale_layer(unet.conv_out, 1 / noise.std())  # predicted noise has standard deviation 1
    return unet


def _build_vae(attention: bool) -> AutoencoderKL:
    vae = _add_weight_noise(
        AutoencoderKL(
            block_out_channels=(32, 32, 32, 64),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            sample_size=64,
            scaling_factor=0.13025,
            mid_block_add_attention=attention,
        )
    )
    # Fresh weights decode to almost flat grey, in which no test would see a difference.
    _scale_layer(vae.decoder.conv_out, DECODED_DEVIATION / vae.decode(torch.randn(1, 4, 8, 8)).sample.std())
    return vae


def _scale_layer(layer: nn.Conv2d, factor: torch.Tensor) -> None:
    for values in layer.parameters():
        values.mul_(factor)


def _text_config(width: int, layers: int, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        projection_dim=POOLED_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,  # the pooled embedding is read at its first position
        pad_token_id=tokenizer.pad_token_id,
    )


def _build_scheduler() -> EulerDiscreteScheduler:
    """Return SDXL's scheduler, with the configuration of stable-diffusion-xl-base-1.0."""
    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="leading",
        steps_offset=1,
    )


START_TOKEN, END_TOKEN = "<|startoftext|>", "<|endoftext|>"

CLIP_TOKENS = 77  # tokens, as in CLIP


def write_byte_tokenizer(folder: Path) -> Path:
    """Write the tokenizer's files to `folder`, which is created if missing, and return `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    symbols = byte_symbols()
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), START_TOKEN, END_TOKEN]
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": CLIP_TOKENS,
        "bos_token": START_TOKEN,
        "eos_token": END_TOKEN,
        "unk_token": END_TOKEN,
        "pad_token": END_TOKEN,
    }
    vocab = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")  # no merges at all
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return folder


def byte_symbols() -> list[str]:
    """Return the 256 characters that stand for bytes in byte-level BPE, in CLIP's order."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())
