"""Textual inversion: it adds a new word to both text encoders and changes no weight of the model."""

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors import safe_open
from safetensors.torch import load_file

from animator import SceneError
from animator.training.adapters import InversionAdapter
from animator.training.photos import read_photos
from animator.training.train import train


@pytest.fixture
def word(chosen):
    return lambda *options: chosen(
        "method=textual-inversion", "token=oue-box", "learning.rate=5e-2", *options
    )


def learn(folder, settings, out, **how):
    return list(train(read_photos(folder), settings, out, **how))


def test_diffusers_loads_the_file_with_the_same_embeddings(folder, word, checkpoint, tmp_path):
    out = tmp_path / "oue-box.safetensors"
    learn(folder, word("network.vectors=2", "file.dtype=float32"), out)
    rows = load_file(out)
    pipe = StableDiffusionXLPipeline.from_pretrained(checkpoint, dtype=torch.float32)
    plain = pipe.encode_prompt("photo of oue-box", do_classifier_free_guidance=False)[0]
    pipe.load_textual_inversion(
        rows["clip_l"], "oue-box", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer
    )
    pipe.load_textual_inversion(
        rows["clip_g"], "oue-box", text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2
    )
    loaded = pipe.encode_prompt("photo of oue-box", do_classifier_free_guidance=False)[0]
    fresh = StableDiffusionXLPipeline.from_pretrained(checkpoint, dtype=torch.float32)
    learner = InversionAdapter(fresh, word("network.vectors=2"))
    with torch.no_grad():
        for name, key in (("text_encoder", "clip_l"), ("text_encoder_2", "clip_g")):
            learner.rows[name].copy_(rows[key])
    ours = fresh.encode_prompt("photo of oue-box", do_classifier_free_guidance=False)[0]
    assert torch.allclose(loaded, ours, atol=1e-5) and not torch.allclose(loaded, plain, atol=1e-2)
    with safe_open(out, framework="pt") as opened:
        reports = opened.metadata()
    assert reports["modelspec.architecture"].endswith("/textual-inversion")
    assert reports["modelspec.trigger_phrase"] == "oue-box" and "ss_network_dim" not in reports


def test_only_the_vectors_of_the_new_word_are_trained(folder, word, checkpoint, tmp_path):
    pipe = StableDiffusionXLPipeline.from_pretrained(checkpoint, dtype=torch.float32)
    learner = InversionAdapter(pipe, word())
    tokens, _, pooled, _ = pipe.encode_prompt("photo of oue-box", do_classifier_free_guidance=False)
    (tokens.sum() + pooled.sum()).backward()
    parts = (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2)
    assert all(p.grad is None for part in parts for p in part.parameters())
    assert all(rows.grad.abs().sum() > 0 for rows in learner.rows.values())
    start = pipe.tokenizer("box", add_special_tokens=False).input_ids
    known = pipe.text_encoder.get_input_embeddings().weight
    assert torch.equal(learner.rows["text_encoder"].detach(), known[start[:2]].float())


def test_a_resumed_inversion_ends_with_the_same_vectors(folder, word, tmp_path):
    learn(folder, word(), tmp_path / "whole.safetensors")
    for report in train(read_photos(folder), word(), tmp_path / "parts.safetensors"):
        if report.step == 3:
            break
    learn(folder, word(), tmp_path / "parts.safetensors", resume=True)
    a, b = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert {"clip_l", "clip_g"} == set(a) and all(torch.equal(a[name], b[name]) for name in a)


def test_a_word_with_a_space_is_refused_with_the_remedy(folder, chosen, tmp_path):
    with pytest.raises(SceneError, match="one word; write it as oue-box"):
        learn(folder, chosen("method=textual-inversion"), tmp_path / "a.safetensors")
