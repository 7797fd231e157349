"""Attach LoRAs to a pipeline; set their scales for a frame. Nothing is fused or loaded again when a scale changes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from animator.errors import ModelError

Scales = tuple[tuple[str, float], ...]


class Loras:
    """The LoRAs of one pipeline, by name, and the scales they have now."""

    def __init__(self, pipe: Any, files: Mapping[str, Path]) -> None:
        """Attach `files` (diffusers or kohya keys). Raises ModelError for one that does not fit the model."""
        self.pipe = pipe
        # Adapters become attributes of modules: "type" or "my.lora" would be no name for one.
        self.adapters = {name: f"lora_{number}" for number, name in enumerate(files)}
        for name, file in files.items():
            adapter = self.adapters[name]
            try:
                with warnings.catch_warnings():
                    # peft names every layer whose target it had to guess from the file; the file is right.
                    warnings.filterwarnings("ignore", "While injecting the PEFT adapters", RuntimeWarning)
                    pipe.load_lora_weights(
                        file.parent, weight_name=file.name, adapter_name=adapter, local_files_only=True
                    )
            except Exception as error:  # diffusers, peft and safetensors each raise their own kinds
                reason = " ".join(str(error).split())[:200]
                raise ModelError(f"LoRA {name!r}: {file} does not fit this model: {reason}") from error
            if adapter not in _adapters(pipe.unet) | self._on_text():
                raise ModelError(
                    f"LoRA {name!r}: {file} holds no weights for this model; is it made for SDXL?"
                )
        self.on_text = self._on_text()
        self._scales: Scales | None = None

    def _on_text(self) -> set[str]:
        """The adapters that have weights in the text encoders."""
        return _adapters(self.pipe.text_encoder) | _adapters(self.pipe.text_encoder_2)

    def set_scales(self, scales: Mapping[str, float]) -> Scales:
        """Give every LoRA its scale; those of the text encoders are returned, since embeddings depend on them."""
        wanted = tuple((self.adapters[name], scale) for name, scale in scales.items())
        if wanted and wanted != self._scales:
            self.pipe.set_adapters([name for name, _ in wanted], [scale for _, scale in wanted])
            self._scales = wanted
        return tuple(item for item in wanted if item[0] in self.on_text)


def _adapters(network: torch.nn.Module) -> set[str]:
    """The names of the LoRAs that have weights in `network`."""
    return {name for module in network.modules() if isinstance(module, BaseTunerLayer) for name in module.r}
