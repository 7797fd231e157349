"""Training images encoded to latents, cached in the work folder, with their recipes, and sampling from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from animator.models.nano import weights_folder
from nanolab.dataset import ShardedImages, read_recipes, write_stream_atomic
from nanolab.recipes import Recipe
from nanolab.trainer import device_of, load_averaged
from nanolab.vae import build_autoencoder, encode, fold_statistics, images_to_tensor

FORMATS = {"wide": (192, 256), "tall": (256, 192), "big": (384, 384), "small": (128, 128)}  # height, width


def load_autoencoder(work_folder: Path, finished: bool = True) -> AutoencoderKL:
    """Return the averaged autoencoder of the work folder, folded so that latents are unit normal.

    It is folded once and saved, because other images would give slightly different latents. With `finished`, the
    result of the later stage `settle` is used if it exists. Without any checkpoint it is the bundled autoencoder.
    """
    learnt, folded, later = (work_folder / f"{name}.pt" for name in ("vae", "vae-folded", "settle"))
    vae = build_autoencoder()
    if finished and _is_newer(later, learnt):
        vae.load_state_dict(load_averaged(later)[0])
        return vae.eval()
    if not learnt.exists():
        bundled = AutoencoderKL.from_pretrained(weights_folder() / "vae").float()
        # Return only its weights: the config of a loaded model names the folder.
        vae.load_state_dict(bundled.state_dict())
        return vae.eval()
    if _is_newer(folded, learnt):
        vae.load_state_dict(torch.load(folded, weights_only=True))
        return vae.eval()
    vae.load_state_dict(load_averaged(learnt)[0])
    images = ShardedImages(work_folder / "pictures")
    chosen = [images[int(i)] for i in np.linspace(0, len(images) - 1, 192)]
    fold_statistics(vae, torch.from_numpy(encode_images(vae, chosen).astype(np.float32)))
    write_stream_atomic(folded, lambda file: torch.save(vae.state_dict(), file))
    return vae.eval()


def _is_newer(path: Path, than: Path) -> bool:
    """Return True if `path` exists and no `than` was written after it."""
    return path.exists() and (not than.exists() or path.stat().st_mtime > than.stat().st_mtime)


def encode_images(vae: AutoencoderKL, images: list[NDArray[np.uint8]], batch: int = 8) -> NDArray[np.float16]:
    """Encode images of one size, uint8 (h, w, 3), to latents float16 (n, 4, h/8, w/8)."""
    made = []
    device = device_of(vae)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for i in range(0, len(images), batch):
            pixels = images_to_tensor(np.stack(images[i : i + batch])).to(device)
            made.append(encode(vae, pixels.to(memory_format=torch.channels_last)).half().cpu().numpy())
    return np.concatenate(made)


def _encode_folder(vae: AutoencoderKL, folder: Path, path: Path) -> LatentSet:
    """Encode a folder's images and their mirror images, shard by shard; shards already encoded are only read."""
    parts = []
    known = read_recipes(folder)
    for shard in sorted(folder.glob("pictures-*.npy")):
        stored = path / shard.name
        if not stored.exists():
            images = list(np.load(shard))
            sides = [encode_images(vae, images), encode_images(vae, [image[:, ::-1] for image in images])]
            write_stream_atomic(stored, partial(np.save, arr=np.stack(sides)))
        parts.append(np.load(stored))
    # A mirrored product has the same caption: mirroring doubles the data at no cost.
    return LatentSet(np.concatenate([*(part[0] for part in parts), *(part[1] for part in parts)]), known * 2)


def encode_all(work_folder: Path, device: str = "cpu") -> LatentLibrary:
    """Encode all images not encoded yet and return the latents; a newer autoencoder discards the old latents."""
    vae = load_autoencoder(work_folder).to(device, memory_format=torch.channels_last)
    store = work_folder / "latents"
    for old in store.rglob("*.npy"):
        if any(_is_newer(work_folder / name, old) for name in ("vae-folded.pt", "settle.pt")):
            old.unlink()
    large = _encode_folder(vae, work_folder / "pictures", store / "large")
    others = [
        _encode_folder(vae, work_folder / name, store / name)
        for name in FORMATS
        if any((work_folder / name).glob("*.npy"))
    ]
    return LatentLibrary(large, tuple(others))


CATALOG_SHARE = 0.15  # default share of catalogue images in a batch


@dataclass(frozen=True)
class LatentSet:
    """Latents of images of one size, and their recipes."""

    latents: NDArray[np.float16]  # (n, 4, h/8, w/8): the images, then the mirror image of each
    recipes: list[Recipe]

    def sample_indices(self, odds: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
        """Return random indices (n,): a catalogue image with probability `odds` (n,), else one of the free views."""
        usual, free = self._catalog_and_other_indices
        if not len(usual) or not len(free):
            return random.integers(len(self.recipes), size=len(odds))
        places = random.random(len(odds))
        picked = np.where(
            random.random(len(odds)) < odds,
            usual[(places * len(usual)).astype(int)],
            free[(places * len(free)).astype(int)],
        )
        return np.asarray(picked, np.int64)

    @cached_property
    def _catalog_and_other_indices(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the catalogue images, without their mirror images, and of all others."""
        half = len(self.recipes) // 2
        usual = np.array([recipe.spread < 1.0 for recipe in self.recipes])
        return np.flatnonzero(usual[:half]), np.flatnonzero(~usual)


@dataclass(frozen=True)
class LatentLibrary:
    """Latents of all formats that training uses."""

    large: LatentSet  # 256×256
    others: tuple[LatentSet, ...] = ()  # further formats
