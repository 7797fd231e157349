"""Training from photos to file: a resumed or killed run ends with the same weights, and other programs read the file."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from peft.utils import get_peft_model_state_dict
from PIL import Image as Pillow
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from animator import ModelError, RunError, SceneError, load, timeline
from animator.cli import main
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Frame, Painting, Prompt
from animator.models import lora_file
from animator.models.locate import data_folder
from animator.training.photos import read_photos
from animator.training.settings import read_settings as settings
from animator.training.train import train, training_folder
from tests.training.conftest import boxes


def run(folder, chosen, out, resume=False, stop=None):
    reports = []
    for report in train(read_photos(folder), chosen, out, resume):
        reports.append(report)
        if report.step == stop:
            break
    return reports


def same(one, other):
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def header(file):
    with safe_open(file, framework="pt") as opened:
        return opened.metadata()


@pytest.mark.parametrize(
    "options",
    [(), ("learning.accumulate=2", "network.dropout=0.3", "learning.schedule=cosine", "learning.warmup=2"),
     ("network.text_encoders=true", "learning.noise_offset=0.1", "data.drop_captions=0.5", "data.held_out=1")],
    ids=["plain", "accumulated, with dropout and warm-up", "with text encoders and held-out images"],
)  # fmt: skip
def test_a_resumed_training_ends_with_the_same_weights(folder, chosen, tmp_path, options):
    wanted = chosen(*options)
    whole = run(folder, wanted, tmp_path / "whole.safetensors")
    run(folder, wanted, tmp_path / "parts.safetensors", stop=3)  # the last checkpoint is that of step 2
    rest = run(folder, wanted, tmp_path / "parts.safetensors", resume=True)
    assert [report.step for report in rest] == [3, 4]
    assert same(tmp_path / "whole.safetensors", tmp_path / "parts.safetensors")
    assert [r.loss for r in rest] == [r.loss for r in whole[2:]]
    lines = [
        json.loads(line) for line in (tmp_path / "parts.training/metrics.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]


PROGRAM = """
import sys
import torch
torch.set_num_threads(1)
from animator.cli import main
main(sys.argv[1:])
"""


def command(folder, out, checkpoint):
    """Return the arguments of a training of 30 steps."""
    file = out.with_suffix(".yaml")
    file.write_text(
        f"token: oue box\nmodel: {{base: {checkpoint}}}\ndata: {{resolution: 64}}\n"
        "learning: {steps: 30, rate: 1e-2}\nwatch: {sheets: false, every: 2}\n"
    )
    return ["train", str(folder), "-o", str(out), "--config", str(file)]


def reached(out: Path, lines: int) -> bool:
    metrics = training_folder(out) / "metrics.jsonl"
    return metrics.exists() and metrics.read_bytes().count(b"\n") >= lines


def test_a_killed_and_interrupted_training_resumes_to_the_same_weights(folder, checkpoint, tmp_path, capsys):
    out, whole = tmp_path / "box.safetensors", tmp_path / "whole.safetensors"
    words = command(folder, out, checkpoint)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words])
    while process.poll() is None and not reached(out, 5):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not out.exists()

    def interrupt():
        while not reached(out, 9):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(SystemExit, match="130"):
        main([*words, "--resume"])
    assert "continue with the same command and --resume" in capsys.readouterr().err
    taken = (training_folder(out) / "metrics.jsonl").read_bytes().count(b"\n")
    assert 9 <= taken < 30
    config = settings(out.with_suffix(".yaml"))
    rest = run(folder, config, out, resume=True)
    assert rest[0].step == taken + 1  # Ctrl-C saved the step during which it came
    run(folder, config, whole)
    assert same(out, whole)


def test_a_signal_between_two_steps_ends_the_training_with_the_next_step_saved(folder, chosen, tmp_path):
    out = tmp_path / "box.safetensors"
    reports = train(read_photos(folder), chosen("watch.every=4"), out)
    assert next(reports).step == 1
    os.kill(os.getpid(), signal.SIGINT)
    assert next(reports).step == 2
    with pytest.raises(KeyboardInterrupt):
        next(reports)
    assert run(folder, chosen("watch.every=4"), out, resume=True)[0].step == 3


def test_a_truncated_checkpoint_is_refused(folder, chosen, tmp_path):
    run(folder, chosen(), tmp_path / "a.safetensors")
    checkpoint = tmp_path / "a.training/checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(RunError, match="not a checkpoint"):
        run(folder, chosen(), tmp_path / "a.safetensors", resume=True)


def test_another_training_is_neither_resumed_nor_overwritten(folder, chosen, tmp_path):
    out = tmp_path / "a.safetensors"
    with pytest.raises(RunError, match="no training to resume"):
        run(folder, chosen(), out, resume=True)
    run(folder, chosen(), out, stop=3)
    with pytest.raises(RunError, match="--resume"):
        run(folder, chosen(), out)
    with pytest.raises(RunError, match=r"other learning\.rate"):
        run(folder, chosen("learning.rate=2e-2"), out, resume=True)
    Pillow.fromarray(boxes(99)).save(folder / "99.png")
    with pytest.raises(RunError, match="other photos"):
        run(folder, chosen(), out, resume=True)
    (folder / "99.png").unlink()
    run(folder, chosen("watch.every=3"), out, resume=True)
    with pytest.raises(RunError, match="exists already"):
        run(folder, chosen(), out)


def trained(folder, chosen, out, *options):
    run(folder, chosen(*options), out)
    return out


def test_diffusers_reads_the_same_lora_from_both_formats(folder, chosen, checkpoint, tmp_path):
    options = [
        "network.layers=all",
        "network.text_encoders=true",
        "network.alpha=2",
        "file.dtype=float32",
    ]
    ours = trained(folder, chosen, tmp_path / "ours.safetensors", *options)
    kohya = trained(folder, chosen, tmp_path / "kohya.safetensors", *options, "file.format=kohya")
    names = set(load_file(kohya))
    assert all(name.startswith(("lora_unet_input_blocks_", "lora_unet_middle_block_", "lora_unet_output_blocks_",
                                "lora_te1_text_model_encoder_layers_", "lora_te2_text_model_encoder_layers_"))
               for name in names)  # fmt: skip
    assert len(names) == len(load_file(ours)) // 2 * 3  # an alpha for each pair
    loaded = {}
    for file in (ours, kohya):
        pipe = StableDiffusionXLPipeline.from_pretrained(checkpoint, dtype=torch.float32)
        pipe.load_lora_weights(file.parent, weight_name=file.name, adapter_name="a")
        parts = {"unet": pipe.unet, "te1": pipe.text_encoder, "te2": pipe.text_encoder_2}
        loaded[file.stem] = {
            f"{part}.{name}": value
            for part, network in parts.items()
            for name, value in get_peft_model_state_dict(network, adapter_name="a").items()
        }
        module = pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
        assert module.scaling["a"] == 1.0  # alpha is in the weights: no reader can ignore it
    assert loaded["ours"].keys() == loaded["kohya"].keys()
    assert len(loaded["ours"]) == len(load_file(ours))
    assert all(torch.equal(loaded["ours"][name], value) for name, value in loaded["kohya"].items())


def test_a_film_paints_with_the_trained_lora(folder, chosen, checkpoint, tmp_path):
    out = trained(folder, chosen, tmp_path / "box.safetensors", "learning.steps=8", "learning.rate=5e-2")
    paint = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {"box": out})
    text = Prompt("photo of oue box", next="photo of oue box")

    def shown(scale):
        return paint.paint(
            Frame(0, 3, text, painting=Painting(steps=2, guidance_scale=1), loras={"box": scale}), None
        )

    plain = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {})
    assert (
        shown(0.0) == plain.paint(Frame(0, 3, text, painting=Painting(steps=2, guidance_scale=1)), None)
    ).all()
    far = [np.abs(shown(0.0).astype(float) - shown(scale)).mean() for scale in (0.0, 0.5, 1.0)]
    assert far[0] == 0 < far[1] < far[2]
    scene = load(
        data_folder("presets") / "concept-reveal.yaml",
        [f"lora={out}", "product=oue box", f"model.base={checkpoint}"],
    )
    [message] = scene.settings.model.loras.values()
    assert Path(message.file) == out and timeline(scene)[-1].loras


def test_the_metadata_describes_the_file(folder, chosen, checkpoint, tmp_path):
    options = [
        "network.alpha=2",
        "learning.min_snr=3",
        "file.license=CC0-1.0",
        "prior.pictures=2",
        "prior.steps=2",
    ]
    reports = header(trained(folder, chosen, tmp_path / "box.safetensors", *options))
    assert (reports["ss_network_dim"], reports["ss_network_alpha"]) == ("4", "4.0")
    assert (
        reports["ss_network_module"] == "networks.lora"
        and reports["ss_base_model_version"] == "sdxl_base_v1-0"
    )
    assert (reports["ss_num_train_images"], reports["ss_num_reg_images"], reports["ss_steps"]) == (
        "5",
        "2",
        "4",
    )
    tags = json.loads(reports["ss_tag_frequency"])
    assert tags == {"1_oue box": {"sketch of oue box": 1, "white paper": 1, "photo of oue box": 4}}
    buckets = json.loads(reports["ss_bucket_info"])["buckets"]
    assert sum(bucket["count"] for bucket in buckets.values()) == 5
    assert reports["modelspec.trigger_phrase"] == "oue box" and reports["modelspec.license"] == "CC0-1.0"
    assert reports["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert json.loads(reports["animator.settings"])["class"] == "box"
    facts = lora_file.read_lora_info(tmp_path / "box.safetensors")
    assert facts.ranks == (4,) and "oue box" in facts.words.triggers
    assert dict(facts.words.tags)["photo of oue box"] == 4
    assert set(facts.alphas) <= {4.0}
    unet = checkpoint / "unet" / "diffusion_pytorch_model.safetensors"
    assert reports["ss_new_sd_model_hash"] == hashlib.sha256(unet.read_bytes()).hexdigest()


def test_the_best_weights_by_held_out_loss_are_written(folder, chosen, tmp_path):
    options = [
        "data.held_out=2",
        "learning.steps=6",
        "learning.rate=0.03",
        "watch.every=1",
        "file.dtype=float32",
    ]
    reports = run(folder, chosen(*options), tmp_path / "best.safetensors")
    judged = [report.held_out for report in reports]
    best = int(np.argmin(judged)) + 1
    assert header(tmp_path / "best.safetensors")["ss_steps"] == str(best)
    run(folder, chosen(*options), tmp_path / "parts.safetensors", stop=best)
    learnt = load_file(tmp_path / "parts.training/checkpoint.safetensors")
    found = load_file(tmp_path / "best.safetensors")
    name = next(name for name in found if ".lora_B." in name)
    part, rest = name.split(".", 1)
    assert torch.equal(found[name], learnt[f"learnt.{part}.{rest.replace('.lora_B.', '.lora_B.default.')}"])


def test_class_images_are_painted_once_and_add_to_the_loss(folder, chosen, tmp_path):
    options = ["prior.pictures=3", "prior.steps=2"]
    with_prior = run(folder, chosen(*options), tmp_path / "a.safetensors", stop=2)
    painted = sorted((tmp_path / "a.training/class").glob("*.png"))
    assert len(painted) == 3
    before = [file.stat().st_mtime_ns for file in painted]
    run(folder, chosen(*options), tmp_path / "a.safetensors", resume=True)
    assert [file.stat().st_mtime_ns for file in painted] == before
    without = run(folder, chosen(), tmp_path / "b.safetensors", stop=1)
    assert with_prior[0].loss > without[0].loss


def test_masks_and_captions_change_the_loss(folder, chosen, tmp_path):
    every = ["learning.batch=5", "data.buckets=false"]  # all images in the first batch
    first = run(folder, chosen(*every), tmp_path / "a.safetensors", stop=1)[0].loss
    assert (
        run(folder, chosen(*every, "data.captions=token"), tmp_path / "b.safetensors", stop=1)[0].loss
        != first
    )
    for number in range(5):
        mask = np.zeros((96, 160 if number > 2 else 96), np.uint8)
        mask[30:70, 30:70] = 255
        Pillow.fromarray(mask).save(folder / f"{number}.mask.png")
    assert run(folder, chosen(*every), tmp_path / "c.safetensors", stop=1)[0].loss != first
    assert (
        run(folder, chosen(*every, "data.masks=false"), tmp_path / "d.safetensors", stop=1)[0].loss == first
    )


def test_sample_sheets_are_painted_at_the_configured_steps(folder, chosen, tmp_path):
    sheets = ["watch.sheets=true", "watch.prompts=['photo of {token}', 'a box']", "learning.rate=5e-2"]
    reports = run(folder, chosen(*sheets), tmp_path / "a.safetensors")
    files = [report.sheet for report in reports if report.sheet]
    assert [file.name for file in files] == ["step-000002.png", "step-000004.png"]
    first, last = (np.asarray(Pillow.open(file)) for file in files)
    assert first.shape == (64, 128, 3) and (first != last).any()


def test_invalid_settings_raise_errors_with_advice(folder, chosen, tmp_path):
    with pytest.raises(ModelError, match="bitsandbytes"):
        run(folder, chosen("learning.optimizer=adamw8bit"), tmp_path / "a.safetensors")
    with pytest.raises(SceneError, match="leaves none to train on"):
        run(folder, chosen("data.held_out=5"), tmp_path / "c.safetensors")
    with pytest.raises(RunError, match=r"only \.safetensors"):
        run(folder, chosen(), tmp_path / "d.ckpt")


def test_a_loss_that_is_not_a_number_ends_the_training(folder, chosen, checkpoint, tmp_path):
    base = shutil.copytree(checkpoint, tmp_path / "base")
    file = base / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["conv_out.bias"][0] = torch.nan
    save_file(weights, file)
    with pytest.raises(ModelError, match=r"step 1: the loss is nan; lower learning\.rate, now 0\.01"):
        run(folder, chosen(f"model.base={base}"), tmp_path / "a.safetensors")


def test_running_out_of_memory_names_the_setting_to_lower(folder, chosen, tmp_path):
    with pytest.raises(ModelError, match=r"lower learning\.batch, now 1024"):
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, hard))
        try:
            run(folder, chosen("learning.batch=1024"), tmp_path / "a.safetensors")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
