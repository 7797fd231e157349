"""Training of an IP-Adapter for nano: an image encoder, and cross-attention weights for its output."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTokenizer, CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from nanolab import text
from nanolab.dataset import ShardedImages, make_readable, read_recipes
from nanolab.judge import QUESTIONS, true_answers
from nanolab.latents import CATALOG_SHARE, LatentLibrary
from nanolab.model import Nano, add_noise, caption_mask, sample_levels, size_conditions
from nanolab.trainer import device_of

Rgb = NDArray[np.uint8]
Weights = dict[str, Tensor]

ENCODER_SIDE, ENCODER_PATCH = 64, 8  # pixels: the image encoder's input and its patches
EMBEDDING_SIZE = 64  # size of an image embedding
ADAPTER_LEVEL_EXPONENT = 0.6  # below 1: more strong noise, where the image helps most
IMAGE_TOKENS = 4  # tokens made of an image embedding, beside those of the prompt


def image_encoder(width: int = 96, layers: int = 3) -> CLIPVisionModelWithProjection:
    """Return an untrained image encoder; pipelines resize images to its input size themselves."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=EMBEDDING_SIZE,
            num_hidden_layers=layers,
            num_attention_heads=width // 32,
            image_size=ENCODER_SIDE,
            patch_size=ENCODER_PATCH,
        )
    )


def preprocess(image: Rgb) -> NDArray[np.float32]:
    """Preprocess an image (h, w, 3) as pipelines do: central square, (3, 64, 64), normalised by CLIP's statistics."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side]
    small = (
        cv2.resize(square, (ENCODER_SIDE, ENCODER_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        / 255
    )
    return np.asarray((small - OPENAI_CLIP_MEAN) / OPENAI_CLIP_STD, np.float32).transpose(2, 0, 1)


class ImageEncoderTask:
    """Pretrain the image encoder: classify the training images by the questions of the classifier."""

    def __init__(self, folder: Path, batch: int = 64) -> None:
        images, known = ShardedImages(folder), read_recipes(folder)
        self.views = np.stack([preprocess(images[i]) for i in range(len(images))])
        self.answers = [true_answers(recipe) for recipe in known]
        self.batch, self.encoder = batch, image_encoder()
        self.heads = nn.ModuleDict(
            {name: nn.Linear(EMBEDDING_SIZE, len(kinds)) for name, kinds in QUESTIONS.items()}
        )
        self.model: nn.Module = nn.ModuleDict({"eye": self.encoder, "heads": self.heads})
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.model.parameters(), 1e-3, weight_decay=0.05, fused=True)
        ]

    def loss(self, step: int) -> Tensor:
        """Return the sum of the cross entropies; a batch is moved a little and, half of the time, mirrored."""
        random = np.random.default_rng([11, step])
        chosen = random.integers(len(self.views), size=self.batch)
        seen = np.roll(self.views[chosen], tuple(random.integers(-4, 5, 2)), (2, 3))
        seen = seen[..., ::-1] if random.random() < 0.5 else seen
        embeds = self.encoder(
            torch.from_numpy(np.ascontiguousarray(seen)).to(device_of(self.model))
        ).image_embeds
        losses = []
        for name, head in self.heads.items():
            right = torch.tensor([self.answers[int(i)][name] for i in chosen], device=embeds.device)
            losses.append(functional.cross_entropy(head(embeds), right, ignore_index=-1))
        return torch.stack(losses).sum()


def adapter_weights(unet: UNet2DConditionModel) -> Weights:
    """Return untrained IP-Adapter weights, named as in its files; keys and values start from those of the text."""
    width = int(unet.config.cross_attention_dim)
    weights = {
        "image_proj.proj.weight": torch.randn(IMAGE_TOKENS * width, EMBEDDING_SIZE) * EMBEDDING_SIZE**-0.5,
        "image_proj.proj.bias": torch.zeros(IMAGE_TOKENS * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    for number, name in _cross_attentions(unet):
        attention = unet.get_submodule(name.removesuffix(".processor"))
        weights[f"ip_adapter.{number}.to_k_ip.weight"] = attention.to_k.weight.detach().clone()
        weights[f"ip_adapter.{number}.to_v_ip.weight"] = 0.3 * attention.to_v.weight.detach().clone()
    return weights


def _cross_attentions(unet: UNet2DConditionModel) -> list[tuple[int, str]]:
    """Return the UNet's cross-attentions: their (odd) numbers in the adapter's files, and their names."""
    names = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    return [(2 * i + 1, name) for i, name in enumerate(names)]


def load_adapter(unet: UNet2DConditionModel, weights: Weights) -> None:
    """Load adapter weights into the UNet, with diffusers' own loader."""
    parts: dict[str, Weights] = {"image_proj": {}, "ip_adapter": {}}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    unet._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)


def adapter_state_dict(unet: UNet2DConditionModel) -> Weights:
    """Return the adapter weights of a UNet, named as in the adapter's files."""
    projection = unet.encoder_hid_proj.image_projection_layers[0]
    weights = {
        "image_proj.proj.weight": projection.image_embeds.weight,
        "image_proj.proj.bias": projection.image_embeds.bias,
        "image_proj.norm.weight": projection.norm.weight,
        "image_proj.norm.bias": projection.norm.bias,
    }
    for number, name in _cross_attentions(unet):
        processor = unet.attn_processors[name]
        weights[f"ip_adapter.{number}.to_k_ip.weight"] = processor.to_k_ip[0].weight
        weights[f"ip_adapter.{number}.to_v_ip.weight"] = processor.to_v_ip[0].weight
    return weights


class IPAdapterTask:
    """Predict v with the same image as IP-Adapter input; the UNet's own weights are frozen."""

    def __init__(
        self,
        nano: Nano,
        encoder: CLIPVisionModelWithProjection,
        library: LatentLibrary,
        images: ShardedImages,
        tokenizer: CLIPTokenizer,
        batch: int = 12,
    ) -> None:
        """`library.large` holds the latents of `images`, followed by those of their mirror images."""
        self.nano, self.encoder, self.library, self.images = nano, encoder, library, images
        self.tokenizer, self.batch = tokenizer, batch
        nano.requires_grad_(False)
        load_adapter(nano.unet, adapter_weights(nano.unet))
        processors = [nano.unet.attn_processors[name] for _, name in _cross_attentions(nano.unet)]
        self.model: nn.Module = nn.ModuleList([encoder, nano.unet.encoder_hid_proj, *processors])
        self.model.to(device_of(nano)).requires_grad_(True)
        slow, fast = list(encoder.parameters()), [p for m in self.model[1:] for p in m.parameters()]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(slow, 1e-4, (0.9, 0.98), fused=True),
            torch.optim.AdamW(fast, 1e-3, (0.9, 0.98), fused=True),
        ]

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v; two thirds of the batch have no caption, so the image must suffice."""
        random = np.random.default_rng([12, step])
        latent_set, device = self.library.large, device_of(self.nano)
        picked = latent_set.sample_indices(np.full(self.batch, CATALOG_SHARE), random)
        # Mirrored latents come with the image unmirrored: the reference need not face the same way.
        seen = np.stack([preprocess(self.images[int(i) % len(self.images)]) for i in picked])
        texts = [text.random_caption(latent_set.recipes[int(i)], random) for i in picked]
        tokens = torch.from_numpy(text.token_ids(self.tokenizer, texts)).to(device)
        hold = caption_mask(0.34, self.batch, random, device)
        given = add_noise(
            latent_set.latents[picked], sample_levels(self.batch, ADAPTER_LEVEL_EXPONENT, random), device
        )
        with torch.autocast(device.type, torch.bfloat16):
            seen_embeds = self.encoder(torch.from_numpy(seen).to(device)).image_embeds
            with torch.no_grad():
                embeds, pooled = self.nano.text(tokens)
            extra = {
                "text_embeds": pooled * hold.view(-1, 1),
                "time_ids": size_conditions(given.noisy),
                "image_embeds": [seen_embeds[:, None]],
            }
            made = self.nano.unet(
                given.noisy,
                given.levels,
                encoder_hidden_states=embeds * hold.view(-1, 1, 1),
                added_cond_kwargs=extra,
            ).sample
        error: Tensor = (made.float() - given.target).square().mean()
        return error


def save_adapter(encoder: CLIPVisionModelWithProjection, unet: UNet2DConditionModel, folder: Path) -> None:
    """Write image encoder and adapter weights in half precision, in the layout of `h94/IP-Adapter`."""
    encoder.half().save_pretrained(folder / "models" / "image_encoder")
    path = folder / "sdxl_models" / "ip-adapter_sdxl_vit-h.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.detach().half().contiguous() for name, value in adapter_state_dict(unet).items()}, path
    )
    make_readable(folder)
