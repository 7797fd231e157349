"""The untrained checkpoint paints, is reproducible, and has no two equal tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from nanolab.blank import blank_checkpoint, byte_symbols, write_byte_tokenizer

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blank_checkpoint(tmp_path_factory.mktemp("blank"))


def paint(folder: Path, prompt: str) -> np.ndarray:
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    sizes = {"height": 64, "width": 64, "num_inference_steps": 2}
    image = pipe(prompt, generator=torch.Generator().manual_seed(0), output_type="np", **sizes).images[0]
    return np.asarray(image) * 255  # grey levels


@pytest.mark.parametrize("seed", range(3))
def test_untrained_checkpoints_paint_images_that_are_not_flat(seed: int, tmp_path: Path) -> None:
    image = paint(blank_checkpoint(tmp_path, seed=seed), "a red chair")
    assert np.isfinite(image).all()
    assert image.std() >= 10


def test_the_prompt_changes_the_image(folder: Path) -> None:
    assert np.abs(paint(folder, "a red chair") - paint(folder, "snow")).mean() > 0.1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    name = "unet/diffusion_pytorch_model.safetensors"
    assert (blank_checkpoint(tmp_path / "same") / name).read_bytes() == (folder / name).read_bytes()
    assert (blank_checkpoint(tmp_path / "other", seed=1) / name).read_bytes() != (folder / name).read_bytes()


def test_torchs_global_random_state_is_unchanged(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    blank_checkpoint(tmp_path)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_no_two_tensors_are_equal(part: str, folder: Path) -> None:
    (file,) = (folder / part).glob("*.safetensors")
    tensors = [values.numpy().tobytes() for values in load_file(file).values()]
    assert len(set(tensors)) == len(tensors)


@pytest.mark.parametrize("wrong", [{"levels": (32, 48)}, {"levels": (32, 64, 64)}, {"depths": (1,)}])
def test_mismatched_sizes_raise_an_error(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        blank_checkpoint(tmp_path / "blank", **wrong)
    assert not (tmp_path / "blank").exists()


def test_the_byte_tokenizer_encodes_any_text(tmp_path: Path) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(write_byte_tokenizer(tmp_path))
    assert len(set(byte_symbols())) == 256
    assert len(tokenizer) == 514
    assert tokenizer.tokenize("a Cat ü") == ["a</w>", "c", "a", "t</w>", "Ã", "¼</w>"]
    ids = tokenizer("x" * 99, padding="max_length", truncation=True).input_ids
    assert len(ids) == 77
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert tokenizer.unk_token_id not in tokenizer("日本 \x01 £\u00ad", add_special_tokens=False).input_ids
