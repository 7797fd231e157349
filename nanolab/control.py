"""Training of an edge (canny) ControlNet for nano; it is too large to be bundled."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import ControlNetModel
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTokenizer

from animator.imaging.hints import canny
from nanolab import text as captions
from nanolab import words
from nanolab.dataset import Pictures
from nanolab.model import Nano
from nanolab.noising import noised, sizes, spoken, spread
from nanolab.shelves import CATALOGUE, Library
from nanolab.trainer import place

HINTS = (16, 32, 64, 96)  # channels of the layers that shrink the hint to the latents' size
# Ranges of canny's lower threshold (the gradient that continues an edge) and upper one (that begins an edge).
THRESHOLDS = ((40, 90), (100, 200))
LEAN = 0.6  # below 1: more strong noise, where the edges help most


def beside(nano: Nano) -> ControlNetModel:
    """Return a ControlNet initialised from the UNet's encoder half; at first it changes nothing."""
    return ControlNetModel.from_unet(
        nano.unet, conditioning_channels=3, conditioning_embedding_out_channels=HINTS
    )


class ControlLesson:
    """Predict v with the edges of the same image as a hint; the UNet itself is frozen."""

    def __init__(
        self, nano: Nano, library: Library, pictures: Pictures, tokenizer: CLIPTokenizer, batch: int = 12
    ) -> None:
        """`library.large` holds the latents of `pictures`, followed by those of their mirror images."""
        self.nano, self.library, self.pictures, self.tokenizer = nano, library, pictures, tokenizer
        self.batch = batch
        nano.requires_grad_(False)
        self.net = beside(nano).to(place(nano.unet))
        self.model: nn.Module = self.net
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.net.parameters(), 6e-4, (0.9, 0.98), fused=True)
        ]

    def _edges(self, index: int, random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the edges (h, w, 3) of the image that latent `index` encodes."""
        picture = self.pictures[index % len(self.pictures)]
        low, high = (int(random.integers(*ends)) for ends in THRESHOLDS)
        edges = canny(np.ascontiguousarray(picture), low, high)
        return edges if index < len(self.pictures) else edges[:, ::-1]

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v; a third of the images have no caption, so that the edges must suffice."""
        random = np.random.default_rng([10, step])
        shelf, device = self.library.large, place(self.model)
        picked = shelf.pick(np.full(self.batch, CATALOGUE), random)
        hints = np.stack([self._edges(int(i), random) for i in picked])
        hint = torch.from_numpy(hints.astype(np.float32) / 255).permute(0, 3, 1, 2).to(device)
        texts = [captions.caption(shelf.recipes[int(i)], random) for i in picked]
        tokens = torch.from_numpy(words.ids(self.tokenizer, texts)).to(device)
        hold = spoken(0.67, self.batch, random, device)
        given = noised(shelf.latents[picked], spread(self.batch, LEAN, random), device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                embeds, pooled = self.nano.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self._painted(given.noisy, given.levels, text, hint)
        return (made.float() - given.wanted).square().mean()

    def _painted(self, noisy: Tensor, levels: Tensor, text: tuple[Tensor, Tensor], hint: Tensor) -> Tensor:
        extra = {"text_embeds": text[1], "time_ids": sizes(noisy)}
        down, middle = self.net(
            noisy, levels, text[0], controlnet_cond=hint, added_cond_kwargs=extra, return_dict=False
        )
        made: Tensor = self.nano.unet(
            noisy,
            levels,
            encoder_hidden_states=text[0],
            added_cond_kwargs=extra,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return made
