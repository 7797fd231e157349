"""Training of nano: `python -m nanolab.train STAGE`; an interrupted stage continues from its checkpoint."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from animator.diffusion.single_file import write_single_file
from animator.models.nano import WEIGHTS, folder
from nanolab import gallery, stages
from nanolab import latents as encoded
from nanolab.checkpoint import export
from nanolab.dataset import draw_all


def draw(arguments: argparse.Namespace) -> None:
    """Draw the training images of all formats (shards of 750), and the start images."""
    room, shards = arguments.room, arguments.shards
    gallery.start_pictures(room / "starts")
    for path in draw_all(room / "pictures", range(shards), arguments.workers):
        print(path, flush=True)
    for i, (name, size) in enumerate(encoded.FORMATS.items()):
        few = range(1000 * (i + 1), 1000 * (i + 1) + shards * 256 // (6 * max(size)))
        for path in draw_all(room / name, few, arguments.workers, size):
            print(path, flush=True)


def write(arguments: argparse.Namespace) -> None:
    """Write the diffusers folder (half precision), with the few-step LoRA if it has been trained."""
    room, folder = arguments.room, arguments.folder
    export(stages.learnt(room), encoded.trained(room), stages.tokens(room), folder)
    if (room / "few-steps").exists():
        shutil.copytree(room / "few-steps", folder / "few-steps", dirs_exist_ok=True)


def write_file(arguments: argparse.Namespace) -> None:
    """Write the bundled checkpoint as one .safetensors file, in the original SDXL layout; configs in its header."""
    print(write_single_file(folder(), arguments.room / "nano.safetensors"), flush=True)


STAGES: dict[str, Callable[[argparse.Namespace], None]] = {
    "draw": draw,
    "vae": stages.learn_vae,
    "settle": stages.learn_settle,
    "unet": stages.learn_unet,
    "distil": stages.learn_distil,
    "control": stages.learn_control,
    "likeness": stages.learn_likeness,
    "export": write,
    "single": write_file,
}


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument(
        "--room", type=Path, default=Path("nano-room"), help="work folder: images, checkpoints, logs"
    )
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="folder that `export` writes")
    parser.add_argument("--steps", type=int, default=0, help="steps of the stage; 0: its default")
    parser.add_argument("--onward", action="store_true", help="`unet` starts from the bundled checkpoint")
    parser.add_argument("--shards", type=int, default=28, help="shards of 750 images to draw")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, help="device to train on: cpu, cuda, mps")
    parser.add_argument(
        "--compile", action="store_true", help="compile the UNet: takes minutes, then is faster"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads for training")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    STAGES[chosen.stage](chosen)


if __name__ == "__main__":
    main()
