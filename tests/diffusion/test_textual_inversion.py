"""Textual inversions: words whose embeddings come from a file."""

import pytest
import torch
from safetensors.torch import save_file

from animator import ModelError, SceneError
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.diffusion.text_encoding import TextualInversions
from animator.frame import Prompt


@pytest.fixture(scope="module")
def widths(sdxl):
    pipe = sdxl.txt2img
    return [e.get_input_embeddings().weight.shape[-1] for e in (pipe.text_encoder, pipe.text_encoder_2)]


@pytest.fixture(scope="module")
def files(tmp_path_factory, sdxl, widths):
    """A folder with an inversion of two random vectors, and one with the model's own vectors for "red"."""
    folder, random = tmp_path_factory.mktemp("words"), torch.Generator().manual_seed(3)
    new = [torch.randn(2, width, generator=random) for width in widths]
    save_file({"clip_l": new[0], "clip_g": new[1]}, folder / "new.safetensors")
    pipe = sdxl.txt2img
    ids = pipe.tokenizer("red", add_special_tokens=False).input_ids
    known = [e.get_input_embeddings().weight[ids].clone() for e in (pipe.text_encoder, pipe.text_encoder_2)]
    save_file({"text_encoders_0": known[0], "text_encoders_1": known[1]}, folder / "red.safetensors")
    return folder


@pytest.fixture(scope="module")
def painter(checkpoint, files):
    words = {"ouecolor": files / "new.safetensors", "rot": files / "red.safetensors"}
    return SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, words)


def tokens(painter, text):
    return painter.prompt_encoder.pipeline_arguments(Prompt(text, "", text), guided=False)["prompt_embeds"]


def test_a_word_takes_its_embedding_from_its_file(painter, sdxl):
    assert torch.allclose(tokens(painter, "a rot mug"), tokens(sdxl, "a red mug"), atol=1e-5)


def test_a_word_of_several_vectors_becomes_as_many_tokens(painter):
    tokenizer = painter.txt2img.tokenizer
    assert len(tokenizer.tokenize(painter.prompt_encoder.substitute_tokens("ouecolor"))) == 2


def test_only_whole_words_are_replaced(painter, sdxl):
    assert (
        painter.prompt_encoder.substitute_tokens("rotten ouecolors, rot-red") == "rotten ouecolors, rot-red"
    )
    assert torch.equal(tokens(painter, "a rotten mug"), tokens(sdxl, "a rotten mug"))


def test_a_word_changes_the_image_and_can_be_weighted(painter, frame):
    def image(text):
        return painter.paint(frame(prompt=Prompt(text, "", text), steps=2), None)

    images = [image(text) for text in ("a mug", "a ouecolor mug", "a (ouecolor:1.5) mug")]
    assert (images[0] != images[1]).any()
    assert (images[1] != images[2]).any()


def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path, sdxl, widths):
    wrong = {
        "does not hold vectors for both of SDXL's text encoders.* made for SD 1.x": {"emb_params": torch.ones(2, 768)},
        "vectors of 7 numbers, but the model's text encoder expects": {"clip_l": torch.ones(1, 7), "clip_g": torch.ones(1, 9)},
        "has 1 and 2 vectors": {"clip_l": torch.ones(1, widths[0]), "clip_g": torch.ones(2, widths[1])},
    }  # fmt: skip
    for message, held in wrong.items():
        save_file(held, tmp_path / "x.safetensors")
        with pytest.raises(ModelError, match=message) as caught:
            TextualInversions(sdxl.txt2img, {"x": tmp_path / "x.safetensors"})
        assert "\n" not in str(caught.value)
    (tmp_path / "x.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot be read"):
        TextualInversions(sdxl.txt2img, {"x": tmp_path / "x.safetensors"})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("x: x.pt", "only .safetensors files are loaded; others can run code"),
        ("x: nowhere.safetensors", "no such file"),
        ("'two words': x.safetensors", "'two words' cannot name an embedding"),
    ],
)
def test_a_schedule_with_an_unusable_embedding_is_refused_in_one_line(film, written, message):
    with pytest.raises(SceneError, match=message):
        film(f"model: {{embeddings: {{{written}}}}}")
