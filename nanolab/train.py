"""Training of nano: `python -m nanolab.train STAGE`; an interrupted stage continues from its checkpoint."""

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

from animator.models.nano import WEIGHTS, weights_folder
from nanolab import latents, recipes, text, vae
from nanolab.checkpoint import PipelinePainter, PipelineSettings, export_checkpoint, restore_checkpoint
from nanolab.dataset import ShardedImages, draw_shards, make_readable
from nanolab.ip_adapter import ImageEncoderTask, IPAdapterTask, save_adapter
from nanolab.metrics import random_requests
from nanolab.model import Nano
from nanolab.recipes import draw_recipe, image_grid, save_png
from nanolab.shape_control import ShapeControlTask, ShapeImages, draw_shape_shards
from nanolab.single_file import write_single_file
from nanolab.tasks import ControlNetTask, DenoiseTask, DistillationTask, add_lora, save_lora
from nanolab.text import read_tokenizer
from nanolab.trainer import StepProgress, TrainingPlan, TrainingTask, append_log, load_averaged, train
from nanolab.vae import RoundTripTask

SHEET_EVERY = 500  # steps between two sample sheets

STAGE_STEPS = {
    "vae": 3500,
    "settle": 1300,
    "unet": 20000,
    "distil": 400,
    "control": 1500,
    "shape": 3000,
    "eye": 2000,
    "likeness": 1500,
}


def tokenizer_folder(work_folder: Path) -> Path:
    """Return the work folder's tokenizer folder; if missing, it is copied from the bundled model, or trained."""
    if not (work_folder / "tokens" / "merges.txt").exists():
        bundled = WEIGHTS / "tokenizer"
        if bundled.is_dir():
            shutil.copytree(bundled, work_folder / "tokens")
        else:
            text.write_tokenizer(work_folder / "tokens")
    return work_folder / "tokens"


def _take_steps(name: str, task: TrainingTask, arguments: argparse.Namespace) -> Iterator[StepProgress]:
    """Train a stage to its last step; append progress to its log and yield it."""
    for progress in train(
        task, TrainingPlan(arguments.steps or STAGE_STEPS[name]), arguments.room / f"{name}.pt"
    ):
        append_log(arguments.room / f"{name}.jsonl", progress)
        yield progress


def _train_with_sheets(name: str, task: TrainingTask, arguments: argparse.Namespace) -> None:
    """Train a stage, with a sample sheet every 500 steps and at the end."""
    last = arguments.steps or STAGE_STEPS[name]
    for progress in _take_steps(name, task, arguments):
        if progress.step % SHEET_EVERY == 0 or progress.step == last:
            sample_sheet(arguments.room, name, tokenizer_folder(arguments.room))


def _train_without_sheets(name: str, task: TrainingTask, arguments: argparse.Namespace) -> None:
    """Train a stage whose result has no sample sheet."""
    for _ in _take_steps(name, task, arguments):
        pass


def train_vae(arguments: argparse.Namespace) -> None:
    """Train the autoencoder."""
    torch.manual_seed(0)
    images = ShardedImages(arguments.room / "pictures")
    model = vae.build_autoencoder().to(arguments.device)
    _train_with_sheets("vae", vae.VaeTask(model, images, arguments.steps or STAGE_STEPS["vae"]), arguments)


def train_settle(arguments: argparse.Namespace) -> None:
    """Make the autoencoder stable under repeated round trips; its latents stay almost unchanged."""
    room: Path = arguments.room
    model = latents.load_autoencoder(room, finished=False).to(arguments.device)
    steps = arguments.steps or STAGE_STEPS["settle"]
    _train_with_sheets("settle", RoundTripTask(model, ShardedImages(room / "pictures"), steps), arguments)


def train_unet(arguments: argparse.Namespace) -> None:
    """Train text encoders and UNet on the autoencoder's latents."""
    library = latents.encode_all(arguments.room, arguments.device)
    tokenizer = text.read_tokenizer(tokenizer_folder(arguments.room))
    torch.manual_seed(1)
    nano, rate = Nano(tokenizer), 1.2e-3
    if arguments.onward:
        restore_checkpoint(nano, weights_folder())
        rate = 8e-4  # lower, so that the loaded weights are not lost
    nano.to(arguments.device)
    if arguments.compile:
        nano.unet.compile(dynamic=False)
    _train_with_sheets("unet", DenoiseTask(nano, library, tokenizer, rate=rate), arguments)


def load_nano(work_folder: Path) -> Nano:
    """Return the averaged model of the work folder, or the bundled one if there is no checkpoint."""
    nano = Nano(text.read_tokenizer(tokenizer_folder(work_folder)))
    if (work_folder / "unet.pt").exists():
        nano.load_state_dict(load_averaged(work_folder / "unet.pt")[0])
    else:
        restore_checkpoint(nano, weights_folder())
    return nano


def train_distil(arguments: argparse.Namespace) -> None:
    """Train the few-step LoRA and write it into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(2)
    nano = load_nano(room).to(arguments.device)
    add_lora(nano)
    library = latents.encode_all(room, arguments.device)
    task = DistillationTask(nano, library, text.read_tokenizer(tokenizer_folder(room)))
    _train_with_sheets("distil", task, arguments)
    nano.unet.load_state_dict(load_averaged(room / "distil.pt")[0])
    save_lora(nano.unet, room / "few-steps")


def train_control(arguments: argparse.Namespace) -> None:
    """Train a ControlNet for edges and write its folder into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(5)
    nano = load_nano(room).to(arguments.device)
    library, images = latents.encode_all(room, arguments.device), ShardedImages(room / "pictures")
    task = ControlNetTask(nano, library, images, text.read_tokenizer(tokenizer_folder(room)))
    _train_without_sheets("control", task, arguments)
    task.net.load_state_dict(load_averaged(room / "control.pt")[0])
    task.net.half().save_pretrained(room / "control")
    make_readable(room / "control")


def train_shape(arguments: argparse.Namespace) -> None:
    """Draw products and constructions, train the ControlNet of shapes on them, and write its folder."""
    room: Path = arguments.room
    for path in draw_shape_shards(room / "shapes", range(arguments.shards), arguments.workers):
        print(path, flush=True)
    torch.manual_seed(7)
    nano = load_nano(room).to(arguments.device)
    images = ShapeImages(room / "shapes", room, arguments.device)
    task = ShapeControlTask(nano, images, text.read_tokenizer(tokenizer_folder(room)), arguments.start)
    _train_without_sheets("shape", task, arguments)
    task.net.load_state_dict(load_averaged(room / "shape.pt")[0])
    task.net.half().save_pretrained(room / "shape-control")
    make_readable(room / "shape-control")


def train_ip_adapter(arguments: argparse.Namespace) -> None:
    """Train an IP-Adapter, its image encoder first, and write its folder into the work folder."""
    room: Path = arguments.room
    torch.manual_seed(6)
    look = ImageEncoderTask(room / "pictures")
    _train_without_sheets("eye", look, arguments)
    look.model.load_state_dict(load_averaged(room / "eye.pt")[0])
    nano = load_nano(room).to(arguments.device)
    library, images = latents.encode_all(room, arguments.device), ShardedImages(room / "pictures")
    task = IPAdapterTask(nano, look.encoder, library, images, text.read_tokenizer(tokenizer_folder(room)))
    _train_without_sheets("likeness", task, arguments)
    task.model.load_state_dict(load_averaged(room / "likeness.pt")[0])
    save_adapter(task.encoder, nano.unet, room / "ip-adapter")


Rgb = NDArray[np.uint8]

SHEET_IMAGES = 16  # images of a sheet


def sample_sheet(
    work_folder: Path, stage: str, tokens: Path, size: tuple[int, int] = (256, 256)
) -> Path | None:
    """Write `sheets/STAGE-STEP.png` from the stage's checkpoint and return its path; None without a checkpoint."""
    if not (work_folder / f"{stage}.pt").exists():
        return None
    weights, step = load_averaged(work_folder / f"{stage}.pt")
    path = work_folder / "sheets" / f"{stage}-{step:05}.png"
    if stage in ("vae", "settle"):
        save_png(path, _round_trip_sheet(weights, size))
    else:
        save_png(path, _request_sheet(work_folder, stage, tokens, weights, size))
    return path


def _round_trip_sheet(weights: dict[str, torch.Tensor], size: tuple[int, int]) -> Rgb:
    """Return a sheet of images not trained on, above the same images after one and after eight round trips."""
    model = vae.build_autoencoder()
    model.load_state_dict(weights)
    images = [draw_recipe(recipe, size).image for recipe in random_requests(8, 5)]
    rows = [images]
    for count in (1, 8):
        rows.append(
            list(vae.tensor_to_images(vae.round_trip(model, vae.images_to_tensor(np.stack(images)), count)))
        )
    return image_grid([image for row in rows for image in row], 8)


def _request_sheet(
    work_folder: Path, stage: str, tokens: Path, weights: dict[str, torch.Tensor], size: tuple[int, int]
) -> Rgb:
    """Return a sheet of random requests: eight guided steps for `unet`, four without guidance for `distil`."""
    nano = Nano(read_tokenizer(tokens))
    lora, settings = None, PipelineSettings(height=size[0], width=size[1])
    with tempfile.TemporaryDirectory() as made:
        if stage == "distil":
            learnt = load_averaged(work_folder / "unet.pt")[0]
            nano.load_state_dict(learnt)
            add_lora(nano)
            nano.unet.load_state_dict(weights)
            lora, settings = Path(made, "lora"), replace(settings, steps=4, guidance=1.0)
            save_lora(nano.unet, lora)
            nano = Nano(read_tokenizer(tokens))
            weights = learnt
        nano.load_state_dict(weights)
        export_checkpoint(nano, latents.load_autoencoder(work_folder), tokens, Path(made, "weights"))
        painter = PipelinePainter(Path(made, "weights"), lora)
    prompts = [text.plain_caption(recipe) for recipe in random_requests(SHEET_IMAGES, 7)]
    return image_grid(painter.paint(prompts, range(500, 500 + SHEET_IMAGES), settings), 8)


def draw_dataset(arguments: argparse.Namespace) -> None:
    """Draw the training images of all formats (shards of 750), and the start images."""
    room, shards = arguments.room, arguments.shards
    recipes.draw_start_images(room / "starts")
    for path in draw_shards(room / "pictures", range(shards), arguments.workers):
        print(path, flush=True)
    for i, (name, size) in enumerate(latents.FORMATS.items()):
        few = range(1000 * (i + 1), 1000 * (i + 1) + shards * 256 // (6 * max(size)))
        for path in draw_shards(room / name, few, arguments.workers, size):
            print(path, flush=True)


def export_folder(arguments: argparse.Namespace) -> None:
    """Write the diffusers folder (half precision), with the few-step LoRA if it has been trained."""
    room, folder = arguments.room, arguments.folder
    export_checkpoint(load_nano(room), latents.load_autoencoder(room), tokenizer_folder(room), folder)
    if (room / "few-steps").exists():
        shutil.copytree(room / "few-steps", folder / "few-steps", dirs_exist_ok=True)


def export_single_file(arguments: argparse.Namespace) -> None:
    """Write the bundled checkpoint as one .safetensors file, in the original SDXL layout; configs in its header."""
    print(write_single_file(weights_folder(), arguments.room / "nano.safetensors"), flush=True)


STAGES: dict[str, Callable[[argparse.Namespace], None]] = {
    "draw": draw_dataset,
    "vae": train_vae,
    "settle": train_settle,
    "unet": train_unet,
    "distil": train_distil,
    "control": train_control,
    "shape": train_shape,
    "likeness": train_ip_adapter,
    "export": export_folder,
    "single": export_single_file,
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
    parser.add_argument("--start", type=Path, help="`shape` goes on from the ControlNet in this folder")
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
