"""The training stages of `python -m nanolab.train`; each continues from its checkpoint."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from animator.models.nano import WEIGHTS, folder
from nanolab import latents as encoded
from nanolab import vae, words
from nanolab.checkpoint import restore
from nanolab.control import ControlLesson
from nanolab.dataset import Pictures, readable
from nanolab.denoise import DenoiseLesson
from nanolab.ip_adapter import LikenessLesson, LookLesson
from nanolab.ip_adapter import save as save_likeness
from nanolab.lessons import DistilLesson, add_lora, save_lora
from nanolab.look import look
from nanolab.model import Nano
from nanolab.settle import SettleLesson
from nanolab.trainer import Lesson, Plan, Progress, averaged, log, train

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
            words.write(room / "tokens")
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
    tokenizer = words.read(tokens(arguments.room))
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
    nano = Nano(words.read(tokens(room)))
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
    lesson = DistilLesson(nano, library, words.read(tokens(room)))
    _run("distil", lesson, arguments)
    nano.unet.load_state_dict(averaged(room / "distil.pt")[0])
    save_lora(nano.unet, room / "few-steps")


def learn_control(arguments: argparse.Namespace) -> None:
    """Train a ControlNet for edges and write its folder into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(5)
    nano = learnt(room).to(arguments.device)
    library, pictures = encoded.library(room, arguments.device), Pictures(room / "pictures")
    lesson = ControlLesson(nano, library, pictures, words.read(tokens(room)))
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
    lesson = LikenessLesson(nano, look.eye, library, pictures, words.read(tokens(room)))
    _quietly("likeness", lesson, arguments)
    lesson.model.load_state_dict(averaged(room / "likeness.pt")[0])
    save_likeness(lesson.sight, nano.unet, room / "ip-adapter")
