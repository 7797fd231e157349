"""FreeU (Si et al. 2023): reweights the UNet's backbone and skip features, by an amount that may vary per frame."""

from __future__ import annotations

from typing import Any

# Factors for SDXL in diffusers' documentation: s1 and s2 weaken skip connections, b1 and b2 strengthen the
# backbone.
SDXL = {"s1": 0.6, "s2": 0.4, "b1": 1.1, "b2": 1.2}


def set_freeu(unet: Any, amount: float) -> None:
    """Set FreeU in `unet` to a part `amount` of the factors recommended for SDXL: 0 switches it off, 1 is all."""
    on = getattr(unet.up_blocks[0], "b1", None) is not None
    if amount:
        unet.enable_freeu(**{name: 1 + (value - 1) * amount for name, value in SDXL.items()})
    elif on:
        unet.disable_freeu()
