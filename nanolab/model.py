"""The networks of a small SDXL (two CLIP text encoders, a UNet with size conditioning), their noise and target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from nanolab.products import PRODUCTS
from nanolab.text import PROMPT_TOKENS, VIEW_PHRASES

TEXT_WIDTH, TEXT_WIDTH_2 = 64, 96  # widths of the two text encoders

UNET_CHANNELS = (64, 96, 160)  # of the UNet's levels, which work on latents of 32x32, 16x16 and 8x8

NOISE_SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}


def _text_config(width: int, heads: int, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 4,
        num_hidden_layers=3,
        num_attention_heads=heads,
        max_position_embeddings=PROMPT_TOKENS,
        projection_dim=width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        hidden_act="quick_gelu" if width == TEXT_WIDTH else "gelu",
    )


def _scale_embeddings(encoder: Any) -> None:
    # SDXL uses the last layer but one, not normalised: with CLIP's own 0.02, its output would be almost zero.
    embeddings = encoder.text_model.embeddings if hasattr(encoder, "text_model") else encoder.embeddings
    nn.init.normal_(embeddings.token_embedding.weight, std=0.6)
    nn.init.normal_(embeddings.position_embedding.weight, std=0.15)


def build_unet(channels: tuple[int, ...] = UNET_CHANNELS) -> UNet2DConditionModel:
    """Return an untrained UNet with `text_time` conditioning and cross-attention on its two lower levels."""
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=[1, 1, 2],
        attention_head_dim=[max(c // 32, 1) for c in channels],  # in diffusers this is the number of heads
        cross_attention_dim=TEXT_WIDTH + TEXT_WIDTH_2,
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=32 * 6 + TEXT_WIDTH_2,
    )


class Nano(nn.Module):
    """Text encoders and UNet, which are trained together."""

    def __init__(self, tokenizer: CLIPTokenizer, channels: tuple[int, ...] = UNET_CHANNELS) -> None:
        super().__init__()
        self.unet = build_unet(channels)
        self.first = CLIPTextModel(_text_config(TEXT_WIDTH, 2, tokenizer))
        self.second = CLIPTextModelWithProjection(_text_config(TEXT_WIDTH_2, 3, tokenizer))
        for encoder in (self.first, self.second):
            _scale_embeddings(encoder)
        self.unet.set_attn_processor(AttnProcessor())
        self.tell = nn.Linear(channels[-1], len(PRODUCTS) + len(VIEW_PHRASES))
        self.middle = torch.empty(0)
        self.unet.mid_block.register_forward_hook(self._store_middle)

    def _store_middle(self, module: nn.Module, given: Any, made: Tensor) -> None:  # noqa: ARG002 (torch's shape)
        self.middle = made

    def predicted_attributes(self) -> tuple[Tensor, Tensor]:
        """Return logits of product and view, each (n, kinds), from the UNet's middle block in the last forward pass.

        Only training uses them. To predict them from noise, the UNet must use the prompt: with this auxiliary loss
        it follows the prompt's view after some hundred steps; without it, it did not in nine thousand.
        """
        kinds: Tensor = self.tell(self.middle.mean((2, 3)))
        return kinds[:, : len(PRODUCTS)], kinds[:, len(PRODUCTS) :]

    def text(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, 48, 160) and pooled ones (n, 96) of token ids (n, 48), as in SDXL's pipelines."""
        one = self.first(tokens, output_hidden_states=True)
        two = self.second(tokens, output_hidden_states=True)
        return torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1), two.text_embeds

    def forward(self, noisy: Tensor, t: Tensor, text: tuple[Tensor, Tensor], sizes: Tensor) -> Tensor:
        """Return the predicted v (n, 4, h, w) of noisy latents at timesteps `t` (n,).

        `text` is what `text()` returns. `size_conditions` (n, 6): original height and width, crop top and left,
        target height
        and width, in pixels.
        """
        extra = {"text_embeds": text[1], "time_ids": sizes}
        made: Tensor = self.unet(noisy, t, encoder_hidden_states=text[0], added_cond_kwargs=extra).sample
        return made


def build_scheduler() -> EulerDiscreteScheduler:
    """Return the sampler that the exported folder names (Euler); other samplers can load its settings."""
    return EulerDiscreteScheduler(**NOISE_SCHEDULE)


@cache
def signal_and_noise_scales() -> tuple[Tensor, Tensor]:
    """Return sqrt(ᾱ) and sqrt(1 − ᾱ), each (1000,), of the noise levels."""
    kept: Tensor = build_scheduler().alphas_cumprod
    return kept.sqrt(), (1 - kept).sqrt()


@dataclass(frozen=True)
class NoisyLatents:
    """Noisy latents with the v that is to be predicted from them."""

    noisy: Tensor  # (n, 4, h, w)
    levels: Tensor  # (n,), 0..999
    target: Tensor  # v, (n, 4, h, w)


def sample_levels(count: int, exponent: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Return random noise levels (count,) over 0..999: even for `exponent` 1, more high ones the smaller it is."""
    places = (np.arange(count) + random.random(count)) / count
    return (places**exponent * 1000).astype(np.int64).clip(0, 999)


def add_noise(latents: np.ndarray, noise_levels: NDArray[np.int64], device: torch.device) -> NoisyLatents:
    """Add noise to latents (n, 4, h, w), at the levels `noise_levels` (n,)."""
    clean, levels = (
        torch.from_numpy(latents.astype(np.float32)).to(device),
        torch.from_numpy(noise_levels).to(device),
    )
    kept, noise = (table.to(device)[levels].view(-1, 1, 1, 1) for table in signal_and_noise_scales())
    drawn = torch.randn(clean.shape).to(device)  # drawn on the CPU: equal on every device
    return NoisyLatents(kept * clean + noise * drawn, levels, kept * drawn - noise * clean)


def size_conditions(like: Tensor) -> Tensor:
    """Return SDXL's `time_ids` (n, 6) of uncropped images, from the shape of their latents (n, 4, h, w)."""
    height, width = (8 * side for side in like.shape[2:])
    rows = [(height, width, 0, 0, height, width)] * len(like)
    return torch.tensor(rows, dtype=torch.float32, device=like.device)


def caption_mask(odds: float, count: int, random: np.random.Generator, device: torch.device) -> Tensor:
    """Return a random mask (count,), float32: 1 where the caption is kept, with probability `odds`; else 0."""
    return torch.from_numpy((random.random(count) < odds).astype(np.float32)).to(device)
