"""CLIP tokenizers with byte-pair merges trained on captions; any text can be encoded."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import CLIPTokenizer

from nanolab import text as captions
from nanolab.letters import byte_symbols
from nanolab.recipes import random_set

LENGTH = 48  # tokens per prompt, padded
END = "</w>"
Pair = tuple[str, str]


def sample(count: int) -> Counter[str]:
    """Count the words in captions of `count` random sets of recipes; words found three times or less are dropped."""
    random = np.random.default_rng(0)
    texts = [captions.caption(recipe, random) for seed in range(count) for recipe in random_set(seed)]
    texts += captions.BLAME * 4 + captions.CHATTER * 4 + captions.PRAISE * 4
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
