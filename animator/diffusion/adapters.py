"""IP-Adapters: pictures that a painting is to be like, by diffusers' own loader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from transformers import CLIPVisionModelWithProjection

from animator.errors import ModelError
from animator.frame import Image, Likeness
from animator.models import safetensors as headers


@dataclass(frozen=True, slots=True)
class Adapter:
    """An IP-Adapter to load: a hub id or a folder, the weights and the image encoder in it, and its picture."""

    model: str
    weights: str  # a .safetensors file, as a path in it
    encoder: str  # a folder in it
    picture: Image
    takes: str = "whole"  # or "style", "layout": see `layers`


class IpAdapters:
    """The IP-Adapters of one pipeline, by name, and the scales they have now. All share one image encoder."""

    def __init__(self, pipe: Any, adapters: Mapping[str, Adapter]) -> None:
        """Load `adapters` into `pipe`, and encode their pictures when they are wanted. Raises ModelError."""
        self.pipe, self.adapters = pipe, adapters
        self._scales: list[float] | None = None
        self._layers: list[frozenset[str]] = []  # of each adapter: those that listen to it
        self._seen: dict[bool, list[torch.Tensor]] = {}
        for name, adapter in adapters.items():
            width = headers.text_width(Path(adapter.model, adapter.weights))
            if why := headers.misfit(width, pipe.unet.config.cross_attention_dim):
                raise ModelError(f"ip_adapter.{name}: {adapter.weights} is {why}")
            self._layers.append(layers(pipe.unet.attn_processors, adapter.takes))
            if not self._layers[-1]:
                raise ModelError(
                    f"ip_adapter.{name}: this checkpoint has no layers for {adapter.takes}; take the whole"
                )
        if not adapters:
            return
        try:
            self._load(list(adapters.values()))
        except Exception as error:  # whatever a damaged or foreign file makes diffusers and the hub raise
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"ip_adapter: {', '.join(adapters)} cannot be loaded: {reason}") from error

    def _load(self, adapters: list[Adapter]) -> None:
        pipe, first = self.pipe, adapters[0]
        local = Path(first.model).is_dir()
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            first.model,
            subfolder=first.encoder,
            use_safetensors=True,
            dtype=pipe.unet.dtype,
            local_files_only=local,
        )
        pipe.register_modules(image_encoder=encoder.to(pipe.unet.device).eval())
        places = [PurePosixPath(adapter.weights) for adapter in adapters]
        pipe.load_ip_adapter(
            [adapter.model for adapter in adapters],
            subfolder=[str(place.parent) for place in places],
            weight_name=[place.name for place in places],
            image_encoder_folder=None,
            local_files_only=local,
        )

    def arguments(self, likeness: Mapping[str, Likeness], guided: bool) -> dict[str, Any]:
        """The pipeline's arguments to paint like the pictures, after setting the scale of each."""
        if not self.adapters:
            return {}
        scales = [likeness[name].scale if name in likeness else 0.0 for name in self.adapters]
        if scales != self._scales:
            self._set_scales(scales)
            self._scales = scales
        if guided not in self._seen:
            pictures = [[adapter.picture] for adapter in self.adapters.values()]
            with torch.inference_mode():
                self._seen[guided] = self.pipe.prepare_ip_adapter_image_embeds(
                    pictures, None, self.pipe._execution_device, 1, guided
                )
        return {"ip_adapter_image_embeds": self._seen[guided]}

    def _set_scales(self, scales: list[float]) -> None:
        """Give each adapter its scale in the layers that listen to it, and 0 in all others.

        diffusers' set_ip_adapter_scale takes factors by block, too, but not of UNets without attention in the middle.
        """
        for name, processor in self.pipe.unet.attn_processors.items():
            if hasattr(processor, "to_k_ip"):
                heard = zip(scales, self._layers, strict=True)
                processor.scale = [scale if name in listening else 0.0 for scale, listening in heard]


def layers(names: Iterable[str], takes: str) -> frozenset[str]:
    """Those of a UNet's attention layers that listen to an adapter which `takes` the whole, style or layout.

    After InstantStyle (arXiv 2404.02733): in SDXL the style of a picture is in up_blocks.0.attentions.1, its layout in
    down_blocks.2.attentions.1. In UNets of other blocks they are where these are: on the level of the lowest
    resolution that reads a text, style in the middle one of its attentions on the way up, layout in the last one on
    the way down.
    """
    reading = [name for name in names if name.endswith("attn2.processor")]
    if takes == "whole":
        return frozenset(reading)
    way = "up" if takes == "style" else "down"
    matches = [re.match(rf"{way}_blocks\.(\d+)\.attentions\.(\d+)\.", name) for name in reading]
    places = sorted({(int(match[1]), int(match[2])) for match in matches if match})
    if not places:
        return frozenset()
    lowest = places[0][0] if way == "up" else places[-1][0]
    level = [place for place in places if place[0] == lowest]
    block, number = level[len(level) // 2] if way == "up" else level[-1]
    return frozenset(
        name for name in reading if name.startswith(f"{way}_blocks.{block}.attentions.{number}.")
    )
