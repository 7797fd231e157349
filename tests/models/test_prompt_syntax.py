"""Parsing of A1111's prompt syntax."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animator.models.prompt_syntax import MAX_BLENDS, MAX_WEIGHT, parse_prompt


def message(text):
    """Return text and weight of each part, by chunk, of a prompt with a single blend."""
    [(weight, chunks)] = parse_prompt(text).blends
    assert weight == 1
    return [[(part.text, round(part.weight, 4)) for part in chunk.parts] for chunk in chunks]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a (red) mug", [("a", 1), ("red", 1.1), ("mug", 1)]),
        ("a ((red)) mug", [("a", 1), ("red", 1.21), ("mug", 1)]),
        ("a [red] mug", [("a", 1), ("red", 0.9091), ("mug", 1)]),
        ("a (red:1.3) mug", [("a", 1), ("red", 1.3), ("mug", 1)]),
        ("a (red: 0.5 ) mug", [("a", 1), ("red", 0.5), ("mug", 1)]),
        ("(a (red:1.5) mug:1.2)", [("a", 1.2), ("red", 1.8), ("mug", 1.2)]),
        ("([red])", [("red", 1)]),
        ("(red:-1)", [("red", 0)]),
        ("((red:9):9)", [("red", MAX_WEIGHT)]),
        ("a(red:1.2)b", [("a", 1), ("red", 1.2), ("b", 1)]),
        ("(red), (blue)", [("red", 1.1), (",", 1), ("blue", 1.1)]),
    ],
)
def test_brackets_weigh_as_in_the_webui(text, parts):
    assert message(text) == [parts]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a red mug", "a red mug"),
        (r"a \(red\) mug \[new\]", "a (red) mug [new]"),
        (r"clock \(12\:30\)", "clock (12:30)"),
        ("a (red mug", "a (red mug"),
        ("a red) mug :)", "a red) mug :)"),
        ("at 12:30", "at 12:30"),
        ("[sketch:photo:0.5]", "[sketch:photo:0.5]"),
        ("[red|blue]", "[red|blue]"),
        ("BRAND new, BREAKFAST, SAND", "BRAND new, BREAKFAST, SAND"),
        ("", ""),
        ("BREAK", ""),
        ("(:1.2)", ""),
        ("back\\slash", "back\\slash"),
    ],
)
def test_brackets_without_a_meaning_are_plain_text(text, plain):
    assert parse_prompt(text).plain_text == plain


def test_break_begins_a_chunk_and_keeps_the_weight_of_its_bracket():
    assert message("a mug BREAK (white BREAK paper:1.2)") == [
        [("a mug", 1)], [("white", 1.2)], [("paper", 1.2)],
    ]  # fmt: skip


def test_and_begins_a_prompt_with_its_own_weight():
    [(_, chunks)] = parse_prompt("a mug :0.5 AND (steam:1.2) AND table:2").blends
    assert [(chunk.weight, [part.text for part in chunk.parts]) for chunk in chunks] == [
        (0.5, ["a mug"]), (1, ["steam"]), (2, ["table"]),
    ]  # fmt: skip


def test_a_blend_is_the_whole_text_once_with_each_alternative():
    words = parse_prompt('photo of a ("red mug", "blue bowl").blend(1, 3), white')
    texts = [(weight, chunks[0].parts[0].text) for weight, chunks in words.blends]
    assert texts == [(0.25, "photo of a red mug, white"), (0.75, "photo of a blue bowl, white")]
    assert [weight for weight, _ in parse_prompt('("a", "b", "c").blend()').blends] == [1 / 3] * 3
    assert len(parse_prompt('("a", "b").blend(1, 1) ("c", "d").blend(1, 1)').blends) == 4
    assert parse_prompt('("a", "b").blend(0, 2)').plain_text == "b"


def test_deeply_nested_blends_terminate():
    assert len(parse_prompt('("a", "b").blend(1, 1)' * 100).blends) == MAX_BLENDS


@pytest.mark.parametrize("wrong", ["1", "1, 2, 3", "x, y", "0, 0", "-1, 1", "inf, 1"])
def test_a_blend_with_other_weights_is_text(wrong):
    assert len(parse_prompt(f'("a", "b").blend({wrong})').blends) == 1


@given(st.text(alphabet=st.sampled_from('()[]:\\"|, .19abBREAKND\n'), max_size=200))
def test_every_text_parses_and_keeps_all_its_words(text):
    words = parse_prompt(text)
    assert sum(weight for weight, _ in words.blends) == pytest.approx(1)
    for _, chunks in words.blends:
        assert all(0 <= part.weight <= MAX_WEIGHT for chunk in chunks for part in chunk.parts)
    if not set(text) & set('\\:BAN."'):
        assert [c for c in text if c.isalnum()] == [
            c for _, chunks in words.blends for chunk in chunks for part in chunk.parts for c in part.text if c.isalnum()
        ]  # fmt: skip


def test_the_longest_prompts_parse_quickly():
    hard = [
        "(" * 4000,
        "(" * 2000 + ")" * 2000,
        '("' * 2000,
        '("a",' * 800,
        '("a","b").blend(1,1)' * 190,
        "[(" * 1000 + ")]" * 1000,
    ]
    began = time.process_time()
    for text in hard:
        parse_prompt(text)
    assert time.process_time() - began < 2
