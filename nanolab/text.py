"""Captions of recipes, in the wording that designers use in prompts.

CLIP tokenizers with byte-pair merges trained on captions; any text can be encoded.
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
from nanolab.recipes import PAINTED, Recipe, random_set

Random = np.random.Generator


HEADS = {
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

NAMES = {
    "bottle": ["bottle", "bottle", "water bottle"],
    "mug": ["mug", "mug", "coffee mug", "cup"],
    "desk lamp": ["desk lamp", "desk lamp", "lamp", "table lamp"],
    "speaker": ["speaker", "speaker", "loudspeaker"],
    "headphones": ["headphones", "pair of headphones"],
    "electric scooter": ["electric scooter", "electric scooter", "scooter", "e-scooter"],
    "wrist watch": ["wrist watch", "watch", "wristwatch"],
    "chair": ["chair"],
}

FINISH = {"matte": ["matte"], "glossy": ["glossy", "shiny"], "metal": ["metallic", "metal"]}

BACKDROP = {
    "white": ["white background", "white studio", "on white", "plain white background"],
    "grey": ["grey background", "gray background", "grey gradient", "grey studio backdrop"],
    "sunset": ["sunset background", "at sunset", "golden hour", "sunset"],
    "night": ["night city", "city at night", "night city background", "city lights at night"],
}

VIEW = {
    "front": ["front view", "seen from the front"],
    "three-quarter": ["three-quarter view", "3/4 view", "three quarter view"],
    "side": ["side view", "seen from the side"],
    "back": ["back view", "rear view", "seen from behind"],
}

CHATTER = [
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

CHATTER += [
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

PRAISE = ["high quality", "detailed", "best quality", "industrial design", "sharp focus", "4k", "concept"]

BLAME = [
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

BLAME += ["jpeg artifacts", "bad anatomy", "out of frame", "duplicate", "distorted", "low resolution"]


def _pick(words: Sequence[str], random: Random) -> str:
    return words[int(random.integers(len(words)))]


def plain(recipe: Recipe) -> str:
    """Return the full caption of a recipe, with the first wording of every part."""
    adjectives = f"{recipe.color} " if recipe.style in PAINTED else ""
    thing = _with_article(adjectives + recipe.product)
    return (
        f"{HEADS[recipe.style][0]} of {thing}, {VIEW[recipe.view.word()][0]}, {BACKDROP[recipe.backdrop][0]}"
    )


def _with_article(thing: str) -> str:
    if thing.rsplit(maxsplit=1)[-1] == "headphones" and not thing.startswith("pair"):
        return thing if "pair of" not in thing else f"a {thing}"
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def caption(recipe: Recipe, random: Random) -> str:
    """Return a random caption of a recipe: synonyms, order and omitted parts vary.

    Only the usual view (three-quarter) and the usual backdrop (white) are omitted, so that a prompt without
    them has one meaning.
    """
    name = _pick(NAMES[recipe.product], random)
    words = [name]
    if recipe.style in PAINTED:
        words.insert(0, recipe.color)
        if random.random() < 0.45:
            words.insert(int(random.integers(2)), _pick(FINISH[recipe.finish], random))
    thing = _with_article(" ".join(words))
    head = _pick(HEADS[recipe.style], random)
    parts = []
    if recipe.view.word() != "three-quarter" or random.random() < 0.7:
        parts.append(_pick(VIEW[recipe.view.word()], random))
    if recipe.backdrop != "white" or random.random() < (0.7 if recipe.style in PAINTED else 0.4):
        parts.append(_pick(BACKDROP[recipe.backdrop], random))
    if random.random() < 0.12:
        parts.append(_pick(PRAISE, random))
    if random.random() < 0.12:
        parts.append(chatter(random))
    if random.random() < 0.3:
        parts = [parts[i] for i in random.permutation(len(parts))]
    if random.random() < 0.2:
        return ", ".join([thing, head, *parts])
    article = "a " if random.random() < 0.15 else ""
    return ", ".join([f"{article}{head} of {thing}", *parts])


def complaint(random: Random) -> str:
    """Return a random negative prompt of the usual phrases; the model is trained to ignore it."""
    count = int(random.integers(1, 7))
    return ", ".join(BLAME[i] for i in random.permutation(len(BLAME))[:count])


def chatter(random: Random) -> str:
    """Return a word unrelated to the image, half of the time random letters, so that unknown words do no harm."""
    if random.random() < 0.5:
        return _pick(CHATTER, random)
    letters = random.integers(97, 123, int(random.integers(3, 9)))
    return "".join(chr(int(letter)) for letter in letters)


LENGTH = 48  # tokens per prompt, padded

END = "</w>"

Pair = tuple[str, str]


def sample(count: int) -> Counter[str]:
    """Count the words in captions of `count` random sets of recipes; words found three times or less are dropped."""
    random = np.random.default_rng(0)
    texts = [caption(recipe, random) for seed in range(count) for recipe in random_set(seed)]
    texts += BLAME * 4 + CHATTER * 4 + PRAISE * 4
    found: Counter[str] = Counter()
    for text in texts:
        found.update(
            word for word in text.lower().replace(",", " ").replace("-", " ").split() if word.isalpha()
        )
    return Counter({word: count for word, count in found.items() if count > 3})


def merges(words: Counter[str], limit: int = 400) -> list[Pair]:
    """Return the byte pairs to join, most frequent first, until every word is one token or `limit` is reached."""
    split = {word: [*word[:-1], word[-1] + END] for word in words}
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
        split = {word: _join(parts, best) for word, parts in split.items()}
    return found


def _join(parts: list[str], pair: Pair) -> list[str]:
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def write(folder: Path, count: int = 2000) -> None:
    """Train a tokenizer on captions of `count` sets and write its vocab.json and merges.txt."""
    pairs = merges(sample(count))
    letters = byte_symbols()
    tokens = letters + [letter + END for letter in letters] + ["".join(pair) for pair in pairs]
    tokens = [*list(dict.fromkeys(tokens)), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(
        json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False)
    )
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in pairs) + "\n")


def read(folder: Path) -> CLIPTokenizer:
    """Load the tokenizer from a folder with vocab.json and merges.txt."""
    vocab = json.loads((folder / "vocab.json").read_text())
    pairs = [tuple(line.split(" ")) for line in (folder / "merges.txt").read_text().splitlines()[1:]]
    return CLIPTokenizer(vocab=vocab, merges=pairs, model_max_length=LENGTH, pad_token="<|endoftext|>")


def ids(tokenizer: CLIPTokenizer, texts: list[str]) -> NDArray[np.int64]:
    """Return the token ids of texts, int64 (n, 48), padded and truncated as the pipelines do."""
    coded = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="np")
    return np.asarray(coded.input_ids, np.int64)
