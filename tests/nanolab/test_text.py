"""Captions describe the image in many wordings; the tokenizer encodes any text."""

from collections import Counter

import numpy as np
import pytest

from nanolab import text
from nanolab.gbuffer import CameraView
from nanolab.recipes import Recipe, random_set
from nanolab.text import random_caption


def test_the_plain_caption_names_style_colour_product_view_and_backdrop():
    recipe = Recipe("bottle", color="red", view=CameraView(azimuth=35))
    assert text.plain_caption(recipe) == "studio photo of a red bottle, three-quarter view, white background"


@pytest.mark.parametrize(
    ("azimuth", "word"), [(0, "front"), (350, "front"), (40, "three-quarter"), (-90, "side")]
)
def test_an_azimuth_has_the_name_of_its_view(azimuth, word):
    assert CameraView(azimuth=azimuth).name() == word


def test_captions_vary_but_always_name_product_and_colour():
    recipe, random = Recipe("mug", color="blue"), np.random.default_rng(0)
    texts = [text.random_caption(recipe, random) for _ in range(200)]
    assert len(set(texts)) > 80
    for line in texts:
        assert "blue" in line and any(name in line for name in text.PRODUCT_PHRASES["mug"])


def test_captions_omit_only_the_usual_view_and_backdrop():
    random = np.random.default_rng(0)
    unusual = Recipe("mug", color="blue", backdrop="night", view=CameraView(azimuth=90))
    for _ in range(100):
        text = random_caption(unusual, random)
        assert "side" in text and ("night" in text or "city" in text)
    usual = [random_caption(Recipe("mug", view=CameraView(azimuth=40)), random) for _ in range(100)]
    assert any("view" not in text and "white" not in text for text in usual)


def test_captions_of_colourless_styles_name_no_colour():
    random = np.random.default_rng(0)
    texts = [text.random_caption(Recipe("mug", style="pencil", color="blue"), random) for _ in range(100)]
    assert not any("blue" in text for text in texts)


def test_merges_join_frequent_words_into_one_token():
    pairs = text.learn_merges(Counter({"red": 5, "mug": 3}), 10)
    assert "".join(pairs[1]) == "red</w>"


def test_any_text_is_encoded_and_padded(tmp_path):
    text.write_tokenizer(tmp_path, 50)
    tokenizer = text.read_tokenizer(tmp_path)
    coded = text.token_ids(tokenizer, ["red bottle", "émigré ☂ 3/4", ""])
    assert coded.shape == (3, text.PROMPT_TOKENS)
    assert (coded[:, 0] == tokenizer.bos_token_id).all()
    assert (coded[2, 1:] == tokenizer.eos_token_id).all()
    assert text.random_caption(random_set(0)[0], np.random.default_rng(0))
