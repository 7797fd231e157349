"""Models that are missing or not SDXL are reported before any is loaded."""

import json

import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from animator import ModelError, SceneError, loads
from animator.models import nano, safetensors
from animator.scene import model_checks

READS = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
NONE = "no such folder or file; allowed: "
FOLDERS = "a hub id, a folder"
FILES = f"{FOLDERS}, a .safetensors file"


@pytest.fixture
def room(tmp_path):
    """Return a folder of models that are incomplete or of the wrong kind."""
    for name, width in (("old", 768), ("refiner", 1280), ("good", 2048)):
        save_file({READS: torch.zeros(8, width)}, tmp_path / f"{name}.safetensors")
    save_file({"emb_params": torch.zeros(2, 768)}, tmp_path / "word.safetensors")
    save_file({"clip_l": torch.zeros(1, 768), "clip_g": torch.zeros(1, 1280)}, tmp_path / "both.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    (tmp_path / "adapter").mkdir()
    Pillow.new("RGB", (4, 4)).save(tmp_path / "a.png")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{base: sd15.ckpt}",
            "model.base: 'sd15.ckpt': only .safetensors files are loaded; others can run code",
        ),
        (
            "{base: old.safetensors}",
            "model.base: old.safetensors is SD 1.x; only SDXL checkpoints are supported",
        ),
        (
            "{base: refiner.safetensors}",
            "model.base: refiner.safetensors is SDXL's refiner; only SDXL checkpoints",
        ),
        (
            "{base: broken.safetensors}",
            "broken.safetensors: not a .safetensors file: header too small",
        ),
        (
            "{embeddings: {w: word.safetensors}}",
            "model.embeddings.w: it lacks vectors for both of SDXL's text encoders, 'clip_l' and 'clip_g'; it is made for SD 1.x",
        ),
    ],
)
def test_a_model_that_does_not_fit_sdxl_is_a_problem_of_the_file(room, text, message):
    with pytest.raises(SceneError) as caught:
        loads(f"model: {text}", room)
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_an_adapter_folder_without_weights_and_encoder_is_two_problems(room):
    with pytest.raises(SceneError) as caught:
        loads("ip_adapter: {a: {file: a.png, model: adapter, weights: x.safetensors}}", room)
    assert f"ip_adapter.a.weights: no such file: {room / 'adapter' / 'x.safetensors'}" in str(caught.value)
    assert "ip_adapter.a.encoder: no image encoder in" in str(caught.value)


@pytest.mark.parametrize(
    ("base", "channels", "good"),
    [("nano", [64, 96, 160], True), ("nano", [320, 640, 1280], False), ("some/sdxl", [320, 640, 1280], True),
     ("some/sdxl", [320, 640, 1280, 1280], False), ("good.safetensors", [320, 640], True)],
)  # fmt: skip
def test_a_controlnet_for_another_model_is_detected_from_its_config(room, base, channels, good):
    """For a single file, nothing is checked: its UNet is not known before loading."""
    (room / "net").mkdir()
    (room / "net" / "config.json").write_text(json.dumps({"block_out_channels": channels}))
    text = f"model: {{base: {base}}}\ncontrol: {{a: {{model: net}}}}"
    if good:
        assert loads(text, room)
    else:
        with pytest.raises(
            SceneError, match="control.a.model: made for a UNet of another size; use one for this"
        ):
            loads(text, room)


def test_the_levels_of_the_bundled_model_match_its_config():
    assert (
        safetensors.channel_levels(safetensors.read_config(nano.WEIGHTS / "unet")) == model_checks.NANO_LEVELS
    )


def test_a_missing_block_is_an_error_that_names_the_last_block(room):
    text = "model: {loras: {f: {file: nano-few-steps}}}\nloras: {f: {blocks: {up_2: 0, down: 1, down_3: 1}}}"
    with pytest.raises(SceneError) as caught:
        loads(text, room)
    assert str(caught.value).endswith(
        "loras.f.blocks.down_3: this model has no such block; its last is down_2"
    )
    assert "up_2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {base: nanoo}", f"model.base 'nanoo': {NONE}nano, {FILES}"),
        ("model: {base: gone.safetensors}", f"model.base 'gone.safetensors': {NONE}nano, {FILES}"),
        ('model: {base: "\\0"}', f"model.base '\\x00': {NONE}nano, {FILES}"),  # not a valid file name
        ("model: {base: adapter/gone}", f"model.base 'adapter/gone': {NONE}nano, {FILES}"),
        ("model: {vae: fp16-fixx}", f"model.vae 'fp16-fixx': {NONE}taesdxl, fp16-fix, {FILES}"),
        ("model: {refiner: nano}", f"model.refiner.base 'nano': {NONE}{FOLDERS}"),
        ("control: {a: {model: canny}}", f"control.a.model 'canny': {NONE}{FILES}"),
        ("ip_adapter: {a: {file: a.png, model: look}}", f"ip_adapter.a.model 'look': {NONE}{FOLDERS}"),
        (f"model: {{base: {'a' * 5000}}}", f"{NONE}nano, {FILES}"),
    ],
)
def test_a_missing_model_is_an_error_before_painting_but_not_for_a_preview(room, text, message):
    scene = loads(text, room)
    with pytest.raises(ModelError) as caught:
        model_checks.require_models(scene)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "model: {base: some/model, vae: taesdxl, refiner: some/refiner}\ncontrol: {a: {model: some/net}}",
        "model: {base: good.safetensors, vae: fp16-fix, embeddings: {w: both.safetensors}}",
        "ip_adapter: {a: {file: a.png}}",
    ],
)
def test_models_on_disk_or_possibly_on_the_hub_are_accepted(room, text):
    model_checks.require_models(loads(text, room))
