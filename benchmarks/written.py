"""Random schedule files as people, programs and attackers write them, generated from a `random.Random`.

A third is valid, a third is valid text with a few typing errors, a third is noise. Equal random states give equal
text, so that a seed and a number identify an input.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from animator.timeline.expression_functions import FUNCTIONS
from benchmarks.fragments import (
    CODE,
    EASES,
    KEY_STRINGS,
    KEYS,
    NAMES,
    NO_EASES,
    NUMBERS,
    ODD,
    SECTIONS,
    SIGNS,
    SOUND,
    STRANGERS,
)


def expression(random: Random, depth: int = 3, sound: bool = True) -> str:
    """Return a random expression, valid if `sound`, else with some unknown names, odd numbers or code."""
    if depth == 0 or random.random() < 0.25:
        strange = [0, 0, 0] if sound else [8, 5, 2]
        return random.choice(random.choices([SOUND, NAMES, NUMBERS, STRANGERS, CODE], [40, 50, *strange])[0])

    def inner() -> str:
        return expression(random, depth - 1, sound)

    match random.randrange(8):
        case 0 | 1:
            return f"{inner()}{random.choice(SIGNS)}{inner()}"
        case 2:
            return f"({inner()} {random.choice(SIGNS)} {inner()})"
        case 3 | 4:
            name = random.choice([*FUNCTIONS, "where", "sin", "cos"])
            count = FUNCTIONS[name].low if name in FUNCTIONS else 3
            return (
                f"{name}({', '.join(inner() for _ in range(count + (not sound and random.random() < 0.1)))})"
            )
        case 5:
            return f"({inner()} if {inner()} else {inner()})"
        case 6:
            return f"{random.choice(['-', '+', '~', 'not ', '-'])}{inner()}"
        case _:
            return f"{inner()} < {inner()} <= {inner()}"


def key_string(random: Random) -> str:
    if random.random() < 0.3:
        return random.choice(KEY_STRINGS)
    form = random.choice(["{}:({})", "{}: ({})", "{}: {}", '"{}":({})', "{} : ( {} )", '{}:("{}")'])
    count = random.choice([1, 2, 3, 5, 20])
    keys = random.choices(KEYS[:20] if random.random() < 0.8 else KEYS, k=count)
    values = [random.choice(SOUND) if random.random() < 0.5 else expression(random, 2) for _ in keys]
    return ", ".join(form.format(key, text) for key, text in zip(keys, values, strict=True))


def keyframes(random: Random, make: Any) -> dict[str, Any]:
    """Return random keyframes, with values by `make` or plain numbers, some with an ease."""
    keys = random.choices(KEYS[:20] if random.random() < 0.7 else KEYS, k=random.choice([0, 1, 2, 3, 6, 30]))
    found = {}
    for key in keys:
        found[key] = make(random) if random.random() < 0.2 else random.choice(SOUND)
        if random.random() < 0.4 and found[key] in SOUND:
            ease = random.choice(EASES if random.random() < 0.9 else NO_EASES)
            found[key] = {"value": found[key], "ease": ease}
    return found


def slip(random: Random, text: str) -> str:
    """Return `text` with a few random errors: characters lost, inserted or replaced, pieces cut or repeated."""
    for _ in range(random.choice([1, 1, 2, 4])):
        a, b = sorted(random.randrange(len(text) + 1) for _ in range(2))
        match random.randrange(6):
            case 0:
                text = text[:a] + text[a + 1 :]
            case 1:
                text = text[:a] + random.choice(ODD) + text[a:]
            case 2:
                text = text[:a] + random.choice(ODD) + text[a + 1 :]
            case 3:
                text = text[:a] + text[b:]
            case 4:
                text = text[:b] + text[a:b] + text[b:]
            case _:
                text = text[:a] + random.choice([*CODE, *NUMBERS, *KEYS]) + text[a:]
    return text[:20_000]


def noise(random: Random) -> str:
    """Return random noise: signs, code, any Unicode characters, long repetitions, deep nesting."""
    match random.randrange(6):
        case 0:
            return "".join(random.choices([*ODD, *SIGNS, *NAMES, *NUMBERS[:20]], k=random.randrange(30)))
        case 1:
            return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(20)))
        case 2:
            piece = random.choice(
                [*ODD, *SIGNS, "(", "0:(", "sin(", "t,", "0:(1),", "not ", "1 if t else ", "min(t,"]
            )
            return piece * random.choice([2, 50, 99, 101, 1_000, 4_000])
        case 3:
            depth = random.choice([3, 40, 99, 101, 300])
            before, after = random.choice(
                [("(", ")"), ("[", "]"), ("{a: ", "}"), ("sin(", ")"), ("lerp(1,2,", ")")]
            )
            return before * depth + "t" + after * (depth - random.choice([0, 0, 1]))
        case 4:
            return random.choice(CODE)
        case _:
            return random.choice(NUMBERS)


def text(random: Random) -> str:
    """Return a random text for any setting: a curve, a prompt, a key."""
    kind = random.randrange(6)
    if kind < 2:
        return expression(random, sound=random.random() < 0.8)
    if kind < 4:
        return key_string(random)
    if kind < 5:
        return slip(random, key_string(random) if random.random() < 0.5 else expression(random))
    return noise(random)


def value(random: Random, depth: int = 3) -> Any:
    """Return any value that YAML can hold: text, number, keyframes, list or nested mapping."""
    kind = random.randrange(12)
    if kind < 5 or depth == 0:
        return text(random)
    if kind < 7:
        return random.choice([0, 1, -1, 0.5, 10**20, 10**400, -(2**63), 1e308, -1e-320, True, False, None])
    if kind < 10:
        return keyframes(random, lambda chance: value(chance, depth - 1))
    if kind < 11:
        return [value(random, depth - 1) for _ in range(random.randrange(4))]
    nested: Any = text(random)
    for _ in range(random.choice([2, 30, 90])):
        nested = {random.choice(KEYS): nested} if random.random() < 0.5 else [nested]
    return nested


def schedule(random: Random) -> str:
    """Return a whole schedule file: one odd value in a valid file, or a file of odd values only."""
    kind = random.randrange(10)
    if kind == 0:
        return noise(random)
    if kind < 3:
        whole = {
            section: {name: value(random, 2) for name in random.sample(names, min(2, len(names)))}
            for section, names in random.sample(sorted(SECTIONS.items()), 3)
        }
        return slip(random, json.dumps(whole)) if random.random() < 0.5 else json.dumps(whole)
    section = random.choice(["painting", "grade", "prompts", *SECTIONS])
    name = random.choice(SECTIONS[section])
    if random.random() < 0.75:  # settings that allow any number
        section, name = "motion", random.choice(["angle", "translation_x", "translation_y"])
    sound = {
        "video": "video: {frames: 48}\n",
        "events": "events: {reveal: 1s}\n",
        "vars": "vars: {product: mug}\n",
    }
    head = "bpm: 120\n" + "".join(line for other, line in sound.items() if other != section)
    if kind < 5:
        return f"{head}{section}:\n  {name}: {text(random)}\n"  # without quotes, as people write it
    if kind < 7:
        return f"{head}{section}: {{{name}: {json.dumps(text(random))}}}\n"
    if kind < 9:
        return f"{head}{section}: {{{name}: {json.dumps(keyframes(random, text))}}}\n"
    return f"{head}{section}: {{{name}: {json.dumps(value(random))}}}\n"
