"""Prompt embeddings by real encoders: weights, chunks, blends, interpolation and clip skip."""

import pytest
import torch

from animator import ModelError
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.diffusion.text_encoding import CompelEncoder, Embedding, PromptEncoder, interpolate_spherically
from animator.frame import Prompt
from animator.models.prompt_syntax import parse_prompt


@pytest.fixture(scope="module")
def texts(sdxl):
    return PromptEncoder(sdxl.txt2img)


@pytest.fixture(scope="module")
def read(texts):
    def embedding(text, next="", weight=0.0, blend="linear", skip=0):
        prompt = Prompt(text, "", next or text, weight, blend)
        return Embedding(*texts.pipeline_arguments(prompt, guided=False, clip_skip=skip).values())

    return embedding


def far(one, other):
    return float((one.tokens - other.tokens).norm())


def same(one, other):
    return torch.equal(one.tokens, other.tokens) and torch.equal(one.pooled, other.pooled)


def test_a_plain_prompt_is_encoded_by_diffusers(sdxl, read):
    pipe = sdxl.txt2img
    with torch.inference_mode():
        tokens, _, pooled, _ = pipe.encode_prompt(
            "a red mug", device="cpu", do_classifier_free_guidance=False
        )
    assert same(read("a red mug"), Embedding(tokens, pooled))
    assert same(read("a (red:1) mug"), read("a red mug"))


def test_compel_encodes_a_plain_prompt_as_diffusers_does(sdxl, read):
    with torch.inference_mode():
        ours = CompelEncoder(sdxl.txt2img)(parse_prompt("a red mug"))
    assert torch.allclose(ours.tokens, read("a red mug").tokens, atol=1e-5)
    assert torch.allclose(ours.pooled, read("a red mug").pooled, atol=1e-5)


def test_a_weight_changes_the_embedding_more_the_further_it_is_from_1(read):
    plain = read("a red mug, white")
    up = [far(read(f"a (red:{weight}) mug, white"), plain) for weight in (1, 1.1, 1.3, 2)]
    down = [far(read(f"a (red:{weight}) mug, white"), plain) for weight in (1, 0.9, 0.5, 0)]
    assert up == sorted(set(up)) and down == sorted(set(down)) and up[0] == down[0] == 0


def test_a_weight_moves_only_its_own_tokens_away_from_the_empty_text(sdxl, read):
    plain, heavy, empty = read("a red mug"), read("a (red:1.3) mug"), read("")
    begins = 1 + len(sdxl.txt2img.tokenizer("a", add_special_tokens=False).input_ids)
    ends = begins + len(sdxl.txt2img.tokenizer("red", add_special_tokens=False).input_ids)
    moved = (heavy.tokens - plain.tokens).norm(dim=-1)[0] > 0
    assert moved.nonzero().flatten().tolist() == list(range(begins, ends))
    away = empty.tokens + (plain.tokens - empty.tokens) * 1.3
    assert torch.allclose(heavy.tokens[:, begins:ends], away[:, begins:ends], atol=1e-4)


def test_brackets_are_weights(read):
    assert same(read("a ((red)) mug"), read("a (red:1.21) mug"))
    assert not same(read("a [red] mug"), read("a red mug"))


def test_a_long_prompt_is_encoded_to_its_end(sdxl, read):
    tokens = sdxl.txt2img.tokenizer.model_max_length
    words = ", ".join(["a red mug"] * 20)
    long, other = read(f"{words}, on a table"), read(f"{words}, on a chair")
    assert long.tokens.shape[1] % tokens == 0 and long.tokens.shape[1] > tokens
    assert far(long, other) > 0
    # A text that fits into one chunk stays one chunk, encoded by diffusers.
    assert read("a red mug").tokens.shape[1] == tokens


def test_prompt_and_negative_prompt_have_the_same_number_of_tokens(sdxl, texts, frame):
    long = ", ".join(["blurry"] * 60)
    for prompt in (Prompt("a mug", long, "a mug"), Prompt(long, "text", long), Prompt(long, "", long)):
        found = texts.pipeline_arguments(prompt, guided=True)
        assert found["prompt_embeds"].shape == found["negative_prompt_embeds"].shape
    assert sdxl.paint(frame(prompt=Prompt("a mug BREAK white", long, "a mug"), steps=1), None).std() > 0


def test_break_and_and_start_new_chunks(sdxl, read):
    tokens = sdxl.txt2img.tokenizer.model_max_length
    broken, both = read("a mug BREAK a chair"), read("a mug AND a chair")
    assert broken.tokens.shape[1] == 2 * tokens
    assert torch.allclose(broken.tokens[:, :tokens], read("a mug").tokens, atol=1e-5)
    assert torch.allclose(broken.tokens[:, tokens:], read("a chair").tokens, atol=1e-5)
    assert same(broken, both)
    half = read("a mug AND a chair :0.5").tokens[:, tokens:]
    assert torch.allclose(half, (read("").tokens + read("a chair").tokens) / 2, atol=1e-4)


def test_a_blend_lies_between_its_texts(read):
    mixed = read('a ("red", "blue").blend(1, 3) mug')
    red, blue = read("a red mug"), read("a blue mug")
    for part, one, other in zip(mixed, red, blue, strict=True):
        assert torch.allclose(part, 0.25 * one + 0.75 * other, atol=1e-4)


def test_linear_interpolation_applies_to_both_encoders_and_the_pooled_embedding(read):
    one, other, half = read("a red mug"), read("a blue chair"), read("a red mug", "a blue chair", 0.5)
    for part, a, b in zip(half, one, other, strict=True):
        assert torch.allclose(part, (a + b) / 2, atol=1e-5)


def test_slerp_half_way_is_equally_far_from_both_and_keeps_lengths(sdxl, read):
    one, other = read("a red mug"), read("a blue chair")
    half = read("a red mug", "a blue chair", 0.5, "slerp")
    first = sdxl.txt2img.text_encoder.config.hidden_size
    for side in (slice(0, first), slice(first, None)):
        a, b, c = (part.tokens[..., side] for part in (one, other, half))
        cosines = torch.cosine_similarity(a, c, -1), torch.cosine_similarity(b, c, -1)
        assert torch.allclose(*cosines, atol=1e-4)
        assert torch.allclose(c.norm(dim=-1), (a.norm(dim=-1) + b.norm(dim=-1)) / 2, atol=1e-3)
    assert far(half, read("a red mug", "a blue chair", 0.5)) > 0


def test_slerp_begins_and_ends_at_its_texts_and_is_linear_where_no_arc_exists():
    zero, one = torch.zeros(1, 2, 4), torch.ones(1, 2, 4)
    there = Embedding(one, one[:, 0])
    for ends in (Embedding(zero, zero[:, 0]), Embedding(-one, -one[:, 0]), there):
        assert all(torch.isfinite(part).all() for part in interpolate_spherically(there, ends, 0.3, 2))
        assert torch.allclose(interpolate_spherically(there, ends, 0.0, 2).tokens, one, atol=1e-6)
        assert torch.allclose(interpolate_spherically(there, ends, 1.0, 2).tokens, ends.tokens, atol=1e-6)


def test_interpolation_between_texts_of_different_lengths_pads_the_shorter(read):
    half = read("a mug", "a mug BREAK white", 0.5)
    assert half.tokens.shape == read("a mug BREAK white").tokens.shape


def test_clip_skip_uses_an_earlier_layer_for_plain_and_weighted_prompts(sdxl, texts, read):
    pipe = sdxl.txt2img
    with torch.inference_mode():
        tokens, _, pooled, _ = pipe.encode_prompt(
            "a red mug", device="cpu", do_classifier_free_guidance=False, clip_skip=1
        )
    assert same(read("a red mug", skip=1), Embedding(tokens, pooled))
    assert far(read("a red mug", skip=1), read("a red mug")) > 0
    with torch.inference_mode():
        ours = CompelEncoder(pipe, 1)(parse_prompt("a red mug"))
    assert torch.allclose(ours.tokens, tokens, atol=1e-5)
    with pytest.raises(
        ModelError, match=f"clip_skip: 9; this model's text encoders allow 0..{texts.max_clip_skip}"
    ):
        read("a red mug", skip=9)


def test_weighted_embeddings_keep_the_models_dtype(checkpoint, frame):
    half = SDXLPainter(CheckpointSpec(str(checkpoint), dtype="bfloat16"), 64, 64, {})
    prompt = Prompt(
        '("red", "blue").blend(1, 2) (mug:1.3) BREAK [white]', "(text:0.5)", "a mug", 0.5, "slerp"
    )
    found = half.prompt_encoder.pipeline_arguments(prompt, guided=True, clip_skip=1)
    assert {part.dtype for part in found.values()} == {torch.bfloat16}
    assert all(torch.isfinite(part).all() for part in found.values())
    assert half.paint(frame(prompt=prompt, steps=1), None).std() > 0


@pytest.mark.parametrize(
    "text",
    ["<|endoftext|> (red:1.2)", "(<|startoftext|>:0.5) mug", "(\u200b:0.5) mug", "(:0.5)", "(\x00:0.3)(🙂:1.4)",
     "((" + "word " * 60 + ":0.5) x:1.1)", "(, :0.2) BREAK (.:0.2) AND :3", "\ufeff(a\n:0.3)"],
)  # fmt: skip
def test_unusual_prompts_are_encoded_to_finite_embeddings(read, text):
    assert torch.isfinite(read(text).tokens).all()
