"""How much memory a film's networks need to paint, told before it is loaded, and the ways to need less of it.

And what is told where it did not suffice after all.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from animator.diffusion import sizes
from animator.diffusion.loading import Checkpoint, check_place
from animator.diffusion.sizes import Beside
from animator.errors import ModelError
from animator.frame import Frame

logger = logging.getLogger(__name__)

# What the widest layers hold at once, numbers per pixel: in the VAE's decoder 256 channels of whole pixels, four
# times over (what comes in, normed, out, and the kernel's own room); in the UNet a good half of that.
DECODING, DENOISING = 1024, 600
TILE = 512  # pixels along a side that the VAE decodes at once, where memory is low
SHARE = 0.9  # of the free memory that is planned with: other programs, and the libraries, take theirs
SAID = 1e9  # bytes: what needs less is no news
WAYS = ("fast", "balanced", "low")  # from the one that needs most
ALONE = Beside()
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to hold a film's networks, what it needs, and what is there."""

    way: str
    needs: Mapping[str, float]  # way → bytes, about
    free: float  # bytes on the device
    device: str
    known: bool = True  # all counted from files; else SDXL's own size, and without what is not here

    def __str__(self) -> str:
        """One line to tell before loading."""
        there = "" if self.known else "about "
        need, free = self.needs[self.way] / 1e9, self.free / 1e9
        of = f"of the {free:.1f} GB free " if free < float("inf") else ""
        line = f"memory: {self.way} needs {there}{need:.1f} GB {of}on {self.device}"
        if self.needs[self.way] > self.free * SHARE:
            return f"{line}, and may not fit; a smaller video.size or model.vae: taesdxl takes less"
        return line


def planned(
    source: Checkpoint, device: torch.device, dtype: torch.dtype, pixels: int, beside: Beside = ALONE
) -> Plan:
    """How to hold a checkpoint to paint pictures of `pixels` in `dtype`: as it says, or the first way that fits.

    `beside` is what is loaded with it. Reads headers alone. Raises ModelError for a checkpoint that is nowhere.
    """
    check_place(source)
    own, size = sizes.checkpoint(source.base, source.path), dtype.itemsize
    found = {**(own or sizes.SDXL), "image_encoder": beside.image_encoder}
    found["unet"] += beside.unet
    weights = {name: count * size for name, count in found.items()}
    decoding, denoising = pixels * DECODING * size, pixels * DENOISING * size
    tile = min(pixels, TILE**2) * DECODING * size
    biggest = max(weights.values())
    needs = {
        "fast": sum(weights.values()) + max(decoding, denoising),
        "balanced": biggest + weights["vae"] + max(min(pixels, 1024**2) * DECODING * size, denoising),
        "low": weights["vae"] + biggest / size / 20 + max(tile, denoising),  # 8-bit layers, a few at a time
    }
    if device.type == "cpu":  # it has nowhere else to put a network
        needs["balanced"] = sum(weights.values()) + max(tile, denoising)
        needs["low"] = needs["balanced"] - weights["unet"] * (1 - 1 / size)
    needs = {way: need + beside.stays * size for way, need in needs.items()}
    free = _free(device)
    # What is free on a CPU changes by the minute, and would decide what a film looks like.
    fitting = [way for way in WAYS if needs[way] <= free * SHARE or device.type == "cpu"]
    way = source.memory if source.memory != "auto" else (fitting or [WAYS[-1]])[0]
    return Plan(way, needs, free, device.type, known=own is not None and beside.known)


def _free(device: torch.device) -> float:
    """Bytes that are free on a device; on a CPU, and where the CPU's is used, those of the machine."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return float(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # other systems than Linux do not tell
        return float("inf")


def tell(plan: Plan) -> None:
    """Say what was chosen and what it needs, unless that is next to nothing."""
    if plan.way != "fast" or plan.needs[plan.way] > SAID:
        logger.info("%s", plan)


def place(pipe: Any, way: str, device: torch.device, whole: bool) -> None:
    """Bring the networks of `pipe` to `device` in one of WAYS. `whole`: the VAE must see whole pictures.

    Its tiles are blended at their edges, which would undo a painting whose own edges meet.
    """
    if way != "fast" and not whole:
        pipe.vae.enable_slicing()
        pipe.vae.enable_tiling()
        if way == "low":
            factor = pipe.vae_scale_factor
            pipe.vae.tile_sample_min_size, pipe.vae.tile_latent_min_size = TILE, TILE // factor
    if way == "low":  # 8-bit floats, in which weights are kept and not computed: no further library is needed
        pipe.unet.enable_layerwise_casting(torch.float8_e4m3fn, compute_dtype=pipe.unet.dtype)
    if way == "fast" or device.type == "cpu":
        pipe.to(device)
    elif way == "balanced":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_group_offload(
            device, offload_type="leaf_level", use_stream=device.type == "cuda", exclude_modules=["vae"]
        )
        pipe.vae.to(device)


@contextmanager
def enough(frames: Sequence[Frame], width: int, height: int) -> Iterator[None]:
    """Around the painting of `frames`, of width x height pixels. Raises ModelError where memory does not suffice."""
    try:
        yield
    except RuntimeError as error:  # CUDA's OutOfMemoryError is one, the CPU's has no name of its own
        if not OUT_OF_MEMORY.search(str(error)):
            raise
        what = f"frame {frames[0].index}: no memory left to paint"
        if len(frames) > 1:
            raise ModelError(f"{what} {len(frames)} pictures in one go; try a smaller --batch") from error
        raise ModelError(f"{what} {width}x{height}; try a smaller video.size") from error
