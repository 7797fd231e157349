"""Pictures to latents: the shelves that the UNet's lesson reads."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from animator.models.nano import folder
from nanolab import vae as autoencoder
from nanolab.dataset import Pictures, recipes, write_whole
from nanolab.shelves import Library, Shelf
from nanolab.trainer import averaged, place

FORMATS = {"wide": (192, 256), "tall": (256, 192), "big": (384, 384), "small": (128, 128)}  # height, width


def trained(room: Path, finished: bool = True) -> AutoencoderKL:
    """The averaged autoencoder of the room's checkpoint, folded so that latents are unit normal.

    It is folded once and kept: other pictures would give slightly other latents. `finished` takes the one of the
    later stage, if there is one.
    """
    learnt, folded, later = (room / f"{name}.pt" for name in ("vae", "vae-folded", "settle"))
    vae = autoencoder.build()
    if finished and _newer(later, learnt):
        vae.load_state_dict(averaged(later)[0])
        return vae.eval()
    if not learnt.exists():
        # A room without an autoencoder of its own learns on with the bundled one.
        bundled = AutoencoderKL.from_pretrained(folder() / "vae").float()
        vae.load_state_dict(bundled.state_dict())  # not the model itself, whose config names the folder
        return vae.eval()
    if _newer(folded, learnt):
        vae.load_state_dict(torch.load(folded, weights_only=True))
        return vae.eval()
    vae.load_state_dict(averaged(learnt)[0])
    pictures = Pictures(room / "pictures")
    chosen = [pictures[int(i)] for i in np.linspace(0, len(pictures) - 1, 192)]
    autoencoder.fold(vae, torch.from_numpy(encode(vae, chosen).astype(np.float32)))
    write_whole(folded, lambda file: torch.save(vae.state_dict(), file))
    return vae.eval()


def _newer(path: Path, than: Path) -> bool:
    """Whether there is such a file, and none of the other name that was written after it."""
    return path.exists() and (not than.exists() or path.stat().st_mtime > than.stat().st_mtime)


def encode(vae: AutoencoderKL, images: list[NDArray[np.uint8]], batch: int = 8) -> NDArray[np.float16]:
    """Latents float16 (n, 4, h/8, w/8) of pictures of one size."""
    made = []
    device = place(vae)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for i in range(0, len(images), batch):
            pixels = autoencoder.tensor(np.stack(images[i : i + batch])).to(device)
            made.append(
                autoencoder.encode(vae, pixels.to(memory_format=torch.channels_last)).half().cpu().numpy()
            )
    return np.concatenate(made)


def _shelve(vae: AutoencoderKL, folder: Path, path: Path) -> Shelf:
    """Encode a folder of pictures and their mirror images, shard by shard; what is encoded is only read."""
    parts = []
    known = recipes(folder)
    for shard in sorted(folder.glob("pictures-*.npy")):
        stored = path / shard.name
        if not stored.exists():
            images = list(np.load(shard))
            sides = [encode(vae, images), encode(vae, [image[:, ::-1] for image in images])]
            write_whole(stored, partial(np.save, arr=np.stack(sides)))
        parts.append(np.load(stored))
    # A mirrored product is the same product in the same words: twice the pictures for nothing.
    return Shelf(np.concatenate([*(part[0] for part in parts), *(part[1] for part in parts)]), known * 2)


def library(room: Path, device: str = "cpu") -> Library:
    """Encode all pictures that are not encoded yet; return the shelves. A new autoencoder empties them."""
    vae = trained(room).to(device, memory_format=torch.channels_last)
    store = room / "latents"
    for old in store.rglob("*.npy"):
        if any(_newer(room / name, old) for name in ("vae-folded.pt", "settle.pt")):
            old.unlink()
    large = _shelve(vae, room / "pictures", store / "large")
    others = [_shelve(vae, room / name, store / name) for name in FORMATS if any((room / name).glob("*.npy"))]
    return Library(large, tuple(others))
