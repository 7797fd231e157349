"""Training: `python -m animator.nano.train STAGE`; each goes on where it stopped."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from animator.diffusion.single_file import write_single_file
from animator.nano import WEIGHTS, encoded, folder, gallery, vae, words
from animator.nano.checkpoint import export, restore
from animator.nano.denoise import DenoiseLesson
from animator.nano.distil import DistilLesson, add_lora, save_lora
from animator.nano.files import Pictures, draw_all
from animator.nano.look import look
from animator.nano.model import Nano
from animator.nano.training import Lesson, Plan, averaged, log, train

SHEET_EVERY = 500  # steps between two sample sheets
STEPS = {"vae": 3500, "decoder": 600, "unet": 8000, "distil": 400}


def draw(arguments: argparse.Namespace) -> None:
    """Draw the training pictures (shards of 500), wide and tall ones among them, and the start pictures."""
    room, shards = arguments.room, arguments.shards
    gallery.start_pictures(room / "starts")
    for path in draw_all(room / "pictures", range(shards), arguments.workers):
        print(path, flush=True)
    for i, (name, size) in enumerate(encoded.FORMATS.items()):
        few = range(1000 * (i + 1), 1000 * (i + 1) + shards * 256 // (6 * max(size)))
        for path in draw_all(room / name, few, arguments.workers, size):
            print(path, flush=True)


def _tokens(room: Path) -> Path:
    """The folder of the room's tokenizer: the bundled one, so that what was learnt stays readable."""
    if not (room / "tokens" / "merges.txt").exists():
        bundled = WEIGHTS / "tokenizer"
        if bundled.is_dir():
            shutil.copytree(bundled, room / "tokens")
        else:
            words.write(room / "tokens")
    return room / "tokens"


def _run(name: str, lesson: Lesson, arguments: argparse.Namespace) -> None:
    plan = Plan(arguments.steps or STEPS[name])
    for progress in train(lesson, plan, arguments.room / f"{name}.pt"):
        log(arguments.room / f"{name}.jsonl", progress)
        if progress.step % SHEET_EVERY == 0 or progress.step == plan.steps:
            look(arguments.room, name, _tokens(arguments.room))


def learn_vae(arguments: argparse.Namespace) -> None:
    """Train the autoencoder."""
    torch.manual_seed(0)
    pictures = Pictures(arguments.room / "pictures")
    model = vae.build().to(arguments.device)
    _run("vae", vae.VaeLesson(model, pictures, arguments.steps or STEPS["vae"]), arguments)


def learn_decoder(arguments: argparse.Namespace) -> None:
    """Finish the decoder for loops; the encoder, and with it every latent, stays as it is."""
    room: Path = arguments.room
    model = encoded.trained(room, finished=False).to(arguments.device)
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    steps = arguments.steps or STEPS["decoder"]
    pictures = Pictures(room / "pictures")
    _run("decoder", vae.VaeLesson(model, pictures, steps, 1e-3, vae.FINISH), arguments)


def learn_unet(arguments: argparse.Namespace) -> None:
    """Train text encoders and UNet on the autoencoder's latents."""
    library = encoded.library(arguments.room, arguments.device)
    tokenizer = words.read(_tokens(arguments.room))
    torch.manual_seed(1)
    nano, rate = Nano(tokenizer), 1.2e-3
    if arguments.onward:
        restore(nano, folder())
        rate = 8e-4  # what has been learnt is not to be shaken off
    nano.to(arguments.device)
    if arguments.compile:
        nano.unet.compile(dynamic=False)
    _run("unet", DenoiseLesson(nano, library, tokenizer, rate=rate), arguments)


def _learnt(room: Path) -> Nano:
    nano = Nano(words.read(_tokens(room)))
    nano.load_state_dict(averaged(room / "unet.pt")[0])
    return nano


def learn_distil(arguments: argparse.Namespace) -> None:
    """Train the few-step LoRA and write it into the room."""
    room: Path = arguments.room
    torch.manual_seed(2)
    nano = _learnt(room).to(arguments.device)
    add_lora(nano)
    library = encoded.library(room, arguments.device)
    lesson = DistilLesson(nano, library, words.read(_tokens(room)))
    _run("distil", lesson, arguments)
    nano.unet.load_state_dict(averaged(room / "distil.pt")[0])
    save_lora(nano.unet, room / "few-steps")


def write(arguments: argparse.Namespace) -> None:
    """Write the diffusers folder (half precision) with the few-step LoRA beside the parts."""
    room, folder = arguments.room, arguments.folder
    export(_learnt(room), encoded.trained(room), _tokens(room), folder)
    if (room / "few-steps").exists():
        shutil.copytree(room / "few-steps", folder / "few-steps", dirs_exist_ok=True)


def write_file(arguments: argparse.Namespace) -> None:
    """Write the bundled checkpoint as one file, in the original SDXL layout, its configs in the header."""
    print(write_single_file(folder(), arguments.room / "nano.safetensors"), flush=True)


STAGES: dict[str, Callable[[argparse.Namespace], None]] = {
    "draw": draw,
    "vae": learn_vae,
    "decoder": learn_decoder,
    "unet": learn_unet,
    "distil": learn_distil,
    "export": write,
    "single": write_file,
}


def main(arguments: list[str] | None = None) -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument(
        "--room", type=Path, default=Path("nano-room"), help="folder of pictures, checkpoints and logs"
    )
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where `export` writes")
    parser.add_argument(
        "--steps", type=int, default=0, help="steps of the stage; 0: as many as it was made for"
    )
    parser.add_argument("--onward", action="store_true", help="`unet` goes on from the bundled checkpoint")
    parser.add_argument("--shards", type=int, default=28, help="shards of 500 pictures to draw")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, help="where it learns: cpu, cuda, mps")
    parser.add_argument("--compile", action="store_true", help="compile the UNet: minutes first, then faster")
    parser.add_argument("--threads", type=int, default=2, help="threads that learn")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    STAGES[chosen.stage](chosen)


if __name__ == "__main__":
    main()
