"""Mutated files: importing gives a schedule file that loads, or an error of one line."""

from __future__ import annotations

import random

import pytest

from animator import SceneError
from tests.interop import samples
from tests.interop.test_parseq import KEYFRAMES, rendered

MANIFEST = rendered(20, seed=lambda f: f, angle=lambda f: f / 3, strength=lambda f: 0.5)
FILES = [*({**made, "prompts": {"0": "a mug"}} for made in samples.ALL.values()), KEYFRAMES, MANIFEST]
VALUES = [
    None, True, False, -1, 0, 3, 1e30, float("nan"), float("inf"), 10**400, "", "0:(1)", "0:(t/0)", "0:(-5)", "0:(1e400)",
    "x\ud83d\ny", "\0", [], {}, [1, "a"], {"0": "a", "x": 3}, {"0": None}, " , ,<lora:é>,", "--neg --neg", "1:(2",
    "max_f:(1)", "0:(2**t**t)", "(((((", "0: (s), max_f-1: (-1)", "7",
]  # fmt: skip


def mutated(value, chance):
    """Return `value` with one part of it replaced at random."""
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        deeper = isinstance(value[key], dict | list) and chance.random() < 0.6
        named = "q\n\ud83d" if chance.random() < 0.1 else key
        return {**value, named: mutated(value[key], chance) if deeper else chance.choice(VALUES)}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], mutated(value[at], chance), *value[at + 1 :]]
    return chance.choice(VALUES)


@pytest.mark.parametrize("seed", range(60))
def test_a_mutated_file_is_imported_or_refused_in_one_line(imported, seed):
    chance = random.Random(seed)
    content = chance.choice(FILES)
    for _ in range(chance.randint(1, 4)):
        content = mutated(content, chance)
    try:
        found = imported(content)
    except SceneError as error:
        # The folder of this test holds a single LoRA; loading reports any other as missing.
        assert "\n" not in str(error) or all(
            problem.path[:2] == ("model", "loras") for problem in error.problems
        )
        return
    for note in found.notes:
        assert "\n" not in note and note.encode("utf8")
