"""Benchmark of full-size SDXL on a GPU: a naive loop over diffusers' pipeline, ours, ours compiled, computed floor.

    python -m benchmarks.gpu [--sizes 512 768 1024] [--calls 1 4 10] [--graded] [--out gpu.json]
    python -m benchmarks.gpu --tiny        # runs the code with nano on any machine; its figures mean nothing

All methods use one set of random weights and alternate in one process. Each is timed from the first saved frame to the
last: warp, painting, PNG and video. Ours is pipelined, so that only whole rounds are meaningful, not single frames.
Random weights do not change the number of operations. The frames are checked: flat or saturated ones void the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from PIL import Image

from animator import load
from animator.imaging.io import read_image
from animator.models import nano
from animator.render.pipeline import load_painter
from animator.runs.events import FrameDone
from animator.runs.render import render_run, start_run
from benchmarks import fullsize
from benchmarks.loop import textured

NO_GPU = "no CUDA device found: this benchmark measures full-size SDXL on a GPU; --tiny runs it with nano on the CPU"
WORDS = "studio photo of an electric scooter, white background"
FILM = """
video: {{size: {size}x{size}, frames: {frames}, fps: 24}}
model: {{base: {base}, compile: "{compile}", memory: fast, device: {device}, dtype: {dtype}}}
start: {{image: start.png}}
prompts: {{at: "{words}"}}
motion: {{zoom: 1.01, angle: 0.3}}
painting: {{steps: {steps}, strength: 0.5, guidance_scale: 1, seed: 3}}
{grade}
"""
GRADE = "grade: {color: lab, noise: 0.02, contrast: 1.01, sharpen: 0.1}"

Moments = list[float]  # times at which each frame had been saved, seconds


class Bench:
    """The networks at one image size, and all methods of running them."""

    def __init__(
        self, base: Path, size: int, frames: int, device: str, folder: Path, compiled: bool, grade: str = ""
    ) -> None:
        self.base, self.size, self.frames, self.folder, self.grade = base, size, frames, folder, grade
        self.device, self.dtype = torch.device(device), "bfloat16" if device == "cuda" else "float32"
        Image.fromarray(textured(size, 1)).save(folder / "start.png")
        self.ours = load_painter(load(self._film(2, compiled)))
        self.sdxl = self.ours.inner  # the painter inside the wrapper for the start image
        self.naive = StableDiffusionXLImg2ImgPipeline(**self.sdxl.txt2img.components, add_watermarker=False)
        self.naive.set_progress_bar_config(disable=True)
        self.plain = self.sdxl.txt2img.scheduler
        self.vae = self.sdxl.txt2img.vae

    def _film(self, calls: int, compiled: bool = False) -> Path:
        file = self.folder / "film.yaml"
        switch = "on" if compiled else "off"
        given = {"size": self.size, "frames": self.frames, "base": self.base, "steps": 2 * calls}
        given |= {"device": self.device.type, "dtype": self.dtype, "words": WORDS, "compile": switch}
        given |= {"grade": self.grade}
        file.write_text(FILM.format(**given))
        return file

    def naive_frames(self, calls: int) -> Moments:
        """Run a naive loop: PIL in and out, a PNG per frame, the VAE as diffusers runs it by default."""
        self.vae.register_to_config(force_upcast=True)
        torch.backends.cudnn.deterministic = False
        self.naive.scheduler = self.plain
        matrix = cv2.getRotationMatrix2D((self.size / 2, self.size / 2), 0.3, 1.01)
        picture = Image.fromarray(read_image(self.folder / "start.png", self.size, self.size))
        moments: Moments = []
        for index in range(self.frames):
            moved = cv2.warpAffine(
                np.asarray(picture),
                matrix,
                picture.size,
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
            picture = self.naive(
                WORDS,
                image=Image.fromarray(moved),
                strength=0.5,
                num_inference_steps=2 * calls,
                guidance_scale=1.0,
                generator=torch.Generator("cpu").manual_seed(3 + index),
            ).images[0]
            picture.save(self.folder / "naive.png")
            moments.append(time.perf_counter())
        _check([np.asarray(picture)])
        self.vae.register_to_config(force_upcast=False)
        return moments

    def our_frames(self, calls: int, paint: Callable | None = None) -> Moments:
        """Render a run like `animator render`, with PNGs and video; images stay on the device between passes."""
        torch.backends.cudnn.deterministic = True
        scene, moments = load(self._film(calls)), []

        def tell(event):
            if isinstance(event, FrameDone):
                moments.append(time.perf_counter())

        with tempfile.TemporaryDirectory(dir=self.folder) as room:
            run = start_run(scene, self.folder / "film.yaml", Path(room, "run"))
            for _ in render_run(run, scene, lambda _: paint or self.ours, tell):
                pass
            _check([run.image(index) for index in range(self.frames)])
        return sorted(moments)

    def eager(self, calls: int) -> Moments:
        with torch.compiler.set_stance("force_eager"):
            return self.our_frames(calls)

    def by_the_cpu(self, calls: int) -> Moments:
        """Render with the compiled UNet, but with images copied to the CPU between painting passes."""
        return self.our_frames(calls, self.ours.__call__)

    def small(self, calls: int) -> Moments:
        """Render with the compiled UNet and an autoencoder of TAESDXL's size."""
        pipes = (self.sdxl.txt2img, self.sdxl.img2img)
        for pipe in pipes:
            pipe.register_modules(vae=fullsize.small_vae(self.device, self.vae.dtype))
        moments = self.our_frames(calls)
        for pipe in pipes:
            pipe.register_modules(vae=self.vae)
        return moments


def _check(images: Sequence[np.ndarray]) -> None:
    """Exit with an error if an image is flat or saturated."""
    for image in images:
        if not 5 < image.std() < 125:
            raise SystemExit(
                f"a frame is flat or saturated (standard deviation {image.std():.1f}): the figures are void"
            )


def milliseconds(moments: Moments) -> float:
    """Return the mean milliseconds from one frame to the next."""
    return 1000 * (moments[-1] - moments[0]) / (len(moments) - 1)


def stalls(bench: Bench, calls: int) -> tuple[int, list[str]]:
    """Return the number of host-GPU synchronisations per frame, and the code lines that cause most of them."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            bench.our_frames(calls)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [one for one in warned if "synchroniz" in str(one.message)]
    places = Counter(f"{'/'.join(Path(one.filename).parts[-3:])}:{one.lineno}" for one in waits)
    return len(waits) // bench.frames, [f"{place} {count}" for place, count in places.most_common(10)]


def measure(bench: Bench, calls: int, ways: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds per frame of every method, one figure per round."""
    for way in ways.values():  # warm-up: compiling, autotuning and clock changes are not timed
        way(calls)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(milliseconds(way(calls)))
    return found


def report(size: int, calls: int, found: dict[str, list[float]], floor: float) -> dict:
    """Print a table of the methods and return it as data."""
    naive = statistics.median(found["naive"])
    row = {"size": size, "calls": calls, "floor_ms": floor, "ways": {}}
    for name, times in found.items():
        middle = statistics.median(times)
        spread = max(times) - min(times)
        own = floor if name != "ours, small VAE" else None
        share = own and own / middle
        row["ways"][name] = {
            "ms": middle,
            "range_ms": spread,
            "faster": naive / middle,
            "floor": share,
        }
        said = (
            f"{size:5} {calls:3} calls  {name:20} {middle:9.1f} ms ±{spread / 2:6.1f}  {naive / middle:5.2f}x"
        )
        print(f"{said}  {share:6.1%} of the floor" if share else said)
    return row


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--sizes", type=int, nargs="+", help="image sizes in pixels")
    given.add_argument("--calls", type=int, nargs="+", help="UNet calls per frame")
    given.add_argument("--frames", type=int, default=12, help="frames per method and round")
    given.add_argument("--rounds", type=int, default=5, help="timed rounds")
    given.add_argument(
        "--graded", action="store_true", help="with colour matching, noise, contrast and sharpening"
    )
    given.add_argument("--tiny", action="store_true", help="run the code with nano on the CPU")
    given.add_argument("--base", type=Path, help="folder of the full-size checkpoint; written if missing")
    given.add_argument("--out", type=Path, help="JSON file to write the figures to")
    options = given.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        raise SystemExit(2)
    with tempfile.TemporaryDirectory(prefix="animator-gpu-") as room:
        rows = [*_rows(options, Path(room))]
    if options.out:
        options.out.write_text(json.dumps({"device": _device(options.tiny), "rows": rows}, indent=1))


def _device(tiny: bool) -> str:
    return "CPU, nano" if tiny else torch.cuda.get_device_name()


def _rows(options: argparse.Namespace, room: Path) -> Iterator[dict]:
    device = torch.device("cpu" if options.tiny else "cuda")
    base = nano.weights_folder() if options.tiny else options.base or room / "sdxl"
    if not (base / "model_index.json").is_file():
        fullsize.write(base, device)
    configs = (fullsize.UNET, fullsize.VAE)
    if options.tiny:
        configs = tuple(_config(base / name) for name in ("unet", "vae"))
    dtype = torch.float32 if options.tiny else torch.bfloat16
    flops, bandwidth = fullsize.peak(device, dtype, 512 if options.tiny else 8192)
    print(f"{_device(options.tiny)}: {flops / 1e12:.1f} TFLOP/s and {bandwidth / 1e12:.2f} TB/s measured")
    for size in options.sizes or ([64] if options.tiny else [512, 768, 1024]):
        bench = Bench(
            base,
            size,
            options.frames,
            device.type,
            room,
            compiled=not options.tiny,
            grade=GRADE if options.graded else "",
        )
        ways = {"naive": bench.naive_frames, "ours": bench.eager}
        if not options.tiny:
            ways["ours, compiled"] = bench.our_frames
            ways["ours, by the CPU"] = bench.by_the_cpu
        ways["ours, small VAE"] = bench.small
        call, vae, numbers = fullsize.work(*configs, size)
        once = max(call / flops, numbers * dtype.itemsize / bandwidth)
        for calls in options.calls or ([1, 2] if options.tiny else [1, 4, 10]):
            found = measure(bench, calls, ways, options.rounds)
            row = report(size, calls, found, 1000 * (calls * once + vae / flops))
            if not options.tiny:
                row["stalls"], row["places"] = stalls(bench, calls)
                print(f"{'':16} the host waits for the GPU {row['stalls']} times per frame")
                print(*(f"{'':18} {place}" for place in row["places"]), sep="\n")
            yield row
        del bench


def _config(folder: Path) -> dict:
    given = json.loads((folder / "config.json").read_text(encoding="utf8"))
    return {name: value for name, value in given.items() if not name.startswith("_")}


if __name__ == "__main__":
    main()
