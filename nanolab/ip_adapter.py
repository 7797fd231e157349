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
from nanolab import text as captions
from nanolab.dataset import Pictures, read_recipes, readable
from nanolab.judge import QUESTIONS, truth
from nanolab.latents import CATALOGUE, Library
from nanolab.model import Nano, noised, sizes, spoken, spread
from nanolab.trainer import place

Rgb = NDArray[np.uint8]
Weights = dict[str, Tensor]

SIDE, PATCH = 64, 8  # pixels: the image encoder's input and its patches
SEEN = 64  # size of an image embedding
LEAN = 0.6  # below 1: more strong noise, where the image helps most
TOKENS = 4  # tokens made of an image embedding, beside those of the prompt


def eye(width: int = 96, layers: int = 3) -> CLIPVisionModelWithProjection:
    """Return an untrained image encoder; pipelines resize images to its input size themselves."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=SEEN,
            num_hidden_layers=layers,
            num_attention_heads=width // 32,
            image_size=SIDE,
            patch_size=PATCH,
        )
    )


def view(picture: Rgb) -> NDArray[np.float32]:
    """Preprocess an image (h, w, 3) as pipelines do: central square, (3, 64, 64), normalised by CLIP's statistics."""
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray((small - OPENAI_CLIP_MEAN) / OPENAI_CLIP_STD, np.float32).transpose(2, 0, 1)


class LookLesson:
    """Pretrain the image encoder: classify the training images by the questions of the classifier."""

    def __init__(self, folder: Path, batch: int = 64) -> None:
        pictures, known = Pictures(folder), read_recipes(folder)
        self.views = np.stack([view(pictures[i]) for i in range(len(pictures))])
        self.answers = [truth(recipe) for recipe in known]
        self.batch, self.eye = batch, eye()
        self.heads = nn.ModuleDict({name: nn.Linear(SEEN, len(kinds)) for name, kinds in QUESTIONS.items()})
        self.model: nn.Module = nn.ModuleDict({"eye": self.eye, "heads": self.heads})
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.model.parameters(), 1e-3, weight_decay=0.05, fused=True)
        ]

    def loss(self, step: int) -> Tensor:
        """Return the sum of the cross entropies; a batch is moved a little and, half of the time, mirrored."""
        random = np.random.default_rng([11, step])
        chosen = random.integers(len(self.views), size=self.batch)
        seen = np.roll(self.views[chosen], tuple(random.integers(-4, 5, 2)), (2, 3))
        seen = seen[..., ::-1] if random.random() < 0.5 else seen
        told = self.eye(torch.from_numpy(np.ascontiguousarray(seen)).to(place(self.model))).image_embeds
        losses = []
        for name, head in self.heads.items():
            right = torch.tensor([self.answers[int(i)][name] for i in chosen], device=told.device)
            losses.append(functional.cross_entropy(head(told), right, ignore_index=-1))
        return torch.stack(losses).sum()


def ears(unet: UNet2DConditionModel) -> Weights:
    """Return untrained IP-Adapter weights, named as in its files; keys and values start from those of the text."""
    width = int(unet.config.cross_attention_dim)
    weights = {
        "image_proj.proj.weight": torch.randn(TOKENS * width, SEEN) * SEEN**-0.5,
        "image_proj.proj.bias": torch.zeros(TOKENS * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    for number, name in _places(unet):
        attention = unet.get_submodule(name.removesuffix(".processor"))
        weights[f"ip_adapter.{number}.to_k_ip.weight"] = attention.to_k.weight.detach().clone()
        weights[f"ip_adapter.{number}.to_v_ip.weight"] = 0.3 * attention.to_v.weight.detach().clone()
    return weights


def _places(unet: UNet2DConditionModel) -> list[tuple[int, str]]:
    """Return the UNet's cross-attentions: their (odd) numbers in the adapter's files, and their names."""
    names = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    return [(2 * i + 1, name) for i, name in enumerate(names)]


def listen(unet: UNet2DConditionModel, weights: Weights) -> None:
    """Load adapter weights into the UNet, with diffusers' own loader."""
    parts: dict[str, Weights] = {"image_proj": {}, "ip_adapter": {}}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    unet._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)


def heard(unet: UNet2DConditionModel) -> Weights:
    """Return the adapter weights of a UNet, named as in the adapter's files."""
    projection = unet.encoder_hid_proj.image_projection_layers[0]
    weights = {
        "image_proj.proj.weight": projection.image_embeds.weight,
        "image_proj.proj.bias": projection.image_embeds.bias,
        "image_proj.norm.weight": projection.norm.weight,
        "image_proj.norm.bias": projection.norm.bias,
    }
    for number, name in _places(unet):
        processor = unet.attn_processors[name]
        weights[f"ip_adapter.{number}.to_k_ip.weight"] = processor.to_k_ip[0].weight
        weights[f"ip_adapter.{number}.to_v_ip.weight"] = processor.to_v_ip[0].weight
    return weights


class LikenessLesson:
    """Predict v with the same image as IP-Adapter input; the UNet's own weights are frozen."""

    def __init__(
        self,
        nano: Nano,
        sight: CLIPVisionModelWithProjection,
        library: Library,
        pictures: Pictures,
        tokenizer: CLIPTokenizer,
        batch: int = 12,
    ) -> None:
        """`library.large` holds the latents of `pictures`, followed by those of their mirror images."""
        self.nano, self.sight, self.library, self.pictures = nano, sight, library, pictures
        self.tokenizer, self.batch = tokenizer, batch
        nano.requires_grad_(False)
        listen(nano.unet, ears(nano.unet))
        processors = [nano.unet.attn_processors[name] for _, name in _places(nano.unet)]
        self.model: nn.Module = nn.ModuleList([sight, nano.unet.encoder_hid_proj, *processors])
        self.model.to(place(nano)).requires_grad_(True)
        slow, fast = list(sight.parameters()), [p for m in self.model[1:] for p in m.parameters()]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(slow, 1e-4, (0.9, 0.98), fused=True),
            torch.optim.AdamW(fast, 1e-3, (0.9, 0.98), fused=True),
        ]

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v; two thirds of the batch have no caption, so the image must suffice."""
        random = np.random.default_rng([12, step])
        shelf, device = self.library.large, place(self.nano)
        picked = shelf.pick(np.full(self.batch, CATALOGUE), random)
        # Mirrored latents come with the image unmirrored: the reference need not face the same way.
        seen = np.stack([view(self.pictures[int(i) % len(self.pictures)]) for i in picked])
        texts = [captions.caption(shelf.recipes[int(i)], random) for i in picked]
        tokens = torch.from_numpy(text.ids(self.tokenizer, texts)).to(device)
        hold = spoken(0.34, self.batch, random, device)
        given = noised(shelf.latents[picked], spread(self.batch, LEAN, random), device)
        with torch.autocast(device.type, torch.bfloat16):
            told = self.sight(torch.from_numpy(seen).to(device)).image_embeds
            with torch.no_grad():
                embeds, pooled = self.nano.text(tokens)
            extra = {
                "text_embeds": pooled * hold.view(-1, 1),
                "time_ids": sizes(given.noisy),
                "image_embeds": [told[:, None]],
            }
            made = self.nano.unet(
                given.noisy,
                given.levels,
                encoder_hidden_states=embeds * hold.view(-1, 1, 1),
                added_cond_kwargs=extra,
            ).sample
        error: Tensor = (made.float() - given.wanted).square().mean()
        return error


def save(sight: CLIPVisionModelWithProjection, unet: UNet2DConditionModel, folder: Path) -> None:
    """Write image encoder and adapter weights in half precision, in the layout of `h94/IP-Adapter`."""
    sight.half().save_pretrained(folder / "models" / "image_encoder")
    path = folder / "sdxl_models" / "ip-adapter_sdxl_vit-h.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().half().contiguous() for name, value in heard(unet).items()}, path)
    readable(folder)
