"""IP-Adapters: reference images that guide a painting pass, through diffusers' own loader."""

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
    """An IP-Adapter to load: its repository, the weights and the image encoder in it, and its reference image."""

    model: str  # hub id or folder
    weights: str  # path in `model` of a .safetensors file
    encoder: str  # path in `model` of the image encoder's folder
    picture: Image
    takes: str = "whole"  # aspect of the image that guides: "whole", "style" or "layout"


class IpAdapters:
    """IP-Adapters of one pipeline by name, with their current scales. All share one image encoder."""

    def __init__(self, pipe: Any, adapters: Mapping[str, Adapter]) -> None:
        """Load `adapters` into `pipe`; their images are encoded at first use. Raises ModelError."""
        self.pipe, self.adapters = pipe, adapters
        self._scales: list[float] | None = None
        self._layers: list[frozenset[str]] = []  # per adapter: names of the attention layers that it guides
        self._seen: dict[bool, list[torch.Tensor]] = {}
        for name, adapter in adapters.items():
            width = headers.text_width(Path(adapter.model, adapter.weights))
            if why := headers.misfit(width, pipe.unet.config.cross_attention_dim):
                raise ModelError(f"ip_adapter.{name}: {adapter.weights} is {why}")
            self._layers.append(layers(pipe.unet.attn_processors, adapter.takes))
            if not self._layers[-1]:
                raise ModelError(
                    f"ip_adapter.{name}: this checkpoint has no layers for {adapter.takes}; use takes: whole"
                )
        if not adapters:
            return
        try:
            self._load(list(adapters.values()))
        except Exception as error:  # diffusers and the hub raise many types for damaged or foreign files
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
        """Set the scale of each adapter (0 if not in `likeness`) and return the pipeline's arguments with the images.

        `guided`: include the unconditional embeddings that classifier-free guidance needs.
        """
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
        """Set each adapter's scale in the layers that it guides, and 0 in all others.

        diffusers' set_ip_adapter_scale also accepts factors by block, but fails for UNets without attention
        in the middle block.
        """
        for name, processor in self.pipe.unet.attn_processors.items():
            if hasattr(processor, "to_k_ip"):
                heard = zip(scales, self._layers, strict=True)
                processor.scale = [scale if name in listening else 0.0 for scale, listening in heard]


def layers(names: Iterable[str], takes: str) -> frozenset[str]:
    """Return the cross-attention layers among `names` that an adapter guides: all, or those of "style" or "layout".

    After InstantStyle (arXiv 2404.02733): in SDXL, up_blocks.0.attentions.1 determines style and
    down_blocks.2.attentions.1 layout. For other UNets the corresponding attentions are used, on the level of
    lowest resolution with cross-attention: the middle one on the way up for style, the last one on the way
    down for layout. The result is empty if there is none.
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
