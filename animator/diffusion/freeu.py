"""FreeU (Si and others 2023): the UNet's own features weighed anew, by an amount that may change with every frame."""

from __future__ import annotations

from typing import Any

# What diffusers' documentation gives for SDXL: skip connections are weakened, the backbone is strengthened.
SDXL = {"s1": 0.6, "s2": 0.4, "b1": 1.1, "b2": 1.2}


def set_freeu(unet: Any, amount: float) -> None:
    """Weigh the features of `unet` by `amount` of what suits SDXL: 0 is the model as it is, 1 all of it."""
    on = getattr(unet.up_blocks[0], "b1", None) is not None
    if amount:
        unet.enable_freeu(**{name: 1 + (value - 1) * amount for name, value in SDXL.items()})
    elif on:
        unet.disable_freeu()
