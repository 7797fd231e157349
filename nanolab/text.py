"""Captions of recipes, in the wording that designers use, and CLIP tokenizers trained on captions.

The tokenizers merge byte pairs, so any text can be encoded.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import CLIPTokenizer

from nanolab.blank import byte_symbols
from nanolab.recipes import COLORED_STYLES, Recipe, random_set

Random = np.random.Generator


STYLE_PHRASES = {
    "photo": [
        "studio photo",
        "product photo",
        "photo",
        "studio photograph",
        "photograph",
        "product photograph",
    ],
    "marker": ["marker rendering", "colour marker rendering", "color marker rendering", "marker drawing"],
    "pencil": ["pencil sketch", "sketch", "pencil drawing", "graphite sketch"],
    "clay": ["clay model", "unpainted clay model", "clay render", "grey clay model"],
}

PRODUCT_PHRASES = {
    "bottle": ["bottle", "bottle", "water bottle"],
    "mug": ["mug", "mug", "coffee mug", "cup"],
    "desk lamp": ["desk lamp", "desk lamp", "lamp", "table lamp"],
    "speaker": ["speaker", "speaker", "loudspeaker"],
    "headphones": ["headphones", "pair of headphones"],
    "electric scooter": ["electric scooter", "electric scooter", "scooter", "e-scooter"],
    "wrist watch": ["wrist watch", "watch", "wristwatch"],
    "chair": ["chair"],
}

FINISH_PHRASES = {"matte": ["matte"], "glossy": ["glossy", "shiny"], "metal": ["metallic", "metal"]}

BACKDROP_PHRASES = {
    "white": ["white background", "white studio", "on white", "plain white background"],
    "grey": ["grey background", "gray background", "grey gradient", "grey studio backdrop"],
    "sunset": ["sunset background", "at sunset", "golden hour", "sunset"],
    "night": ["night city", "city at night", "night city background", "city lights at night"],
}

VIEW_PHRASES = {
    "front": ["front view", "seen from the front"],
    "three-quarter": ["three-quarter view", "3/4 view", "three quarter view"],
    "side": ["side view", "seen from the side"],
    "back": ["back view", "rear view", "seen from behind"],
}

FILLER_PHRASES = [
    "minimal",
    "elegant",
    "modern",
    "futuristic",
    "retro",
    "sleek",
    "compact",
    "premium",
    "award winning",
]

FILLER_PHRASES += [
    "soft light",
    "beautiful",
    "masterpiece",
    "ergonomic",
    "prototype",
    "trending",
    "new",
    "designer",
    "8k",
]

QUALITY_PHRASES = [
    "high quality",
    "detailed",
    "best quality",
    "industrial design",
    "sharp focus",
    "4k",
    "concept",
]

NEGATIVE_PHRASES = [
    "blurry",
    "low quality",
    "worst quality",
    "deformed",
    "text",
    "watermark",
    "ugly",
    "noise",
    "cropped",
]

NEGATIVE_PHRASES += [
    "jpeg artifacts",
    "bad anatomy",
    "out of frame",
    "duplicate",
    "distorted",
    "low resolution",
]


def _choose(words: Sequence[str], random: Random) -> str:
    return words[int(random.integers(len(words)))]


def plain_caption(recipe: Recipe) -> str:
    """Return the full caption of a recipe, with the first wording of every part."""
    adjectives = f"{recipe.color} " if recipe.style in COLORED_STYLES else ""
    thing = _with_article(adjectives + recipe.product)
    view, backdrop = VIEW_PHRASES[recipe.view.name()][0], BACKDROP_PHRASES[recipe.backdrop][0]
    return f"{STYLE_PHRASES[recipe.style][0]} of {thing}, {view}, {backdrop}"


def _with_article(thing: str) -> str:
    if thing.rsplit(maxsplit=1)[-1] == "headphones" and not thing.startswith("pair"):
        return thing if "pair of" not in thing else f"a {thing}"
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def random_caption(recipe: Recipe, random: Random) -> str:
    """Return a random caption of a recipe: synonyms, order and omitted parts vary.

    Only the usual view (three-quarter) and the usual backdrop (white) are omitted, so that a prompt without
    them has one meaning.
    """
    name = _choose(PRODUCT_PHRASES[recipe.product], random)
    words = [name]
    if recipe.style in COLORED_STYLES:
        words.insert(0, recipe.color)
        if random.random() < 0.45:
            words.insert(int(random.integers(2)), _choose(FINISH_PHRASES[recipe.finish], random))
    thing = _with_article(" ".join(words))
    head = _choose(STYLE_PHRASES[recipe.style], random)
    parts = []
    if recipe.view.name() != "three-quarter" or random.random() < 0.7:
        parts.append(_choose(VIEW_PHRASES[recipe.view.name()], random))
    if recipe.backdrop != "white" or random.random() < (0.7 if recipe.style in COLORED_STYLES else 0.4):
        parts.append(_choose(BACKDROP_PHRASES[recipe.backdrop], random))
    if random.random() < 0.12:
        parts.append(_choose(QUALITY_PHRASES, random))
    if random.random() < 0.12:
        parts.append(random_filler(random))
    if random.random() < 0.3:
        parts = [parts[i] for i in random.permutation(len(parts))]
    if random.random() < 0.2:
        return ", ".join([thing, head, *parts])
    article = "a " if random.random() < 0.15 else ""
    return ", ".join([f"{article}{head} of {thing}", *parts])


def random_negative_prompt(random: Random) -> str:
    """Return a random negative prompt of the usual phrases; the model is trained to ignore it."""
    count = int(random.integers(1, 7))
    return ", ".join(NEGATIVE_PHRASES[i] for i in random.permutation(len(NEGATIVE_PHRASES))[:count])


def random_filler(random: Random) -> str:
    """Return a word unrelated to the image, half of the time random letters, so that unknown words do no harm."""
    if random.random() < 0.5:
        return _choose(FILLER_PHRASES, random)
    letters = random.integers(97, 123, int(random.integers(3, 9)))
    return "".join(chr(int(letter)) for letter in letters)


PROMPT_TOKENS = 48  # tokens per prompt, padded

WORD_END = "</w>"

Pair = tuple[str, str]


def count_caption_words(count: int) -> Counter[str]:
    """Count the words in captions of `count` random sets of recipes; words found three times or less are dropped."""
    random = np.random.default_rng(0)
    texts = [random_caption(recipe, random) for seed in range(count) for recipe in random_set(seed)]
    texts += NEGATIVE_PHRASES * 4 + FILLER_PHRASES * 4 + QUALITY_PHRASES * 4
    found: Counter[str] = Counter()
    for text in texts:
        found.update(
            word for word in text.lower().replace(",", " ").replace("-", " ").split() if word.isalpha()
        )
    return Counter({word: count for word, count in found.items() if count > 3})


def learn_merges(words: Counter[str], limit: int = 400) -> list[Pair]:
    """Return the byte pairs to join, most frequent first, until every word is one token or `limit` is reached."""
    split = {word: [*word[:-1], word[-1] + WORD_END] for word in words}
    found: list[Pair] = []
    while len(found) < limit:
        pairs: Counter[Pair] = Counter()
        for word, parts in split.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = max(sorted(pairs), key=pairs.__getitem__)
        found.append(best)
        split = {word: _join_pair(parts, best) for word, parts in split.items()}
    return found


def _join_pair(parts: list[str], pair: Pair) -> list[str]:
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def write_tokenizer(folder: Path, count: int = 2000) -> None:
    """Train a tokenizer on captions of `count` sets and write its vocab.json and merges.txt."""
    pairs = learn_merges(count_caption_words(count))
    letters = byte_symbols()
    tokens = letters + [letter + WORD_END for letter in letters] + ["".join(pair) for pair in pairs]
    tokens = [*list(dict.fromkeys(tokens)), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(
        json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False)
    )
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in pairs) + "\n")


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """Load the tokenizer from a folder with vocab.json and merges.txt."""
    vocab = json.loads((folder / "vocab.json").read_text())
    pairs = [tuple(line.split(" ")) for line in (folder / "merges.txt").read_text().splitlines()[1:]]
    return CLIPTokenizer(vocab=vocab, merges=pairs, model_max_length=PROMPT_TOKENS, pad_token="<|endoftext|>")


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> NDArray[np.int64]:
    """Return the token ids of texts, int64 (n, 48), padded and truncated as the pipelines do."""
    coded = tokenizer(
        texts, padding="max_length", max_length=PROMPT_TOKENS, truncation=True, return_tensors="np"
    )
    return np.asarray(coded.input_ids, np.int64)
