"""Replacement of a checkpoint's VAE, given by alias, hub id, folder or file; VAEs of other models are refused."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from animator.errors import ModelError
from animator.models import safetensors as headers

# Aliases of the two common choices.
NAMES = {"taesdxl": "madebyollin/taesdxl", "fp16-fix": "madebyollin/sdxl-vae-fp16-fix"}
KINDS = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}
CHANNELS = 4  # of SDXL's latents; SD 3 and FLUX have 16


def put_vae(pipe: Any, name: str, folder: Path, dtype: torch.dtype) -> None:
    """Replace the VAE of `pipe` by `name`: an alias, a hub id, a folder or a .safetensors file.

    Relative paths start from `folder`. Raises ModelError if it cannot be loaded or belongs to another model.
    """
    name = NAMES.get(name, name)
    path = folder / os.path.expanduser(name)  # noqa: PTH111 (pathlib's raises for unknown users)
    try:
        if path.suffix == ".safetensors":
            vae = _from_file(path, pipe.vae, dtype)
        elif path.is_dir():
            vae = _from_folder(path, dtype)
        else:
            vae = _from_hub(name, dtype)
    except ModelError:
        raise
    except Exception as error:  # diffusers raises many types for damaged or foreign files
        raise ModelError(
            f"model.vae {name!r} cannot be loaded: {' '.join(str(error).split())[:300]}"
        ) from error
    _fits(vae, pipe.vae, name)
    pipe.register_modules(vae=vae)


def _from_file(file: Path, like: Any, dtype: torch.dtype) -> Any:
    """Load a VAE from a file of weights, with the config of the VAE that it replaces (`like`). Raises ModelError."""
    if not file.is_file():
        raise ModelError(f"model.vae: no such file: {file}")
    sizes = {
        tensor.name.rsplit("first_stage_model.", 1)[-1]: tensor.shape for tensor in headers.tensors(file)
    }
    entry = sizes.get("decoder.conv_in.weight")
    if entry is None:
        raise ModelError(f"model.vae: {file} does not hold a VAE")
    if entry[1] != CHANNELS:
        raise ModelError(f"model.vae: {file} has {entry[1]} latent channels; SDXL's VAE has {CHANNELS}")
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        like.save_config(room)
        return AutoencoderKL.from_single_file(
            str(file), config=room, local_files_only=True, torch_dtype=dtype
        )


def _from_folder(folder: Path, dtype: torch.dtype) -> Any:
    if not (folder / "config.json").is_file() and (folder / "vae").is_dir():
        folder /= "vae"  # the folder is a whole checkpoint
    if not (folder / "config.json").is_file():
        raise ModelError(f"model.vae: {folder} does not hold a VAE: it has no config.json")
    kind = json.loads((folder / "config.json").read_text(encoding="utf8")).get("_class_name", "")
    if kind not in KINDS:
        raise ModelError(f"model.vae: {folder} holds a {kind or 'model of unknown kind'}, not a VAE for SDXL")
    return KINDS[kind].from_pretrained(folder, use_safetensors=True, local_files_only=True, torch_dtype=dtype)


def _from_hub(name: str, dtype: torch.dtype) -> Any:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}
    files = ["config.json", "diffusion_pytorch_model.safetensors", "vae/*"]
    try:
        return _from_folder(
            Path(snapshot_download(name, local_files_only=offline, allow_patterns=files)), dtype
        )
    except (OSError, HFValidationError, LocalEntryNotFoundError, HfHubHTTPError) as error:
        raise ModelError(
            f"model.vae {name!r}: no such folder or file, and it cannot be downloaded from the hub;"
            f" allowed: {', '.join(NAMES)}, a hub id, a folder, a .safetensors file;"
            f" with network access, run: hf download {name}"
        ) from error


def _fits(vae: Any, own: Any, name: str) -> None:
    """Raise ModelError for a VAE whose latents differ from those of the checkpoint's `own` VAE."""
    if vae.config.latent_channels != own.config.latent_channels:
        count = vae.config.latent_channels
        raise ModelError(f"model.vae {name!r} has {count} latent channels; this model's has {CHANNELS}")
    # Tiny autoencoders use the UNet's latents directly; only full VAEs scale them.
    scale, wanted = vae.config.scaling_factor, own.config.scaling_factor
    if isinstance(vae, AutoencoderKL) and isinstance(own, AutoencoderKL) and abs(scale - wanted) > 1e-3:
        raise ModelError(
            f"model.vae {name!r} belongs to another model: its latents are scaled by {scale:g},"
            f" this model's by {wanted:g}"
        )
