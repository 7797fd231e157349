"""LoRAs: files with diffusers' or kohya's keys, and scales per frame and per block without fusing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from animator import ModelError
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter


@pytest.fixture(scope="module")
def painters(checkpoint, lora, kohya):
    source = CheckpointSpec(str(checkpoint))
    return {name: SDXLPainter(source, 64, 64, files) for name, files in
            {"none": {}, "diffusers": {"a": lora}, "kohya": {"a": kohya}, "both": {"a": lora, "b": kohya}}.items()}  # fmt: skip


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


def test_scale_0_is_the_model_without_the_lora_to_the_byte(painters, frame):
    assert (
        painters["diffusers"].paint(frame(loras={"a": 0.0}), None) == painters["none"].paint(frame(), None)
    ).all()


def test_a_scale_curve_is_monotone_in_its_effect(painters, frame):
    plain = painters["none"].paint(frame(), None)
    effects = [
        distance(painters["diffusers"].paint(frame(loras={"a": s}), None), plain) for s in (0, 0.25, 0.5, 1.0)
    ]
    assert effects == sorted(effects)
    assert effects[-1] > 1


def test_resetting_a_scale_gives_the_same_image_again(painters, frame):
    paint = painters["diffusers"]
    first = paint.paint(frame(loras={"a": 0.8}), None)
    paint.paint(frame(loras={"a": 0.1}), None)
    assert (paint.paint(frame(loras={"a": 0.8}), None) == first).all()


def test_kohyas_keys_give_the_same_image_as_diffusers_keys(painters, frame):
    images = [painters[kind].paint(frame(loras={"a": 0.7}), None) for kind in ("diffusers", "kohya")]
    assert distance(*images) < 0.01


def test_several_loras_add_up(painters, frame):
    # Rounding differs between one LoRA at 0.8 and the same twice at 0.4.
    twice = painters["both"].paint(frame(loras={"a": 0.4, "b": 0.4}), None)
    assert distance(twice, painters["diffusers"].paint(frame(loras={"a": 0.8}), None)) < 0.5


def test_a_scale_change_touches_no_weight_of_the_model(painters, frame):
    paint = painters["diffusers"]
    weights = {n: p.clone() for n, p in paint.txt2img.unet.named_parameters() if "base_layer" in n}
    for scale in np.linspace(0, 1, 5):
        paint.paint(frame(loras={"a": float(scale)}, steps=1), None)
    assert weights
    assert all(torch.equal(weights[n], p) for n, p in paint.txt2img.unet.named_parameters() if n in weights)


@pytest.mark.parametrize(
    "weights",
    [
        {"unet.nowhere.to_q.lora_A.weight": torch.ones(4, 32), "unet.nowhere.to_q.lora_B.weight": torch.ones(32, 4)},
        {"something": torch.ones(3)},
        {"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight": torch.ones(4, 999),
         "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_B.weight": torch.ones(999, 4)},
    ],
    ids=["another model's", "no LoRA", "another width"],
)  # fmt: skip
def test_a_lora_that_does_not_fit_is_refused_in_one_line(checkpoint, tmp_path, weights):
    save_file(weights, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"LoRA 'x': .*x.safetensors") as caught:
        SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {"x": tmp_path / "x.safetensors"})
    assert "\n" not in str(caught.value)


def test_a_damaged_lora_file_is_refused(checkpoint, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="LoRA 'x'"):
        SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {"x": tmp_path / "x.safetensors"})


@pytest.fixture(scope="module")
def on_text(checkpoint, tmp_path_factory):
    """A painter with a LoRA on the first text encoder only."""
    from diffusers import StableDiffusionXLPipeline

    encoder = StableDiffusionXLPipeline.from_pretrained(checkpoint, local_files_only=True).text_encoder
    random, weights = torch.Generator().manual_seed(2), {}
    for name, module in encoder.named_modules():
        if name.endswith(("q_proj", "v_proj")):
            key = f"text_encoder.text_model.{name.removeprefix('text_model.')}"
            weights[f"{key}.lora_A.weight"] = torch.randn(4, module.in_features, generator=random)
            weights[f"{key}.lora_B.weight"] = torch.randn(module.out_features, 4, generator=random)
    file = tmp_path_factory.mktemp("text") / "text.safetensors"
    save_file(weights, file)
    return SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {"words": file})


def test_a_lora_on_the_text_encoders_follows_its_scale_although_embeddings_are_cached(
    on_text, painters, frame
):
    scales = [0.0, 0.5, 1.0, 0.0]
    images = [on_text.paint(frame(loras={"words": scale}), None) for scale in scales]
    assert (images[0] == painters["none"].paint(frame(), None)).all()
    assert (images[0] == images[3]).all()
    assert distance(images[0], images[1]) > 0
    assert distance(images[1], images[2]) > 0


@pytest.mark.parametrize("name", ["type", "keys", "my.lora", "ein Wort"])
def test_a_lora_may_have_any_name(checkpoint, lora, frame, name):
    paint = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {name: lora})
    assert (paint.paint(frame(loras={name: 0.0}), None) != paint.paint(frame(loras={name: 1.0}), None)).any()


def blocked(frame, scale=0.8, **blocks):
    """Return a frame whose LoRA scale is multiplied by factors in some blocks."""
    return replace(frame(loras={"a": scale}), lora_blocks={"a": blocks})


def test_block_factors_of_0_give_the_model_without_the_lora_to_the_byte(painters, frame):
    paint = painters["diffusers"]
    none = paint.paint(blocked(frame, down=0, mid=0, up=0), None)
    assert (none == painters["none"].paint(frame(), None)).all()
    assert (
        paint.paint(blocked(frame, down=1, mid=1, up=1, text=1), None)
        == paint.paint(frame(loras={"a": 0.8}), None)
    ).all()


def test_each_block_has_an_effect_and_the_finer_name_wins(painters, frame):
    paint = painters["diffusers"]
    off = {"down": 0, "mid": 0, "up": 0}
    alone = {block: paint.paint(blocked(frame, **{**off, block: 1}), None) for block in off}
    plain = painters["none"].paint(frame(), None)
    assert all((image != plain).any() for image in alone.values())
    assert len({image.tobytes() for image in alone.values()}) == 3
    fine = paint.paint(blocked(frame, down=0, mid=0, up=1, up_0=0, up_1=0), None)
    assert (fine == paint.paint(blocked(frame, **off), None)).all()


def test_a_block_factor_is_reset_for_frames_without_it(painters, frame):
    paint = painters["diffusers"]
    before = paint.paint(frame(loras={"a": 0.8}), None)
    paint.paint(blocked(frame, up=0), None)
    assert (paint.paint(frame(loras={"a": 0.8}), None) == before).all()


def test_a_block_factor_scales_layers_without_attention_too(checkpoint, frame, tmp_path):
    unet = painters_unet(checkpoint)
    random, weights = torch.Generator().manual_seed(4), {}
    for name, module in unet.named_modules():
        if name.endswith("conv1"):
            down = torch.randn(4, module.in_channels, 3, 3, generator=random) * 0.2
            weights[f"unet.{name}.lora_A.weight"] = down
            weights[f"unet.{name}.lora_B.weight"] = (
                torch.randn(module.out_channels, 4, 1, 1, generator=random) * 0.2
            )
    save_file(weights, tmp_path / "conv.safetensors")
    paint = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {"a": tmp_path / "conv.safetensors"})
    whole = paint.paint(frame(loras={"a": 1.0}), None)
    none = paint.paint(frame(loras={"a": 0.0}), None)
    assert (paint.paint(blocked(frame, 1.0, down=0, mid=0, up=0), None) == none).all()
    assert (whole != none).any()


def painters_unet(checkpoint):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)


def test_a_text_factor_scales_the_text_encoders_and_changes_the_embeddings(on_text, frame):
    def image(**blocks):
        return on_text.paint(replace(frame(loras={"words": 1.0}), lora_blocks={"words": blocks}), None)

    assert (image(text=0) == on_text.paint(frame(loras={"words": 0.0}), None)).all()
    assert (image(text=0.5) == on_text.paint(frame(loras={"words": 0.5}), None)).all()
    assert (image(down=0) == image()).all()


def test_an_unknown_block_is_refused_with_the_known_ones(painters, frame):
    with pytest.raises(ModelError, match="this model has no block 'down_9'; known: mid, text, down_0"):
        painters["diffusers"].paint(blocked(frame, down_9=0), None)


def test_a_lora_whose_trigger_words_no_prompt_has_is_noted_before_the_model_is_loaded(
    run, checkpoint, lora, tmp_path
):
    save_file(load_file(lora), tmp_path / "oue.safetensors", {"modelspec.trigger_phrase": "oue scooter"})
    (tmp_path / "film.yaml").write_text(
        f"model: {{base: {checkpoint}, memory: low, loras: {{oue: {{file: oue.safetensors}}}}}}\n"
        "prompts: {at: a scooter}\nvideo: {size: 64x64, frames: 1}\npainting: {steps: 1}\n"
    )
    word = "no prompt has a trigger word of this LoRA; add one of: 'oue scooter'\n"
    for command, out in (("render", "out"), ("still", "still.png")):
        code, _, err = run(command, "film.yaml", "-o", out)
        message, rest = err.split("memory: low needs ")
        assert (code, message) == (0, f"note: film.yaml:1:{err.split(':')[3]}: model.loras.oue.file: {word}")
        assert "note:" not in rest
    assert "note:" not in run("render", "film.yaml", "-o", "quiet", "--set", "prompts.at=an OUE scooter")[2]
    assert "note:" not in run("resume", "out")[2]  # nothing is painted
    code, out, err = run("render", "film.yaml", "-o", "json", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["message"] for event in events if "trigger word" in event.get("message", "")] == [
        message.removeprefix("note: ").rstrip()
    ]
    assert err.startswith(message)
