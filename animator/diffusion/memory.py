"""How much memory a checkpoint needs to paint, told before it is loaded, and the ways to need less of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download

from animator.diffusion import headers
from animator.diffusion.checkpoint import Checkpoint, check_place

logger = logging.getLogger(__name__)

# Of SDXL base 1.0, for a hub id whose files are not here yet: numbers, counted from the networks' configs.
SDXL = {"unet": 2_567_463_684, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840}
PREFIXES = {  # of a single file's tensors
    "model.diffusion_model.": "unet",
    "first_stage_model.": "vae",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
}
# What the widest layers hold at once, numbers per pixel: in the VAE's decoder 256 channels of whole pixels, four
# times over (what comes in, normed, out, and the kernel's own room); in the UNet a good half of that.
DECODING, DENOISING = 1024, 600
TILE = 512  # pixels along a side that the VAE decodes at once, where memory is low
SHARE = 0.9  # of the free memory that is planned with: other programs, and the libraries, take theirs
SAID = 1e9  # bytes: what needs less is no news
WAYS = ("fast", "balanced", "low")  # from the one that needs most


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to hold a checkpoint, what it needs, and what is there."""

    way: str
    needs: Mapping[str, float]  # way → bytes, about
    free: float  # bytes on the device
    device: str
    known: bool = True  # counted from the files, or SDXL's own size

    def __str__(self) -> str:
        """One line to tell before loading."""
        there = "" if self.known else "about "
        need, free = self.needs[self.way] / 1e9, self.free / 1e9
        of = f"of the {free:.1f} GB free " if free < float("inf") else ""
        line = f"memory: {self.way} needs {there}{need:.1f} GB {of}on {self.device}"
        if self.needs[self.way] > self.free * SHARE:
            return f"{line}, and may not fit; a smaller video.size or model.vae: taesdxl takes less"
        return line


def planned(source: Checkpoint, device: torch.device, dtype: torch.dtype, pixels: int) -> Plan:
    """How to hold a checkpoint to paint pictures of `pixels` in `dtype`: as it says, or the first way that fits.

    Reads headers alone. Raises ModelError for a checkpoint that is nowhere.
    """
    check_place(source)
    try:
        sizes = _numbers(source.base, source.path)
    except (OSError, ValueError):  # what is wrong with its files is told when they are loaded
        sizes = None
    found, size = sizes or SDXL, dtype.itemsize
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
    free = _free(device)
    # What is free on a CPU changes by the minute, and would decide what a film looks like.
    fitting = [way for way in WAYS if needs[way] <= free * SHARE or device.type == "cpu"]
    way = source.memory if source.memory != "auto" else (fitting or [WAYS[-1]])[0]
    return Plan(way, needs, free, device.type, sizes is not None)


def _free(device: torch.device) -> float:
    """Bytes that are free on a device; on a CPU, and where the CPU's is used, those of the machine."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return float(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # other systems than Linux do not tell
        return float("inf")


def _numbers(base: str, path: Path) -> dict[str, int] | None:
    """How many numbers each network of a checkpoint has; None where its files are not here."""
    if path.is_file():
        found = dict.fromkeys(SDXL, 0)
        for tensor in headers.tensors(path):
            for prefix, network in PREFIXES.items():
                found[network] += tensor.numbers if tensor.name.startswith(prefix) else 0
        return found if found["unet"] else None
    if not path.is_dir():
        try:
            path = Path(snapshot_download(base, local_files_only=True))
        except (OSError, ValueError):  # not in the cache yet; also what is no hub id
            return None
    found = {name: headers.numbers(path / name) for name in SDXL}
    return found if found["unet"] else None


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
