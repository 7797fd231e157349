"""Full-size SDXL with random weights, its operation count, and the peak throughput of a device."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

import animator.diffusion  # noqa: F401  (before diffusers: it silences the libraries' log messages)
from animator.models import nano

# The configs of stabilityai/stable-diffusion-xl-base-1.0.
UNET = {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
VAE = {
    "sample_size": 1024,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.13025,
}
TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
TEXT_2 = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


CONFIGS = {"unet": UNET, "vae": VAE, "text_encoder": TEXT, "text_encoder_2": TEXT_2}


def write(folder: Path, device: torch.device, configs: dict = CONFIGS) -> Path:
    """Write the checkpoint in bfloat16 (7 GB), with nano's (smaller) tokenizer, and return its folder."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(nano.weights_folder() / "tokenizer")
    words = {"vocab_size": len(tokenizer), "max_position_embeddings": tokenizer.model_max_length}
    words |= {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    with torch.device(device):
        unet, vae = UNet2DConditionModel(**configs["unet"]), AutoencoderKL(**configs["vae"])
        text = CLIPTextModel(_text(configs["text_encoder"], words))
        text_2 = CLIPTextModelWithProjection(_text(configs["text_encoder_2"], words))
    calibrate(unet, vae)
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=text,
        text_encoder_2=text_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=EulerDiscreteScheduler(**NOISE, timestep_spacing="leading"),
        add_watermarker=False,
    )
    pipe.to(torch.bfloat16).save_pretrained(folder)
    return folder


def _text(config: dict, words: dict) -> CLIPTextConfig:
    return CLIPTextConfig(projection_dim=config["hidden_size"], **config, **words)


@torch.no_grad()
def calibrate(unet: UNet2DConditionModel, vae: AutoencoderKL) -> None:
    """Scale random weights so that the UNet predicts noise of deviation 1 and images are neither black nor white."""
    device = unet.device
    predicted = unet(torch.randn(1, 4, 32, 32, device=device), 500, **conditions(unet, 1, device)).sample
    unet.conv_out.weight /= predicted.std()
    decoded = vae.decode(torch.randn(1, 4, 32, 32, device=device) / vae.config.scaling_factor).sample
    vae.decoder.conv_out.weight *= 0.5 / decoded.std()
    vae.decoder.conv_out.bias -= decoded.mean() * 0.5 / decoded.std()


@torch.no_grad()
def small_vae(device: torch.device, dtype: torch.dtype) -> AutoencoderTiny:
    """Return a random autoencoder of TAESDXL's size, scaled: without scaling, random weights decode to black."""
    torch.manual_seed(0)
    vae = AutoencoderTiny().to(device)
    last = vae.decoder.layers[-1]
    decoded = (
        vae.decode(torch.randn(1, 4, 32, 32, device=device)).sample + 1
    ) / 2  # its output before decode() maps it to -1..1
    last.weight *= 0.25 / decoded.std()
    last.bias.copy_(0.5 - (decoded.mean() - last.bias.mean()) * 0.25 / decoded.std())
    return vae.to(dtype)


def conditions(unet: UNet2DConditionModel, batch: int, device: torch.device) -> dict:
    """Return the UNet's other inputs, random text embeddings and sizes, as keyword arguments."""
    config, dtype = unet.config, unet.dtype
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    return {
        "encoder_hidden_states": torch.randn(
            batch, 77, config.cross_attention_dim, device=device, dtype=dtype
        ),
        "added_cond_kwargs": {
            "text_embeds": torch.randn(batch, pooled, device=device, dtype=dtype),
            "time_ids": torch.randn(batch, 6, device=device, dtype=dtype),
        },
    }


def work(unet_config: dict, vae_config: dict, size: int) -> tuple[float, float, float]:
    """Count the FLOP of one UNet call and of encoding plus decoding, and the UNet's parameters, on the meta device."""
    meta = torch.device("meta")
    with meta:
        unet, vae = UNet2DConditionModel(**unet_config), AutoencoderKL(**vae_config)
    factor = 2 ** (len(vae_config["block_out_channels"]) - 1)
    latents, pixels = (
        torch.empty(1, 4, size // factor, size // factor, device=meta),
        torch.empty(1, 3, size, size, device=meta),
    )
    counted = []
    for run in (
        lambda: unet(latents, torch.empty(1, device=meta), **conditions(unet, 1, meta)),
        lambda: (vae.encode(pixels), vae.decode(latents)),
    ):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()
        counted.append(float(counter.get_total_flops()))
    return counted[0], counted[1], float(unet.num_parameters())


def peak(device: torch.device, dtype: torch.dtype, side: int) -> tuple[float, float]:
    """Measure the device's FLOP per second (a matrix product) and bytes per second (a copy).

    The numbers are random: zeros would be faster, because they take less power and GPUs clock higher.
    """
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    copied = torch.randn(side * side * 4, device=device)
    product = _best(lambda: a @ b, device)
    copy = _best(copied.clone, device)
    return 2 * side**3 / product, 2 * copied.nbytes / copy


def _best(run, device: torch.device) -> float:
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds[2:])
