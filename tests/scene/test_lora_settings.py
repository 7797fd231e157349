"""Checks that a LoRA fits its model, before any model is loaded."""

import pytest

from animator import SceneError, loads
from animator.timeline.compile import scene_advice
from tests import lora_files

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"


def film(base, folder, name="x.safetensors"):
    return loads(f"model:\n  base: {base}\n  loras:\n    oue: {{file: {name}}}\n", folder)


@pytest.mark.parametrize(
    ("width", "base", "message"),
    [
        (768, SDXL, f"made for SD 1.x, but {SDXL} is SDXL; set model.base to the model it was trained on, or use a LoRA for SDXL"),
        (2048, "nano", "made for SDXL, but nano is nano; set model.base to the model it was trained on"),
        (160, SDXL, "made for nano, but"),
        (99, SDXL, "made for a model with text embeddings of width 99, but"),
    ],
)  # fmt: skip
def test_a_lora_for_another_model_is_one_line_with_a_remedy(tmp_path, width, base, message):
    lora_files.write(tmp_path / "x.safetensors", lora_files.kohya(width))
    with pytest.raises(SceneError) as caught:
        film(base, tmp_path)
    assert str(caught.value).startswith("<text>:4:17: model.loras.oue.file: made for ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("width", "base"), [(2048, SDXL), (160, "nano"), (768, "unknown.safetensors")])
def test_a_lora_for_this_model_is_accepted(tmp_path, width, base):
    lora_files.write(tmp_path / "x.safetensors", lora_files.kohya(width))
    assert film(base, tmp_path)


def test_a_models_width_is_read_from_folders_and_from_single_files(tmp_path, checkpoint, single_file):
    lora_files.write(tmp_path / "x.safetensors", lora_files.kohya(768))
    for base in (checkpoint, single_file):
        with pytest.raises(SceneError, match="made for SD 1.x"):
            film(base, tmp_path)


def test_a_lora_for_a_transformer_does_not_fit_sdxl(tmp_path):
    layer = "transformer.single_transformer_blocks.0.attn.to_q"
    weights = lora_files.anyones()
    weights = {f"{layer}.{key.rsplit('to_q.')[1]}": value for key, value in weights.items()}
    lora_files.write(tmp_path / "x.safetensors", weights)
    with pytest.raises(SceneError, match="made for a transformer such as Flux or SD 3, but"):
        film(SDXL, tmp_path)


def test_a_file_that_is_not_a_lora_is_reported_before_the_model_is_loaded(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"rubbish, and more of it")
    with pytest.raises(SceneError, match=r"model.loras.oue.file: .*x.safetensors: not a .safetensors file"):
        film("nano", tmp_path)
    (tmp_path / "x.ckpt").touch()
    with pytest.raises(SceneError, match="only .safetensors files are loaded; others can run code"):
        film("nano", tmp_path, "x.ckpt")


def trigger_notes(tmp_path, prompts, more=""):
    lora_files.write(tmp_path / "x.safetensors", lora_files.anyones(), lora_files.notes(ss_tag_frequency={}))
    text = f"video: {{size: 256x256, frames: 3}}\nmodel: {{loras: {{oue: {{file: x.safetensors}}}}}}\n{prompts}\n{more}"
    return [str(note) for note in scene_advice(loads(text, tmp_path))]


def test_a_trigger_word_missing_from_all_prompts_is_a_note(tmp_path):
    [note] = trigger_notes(tmp_path, "prompts: {at: a scooter}")
    assert note == (
        "<text>:2:29: model.loras.oue.file: no prompt has a trigger word of this LoRA; add one of: 'oue scooter'"
    )
    assert not trigger_notes(tmp_path, "prompts: {at: {0: a mug, 2: photo of an OUE scooter}}")
    assert not trigger_notes(tmp_path, "prompts: {at: a mug, common: an oue scooter}")
    assert not trigger_notes(tmp_path, "prompts: {at: a scooter}", "loras: {oue: 0}")


def test_trigger_words_are_needed_only_in_frames_with_the_lora_and_may_be_in_styles(tmp_path):
    two = "prompts: {at: {0: an oue scooter, 2: a scooter}}"
    assert trigger_notes(tmp_path, two, "loras: {oue: {0: 0, 1: 0, 2: 1}}")
    assert not trigger_notes(tmp_path, two, "loras: {oue: {0: 1, 2: 0}}")
    (tmp_path / "mine.yaml").write_text("oue: {prompt: 'photo of {prompt}, oue scooter'}\n")
    assert not trigger_notes(tmp_path, "prompts: {at: a mug, styles_file: mine.yaml, style: oue}")
