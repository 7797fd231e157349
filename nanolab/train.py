"""The training stages of `python -m nanolab.train`; each continues from its checkpoint.

Sample sheets during training: fixed requests, painted with the last saved weights of a stage.

Training of nano: `python -m nanolab.train STAGE`; an interrupted stage continues from its checkpoint.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from animator.diffusion.single_file import write_single_file
from animator.models.nano import WEIGHTS, folder
from nanolab import latents as encoded
from nanolab import recipes, text, vae
from nanolab import text as captions
from nanolab.checkpoint import Painter, Settings, export, restore
from nanolab.dataset import Pictures, draw_all, readable
from nanolab.ip_adapter import LikenessLesson, LookLesson
from nanolab.ip_adapter import save as save_likeness
from nanolab.lessons import ControlLesson, DenoiseLesson, DistilLesson, add_lora, save_lora
from nanolab.metrics import requests
from nanolab.model import Nano
from nanolab.recipes import draw_recipe, save, sheet
from nanolab.text import read
from nanolab.trainer import Lesson, Plan, Progress, averaged, log, train
from nanolab.vae import SettleLesson

SHEET_EVERY = 500  # steps between two sample sheets

STEPS = {
    "vae": 3500,
    "settle": 1300,
    "unet": 20000,
    "distil": 400,
    "control": 1500,
    "eye": 2000,
    "likeness": 1500,
}


def tokens(room: Path) -> Path:
    """Return the work folder's tokenizer folder; if missing, it is copied from the bundled model, or trained."""
    if not (room / "tokens" / "merges.txt").exists():
        bundled = WEIGHTS / "tokenizer"
        if bundled.is_dir():
            shutil.copytree(bundled, room / "tokens")
        else:
            text.write(room / "tokens")
    return room / "tokens"


def _steps(name: str, lesson: Lesson, arguments: argparse.Namespace) -> Iterator[Progress]:
    """Train a stage to its last step; append progress to its log and yield it."""
    for progress in train(lesson, Plan(arguments.steps or STEPS[name]), arguments.room / f"{name}.pt"):
        log(arguments.room / f"{name}.jsonl", progress)
        yield progress


def _run(name: str, lesson: Lesson, arguments: argparse.Namespace) -> None:
    """Train a stage, with a sample sheet every 500 steps and at the end."""
    last = arguments.steps or STEPS[name]
    for progress in _steps(name, lesson, arguments):
        if progress.step % SHEET_EVERY == 0 or progress.step == last:
            look(arguments.room, name, tokens(arguments.room))


def _quietly(name: str, lesson: Lesson, arguments: argparse.Namespace) -> None:
    """Train a stage whose result has no sample sheet."""
    for _ in _steps(name, lesson, arguments):
        pass


def learn_vae(arguments: argparse.Namespace) -> None:
    """Train the autoencoder."""
    torch.manual_seed(0)
    pictures = Pictures(arguments.room / "pictures")
    model = vae.build().to(arguments.device)
    _run("vae", vae.VaeLesson(model, pictures, arguments.steps or STEPS["vae"]), arguments)


def learn_settle(arguments: argparse.Namespace) -> None:
    """Make the autoencoder stable under repeated round trips; its latents stay almost unchanged."""
    room: Path = arguments.room
    model = encoded.trained(room, finished=False).to(arguments.device)
    steps = arguments.steps or STEPS["settle"]
    _run("settle", SettleLesson(model, Pictures(room / "pictures"), steps), arguments)


def learn_unet(arguments: argparse.Namespace) -> None:
    """Train text encoders and UNet on the autoencoder's latents."""
    library = encoded.library(arguments.room, arguments.device)
    tokenizer = text.read(tokens(arguments.room))
    torch.manual_seed(1)
    nano, rate = Nano(tokenizer), 1.2e-3
    if arguments.onward:
        restore(nano, folder())
        rate = 8e-4  # lower, so that the loaded weights are not lost
    nano.to(arguments.device)
    if arguments.compile:
        nano.unet.compile(dynamic=False)
    _run("unet", DenoiseLesson(nano, library, tokenizer, rate=rate), arguments)


def learnt(room: Path) -> Nano:
    """Return the averaged model of the work folder, or the bundled one if there is no checkpoint."""
    nano = Nano(text.read(tokens(room)))
    if (room / "unet.pt").exists():
        nano.load_state_dict(averaged(room / "unet.pt")[0])
    else:
        restore(nano, folder())
    return nano


def learn_distil(arguments: argparse.Namespace) -> None:
    """Train the few-step LoRA and write it into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(2)
    nano = learnt(room).to(arguments.device)
    add_lora(nano)
    library = encoded.library(room, arguments.device)
    lesson = DistilLesson(nano, library, text.read(tokens(room)))
    _run("distil", lesson, arguments)
    nano.unet.load_state_dict(averaged(room / "distil.pt")[0])
    save_lora(nano.unet, room / "few-steps")


def learn_control(arguments: argparse.Namespace) -> None:
    """Train a ControlNet for edges and write its folder into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(5)
    nano = learnt(room).to(arguments.device)
    library, pictures = encoded.library(room, arguments.device), Pictures(room / "pictures")
    lesson = ControlLesson(nano, library, pictures, text.read(tokens(room)))
    _quietly("control", lesson, arguments)
    lesson.net.load_state_dict(averaged(room / "control.pt")[0])
    lesson.net.half().save_pretrained(room / "control")
    readable(room / "control")


def learn_likeness(arguments: argparse.Namespace) -> None:
    """Train an IP-Adapter, its image encoder first, and write its folder into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(6)
    look = LookLesson(room / "pictures")
    _quietly("eye", look, arguments)
    look.model.load_state_dict(averaged(room / "eye.pt")[0])
    nano = learnt(room).to(arguments.device)
    library, pictures = encoded.library(room, arguments.device), Pictures(room / "pictures")
    lesson = LikenessLesson(nano, look.eye, library, pictures, text.read(tokens(room)))
    _quietly("likeness", lesson, arguments)
    lesson.model.load_state_dict(averaged(room / "likeness.pt")[0])
    save_likeness(lesson.sight, nano.unet, room / "ip-adapter")


Rgb = NDArray[np.uint8]

COUNT = 16  # images of a sheet


def look(room: Path, stage: str, tokens: Path, size: tuple[int, int] = (256, 256)) -> Path | None:
    """Write `sheets/STAGE-STEP.png` from the stage's checkpoint and return its path; None without a checkpoint."""
    if not (room / f"{stage}.pt").exists():
        return None
    weights, step = averaged(room / f"{stage}.pt")
    path = room / "sheets" / f"{stage}-{step:05}.png"
    if stage in ("vae", "settle"):
        save(path, _round_trips(weights, size))
    else:
        save(path, _painted(room, stage, tokens, weights, size))
    return path


def _round_trips(weights: dict[str, torch.Tensor], size: tuple[int, int]) -> Rgb:
    """Return a sheet of images not trained on, above the same images after one and after eight round trips."""
    model = vae.build()
    model.load_state_dict(weights)
    images = [draw_recipe(recipe, size).image for recipe in requests(8, 5)]
    rows = [images]
    for count in (1, 8):
        rows.append(list(vae.image(vae.round_trip(model, vae.tensor(np.stack(images)), count))))
    return sheet([image for row in rows for image in row], 8)


def _painted(
    room: Path, stage: str, tokens: Path, weights: dict[str, torch.Tensor], size: tuple[int, int]
) -> Rgb:
    """Return a sheet of random requests: eight guided steps for `unet`, four without guidance for `distil`."""
    nano = Nano(read(tokens))
    lora, settings = None, Settings(height=size[0], width=size[1])
    with tempfile.TemporaryDirectory() as made:
        if stage == "distil":
            learnt = averaged(room / "unet.pt")[0]
            nano.load_state_dict(learnt)
            add_lora(nano)
            nano.unet.load_state_dict(weights)
            lora, settings = Path(made, "lora"), replace(settings, steps=4, guidance=1.0)
            save_lora(nano.unet, lora)
            nano = Nano(read(tokens))
            weights = learnt
        nano.load_state_dict(weights)
        export(nano, encoded.trained(room), tokens, Path(made, "weights"))
        painter = Painter(Path(made, "weights"), lora)
    prompts = [captions.plain(recipe) for recipe in requests(COUNT, 7)]
    return sheet(painter.paint(prompts, range(500, 500 + COUNT), settings), 8)


def draw_dataset(arguments: argparse.Namespace) -> None:
    """Draw the training images of all formats (shards of 750), and the start images."""
    room, shards = arguments.room, arguments.shards
    recipes.start_pictures(room / "starts")
    for path in draw_all(room / "pictures", range(shards), arguments.workers):
        print(path, flush=True)
    for i, (name, size) in enumerate(encoded.FORMATS.items()):
        few = range(1000 * (i + 1), 1000 * (i + 1) + shards * 256 // (6 * max(size)))
        for path in draw_all(room / name, few, arguments.workers, size):
            print(path, flush=True)


def write(arguments: argparse.Namespace) -> None:
    """Write the diffusers folder (half precision), with the few-step LoRA if it has been trained."""
    room, folder = arguments.room, arguments.folder
    export(learnt(room), encoded.trained(room), tokens(room), folder)
    if (room / "few-steps").exists():
        shutil.copytree(room / "few-steps", folder / "few-steps", dirs_exist_ok=True)


def write_file(arguments: argparse.Namespace) -> None:
    """Write the bundled checkpoint as one .safetensors file, in the original SDXL layout; configs in its header."""
    print(write_single_file(folder(), arguments.room / "nano.safetensors"), flush=True)


STAGES: dict[str, Callable[[argparse.Namespace], None]] = {
    "draw": draw_dataset,
    "vae": learn_vae,
    "settle": learn_settle,
    "unet": learn_unet,
    "distil": learn_distil,
    "control": learn_control,
    "likeness": learn_likeness,
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
