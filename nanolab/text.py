"""Captions of recipes, in the wording that designers use in prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nanolab.recipes import PAINTED, Recipe

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
