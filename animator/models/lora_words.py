"""Trigger words of a LoRA, from the metadata that its trainer wrote."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SURE = 0.9  # a word is a trigger if at least this fraction of the captions has it
MOST_TAGS = 20
MOST_WORDS = 10


@dataclass(frozen=True, slots=True)
class Words:
    """Trigger words of a LoRA, and the commonest tags of its captions."""

    triggers: tuple[str, ...] = ()  # at least one of them belongs in the prompt
    tags: tuple[tuple[str, int], ...] = ()  # the commonest in its captions, with the number of images

    def heard(self, texts: Iterable[str]) -> bool:
        """Return whether one of `texts` has a trigger word; True if the LoRA has no trigger words."""
        patterns = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I) for word in self.triggers]
        return not patterns or any(pattern.search(text) for text in texts for pattern in patterns)


def words(notes: Mapping[str, str]) -> Words:
    """Find trigger words: those the file names, else words of nearly all captions, else names of its folders."""
    tags, pictures = _tags(notes), _pictures(notes)
    total = Counter[str]()
    for counts in tags.values():
        total.update(counts)
    said = [word.strip() for word in notes.get("modelspec.trigger_phrase", "").split(",")]
    said += [word.strip() for word in notes.get("ss_trigger_words", "").split(",")]
    if not any(said):
        least = SURE * sum(pictures.values())
        said = [word for word, count in total.most_common(MOST_WORDS) if least and count >= least]
    if not any(said):
        said = [_subject(folder) for folder in pictures]
    found = tuple(dict.fromkeys(word for word in said if word))[:MOST_WORDS]
    return Words(found, tuple(total.most_common(MOST_TAGS)))


def _tags(notes: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Return how often each tag occurs in the captions, by folder."""
    found = {}
    for folder, counts in _object(notes.get("ss_tag_frequency")).items():
        if isinstance(counts, dict):
            clean = {word.strip(): count for word, count in counts.items() if isinstance(count, int)}
            found[folder] = Counter({word: count for word, count in clean.items() if word})
    return found


def _pictures(notes: Mapping[str, str]) -> dict[str, int]:
    """Return the number of training images, by folder."""
    folders = _object(notes.get("ss_dataset_dirs"))
    counts = {name: entry.get("img_count") for name, entry in folders.items() if isinstance(entry, dict)}
    return {name: count for name, count in counts.items() if isinstance(count, int) and count > 0}


def _subject(folder: str) -> str:
    """Return the caption in the name of a kohya folder, such as `10_oue scooter`, used for images without one."""
    match = re.fullmatch(r"\d+_(.+)", folder)
    return match[1].strip() if match else ""


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
